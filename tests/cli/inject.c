/*
 * inject SIGNAL SECONDS/10 COMMAND...: runs COMMAND and, after that time, gives it SIGNAL as if its own code had raised it
 * (si_code 1, si_addr the instruction).  Exits with 128 + N when signal N killed it; 77 if tracing is not allowed here.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int status, sig = argc > 3 ? atoi(argv[1]) : 0;
    if (!sig)
        return 2;
    pid_t pid = fork();
    if (pid == 0) {
        execv(argv[3], argv + 3);
        _exit(127);
    }
    usleep((unsigned)atoi(argv[2]) * 100000);
    if (ptrace(PTRACE_ATTACH, pid, 0, 0) || waitpid(pid, &status, 0) != pid) {
        perror("skipped: ptrace");
        kill(pid, SIGKILL);
        return 77;
    }
    siginfo_t info;
    struct user_regs_struct regs;
    memset(&info, 0, sizeof info);
    info.si_signo = sig;
    info.si_code = 1;
    if (ptrace(PTRACE_GETREGS, pid, 0, &regs) == 0)
        info.si_addr = (void *)regs.rip;
    if (!WIFSTOPPED(status) || ptrace(PTRACE_SETSIGINFO, pid, 0, &info) || ptrace(PTRACE_DETACH, pid, 0, (void *)(long)sig)) {
        perror("inject");
        kill(pid, SIGKILL);
        return 1;
    }
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
