/* segments.c -- rows of segments: listing, sealing, retiring. See stream.h and segments_in.h. */
#include "streams/segments_in.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/proc.h"
#include "store/objects.h"

/* Ids never come again (autoincrement): a cursor asks for those after the last it has seen. */
static const char *const tables[] = {
    "create table segment ("
    "  id integer primary key autoincrement, kind text not null, key text not null,"
    "  uri text not null unique, sealed integer not null default 0,"
    "  unordered integer not null default 0, writer_pid integer not null,"
    "  writer_started integer not null, created_us integer not null,"
    "  bytes integer not null default 0, records integer not null default 0,"
    "  first integer not null default 0, last integer not null default 0, sha256 text);"
    "create index segment_stream on segment (kind, key, id);"
    "create index segment_growing on segment (id) where sealed = 0;",
};

ft_err ft_streams_ready(ft_store *s) {
    return ft_db_migrate(ft_store_db(s), "streams", tables, FT_COUNT(tables));
}

ft_err ft_segment_insert(int64_t *id, ft_store *s, const ft_stream_kind *kind, ft_str key,
                         ft_str uri) {
    uint64_t started;
    FT_TRY(ft_pid_started(&started, getpid()));
    FT_TRY(ft_db_run(ft_store_db(s),
                     "insert into segment (kind, key, uri, writer_pid, writer_started, created_us) "
                     "values (?, ?, ?, ?, ?, ?)",
                     "tssnii", kind->name, key, uri, (int)getpid(), (int64_t)started,
                     ft_clock_now_us()));
    *id = ft_db_last_id(ft_store_db(s));
    return FT_OK;
}

ft_err ft_segment_set_unordered(ft_store *s, int64_t id) {
    return ft_db_run(ft_store_db(s), "update segment set unordered = 1 where id = ?", "i", id);
}

static ft_err seal_row(ft_store *s, const ft_segment *g, const char *sha256) {
    ft_object object;
    ft_uri uri;
    FT_TRY(ft_uri_parse(&uri, g->uri));
    FT_TRY(ft_object_adopt(&object, s, uri.bucket, uri.key, sha256));
    FT_TRY(ft_db_run(ft_store_db(s),
                     "update segment set sealed = 1, unordered = ?, bytes = ?, records = ?, "
                     "first = ?, last = ?, sha256 = ? where id = ?",
                     "niiiiti", (int)g->unordered, (int64_t)g->bytes, (int64_t)g->records, g->first,
                     g->last, object.sha256, g->id));
    return FT_OK;
}

ft_err ft_segment_seal(ft_store *s, const ft_segment *segment, const char *sha256) {
    ft_db *db = ft_store_db(s);
    FT_TRY(ft_db_begin(db));
    ft_db_durable(db);
    ft_err err = seal_row(s, segment, sha256);
    if (err != FT_OK) {
        ft_db_rollback(db);
        return err;
    }
    return ft_db_commit(db);
}

/* ---- listing ---- */

static ft_err read_segment(ft_segment *out, ft_rows *rows, ft_arena *arena) {
    int sealed, unordered;
    int64_t started, bytes, records;
    ft_str sha256;
    *out = (ft_segment){ 0 };
    ft_rows_read(rows, "isssnnniiiiis", &out->id, &out->kind, &out->key, &out->uri, &sealed,
                 &unordered, &out->writer_pid, &started, &bytes, &records, &out->first, &out->last,
                 &sha256);
    out->sealed = sealed != 0;
    out->unordered = unordered != 0;
    out->writer_started = (uint64_t)started;
    out->bytes = (uint64_t)bytes;
    out->records = (uint64_t)records;
    snprintf(out->sha256, sizeof out->sha256, "%.*s", FT_STR_ARG(sha256));
    FT_TRY(ft_arena_str(&out->kind, arena, out->kind));
    FT_TRY(ft_arena_str(&out->key, arena, out->key));
    return ft_arena_str(&out->uri, arena, out->uri);
}

#define SEGMENT_COLUMNS                                                                          \
    "select id, kind, key, uri, sealed, unordered, writer_pid, writer_started, bytes, records, " \
    "first, last, sha256 from segment "

/* All rows of a query, which is ended. */
static ft_err read_all(ft_segment **out, size_t *count, ft_rows *rows, ft_arena *arena) {
    ft_err err = FT_OK;
    size_t room = 0;
    while (err == FT_OK && ft_rows_next(rows)) {
        if ((err = ft_arena_grow(out, &room, arena, *count)) != FT_OK) break;
        err = read_segment(&(*out)[(*count)++], rows, arena);
    }
    ft_err ended = ft_rows_end(rows);
    return err == FT_OK ? ended : err;
}

