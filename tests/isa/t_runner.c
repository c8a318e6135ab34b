/*
 * Runs *.t files: one instruction a line, assembled by our assembler, executed by the interpreter (through callbacks and
 * directly) and by evaluating its lifted form; all must give what the line says, and change nothing it does not mention.
 *
 *   addw  a0, a1, a2   a1=0x7fffffff a2=1   => a0=0xffffffff80000000   # comment
 *
 * Left of =>, after the instruction: the state before it.  Right: the state after.
 *   reg=V  frm=V  fflags=V  res=V:N          registers; res: a reservation of N bytes at address V (res=none: none)
 *   [V]=V:N                                  N bytes of memory
 *   pc=V  exit=syscall|isync  trap=NAME tval=V  where the program continues, if not at the next instruction; how it stopped
 * V: a number; @buf, @pc (+ or - a number); 1.5d a double, 1.5s a NaN-boxed single (also inf, nan).
 * The instruction is at @pc, @buf is 256 bytes of zeros aligned to 64.
 */
#include <inttypes.h>
#include <string.h>

#include "check.h"
#include "guest/guest.h"

enum { BUF_BYTES = 256, PC = 0x10000, SLOT_F = 32, SLOT_PC = 64, LINE_BYTES = 512 };

static uint8_t buf[BUF_BYTES] __attribute__((aligned(64)));
static const char *where;
static unsigned line_number;

struct state {
    struct cpu cpu;
    struct ir_exit exit;
    uint8_t buf[BUF_BYTES];
};

/* -- guest memory ------------------------------------------------------------------------------------------ */

static bool inside(uint64_t addr, unsigned bytes, struct cpu_trap *trap)
{
    uint64_t at = addr - (uint64_t)(uintptr_t)buf;
    if (at < BUF_BYTES && BUF_BYTES - at >= bytes)
        return true;
    *trap = (struct cpu_trap){.kind = IR_TRAP_ACCESS, .value = addr};
    return false;
}

static bool mem_load(void *ctx, uint64_t addr, unsigned bytes, uint64_t *out, struct cpu_trap *trap)
{
    if (!inside(addr, bytes, trap))
        return false;
    *out = 0;
    memcpy(out, (void *)(uintptr_t)addr, bytes);
    return true;
}

static bool mem_store(void *ctx, uint64_t addr, unsigned bytes, uint64_t value, struct cpu_trap *trap)
{
    if (!inside(addr, bytes, trap))
        return false;
    memcpy((void *)(uintptr_t)addr, &value, bytes);
    return true;
}

static bool call_helper(void *ctx, struct cpu *cpu, unsigned helper, const uint64_t args[3], uint64_t *out, struct cpu_trap *trap)
{
    const struct cpu_helper *h = &guest_riscv64.helpers[helper];
    if (!strcmp(h->name, "amocas_q") && !(args[0] & 15) && !inside(args[0], 16, trap))
        return false;
    bool ok = h->fn(cpu, args[0], args[1], args[2], out);
    *trap = cpu->trap;
    return ok;
}

static uint8_t code[16];
static unsigned code_len;

static const uint8_t *fetch(void *ctx, uint64_t pc, size_t *avail)
{
    uint64_t at = pc - PC;
    *avail = at < code_len ? code_len - at : 0;
    return at < code_len ? code + at : NULL;
}

static const struct guest_code guest_code = {fetch, NULL};
static const struct guest_shadow shadow = {NULL, mem_load, mem_store};

/* -- reading a line ---------------------------------------------------------------------------------------- */

static bool bad(const char *what, const char *text)
{
    CHECK(false, "%s:%u: %s: %s", where, line_number, what, text);
    return false;
}

static bool parse_value(const char *p, uint64_t *v)
{
    char *end;
    size_t len = strlen(p);
    if (*p == '@') {
        bool is_buf = !strncmp(p, "@buf", 4);
        if (!is_buf && strncmp(p, "@pc", 3))
            return bad("no such place", p);
        *v = is_buf ? (uint64_t)(uintptr_t)buf : PC;
        p += is_buf ? 4 : 3;
        if (*p)
            *v += (uint64_t)strtoll(p, &end, 0);
        return true;
    }
    bool is_hex = strstr(p, "0x") != NULL, is_single = len && p[len - 1] == 's';
    if (len && !is_hex && (p[len - 1] == 'd' || is_single)) {
        double d = strtod(p, &end);
        float f = (float)d;
        uint32_t bits;
        memcpy(&bits, &f, 4);
        memcpy(v, &d, 8);
        if (strstr(p, "nan")) { /* the canonical one */
            *v = 0x7ff8000000000000;
            bits = 0x7fc00000;
        }
        if (is_single)
            *v = 0xffffffff00000000 | bits;
        return end == p + len - 1 || bad("not a number", p);
    }
    *v = *p == '-' ? (uint64_t)strtoll(p, &end, 0) : strtoull(p, &end, 0);
    return (*p && !*end) || bad("not a value", p);
}

