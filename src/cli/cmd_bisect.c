/*
 * btv bisect: finds the translated block that makes a program go wrong.
 *
 * The program runs interpreted for reference, then with only the blocks of an address range translated
 * (--chaos=jit=LO-HI) and the range halved.  Exit status and standard output are compared.  Address randomisation is
 * off, so that a block has one address in all runs.  Found is the lowest address HI such that translating everything
 * below HI fails, that is, a block that makes the difference; then whether it does so alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/tool.h"

static const char help[] =
    "usage: btv bisect [RUN OPTIONS] -- PROGRAM [ARGS...]\n\n"
    "Find the translated block that changes what PROGRAM prints or returns, compared with interpreting it.\n"
    "The program must give the same output each time and reads nothing.  RUN OPTIONS are those of `btv run`.\n\n"
    "  --btv=PATH   run PATH instead of this btv\n\n"
    "exit status: 0 a block was found, 1 there is none or the program cannot be bisected\n";

enum { MAX_SECONDS = 600, MIN_SECONDS = 10, SLOWER = 10 };
#define TOP (UINT64_C(1) << 48) /* no guest code above */

struct outcome {
    int status; /* of wait */
    uint64_t hash, bytes;
    bool late;
};

struct bisect {
    const struct tool_args *a;
    const char *btv;
    char **options, **program; /* program is NULL-terminated */
    int noptions;
    double seconds; /* the reference took */
    unsigned runs;
    struct outcome reference;
    bool broken;
};

/* -- running the program ------------------------------------------------------------------------------------ */

static double now(void)
{
    return (double)clock_ns(CLOCK_MONOTONIC) / 1e9;
}

/* In the child: becomes btv run OPTIONS EXTRA -- PROGRAM. */
static void become(const struct bisect *b, const char *extra)
{
    int n = 0, words = 0;
    while (b->program[words])
        words++;
    char **argv = calloc((size_t)(b->noptions + words) + 5, sizeof *argv);
    if (!argv)
        _exit(CLI_CANNOT_RUN);
    argv[n++] = (char *)(uintptr_t) "btv";
    argv[n++] = (char *)(uintptr_t) "run";
    for (int k = 0; k < b->noptions; k++)
        argv[n++] = b->options[k];
    argv[n++] = (char *)(uintptr_t)extra;
    argv[n++] = (char *)(uintptr_t) "--";
    for (int k = 0; k < words; k++)
        argv[n++] = b->program[k];
    personality(ADDR_NO_RANDOMIZE);
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 2);
    setpgid(0, 0);
    execv(b->btv, argv);
    _exit(CLI_CANNOT_RUN);
}

/* Hashes (FNV-1a) what comes from fd until its end or the deadline. */
static void digest(int fd, double deadline, struct outcome *out)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    uint8_t buf[65536];
    out->hash = UINT64_C(0xcbf29ce484222325);
    for (;;) {
        double left = deadline - now();
        if (left <= 0 || poll(&p, 1, (int)(left * 1000) + 1) == 0) {
            out->late = true;
            return;
        }
        ssize_t n = read(fd, buf, sizeof buf);
        if (n == 0 || (n < 0 && errno != EINTR))
            return;
        for (ssize_t k = 0; k < n; k++)
            out->hash = (out->hash ^ buf[k]) * UINT64_C(0x100000001b3);
        out->bytes += n > 0 ? (uint64_t)n : 0;
    }
}

static struct outcome run(struct bisect *b, const char *extra, double limit)
{
    struct outcome out = {.status = -1};
    int fd[2];
    if (pipe2(fd, O_CLOEXEC)) {
        tool_fail(b->a, "pipe: %s", strerror(errno));
        b->broken = true;
        return out;
    }
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fd[1], 1);
        become(b, extra);
    }
    close(fd[1]);
    if (pid < 0) {
        tool_fail(b->a, "fork: %s", strerror(errno));
        b->broken = true;
    } else {
        digest(fd[0], now() + limit, &out);
        if (out.late)
            kill(-pid, SIGKILL);
        while (waitpid(pid, &out.status, 0) < 0 && errno == EINTR)
            ;
        b->runs++;
    }
    close(fd[0]);
    return out;
}

static bool same(const struct outcome *x, const struct outcome *y)
{
    return x->late == y->late && x->status == y->status && x->hash == y->hash && x->bytes == y->bytes;
}

/* Does translating the blocks of [lo, hi) change the result? */
static bool fails(struct bisect *b, uint64_t lo, uint64_t hi)
{
    char extra[80];
    double limit = b->seconds * SLOWER + MIN_SECONDS;
    snprintf(extra, sizeof extra, "--chaos=jit=0x%" PRIx64 "-0x%" PRIx64, lo, hi);
    struct outcome o = run(b, extra, limit < MAX_SECONDS ? limit : MAX_SECONDS);
    return !same(&o, &b->reference);
}

/* -- where an address comes from ---------------------------------------------------------------------------- */

/* The file of /proc/PID/maps that holds pc: its path and the offset; false: none. */
static bool find_mapping(pid_t pid, uint64_t pc, char path[4096], uint64_t *offset)
{
    char name[64], line[4400];
    snprintf(name, sizeof name, "/proc/%d/maps", (int)pid);
    FILE *f = fopen(name, "re");
    bool found = false;
    while (f && !found && fgets(line, sizeof line, f)) {
        uint64_t start, end, at;
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %4095[^\n]", &start, &end, &at, path) == 4 && pc >= start && pc < end) {
            *offset = at + (pc - start);
            found = path[0] == '/';
        }
    }
    if (f)
        fclose(f);
    return found;
}

