# Shared by the tests of the command line: sourced with $1 = btv.  Counts checks; done_ prints the sum.
# shellcheck shell=sh
btv=${1:?usage: $0 BTV}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0

bad() {
    failed=$((failed + 1))
    echo "$1" >&2
}

# run STATUS ARGS...: runs btv; output in $tmp/out and $tmp/err
run() {
    want=$1
    shift
    "$btv" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    got=$?
    if [ "$got" -eq "$want" ]; then
        passed=$((passed + 1))
    else
        bad "btv $*: exit status $got, not $want: $(head -3 "$tmp/err")"
    fi
}

# refuse STATUS ARGS...: runs btv; it prints one line of error and nothing else
refuse() {
    run "$@"
    if [ "$(wc -l <"$tmp/err")" -eq 1 ] && [ ! -s "$tmp/out" ]; then
        passed=$((passed + 1))
    else
        bad "$*: not one line of error: $(cat "$tmp/err" "$tmp/out" | head -3)"
    fi
}

# prints TEXT: the output is exactly TEXT
prints() {
    if [ "$(cat "$tmp/out")" = "$1" ]; then
        passed=$((passed + 1))
    else
        bad "expected: $1; got: $(cat "$tmp/out")"
    fi
}

# has TEXT: the output contains TEXT
has() {
    if grep -qF -e "$1" "$tmp/out"; then
        passed=$((passed + 1))
    else
        bad "not in the output: $1; got: $(head -5 "$tmp/out")"
    fi
}

# lacks TEXT: it does not
lacks() {
    if grep -qF -e "$1" "$tmp/out"; then
        bad "in the output: $1"
    else
        passed=$((passed + 1))
    fi
}

done_() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

number() { # NAME: of the first statistics in $tmp/err
    awk -v n="$1" '$1 == n { print $2; exit }' "$tmp/err"
}

# builds $tmp/fds, a guest that prints how many descriptors it sees
build_fds() {
    cat >"$tmp/fds.c" <<'END'
#include <dirent.h>
#include <stdio.h>
int main(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    printf("%d\n", n);
}
END
    "$cc" -O1 -w -static -o "$tmp/fds" "$tmp/fds.c" || exit 1
}
