#!/bin/bash
# run.sh [COUNT [SEED [NAME,...]]] - COUNT random guest sequences (default 100000) through two emulators, final states compared.
#
#   EMU  the emulator under test, a command           default $BUILD/btv-run
#   REF  the one it is compared with, a command       default qemu-riscv64 (an independent one), with the extensions that
#                                                     QEMU 7.2 knows but leaves off
#
# REF="build/btv-run --tier=interp" compares our tiers with each other and needs nothing else; it also judges the rows
# that the reference lacks when NAME lists their extensions.  A difference is shrunk and printed as a listing with
# the state that differs; after five of them the run stops.  The seed is printed; the same seed gives the same sequences.
# Exit 77 when an emulator or the cross compiler is missing.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
count=${1:-100000} seed=${2:-$((RANDOM << 15 | RANDOM))} only=${3:-}
emu=${EMU:-${BUILD:-$top/build}/btv-run} ref=${REF:-qemu-riscv64 -cpu rv64,Zfh=on,zbkb=on,zbkc=on,zbkx=on,zknd=on,zkne=on,zknh=on,zksed=on,zksh=on}
batch=10000

for tool in ${emu%% *} ${ref%% *} riscv64-linux-gnu-gcc; do
    command -v "$tool" >/dev/null || { echo "diff: skipped: no $tool"; exit 77; }
done
work=$(mktemp -d "${TMPDIR:-/tmp}/btv-diff.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
riscv64-linux-gnu-gcc -std=gnu17 -O2 -march=rv64gc -static -nostdlib -ffreestanding -fno-stack-protector -mno-relax -Wl,-Ttext-segment=0x3a5a000000 -o "$work/harness" "$here/harness.c" &&
    ${CC:-gcc} -std=gnu17 -O2 -I"$top/src" -o "$work/gen" "$here/gen.c" || exit 1
gen=$work/gen a="$emu $work/harness" b="$ref $work/harness"

# report INDEX - shrinks record INDEX of the current batch and prints it
report() {
    "$gen" cut "$1" <"$work/records" >"$work/one"
    echo "seed $batch_seed record $1: $a  |  $b"
    timeout 300 "$gen" shrink "$work/one" "timeout 10 $a" "timeout 10 $b" >"$work/small"
    [ -s "$work/small" ] || cp "$work/one" "$work/small"
    "$gen" show <"$work/small"
    timeout 10 $a full <"$work/small" >"$work/a1" 2>"$work/a.err"
    timeout 10 $b full <"$work/small" >"$work/b1" 2>"$work/b.err"
    echo "differs (emulator under test, reference):"
    "$gen" compare "$work/a1" "$work/b1"
    head -n 3 "$work/a.err"
}

echo "diff: $count sequences, seed $seed"
passed=0 failed=0
for ((done = 0; done < count; done += batch)); do
    n=$((count - done < batch ? count - done : batch))
    batch_seed=$((seed + done))
    "$gen" make $batch_seed $n $only >"$work/records" || exit 1
    timeout 300 $b <"$work/records" >"$work/b" 2>/dev/null &
    pid=$!
    timeout 300 $a <"$work/records" >"$work/a" 2>/dev/null
    wait $pid || { echo "diff: the reference failed at seed $batch_seed"; failed=$((failed + 1)); break; }
    # Results are 8 bytes each; a shorter file means that the emulator stopped at the group that follows.
    mapfile -t bad < <({ cmp -l "$work/a" "$work/b" 2>/dev/null | awk '{ i = int(($1 - 1) / 8); if (i != last || NR == 1) print i; last = i }'; } | head -n 5)
    short=$(($(stat -c %s "$work/a") / 8))
    if [ "${#bad[@]}" -eq 0 ] && [ "$short" -lt "$n" ]; then
        # find the record that stops it: alone, one by one through the unwritten group
        for ((i = short; i < n && i < short + 512; i++)); do
            "$gen" cut $i <"$work/records" >"$work/one"
            timeout 10 $a full <"$work/one" >"$work/a1" 2>/dev/null
            timeout 10 $b full <"$work/one" >"$work/b1" 2>/dev/null
            cmp -s "$work/a1" "$work/b1" || { bad=("$i"); break; }
        done
        [ "${#bad[@]}" -gt 0 ] || { echo "diff: stops after $short of $n records of seed $batch_seed, but no record alone does"; failed=$((failed + 1)); break; }
    fi
    for i in "${bad[@]}"; do
        report "$i"
        failed=$((failed + 1))
    done
    passed=$((passed + n - ${#bad[@]}))
    [ "$failed" -lt 5 ] || break
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
