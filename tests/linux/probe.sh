#!/bin/bash
# probe.sh - tests/linux/probe*.c looks for traces of an emulator, in every way a guest is started and natively: all must be silent.
# BTV: a static runner of guests (default: build/src/cli/btv-run).  BTV_ROOTS: for -L, if there is ROOTS/riscv64.
#
# Each run is process 1 of namespaces of its own, so that all processes it sees are guests.  chroot runs register the runner with
# binfmt_misc there (Linux 6.7), with each combination of flags that changes what a program is told.
set -u
here=$(cd "$(dirname "$0")" && pwd)
: "${BTV:=$here/../../build/src/cli/btv-run}"
cc=${RISCV_CC:-riscv64-linux-gnu-gcc} native=${CC:-cc} root=${BTV_ROOTS:-/tmp/roots}/riscv64

# -- inside the namespaces: probe.sh --inside MODE DIRECTORY ---------------------------------------------------------
inside() {
    local mode=$1 dir=$2
    local clean=(env -i "PATH=/usr/sbin:/usr/bin:/sbin:/bin" HOME=/tmp LANG=C PROBE_ALL=1)
    mount --make-rprivate / 2>/dev/null
    case $mode in
    native) exec env -i PATH=/usr/bin:/bin "$dir/native" start "$dir/scratch" ;;
    plain) exec "${clean[@]}" "$dir/emu" "$dir/static" start "$dir/scratch" ;;
    L) exec "${clean[@]}" "$dir/emu" -L "$root" "$dir/dynamic" start "$dir/scratch" ;;
    L-static) exec "${clean[@]}" "$dir/emu" -L "$root" "$dir/static" start "$dir/scratch" ;;
    chroot-*)
        mount --rbind /dev "$dir/root/dev" && mount -t proc proc "$dir/root/proc" && mount -t binfmt_misc none /proc/sys/fs/binfmt_misc || exit 98
        local interpreter=$dir/emu
        [[ $mode == chroot-*F* ]] || interpreter=/lib/emu
        printf '%s' ':guest:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xf3\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"$interpreter:${mode#chroot-}" \
            >/proc/sys/fs/binfmt_misc/register || exit 98
        exec "${clean[@]}" chroot "$dir/root" /bin/probe start /scratch
        ;;
    esac
}
if [ "${1:-}" = --inside ]; then
    inside "$2" "$3"
fi

# -- outside -----------------------------------------------------------------------------------------------------------
skip() {
    echo "skipped: $*"
    exit 77
}
command -v "$cc" >/dev/null || skip "no RISC-V compiler ($cc)"
unshare -U -r -m -p -f true 2>/dev/null || skip "unprivileged user namespaces are off"
# neither the emulator's name nor the host's may be in any path that a probe sees
dir=$(mktemp -d "${TMPDIR:-/tmp}/probe.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
flags=(-std=gnu17 -D_GNU_SOURCE -O1 -g -pthread)
"$native" "${flags[@]}" -o "$dir/native" "$here"/probe*.c && "$cc" "${flags[@]}" -static -o "$dir/static" "$here"/probe*.c &&
    "$cc" "${flags[@]}" -o "$dir/dynamic" "$here"/probe*.c || exit 1
mkdir -p "$dir/scratch" "$dir/root"/{bin,dev,lib,proc,scratch,tmp}
cp "$BTV" "$dir/emu" && cp "$BTV" "$dir/root/lib/emu" && cp "$dir/static" "$dir/root/bin/probe" || exit 1

modes=(native plain)
if [ -e "$root/lib/ld-linux-riscv64-lp64d.so.1" ]; then
    modes+=(L L-static)
else
    echo "probe: no -L runs, as there is no $root"
fi
if unshare -U -r -m sh -c 'mount -t binfmt_misc none /proc/sys/fs/binfmt_misc && test -w /proc/sys/fs/binfmt_misc/register' 2>/dev/null; then
    modes+=(chroot-F chroot-FP chroot-FC chroot-FPC chroot-P chroot-C chroot-PC)
else
    echo "probe: no chroot runs, as there is no binfmt_misc in user namespaces (Linux 6.7)"
fi
[ $# -eq 0 ] || modes=("$@")

passed=0 failed=0
for mode in "${modes[@]}"; do
    if timeout -s KILL 120 env --default-signal unshare -U -r -m -p -f --kill-child=KILL --mount-proc "$here/probe.sh" --inside "$mode" "$dir" </dev/null >"$dir/out" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        head -n 30 "$dir/out" | sed "s/^/    /"
    fi
    echo "$mode: $(tail -n 1 "$dir/out")"
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
