#!/bin/bash
# bench/run.sh [-n REPETITIONS] [-o REGEX] [NAME=COMMAND...] - times bench/kernels.c natively and under emulators, interleaved, and
# prints a table of ratios to native (median; lower is better).  A result that differs from native is marked "wrong".
# Default emulators: btv=$BUILD/btv-run, and qemu=qemu-riscv64 when installed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=${BUILD:-$here/../build}
reps=3 only=.
while getopts n:o: opt; do
    case $opt in
    n) reps=$OPTARG ;;
    o) only=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
if [ $# -eq 0 ]; then
    set -- "btv=$build/btv-run"
    command -v qemu-riscv64 >/dev/null && set -- "$@" qemu=qemu-riscv64
fi
command -v riscv64-linux-gnu-gcc >/dev/null || { echo "bench: needs riscv64-linux-gnu-gcc"; exit 77; }

work=$(mktemp -d "${TMPDIR:-/tmp}/btv-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
# Without fused multiply-add, so that checksums agree.
gcc -O2 -ffp-contract=off -static -o "$work/native" "$here/kernels.c" -lm &&
    riscv64-linux-gnu-gcc -O2 -ffp-contract=off -static -o "$work/guest" "$here/kernels.c" -lm || exit 1

micros() { # command... - wall time of one run; output in $work/out
    local start=${EPOCHREALTIME/[.,]/}
    timeout 120 "$@" >"$work/out" 2>/dev/null
    echo $((${EPOCHREALTIME/[.,]/} - start))
}
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

printf '| kernel | native ms |'
for e in "$@"; do printf ' %s |' "${e%%=*}"; done
printf '\n|---|---|'
for e in "$@"; do printf -- '---|'; done
echo
while read -r name rounds; do
    [[ $name =~ $only ]] || continue
    rm -f "$work"/*.times "$work"/*.wrong
    for ((r = 0; r < reps; r++)); do
        micros "$work/native" "$name" "$rounds" >>"$work/native.times"
        cp "$work/out" "$work/want"
        for e in "$@"; do
            # shellcheck disable=SC2086  # a command line
            micros ${e#*=} "$work/guest" "$name" "$rounds" >>"$work/${e%%=*}.times"
            cmp -s "$work/out" "$work/want" || : >"$work/${e%%=*}.wrong"
        done
    done
    native=$(median "$work/native.times")
    printf '| %s | %d |' "$name" $((native / 1000))
    for e in "$@"; do
        if [ -e "$work/${e%%=*}.wrong" ]; then
            printf ' wrong |'
        else
            t=$(median "$work/${e%%=*}.times")
            awk -v t="$t" -v n="$native" 'BEGIN { printf " %.2f |", t / n }'
            echo "$t $native" >>"$work/${e%%=*}.all"
        fi
    done
    echo
done < <("$work/native" list)
printf '| **geometric mean** | |'
for e in "$@"; do
    [ -e "$work/${e%%=*}.all" ] && awk '{ s += log($1 / $2); n++ } END { printf " %.2f (%d) |", exp(s / n), n }' "$work/${e%%=*}.all" || printf ' - |'
done
echo
