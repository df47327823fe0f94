/* squeeze.c -- see squeeze_in.h. zstd is loaded on first use. Sources: RFC 1952; zstd.h 1.4. */
#include "data/squeeze_in.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/lib.h"

#define GZIP_WINDOW     (15 + 16)
#define GZIP_LEVEL      6
#define ROOM_BYTES      ((size_t)256 << 10)
#define ZSTD_LEVEL      3
#define ZSTD_c_level    100 /* parameters and directives of zstd.h, part of its stable interface */
#define ZSTD_c_checksum 201
#define ZSTD_e_continue 0
#define ZSTD_e_end      2

typedef struct zstd_in {
    const void *at;
    size_t size, pos;
} zstd_in;
typedef struct zstd_out {
    void *at;
    size_t size, pos;
} zstd_out;
typedef struct zstd_api {
    void *(*create)(void);
    size_t (*free)(void *);
    size_t (*set)(void *, int, int);
    size_t (*compress)(void *, zstd_out *, zstd_in *, int);
    unsigned (*is_error)(size_t);
    const char *(*error_name)(size_t);
} zstd_api;

struct ft_squeeze {
    bool gzip;
    z_stream z;
    void *zstd;
};

static zstd_api zstd;
static void *zstd_handle;

bool ft_squeeze_name(ft_str path) {
    return ft_str_ends(path, FT_STR(".gz")) || ft_str_ends(path, FT_STR(".zst"));
}

static ft_err zstd_begin(ft_squeeze *s) {
    static const ft_lib_symbol symbols[] = {
        { "ZSTD_createCCtx", offsetof(zstd_api, create) },
        { "ZSTD_freeCCtx", offsetof(zstd_api, free) },
        { "ZSTD_CCtx_setParameter", offsetof(zstd_api, set) },
        { "ZSTD_compressStream2", offsetof(zstd_api, compress) },
        { "ZSTD_isError", offsetof(zstd_api, is_error) },
        { "ZSTD_getErrorName", offsetof(zstd_api, error_name) },
    };
    FT_TRY(ft_lib_load(&zstd_handle, "libzstd.so.1", "libzstd1", &zstd, symbols,
                       sizeof symbols / sizeof symbols[0]));
    s->zstd = ft_fault_here() ? NULL : zstd.create();
    if (!s->zstd) return FT_FAIL(FT_ENOMEM, "no memory to pack");
    FT_CHECK(!zstd.is_error(zstd.set(s->zstd, ZSTD_c_level, ZSTD_LEVEL)));
    FT_CHECK(!zstd.is_error(zstd.set(s->zstd, ZSTD_c_checksum, 1)));
    return FT_OK;
}

ft_err ft_squeeze_new(ft_squeeze **out, ft_str path) {
    ft_err err = FT_OK;
    *out = NULL;
    if (!ft_squeeze_name(path)) return FT_OK;
    ft_squeeze *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    if (!s) return FT_FAIL(FT_ENOMEM, "no memory to pack");
    s->gzip = ft_str_ends(path, FT_STR(".gz"));
    if (!s->gzip)
        err = zstd_begin(s);
    else if (deflateInit2(&s->z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) !=
             Z_OK)
        err = FT_FAIL(FT_ENOMEM, "no memory to pack");
    if (err) {
        free(s);
        return err;
    }
    *out = s;
    return FT_OK;
}

static ft_err gzip_add(ft_buf *out, ft_squeeze *s, ft_str bytes, bool last) {
    int code = Z_OK;
    s->z.next_in = (Bytef *)(uintptr_t)bytes.at;
    do {
        if (s->z.avail_in == 0) { /* in pieces that zlib's counter holds */
            s->z.avail_in = bytes.len > UINT32_MAX / 2 ? (uInt)(UINT32_MAX / 2) : (uInt)bytes.len;
            bytes.len -= s->z.avail_in;
        }
        FT_TRY(ft_buf_reserve(out, ROOM_BYTES));
        s->z.next_out = (Bytef *)out->at + out->len;
        s->z.avail_out = (uInt)ROOM_BYTES;
        code = deflate(&s->z, last && bytes.len == 0 ? Z_FINISH : Z_NO_FLUSH);
        FT_CHECK(code != Z_STREAM_ERROR);
        out->len += ROOM_BYTES - s->z.avail_out;
    } while (s->z.avail_in || bytes.len || (last && code != Z_STREAM_END));
    return FT_OK;
}

static ft_err zstd_add(ft_buf *out, ft_squeeze *s, ft_str bytes, bool last) {
    zstd_in in = { bytes.at, bytes.len, 0 };
    size_t left;
    do {
        FT_TRY(ft_buf_reserve(out, ROOM_BYTES));
        zstd_out room = { out->at + out->len, ROOM_BYTES, 0 };
        left = zstd.compress(s->zstd, &room, &in, last ? ZSTD_e_end : ZSTD_e_continue);
        if (zstd.is_error(left))
            return FT_FAIL(FT_EIO, "zstd cannot pack this: %s", zstd.error_name(left));
        out->len += room.pos;
    } while (in.pos < in.size || (last && left));
    return FT_OK;
}

ft_err ft_squeeze_add(ft_buf *out, ft_squeeze *s, ft_str bytes, bool last) {
    return s->gzip ? gzip_add(out, s, bytes, last) : zstd_add(out, s, bytes, last);
}

void ft_squeeze_free(ft_squeeze *s) {
    if (!s) return;
    if (s->gzip) deflateEnd(&s->z);
    if (s->zstd) zstd.free(s->zstd);
    free(s);
}
