#!/bin/sh
# docs/ref/syscalls.md is what gendoc-sys makes of the rows.  Usage: doc_test.sh GENDOC_SYS  (from the top folder)
new=$(mktemp) || exit 1
trap 'rm -f "$new"' EXIT
if "$1" src/linux/sys.def >"$new" && cmp "$new" docs/ref/syscalls.md; then
    echo "1 passed, 0 failed"
else
    echo "run: $1 src/linux/sys.def >docs/ref/syscalls.md"
    echo "0 passed, 1 failed"
    exit 1
fi
