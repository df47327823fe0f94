/* sagemaker_record.c -- see sagemaker_record.h. Two passes: the first counts, the second fills, so
 * that a field's numbers may come in pieces and nothing is grown. */
#include "data/sagemaker_record.h"

#include "base/check.h"
#include "base/protobuf.h"
#include "data/shown.h"

enum { RECORD_FEATURES = 1, RECORD_LABEL, RECORD_UID, RECORD_METADATA, RECORD_CONFIGURATION };
enum { ENTRY_NAME = 1, ENTRY_VALUE };
enum { VALUE_F32 = 2, VALUE_F64 = 3, VALUE_I32 = 7, VALUE_BYTES = 9 };
enum { TENSOR_VALUES = 1, TENSOR_KEYS, TENSOR_SHAPE };
enum { BYTES_VALUE = 1, BYTES_CONTENT_TYPE };

/* ---- numbers, packed or one by one */

static ft_err bad_numbers(const char *what) {
    return FT_FAIL(FT_ECORRUPT, "damaged protobuf: %s of another type than expected", what);
}

/* How many varints a field holds. */
static ft_err varints_count(size_t *count, const ft_proto_field *f, const char *what) {
    ft_str rest = f->bytes;
    uint64_t v;
    if (f->type == FT_PROTO_VARINT) {
        ++*count;
        return FT_OK;
    }
    if (f->type != FT_PROTO_BYTES) return bad_numbers(what);
    for (; rest.len; ++*count)
        if (!ft_proto_varint(&v, &rest)) return bad_numbers(what);
    return FT_OK;
}

static void varints_u64(uint64_t *out, size_t *count, const ft_proto_field *f) {
    ft_str rest = f->bytes;
    if (f->type == FT_PROTO_VARINT)
        out[(*count)++] = f->value;
    else
        while (ft_proto_varint(&out[*count], &rest)) ++*count;
}

static ft_err values_count(size_t *count, const ft_proto_field *f, ft_dtype dtype) {
    size_t each = ft_dtype_bytes(dtype);
    ft_proto_type alone = each == 8 ? FT_PROTO_64 : FT_PROTO_32;
    if (dtype == FT_I32) return varints_count(count, f, "values");
    if (f->type != alone && (f->type != FT_PROTO_BYTES || f->bytes.len % each))
        return bad_numbers("values");
    *count += f->bytes.len / each;
    return FT_OK;
}

static void values_fill(ft_sagemaker_tensor *t, const ft_proto_field *f) {
    size_t each = ft_dtype_bytes(t->dtype);
    if (t->dtype != FT_I32) {
        if (f->bytes.len) memcpy((char *)t->values + t->count * each, f->bytes.at, f->bytes.len);
        t->count += f->bytes.len / each;
        return;
    }
    int32_t *out = (int32_t *)t->values;
    ft_str rest = f->bytes;
    uint64_t v;
    if (f->type == FT_PROTO_VARINT)
        out[t->count++] = (int32_t)f->value;
    else
        while (ft_proto_varint(&v, &rest)) out[t->count++] = (int32_t)v;
}

/* ---- one tensor */

static ft_err tensor_count(ft_sagemaker_tensor *t, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    while (ft_proto_next(&p, &f)) {
        if (f.number == TENSOR_VALUES) FT_TRY(values_count(&t->count, &f, t->dtype));
        if (f.number == TENSOR_KEYS) FT_TRY(varints_count(&t->key_count, &f, "keys"));
        if (f.number == TENSOR_SHAPE) FT_TRY(varints_count(&t->dims, &f, "shape"));
    }
    return p.err;
}

