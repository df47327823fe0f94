/* articles.c -- see articles.h. */
#include "serve/speech/articles.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "net/range.h"
#include "serve/speech/service.h"
#include "store/objects.h"

#define ID_DIGITS 32
#define FOREVER   "public, max-age=31536000, immutable"
#define OLD_MAX   64 /* articles that go at a time */

static const char *const steps[] = {
    "create table speech_article (id text primary key, members text not null, chars integer not"
    " null, used_us integer not null, bytes integer not null default 0) without rowid;"
    "create index speech_article_used on speech_article (used_us)",
};

ft_err ft_articles_prepare(ft_store *s) {
    return ft_db_migrate(ft_store_db(s), "speech_article", steps, (int)FT_COUNT(steps));
}

static ft_err key_of(ft_str *out, ft_arena *arena, ft_str id, const char *ending) {
    return ft_arena_printf(out, arena, "speech/articles/%.*s.%s", FT_STR_ARG(id), ending);
}

static ft_err remove_one(ft_store *s, ft_arena *arena, ft_str id) {
    static const char *const endings[] = { "mp3", "txt" };
    for (size_t i = 0; i < FT_COUNT(endings); i++) {
        ft_str key;
        FT_TRY(key_of(&key, arena, id, endings[i]));
        FT_TRY(ft_object_remove(s, FT_STR(FT_BUCKET_DEFAULT), key));
    }
    return ft_db_run(ft_store_db(s), "delete from speech_article where id = ?", "s", id);
}

/* At most OLD_MAX at a time: the next article makes more room. */
ft_err ft_articles_trim(ft_store *s, int64_t bytes_max, int64_t count_max) {
    ft_db *db = ft_store_db(s);
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str old[OLD_MAX];
    ft_rows *rows;
    size_t count = 0;
    ft_err err;
    FT_GOTO(err, ft_db_query(&rows, db,
                             "select id from (select id, used_us, sum(bytes) over w as bytes,"
                             " row_number() over w as place from speech_article window w as (order"
                             " by used_us desc, id)) where bytes > ? or place > ? order by used_us"
                             " limit 64",
                             "ii", bytes_max, count_max));
    while (err == FT_OK && count < OLD_MAX && ft_rows_next(rows)) {
        ft_str id;
        ft_rows_read(rows, "s", &id);
        err = ft_arena_str(&old[count++], &arena, id);
    }
    ft_err end = ft_rows_end(rows);
    if (err == FT_OK) err = end;
    for (size_t i = 0; err == FT_OK && i < count; i++) err = remove_one(s, &arena, old[i]);
done:
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_article_keep(ft_store *s, ft_str id, ft_keep *k, ft_str media_type) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_object o;
    ft_str key;
    ft_err err;
    FT_GOTO(err, key_of(&key, &arena, id, "mp3"));
    FT_GOTO(err, ft_keep_commit(&o, k, FT_STR(""), s, FT_STR(FT_BUCKET_DEFAULT), key, media_type));
    FT_GOTO(err, ft_db_run(ft_store_db(s), "update speech_article set bytes = ? where id = ?", "is",
                           (int64_t)o.size_bytes, id));
    err = ft_articles_trim(s, FT_ARTICLES_BYTES_MAX, FT_ARTICLES_MAX);
done:
    ft_arena_fini(&arena);
    return err;
}

/* ---- giving a text */

/* The address depends on all that the sound depends on: text, members, who really speaks, and the
 * program's version. */
static ft_err id_make(char id[ID_DIGITS + 1], const ft_polly_ask *ask, ft_str members) {
    char sha256[FT_SHA256_HEX];
    ft_hasher *h;
    ft_str parts[] = { FT_STR(FETTLE_VERSION), ft_str_of(ask->who->speaker), members, ask->text };
    FT_TRY(ft_hasher_new(&h, false));
    ft_err err = FT_OK;
    for (size_t i = 0; err == FT_OK && i < FT_COUNT(parts); i++) {
        err = ft_hasher_add(h, parts[i].at, parts[i].len);
        if (err == FT_OK) err = ft_hasher_add(h, "", 1);
    }
    if (err == FT_OK) err = ft_hasher_end(h, sha256, NULL);
    ft_hasher_free(h);
    FT_TRY(err);
    memcpy(id, sha256, ID_DIGITS);
    id[ID_DIGITS] = '\0';
    return FT_OK;
}

static ft_err store_text(ft_store *s, ft_arena *arena, ft_str id, const ft_polly_ask *ask,
                         ft_str members) {
    ft_object_put_opts opts = { .content_type = FT_STR("text/plain; charset=utf-8"), .lazy = true };
    ft_str key;
    FT_TRY(key_of(&key, arena, id, "txt"));
    FT_TRY(ft_object_put(NULL, s, FT_STR(FT_BUCKET_DEFAULT), key, ask->text, &opts));
    FT_TRY(ft_db_run(ft_store_db(s),
                     "insert into speech_article (id, members, chars, used_us) values (?, ?, ?, ?)"
                     " on conflict (id) do update set used_us = excluded.used_us",
                     "ssii", id, members, (int64_t)ask->billed_chars, ft_clock_now_us()));
    return ft_articles_trim(s, FT_ARTICLES_BYTES_MAX, FT_ARTICLES_MAX);
}

