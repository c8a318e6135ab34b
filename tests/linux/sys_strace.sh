#!/bin/sh
# --strace: the lines of a known program, with numbers that vary replaced.  BTV: command that runs a guest program.
here=$(cd "$(dirname "$0")" && pwd)
: "${BTV:=$here/../../build/src/cli/btv-run}"
cc=${RISCV_CC:-riscv64-linux-gnu-gcc}
if ! command -v "$cc" >/dev/null; then
    echo "skipped: no RISC-V compiler ($cc)"
    exit 77
fi
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
cat >"$out/p.c" <<'END'
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <time.h>
#include <unistd.h>
int main(void)
{
    char buf[16];
    int p[2], fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    open("/none\"\n", O_WRONLY | O_CREAT | O_DIRECTORY, 0644);
    write(fd, "a\tb\"\\\001" "2\377", 8);
    pipe(p);
    struct iovec v[2] = {{"ab", 2}, {"cde", 3}};
    writev(p[1], v, 2);
    read(p[0], buf, 16);
    struct pollfd pf = {p[1], POLLIN | POLLOUT, 0};
    struct timespec ts = {1, 5};
    syscall(SYS_ppoll, &pf, 1, &ts, 0, 8);
    syscall(SYS_mmap, 0L, 4096L, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, -1, 0L);
    signal(SIGUSR1, SIG_IGN);
    kill(getpid(), SIGUSR1);
    struct sockaddr_in in = {AF_INET, htons(80), {htonl(0x7f000001)}};
    connect(-1, (void *)&in, sizeof in);
    syscall(SYS_nanosleep, 16, 0);
    syscall(259, 4096, 4100, 1);
    syscall(999, 1, 2);
    _exit(5);
}
END
cat >"$out/want" <<'END'
PID openat(AT_FDCWD, "/dev/null", O_RDWR|O_CLOEXEC) = 3
PID openat(AT_FDCWD, "/none\"\n", O_WRONLY|O_CREAT|O_DIRECTORY, 0644) = -1 EINVAL (Invalid argument)
PID write(3, "a\tb\"\\\0012\377", 8) = 8
PID pipe2([4, 5], 0) = 0
PID writev(5, [{iov_base="ab", iov_len=2}, {iov_base="cde", iov_len=3}], 2) = 5
PID read(4, "abcde", 16) = 5
PID ppoll([{fd=5, events=POLLIN|POLLOUT}], 1, {tv_sec=1, tv_nsec=5}, NULL, 8) = 1 ([{fd=5, revents=POLLOUT}], left {tv_sec=TIME})
PID mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED, -1, 0) = -1 EBADF (Bad file descriptor)
PID rt_sigaction(SIGUSR1, {sa_handler=SIG_IGN, sa_mask=[USR1], sa_flags=SA_RESTART}, {sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}, 8) = 0
PID getpid() = PID
PID kill(PID, SIGUSR1) = 0
PID connect(-1, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = -1 EBADF (Bad file descriptor)
PID nanosleep(0x10, NULL) = -1 EFAULT (Bad address)
PID riscv_flush_icache(0x1000, 0x1004, SYS_RISCV_FLUSH_ICACHE_LOCAL) = 0
PID syscall_999(0x1, 0x2, REST) = -1 ENOSYS (Function not implemented)
PID exit_group(5) = ?
PID +++ exited with 5 +++
END
passed=0 failed=0
if "$cc" -O1 -w -D_GNU_SOURCE -static -o "$out/p" "$out/p.c"; then
    $BTV --strace="$out/log" "$out/p"
    status=$?
    sed -n '/openat(AT_FDCWD, "\/dev\/null"/,$p' "$out/log" | sed -E '
        s/^[0-9]+ /PID /; s/getpid\(\) = [0-9]+/getpid() = PID/; s/kill\([0-9]+/kill(PID/
        s/left \{tv_sec=[^}]*/left {tv_sec=TIME/; s/(syscall_999\(0x1, 0x2), [^)]*/\1, REST/' >"$out/got"
    if [ $status = 5 ]; then passed=1; else failed=1; echo "exit status $status, not 5"; fi
    if diff "$out/want" "$out/got"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    # what a program executes goes on in the same file, and the guest's standard error stays its own
    cat >"$out/e.c" <<'END'
#include <unistd.h>
int main(int c, char **v) { close(2); return c > 1 ? 7 : execl(v[0], v[0], "again", (char *)0); }
END
    "$cc" -w -static -o "$out/e" "$out/e.c" && $BTV --strace="$out/log" "$out/e" 2>"$out/err"
    if [ $? = 7 ] && [ ! -s "$out/err" ] && grep -q 'exit_group(7)' "$out/log"; then passed=$((passed + 1)); else failed=$((failed + 1)); cat "$out/err"; fi
    $BTV --strace "$out/e" 2>"$out/err"
    if grep -q 'exit_group(7)' "$out/err"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    # signals, how children end, structs; -e, -s, -T, -o
    cat >"$out/c.c" <<'END'
#include <signal.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
static void on(int s) { (void)s; }
int main(void)
{
    int w, e = epoll_create1(0);
    struct stat st;
    struct epoll_event ev = {EPOLLIN | EPOLLET, {.u64 = 7}};
    signal(SIGUSR1, on);
    raise(SIGUSR1);
    stat("/dev/null", &st);
    epoll_ctl(e, EPOLL_CTL_ADD, 0, &ev);
    if (!fork())
        _exit(3);
    wait(&w);
    if (!fork())
        *(volatile int *)8 = 1;
    wait(&w);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGSEGV);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    if (!fork()) {
        usleep(50000);
        kill(getppid(), SIGSEGV);
        _exit(0);
    }
    usleep(500000); /* the host's handler interrupts it, the guest's does not */
    write(1, "0123456789", 10);
    return 0;
}
END
    "$cc" -w -static -o "$out/c" "$out/c.c" && $BTV -f -T -s 4 -o "$out/log" "$out/c" >/dev/null </dev/null
    for line in ' --- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_TKILL, si_pid=[0-9]*, si_uid=[0-9]*} ---$' '"/dev/null", {st_mode=S_IFCHR|0666, st_rdev=makedev(0x1, 0x3), ...}, 0) = 0 <0.' \
        'EPOLL_CTL_ADD, 0, {events=EPOLLIN|EPOLLET, data={u32=7, u64=7}})' ' +++ exited with 3 +++$' 'wait4[( ][^[]*\[{WIFEXITED(s) && WEXITSTATUS(s) == 3}\], 0, NULL) = ' \
        ' --- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x8} ---$' ' +++ killed by SIGSEGV +++$' 'WTERMSIG(s) == SIGSEGV}\]' \
        ' restart_syscall(<... resuming interrupted clock_nanosleep ...>' 'write(1, "0123"..., 10) = 10 <'; do
        if grep -q -e "$line" "$out/log"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "no line: $line"; fi
    done
    $BTV -e trace=wait4,write -o "$out/log" "$out/c" >/dev/null </dev/null
    if ! grep -v -e ' wait4[( ]' -e ' write(' -e ' --- ' -e ' +++ ' "$out/log" && grep -q ' wait4(' "$out/log"; then passed=$((passed + 1)); else failed=$((failed + 1)); cat "$out/log"; fi
    $BTV -e trace=%file,exit_group -o "$out/log" "$out/c" >/dev/null </dev/null && $BTV -e '!%file,%desc' -o "$out/log2" "$out/c" >/dev/null </dev/null
    if grep -q ' newfstatat(' "$out/log" && grep -q ' exit_group(' "$out/log" && ! grep -e ' write[( ]' -e ' wait4[( ]' "$out/log" &&
        grep -q ' wait4(' "$out/log2" && ! grep -e ' write[( ]' -e ' newfstatat(' "$out/log2"; then passed=$((passed + 1)); else failed=$((failed + 1)); cat "$out/log" "$out/log2"; fi
    # threads in the middle of calls, files of their own, descriptors, times, counts
    cat >"$out/t.c" <<'END'
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
static int p[2];
static volatile int tid;
static void *reader(void *a) { char c; tid = syscall(SYS_gettid); read(p[0], &c, 1); return a; }
static int sleeps(int t)
{
    char name[64], text[256] = "";
    snprintf(name, sizeof name, "/proc/self/task/%d/stat", t);
    int fd = open(name, O_RDONLY);
    read(fd, text, 255);
    close(fd);
    return strstr(text, ") S") != 0;
}
int main(int argc, char **argv)
{
    pthread_t t;
    char *again[] = {argv[0], "x", "y", 0};
    if (argc == 3)
        return 0;
    pipe(p);
    pthread_create(&t, 0, reader, 0);
    while (!tid || !sleeps(tid))
        usleep(1000);
    chdir("/");
    close(open("/dev/null", O_RDONLY));
    write(p[1], "q", 1);
    pthread_join(t, 0);
    if (!fork())
        return execv(argv[0], again);
    wait(0);
    for (int i = 0; i < 7; i++)
        chdir("/none");
    return 0;
}
END
    "$cc" -w -static -pthread -o "$out/t" "$out/t.c" && $BTV -ftty -o "$out/log" "$out/t"
    for line in ' read(3<pipe:\[[0-9]*\]>,  <unfinished ...>$' ' <... read resumed>"q", 1) = 1$' '^[0-9]* [0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]\{6\} chdir("/") = 0$' \
        ' openat(AT_FDCWD</>, "/dev/null", O_RDONLY) = 5</dev/null>$' ' close(5</dev/null>) = 0$' ' execve("[^"]*/t", \["[^"]*", "x", "y"\], 0x[0-9a-f]* /\* [0-9]* vars \*/' \
        '^[0-9]* [0-9:.]* +++ exited with 0 +++$'; do
        if grep -q -e "$line" "$out/log"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "no line: $line"; fi
    done
    # a call begun is ended once, in the line itself or by a rest
    if awk '/<unfinished \.\.\.>$/ { open[$1] = 1 } / resumed>/ { if (!open[$1]) bad = 1; open[$1] = 0 } !/ (=|resumed>|\+\+\+|---)/ && !/unfinished/ { bad = 1 } END { exit bad }' "$out/log"
    then passed=$((passed + 1)); else failed=$((failed + 1)); echo "unfinished and resumed calls do not match"; fi
    # -r needs differences, -ttt seconds since 1970
    $BTV -r -e trace=chdir -o "$out/log" "$out/t" && $BTV -ttt -e trace=chdir -o "$out/log2" "$out/t"
    if grep -q '^[0-9]* *[0-9]*\.[0-9]\{6\} chdir("/") = 0$' "$out/log" && grep -q '^[0-9]* [0-9]\{10,\}\.[0-9]\{6\} chdir("/") = 0$' "$out/log2"
    then passed=$((passed + 1)); else failed=$((failed + 1)); cat "$out/log" "$out/log2"; fi
    # -ff: a file for each thread and process, which nobody interrupts; one goes on over execve
    $BTV -ff -o "$out/ff" "$out/t"
    n=$(ls "$out"/ff.* | wc -l)
    if [ "$n" = 3 ] && ! grep -e unfinished -e '^[0-9]' "$out"/ff.* && [ "$(cat "$out"/ff.* | grep -c 'exited with 0')" = 3 ] && grep -q '^execve(.*"x", "y"\].* = 0$' "$out"/ff.*
    then passed=$((passed + 1)); else failed=$((failed + 1)); echo "-ff: $n files"; cat "$out"/ff.*; fi
    # -c: a table of all processes, no lines; -C: both
    $BTV -c -o "$out/log" "$out/t"
    if grep -q '^ *[0-9.]* *[0-9.]* *[0-9]* *8 *7 chdir$' "$out/log" && grep -q '^100\.00 .* total$' "$out/log" && grep -q ' 2 *execve$' "$out/log" && ! grep -e '(' -e '+++' "$out/log" &&
        awk '$NF == "total" { exit } NR > 2 && $1 + 0 > last + 0 && NR > 3 && $1 !~ /-/ { exit 1 } { last = $1 }' "$out/log"
    then passed=$((passed + 1)); else failed=$((failed + 1)); cat "$out/log"; fi
    $BTV -C -w -e trace=chdir -o "$out/log" "$out/t"
    if [ "$(grep -c 'chdir("/none") = -1 ENOENT' "$out/log")" = 7 ] && grep -q ' 8 *7 chdir$' "$out/log"; then passed=$((passed + 1)); else failed=$((failed + 1)); cat "$out/log"; fi
    # what a program waits in is there before it has returned
    cat >"$out/k.c" <<'END'
#include <unistd.h>
int main(void) { char c; int p[2]; pipe(p); return read(p[0], &c, 1); }
END
    "$cc" -w -static -o "$out/k" "$out/k.c" && { $BTV -o "$out/log" "$out/k" & }
    k=$! n=0
    until [ "$(tail -n 1 "$out/log" 2>/dev/null | sed 's/^[0-9]* //')" = 'read(3, ' ] || [ $n = 300 ]; do
        sleep 0.1
        n=$((n + 1))
    done
    kill -9 $k
    wait $k 2>/dev/null
    if [ $n -lt 300 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); tail -n 1 "$out/log"; fi
else
    failed=1
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
