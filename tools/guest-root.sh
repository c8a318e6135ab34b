#!/bin/bash
# guest-root.sh [-a ARCH] [DIR [PACKAGE...]] - unpacks a Debian root for another architecture into DIR.
#
#   ARCH      riscv64 (default), or amd64 for the twin whose output tests compare with
#   DIR       default $BTV_ROOTS/ARCH, BTV_ROOTS defaulting to /tmp/roots
#   PACKAGE   default: the small set that `make demo` uses; dependencies come along
#
# Packages come from the mirror this machine's apt already uses, resolved by a private apt configuration against an
# empty package database; they are unpacked, never installed, and no maintainer script runs.  Calling it again
# with the same packages does nothing.  SUITE chooses another release (default trixie).
# Exit 77 with the reason when packages cannot be had.
set -u
suite=${SUITE:-trixie}
arch=riscv64
if [ "${1:-}" = -a ]; then
    arch=$2
    shift 2
fi
dir=${1:-${BTV_ROOTS:-/tmp/roots}/$arch}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- base-files base-passwd bash coreutils dash grep sed gawk findutils diffutils tar gzip bzip2 \
    xz-utils libc-bin python3 lua5.4

refuse() {
    echo "guest-root: $*" >&2
    exit 77
}

# -- anything to do? A package that is there has its folder of documentation (Debian policy 12.5).
absent=()
for p in "$@"; do
    [ -e "$dir/usr/share/doc/$p" ] || absent+=("$p")
done
[ -e "$dir/.incomplete" ] || [ "${#absent[@]}" -gt 0 ] || exit 0

for tool in apt-get apt-cache dpkg-deb tar; do
    command -v "$tool" >/dev/null || refuse "needs $tool"
done
# shellcheck disable=SC2016  # the dollar belongs to apt
mirror=$(apt-get indextargets --no-release-info --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -v security | sort -u | head -n 1)
[ -n "$mirror" ] || refuse "apt on this machine has no package source"

# -- private apt
state=$dir.apt
mkdir -p "$dir" "$state/lists/partial" "$state/cache/archives/partial" "$state/parts" || refuse "cannot write $dir"
: >"$state/status"
options=(-q
    -o "Dir::State=$state" -o "Dir::State::lists=$state/lists" -o "Dir::State::status=$state/status"
    -o "Dir::Cache=$state/cache" -o "Dir::Etc::sourcelist=$state/sources.list" -o "Dir::Etc::sourceparts=$state/parts"
    -o "Dir::Etc::parts=$state/parts" -o Dir::Etc::preferences=/dev/null -o "Dir::Etc::preferencesparts=$state/parts"
    -o "APT::Architecture=$arch" -o "APT::Architectures=$arch" -o APT::Install-Recommends=false
    -o Acquire::Languages=none -o Acquire::Retries=3 -o Debug::NoLocking=1)
[ "$(id -u)" != 0 ] || options+=(-o APT::Sandbox::User=root)

update() {
    echo "deb [$1] $mirror $suite main" >"$state/sources.list"
    apt-get "${options[@]}" -o APT::Update::Error-Mode=any update >"$state/log" 2>&1
}

ring=signed-by=/usr/share/keyrings/debian-archive-keyring.gpg
echo "guest-root: $suite for $arch into $dir" >&2
if ! update "$ring"; then
    if grep -qE 'NO_PUBKEY|not signed|EXPKEYSIG|keyring' "$state/log"; then
        if [ "$(id -u)" = 0 ]; then
            { apt-get update && apt-get install -y --no-install-recommends debian-archive-keyring; } >>"$state/log" 2>&1
        fi
        if ! update "$ring"; then
            echo "guest-root: this machine's keyring is older than $suite; signatures are not checked for this throw-away root" >&2
            update trusted=yes || refuse "apt-get update failed: $(grep -m1 -E '^(E|W|Err)' "$state/log")"
        fi
    else
        refuse "apt-get update failed: $(grep -m1 -E '^(E|W|Err)' "$state/log")"
    fi
fi

# -- download; a package that this architecture lacks is named and left out
have=()
for p in "$@"; do
    if apt-cache "${options[@]}" show --no-all-versions "$p" >/dev/null 2>&1; then
        have+=("$p")
    else
        echo "guest-root: no $p for $arch, left out" >&2
    fi
done
[ "${#have[@]}" -gt 0 ] || refuse "$mirror has none of the packages"
apt-get "${options[@]}" install -y --download-only "${have[@]}" >"$state/log" 2>&1 || refuse "download failed: $(grep -m1 '^E' "$state/log")"

# -- unpack into a merged /usr
: >"$dir/.incomplete"
mkdir -p "$dir"/usr/{bin,sbin,lib} "$dir"/{proc,sys,dev,tmp,run,root,etc,var/tmp}
links=(bin sbin lib)
if [ "$arch" = amd64 ]; then
    mkdir -p "$dir/usr/lib64"
    links+=(lib64)
fi
for l in "${links[@]}"; do
    [ -e "$dir/$l" ] || ln -s "usr/$l" "$dir/$l"
done
chmod 1777 "$dir/tmp"
for deb in "$state"/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$dir" --keep-directory-symlink --no-same-owner || refuse "unpacking ${deb##*/} failed"
done

# -- what maintainer scripts would have made: default names, users
first() {
    local link=$1 target
    shift
    [ -e "$dir/usr/bin/$link" ] || [ -L "$dir/usr/bin/$link" ] && return
    for target in "$@"; do
        for found in "$dir"$target; do
            [ -e "$found" ] || continue
            ln -s "${found#"$dir"}" "$dir/usr/bin/$link"
            return
        done
    done
}
first awk /usr/bin/gawk /usr/bin/mawk
first gcc '/usr/bin/gcc-[0-9]*'
first cc '/usr/bin/gcc-[0-9]*'
first lua '/usr/bin/lua5.*'
first php '/usr/bin/php[0-9]*'
first java '/usr/lib/jvm/*/bin/java'
for f in passwd group; do
    [ -s "$dir/etc/$f" ] || [ ! -e "$dir/usr/share/base-passwd/$f.master" ] || cp "$dir/usr/share/base-passwd/$f.master" "$dir/etc/$f"
done
rm -f "$dir/.incomplete" "$state"/cache/archives/*.deb
echo "guest-root: $dir is ready, $(du -sh "$dir" 2>/dev/null | cut -f1)" >&2
