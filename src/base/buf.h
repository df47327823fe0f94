/* buf.h -- bytes that grow. For output whose size is not known before: a response, a line, a file
 * in the making.
 *
 * Errors are sticky: after a failed append the buffer keeps what it had and `err` is set, so a
 * writer may append many times and look once. Threads: one at a time. Memory: malloc; _fini gives
 * it back. */
#ifndef FT_BUF_H
#define FT_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

typedef struct ft_buf {
    char *at; /* always followed by a NUL that is not counted, when not NULL */
    size_t len, capacity;
    size_t limit_bytes; /* 0: 1 GiB; append beyond fails with FT_ETOOBIG */
    ft_err err;         /* first failure, sticky */
} ft_buf;

static inline ft_str ft_buf_str(const ft_buf *b) { return (ft_str){ b->at ? b->at : "", b->len }; }

ft_err ft_buf_add(ft_buf *buf, ft_str s);
ft_err ft_buf_add_n(ft_buf *buf, const void *at, size_t len);
ft_err ft_buf_byte(ft_buf *buf, char byte);
ft_err ft_buf_printf(ft_buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
ft_err ft_buf_vprintf(ft_buf *buf, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
/* Shortest text that reads back as the same value ("0.1", "1e+300"); nan and inf as "nan", "inf".
 */
ft_err ft_buf_f64(ft_buf *buf, double v);
ft_err ft_buf_f32(ft_buf *buf, float v);
ft_err ft_buf_i64(ft_buf *buf, int64_t v);
/* Room for `len` more bytes at buf->at + buf->len; the caller writes there and adds to len. */
ft_err ft_buf_reserve(ft_buf *buf, size_t len);
void ft_buf_reset(ft_buf *buf); /* empty, error forgotten, memory kept */
void ft_buf_fini(ft_buf *buf);

#endif
