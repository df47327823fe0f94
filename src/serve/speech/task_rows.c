/* task_rows.c -- the rows of tasks. See tasks.h. */
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "serve/speech/tasks.h"
#include "serve/speech/tasks_in.h"
#include "store/objects.h"

#define COLUMNS \
    "seq, id, status, reason, members, region, bucket, key, topic, text_sha256, chars, created_us"

static const char *const steps[] = {
    "create table speech_task (seq integer primary key, id text not null unique, status text not"
    " null, reason text not null default '', members text not null, region text not null, bucket"
    " text not null, key text not null, topic text not null, text_sha256 text not null, chars"
    " integer not null, created_us integer not null, ended_us integer, told integer not null"
    " default 0);"
    "create index speech_task_status on speech_task (status, seq)",
};

ft_err ft_speech_tasks_prepare(ft_store *s) {
    return ft_db_migrate(ft_store_db(s), "speech_task", steps, (int)FT_COUNT(steps));
}

ft_err ft_speech_text_key(ft_str *out, ft_arena *arena, ft_str sha256) {
    return ft_arena_printf(out, arena, "speech/texts/%.*s", FT_STR_ARG(sha256));
}

static ft_err row_insert(ft_db *db, const ft_speech_task *t) {
    int64_t waiting;
    FT_TRY(ft_db_one(db, NULL, "select count(*) from speech_task where status = 'scheduled'", "",
                     "i", &waiting));
    if (waiting >= FT_SPEECH_TASKS_WAIT)
        return FT_FAIL(FT_EFULL, "%d synthesis tasks are waiting already", FT_SPEECH_TASKS_WAIT);
    return ft_db_run(db,
                     "insert into speech_task (id, status, members, region, bucket, key, topic,"
                     " text_sha256, chars, created_us) values (?, 'scheduled', ?, ?, ?, ?, ?, ?, ?,"
                     " ?)",
                     "sssssssii", t->id, t->members, t->region, t->bucket, t->key, t->topic,
                     t->text_sha256, t->chars, t->created_us);
}

static ft_err text_put(ft_speech_task *t, ft_store *s, ft_arena *arena, ft_str text) {
    char sha256[FT_SHA256_HEX];
    ft_object_put_opts opts = { .content_type = FT_STR("text/plain; charset=utf-8") };
    ft_str key;
    FT_TRY(ft_sha256_hex(sha256, text));
    FT_TRY(ft_arena_str(&t->text_sha256, arena, ft_str_of(sha256)));
    FT_TRY(ft_speech_text_key(&key, arena, t->text_sha256));
    return ft_object_put(NULL, s, FT_STR(FT_BUCKET_DEFAULT), key, text, &opts);
}

ft_err ft_speech_task_add(ft_speech_task *t, ft_store *s, ft_arena *arena, ft_str text) {
    ft_db *db = ft_store_db(s);
    t->status = FT_STR("scheduled");
    t->created_us = ft_clock_now_us();
    FT_TRY(text_put(t, s, arena, text));
    FT_TRY(ft_db_begin(db));
    ft_err err = row_insert(db, t);
    if (err) {
        ft_db_rollback(db);
        return err;
    }
    t->seq = ft_db_last_id(db);
    ft_db_durable(db);
    return ft_db_commit(db);
}

static ft_err row_copy(ft_speech_task *t, ft_arena *arena) {
    ft_str *texts[] = { &t->id,     &t->status, &t->reason, &t->members,    &t->region,
                        &t->bucket, &t->key,    &t->topic,  &t->text_sha256 };
    for (size_t i = 0; i < FT_COUNT(texts); i++) FT_TRY(ft_arena_str(texts[i], arena, *texts[i]));
    return FT_OK;
}

static void row_read(ft_speech_task *t, ft_rows *rows) {
    ft_rows_read(rows, "isssssssssii", &t->seq, &t->id, &t->status, &t->reason, &t->members,
                 &t->region, &t->bucket, &t->key, &t->topic, &t->text_sha256, &t->chars,
                 &t->created_us);
}

