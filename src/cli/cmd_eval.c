/*
 * btv eval: runs one function of the intermediate format through the reference evaluator.
 *
 * Guest memory is a private, sparse set of pages that read as zero, so any guest address works and nothing of the host
 * can be touched.  Printed are the exit, then every slot and byte that changed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tool.h"

static const char help[] =
    "usage: btv eval [OPTIONS] FILE.bif [ARGUMENT...]\n\n"
    "Evaluate a function (text or binary, - for standard input) and print how it left and what changed.\n\n"
    "  --func NAME        the function (default: the first)\n"
    "  --set SLOT=VALUE   a guest slot, by name or number\n"
    "  --mem ADDR=HEX     bytes of guest memory; all others are 0\n"
    "  --max N            stop after N instructions (default 10000000)\n"
    "  --guest NAME       guest of slots and helpers, or none (default: the first guest)\n";

enum { PAGE_BITS = 12, PAGE_BYTES = 1 << PAGE_BITS, BUCKETS = 1024, MAX_PAGES = 65536, MAX_SETS = 2 * CPU_SLOTS, LINE_BYTES = 16 };

/* -- sparse memory ----------------------------------------------------------------------------------------- */

struct page {
    struct page *next;
    uint64_t number;
    uint8_t now[PAGE_BYTES], before[PAGE_BYTES];
};

struct memory {
    struct page *bucket[BUCKETS];
    unsigned npages;
    const struct guest_isa *guest;
};

static struct page *page_of(struct memory *m, uint64_t addr, bool make)
{
    uint64_t number = addr >> PAGE_BITS;
    struct page **b = &m->bucket[number % BUCKETS];
    for (struct page *p = *b; p; p = p->next)
        if (p->number == number)
            return p;
    struct page *p = make && m->npages < MAX_PAGES ? calloc(1, sizeof *p) : NULL;
    if (p) {
        p->number = number;
        p->next = *b;
        *b = p;
        m->npages++;
    }
    return p;
}

static bool load(void *ctx, uint64_t addr, unsigned bytes, uint64_t *out, struct cpu_trap *trap)
{
    *out = 0;
    for (unsigned k = 0; k < bytes; k++) {
        const struct page *p = page_of(ctx, addr + k, false);
        *out |= (uint64_t)(p ? p->now[(addr + k) % PAGE_BYTES] : 0) << 8 * k;
    }
    return true;
}

static bool store(void *ctx, uint64_t addr, unsigned bytes, uint64_t value, struct cpu_trap *trap)
{
    for (unsigned k = 0; k < bytes; k++)
        if (!page_of(ctx, addr + k, true)) { /* more memory than we lend */
            *trap = (struct cpu_trap){.kind = IR_TRAP_ACCESS, .value = addr};
            return false;
        }
    for (unsigned k = 0; k < bytes; k++)
        page_of(ctx, addr + k, false)->now[(addr + k) % PAGE_BYTES] = (uint8_t)(value >> 8 * k);
    return true;
}

static bool call(void *ctx, struct cpu *cpu, unsigned helper, const uint64_t args[3], uint64_t *out, struct cpu_trap *trap)
{
    const struct memory *m = ctx;
    if (!m->guest || helper >= m->guest->nhelpers) {
        *trap = (struct cpu_trap){.kind = IR_TRAP_ILLEGAL};
        return false;
    }
    bool ok = m->guest->helpers[helper].fn(cpu, args[0], args[1], args[2], out);
    if (!ok)
        *trap = cpu->trap;
    return ok;
}

static void remember(struct memory *m)
{
    for (unsigned b = 0; b < BUCKETS; b++)
        for (struct page *p = m->bucket[b]; p; p = p->next)
            memcpy(p->before, p->now, sizeof p->now);
}

static void forget(struct memory *m)
{
    for (unsigned b = 0; b < BUCKETS; b++)
        for (struct page *p = m->bucket[b], *next; p; p = next) {
            next = p->next;
            free(p);
        }
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = (*(struct page *const *)a)->number, y = (*(struct page *const *)b)->number;
    return (x > y) - (x < y);
}

