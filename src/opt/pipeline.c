/*
 * Runs lists of passes.  Each is wrapped alike: analyses it needs, the pass, time, verifier, trace.
 */
#include "base/clock.h"
#include "opt/opt.h"

#include <string.h>

enum { FLOW = 1, LOOPS = 2 };

const struct opt_pass opt_pass[OPT_PASS_COUNT] = {
#define PASS(name, fn, needs, keeps, doc) {#name, fn, needs, keeps, doc},
#include "opt/passes.def"
#undef PASS
};

const uint8_t opt_default[] = {
#define PASS(name, fn, needs, keeps, doc) OPT_##name,
#include "opt/passes.def"
#undef PASS
};
const unsigned opt_ndefault = ARRAY_LEN(opt_default);

static int find_pass(const char *word, size_t n)
{
    for (int k = 0; k < OPT_PASS_COUNT; k++)
        if (strlen(opt_pass[k].name) == n && !memcmp(opt_pass[k].name, word, n))
            return k;
    return -1;
}

enum btv_status opt_parse_list(const char *text, uint8_t *pass, unsigned cap, unsigned *npasses, struct btv_error *err)
{
    unsigned n = 0;
    for (const char *p = text; *p; p += *p == ',') {
        size_t len = strcspn(p, ",");
        int k = find_pass(p, len);
        if (k < 0)
            return err_set(err, BTV_NOENT, "%.*s: no such pass; `btv opt --list` lists them", (int)len, p);
        if (n == cap)
            return err_set(err, BTV_LIMIT, "more than %u passes", cap);
        pass[n++] = (uint8_t)k;
        p += len;
    }
    *npasses = n;
    return BTV_OK;
}

/* Analyses computed so far, in an arena of their own. */
struct analyses {
    struct arena arena;
    struct ir_flow flow;
    struct ir_loops loops;
    unsigned valid; /* LOOPS only with FLOW */
};

static enum btv_status provide(struct analyses *a, const struct ir_func *f, unsigned needs)
{
    enum btv_status st = BTV_OK;
    if (needs && !(a->valid & FLOW)) {
        arena_reset(&a->arena);
        st = ir_flow_compute(&a->arena, f, &a->flow);
        a->valid = st == BTV_OK ? FLOW : 0;
    }
    if (st == BTV_OK && (needs & LOOPS & ~a->valid)) {
        st = ir_loops_compute(&a->arena, f, &a->flow, &a->loops);
        a->valid |= st == BTV_OK ? LOOPS : 0;
    }
    return st;
}

static enum btv_status run_one(struct ir_func *f, const struct opt_config *cfg, const struct opt_pass *p, struct analyses *a, struct pass_ctx *cx,
                               struct btv_error *err)
{
    struct btv_error broken = {0};
    enum btv_status st = provide(a, f, p->needs);
    if (st != BTV_OK)
        return err_set(err, st, "out of memory for the flow of @%s", f->name ? f->name : "");
    uint64_t start = clock_ns(CLOCK_MONOTONIC);
    cx->flow = &a->flow;
    cx->loops = &a->loops;
    cx->changed = false;
    st = p->run(f, cx);
    uint64_t ns = clock_ns(CLOCK_MONOTONIC) - start;
    if (st == BTV_OK && (!arena_ok(f->arena) || !arena_ok(cx->scratch)))
        st = BTV_NOMEM;
    arena_reset(cx->scratch);
    if (st != BTV_OK)
        return err_set(err, st, "pass %s: %s", p->name, btv_status_text(st));
    if (cx->changed)
        a->valid &= p->keeps;
    if (cfg->trace)
        cfg->trace(cfg->trace_ctx, p, f, cx->changed, ns);
    if (cfg->verify && ir_verify(f, &broken) != BTV_OK)
        return err_set(err, BTV_INVALID, "pass %s: %s", p->name, broken.text);
    return BTV_OK;
}

enum btv_status opt_run(struct ir_func *f, const struct opt_config *cfg, struct btv_error *err)
{
    struct arena scratch;
    struct analyses a = {.valid = 0};
    struct pass_ctx cx = {.scratch = &scratch};
    enum btv_status st = BTV_OK;
    bool changed = true;
    arena_init(&scratch, 0);
    arena_init(&a.arena, 0);
    for (unsigned round = 0; changed && st == BTV_OK && round < (cfg->max_rounds ? cfg->max_rounds : 1); round++) {
        changed = false;
        for (unsigned k = 0; k < cfg->npasses && st == BTV_OK; k++) {
            st = run_one(f, cfg, &opt_pass[cfg->pass[k]], &a, &cx, err);
            changed |= cx.changed;
        }
    }
    arena_free(&a.arena);
    arena_free(&scratch);
    return st;
}

/* -- what passes share ------------------------------------------------------------------------------------- */

static ir_val resolve(const ir_val *to, ir_val v)
{
    while (to[v])
        v = to[v];
    return v;
}

void opt_replace_all(struct ir_func *f, const ir_val *to)
{
    for (struct ir_block *b = f->first; b; b = b->next)
        for (struct ir_ins *i = b->first; i; i = i->next) {
            for (unsigned k = 0; k < i->nargs; k++)
                i->arg[k] = resolve(to, i->arg[k]);
            for (unsigned e = 0; e < ir_nedges(i); e++)
                for (uint32_t k = 0; k < i->edges[e].to->nparams; k++)
                    i->edges[e].args[k] = resolve(to, i->edges[e].args[k]);
        }
}

void opt_insert_before(struct ir_block *b, struct ir_ins *i, struct ir_block *bench)
{
    struct ir_ins *first = bench->first, *last = bench->last;
    if (!first)
        return;
    first->prev = i->prev;
    last->next = i;
    if (i->prev)
        i->prev->next = first;
    else
        b->first = first;
    i->prev = last;
    bench->first = bench->last = NULL;
}

bool opt_drop_unreachable(struct ir_func *f, const struct ir_flow *w)
{
    bool any = false;
    for (struct ir_block *b = f->first, *next; b; b = next) {
        next = b->next;
        if (w->order[b->id])
            continue;
        for (struct ir_ins *i = b->first; i; i = i->next)
            f->def[i->dst] = f->def[0];
        for (uint32_t k = 0; k < b->nparams; k++)
            f->def[b->params[k]->dst] = f->def[0];
        b->prev->next = next; /* the entry is reachable: there is a block before */
        if (next)
            next->prev = b->prev;
        else
            f->last = b->prev;
        any = true;
    }
    f->at = f->last;
    return any;
}
