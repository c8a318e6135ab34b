/*
 * The intermediate format for a solver: values are bit-vectors, ops are terms of SMT-LIB's theory of them.
 *
 * This is the third reading of ops.def, beside the evaluator and the hosts: the meaning column of the table, written
 * for Z3.  i1 is a bit-vector of one bit.  An op that the theory cannot say gives NULL.  One context per question; terms die
 * with it.  Not thread-safe.
 */
#ifndef BTV_PROVE_SMT_H
#define BTV_PROVE_SMT_H

#include <z3.h>

#include "base/str.h"
#include "ir/ir.h"

struct smt {
    Z3_context cx;
    Z3_solver solver; /* QF_BV */
    unsigned timeout_ms;
    unsigned fresh; /* names given */
    bool failed;    /* Z3 reported an error; nothing here means anything any more */
};

enum smt_answer { SMT_UNSAT, SMT_SAT, SMT_UNKNOWN };

/* False: Z3 cannot start. */
bool smt_open(struct smt *s, unsigned timeout_ms);
void smt_close(struct smt *s);
void smt_set_timeout(struct smt *s, unsigned ms); /* of the questions from now on */

Z3_ast smt_const(struct smt *s, unsigned bits, uint64_t value);
Z3_ast smt_var(struct smt *s, unsigned bits, const char *name);
/* A variable that nothing else has. */
Z3_ast smt_fresh(struct smt *s, unsigned bits);
Z3_ast smt_bool_to_bv(struct smt *s, Z3_ast condition);
/* Low bits, or zeros added. */
Z3_ast smt_resize(struct smt *s, Z3_ast a, unsigned bits);
unsigned smt_bits(struct smt *s, Z3_ast a);

/* A PURE op; `bits` of the result, operands as they are.  imm: of CONST.  NULL: the theory has no such op. */
Z3_ast smt_op(struct smt *s, enum ir_op op, unsigned bits, const Z3_ast arg[3], uint64_t imm);

/* Is there a way to make the Boolean term true, beside what the solver already holds?  Keeps nothing. */
enum smt_answer smt_check(struct smt *s, Z3_ast term);
/* After SMT_SAT of smt_check, before the next call: a value in that model. */
uint64_t smt_model(struct smt *s, Z3_ast term);
/* Why the last answer was SMT_UNKNOWN. */
const char *smt_reason(struct smt *s);
/* The question `term` as SMT-LIB 2 text whose expected answer is unsat. */
void smt_text(struct smt *s, const char *name, Z3_ast term, struct str *out);

#endif
