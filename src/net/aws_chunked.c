/* aws_chunked.c -- see aws_chunked.h. States: size line, piece, its end, trailer lines, over. */
#include "net/aws_chunked.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/number.h"

enum { AT_SIZE, AT_PIECE, AT_PIECE_END, AT_TRAILER, AT_OVER };

static ft_err hash_begin(ft_chunked *c) { return c->sig ? ft_hasher_new(&c->hash, false) : FT_OK; }

/* The piece has ended: is its signature the one that was claimed? It becomes `previous`. */
static ft_err piece_check(ft_chunked *c) {
    char sha[FT_SHA256_HEX], want[65];
    if (!c->sig) return FT_OK;
    ft_err err = ft_hasher_end(c->hash, sha, NULL);
    ft_hasher_free(c->hash);
    c->hash = NULL;
    FT_TRY(err);
    ft_str previous = c->previous[0] ? ft_str_of(c->previous) : c->sig->signature;
    FT_TRY(
        ft_sig_chunk(want, c->key, "AWS4-HMAC-SHA256-PAYLOAD", c->sig, previous, ft_str_of(sha)));
    if (!ft_equal_const_time(ft_str_of(want), ft_str_of(c->claimed)))
        return FT_FAIL(FT_EDENIED, "the signature of a piece of the body is wrong");
    memcpy(c->previous, want, sizeof want);
    return FT_OK;
}

/* "400;chunk-signature=<64 hex>" */
static ft_err size_line(ft_chunked *c, ft_str line) {
    uint64_t size = 0;
    ft_str extension = line, digits = ft_str_trim(ft_str_cut(&extension, ';'));
    if (digits.len == 0 || digits.len > 16)
        return FT_FAIL(FT_EPARSE, "aws-chunked: a piece begins with its size in hex");
    for (size_t i = 0; i < digits.len; i++) {
        int v = ft_hex_digit(digits.at[i]);
        if (v < 0)
            return FT_FAIL(FT_EPARSE, "aws-chunked: '%.*s' is no size in hex", FT_STR_ARG(digits));
        size = size * 16 + (uint64_t)v;
    }
    if (size > FT_CHUNK_BYTES_MAX)
        return FT_FAIL(FT_ETOOBIG, "aws-chunked: a piece of %llu bytes", (unsigned long long)size);
    if (c->sig) {
        ft_str value = ft_str_trim(extension), name = ft_str_cut(&value, '=');
        if (!ft_str_is(name, "chunk-signature") || value.len != 64)
            return FT_FAIL(FT_EDENIED, "aws-chunked: a piece without its signature");
        memcpy(c->claimed, value.at, 64);
        c->claimed[64] = '\0';
    }
    c->left = size;
    FT_TRY(hash_begin(c));
    if (size == 0) FT_TRY(piece_check(c));
    c->state = size ? AT_PIECE : AT_TRAILER;
    return FT_OK;
}

static ft_err trailer_check(ft_chunked *c, ft_str claimed) {
    char sha[FT_SHA256_HEX], want[65];
    FT_TRY(ft_sha256_hex(sha, ft_buf_str(&c->trailer)));
    FT_TRY(ft_sig_chunk(want, c->key, "AWS4-HMAC-SHA256-TRAILER", c->sig, ft_str_of(c->previous),
                        ft_str_of(sha)));
    if (!ft_equal_const_time(ft_str_of(want), claimed))
        return FT_FAIL(FT_EDENIED, "the signature of the trailing headers is wrong");
    c->vouched = true;
    return FT_OK;
}

