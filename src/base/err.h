/*
 * Error context: where a status code came from, in one line a user can act on.
 *
 * The first error wins: later calls on a filled struct change nothing, so that unwinding code may
 * report too.  A NULL pointer is allowed everywhere and discards the text.
 */
#ifndef BTV_BASE_ERR_H
#define BTV_BASE_ERR_H

#include "base/defs.h"

struct btv_error {
    enum btv_status status;
    int host_errno;  /* 0 unless status is BTV_HOST */
    char text[480];  /* what, where, what to do; one line, no newline */
};

/* Records (status, text) unless an error is already there; returns `status` for `return err_set(...)`. */
enum btv_status err_set(struct btv_error *err, enum btv_status status, const char *fmt, ...) BTV_PRINTF(3, 4);

/* The same for a failed host call: appends the text of `host_errno`; returns BTV_HOST. */
enum btv_status err_host(struct btv_error *err, int host_errno, const char *fmt, ...) BTV_PRINTF(3, 4);

#endif
