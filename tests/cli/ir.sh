#!/bin/sh
# btv eval, opt, reduce
# shellcheck disable=SC2154 # tmp and btv are set there
. "$(dirname "$0")/lib.sh"
cat >"$tmp/m.bif" <<'F'
func @f(v1: i64) -> i64 {
    v2 = add.i64 v1, 0
    v3 = mul.i64 v2, 3
    ret v3
}
func @g() at 0x1000 {
  mark 0x1000, 4
    v1 = get.i64 $a0
    v2 = load.i64 [v1]
    v3 = add.i64 v2, 1
    put.i64 $a1, v3
    store.i64 [v1], v3
    goto 0x1004
}
func @loop() -> i64 {
b0:
    br b1
b1:
    br b1
}
F
run 0 eval "$tmp/m.bif" 5
prints 'ret 0xf'
run 0 eval "$tmp/m.bif" -1
prints 'ret 0xfffffffffffffffd'
run 0 eval --func g --set a0=0x7fff12345000 --mem 0x7fff12345000=ff00 "$tmp/m.bif"
prints 'goto 0x1004
  $a1 = 0x100 (was 0x0)
  [0x7fff12345000] = 00 01'
printf 'func @t() at 0x10 {\n  mark 0x10, 4\n    trap break, i64 7 at 0x10\n}\n' >"$tmp/t.bif"
run 0 eval "$tmp/t.bif"
prints 'trap break, 0x7 at 0x10'
refuse 1 eval --func loop --max 1000 "$tmp/m.bif"
refuse 1 eval --func nosuch "$tmp/m.bif"
refuse 2 eval "$tmp/m.bif"
refuse 2 eval "$tmp/m.bif" x
refuse 2 eval --set nosuch=1 --func g "$tmp/m.bif"
refuse 2 eval --mem 5 "$tmp/m.bif"
refuse 2 eval
refuse 2 eval --foo
refuse 1 eval /nonexistent
refuse 1 eval "$0"

run 0 opt --pass=fold,dce "$tmp/m.bif"
has 'v3 = mul.i64 v1, 3'
run 0 opt --list
has 'gvn'
run 0 opt --binary -o "$tmp/m.bin" "$tmp/m.bif"
run 0 eval "$tmp/m.bin" 5
prints 'ret 0xf'
run 0 opt --pass= "$tmp/m.bin"
cp "$tmp/out" "$tmp/once"
run 0 opt --pass= "$tmp/once"
cmp -s "$tmp/once" "$tmp/out" || bad 'text, binary, text changes something'
head -c 60 "$tmp/m.bin" >"$tmp/cut.bin"
refuse 1 opt "$tmp/cut.bin"
printf 'func @f() {\n    v1 = frob.i64 5\n}\n' >"$tmp/bad.bif"
refuse 1 opt "$tmp/bad.bif"
printf 'func @f() -> i64 {\n    ret v7\n}\n' >"$tmp/bad.bif"
refuse 1 opt "$tmp/bad.bif"
: >"$tmp/empty.bif"
refuse 1 opt "$tmp/empty.bif"
refuse 2 opt --pass=nosuch "$tmp/m.bif"
refuse 2 opt
refuse 1 opt -o /nonexistent/x "$tmp/m.bif"

run 0 reduce "$tmp/m.bif" -- grep -q store
prints 'func @g() at 0x1000 {
    store.i64 [0], 0
    goto 0x1004
}'
refuse 1 reduce "$tmp/m.bif" -- false
refuse 1 reduce "$tmp/m.bif" -- /nonexistent/command
refuse 2 reduce "$tmp/m.bif"
refuse 2 reduce "$tmp/m.bif" false
refuse 2 reduce -- true
refuse 1 reduce /nonexistent -- true
done_
