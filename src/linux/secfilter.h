/*
 * seccomp for the guest: its filters are programs that btv interprets, so that they see the guest's calls and never btv's.
 *
 * A filter is immutable and lives as long as the process; a thread points to the newest of its chain.
 */
#ifndef BTV_LINUX_SECFILTER_H
#define BTV_LINUX_SECFILTER_H

#include "linux/linux.h"

/* Before the call `nr`.  False: it is not to be made; *ret is its result (LINUX_SIGRETURN_DONE: the registers are right).
 * May not return at all.  To be called when t->seccomp is not NULL. */
bool seccomp_allows(struct linux_thread *t, uint64_t nr, const uint64_t a[6], int64_t *ret);
/* PR_SET_SYSCALL_USER_DISPATCH: sets it; judges a call as seccomp_allows does, when t->dispatch.on. */
int64_t seccomp_set_dispatch(struct linux_thread *t, const uint64_t a[6]);
bool seccomp_dispatches(struct linux_thread *t, uint64_t nr, int64_t *ret);
/* prctl(PR_SET_SECCOMP) and prctl(PR_GET_SECCOMP). */
int64_t seccomp_set(struct linux_thread *t, uint64_t mode, uint64_t program);
int seccomp_mode(const struct linux_thread *t);
unsigned seccomp_filters(const struct linux_thread *t);
/* Across execve: the filters as a descriptor that stays open (-1: there are none), and back; the latter closes it. */
int64_t seccomp_save(const struct linux_thread *t);
BTV_NODISCARD enum btv_status seccomp_load(struct linux_thread *t, int fd, struct btv_error *err);

#endif
