#!/bin/bash
# loader_test.sh - what btv-run says and returns for programs it cannot run, its options, scripts, and -L ROOT.
#
# Needs no cross compiler: the programs are made from fuzz/corpus/elf/static, a 728-byte riscv64 program that exits with 0.
# Every failure must be exactly one line "btv-run: ..." on standard error.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
run=${BUILD:-$top/build}/btv-run
[ -x "$run" ] || { echo "loader: skipped: no $run"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/btv-loader.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset BTV_ROOT BTV_OPTIONS BTV_EXEC
passed=0 failed=0

verdict() { # OK? NAME DETAIL
    if [ "$1" = 1 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL: $2: $3" >&2
    fi
}

# bad NAME STATUS REGEX COMMAND...
bad() {
    local name=$1 want=$2 regex=$3 out status lines ok=1
    shift 3
    out=$(timeout 10 "$@" 2>&1 >/dev/null </dev/null)
    status=$?
    lines=$(printf '%s' "$out" | grep -c '')
    [ "$status" = "$want" ] && [ "$lines" = 1 ] && [[ $out =~ ^btv-run:\ .*$regex ]] || ok=0
    verdict $ok "$name" "status $status, $lines lines: $out"
}

# good NAME STATUS REGEX COMMAND...   standard output matches
good() {
    local name=$1 want=$2 regex=$3 out status ok=1
    shift 3
    out=$(timeout 10 "$@" </dev/null 2>&1)
    status=$?
    [ "$status" = "$want" ] && [[ $out =~ $regex ]] || ok=0
    verdict $ok "$name" "status $status: $out"
}

# patch FILE OFFSET BYTES...   a copy of the good program with bytes (hexadecimal) replaced
patch() {
    local file=$1 offset=$2 bytes=
    shift 2
    cp good "$file"
    for b in "$@"; do bytes+="\\x$b"; done
    printf '%b' "$bytes" | dd of="$file" bs=1 seek="$offset" conv=notrunc status=none
}

# -- the bad ELF table -----------------------------------------------------------------------------------------------
cp "$top/fuzz/corpus/elf/static" good && chmod +x good
good "the good program" 0 '^$' "$run" ./good
seg=64 # first program header; p_offset +8, p_vaddr +16, p_filesz +32, p_memsz +40, p_align +48
while [ "$(od -An -tu4 -j $seg -N4 good)" -ne 1 ]; do seg=$((seg + 56)); done # the first PT_LOAD

: >empty
printf 'plain text\n' >text
head -c 40 good >short
head -c $((seg + 20)) good >cut-headers
head -c $(($(od -An -tu8 -j $((seg + 8)) -N8 good) + $(od -An -tu8 -j $((seg + 32)) -N8 good) - 1)) good >cut-segment
patch class 4 01
patch order 5 02
patch core 16 04
patch object 16 01
patch machine 18 3e 00
patch aarch64 18 b7 00
patch phentsize 54 39
patch phnum-none 56 00 00
patch phnum-many 56 ff ff
patch phoff 32 ff ff ff ff ff ff ff ff
patch entry 24 00 00 00 00 00 00 00 ff
patch entry-data 24 00 00 00 70 00 00 00 00
patch offset $((seg + 8)) ff ff ff ff ff ff ff 7f
patch filesz $((seg + 32)) ff ff ff ff ff ff ff ff
patch filesz-memsz $((seg + 40)) 01 00 00 00 00 00 00 00
patch memsz $((seg + 40)) ff ff ff ff ff ff ff ff
patch memsz-huge $((seg + 40)) 00 00 00 00 00 00 7f 00
patch vaddr $((seg + 16)) 00 00 00 00 00 00 00 ff
patch vaddr-odd $((seg + 16)) 01 00 01 00 00 00 00 00
patch vaddr-btv $((seg + 16)) 00 00 ff ff ff 7f 00 00
patch vaddr-null $((seg + 16)) 00 00 00 00 00 00 00 00
patch align $((seg + 48)) 03
patch no-load $((seg + 0)) 00
while read -r file status regex; do
    bad "$file" "$status" "$regex" "$run" "./$file"
done <<'END'
empty         126 not an ELF file
text          126 not an ELF file
short         126 truncated ELF file \(40 bytes
cut-headers   126 program headers at offset 64 lie beyond the end
cut-segment   126 lies beyond the end
class         126 not a 64-bit ELF file
order         126 not a little-endian ELF file
core          126 type 4 .* is not an executable
object        126 type 1 .* is not an executable
machine       126 for x86-64, not for riscv64
aarch64       126 for AArch64, not for riscv64
phentsize     126 program headers of 57 bytes
phnum-none    126 0 program headers
phnum-many    126 65535 program headers
phoff         126 program headers at offset 18446744073709551615
entry         126 entry point 0xff00000000000000 is not a user address
entry-data    126 entry point 0x70000000 is not in executable memory
offset        126 lies beyond the end
filesz        126 lies beyond the end
filesz-memsz  126 more bytes in the file
memsz         126 leaves the user address space
memsz-huge    126 not free for guests
vaddr         126 leaves the user address space
vaddr-odd     126 differ within a page
vaddr-btv     126 not free for guests
vaddr-null    126 not free for guests
align         126 not a power of two
no-load       126 no loadable segment
END
bad "missing" 127 'no such program' "$run" ./missing
bad "not a directory" 127 'no such program' "$run" ./good/x
bad "directory" 126 'cannot be opened' "$run" /
bad "dynamic without a root" 126 'interpreter /lib/.* -L' "$run" "$top/fuzz/corpus/elf/dynamic"
for f in "$top"/fuzz/corpus/elf/*; do # nothing in the corpus crashes btv
    timeout 10 "$run" "$f" >out 2>&1 </dev/null
    s=$?
    verdict $((s == 0 || s == 126 && $(grep -c '' <out) == 1 ? 1 : 0)) "corpus $(basename "$f")" "status $s: $(head -c 300 out)"
done

# The file offset of the entry point, which the first PT_LOAD covers.
entry=$(($(od -An -tu8 -j 24 -N8 good) - $(od -An -tu8 -j $((seg + 16)) -N8 good) + $(od -An -tu8 -j $((seg + 8)) -N8 good)))
patch illegal $entry 00 00 00 00
bad "an undefined instruction" 132 'undefined instruction at 0x.*btv dis riscv64 00000000' bash -c 'exec 3>&2 2>/dev/null; "$1" ./illegal 2>&3; exit $?' bash "$run" # without the line of bash
patch nosys $entry 93 08 70 3e 73 00 00 00 93 08 d0 05 13 25 05 00 73 00 00 00 # a7 = 999; ecall; a7 = 93; a0 = a0 < 0; ecall
good "an unknown system call" 1 '^$' "$run" ./nosys
good "--strace names it" 1 '999.*ENOSYS' "$run" --strace ./nosys
if [ "$(id -u)" != 0 ]; then
    cp good unreadable && chmod 0 unreadable
    bad "an unreadable file" 126 'Permission denied' "$run" ./unreadable
elif command -v setpriv >/dev/null; then
    cp good unreadable && chmod 0 unreadable && chmod 755 .
    bad "an unreadable file" 126 'Permission denied' setpriv --reuid 65534 --regid 65534 --clear-groups "$run" ./unreadable
fi
bad "too little address space" 126 'code-cache-mib' bash -c 'ulimit -v 60000; exec "$1" ./good' bash "$run"
good "a smaller code cache" 0 '^$' bash -c 'ulimit -v 60000; exec "$1" --code-cache-mib=8 ./good' bash "$run"
bad "too few descriptors" 126 'Too many open files' bash -c 'ulimit -n 4; exec "$1" ./good' bash "$run"

# -- options ---------------------------------------------------------------------------------------------------------
good "--help" 0 'usage: btv-run' "$run" --help
good "-h" 0 '--strace' "$run" -h
good "--version" 0 '^btv [0-9]' "$run" --version
bad "no program" 2 'no program' "$run"
bad "unknown option" 2 'no such option' "$run" --nope ./good
bad "-L of nothing" 2 'no such directory' "$run" -L ./nope ./good
bad "-L without argument" 2 'needs an argument' "$run" -L
bad "flag with argument" 2 'takes no argument' "$run" --stats=1 ./good
bad "bad tier" 2 'bad argument' "$run" --tier=fast ./good
bad "bad cache size" 2 'bad argument' "$run" --code-cache-mib=0 ./good
bad "bad chaos" 2 'bad argument' "$run" --chaos=what ./good
bad "a chaos number out of range" 2 'regs=0: bad argument' "$run" --chaos=hot=1,regs=0 ./good
good "--chaos=help" 0 'flush-every' "$run" --chaos=help
good "a seed's switches" 0 '^[a-z=0-9,-]*,seed=3$' "$run" --chaos=seed=3,list
bad "bad -E" 2 'bad argument' "$run" -E novalue ./good
good "all good options" 0 '' "$run" -E A=1 -U HOME -0 zero --tier=interp --code-cache-mib=8 --chaos=no-chain,max-insns=3 -- ./good
good "BTV_OPTIONS" 0 '^btv ' env BTV_OPTIONS=' --version ' "$run" ./good
bad "bad BTV_OPTIONS" 2 'not an option' env BTV_OPTIONS='--stats x' "$run" ./good
bad "bad BTV_ROOT" 2 'BTV_ROOT=/nope' env BTV_ROOT=/nope "$run" ./good
bad "a hostile BTV_EXEC" 126 'BTV_EXEC' env BTV_EXEC='what' "$run" ./good
bad "BTV_EXEC with a bad escape" 126 'BTV_EXEC' env BTV_EXEC='path=%zz;' "$run" ./good

# -- scripts and -L --------------------------------------------------------------------------------------------------
printf '#!%s\n' "$work/good" >script && chmod +x script
good "a script" 0 '^$' "$run" ./script
printf '#!/no/such/interpreter\n' >orphan
bad "a script without interpreter" 126 '/no/such/interpreter' "$run" ./orphan
printf '#!./loop\n' >loop
bad "a script that interprets itself" 126 'symbolic links' "$run" ./loop
mkdir -p root/bin root/lib root/etc && cp good root/bin/prog && ln -s /bin/prog root/bin/absolute && ln -s /bin/loop root/bin/loop
good "a program under the root" 0 '^$' "$run" -L root /bin/prog
good "an absolute link stays in the root" 0 '^$' "$run" -L root /bin/absolute
good "dots do not leave the root" 0 '^$' "$run" -L root /../../bin/prog
good "BTV_ROOT" 0 '^$' env BTV_ROOT=root "$run" /bin/prog
good "the host's file where the root has none" 0 '^$' "$run" -L root "$work/good"
bad "a loop of links" 126 'symbolic links' "$run" -L root /bin/loop
(ulimit -s unlimited; "$run" ./good) && ok=1 || ok=0
verdict $ok "an unlimited stack" "status $?"
(ulimit -s 64; "$run" ./good) && ok=1 || ok=0
verdict $ok "a small stack" "status $?"
setarch -R "$run" ./good && ok=1 || ok=0
verdict $ok "no randomisation" "status $?"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