static ft_err tensor_read(ft_sagemaker_tensor *t, ft_arena *arena, ft_str bytes, ft_dtype dtype) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    *t = (ft_sagemaker_tensor){ .name = t->name, .dtype = dtype };
    FT_TRY(tensor_count(t, bytes));
    if (t->key_count && t->key_count != t->count)
        return FT_FAIL(FT_EPARSE, "'%s' has %zu keys for %zu values", ft_shown(t->name),
                       t->key_count, t->count);
    FT_TRY(ft_arena_take(&t->values, arena, t->count * ft_dtype_bytes(dtype)));
    if (t->key_count) FT_TRY(ft_arena_items(&t->keys, arena, t->key_count));
    FT_TRY(ft_arena_items(&t->shape, arena, t->dims));
    t->count = t->key_count = t->dims = 0;
    while (ft_proto_next(&p, &f)) {
        if (f.number == TENSOR_VALUES) values_fill(t, &f);
        if (f.number == TENSOR_KEYS && t->keys) varints_u64(t->keys, &t->key_count, &f);
        if (f.number == TENSOR_SHAPE) varints_u64(t->shape, &t->dims, &f);
    }
    return p.err;
}

static ft_err bytes_value(ft_sagemaker_tensor *t, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    *t = (ft_sagemaker_tensor){ .name = t->name, .dtype = FT_U8 };
    while (ft_proto_next(&p, &f)) {
        if (f.type != FT_PROTO_BYTES) continue;
        if (f.number == BYTES_VALUE && t->count++ > 0)
            return FT_FAIL(FT_EUNSUPPORTED, "'%s' holds several byte strings, one is read here",
                           ft_shown(t->name));
        if (f.number == BYTES_VALUE) t->bytes = f.bytes;
        if (f.number == BYTES_CONTENT_TYPE) t->content_type = f.bytes;
    }
    return p.err;
}

static ft_err value_read(ft_sagemaker_tensor *t, ft_arena *arena, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    while (ft_proto_next(&p, &f)) { /* of a oneof the last counts */
        if (f.type != FT_PROTO_BYTES) continue;
        if (f.number == VALUE_F32) FT_TRY(tensor_read(t, arena, f.bytes, FT_F32));
        if (f.number == VALUE_F64) FT_TRY(tensor_read(t, arena, f.bytes, FT_F64));
        if (f.number == VALUE_I32) FT_TRY(tensor_read(t, arena, f.bytes, FT_I32));
        if (f.number == VALUE_BYTES) FT_TRY(bytes_value(t, f.bytes));
    }
    return p.err;
}

/* {name, value} of a map; either may stand first. */
static ft_err entry_read(ft_sagemaker_tensor *t, ft_arena *arena, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    ft_str value = { 0 };
    while (ft_proto_next(&p, &f)) {
        if (f.type != FT_PROTO_BYTES) continue;
        if (f.number == ENTRY_NAME) t->name = f.bytes;
        if (f.number == ENTRY_VALUE) value = f.bytes;
    }
    FT_TRY(p.err);
    return value_read(t, arena, value);
}

/* ---- the record */

static ft_err record_count(size_t *features, size_t *labels, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    *features = *labels = 0;
    while (ft_proto_next(&p, &f)) {
        bool nested = f.type == FT_PROTO_BYTES;
        if (f.number <= RECORD_CONFIGURATION && !nested)
            return FT_FAIL(FT_ECORRUPT, "damaged protobuf: field %u is no SageMaker record's",
                           f.number);
        *features += f.number == RECORD_FEATURES;
        *labels += f.number == RECORD_LABEL;
    }
    FT_TRY(p.err);
    if (*features + *labels > FT_SAGEMAKER_TENSORS_MAX)
        return FT_FAIL(FT_ETOOBIG, "more than %d tensors in a record", FT_SAGEMAKER_TENSORS_MAX);
    return FT_OK;
}

ft_err ft_sagemaker_record_read(ft_sagemaker_record *out, ft_arena *arena, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    size_t features, labels;
    *out = (ft_sagemaker_record){ 0 };
    FT_TRY(record_count(&features, &labels, bytes));
    FT_TRY(ft_arena_items(&out->features, arena, features));
    FT_TRY(ft_arena_items(&out->labels, arena, labels));
    while (ft_proto_next(&p, &f)) {
        if (f.number == RECORD_FEATURES)
            FT_TRY(entry_read(&out->features[out->feature_count++], arena, f.bytes));
        if (f.number == RECORD_LABEL)
            FT_TRY(entry_read(&out->labels[out->label_count++], arena, f.bytes));
        if (f.number == RECORD_UID) out->uid = f.bytes;
        if (f.number == RECORD_METADATA) out->metadata = f.bytes;
        if (f.number == RECORD_CONFIGURATION) out->configuration = f.bytes;
    }
    return p.err;
}

