#!/bin/bash
# lint.sh - structure (layers.sh), shell scripts (shellcheck), formatting (clang-format, a report) and, with --cppcheck,
# cppcheck's warnings.  Tools that are not installed are named and left out.
set -u
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0

step() {
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "lint: $name failed" >&2
    fi
}

step layers tools/layers.sh

if command -v shellcheck >/dev/null; then
    mapfile -t scripts < <(grep -rlE '^#!/bin/(ba)?sh' tools tests bench fuzz .ci 2>/dev/null | sort)
    step shellcheck shellcheck -S warning "${scripts[@]}"
else
    echo "lint: no shellcheck here, left out"
fi

if command -v clang-format >/dev/null; then
    n=0
    while read -r f; do
        clang-format --dry-run -Werror "$f" >/dev/null 2>&1 || n=$((n + 1))
    done < <(find src include tests fuzz bench -name '*.[ch]' | sort)
    echo "lint: clang-format would change $n files (a report, not a failure)"
fi

if [ "${1:-}" = --cppcheck ]; then
    step cppcheck cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 \
        --suppress=missingInclude -Isrc -Iinclude src
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
