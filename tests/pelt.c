/*
 * pelt SEED COMMAND [ARGS...] - runs the command while sending it signals that are ignored by default (SIGURG, SIGWINCH, SIGCONT),
 * at random points some 50 us to 5 ms apart.  Ends as the command does.  For tests/chaos.sh.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static const int signals[] = {SIGURG, SIGWINCH, SIGCONT};
    int status = 0;
    if (argc < 3)
        return 2;
    srandom((unsigned)atoi(argv[1]));
    pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, &status, WNOHANG) == 0) {
        usleep(50u << random() % 8);
        kill(pid, signals[random() % 3]);
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
