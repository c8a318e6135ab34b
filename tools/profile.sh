#!/bin/bash
# profile.sh [ROOT] - builds $BUILD (default build) anew, as GCC does if it knows what runs often: it has watched programs of a riscv64 root
# (default $BTV_ROOTS/riscv64; tools/guest-root.sh makes one) start.  Called by `make profile`.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
root=${1:-${BTV_ROOTS:-/tmp/roots}/riscv64} build=${BUILD:-build} jobs=${J:-$(nproc)}
cd "$top"

stage() { # MODE
    meson configure "$build" -Db_pgo="$1"
    ninja -C "$build" -j "$jobs" --quiet
}

ran=0
watch() { # PROGRAM ARGUMENTS...
    local program=$root/usr/bin/$1
    [ -x "$program" ] || return 0
    shift
    "$build/src/cli/btv-run" -L "$root" "$program" "$@" >/dev/null </dev/null
    ran=$((ran + 1))
}

[ -d "$root/usr/bin" ] || { echo "profile: no riscv64 root at $root: tools/guest-root.sh" >&2; exit 1; }
stage generate
find "$build" -name '*.gcda' -delete
watch true
watch bash -c 'for i in 1 2 3; do (echo "$i"); done; printf "%s\n" {1..2000}'
watch python3 -c 'import json, re; print(json.dumps({str(i): i / 3 for i in range(2000)}), re.sub("a+", "b", "caat" * 1000))'
watch perl -e 'my %h; $h{$_ % 100} .= sqrt($_) for 1..20000; print join(",", sort keys %h)'
watch sort -rn /etc/passwd
[ "$ran" -gt 0 ] || { echo "profile: no program to watch in $root" >&2; exit 1; }
stage use
echo "profile: $build, from $ran programs"
