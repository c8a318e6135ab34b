# Pipelines, process substitution, redirection, PIPESTATUS, co-processes, subshell exit codes.
seq 1 10000 | tr 0-9 a-j | sort | uniq | wc -l
yes | head -n 1000 | wc -c
false | true | (exit 3); echo "${PIPESTATUS[@]}"
diff <(seq 1 10) <(seq 1 2 10) | grep -c '^<'
exec 3> >(tr a-z A-Z >up); echo hello >&3; exec 3>&-; wait $!; cat up
coproc cat; echo through >&"${COPROC[1]}"; read -r line <&"${COPROC[0]}"; echo "$line"; exec {COPROC[1]}>&-
wait 2>/dev/null
seq 1 200000 | gzip -c | gzip -dc | tail -n 1
for i in 1 2 3 4 5 6 7 8; do (seq $((i * 1000)) | tail -n 1) & done | sort -n; wait
mkfifo p; (echo fifo >p &); cat p
cat <<<"$(seq 3)" | paste -sd+
head -c 100000 /dev/zero | od -An -tx1 | head -n 1
exit 0
