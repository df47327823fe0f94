/* payload_sagemaker.c -- SageMaker's protobuf records (sagemaker_record.h) as fields: the features
 * by name, labels as "label" (the one named "values") or "label_<name>"; a sparse tensor has its
 * columns in "<name>_keys". */
#include <string.h>

#include "base/check.h"
#include "data/payload_in.h"
#include "data/sagemaker_record.h"
#include "data/shown.h"

#define KEYS   "_keys"
#define LABEL  "label"
#define LABELS "label_"

/* The field's name of a tensor. */
static ft_err name_of(ft_str *out, ft_arena *arena, ft_str name, bool label) {
    *out = name;
    if (!label) return FT_OK;
    if (!ft_str_is(name, "values"))
        return ft_arena_printf(out, arena, LABELS "%.*s", FT_STR_ARG(name));
    *out = FT_STR(LABEL);
    return FT_OK;
}

static ft_err see_tensor(ft_payload_plan *p, const ft_sagemaker_tensor *t, bool label) {
    ft_str name;
    int64_t count = (int64_t)t->count, keys = (int64_t)t->key_count,
            shape[FT_ARRAY_DIMS_MAX] = { 0 };
    int ndim = label ? count != 1 : 1;
    FT_TRY(name_of(&name, p->arena, t->name, label));
    if (t->dtype == FT_U8) return ft_payload_plan_see_bytes(p, name, t->bytes);
    shape[0] = t->keys ? -1 : count;
    if (!t->keys && t->dims > 1 && t->dims <= FT_ARRAY_DIMS_MAX) {
        uint64_t product = 1;
        for (size_t d = 0; d < t->dims; d++) product *= t->shape[d];
        if (product == t->count) {
            ndim = (int)t->dims;
            for (int d = 0; d < ndim; d++) shape[d] = (int64_t)t->shape[d];
        }
    }
    FT_TRY(ft_payload_plan_see(p, name, FT_FIELD_ARRAY, t->dtype, t->keys ? 1 : ndim, shape));
    if (!t->keys) return FT_OK;
    FT_TRY(ft_arena_printf(&name, p->arena, "%.*s" KEYS, FT_STR_ARG(name)));
    keys = -1;
    return ft_payload_plan_see(p, name, FT_FIELD_ARRAY, FT_U64, 1, &keys);
}

static ft_err see(ft_payload_plan *p, ft_str bytes) {
    ft_sagemaker_record r;
    FT_TRY(ft_sagemaker_record_read(&r, p->arena, bytes));
    for (size_t i = 0; i < r.feature_count; i++) FT_TRY(see_tensor(p, &r.features[i], false));
    for (size_t i = 0; i < r.label_count; i++) FT_TRY(see_tensor(p, &r.labels[i], true));
    if (r.uid.len) FT_TRY(ft_payload_plan_see(p, FT_STR("uid"), FT_FIELD_TEXT, FT_U8, 1, NULL));
    if (p->count == 0) return FT_FAIL(FT_EPARSE, "a record without features");
    return FT_OK;
}

static ft_err put(ft_array *values, const ft_payload_plan *p, ft_arena *arena,
                  const ft_sagemaker_tensor *t, bool label, size_t hint) {
    ft_str name;
    FT_TRY(name_of(&name, arena, t->name, label));
    int i = ft_payload_plan_find(p, name, hint);
    if (i < 0) return FT_OK;
    const ft_field *f = &p->fields[i];
    if (t->dtype == FT_U8) {
        if (f->kind == FT_FIELD_ARRAY)
            return FT_FAIL(FT_EPARSE, "field '%s' is of another type than in the first records",
                           ft_shown(name));
        ft_payload_plan_put_bytes(values, (size_t)i, t->bytes);
        return FT_OK;
    }
    if (f->ndim > 1 && t->dims == (size_t)f->ndim && f->dtype == t->dtype && !t->keys) {
        ft_array *v = &values[i];
        *v = (ft_array){ .dtype = t->dtype, .ndim = f->ndim, .data = t->values };
        for (int d = 0; d < f->ndim; d++) v->shape[d] = (int64_t)t->shape[d];
        if (ft_array_valid(v) && (size_t)ft_array_count(v) == t->count) return FT_OK;
    }
    FT_TRY(ft_payload_plan_put(values, p, (size_t)i, t->dtype, t->values, t->count));
    if (!t->keys) return FT_OK;
    FT_TRY(ft_arena_printf(&name, arena, "%.*s" KEYS, FT_STR_ARG(name)));
    i = ft_payload_plan_find(p, name, (size_t)i + 1);
    return i < 0 ? FT_OK : ft_payload_plan_put(values, p, (size_t)i, FT_U64, t->keys, t->key_count);
}

static ft_err read(ft_array *values, const ft_payload_plan *p, ft_arena *arena, ft_str bytes) {
    ft_sagemaker_record r;
    FT_TRY(ft_sagemaker_record_read(&r, arena, bytes));
    for (size_t i = 0; i < r.feature_count; i++)
        FT_TRY(put(values, p, arena, &r.features[i], false, i));
    for (size_t i = 0; i < r.label_count; i++)
        FT_TRY(put(values, p, arena, &r.labels[i], true, r.feature_count + i));
    int uid = r.uid.len ? ft_payload_plan_find(p, FT_STR("uid"), p->count - 1) : -1;
    if (uid >= 0) ft_payload_plan_put_bytes(values, (size_t)uid, r.uid);
    return FT_OK;
}

