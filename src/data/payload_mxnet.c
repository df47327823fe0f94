/* payload_mxnet.c -- MXNet's image records (mxnet_image.h) as fields: image, label, id. */
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "data/mxnet_image.h"
#include "data/payload_in.h"

enum { IMAGE, LABEL, ID, FIELDS };

/* Any 24 bytes are a header: what follows must look like an image, or the header like one that a
 * person wrote. */
static ft_err see(ft_payload_plan *p, ft_str bytes) {
    ft_mxnet_image m;
    FT_TRY(ft_mxnet_image_read(&m, p->arena, bytes));
    bool image = ft_bytes_image(m.image);
    if (!image && (m.label_count > 1000 || !isfinite(m.labels[0]) || fabsf(m.labels[0]) > 1e9f ||
                   (m.labels[0] != 0 && fabsf(m.labels[0]) < 1e-9f) || m.id >> 48 || m.id2 >> 48))
        return FT_FAIL(FT_EPARSE, "no MXNet image record");
    int64_t labels = (int64_t)m.label_count;
    ft_field_kind kind = image ? FT_FIELD_IMAGE : FT_FIELD_BYTES;
    FT_TRY(m.image.len ? ft_payload_plan_see(p, FT_STR("image"), kind, FT_U8, 1, NULL)
                       : ft_payload_plan_see_bytes(p, FT_STR("image"), m.image));
    FT_TRY(ft_payload_plan_see(p, FT_STR("label"), FT_FIELD_ARRAY, FT_F32, labels != 1, &labels));
    return ft_payload_plan_see(p, FT_STR("id"), FT_FIELD_ARRAY, FT_U64, 0, NULL);
}

static ft_err read(ft_array *values, const ft_payload_plan *p, ft_arena *arena, ft_str bytes) {
    ft_mxnet_image m;
    uint64_t *id;
    FT_TRY(ft_mxnet_image_read(&m, arena, bytes));
    FT_TRY(ft_arena_items(&id, arena, 1));
    *id = m.id;
    ft_payload_plan_put_bytes(values, IMAGE, m.image);
    FT_TRY(
        ft_payload_plan_put(values, p, LABEL, FT_F32, (void *)(uintptr_t)m.labels, m.label_count));
    return ft_payload_plan_put(values, p, ID, FT_U64, id, 1);
}

typedef struct places { /* of the fields that are written; -1: none */
    int at[FIELDS];
} places;

static ft_err fit(ft_payload_plan *p) {
    places *w;
    FT_TRY(ft_arena_take(&w, p->arena, sizeof *w));
    *w = (places){ { -1, -1, -1 } };
    for (size_t i = 0; i < p->count; i++) {
        const ft_field *f = &p->fields[i];
        int which = f->kind != FT_FIELD_ARRAY ? IMAGE : ft_str_is(f->name, "id") ? ID : LABEL;
        bool name = which != IMAGE && f->ndim > 1;
        if (f->kind == FT_FIELD_TEXT && (ft_str_is(f->name, "path") || ft_str_is(f->name, "key")))
            continue; /* names have no place in the header */
        if (w->at[which] >= 0 || name)
            return FT_FAIL(
                FT_EUNSUPPORTED,
                "field '%.*s' has no place in an MXNet image record (image, label, id)%s",
                FT_STR_ARG(f->name),
                f->dtype == FT_U8 ? "; pixels must be encoded (--images png)" : "");
        w->at[which] = (int)i;
    }
    p->state = w;
    if (w->at[IMAGE] >= 0) return FT_OK;
    return FT_FAIL(FT_EUNSUPPORTED, "an MXNet image record needs an image (or bytes)");
}

static ft_err write(ft_buf *out, const ft_payload_plan *p, ft_arena *arena,
                    const ft_array *values) {
    const places *w = p->state;
    ft_mxnet_image m = { .image = ft_value_bytes(&values[w->at[IMAGE]]) };
    const ft_array *label = w->at[LABEL] >= 0 ? &values[w->at[LABEL]] : NULL;
    float *labels;
    m.label_count = label && label->data ? (size_t)ft_array_count(label) : 1;
    FT_TRY(ft_arena_items(&labels, arena, m.label_count));
    for (size_t i = 0; label && label->data && i < m.label_count; i++)
        labels[i] = (float)ft_array_f64(label, (int64_t)i);
    m.labels = labels;
    if (w->at[ID] >= 0 && values[w->at[ID]].data)
        m.id = (uint64_t)ft_array_f64(&values[w->at[ID]], 0);
    return ft_mxnet_image_write(out, &m);
}

const ft_payload_kind ft_payload_mxnet = {
    .name = "mxnet",
    .see = see,
    .read = read,
    .fit = fit,
    .write = write,
};
