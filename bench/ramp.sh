#!/bin/sh
# ramp.sh [-n STARTS] [-h HALVINGS] NATIVE=COMMAND NAME=COMMAND... <LIST - how soon programs run at full speed.
# Each line of LIST is "ROW ARGUMENTS... SIZE"; it is run with 4, 2, 1, 1/2, ... 1/2^HALVINGS (default 5) times that, by all commands in turn, as `btv bench`
# does.  SIZE- instead: what it costs grows by a constant factor with each step of SIZE, and the sizes are SIZE + 3, + 1, - 1, ...
# Processor time, the least of STARTS (default 5).  Between two sizes, progress is what the first command takes for it, so SIZE need not be linear:
#   steady    time of the progress from SIZE on, as a ratio to the first command
#   90% by    ms after its start from when on all that follows goes at 90 % of that speed or more, looked at from each size to four times that
#   ms:%      when the progress between two sizes was done: speed, in per cent of the steady one.  The first includes starting
# shellcheck disable=SC2034,SC2154 # lib.sh reads starts and sets work and reader
set -u
here=$(cd "$(dirname "$0")" && pwd)
starts=5 halvings=5
while getopts n:h: o; do
    case $o in
    n) starts=$OPTARG ;;
    h) halvings=$OPTARG ;;
    *) echo "usage: $0 [-n STARTS] [-h HALVINGS] NATIVE=COMMAND NAME=COMMAND... <LIST" >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
. "$here/lib.sh"
awk -v halvings="$halvings" 'NF > 1 && !/^#/ {
    row = $1; size = $NF + 0; steps = $NF ~ /-$/
    for (k = -halvings; k <= 2; k++) {
        $1 = row "/" k
        $NF = steps ? size + 2 * k - 1 : int(size * 2 ^ k)
        if ($NF > 0)
            print
    }
}' >"$work/list"
measure "$@"
awk "$reader"'
    function row_done(   c, i, first, from, steady, speed, by, curve) {
        for (c = 2; c <= commands; c++) {
            for (first = 1; first < points - 2 && ms[first + 1, 1] - ms[first, 1] < 1; first++)
                continue
            steady = (ms[points, c] - ms[points - 2, c]) / (ms[points, 1] - ms[points - 2, 1])
            by = 0
            curve = ""
            for (i = first; i <= points; i++) {
                speed = i == first ? ms[i, 1] / ms[i, c] : (ms[i, 1] - ms[i - 1, 1]) / (ms[i, c] - ms[i - 1, c])
                from = i - 2 < first ? i - 1 : i - 2
                if (i == first ? speed * steady < 0.9 : (ms[i, 1] - ms[from, 1]) * steady < 0.9 * (ms[i, c] - ms[from, c]))
                    by = ms[i, c]
                curve = curve sprintf(" %.0f:%.0f", ms[i, c], 100 * speed * steady)
            }
            if (by > worst[c])
                worst[c] = by
            printf "%-16s %-10s %6.2f %9.0f  %s\n", row, command[c], steady, by, curve
        }
    }
    /^  \{"name": .*"words"/ { command[++commands] = text_of($0, "name") }
    /^  \{"name": .*"arguments"/ {
        name = text_of($0, "name")
        sub(/\/[^\/]*$/, "", name)
        if (name != row && points)
            row_done()
        if (name != row)
            points = 0
        if (!row)
            printf "%-16s %-10s %6s %9s  %s\n", "row", "command", "steady", "90% by", " ms:%"
        row = name
        points++
        at = 0
    }
    /^    \{"command"/ { ms[points, ++at] = least($0) }
    END {
        if (points)
            row_done()
        for (c = 2; c <= commands; c++)
            printf "%-16s %-10s %6s %9.0f\n", "the latest", command[c], "", worst[c]
    }' "$work/json"
