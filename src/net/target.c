/* target.c -- see target_in.h. */
#include "net/target_in.h"

#include "net/percent.h"

/* "http://host:1/path" as a proxy sends it: what follows the authority. */
static ft_str without_authority(ft_str raw) {
    ft_str rest = { NULL, 0 };
    if (ft_str_starts(raw, FT_STR("http://"))) rest = ft_str_from(raw, 7);
    if (ft_str_starts(raw, FT_STR("https://"))) rest = ft_str_from(raw, 8);
    if (!rest.at) return raw;
    rest = ft_str_from(rest, ft_str_find(rest, '/'));
    return rest.len ? rest : FT_STR("/");
}

static void segment_add(ft_target *t, const char *at, size_t len) {
    if (t->segment_count == FT_TARGET_SEGMENTS_MAX)
        t->deeper = true;
    else
        t->segments[t->segment_count++] = (ft_str){ at, len };
}

/* Decodes and cuts in one pass, at the slashes that are slashes on the wire. */
static ft_err path_parse(ft_target *t, ft_arena *arena, ft_str raw) {
    char *copy = NULL;
    size_t len = 0, from = 1;
    if (ft_str_find(raw, '%') < raw.len) FT_TRY(ft_arena_take(&copy, arena, raw.len + 1));
    const char *path = copy ? copy : raw.at;
    for (size_t i = 0; i < raw.len; i++, len++) {
        int c = (unsigned char)raw.at[i];
        if (c <= ' ' || c == 0x7f)
            return FT_FAIL(FT_EPARSE, "byte %d at place %zu of the path: expected an escape", c,
                           i + 1);
        if (c == '/' && i > 0) {
            segment_add(t, path + from, len - from);
            from = len + 1;
        }
        if (c == '%') {
            c = ft_percent_value(raw, i);
            if (c <= 0) return ft_percent_fail(raw, i);
            i += 2;
        }
        if (copy) copy[len] = (char)c;
    }
    segment_add(t, path + from, len - from);
    t->path = (ft_str){ path, len };
    return FT_OK;
}

ft_err ft_target_parse(ft_target *out, ft_arena *arena, ft_str raw) {
    *out = (ft_target){ 0 };
    ft_str query = without_authority(raw);
    if (!query.len || query.at[0] != '/')
        return FT_FAIL(FT_EPARSE, "request target '%.*s': expected a path that begins with '/'",
                       FT_STR_ARG(raw));
    ft_str path = ft_str_cut(&query, '?');
    out->query = query;
    return path_parse(out, arena, path);
}

bool ft_query_next(ft_str *query, ft_str *raw_name, ft_str *raw_value) {
    while (query->at && query->len) {
        ft_str pair = ft_str_cut(query, '&');
        if (!pair.len) continue;
        *raw_value = pair;
        *raw_name = ft_str_cut(raw_value, '=');
        if (!raw_value->at) *raw_value = FT_STR("");
        return true;
    }
    return false;
}
