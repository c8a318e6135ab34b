#!/bin/bash
# run-programs.sh [-m L|chroot] [-e EMULATOR] [-f FLAGS] [-o REGEX] [-x N] [-s|-l] [-k] - real riscv64 Debian programs under btv-run
# against their amd64 twins: output and exit status of each case of tests/programs.list must agree.
#
#   -m L       the guest is started as  btv-run -L ROOT PROGRAM  on the host's file system (default)
#   -m chroot  the guest lives in ROOT; btv-run is registered with binfmt_misc there (needs Linux 6.7)
#   -e         emulator, default $BUILD/btv-run; chroot needs a static one      -f  flags for it (mode L)
#   -l         the cases of tests/programs-long.list, in larger roots under $BTV_LONG_ROOTS
#   -s         only cases whose programs are in the small roots of tools/guest-root.sh
#   -x         that many times the time limits of the list
#   -o         only cases whose name matches      -k  keep the scratch folder and print its name
#
# Each side of each case runs in namespaces of its own (user, mount, process): nothing is registered or mounted
# on the host, no root is needed, and whatever a case leaves running ends with it.
# In both roots /tmp is a scratch folder: /tmp/t holds tests/guests, /tmp/w is the empty working directory.
set -u
tests=$(cd "$(dirname "$0")" && pwd)
roots=${BTV_ROOTS:-/tmp/roots}

# -- inside the namespaces: run-programs.sh --inside SIDE SCRATCH COMMAND ------------------------------------------
inside() {
    local side=$1 scratch=$2 command=$3 root host arch=riscv64 triplet=riscv64-linux-gnu
    if [ "$side" = native ]; then
        arch=amd64 triplet=x86_64-linux-gnu
    fi
    root=$roots/$arch
    local env=(env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/tmp/w TMPDIR=/tmp LC_ALL=C LANG=C "TRIPLET=$triplet" "PORT=$PORT")
    mount --make-rprivate / 2>/dev/null
    if [ "$side" = L ]; then
        mount --bind "$root" /mnt && mount --bind "$scratch" /tmp && cd /tmp/w || exit 99
        # shellcheck disable=SC2086  # flags are words
        exec "${env[@]}" /tmp/.emu -L /mnt $EMU_FLAGS /mnt/usr/bin/bash -c "$command"
    fi
    # what a case changes outside /tmp is gone with it
    mount -t tmpfs none /mnt && mkdir /mnt/{new,work,root} || exit 99
    mount -t overlay -o "lowerdir=$root,upperdir=/mnt/new,workdir=/mnt/work,userxattr" none /mnt/root || exit 99
    root=/mnt/root
    mount --rbind /dev "$root/dev" && mount --bind "$scratch" "$root/tmp" || exit 99
    mount --rbind /sys "$root/sys" || exit 99
    mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc" || exit 99
    if [ "$side" = chroot ]; then
        mount -t binfmt_misc none "$root/proc/sys/fs/binfmt_misc" || exit 98
        # ELF, 64-bit, little-endian, executable or shared, machine 243
        printf '%s' ':btv:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xf3\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"$scratch/.emu:FPC" \
            >"$root/proc/sys/fs/binfmt_misc/register" || exit 98
    fi
    # not chroot, where programs could not make user namespaces; the tools of the host work on without its root
    cd "$root" && mkdir .old && pivot_root . .old || exit 99
    host=(/.old/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 --library-path /.old/lib/x86_64-linux-gnu:/.old/usr/lib/x86_64-linux-gnu)
    "${host[@]}" /.old/usr/bin/umount -l /.old || exit 99
    exec "${env[@]}" /usr/bin/bash -c "cd /tmp/w || exit 99; $command"
}
if [ "${1:-}" = --inside ]; then
    shift
    inside "$@"
fi

# -- outside ----------------------------------------------------------------------------------------------------------
mode=L emu=${BUILD:-build}/btv-run flags='' only=. keep=0 small=0 slower=1 list=$tests/programs.list
while getopts m:e:f:o:x:lsk opt; do
    case $opt in
    m) mode=$OPTARG ;;
    e) emu=$OPTARG ;;
    f) flags=$OPTARG ;;
    o) only=$OPTARG ;;
    x) slower=$OPTARG ;;
    s) small=1 ;;
    l) list=$tests/programs-long.list roots=${BTV_LONG_ROOTS:-/tmp/roots-long} ;;
    k) keep=1 ;;
    *) exit 2 ;;
    esac
