#!/bin/bash
# cpu.sh - --cpu decides what /proc/cpuinfo, AT_HWCAP and hwprobe say and which instructions exist, also in programs the guest executes.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
run=${BUILD:-$top/build}/btv-run
cc=${RISCV_CC:-riscv64-linux-gnu-gcc}
command -v "$cc" >/dev/null || { echo "skipped: no RISC-V compiler ($cc)"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/btv-cpu.XXXXXX")
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
cat >"$work/cpu.c" <<'C'
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    char line[4096];
    struct { long key; unsigned long value; } p = {4, 0}; /* RISCV_HWPROBE_KEY_IMA_EXT_0 */
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (fgets(line, sizeof line, f) && strncmp(line, "isa", 3))
        continue;
    syscall(258, &p, 1, 0, 0, 0);
    printf("%s%lx %s\n", strstr(line, "rv64"), getauxval(AT_HWCAP), p.value & 1 << 3 ? "zba" : "-");
    fflush(stdout);
    if (argc > 2)
        execl("/proc/self/exe", argv[0], argv[2], NULL);
    if (argc > 1) {
        long x = 5, r;
        __asm__ volatile(".insn r 0x33, 2, 0x10, %0, %1, %1" : "=r"(r) : "r"(x)); /* sh1add */
        printf("%ld\n", r);
    }
    return 0;
}
C
"$cc" -O1 -static -o "$work/cpu" "$work/cpu.c" || exit 1

# try CPU STATUS TEXT [ARGS...]
try() {
    local cpu=$1 want=$2 text=$3 out status
    shift 3
    out=$(timeout 20 "$run" "--cpu=$cpu" "$work/cpu" "$@" 2>&1)
    status=$?
    if [ $status -eq "$want" ] && [[ $out == *"$text"* ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL: --cpu=$cpu $*: status $status, output: $out" >&2
    fi
}

base=_zicntr_zicsr_zifencei_zca_zcd
try max 0 $'112d zba\n15' x
try rv64gc 0 "rv64imafdc$base"$'\n112d -'
try rv64gc 132 'undefined instruction' x
try RV64GC_Zba 0 $'112d zba\n15' x
try rv64gc_zba 0 $'112d zba\n15' x x                                   # executes itself
try rv64gc 132 "rv64imafdc$base"$'\n112d -'$'\n'"rv64imafdc$base" x x
try rv64imac 126 'need at least rv64imafd'
try rv64gcq 126 'no extension "q"'
try nonsense 126 'give max, or an ISA string'
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
