/* event_write.c -- see event_in.h: records written. Sizes are computed from the inside out, then
 * the bytes are written once into the buffer. */
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/protobuf.h"
#include "trials/event_in.h"

#define FRAME_BYTES 16 /* length, its checksum, payload, constant */
#define DIM_TEXT    24

static char *put_fixed(char *p, uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++) *p++ = (char)(v >> (8 * i));
    return p;
}

static char *put_bytes(char *p, const void *at, size_t len) {
    if (len) memcpy(p, at, len);
    return p + len;
}

/* A length-delimited field below number 16: size with key and length, and its key and length. */
static size_t field_size(size_t len) { return 1 + ft_proto_varint_bytes(len) + len; }

static char *put_key(char *p, int field, size_t len) {
    *p++ = (char)(field << 3 | 2);
    return ft_proto_varint_put(p, len);
}

static size_t decimal(char out[DIM_TEXT], int64_t v) {
    char digits[DIM_TEXT];
    size_t n = 0;
    do digits[n++] = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    for (size_t i = 0; i < n; i++) out[i] = digits[n - 1 - i];
    return n;
}

static char *put_plugin(char *p, const char *name, const char *content, size_t content_len) {
    size_t name_len = strlen(name);
    p = put_key(p, 1, field_size(name_len) + field_size(content_len));
    p = put_bytes(put_key(p, 1, name_len), name, name_len);
    return put_bytes(put_key(p, 2, content_len), content, content_len);
}

void ft_event_step_init(ft_event_step *out, int64_t step, ft_mode mode, int64_t mode_step,
                        int64_t wall_us) {
    double wall = (double)wall_us / 1e6;
    uint64_t bits;
    char text[DIM_TEXT], *p = out->head;
    memcpy(&bits, &wall, sizeof bits);
    if (bits) p = put_fixed(put_bytes(p, "\x09", 1), bits, 8);
    if (step) p = ft_proto_varint_put(put_bytes(p, "\x10", 1), (uint64_t)step);
    out->head_len = (size_t)(p - out->head);
    p = put_plugin(out->meta, "mode_step", text, decimal(text, mode_step));
    p = put_plugin(p, "mode", text, decimal(text, mode));
    out->meta_len = (size_t)(p - out->meta);
}

/* The sizes of the nested messages of one record. */
typedef struct plan {
    size_t dims_len[FT_ARRAY_DIMS_MAX], shape, tensor, value, summary, payload;
    char dim_text[FT_ARRAY_DIMS_MAX][DIM_TEXT];
    size_t dim_text_len[FT_ARRAY_DIMS_MAX];
    int ndim;
    const int64_t *sizes;
} plan;

/* `inner`: bytes of the tensor's fields besides its shape. */
static void plan_record(plan *p, const ft_event_step *step, ft_str tag, size_t inner) {
    p->shape = 0;
    for (int i = 0; i < p->ndim; i++) {
        p->dim_text_len[i] = decimal(p->dim_text[i], p->sizes[i]);
        size_t name = tag.len + 1 + p->dim_text_len[i];
        p->dims_len[i] =
            field_size(name) + (p->sizes[i] ? 1 + ft_proto_varint_bytes((uint64_t)p->sizes[i]) : 0);
        p->shape += field_size(p->dims_len[i]);
    }
    p->tensor = inner + field_size(p->shape);
    p->value = field_size(tag.len) + field_size(p->tensor) + field_size(step->meta_len);
    p->summary = field_size(p->value);
    p->payload = step->head_len + field_size(p->summary);
}

static char *put_shape(char *at, const plan *p, ft_str tag) {
    at = put_key(at, 2, p->shape);
    for (int i = 0; i < p->ndim; i++) {
        at = put_key(at, 2, p->dims_len[i]);
        if (p->sizes[i]) at = ft_proto_varint_put(put_bytes(at, "\x08", 1), (uint64_t)p->sizes[i]);
        at = put_key(at, 2, tag.len + 1 + p->dim_text_len[i]);
        at = put_bytes(at, tag.at, tag.len);
        *at++ = '_';
        at = put_bytes(at, p->dim_text[i], p->dim_text_len[i]);
    }
    return at;
}

