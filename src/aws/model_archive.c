/* model_archive.c -- a model as SageMaker keeps it, model.tar.gz in a bucket, made ready to serve:
 * its files become objects under s3://fettle/models/<sha256 of the archive>/, once. */
#include <fcntl.h>

#include "aws/hosting_in.h"
#include "base/check.h"
#include "base/files.h"
#include "base/random.h"
#include "data/tar.h"
#include "serve/asking.h"
#include "serve/worker.h"
#include "store/objects.h"

#define KIND        "model-archive" /* name: the archive's SHA-256; note: where its files lie */
#define PLACE       "models"
#define PIECE_BYTES ((size_t)64 << 10)

static bool is_archive(ft_str key) {
    return ft_str_ends(key, FT_STR(".tar.gz")) || ft_str_ends(key, FT_STR(".tgz")) ||
           ft_str_ends(key, FT_STR(".tar"));
}

static ft_err copy_file(ft_store *s, ft_arena *arena, const char *path, ft_str key) {
    ft_object_writer *w = NULL;
    char *piece;
    size_t got;
    int fd = -1;
    ft_err err;
    FT_GOTO(err, ft_arena_take(&piece, arena, PIECE_BYTES));
    FT_GOTO(err, ft_fd_open(&fd, path, O_RDONLY, 0));
    FT_GOTO(err, ft_object_write(&w, s, FT_STR(FT_BUCKET_DEFAULT), key, NULL));
    for (;;) {
        FT_GOTO(err, ft_fd_read(&got, fd, piece, PIECE_BYTES, path));
        if (!got) break;
        FT_GOTO(err, ft_object_write_add(w, ft_str_n(piece, got)));
    }
    err = ft_object_write_commit(NULL, w);
    w = NULL;
done:
    ft_object_write_abort(w);
    ft_fd_close(&fd);
    return err;
}

typedef struct copying {
    ft_store *store;
    ft_arena *arena;
    ft_str key; /* what the files' keys begin with */
} copying;

static ft_err copy_one(void *ctx, const char *path, ft_str below, const ft_file_info *info) {
    const copying *c = ctx;
    ft_str key;
    FT_UNUSED(info);
    FT_TRY(ft_arena_printf(&key, c->arena, "%.*s/%.*s", FT_STR_ARG(c->key), FT_STR_ARG(below)));
    return copy_file(c->store, c->arena, path, key);
}

/* Through a folder of its own beside the objects, which is gone afterwards. */
static ft_err unpack(ft_store *s, ft_arena *arena, const ft_object *archive, ft_str key) {
    char id[FT_UUID_TEXT];
    const char *path, *folder;
    copying c = { .store = s, .arena = arena, .key = key };
    ft_str name;
    ft_err err;
    ft_uuid(id);
    FT_TRY(ft_arena_printf(&name, arena, "unpack-%s", id));
    FT_TRY(ft_path_join(&folder, arena, ft_store_home(s), name.at));
    FT_TRY(ft_object_path(&path, s, arena, archive->bucket, archive->key));
    FT_TRY(ft_dir_make(folder));
    FT_GOTO(err, ft_tar_unpack(path, folder, NULL));
    FT_GOTO(err,
            ft_dir_walk(&(ft_dir_walker){ .arena = arena, .file = copy_one, .ctx = &c }, folder));
done:
    ft_dir_remove(folder);
    return err;
}

/* Archives of models that wait to be unpacked, a line each; unpacked where no other request waits.
 */
static ft_err unpack_all(ft_str *out, const char *home, ft_arena *arena, ft_str urls) {
    ft_store *s;
    ft_str uri;
    FT_UNUSED(out);
    FT_TRY(ft_store_open(&s, home));
    ft_err err = FT_OK;
    while (urls.at && urls.len && err == FT_OK)
        err = ft_model_archive_place(&uri, s, arena, ft_str_cut(&urls, '\n'));
    ft_store_close(s);
    return err;
}

static ft_err is_unpacked(bool *out, ft_aws_call *c, ft_str data_url) {
    ft_aws_resource done;
    ft_object archive = { 0 };
    ft_uri where;
    *out = true;
    if (!data_url.len || ft_uri_parse(&where, data_url) != FT_OK || !is_archive(where.key))
        return FT_OK;
    ft_err err = ft_object_head(&archive, c->store, c->arena, where.bucket, where.key);
    if (err == FT_OK)
        err = ft_aws_resource_get(&done, c->store, c->arena, KIND, ft_str_of(archive.sha256));
    *out = err != FT_ENOTFOUND || !archive.sha256[0];
    return err == FT_ENOTFOUND ? FT_OK : err;
}

ft_err ft_model_unpack_later(bool *later, ft_aws_call *c, const ft_str *data_urls, size_t count) {
    ft_str urls = FT_STR("");
    *later = false;
    if (c->req->waiting) { /* they are unpacked; what failed fails again, in words */
        ft_asked *asked = ft_asking_result(c->req, c->resp);
        *later = asked == NULL;
        if (asked) ft_asking_forget(c->req);
        return FT_OK;
    }
    for (size_t i = 0; i < count; i++) {
        bool done;
        FT_TRY(is_unpacked(&done, c, data_urls[i]));
        if (!done)
            FT_TRY(ft_arena_printf(&urls, c->arena, "%.*s%.*s\n", FT_STR_ARG(urls),
                                   FT_STR_ARG(data_urls[i])));
    }
    ft_err_clear();
    *later = urls.len > 0;
    return *later ? ft_worker_later(c->req, c->resp, unpack_all, urls) : FT_OK;
}

ft_err ft_model_archive_place(ft_str *uri, ft_store *s, ft_arena *arena, ft_str data_url) {
    ft_uri where;
    ft_object archive;
    ft_aws_resource done;
    ft_str key;
    *uri = data_url;
    FT_TRY(ft_uri_parse(&where, data_url));
    if (!is_archive(where.key)) return FT_OK;
    FT_TRY(ft_object_head(&archive, s, arena, where.bucket, where.key));
    FT_TRY(ft_arena_printf(&key, arena, PLACE "/%s", archive.sha256));
    FT_TRY(ft_arena_printf(uri, arena, "s3://" FT_BUCKET_DEFAULT "/%.*s/", FT_STR_ARG(key)));
    ft_err err = ft_aws_resource_get(&done, s, arena, KIND, ft_str_of(archive.sha256));
    if (err != FT_ENOTFOUND) return err;
    FT_TRY(unpack(s, arena, &archive, key));
    return ft_aws_resource_put(s, KIND, ft_str_of(archive.sha256), FT_STR("{}"), *uri);
}
