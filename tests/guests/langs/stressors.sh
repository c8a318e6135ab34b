#!/bin/bash
# stressors.sh NAME... - each stressor of stress-ng for a second, checked: prints which did not pass.  A second process, in a
# user namespace of its own with another user, runs those that refuse root.
set -u
failed=0
for name; do
    case $name in
    exec | spawn) as=(unshare -U --map-user=1000) ;;
    icmp-flood | rawsock | rawudp | tun) as=(unshare -n) ;;
    *) as=() ;;
    esac
    timeout -k 1 60 "${as[@]}" stress-ng "--$name" 1 -t 1 --verify --oom-avoid --oom-avoid-bytes 2G --temp-path "$PWD" >log 2>&1
    status=$?
    if [ $status != 0 ] || ! grep -q 'passed: 1: ' log; then
        echo "$name: not passed, status $status"
        cat log >&2
        failed=$((failed + 1))
    fi
done
echo "$# stressors, $failed not passed"
