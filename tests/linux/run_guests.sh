#!/bin/bash
# Builds the guest tests named by the arguments (default: all abi_*, sig_*, sys_* and thr_*) for RISC-V and runs them.
# Those in C++ (*.cc) are left out, with a line that says so, where there is no cross compiler for it.
# BTV: command that runs a guest program (default: build/btv run).  GUESTS: folder to keep the built programs in.
# LIMIT: seconds for each (default 60).  The last line sums up.
here=$(cd "$(dirname "$0")" && pwd)
: "${BTV:=$here/../../build/btv run}"
cc=${RISCV_CC:-riscv64-linux-gnu-gcc}
if ! command -v "$cc" >/dev/null; then
    echo "skipped: no RISC-V compiler ($cc)"
    exit 77
fi
cxx=${RISCV_CXX:-riscv64-linux-gnu-g++}
flags=(-O1 -g -static -pthread -fasynchronous-unwind-tables)
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
bin=${GUESTS:-$out}
build() { # SOURCE PROGRAM
    [ "$2" -nt "$1" ] && return
    case $1 in
    *.cc) "$cxx" -std=gnu++17 "${flags[@]}" -fnon-call-exceptions -o "$2.$$" "$1" ;;
    *) "$cc" -std=gnu17 -D_GNU_SOURCE "${flags[@]}" -o "$2.$$" "$1" ;;
    esac && mv "$2.$$" "$2"
}
[ $# -gt 0 ] || set -- "$here"/abi_*.c "$here"/sig_*.c "$here"/sys_*.c "$here"/thr_*.c "$here"/*.cc
# A runner that needs libraries (sanitizers do) cannot start a program where there are none
for word in $BTV; do
    [ -x "$word" ] && LC_ALL=C readelf -lW "$word" 2>/dev/null | grep -q ' INTERP ' && export TEST_DYNAMIC=1
done
passed=0 failed=0
for src in "$@"; do
    name=$(basename "${src%.*}")
    if [[ $src = *.cc ]] && ! command -v "$cxx" >/dev/null; then
        echo "$name: skipped: no C++ compiler for RISC-V ($cxx)"
        continue
    fi
    build "$src" "$bin/$name" && timeout -k 5 "${LIMIT:-60}" $BTV "$bin/$name" >"$out/log" 2>&1
    status=$?
    if [ $status = 0 ]; then
        passed=$((passed + 1))
        echo "$name: $(tail -n 1 "$out/log")"
    elif [ $status = 77 ]; then # with the reason
        echo "$name: $(tail -n 1 "$out/log")"
    else
        failed=$((failed + 1))
        echo "$name: FAILED"
        tail -n 25 "$out/log"
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
