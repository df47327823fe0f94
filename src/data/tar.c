/* tar.c -- see tar.h. */
#include "data/tar.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "data/input.h"

#define BLOCK           512
#define PIECE_BYTES     65536
#define GZIP_WINDOW     (15 + 16)
#define LEVEL           6
#define LONG_NAME_BYTES 4096 /* of a GNU long name or pax header */
#define FILES_MAX       100000

/* The header block: texts are NUL-padded, numbers octal. */
typedef struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[6],
        version[2], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
} header;
_Static_assert(sizeof(header) == BLOCK, "a tar header is one block");

static unsigned header_sum(const header *h) {
    const unsigned char *at = (const unsigned char *)h;
    unsigned sum = 0;
    for (size_t i = 0; i < BLOCK; i++) {
        bool own = i >= offsetof(header, sum) && i < offsetof(header, type);
        sum += own ? ' ' : at[i]; /* the sum's own field counts as blanks */
    }
    return sum;
}

/* ---- writing */

struct ft_tar {
    ft_err (*write)(void *ctx, ft_str bytes);
    void *ctx;
    z_stream z;
    char out[PIECE_BYTES];
};

static ft_err pack(ft_tar *t, const void *at, size_t len, int flush) {
    int code;
    t->z.next_in = (Bytef *)(uintptr_t)at;
    do {
        t->z.avail_in += len > UINT32_MAX / 2 ? (uInt)(UINT32_MAX / 2) : (uInt)len;
        len -= t->z.avail_in;
        do {
            t->z.next_out = (Bytef *)t->out;
            t->z.avail_out = PIECE_BYTES;
            code = deflate(&t->z, len ? Z_NO_FLUSH : flush);
            FT_CHECK(code != Z_STREAM_ERROR);
            size_t made = PIECE_BYTES - t->z.avail_out;
            if (made) FT_TRY(t->write(t->ctx, ft_str_n(t->out, made)));
        } while (t->z.avail_out == 0);
    } while (len);
    return FT_OK;
}

