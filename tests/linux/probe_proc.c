/*
 * Probes of /proc/PID: what it says of this process, of a child, of the parent, and of another program of the same kind.
 */
#include "probe.h"

#include <dirent.h>

static struct map maps[MAPS_MAX], others[MAPS_MAX];
static unsigned nmaps;
static char path[PATH_MAX + 64], saved[TEXT_BYTES];

static void read_maps(void)
{
    nmaps = slurp("/proc/self/maps") > 0 ? parse_maps(probe_text, maps) : 0;
}

static unsigned long total(void)
{
    unsigned long n = 0;
    for (unsigned i = 0; i < nmaps; i++)
        if (strcmp(maps[i].name, "[vsyscall]"))
            n += maps[i].end - maps[i].start;
    return n;
}

/* -- this process ---------------------------------------------------------------------------------------------- */

static void p_cmdline(void)
{
    ssize_t n = slurp("/proc/self/cmdline"), at = 0;
    for (char **a = probe_argv; *a; at += (ssize_t)strlen(*a++) + 1)
        WANT(at < n && !strcmp(*a, probe_text + at), "cmdline has %s instead of %s", probe_text + at, *a);
    WANT(at == n, "cmdline has %zd bytes instead of %zd", n, at);
    char old = probe_argv[1][0];
    probe_argv[1][0] = 'R';
    WANT(slurp("/proc/self/cmdline") == n && strstr(probe_text + strlen(probe_text) + 1, "Run"), "a changed title does not show");
    probe_argv[1][0] = old;
}

static void p_maps_names(void)
{
    int local = 0;
    static int data = 1;
    read_maps();
    for (unsigned i = 0; i < nmaps; i++) {
        const char *name = maps[i].name;
        bool known = !*name || !strcmp(name, probe_self) || name[0] == '[' || strstr(name, ".so") || strstr(name, "/dev/zero (deleted)");
        WANT(known && !names_emulator(name, strlen(name)), "maps names %s", name);
        WANT(i == 0 || maps[i].start >= maps[i - 1].end, "maps is not in order at %lx", maps[i].start);
    }
    const struct map *m = map_at(maps, nmaps, (unsigned long)p_maps_names);
    WANT(m && !strcmp(m->perms, "r-xp") && !strcmp(m->name, probe_self), "code is %s %s", m ? m->perms : "nowhere", m ? m->name : "");
    m = map_at(maps, nmaps, (unsigned long)&data);
    WANT(m && !strcmp(m->perms, "rw-p"), "data is %s", m ? m->perms : "nowhere");
    m = map_at(maps, nmaps, (unsigned long)&local);
    WANT(m && !strcmp(m->name, "[stack]") && !strcmp(m->perms, "rw-p") && m->end - m->start < 64ul << 20, "the stack is %s %s", m ? m->perms : "nowhere", m ? m->name : "");
    m = map_at(maps, nmaps, (unsigned long)sbrk(4096));
    m = (read_maps(), map_at(maps, nmaps, (unsigned long)sbrk(0) - 1));
    WANT(m && !strcmp(m->name, "[heap]"), "the heap is %s", m ? m->name : "nowhere");
}

static void p_maps_stack_size(void)
{
    int local = 0;
    struct rlimit l;
    getrlimit(RLIMIT_STACK, &l);
    read_maps();
    const struct map *m = map_at(maps, nmaps, (unsigned long)&local);
    WANT(m && m->end - m->start <= 1ul << 20, "the stack has %lu KiB before it grew", m ? (m->end - m->start) >> 10 : 0);
}

