/* set_arrays_write.c -- samples into npy and IDX files; see set_arrays.c. */
#include "base/check.h"
#include "data/idx.h"
#include "data/record_in.h"
#include "data/set_arrays_in.h"
#include "data/shown.h"

/* ---- npy: one field of one shape */

ft_err ft_npy_write_begin(ft_dataset_writer *w) {
    const ft_field *f = &w->fields[0];
    if (w->field_count > 1)
        return FT_FAIL(FT_EUNSUPPORTED, "'%s': npy holds one array, not %zu fields", w->path,
                       w->field_count);
    if (!ft_field_fixed(f))
        return FT_FAIL(FT_EUNSUPPORTED, "'%s': field '%s' (%s) has no one shape, as npy needs it",
                       w->path, ft_shown(f->name), ft_field_kind_name(f->kind));
    return ft_record_writer_new(&((npy_writing *)w->state)->w, w->path, &ft_records_npy);
}

ft_err ft_npy_write_one(ft_dataset_writer *w, const ft_array *values) {
    if (!values[0].data)
        return FT_FAIL(FT_EINVAL, "'%s', record %llu: '%s' is missing", w->path,
                       (unsigned long long)w->count, ft_shown(w->fields[0].name));
    ft_record record = { .bytes = ft_str_n(values[0].data, ft_array_bytes(&values[0])),
                         .is_array = true,
                         .array = values[0] };
    return ft_record_write_one(((npy_writing *)w->state)->w, &record, NULL);
}

uint64_t ft_npy_written(const ft_dataset_writer *w) {
    return ft_record_writer_bytes(((const npy_writing *)w->state)->w);
}

ft_err ft_npy_write_end(ft_dataset_writer *w) {
    return ft_record_writer_end(((npy_writing *)w->state)->w);
}

void ft_npy_write_free(ft_dataset_writer *w) {
    ft_record_writer_free(((npy_writing *)w->state)->w);
}

/* ---- IDX: an array, and perhaps labels */

static ft_err idx_fields(ft_dataset_writer *w, idx_writing *x) {
    x->field[0] = x->field[1] = -1;
    for (size_t i = 0; i < w->field_count; i++) {
        const ft_field *f = &w->fields[i];
        int which = ft_str_is(f->name, "label") && f->ndim == 0;
        if (f->kind == FT_FIELD_TEXT && (ft_str_is(f->name, "path") || ft_str_is(f->name, "key")))
            continue; /* names have no place there */
        if (!ft_field_fixed(f) || f->ndim >= FT_ARRAY_DIMS_MAX || x->field[which] >= 0 ||
            (!which && !ft_idx_type(f->dtype)))
            return FT_FAIL(FT_EUNSUPPORTED,
                           "'%s': IDX holds one array of one shape and a label, not field '%s' "
                           "(%s%s)",
                           w->path, ft_shown(f->name), ft_field_kind_name(f->kind),
                           f->kind == FT_FIELD_IMAGE ? ": decode it, with --resize" : "");
        x->field[which] = (int)i;
    }
    if (x->field[0] >= 0) return FT_OK;
    return FT_FAIL(FT_EUNSUPPORTED, "'%s': IDX needs an array", w->path);
}

static ft_err idx_header(ft_buf *out, ft_dtype dtype, const ft_field *row, uint64_t count) {
    uint32_t size = __builtin_bswap32((uint32_t)count);
    ft_buf_add_n(out, "\0\0", 2);
    ft_buf_byte(out, (char)ft_idx_type(dtype));
    ft_buf_byte(out, (char)(row->ndim + 1));
    ft_buf_add_n(out, &size, 4);
    for (int d = 0; d < row->ndim; d++) {
        if (row->shape[d] > UINT32_MAX) return FT_FAIL(FT_ETOOBIG, "a shape that IDX cannot hold");
        size = __builtin_bswap32((uint32_t)row->shape[d]);
        ft_buf_add_n(out, &size, 4);
    }
    return out->err;
}

