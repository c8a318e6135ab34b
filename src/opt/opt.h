/*
 * The optimiser: passes over one function, and the pipeline that runs lists of them.
 *
 * A pass is a function of passes.def.  It transforms any verified function into a verified function that means the same
 * (docs/ir.md) and says whether it changed something; it does not print, time or verify: pipeline.c does that around
 * every pass.  Passes are meant for any control flow.  They are not on the path of the baseline translator, which
 * folds while it lifts.
 */
#ifndef BTV_OPT_OPT_H
#define BTV_OPT_OPT_H

#include "ir/dom.h"
#include "ir/ir.h"

enum opt_pass_id {
#define PASS(name, fn, needs, keeps, doc) OPT_##name,
#include "opt/passes.def"
#undef PASS
    OPT_PASS_COUNT
};

/* What a pass works with.  `scratch` is emptied after each pass and is not the function's arena. */
struct pass_ctx {
    struct arena *scratch;
    const struct ir_flow *flow;   /* valid if the pass needs FLOW or LOOPS */
    const struct ir_loops *loops; /* valid if the pass needs LOOPS */
    bool changed;                 /* out */
};

struct opt_pass {
    const char *name;
    enum btv_status (*run)(struct ir_func *f, struct pass_ctx *cx);
    unsigned needs, keeps;
    const char *doc;
};
extern const struct opt_pass opt_pass[OPT_PASS_COUNT];

struct opt_config {
    const uint8_t *pass; /* enum opt_pass_id, npasses of them, run in this order */
    unsigned npasses;
    unsigned max_rounds; /* the list is repeated while it changes something; 0: once */
    bool verify;         /* verify after each pass */
    /* After each pass; NULL: nobody listens. */
    void (*trace)(void *ctx, const struct opt_pass *p, const struct ir_func *f, bool changed, uint64_t ns);
    void *trace_ctx;
};

/* The list that `btv dump` and `btv opt` use when none is given. */
extern const uint8_t opt_default[];
extern const unsigned opt_ndefault;

/* "fold,dce" to numbers; BTV_NOENT names the word in err, BTV_LIMIT: more than cap. */
BTV_NODISCARD enum btv_status opt_parse_list(const char *text, uint8_t *pass, unsigned cap, unsigned *npasses, struct btv_error *err);

/* f must have passed the verifier.  BTV_INVALID: a pass broke a rule (err names both); BTV_NOMEM. */
BTV_NODISCARD enum btv_status opt_run(struct ir_func *f, const struct opt_config *cfg, struct btv_error *err);

/* -- for passes and tools ---------------------------------------------------------------------------------- */

/* Replaces every use of v by to[v], where to[v] is not 0; to[] may chain, not loop.  f->nvals entries. */
void opt_replace_all(struct ir_func *f, const ir_val *to);
/* Moves the instructions of `bench`, a block that is in no function, in front of i in b. */
void opt_insert_before(struct ir_block *b, struct ir_ins *i, struct ir_block *bench);
/* Unlinks the blocks that cannot be reached from the entry; true if there were some. */
bool opt_drop_unreachable(struct ir_func *f, const struct ir_flow *w);

#define PASS(name, fn, needs, keeps, doc) enum btv_status fn(struct ir_func *f, struct pass_ctx *cx);
#include "opt/passes.def"
#undef PASS

#endif
