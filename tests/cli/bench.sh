#!/bin/sh
# btv bench: tables, verdicts, list files, numbers in JSON, and what is refused
# shellcheck disable=SC2154 # tmp and btv are set there
. "$(dirname "$0")/lib.sh"

# has_not TEXT
has_not() {
    if grep -qF -e "$1" "$tmp/out"; then bad "in the output: $1"; else passed=$((passed + 1)); fi
}
# says TEXT: on standard error
says() {
    if grep -qF -e "$1" "$tmp/err"; then passed=$((passed + 1)); else bad "not said: $1; but: $(cat "$tmp/err")"; fi
}
# line REGEX: one whole line of the output
line() {
    if grep -qE "^$1\$" "$tmp/out"; then passed=$((passed + 1)); else bad "no line $1 in: $(cat "$tmp/out")"; fi
}
n='[0-9]+\.[0-9][0-9]'
interval="\\[$n, $n\\]"

cat >"$tmp/work" <<'END'
#!/bin/sh
# work [-s] [-e STATUS] [-k] [-x] TEXT: sleeps, exits, is killed, prints to standard error
nap=0.001 status=0
while :; do
    case $1 in
    -s) nap=0.05; shift ;;
    -e) status=$2; shift 2 ;;
    -k) kill -9 $$ ;;
    -x) echo "it broke" >&2; echo "and more" >&2; shift ;;
    *) break ;;
    esac
done
sleep $nap
echo "$*"
exit $status
END
chmod +x "$tmp/work"

run 0 bench -n 6 -w 0 "fast=$tmp/work x" "slow=$tmp/work -s x"
line '\|  \| fast ms \| slow \|'
line "\\| wall \\| $n $interval \\| $n $interval \\|"
ratio=$(sed -n 's/^| wall | [0-9.]* \[.*\] | \([0-9.]*\) .*/\1/p' "$tmp/out")
if awk -v r="$ratio" 'BEGIN { exit !(r > 1.2) }'; then passed=$((passed + 1)); else bad "ratio $ratio of a slower command"; fi
run 0 bench --starts=5 "fast=$tmp/work x" "$tmp/work x"
line "\\| wall \\| $n \\| $n \\|"
has '| fast ms | work |'
run 0 bench -n 1 -w 0 "$tmp/work x" # alone
line "\\| wall \\| $n \\|"

# every measure is a table; user and system time of children counts
run 0 bench -n 6 -m rss,cpu,wall --json "$tmp/json" "a=$tmp/work x" "b=$tmp/work x"
line "\\| rss \\| $n $interval \\| $n $interval \\|"
line "\\| cpu \\| $n $interval \\| $n $interval \\|"
line "\\| wall \\| $n $interval \\| $n $interval \\|"
if command -v python3 >/dev/null; then
    if python3 - "$tmp/json" <<'END'; then passed=$((passed + 1)); else bad "$(cat "$tmp/json")"; fi
import json, sys
j = json.load(open(sys.argv[1]))
r = j["rows"][0]["results"]
assert j["version"] == 1 and j["starts"] == 6 and [c["name"] for c in j["commands"]] == ["a", "b"]
assert all(x["verdict"] == "right" and len(x[k]) == 6 and min(x[k]) > 0 for x in r for k in ("wall_ns", "cpu_ns", "rss_kib"))
assert all(w >= 1e6 for x in r for w in x["wall_ns"])
END
fi

# another result
run 1 bench -n 2 "a=$tmp/work x" "b=$tmp/work y"
line "\\| wall \\| $n \\| wrong \\|"
says 'b: printed 2 bytes that are not the 2 of a'
run 1 bench -n 2 "a=$tmp/work x" "b=$tmp/work -x -e 3 x"
says 'b: exit status 3, not exit status 0: it broke'
run 1 bench -n 2 "a=$tmp/work -e 3 x" "b=$tmp/work -k"
says 'b: killed by signal 9 (Killed), not exit status 3'
run 0 bench -n 2 "a=$tmp/work -e 3 x" "b=$tmp/work -e 3 x"
run 1 bench -n 2 "a=$tmp/work \$\$" "b=$tmp/work '\$\$ '" # quotes keep blanks, nothing is expanded
says 'b: printed 4 bytes'
run 1 bench -n 2 -t 1 'a=echo' "b=sh -c 'sleep 30; echo'"
line "\\| wall \\| $n \\| timeout \\|"
says 'b: not done in 1 seconds'
run 1 bench -n 2 "a=sh -c 'date +%N'" 'b=echo'
has '| wrong | - |'
run 1 bench -n 2 "$tmp/work x" "$tmp/nowhere"
says "nowhere: cannot run $tmp/nowhere: No such file or directory"

