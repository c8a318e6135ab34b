#!/bin/bash
# The translator's own memory is none to the guest (own_memory.c).  BTV: command that runs a guest program (default: build/src/cli/btv-run)
here=$(cd "$(dirname "$0")" && pwd)
: "${BTV:=$here/../../build/src/cli/btv-run}"
cc=${RISCV_CC:-riscv64-linux-gnu-gcc}
command -v "$cc" >/dev/null || { echo "skipped: no RISC-V compiler ($cc)"; exit 77; }
out=$(mktemp -d) || exit 1
idle=
trap '[ -z "$idle" ] || kill "$idle" 2>/dev/null; rm -rf "$out"' EXIT
"$cc" -std=gnu17 -D_GNU_SOURCE -O1 -g -static -o "$out/guest" "$here/own_memory.c" || exit 1
# Without randomisation btv's mappings are at the same addresses in every run; those of the guest are left out by what it sees of itself.
# shellcheck disable=SC2086  # a command
setarch -R $BTV "$out/guest" idle &
idle=$!
for ((i = 0; i < 100; i++)); do # until the guest waits in pause(2)
    grep -q '^State:.*S' "/proc/$idle/status" && grep -q "$out/guest" "/proc/$idle/maps" && break
    sleep 0.1
done
# btv's image, its heap, and what lies above the guest's addresses
mapfile -t host < <(awk -v exe="$(readlink "/proc/$idle/exe")" '$6 == exe || $6 == "[heap]" || $1 ~ /^7[ef][0-9a-f]*-/ && $1 !~ /^7fff/ { split($1, a, "-"); print a[1] }' "/proc/$idle/maps" | head -n 40)
[ "${#host[@]}" -gt 4 ] || { echo "no mappings of btv found"; echo "0 passed, 1 failed"; exit 1; }
cd "$out" || exit 1
# shellcheck disable=SC2086
timeout 60 setarch -R $BTV "$out/guest" check "$idle" "${host[@]}"
