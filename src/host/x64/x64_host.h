/*
 * Between the files of this host: what stubs.c puts into the host table.
 */
#ifndef BTV_HOST_X64_HOST_H
#define BTV_HOST_X64_HOST_H

#include "host/host.h"

#define X64_MXCSR_DEFAULT 0x1f80u /* all exceptions masked, round to nearest (SDM vol. 1, 10.2.3) */

/* Links: patch.c.  Bytes of the jump or call; of an inline cache, how far its pc lies before the name, and bytes of opcode before the pc. */
#define X64_LINK_BYTES HOST_LINK_BYTES
#define X64_CACHE_PC (8 + 3 + 6 + X64_LINK_BYTES)
#define X64_CACHE_OPCODE_BYTES 2
uint32_t x64_link_target(const struct host_stubs *s, const uint8_t *code, uint32_t link);
void x64_link_make(const struct host_stubs *s, uint8_t *code, uint32_t block, uint32_t link, uint32_t to);
void x64_front_create(const struct host_stubs *s, uint8_t *code, uint32_t link);
bool x64_link_note(const struct host_stubs *s, uint8_t *code, uint32_t link, int64_t note);
bool x64_link_noted(const struct host_stubs *s, const uint8_t *code, uint32_t link, int64_t *note);
/* What EM_STUB_LINK_NOTES is; `b` is where it goes. */
#define X64_NOTES 1024
void x64_put_notes(struct x64_buf *b, size_t link_stub);
bool x64_cache_filled(const uint8_t *code, uint32_t cache);
uint32_t x64_cache_find(const uint8_t *code, uint32_t start, uint32_t end, uint64_t *pc);
void x64_cache_fill(uint8_t *code, uint32_t cache, uint64_t pc);
void x64_close(uint8_t *code, uint32_t entry);
/* May the code that starts so be closed? */
bool x64_can_close(const uint8_t *entry);

/* enum fp_flag bits of the low six bits of MXCSR. */
uint8_t x64_fp_flags(unsigned mxcsr);
const char *x64_feature_name(unsigned bit);
enum btv_status x64_emit(struct arena *a, const struct host_config *cfg, struct ir_func *f, struct host_code *out);
bool x64_fp_enter(struct cpu *cpu);
void x64_fp_leave(struct cpu *cpu);
uint64_t x64_context_reg(const void *ucontext, unsigned reg);
void x64_save_context(const struct host_config *cfg, struct cpu *cpu, const void *uc);
uint64_t x64_context_pc(const void *uc);
void x64_context_set_pc(void *uc, uint64_t pc);
bool x64_return_stack_fault(struct cpu *cpu, void *uc, uint64_t addr);

#endif
