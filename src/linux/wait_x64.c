/*
 * Signals, x86-64 host: system calls that lose no wake-up, and what a fault looks like.
 *
 * Each stub tests a word that the signal handler writes and then makes a system call.  A signal between test and call
 * would be noticed too late; the handler therefore moves a pc found in the window [test, syscall] to where the stub
 * gives up or starts again.  The kernel itself puts the pc back when a call that a signal interrupted is to be restarted
 * (all host handlers have SA_RESTART), two bytes before the next instruction whatever the length of the one that made the
 * call: a prefix without meaning tells a call that was interrupted from one that was not begun.  A call that returns EINTR
 * whatever the flags say comes back as it is.
 * System V calling convention; a system call destroys rcx and r11 only.
 */
#include "linux/sig.h"

#include <ucontext.h>

__asm__(".text\n"
        ".p2align 4\n"
        ".globl linux_wait_stub\n"
        ".type linux_wait_stub, @function\n"
        "linux_wait_stub:\n" /* rdi nr, rsi args, rdx queued, rcx deliverable */
        "    movq %rdi, %rax\n"
        "    movq %rdx, %r11\n"
        "    movq (%rsi), %rdi\n"
        "    movq 16(%rsi), %rdx\n"
        "    movq 24(%rsi), %r10\n"
        "    movq 32(%rsi), %r8\n"
        "    movq 40(%rsi), %r9\n"
        "    movq 8(%rsi), %rsi\n"
        "wait_window_start:\n"
        "    testq %rcx, (%r11)\n"
        "    jnz wait_abort\n"
        "wait_window_end:\n"
        "    .byte 0x48\n" /* rex.w */
        "wait_interrupted:\n"
        "    syscall\n"
        "    ret\n"
        "wait_abort:\n"
        "    movq $-513, %rax\n" /* -LINUX_ERESTARTNOINTR */
        "    ret\n"
        "wait_restart:\n"
        "    movq $-512, %rax\n" /* -LINUX_ERESTARTSYS */
        "    ret\n"
        ".size linux_wait_stub, . - linux_wait_stub\n"
        ".p2align 4\n"
        ".globl linux_mask_stub\n"
        ".type linux_mask_stub, @function\n"
        "linux_mask_stub:\n" /* rdi base, rsi queued, rdx async, rcx mask */
        "    movq %rdi, %r8\n"
        "    movq %rsi, %r9\n"
        "    movq %rdx, %r11\n"
        "    movq %rcx, %rsi\n"
        "    movl $2, %edi\n" /* SIG_SETMASK */
        "    xorl %edx, %edx\n"
        "    movl $8, %r10d\n"
        "mask_window_start:\n"
        "    movq (%r9), %rax\n"
        "    andq %r11, %rax\n"
        "    orq %r8, %rax\n"
        "    movq %rax, (%rsi)\n"
        "    movl $14, %eax\n" /* rt_sigprocmask */
        "mask_window_end:\n"
        "    syscall\n"
        "    ret\n"
        ".size linux_mask_stub, . - linux_mask_stub\n"
        ".p2align 4\n"
        "    nop\n" /* unwinders look at the byte before the return address */
        ".globl linux_host_restorer\n"
        ".type linux_host_restorer, @function\n"
        "linux_host_restorer:\n"
        "    movq $15, %rax\n" /* rt_sigreturn */
        "    syscall\n"
        ".size linux_host_restorer, . - linux_host_restorer\n");

extern const char wait_window_start[], wait_window_end[], wait_interrupted[], wait_abort[], wait_restart[], mask_window_start[], mask_window_end[];

const uint64_t linux_host_sa_flags = LINUX_SA_RESTORER;

_Static_assert(LINUX_ERESTARTSYS == 512 && LINUX_ERESTARTNOINTR == 513, "the constants in linux_wait_stub");

void linux_stub_fixup(void *uc)
{
    greg_t *pc = &((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP];
    if (*pc >= (greg_t)wait_window_start && *pc <= (greg_t)wait_window_end)
        *pc = (greg_t)wait_abort;
    else if (*pc == (greg_t)wait_interrupted)
        *pc = (greg_t)wait_restart;
    else if (*pc >= (greg_t)mask_window_start && *pc <= (greg_t)mask_window_end)
        *pc = (greg_t)mask_window_start;
}

/* clone(2) and F_SETSIG take any signal, so that SIGSEGV with CLD_EXITED looks like SEGV_MAPERR; its si_addr is a process and its user. */
bool linux_is_fault(const siginfo_t *info, const void *uc)
{
    const greg_t *regs = ((const ucontext_t *)uc)->uc_mcontext.gregs;
    uint64_t addr = (uint64_t)(uintptr_t)info->si_addr;
    if (info->si_code <= 0)
        return false;
    switch (info->si_signo) {
    case SIGSEGV:
    case SIGBUS:
        return info->si_code == SI_KERNEL || addr == (uint64_t)regs[REG_CR2];
    case SIGILL:
    case SIGFPE:
        return addr == (uint64_t)regs[REG_RIP];
    default:
        return info->si_code == SI_KERNEL || addr == (uint64_t)regs[REG_RIP];
    }
}
