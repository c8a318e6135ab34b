#!/bin/sh
# --trace: every topic has its lines, ranges hold, lines follow fork and execve and survive a closed standard error
# shellcheck disable=SC2154 # tmp and btv are set there
. "$(dirname "$0")/lib.sh"
cc=${RISCV_CC:-riscv64-linux-gnu-gcc}

run 0 run --trace=help
has 'lift'
has 'faults on the host'
refuse 2 run --trace=nonsense /bin/true
refuse 2 run --trace=block:5 /bin/true
refuse 2 run --trace=block:20-10 /bin/true
refuse 2 run --trace= /bin/true
refuse 2 run --trace-file=/nonexistent/x --trace=sys /bin/true
if ! command -v "$cc" >/dev/null; then
    echo "no RISC-V compiler ($cc): the rest is left out" >&2
    done_
    exit
fi

cat >"$tmp/p.c" <<'END'
#include <setjmp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static sigjmp_buf out;
static void on_segv(int s) { (void)s; siglongjmp(out, 1); }
static void on_usr(int s) { (void)s; }
__attribute__((noinline)) int work(int n)
{
    int sum = 0;
    for (volatile int i = 0; i < n; i++)
        sum += i;
    return sum;
}
int main(int argc, char **argv)
{
    syscall(999, 1, 2, 3);
    ioctl(0, 0x17110001, &out);
    signal(SIGUSR1, on_usr);
    raise(SIGUSR1);
    signal(SIGSEGV, on_segv);
    if (!sigsetjmp(out, 1))
        *(volatile int *)16 = 1;
    char *p = mmap(0, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(p, 4096, PROT_NONE);
    munmap(p, 8192);
    write(1, (void *)64, 4);
    close(2);
    work(1000);
    if (argc > 1 && !fork())
        execv(argv[0], (char *[]){argv[0], 0});
    if (argc > 1)
        wait(0);
    return 0;
}
END
"$cc" -O1 -w -static -o "$tmp/p" "$tmp/p.c" || exit 1
address() { # of a symbol, 16 digits
    riscv64-linux-gnu-nm -S "$tmp/p" | sed -n "s/^\([0-9a-f]*\) \([0-9a-f]*\) [tT] $1\$/\\$2/p"
}

# topics LIST ARGS: the output becomes that of the trace
topics() {
    list=$1
    shift
    run 0 run --trace="$list" --trace-file="$tmp/log" "$tmp/p" "$@"
    [ -s "$tmp/out" ] && bad "--trace=$list: something on standard output"
    cp "$tmp/log" "$tmp/out"
}

topics sys
has ' sys number 999 is unknown: ENOSYS; arguments 0x1 0x2 0x3'
has ' sys ioctl 0x17110001 is unknown'
topics signal
has ' signal 10 queued'
has ' signal 10 delivered: handler 0x'
has ' signal handler returned to pc 0x'
topics mem
has ' mem protect 0x'
has ' mem unmap 0x'
has ' mem brk 0x'
topics fault
has 'address 0x10: guest pc 0x'
has 'guest exception 4'
topics block
has 'translated: '
has 'linked to'
topics exit
has 'for a link not made yet'
topics b,x # letters
has ' block '
has ' exit '

lo=$(address work 1)
hi=$(printf %x $((0x$lo + 0x$(address work 2))))
topics "lift,ir,emit:$lo-$hi"
has ' lift 0x'
has ': c.'
has 'get.i64'
has ' ir 0x'
has ' emit 0x'
has '; -- cold --'
n=$(grep -E '^[0-9]+ (lift|ir|emit) ' "$tmp/out" | sed 's/.* 0x\([0-9a-f]*\).*/\1/' | while read -r pc; do
    [ $((0x$pc)) -ge $((0x$lo)) ] && [ $((0x$pc)) -lt $((0x$hi)) ] || echo "$pc"
done | wc -l)
if [ "$n" -eq 0 ]; then passed=$((passed + 1)); else bad "$n dumps outside $lo-$hi"; fi

# The interpreter alone executes the loop of work 1000 times.
run 0 run --tier=interp --trace="interp:$lo-$hi" --trace-file="$tmp/log" "$tmp/p"
n=$(wc -l <"$tmp/log")
if [ "$n" -gt 4000 ]; then passed=$((passed + 1)); else bad "interp: only $n lines"; fi

# fork and execve; the guest has closed its standard error
topics sys run-again
n=$(grep -c 'number 999' "$tmp/out")
if [ "$n" -eq 2 ]; then passed=$((passed + 1)); else bad "after execve: $n lines, not 2"; fi
"$btv" run --trace=mem "$tmp/p" x 2>"$tmp/err"
n=$(grep -c 'mem protect' "$tmp/err")
m=$(cut -d' ' -f1 "$tmp/err" | sort -u | wc -l)
if [ "$n" -ge 4 ] && [ "$m" -eq 2 ]; then passed=$((passed + 1)); else bad "closed standard error: $n lines of $m threads"; fi
BTV_OPTIONS=--trace=sys "$btv" run "$tmp/p" 2>"$tmp/out"
has 'number 999'

# A loop of several blocks, with more registers than are pinned, becomes a region at its start, `top`, after two samples; they find the branches at its
# end, which are not translated by themselves before they were seen 255 times.  Until the trace has that, for 8 s at most.
cat >"$tmp/loop.S" <<'END'
    .globl main
main:
    li s1, 1000 # the thread that samples is made when code has been entered some hundred times
0:  li a7, 173
    ecall
    addi s1, s1, -1
    bnez s1, 0b
    li s0, 0x7fffffff00000000
    li t0, 0
    li t1, 0
    li t2, 0
    li t3, 0
    li t4, 0
    li t5, 0
    li t6, 0
    .globl top
top:
    addi t0, t0, 1
    xor t1, t1, t0
    add t2, t2, t1
    xor t3, t3, t2
    and a0, t0, 15
    beqz a0, 1f
    add t4, t4, t3
    xor t5, t5, t4
    add t6, t6, t5
    xor t1, t1, t6
    bne t0, s0, top
    ret
1:  sub t6, t6, t4
    add t5, t5, t6
    bne t0, s0, top
    ret
END
if "$cc" -static -o "$tmp/loop" "$tmp/loop.S"; then
    top=$(riscv64-linux-gnu-nm "$tmp/loop" | sed -n 's/^0*\([0-9a-f]*\) T top$/\1/p')
    "$btv" run --tune=hot=255,sample_us=50000,sample_max_us=50000,region_gain=1 --trace=block --trace-file="$tmp/log" "$tmp/loop" &
    n=0
    while [ $n -lt 80 ] && ! grep -q "0x$top region: success" "$tmp/log" 2>/dev/null; do
        sleep 0.1
        n=$((n + 1))
    done
    kill -9 $!
    if [ $n -lt 80 ]; then passed=$((passed + 1)); else bad "no region at $top: $(grep -c region "$tmp/log") lines of others"; fi
else
    bad "$cc cannot assemble"
fi

# no output, same behaviour when off
run 0 run "$tmp/p"
if [ ! -s "$tmp/err" ]; then passed=$((passed + 1)); else bad "not quiet: $(head -1 "$tmp/err")"; fi
done_
