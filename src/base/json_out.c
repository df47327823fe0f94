/* json_out.c -- JSON writing; see json.h. */
#include "base/json.h"

#include <math.h>

#include "base/check.h"
#include "base/json_in.h"
#include "base/number.h"

enum {
    LEVEL_OBJECT = 1,
    LEVEL_LATER = 2, /* something was written at this level */
    LEVEL_NAMED = 4  /* a name was written and its value is due */
};

#define ESCAPE_BYTES_MAX 6 /* \u001f */

static void newline(ft_json_out *w) {
    if (!w->pretty) return;
    ft_buf_byte(w->buf, '\n');
    for (int i = 0; i < w->depth; i++) ft_buf_add(w->buf, FT_STR("  "));
}

/* What stands before a value. */
static void value_begin(ft_json_out *w) {
    if (w->depth > FT_JSON_DEPTH_MAX) return; /* the buffer has the error */
    uint8_t *level = &w->stack[w->depth];
    if (*level & LEVEL_OBJECT) {
        FT_CHECK(*level & LEVEL_NAMED);
        *level &= (uint8_t)~LEVEL_NAMED;
        return;
    }
    FT_CHECK(w->depth > 0 || !(*level & LEVEL_LATER)); /* one value a text */
    if (*level & LEVEL_LATER) ft_buf_byte(w->buf, ',');
    *level |= LEVEL_LATER;
    if (w->depth > 0) newline(w);
}

static void level_open(ft_json_out *w, char bracket, uint8_t flags) {
    value_begin(w);
    ft_buf_byte(w->buf, bracket);
    if (++w->depth > FT_JSON_DEPTH_MAX) {
        if (!w->buf->err)
            w->buf->err =
                FT_FAIL(FT_ETOOBIG, "more than %d levels of JSON nesting", FT_JSON_DEPTH_MAX);
        return;
    }
    w->stack[w->depth] = flags;
}

void ft_json_out_init(ft_json_out *w, ft_buf *buf, bool pretty) {
    *w = (ft_json_out){ .buf = buf, .pretty = pretty };
}

void ft_json_out_object(ft_json_out *w) { level_open(w, '{', LEVEL_OBJECT); }

void ft_json_out_array(ft_json_out *w) { level_open(w, '[', 0); }

void ft_json_out_close(ft_json_out *w) {
    FT_CHECK(w->depth > 0);
    if (w->depth-- > FT_JSON_DEPTH_MAX) return;
    uint8_t level = w->stack[w->depth + 1];
    FT_CHECK(!(level & LEVEL_NAMED));
    if (level & LEVEL_LATER) newline(w);
    ft_buf_byte(w->buf, level & LEVEL_OBJECT ? '}' : ']');
}

void ft_json_out_name_str(ft_json_out *w, ft_str name) {
    if (w->depth > FT_JSON_DEPTH_MAX) return;
    uint8_t *level = &w->stack[w->depth];
    FT_CHECK((*level & LEVEL_OBJECT) && !(*level & LEVEL_NAMED));
    if (*level & LEVEL_LATER) ft_buf_byte(w->buf, ',');
    *level |= LEVEL_LATER | LEVEL_NAMED;
    newline(w);
    ft_json_quote(w->buf, name);
    ft_buf_add(w->buf, w->pretty ? FT_STR(": ") : FT_STR(":"));
}

void ft_json_out_name(ft_json_out *w, const char *name) {
    ft_json_out_name_str(w, ft_str_of(name));
}

void ft_json_out_str(ft_json_out *w, ft_str s) {
    value_begin(w);
    ft_json_quote(w->buf, s);
}

void ft_json_out_raw(ft_json_out *w, ft_str json) {
    value_begin(w);
    ft_buf_add(w->buf, json);
}

void ft_json_out_null(ft_json_out *w) { ft_json_out_raw(w, FT_STR("null")); }

void ft_json_out_bool(ft_json_out *w, bool v) {
    ft_json_out_raw(w, v ? FT_STR("true") : FT_STR("false"));
}

void ft_json_out_text(ft_json_out *w, const char *s) {
    if (s)
        ft_json_out_str(w, ft_str_of(s));
    else
        ft_json_out_null(w);
}

void ft_json_out_f64(ft_json_out *w, double v) {
    char text[FT_NUMBER_TEXT];
    if (isfinite(v))
        ft_json_out_raw(w, ft_str_n(text, ft_f64_text(text, v)));
    else
        ft_json_out_null(w);
}

void ft_json_out_i64(ft_json_out *w, int64_t v) {
    char text[FT_NUMBER_TEXT];
    ft_json_out_raw(w, ft_str_n(text, ft_i64_text(text, v)));
}

/* The escape of a byte that cannot stand for itself; its length. */
static size_t escape_text(char *out, unsigned char c) {
    static const char hex[] = "0123456789abcdef";
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *simple = c ? strchr(from, c) : NULL;
    out[0] = '\\';
    if (simple) {
        out[1] = to[simple - from];
        return 2;
    }
    out[1] = 'u';
    out[2] = out[3] = '0';
    out[4] = hex[c >> 4];
    out[5] = hex[c & 15];
    return ESCAPE_BYTES_MAX;
}

/* Bytes without anything to escape; what is not UTF-8 becomes U+FFFD, one for each bad byte. */
static void add_plain(ft_buf *buf, ft_str s, bool high) {
    while (high && s.len) {
        size_t valid = ft_str_utf8_valid_len(s);
        ft_buf_add_n(buf, s.at, valid);
        if (valid == s.len) return;
        ft_buf_add(buf, FT_STR("\xef\xbf\xbd"));
        s = ft_str_from(s, valid + 1);
    }
    ft_buf_add(buf, s);
}

ft_err ft_json_quote(ft_buf *buf, ft_str s) {
    char text[ESCAPE_BYTES_MAX];
    if (ft_buf_reserve(buf, s.len + 2)) return buf->err;
    ft_buf_byte(buf, '"');
    while (s.len) {
        bool high = false;
        size_t plain = ft_json_scan(s.at, s.len, &high);
        add_plain(buf, ft_str_n(s.at, plain), high);
        if (plain == s.len) break;
        ft_buf_add_n(buf, text, escape_text(text, (unsigned char)s.at[plain]));
        s = ft_str_from(s, plain + 1);
    }
    return ft_buf_byte(buf, '"');
}
