/* protobuf.h -- the wire format of protocol buffers, field by field: enough for the few messages
 * that data files hold. Source: protobuf.dev, "Encoding".
 *
 *     ft_proto p = { bytes, … };
 *     while (ft_proto_next(&p, &f)) { if (f.number == 1 && f.type == FT_PROTO_BYTES) … f.bytes … }
 *     FT_TRY(p.err);
 *
 * Threads: any. Memory: views. Unknown fields are stepped over by not looking at them. */
#ifndef FT_PROTOBUF_H
#define FT_PROTOBUF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

typedef enum ft_proto_type {
    FT_PROTO_VARINT = 0,
    FT_PROTO_64 = 1,
    FT_PROTO_BYTES = 2,
    FT_PROTO_32 = 5
} ft_proto_type;

typedef struct ft_proto {
    ft_str rest;
    ft_err err; /* first failure, sticky: FT_ECORRUPT */
} ft_proto;

typedef struct ft_proto_field {
    uint32_t number;
    ft_proto_type type;
    uint64_t value; /* VARINT, 64, 32 */
    ft_str bytes;   /* BYTES; for 64 and 32 their 8 or 4 bytes */
} ft_proto_field;

/* The next field, or false at the end or at damage (see p->err). */
bool ft_proto_next(ft_proto *p, ft_proto_field *f);
/* A varint at the start of `*rest`; false when there is none. */
bool ft_proto_varint(uint64_t *out, ft_str *rest);

/* ---- writing. Errors are sticky in the buffer. */
void ft_proto_put_varint(ft_buf *out, uint64_t v);
size_t ft_proto_varint_bytes(uint64_t v);
char *ft_proto_varint_put(char *at, uint64_t v); /* ten bytes at most; returns its end */
void ft_proto_put_tag(ft_buf *out, uint32_t number, ft_proto_type type);
/* Tag, length, bytes. */
void ft_proto_put_bytes(ft_buf *out, uint32_t number, ft_str bytes);
/* Begin a message of a length that is not known before; the result goes to _close, which puts the
 * length in. */
size_t ft_proto_open(ft_buf *out, uint32_t number);
void ft_proto_close(ft_buf *out, size_t opened);

#endif
