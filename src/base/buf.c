/* buf.c -- see buf.h. Capacity doubles, so appending is linear in the bytes appended. */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/number.h"
#include "base/poison.h"

#define CAPACITY_MIN  ((size_t)256)
#define LIMIT_DEFAULT ((size_t)1 << 30)

static ft_err grow(ft_buf *buf, size_t len) {
    size_t limit = buf->limit_bytes ? buf->limit_bytes : LIMIT_DEFAULT;
    if (len > limit || buf->len > limit - len)
        return buf->err =
                   FT_FAIL(FT_ETOOBIG, "output is larger than its limit of %zu bytes", limit);
    size_t need = buf->len + len + 1; /* the NUL */
    size_t capacity = buf->capacity * 2;
    if (capacity < CAPACITY_MIN) capacity = CAPACITY_MIN;
    if (capacity < need) capacity = need;
    if (buf->at) ft_unpoison(buf->at, buf->capacity);
    char *at = ft_fault_here() ? NULL : realloc(buf->at, capacity);
    if (!at) return buf->err = FT_FAIL(FT_ENOMEM, "no memory for %zu bytes of output", capacity);
    buf->at = at;
    buf->capacity = capacity;
    ft_unpoison(at, need);
    ft_poison(at + need, capacity - need);
    buf->at[buf->len] = '\0';
    return FT_OK;
}

ft_err ft_buf_reserve(ft_buf *buf, size_t len) {
    if (buf->err) return buf->err;
    if (buf->capacity > buf->len && buf->capacity - buf->len - 1 >= len) {
        size_t limit = buf->limit_bytes ? buf->limit_bytes : LIMIT_DEFAULT;
        if (buf->len <= limit && len <= limit - buf->len) {
            ft_unpoison(buf->at + buf->len, len + 1);
            return FT_OK;
        }
    }
    return grow(buf, len);
}

ft_err ft_buf_add_n(ft_buf *buf, const void *at, size_t len) {
    if (ft_buf_reserve(buf, len)) return buf->err;
    if (len) memcpy(buf->at + buf->len, at, len);
    buf->len += len;
    buf->at[buf->len] = '\0';
    return FT_OK;
}

ft_err ft_buf_add(ft_buf *buf, ft_str s) { return ft_buf_add_n(buf, s.at, s.len); }

ft_err ft_buf_byte(ft_buf *buf, char byte) { return ft_buf_add_n(buf, &byte, 1); }

ft_err ft_buf_vprintf(ft_buf *buf, const char *fmt, va_list ap) {
    va_list again;
    if (ft_buf_reserve(buf, 0)) return buf->err;
    size_t room = buf->capacity - buf->len;
    ft_unpoison(buf->at + buf->len, room);
    va_copy(again, ap);
    int len = vsnprintf(buf->at + buf->len, room, fmt, ap);
    FT_CHECK(len >= 0);
    if ((size_t)len >= room) buf->at[buf->len] = '\0';
    if (!ft_buf_reserve(buf, (size_t)len)) {
        if ((size_t)len >= room)
            vsnprintf(buf->at + buf->len, buf->capacity - buf->len, fmt, again);
        buf->len += (size_t)len;
    }
    buf->at[buf->len] = '\0'; /* also when the text fitted and the limit did not allow it */
    va_end(again);
    return buf->err;
}

ft_err ft_buf_printf(ft_buf *buf, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    ft_err err = ft_buf_vprintf(buf, fmt, ap);
    va_end(ap);
    return err;
}

ft_err ft_buf_f64(ft_buf *buf, double v) {
    char text[FT_NUMBER_TEXT];
    return ft_buf_add_n(buf, text, ft_f64_text(text, v));
}

ft_err ft_buf_f32(ft_buf *buf, float v) {
    char text[FT_NUMBER_TEXT];
    return ft_buf_add_n(buf, text, ft_f32_text(text, v));
}

ft_err ft_buf_i64(ft_buf *buf, int64_t v) {
    char text[FT_NUMBER_TEXT];
    return ft_buf_add_n(buf, text, ft_i64_text(text, v));
}

void ft_buf_reset(ft_buf *buf) {
    buf->len = 0;
    buf->err = FT_OK;
    if (!buf->at) return;
    buf->at[0] = '\0';
    ft_poison(buf->at + 1, buf->capacity - 1);
}

void ft_buf_fini(ft_buf *buf) {
    if (!buf) return;
    if (buf->at) ft_unpoison(buf->at, buf->capacity);
    free(buf->at);
    buf->at = NULL;
    buf->len = buf->capacity = 0;
    buf->err = FT_OK;
}
