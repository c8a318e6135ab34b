#!/bin/bash
# build-roots.sh [-l] - the two Debian roots that tests/run-programs.sh compares: riscv64 and its amd64 twin, with every
# program of tests/programs.list, under $BTV_ROOTS (default /tmp/roots).  Takes about 3 GB and some minutes the first time.
# With -l also what tests/programs-long.list needs: 9 GB.
# Exit 77 when packages cannot be had.
set -u
here=$(cd "$(dirname "$0")" && pwd)
roots=${BTV_ROOTS:-/tmp/roots}
packages=(base-files base-passwd bash coreutils dash grep sed gawk findutils tar gzip bzip2 xz-utils zstd 7zip diffutils util-linux procps
    libc-bin libc6-dev python3 python3-minimal perl ruby php-cli lua5.4 sqlite3 openssl git gcc-14 binutils make
    redis-server redis-tools ripgrep gron nodejs openjdk-21-jre-headless stress-ng)
if [ "${1:-}" = -l ]; then
    packages+=(g++-14 file bc jq zsh tcl8.6 luajit pypy3 ghc sbcl erlang-base erlang-dev erlang-crypto elixir golang-go rustc cargo ocaml-nox
        openjdk-21-jdk-headless chezscheme guile-3.0 clisp ecl swi-prolog-nox python3-cffi pcre2-utils gjs postgresql-17 iproute2
        libglib2.0-tests libglib2.0-bin gjs-tests dbus-tests dbus dbus-daemon ostree-tests libsoup-3.0-tests graphene-tests gdk-pixbuf-tests
        libxmlb-tests systemd-tests systemd shared-mime-info tzdata locales-all netbase
        pango1.0-tests glib-networking-tests libblas-test liblapack-test openssh-tests openssh-client
        openssh-server libei-tests samtools-test htslib-test bedtools-test libgcab-tests bolt-tests libjcat-tests snapd-glib-tests
        xdg-dbus-proxy-tests libpython3.13-testsuite)
fi
for arch in riscv64 amd64; do
    "$here/guest-root.sh" -a "$arch" "$roots/$arch" "${packages[@]}" || exit $?
done
