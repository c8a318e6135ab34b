#!/bin/bash
# demo.sh - a tour in some minutes: foreign programs, one block at every stage, figures.  Called by `make demo`, which built
# everything before.  Programs come from a small Debian root (tools/guest-root.sh); without one, from the cross compiler.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD:-build}
cd "$top" || exit 1
case $build in /*) ;; *) build=$top/$build ;; esac
btv=$build/btv run=$build/btv-run
[ -x "$run" ] || { echo "demo: build first: make" >&2; exit 1; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

title() { printf '\n== %s\n' "$*"; }
# show COMMAND... - prints the command and runs it; what it says is checked only for success
show() {
    local text="$*"
    text=${text//$work\//}
    printf '$ %s\n' "${text//$top\//}"
    if timeout 120 "$@"; then
        passed=$((passed + 1))
    else
        echo "demo: exit status $?"
        failed=$((failed + 1))
    fi
}

root=${BTV_ROOTS:-/tmp/roots}/riscv64
if tools/guest-root.sh -a riscv64 "$root"; then
    title "riscv64 Debian programs on $(uname -m)"
    show "$run" -L "$root" "$root/usr/bin/uname" -m
    title "a shell of that root: each line as bash -v reads it, then what it prints"
    show "$run" -L "$root" "$root/usr/bin/bash" -v -s 2>&1 <<'EOF'
echo "bash $BASH_VERSION on $(uname -sm), process $$"
seq 1000 | sort -R | sort -n | tail -n 2
for i in 1 2 3; do (echo "child $i") & wait; done
find /usr/bin -name 'x*' | xargs -n 1 basename | sort | head -n 4 | tr '\n' ' '; echo
tar -cf - /usr/share/doc/bash 2>/dev/null | xz | xz -d | tar -tf - | wc -l
trap 'echo "caught USR1"' USR1; kill -USR1 $$
lua -e 'print(_VERSION, 2^53, math.pi)'
EOF
    title "interpreters"
    show "$run" -L "$root" "$root/usr/bin/python3" -c 'import platform, sys, threading, hashlib
print("Python", sys.version.split()[0], platform.machine(), sum(i * i for i in range(100000)))
t = [threading.Thread(target=lambda i=i: print("thread", i)) for i in range(3)]
[x.start() for x in t]; [x.join() for x in t]
print(hashlib.sha256(b"btv").hexdigest(), 2 ** 200 % 1000003, 0.1 + 0.2)'
    title "a start with the translations that earlier ones kept (processor time)"
    start="-L $root $root/usr/bin/python3 -c pass"
    # shellcheck disable=SC2086  # words
    for _ in 1 2 3 4; do "$run" --keep-translations="$work/kept" $start; done
    show "$btv" bench -n 8 -m cpu "anew=$run $start" "kept=$run --keep-translations=$work/kept $start"
    # shellcheck disable=SC2016
    show "$run" -L "$root" "$root/usr/bin/gawk" 'BEGIN { for (i = 1; i <= 1000; i++) s += sqrt(i); printf "gawk %.12f\n", s }'
else
    title "no Debian root: programs of the cross compiler instead"
fi

if command -v riscv64-linux-gnu-gcc >/dev/null; then
    riscv64-linux-gnu-gcc -O2 -ffp-contract=off -static -D_GNU_SOURCE -pthread -o "$work/kernels" bench/*.c -lm || exit 1
    title "a static program"
    show "$run" "$work/kernels" fib 30
    show "$run" --stats "$work/kernels" crc 50
    if "$btv" --help | grep -q '^  dump '; then
        title "one block at every stage"
        show "$btv" dump "$work/kernels" --at fib_of --stage all
    fi
    title "ratios to native, interleaved (bench/run.sh; lower is better)"
    BUILD=$build bench/run.sh -n 6 -w 0 --only sieve,crc,fib,sort,matmul,nbody,strings,bytecode
fi

title "demo"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
