/*
 * Evidence: rewrite rules proved for all values, mutated rules refused, passes checked on blocks.
 *
 * Needs Z3 and is linked into btv-prove only; nothing that translates or runs a guest depends on it.  Functions return what
 * they found as data; src/cli/prove.c prints.
 */
#ifndef BTV_PROVE_PROVE_H
#define BTV_PROVE_PROVE_H

#include "base/str.h"
#include "ir/ir.h"
#include "opt/opt.h"
#include "opt/rule.h"

struct prove_options {
    unsigned timeout_ms;   /* of one question to the solver */
    unsigned random_cases; /* tried where the solver does not decide */
    /* Every question as SMT-LIB 2 text whose answer should be unsat; NULL: nobody wants them. */
    void (*question)(void *ctx, const char *name, const char *text);
    void *question_ctx;
};

/* Worst last. */
enum prove_status {
    PROVE_NEVER,  /* the condition excludes these widths */
    PROVE_PROVED, /* both sides are equal for all values and constants that meet the condition */
    PROVE_TESTED, /* not decided (reason); so many random cases agree */
    PROVE_WRONG   /* env is a counterexample, or reason says what else */
};

struct prove_result {
    enum prove_status status;
    struct rule_env env; /* widths; WRONG: values too */
    uint64_t lhs, rhs;   /* WRONG: what the sides are worth */
    unsigned cases;      /* TESTED: how many */
    bool split;          /* PROVED: one constant value after the other */
    char reason[160];
};

/* One rule at the widths of env (rule_next_widths). */
void prove_rule(const struct rule *r, const struct rule_env *env, const struct prove_options *o, struct prove_result *out);

/* Evaluates both sides at out->env's widths for random values, without the solver: fills out->cases, or makes out WRONG. */
void prove_test(const struct rule *r, const struct prove_options *o, struct prove_result *out);

/* -- mutate.c ---------------------------------------------------------------------------------------------------- */

/*
 * The n-th systematic change of a rule: another op, a constant one larger, an operator of a constant exchanged, operands
 * swapped, a condition or part of it dropped or turned round.  What was done is written to `what`.  False: there are no more.
 */
bool prove_mutate(const struct rule *r, unsigned n, struct rule *out, char what[96]);

/* -- block.c ------------------------------------------------------------------------------------------------------ */

struct prove_block {
    enum prove_status status; /* never NEVER */
    double ms;
    char reason[300];
};

/*
 * Do two functions of one block each leave the same slots, effects and exits for all inputs?  `after` came from `before` by passes.
 * TESTED here means not decided (reason).
 */
void prove_block(const struct ir_func *before, const struct ir_func *after, const struct prove_options *o, struct prove_block *out);

#endif
