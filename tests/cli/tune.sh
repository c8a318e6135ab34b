#!/bin/sh
# --tune: every name of the table is listed and accepted at both ends of its range, values reach the engine and programs executed;
# --stats: quotients are those of the numbers above them
# shellcheck disable=SC2154 # tmp and btv are set there
. "$(dirname "$0")/lib.sh"
cc=${RISCV_CC:-riscv64-linux-gnu-gcc}

run 0 run --tune=help
has 'hot             12 (1 to 255): '
sed -n 's/^  \([a-z_]*\) *[0-9]* (\([0-9]*\) to \([0-9]*\)): .*/\1 \2 \3/p' "$tmp/out" >"$tmp/names"
refuse 2 run --tune= /bin/true
refuse 2 run --tune=hot /bin/true
refuse 2 run --tune=hot=0 /bin/true
refuse 2 run --tune=hot=256 /bin/true
refuse 2 run --tune=hot=x /bin/true
refuse 2 run --tune=nonsense=1 /bin/true
refuse 2 run --tune=hot=1,max_insns=65 /bin/true
if ! command -v "$cc" >/dev/null; then
    echo "no RISC-V compiler ($cc): the rest is left out" >&2
    done_
    exit
fi

cat >"$tmp/p.c" <<'END'
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    unsigned x = 1;
    for (int i = 0; i < 3000; i++)
        x = x * 5 + (x & 8 ? i : 1);
    printf("%u\n", x);
    fflush(stdout);
    if (argc > 1)
        execv(argv[0], (char *[]){argv[0], 0});
    return 0;
}
END
"$cc" -O1 -w -static -o "$tmp/p" "$tmp/p.c" || exit 1
run 0 run "$tmp/p"
answer=$(cat "$tmp/out")
while read -r name lo hi; do
    for value in "$lo" "$hi"; do
        run 0 run --tune="$name=$value" "$tmp/p"
        prints "$answer"
    done
done <"$tmp/names"

# counted NAME OPTIONS...: one of --stats, in its first column
counted() {
    name=$1
    shift
    "$btv" run --stats "$@" >/dev/null 2>"$tmp/err"
    number "$name"
}
# less A B WHAT
less() {
    if awk -v a="$1" -v b="$2" 'BEGIN { exit !(a + 0 < b + 0) }'; then passed=$((passed + 1)); else bad "$3: $1 is not below $2"; fi
}
less "$(counted blocks --tune=hot=200 "$tmp/p")" "$(counted blocks --tune=hot=1 "$tmp/p")" 'blocks with hot=200 and hot=1'
less "$(counted blocks --tune=hot=200 "$tmp/p" again)" "$(counted blocks --tune=hot=1 "$tmp/p" again)" 'the same after execve'

# a loop in ten registers that code rarely uses, over and over until a sample has found it; and one in a common register
cat >"$tmp/many.c" <<'END'
#include <time.h>
#define ALL(X) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define DECLARE(n) register unsigned long v##n __asm__("s" #n) = argc;
#define CHANGE(n) __asm__ volatile("addi %0, %0, 3" : "+r"(v##n));
int main(int argc, char **argv)
{
    ALL(DECLARE)
    register unsigned long common __asm__("a5") = 0;
    for (time_t end = time(0) + 2, now = 0; now < end; now = time(0))
        for (int t = 0; t < 1000000; t++)
            if (argc > 1) {
                __asm__ volatile("addi %0, %0, 3" : "+r"(common));
            } else {
                ALL(CHANGE)
            }
    return 0;
}
END
"$cc" -O2 -w -static -o "$tmp/many" "$tmp/many.c" || exit 1
# region OPTIONS...: regions made
region() { "$btv" run --stats "$@" 2>&1 >/dev/null | awk '$1 == "blocks" { print $3 }'; }
less 0 "$(region --tune=sample_us=500 "$tmp/many")" 'regions of a loop in uncommon registers'
less "$(region --tune=sample_us=500,region_samples=251 "$tmp/many")" 1 'regions when there are to be none'
less "$(region --tune=sample_us=500 "$tmp/many" few)" 1 'regions of a loop in a common register'
less "$(counted insns_per_block --tune=max_side_exits=0 "$tmp/p")" "$(counted insns_per_block --tune=max_side_exits=4 "$tmp/p")" 'side exits'
if [ "$(counted insns_per_block --tune=max_insns=1 "$tmp/p")" = 1.00 ]; then passed=$((passed + 1)); else bad 'max_insns=1: longer blocks'; fi
# memory: bounds that hold for large programs, too
# (the program is small, and the few loops of its C library that are done with vectors would count for too much)
less "$(counted host_per_guest --tune=hot=2,ahead=0 "$tmp/p")" 4.00 'host bytes for each guest byte'
less "$(counted host_per_guest --tune=hot=2,ahead=0 "$tmp/p")" "$(counted host_per_guest --tune=hot=2 "$tmp/p")" 'vectors'
less "$(counted side_per_host --tune=hot=2 "$tmp/p")" 0.25 'bytes of records for each host byte'
less "$(counted side_copy --tune=hot=2 "$tmp/p")" 500 'guest bytes kept of a program that writes no code'
# --chaos comes last
less "$(counted blocks --chaos=hot=200 --tune=hot=1 "$tmp/p")" "$(counted blocks --tune=hot=1 "$tmp/p")" 'chaos and tune'

# what two switches cost is limited together: sleep and translation lost do not take all of a program's time between them
cat >"$tmp/wide.c" <<'END'
#include <stdio.h>
#define ONE(n) __attribute__((noinline)) static unsigned f##n(unsigned x) { return x & 1u << n % 32 ? x * 3 + n : x ^ n; }
#define TEN(m, n) m(n##0) m(n##1) m(n##2) m(n##3) m(n##4) m(n##5) m(n##6) m(n##7) m(n##8) m(n##9)
#define CALL(n) x = f##n(x);
TEN(ONE, 1) TEN(ONE, 2) TEN(ONE, 3) TEN(ONE, 4) TEN(ONE, 5)
int main(void)
{
    unsigned x = 1;
    for (int i = 0; i < 20000; i++) {
        TEN(CALL, 1) TEN(CALL, 2) TEN(CALL, 3) TEN(CALL, 4) TEN(CALL, 5)
    }
    printf("%u\n", x);
    return 0;
}
END
"$cc" -O1 -w -static -o "$tmp/wide" "$tmp/wide.c" || exit 1
if timeout 30 "$btv" run --chaos=hot=1,flush-every=20,yield=20 "$tmp/wide" >/dev/null; then passed=$((passed + 1)); else bad 'flush-every and yield together: no end in 30 s'; fi

"$btv" run --stats "$tmp/p" 2>"$tmp/out" >/dev/null
if awk '{ v[$1] = $2 }
    function near(q, a, b) { return b && q - a / b < 0.006 && a / b - q < 0.006 }
    END { exit !(near(v["host_per_guest"], v["host_bytes"], v["guest_bytes"]) && near(v["side_per_host"], v["side_bytes"], v["host_bytes"]) &&
                 near(v["ns_per_insn"], v["translate_ns"], v["insns"]) && v["translate_ns"] > 0 &&
                 v["side_bytes"] == v["side_block"] + v["side_links"] + v["side_copy"] + v["side_marks"] + v["side_pages"]) }' "$tmp/out"; then
    passed=$((passed + 1))
else
    bad "quotients of --stats are wrong: $(head -20 "$tmp/out")"
fi
done_
