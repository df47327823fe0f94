/* event_read.c -- see event_in.h: records read. Nothing in the bytes is believed: every length is
 * checked against what is left. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "trials/event_in.h"

#define SHORT_BYTES_MAX ((size_t)64 << 20) /* that a shorter list may stand for */
#define PAYLOAD_CRC     0x062dc0b3u        /* see event_write.c */

/* ---- protobuf */
typedef struct pb {
    const unsigned char *at, *end;
} pb;

typedef struct pb_field {
    uint32_t number, wire; /* 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes */
    uint64_t value;        /* of wire 0, 1 and 5 */
    ft_str bytes;          /* of wire 2 */
} pb_field;

static pb pb_of(ft_str s) {
    const unsigned char *at = (const unsigned char *)(s.at ? s.at : ""); /* absent is empty */
    return (pb){ at, at + s.len };
}

static bool pb_varint(pb *p, uint64_t *out) {
    *out = 0;
    for (unsigned shift = 0; shift < 70 && p->at < p->end; shift += 7) {
        unsigned char b = *p->at++;
        if (shift < 64) *out |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) return true;
    }
    return false;
}

static bool pb_fixed(pb *p, uint64_t *out, size_t bytes) {
    if ((size_t)(p->end - p->at) < bytes) return false;
    *out = 0;
    for (size_t i = 0; i < bytes; i++) *out |= (uint64_t)p->at[i] << (8 * i);
    p->at += bytes;
    return true;
}

/* Next field. FT_ENOTFOUND at the end, FT_ECORRUPT for bytes that are no field. */
static ft_err pb_next(pb *p, pb_field *f) {
    uint64_t key, len;
    if (p->at == p->end) return FT_ENOTFOUND;
    bool good = pb_varint(p, &key) && key >> 3 && key >> 35 == 0;
    f->number = (uint32_t)(key >> 3);
    f->wire = (uint32_t)(key & 7);
    f->bytes = (ft_str){ 0 };
    if (good && f->wire == 0)
        good = pb_varint(p, &f->value);
    else if (good && f->wire == 1)
        good = pb_fixed(p, &f->value, 8);
    else if (good && f->wire == 5)
        good = pb_fixed(p, &f->value, 4);
    else if (good && f->wire == 2) {
        good = pb_varint(p, &len) && len <= (uint64_t)(p->end - p->at);
        if (good) {
            f->bytes = ft_str_n(p->at, (size_t)len);
            p->at += len;
        }
    } else
        good = false;
    return good ? FT_OK : FT_FAIL(FT_ECORRUPT, "malformed protobuf");
}

/* The loop over a message's fields; `end` is FT_ENOTFOUND when all were read. */
#define PB_EACH(p, f, end) while (((end) = pb_next(&(p), &(f))) == FT_OK)
#define PB_END(end)                            \
    do {                                       \
        if ((end) != FT_ENOTFOUND) return end; \
    } while (0)

static bool is_bytes(const pb_field *f, uint32_t number) {
    return f->number == number && f->wire == 2;
}

/* ---- the messages */
static ft_err read_dim(ft_event *e, ft_str bytes) {
    pb p = pb_of(bytes);
    pb_field f;
    ft_err end;
    if (e->ndim == FT_ARRAY_DIMS_MAX)
        return FT_FAIL(FT_ECORRUPT, "a tensor of more than %d dimensions", FT_ARRAY_DIMS_MAX);
    int64_t *size = &e->shape[e->ndim++];
    PB_EACH(p, f, end) {
        if (f.number == 1 && f.wire == 0) *size = (int64_t)f.value;
    }
    PB_END(end);
    if (*size < 0) return FT_FAIL(FT_ECORRUPT, "a dimension of %lld", (long long)*size);
    return FT_OK;
}