ft_err ft_idx_write_begin(ft_dataset_writer *w) {
    idx_writing *x = w->state;
    ft_str labels;
    FT_TRY(idx_fields(w, x));
    FT_TRY(ft_saving_open(&x->part[0], w->path));
    FT_TRY(idx_header(&x->part[0].out, w->fields[x->field[0]].dtype, &w->fields[x->field[0]], 0));
    if (x->field[1] < 0) return FT_OK;
    const ft_field *f = &w->fields[x->field[1]];
    x->label = f->dtype == FT_F32 || f->dtype == FT_F64 ? FT_U8 : f->dtype;
    if (!ft_idx_type(x->label) || ft_dtype_bytes(x->label) > 1) x->label = FT_U8;
    FT_TRY(ft_idx_labels_name(&labels, &w->arena, ft_str_of(w->path)));
    if (!labels.at)
        return FT_FAIL(FT_EINVAL,
                       "'%s': where do the labels go? Put \"images\" into the name, as in "
                       "train-images-idx3-ubyte",
                       w->path);
    FT_TRY(ft_saving_open(&x->part[1], labels.at));
    return idx_header(&x->part[1].out, x->label, f, 0);
}

ft_err ft_idx_write_one(ft_dataset_writer *w, const ft_array *values) {
    idx_writing *x = w->state;
    const ft_array *v = &values[x->field[0]];
    const ft_field *f = &w->fields[x->field[0]];
    size_t item = ft_dtype_bytes(f->dtype), bytes = ft_field_bytes(f);
    if (!v->data || v->dtype != f->dtype || ft_array_bytes(v) != bytes)
        return FT_FAIL(FT_EINVAL, "'%s', record %llu: '%s' has another shape than the first",
                       w->path, (unsigned long long)w->count, ft_shown(f->name));
    if (w->count == UINT32_MAX) return FT_FAIL(FT_ETOOBIG, "'%s': IDX holds no more", w->path);
    if (x->field[1] >= 0) {
        const ft_array *label = &values[x->field[1]];
        double y = label->data ? ft_array_f64(label, 0) : -1;
        if (!(y >= 0 && y <= UINT8_MAX) || y != (double)(uint8_t)y)
            return FT_FAIL(FT_EINVAL, "'%s', record %llu: a label of IDX is 0 to 255, not %g",
                           w->path, (unsigned long long)w->count, y);
        FT_TRY(ft_buf_byte(&x->part[1].out, (char)(uint8_t)y));
        FT_TRY(ft_saving_flush(&x->part[1], FT_SAVING_FLUSH));
    }
    ft_buf *out = &x->part[0].out;
    FT_TRY(ft_buf_reserve(out, bytes));
    const char *from = v->data;
    char *to = out->at + out->len;
    for (size_t i = 0; i < bytes; i += item) /* big-endian */
        for (size_t k = 0; k < item; k++) to[i + k] = from[i + item - 1 - k];
    out->len += bytes;
    return ft_saving_flush(&x->part[0], FT_SAVING_FLUSH);
}

uint64_t ft_idx_written(const ft_dataset_writer *w) {
    const idx_writing *x = w->state;
    return ft_saving_bytes(&x->part[0]);
}

ft_err ft_idx_write_end(ft_dataset_writer *w) {
    idx_writing *x = w->state;
    ft_buf head = { 0 };
    ft_err err = FT_OK;
    for (int i = 1; i >= 0; i--) {
        if (x->field[i] < 0) continue;
        const ft_field *f = &w->fields[x->field[i]];
        ft_buf_reset(&head);
        FT_GOTO(err, idx_header(&head, i ? x->label : f->dtype, f, w->count));
        FT_GOTO(err, ft_saving_head(&x->part[i], ft_buf_str(&head)));
        FT_GOTO(err, ft_saving_end(&x->part[i]));
    }
done:
    ft_buf_fini(&head);
    return err;
}

void ft_idx_write_free(ft_dataset_writer *w) {
    idx_writing *x = w->state;
    for (int i = 0; i < 2; i++) ft_saving_free(&x->part[i]);
}
