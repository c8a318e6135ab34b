/*
 * Linux on RISC-V 64 with the LP64D calling convention: registers, signal frame, stat, hwprobe, icache flush, cpuinfo.
 *
 * References, Linux 6.12: arch/riscv/include/uapi/asm/{sigcontext,ucontext,ptrace,hwprobe}.h, arch/riscv/kernel/{signal,
 * sys_hwprobe,cpu}.c, Documentation/arch/riscv/hwprobe.rst; psABI, "Integer calling convention".
 */
#include <errno.h>
#include <linux/audit.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <time.h>

#include "base/pack.h"
#include "isa/riscv/riscv.h"
#include "linux/abi/riscv64_vdso.h"
#include "linux/sig.h"
#include "linux/sys.h"
#include "linux/sysarg.h"

enum { X_RA = 1, X_SP = 2, X_TP = 4, X_A0 = 10, X_A1 = 11, X_A2 = 12, X_A3 = 13, X_A7 = 17, F_0 = 32, SLOT_PC = 64 };

/* -- signal frame ------------------------------------------------------------------------------------------------ */

struct frame_fp { /* __riscv_d_ext_state, at the start of a union as large as __riscv_q_ext_state */
    uint64_t f[32];
    uint32_t fcsr;
    uint32_t pad[64];     /* the rest of __riscv_extra_ext_header.__padding */
    uint32_t reserved;
    uint32_t magic, size; /* first extension record: END, 0 */
};

struct frame {
    siginfo_t info;
    uint64_t uc_flags, uc_link;
    struct linux_altstack uc_stack;
    uint64_t uc_sigmask;
    uint8_t unused[120]; /* room for 1024 signals */
    uint64_t pad;        /* sigcontext is 16-aligned */
    uint64_t regs[32];   /* pc, then x1..x31 */
    struct frame_fp fp;
};
_Static_assert(offsetof(struct frame, uc_flags) == 128, "ucontext follows siginfo");
_Static_assert(offsetof(struct frame, regs) == 128 + 176, "uc_mcontext");
_Static_assert(offsetof(struct frame_fp, reserved) == 516, "extension header: reserved");
_Static_assert(offsetof(struct frame_fp, magic) == 520, "extension header: first record");
_Static_assert(sizeof(struct frame_fp) == 528, "__riscv_fp_state");
_Static_assert(sizeof(struct frame) == 1088, "rt_sigframe");

static bool push_frame(struct linux_thread *t, int sig, const siginfo_t *info, const struct linux_sigaction *sa, uint64_t old_mask)
{
    struct cpu *cpu = t->cpu;
    struct frame f;
    uint64_t old_sp = cpu->slot[X_SP], sp = linux_altstack_sp(t, old_sp, sa->flags);
    /* a frame that would leave the alternate stack it grows on is refused rather than written below it */
    if (linux_on_altstack(t, old_sp) && !linux_on_altstack(t, sp - sizeof f))
        return false;
    sp = (sp - sizeof f) & ~UINT64_C(15);

    memset(&f, 0, sizeof f);
    f.info = *info;
    f.uc_stack = t->alt;
    f.uc_sigmask = old_mask;
    memcpy(f.regs, cpu->slot, sizeof f.regs);
    f.regs[0] = cpu->slot[SLOT_PC];
    memcpy(f.fp.f, cpu->slot + F_0, sizeof f.fp.f);
    f.fp.fcsr = (uint32_t)cpu->fp.rm << 5 | cpu->fp.flags;
    if (!linux_copy_out(sp, &f, sizeof f))
        return false;

    cpu->slot[X_RA] = t->proc->vdso_addr + RISCV64_VDSO_SIGRETURN;
    cpu->slot[X_SP] = sp;
    cpu->slot[X_A0] = (uint64_t)sig;
    cpu->slot[X_A1] = sp;
    cpu->slot[X_A2] = sp + offsetof(struct frame, uc_flags);
    cpu->slot[SLOT_PC] = sa->handler & ~UINT64_C(1); /* bit 0 of sepc is always 0 */
    cpu->ll_addr = 1;
    return true;
}

static bool pop_frame(struct linux_thread *t, uint64_t *mask)
{
    struct cpu *cpu = t->cpu;
    struct frame f;
    if (!linux_copy_in(&f, cpu->slot[X_SP], sizeof f))
        return false;
    if (f.fp.reserved || f.fp.magic || f.fp.size) /* no extension has a record */
        return false;
    memcpy(cpu->slot + 1, f.regs + 1, sizeof f.regs - sizeof f.regs[0]);
    cpu->slot[SLOT_PC] = f.regs[0] & ~UINT64_C(1);
    memcpy(cpu->slot + F_0, f.fp.f, sizeof f.fp.f);
    cpu->fp.flags = f.fp.fcsr & 31;
    cpu->fp.rm = f.fp.fcsr >> 5 & 7;
    cpu->ll_addr = 1;
    linux_altstack_restore(t, &f.uc_stack, cpu->slot[X_SP]);
    *mask = f.uc_sigmask;
    return true;
}

