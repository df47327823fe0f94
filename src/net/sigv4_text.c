/* sigv4_text.c -- the parts of a request's target as signatures read them: a broken escape is no
 * failure, '+' is a plus. */
#include "net/sigv4_in.h"

#include "net/percent.h"

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
        FT_TRY(ft_percent_decode(&decoded, arena, key, FT_SIG_DECODE));
        if (ft_str_is(decoded, name))
            return ft_percent_decode(out, arena, value.at ? value : FT_STR(""), FT_SIG_DECODE);
    }
    return FT_OK;
}