# list files
cat >"$tmp/list" <<'END'
# name arguments

one 1
two  "2  2"	'3'
slow -s x
END
run 0 bench -n 6 -l "$tmp/list" --only one,two --json "$tmp/json" "a=$tmp/work" "b=$tmp/work"
has '| row | a ms | b |'
line "\\| one \\| $n $interval \\| $n $interval \\|"
line "\\| \\*\\*geometric mean\\*\\* \\| \\| \\*\\*$n\\*\\* $interval \\(2\\) \\|"
has_not '| slow |'
if grep -qF '"arguments": ["2  2", "3"]' "$tmp/json"; then passed=$((passed + 1)); else bad "$(cat "$tmp/json")"; fi
# a wrong row stays out of the mean
run 1 bench -n 6 -w 0 -l "$tmp/list" -o one,two "a=$tmp/work" "b=sh -c 'sleep 0.01; echo 1'"
line "\\| two \\| $n $interval \\| wrong \\|"
line "\\| \\*\\*geometric mean\\*\\* \\| \\| \\*\\*$n\\*\\* $interval \\(1\\) \\|"

# --cpu holds for what is started
cpu=$(taskset -cp $$ 2>/dev/null | sed 's/.*: \([0-9]*\).*/\1/')
if [ -n "$cpu" ]; then
    run 0 bench -n 1 --cpu "$cpu" "a=sh -c 'taskset -cp \$\$ | sed \"s/.*: //\"'" "b=echo $cpu"
fi

refuse 2 bench
refuse 2 bench -n 0 true
refuse 2 bench -n 1001 true
refuse 2 bench -n x true
refuse 2 bench -w -1 true
refuse 2 bench -t 0 true
refuse 2 bench -m wall,wall true
refuse 2 bench -m size true
refuse 2 bench --cpu 1023 true
refuse 2 bench --nonsense true
refuse 2 bench "a='open"
refuse 2 bench 'a='
refuse 2 bench -o one true
refuse 2 bench a b c d e f g h i j k l m n o p q
refuse 1 bench -l "$tmp/nowhere" true
refuse 1 bench -l "$tmp/list" -o three true
printf 'a "b\n' >"$tmp/open"
refuse 1 bench -l "$tmp/open" true
run 1 bench -n 1 --json /nonexistent/x true
says '/nonexistent/x'
run 0 bench --help
has 'usage: btv bench'
# bench/steady.sh: the same program twice costs about the same; one command is nothing to compare
printf 'i=0\nwhile [ $i -lt $2 ]; do i=$((i + 1)); done\n' >"$tmp/loop"
steady=$(dirname "$0")/../../bench/steady.sh
echo 'count up 20000' | BUILD=$(dirname "$btv") "$steady" -n 2 "a=sh $tmp/loop" "b=sh $tmp/loop" >"$tmp/out"
has 'count  '
has '| b          cold steady start 90% by'
awk '/^geometric mean/ { ok = $4 > 0.2 && $4 < 5 && $5 > 0.2 && $5 < 5 } END { exit !ok }' "$tmp/out" || bad "steady.sh: $(cat "$tmp/out")"
"$steady" "a=sh $tmp/loop" </dev/null >/dev/null 2>&1
[ $? -eq 2 ] || bad 'steady.sh: one command is accepted'
# bench/ramp.sh: the same program twice has its speed from the start; one with much to do before, only later
ramp=${steady%/*}/ramp.sh
printf 'i=0\nwhile [ $i -lt 400 ]; do j=0; while [ $j -lt 40 ]; do j=$((j + 1)); done; i=$((i + 1)); done\nsh %s/loop up $2\n' "$tmp" >"$tmp/late"
echo 'count up 4000' | BUILD=$(dirname "$btv") "$ramp" -n 3 -h 2 "a=sh $tmp/loop" "b=sh $tmp/loop" "late=sh $tmp/late" >"$tmp/out"
has 'row              command    steady    90% by   ms:%'
awk '{ split($5, first, ":") } $2 == "b" { b = first[2] } $2 == "late" { late = first[2]; by = $4 } END { exit !(b > 1.5 * late && by > 0) }' "$tmp/out" ||
    bad "ramp.sh: $(cat "$tmp/out")"
echo 'count up 5-' | BUILD=$(dirname "$btv") "$ramp" -n 1 -h 1 "a=sh $tmp/loop" "b=sh $tmp/loop" >"$tmp/out"
has 'count            b'
"$ramp" "a=sh $tmp/loop" </dev/null >/dev/null 2>&1
[ $? -eq 2 ] || bad 'ramp.sh: one command is accepted'
done_