/* -- core files --------------------------------------------------------------------------------------------------- */

#define CORE_REGS_BYTES (32 * 8)       /* struct user_regs_struct: pc, then x1..x31 */
#define CORE_FPREGS_BYTES (33 * 8)     /* struct __riscv_d_ext_state with its padding */

static void core_regs(const struct cpu *cpu, void *out)
{
    uint64_t regs[32];
    memcpy(regs, cpu->slot, sizeof regs);
    regs[0] = cpu->slot[SLOT_PC];
    memcpy(out, regs, sizeof regs);
}

static void core_fpregs(const struct cpu *cpu, void *out)
{
    uint64_t regs[33];
    memcpy(regs, cpu->slot + F_0, 32 * 8);
    regs[32] = (uint64_t)cpu->fp.rm << 5 | cpu->fp.flags;
    memcpy(out, regs, sizeof regs);
}

/* -- structs ------------------------------------------------------------------------------------------------------ */

struct generic_stat { /* include/uapi/asm-generic/stat.h */
    uint64_t dev, ino;
    uint32_t mode, nlink, uid, gid;
    uint64_t rdev, pad1;
    int64_t size;
    int32_t blksize, pad2;
    int64_t blocks, atime;
    uint64_t atime_nsec;
    int64_t mtime;
    uint64_t mtime_nsec;
    int64_t ctime;
    uint64_t ctime_nsec;
    uint32_t unused[2];
};
_Static_assert(sizeof(struct generic_stat) == 128, "struct stat");

static void put_stat(void *guest, const void *host_stat)
{
    const struct stat *h = host_stat;
    const struct generic_stat g = {
        .dev = h->st_dev,
        .ino = h->st_ino,
        .mode = h->st_mode,
        .nlink = (uint32_t)h->st_nlink,
        .uid = h->st_uid,
        .gid = h->st_gid,
        .rdev = h->st_rdev,
        .size = h->st_size,
        .blksize = (int32_t)h->st_blksize,
        .blocks = h->st_blocks,
        .atime = h->st_atim.tv_sec,
        .atime_nsec = (uint64_t)h->st_atim.tv_nsec,
        .mtime = h->st_mtim.tv_sec,
        .mtime_nsec = (uint64_t)h->st_mtim.tv_nsec,
        .ctime = h->st_ctim.tv_sec,
        .ctime_nsec = (uint64_t)h->st_ctim.tv_nsec,
    };
    memcpy(guest, &g, sizeof g);
}

/* -- what the processor can do -------------------------------------------------------------------------------------- */

static uint64_t hwcap(const struct linux_process *p)
{
    uint64_t bits = 0;
    (void)p;
    for (unsigned k = 0; k < RV_EXT_COUNT; k++)
        if (rv_has(k) && !rv_exts[k].name[1]) /* a single letter: its place in the alphabet, as in misa */
            bits |= UINT64_C(1) << (rv_exts[k].name[0] - 'a');
    return bits;
}

static void cpuinfo(const struct linux_process *p, struct str *s)
{
    struct str isa = STR_INIT;
    (void)p;
    rv_isa_string(&isa);
    for (int i = 0; i < get_nprocs(); i++)
        str_add(s, "processor\t: %d\nhart\t\t: %d\nisa\t\t: %s\nmmu\t\t: sv48\nmvendorid\t: 0x0\nmarchid\t\t: 0x0\nmimpid\t\t: 0x0\nhart isa\t: %s\n\n", i, i,
                str_get(&isa), str_get(&isa));
    str_free(&isa);
}

/* -- hwprobe ---------------------------------------------------------------------------------------------------------- */

enum hwprobe_key {
    KEY_MVENDORID = 0,
    KEY_MARCHID = 1,
    KEY_MIMPID = 2,
    KEY_BASE_BEHAVIOR = 3,
    KEY_IMA_EXT_0 = 4,
    KEY_CPUPERF_0 = 5,
    KEY_ZICBOZ_BLOCK_SIZE = 6,
    KEY_HIGHEST_VIRT_ADDRESS = 7,
    KEY_TIME_CSR_FREQ = 8,
    KEY_MISALIGNED_SCALAR_PERF = 9,
};
#define BASE_BEHAVIOR_IMA 1
#define MISALIGNED_FAST 3
#define CACHE_BLOCK_BYTES 64
#define TIME_FREQUENCY 10000000 /* of the time CSR: guest/riscv/system.c */
#define EXT_ZICBOZ (UINT64_C(1) << 6)
#define WHICH_CPUS 1
#define CPU_SET_BYTES 128 /* NR_CPUS 1024 */

