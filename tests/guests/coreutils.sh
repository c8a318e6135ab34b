# Files: create, copy, link, move, permissions, sparse files, times, listing, splitting.
umask 022
mkdir -p a/b/c && echo text >a/b/c/f && cp -a a z && mv z/b z/y && ln -s ../a z/link && ln a/b/c/f a/hard
find . | sort
stat -c '%A %h %s %n' a/hard a/b/c/f z/link
chmod 4751 a/hard && stat -c %a a/hard; chmod u=rw,go= a/hard; ls -l a/hard | cut -d' ' -f1-2
truncate -s 3M sparse && du -k --apparent-size sparse | cut -f1; dd if=/dev/zero of=sparse bs=1k count=4 seek=100 conv=notrunc 2>/dev/null; od -An -tx1 -j102400 -N4 sparse
cp --sparse=always sparse s2 && cmp sparse s2 && echo equal
seq 1000 | split -l 300 - part. && wc -l part.*; csplit -s -f cs <(seq 30) 10 20; ls cs*
tac part.aa | head -n 2; nl part.ab | tail -n 1; rev <<<abc; fold -w 5 <<<abcdefghij; expand <<<$'a\tb' | od -c | head -n 2
join <(seq 5 | sed 's/$/ l/') <(seq 3 7 | sed 's/$/ r/'); comm -12 <(seq 5) <(seq 3 7); cut -c2-3 <<<abcdef; tsort <<<'a b
b c'
realpath --relative-to=a z/link; readlink z/link; basename /x/y.z .z; dirname /x/y; pathchk ok && mktemp -u XXX | wc -c
touch -r a/b/c/f t && [ ! t -nt a/b/c/f ] && echo times; test -x /usr/bin/true && echo x
install -m 600 a/b/c/f i/../inst 2>/dev/null; install -D -m 640 a/b/c/f i/j/f && stat -c %a i/j/f
tee one two <<<tee >/dev/null; cat one two; shred -u one; ls; rm -rf a z i; ls | wc -l
id -u; whoami; groups 2>/dev/null | wc -w; pwd; printenv HOME; sleep 0.01; sync .; df . >/dev/null && echo df
echo aGVsbG8= | base64 -d; echo; tr -s a <<<baaad; pr -t -2 -l 3 <<<$'1\n2\n3\n4'; od -An -tf8 <<<12345678
