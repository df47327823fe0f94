/* keep.c -- see keep.h. */
#include "serve/speech/keep.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/files.h"
#include "base/random.h"

#define NAME        "the sound being spoken"
#define PIECE_BYTES ((size_t)64 << 10)

ft_err ft_keep_begin(ft_keep *out, const char *home) {
    char path[4096], id[FT_UUID_TEXT];
    *out = (ft_keep){ 0 };
    ft_uuid(id);
    int n = snprintf(path, sizeof path, "%s/.speech-%s", home, id);
    if (n < 0 || (size_t)n >= sizeof path) return FT_FAIL(FT_EINVAL, "the home's path is too long");
    FT_TRY(ft_fd_open(&out->fd, path, O_RDWR | O_CREAT | O_EXCL, 0600));
    unlink(path);
    return FT_OK;
}

ft_err ft_keep_add(ft_keep *k, ft_str bytes) {
    FT_TRY(ft_fd_write(k->fd, bytes.at, bytes.len, NAME));
    k->bytes += bytes.len;
    return FT_OK;
}

static ft_err copy(ft_object_writer *w, const ft_keep *k, ft_str head, ft_arena *arena) {
    char *piece;
    size_t got;
    FT_TRY(ft_object_write_add(w, head));
    FT_TRY(ft_arena_take(&piece, arena, PIECE_BYTES));
    for (uint64_t at = head.len; at < k->bytes; at += got) {
        FT_TRY(ft_fd_pread(&got, k->fd, piece, PIECE_BYTES, at, NAME));
        if (!got) return FT_FAIL(FT_EIO, "%s is shorter than it was", NAME);
        FT_TRY(ft_object_write_add(w, ft_str_n(piece, got)));
    }
    return FT_OK;
}

ft_err ft_keep_commit(ft_object *out, ft_keep *k, ft_str head, ft_store *s, ft_str bucket,
                      ft_str key, ft_str media_type) {
    ft_object_put_opts opts = { .content_type = media_type };
    ft_arena arena = FT_ARENA_INIT(0);
    ft_object_writer *w;
    FT_TRY(ft_object_write(&w, s, bucket, key, &opts));
    ft_err err = copy(w, k, head, &arena);
    ft_arena_fini(&arena);
    if (err == FT_OK) return ft_object_write_commit(out, w);
    ft_object_write_abort(w);
    return err;
}

void ft_keep_end(ft_keep *k) {
    if (k->fd > 0) ft_fd_close(&k->fd);
    *k = (ft_keep){ 0 };
}