static void p_smaps(void)
{
    read_maps();
    unsigned n = nmaps, k;
    WANT(slurp("/proc/self/smaps") > 0, "smaps: %m");
    k = parse_maps(probe_text, others);
    WANT(n == k, "maps has %u lines, smaps %u", n, k);
    for (unsigned i = 0; i < n && n == k; i++)
        WANT(maps[i].start == others[i].start && maps[i].end == others[i].end && !strcmp(maps[i].perms, others[i].perms) && !strcmp(maps[i].name, others[i].name),
             "smaps differs at %lx", maps[i].start);
    /* flags follow the permissions; the size is the range's */
    unsigned i = 0;
    for (const char *line = probe_text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
        unsigned long a, b;
        if (!strncmp(line, "Size:", 5) && i)
            WANT(strtoul(line + 5, NULL, 10) << 10 == others[i - 1].end - others[i - 1].start, "size of %lx", others[i - 1].start);
        if (!strncmp(line, "Rss:", 4) && i)
            WANT(strtoul(line + 4, NULL, 10) << 10 <= others[i - 1].end - others[i - 1].start, "resident size of %lx", others[i - 1].start);
        if (!strncmp(line, "VmFlags:", 8) && i) {
            char flags[256] = {0};
            memcpy(flags, line + 8, strcspn(line + 8, "\n") < 255 ? strcspn(line + 8, "\n") : 255);
            const char *p = others[i - 1].perms;
            WANT(!strstr(flags, " rd") == (p[0] != 'r') && !strstr(flags, " wr") == (p[1] != 'w') && !strstr(flags, " ex") == (p[2] != 'x'), "%lx is %s with%s",
                 others[i - 1].start, p, flags);
            WANT(!strstr(flags, " dd") || others[i - 1].name[0] == '[', "%lx has%s", others[i - 1].start, flags);
        }
        if (sscanf(line, "%lx-%lx ", &a, &b) == 2)
            i++;
    }
}

static void p_smaps_rollup(void)
{
    unsigned long a = 0, b = 0;
    read_maps();
    slurp("/proc/self/smaps_rollup");
    sscanf(probe_text, "%lx-%lx", &a, &b);
    unsigned last = nmaps - 1;
    while (last && !strcmp(maps[last].name, "[vsyscall]"))
        last--;
    WANT(a == maps[0].start && (b == maps[last].end || b == maps[nmaps - 1].end), "smaps_rollup is of %lx-%lx instead of %lx-%lx", a, b, maps[0].start, maps[last].end);
    long long rss = key_number(probe_text, "Rss:");
    WANT(rss > 0 && (unsigned long)rss << 10 <= total(), "smaps_rollup: %lld kB", rss);
}

static void p_numa_maps(void)
{
    read_maps();
    if (slurp("/proc/self/numa_maps") <= 0)
        return;
    unsigned lines = 0;
    for (const char *line = probe_text; line && *line; line = strchr(line, '\n'), line += line != NULL, lines++) {
        unsigned long at = strtoul(line, NULL, 16);
        WANT(!*line || map_at(maps, nmaps, at), "numa_maps knows %lx", at);
    }
    WANT(!names_emulator(probe_text, strlen(probe_text)), "numa_maps names %s", names_emulator(probe_text, strlen(probe_text)));
}

static void p_map_files(void)
{
    read_maps();
    DIR *d = opendir("/proc/self/map_files");
    for (struct dirent *e; d && (e = readdir(d));) {
        unsigned long a, b;
        if (sscanf(e->d_name, "%lx-%lx", &a, &b) != 2)
            continue;
        const struct map *m = map_at(maps, nmaps, a);
        WANT(m && m->inode, "map_files has %s", e->d_name);
        char link[PATH_MAX];
        ssize_t n = readlinkat(dirfd(d), e->d_name, link, sizeof link - 1);
        link[n > 0 ? n : 0] = 0;
        WANT(n < 0 || !m || !strcmp(link, m->name), "map_files: %s is %s", e->d_name, link);
    }
    if (d)
        closedir(d);
}

static void p_pagemap(void)
{
    uint64_t entry = 0;
    int fd = open("/proc/self/pagemap", O_RDONLY);
    WANT(fd >= 0 && pread(fd, &entry, 8, (off_t)((unsigned long)probe_text / 4096 * 8)) == 8 && entry >> 63, "pagemap: %llx %m", (unsigned long long)entry);
    close(fd);
}

