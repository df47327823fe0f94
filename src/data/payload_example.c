/* payload_example.c -- tf.Example (example.h) as fields: lists of floats and integers are arrays,
 * of bytes are bytes, one string each. tf.Example has no shapes: an array "x" of several dimensions
 * is written with a list of integers "x/shape" beside it, pixels as a string of bytes
 * (tf.io.decode_raw), and read back so. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "data/example.h"
#include "data/payload_in.h"
#include "data/shown.h"

#define SHAPE "/shape"

/* The list "x/shape" that fits what "x" holds; NULL: there is none. */
static const ft_example_feature *shape_of(const ft_example *e, const ft_example_feature *f) {
    char name[512];
    uint64_t items = 1;
    bool bytes = f->kind == FT_EXAMPLE_BYTES;
    if ((bytes && f->count != 1) || f->name.len > sizeof name - sizeof SHAPE) return NULL;
    snprintf(name, sizeof name, "%.*s" SHAPE, FT_STR_ARG(f->name));
    const ft_example_feature *s = ft_example_find(e, name);
    if (!s || s->kind != FT_EXAMPLE_INTS || s->count < 2 || s->count > FT_ARRAY_DIMS_MAX)
        return NULL;
    for (size_t i = 0; i < s->count; i++)
        if (s->ints[i] < 1 || __builtin_mul_overflow(items, (uint64_t)s->ints[i], &items))
            return NULL;
    return items == (bytes ? f->bytes[0].len : f->count) ? s : NULL;
}

/* Is it the shape of another feature? */
static bool is_shape(const ft_example *e, const ft_example_feature *f) {
    ft_str of = f->name;
    if (!ft_str_ends(of, FT_STR(SHAPE))) return false;
    of.len -= sizeof SHAPE - 1;
    for (size_t i = 0; i < e->feature_count; i++)
        if (ft_str_eq(e->features[i].name, of)) return shape_of(e, &e->features[i]) == f;
    return false;
}

static ft_dtype dtype_of(const ft_example_feature *f) {
    return f->kind == FT_EXAMPLE_FLOATS ? FT_F32 : f->kind == FT_EXAMPLE_INTS ? FT_I64 : FT_U8;
}

static ft_err see(ft_payload_plan *p, ft_str bytes) {
    ft_example e;
    FT_TRY(ft_example_read(&e, p->arena, bytes));
    for (size_t i = 0; i < e.feature_count; i++) {
        const ft_example_feature *f = &e.features[i];
        int64_t n = (int64_t)f->count;
        if (f->kind == FT_EXAMPLE_NONE || is_shape(&e, f)) continue;
        const ft_example_feature *shape = shape_of(&e, f);
        if (shape)
            FT_TRY(ft_payload_plan_see(p, f->name, FT_FIELD_ARRAY, dtype_of(f), (int)shape->count,
                                       shape->ints));
        else if (f->kind == FT_EXAMPLE_BYTES)
            FT_TRY(ft_payload_plan_see_bytes(p, f->name, n ? f->bytes[0] : FT_STR("")));
        else
            FT_TRY(ft_payload_plan_see(p, f->name, FT_FIELD_ARRAY, dtype_of(f), n != 1, &n));
    }
    if (e.feature_count == 0) return FT_FAIL(FT_EPARSE, "an example without features");
    return FT_OK;
}

/* An array of the shape that stands beside it. */
static ft_err put_shaped(ft_array *values, const ft_payload_plan *p, size_t i, const ft_example *e,
                         const ft_example_feature *f) {
    const ft_field *field = &p->fields[i];
    const ft_example_feature *s = shape_of(e, f);
    if (!s || (int)s->count != field->ndim || dtype_of(f) != field->dtype)
        return FT_FAIL(FT_EPARSE, "feature '%s' has no shape of %d dimensions", ft_shown(f->name),
                       field->ndim);
    values[i] = (ft_array){ .dtype = field->dtype, .ndim = field->ndim };
    for (size_t k = 0; k < s->count; k++) values[i].shape[k] = s->ints[k];
    values[i].data = f->kind == FT_EXAMPLE_FLOATS ? (void *)f->floats
                     : f->kind == FT_EXAMPLE_INTS ? (void *)f->ints
                                                  : (void *)(uintptr_t)f->bytes[0].at;
    return FT_OK;
}