ft_err ft_segments_after(ft_segment **out, size_t *count, ft_store *s, ft_arena *arena,
                         const ft_stream_kind *kind, ft_str key, int64_t after) {
    ft_rows *rows;
    *out = NULL;
    *count = 0;
    if (key.at)
        FT_TRY(ft_db_query(&rows, ft_store_db(s),
                           SEGMENT_COLUMNS "where kind = ? and key = ? and id > ? order by id",
                           "tsi", kind->name, key, after));
    else
        FT_TRY(ft_db_query(&rows, ft_store_db(s),
                           SEGMENT_COLUMNS "where kind = ? and id > ? order by id", "ti",
                           kind->name, after));
    return read_all(out, count, rows, arena);
}

ft_err ft_segments_growing(ft_segment **out, size_t *count, ft_store *s, ft_arena *arena) {
    ft_rows *rows;
    *out = NULL;
    *count = 0;
    FT_TRY(ft_db_query(&rows, ft_store_db(s), SEGMENT_COLUMNS "where sealed = 0 order by id", ""));
    return read_all(out, count, rows, arena);
}

ft_err ft_segment_state(ft_segment *out, ft_store *s, int64_t id) {
    int sealed, unordered;
    int64_t bytes;
    ft_err err =
        ft_db_one(ft_store_db(s), NULL, "select sealed, unordered, bytes from segment where id = ?",
                  "i", "nni", id, &sealed, &unordered, &bytes);
    if (err != FT_OK) return err;
    out->sealed = sealed != 0;
    out->unordered = unordered != 0;
    out->bytes = (uint64_t)bytes;
    return FT_OK;
}

ft_err ft_stream_segments(ft_segment **out, size_t *count, ft_store *s, ft_arena *arena,
                          const ft_stream_kind *kind, ft_str key) {
    FT_TRY(ft_streams_ready(s));
    return ft_segments_after(out, count, s, arena, kind, key, -1);
}

ft_err ft_stream_segments_between(ft_segment **out, size_t *count, ft_store *s, ft_arena *arena,
                                  const ft_stream_kind *kind, ft_str key, int64_t from,
                                  int64_t until, size_t limit) {
    ft_rows *rows;
    *out = NULL;
    *count = 0;
    FT_TRY(ft_streams_ready(s));
    FT_TRY(ft_db_query(&rows, ft_store_db(s),
                       SEGMENT_COLUMNS
                       "where kind = ?1 and key = ?2 and"
                       " (sealed = 0 or records = 0 or (last >= ?3 and first <= ?4))"
                       " order by id limit ?5",
                       "tsiii", kind->name, key, from, until, (int64_t)limit));
    return read_all(out, count, rows, arena);
}

ft_err ft_stream_may_hold(bool *out, ft_store *s, const ft_stream_kind *kind, ft_str key,
                          int64_t from, int64_t until) {
    int64_t count = 0;
    *out = false;
    FT_TRY(ft_streams_ready(s));
    FT_TRY(ft_db_one(ft_store_db(s), NULL,
                     "select count(*) from segment where kind = ? and key = ? and sealed = 1 and"
                     " records > 0 and last >= ? and first <= ?",
                     "tsii", "i", kind->name, key, from, until, &count));
    *out = count > 0;
    return FT_OK;
}

ft_err ft_stream_total(uint64_t *out, ft_store *s, const ft_stream_kind *kind, ft_str key) {
    int64_t total = 0;
    *out = 0;
    FT_TRY(ft_streams_ready(s));
    FT_TRY(ft_db_one(ft_store_db(s), NULL,
                     "select coalesce(sum(records), 0) from segment where kind = ? and key = ? and"
                     " sealed = 1",
                     "ts", "i", kind->name, key, &total));
    *out = (uint64_t)total;
    return FT_OK;
}

/* ---- retiring ---- */

static ft_err retire(ft_store *s, const ft_segment *g) {
    ft_db *db = ft_store_db(s);
    ft_uri uri;
    FT_TRY(ft_uri_parse(&uri, g->uri));
    FT_TRY(ft_db_begin(db));
    ft_err err = ft_db_run(db, "delete from segment where id = ?", "i", g->id);
    if (err == FT_OK) err = ft_object_remove(s, uri.bucket, uri.key);
    if (err != FT_OK) {
        ft_db_rollback(db);
        return err;
    }
    return ft_db_commit(db);
}

ft_err ft_stream_retain(ft_store *s, const ft_stream_kind *kind, ft_str key, int64_t before,
                        int *removed) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_segment *list;
    size_t count;
    *removed = 0;
    ft_err err = ft_stream_segments(&list, &count, s, &arena, kind, key);
    for (size_t i = 0; i < count && err == FT_OK; i++) {
        if (!list[i].sealed || list[i].last >= before) continue;
        err = retire(s, &list[i]);
        if (err == FT_OK) ++*removed;
    }
    ft_arena_fini(&arena);
    return err;
}
