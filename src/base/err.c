/* err.c -- see err.h. */
#include "base/err.h"

#include "base/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WHY_MAX   1024
#define TRAIL_MAX 4096

static const struct {
    const char *name, *text;
    int http;
    bool retry;
    int exit;
} err_row[] = {
#define X(code, text, http, retry, exit) { #code, text, http, retry, exit },
    FT_ERR_TABLE(X)
#undef X
};
_Static_assert(sizeof err_row / sizeof err_row[0] == FT_ERR_COUNT, "one row per error");

static _Thread_local char why[WHY_MAX];
static _Thread_local ft_err why_code;
static _Thread_local char trail[TRAIL_MAX];
static _Thread_local size_t trail_len;

static void trail_add(const char *file, int line, const char *msg) {
    int n = snprintf(trail + trail_len, sizeof trail - trail_len, "  %s:%d %s\n", file, line, msg);
    if (n > 0) {
        trail_len += (size_t)n;
        if (trail_len >= sizeof trail) trail_len = sizeof trail - 1;
    }
}

static ft_err err_of_errno(int e) {
    switch (e) {
    case ENOMEM:
        return FT_ENOMEM;
    case ENOENT:
    case ENOTDIR:
        return FT_ENOTFOUND;
    case EEXIST:
        return FT_EEXIST;
    case EACCES:
    case EPERM:
    case EROFS:
        return FT_EDENIED;
    case ENOSPC:
    case EDQUOT:
        return FT_ENOSPC;
    case EADDRINUSE:
    case EBUSY:
        return FT_EBUSY;
    case ETIMEDOUT:
        return FT_ETIMEOUT;
    case EINVAL:
    case EISDIR:
    case ENAMETOOLONG:
        return FT_EINVAL;
    case EMFILE:
    case ENFILE:
        return FT_EFULL;
    default:
        return FT_EIO;
    }
}

const char *ft_err_name(ft_err e) { return err_row[e].name; }
const char *ft_err_text(ft_err e) { return err_row[e].text; }
int ft_err_http(ft_err e) { return err_row[e].http; }
bool ft_err_retry(ft_err e) { return err_row[e].retry; }
int ft_err_exit(ft_err e) { return err_row[e].exit; }
const char *ft_err_why(void) { return why[0] ? why : err_row[why_code].text; }
const char *ft_err_trail(void) { return trail; }

void ft_err_clear(void) {
    why[0] = '\0';
    why_code = FT_OK;
    trail[0] = '\0';
    trail_len = 0;
}

ft_err ft_err_start(ft_err e, const char *file, int line, const char *fmt, ...) {
    char msg[WHY_MAX]; /* the arguments may point into `why` */
    va_list ap;
    FT_CHECK(e != FT_OK);
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    ft_err_clear();
    memcpy(why, msg, sizeof why);
    why_code = e;
    trail_add(file, line, why);
    return e;
}

ft_err ft_err_start_errno(const char *file, int line, const char *fmt, ...) {
    int code = errno;
    char msg[WHY_MAX - 128];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    return ft_err_start(err_of_errno(code), file, line, "%s: %s", msg, strerror(code));
}

ft_err ft_err_frame(ft_err e, const char *file, int line, const char *what) {
    if (why_code != e) { /* a callee failed without a word: an expected outcome became a failure */
        ft_err_clear();
        why_code = e;
    }
    trail_add(file, line, what);
    return e;
}

ft_err ft_err_prefix(ft_err e, const char *fmt, ...) {
    char head[WHY_MAX / 2], old[WHY_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(head, sizeof head, fmt, ap);
    va_end(ap);
    snprintf(old, sizeof old, "%s", why_code == e ? ft_err_why() : err_row[e].text);
    snprintf(why, sizeof why, "%s: %.*s", head, (int)(sizeof why - sizeof head - 3), old);
    why_code = e;
    return e;
}
