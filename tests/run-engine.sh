#!/bin/bash
# run-engine.sh [FILE.c...] - guest programs that test the engine (default: tests/guests/engine and tests/regress), each built
# once and run in every mode below.  A line "modes: NAME..." in the head of a file limits it to those modes.
#
#   BTV   command that runs a guest program, default build/btv-run; its options of each mode are added
#   MODES names of modes to run, default all
#   GUESTS folder to keep the built programs in       LIMIT seconds for each run, default 180: a busy machine is no failure
here=$(cd "$(dirname "$0")" && pwd)
: "${BTV:=$here/../build/btv-run}"
all='default interp hot tiny regs flush region race cache alloc yield check'
cc=${RISCV_CC:-riscv64-linux-gnu-gcc}
command -v "$cc" >/dev/null || { echo "skipped: no RISC-V compiler ($cc)"; exit 77; }

options() {
    case $1 in
    default) ;;
    interp) echo --tier=interp ;;
    hot) echo --chaos=hot=1 ;;
    tiny) echo --chaos=hot=1,no-chain,max-insns=1 ;;
    regs) echo --chaos=hot=1,regs=1,max-insns=3 ;;
    flush) echo --chaos=hot=1,flush-every=7 ;;
    region) echo --chaos=hot=1,region=1 ;;
    race) echo --chaos=hot=1,region=2,yield=5 ;;
    cache) echo --chaos=hot=1 --code-cache-mib=1 ;;
    alloc) echo --chaos=hot=1,alloc=20 ;;
    yield) echo --chaos=no-chain,yield=20 ;;
    check) echo --check=exec --chaos=hot=2 ;;
    esac
}

out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
bin=${GUESTS:-$out}
build() { # SOURCE PROGRAM
    [ "$2" -nt "$1" ] ||
        { "$cc" -std=gnu17 -D_GNU_SOURCE -O1 -g -static -pthread -I"$here" -o "$2.$$" "$1" -lm && mv "$2.$$" "$2"; }
}
[ $# -gt 0 ] || set -- "$here"/guests/engine/*.c "$here"/regress/*.c
passed=0 failed=0
for src in "$@"; do
    name=$(basename "$src" .c)
    modes=$(sed -n '1,12s/.*modes: *\([a-z ]*\).*/\1/p' "$src")
    if ! build "$src" "$bin/$name" >"$out/log" 2>&1; then
        failed=$((failed + 1))
        echo "$name: does not build"
        head -n 20 "$out/log"
        continue
    fi
    for mode in ${MODES:-${modes:-$all}}; do
        case " ${modes:-$all} " in *" $mode "*) ;; *) continue ;; esac
        # shellcheck disable=SC2046,SC2086  # options are words
        timeout -k 5 "${LIMIT:-180}" $BTV $(options "$mode") "$bin/$name" >"$out/log" 2>&1
        status=$?
        if [ $status -eq 0 ]; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "$name ($mode): status $status"
            tail -n 4 "$out/log"
        fi
    done
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
