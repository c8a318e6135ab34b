#!/bin/sh
# --keep-translations: the second run uses what the first left, and nothing that a store can hold changes what a program does: not one that was
# damaged byte by byte, cut off, of another program of the same name, writable for others, full, or written by several processes at once
# shellcheck disable=SC2154 # tmp and btv are set there
. "$(dirname "$0")/lib.sh"
cc=${RISCV_CC:-riscv64-linux-gnu-gcc}

refuse 2 run --keep-translations=/nonexistent/x /bin/true
: >"$tmp/file"
refuse 2 run --keep-translations="$tmp/file" /bin/true
if ! command -v "$cc" >/dev/null; then
    echo "no RISC-V compiler ($cc): the rest is left out" >&2
    done_
    exit
fi

# A program of a few blocks, without a C library: prints a letter that depends on a loop, ends with 7.  $1: what the loop adds.  The
# loop lies in the second page, so that the first does not tell two of them apart.
tiny() {
    cat >"$tmp/t.s" <<END
    .globl _start
_start:
    lla s0, message
    li s1, 40
    j loop
    .balign 4096
    .skip 4096
loop:
    addi s2, s2, $1
    addi s1, s1, -1
    bnez s1, loop
    call put
    call put
    li a0, 7
    li a7, 94
    ecall
put:
    andi s2, s2, 31
    lbu t0, (s0)
    add t0, t0, s2
    addi sp, sp, -16
    sb t0, (sp)
    li a0, 1
    mv a1, sp
    li a2, 1
    li a7, 64
    ecall
    addi sp, sp, 16
    ret
message:
    .ascii "@"
END
    "$cc" -nostdlib -pie -Wl,--no-dynamic-linker,--build-id=none -o "$2" "$tmp/t.s" || exit 1
}
least() { # NAME MIN
    if [ "$(number "$1")" -ge "$2" ]; then passed=$((passed + 1)); else bad "$1 is $(number "$1"), not $2 or more"; fi
}
none() { # NAME
    if [ "$(number "$1")" = 0 ]; then passed=$((passed + 1)); else bad "$1 is $(number "$1"), not 0"; fi
}
files() {
    find "$tmp/d" -type f | sort
}
all='--tune=store_hot=1,store_least=1,store_growth=1000000,store_share=10000'
keep() { # STATUS ARGS...
    status=$1
    shift
    run "$status" run --stats "$all" --keep-translations="$tmp/d" "$@"
}

# -- the second time, wherever the program lies
tiny 3 "$tmp/t"
keep 7 "$tmp/t"
prints XX
least kept_made 5
none kept_used
made=$(number kept_made)
for i in 1 2 3; do
    keep 7 "$tmp/t"
    prints XX
    least kept_used "$made"
    none kept_made
    none kept_stale
done
run 7 run --check=exec "$all" --keep-translations="$tmp/d2" "$tmp/t"
run 7 run --stats --check=exec "$all" --keep-translations="$tmp/d2" "$tmp/t"
prints XX
least kept_used 3
least checked_blocks 3

# -- one that differs only in code that the name does not cover
tiny 5 "$tmp/t5"
keep 7 "$tmp/t5"
prints HH
least kept_stale 1
keep 7 "$tmp/t"
prints XX

# -- damage
rm -rf "$tmp/d"
keep 7 "$tmp/t"
file=$(files)
cp "$file" "$tmp/whole"
size=$(wc -c <"$tmp/whole")
cat >"$tmp/flip.c" <<'END'
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    unsigned char c;
    int fd = open(argv[1], O_RDWR);
    off_t at = atol(argv[2]);
    if (pread(fd, &c, 1, at) != 1)
        return 1;
    c ^= 1 + at % 255;
    return pwrite(fd, &c, 1, at) != 1;
}
END
${CC:-cc} -o "$tmp/flip" "$tmp/flip.c" || exit 1
wrong=0 at=0
while [ "$at" -lt "$size" ]; do
    rm -f "$file"
    cp "$tmp/whole" "$file"
    "$tmp/flip" "$file" "$at" || wrong=$((wrong + 1))
    out=$("$btv" run --tune=store_hot=1 --keep-translations="$tmp/d" "$tmp/t" 2>&1)
    [ "$? $out" = '7 XX' ] || { wrong=$((wrong + 1)); echo "byte $at: $out" >&2; }
    at=$((at + 1))
