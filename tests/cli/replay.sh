#!/bin/sh
# --record-translations and --replay-translations: what was recorded is translated, the same in processes executed,
# and nothing else; bad recordings are refused
# shellcheck disable=SC2154 # tmp and btv are set there
. "$(dirname "$0")/lib.sh"
cc=${RISCV_CC:-riscv64-linux-gnu-gcc}

says() {
    if grep -qF -e "$1" "$tmp/err"; then passed=$((passed + 1)); else bad "not said: $1; but: $(cat "$tmp/err")"; fi
}
refuse 2 run --record-translations=/nonexistent/x /bin/true
refuse 2 run --replay-translations=/nonexistent/x /bin/true
if ! command -v "$cc" >/dev/null; then
    echo "no RISC-V compiler ($cc): the rest is left out" >&2
    done_
    exit
fi

cat >"$tmp/p.c" <<'END'
#include <stdio.h>
#include <time.h>
#include <sys/wait.h>
#include <unistd.h>
__attribute__((noinline)) static unsigned other(unsigned n)
{
    unsigned x = 7;
    while (n--)
        x = x * 3 + (x >> 5 & 1 ? n : 2);
    return x;
}
int main(int argc, char **argv)
{
    struct timespec t;
    unsigned x = 1;
    for (int i = 0; i < 3000; i++)
        x = x * 5 + (x & 8 ? i : 1);
    for (int i = 0; i < 100; i++)
        x += clock_gettime(CLOCK_MONOTONIC, &t);
    printf("%u %u\n", x, argc > 1 ? other(3000) : 0);
    fflush(stdout);
    if (argc > 2) {
        if (!fork())
            execv(argv[0], (char *[]){argv[0], "other", 0});
        wait(0);
    }
    return 0;
}
END
"$cc" -O1 -w -static -o "$tmp/p" "$tmp/p.c" || exit 1
# lines FILE: the recorded lines, each once, whatever their order
lines() {
    sed 1d "$1" | sort -u
}
equal() { # A B WHAT
    if [ "$1" = "$2" ]; then passed=$((passed + 1)); else bad "$3: $1, not $2"; fi
}

run 0 run --stats --record-translations="$tmp/r1" "$tmp/p"
equal "$(head -1 "$tmp/r1")" 'btv translations 1' 'head'
equal "$(sed 1d "$tmp/r1" | wc -l)" "$(number blocks)" 'lines and blocks'
equal "$(number record_lost)" 0 'lost lines'
if lines "$tmp/r1" | grep -qE "^baseline 0x[0-9a-f]+ [0-9]+ $tmp/p\$"; then passed=$((passed + 1)); else bad "no line of the program: $(head -3 "$tmp/r1")"; fi
if lines "$tmp/r1" | grep -qE '^baseline 0x[0-9a-f]+ [0-9]+ \[vdso\]$'; then passed=$((passed + 1)); else bad 'no line of the vdso'; fi

# Entries that only the interpreter led to may stay unused.  What one replay translates, others do, under whatever policy.
run 0 run --replay-translations="$tmp/r1" --record-translations="$tmp/r2" "$tmp/p"
lines "$tmp/r1" >"$tmp/r1.sorted"
equal "$(lines "$tmp/r2" | comm -13 "$tmp/r1.sorted" -)" '' 'translated, not recorded'
n=$(lines "$tmp/r2" | wc -l)
if [ "$n" -ge $(($(wc -l <"$tmp/r1.sorted") * 9 / 10)) ]; then passed=$((passed + 1)); else bad "only $n recorded blocks made"; fi
for how in --tune=hot=1 --tune=hot=200 --tune=max_insns=64; do
    run 0 run --stats "$how" --replay-translations="$tmp/r2" --record-translations="$tmp/r5" "$tmp/p"
    equal "$(lines "$tmp/r5" | cksum)" "$(lines "$tmp/r2" | cksum)" "replayed with $how"
    equal "$(number replayed)" "$n" "replayed blocks with $how"
    equal "$(number replayed_shorter)" 0 "shorter blocks with $how"
done
# code that was not executed then stays cold
run 0 run --stats --replay-translations="$tmp/r1" --record-translations="$tmp/r2" "$tmp/p" other
equal "$(lines "$tmp/r2" | comm -13 "$tmp/r1.sorted" -)" '' 'translated, not recorded'
if [ "$(number interp_insns)" -gt 15000 ]; then passed=$((passed + 1)); else bad "only $(number interp_insns) instructions interpreted"; fi
# shorter blocks are told
run 0 run --stats --tune=max_insns=2 --replay-translations="$tmp/r1" "$tmp/p"
if [ "$(number replayed_shorter)" -gt 0 ]; then passed=$((passed + 1)); else bad 'no block was shorter'; fi

# processes forked and executed write to the same file, and read the same
run 0 run --record-translations="$tmp/r3" "$tmp/p" a b
lines "$tmp/r3" >"$tmp/r3.sorted"
if [ "$(comm -13 "$tmp/r1.sorted" "$tmp/r3.sorted" | wc -l)" -gt 2 ]; then passed=$((passed + 1)); else bad 'nothing of the program executed'; fi
run 0 run --tune=hot=200 --replay-translations="$tmp/r3" --record-translations="$tmp/r4" "$tmp/p" a b
equal "$(lines "$tmp/r4" | comm -13 "$tmp/r3.sorted" -)" '' 'translated in two processes, not recorded'
run 0 run --replay-translations="$tmp/r4" --record-translations="$tmp/r5" "$tmp/p" a b
equal "$(lines "$tmp/r5" | cksum)" "$(lines "$tmp/r4" | cksum)" 'replayed in two processes'

# the guest sees neither descriptor
build_fds
run 0 run "$tmp/fds"
before=$(cat "$tmp/out")
run 0 run --record-translations="$tmp/r5" --replay-translations="$tmp/r1" "$tmp/fds"
prints "$before"

printf 'btv translations 2\n' >"$tmp/bad"
refuse 126 run --replay-translations="$tmp/bad" "$tmp/p"
says 'recorded translations: line 1: not version 1'
printf 'btv translations 1\nbaseline 16 3 /x\n' >"$tmp/bad"
refuse 126 run --replay-translations="$tmp/bad" "$tmp/p"
says 'line 2: not TIER 0xOFFSET INSNS [FILE]'
: >"$tmp/bad"
refuse 126 run --replay-translations="$tmp/bad" "$tmp/p"
refuse 126 run --replay-translations="$tmp/p" "$tmp/p"
done_
