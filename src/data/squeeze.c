/* squeeze.c -- see squeeze_in.h. Sources: RFC 1952; zstd.h 1.4. */
#include "data/squeeze_in.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "data/zstd_in.h"

#define GZIP_WINDOW (15 + 16)
#define GZIP_LEVEL  6
#define ROOM_BYTES  ((size_t)256 << 10)
#define ZSTD_LEVEL  3

struct ft_squeeze {
    bool gzip;
    z_stream z;
    const ft_zstd *api; /* of zstd */
    void *zstd;
};

bool ft_squeeze_name(ft_str path) {
    return ft_str_ends(path, FT_STR(".gz")) || ft_str_ends(path, FT_STR(".zst"));
}

static ft_err zstd_begin(ft_squeeze *s) {
    FT_TRY(ft_zstd_load(&s->api));
    s->zstd = ft_fault_here() ? NULL : s->api->pack_new();
    if (!s->zstd) return FT_FAIL(FT_ENOMEM, "no memory to pack");
    FT_CHECK(!s->api->is_error(s->api->set(s->zstd, FT_ZSTD_LEVEL, ZSTD_LEVEL)));
    FT_CHECK(!s->api->is_error(s->api->set(s->zstd, FT_ZSTD_CHECKSUM, 1)));
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
    ft_zstd_in in = { bytes.at, bytes.len, 0 };
    size_t left;
    do {
        FT_TRY(ft_buf_reserve(out, ROOM_BYTES));
        ft_zstd_out room = { out->at + out->len, ROOM_BYTES, 0 };
        left = s->api->pack(s->zstd, &room, &in, last ? FT_ZSTD_END : FT_ZSTD_CONTINUE);
        if (s->api->is_error(left))
            return FT_FAIL(FT_EIO, "zstd cannot pack this: %s", s->api->error_name(left));
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
    if (s->zstd) s->api->pack_free(s->zstd);
    free(s);
}
