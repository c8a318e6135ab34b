#!/bin/bash
# build-roots.sh - the two Debian roots that tests/run-programs.sh compares: riscv64 and its amd64 twin, with every
# program of tests/programs.list, under $BTV_ROOTS (default /tmp/roots).  Takes about 3 GB and some minutes the first time.
# Exit 77 when packages cannot be had.
set -u
here=$(cd "$(dirname "$0")" && pwd)
roots=${BTV_ROOTS:-/tmp/roots}
packages=(base-files base-passwd bash coreutils dash grep sed gawk findutils tar gzip bzip2 xz-utils zstd 7zip diffutils util-linux procps
    libc-bin libc6-dev python3 python3-minimal perl ruby php-cli lua5.4 sqlite3 openssl git gcc-14 binutils make
    redis-server redis-tools ripgrep gron nodejs openjdk-21-jre-headless stress-ng)
for arch in riscv64 amd64; do
    "$here/guest-root.sh" -a "$arch" "$roots/$arch" "${packages[@]}" || exit $?
done
