#!/bin/sh
# run-fp.sh FPEXPECT EMULATOR - every F and D instruction on a grid of operands, modes and flags, executed in a guest
# program, against what the software floating point of base/ says.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cc=${RISCV_CC:-riscv64-linux-gnu-gcc}
command -v "$cc" >/dev/null || { echo "skipped: no RISC-V compiler ($cc)"; exit 77; }
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
"$cc" -std=gnu17 -O1 -static -o "$out/fpcheck" "$here/guests/fp/fpcheck.c" || exit 1
"$1" >"$out/want" || exit 1
timeout 200 "$2" "$out/fpcheck" >"$out/got"
status=$?
total=$(wc -l <"$out/want")
bad=$(diff "$out/want" "$out/got" | grep -c '^<')
diff "$out/want" "$out/got" | head -n 20
[ $status -eq 0 ] || echo "run-fp: the guest ended with status $status"
echo "$((total - bad)) passed, $bad failed"
[ "$bad" -eq 0 ] && [ $status -eq 0 ]