static bool is_kept(ft_store *s, ft_arena *arena, ft_str id, ft_object *o) {
    ft_str key;
    ft_err err = key_of(&key, arena, id, "mp3");
    if (err == FT_OK) err = ft_object_head(o, s, arena, FT_STR(FT_BUCKET_DEFAULT), key);
    ft_err_clear();
    return err == FT_OK;
}

static ft_err reply_post(ft_polly *p, ft_str id, const ft_polly_ask *ask) {
    const ft_worker *w = p->req->thread;
    ft_polly_reply r;
    ft_object unused;
    ft_str address;
    FT_TRY(ft_arena_printf(&address, p->req->arena, "/v1/articles/%.*s.mp3", FT_STR_ARG(id)));
    ft_polly_begin(&r);
    ft_polly_text(&r, "Id", id);
    ft_polly_text(&r, "Audio", address);
    ft_json_out_name(&r.json, "Characters");
    ft_json_out_i64(&r.json, (int64_t)ask->billed_chars);
    ft_json_out_name(&r.json, "Kept");
    ft_json_out_bool(&r.json, is_kept(w->store, p->req->arena, id, &unused));
    return ft_polly_end(&r, p);
}

ft_err ft_article_post(ft_polly *p) {
    const ft_worker *w = p->req->thread;
    ft_polly_ask ask;
    ft_str members, id;
    char digits[ID_DIGITS + 1];
    FT_TRY(ft_polly_read(&ask, p));
    ask.format = FT_STR("mp3");
    ask.bucket = ask.prefix = ask.topic = (ft_str){ 0 };
    FT_TRY(ft_polly_check(&ask, p, FT_POLLY_TASK_BILLED, FT_POLLY_TASK_TOTAL));
    if (ask.lexicons.count)
        return ft_polly_refuse(p, 400, "ValidationException",
                               "LexiconNames: articles are spoken without lexicons");
    FT_TRY(ft_polly_members(&members, p->req->arena, &ask));
    FT_TRY(id_make(digits, &ask, members));
    id = ft_str_of(digits);
    FT_TRY(store_text(w->store, p->req->arena, id, &ask, members));
    return reply_post(p, id, &ask);
}

/* ---- playing it */

static ft_err id_read(ft_str *id, ft_polly *p) {
    *id = p->name;
    if (ft_str_ends(*id, FT_STR(".mp3"))) id->len -= 4;
    if (ft_unhex(NULL, ID_DIGITS / 2, *id)) return FT_OK;
    return ft_polly_refuse(p, 404, "ArticleNotFoundException", "There is no article '%.*s'",
                           FT_STR_ARG(ft_str_slice(p->name, 0, 100)));
}

static ft_err send_kept(ft_polly *p, const ft_object *o, ft_str id) {
    const ft_worker *w = p->req->thread;
    ft_response *resp = p->resp;
    ft_str etag;
    FT_TRY(ft_arena_printf(&etag, p->req->arena, "\"%.*s\"", FT_STR_ARG(id)));
    if (ft_str_eq(ft_request_header(p->req, "If-None-Match"), etag)) {
        resp->status = 304;
        ft_response_header(resp, "ETag", etag);
        ft_response_header(resp, "Cache-Control", FT_STR(FOREVER));
        return FT_OK;
    }
    FT_TRY(ft_response_ranged(resp, p->req, etag, o->size_bytes));
    if (resp->status == 416) return FT_OK;
    ft_response_header(resp, "Cache-Control", FT_STR(FOREVER));
    FT_TRY(ft_object_open(&resp->fd, w->store, o->bucket, o->key));
    resp->content_type = FT_STR("audio/mpeg");
    return FT_OK;
}

static ft_err speak_first(ft_polly *p, ft_str id) {
    const ft_worker *w = p->req->thread;
    ft_polly_ask ask;
    ft_str members, key;
    ft_err err =
        ft_db_one(ft_store_db(w->store), p->req->arena,
                  "select members from speech_article where id = ?", "s", "s", id, &members);
    if (err == FT_ENOTFOUND)
        return ft_polly_refuse(p, 404, "ArticleNotFoundException", "There is no article '%.*s'",
                               FT_STR_ARG(id));
    FT_TRY(err);
    FT_TRY(ft_polly_read_json(&ask, p, members));
    FT_TRY(key_of(&key, p->req->arena, id, "txt"));
    FT_TRY(ft_object_get(&ask.text, w->store, p->req->arena, FT_STR(FT_BUCKET_DEFAULT), key,
                         FT_SPEECH_TEXT_BYTES));
    FT_TRY(ft_polly_check(&ask, p, FT_POLLY_TASK_BILLED, FT_POLLY_TASK_TOTAL));
    ft_speaking_opts opts = { .door = "article", .article = id };
    err = ft_speaking_begin(p->req, p->resp, ft_speech_service_of(p->req)->speakers, &ask, &opts);
    return err ? ft_polly_failed(p, err) : FT_OK;
}

ft_err ft_article_get(ft_polly *p) {
    const ft_worker *w = p->req->thread;
    ft_object o;
    ft_str id;
    if (p->req->waiting) {
        ft_err err = ft_speaking_answer(p->req, p->resp);
        if (err) return ft_polly_failed(p, err);
        if (!p->resp->later) ft_response_header(p->resp, "Cache-Control", FT_STR("no-store"));
        return FT_OK;
    }
    FT_TRY(id_read(&id, p));
    if (is_kept(w->store, p->req->arena, id, &o)) return send_kept(p, &o, id);
    return speak_first(p, id);
}
