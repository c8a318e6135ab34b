#!/bin/sh
# Golden tests of the optimiser: each tests/golden/opt/*.bif says in its first line which passes to run, and after the
# line "; expect", in comments, what btv opt must print.
# usage: run-golden.sh BTV [FILE...]; with UPDATE=1 the expectations are written anew
here=$(cd "$(dirname "$0")" && pwd)
btv=${1:?usage: run-golden.sh BTV [FILE...]}
shift
[ $# -gt 0 ] || set -- "$here"/golden/opt/*.bif
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0
for file in "$@"; do
    passes=$(sed -n '1s/^; test opt //p' "$file" | tr ' ' ,)
    sed -n '1,/^; expect$/p' "$file" >"$tmp/head"
    sed '1,/^; expect$/d; s/^; \{0,1\}//' "$file" >"$tmp/want"
    if [ -z "$passes" ]; then
        echo "$file: the first line must be: ; test opt PASS..." >&2
        failed=$((failed + 1))
        continue
    fi
    "$btv" opt --pass="$passes" "$file" >"$tmp/got" 2>&1
    if [ -n "${UPDATE:-}" ]; then
        { cat "$tmp/head"; sed 's/^/; /' "$tmp/got"; } >"$tmp/new" && cp "$tmp/new" "$file"
    elif cmp -s "$tmp/want" "$tmp/got"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$file: passes $passes" >&2
        diff -u "$tmp/want" "$tmp/got" >&2
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