static void p_mem(void)
{
    static volatile int value = 4711;
    int got = 0, fd = open("/proc/self/mem", O_RDWR);
    WANT(fd >= 0 && pread(fd, &got, 4, (off_t)&value) == 4 && got == 4711, "mem cannot be read: %m");
    got = 4712;
    WANT(fd >= 0 && pwrite(fd, &got, 4, (off_t)&value) == 4 && value == 4712, "mem cannot be written: %m");
    read_maps();
    /* between the mappings there is nothing */
    for (unsigned i = 1; i < nmaps; i++)
        if (maps[i].start > maps[i - 1].end)
            WANT(pread(fd, &got, 4, (off_t)maps[i - 1].end) == -1, "mem can be read at %lx", maps[i - 1].end);
    close(fd);
}

static void p_stat_numbers(void)
{
    int local = 0;
    slurp("/proc/self/stat");
    const char *s = probe_text;
    WANT(stat_field(s, 4) == (unsigned long)getppid() && stat_field(s, 5) == (unsigned long)getpgrp() && stat_field(s, 6) == (unsigned long)getsid(0), "ids in stat");
    unsigned long code = stat_field(s, 26), end = stat_field(s, 27), brk = stat_field(s, 47);
    WANT(code <= (unsigned long)p_stat_numbers && (unsigned long)p_stat_numbers < end, "code in stat: %lx %lx", code, end);
    WANT(stat_field(s, 28) == probe_stack_pointer, "stack in stat: %lx instead of %lx", stat_field(s, 28), probe_stack_pointer);
    WANT(stat_field(s, 48) == (unsigned long)probe_argv[0] && stat_field(s, 50) == (unsigned long)environ[0], "arguments in stat");
    WANT(stat_field(s, 51) == getauxval(AT_EXECFN), "end of the environment in stat");
    WANT(brk && brk <= (unsigned long)sbrk(0) && stat_field(s, 45) < stat_field(s, 46), "data in stat: %lx", brk);
    read_maps();
    const struct map *m = map_at(maps, nmaps, brk);
    WANT(m && !strcmp(m->name, "[heap]") && m->start == brk, "start_brk in stat: %lx", brk);
    (void)local;
}

static void p_sizes(void)
{
    slurp("/proc/self/stat");
    unsigned long vsize = stat_field(probe_text, 23), rss = stat_field(probe_text, 24), size = 0, resident = 0, shared = 0, text = 0, lib = 0, data = 0;
    slurp("/proc/self/statm");
    sscanf(probe_text, "%lu %lu %lu %lu %lu %lu", &size, &resident, &shared, &text, &lib, &data);
    read_maps();
    WANT(vsize == total() && size * 4096 == total(), "the mappings have %lu bytes, stat %lu, statm %lu", total(), vsize, size * 4096);
    WANT(rss * 4096 <= vsize && resident <= size && shared <= resident && data <= size && text <= size, "resident %lu, %lu, shared %lu, data %lu of %lu pages", rss, resident, shared,
         data, size);
    slurp("/proc/self/status");
    WANT(key_number(probe_text, "VmSize:") << 10 == (long long)total(), "VmSize %lld", key_number(probe_text, "VmSize:"));
    long long vmdata = key_number(probe_text, "VmData:"), vmlib = key_number(probe_text, "VmLib:"), vmexe = key_number(probe_text, "VmExe:");
    long long stack = key_number(probe_text, "VmStk:");
    WANT((vmdata + stack) << 10 <= (long long)(data * 4096) + 8192 && (vmdata << 10) <= (long long)total(), "VmData %lld, data %lu", vmdata, data);
    WANT((vmexe << 10) <= (long long)total() && (vmlib << 10) <= (long long)total(), "VmExe %lld, VmLib %lld", vmexe, vmlib);
    WANT(!strstr(probe_text, "x86_"), "status has x86_ lines");
    WANT(key_number(probe_text, "VmLck:") == 0 && key_number(probe_text, "VmPin:") == 0, "locked memory");
}

