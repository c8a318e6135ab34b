#!/bin/sh
# btv dump and btv dis on bytes and, if there is a compiler, on programs
# shellcheck disable=SC2154 # tmp and btv are set there
. "$(dirname "$0")/lib.sh"
cc=${RISCV_CC:-riscv64-linux-gnu-gcc}

run 0 dump --guest riscv64 --hex 13051500 --stage decode
has '13051500  addi'
run 0 dump --guest riscv64 --hex '13051500 67800000' --at 0x4000
has 'block 0x4000: 2 guest instructions'
for stage in decode lift opt alloc emit; do
    has "$stage"
done
has 'mark 0x4000, 4'
has '; 0x4004: jalr'
has '; stub ret-even'
run 0 dump --hex 13051500 --stage lift
has 'put.i64 $a0, v3'
"$btv" dump --hex 13051500 --stage lift | "$btv" eval --set a0=4 - >"$tmp/out" # one tool reads what the other prints
has '$a0 = 0x5'
run 0 dump --hex 63045500 --stage emit
has '; link 0 -> 0x'
has '; -- cold --'
has '; link 1 -> 0x'
has '; stub link'
# c.addi16sp sp, -48; c.sdsp ra, 40(sp); c.ldsp ra, 40(sp); c.addi16sp sp, 48; ret: the old sp is not kept anywhere, and the return needs no mask
run 0 dump --hex '7971 06f4 a270 4561 8280' --stage lift,emit
has 'v9 = add.i64 v3, 40'
lacks 'lea'
lacks '0xfffffffffffffffe'
# c.addi a5, 1; c.addi a5, 1: nothing between could see the first
run 0 dump --hex '8507 8507' --stage lift
has 'add.i64 v1, 2'
# a jump backward that a block follows does not look for requests, a way back to the block's start or before does
run 0 dump --hex '6f00c000 13000000 67800000 6ff09fff' --at 0x10000 --stage emit
lacks 'interrupt'
run 0 dump --hex '63045500 6ff0dfff' --at 0x10000 --stage emit
has 'interrupt'
run 0 dump --hex 00000000 --stage lift
has 'trap illegal'
run 0 dump --hex '13051500 13051500 13051500' --insns 1 --count 3 --stage decode
has 'block 0x10008'
run 0 dump --hex 13051500 --pins 1 --stage alloc
has 'in memory: *a0'
refuse 2 dump
refuse 2 dump --hex 123
refuse 2 dump --hex 13051500 "$0"
refuse 2 dump --hex 13051500 --stage nonsense
refuse 2 dump --hex 13051500 --insns 0
refuse 2 dump --guest z80 --hex 00
refuse 2 dump --foo
refuse 1 dump /nonexistent
refuse 1 dump "$0"
refuse 1 dump "$btv"

if command -v "$cc" >/dev/null; then
    echo 'int twice(int x) { return 2 * x; } int main(void) { return twice(0); }' >"$tmp/p.c"
    "$cc" -O1 -fno-inline -o "$tmp/pie" "$tmp/p.c" && "$cc" -O1 -static -o "$tmp/static" "$tmp/p.c" && "$cc" -s -shared -fPIC -o "$tmp/lib.so" "$tmp/p.c"
    for p in pie static; do
        run 0 dump "$tmp/$p" --at twice
        has '<twice+0x0>'
        has 'c.jr'
        run 0 dump "$tmp/$p"
        has '<_start+0x0>'
        run 0 dis --elf "$tmp/$p" --at main --count 2
        has 'main+0x0:'
    done
    run 0 dump "$tmp/lib.so" --at twice --stage decode
    has '<twice+0x0>'
    run 0 dump -L "$tmp" /pie --at twice+2 --stage decode
    has '<twice+0x2>'
    refuse 1 dump "$tmp/pie" --at nosuch
    refuse 1 dump "$tmp/pie" --at 0x7fffffff
    refuse 1 dis --elf "$tmp/pie" --at 0x7fffffff
    # damaged section headers: the symbol is not found, or the damage does not matter
    for at in 40 58 60 62; do
        cp "$tmp/pie" "$tmp/bad"
        printf '\377\377' | dd of="$tmp/bad" bs=1 seek=$at conv=notrunc 2>/dev/null
        case $at in
            40 | 58) refuse 1 dump "$tmp/bad" --at twice ;;
            *) run 0 dump "$tmp/bad" --at twice ;;
        esac
    done
    head -c 3000 "$tmp/static" >"$tmp/short"
    refuse 1 dump "$tmp/short"
fi
done_
