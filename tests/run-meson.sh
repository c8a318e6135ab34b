#!/bin/bash
# run-meson.sh [MESON TEST ARGUMENTS] - runs the tests of $BUILD (default build) and sums up their last lines.
# A test that fails without saying a number counts as one failure; skipped ones are listed with their reason.
set -u
build=${BUILD:-build}
jobs=${J:-$(nproc 2>/dev/null || echo 2)}
meson test -C "$build" --print-errorlogs --num-processes "$jobs" "$@"
status=$?
log=$build/meson-logs/testlog.txt
awk '
function finish() {
    if (name == "") return
    if (skipped) print "skipped " name ": " last
    else { passed += p; failed += failing && !f ? 1 : f }
    name = ""
}
/^=+ [0-9]+\/[0-9]+ =+$/ { finish(); p = f = failing = skipped = 0; last = "" }
/^test: /    { name = substr($0, 7); gsub(/^ +/, "", name) }
/^result: /  { failing = $0 !~ /exit status 0/; skipped = $0 ~ /exit status 77/ }
/^[0-9]+ passed, [0-9]+ failed$/ { p = $1; f = $3 } # the last one counts: a test may show those of its parts
/^(Summary of Failures|Ok):/ { finish() }
/./ && !/^=/ { last = $0 }
END { finish(); printf "%d passed, %d failed\n", passed, failed; exit failed > 0 }' "$log"
sum=$?
[ $status -eq 0 ] && [ $sum -eq 0 ]
