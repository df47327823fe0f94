/* err.h -- every failure of the platform, in one table.
 *
 * Code branches on the returned ft_err alone. What a person reads is ft_err_why(): the sentence
 * written where the failure was born ("train.csv:17: column 3: expected a number, found 'x'"). The
 * trail adds one line for every frame that the failure passed, for logs.
 *
 * Threads: why and trail belong to the calling thread. Memory: static, bounded. */
#ifndef FT_ERR_H
#define FT_ERR_H

#include <stdbool.h>

/*    code            text                                  http  retry  exit */
/* clang-format off */
#define FT_ERR_TABLE(X)                                                \
    X(FT_OK, "success", 200, false, 0)                                 \
    X(FT_ENOMEM, "out of memory", 503, true, 70)                       \
    X(FT_EINVAL, "invalid argument", 400, false, 64)                   \
    X(FT_EPARSE, "malformed input", 400, false, 65)                    \
    X(FT_ENOTFOUND, "not found", 404, false, 66)                       \
    X(FT_EEXIST, "already exists", 409, false, 73)                     \
    X(FT_ECONFLICT, "not possible in this state", 409, false, 73)      \
    X(FT_EDENIED, "permission denied", 403, false, 77)                 \
    X(FT_ETOOBIG, "larger than its limit", 413, false, 65)             \
    X(FT_EMEDIA, "unsupported content type", 415, false, 65)           \
    X(FT_EACCEPT, "no answer in the form asked for", 406, false, 65)   \
    X(FT_EFULL, "limit reached", 429, true, 75)                        \
    X(FT_EUNSUPPORTED, "not supported", 501, false, 69)                \
    X(FT_EABSENT, "an optional part is not installed", 501, false, 69) \
    X(FT_EIO, "input/output failed", 502, true, 74)                    \
    X(FT_EPEER, "the other side failed", 502, true, 76)                \
    X(FT_EBUSY, "in use by another", 503, true, 75)                    \
    X(FT_ETIMEOUT, "deadline passed", 504, true, 75)                   \
    X(FT_ENOSPC, "no space left on the device", 507, true, 74)         \
    X(FT_ECORRUPT, "data failed its check", 422, false, 65)            \
    X(FT_ECANCELED, "stopped on request", 409, false, 71)
/* clang-format on */

typedef enum ft_err {
#define X(code, text, http, retry, exit) code,
    FT_ERR_TABLE(X)
#undef X
        FT_ERR_COUNT
} ft_err;

const char *ft_err_name(ft_err e); /* "FT_EIO"; static, never NULL */
const char *ft_err_text(ft_err e); /* "input/output failed" */
int ft_err_http(ft_err e);         /* status that a server answers with */
bool ft_err_retry(ft_err e);       /* may the same call succeed later? */
int ft_err_exit(ft_err e);         /* exit code of the program (sysexits.h) */

/* The innermost sentence of the last failure on this thread; the code's text when there is none. */
const char *ft_err_why(void);
/* Where the last failure happened and passed, one line per frame. Never branch on it. */
const char *ft_err_trail(void);
/* Forget the last failure: call where one was handled and work goes on. */
void ft_err_clear(void);

/* A failure is never FT_OK (ft_err_start checks). Told to the compiler, it sees that a result is
 * set wherever a call did not fail. */
static inline ft_err ft_err_failed(ft_err e) {
    if (e == FT_OK) __builtin_unreachable();
    return e;
}

/* Fail here: start a trail, return the code. */
#define FT_FAIL(code, ...) ft_err_failed(ft_err_start((code), __FILE__, __LINE__, __VA_ARGS__))
/* The same for a failed system call: the code comes from errno, the sentence ends with its text. */
#define FT_FAIL_ERRNO(...) ft_err_failed(ft_err_start_errno(__FILE__, __LINE__, __VA_ARGS__))
/* Pass a callee's failure on: add a frame, return the same code. */
#define FT_TRY(call)                                                                     \
    do {                                                                                 \
        ft_err try_err_ = (call);                                                        \
        if (try_err_ != FT_OK) return ft_err_frame(try_err_, __FILE__, __LINE__, #call); \
    } while (0)
/* The same in a function that must release something: sets `err` and goes to `done`. */
#define FT_GOTO(err, call)                                  \
    do {                                                    \
        (err) = (call);                                     \
        if ((err) != FT_OK) {                               \
            ft_err_frame((err), __FILE__, __LINE__, #call); \
            goto done;                                      \
        }                                                   \
    } while (0)

ft_err ft_err_start(ft_err e, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5), cold));
ft_err ft_err_start_errno(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), cold));
ft_err ft_err_frame(ft_err e, const char *file, int line, const char *what) __attribute__((cold));
/* Say more about a failure that passes through: the sentence becomes "<prefix>: <why>". */
ft_err ft_err_prefix(ft_err e, const char *fmt, ...) __attribute__((format(printf, 2, 3), cold));

#endif
