/* sigv4_text.c -- percent-encoding as SigV4 has it (unreserved stays, the rest is %XX in upper
 * case), and the parts of a request's target. */
#include "net/sigv4_in.h"

#include "base/number.h"

static bool unreserved(unsigned char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

void ft_sig_encode(ft_buf *buf, ft_str s, bool keep_slash) {
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (unreserved(c) || (keep_slash && c == '/')) {
            ft_buf_byte(buf, (char)c);
        } else {
            char out[3] = { '%', digits[c >> 4], digits[c & 15] };
            ft_buf_add_n(buf, out, 3);
        }
    }
}

/* %XX undone; a broken escape stays as it is ('+' is a plus here). */
ft_err ft_sig_decode(ft_str *out, ft_arena *arena, ft_str s) {
    char *to;
    size_t len = 0;
    FT_TRY(ft_arena_take(&to, arena, s.len + 1));
    for (size_t i = 0; i < s.len; i++) {
        int high = s.at[i] == '%' && s.len - i > 2 ? ft_hex_digit(s.at[i + 1]) : -1;
        int low = high < 0 ? -1 : ft_hex_digit(s.at[i + 2]);
        to[len++] = low < 0 ? s.at[i] : (char)(high * 16 + low);
        if (low >= 0) i += 2;
    }
    *out = (ft_str){ to, len };
    return FT_OK;
}

ft_str ft_sig_path(ft_str target) { return ft_str_slice(target, 0, ft_str_find(target, '?')); }
ft_str ft_sig_query(ft_str target) {
    size_t q = ft_str_find(target, '?');
    return q < target.len ? ft_str_from(target, q + 1) : FT_STR("");
}

/* A query parameter's decoded value; at == NULL when absent. */
ft_err ft_sig_query_value(ft_str *out, ft_arena *arena, ft_str target, const char *name) {
    ft_str rest = ft_sig_query(target);
    *out = (ft_str){ 0 };
    while (rest.at) {
        ft_str value = ft_str_cut(&rest, '&'), key = ft_str_cut(&value, '='), decoded;
        FT_TRY(ft_sig_decode(&decoded, arena, key));
        if (ft_str_is(decoded, name))
            return ft_sig_decode(out, arena, value.at ? value : FT_STR(""));
    }
    return FT_OK;
}