/* All rows of an opened query. */
static ft_err rows_take(ft_speech_task **out, size_t *count, ft_rows *rows, ft_arena *arena,
                        size_t limit) {
    ft_err err = ft_arena_items(out, arena, limit + 1);
    *count = 0;
    while (err == FT_OK && *count < limit && ft_rows_next(rows)) {
        row_read(&(*out)[*count], rows);
        err = row_copy(&(*out)[(*count)++], arena);
    }
    ft_err end = ft_rows_end(rows);
    return err ? err : end;
}

ft_err ft_speech_task_get(ft_speech_task *out, ft_store *s, ft_arena *arena, ft_str id) {
    ft_speech_task *all;
    ft_rows *rows;
    size_t count;
    FT_TRY(ft_db_query(&rows, ft_store_db(s), "select " COLUMNS " from speech_task where id = ?",
                       "s", id));
    FT_TRY(rows_take(&all, &count, rows, arena, 1));
    if (!count) return FT_ENOTFOUND;
    *out = all[0];
    return FT_OK;
}

ft_err ft_speech_task_list(ft_speech_task **out, size_t *count, ft_store *s, ft_arena *arena,
                           ft_str status, int64_t after, size_t limit) {
    ft_rows *rows;
    FT_TRY(ft_db_query(&rows, ft_store_db(s),
                       "select " COLUMNS " from speech_task where seq > ?1 and (?2 = '' or status ="
                       " ?2) order by seq limit ?3",
                       "isi", after, status.at ? status : FT_STR(""), (int64_t)limit));
    return rows_take(out, count, rows, arena, limit);
}

ft_err ft_speech_tasks_untold(ft_speech_task **out, size_t *count, ft_store *s, ft_arena *arena) {
    ft_rows *rows;
    FT_TRY(ft_db_query(&rows, ft_store_db(s),
                       "select " COLUMNS " from speech_task where told = 0 and topic <> '' and"
                       " status in ('completed', 'failed') order by seq limit 100",
                       ""));
    return rows_take(out, count, rows, arena, 100);
}

ft_err ft_speech_task_told(ft_store *s, int64_t seq) {
    return ft_db_run(ft_store_db(s), "update speech_task set told = 1 where seq = ?", "i", seq);
}

ft_err ft_speech_task_uri(ft_str *out, const ft_speech_task *t, ft_arena *arena) {
    if (t->region.len)
        return ft_arena_printf(out, arena, "https://s3.%.*s.amazonaws.com/%.*s/%.*s",
                               FT_STR_ARG(t->region), FT_STR_ARG(t->bucket), FT_STR_ARG(t->key));
    return ft_arena_printf(out, arena, "s3://%.*s/%.*s", FT_STR_ARG(t->bucket), FT_STR_ARG(t->key));
}

/* ---- for the threads */

ft_err ft_speech_tasks_again(int64_t *waiting, ft_store *s) {
    ft_db *db = ft_store_db(s);
    FT_TRY(ft_db_run(db, "update speech_task set status = 'scheduled' where status = 'inProgress'",
                     ""));
    return ft_db_one(db, NULL, "select count(*) from speech_task where status = 'scheduled'", "",
                     "i", waiting);
}

static ft_err take(ft_speech_task *out, ft_store *s, ft_arena *arena) {
    ft_speech_task *all;
    size_t count;
    FT_TRY(ft_speech_task_list(&all, &count, s, arena, FT_STR("scheduled"), 0, 1));
    if (!count) return FT_ENOTFOUND;
    *out = all[0];
    return ft_db_run(ft_store_db(s), "update speech_task set status = 'inProgress' where seq = ?",
                     "i", out->seq);
}

ft_err ft_speech_task_take(ft_speech_task *out, ft_store *s, ft_arena *arena) {
    ft_db *db = ft_store_db(s);
    FT_TRY(ft_db_begin(db));
    ft_err err = take(out, s, arena);
    if (err == FT_OK) return ft_db_commit(db);
    ft_db_rollback(db);
    return err;
}

ft_err ft_speech_task_end(ft_store *s, int64_t seq, const char *status, ft_str reason) {
    return ft_db_run(ft_store_db(s),
                     "update speech_task set status = ?, reason = ?, ended_us = ? where seq = ?",
                     "tsii", status, reason, ft_clock_now_us(), seq);
}