static ft_err trailer_line(ft_chunked *c, ft_str line) {
    if (line.len == 0) {
        c->state = AT_OVER;
        return FT_OK;
    }
    ft_str value = line, name = ft_str_trim(ft_str_cut(&value, ':'));
    if (!value.at) return FT_FAIL(FT_EPARSE, "aws-chunked: a trailing header without ':'");
    if (c->trailer.len + line.len > 4 * FT_CHUNK_LINE_MAX)
        return FT_FAIL(FT_ETOOBIG, "aws-chunked: too many trailing headers");
    if (ft_str_is(name, "x-amz-trailer-signature"))
        return c->sig ? trailer_check(c, ft_str_trim(value)) : FT_OK;
    c->vouched = false;
    for (size_t i = 0; i < name.len; i++)
        ft_buf_byte(&c->trailer,
                    name.at[i] >= 'A' && name.at[i] <= 'Z' ? (char)(name.at[i] + 32) : name.at[i]);
    ft_buf_byte(&c->trailer, ':');
    ft_buf_add(&c->trailer, ft_str_trim(value));
    return ft_buf_byte(&c->trailer, '\n');
}

/* A whole line (without CR LF) has come. */
static ft_err line_take(ft_chunked *c) {
    ft_str line = { c->line, c->line_len };
    if (line.len && line.at[line.len - 1] == '\r') line.len--;
    c->line_len = 0;
    switch (c->state) {
    case AT_SIZE:
        return size_line(c, line);
    case AT_PIECE_END:
        if (line.len) return FT_FAIL(FT_EPARSE, "aws-chunked: a piece is longer than its size");
        c->state = AT_SIZE;
        return FT_OK;
    default:
        return trailer_line(c, line);
    }
}

static ft_err piece_take(ft_str *out, ft_chunked *c, ft_str *in) {
    size_t n = in->len < c->left ? in->len : (size_t)c->left;
    *out = ft_str_slice(*in, 0, n);
    *in = ft_str_from(*in, n);
    c->left -= n;
    c->decoded_bytes += n;
    if (c->sig) FT_TRY(ft_hasher_add(c->hash, out->at, n));
    if (c->left == 0) {
        FT_TRY(piece_check(c));
        c->state = AT_PIECE_END;
    }
    return FT_OK;
}

ft_err ft_chunked_take(ft_str *out, ft_chunked *c, ft_str *in) {
    *out = (ft_str){ 0 };
    while (in->len) {
        if (c->state == AT_OVER) return FT_FAIL(FT_EPARSE, "aws-chunked: bytes after the end");
        if (c->state == AT_PIECE) return piece_take(out, c, in);
        size_t end = ft_str_find(*in, '\n');
        size_t n = end < in->len ? end : in->len;
        if (c->line_len + n > sizeof c->line)
            return FT_FAIL(FT_ETOOBIG, "aws-chunked: a line longer than %d bytes",
                           FT_CHUNK_LINE_MAX);
        memcpy(c->line + c->line_len, in->at, n);
        c->line_len += n;
        bool whole = end < in->len;
        *in = ft_str_from(*in, n + whole);
        if (whole) FT_TRY(line_take(c));
    }
    return FT_OK;
}

ft_err ft_chunked_end(const ft_chunked *c) {
    bool over = c->state == AT_OVER || (c->state == AT_TRAILER && c->line_len == 0);
    if (over && c->sig && c->trailer.len && !c->vouched)
        return FT_FAIL(FT_EDENIED, "the trailing headers came without their signature");
    if (over) return FT_OK;
    return FT_FAIL(FT_EPARSE, "aws-chunked: the body was cut off after %llu bytes",
                   (unsigned long long)c->decoded_bytes);
}

ft_str ft_chunked_trailer(const ft_chunked *c, const char *name) {
    ft_str rest = ft_buf_str(&c->trailer);
    while (rest.len) {
        ft_str value = ft_str_cut(&rest, '\n'), key = ft_str_cut(&value, ':');
        if (ft_str_is(key, name)) return value;
    }
    return (ft_str){ 0 };
}

void ft_chunked_fini(ft_chunked *c) {
    ft_hasher_free(c->hash);
    ft_buf_fini(&c->trailer);
    c->hash = NULL;
}
