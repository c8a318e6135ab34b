#!/bin/sh
# btv prove, with the solver where it is built, and what it says where it is not.
# usage: prove.sh BTV PART; PART is quick, rules (every rule at every width) or mutants
btv=${1:?usage: prove.sh BTV PART}
part=${2:-quick}
prove=${btv%/*}/btv-prove
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0

check() { # what, then a command
    what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$what" >&2
        cat "$tmp/out" "$tmp/err" >&2
    fi
}
# status, then arguments of btv-prove
run() {
    want=$1
    shift
    "$prove" "$@" >"$tmp/out" 2>"$tmp/err"
    got=$?
    [ "$got" -eq "$want" ] || { echo "btv-prove $*: status $got, not $want" >>"$tmp/err"; return 1; }
}
says() { grep -q -e "$1" "$tmp/out" "$tmp/err"; }
end() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}

if [ "$part" = quick ]; then
    # A copy of btv without btv-prove beside it
    cp "$btv" "$tmp/btv"
    PATH=/nowhere "$tmp/btv" prove rules >"$tmp/out" 2>"$tmp/err"
    got=$?
    check "btv prove without btv-prove: status" [ $got -eq 127 ]
    check "btv prove without btv-prove: how to get it" says 'libz3-dev'
fi
if ! [ -x "$prove" ]; then
    [ "$part" = quick ] && [ "$failed" -gt 0 ] && end
    echo "skipped: btv-prove was not built: there is no libz3-dev here"
    exit 77
fi

case $part in
rules)
    check "all rules" run 0 rules
    tail -n 2 "$tmp/out"
    end ;;
mutants)
    check "mutants" run 0 mutants
    tail -n 2 "$tmp/out"
    end ;;
esac

"$btv" prove --version >"$tmp/out" 2>"$tmp/err"
check "btv prove starts btv-prove" says '^btv-prove .*Z3'
check "no command" run 2
check "an unknown command" run 2 rulez
check "an unknown option" run 2 rules --foo
check "an unknown rule" run 1 rules no-such-rule
check "a missing file" run 1 rules --rules "$tmp/none"

# Every rule at the narrow widths, where the solver needs milliseconds
check "rules up to 16 bits" run 0 rules --max-width 16
check "none is only tested" says ' 0 tested only, 0 wrong'

# A wrong rule has a counterexample that is one
printf 'off (add (add x A) B) => (add x A-B)\n' >"$tmp/wrong"
check "a wrong rule" run 1 rules --rules "$tmp/wrong"
check "its counterexample" says '^off .*WRONG: x=0x.* A=0x.* B=0x.* give 0x'
# Wrong for one value out of 2^32 only
printf 'rare (ltu x 0xfffffffe:32) => (ne x 0xffffffff)\n' >"$tmp/rare"
check "a rule wrong for one value" run 1 rules --rules "$tmp/rare"
check "its counterexample" says 'x=0xfffffffe '
# A condition that is too weak
printf 'weak (shl (shl x A) B) => (shl x A+B) if A < w\n' >"$tmp/weak"
check "a rule with too weak a condition" run 1 rules --rules "$tmp/weak"
printf 'never (add x C) => x if C < 1 and C > 1\n' >"$tmp/never"
check "a rule that never applies" run 1 rules --rules "$tmp/never"
check "is named" says '^never .*never applies'
# What the solver cannot do is not called proved
printf 'hard (mulhu (mul x y) z) => (mulhu z (mul y x)) if w > 1\n' | sed 's/ (mulhu z (mul y x))/ (mulhu (mul x y) z)/' >"$tmp/same"
check "a rule against the laws" run 1 rules --rules "$tmp/same"
check "says which law" says 'which is not less'
printf 'hard (add (mulhu x y) (mulhu x z)) => (mulhu x (add y z))\n' >"$tmp/hard"
check "a wrong rule with a high product" run 1 rules --rules "$tmp/hard"
printf 'hard (sub (mulhs x y) (mulhu x y)) => (sub (mulhs y x) (mulhu y x))\nhard2 (add (popcnt (and x y)) (popcnt (or x y))) => (add (popcnt x) (popcnt y))\n' >"$tmp/hard"
check "the laws again" run 1 rules --rules "$tmp/hard"
printf 'hard (sub (add (popcnt (and x y)) (popcnt (or x y))) (popcnt y)) => (popcnt x)\n' >"$tmp/hard"
check "a popcount rule" run 0 rules --timeout 100 --rules "$tmp/hard"
check "is tested only at 64 bits" says '^hard .*w=64: tested only: .*; [0-9]* random cases agree'

# Questions for another solver
check "smt2" run 0 rules --smt2 "$tmp/smt2" add-add shl-shl eq-sub
n=$(find "$tmp/smt2" -name '*.smt2' | wc -l)
check "a file for each question" [ "$n" -ge 12 ]
check "they ask" grep -q '(check-sat)' "$tmp/smt2/add-add-w64-u1-v1.smt2"
for solver in cvc5 cvc4 boolector z3; do
    command -v "$solver" >/dev/null || continue
    check "$solver agrees" sh -c 'for f in "$2"/*.smt2; do [ "$("$1" "$f" 2>&1)" = unsat ] || { echo "$f"; exit 1; }; done' sh "$solver" "$tmp/smt2"
done

# Blocks before and after
cat >"$tmp/a.bif" <<'END'
func @values(v1: i64, v2: i64) -> i64 {
    v3 = shl.i64 v1, 32
    v4 = shr.i64 v3, 32
    v5 = add.i64 v4, v2
    v6 = add.i64 v5, 7
    v7 = add.i64 v6, -7
    ret v7
}
func @memory(v1: i64) -> i64 {
    v2 = load.i64 [v1]
    v3 = add.i64 v2, 0
    v4 = add.i64 v1, 8
    store.i64 [v4], v3
    ret v3
}
END
check "passes keep values, loads and stores" run 0 pass --timeout 5000 "$tmp/a.bif"
check "both are proved" says '^2 proved, 0 not decided, 0 wrong'
check "a file equals itself" run 0 equal --timeout 5000 "$tmp/a.bif" "$tmp/a.bif"
sed 's/add.i64 v1, 8/add.i64 v1, 16/' "$tmp/a.bif" >"$tmp/b.bif"
check "another address" run 1 equal --timeout 5000 "$tmp/a.bif" "$tmp/b.bif"
check "is wrong" says '^@memory: WRONG: they differ for'
check "and the other function is proved" says '^@values: proved'
sed '/store/d' "$tmp/a.bif" >"$tmp/c.bif"
check "a store less" run 0 equal "$tmp/a.bif" "$tmp/c.bif"
check "is not decided" says '^@memory: not decided: 3 effects became 2'
sed 's/-7/-8/' "$tmp/a.bif" >"$tmp/d.bif"
check "another value" run 1 equal --timeout 5000 "$tmp/a.bif" "$tmp/d.bif"
check "is wrong" says '^@values: WRONG: they differ for'
check "golden texts" run 0 pass "$(dirname "$0")"/../golden/opt/*.bif
check "none is wrong" says ', 0 wrong$'
end
