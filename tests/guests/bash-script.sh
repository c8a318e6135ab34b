# Arrays, functions, expansion, arithmetic, here documents, regular expressions, read loops.
declare -A h=([one]=1 [two]=2 [three]=3)
for k in $(printf '%s\n' "${!h[@]}" | sort); do echo "$k=${h[$k]}"; done
fib() { local n=$1; ((n < 2)) && { echo "$n"; return; }; echo $(($(fib $((n - 1))) + $(fib $((n - 2))))); }
fib 8
a=({1..200}); s=0
for x in "${a[@]}"; do ((s += x * x % 17)); done; echo "$s ${#a[@]} ${a[*]:195}"
v=path/to/file.tar.gz; echo "${v##*/} ${v%%.*} ${v/to/TO} ${v^^} ${v:5:2}"
[[ 2024-11-05 =~ ^([0-9]+)-([0-9]+)-([0-9]+)$ ]] && echo "${BASH_REMATCH[3]}.${BASH_REMATCH[2]}.${BASH_REMATCH[1]}"
while IFS=: read -r user _ uid _; do echo "$uid $user"; done <<END
root:x:0:0
daemon:x:1:1
END
printf '%05d|%-8s|%8.3f|%q\n' 42 left 2.5 "a b'c"
case $v in *.tar.gz) echo tarball ;; *) echo other ;; esac
n=0; until ((n >= 3000)); do ((n++)); done; echo $n
echo $((1 << 40)) $((-7 / 2)) $((-7 % 3)) $((0x7fffffffffffffff + 1))
select_() { local IFS=,; echo "$*"; }; select_ a b c
exit 0
