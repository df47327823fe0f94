/* event_read.c -- see event_in.h: records read. Nothing in the bytes is believed: every length is
 * checked against what is left. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/le.h"
#include "base/protobuf.h"
#include "trials/event_in.h"

#define HEADER_BYTES    ((size_t)12)       /* length and its checksum */
#define SHORT_BYTES_MAX ((size_t)64 << 20) /* that a shorter list may stand for */

static bool is_bytes(const ft_proto_field *f, uint32_t number) {
    return f->number == number && f->type == FT_PROTO_BYTES;
}

/* ---- the messages */
static ft_err read_dim(ft_event *e, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    if (e->ndim == FT_ARRAY_DIMS_MAX)
        return FT_FAIL(FT_ECORRUPT, "a tensor of more than %d dimensions", FT_ARRAY_DIMS_MAX);
    int64_t *size = &e->shape[e->ndim++];
    while (ft_proto_next(&p, &f)) {
        if (f.number == 1 && f.type == FT_PROTO_VARINT) *size = (int64_t)f.value;
    }
    FT_TRY(p.err);
    if (*size < 0) return FT_FAIL(FT_ECORRUPT, "a dimension of %lld", (long long)*size);
    return FT_OK;
}

static ft_err read_tensor(ft_event *e, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f, d;
    e->tensor = bytes;
    while (ft_proto_next(&p, &f)) {
        if (f.number == 1 && f.type == FT_PROTO_VARINT) {
            e->dtype = (int)(f.value & 0xffff);
        } else if (is_bytes(&f, 2)) {
            ft_proto shape = { .rest = f.bytes };
            e->has_shape = true;
            while (ft_proto_next(&shape, &d)) {
                if (is_bytes(&d, 2)) FT_TRY(read_dim(e, d.bytes));
            }
            FT_TRY(shape.err);
        } else if (is_bytes(&f, 8)) {
            e->texts++;
        }
    }
    FT_TRY(p.err);
    return FT_OK;
}

static ft_err read_plugin(ft_event *e, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    ft_str name = { 0 }, content = { 0 };
    int64_t n;
    while (ft_proto_next(&p, &f)) {
        if (is_bytes(&f, 1)) name = f.bytes;
        if (is_bytes(&f, 2)) content = f.bytes;
    }
    FT_TRY(p.err);
    if (!ft_str_i64(&n, content)) return FT_OK; /* another plugin's */
    if (ft_str_is(name, "mode_step")) e->mode_step = n;
    if (ft_str_is(name, "mode") && n >= FT_MODE_TRAIN && n <= FT_MODE_GLOBAL) e->mode = (ft_mode)n;
    return FT_OK;
}

static ft_err read_value(ft_event *e, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f, m;
    while (ft_proto_next(&p, &f)) {
        if (is_bytes(&f, 1)) {
            e->tag = f.bytes;
        } else if (f.number == 2 && f.type == FT_PROTO_32) {
            uint32_t bits = (uint32_t)f.value;
            memcpy(&e->simple, &bits, sizeof bits);
            e->is_simple = true;
        } else if (is_bytes(&f, 8)) {
            FT_TRY(read_tensor(e, f.bytes));
        } else if (is_bytes(&f, 9)) {
            ft_proto meta = { .rest = f.bytes };
            while (ft_proto_next(&meta, &m)) {
                if (is_bytes(&m, 1)) FT_TRY(read_plugin(e, m.bytes));
            }
            FT_TRY(meta.err);
        }
    }
    FT_TRY(p.err);
    if (e->tensor.at) e->is_simple = false;
    return FT_OK;
}