/* "value:bytes" */
static bool parse_sized(char *p, uint64_t *v, unsigned *bytes)
{
    char *colon = strrchr(p, ':');
    if (!colon)
        return bad("needs :bytes", p);
    *colon = 0;
    *bytes = (unsigned)strtoul(colon + 1, NULL, 0);
    return parse_value(p, v);
}

static bool parse_trap(const char *name, struct cpu_trap *trap)
{
    static const char *const names[] = {"none", "illegal", "break", "misaligned", "access", "fetch", "bus"};
    for (uint32_t k = 1; k < ARRAY_LEN(names); k++)
        if (!strcmp(names[k], name)) {
            trap->kind = k;
            return true;
        }
    return bad("no such trap", name);
}

/* One name=value applied to a state. */
static bool parse_setting(char *name, char *value, struct state *s)
{
    uint64_t v = 0;
    unsigned bytes = 0;
    if (*name == '[') {
        uint64_t at;
        name[strcspn(name, "]")] = 0;
        if (!parse_value(name + 1, &at) || !parse_sized(value, &v, &bytes))
            return false;
        at -= (uint64_t)(uintptr_t)buf;
        if (bytes > 8 || at > BUF_BYTES - bytes)
            return bad("outside of @buf", name + 1);
        memcpy(s->buf + at, &v, bytes);
        return true;
    }
    if (!strcmp(name, "trap")) {
        s->exit.kind = IR_EXIT_TRAP;
        s->exit.pc = PC;
        return parse_trap(value, &s->exit.trap);
    }
    if (!strcmp(name, "exit")) {
        s->exit.kind = !strcmp(value, "syscall") ? IR_EXIT_SYSCALL : IR_EXIT_ISYNC;
        return true;
    }
    if (!strcmp(name, "res")) {
        s->cpu.ll_addr = 1;
        if (!strcmp(value, "none"))
            return true;
        if (!parse_sized(value, &s->cpu.ll_addr, &s->cpu.ll_bytes))
            return false;
        s->cpu.ll_value = 0;
        memcpy(&s->cpu.ll_value, s->buf + (s->cpu.ll_addr - (uint64_t)(uintptr_t)buf), s->cpu.ll_bytes);
        return true;
    }
    if (!parse_value(value, &v))
        return false;
    if (!strcmp(name, "pc"))
        s->exit.pc = v;
    else if (!strcmp(name, "tval"))
        s->exit.trap.value = v;
    else if (!strcmp(name, "frm"))
        s->cpu.fp.rm = (uint8_t)v;
    else if (!strcmp(name, "fflags"))
        s->cpu.fp.flags = (uint8_t)v;
    else {
        unsigned k = 1;
        while (k < SLOT_PC && strcmp(guest_riscv64.slots.slot[k].name, name))
            k++;
        if (k == SLOT_PC)
            return bad("no such register", name);
        s->cpu.slot[k] = v;
    }
    return true;
}