/* Runs the program once more, interpreted, and looks at its address space when it exits. */
static bool locate(struct bisect *b, uint64_t pc, char path[4096], uint64_t *offset)
{
    int go[2], status;
    bool found = false;
    if (pipe2(go, O_CLOEXEC))
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        if (read(go[0], &c, 1) == 1) {
            dup2(open("/dev/null", O_WRONLY), 1);
            become(b, "--tier=interp");
        }
        _exit(CLI_CANNOT_RUN);
    }
    if (pid > 0 && !ptrace(PTRACE_SEIZE, pid, NULL, (void *)(PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL)) && write(go[1], "g", 1) == 1)
        while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
            bool event = status >> 16;
            if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8))
                found = find_mapping(pid, pc, path, offset);
            ptrace(PTRACE_CONT, pid, NULL, (void *)(uintptr_t)(event ? 0 : WSTOPSIG(status)));
        }
    close(go[0]);
    close(go[1]);
    if (pid > 0)
        waitpid(pid, &status, WNOHANG);
    return found;
}

static void print_place(struct bisect *b, uint64_t pc)
{
    char path[4096];
    uint64_t offset, at, start = 0, size = 0;
    struct program p;
    struct btv_error err = {0};
    if (!locate(b, pc, path, &offset) || program_open(path, &p, &err) != BTV_OK) {
        printf("see: btv dump PROGRAM --at 0x%" PRIx64 " --stage all\n", pc);
        return;
    }
    if (program_address_of_offset(&p, offset, &at)) {
        const char *name = program_symbol(&p, at, &start, &size);
        printf("file: %s, address 0x%" PRIx64, path, at);
        if (name)
            printf(" <%s+0x%" PRIx64 ">", name, at - start);
        printf("\nsee: btv dump %s --at 0x%" PRIx64 " --stage all\n", path, at);
    }
    program_close(&p);
}

/* -- search ------------------------------------------------------------------------------------------------- */

/* [0, hi) fails, [0, lo) does not. */
static uint64_t lowest_end(struct bisect *b)
{
    uint64_t lo = 0, hi = TOP;
    while (hi - lo > 1 && !b->broken) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (fails(b, 0, mid))
            hi = mid;
        else
            lo = mid;
    }
    return hi;
}

/* The largest lo such that [lo, hi) fails. */
static uint64_t highest_start(struct bisect *b, uint64_t hi)
{
    uint64_t good = hi, bad = 0;
    while (good - bad > 1 && !b->broken) {
        uint64_t mid = bad + (good - bad) / 2;
        if (fails(b, mid, hi))
            bad = mid;
        else
            good = mid;
    }
    return bad;
}

static int search(struct bisect *b)
{
    double t = now();
    b->reference = run(b, "--tier=interp", MAX_SECONDS);
    b->seconds = now() - t;
    if (b->broken)
        return CLI_FAILURE;
    if (b->reference.late || (WIFEXITED(b->reference.status) && WEXITSTATUS(b->reference.status) >= CLI_CANNOT_RUN &&
                              WEXITSTATUS(b->reference.status) <= CLI_NOT_FOUND))
        return tool_fail(b->a, "%s: %s when interpreted", b->program[0], b->reference.late ? "does not end" : "cannot be run");
    struct outcome again = run(b, "--tier=interp", MAX_SECONDS);
    if (!same(&again, &b->reference))
        return tool_fail(b->a, "%s: two interpreted runs differ; its output must not depend on time or chance", b->program[0]);
    if (!fails(b, 0, TOP)) {
        if (!b->broken)
            printf("no translated block changes the result (status and %" PRIu64 " bytes of output)\n", b->reference.bytes);
        return CLI_FAILURE;
    }
    uint64_t end = lowest_end(b), pc = end - 1;
    bool alone = !b->broken && fails(b, pc, end);
    uint64_t first = alone || b->broken ? pc : highest_start(b, end);
    if (b->broken)
        return CLI_FAILURE;
    if (!fails(b, first, end) || (pc && fails(b, 0, pc)))
        return tool_fail(b->a, "%s: does not fail each time; no block can be named", b->program[0]);
    printf("guest pc 0x%" PRIx64 "%s\n", pc, alone ? "" : " (not alone)");
    if (!alone)
        printf("together with a block at 0x%" PRIx64 "; both: btv run --chaos=jit=0x%" PRIx64 "-0x%" PRIx64 "\n", first, first, end);
    printf("runs: %u\n", b->runs);
    print_place(b, pc);
    return 0;
}

int cmd_bisect(int argc, char **argv)
{
    struct tool_args a = {.command = "btv bisect", .argc = argc, .argv = argv, .at = 1};
    struct bisect b = {.a = &a, .btv = "/proc/self/exe", .options = argv + 1};
    int n = 1;
    if (argc > 1 && !strcmp(argv[1], "--help")) {
        fputs(help, stdout);
        return 0;
    }
    for (; n < argc && strcmp(argv[n], "--") != 0; n++) {
        if (!strncmp(argv[n], "--btv=", 6))
            b.btv = argv[n] + 6;
        else
            b.options[b.noptions++] = argv[n];
    }
    if (n + 1 >= argc)
        return tool_misuse(&a, "no program; usage: btv bisect [RUN OPTIONS] -- PROGRAM [ARGS...]");
    b.program = argv + n + 1;
    if (access(b.btv, X_OK))
        return tool_fail(&a, "%s: %s", b.btv, strerror(errno));
    return search(&b);
}