static void p_texts(void)
{
    static const char *const files[] = {"mountinfo", "mounts", "mountstats", "wchan", "syscall", "stack", "sched", "cgroup", "io", "oom_score_adj", "attr/current",
                                        "schedstat", "status", "stat", "limits", "timerslack_ns", "autogroup", "coredump_filter", "fdinfo/0"};
    for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "/proc/self/%s", files[i]);
        ssize_t n = slurp(path);
        const char *found = n > 0 ? names_emulator(probe_text, (size_t)n) : NULL;
        WANT(!found, "%s names %s", path, found);
    }
}

/* -- others ------------------------------------------------------------------------------------------------------ */

/* A line that may differ between two moments: times, faults, memory in use. */
static bool varies(const char *line)
{
    static const char *const keys[] = {"Rss:", "Pss", "Shared_", "Private_", "Referenced:", "Anonymous:", "LazyFree:", "KSM:", "Swap", "voluntary", "nonvoluntary", "State:", "VmRSS:",
                                       "VmHWM:", "SigQ:", "RssAnon:", "RssFile:", "RssShmem:", "VmPTE:", "VmPeak:", "Locked:", "AnonHuge", "THPeligible", "FilePmd"};
    for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!strncmp(line, keys[i], strlen(keys[i])))
            return true;
    return false;
}

/* What the other program wrote about itself is what is read of it. */
static void compare_other(const char *name)
{
    snprintf(path, sizeof path, "%s/other.%s", probe_dir, name);
    ssize_t n = slurp(path);
    if (n <= 0)
        return; /* it could not read it either */
    memcpy(saved, probe_text, (size_t)n + 1);
    snprintf(path, sizeof path, "/proc/%d/%s", (int)probe_other, name);
    ssize_t k = slurp(path);
    WANT(k > 0, "%s: %m", path);
    if (!strcmp(name, "cmdline") || !strcmp(name, "environ") || !strcmp(name, "auxv")) {
        WANT(n == k && !memcmp(saved, probe_text, (size_t)n), "%s is %.*s instead of %.*s", path, (int)k, probe_text, (int)n, saved);
        return;
    }
    char *a = saved, *b = probe_text;
    for (unsigned lines = 0; *a || *b;) {
        size_t i = strcspn(a, "\n"), j = strcspn(b, "\n"), word = strcspn(a, " ");
        bool same_range = !strcmp(name, "numa_maps") && !strncmp(a, b, word); /* what follows are counts */
        if (!same_range && !(i == j && !memcmp(a, b, i)) && !(varies(a) && varies(b))) {
            TRACE("%s has \"%.*s\" instead of \"%.*s\"", path, (int)j, b, (int)i, a);
            if (++lines > 4)
                return;
        }
        a += i + (a[i] == '\n');
        b += j + (b[j] == '\n');
    }
}

