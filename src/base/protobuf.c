/* protobuf.c -- see protobuf.h. */
#include "base/protobuf.h"

#include <string.h>

bool ft_proto_varint(uint64_t *out, ft_str *rest) {
    uint64_t v = 0;
    for (size_t i = 0; i < rest->len && i < 10; i++) {
        uint64_t byte = (unsigned char)rest->at[i];
        if (i == 9 && byte > 1) return false; /* more than 64 bits */
        v |= (byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *out = v;
            *rest = ft_str_from(*rest, i + 1);
            return true;
        }
    }
    return false;
}

static bool fail(ft_proto *p, const char *why) {
    if (!p->err) p->err = FT_FAIL(FT_ECORRUPT, "damaged protobuf: %s", why);
    return false;
}

static bool fixed(ft_proto *p, ft_proto_field *f, size_t len) {
    if (p->rest.len < len) return fail(p, "it ends within a number");
    f->bytes = ft_str_slice(p->rest, 0, len);
    memcpy(&f->value, f->bytes.at, len);
    p->rest = ft_str_from(p->rest, len);
    return true;
}

bool ft_proto_next(ft_proto *p, ft_proto_field *f) {
    uint64_t tag, len;
    *f = (ft_proto_field){ 0 };
    if (p->err || p->rest.len == 0) return false;
    if (!ft_proto_varint(&tag, &p->rest) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
        return fail(p, "no field begins where one should");
    f->number = (uint32_t)(tag >> 3);
    f->type = (ft_proto_type)(tag & 7);
    switch (f->type) {
    case FT_PROTO_VARINT:
        return ft_proto_varint(&f->value, &p->rest) || fail(p, "it ends within a number");
    case FT_PROTO_64:
        return fixed(p, f, 8);
    case FT_PROTO_32:
        return fixed(p, f, 4);
    case FT_PROTO_BYTES:
        if (!ft_proto_varint(&len, &p->rest) || len > p->rest.len)
            return fail(p, "a field is longer than what holds it");
        f->bytes = ft_str_slice(p->rest, 0, (size_t)len);
        p->rest = ft_str_from(p->rest, (size_t)len);
        return true;
    default:
        return fail(p, "a field of an unknown type");
    }
}

/* ---- writing */

size_t ft_proto_varint_bytes(uint64_t v) {
    size_t n = 1;
    while (v >>= 7) n++;
    return n;
}

char *ft_proto_varint_put(char *at, uint64_t v) {
    for (; v >= 0x80; v >>= 7) *at++ = (char)(v | 0x80);
    *at++ = (char)v;
    return at;
}

void ft_proto_put_varint(ft_buf *out, uint64_t v) {
    char text[10];
    ft_buf_add_n(out, text, (size_t)(ft_proto_varint_put(text, v) - text));
}

void ft_proto_put_tag(ft_buf *out, uint32_t number, ft_proto_type type) {
    ft_proto_put_varint(out, (uint64_t)number << 3 | (uint64_t)type);
}

void ft_proto_put_bytes(ft_buf *out, uint32_t number, ft_str bytes) {
    ft_proto_put_tag(out, number, FT_PROTO_BYTES);
    ft_proto_put_varint(out, bytes.len);
    ft_buf_add(out, bytes);
}

size_t ft_proto_open(ft_buf *out, uint32_t number) {
    ft_proto_put_tag(out, number, FT_PROTO_BYTES);
    return out->len;
}

void ft_proto_close(ft_buf *out, size_t opened) {
    char text[10];
    if (out->err) return;
    size_t len = out->len - opened, n = (size_t)(ft_proto_varint_put(text, len) - text);
    if (ft_buf_reserve(out, n)) return;
    memmove(out->at + opened + n, out->at + opened, len);
    memcpy(out->at + opened, text, n);
    out->len += n;
}
