/* keep.c -- see keep.h. */
#include "streams/keep.h"

#include "base/clock.h"
#include "store/settings.h"

static ft_err value_read(int64_t *us, ft_str value) {
    FT_TRY(ft_duration_parse(us, value));
    if (*us > 0) return FT_OK;
    return FT_FAIL(FT_EINVAL, "'%.*s': expected a time such as 30d or 12h", FT_STR_ARG(value));
}

ft_err ft_stream_keep_check(ft_str value) {
    int64_t us;
    return value_read(&us, value);
}

static ft_err kind_age(int *removed, ft_store *s, ft_arena *arena, const ft_stream_kind *kind,
                       int64_t now_us) {
    ft_str name, value;
    int64_t us;
    if (ft_stream_order(kind) != FT_ORDER_TIME) return FT_OK;
    FT_TRY(ft_arena_printf(&name, arena, FT_SETTING_KEEP "%s", kind->name));
    FT_TRY(ft_setting_get(&value, s, arena, name.at));
    if (!value.len) return FT_OK;
    ft_err err = value_read(&us, value);
    if (err != FT_OK) return ft_err_prefix(err, "setting %s", name.at);
    return ft_stream_retain(s, kind, (ft_str){ 0 }, now_us - us, removed);
}

ft_err ft_streams_age(ft_store *s, int64_t now_us, int *removed) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_err err = FT_OK;
    ft_str why = { 0 };
    *removed = 0;
    for (const ft_stream_kind *const *kind = ft_stream_kinds(); kind && *kind; kind++) {
        int gone = 0;
        ft_err one = kind_age(&gone, s, &arena, *kind, now_us);
        *removed += gone;
        if (one == FT_OK || err != FT_OK) continue;
        err = one; /* the first is told, after the others */
        if (ft_arena_str(&why, &arena, ft_str_of(ft_err_why())) != FT_OK) why = FT_STR("");
    }
    if (err != FT_OK) err = FT_FAIL(err, "%.*s", FT_STR_ARG(why));
    ft_arena_fini(&arena);
    return err;
}