/* Frame, Event, Summary and Value up to the tensor's first byte. */
static char *put_front(char *at, const plan *p, const ft_event_step *step, ft_str tag) {
    char *length = at;
    at = put_fixed(at, p->payload, 8);
    at = put_fixed(at, ft_crc32c_masked(length, 8), 4);
    at = put_bytes(at, step->head, step->head_len);
    at = put_key(at, 5, p->summary);
    at = put_key(at, 1, p->value);
    at = put_bytes(put_key(at, 1, tag.len), tag.at, tag.len);
    return put_key(at, 8, p->tensor);
}

static char *put_back(char *at, const ft_event_step *step) {
    at = put_bytes(put_key(at, 9, step->meta_len), step->meta, step->meta_len);
    return put_fixed(at, FT_EVENT_PAYLOAD_CRC, 4);
}

static int dtype_code(ft_dtype t) {
    static const int codes[FT_DTYPE_COUNT] = {
        [FT_F32] = 1,  [FT_F64] = 2,  [FT_F16] = 19,  [FT_BF16] = 14, [FT_I8] = 6,
        [FT_I16] = 5,  [FT_I32] = 3,  [FT_I64] = 9,   [FT_U8] = 4,    [FT_U16] = 17,
        [FT_U32] = 22, [FT_U64] = 23, [FT_BOOL] = 10,
    };
    return codes[t];
}

static ft_err too_big(ft_str tag, size_t bytes) {
    return FT_FAIL(FT_ETOOBIG, "tensor '%.*s' of %zu bytes: at most %llu fit into one record",
                   FT_STR_ARG(tag), bytes, (unsigned long long)FT_EVENT_BYTES_MAX);
}

ft_err ft_event_add(ft_buf *out, const ft_event_step *step, ft_str tag, const ft_array *a) {
    static const int64_t one = 1; /* a 0-d array is written as shape [1] */
    if (!ft_array_valid(a))
        return FT_FAIL(FT_EINVAL, "tensor '%.*s' has an impossible shape", FT_STR_ARG(tag));
    plan p = { .ndim = a->ndim ? a->ndim : 1, .sizes = a->ndim ? a->shape : &one };
    size_t bytes = ft_array_bytes(a);
    if (bytes >= FT_EVENT_BYTES_MAX / 2) return too_big(tag, bytes);
    plan_record(&p, step, tag, 2 + (bytes ? field_size(bytes) : 0));
    FT_TRY(ft_buf_reserve(out, p.payload + FRAME_BYTES));
    char *start = out->at + out->len, *at = put_front(start, &p, step, tag);
    *at++ = 0x08;
    *at++ = (char)dtype_code(a->dtype);
    at = put_shape(at, &p, tag);
    if (bytes) at = put_bytes(put_key(at, 4, bytes), a->data, bytes);
    at = put_back(at, step);
    FT_CHECK((size_t)(at - start) == p.payload + FRAME_BYTES);
    out->len += p.payload + FRAME_BYTES;
    return FT_OK;
}

ft_err ft_event_add_text(ft_buf *out, const ft_event_step *step, ft_str tag, const ft_str *items,
                         size_t count) {
    int64_t size = (int64_t)count;
    plan p = { .ndim = 1, .sizes = &size };
    size_t inner = 0;
    for (size_t i = 0; i < count; i++) {
        inner += field_size(items[i].len);
        if (inner >= FT_EVENT_BYTES_MAX / 2) return too_big(tag, inner);
    }
    plan_record(&p, step, tag, inner);
    FT_TRY(ft_buf_reserve(out, p.payload + FRAME_BYTES));
    char *start = out->at + out->len, *at = put_front(start, &p, step, tag);
    at = put_shape(at, &p, tag);
    for (size_t i = 0; i < count; i++)
        at = put_bytes(put_key(at, 8, items[i].len), items[i].at, items[i].len);
    at = put_back(at, step);
    FT_CHECK((size_t)(at - start) == p.payload + FRAME_BYTES);
    out->len += p.payload + FRAME_BYTES;
    return FT_OK;
}
