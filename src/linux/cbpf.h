/*
 * Classic BPF as seccomp uses it: programs that map the sixteen words of struct seccomp_data to one word.
 * Instructions are struct sock_filter of <linux/filter.h>; Documentation/networking/filter.rst has their meaning.
 */
#ifndef BTV_LINUX_CBPF_H
#define BTV_LINUX_CBPF_H

#include <linux/filter.h>

#include "base/defs.h"

#define CBPF_INSNS_MAX 4096 /* BPF_MAXINSNS */
#define CBPF_DATA_WORDS 16  /* sizeof(struct seccomp_data) / 4 */

/* Is it a program that the kernel accepts: known instructions, jumps inside, no scratch word read before it is written? */
bool cbpf_check(const struct sock_filter *prog, unsigned n);
/* The result of a checked program. */
uint32_t cbpf_run(const struct sock_filter *prog, const uint32_t data[CBPF_DATA_WORDS]);

#endif