/* The value with the wanted tag, else the first. */
static ft_err read_summary(ft_event *e, ft_str bytes, ft_str tag) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f;
    bool any = false;
    while (ft_proto_next(&p, &f)) {
        if (!is_bytes(&f, 1)) continue;
        ft_event one = { .step = e->step, .wall_time = e->wall_time };
        FT_TRY(read_value(&one, f.bytes));
        bool wanted = tag.len && ft_str_eq(one.tag, tag);
        if (!any || wanted) *e = one;
        any = true;
        if (wanted) return FT_OK;
    }
    FT_TRY(p.err);
    if (!any) return FT_FAIL(FT_ECORRUPT, "a record without a value");
    return FT_OK;
}

/* The payload of the frame at the start of `bytes`. */
static ft_err read_frame(ft_str *payload, ft_str bytes) {
    if (bytes.len < HEADER_BYTES)
        return FT_FAIL(FT_ECORRUPT, "the record is cut: %zu bytes", bytes.len);
    uint64_t len = ft_le64(bytes.at);
    ft_str rest = ft_str_from(bytes, HEADER_BYTES);
    if (ft_le32(bytes.at + 8) != ft_crc32c_masked(bytes.at, 8))
        return FT_FAIL(FT_ECORRUPT, "the checksum of the record's length is wrong");
    if (len > FT_EVENT_BYTES_MAX || len + 4 > rest.len)
        return FT_FAIL(FT_ECORRUPT, "the record says %llu bytes and %zu are there",
                       (unsigned long long)len, rest.len);
    *payload = ft_str_slice(rest, 0, (size_t)len);
    uint32_t crc = ft_le32(rest.at + len);
    if (crc != FT_EVENT_PAYLOAD_CRC && crc != ft_crc32c_masked(payload->at, payload->len))
        return FT_FAIL(FT_ECORRUPT, "the checksum of the record is wrong");
    return FT_OK;
}

ft_err ft_event_read(ft_event *out, uint64_t *size_bytes, ft_str bytes, ft_str tag) {
    ft_str payload = { 0 }, summary = { 0 };
    ft_proto_field f;
    memset(out, 0, sizeof *out);
    FT_TRY(read_frame(&payload, bytes));
    if (size_bytes) *size_bytes = payload.len + 16;
    ft_proto p = { .rest = payload };
    while (ft_proto_next(&p, &f)) {
        if (f.number == 1 && f.type == FT_PROTO_64)
            memcpy(&out->wall_time, &f.value, sizeof f.value);
        if (f.number == 2 && f.type == FT_PROTO_VARINT) out->step = (int64_t)f.value;
        if (is_bytes(&f, 5)) summary = f.bytes;
    }
    FT_TRY(p.err);
    if (!summary.at) return FT_FAIL(FT_ECORRUPT, "an event without a summary");
    return read_summary(out, summary, tag);
}

/* ---- values */
typedef struct form { /* how a TensorProto holds numbers of one type */
    int code;
    ft_dtype dtype;
    uint32_t list;      /* field of the typed list */
    ft_proto_type type; /* of one item in it */
    bool is_complex;    /* pairs */
} form;

static const form forms[] = {
    { 1, FT_F32, 5, FT_PROTO_32, false },        { 2, FT_F64, 6, FT_PROTO_64, false },
    { 3, FT_I32, 7, FT_PROTO_VARINT, false },    { 4, FT_U8, 7, FT_PROTO_VARINT, false },
    { 5, FT_I16, 7, FT_PROTO_VARINT, false },    { 6, FT_I8, 7, FT_PROTO_VARINT, false },
    { 8, FT_F32, 9, FT_PROTO_32, true },         { 9, FT_I64, 10, FT_PROTO_VARINT, false },
    { 10, FT_BOOL, 11, FT_PROTO_VARINT, false }, { 11, FT_I8, 7, FT_PROTO_VARINT, false },
    { 12, FT_U8, 7, FT_PROTO_VARINT, false },    { 13, FT_I32, 7, FT_PROTO_VARINT, false },
    { 14, FT_BF16, 13, FT_PROTO_VARINT, false }, { 15, FT_I16, 7, FT_PROTO_VARINT, false },
    { 16, FT_U16, 7, FT_PROTO_VARINT, false },   { 17, FT_U16, 7, FT_PROTO_VARINT, false },
    { 18, FT_F64, 12, FT_PROTO_64, true },       { 19, FT_F16, 13, FT_PROTO_VARINT, false },
    { 22, FT_U32, 16, FT_PROTO_VARINT, false },  { 23, FT_U64, 17, FT_PROTO_VARINT, false },
};

