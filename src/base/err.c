#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *btv_status_text(enum btv_status st)
{
    switch (st) {
#define CASE(num, name, text) \
    case BTV_##name:          \
        return text;
        BTV_STATUS(CASE)
#undef CASE
    }
    return "unknown status";
}

enum btv_status err_set(struct btv_error *err, enum btv_status status, const char *fmt, ...)
{
    if (err && err->status == BTV_OK) {
        va_list ap;
        err->status = status;
        va_start(ap, fmt);
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
    }
    return status;
}

enum btv_status err_host(struct btv_error *err, int host_errno, const char *fmt, ...)
{
    if (err && err->status == BTV_OK) {
        va_list ap;
        err->status = BTV_HOST;
        err->host_errno = host_errno;
        va_start(ap, fmt);
        int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
        if (n >= 0 && (size_t)n < sizeof err->text)
            snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", strerror(host_errno));
    }
    return BTV_HOST;
}