static ft_err read_tensor(ft_event *e, ft_str bytes) {
    pb p = pb_of(bytes);
    pb_field f, d;
    ft_err end;
    e->tensor = bytes;
    PB_EACH(p, f, end) {
        if (f.number == 1 && f.wire == 0) {
            e->dtype = (int)(f.value & 0xffff);
        } else if (is_bytes(&f, 2)) {
            pb shape = pb_of(f.bytes);
            ft_err shape_end;
            e->has_shape = true;
            PB_EACH(shape, d, shape_end) {
                if (is_bytes(&d, 2)) FT_TRY(read_dim(e, d.bytes));
            }
            PB_END(shape_end);
        } else if (is_bytes(&f, 8)) {
            e->texts++;
        }
    }
    PB_END(end);
    return FT_OK;
}

static ft_err read_plugin(ft_event *e, ft_str bytes) {
    pb p = pb_of(bytes);
    pb_field f;
    ft_err end;
    ft_str name = { 0 }, content = { 0 };
    int64_t n;
    PB_EACH(p, f, end) {
        if (is_bytes(&f, 1)) name = f.bytes;
        if (is_bytes(&f, 2)) content = f.bytes;
    }
    PB_END(end);
    if (!ft_str_i64(&n, content)) return FT_OK; /* another plugin's */
    if (ft_str_is(name, "mode_step")) e->mode_step = n;
    if (ft_str_is(name, "mode") && n >= FT_MODE_TRAIN && n <= FT_MODE_GLOBAL) e->mode = (ft_mode)n;
    return FT_OK;
}

static ft_err read_value(ft_event *e, ft_str bytes) {
    pb p = pb_of(bytes);
    pb_field f, m;
    ft_err end;
    PB_EACH(p, f, end) {
        if (is_bytes(&f, 1)) {
            e->tag = f.bytes;
        } else if (f.number == 2 && f.wire == 5) {
            uint32_t bits = (uint32_t)f.value;
            memcpy(&e->simple, &bits, sizeof bits);
            e->is_simple = true;
        } else if (is_bytes(&f, 8)) {
            FT_TRY(read_tensor(e, f.bytes));
        } else if (is_bytes(&f, 9)) {
            pb meta = pb_of(f.bytes);
            ft_err meta_end;
            PB_EACH(meta, m, meta_end) {
                if (is_bytes(&m, 1)) FT_TRY(read_plugin(e, m.bytes));
            }
            PB_END(meta_end);
        }
    }
    PB_END(end);
    if (e->tensor.at) e->is_simple = false;
    return FT_OK;
}

/* The value with the wanted tag, else the first. */
static ft_err read_summary(ft_event *e, ft_str bytes, ft_str tag) {
    pb p = pb_of(bytes);
    pb_field f;
    ft_err end;
    bool any = false;
    PB_EACH(p, f, end) {
        if (!is_bytes(&f, 1)) continue;
        ft_event one = { .step = e->step, .wall_time = e->wall_time };
        FT_TRY(read_value(&one, f.bytes));
        bool wanted = tag.len && ft_str_eq(one.tag, tag);
        if (!any || wanted) *e = one;
        any = true;
        if (wanted) return FT_OK;
    }
    PB_END(end);
    if (!any) return FT_FAIL(FT_ECORRUPT, "a record without a value");
    return FT_OK;
}

static uint32_t masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

/* The payload of the frame at the start of `bytes`. */
static ft_err read_frame(ft_str *payload, ft_str bytes) {
    pb p = pb_of(bytes);
    uint64_t len, crc;
    if (!pb_fixed(&p, &len, 8) || !pb_fixed(&p, &crc, 4))
        return FT_FAIL(FT_ECORRUPT, "the record is cut: %zu bytes", bytes.len);
    if (crc != masked(ft_crc32c(0, bytes.at, 8)))
        return FT_FAIL(FT_ECORRUPT, "the checksum of the record's length is wrong");
    if (len > FT_EVENT_BYTES_MAX || len + 4 > (uint64_t)(p.end - p.at))
        return FT_FAIL(FT_ECORRUPT, "the record says %llu bytes and %zu are there",
                       (unsigned long long)len, (size_t)(p.end - p.at));
    *payload = ft_str_n(p.at, (size_t)len);
    p.at += len;
    pb_fixed(&p, &crc, 4);
    if (crc != PAYLOAD_CRC && crc != masked(ft_crc32c(0, payload->at, payload->len)))
        return FT_FAIL(FT_ECORRUPT, "the checksum of the record is wrong");
    return FT_OK;
}