/* Changed bytes in order of their addresses, in lines of neighbours. */
static void print_memory(struct str *s, const struct memory *m)
{
    struct page **all = calloc(m->npages + 1, sizeof *all);
    unsigned n = 0;
    for (unsigned b = 0; all && b < BUCKETS; b++)
        for (struct page *p = m->bucket[b]; p; p = p->next)
            all[n++] = p;
    if (n)
        qsort(all, n, sizeof *all, by_number);
    for (unsigned k = 0; k < n; k++)
        for (unsigned at = 0, in_line = 0; at < PAGE_BYTES; at++) {
            if (all[k]->now[at] == all[k]->before[at]) {
                in_line = 0;
                continue;
            }
            if (in_line++ % LINE_BYTES == 0)
                str_add(s, "  [0x%llx] =", (unsigned long long)(all[k]->number << PAGE_BITS | at));
            str_add(s, " %02x", all[k]->now[at]);
            if (in_line % LINE_BYTES == 0 || at + 1 == PAGE_BYTES || all[k]->now[at + 1] == all[k]->before[at + 1])
                str_adds(s, "\n");
        }
    free(all);
}

/* -- result ------------------------------------------------------------------------------------------------ */

static void print_exit(struct str *s, const struct ir_exit *x)
{
    static const char *const trap[] = {"none", "illegal", "break", "misaligned", "access", "fetch", "bus"};
    static const char *const kind[] = {"goto", "syscall ->", "trap", "isync ->", "ret"};
    str_adds(s, kind[x->kind]);
    if (x->kind == IR_EXIT_TRAP)
        str_add(s, " %s, 0x%llx at 0x%llx", x->trap.kind < ARRAY_LEN(trap) ? trap[x->trap.kind] : "?", (unsigned long long)x->trap.value,
                (unsigned long long)x->pc);
    else
        str_add(s, " 0x%llx", (unsigned long long)(x->kind == IR_EXIT_RET ? x->value : x->pc));
    str_adds(s, "\n");
}

static void print_state(struct str *s, const struct guest_isa *g, const struct cpu *now, const struct cpu *before)
{
    for (unsigned k = 0; k < CPU_SLOTS; k++) {
        if (now->slot[k] == before->slot[k])
            continue;
        if (g && k < g->slots.count && g->slots.slot[k].name)
            str_add(s, "  $%s", g->slots.slot[k].name);
        else
            str_add(s, "  $%u", k);
        str_add(s, " = 0x%llx (was 0x%llx)\n", (unsigned long long)now->slot[k], (unsigned long long)before->slot[k]);
    }
    if (now->fp.flags != before->fp.flags)
        str_add(s, "  flags = 0x%x (were 0x%x)\n", now->fp.flags, before->fp.flags);
    if (now->fp.rm != before->fp.rm)
        str_add(s, "  rounding mode = %u (was %u)\n", now->fp.rm, before->fp.rm);
}

/* -- command ----------------------------------------------------------------------------------------------- */

struct eval_tool {
    const struct guest_isa *guest;
    const char *file, *func;
    const char *set[MAX_SETS];
    unsigned nsets;
    uint64_t *arg;
    unsigned nargs;
    uint64_t max;
    struct memory mem;
    struct cpu cpu, before;
};

/* "a0=5", "10=5", "$a0=5" */
static bool set_slot(struct eval_tool *t, const char *text)
{
    size_t n = strcspn(text, "=");
    uint64_t value, slot = CPU_SLOTS;
    char name[16];
    if (!text[n] || !tool_number(text + n + 1, &value))
        return false;
    text += text[0] == '$';
    n = strcspn(text, "=");
    if (n >= sizeof name)
        return false;
    memcpy(name, text, n);
    name[n] = '\0';
    for (unsigned k = 0; t->guest && k < t->guest->slots.count; k++)
        if (t->guest->slots.slot[k].name && !strcmp(t->guest->slots.slot[k].name, name))
            slot = k;
    if (slot == CPU_SLOTS && !tool_number(name, &slot))
        return false;
    if (slot >= CPU_SLOTS)
        return false;
    t->cpu.slot[slot] = value;
    return true;
}

static bool set_memory(struct eval_tool *t, const char *text)
{
    char number[32];
    size_t n = strcspn(text, "=");
    uint64_t addr;
    struct cpu_trap trap;
    struct str bytes = STR_INIT;
    if (!text[n] || n >= sizeof number)
        return false;
    memcpy(number, text, n);
    number[n] = '\0';
    bool ok = tool_number(number, &addr) && tool_hex(text + n + 1, &bytes);
    for (size_t k = 0; ok && k < bytes.len; k++)
        ok = store(&t->mem, addr + k, 1, (uint8_t)bytes.p[k], &trap);
    str_free(&bytes);
    return ok;
}

