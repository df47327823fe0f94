/* public.c -- include/fettle/fettle.h over the loader. Compiled into libfettle.so alone. */
#include "fettle/fettle.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "data/loader_json.h"

_Static_assert(FT_BATCHES_END == FT_ENOTFOUND, "the public code of the end");

struct ft_batches {
    ft_loader *loader;
};

typedef struct view {
    ft_batch_view base; /* first: what the caller sees */
    ft_batch *batch;
    ft_field_view fields[];
} view;

const char *ft_version(void) { return FETTLE_VERSION; }

const char *ft_err_code_name(int code) {
    return code >= 0 && code < FT_ERR_COUNT ? ft_err_name((ft_err)code) : "unknown";
}

/* ---- batches */
int ft_batches_open(ft_batches **out, const char *spec) {
    *out = NULL;
    ft_batches *b = ft_fault_here() ? NULL : calloc(1, sizeof *b);
    if (!b) return FT_FAIL(FT_ENOMEM, "out of memory for a loader");
    ft_err err = ft_loader_open_json(&b->loader, ft_str_of(spec));
    if (err)
        free(b);
    else
        *out = b;
    return err;
}

static ft_err show(view **out, ft_batch *batch) {
    size_t bytes = sizeof(view) + batch->field_count * sizeof(ft_field_view);
    view *v = ft_fault_here() ? NULL : calloc(1, bytes);
    if (!v) return FT_FAIL(FT_ENOMEM, "out of memory for a view of a batch");
    v->batch = batch;
    for (size_t i = 0; i < batch->field_count; i++) {
        const ft_batch_field *f = &batch->fields[i];
        v->fields[i] = (ft_field_view){ .name = f->name.at, /* ends in NUL: ft_place.name */
                                        .dtype = ft_dtype_name(f->array.dtype),
                                        .ndim = f->array.ndim,
                                        .shape = f->array.shape,
                                        .data = f->array.data,
                                        .bytes = ft_array_bytes(&f->array) };
    }
    v->base = (ft_batch_view){ .number = batch->number,
                               .epoch = batch->epoch,
                               .count = batch->count,
                               .bad = batch->bad,
                               .ids = batch->ids,
                               .field_count = batch->field_count,
                               .fields = v->fields };
    *out = v;
    return FT_OK;
}

int ft_batches_next(ft_batch_view **out, ft_batches *b) {
    ft_batch *batch;
    view *v = NULL;
    *out = NULL;
    ft_err err = ft_loader_next(&batch, b->loader);
    if (err) return err;
    err = show(&v, batch);
    if (err)
        ft_batch_release(batch);
    else
        *out = &v->base;
    return err;
}

void ft_batch_view_free(ft_batch_view *base) {
    if (!base) return;
    view *v = (view *)base;
    ft_batch_release(v->batch);
    free(v);
}

int ft_batches_epoch(ft_batches *b, uint64_t epoch) { return ft_loader_epoch(b->loader, epoch); }

uint64_t ft_batches_steps(const ft_batches *b) { return ft_loader_steps(b->loader); }

static int give_text(char **out, ft_buf *text, ft_err err) {
    *out = NULL;
    if (err)
        ft_buf_fini(text);
    else
        *out = text->at;
    return err;
}

int ft_batches_state(char **out, ft_batches *b) {
    ft_buf text = { 0 };
    return give_text(out, &text, ft_loader_state(&text, b->loader));
}

int ft_batches_resume(ft_batches *b, const char *state) {
    return ft_loader_resume(b->loader, ft_str_of(state));
}

int ft_batches_stats(char **out, ft_batches *b) {
    ft_buf text = { 0 };
    return give_text(out, &text, ft_loader_stats_json(&text, b->loader));
}

void ft_batches_free(ft_batches *b) {
    if (!b) return;
    ft_loader_free(b->loader);
    free(b);
}

void ft_text_free(char *text) { free(text); }

/* ---- DLPack (dmlc/dlpack, dlpack.h 0.8): the layout is the interface */
typedef struct dl_managed {
    struct {
        void *data;
        struct {
            int32_t type, id;
        } device; /* kDLCPU = 1 */
        int32_t ndim;
        struct {
            uint8_t code, bits;
            uint16_t lanes;
        } dtype;
        int64_t *shape, *strides;
        uint64_t byte_offset;
    } tensor;
    void *context;
    void (*deleter)(struct dl_managed *self);
    int64_t shape[FT_ARRAY_DIMS_MAX]; /* ours, behind the interface */
} dl_managed;

enum { DL_CPU = 1, DL_INT = 0, DL_UINT = 1, DL_FLOAT = 2, DL_BFLOAT = 4, DL_BOOL = 6 };

static uint8_t dl_code(ft_dtype t) {
    switch (t) {
    case FT_F32:
    case FT_F64:
    case FT_F16:
        return DL_FLOAT;
    case FT_BF16:
        return DL_BFLOAT;
    case FT_I8:
    case FT_I16:
    case FT_I32:
    case FT_I64:
        return DL_INT;
    case FT_BOOL:
        return DL_BOOL;
    default:
        return DL_UINT;
    }
}

static void dl_free(dl_managed *m) {
    ft_batch_release(m->context);
    free(m);
}

int ft_batch_view_dlpack(void **out, ft_batch_view *base, size_t field) {
    view *v = (view *)base;
    *out = NULL;
    if (field >= base->field_count)
        return FT_FAIL(FT_EINVAL, "field %zu of a batch that has %zu", field, base->field_count);
    const ft_array *a = &v->batch->fields[field].array;
    dl_managed *m = ft_fault_here() ? NULL : calloc(1, sizeof *m);
    if (!m) return FT_FAIL(FT_ENOMEM, "out of memory for a tensor");
    memcpy(m->shape, a->shape, sizeof m->shape);
    m->tensor.data = a->data;
    m->tensor.device.type = DL_CPU;
    m->tensor.ndim = a->ndim;
    m->tensor.dtype.code = dl_code(a->dtype);
    m->tensor.dtype.bits = (uint8_t)(8 * ft_dtype_bytes(a->dtype));
    m->tensor.dtype.lanes = 1;
    m->tensor.shape = m->shape;
    ft_batch_keep(v->batch);
    m->context = v->batch;
    m->deleter = dl_free;
    *out = m;
    return FT_OK;
}
