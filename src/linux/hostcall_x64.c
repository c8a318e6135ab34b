/*
 * The few lines that depend on the host's instruction set: raw system calls, and copies that survive a fault.
 *
 * linux_copy_fixup is called by the host's fault handler: if the fault happened inside one of the copy loops below, it
 * moves the host's pc to the loop's failing return.  The loops touch guest memory only between their labels.
 */
#include <errno.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "linux/hostcall.h"
#include "linux/linux.h"

const int hostcall_map_low = MAP_32BIT; /* the second gibibyte */

int64_t linux_host_syscall(long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    register uint64_t r10 __asm__("r10") = a3;
    register uint64_t r8 __asm__("r8") = a4;
    register uint64_t r9 __asm__("r9") = a5;
    int64_t ret;
    __asm__ volatile("syscall" : "=a"(ret) : "0"(nr), "D"(a0), "S"(a1), "d"(a2), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return ret;
}

/*
 * long hostcall_copy(void *dst, const void *src, size_t n)          0, or -1 after a fault
 * long hostcall_copy_str(char *dst, const char *src, size_t cap)    length, cap when there is no NUL, or -1 after a fault
 */
__asm__(".text\n"
        ".globl hostcall_copy\n"
        ".type hostcall_copy, @function\n"
        "hostcall_copy:\n"
        "    movq %rdx, %rcx\n"
        "hostcall_copy_begin:\n"
        "    rep movsb\n"
        "hostcall_copy_end:\n"
        "    xorl %eax, %eax\n"
        "    ret\n"
        ".size hostcall_copy, . - hostcall_copy\n"
        ".globl hostcall_copy_str\n"
        ".type hostcall_copy_str, @function\n"
        "hostcall_copy_str:\n"
        "    xorl %eax, %eax\n"
        "1:  cmpq %rdx, %rax\n"
        "    je 2f\n"
        "hostcall_str_begin:\n"
        "    movzbl (%rsi,%rax), %ecx\n"
        "hostcall_str_end:\n"
        "    movb %cl, (%rdi,%rax)\n"
        "    testb %cl, %cl\n"
        "    je 2f\n"
        "    incq %rax\n"
        "    jmp 1b\n"
        "2:  ret\n"
        ".size hostcall_copy_str, . - hostcall_copy_str\n"
        "hostcall_failed:\n"
        "    movq $-1, %rax\n"
        "    ret\n");

extern const char hostcall_copy_begin[], hostcall_copy_end[], hostcall_str_begin[], hostcall_str_end[], hostcall_failed[];

bool linux_copy_fixup(void *uc)
{
    greg_t *ip = &((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP];
    uintptr_t at = (uintptr_t)*ip;
    bool copy = at >= (uintptr_t)hostcall_copy_begin && at < (uintptr_t)hostcall_copy_end;
    bool str = at >= (uintptr_t)hostcall_str_begin && at < (uintptr_t)hostcall_str_end;
    if (!copy && !str)
        return false;
    *ip = (greg_t)(uintptr_t)hostcall_failed;
    return true;
}