ft_err ft_tar_new(ft_tar **out, ft_err (*write)(void *ctx, ft_str bytes), void *ctx) {
    *out = NULL;
    ft_tar *t = ft_fault_here() ? NULL : calloc(1, sizeof *t);
    if (!t) return FT_FAIL(FT_ENOMEM, "no memory for an archive");
    t->write = write, t->ctx = ctx;
    if (ft_fault_here() ||
        deflateInit2(&t->z, LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(t);
        return FT_FAIL(FT_ENOMEM, "no memory to pack an archive");
    }
    *out = t;
    return FT_OK;
}

/* A long name is split at a slash into prefix and name. */
static ft_err name_set(header *h, ft_str name) {
    size_t cut = 0;
    if (name.len > sizeof h->name)
        for (size_t i = 0; i < name.len && i <= sizeof h->prefix; i++)
            if (name.at[i] == '/' && name.len - i - 1 <= sizeof h->name && i + 1 < name.len)
                cut = i + 1;
    if (!name.len || (name.len > sizeof h->name && !cut))
        return FT_FAIL(FT_ETOOBIG, "'%.*s': a name that no tar header holds", FT_STR_ARG(name));
    if (cut) memcpy(h->prefix, name.at, cut - 1);
    memcpy(h->name, name.at + cut, name.len - cut);
    return FT_OK;
}

ft_err ft_tar_add(ft_tar *t, ft_str name, ft_str bytes) {
    static const char zeros[BLOCK];
    header h = {
        .mode = "0000644", .uid = "0000000", .gid = "0000000", .mtime = "00000000000", .type = '0'
    };
    if ((uint64_t)bytes.len >> 33)
        return FT_FAIL(FT_ETOOBIG, "'%.*s' is over 8 GiB: too large for ustar", FT_STR_ARG(name));
    FT_TRY(name_set(&h, name));
    memcpy(h.magic, "ustar", 6);
    memcpy(h.version, "00", 2);
    snprintf(h.size, sizeof h.size, "%011llo", (unsigned long long)bytes.len);
    snprintf(h.sum, sizeof h.sum, "%06o", header_sum(&h));
    h.sum[7] = ' ';
    FT_TRY(pack(t, &h, BLOCK, Z_NO_FLUSH));
    FT_TRY(pack(t, bytes.at, bytes.len, Z_NO_FLUSH));
    return bytes.len % BLOCK ? pack(t, zeros, BLOCK - bytes.len % BLOCK, Z_NO_FLUSH) : FT_OK;
}

ft_err ft_tar_end(ft_tar *t) {
    static const char zeros[2 * BLOCK];
    return pack(t, zeros, sizeof zeros, Z_FINISH);
}

void ft_tar_free(ft_tar *t) {
    if (!t) return;
    deflateEnd(&t->z);
    free(t);
}

/* ---- reading */

typedef struct unpack {
    ft_input *in;
    const char *path, *dir;
    ft_tar_opts opts;
    uint64_t bytes, files;
    ft_arena arena; /* of one entry */
    char name[LONG_NAME_BYTES + 1];
    bool named; /* a long name for the next entry was read */
} unpack;

static ft_err damaged(const unpack *u, const char *what) {
    return FT_FAIL(FT_ECORRUPT, "%s: byte %llu: %s", u->path,
                   (unsigned long long)ft_input_offset(u->in), what);
}

static ft_err number(uint64_t *out, const unpack *u, const char *at, size_t len) {
    *out = 0;
    if ((unsigned char)at[0] & 0x80) { /* GNU's binary form */
        for (size_t i = 1; i < len; i++) *out = *out << 8 | (unsigned char)at[i];
        return FT_OK;
    }
    for (size_t i = 0; i < len && at[i] && at[i] != ' '; i++) {
        if (at[i] < '0' || at[i] > '7') return damaged(u, "expected an octal number");
        *out = *out << 3 | (uint64_t)(at[i] - '0');
    }
    return FT_OK;
}

static ft_str field(const char *at, size_t len) { return (ft_str){ at, strnlen(at, len) }; }

/* "path" of a pax header: "27 path=long/name\n". */
static void pax_path(unpack *u, ft_str text) {
    while (text.at && text.len) {
        ft_str line = ft_str_cut(&text, '\n');
        ft_str_cut(&line, ' ');
        if (!line.at || !ft_str_starts(line, FT_STR("path="))) continue;
        line = ft_str_from(line, 5);
        memcpy(u->name, line.at, line.len);
        u->name[line.len] = '\0';
        u->named = true;
    }
}

static ft_err long_name(unpack *u, char type, uint64_t size) {
    char text[LONG_NAME_BYTES];
    size_t got;
    if (size > sizeof text) return damaged(u, "a name of more than 4096 bytes");
    FT_TRY(ft_input_read(&got, u->in, text, (size_t)size));
    if (got < size) return damaged(u, "the archive ends inside a name");
    if (type == 'x') {
        pax_path(u, ft_str_n(text, got));
        return FT_OK;
    }
    ft_str name = field(text, got);
    memcpy(u->name, name.at, name.len);
    u->name[name.len] = '\0';
    u->named = true;
    return FT_OK;
}

/* Parts "", "." are dropped; ".." and absolute names are refused. */
static ft_err place(ft_str *out, unpack *u, ft_str name) {
    ft_str rest = name, path = ft_str_of(u->dir);
    if (name.len && name.at[0] == '/')
        return FT_FAIL(FT_EDENIED, "%s: '%.*s': an absolute name", u->path, FT_STR_ARG(name));
    while (rest.at) {
        ft_str part = ft_str_cut(&rest, '/');
        if (!part.len || ft_str_is(part, ".")) continue;
        if (ft_str_is(part, ".."))
            return FT_FAIL(FT_EDENIED, "%s: '%.*s' would leave the folder", u->path,
                           FT_STR_ARG(name));
        FT_TRY(ft_arena_printf(&path, &u->arena, "%.*s/%.*s", FT_STR_ARG(path), FT_STR_ARG(part)));
    }
    *out = path;
    return FT_OK;
}

static ft_err file_body(unpack *u, const char *path, uint64_t size) {
    int fd;
    ft_err err = FT_OK;
    FT_TRY(ft_fd_open(&fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
    for (uint64_t left = size; left;) {
        ft_str piece;
        FT_GOTO(err, ft_input_peek(&piece, u->in, 1));
        if (!piece.len) FT_GOTO(err, damaged(u, "the archive ends inside a file"));
        size_t n = piece.len < left ? piece.len : (size_t)left;
        FT_GOTO(err, ft_fd_write(fd, piece.at, n, path));
        ft_input_skip(u->in, n);
        left -= n;
    }
done:
    ft_fd_close(&fd);
    return err;
}

static ft_err entry(unpack *u, const header *h, uint64_t size) {
    ft_str name = u->named ? ft_str_of(u->name) : field(h->name, sizeof h->name), path;
    if (!u->named && memcmp(h->magic, "ustar", 5) == 0 && h->magic[5] == '\0' && h->prefix[0])
        FT_TRY(ft_arena_printf(&name, &u->arena, "%.*s/%.*s",
                               FT_STR_ARG(field(h->prefix, sizeof h->prefix)), FT_STR_ARG(name)));
    u->named = false;
    FT_TRY(place(&path, u, name));
    if (h->type == '5') return ft_dir_make(path.at);
    if (h->type != '0' && h->type != '\0')
        return FT_FAIL(FT_EUNSUPPORTED, "%s: '%.*s' is neither file nor folder (type '%c')",
                       u->path, FT_STR_ARG(name), h->type);
    u->bytes += size;
    if (++u->files > u->opts.files_max || u->bytes > u->opts.bytes_max || u->bytes < size)
        return FT_FAIL(FT_ETOOBIG, "%s unpacks to more than its limit (%llu files, %llu bytes)",
                       u->path, (unsigned long long)u->opts.files_max,
                       (unsigned long long)u->opts.bytes_max);
    size_t base = path.len - ft_path_base(path).len;
    ft_str folder;
    FT_TRY(ft_arena_str(&folder, &u->arena, ft_str_slice(path, 0, base ? base - 1 : 0)));
    FT_TRY(ft_dir_make(folder.at));
    return file_body(u, path.at, size);
}

static ft_err entries(unpack *u) {
    for (;;) {
        header h;
        size_t got;
        uint64_t size, sum;
        ft_arena_reset(&u->arena);
        FT_TRY(ft_input_read(&got, u->in, &h, BLOCK));
        if (got == 0 || (got == BLOCK && h.name[0] == '\0')) return FT_OK;
        if (got < BLOCK) return damaged(u, "the archive ends inside a header");
        FT_TRY(number(&sum, u, h.sum, sizeof h.sum));
        if (sum != header_sum(&h)) return damaged(u, "no tar header (its sum is wrong)");
        FT_TRY(number(&size, u, h.size, sizeof h.size));
        uint64_t begin = ft_input_offset(u->in);
        if (h.type == 'L' || h.type == 'x')
            FT_TRY(long_name(u, h.type, size));
        else if (h.type != 'g')
            FT_TRY(entry(u, &h, size));
        if (h.type == '5') size = 0;
        FT_TRY(ft_input_seek(u->in, begin + (size + BLOCK - 1) / BLOCK * BLOCK));
    }
}

ft_err ft_tar_unpack(const char *path, const char *dir, const ft_tar_opts *opts) {
    unpack u = { .path = path, .dir = dir };
    ft_err err;
    if (opts) u.opts = *opts;
    if (!u.opts.bytes_max) u.opts.bytes_max = FT_INPUT_UNPACKED_MAX;
    if (!u.opts.files_max) u.opts.files_max = FILES_MAX;
    ft_input_opts input = { .unpacked_bytes_max = u.opts.bytes_max + (u.opts.files_max + 2) * 1024,
                            .no_hash = true };
    FT_GOTO(err, ft_input_open(&u.in, path, &input));
    err = entries(&u);
done:
    ft_input_free(u.in);
    ft_arena_fini(&u.arena);
    return err;
}
