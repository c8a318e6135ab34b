#!/bin/sh
# The report of a crash inside translated code and in the interpreter: $1 = btv, $2 = btv-run, $3 = inject
# shellcheck disable=SC2154 # tmp and btv are set there
. "$(dirname "$0")/lib.sh"
runner=$2 inject=$3
cc=${RISCV_CC:-riscv64-linux-gnu-gcc}
if ! command -v "$cc" >/dev/null; then
    echo "skipped: no RISC-V compiler ($cc)"
    exit 77
fi
cat >"$tmp/p.s" <<'END'
.globl _start
_start: li a0, 7
loop:   addi a1, a1, 3
        xor a0, a0, a1
        bne a0, zero, loop
        j loop
END
"$cc" -nostdlib -static -march=rv64g -o "$tmp/p" "$tmp/p.s" || exit 1

# crash TIER TEXT: the report has TEXT, and its command shows the loop
crash() {
    "$inject" 8 3 "$runner" --tier="$1" "$tmp/p" >"$tmp/out" 2>&1
    status=$?
    if [ $status -eq 77 ]; then
        cat "$tmp/out"
        exit 77
    fi
    if [ $status -eq 136 ]; then passed=$((passed + 1)); else bad "exit status $status, not 136"; fi
    if [ "$(wc -l <"$tmp/out")" -eq 1 ]; then passed=$((passed + 1)); else bad "not one line: $(cat "$tmp/out")"; fi
    has 'btv: internal error: host signal 8'
    has "$2"
    command=$(sed -n 's/.*; see: btv //p' "$tmp/out")
    # shellcheck disable=SC2086 # words
    run 0 $command --stage decode
    has 'guest instructions'
}

crash auto 'tier baseline, block 0x'
has 'bne'
# In the interpreter a signal may also hit the dispatcher between two blocks.
crash interp 'guest pc 0x'
done_