struct hwprobe_pair {
    int64_t key;
    uint64_t value;
};

/* The value of a key; an unknown key becomes -1 and its value 0. */
static void probe(const struct linux_process *p, struct hwprobe_pair *pair)
{
    pair->value = 0;
    switch (pair->key) {
    case KEY_MVENDORID:
    case KEY_MARCHID:
    case KEY_MIMPID:
        break;
    case KEY_BASE_BEHAVIOR:
        pair->value = BASE_BEHAVIOR_IMA;
        break;
    case KEY_IMA_EXT_0:
        pair->value = rv_hwprobe_ima_ext_0();
        break;
    case KEY_CPUPERF_0:
    case KEY_MISALIGNED_SCALAR_PERF:
        pair->value = MISALIGNED_FAST;
        break;
    case KEY_ZICBOZ_BLOCK_SIZE:
        pair->value = rv_hwprobe_ima_ext_0() & EXT_ZICBOZ ? CACHE_BLOCK_BYTES : 0;
        break;
    case KEY_HIGHEST_VIRT_ADDRESS:
        pair->value = mem_high(p->mem) - 1;
        break;
    case KEY_TIME_CSR_FREQ:
        pair->value = TIME_FREQUENCY;
        break;
    default:
        pair->key = -1;
    }
}

/* Does a processor with `have` satisfy the caller's pair?  All bits of bit-mask keys, equality otherwise. */
static bool satisfies(const struct hwprobe_pair *have, const struct hwprobe_pair *want)
{
    if (have->key < 0)
        return false;
    if (have->key == KEY_BASE_BEHAVIOR || have->key == KEY_IMA_EXT_0 || have->key == KEY_CPUPERF_0)
        return (have->value & want->value) == want->value;
    return have->value == want->value;
}

/* Reads the caller's CPU set and drops those that are not online. 1: some remain, 0: none, -EFAULT. */
static int get_cpus(uint8_t set[CPU_SET_BYTES], uint64_t addr, uint64_t bytes, bool *was_empty)
{
    bool any = false;
    int online = get_nprocs();
    memset(set, 0, CPU_SET_BYTES);
    if (!linux_copy_in(set, addr, (size_t)bytes))
        return -EFAULT;
    *was_empty = true;
    for (int i = 0; i < CPU_SET_BYTES * 8; i++) {
        if (set[i / 8] >> (i % 8) & 1)
            *was_empty = false;
        if (i >= online)
            set[i / 8] &= (uint8_t) ~(1 << (i % 8));
        any = any || (set[i / 8] >> (i % 8) & 1);
    }
    return any;
}

static int64_t hwprobe(struct linux_thread *t, const uint64_t a[6])
{
    uint64_t pairs = a[0], count = a[1], bytes = a[2], cpus = a[3];
    uint32_t flags = (uint32_t)a[4];
    uint8_t set[CPU_SET_BYTES];
    bool which = flags & WHICH_CPUS, was_empty = false, all = true;
    if ((flags & ~(uint32_t)WHICH_CPUS) || (which && (!bytes || !cpus)))
        return -EINVAL;
    bytes = bytes < CPU_SET_BYTES ? bytes : CPU_SET_BYTES;
    if (bytes || cpus) {
        int r = get_cpus(set, cpus, bytes, &was_empty);
        if (r < 0)
            return r;
        if (!r && !which)
            return -EINVAL;
        if (which && was_empty)
            for (int i = 0; i < get_nprocs() && i < CPU_SET_BYTES * 8; i++)
                set[i / 8] |= (uint8_t)(1 << (i % 8));
    }
    for (uint64_t i = 0; i < count; i++) {
        struct hwprobe_pair want, have;
        uint64_t at = pairs + i * sizeof want;
        if (!linux_copy_in(&want, at, sizeof want))
            return -EFAULT;
        have = want;
        probe(t->proc, &have);
        all = all && satisfies(&have, &want);
        if (which && have.key >= 0)
            continue; /* the caller's values stay */
        if (!linux_copy_out(at, &have, sizeof have))
            return -EFAULT;
    }
    if (!which)
        return 0;
    if (!all)
        memset(set, 0, sizeof set);
    return linux_copy_out(cpus, set, (size_t)bytes) ? 0 : -EFAULT;
}

/* -- system calls of this architecture --------------------------------------------------------------------------------- */

#define NR_RISCV_HWPROBE 258
#define NR_RISCV_FLUSH_ICACHE 259
#define FLUSH_ICACHE_LOCAL 1

