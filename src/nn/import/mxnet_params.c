/* mxnet_params.c -- MXNet's and GluonCV's .params: a list of arrays, then a list of their names.
 * Source: mxnet, src/ndarray/ndarray.cc (NDArray::Save), include/mxnet/c_api.h (MXNDArraySave). */
#include "nn/weights_in.h"

#define LIST_MAGIC 0x112u
#define V1_MAGIC   0xf993fac8u
#define V2_MAGIC   0xf993fac9u
#define V3_MAGIC   0xf993facau

typedef struct reader {
    ft_str bytes;
    size_t at;
} reader;

static ft_err take(uint64_t *out, reader *r, int bytes) {
    *out = 0;
    if (r->bytes.len - r->at < (size_t)bytes)
        return FT_FAIL(FT_ECORRUPT, "byte %zu: the file ends within a number", r->at);
    for (int i = bytes - 1; i >= 0; i--) *out = *out << 8 | (uint8_t)r->bytes.at[r->at + (size_t)i];
    r->at += (size_t)bytes;
    return FT_OK;
}

static bool sniff(ft_str bytes) {
    reader r = { bytes, 0 };
    uint64_t magic;
    return bytes.len >= 24 && take(&magic, &r, 8) == FT_OK && magic == LIST_MAGIC;
}

static ft_err take_shape(ft_array *a, reader *r, uint64_t ndim, int bytes) {
    if (ndim > FT_ARRAY_DIMS_MAX)
        return FT_FAIL(FT_ECORRUPT, "byte %zu: %llu dimensions", r->at, (unsigned long long)ndim);
    a->ndim = (int)ndim;
    for (int i = 0; i < a->ndim; i++) {
        uint64_t v;
        FT_TRY(take(&v, r, bytes));
        a->shape[i] = (int64_t)v;
    }
    return FT_OK;
}

static ft_err take_type(ft_array *a, reader *r) {
    static const ft_dtype types[] = {
        FT_F32, FT_F64, FT_F16, FT_U8, FT_I32, FT_I8, FT_I64, FT_BOOL
    };
    uint64_t flag;
    FT_TRY(take(&flag, r, 4));
    if (flag >= sizeof types / sizeof *types)
        return FT_FAIL(FT_EUNSUPPORTED, "byte %zu: arrays of type %llu", r->at - 4,
                       (unsigned long long)flag);
    a->dtype = types[flag];
    return FT_OK;
}

/* The first form had the number of dimensions where later ones have a magic number. */
static ft_err take_head(ft_array *a, reader *r) {
    uint64_t magic, v;
    FT_TRY(take(&magic, r, 4));
    if (magic == V2_MAGIC || magic == V3_MAGIC) {
        FT_TRY(take(&v, r, 4));
        if (v != 0 && v != UINT32_MAX)
            return FT_FAIL(FT_EUNSUPPORTED, "byte %zu: a sparse array", r->at - 4);
        FT_TRY(take(&v, r, 4));
        return take_shape(a, r, v, 8);
    }
    if (magic == V1_MAGIC) {
        FT_TRY(take(&v, r, 4));
        return take_shape(a, r, v, 8);
    }
    return take_shape(a, r, magic, 4);
}

static ft_err take_array(ft_array *a, ft_nn_weights *w, reader *r) {
    uint64_t device;
    *a = (ft_array){ 0 };
    FT_TRY(take_head(a, r));
    if (a->ndim == 0) return FT_OK; /* an empty array ends here */
    FT_TRY(take(&device, r, 8));
    FT_TRY(take_type(a, r));
    FT_TRY(ft_nn_weights_view(a, w, r->bytes, r->at));
    r->at += ft_array_bytes(a);
    return FT_OK;
}

static ft_err take_name(ft_str *out, reader *r) {
    uint64_t len;
    FT_TRY(take(&len, r, 8));
    if (len > r->bytes.len - r->at)
        return FT_FAIL(FT_ECORRUPT, "byte %zu: a name of %llu bytes", r->at,
                       (unsigned long long)len);
    *out = ft_str_slice(r->bytes, r->at, (size_t)len);
    r->at += (size_t)len;
    return FT_OK;
}

static ft_err read(ft_nn_weights *w, ft_str bytes) {
    reader r = { bytes, 16 };
    uint64_t count, names;
    ft_array *arrays;
    FT_TRY(take(&count, &r, 8));
    if (count > FT_NN_WEIGHTS_MAX || count > bytes.len / 8)
        return FT_FAIL(FT_ECORRUPT, "byte 16: %llu arrays", (unsigned long long)count);
    FT_TRY(ft_arena_items(&arrays, &w->arena, (size_t)count + 1));
    for (uint64_t i = 0; i < count; i++) FT_TRY(take_array(&arrays[i], w, &r));
    FT_TRY(take(&names, &r, 8));
    if (names != count)
        return FT_FAIL(FT_ECORRUPT, "byte %zu: %llu names for %llu arrays", r.at - 8,
                       (unsigned long long)names, (unsigned long long)count);
    for (uint64_t i = 0; i < count; i++) {
        ft_str name;
        FT_TRY(take_name(&name, &r));
        if (arrays[i].data) FT_TRY(ft_nn_weights_add(w, name, &arrays[i]));
    }
    return FT_OK;
}

const ft_nn_weight_format ft_weights_mxnet = { "mxnet", sniff, read };