done
if [ "$wrong" = 0 ]; then passed=$((passed + size)); else bad "$wrong of $size damaged files change the program"; fi
for at in 0 1 40 47 48 100 $((size / 2)) $((size - 1)); do
    rm -f "$file"
    head -c "$at" "$tmp/whole" >"$file"
    keep 7 "$tmp/t"
    prints XX
    least kept_made "$made" # and is mended
    rm -f "$file"
done

# -- who may write to it
cp "$tmp/whole" "$file"
chmod g+w "$file"
keep 7 "$tmp/t"
none kept_used
chmod g-w "$file"
keep 7 "$tmp/t"
least kept_used "$made"
chmod o+w "$tmp/d"
keep 7 "$tmp/t"
none kept_used
none kept_made
chmod o-w "$tmp/d"

# -- no room: what there is stays, nothing is left over
rm -f "$file"
(ulimit -f 1; "$btv" run "$all" --keep-translations="$tmp/d" "$tmp/t" >"$tmp/out" 2>"$tmp/err"; echo $? >"$tmp/status")
if [ "$(cat "$tmp/status" "$tmp/out")" = "7
XX" ] && [ -z "$(files)" ]; then passed=$((passed + 1)); else bad "with a limit of file sizes: $(cat "$tmp/status" "$tmp/out" "$tmp/err"), $(files)"; fi
# the oldest goes when there is too much; what is not of the store is not touched
old=$tmp/d/0123456789abcdef-0123456789abcdef
head -c 1100000 /dev/zero >"$old"
touch -d '2020-01-01' "$old"
touch -d '2020-01-01' "$tmp/d/.0123456789abcdef-0123456789abcdef-12" "$tmp/d/mine"
keep 7 --tune=store_mib=1 "$tmp/t"
least kept_made "$made"
if [ "$(files)" = "$(printf '%s\n' "$file" "$tmp/d/mine" | sort)" ]; then passed=$((passed + 1)); else bad "left in the store: $(files)"; fi

# -- several at once
rm -f "$tmp/d"/*
for i in 1 2 3 4 5 6 7 8; do
    "$btv" run "$all" --keep-translations="$tmp/d" "$tmp/t" >"$tmp/out$i" 2>&1 &
done
wait
if [ "$(cat "$tmp"/out[1-8])" = XXXXXXXXXXXXXXXX ]; then passed=$((passed + 1)); else bad "eight at once: $(cat "$tmp"/out[1-8])"; fi
if [ "$(files)" = "$file" ]; then passed=$((passed + 1)); else bad "eight at once leave $(files)"; fi
keep 7 "$tmp/t"
least kept_used "$made"

# -- programs with a C library, threads, fork and exec
cat >"$tmp/p.c" <<'END'
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
static unsigned long sum;
static void *add(void *arg)
{
    for (unsigned i = 0; i < 1000; i++)
        __atomic_fetch_add(&sum, i ^ (unsigned long)arg, __ATOMIC_SEQ_CST);
    return NULL;
}
int main(int argc, char **argv)
{
    pthread_t t[3];
    for (unsigned long i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, add, (void *)i);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    printf("%lu\n", sum);
    fflush(stdout);
    if (argc > 1) {
        if (!fork())
            execv(argv[0], (char *[]){argv[0], 0});
        wait(0);
    }
    return 0;
}
END
"$cc" -O1 -w -static -pthread -o "$tmp/p" "$tmp/p.c" || exit 1
"$cc" -O1 -w -fPIE -pie -pthread -o "$tmp/q" "$tmp/p.c" || exit 1
for p in p q; do
    for i in 1 2 3; do
        keep 0 -L /usr/riscv64-linux-gnu "$tmp/$p" again
        prints '1498500
1498500'
    done
    least kept_used 200
done

# threads that come to the same code at once, in an index that grows all the time; the first process ends while they do
here=$(dirname "$0")/..
"$cc" -std=gnu17 -D_GNU_SOURCE -O1 -static -pthread -I"$here" -o "$tmp/m" "$here/guests/engine/many-threads.c" || exit 1
rm -f "$tmp/d"/*
for how in 'leave' '' '' ''; do
    # shellcheck disable=SC2086 # no argument, or one
    keep 0 --tune=table_bits=4 --chaos=yield=5 "$tmp/m" 2 $how
done
least kept_used 400

# the guest sees no descriptor
build_fds
run 0 run "$tmp/fds"
before=$(cat "$tmp/out")
keep 0 "$tmp/fds"
prints "$before"
done_