ft_err ft_event_read(ft_event *out, uint64_t *size_bytes, ft_str bytes, ft_str tag) {
    ft_str payload = { 0 }, summary = { 0 };
    pb_field f;
    ft_err end;
    memset(out, 0, sizeof *out);
    FT_TRY(read_frame(&payload, bytes));
    if (size_bytes) *size_bytes = payload.len + 16;
    pb p = pb_of(payload);
    PB_EACH(p, f, end) {
        if (f.number == 1 && f.wire == 1) memcpy(&out->wall_time, &f.value, sizeof f.value);
        if (f.number == 2 && f.wire == 0) out->step = (int64_t)f.value;
        if (is_bytes(&f, 5)) summary = f.bytes;
    }
    PB_END(end);
    if (!summary.at) return FT_FAIL(FT_ECORRUPT, "an event without a summary");
    return read_summary(out, summary, tag);
}

/* ---- values */
typedef struct form { /* how a TensorProto holds numbers of one type */
    int code;
    ft_dtype dtype;
    uint32_t list;   /* field of the typed list */
    uint32_t wire;   /* of one item in it */
    bool is_complex; /* pairs */
} form;

static const form forms[] = {
    { 1, FT_F32, 5, 5, false },    { 2, FT_F64, 6, 1, false },   { 3, FT_I32, 7, 0, false },
    { 4, FT_U8, 7, 0, false },     { 5, FT_I16, 7, 0, false },   { 6, FT_I8, 7, 0, false },
    { 8, FT_F32, 9, 5, true },     { 9, FT_I64, 10, 0, false },  { 10, FT_BOOL, 11, 0, false },
    { 11, FT_I8, 7, 0, false },    { 12, FT_U8, 7, 0, false },   { 13, FT_I32, 7, 0, false },
    { 14, FT_BF16, 13, 0, false }, { 15, FT_I16, 7, 0, false },  { 16, FT_U16, 7, 0, false },
    { 17, FT_U16, 7, 0, false },   { 18, FT_F64, 12, 1, true },  { 19, FT_F16, 13, 0, false },
    { 22, FT_U32, 16, 0, false },  { 23, FT_U64, 17, 0, false },
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

/* Items of the typed list, packed or not, in the order they stand. With `a` NULL only counts. */
static ft_err each_item(size_t *count, const ft_array *a, size_t room, const ft_event *e,
                        const form *kind) {
    pb p = pb_of(e->tensor);
    pb_field f;
    ft_err end;
    *count = 0;
    PB_EACH(p, f, end) {
        if (f.number != kind->list) continue;
        if (f.wire == kind->wire) {
            if (a && *count < room) store(a, *count, f.value);
            ++*count;
            continue;
        }
        if (f.wire != 2) return FT_FAIL(FT_ECORRUPT, "a tensor's list of the wrong type");
        for (pb items = pb_of(f.bytes); items.at < items.end; ++*count) {
            uint64_t v;
            bool good = kind->wire == 0 ? pb_varint(&items, &v)
                                        : pb_fixed(&items, &v, kind->wire == 1 ? 8 : 4);
            if (!good) return FT_FAIL(FT_ECORRUPT, "a tensor's list is cut");
            if (a && *count < room) store(a, *count, v);
        }
    }
    PB_END(end);
    return FT_OK;
}

static ft_str content_of(const ft_event *e) {
    pb p = pb_of(e->tensor);
    pb_field f;
    ft_str content = { 0 };
    while (pb_next(&p, &f) == FT_OK)
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
    pb p = pb_of(e->tensor);
    pb_field f;
    while (*count < e->texts && pb_next(&p, &f) == FT_OK)
        if (is_bytes(&f, 8)) FT_TRY(ft_arena_str(&(*out)[(*count)++], arena, f.bytes));
    return FT_OK;
}
