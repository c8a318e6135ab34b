#!/bin/sh
# docs/ref/riscv-instructions.md is what isagen makes of the rows.  Usage: rv_doc_test.sh ISAGEN  (from the top folder)
new=$(mktemp) || exit 1
trap 'rm -f "$new"' EXIT
if "$1" doc "$new" && cmp "$new" docs/ref/riscv-instructions.md; then
    echo "1 passed, 0 failed"
else
    echo "run: $1 doc docs/ref/riscv-instructions.md"
    echo "0 passed, 1 failed"
    exit 1
fi
