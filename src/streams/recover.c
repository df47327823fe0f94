/* recover.c -- tails whose writer is gone: cut, sealed, hashed. See stream.h.
 *
 * A tail is claimed by changing the writer in its row to this process, so several processes may
 * recover at once, and one that is killed in the middle is followed by the next. A torn tail is not
 * cut in place, where a reader may stand, but replaced by its whole part. */
#include <unistd.h>

#include "base/files.h"
#include "base/log.h"
#include "base/proc.h"
#include "store/objects.h"
#include "streams/reader_in.h"
#include "streams/segments_in.h"

#define COPY_BYTES ((size_t)1 << 16)

static ft_err claim(bool *mine, ft_store *s, const ft_segment *g) {
    uint64_t started;
    FT_TRY(ft_pid_started(&started, getpid()));
    FT_TRY(ft_db_run(ft_store_db(s),
                     "update segment set writer_pid = ?, writer_started = ? "
                     "where id = ? and sealed = 0 and writer_pid = ? and writer_started = ?",
                     "niini", (int)getpid(), (int64_t)started, g->id, g->writer_pid,
                     (int64_t)g->writer_started));
    *mine = ft_db_changes(ft_store_db(s)) == 1;
    return FT_OK;
}

/* Read it all: records, orders, and `*whole`, the end of the last whole record. */
static ft_err measure(ft_segment *g, uint64_t *whole, uint64_t *size, ft_reader *r) {
    ft_err err;
    int64_t newest = INT64_MIN;
    FT_TRY(ft_reader_look(r));
    r->last = true;
    *whole = 0;
    g->records = 0;
    g->unordered = false;
    while ((err = ft_reader_next(r, (uint64_t)1 << r->kind->order_column)) == FT_OK) {
        int64_t order;
        *whole = r->at;
        if (!ft_reader_order(r, &order)) continue;
        if (g->records == 0 || order < g->first) g->first = order;
        if (g->records == 0 || order > g->last) g->last = order;
        if (order < newest) g->unordered = true;
        if (order > newest) newest = order;
        g->records++;
    }
    *size = r->size;
    return err == FT_ENOTFOUND ? FT_OK : err;
}

/* Put the first `whole` bytes in the place of the file. */
static ft_err replace_by_whole(ft_store *s, const ft_segment *g, ft_reader *r, uint64_t whole) {
    ft_err err = FT_OK;
    ft_object_writer *w = NULL;
    ft_uri uri;
    char block[COPY_BYTES];
    FT_TRY(ft_uri_parse(&uri, g->uri));
    FT_TRY(ft_object_write(&w, s, uri.bucket, uri.key, NULL));
    for (uint64_t at = 0; at < whole;) {
        size_t got, want = whole - at < COPY_BYTES ? (size_t)(whole - at) : COPY_BYTES;
        FT_GOTO(err, ft_fd_pread(&got, r->fd, block, want, at, r->uri.at));
        if (got == 0) FT_GOTO(err, FT_FAIL(FT_EIO, "'%s' became shorter", r->uri.at));
        FT_GOTO(err, ft_object_write_add(w, ft_str_n(block, got)));
        at += got;
    }
    err = ft_object_write_commit(NULL, w);
    w = NULL;
done:
    ft_object_write_abort(w);
    return err;
}

static ft_err drop(ft_store *s, const ft_segment *g) {
    ft_uri uri;
    FT_TRY(ft_uri_parse(&uri, g->uri));
    FT_TRY(ft_object_remove(s, uri.bucket, uri.key));
    return ft_db_run(ft_store_db(s), "delete from segment where id = ?", "i", g->id);
}

/* A claimed tail becomes a sealed segment, or nothing when it holds no record. */
static ft_err recover_one(ft_store *s, const ft_stream_kind *kind, ft_segment *g) {
    ft_err err = FT_OK;
    ft_reader *r = NULL;
    uint64_t whole = 0, size = 0;
    err = ft_reader_open(&r, s, kind, g->uri);
    if (err == FT_ENOTFOUND) { /* the file was deleted by hand */
        ft_err_clear();
        return drop(s, g);
    }
    FT_TRY(err);
    FT_GOTO(err, measure(g, &whole, &size, r));
    if (g->records == 0) {
        FT_GOTO(err, drop(s, g));
    } else {
        if (whole < size) {
            ft_log(FT_LOG_WARN, "streams", "%.*s: %llu bytes after the last whole record are cut",
                   FT_STR_ARG(g->uri), (unsigned long long)(size - whole));
            FT_GOTO(err, replace_by_whole(s, g, r, whole));
        } else {
            FT_GOTO(err, ft_fd_sync(r->fd, r->uri.at));
        }
        g->bytes = whole;
        FT_GOTO(err, ft_segment_seal(s, g, NULL));
    }
done:
    ft_reader_close(r);
    return err;
}

/* Only kinds that this program knows and that are read here. */
static const ft_stream_kind *kind_of(const ft_segment *g) {
    const ft_stream_kind *kind = ft_stream_kind_find(g->kind);
    return kind && kind->format->next ? kind : NULL;
}

ft_err ft_streams_recover(ft_store *s, int *sealed) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_err err = FT_OK;
    ft_segment *list;
    size_t count;
    *sealed = 0;
    FT_GOTO(err, ft_streams_ready(s));
    FT_GOTO(err, ft_objects_clean(s, NULL));
    FT_GOTO(err, ft_segments_growing(&list, &count, s, &arena));
    for (size_t i = 0; i < count; i++) {
        const ft_stream_kind *kind = kind_of(&list[i]);
        bool mine = false;
        if (!kind || ft_pid_alive(list[i].writer_pid, list[i].writer_started)) continue;
        FT_GOTO(err, claim(&mine, s, &list[i]));
        if (!mine) continue;
        FT_GOTO(err, recover_one(s, kind, &list[i]));
        ++*sealed;
    }
done:
    ft_arena_fini(&arena);
    return err;
}