static const form *form_of(int code) {
    if (code > 100) code -= 100; /* TensorFlow's reference types */
    for (size_t i = 0; i < FT_COUNT(forms); i++)
        if (forms[i].code == code) return &forms[i];
    return NULL;
}

/* The little-endian low bytes of an item are the item, whatever its type. */
static void store(const ft_array *a, size_t i, uint64_t v) {
    size_t size = ft_dtype_bytes(a->dtype);
    if (a->dtype == FT_BOOL) v = v != 0;
    memcpy((char *)a->data + i * size, &v, size);
}

static bool take_item(uint64_t *out, ft_str *list, ft_proto_type type) {
    size_t bytes = type == FT_PROTO_64 ? 8 : 4;
    if (type == FT_PROTO_VARINT) return ft_proto_varint(out, list);
    if (list->len < bytes) return false;
    *out = bytes == 8 ? ft_le64(list->at) : ft_le32(list->at);
    *list = ft_str_from(*list, bytes);
    return true;
}

/* Items of the typed list, packed or not, in the order they stand. With `a` NULL only counts. */
static ft_err each_item(size_t *count, const ft_array *a, size_t room, const ft_event *e,
                        const form *kind) {
    ft_proto p = { .rest = e->tensor };
    ft_proto_field f;
    *count = 0;
    while (ft_proto_next(&p, &f)) {
        if (f.number != kind->list) continue;
        if (f.type == kind->type) {
            if (a && *count < room) store(a, *count, f.value);
            ++*count;
            continue;
        }
        if (f.type != FT_PROTO_BYTES)
            return FT_FAIL(FT_ECORRUPT, "a tensor's list of the wrong type");
        for (ft_str items = f.bytes; items.len; ++*count) {
            uint64_t v;
            if (!take_item(&v, &items, kind->type))
                return FT_FAIL(FT_ECORRUPT, "a tensor's list is cut");
            if (a && *count < room) store(a, *count, v);
        }
    }
    FT_TRY(p.err);
    return FT_OK;
}

static ft_str content_of(const ft_event *e) {
    ft_proto p = { .rest = e->tensor };
    ft_proto_field f;
    ft_str content = { 0 };
    while (ft_proto_next(&p, &f))
        if (is_bytes(&f, 4)) content = f.bytes;
    return content;
}

/* The array's shape and memory. `items` are in the record; without a shape they tell it. */
static ft_err shape_value(ft_array *out, ft_arena *arena, const ft_event *e, const form *kind,
                          size_t items) {
    size_t there = items * ft_dtype_bytes(kind->dtype);
    size_t per = kind->is_complex ? 2 : 1;
    memset(out, 0, sizeof *out);
    out->dtype = kind->dtype;
    out->ndim = e->ndim;
    memcpy(out->shape, e->shape, sizeof out->shape);
    if (!e->ndim && items / per != 1 && items) {
        out->ndim = 1;
        out->shape[0] = (int64_t)(items / per);
    }
    if (kind->is_complex) {
        if (out->ndim == FT_ARRAY_DIMS_MAX)
            return FT_FAIL(FT_ECORRUPT, "a complex tensor of %d dimensions", out->ndim);
        out->shape[out->ndim++] = 2;
    }
    out->data = out; /* not NULL: the check is of the shape */
    if (!ft_array_valid(out) || ft_array_bytes(out) > FT_EVENT_BYTES_MAX)
        return FT_FAIL(FT_ECORRUPT, "a tensor larger than %llu bytes",
                       (unsigned long long)FT_EVENT_BYTES_MAX);
    if (ft_array_bytes(out) > there && ft_array_bytes(out) > SHORT_BYTES_MAX)
        return FT_FAIL(FT_ECORRUPT, "%zu bytes stand for a tensor of %zu", there,
                       ft_array_bytes(out));
    return ft_arena_take(&out->data, arena, ft_array_bytes(out) + 1);
}

