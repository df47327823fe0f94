/* payload_example.c -- tf.Example (example.h) as fields: lists of floats and integers are arrays,
 * of bytes are bytes, one string each. */
#include <string.h>

#include "base/check.h"
#include "data/example.h"
#include "data/payload_in.h"
#include "data/shown.h"

static ft_err see(ft_plan *p, ft_str bytes) {
    ft_example e;
    FT_TRY(ft_example_read(&e, p->arena, bytes));
    for (size_t i = 0; i < e.feature_count; i++) {
        const ft_example_feature *f = &e.features[i];
        int64_t n = (int64_t)f->count;
        if (f->kind == FT_EXAMPLE_NONE) continue;
        if (f->kind == FT_EXAMPLE_BYTES)
            FT_TRY(ft_plan_see_bytes(p, f->name, n ? f->bytes[0] : FT_STR("")));
        else
            FT_TRY(ft_plan_see(p, f->name, FT_FIELD_ARRAY,
                               f->kind == FT_EXAMPLE_FLOATS ? FT_F32 : FT_I64, n != 1, &n));
    }
    if (e.feature_count == 0) return FT_FAIL(FT_EPARSE, "an example without features");
    return FT_OK;
}

static ft_err put(ft_array *values, const ft_plan *p, size_t i, const ft_example_feature *f) {
    if (f->kind == FT_EXAMPLE_FLOATS) return ft_plan_put(values, p, i, FT_F32, f->floats, f->count);
    if (f->kind == FT_EXAMPLE_INTS) return ft_plan_put(values, p, i, FT_I64, f->ints, f->count);
    if (f->count == 0) return FT_OK;
    if (f->count > 1 || p->fields[i].kind == FT_FIELD_ARRAY)
        return FT_FAIL(FT_EUNSUPPORTED, "feature '%s' has %zu strings: one is read",
                       ft_shown(f->name), f->count);
    ft_plan_put_bytes(values, i, f->bytes[0]);
    return FT_OK;
}

static ft_err read(ft_array *values, const ft_plan *p, ft_arena *arena, ft_str bytes) {
    ft_example e;
    FT_TRY(ft_example_read(&e, arena, bytes));
    for (size_t i = 0; i < e.feature_count; i++) {
        int found = ft_plan_find(p, e.features[i].name, i);
        if (found >= 0 && e.features[i].kind != FT_EXAMPLE_NONE)
            FT_TRY(put(values, p, (size_t)found, &e.features[i]));
    }
    return FT_OK;
}

static ft_err fit(ft_plan *p) {
    if (p->count <= FT_EXAMPLE_FEATURES_MAX) return FT_OK;
    return FT_FAIL(FT_EUNSUPPORTED, "%zu fields, a tf.Example has at most %d", p->count,
                   FT_EXAMPLE_FEATURES_MAX);
}

/* Integers become int64, other numbers float; the shape is not kept, tf.Example has none. */
static ft_err numbers(ft_example_feature *f, ft_arena *arena, const ft_array *v) {
    bool ints = v->dtype >= FT_I8;
    f->count = (size_t)ft_array_count(v);
    f->kind = ints ? FT_EXAMPLE_INTS : FT_EXAMPLE_FLOATS;
    if (ints)
        FT_TRY(ft_arena_items(&f->ints, arena, f->count));
    else
        FT_TRY(ft_arena_items(&f->floats, arena, f->count));
    for (size_t i = 0; i < f->count; i++) {
        if (v->dtype == FT_I64 || v->dtype == FT_U64)
            f->ints[i] = ((const int64_t *)v->data)[i];
        else if (ints)
            f->ints[i] = (int64_t)ft_array_f64(v, (int64_t)i);
        else
            f->floats[i] = (float)ft_array_f64(v, (int64_t)i);
    }
    return FT_OK;
}

static ft_err write(ft_buf *out, const ft_plan *p, ft_arena *arena, const ft_array *values) {
    ft_example e = { 0 };
    FT_TRY(ft_arena_items(&e.features, arena, p->count));
    for (size_t i = 0; i < p->count; i++) {
        ft_example_feature *f = &e.features[e.feature_count];
        if (!values[i].data) continue;
        *f = (ft_example_feature){ .name = p->fields[i].name };
        e.feature_count++;
        if (p->fields[i].kind == FT_FIELD_ARRAY) {
            FT_TRY(numbers(f, arena, &values[i]));
            continue;
        }
        f->kind = FT_EXAMPLE_BYTES;
        f->count = 1;
        FT_TRY(ft_arena_items(&f->bytes, arena, 1));
        f->bytes[0] = ft_value_bytes(&values[i]);
    }
    return ft_example_write(out, &e);
}

_Static_assert(FT_F32 < FT_I8 && FT_F64 < FT_I8 && FT_F16 < FT_I8 && FT_BF16 < FT_I8,
               "floats come first");

const ft_payload ft_payload_example = {
    .name = "example",
    .see = see,
    .read = read,
    .fit = fit,
    .write = write,
};
