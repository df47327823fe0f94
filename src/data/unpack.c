/* unpack.c -- see unpack_in.h. zlib is linked (60 µs of start, needed by every second data set),
 * zstd is loaded when a file asks for it. Sources: RFC 1952; RFC 8878. */
#include "data/unpack_in.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "data/zstd_in.h"

#define GZIP_WINDOW (15 + 16) /* zlib: the largest window, with a gzip header */

struct ft_unpack {
    const char *name;
    z_stream z;
    bool z_open;
    const ft_zstd *api; /* of zstd */
    void *zstd;
    bool whole; /* the last byte taken ended a member or frame */
    bool tail;  /* after the last member: only zeros may follow */
};

/* ---- gzip */

static ft_err gzip_begin(ft_unpack *u) {
    if (ft_fault_here() || inflateInit2(&u->z, GZIP_WINDOW) != Z_OK)
        return FT_FAIL(FT_ENOMEM, "no memory to unpack '%s'", u->name);
    u->z_open = true;
    return FT_OK;
}

/* After a member: another one, zeros up to the end (tapes), or nothing. */
static ft_err gzip_between(ft_unpack *u, ft_str raw, size_t *used) {
    if (!u->tail && (unsigned char)raw.at[0] == 0x1f) {
        FT_CHECK(inflateReset(&u->z) == Z_OK);
        u->whole = false;
        return FT_OK;
    }
    u->tail = true;
    for (; *used < raw.len; ++*used)
        if (raw.at[*used])
            return FT_FAIL(FT_ECORRUPT, "'%s': bytes that are not gzip follow the gzip data",
                           u->name);
    return FT_OK;
}

static ft_err gzip_some(ft_unpack *u, ft_str raw, size_t *used, void *at, size_t room,
                        size_t *made) {
    if (u->whole && raw.len) FT_TRY(gzip_between(u, raw, used));
    if (u->whole) return FT_OK;
    u->z.next_in = (Bytef *)(uintptr_t)raw.at;
    u->z.avail_in = raw.len > UINT_MAX ? UINT_MAX : (uInt)raw.len;
    u->z.next_out = at;
    u->z.avail_out = room > UINT_MAX ? UINT_MAX : (uInt)room;
    uInt in = u->z.avail_in, out = u->z.avail_out;
    int result = inflate(&u->z, Z_NO_FLUSH);
    *used = in - u->z.avail_in;
    *made = out - u->z.avail_out;
    u->whole = result == Z_STREAM_END;
    if (result == Z_MEM_ERROR) return FT_FAIL(FT_ENOMEM, "no memory to unpack '%s'", u->name);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return FT_FAIL(FT_ECORRUPT, "'%s': damaged gzip data near unpacked byte %lu (%s)", u->name,
                       u->z.total_out, u->z.msg ? u->z.msg : "no dictionary");
    return FT_OK;
}

/* ---- zstd */

static ft_err zstd_begin(ft_unpack *u) {
    FT_TRY(ft_zstd_load(&u->api));
    u->zstd = ft_fault_here() ? NULL : u->api->unpack_new();
    if (!u->zstd) return FT_FAIL(FT_ENOMEM, "no memory to unpack '%s'", u->name);
    return FT_OK;
}

static ft_err zstd_some(ft_unpack *u, ft_str raw, size_t *used, void *at, size_t room,
                        size_t *made) {
    ft_zstd_in in = { raw.at, raw.len, 0 };
    ft_zstd_out out = { at, room, 0 };
    size_t left = u->api->unpack(u->zstd, &out, &in);
    *used = in.pos;
    *made = out.pos;
    if (u->api->is_error(left))
        return FT_FAIL(FT_ECORRUPT, "'%s': damaged zstd data (%s)", u->name,
                       u->api->error_name(left));
    if (in.pos || out.pos) u->whole = left == 0;
    return FT_OK;
}

/* ---- which packing */

static bool starts(ft_str head, const char *magic, size_t len) {
    return head.len >= len && memcmp(head.at, magic, len) == 0;
}

/* What a person would call a file that begins like this; NULL when it may be data. */
static const char *foreign(ft_str head) {
    static const struct {
        const char *magic;
        size_t len;
        const char *word;
    } kinds[] = {
        { "PK\3\4", 4, "a ZIP archive (or an Excel workbook)" },
        { "\xd0\xcf\x11\xe0", 4, "an old Excel workbook" },
        { "\xfd"
          "7zXZ",
          5, "packed with xz" },
        { "BZh", 3, "packed with bzip2" },
        { "PAR1", 4, "a Parquet file" },
        { "ARROW1", 6, "an Arrow file" },
        { "\x89HDF", 4, "an HDF5 file" },
        { "\x7f"
          "ELF",
          4, "a program" },
        { "%PDF", 4, "a PDF document" },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (starts(head, kinds[i].magic, kinds[i].len)) return kinds[i].word;
    return NULL;
}

ft_err ft_unpack_new(ft_unpack **out, ft_str head, const char *name) {
    bool gzip = starts(head, "\x1f\x8b\x08", 3), zst = starts(head, "\x28\xb5\x2f\xfd", 4);
    const char *word = foreign(head);
    *out = NULL;
    if (word)
        return FT_FAIL(FT_EUNSUPPORTED,
                       "'%s' is %s, which is not read here: turn it into CSV first", name, word);
    if (!gzip && !zst) return FT_OK;
    ft_unpack *u = ft_fault_here() ? NULL : calloc(1, sizeof *u);
    if (!u) return FT_FAIL(FT_ENOMEM, "no memory to unpack '%s'", name);
    u->name = name;
    ft_err err = gzip ? gzip_begin(u) : zstd_begin(u);
    if (err) {
        ft_unpack_free(u);
        return err;
    }
    *out = u;
    return FT_OK;
}

ft_err ft_unpack_some(ft_unpack *u, ft_str raw, size_t *used, void *at, size_t room, size_t *made) {
    *used = *made = 0;
    if (u->zstd) return zstd_some(u, raw, used, at, room, made);
    return gzip_some(u, raw, used, at, room, made);
}

bool ft_unpack_whole(const ft_unpack *u) { return u->whole; }

void ft_unpack_free(ft_unpack *u) {
    if (!u) return;
    if (u->z_open) inflateEnd(&u->z);
    if (u->zstd) u->api->unpack_free(u->zstd);
    free(u);
}
