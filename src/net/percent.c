/* percent.c -- see percent.h. */
#include "net/percent.h"

#include <string.h>

#include "base/number.h"

static bool stays(unsigned char c, const char *keep) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c && strchr("-_.~", c)) || (c && strchr(keep, c));
}

/* At most 3 bytes an input byte; how many. */
static size_t encode(char *to, ft_str text, const char *keep) {
    static const char digits[] = "0123456789ABCDEF";
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (stays(c, keep)) {
            to[len++] = (char)c;
            continue;
        }
        to[len++] = '%';
        to[len++] = digits[c >> 4];
        to[len++] = digits[c & 15];
    }
    return len;
}

ft_err ft_percent_encode(ft_str *out, ft_arena *arena, ft_str text, const char *keep) {
    char *to;
    FT_TRY(ft_arena_take(&to, arena, text.len * 3 + 1));
    *out = ft_str_n(to, encode(to, text, keep));
    return FT_OK;
}

void ft_percent_encode_to(ft_buf *to, ft_str text, const char *keep) {
    char piece[3 * 64];
    for (size_t at = 0; at < text.len; at += 64)
        ft_buf_add_n(to, piece, encode(piece, ft_str_slice(text, at, 64), keep));
}

int ft_percent_value(ft_str text, size_t at) {
    if (text.len - at < 3) return -1;
    int high = ft_hex_digit(text.at[at + 1]), low = ft_hex_digit(text.at[at + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

ft_err ft_percent_fail(ft_str text, size_t at) {
    return FT_FAIL(FT_EPARSE,
                   "bad escape '%.*s' at byte %zu of '%.*s': expected %% and two hex "
                   "digits, and not %%00",
                   (int)(text.len - at < 3 ? text.len - at : 3), text.at + at, at + 1,
                   FT_STR_ARG(text));
}

ft_err ft_percent_decode(ft_str *out, ft_arena *arena, ft_str raw, int how) {
    bool form = how & FT_PERCENT_FORM;
    int least = how & FT_PERCENT_NUL ? 0 : 1;
    char *to;
    size_t len = 0;
    *out = raw;
    if (ft_str_find(raw, '%') == raw.len && !(form && ft_str_find(raw, '+') < raw.len))
        return FT_OK;
    FT_TRY(ft_arena_take(&to, arena, raw.len + 1));
    for (size_t i = 0; i < raw.len; i++) {
        int c = (unsigned char)raw.at[i], value = c == '%' ? ft_percent_value(raw, i) : -1;
        if (value >= least)
            c = value, i += 2;
        else if (c == '%' && !(how & FT_PERCENT_LENIENT))
            return ft_percent_fail(raw, i);
        else if (form && c == '+')
            c = ' ';
        to[len++] = (char)c;
    }
    *out = ft_str_n(to, len);
    return FT_OK;
}
