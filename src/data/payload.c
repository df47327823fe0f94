/* payload.c -- plans, and the payload that is only bytes. See payload_in.h. */
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "data/payload_in.h"
#include "data/shown.h"

/* ---- what bytes look like */

bool ft_bytes_image(ft_str b) {
    if (b.len < 8) return false;
    if (memcmp(b.at, "\xff\xd8\xff", 3) == 0 || memcmp(b.at, "\x89PNG\r\n\x1a\n", 8) == 0)
        return true;
    if (memcmp(b.at, "GIF8", 4) == 0 || memcmp(b.at, "II*", 4) == 0 ||
        memcmp(b.at, "MM\0*", 4) == 0)
        return true;
    if (memcmp(b.at, "RIFF", 4) == 0 && b.len > 12 && memcmp(b.at + 8, "WEBP", 4) == 0) return true;
    return b.at[0] == 'P' && b.at[1] >= '2' && b.at[1] <= '6' && b.at[1] != '4' &&
           (b.at[2] == '\n' || b.at[2] == ' ') &&
           (b.at[3] == '#' || (b.at[3] >= '0' && b.at[3] <= '9'));
}

bool ft_bytes_text(ft_str b) {
    for (size_t i = 0; i < b.len; i++)
        if ((unsigned char)b.at[i] < ' ' && !strchr("\t\n\r", b.at[i])) return false;
    return ft_str_utf8(b);
}

/* ---- plans */

int ft_payload_plan_find(const ft_payload_plan *p, ft_str name, size_t hint) {
    if (hint < p->count && ft_str_eq(p->fields[hint].name, name)) return (int)hint;
    for (size_t i = 0; i < p->count; i++)
        if (ft_str_eq(p->fields[i].name, name)) return (int)i;
    return -1;
}

static ft_err plan_room(ft_payload_plan *p) {
    ft_field *fields;
    if (p->count < p->capacity) return FT_OK;
    if (p->count >= FT_DATASET_FIELDS_MAX)
        return FT_FAIL(FT_ETOOBIG, "more than %zu fields", FT_DATASET_FIELDS_MAX);
    p->capacity = p->capacity ? p->capacity * 2 : 16;
    FT_TRY(ft_arena_items(&fields, p->arena, p->capacity));
    if (p->count) memcpy(fields, p->fields, p->count * sizeof *fields);
    p->fields = fields;
    return FT_OK;
}

/* The type that holds both; numbers only. */
static ft_dtype wider(ft_dtype a, ft_dtype b) {
    if (a == b) return a;
    if (a == FT_BOOL) return b;
    if (b == FT_BOOL) return a;
    return FT_F64;
}

static ft_err merge(const ft_payload_plan *p, ft_field *f, const ft_field *seen) {
    bool bytes = f->kind != FT_FIELD_ARRAY;
    if (bytes != (seen->kind != FT_FIELD_ARRAY) ||
        (!bytes && f->ndim != seen->ndim && f->ndim + seen->ndim != 1)) {
        if (!p->mix_is_text)
            return FT_FAIL(FT_EINVAL,
                           "field '%s' is of one kind in one record, of another in the "
                           "next",
                           ft_shown(f->name));
        *f = (ft_field){
            .name = f->name, .kind = FT_FIELD_TEXT, .dtype = FT_U8, .ndim = 1, .shape = { -1 }
        };
        return FT_OK;
    }
    if (bytes) {
        if (f->shape[0] == FT_PAYLOAD_UNSURE)
            f->kind = seen->kind;
        else if (f->kind != seen->kind)
            f->kind = FT_FIELD_BYTES;
        f->shape[0] = -1;
        return FT_OK;
    }
    f->dtype = wider(f->dtype, seen->dtype);
    if (f->ndim != seen->ndim) {
        f->ndim = 1;
        f->shape[0] = -1;
    }
    for (int d = 0; d < f->ndim; d++)
        if (f->shape[d] != seen->shape[d]) f->shape[d] = -1;
    return FT_OK;
}

ft_err ft_payload_plan_see(ft_payload_plan *p, ft_str name, ft_field_kind kind, ft_dtype dtype,
                           int ndim, const int64_t *shape) {
    ft_field f = { .name = name, .kind = kind, .dtype = dtype, .ndim = ndim };
    for (int d = 0; d < ndim; d++) f.shape[d] = kind == FT_FIELD_ARRAY ? shape[d] : -1;
    int found = ft_payload_plan_find(p, name, p->count);
    if (found >= 0) return merge(p, &p->fields[found], &f);
    FT_TRY(plan_room(p));
    FT_TRY(ft_arena_str(&f.name, p->arena, name));
    p->fields[p->count++] = f;
    return FT_OK;
}

