#!/bin/sh
# btv asm, dis, explain
# shellcheck disable=SC2154 # tmp and btv are set there
. "$(dirname "$0")/lib.sh"

run 0 asm riscv64 'addw a0, a1, a2'
prints '   10000:  3b85c500    addw    a0, a1, a2'
run 0 asm riscv64 --hex --at 0x400 'beq a0, a1, 0x408' 'c.addi a0, 1'
prints '6304b500
0505'
printf '# comment\n\naddi a0, a0, 1\nc.li a1, 2\n' | "$btv" asm riscv64 --hex >"$tmp/out"
prints '13051500
8945'
refuse 1 asm riscv64 --hex 'frobnicate a0'
refuse 1 asm riscv64 --hex 'addi a0, a0, 99999'
refuse 2 asm
refuse 2 asm z80 'nop'
refuse 2 asm riscv64 --at x 'addi a0, a0, 1'
refuse 2 asm riscv64 --foo

run 0 dis riscv64 13051500 0505
prints '   10000:  13051500    addi    a0, a0, 1
   10004:  0505        c.addi  a0, 1'
run 0 dis riscv64 --count 1 --at 0x8 '13 05 15 00 05 05'
prints '       8:  13051500    addi    a0, a0, 1'
run 0 dis riscv64 1305
has 'cut off'
run 0 dis riscv64 00000000
has '10000:'
refuse 2 dis riscv64 1305150
refuse 2 dis riscv64
refuse 2 dis riscv64 zz
refuse 1 dis --elf /nonexistent
refuse 1 dis --elf "$0"

run 0 explain riscv64 addw
has 'Add low words, sign-extend.'
has 'ttttt sssss'
refuse 1 explain riscv64 nosuch
refuse 2 explain riscv64
refuse 2 explain z80 addw
for command in asm dis explain dump eval opt bisect reduce; do
    run 0 $command --help
    has "usage: btv $command"
done
done_
