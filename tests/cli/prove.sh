#!/bin/sh
# btv prove, with the solver where it is built, and what it says where it is not.
# usage: prove.sh BTV PART; PART is quick, rules (every rule at every width), second (the same by another solver) or mutants
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
second)
    command -v cvc5 >/dev/null || { echo "skipped: no cvc5"; exit 77; }
    # Each answer in $tmp/answers: FILE unsat, FILE sat, or FILE and why there is none.  What the file expects is none of its business: it would abort.
    ask() {
        for f in "$1"/*.smt2; do
            echo "${f##*/} $(sed '/:status/d' "$f" | cvc5 --lang=smt2 --tlimit=20000 - 2>&1 | head -n 1)"
        done >"$tmp/answers" 2>/dev/null
    }
    printf 'off (add (add x A) B) => (add x A-B)\n' >"$tmp/wrong"
    check "a wrong rule's question" run 1 rules --rules "$tmp/wrong" --max-width 8 --smt2 "$tmp/no"
    ask "$tmp/no"
    check "a wrong rule: sat" grep -q ' sat$' "$tmp/answers"
    check "all rules' questions" run 0 rules --smt2 "$tmp/smt"
    ask "$tmp/smt"
    questions=$(wc -l <"$tmp/answers") proved=$(grep -c ' unsat$' "$tmp/answers")
    echo "$proved of $questions questions are unsat; not decided: $(grep -v ' unsat$' "$tmp/answers" | cut -d ' ' -f 1 | tr '\n' ' ')"
    cp "$tmp/answers" "$tmp/out"
    check "no counterexample" eval '! grep -q " sat$" "$tmp/answers"'
    check "98 of 100 questions decided" [ $((proved * 100)) -ge $((questions * 98)) ]
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

# Rules of a file: exit status | what it shows | options | what is said, a pattern | the rule, or several with a semicolon between
rules() {
    cat <<'END'
1|a wrong rule has a counterexample|              |^off .*WRONG: x=0x.* A=0x.* B=0x.* give 0x|off (add (add x A) B) => (add x A-B)
1|wrong for one value out of 2^32  |              |x=0xfffffffe                               |rare (ltu x 0xfffffffe:32) => (ne x 0xffffffff)
1|a condition that is too weak     |              |^weak .*WRONG: x=0x                        |weak (shl (shl x A) B) => (shl x A+B) if A < w
1|a rule that never applies        |              |^never .*never applies                     |never (add x C) => x if C < 1 and C > 1
1|a rule against the laws          |              |which is not less                          |hard (mulhu (mul x y) z) => (mulhu (mul x y) z) if w > 1
1|a wrong one with a high product  |              |                                           |hard (add (mulhu x y) (mulhu x z)) => (mulhu x (add y z))
1|the laws again                   |              |                                           |hard (sub (mulhs x y) (mulhu x y)) => (sub (mulhs y x) (mulhu y x));hard2 (add (popcnt (and x y)) (popcnt (or x y))) => (add (popcnt x) (popcnt y))
0|not called proved: only tested   |--timeout 100 |^hard .*w=64: tested only: .*; [0-9]* random cases agree|hard (sub (add (popcnt (and x y)) (popcnt (or x y))) (popcnt y)) => (popcnt x)
END
}
while IFS='|' read -r status what options pattern text; do
    printf '%s\n' "$text" | tr ';' '\n' >"$tmp/rules"
    # shellcheck disable=SC2086 # options are words
    check "$what" run "$status" rules $options --rules "$tmp/rules"
    pattern=$(printf '%s' "$pattern" | sed 's/ *$//')
    [ -z "$pattern" ] || check "$what: says so" says "$pattern"
done <<END
$(rules)
END

# Questions for another solver
check "smt2" run 0 rules --smt2 "$tmp/smt2" add-add shl-shl eq-sub
n=$(find "$tmp/smt2" -name '*.smt2' | wc -l)
check "a file for each question" [ "$n" -ge 12 ]
check "they ask" grep -q '(check-sat)' "$tmp/smt2/add-add-w64-u1-v1.smt2"
for solver in cvc5 cvc4 boolector z3; do
    command -v "$solver" >/dev/null || continue
    check "$solver agrees" sh -c 'for f in "$2"/*.smt2; do [ "$("$1" "$f" 2>/dev/null | tail -n 1)" = unsat ] || { echo "$f"; exit 1; }; done' sh "$solver" "$tmp/smt2"
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
# That file and what sed makes of it: exit status | what it shows | command | sed | what is said, a pattern
blocks() {
    cat <<'END'
0|passes keep values, loads, stores|pass |                              |^2 proved, 0 not decided, 0 wrong
0|a file equals itself             |equal|                              |^2 proved, 0 not decided, 0 wrong
1|another address is wrong         |equal|s/add.i64 v1, 8/add.i64 v1, 16/|^@memory: WRONG: they differ for
1|and the other function is proved |equal|s/add.i64 v1, 8/add.i64 v1, 16/|^@values: proved
0|a store less is not decided      |equal|/store/d                      |^@memory: not decided: 3 effects became 2
1|another value is wrong           |equal|s/-7/-8/                      |^@values: WRONG: they differ for
END
}
while IFS='|' read -r status what command change pattern; do
    sed "$change" "$tmp/a.bif" >"$tmp/b.bif"
    other=
    [ "${command% }" = pass ] || other=$tmp/b.bif
    # shellcheck disable=SC2086 # none or one; the command is padded
    check "$what" run "$status" $command --timeout 5000 "$tmp/a.bif" $other
    check "$what: says so" says "$pattern"
done <<END
$(blocks)
END
check "golden texts" run 0 pass "$(dirname "$0")"/../golden/opt/*.bif
check "none is wrong" says ', 0 wrong$'
end
