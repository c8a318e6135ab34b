/*
 * ioctl: structs of 64-bit generic ABIs are the host's, so commands are passed on once their pointer is known to be safe.
 *
 * A command says how many bytes its argument points to (_IOC_SIZE), except the old ones without that encoding, whose
 * families are listed here.  Anything else with an argument that might be a pointer is ENOTTY.
 */
#include "linux/procmem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#ifndef _IOC_SIZE
#include <asm/ioctl.h>
#endif

/* Families with unencoded commands, by bits 15..8; none points to more than OLD_BYTES. */
#define OLD_BYTES 256

static bool is_old_family(unsigned family)
{
    switch (family) {
    case 0x00: /* files: FIBMAP, FIGETBSZ */
    case 0x02: /* floppy */
    case 0x03: /* hard disk geometry */
    case 0x12: /* block device */
    case 0x22: /* SCSI generic */
    case 0x24: /* performance counters */
    case 0x4b: /* console */
    case 0x4c: /* loop */
    case 0x53: /* CD-ROM, SCSI */
    case 0x54: /* terminal */
    case 0x56: /* virtual terminal */
    case 0x70: /* real-time clock */
    case 0x89: /* socket, network interface */
    case 0xb7: /* name spaces */
        return true;
    default:
        return false;
    }
}

/* SIOCGIFCONF: the struct holds a pointer of its own. */
static int64_t interface_list(struct linux_thread *t, const uint64_t a[6])
{
    struct ifconf c;
    if (!linux_copy_in(&c, a[2], sizeof c))
        return -EFAULT;
    uint64_t buf = (uint64_t)(uintptr_t)c.ifc_buf;
    if (buf && !sys_inside(t->proc, buf, (uint32_t)c.ifc_len))
        return -EFAULT;
    return sys_host(SYS_ioctl, a);
}

/*
 * userfaultfd: the structs hold addresses; the kernel would let the guest take over btv's memory.  All begin with an address;
 * of COPY and MOVE a source follows, then the length.
 */
static int64_t fault_descriptor(struct linux_thread *t, const uint64_t a[6])
{
    enum { COPY = 3, MOVE = 5, API = 0x3f };
    uint32_t cmd = (uint32_t)a[1];
    uint64_t words[3];
    bool two = _IOC_NR(cmd) == COPY || _IOC_NR(cmd) == MOVE;
    if (_IOC_NR(cmd) == API)
        return sys_host(SYS_ioctl, (const uint64_t[6]){a[0], cmd, sys_pointer(t->proc, a[2], _IOC_SIZE(cmd))});
    if (!linux_copy_in(words, a[2], two ? 24 : 16))
        return -EFAULT;
    uint64_t len = two ? words[2] : words[1];
    if (len && (!sys_inside(t->proc, words[0], len) || (two && !sys_inside(t->proc, words[1], len))))
        return -EINVAL;
    return sys_host(SYS_ioctl, (const uint64_t[6]){a[0], cmd, sys_pointer(t->proc, a[2], _IOC_SIZE(cmd))});
}

/* ENOTTY, as of a driver that does not know the command; epoll says EINVAL (fs/eventpoll.c).  The kernel looks at the descriptor first. */
static int64_t unknown(uint64_t fd)
{
    static const char epoll[] = "anon_inode:[eventpoll]";
    char path[40], link[sizeof epoll];
    int64_t flags = linux_host_syscall(SYS_fcntl, fd, F_GETFL, 0, 0, 0, 0);
    if (flags < 0 || flags & O_PATH)
        return -EBADF;
    snprintf(path, sizeof path, "/proc/thread-self/fd/%d", (int)fd);
    int64_t n = linux_host_syscall(SYS_readlink, (uint64_t)(uintptr_t)path, (uint64_t)(uintptr_t)link, sizeof link, 0, 0, 0);
    return n == sizeof epoll - 1 && memcmp(link, epoll, sizeof epoll - 1) == 0 ? -EINVAL : -ENOTTY;
}

/* Types, in bits 15..8, that have a way of their own. */
#define TYPE_USERFAULTFD 0xaa
#define TYPE_KVM 0xae
#define PAGEMAP_SCAN_ 0xc0606610u /* linux/fs.h since 6.7: _IOWR('f', 16, struct pm_scan_arg) */

int64_t linux_sys_ioctl(struct linux_thread *t, const uint64_t a[6])
{
    const struct linux_process *p = t->proc;
    uint32_t cmd = (uint32_t)a[1];
    uint64_t arg = a[2];
    uint64_t bytes = _IOC_DIR(cmd) ? _IOC_SIZE(cmd) : OLD_BYTES;
    uint64_t b[6] = {a[0], cmd, arg, 0, 0, 0};

    if (cmd == SIOCGIFCONF)
        return interface_list(t, b);
    if (_IOC_TYPE(cmd) == TYPE_USERFAULTFD && _IOC_DIR(cmd))
        return fault_descriptor(t, b);
    if (cmd == PAGEMAP_SCAN_)
        return procmem_scan(t, b);
    if (_IOC_TYPE(cmd) == TYPE_KVM) /* the machines of the host's instruction set are none for this guest */
        return unknown(a[0]);
    if (arg < mem_low(p->mem)) /* a number, or a pointer that the kernel refuses */
        return sys_wait(t, SYS_ioctl, b);
    if (!_IOC_DIR(cmd) && !is_old_family(cmd >> 8) && cmd != IOCTL_VM_SOCKETS_GET_LOCAL_CID) { /* others of its family have structs with addresses */
        bool refuse = cmd >> 16 || (uint32_t)arg != arg;
        if (refuse)
            TRACE(sys, "ioctl 0x%x is unknown: ENOTTY; descriptor %d, argument 0x%llx", cmd, (int)a[0], (unsigned long long)arg);
        return refuse ? unknown(a[0]) : sys_wait(t, SYS_ioctl, b);
    }
    b[2] = sys_pointer(p, arg, _IOC_DIR(cmd) ? bytes : 1);
    return sys_wait(t, SYS_ioctl, b);
}