static ft_err put(ft_array *values, const ft_payload_plan *p, size_t i, const ft_example *e,
                  const ft_example_feature *f) {
    if (p->fields[i].kind == FT_FIELD_ARRAY && p->fields[i].ndim > 1)
        return put_shaped(values, p, i, e, f);
    if (f->kind == FT_EXAMPLE_FLOATS)
        return ft_payload_plan_put(values, p, i, FT_F32, f->floats, f->count);
    if (f->kind == FT_EXAMPLE_INTS)
        return ft_payload_plan_put(values, p, i, FT_I64, f->ints, f->count);
    if (f->count == 0) return FT_OK;
    if (f->count > 1 || p->fields[i].kind == FT_FIELD_ARRAY)
        return FT_FAIL(FT_EUNSUPPORTED, "feature '%s' has %zu strings: one is read",
                       ft_shown(f->name), f->count);
    ft_payload_plan_put_bytes(values, i, f->bytes[0]);
    return FT_OK;
}

static ft_err read(ft_array *values, const ft_payload_plan *p, ft_arena *arena, ft_str bytes) {
    ft_example e;
    FT_TRY(ft_example_read(&e, arena, bytes));
    for (size_t i = 0; i < e.feature_count; i++) {
        int found = ft_payload_plan_find(p, e.features[i].name, i);
        if (found >= 0 && e.features[i].kind != FT_EXAMPLE_NONE)
            FT_TRY(put(values, p, (size_t)found, &e, &e.features[i]));
    }
    return FT_OK;
}

static ft_err fit(ft_payload_plan *p) {
    if (p->count <= FT_EXAMPLE_FEATURES_MAX) return FT_OK;
    return FT_FAIL(FT_EUNSUPPORTED, "%zu fields, a tf.Example has at most %d", p->count,
                   FT_EXAMPLE_FEATURES_MAX);
}

/* Integers become int64, other numbers float. */
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

static ft_err put_bytes(ft_example_feature *f, ft_arena *arena, ft_str bytes) {
    f->kind = FT_EXAMPLE_BYTES;
    f->count = 1;
    FT_TRY(ft_arena_items(&f->bytes, arena, 1));
    f->bytes[0] = bytes;
    return FT_OK;
}

static ft_err put_shape(ft_example_feature *f, ft_arena *arena, const ft_array *v, ft_str name) {
    *f = (ft_example_feature){ .kind = FT_EXAMPLE_INTS, .count = (size_t)v->ndim };
    FT_TRY(ft_arena_printf(&f->name, arena, "%.*s" SHAPE, FT_STR_ARG(name)));
    FT_TRY(ft_arena_items(&f->ints, arena, f->count));
    for (size_t i = 0; i < f->count; i++) f->ints[i] = v->shape[i];
    return FT_OK;
}

static ft_err array_put(ft_example *e, ft_arena *arena, const ft_array *v, ft_str name) {
    ft_example_feature *f = &e->features[e->feature_count++];
    *f = (ft_example_feature){ .name = name };
    if (v->ndim < 2) return numbers(f, arena, v);
    if (v->dtype == FT_U8)
        FT_TRY(put_bytes(f, arena, ft_str_n(v->data, ft_array_bytes(v))));
    else
        FT_TRY(numbers(f, arena, v));
    return put_shape(&e->features[e->feature_count++], arena, v, name);
}

static ft_err write(ft_buf *out, const ft_payload_plan *p, ft_arena *arena,
                    const ft_array *values) {
    ft_example e = { 0 };
    FT_TRY(ft_arena_items(&e.features, arena, 2 * p->count));
    for (size_t i = 0; i < p->count; i++) {
        if (!values[i].data) continue;
        if (p->fields[i].kind == FT_FIELD_ARRAY) {
            FT_TRY(array_put(&e, arena, &values[i], p->fields[i].name));
            continue;
        }
        ft_example_feature *f = &e.features[e.feature_count++];
        *f = (ft_example_feature){ .name = p->fields[i].name };
        FT_TRY(put_bytes(f, arena, ft_value_bytes(&values[i])));
    }
    return ft_example_write(out, &e);
}

_Static_assert(FT_F32 < FT_I8 && FT_F64 < FT_I8 && FT_F16 < FT_I8 && FT_BF16 < FT_I8,
               "floats come first");

const ft_payload_kind ft_payload_example = {
    .name = "example",
    .see = see,
    .read = read,
    .fit = fit,
    .write = write,
};
