#!/bin/sh
# The reference page is what the generator prints, every op and rule is documented, and the examples of docs/ir.md
# parse, verify and print as written.
# usage: docs_test.sh GENDOC BIF_CHECK    (the built tools/gendoc-ir.c and tests/ir/bif_check.c)
gendoc=$1
check=$2
top=$(cd "$(dirname "$0")/../.." && pwd)
if [ ! -x "$gendoc" ] || [ ! -x "$check" ]; then
    echo "skipped: needs the built gendoc-ir and bif_check"
    exit 77
fi
passed=0
failed=0
ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "$1" >&2
}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

"$gendoc" >"$tmp/ops.md"
if cmp -s "$tmp/ops.md" "$top/docs/ref/ir-ops.md"; then ok; else bad "docs/ref/ir-ops.md is stale: run gendoc-ir"; fi

for rule in $(sed -n 's/^    {"\([a-z-]*\)", rule_.*/\1/p' "$top/src/ir/verify.c"); do
    if grep -q "^| $rule |" "$top/docs/ir.md"; then ok; else bad "rule $rule is not in docs/ir.md"; fi
done

awk -v dir="$tmp" '/^```btv$/ { n++; on = 1; next } /^```$/ { on = 0 } on { print > (dir "/example" n ".bif") }' "$top/docs/ir.md"
for f in "$tmp"/example*.bif; do
    if "$check" <"$f"; then ok; else bad "an example of docs/ir.md is wrong: $(head -1 "$f")"; fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
