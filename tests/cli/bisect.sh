#!/bin/sh
# btv bisect with runners that go wrong when certain addresses are translated
# shellcheck disable=SC2154 # tmp and btv are set there
. "$(dirname "$0")/lib.sh"

# runner NAME CONDITION: a btv that prints "bad" when CONDITION on lo and hi holds
runner() {
    cat >"$tmp/$1" <<F
#!/bin/sh
for a; do case \$a in --chaos=jit=*) r=\${a#--chaos=jit=}; lo=\$((\${r%-*})) hi=\$((\${r#*-})); if $2; then echo bad; exit 3; fi ;; esac; done
echo good
F
    chmod +x "$tmp/$1"
}
runner one '[ $lo -le 74565 ] && [ 74565 -lt $hi ]'
run 0 bisect --btv="$tmp/one" -- x
has 'guest pc 0x12345'
has 'btv dump PROGRAM --at 0x12345'
runner two '[ $lo -le 4096 ] && [ 74565 -lt $hi ]'
run 0 bisect --btv="$tmp/two" -- x
has 'guest pc 0x12345 (not alone)'
has 'a block at 0x1000;'
runner none 'false'
run 1 bisect --btv="$tmp/none" -- x
has 'no translated block changes the result'
printf '#!/bin/sh\ndate +%%N\n' >"$tmp/random"
chmod +x "$tmp/random"
refuse 1 bisect --btv="$tmp/random" -- x
refuse 1 bisect -- /nonexistent
refuse 1 bisect --btv=/nonexistent -- x
refuse 2 bisect x
refuse 2 bisect --
cc=${RISCV_CC:-riscv64-linux-gnu-gcc}
if command -v "$cc" >/dev/null; then
    echo 'int putchar(int); int main(void) { for (int i = 0; i < 100; i++) putchar(48 + i % 10); return 5; }' >"$tmp/p.c"
    "$cc" -O1 -static -o "$tmp/p" "$tmp/p.c"
    run 1 bisect --chaos=hot=1 -- "$tmp/p"
    has '100 bytes'
fi
done_
