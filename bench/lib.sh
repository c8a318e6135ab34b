# Shared by steady.sh and ramp.sh, which source it when their options are read: commands in $@, $starts, $here.
# shellcheck shell=sh disable=SC2154 # starts and here are set there
[ $# -ge 2 ] || { echo "$0: needs two commands" >&2; exit 2; }
work=$(mktemp -d "${TMPDIR:-/tmp}/btv-bench.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT

# measure COMMAND...: processor times of the rows in $work/list, to $work/json
measure() {
    "${BUILD:-$here/../build}/btv" bench -l "$work/list" -n "$starts" -w 0 -m cpu --json "$work/json" "$@" >/dev/null || exit 1
}

# For awk programs that read $work/json: the least of the times in a line, in ms; the text of a key.
# shellcheck disable=SC2034 # used there
reader='
    function least(text,   n, i, part, best) {
        sub(/.*"cpu_ns": \[/, "", text)
        sub(/\].*/, "", text)
        n = split(text, part, ", ")
        for (i = 1; i <= n; i++)
            if (!best || part[i] + 0 < best)
                best = part[i] + 0
        return best / 1e6
    }
    function text_of(line, key) {
        sub(".*\"" key "\": \"", "", line)
        sub(/".*/, "", line)
        return line
    }
'
