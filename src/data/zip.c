/* zip.c -- see zip.h. */
#include <string.h>
#include <zlib.h>

#include "base/check.h"
#include "base/le.h"
#include "base/fault.h"
#include "data/shown.h"
#include "data/zip.h"

#define END_BYTES     ((size_t)22) /* end of central directory, without comment */
#define COMMENT_MAX   ((size_t)65535)
#define ENTRY_BYTES   ((size_t)46) /* of the directory */
#define LOCAL_BYTES   ((size_t)30) /* header before a member */
#define LOCATOR_BYTES ((size_t)20)
#define END64_BYTES   ((size_t)56)
#define PIECE_BYTES   ((size_t)1 << 18)

/* `len` bytes at `at`, or false. */
static bool part(const char **out, ft_str bytes, uint64_t at, uint64_t len) {
    if (at > bytes.len || len > bytes.len - at) return false;
    *out = bytes.at + at;
    return true;
}

ft_err ft_zip_open(ft_zip *z, ft_str bytes) {
    const char *end = NULL, *more;
    size_t most = bytes.len < END_BYTES + COMMENT_MAX ? bytes.len : END_BYTES + COMMENT_MAX;
    for (size_t back = END_BYTES; back <= most && !end; back++)
        if (memcmp(bytes.at + bytes.len - back, "PK\5\6", 4) == 0)
            end = bytes.at + bytes.len - back;
    if (!end) return FT_FAIL(FT_ECORRUPT, "no whole ZIP archive: it has no directory at its end");
    uint64_t count = ft_le16(end + 10), size = ft_le32(end + 12), at = ft_le32(end + 16);
    uint64_t end_at = (uint64_t)(end - bytes.at);
    if (end_at >= LOCATOR_BYTES && memcmp(end - LOCATOR_BYTES, "PK\6\7", 4) == 0 &&
        part(&more, bytes, ft_le64(end - LOCATOR_BYTES + 8), END64_BYTES) &&
        memcmp(more, "PK\6\6", 4) == 0) {
        count = ft_le64(more + 32);
        size = ft_le64(more + 40);
        at = ft_le64(more + 48);
    }
    if (!part(&more, bytes, at, size) || count > FT_ZIP_MEMBERS_MAX || count > size / ENTRY_BYTES)
        return FT_FAIL(FT_ECORRUPT, "damaged ZIP archive: its directory is not where it says");
    *z = (ft_zip){ .bytes = bytes, .rest = ft_str_n(more, (size_t)size), .left = count };
    return FT_OK;
}

/* Sizes over 4 GiB stand in an extra field, those that are all ones in the entry. */
static bool sizes64(ft_str extra, uint64_t *values[3]) {
    while (extra.len >= 4) {
        uint16_t id = ft_le16(extra.at), len = ft_le16(extra.at + 2);
        ft_str body = ft_str_slice(extra, 4, len);
        extra = ft_str_from(extra, 4 + (size_t)len);
        if (id != 1) continue;
        for (int i = 0; i < 3; i++) {
            if (*values[i] != UINT32_MAX) continue;
            if (body.len < 8) return false;
            *values[i] = ft_le64(body.at);
            body = ft_str_from(body, 8);
        }
    }
    return true;
}

ft_err ft_zip_next(ft_zip_member *m, ft_zip *z) {
    const char *e = z->rest.at, *local;
    if (z->left == 0) return FT_ENOTFOUND;
    if (z->rest.len < ENTRY_BYTES || memcmp(e, "PK\1\2", 4) != 0)
        return FT_FAIL(FT_ECORRUPT, "damaged ZIP archive: its directory ends early");
    size_t name = ft_le16(e + 28), extra = ft_le16(e + 30), comment = ft_le16(e + 32);
    if (z->rest.len < ENTRY_BYTES + name + extra + comment)
        return FT_FAIL(FT_ECORRUPT, "damaged ZIP archive: its directory ends early");
    uint64_t size = ft_le32(e + 24), packed = ft_le32(e + 20), at = ft_le32(e + 42);
    uint64_t *values[3] = { &size, &packed, &at };
    *m = (ft_zip_member){ .name = ft_str_n(e + ENTRY_BYTES, name), .crc32 = ft_le32(e + 16) };
    uint16_t method = ft_le16(e + 10), flags = ft_le16(e + 8);
    if (!sizes64(ft_str_n(e + ENTRY_BYTES + name, extra), values))
        return FT_FAIL(FT_ECORRUPT, "damaged ZIP archive: '%s' has no size", ft_shown(m->name));
    if ((flags & 1) || (method != 0 && method != 8))
        return FT_FAIL(FT_EUNSUPPORTED, "'%s' is encrypted, or packed in a way that is not read",
                       ft_shown(m->name));
    if (!part(&local, z->bytes, at, LOCAL_BYTES) || memcmp(local, "PK\3\4", 4) != 0 ||
        !part(&local, z->bytes, at + LOCAL_BYTES + ft_le16(local + 26) + ft_le16(local + 28),
              packed))
        return FT_FAIL(FT_ECORRUPT, "damaged ZIP archive: '%s' is not where it says",
                       ft_shown(m->name));
    m->packed = ft_str_n(local, (size_t)packed);
    m->size = size;
    m->deflated = method == 8;
    if (!m->deflated && size != packed)
        return FT_FAIL(FT_ECORRUPT, "damaged ZIP archive: '%s' has two sizes", ft_shown(m->name));
    z->rest = ft_str_from(z->rest, ENTRY_BYTES + name + extra + comment);
    z->left--;
    return FT_OK;
}

/* Piece by piece: the size that the archive claims is not trusted with memory. */
static ft_err inflate_all(ft_buf *out, const ft_zip_member *m) {
    z_stream s = { 0 };
    ft_err err = FT_OK;
    int code = Z_OK;
    size_t begin = out->len, fed = 0;
    if (ft_fault_here() || inflateInit2(&s, -15) != Z_OK)
        return FT_FAIL(FT_ENOMEM, "no memory to unpack '%s'", ft_shown(m->name));
    while (code == Z_OK) {
        FT_GOTO(err, ft_buf_reserve(out, PIECE_BYTES));
        ft_str raw = ft_str_slice(m->packed, fed, 1 << 30);
        s.next_in = (Bytef *)(uintptr_t)raw.at;
        s.avail_in = (uInt)raw.len;
        s.next_out = (Bytef *)out->at + out->len;
        s.avail_out = (uInt)PIECE_BYTES;
        code = inflate(&s, Z_NO_FLUSH);
        fed += raw.len - s.avail_in;
        out->len += PIECE_BYTES - s.avail_out;
        if (out->len - begin > m->size) break;
    }
    if (code != Z_STREAM_END || out->len - begin != m->size)
        err = FT_FAIL(FT_ECORRUPT, "'%s': damaged packed data", ft_shown(m->name));
done:
    inflateEnd(&s);
    return err;
}

ft_err ft_zip_unpack(ft_buf *out, const ft_zip_member *m) {
    size_t begin = out->len;
    if (m->deflated)
        FT_TRY(inflate_all(out, m));
    else
        FT_TRY(ft_buf_add(out, m->packed));
    uLong crc = crc32_z(0, (const Bytef *)out->at + begin, out->len - begin);
    if ((uint32_t)crc == m->crc32) return FT_OK;
    return FT_FAIL(FT_ECORRUPT, "'%s': its checksum (CRC-32) is wrong", ft_shown(m->name));
}
