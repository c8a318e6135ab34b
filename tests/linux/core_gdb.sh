#!/bin/bash
# core_gdb.sh - a debugger opens the core file of a guest: frames, threads, floating-point registers, global data.
# And where core_pattern names a program: the kernel is asked to dump, without memory.
#
# BTV: command that runs a guest program (default: build/btv run).
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
: "${BTV:=$top/build/btv run}"
cc=${RISCV_CC:-riscv64-linux-gnu-gcc}
command -v "$cc" >/dev/null || { echo "skipped: no RISC-V compiler ($cc)"; exit 77; }
command -v gdb-multiarch >/dev/null || { echo "skipped: no gdb-multiarch"; exit 77; }
[ "$(cat /proc/sys/kernel/core_pattern)" = core ] || { echo "skipped: core_pattern is not plain"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/btv-core.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
cat >crash.c <<'EOF'
#include <pthread.h>
#include <unistd.h>
int marker = 0x1234567;
__attribute__((noinline)) void level2(int *p)
{
    register double d __asm__("fs5") = 1.5;
    __asm__ volatile("" ::"f"(d));
    *p = 5;
}
__attribute__((noinline)) void level1(int *p)
{
    level2(p);
    __asm__ volatile("");
}
static void *spin(void *a)
{
    for (volatile long i = 0;; i++)
        continue;
    return a;
}
int main(void)
{
    pthread_t t;
    pthread_create(&t, 0, spin, 0);
    usleep(20000);
    level1((int *)0x10);
}
EOF
"$cc" -g -O1 -static -pthread -o crash crash.c || exit 1
# shellcheck disable=SC2086 # a command with arguments
(ulimit -c unlimited && exec timeout -s KILL 60 $BTV ./crash) 2>/dev/null
timeout 60 gdb-multiarch -nx -batch -ex 'set architecture riscv:rv64' -ex bt -ex 'info threads' -ex 'p $fs5' -ex 'p/x marker' ./crash core >log 2>/dev/null
failed=0
for want in 'terminated with signal SIGSEGV' '^#0 .*level2 (p=p@entry=0x10)' '^#1 .*level1 (p=p@entry=0x10)' '^#2 .*main ()' ' spin (a=0x0)' 'double = 1.5' '= 0x1234567'; do
    grep -q "$want" log || { echo "FAIL: no line like: $want"; failed=$((failed + 1)); }
done
[ $failed = 0 ] || cat log
# btv reads that a program gets the dump; the kernel, whose setting stays, writes a file: what is in it is what the program would get: the
# host's vDSO, a few pages, is always dumped
rm -f core
echo '|/bin/true' >pattern
# shellcheck disable=SC2086,SC2016
if unshare -rm sh -c 'mount --bind pattern /proc/sys/kernel/core_pattern' 2>/dev/null; then
    unshare -rm sh -c 'mount --bind pattern /proc/sys/kernel/core_pattern; shift; ulimit -c unlimited; "$@"; [ $? = 139 ]' sh - timeout -s KILL 60 perl -e '
        my $pid = fork // die; exec @ARGV unless $pid; waitpid $pid, 0; print STDERR $? & 128 ? "dumped\n" : "status $?\n"; exit 139' $BTV ./crash 2>status
    grep -q dumped status || { echo "FAIL: the status does not say that a program got a dump: $(cat status)"; failed=$((failed + 1)); }
    if [ -e core ] && readelf -lW core | awk '$1 == "LOAD" && $5 !~ /^0x00[0-9a-f][0-9a-f][0-9a-f][0-9a-f]$/ { bad = 1 } END { exit !bad }'; then
        echo "FAIL: the dump for a program has memory in it"
        failed=$((failed + 1))
    fi
else
    echo "core_gdb: no mount namespaces: not tested how a program gets the dump"
fi
echo "core_gdb: $failed failed"
[ $failed = 0 ]