#define OTHER(f)                    \
    static void p_other_##f(void)   \
    {                               \
        compare_other(#f);          \
    }
OTHER(maps) OTHER(smaps) OTHER(numa_maps) OTHER(auxv) OTHER(cmdline) OTHER(environ) OTHER(status) OTHER(limits) OTHER(comm)

static void p_other_stat(void)
{
    snprintf(path, sizeof path, "%s/other.stat", probe_dir);
    ssize_t n = slurp(path);
    memcpy(saved, probe_text, n > 0 ? (size_t)n + 1 : 1);
    snprintf(path, sizeof path, "/proc/%d/stat", (int)probe_other);
    slurp(path);
    static const unsigned char fields[] = {4, 5, 6, 7, 8, 9, 18, 19, 20, 22, 23, 25, 26, 27, 28, 31, 32, 33, 34, 38, 45, 46, 47, 48, 49, 50, 51};
    for (unsigned i = 0; i < sizeof fields; i++)
        WANT(stat_field(saved, fields[i]) == stat_field(probe_text, fields[i]), "field %u is %lu instead of %lu", fields[i], stat_field(probe_text, fields[i]),
             stat_field(saved, fields[i]));
    WANT(strstr(probe_text, "(other name)"), "name: %.40s", probe_text);
}

static void p_other_statm(void)
{
    unsigned long a[7] = {0}, b[7] = {0};
    snprintf(path, sizeof path, "%s/other.statm", probe_dir);
    slurp(path);
    sscanf(probe_text, "%lu %lu %lu %lu %lu %lu", a, a + 1, a + 2, a + 3, a + 4, a + 5);
    snprintf(path, sizeof path, "/proc/%d/statm", (int)probe_other);
    slurp(path);
    sscanf(probe_text, "%lu %lu %lu %lu %lu %lu", b, b + 1, b + 2, b + 3, b + 4, b + 5);
    WANT(a[0] == b[0] && a[3] == b[3] && a[5] == b[5] && b[1] <= b[0], "statm is %lu %lu %lu %lu %lu instead of %lu %lu %lu %lu %lu", b[0], b[1], b[2], b[3], b[5], a[0], a[1], a[2], a[3], a[5]);
}

static void p_other_exe(void)
{
    char link[PATH_MAX];
    struct stat a, b;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)probe_other);
    ssize_t n = readlink(path, link, sizeof link - 1);
    link[n > 0 ? n : 0] = 0;
    WANT(!strcmp(link, probe_self), "exe is %s", link);
    WANT(stat(path, &a) == 0 && stat(probe_self, &b) == 0 && a.st_ino == b.st_ino, "stat of exe");
    int fd = open(path, O_RDONLY);
    WANT(fd >= 0 && fstat(fd, &a) == 0 && a.st_ino == b.st_ino, "open of exe");
    close(fd);
}

static void p_other_fds(void)
{
    snprintf(path, sizeof path, "/proc/%d/fd", (int)probe_other);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        WANT(e->d_name[0] == '.' || atoi(e->d_name) <= 3, "%s has %s", path, e->d_name);
    if (d)
        closedir(d);
    for (int fd = 900; fd < 1200; fd++) {
        char name[80], link[64];
        snprintf(name, sizeof name, "/proc/%d/fd/%d", (int)probe_other, fd);
        WANT(access(name, F_OK) == -1 && readlink(name, link, sizeof link) == -1, "%s", name);
    }
}

static void p_other_tasks(void)
{
    unsigned n = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)probe_other);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    WANT(n == 2, "%u tasks", n);
}

static void p_other_memory(void)
{
    unsigned char byte;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)probe_other);
    slurp(path);
    unsigned n = parse_maps(probe_text, others);
    snprintf(path, sizeof path, "/proc/%d/mem", (int)probe_other);
    int fd = open(path, O_RDONLY);
    for (unsigned i = 0; i < n && fd >= 0; i++)
        if (others[i].perms[0] == 'r' && others[i].name[0] != '[')
            WANT(pread(fd, &byte, 1, (off_t)others[i].start) == 1, "mem at %lx: %m", others[i].start);
    if (fd >= 0)
        close(fd);
    WANT(n > 5, "%u mappings", n);
}

/* A process that names the emulator in the usual places, whatever its relation; only where all processes are guests. */
static void p_everybody(void)
{
    static const char *const files[] = {"comm", "cmdline", "maps", "stat", "status"};
    DIR *d = opendir("/proc");
    for (struct dirent *e; d && (e = readdir(d));) {
        int pid = atoi(e->d_name);
        if (pid <= 0 || (!getenv("PROBE_ALL") && pid != getpid() && pid != probe_other))
            continue;
        for (unsigned i = 0; i < 5; i++) {
            snprintf(path, sizeof path, "/proc/%d/%s", pid, files[i]);
            ssize_t n = slurp(path);
            const char *found = n > 0 ? names_emulator(probe_text, (size_t)n) : NULL;
            WANT(!found, "%s names %s", path, found);
        }
    }
    if (d)
        closedir(d);
}

