/*
 * Compiler attributes and the few macros every layer uses.  Nothing here has state.
 */
#ifndef BTV_BASE_DEFS_H
#define BTV_BASE_DEFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "btv/status.h"

#define BTV_NODISCARD __attribute__((warn_unused_result))
#define BTV_PRINTF(fmt_index, first_arg) __attribute__((format(printf, fmt_index, first_arg)))
#define BTV_FALLTHROUGH __attribute__((fallthrough))
#define BTV_NORETURN __attribute__((noreturn))
#define BTV_UNUSED __attribute__((unused))
#define BTV_COLD __attribute__((cold, noinline))
#define BTV_LIKELY(x) __builtin_expect(!!(x), 1)
#define BTV_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* To be called before a stack is unmapped on which a task ended without returning: the address sanitizer has marked it. */
#ifdef __SANITIZE_ADDRESS__
void __asan_unpoison_memory_region(const volatile void *start, size_t bytes);
#define BTV_STACK_LEFT(start, bytes) __asan_unpoison_memory_region(start, bytes)
#else
#define BTV_STACK_LEFT(start, bytes) ((void)0)
#endif

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define ALIGN_UP(x, a) (((x) + ((a)-1)) & ~((typeof(x))(a)-1))
#define ALIGN_DOWN(x, a) ((x) & ~((typeof(x))(a)-1))

/* Guest pages; a host page is assumed to be the same size until a port needs otherwise. */
#define GUEST_PAGE_BITS 12
#define GUEST_PAGE_SIZE ((uint64_t)1 << GUEST_PAGE_BITS)
#define GUEST_PAGE_MASK (~(GUEST_PAGE_SIZE - 1))

#endif
