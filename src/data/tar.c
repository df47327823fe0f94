/* tar.c -- see tar.h. */
#include "data/tar.h"

#include <fcntl.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "data/input.h"
#include "data/tar_member.h"

#define PIECE_BYTES 65536
#define GZIP_WINDOW (15 + 16)
#define LEVEL       6
#define FILES_MAX   100000

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

ft_err ft_tar_add(ft_tar *t, ft_str name, ft_str bytes) {
    ft_buf head = { 0 };
    ft_err err;
    FT_GOTO(err, ft_tar_member_write(&head, name, bytes.len));
    FT_GOTO(err, pack(t, head.at, head.len, Z_NO_FLUSH));
    FT_GOTO(err, pack(t, bytes.at, bytes.len, Z_NO_FLUSH));
    ft_buf_reset(&head);
    FT_GOTO(err, ft_tar_member_pad(&head, bytes.len));
    if (head.len) FT_GOTO(err, pack(t, head.at, head.len, Z_NO_FLUSH));
done:
    ft_buf_fini(&head);
    return err;
}

ft_err ft_tar_end(ft_tar *t) {
    static const char zeros[2 * FT_TAR_BLOCK];
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
} unpack;

static ft_err damaged(const unpack *u, const char *what) {
    return FT_FAIL(FT_ECORRUPT, "%s: byte %llu: %s", u->path,
                   (unsigned long long)ft_input_offset(u->in), what);
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

static ft_err entry(unpack *u, const ft_tar_member *m) {
    ft_str path, name;
    FT_TRY(ft_arena_str(&name, &u->arena, m->name)); /* the window moves */
    FT_TRY(place(&path, u, name));
    ft_input_skip(u->in, m->head);
    if (m->type == '5') return ft_dir_make(path.at);
    if (m->type != '0')
        return FT_FAIL(FT_EUNSUPPORTED, "%s: '%.*s' is neither file nor folder (type '%c')",
                       u->path, FT_STR_ARG(name), m->type);
    u->bytes += m->size;
    if (++u->files > u->opts.files_max || u->bytes > u->opts.bytes_max || u->bytes < m->size)
        return FT_FAIL(FT_ETOOBIG, "%s unpacks to more than its limit (%llu files, %llu bytes)",
                       u->path, (unsigned long long)u->opts.files_max,
                       (unsigned long long)u->opts.bytes_max);
    size_t base = path.len - ft_path_base(path).len;
    ft_str folder;
    FT_TRY(ft_arena_str(&folder, &u->arena, ft_str_slice(path, 0, base ? base - 1 : 0)));
    FT_TRY(ft_dir_make(folder.at));
    return file_body(u, path.at, m->size);
}

/* The headers of the next entry; FT_ENOTFOUND at the end mark, and at the end of the file. */
static ft_err entry_next(ft_tar_member *m, unpack *u) {
    ft_str view;
    m->need = FT_TAR_BLOCK;
    for (;;) {
        size_t want = m->need;
        FT_TRY(ft_input_peek(&view, u->in, want));
        if (view.len == 0) return FT_ENOTFOUND;
        if (view.len < want) return damaged(u, "the archive ends inside a header");
        ft_err err = ft_tar_member_read(m, view);
        if (err == FT_ENOTFOUND) return err;
        if (err)
            return ft_err_prefix(err, "%s: byte %llu", u->path,
                                 (unsigned long long)ft_input_offset(u->in));
        if (!m->need) return FT_OK;
    }
}

static ft_err entries(unpack *u) {
    for (;;) {
        ft_tar_member m;
        ft_arena_reset(&u->arena);
        uint64_t begin = ft_input_offset(u->in);
        ft_err err = entry_next(&m, u);
        if (err == FT_ENOTFOUND) return FT_OK;
        FT_TRY(err);
        FT_TRY(entry(u, &m));
        FT_TRY(ft_input_seek(u->in, begin + m.total));
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