/* ---- writing */

typedef struct place { /* what a field becomes */
    enum { FEATURE, LABEL_OF, KEYS_OF, UID } role;
    ft_str name;
    int keys; /* the field with its columns; -1: dense */
} place;

static ft_err fit(ft_payload_plan *p) {
    place *w;
    FT_TRY(ft_arena_items(&w, p->arena, p->count));
    if (p->count > FT_SAGEMAKER_TENSORS_MAX)
        return FT_FAIL(FT_EUNSUPPORTED, "%zu fields, a SageMaker record has at most %d tensors",
                       p->count, FT_SAGEMAKER_TENSORS_MAX);
    for (size_t i = 0; i < p->count; i++) {
        const ft_field *f = &p->fields[i];
        w[i] = (place){ .role = FEATURE, .name = f->name, .keys = -1 };
        if (ft_str_is(f->name, LABEL)) {
            w[i].role = LABEL_OF;
            w[i].name = FT_STR("values");
        } else if (ft_str_starts(f->name, FT_STR(LABELS))) {
            w[i].role = LABEL_OF;
            w[i].name = ft_str_from(f->name, sizeof LABELS - 1);
        } else if (ft_str_is(f->name, "uid") && f->kind == FT_FIELD_TEXT) {
            w[i].role = UID;
        } else if (ft_str_ends(f->name, FT_STR(KEYS)) && f->dtype == FT_U64) {
            w[i].role = KEYS_OF;
        }
    }
    for (size_t i = 0; i < p->count; i++) {
        ft_str name = p->fields[i].name;
        if (w[i].role != KEYS_OF) continue;
        int of =
            ft_payload_plan_find(p, ft_str_slice(name, 0, name.len - (sizeof KEYS - 1)), i - 1);
        if (of >= 0)
            w[of].keys = (int)i;
        else
            w[i].role = FEATURE; /* it only has such a name */
    }
    p->state = w;
    return FT_OK;
}

/* The format has float32, float64, int32 and bytes; other integers that fit become int32. */
static ft_err tensor(ft_sagemaker_tensor *t, ft_arena *arena, const ft_array *v, ft_str name) {
    size_t count = (size_t)ft_array_count(v);
    bool as_is = v->dtype == FT_F32 || v->dtype == FT_F64 || v->dtype == FT_I32;
    *t =
        (ft_sagemaker_tensor){ .name = name, .dtype = v->dtype, .count = count, .values = v->data };
    if (v->ndim > 1) {
        t->dims = (size_t)v->ndim;
        FT_TRY(ft_arena_items(&t->shape, arena, t->dims));
        for (size_t d = 0; d < t->dims; d++) t->shape[d] = (uint64_t)v->shape[d];
    }
    if (as_is) return FT_OK;
    if (v->dtype == FT_F16 || v->dtype == FT_BF16) {
        float *f;
        FT_TRY(ft_arena_items(&f, arena, count));
        for (size_t i = 0; i < count; i++) f[i] = (float)ft_array_f64(v, (int64_t)i);
        t->dtype = FT_F32;
        t->values = f;
        return FT_OK;
    }
    int32_t *ints;
    FT_TRY(ft_arena_items(&ints, arena, count));
    for (size_t i = 0; i < count; i++) {
        double x = ft_array_f64(v, (int64_t)i);
        if (x < INT32_MIN || x > INT32_MAX)
            return FT_FAIL(FT_EUNSUPPORTED,
                           "field '%s' holds %.0f, SageMaker's records have 32-bit integers",
                           ft_shown(name), x);
        ints[i] = (int32_t)x;
    }
    t->dtype = FT_I32;
    t->values = ints;
    return FT_OK;
}

static ft_err write(ft_buf *out, const ft_payload_plan *p, ft_arena *arena,
                    const ft_array *values) {
    const place *w = p->state;
    ft_sagemaker_record r = { 0 };
    FT_TRY(ft_arena_items(&r.features, arena, p->count));
    FT_TRY(ft_arena_items(&r.labels, arena, p->count));
    for (size_t i = 0; i < p->count; i++) {
        if (!values[i].data || w[i].role == KEYS_OF) continue;
        if (w[i].role == UID) {
            r.uid = ft_value_bytes(&values[i]);
            continue;
        }
        ft_sagemaker_tensor *t =
            w[i].role == LABEL_OF ? &r.labels[r.label_count++] : &r.features[r.feature_count++];
        if (p->fields[i].kind != FT_FIELD_ARRAY) {
            *t = (ft_sagemaker_tensor){ .name = w[i].name,
                                        .dtype = FT_U8,
                                        .bytes = ft_value_bytes(&values[i]) };
            continue;
        }
        FT_TRY(tensor(t, arena, &values[i], w[i].name));
        if (w[i].keys >= 0 && values[w[i].keys].data) {
            t->keys = values[w[i].keys].data;
            t->key_count = (size_t)ft_array_count(&values[w[i].keys]);
        }
    }
    return ft_sagemaker_record_write(out, &r);
}

const ft_payload_kind ft_payload_sagemaker = {
    .name = "sagemaker",
    .see = see,
    .read = read,
    .fit = fit,
    .write = write,
};