static ft_err from_content(ft_array *out, ft_arena *arena, const ft_event *e, const form *kind,
                           ft_str content) {
    size_t size = ft_dtype_bytes(kind->dtype);
    if (content.len % size)
        return FT_FAIL(FT_ECORRUPT, "%zu bytes are no whole number of %s items", content.len,
                       ft_dtype_name(kind->dtype));
    FT_TRY(shape_value(out, arena, e, kind, content.len / size));
    if (ft_array_bytes(out) != content.len)
        return FT_FAIL(FT_ECORRUPT, "%zu bytes where the shape needs %zu", content.len,
                       ft_array_bytes(out));
    memcpy(out->data, content.at, content.len);
    if (kind->dtype == FT_BOOL)
        for (size_t i = 0; i < content.len; i++) ((char *)out->data)[i] = content.at[i] != 0;
    return FT_OK;
}

/* A short list stands for a longer one: its last item goes on (TensorFlow's rule); none is zeros.
 */
static ft_err from_list(ft_array *out, ft_arena *arena, const ft_event *e, const form *kind) {
    size_t items, again;
    FT_TRY(each_item(&items, NULL, 0, e, kind));
    FT_TRY(shape_value(out, arena, e, kind, items));
    size_t count = (size_t)ft_array_count(out), size = ft_dtype_bytes(kind->dtype);
    if (items > count)
        return FT_FAIL(FT_ECORRUPT, "%zu items where the shape needs %zu", items, count);
    FT_TRY(each_item(&again, out, count, e, kind));
    size_t per = kind->is_complex ? 2 : 1;
    for (size_t i = items; items >= per && i < count; i++)
        memcpy((char *)out->data + i * size, (char *)out->data + (i - per) * size, size);
    return FT_OK;
}

ft_err ft_event_value(ft_array *out, ft_arena *arena, const ft_event *e) {
    if (e->is_simple) {
        *out = (ft_array){ .dtype = FT_F32 };
        FT_TRY(ft_arena_take(&out->data, arena, sizeof e->simple));
        memcpy(out->data, &e->simple, sizeof e->simple);
        return FT_OK;
    }
    if (e->texts || e->dtype == 7 || e->dtype == 107)
        return FT_FAIL(FT_EINVAL, "tensor '%.*s' holds texts, not numbers", FT_STR_ARG(e->tag));
    const form *kind = form_of(e->dtype);
    if (!kind)
        return FT_FAIL(FT_ECORRUPT, "tensor '%.*s' is of the unknown type %d", FT_STR_ARG(e->tag),
                       e->dtype);
    ft_str content = content_of(e);
    return content.len ? from_content(out, arena, e, kind, content)
                       : from_list(out, arena, e, kind);
}

ft_err ft_event_texts(ft_str **out, size_t *count, ft_arena *arena, const ft_event *e) {
    *out = NULL;
    *count = 0;
    if (e->is_simple || (!e->texts && e->dtype != 7 && e->dtype != 107 && form_of(e->dtype)))
        return FT_FAIL(FT_EINVAL, "tensor '%.*s' holds numbers, not texts", FT_STR_ARG(e->tag));
    FT_TRY(ft_arena_items(out, arena, e->texts + 1));
    ft_proto p = { .rest = e->tensor };
    ft_proto_field f;
    while (*count < e->texts && ft_proto_next(&p, &f))
        if (is_bytes(&f, 8)) FT_TRY(ft_arena_str(&(*out)[(*count)++], arena, f.bytes));
    return FT_OK;
}