static int parse(struct tool_args *a, struct eval_tool *t)
{
    const char *value = NULL;
    while (a->at < a->argc) {
        if (tool_option(a, "--func", &value)) {
            if (!(t->func = value))
                return tool_misuse(a, "--func: needs a name");
        } else if (tool_option(a, "--set", &value)) {
            if (!value || t->nsets == MAX_SETS)
                return tool_misuse(a, "--set: needs SLOT=VALUE, at most %d times", MAX_SETS);
            t->set[t->nsets++] = value;
        } else if (tool_option(a, "--mem", &value)) {
            if (!value || !set_memory(t, value))
                return tool_misuse(a, "--mem: needs ADDR=HEX, as in 0x1000=00ff");
        } else if (tool_option(a, "--max", &value)) {
            if (!value || !tool_number(value, &t->max) || !t->max)
                return tool_misuse(a, "--max: needs a number");
        } else if (tool_option(a, "--guest", &value)) {
            if (!value || !tool_guest(value, &t->guest))
                return tool_misuse(a, "--guest %s: no such guest", value ? value : "");
        } else if (t->file && a->argv[a->at][0] == '-' && tool_number(a->argv[a->at], &t->arg[t->nargs])) {
            t->nargs++;
            a->at++;
        } else if (!(value = tool_operand(a)) && a->at < a->argc) {
            return tool_usage(a);
        } else if (value && !t->file) {
            t->file = value;
        } else if (value && !tool_number(value, &t->arg[t->nargs++])) {
            return tool_misuse(a, "%s: not a number", value);
        }
    }
    if (!t->file)
        return tool_misuse(a, "no file; usage: btv eval FILE.bif [ARGUMENT...]");
    return 0;
}

static const struct ir_func *find(const struct ir_module *m, const char *name)
{
    for (unsigned k = 0; k < m->nfuncs; k++)
        if (!name || (m->func[k]->name && !strcmp(m->func[k]->name, name)))
            return m->func[k];
    return NULL;
}

static int run(const struct tool_args *a, struct eval_tool *t, const struct ir_func *f, struct str *out)
{
    struct ir_env env = {.cpu = &t->cpu, .ctx = &t->mem, .load = load, .store = store, .call = call, .max_ins = t->max};
    struct ir_exit x;
    struct btv_error err = {0};
    if (t->nargs != f->first->nparams)
        return tool_misuse(a, "@%s takes %u arguments, not %u", f->name ? f->name : "", f->first->nparams, t->nargs);
    remember(&t->mem);
    t->before = t->cpu;
    enum btv_status st = ir_eval(f, &env, t->arg, &x, &err);
    if (st != BTV_OK)
        return tool_fail(a, "%s", err.text[0] ? err.text : btv_status_text(st));
    print_exit(out, &x);
    print_state(out, t->guest, &t->cpu, &t->before);
    print_memory(out, &t->mem);
    return 0;
}

static int load_and_run(const struct tool_args *a, struct eval_tool *t)
{
    struct arena arena;
    struct btv_error err = {0};
    struct str in = STR_INIT, out = STR_INIT;
    struct ir_module m;
    int status = 0;
    t->mem.guest = t->guest;
    t->cpu.ll_addr = 1;
    if (t->guest)
        t->guest->reset(&t->cpu);
    for (unsigned k = 0; k < t->nsets; k++)
        if (!set_slot(t, t->set[k]))
            return tool_misuse(a, "--set %s: needs SLOT=VALUE with a slot of the guest", t->set[k]);
    arena_init(&arena, 0);
    enum btv_status st = tool_read_file(t->file, &in, &err);
    if (st == BTV_OK)
        st = tool_parse_module(&arena, t->guest ? &t->guest->slots : NULL, t->file, &in, &m, &err);
    const struct ir_func *f = st == BTV_OK ? find(&m, t->func) : NULL;
    if (st != BTV_OK)
        status = tool_fail(a, "%s", err.text);
    else if (!f)
        status = tool_fail(a, "%s: no function @%s", t->file, t->func);
    else
        status = run(a, t, f, &out);
    if (!status)
        status = tool_print(a, &out);
    arena_free(&arena);
    str_free(&in);
    str_free(&out);
    return status;
}

int cmd_eval(int argc, char **argv)
{
    struct tool_args a = {.command = "btv eval", .argc = argc, .argv = argv, .at = 1};
    struct eval_tool *t = calloc(1, sizeof *t);
    if (argc > 1 && !strcmp(argv[1], "--help")) {
        fputs(help, stdout);
        free(t);
        return 0;
    }
    if (!t || !(t->arg = calloc((size_t)argc + 1, sizeof *t->arg))) {
        free(t);
        return tool_fail(&a, "out of memory");
    }
    t->guest = guest_all[0];
    t->max = 10000000;
    int status = parse(&a, t);
    if (!status)
        status = load_and_run(&a, t);
    forget(&t->mem);
    free(t->arg);
    free(t);
    return status;
}
