/* onnx_tensor.c -- the numbers of tensors in ONNX files: raw bytes, fields by type. See onnx_in.h.
 */
#include "base/check.h"
#include "base/protobuf.h"
#include "nn/import/onnx_in.h"
#include "nn/onnx_type.h"

ft_err onnx_dtype(ft_dtype *out, int type, ft_str what) {
    *out = ft_nn_onnx_dtype(type);
    if (*out != FT_DTYPE_COUNT) return FT_OK;
    if (type == FT_NN_ONNX_TEXTS)
        return FT_FAIL(FT_EUNSUPPORTED, "'%.*s' holds texts, which are not supported",
                       FT_STR_ARG(what));
    return FT_FAIL(FT_EUNSUPPORTED, "'%.*s' is of type %d, which is not supported",
                   FT_STR_ARG(what), type);
}

/* ---- the message */

static ft_err damaged(const onnx_tensor *t, const char *why) {
    return FT_FAIL(FT_ECORRUPT, "tensor '%.*s': %s", FT_STR_ARG(t->name), why);
}

static ft_err dim_add(onnx_tensor *t, uint64_t size) {
    if (t->ndim == FT_ARRAY_DIMS_MAX)
        return FT_FAIL(FT_EUNSUPPORTED, "tensor '%.*s' has more than %d dimensions",
                       FT_STR_ARG(t->name), FT_ARRAY_DIMS_MAX);
    if ((int64_t)size < 0) return damaged(t, "a negative size");
    t->shape[t->ndim++] = (int64_t)size;
    return FT_OK;
}

static ft_err dims_add(onnx_tensor *t, const ft_proto_field *f) {
    ft_str rest = f->bytes;
    uint64_t size;
    if (f->type == FT_PROTO_VARINT) return dim_add(t, f->value);
    if (f->type != FT_PROTO_BYTES) return damaged(t, "its shape is of another type");
    while (rest.len) {
        if (!ft_proto_varint(&size, &rest)) return damaged(t, "its shape is cut off");
        FT_TRY(dim_add(t, size));
    }
    return FT_OK;
}

/* "location", "offset", "length" of data in another file. */
static ft_err external_entry(onnx_tensor *t, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    ft_str key = { 0 }, value = { 0 };
    while (ft_proto_next(&p, &f)) {
        if (f.type != FT_PROTO_BYTES) return damaged(t, "where its data is, is damaged");
        if (f.number == 1) key = f.bytes;
        if (f.number == 2) value = f.bytes;
    }
    FT_TRY(p.err);
    if (ft_str_is(key, "location")) t->location = value;
    if (ft_str_is(key, "offset") && !ft_str_u64(&t->offset, value))
        return damaged(t, "the offset of its data is not a number");
    if (ft_str_is(key, "length")) {
        t->has_length = true;
        if (!ft_str_u64(&t->length, value))
            return damaged(t, "the length of its data is not a number");
    }
    return FT_OK;
}

static ft_err tensor_field(onnx_tensor *t, const ft_proto_field *f) {
    bool bytes = f->type == FT_PROTO_BYTES, number = f->type == FT_PROTO_VARINT;
    switch (f->number) {
    case 1:
        return dims_add(t, f);
    case 2:
        if (!number) return damaged(t, "its type is not a number");
        t->type = f->value <= INT16_MAX ? (int)f->value : INT16_MAX;
        return FT_OK;
    case 3:
        return damaged(t, "it is one of several segments");
    case 9:
        if (!bytes) return damaged(t, "its data are no bytes");
        t->raw = f->bytes;
        t->has_raw = true;
        return FT_OK;
    case 13:
        if (!bytes) return damaged(t, "where its data is, is damaged");
        return external_entry(t, f->bytes);
    case 14:
        t->external = number && f->value == 1;
        return FT_OK;
    default:
        return FT_OK;
    }
}

ft_err onnx_tensor_read(onnx_tensor *out, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    *out = (onnx_tensor){ .typed = bytes };
    while (ft_proto_next(&p, &f)) {
        if (f.number == 8 && f.type == FT_PROTO_BYTES && ft_str_utf8(f.bytes)) out->name = f.bytes;
    }
    FT_TRY(p.err);
    p = (ft_proto){ .rest = bytes };
    while (ft_proto_next(&p, &f)) FT_TRY(tensor_field(out, &f));
    return p.err;
}

/* ---- numbers in fields by type */

