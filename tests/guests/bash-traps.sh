# Signals between processes, EXIT and ERR traps, ulimit, environment through exec.
trap 'echo exit trap' EXIT
trap 'n=$((n + 1))' USR1
n=0
for i in $(seq 50); do kill -USR1 $$; done
echo "usr1 $n"
(trap 'echo child int; exit 3' INT; kill -INT $BASHPID; echo not reached); echo $?
A=1 B='two words' bash -c 'echo "$A $B $0 $#" ' name
( ulimit -n 64; ulimit -n )
( ulimit -t 100; ulimit -t )
bash -c 'exec -a other bash -c "echo \$0"'
env -i PATH="$PATH" bash -c 'echo ${HOME-unset}'
printf '#!/usr/bin/bash\necho script "$@"\n' >s; chmod +x s; ./s 1 2
printf '#!/usr/bin/awk -f\nBEGIN { print "awk script" }\n' >s2; chmod +x s2; ./s2
printf 'echo no shebang $1\n' >s3; chmod +x s3; ./s3 x
/nonexistent 2>/dev/null; echo $?
./s4 2>/dev/null; echo $?; touch s4; ./s4 2>/dev/null; echo $?
