#!/bin/sh
# --strace against strace: the same program for the host under the one and for the guest under the other; their lines are the same but for
# addresses, process numbers and times.  BTV: command that runs a guest program.
here=$(cd "$(dirname "$0")" && pwd)
: "${BTV:=$here/../../build/src/cli/btv-run}"
cc=${RISCV_CC:-riscv64-linux-gnu-gcc}
skip() {
    echo "skipped: $1"
    exit 77
}
command -v "$cc" >/dev/null || skip "no RISC-V compiler ($cc)"
# other versions word some lines in other ways, and name newer constants
case $(strace --version 2>/dev/null | head -n 1) in
*'version 6.1') ;;
*) skip "no strace of version 6.1" ;;
esac
strace -o /dev/null true 2>/dev/null || skip "strace cannot trace here"
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
cc -O1 -w -D_GNU_SOURCE -static -o "$out/host" "$here/strace_twin.c" && "$cc" -O1 -w -D_GNU_SOURCE -static -o "$out/guest" "$here/strace_twin.c" || exit 1
cd "$out" || exit 1

# One of its names for a request that two devices share is left out.
normal() {
    sed -n '/mkdirat/,$p' "$1" | sed -E 's/^[0-9]+ +//; s/0x[0-9a-f]{5,}/ADDR/g; s/left \{[^}]*\}/left {TIME}/; s/sin_port=htons\([0-9]+\)/PORT/
        s/(getpid\(\) = |sigqueueinfo\(|si_pid=|pid=)[0-9]+/\1PID/g; s/nl_groups=(ADDR|0x1)/nl_groups=1/; s/SNDCTL_TMR_STOP or //'
}
strace -f -a1 -s 64 -o host.log ./host </dev/null >/dev/null 2>&1
$BTV -f -s 64 -o guest.log ./guest </dev/null >/dev/null 2>&1
normal host.log >host.txt
normal guest.log >guest.txt
total=$(wc -l <host.txt)
different=$(diff host.txt guest.txt | grep -c '^[<>]')
diff host.txt guest.txt
[ "$total" -gt 200 ] || different=$((different + 1))
echo "$total passed, $different failed"
[ "$different" -eq 0 ]