static uint32_t typed_field(ft_dtype t) {
    switch (t) {
    case FT_F32:
        return 4;
    case FT_F64:
        return 10;
    case FT_I64:
        return 7;
    case FT_U32:
    case FT_U64:
        return 11;
    default:
        return 5; /* int32_data: small integers, bool, the bits of f16 and bf16 */
    }
}

static void item_put(const ft_array *a, int64_t i, uint64_t v) {
    size_t bytes = ft_dtype_bytes(a->dtype);
    if (a->dtype == FT_BOOL) v = v != 0;
    memcpy((char *)a->data + (size_t)i * bytes, &v, bytes); /* little-endian: the low bytes */
}

static ft_err typed_items(const ft_array *a, int64_t *at, const ft_proto_field *f,
                          const onnx_tensor *t) {
    int64_t count = ft_array_count(a);
    size_t fixed = a->dtype == FT_F32 ? 4 : a->dtype == FT_F64 ? 8 : 0;
    ft_str rest = f->bytes;
    uint64_t v = f->value;
    if (fixed) {
        if (f->type == FT_PROTO_VARINT || rest.len % fixed ||
            (int64_t)(rest.len / fixed) > count - *at)
            return damaged(t, "its numbers do not fill its shape");
        memcpy((char *)a->data + (size_t)*at * fixed, rest.at, rest.len);
        *at += (int64_t)(rest.len / fixed);
        return FT_OK;
    }
    bool packed = f->type == FT_PROTO_BYTES;
    if (!packed && f->type != FT_PROTO_VARINT) return damaged(t, "its numbers are of another type");
    while (!packed || rest.len) {
        if (packed && !ft_proto_varint(&v, &rest)) return damaged(t, "its numbers are cut off");
        if (*at == count) return damaged(t, "it has more numbers than its shape");
        item_put(a, (*at)++, v);
        if (!packed) break;
    }
    return FT_OK;
}

static ft_err typed_read(ft_array *a, const onnx_tensor *t) {
    ft_proto p = { .rest = t->typed };
    ft_proto_field f;
    uint32_t field = typed_field(a->dtype);
    int64_t at = 0;
    while (ft_proto_next(&p, &f)) {
        if (f.number == field) FT_TRY(typed_items(a, &at, &f, t));
    }
    FT_TRY(p.err);
    if (at != ft_array_count(a)) return damaged(t, "it has fewer numbers than its shape");
    return FT_OK;
}

static void bools_clean(ft_array *a) {
    uint8_t *at = a->data;
    for (int64_t i = 0; i < ft_array_count(a); i++) at[i] = at[i] != 0;
}

ft_err onnx_tensor_array(ft_array *out, ft_arena *arena, const onnx_tensor *t, bool view) {
    static const char nothing[64];
    *out = (ft_array){ .ndim = t->ndim };
    FT_TRY(onnx_dtype(&out->dtype, t->type, t->name));
    memcpy(out->shape, t->shape, sizeof out->shape);
    out->data = (void *)(uintptr_t)nothing; /* so that the shape can be judged before */
    if (!ft_array_valid(out)) return damaged(t, "its shape is too large");
    size_t bytes = ft_array_bytes(out), each = ft_dtype_bytes(out->dtype);
    /* What memory is taken is bounded by what the file holds. */
    if (t->has_raw && t->raw.len != bytes)
        return damaged(t, t->raw.len < bytes ? "it has fewer bytes than its shape needs"
                                             : "it has more bytes than its shape needs");
    if (!t->has_raw && ft_array_count(out) > (int64_t)t->typed.len)
        return damaged(t, "it has fewer numbers than its shape");
    bool fits = t->unaligned || (uintptr_t)t->raw.at % each == 0;
    if (t->has_raw && view && fits && out->dtype != FT_BOOL) {
        out->data = (void *)(uintptr_t)t->raw.at;
        return FT_OK;
    }
    FT_TRY(ft_arena_take(&out->data, arena, bytes));
    if (!t->has_raw) return typed_read(out, t);
    if (bytes) memcpy(out->data, t->raw.at, bytes);
    if (out->dtype == FT_BOOL) bools_clean(out);
    return FT_OK;
}

ft_err ft_nn_onnx_tensor(ft_array *out, ft_str *name, ft_arena *arena, ft_str bytes) {
    onnx_tensor t;
    FT_TRY(onnx_tensor_read(&t, bytes));
    if (t.external) return damaged(&t, "its data is in another file");
    if (name) *name = t.name;
    return onnx_tensor_array(out, arena, &t, false);
}
