/*
 * Signals as the host's kernel takes them, for callers that must go round the C library: it keeps two signals for itself, which are the guest's
 * here, and takes one of them again with its first thread.
 */
#ifndef BTV_BASE_HOSTSIG_H
#define BTV_BASE_HOSTSIG_H

#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HOSTSIG_SETXID 33     /* setuid(2) and its like in all threads: pthread_create(3) installs the handler of it and opens it */
#define HOSTSIG_SET_BYTES 8   /* 64 signals, number n in bit n - 1 */

/* What rt_sigaction(2) reads and writes on x86-64 and AArch64. */
struct hostsig_action {
    uint64_t handler, flags, restorer, mask;
};

/* Either pointer may be NULL.  0, or -1 with errno. */
static inline int hostsig_set(int sig, const struct hostsig_action *action, struct hostsig_action *old)
{
    return (int)syscall(SYS_rt_sigaction, sig, action, old, HOSTSIG_SET_BYTES);
}

/* The calling host thread blocks exactly these; returns those before. */
static inline uint64_t hostsig_mask(uint64_t mask)
{
    uint64_t before = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &before, HOSTSIG_SET_BYTES);
    return before;
}

#endif