static void p_child(void)
{
    int p[2];
    char byte;
    if (pipe(p))
        return;
    read_maps();
    pid_t pid = fork();
    if (pid == 0) {
        close(p[1]);
        (void)!read(p[0], &byte, 1);
        _exit(0);
    }
    close(p[0]);
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    slurp(path);
    unsigned n = parse_maps(probe_text, others);
    for (unsigned i = 0; i < nmaps; i++) {
        const struct map *m = map_at(others, n, maps[i].start);
        WANT(m && !strcmp(m->perms, maps[i].perms) && !strcmp(m->name, maps[i].name), "maps of a child at %lx: %s %s instead of %s %s", maps[i].start, m ? m->perms : "none",
             m ? m->name : "", maps[i].perms, maps[i].name);
    }
    WANT(!names_emulator(probe_text, strlen(probe_text)), "maps of a child names %s", names_emulator(probe_text, strlen(probe_text)));
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    slurp(path);
    WANT(!strcmp(probe_text, probe_argv[0]), "cmdline of a child: %s", probe_text);
    close(p[1]);
    waitpid(pid, NULL, 0);
}

static void p_parent(void)
{
    int p[2];
    char ok = 'n', exe[PATH_MAX];
    pid_t me = getpid();
    if (pipe(p))
        return;
    read_maps();
    unsigned n = nmaps;
    memcpy(others, maps, sizeof others);
    pid_t pid = fork();
    if (pid == 0) {
        snprintf(path, sizeof path, "/proc/%d/maps", (int)me);
        nmaps = slurp(path) > 0 ? parse_maps(probe_text, maps) : 0;
        ok = nmaps == n && !memcmp(&maps[n / 2], &others[n / 2], offsetof(struct map, perms)) ? 'y' : 'm';
        snprintf(path, sizeof path, "/proc/%d/exe", (int)me);
        ssize_t k = readlink(path, exe, sizeof exe - 1);
        exe[k > 0 ? k : 0] = 0;
        ok = strcmp(exe, probe_self) ? 'e' : ok;
        _exit(write(p[1], &ok, 1) == 1 ? 0 : 1);
    }
    (void)!read(p[0], &ok, 1);
    waitpid(pid, NULL, 0);
    close(p[0]);
    close(p[1]);
    WANT(ok == 'y', "a child sees its parent otherwise than the parent itself (%c)", ok);
}

const struct probe probes_proc[] = {
    {"cmdline", p_cmdline},
    {"maps", p_maps_names},
    {"maps-stack", p_maps_stack_size},
    {"smaps", p_smaps},
    {"smaps_rollup", p_smaps_rollup},
    {"numa_maps", p_numa_maps},
    {"map_files", p_map_files},
    {"pagemap", p_pagemap},
    {"mem", p_mem},
    {"stat", p_stat_numbers},
    {"sizes", p_sizes},
    {"texts", p_texts},
    {"other-maps", p_other_maps},
    {"other-smaps", p_other_smaps},
    {"other-numa_maps", p_other_numa_maps},
    {"other-auxv", p_other_auxv},
    {"other-cmdline", p_other_cmdline},
    {"other-environ", p_other_environ},
    {"other-status", p_other_status},
    {"other-limits", p_other_limits},
    {"other-comm", p_other_comm},
    {"other-stat", p_other_stat},
    {"other-statm", p_other_statm},
    {"other-exe", p_other_exe},
    {"other-fds", p_other_fds},
    {"other-tasks", p_other_tasks},
    {"other-mem", p_other_memory},
    {"child", p_child},
    {"parent", p_parent},
    {"everybody", p_everybody},
    {NULL, NULL},
};