static int64_t flush_icache(struct linux_thread *t, const uint64_t a[6])
{
    uint64_t start = a[0], end = a[1], flags = a[2];
    if (flags & ~(uint64_t)FLUSH_ICACHE_LOCAL)
        return -EINVAL;
    if (end > mem_high(t->proc->mem)) /* nothing of the guest's is beyond */
        end = mem_high(t->proc->mem);
    if (start < end)
        engine_announce(t->proc->engine, start, end);
    else
        engine_isync(t->proc->engine); /* the kernel ignores the range */
    return 0;
}

/* clang-format off */
static const struct sys_row arch_rows[] = {
    {.name = "riscv_hwprobe", .generic = NR_RISCV_HWPROBE, .host = -1, .fn = hwprobe,
     .arg = {ARGS(int, iov(hwprobe_pair,1), size, size, ptr, f(hwprobe))}},
    {.name = "riscv_flush_icache", .generic = NR_RISCV_FLUSH_ICACHE, .host = -1, .fn = flush_icache, .arg = {ARGS(int, ptr, ptr, f(flush_icache))}},
};
/* clang-format on */

/* -- prctl of this architecture ----------------------------------------------------------------------------------------- */

#define PR_RISCV_SET_ICACHE_FLUSH_CTX 71

/* fence.i is always allowed here, and threads that move see what it did. */
static bool arch_prctl(struct linux_thread *t, const uint64_t a[6], int64_t *ret)
{
    (void)t;
    if ((int)a[0] != PR_RISCV_SET_ICACHE_FLUSH_CTX)
        return false;
    *ret = a[1] <= 1 && a[2] <= 1 ? 0 : -EINVAL; /* on or off, for the process or the thread */
    return true;
}

/* -- vDSO ------------------------------------------------------------------------------------------------------------------ */

/* The helper behind a host call of the vDSO: `function` is an enum riscv64_hostcall; a2 and a3 are further results. */
static bool hostcall(struct cpu *cpu, uint64_t function, uint64_t unused1, uint64_t unused2, uint64_t *out)
{
    struct timespec ts = {0};
    unsigned where[2] = {0};
    int r = 0;
    (void)unused1;
    (void)unused2;
    switch (function) {
    case RISCV64_HC_CLOCK_GETTIME:
        r = clock_gettime((clockid_t)cpu->slot[X_A0], &ts);
        break;
    case RISCV64_HC_CLOCK_GETRES:
        r = clock_getres((clockid_t)cpu->slot[X_A0], &ts);
        break;
    case RISCV64_HC_GETTIMEOFDAY:
        r = clock_gettime(CLOCK_REALTIME, &ts);
        ts.tv_nsec /= 1000;
        break;
    case RISCV64_HC_GETCPU:
        getcpu(&where[0], &where[1]);
        ts = (struct timespec){where[0], where[1]};
        break;
    default:
        r = -1;
        errno = ENOSYS;
    }
    cpu->slot[X_A2] = (uint64_t)ts.tv_sec;
    cpu->slot[X_A3] = (uint64_t)ts.tv_nsec;
    *out = r ? (uint64_t)-errno : 0;
    return true;
}

const struct linux_abi linux_abi_riscv64 = {
    .guest = &guest_riscv64,
    .generic_table = true,
    .slot_nr = X_A7,
    .slot_ret = X_A0,
    .slot_arg = {X_A0, X_A0 + 1, X_A0 + 2, X_A0 + 3, X_A0 + 4, X_A0 + 5},
    .slot_sp = X_SP,
    .slot_tls = X_TP,
    .slot_pc = SLOT_PC,
    .uname_machine = "riscv64",
    .uname_compat = "riscv32",
    .audit_arch = AUDIT_ARCH_RISCV64,
    .hwcap = hwcap,
    .ld_name = "/lib/ld-linux-riscv64-lp64d.so.1",
    .cpuinfo = cpuinfo,
    .vdso = &riscv64_vdso,
    .vdso_bytes = RISCV64_VDSO_BYTES,
    .vdso_sigreturn = RISCV64_VDSO_SIGRETURN,
    .push_frame = push_frame,
    .pop_frame = pop_frame,
    .put_stat = put_stat,
    .stat_bytes = sizeof(struct generic_stat),
    .stat_mode_at = offsetof(struct generic_stat, mode),
    .stat_size_at = offsetof(struct generic_stat, size),
    .stat_rdev_at = offsetof(struct generic_stat, rdev),
    .min_sigstack = sizeof(struct frame),
    .syscall_bytes = 4,
    .core_regs_bytes = CORE_REGS_BYTES,
    .core_fpregs_bytes = CORE_FPREGS_BYTES,
    .core_regs = core_regs,
    .core_fpregs = core_fpregs,
    .sys_rows = arch_rows,
    .nsys_rows = ARRAY_LEN(arch_rows),
    .prctl = arch_prctl,
    .hostcall = hostcall,
};
