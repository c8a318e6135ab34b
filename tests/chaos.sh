#!/bin/bash
# chaos.sh [-q] [-n RUNS] [-s SEED] [-c SWITCHES]... [-p REGEX] [-j JOBS] - the guest suites under --chaos.
#
#   -q          quick: a few guests, each switch once and seeds 1 and 2 (under a minute on two idle processors)
#   -n RUNS     that many runs with random seeds, default 2; each run is the whole suite
#   -s SEED     the first seed, default one that changes from run to run; the next are SEED + 1 ...
#   -c SWITCHES this set and, unless -n says otherwise, no seeds; may be repeated.  Default: every set of the table below
#   -p REGEX    also the real programs of programs.list whose name matches (needs the roots)
#   -j JOBS     runs at the same time, default 1
#
#   BTV         btv-run, default build/btv-run        ROW  time limit of one guest in seconds, default 300
#
# The suites: the guests of tests/linux/run_guests.sh, tests/guests/engine/*.c and tests/regress/*.c.  `pelt` in the table
# means: without --chaos, but each guest of the engine is pelted with signals that do nothing unless it handles them; `keep`: without it, each guest
# twice, with a store of translations that all of them fill.
# A failure prints the one command that repeats it.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.." || exit 1
: "${BTV:=build/btv-run}"
table='no-chain hot=1,max-insns=2 regs=2 cache-kib=64 hot=1,flush-every=20 mix=20 hot=1,drop=50 hot=1,storm=4 hot=1,yield=40 hot=1,alloc=20 io=2 hot=1,region=2 hot=1,region=2,yield=5 keep pelt'
quick_table='hot=1,no-chain,max-insns=2,regs=2 cache-kib=64,mix=20 hot=1,drop=50,storm=4 hot=1,yield=40,flush-every=20 hot=1,alloc=20,io=2 hot=1,region=2,yield=5 keep pelt'
quick_linux='abi_riscv64 sig_exit sig_frame sig_queue sig_restart sys_exec sys_wait thr_process'
quick_engine='fault-regs fetch many-threads stack 0001-store-halves 0002-followed-jump-back 0004-fork-and-map'
seed=$((RANDOM * 32768 + RANDOM + 1)) runs='' quick=0 programs='' jobs=1 sets=()
while getopts qn:s:c:p:j: opt; do
    case $opt in
    q) quick=1 ;;
    n) runs=$OPTARG ;;
    s) seed=$OPTARG ;;
    c) sets+=("$OPTARG") ;;
    p) programs=$OPTARG ;;
    j) jobs=$OPTARG ;;
    *) exit 2 ;;
    esac
done
command -v "${RISCV_CC:-riscv64-linux-gnu-gcc}" >/dev/null || { echo "skipped: no RISC-V compiler"; exit 77; }
[ -e "$BTV" ] || { echo "skipped: no $BTV"; exit 77; }
[ -f "$BTV" ] && [ -x "$BTV" ] || { echo "BTV=$BTV is no program"; exit 2; }
: "${runs:=$([ ${#sets[@]} -gt 0 ] && echo 0 || echo 2)}"
[ $quick = 0 ] || { table=$quick_table seed=1; }
# shellcheck disable=SC2206  # words
[ ${#sets[@]} -gt 0 ] || [ "$runs" -gt 2 ] || sets=($table)
for ((i = 0; i < runs; i++)); do sets+=("seed=$((seed + i))"); done

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
export GUESTS=$work/bin LIMIT=${ROW:-300} MODES=default

linux=() engine=()
for f in tests/linux/{abi,sig,sys,thr}_*.c tests/linux/sig_*.cc; do [ $quick = 0 ] || [[ " $quick_linux " = *" $(basename "${f%.*}") "* ]] && linux+=("$f"); done
for f in tests/guests/engine/*.c tests/regress/*.c; do [ $quick = 0 ] || [[ " $quick_engine " = *" $(basename "$f" .c) "* ]] && engine+=("$f"); done

# judge SCRIPT GUEST [NAME=VALUE] - one guest by that script; counts in one()'s variables.  The setting is for the command that repeats it:
# the scripts get it from the environment.
judge() {
    if BTV="${btv[*]}" "$1" "$2" >"$log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $2 under $set; repeat: BTV='${btv[*]}' LIMIT=$LIMIT ${3:+$3 }$1 $2"
        grep -v 'passed,' "$log" | tail -n 12 | sed 's/^/    /'
    fi
}

# one SET - runs the suites under it; "SET: N passed, M failed" and what failed in $work/SET.out
one() {
    local set=$1 btv=("$BTV" "--chaos=$1") log failed=0 passed=0 f
    log=$work/$(tr '/=,' '___' <<<"$set").log
    [ "$set" != pelt ] || btv=("$work/pelt" 1 "$BTV")
    if [ "$set" = keep ]; then # the first guests fill it, and each comes back to what it left
        mkdir -p "$work/kept"
        btv=("$BTV" "--keep-translations=$work/kept" "--tune=store_hot=1,store_least=1,store_growth=1000000,store_share=10000")
        for f in "${linux[@]}"; do judge tests/linux/run_guests.sh "$f"; done
        for f in "${engine[@]}"; do judge tests/run-engine.sh "$f" MODES=default; done
        ls "$work/kept"/*-* >/dev/null 2>&1 || { failed=$((failed + 1)); echo "FAIL nothing was kept"; }
    fi
    if [ "$set" != pelt ]; then
        for f in "${linux[@]}"; do
            judge tests/linux/run_guests.sh "$f"
        done
    fi
    for f in "${engine[@]}"; do
        grep -q 'modes:' "$f" && ! grep -q 'modes:.*default' "$f" && continue
        judge tests/run-engine.sh "$f" MODES=default
    done
    if [ -n "$programs" ] && [ "$set" != pelt ]; then
        tests/run-programs.sh -m L -e "$BTV" -x 6 -f "--chaos=$set" -o "$programs" >"$log" 2>&1
        passed=$((passed + $(grep -c '^ok ' "$log")))
        while read -r _ f _; do
            failed=$((failed + 1))
            echo "FAIL program ${f%:} under $set; repeat: tests/run-programs.sh -m L -e $BTV -x 6 -f --chaos=$set -o '^${f%:}\$'"
        done < <(grep '^FAIL ' "$log")
        [ "$failed" = 0 ] || grep -A 12 '^FAIL ' "$log" | sed 's/^/    /'
        grep '^run-programs: skipped' "$log"
    fi
    case $set in
    seed=*) echo "$set ($("$BTV" "--chaos=$set,list")): $passed passed, $failed failed" ;;
    *) echo "$set: $passed passed, $failed failed" ;;
    esac
}

cc -O1 -D_GNU_SOURCE -o "$work/pelt" tests/pelt.c || exit 1
# build once, before the runs share what is built
BTV=true tests/linux/run_guests.sh "${linux[@]}" >/dev/null 2>&1
BTV=true tests/run-engine.sh "${engine[@]}" >/dev/null 2>&1

total=$work/total
: >"$total"
for set in "${sets[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
    { one "$set" >"$work/$set.out"; tee -a "$total" <"$work/$set.out"; } &
done
wait
awk '/: [0-9]+ passed, [0-9]+ failed$/ { p += $(NF - 3); f += $(NF - 1) } END { printf "%d passed, %d failed\n", p, f; exit f > 0 }' "$total"
