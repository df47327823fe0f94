/* json_fuzz.c -- whatever JSON text skips cleanly can be pulled and written again, and what was
 * written reads back as the same text. Any bytes can be quoted. */
#include "base/check.h"
#include "base/json.h"
#include "fuzz/target.h"

static ft_err copy_value(ft_json *j, ft_json_out *w);

static ft_err copy_object(ft_json *j, ft_json_out *w) {
    ft_str name;
    FT_TRY(ft_json_enter_object(j));
    ft_json_out_object(w);
    while (ft_json_next_member(j, &name)) {
        ft_json_out_name_str(w, name);
        if (copy_value(j, w)) return j->err;
    }
    if (!j->err) ft_json_out_close(w);
    return j->err;
}

static ft_err copy_array(ft_json *j, ft_json_out *w) {
    FT_TRY(ft_json_enter_array(j));
    ft_json_out_array(w);
    while (ft_json_next_item(j))
        if (copy_value(j, w)) return j->err;
    if (!j->err) ft_json_out_close(w);
    return j->err;
}

/* Depth is bounded by the reader. */
static ft_err copy_value(ft_json *j, ft_json_out *w) {
    ft_json_kind kind;
    ft_str s;
    double f;
    bool b;
    FT_TRY(ft_json_peek(j, &kind));
    switch (kind) {
    case FT_JSON_OBJECT:
        return copy_object(j, w);
    case FT_JSON_ARRAY:
        return copy_array(j, w);
    case FT_JSON_STRING:
        FT_TRY(ft_json_string(j, &s));
        ft_json_out_str(w, s);
        return FT_OK;
    case FT_JSON_NUMBER:
        FT_TRY(ft_json_f64(j, &f));
        ft_json_out_f64(w, f);
        return FT_OK;
    case FT_JSON_BOOL:
        FT_TRY(ft_json_bool(j, &b));
        ft_json_out_bool(w, b);
        return FT_OK;
    case FT_JSON_NULL:
        FT_TRY(ft_json_null(j));
        ft_json_out_null(w);
        return FT_OK;
    }
    return FT_OK;
}

static ft_err copy(ft_buf *out, ft_str text, ft_arena *arena) {
    ft_json j;
    ft_json_out w;
    ft_json_init(&j, text, arena, NULL);
    ft_json_out_init(&w, out, false);
    FT_TRY(copy_value(&j, &w));
    FT_TRY(out->err);
    return ft_json_end(&j);
}

static void check_copy(ft_str text) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_buf once = { 0 }, twice = { 0 };
    ft_json j;
    ft_json_init(&j, text, NULL, NULL);
    ft_json_skip(&j, NULL);
    ft_err skipped = ft_json_end(&j);
    ft_err copied = copy(&once, text, &arena);
    if (skipped) FT_CHECK(copied);
    if (!copied) {
        FT_CHECK(!skipped);
        FT_CHECK(!copy(&twice, ft_buf_str(&once), &arena));
        FT_CHECK(ft_str_eq(ft_buf_str(&once), ft_buf_str(&twice)));
    }
    ft_buf_fini(&once);
    ft_buf_fini(&twice);
    ft_arena_fini(&arena);
}

static void check_quote(ft_str bytes) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_buf quoted = { 0 };
    ft_json j;
    ft_str back;
    FT_CHECK(!ft_json_quote(&quoted, bytes));
    ft_json_init(&j, ft_buf_str(&quoted), &arena, NULL);
    FT_CHECK(!ft_json_string(&j, &back));
    FT_CHECK(!ft_json_end(&j));
    if (ft_str_utf8(bytes)) FT_CHECK(ft_str_eq(back, bytes));
    ft_buf_fini(&quoted);
    ft_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ft_str bytes = ft_str_n(data, size), raw;
    check_copy(bytes);
    check_quote(bytes);
    (void)ft_json_find(&raw, bytes, "a.0.b");
    return 0;
}
