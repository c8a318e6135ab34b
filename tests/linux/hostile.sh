#!/bin/bash
# Every system call with hostile arguments (sys_hostile.c): the errno of btv against the host's kernel for CASES calls of each row, then
# SECONDS of calls while another thread takes the memory away, with the addresses of btv's own mappings among the arguments.
#   hostile.sh [SECONDS [CASES [SEED]]]     BTV: command that runs a guest program (default: build/src/cli/btv-run)
here=$(cd "$(dirname "$0")" && pwd)
: "${BTV:=$here/../../build/src/cli/btv-run}"
seconds=${1:-20} cases=${2:-6} seed=${3:-1}
cc=${RISCV_CC:-riscv64-linux-gnu-gcc}
if ! command -v "$cc" >/dev/null; then
    echo "skipped: no RISC-V compiler ($cc)"
    exit 77
fi
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
# Both begin at the same address: what is mapped below is the same
flags=(-std=gnu17 -D_GNU_SOURCE -O1 -g -static -pthread '-Wl,-Ttext-segment=0x400000')
"$cc" "${flags[@]}" -o "$out/guest" "$here/sys_hostile.c" && gcc "${flags[@]}" -o "$out/native" "$here/sys_hostile.c" || exit 1
# 86 is what sys_hostile takes for a sanitizer's report
export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0:abort_on_error=0:use_sigaltstack=0:exitcode=86" UBSAN_OPTIONS="$UBSAN_OPTIONS:print_stacktrace=1:halt_on_error=1:exitcode=86"

# What AddressSanitizer says about processes that leave by a jump: it reports nothing, and would push out what does.
notices='ASan is ignoring requested|^False positive error reports|^For details see http'

# Where the errno may be another: row, native, guest, why.  A star stands for any.
known() {
    cat <<'END'
epoll_ctl       *           EFAULT      the struct at the end of a page is four bytes longer than on x86-64
perf_event_open ok          EOPNOTSUPP  samples would show btv's code
perf_event_open ok          ENOENT      counting breakpoints would be btv's
madvise         EINVAL      ENOMEM      a range up to the end of user space has the vvar pages in it natively, which are no memory to advise on
dup3            ok          EBADF       the number is that of a descriptor of btv's own, which begin at 1024
shmat           ok          ENOMEM      the guest's addresses end below x86-64's
mremap          EINVAL      ENOMEM      a length beyond the address space: refused first since Linux 6.17
membarrier      EPERM       EINVAL      there are no restartable sequences
seccomp         ok          EINVAL      there are no notification descriptors
prlimit64       ok          signal_9    no processor time allowed: the kernel looks at its next tick, later than a native process ends
setrlimit       ok          signal_9    as prlimit64
clock_nanosleep blocks      ok          until an absolute processor time, of which starting btv has used more
io_uring_enter EOPNOTSUPP EINVAL        flags that came after 6.12 are refused first
io_uring_enter  EBADF       EINVAL      as that
io_uring_register EOPNOTSUPP EINVAL     operations that came after 6.12 are refused first
io_uring_register EBADF EINVAL          as that
io_uring_register EINVAL EBADF          without a ring: operations for that came after 6.12
END
}

if ! timeout -s KILL 300 "$out/native" compare cases="$cases" seed="$seed" >"$out/want"; then
    cat "$out/want" # namespaces are not allowed: skipped
    exit 77
fi
timeout -s KILL 600 $BTV "$out/guest" compare cases="$cases" seed="$seed" >"$out/got" 2>"$out/err"
known >"$out/known"
passed=0 failed=0
awk -F ' = ' -v known="$out/known" '
    BEGIN { while ((getline line < known) > 0) { split(line, k, / +/); n++; row[n] = k[1]; native[n] = k[2]; guest[n] = k[3] } }
    { gsub(/ /, "_", $2); split($1, word, " "); key = word[1] " " word[2] }
    NR == FNR { got[key] = $2; next }
    !(key in got) { got[key] = "nothing" }
    $2 == got[key] { same++; next }
    {
        for (i = 1; i <= n; i++)
            if (row[i] == word[1] && (native[i] == "*" || native[i] == $2) && (guest[i] == "*" || guest[i] == got[key])) { explained++; next }
        if (++other <= 40)
            print "other errno: " $1 ": native " $2 ", here " got[key]
    }
    END { printf "errno of %d calls: the same %d, explained %d, others %d\n", FNR, same, explained, other; exit other > 0 || FNR == 0 }' \
    "$out/got" "$out/want" && passed=1 || failed=1
if grep -Ev "$notices" "$out/err" >"$out/said"; then
    failed=1
    head -n 40 "$out/said"
fi

# Without randomisation btv's mappings are at the same addresses in every run.
setarch -R $BTV "$out/guest" idle &
idle=$!
sleep 2
host=$(awk -F '[- ]' 'length($1) > 7 { a[++n] = $1 } END { for (i = 1; i <= n; i += (n > 60 ? n / 60 : 1)) printf "%s,", a[int(i)] }' "/proc/$idle/maps")
kill "$idle" 2>/dev/null
wait "$idle" 2>/dev/null
timeout -s KILL $((seconds + 300)) setarch -R $BTV "$out/guest" fuzz seconds="$seconds" seed="$seed" host="$host" >"$out/log" 2>&1
status=$?
grep -v '^[0-9]* passed' "$out/log" | grep -Ev "$notices" | cut -c1-200 | tail -n 200
read -r p _ f _ < <(grep '^[0-9]* passed' "$out/log" | tr -d ,)
passed=$((passed + ${p:-0})) failed=$((failed + ${f:-1}))
if grep -q 'btv: internal error\|Sanitizer\|runtime error' "$out/log" && [ "$failed" = 0 ]; then failed=1; fi
[ "$status" = 0 ] || [ "$failed" != 0 ] || failed=1
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
