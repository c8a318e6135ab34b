#!/bin/bash
# secure.sh - a set-user-ID program under binfmt_misc with flag C: it runs with the privileges of its owner, and what its caller puts into the
# environment for btv (options, root, the variable of execve) decides nothing.  Needs root, for two users in a namespace, and Linux 6.7.
# BTV: a static runner of guests (default: build/src/cli/btv-run).
set -u
here=$(cd "$(dirname "$0")" && pwd)
: "${BTV:=$here/../../build/src/cli/btv-run}"
cc=${RISCV_CC:-riscv64-linux-gnu-gcc}

# -- inside the namespaces: secure.sh --inside DIRECTORY
if [ "${1:-}" = --inside ]; then
    dir=$2
    mount --make-rprivate / && mount -t tmpfs -o mode=755 none "$dir/here" && mount -t binfmt_misc none /proc/sys/fs/binfmt_misc || exit 98
    printf '%s' ':guest:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xf3\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"$dir/emu:FC" \
        >/proc/sys/fs/binfmt_misc/register || exit 98
    cp "$dir/who" "$dir/here/who" && cp "$dir/other" "$dir/here/other" && cp "$dir/who" "$dir/here/plain" && chmod 4755 "$dir/here/who" || exit 98
    mkdir "$dir/here/store"
    user=(setpriv --reuid=1000 --regid=1000 --clear-groups env -i)
    echo "plain: $("${user[@]}" "$dir/here/plain")"
    echo "set-user-ID: $("${user[@]}" "$dir/here/who")"
    echo "options: $("${user[@]}" BTV_OPTIONS="--trace=block --trace-file=$dir/here/trace --keep-translations=$dir/here/store" "$dir/here/who" 2>&1)"
    echo "bad options: $("${user[@]}" BTV_OPTIONS=--nonsense "$dir/here/who" 2>&1)"
    echo "root: $("${user[@]}" BTV_ROOT=/nonexistent "$dir/here/who" 2>&1)"
    echo "execve: $("${user[@]}" BTV_EXEC="path=$dir/here/other;fn=$dir/here/other;" "$dir/here/who" 2>&1)"
    echo "left: $(cd "$dir/here" && find . -type f ! -name who ! -name other ! -name plain)"
    echo "plain options: $("${user[@]}" BTV_OPTIONS=--nonsense "$dir/here/plain" 2>&1 | head -c 28)"
    exit 0
fi

# -- outside
skip() {
    echo "skipped: $*"
    exit 77
}
command -v "$cc" >/dev/null || skip "no RISC-V compiler ($cc)"
unshare -U -r -m true 2>/dev/null || skip "user namespaces are off"
dir=$(mktemp -d "${TMPDIR:-/tmp}/secure.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
# spaces COMMAND... - in namespaces with the users 0 to 1999, which root alone can map
mkfifo "$dir/go" && exec 3<>"$dir/go" || exit 1 # for writing, too: nobody waits if there is no reader
spaces() {
    timeout -s KILL 120 unshare -U bash -c "read -r <'$dir/go'; exec unshare -m -p -f --kill-child=KILL --mount-proc \"\$@\"" - "$@" &
    local pid=$! space
    for _ in {1..100}; do
        read -r space <"/proc/$pid/task/$pid/children" && [ "$(readlink "/proc/$space/ns/user")" != "$(readlink /proc/self/ns/user)" ] && break
        sleep 0.05
    done
    { echo 0 0 2000 >"/proc/$space/uid_map" && echo 0 0 2000 >"/proc/$space/gid_map"; } 2>/dev/null
    echo >&3
    wait $pid
}
[ "$(id -u)" = 0 ] || skip "needs root, to map two users"
spaces setpriv --reuid=1000 --regid=1000 --clear-groups true 2>/dev/null || skip "no user namespace with two users"
spaces sh -c 'mount -t binfmt_misc none /proc/sys/fs/binfmt_misc && test -w /proc/sys/fs/binfmt_misc/register' 2>/dev/null ||
    skip "no binfmt_misc in user namespaces (Linux 6.7)"
cat >"$dir/who.c" <<'END'
#include <stdio.h>
#include <sys/auxv.h>
#include <unistd.h>
int main(void)
{
    printf("%s %d %d %lu\n", NAME, getuid(), geteuid(), getauxval(AT_SECURE));
}
END
"$cc" -static -O1 -D_GNU_SOURCE -DNAME='"who"' -o "$dir/who" "$dir/who.c" && "$cc" -static -O1 -D_GNU_SOURCE -DNAME='"other"' -o "$dir/other" "$dir/who.c" &&
    cp "$BTV" "$dir/emu" && mkdir "$dir/here" || exit 1
spaces "$here/secure.sh" --inside "$dir" >"$dir/out" 2>&1 </dev/null
cat >"$dir/want" <<'END'
plain: who 1000 1000 0
set-user-ID: who 1000 0 1
options: who 1000 0 1
bad options: who 1000 0 1
root: who 1000 0 1
execve: who 1000 0 1
left: 
plain options: btv-run: --nonsense: no such
END
if diff "$dir/want" "$dir/out"; then
    echo "1 passed, 0 failed"
else
    echo "0 passed, 1 failed"
    exit 1
fi
