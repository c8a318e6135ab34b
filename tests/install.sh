#!/bin/sh
# What `make install` puts below DESTDIR: two programs that run from there, and their manual pages.
# usage: install.sh BUILD_DIR PREFIX
build=${1:?usage: install.sh BUILD_DIR PREFIX} prefix=${2:?usage: install.sh BUILD_DIR PREFIX}
dest=$(mktemp -d) || exit 1
trap 'rm -rf "$dest"' EXIT
passed=0 failed=0
check() { # TEXT COMMAND...
    text=$1
    shift
    if "$@" >"$dest/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$text" >&2
        tail -n 10 "$dest/log" >&2
    fi
}
check "meson install failed" env DESTDIR="$dest/root" meson install -C "$build" --no-rebuild --quiet
for program in btv btv-run; do
    check "$program is not installed, or does not run" "$dest/root$prefix/bin/$program" --version
done
for page in man1/btv.1 man1/btv-run.1 man5/btv-ir.5; do
    check "no manual page $page" test -s "$dest/root$prefix/share/man/$page"
done
expected=5
if [ -x "$build/src/cli/btv-prove" ]; then # built where there is a solver
    check "btv-prove is not installed, or does not run" "$dest/root$prefix/bin/btv-prove" --version
    check "no manual page man1/btv-prove.1" test -s "$dest/root$prefix/share/man/man1/btv-prove.1"
    expected=7
fi
count=$(find "$dest/root" -type f | wc -l)
check "$count files installed, expected $expected" test "$count" -eq $expected
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
