/*
 * Status codes: what every function of btv that can fail returns.
 *
 * Numbers are part of the ABI and of file formats: never reused, never changed.
 * Add a code by adding a row; btv_status_text() and the reference page follow.
 */
#ifndef BTV_STATUS_H
#define BTV_STATUS_H

/* clang-format off */
#define BTV_STATUS(_)                                                        \
    _(0,  OK,       "success")                                               \
    _(1,  NOMEM,    "out of host memory")                                    \
    _(2,  BADIMAGE, "malformed executable, module or checkpoint")            \
    _(3,  BADCODE,  "bytes that are not a valid guest instruction")          \
    _(4,  NOTIMPL,  "valid, but not implemented in this build")              \
    _(5,  HOST,     "the host kernel refused; see host_errno")               \
    _(6,  SYNTAX,   "text that does not parse")                              \
    _(7,  INVALID,  "an argument or a module breaks a stated rule")          \
    _(8,  NOENT,    "no such file, symbol, row or slot")                     \
    _(9,  LIMIT,    "a documented limit was reached")                        \
    _(10, MISMATCH, "two executions of one block disagree")                  \
    _(11, FAULT,    "guest memory at that address cannot be accessed so")
/* clang-format on */

enum btv_status {
#define BTV_STATUS_ENUM(num, name, text) BTV_##name = (num),
    BTV_STATUS(BTV_STATUS_ENUM)
#undef BTV_STATUS_ENUM
};

/* The sentence of a status code; never NULL. */
const char *btv_status_text(enum btv_status st);

#endif
