#!/bin/sh
# run-fp.sh FPEXPECT EMULATOR - every F and D instruction on a grid of operands, modes and flags, executed in a guest
# program, against what the software floating point of base/ says; EMULATOR also in other modes (tiers, registers, host features).
set -u
here=$(cd "$(dirname "$0")" && pwd)
cc=${RISCV_CC:-riscv64-linux-gnu-gcc}
command -v "$cc" >/dev/null || { echo "skipped: no RISC-V compiler ($cc)"; exit 77; }
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
"$cc" -std=gnu17 -O1 -static -o "$out/fpcheck" "$here/guests/fp/fpcheck.c" || exit 1
"$1" >"$out/want" || exit 1
passed=0 failed=0
for mode in '' --tier=interp --chaos=hot=1 --chaos=hot=1,regs=1 --chaos=hot=1,regs=3,max-insns=2 --chaos=hot=1,avoid=all --chaos=hot=1,avoid=fma \
            --chaos=hot=1,avoid=avx --chaos=hot=1,avoid=sse4.1,avoid=bmi2 --check=exec; do
    timeout 200 "$2" ${mode:+"$mode"} "$out/fpcheck" >"$out/got"
    status=$?
    total=$(wc -l <"$out/want")
    bad=$(diff "$out/want" "$out/got" | grep -c '^<')
    diff "$out/want" "$out/got" | head -n 20
    if [ $status -ne 0 ] || [ "$bad" -ne 0 ]; then
        echo "run-fp: mode '$mode': status $status, $bad lines differ"
        [ "$bad" -ne 0 ] || bad=1 total=1
    fi
    passed=$((passed + total - bad)) failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
