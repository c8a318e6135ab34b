# Job control: background jobs, stop and continue, wait for one and for any, signals to a job, disown.
set -m
sleep 30 & one=$!
jobs -r | sed 's/  */ /g'
kill -STOP $one; sleep 0.2; jobs -s | sed 's/  */ /g'
kill -CONT $one; until jobs -r | grep -q sleep; do sleep 0.05; done; kill %1; wait $one; echo "status $?"
(exit 5) & wait $!; echo "status $?"
for i in 3 1 2; do (until [ -e end$i ]; do sleep 0.05; done; exit $i) & done
for i in 1 2 3; do >end$i; wait -n; echo "any $?"; done
bash -c 'kill -SEGV $$' 2>/dev/null; echo "segv $?"
bash -c 'trap "echo got term; exit 9" TERM; kill $$; sleep 1' ; echo "trap $?"
timeout 0.3 bash -c 'while :; do :; done'; echo "timeout $?"
sleep 30 & disown; kill $!
set +m
exit 0