done

skip() {
    echo "run-programs: skipped: $*"
    exit 77
}
[ -x "$emu" ] || skip "no $emu"
unshare -U -r -m -p -f true 2>/dev/null || skip "unprivileged user namespaces are off"
if [ "$small" = 1 ]; then
    "$tests/../tools/guest-root.sh" -a riscv64 && "$tests/../tools/guest-root.sh" -a amd64 || exit $?
elif [ "$list" = "$tests/programs.list" ]; then
    "$tests/../tools/build-roots.sh" || exit $?
else
    BTV_ROOTS=$roots "$tests/../tools/build-roots.sh" -l || exit $?
fi
if [ "$mode" = chroot ]; then
    unshare -U -r -m sh -c 'mount -t binfmt_misc none /proc/sys/fs/binfmt_misc && test -w /proc/sys/fs/binfmt_misc/register' 2>/dev/null ||
        skip "no binfmt_misc in user namespaces (Linux 6.7)"
fi

base=$(mktemp -d "${TMPDIR:-/tmp}/btv-programs.XXXXXX")
cleanup() {
    [ "$keep" = 1 ] && echo "kept $base" || rm -rf "$base"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# run SIDE TIMEOUT COMMAND - result in $base/SIDE.out
run() {
    local side=$1 limit=$2 command=$3 scratch=$base/$1 status
    rm -rf "$scratch"
    mkdir -p "$scratch/t" "$scratch/w"
    chmod 1777 "$scratch"
    cp -r "$tests/guests/." "$scratch/t/"
    [ "$side" = native ] || cp "$emu" "$scratch/.emu"
    BTV_ROOTS=$roots EMU_FLAGS=$flags PORT=$port timeout -s KILL "$limit" \
        unshare -U -r -m -p -f --kill-child=KILL --mount-proc "$tests/run-programs.sh" --inside "$side" "$scratch" "$command" \
        </dev/null >"$base/raw" 2>"$base/$side.err"
    status=$?
    [ "$status" != 137 ] || echo "run-programs: killed, or longer than $limit s" >>"$base/raw"
    { head -c 10000000 "$base/raw"; echo "exit status $status"; } | sed -f "$tests/programs.norm" >"$base/$side.out"
}

small_cases='^(true|bash-.*|dash|coreutils-.*|uname|grep|sed|gawk|find-xargs|diff-patch|tar|gzip|bzip2|xz|python-(pass|cpu|float|threads|process|signals)|lua)$'
passed=0 failed=0 port=$((20000 + $$ % 20000))
while IFS='|' read -r name limit command; do
    case $name in '' | '#'*) continue ;; esac
    [[ $name =~ $only ]] || continue
    [ "$small" = 0 ] || [[ $name =~ $small_cases ]] || continue
    start=${EPOCHREALTIME/./}
    limit=$((limit * slower))
    run native "$limit" "$command"
    middle=${EPOCHREALTIME/./}
    port=$((port + 1))
    run "$mode" "$limit" "$command"
    end=${EPOCHREALTIME/./}
    port=$((port + 1))
    times=$(printf '%.1f s, native %.1f s' "$(((end - middle) / 100000))e-1" "$(((middle - start) / 100000))e-1")
    if ! tail -n 1 "$base/native.out" | grep -q '^exit status 0$'; then
        echo "FAIL $name: the amd64 twin itself ended with $(tail -n 1 "$base/native.out")"
        tail -n 3 "$base/native.out" "$base/native.err" | sed 's/^/    /'
        failed=$((failed + 1))
    elif cmp -s "$base/native.out" "$base/$mode.out"; then
        echo "ok   $name ($times)"
        passed=$((passed + 1))
    else
        echo "FAIL $name ($times)"
        diff "$base/native.out" "$base/$mode.out" | head -n 10 | cut -c 1-200 | sed 's/^/    /'
        tail -n 5 "$base/$mode.err" | cut -c 1-200 | sed 's/^/    stderr: /'
        failed=$((failed + 1))
        [ "$keep" = 0 ] || cp "$base/$mode.err" "$base/$name.err"
    fi
done <"$list"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