bool ft_sagemaker_record_looks(ft_str bytes) {
    ft_str rest = bytes, entry;
    uint64_t len;
    if (bytes.len < 4 || (bytes.at[0] != 0x0a && bytes.at[0] != 0x12)) return false;
    rest = ft_str_from(rest, 1);
    if (!ft_proto_varint(&len, &rest)) return false;
    entry = ft_str_slice(rest, 0, len > SIZE_MAX ? SIZE_MAX : (size_t)len);
    if (entry.len < 4 || entry.at[0] != 0x0a) return false; /* the name stands first */
    size_t name = (unsigned char)entry.at[1];
    return name < 0x80 && entry.len > name + 2 && entry.at[2 + name] == 0x12 &&
           ft_str_utf8(ft_str_slice(entry, 2, name));
}

double ft_sagemaker_value(const ft_sagemaker_tensor *t, size_t i) {
    FT_CHECK(i < t->count && t->dtype != FT_U8);
    if (t->dtype == FT_F32) return (double)((const float *)t->values)[i];
    if (t->dtype == FT_F64) return ((const double *)t->values)[i];
    return ((const int32_t *)t->values)[i];
}

/* ---- writing */

static void put_varints(ft_buf *out, uint32_t number, const uint64_t *values, size_t count) {
    if (count == 0) return;
    size_t opened = ft_proto_open(out, number);
    for (size_t i = 0; i < count; i++) ft_proto_put_varint(out, values[i]);
    ft_proto_close(out, opened);
}

static void put_values(ft_buf *out, const ft_sagemaker_tensor *t) {
    if (t->count == 0) return;
    if (t->dtype != FT_I32) {
        ft_proto_put_bytes(out, TENSOR_VALUES,
                           ft_str_n(t->values, t->count * ft_dtype_bytes(t->dtype)));
        return;
    }
    size_t opened = ft_proto_open(out, TENSOR_VALUES);
    for (size_t i = 0; i < t->count; i++)
        ft_proto_put_varint(out, (uint64_t)(int64_t)((const int32_t *)t->values)[i]);
    ft_proto_close(out, opened);
}

static void put_value(ft_buf *out, const ft_sagemaker_tensor *t) {
    uint32_t number = t->dtype == FT_F32   ? VALUE_F32
                      : t->dtype == FT_F64 ? VALUE_F64
                      : t->dtype == FT_I32 ? VALUE_I32
                                           : VALUE_BYTES;
    size_t opened = ft_proto_open(out, number);
    if (t->dtype == FT_U8) {
        ft_proto_put_bytes(out, BYTES_VALUE, t->bytes);
        if (t->content_type.len) ft_proto_put_bytes(out, BYTES_CONTENT_TYPE, t->content_type);
    } else {
        put_values(out, t);
        if (t->keys) put_varints(out, TENSOR_KEYS, t->keys, t->key_count);
        put_varints(out, TENSOR_SHAPE, t->shape, t->dims);
    }
    ft_proto_close(out, opened);
}

static void put_entries(ft_buf *out, uint32_t number, const ft_sagemaker_tensor *t, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t entry = ft_proto_open(out, number);
        ft_proto_put_bytes(out, ENTRY_NAME, t[i].name);
        size_t value = ft_proto_open(out, ENTRY_VALUE);
        put_value(out, &t[i]);
        ft_proto_close(out, value);
        ft_proto_close(out, entry);
    }
}

ft_err ft_sagemaker_record_write(ft_buf *out, const ft_sagemaker_record *record) {
    put_entries(out, RECORD_FEATURES, record->features, record->feature_count);
    put_entries(out, RECORD_LABEL, record->labels, record->label_count);
    if (record->uid.len) ft_proto_put_bytes(out, RECORD_UID, record->uid);
    if (record->metadata.len) ft_proto_put_bytes(out, RECORD_METADATA, record->metadata);
    if (record->configuration.len)
        ft_proto_put_bytes(out, RECORD_CONFIGURATION, record->configuration);
    return out->err;
}