ft_err ft_payload_plan_see_bytes(ft_payload_plan *p, ft_str name, ft_str bytes) {
    ft_field_kind kind = FT_FIELD_BYTES;
    if (!bytes.len) {
        int found = ft_payload_plan_find(p, name, p->count);
        if (found >= 0 && p->fields[found].kind != FT_FIELD_ARRAY) return FT_OK;
        FT_TRY(ft_payload_plan_see(p, name, FT_FIELD_TEXT, FT_U8, 1, NULL));
        if (found < 0) p->fields[p->count - 1].shape[0] = FT_PAYLOAD_UNSURE;
        return FT_OK;
    }
    if (ft_bytes_image(bytes))
        kind = FT_FIELD_IMAGE;
    else if (ft_bytes_text(bytes))
        kind = FT_FIELD_TEXT;
    return ft_payload_plan_see(p, name, kind, FT_U8, 1, NULL);
}

ft_err ft_payload_plan_put(ft_array *values, const ft_payload_plan *p, size_t i, ft_dtype dtype,
                           void *data, size_t count) {
    const ft_field *f = &p->fields[i];
    if (f->kind != FT_FIELD_ARRAY || f->dtype != dtype || f->ndim > 1)
        return FT_FAIL(FT_EPARSE, "field '%s' is of another type than in the first records",
                       ft_shown(f->name));
    if (f->ndim == 0 && count != 1)
        return FT_FAIL(FT_EPARSE, "field '%s' has %zu values, one in the first records",
                       ft_shown(f->name), count);
    values[i] = (ft_array){ .dtype = dtype, .ndim = f->ndim, .data = data };
    if (f->ndim) values[i].shape[0] = (int64_t)count;
    return FT_OK;
}

void ft_payload_plan_put_bytes(ft_array *values, size_t i, ft_str bytes) {
    values[i] = (ft_array){ .dtype = FT_U8, .ndim = 1, .shape = { (int64_t)bytes.len } };
    values[i].data = (void *)(uintptr_t)(bytes.at ? bytes.at : "");
}

/* ---- numbers as text */

void ft_payload_number(ft_buf *out, const ft_array *v, int64_t i) {
    double x = ft_array_f64(v, i);
    if (v->dtype == FT_BOOL)
        ft_buf_add(out, x != 0 ? FT_STR("true") : FT_STR("false"));
    else if (v->dtype == FT_U64)
        ft_buf_printf(out, "%llu", (unsigned long long)((const uint64_t *)v->data)[i]);
    else if (v->dtype == FT_I64)
        ft_buf_i64(out, ((const int64_t *)v->data)[i]);
    else if (v->dtype >= FT_I8)
        ft_buf_i64(out, (int64_t)x);
    else if (isnan(x))
        ft_buf_add(out, FT_STR("NaN"));
    else if (isinf(x))
        ft_buf_add(out, x < 0 ? FT_STR("-Infinity") : FT_STR("Infinity"));
    else if (v->dtype == FT_F64)
        ft_buf_f64(out, x);
    else
        ft_buf_f32(out, (float)x);
}

/* ---- bytes alone */

static ft_err bytes_see(ft_payload_plan *p, ft_str bytes) {
    if (!bytes.len) return ft_payload_plan_see_bytes(p, FT_STR("bytes"), bytes);
    ft_field_kind kind = ft_bytes_image(bytes) ? FT_FIELD_IMAGE : FT_FIELD_BYTES;
    return ft_payload_plan_see(p, FT_STR("bytes"), kind, FT_U8, 1, NULL);
}

static ft_err bytes_read(ft_array *values, const ft_payload_plan *p, ft_arena *arena,
                         ft_str bytes) {
    (void)p, (void)arena;
    ft_payload_plan_put_bytes(values, 0, bytes);
    return FT_OK;
}

static ft_err bytes_fit(ft_payload_plan *p) {
    if (p->count == 1 && p->fields[0].kind != FT_FIELD_ARRAY) return FT_OK;
    return FT_FAIL(FT_EUNSUPPORTED,
                   "records of plain bytes hold one field of bytes, not %zu fields", p->count);
}

static ft_err bytes_write(ft_buf *out, const ft_payload_plan *p, ft_arena *arena,
                          const ft_array *values) {
    (void)p, (void)arena;
    return ft_buf_add(out, ft_value_bytes(values));
}

const ft_payload_kind ft_payload_bytes = {
    .name = "bytes",
    .see = bytes_see,
    .read = bytes_read,
    .fit = bytes_fit,
    .write = bytes_write,
};

ft_err ft_payload_find(const ft_payload_kind **out, ft_str name) {
    static const ft_payload_kind *const all[] = { &ft_payload_bytes, &ft_payload_example,
                                                  &ft_payload_mxnet, &ft_payload_sagemaker,
                                                  &ft_payload_json };
    const char *names[FT_COUNT(all)];
    for (size_t i = 0; i < FT_COUNT(all); i++) {
        names[i] = all[i]->name;
        if (!ft_str_is(name, all[i]->name)) continue;
        *out = all[i];
        return FT_OK;
    }
    const char *near = ft_str_nearest(name, names, FT_COUNT(all));
    return FT_FAIL(FT_EINVAL, "'%s' is not a payload%s%s%s", ft_shown(name),
                   near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}
