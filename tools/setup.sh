#!/bin/bash
# setup.sh GROUP... - installs the Debian packages a group needs and this machine lacks.
#
#   build   compiler, Meson, Ninja          check   cross compiler for guest test programs, second compiler, linters
#   all     build, check, an independent emulator used as a reference by some tests, the solver of btv-prove, and another one that checks it
#
# Looks first and calls apt-get only when something is missing.  Without root it prints the command and fails.
# NO_SETUP=1 turns it into a check.
set -u

# command-or-file, package
build='gcc gcc
/usr/include/stdio.h libc6-dev
make make
meson meson
/usr/include/xxhash.h libxxhash-dev
ninja ninja-build
pkg-config pkg-config'
check='riscv64-linux-gnu-gcc gcc-riscv64-linux-gnu
riscv64-linux-gnu-g++ g++-riscv64-linux-gnu
/usr/riscv64-linux-gnu/lib/libc.a libc6-dev-riscv64-cross
clang clang
shellcheck shellcheck
clang-format clang-format
unshare util-linux
ip iproute2
dpkg-source dpkg-dev
xz xz-utils'
all='qemu-riscv64 qemu-user
qemu-riscv64-static qemu-user-static
gdb-multiarch gdb-multiarch
/usr/include/z3.h libz3-dev
cvc5 cvc5'

missing() {
    while read -r what package; do
        [ -n "$what" ] || continue
        case $what in
        /*) [ -e "$what" ] || echo "$package" ;;
        *) command -v "$what" >/dev/null 2>&1 || echo "$package" ;;
        esac
    done
}

list=
for group in "${@:-build}"; do
    case $group in
    build) list+=$build$'\n' ;;
    check) list+=$check$'\n' ;;
    all) list+=$build$'\n'$check$'\n'$all$'\n' ;;
    *) echo "setup.sh: unknown group $group" >&2; exit 2 ;;
    esac
done
mapfile -t packages < <(missing <<<"$list" | sort -u)
[ "${#packages[@]}" -gt 0 ] || exit 0

command=(apt-get install -y --no-install-recommends "${packages[@]}")
if [ "${NO_SETUP:-0}" = 1 ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "setup.sh: missing packages; as root run:" >&2
    echo "    apt-get update && ${command[*]}" >&2
    exit 1
fi
echo "setup.sh: installing ${packages[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -q && "${command[@]}" -q; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "setup.sh: apt-get failed" >&2
    exit 1
fi
still=$(missing <<<"$list")
[ -z "$still" ] || { echo "setup.sh: still missing after installation: $still" >&2; exit 1; }
