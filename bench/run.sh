#!/bin/bash
# bench/run.sh [-g GROUP] [-q] [OPTIONS OF btv bench] [NAME=COMMAND...] - builds the kernels of this folder for host and guest and compares, with
# `btv bench`, the native program with emulators: a table of ratios to native with 95 % intervals; lower is better.
# -q: a hundredth of the rounds, once: do the results agree?  (Times say nothing then.)
# Default emulators: btv=$BUILD/btv-run, and qemu=qemu-riscv64 when installed.  WORK: folder that keeps the programs.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=${BUILD:-$here/../build}
group='' options=() commands=() divisor=1
while [ $# -gt 0 ]; do
    case $1 in
    -g) group=$2; shift 2 ;;
    -q) divisor=100 options+=(-n 1 -w 0); shift ;;
    --*=*) options+=("$1"); shift ;;
    -?*) options+=("$1" "$2"); shift 2 ;;
    *=*) commands+=("$1"); shift ;;
    *) echo "bench/run.sh: $1: not NAME=COMMAND" >&2; exit 2 ;;
    esac
done
if [ ${#commands[@]} -eq 0 ]; then
    commands=("btv=$build/btv-run")
    command -v qemu-riscv64 >/dev/null && commands+=(qemu=qemu-riscv64)
fi
command -v riscv64-linux-gnu-gcc >/dev/null || { echo "bench: needs riscv64-linux-gnu-gcc"; exit 77; }

work=${WORK:-}
if [ -z "$work" ]; then
    work=$(mktemp -d "${TMPDIR:-/tmp}/btv-bench.XXXXXX")
    trap 'rm -rf "$work"' EXIT
fi
# Without fused multiply-add, so that checksums agree.
flags=(-O2 -D_GNU_SOURCE -ffp-contract=off -static -pthread)
gcc "${flags[@]}" -o "$work/native" "$here"/*.c -lm && riscv64-linux-gnu-gcc "${flags[@]}" -o "$work/guest" "$here"/*.c -lm || exit 1
# shellcheck disable=SC2086  # no group: no word
"$work/native" list $group | while read -r row name rounds; do echo "$row $name $(((rounds + divisor - 1) / divisor))"; done >"$work/list"
"$build/btv" bench --list "$work/list" "${options[@]}" "native='$work/native'" "${commands[@]/%/ \'$work/guest\'}"
status=$?
if [ "$divisor" -gt 1 ]; then
    rows=$(wc -l <"$work/list")
    echo "$((status ? 0 : rows)) passed, $((status ? rows : 0)) failed"
fi
exit $status
