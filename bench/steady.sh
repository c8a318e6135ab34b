#!/bin/sh
# steady.sh [-k K] [-n STARTS] NAME=COMMAND... <LIST - what programs cost once they run, and what it costs to get there.
# Each line of LIST is "ROW ARGUMENTS... SIZE"; it is run with SIZE and with K times as much (default 4), by all commands in turn, as `btv bench` does.
# Printed are ratios of processor time to the first command, the least of STARTS (default 5):
#   cold      of the run with SIZE
#   steady    of the difference of the two runs
#   start     milliseconds of the run with SIZE that are not steady: start-up and translation, beyond those of the first command
#   90% by    ms after which the program has 90 % of its steady speed for good: at most ten times `start`, as it loses a tenth of the time before
# shellcheck disable=SC2034,SC2154 # lib.sh reads starts and sets work and reader
set -u
here=$(cd "$(dirname "$0")" && pwd)
k=4 starts=5
while getopts k:n: o; do
    case $o in
    k) k=$OPTARG ;;
    n) starts=$OPTARG ;;
    *) echo "usage: $0 [-k K] [-n STARTS] NAME=COMMAND... <LIST" >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
. "$here/lib.sh"
awk -v k="$k" 'NF > 1 && !/^#/ { print; $1 = $1 "/more"; $NF *= k; print }' >"$work/list"
measure "$@"
awk -v k="$k" "$reader"'
    /^  \{"name": .*"words"/ { command[++commands] = text_of($0, "name") }
    /^  \{"name": .*"arguments"/ { row = text_of($0, "name"); at = 0 }
    /^    \{"command"/ { ms[row, ++at] = least($0); if (row !~ /\/more$/ && at == 1) rows[++nrows] = row }
    END {
        printf "%-16s", "row"
        for (c = 2; c <= commands; c++)
            printf " | %-10s cold steady start 90%% by", command[c]
        print ""
        for (r = 1; r <= nrows; r++) {
            name = rows[r]
            more = name "/more"
            native = ms[more, 1] - ms[name, 1]
            printf "%-16s", name
            for (c = 2; c <= commands; c++) {
                each = ms[more, c] - ms[name, c]
                start = ms[name, c] - each / (k - 1) - (ms[name, 1] - native / (k - 1))
                start = start < 0 ? 0 : start
                cold = ms[name, c] / ms[name, 1]
                steady = each / native
                logs[c] += log(cold)
                steadies[c] += log(steady)
                printf " | %15.2f %6.2f %5.1f %6.0f", cold, steady, start, 10 * start
            }
            print ""
        }
        printf "%-16s", "geometric mean"
        for (c = 2; c <= commands; c++)
            printf " | %15.2f %6.2f %12s", exp(logs[c] / nrows), exp(steadies[c] / nrows), ""
        print ""
    }' "$work/json"