static bool parse_settings(char *p, struct state *s)
{
    for (char *save, *word = strtok_r(p, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
        char *eq = *word == '[' ? strstr(word, "]=") : strchr(word, '=');
        if (!eq)
            return bad("expected name=value", word);
        eq += *word == '[';
        *eq = 0;
        if (!parse_setting(word, eq + 1, s))
            return false;
    }
    return true;
}

/* Where the settings start: the first word with a '='. */
static char *settings_of(char *p)
{
    char *eq = strchr(p, '=');
    if (!eq)
        return p + strlen(p);
    while (eq > p && eq[-1] != ' ' && eq[-1] != '\t')
        eq--;
    return eq;
}

/* -- running ----------------------------------------------------------------------------------------------- */

static void check_state(const char *how, const struct state *got, const struct state *want)
{
    for (unsigned k = 0; k < SLOT_PC; k++)
        CHECK(got->cpu.slot[k] == want->cpu.slot[k], "%s:%u: %s: %s is 0x%" PRIx64 ", not 0x%" PRIx64, where, line_number, how,
              guest_riscv64.slots.slot[k].name, got->cpu.slot[k], want->cpu.slot[k]);
    CHECK(got->exit.kind == want->exit.kind && got->exit.pc == want->exit.pc, "%s:%u: %s: exit %d at 0x%" PRIx64 ", not %d at 0x%" PRIx64,
          where, line_number, how, got->exit.kind, got->exit.pc, want->exit.kind, want->exit.pc);
    if (want->exit.kind == IR_EXIT_TRAP)
        CHECK(got->exit.trap.kind == want->exit.trap.kind && got->exit.trap.value == want->exit.trap.value,
              "%s:%u: %s: trap %u value 0x%" PRIx64 ", not %u value 0x%" PRIx64, where, line_number, how, got->exit.trap.kind,
              got->exit.trap.value, want->exit.trap.kind, want->exit.trap.value);
    CHECK(got->cpu.fp.flags == want->cpu.fp.flags && got->cpu.fp.rm == want->cpu.fp.rm, "%s:%u: %s: flags 0x%x mode %u, not 0x%x %u", where,
          line_number, how, got->cpu.fp.flags, got->cpu.fp.rm, want->cpu.fp.flags, want->cpu.fp.rm);
    CHECK(got->cpu.ll_addr == want->cpu.ll_addr, "%s:%u: %s: reservation at 0x%" PRIx64 ", not 0x%" PRIx64, where, line_number, how,
          got->cpu.ll_addr, want->cpu.ll_addr);
    CHECK(!memcmp(got->buf, want->buf, BUF_BYTES), "%s:%u: %s: memory differs", where, line_number, how);
}

static void run_step(const char *how, const struct guest_shadow *sh, const struct state *before, const struct state *want)
{
    struct state got = *before;
    unsigned done;
    memcpy(buf, before->buf, BUF_BYTES);
    guest_riscv64.step(&got.cpu, &guest_code, sh, 1, &got.exit, &done);
    memcpy(got.buf, buf, BUF_BYTES);
    check_state(how, &got, want);
    CHECK(done == (want->exit.kind == IR_EXIT_TRAP ? 0 : 1), "%s:%u: %s: done is %u", where, line_number, how, done);
}

static void run_lifted(struct arena *arena, const struct state *before, const struct state *want)
{
    struct state got = *before;
    struct btv_error err = {0};
    struct guest_lift g = {.pc = PC, .code = &guest_code, .max_insns = 1};
    arena_reset(arena);
    struct ir_func *f = ir_func_new(arena, &guest_riscv64.slots, "line");
    enum btv_status st = guest_riscv64.lift(&g, f);
    if (st == BTV_OK)
        st = ir_verify(f, &err);
    memcpy(buf, before->buf, BUF_BYTES);
    struct ir_env env = {.cpu = &got.cpu, .load = mem_load, .store = mem_store, .call = call_helper};
    if (st == BTV_OK)
        st = ir_eval(f, &env, NULL, &got.exit, &err);
    memcpy(got.buf, buf, BUF_BYTES);
    CHECK(st == BTV_OK, "%s:%u: %s", where, line_number, err.text);
    if (st == BTV_OK)
        check_state("lifted", &got, want);
}

static void run_line(struct arena *arena, char *line)
{
    char *comment = strchr(line, '#');
    if (comment)
        *comment = 0;
    line[strcspn(line, "\n")] = 0;
    char *arrow = strstr(line, "=>");
    if (!arrow) {
        if (line[strspn(line, " \t")])
            bad("no =>", line);
        return;
    }
    *arrow = 0;
    char *settings = settings_of(line);
    static struct state before, want;
    memset(&before, 0, sizeof before);
    guest_riscv64.reset(&before.cpu);
    before.cpu.slot[SLOT_PC] = PC;
    if (!parse_settings(settings, &before))
        return;
    *settings = 0;
    for (size_t n = strlen(line); n && (line[n - 1] == ' ' || line[n - 1] == '\t'); n--)
        line[n - 1] = 0;
    struct btv_error err = {0};
    if (guest_riscv64.assemble(line, PC, code, &code_len, &err)) {
        bad("does not assemble", err.text);
        return;
    }
    want = before;
    want.exit = (struct ir_exit){.kind = IR_EXIT_GOTO, .pc = PC + code_len};
    if (!parse_settings(arrow + 2, &want))
        return;
    run_step("through callbacks", &shadow, &before, &want);
    if (want.exit.trap.kind != IR_TRAP_ACCESS)
        run_step("directly", NULL, &before, &want);
    run_lifted(arena, &before, &want);
}

int main(int argc, char **argv)
{
    struct arena arena;
    arena_init(&arena, 0);
    unsigned lines = 0;
    for (int k = 1; k < argc; k++) {
        FILE *f = fopen(argv[k], "r");
        CHECK(f, "cannot open %s", argv[k]);
        where = argv[k];
        line_number = 0;
        char line[LINE_BYTES];
        while (f && fgets(line, sizeof line, f)) {
            line_number++;
            lines += strstr(line, "=>") != NULL;
            run_line(&arena, line);
        }
        if (f)
            fclose(f);
    }
    CHECK(lines > 0, "no lines; usage: t_runner FILE.t...");
    arena_free(&arena);
    return check_done();
}
