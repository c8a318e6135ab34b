#!/bin/bash
# layers.sh - checks the structure of the tree; prints each violation as file:line: message and fails if there is one.
#
#   1 a folder of src/ includes only folders of a lower number, itself, and base
#   2 every header compiles alone, with GCC
#   3 no row of a .def file has an empty description
#   4 guest names stay out of the layers that must not know guests
#   5 banned functions do not occur
#   6 no source file is longer than 1500 lines (.def files and tests aside)
set -u
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mapfile -t sources < <(find src include -name '*.[ch]' | sort)
mapfile -t defs < <(find src include -name '*.def' | sort)
# Files may come and go while others work; an unreadable one is not a violation.

includes() {
    awk '
    BEGIN {
        n = split("base 0 isa 1 ir 1 mem 1 image 1 guest 2 opt 2 host 2 run 3 prove 3 linux 4 machine 4 ckpt 5 plug 5 cli 6", w, " ")
        for (i = 1; i < n; i += 2) layer[w[i]] = w[i + 1]
    }
    FNR == 1 { split(FILENAME, p, "/"); own = p[2]; public = p[1] == "include" }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        split($0, q, "\""); split(q[2], r, "/"); to = r[1]
        if (to == "btv") next
        if (public) { printf "%s:%d: public header includes \"%s\"\n", FILENAME, FNR, q[2]; next }
        if (index(q[2], "/") == 0) { printf "%s:%d: include by path from src/: \"%s\"\n", FILENAME, FNR, q[2]; next }
        if (!(own in layer)) { printf "%s:%d: folder %s has no layer number\n", FILENAME, FNR, own; next }
        if (!(to in layer)) { printf "%s:%d: \"%s\" belongs to no layer\n", FILENAME, FNR, q[2]; next }
        if (to != own && layer[to] >= layer[own])
            printf "%s:%d: %s (layer %d) includes %s (layer %d)\n", FILENAME, FNR, own, layer[own], to, layer[to]
    }' "$@"
}

headers() {
    local h
    for h in "$@"; do
        case $h in *.h) ;; *) continue ;; esac
        # A header that is a fragment says so itself and names who includes it.
        head -n 30 "$h" | grep -q 'Fragment: included by' && continue
        if ! gcc -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Wno-unused-parameter -Isrc -Iinclude -I"$work" -x c -fsyntax-only "$h" \
             >"$work/header" 2>&1; then
            echo "$h:1: does not compile alone: $(grep -m1 'error' "$work/header")"
        fi
    done
}

rows() {
    awk '
    # A row starts with a word and a parenthesis at the margin and may continue over lines.
    /^[A-Za-z_][A-Za-z0-9_]*[ \t]*\(/ { row = ""; start = FNR; open = 1 }
    open {
        row = row $0
        if ($0 ~ /\)[ \t]*(\/\*.*)?$/) {
            sub(/[ \t]*\/\*.*$/, "", row)
            if (row ~ /,[ \t]*""[ \t]*\)$/ && row !~ /^#/)
                printf "%s:%d: row without a description\n", FILENAME, start
            open = 0
        }
    }' "$@"
}

banned() {
    # Comments and strings are cut away first, roughly: a word in them is no call.
    awk '
    { line = $0; gsub(/"([^"\\]|\\.)*"/, "\"\"", line); sub(/\/\/.*/, "", line); gsub(/\/\*[^*]*\*\//, "", line) }
    line ~ /^[ \t]*\*/ { next }
    match(line, /(^|[^A-Za-z0-9_])(gets|strcpy|strcat|sprintf|vsprintf|strtok|alloca)[ \t]*\(/) {
        printf "%s:%d: banned function:%s\n", FILENAME, FNR, substr(line, RSTART, RLENGTH)
    }' "$@"
}

# Headers that the build generates from rows
mkdir -p "$work/isa/riscv"
gcc -std=gnu17 -D_GNU_SOURCE -Isrc -Iinclude -o "$work/isagen" tools/isagen.c &&
    "$work/isagen" header "$work/isa/riscv/riscv_gen.h" && "$work/isagen" slots "$work/isa/riscv/riscv_slots.h"

{
    [ "${#sources[@]}" -eq 0 ] || includes "${sources[@]}"
    headers "${sources[@]}"
    [ "${#defs[@]}" -eq 0 ] || rows "${defs[@]}"
    for d in src/ir src/opt src/run src/host src/mem; do
        [ -d "$d" ] && grep -rinE 'riscv|rv64' "$d" | sed 's/^\([^:]*:[0-9]*\):.*/\1: a guest name in a layer that must not know guests/'
    done
    mapfile -t code < <(find src include tests fuzz bench tools -name '*.[ch]' 2>/dev/null | sort)
    [ "${#code[@]}" -eq 0 ] || banned "${code[@]}"
    for f in "${sources[@]}"; do
        n=$(wc -l <"$f")
        [ "$n" -le 1500 ] || echo "$f:1: $n lines"
    done
} >"$work/report"

cat "$work/report"
failed=$(wc -l <"$work/report")
checked=$((${#sources[@]} + ${#defs[@]}))
bad=$(cut -d: -f1 "$work/report" | sort -u | wc -l)
echo "$((checked > bad ? checked - bad : 0)) passed, $failed failed"
[ "$failed" -eq 0 ]
