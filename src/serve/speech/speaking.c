/* speaking.c -- see speaking.h: one synthesis, its thread's side and its client's. */
#include "serve/speech/speaking_in.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/log.h"
#include "serve/speech/articles.h"

static void release(ft_speaking *k) {
    if (atomic_fetch_sub(&k->holders, 1) != 1) return;
    atomic_fetch_sub(&k->speakers->alive, 1);
    ft_hasher_free(k->hasher);
    ft_keep_end(&k->keep);
    ft_buf_fini(&k->bytes);
    pthread_cond_destroy(&k->taken);
    pthread_mutex_destroy(&k->lock);
    ft_arena_fini(&k->arena);
    free(k);
}

/* ---- the speaking thread's side */

/* With the lock. */
static void tell_ready(ft_speaking *k) {
    k->ready = true;
    if (k->req) ft_request_wake(k->req); /* the handler takes the lock before it looks */
    k->req = NULL;
}

/* What has been taken makes room at the front. */
static void compact(ft_speaking *k) {
    if (!k->read) return;
    k->bytes.len -= k->read;
    memmove(k->bytes.at, k->bytes.at + k->read, k->bytes.len);
    k->read = 0;
}

/* For the client; nothing once it is gone. Waits while it has much to read. */
static ft_err hand_over(ft_speaking *k, ft_str bytes) {
    ft_err err = FT_OK;
    pthread_mutex_lock(&k->lock);
    while (!k->whole && !k->gone && k->bytes.len - k->read > FT_SPEAKING_AHEAD_BYTES)
        pthread_cond_wait(&k->taken, &k->lock);
    if (!k->gone) {
        if (k->read > k->bytes.len / 2) compact(k);
        err = ft_buf_add(&k->bytes, bytes);
        if (err == FT_OK && !k->whole && !k->ready) tell_ready(k);
        if (k->starved) ft_waker_wake(k->waker);
        k->starved = false;
    } else if (k->keep.fd <= 0) {
        err = FT_FAIL(FT_ECANCELED, "the client went away");
    }
    pthread_mutex_unlock(&k->lock);
    return err;
}

/* A cache that cannot be written is no failure of the speech. */
static void keep_end(ft_speaking *k, ft_err err) {
    if (err) ft_log_err(FT_LOG_WARN, "speech", err, "keeping a spoken article");
    ft_err_clear();
    ft_keep_end(&k->keep);
}

static ft_err on_bytes(void *ctx, ft_str bytes) {
    ft_speaking *k = ctx;
    if (atomic_load(&k->speakers->ending)) return FT_FAIL(FT_ECANCELED, "the server ends");
    k->spoken += bytes.len;
    FT_TRY(ft_hasher_add(k->hasher, bytes.at, bytes.len));
    ft_err err = k->keep.fd > 0 ? ft_keep_add(&k->keep, bytes) : FT_OK;
    if (err) keep_end(k, err);
    return hand_over(k, bytes);
}

static ft_err article_keep(ft_speaking *k) {
    ft_store *store;
    FT_TRY(ft_store_open(&store, k->speakers->home));
    ft_err err = ft_article_keep(store, k->article, &k->keep, k->media_type);
    ft_store_close(store);
    return err;
}

/* A WAV's lengths, in an answer of which nothing was sent yet. */
static ft_err put_head(ft_speaking *k, ft_str head) {
    ft_err err = FT_OK;
    pthread_mutex_lock(&k->lock);
    if (k->whole && head.len && head.len <= k->bytes.len) {
        memcpy(k->bytes.at, head.at, head.len);
        err = ft_sha256_hex(k->record.sound_sha256, ft_buf_str(&k->bytes));
    }
    pthread_mutex_unlock(&k->lock);
    return err;
}

static ft_err speak(ft_speaking *k, ft_speech_told *told, ft_arena *arena) {
    ft_speech_sink sink = { k->request.format ? on_bytes : NULL,
                            k->request.format ? NULL : on_bytes, k };
    ft_buf head = { 0 };
    ft_err err;
    FT_GOTO(err, ft_hasher_new(&k->hasher, false));
    if (k->article.len && (err = ft_keep_begin(&k->keep, k->speakers->home))) keep_end(k, err);
    FT_GOTO(err, ft_speech_speak(told, &k->request, &sink, &head, arena));
    if (k->keep.fd > 0) keep_end(k, article_keep(k));
    FT_GOTO(err, ft_hasher_end(k->hasher, k->record.sound_sha256, NULL));
    FT_GOTO(err, put_head(k, ft_buf_str(&head)));
done:
    ft_buf_fini(&head);
    return err;
}

/* All is said, or nothing more will be. */
static void finish(ft_speaking *k, ft_err err) {
    pthread_mutex_lock(&k->lock);
    k->err = err;
    if (err && ft_arena_str(&k->why, &k->arena, ft_str_of(ft_err_why())) != FT_OK)
        k->why = ft_str_of(ft_err_text(err));
    k->done = true;
    if (k->starved) ft_waker_wake(k->waker);
    k->starved = false;
    tell_ready(k);
    pthread_mutex_unlock(&k->lock);
}

static void note(ft_speaking *k, ft_err err, const ft_speech_told *told) {
    ft_speech_record *r = &k->record;
    r->outcome = err == FT_OK ? "spoken" : err == FT_ECANCELED ? "left" : "failed";
    r->reason = err ? k->why : FT_STR("");
    r->bytes = k->spoken;
    r->sound_s = told->seconds;
    r->first_ms = told->first_audio_s * 1000;
    r->took_ms = (double)(ft_clock_monotonic_us() - k->asked_us) / 1000;
    if (ft_sha256_hex(r->text_sha256, k->request.text) != FT_OK) ft_err_clear();
    ft_speech_recorder_add(k->speakers->recorder, r);
}

void ft_speaking_run(ft_speaking *k) {
    ft_arena arena = FT_ARENA_INIT((size_t)256 << 20);
    ft_speech_told told = { 0 };
    pthread_mutex_lock(&k->lock);
    bool wanted = (!k->gone || k->article.len) && !atomic_load(&k->speakers->ending);
    pthread_mutex_unlock(&k->lock);
    ft_err err = wanted ? speak(k, &told, &arena) : FT_FAIL(FT_ECANCELED, "the client went away");
    ft_arena_fini(&arena);
    finish(k, err);
    note(k, err, &told);
    if (err && err != FT_ECANCELED)
        ft_log(FT_LOG_WARN, "speech", "not spoken: %.*s", FT_STR_ARG(k->why));
    ft_err_clear();
    release(k);
}

/* ---- the client's side */

/* The connection waits now. */
static void begin(void *arg) {
    ft_speaking *k = arg;
    pthread_mutex_lock(&k->lock);
    bool again = k->begun;
    k->begun = true;
    if (again && k->ready && k->req) ft_request_wake(k->req), k->req = NULL;
    pthread_mutex_unlock(&k->lock);
    if (again) return;
    atomic_fetch_add(&k->holders, 1); /* the thread's */
    if (ft_speakers_take(k->speakers, k)) return;
    finish(k, FT_FAIL(FT_EFULL, "no thread to speak"));
    ft_err_clear();
    release(k);
}

/* The client has all, or went away. */
static void drop(void *arg) {
    ft_speaking *k = arg;
    pthread_mutex_lock(&k->lock);
    k->gone = true;
    k->starved = false;
    k->req = NULL;
    pthread_cond_signal(&k->taken);
    pthread_mutex_unlock(&k->lock);
    release(k);
}

static ft_err pull(void *ctx, char *out, size_t max, size_t *got) {
    ft_speaking *k = ctx;
    ft_err err = FT_OK;
    pthread_mutex_lock(&k->lock);
    size_t there = k->bytes.len - k->read;
    *got = there < max ? there : max;
    if (*got) memcpy(out, k->bytes.at + k->read, *got);
    k->read += *got;
    if (*got) pthread_cond_signal(&k->taken);
    if (!there && !k->done) err = FT_EBUSY;
    k->starved = err == FT_EBUSY;
    if (!there && k->done && k->err) err = FT_FAIL(k->err, "%.*s", FT_STR_ARG(k->why));
    pthread_mutex_unlock(&k->lock);
    return err;
}

static ft_err lexicons_read(ft_speaking *k, const ft_speaking_opts *opts) {
    for (size_t i = 0; i < opts->lexicon_count; i++) {
        ft_lexicon *lexicon;
        ft_str text;
        FT_TRY(ft_arena_str(&text, &k->arena, opts->pls[i]));
        FT_TRY(ft_lexicon_read(&lexicon, &k->arena, text));
        k->lexicons[i] = lexicon;
    }
    k->request.lexicons = k->lexicons;
    k->request.lexicon_count = opts->lexicon_count;
    return FT_OK;
}

static ft_err fill(ft_speaking *k, const ft_polly_ask *ask, const ft_speaking_opts *opts) {
    ft_arena *arena = &k->arena;
    FT_CHECK(opts->lexicon_count <= FT_POLLY_LEXICONS_MAX);
    k->request = ask->speak;
    k->whole = opts->whole;
    if (k->whole) k->bytes.limit_bytes = FT_SPEAKING_WHOLE_BYTES;
    FT_TRY(ft_arena_str(&k->request.text, arena, ask->speak.text));
    FT_TRY(ft_arena_str(&k->request.voice, arena, ask->speak.voice));
    FT_TRY(ft_arena_str(&k->request.lang, arena, ask->speak.lang));
    FT_TRY(ft_arena_str(&k->request.style, arena, ask->speak.style));
    FT_TRY(ft_arena_str(&k->media_type, arena, ask->media_type));
    FT_TRY(ft_arena_str(&k->article, arena, opts->article));
    k->record = (ft_speech_record){ .door = opts->door,
                                    .id = k->article,
                                    .voice = ask->who,
                                    .style = k->request.style,
                                    .format = k->request.format ? k->request.format->name : "json",
                                    .rate_hz = k->request.rate_hz,
                                    .chars = ask->billed_chars };
    return lexicons_read(k, opts);
}

ft_err ft_speaking_begin(ft_request *req, ft_response *resp, ft_speakers *s,
                         const ft_polly_ask *ask, const ft_speaking_opts *opts) {
    if (atomic_load(&s->alive) >= FT_SPEAKING_ALIVE)
        return FT_FAIL(FT_EFULL, "%d texts are being spoken already", FT_SPEAKING_ALIVE);
    ft_speaking *k = ft_fault_here() ? NULL : calloc(1, sizeof *k);
    if (!k) return FT_FAIL(FT_ENOMEM, "no memory to speak");
    atomic_fetch_add(&s->alive, 1);
    atomic_init(&k->holders, 1);
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->taken, NULL);
    k->speakers = s;
    k->req = req;
    k->asked_us = ft_clock_monotonic_us();
    ft_err err = fill(k, ask, opts);
    if (err) {
        release(k);
        return err;
    }
    req->waiting = k;
    req->forget = drop;
    resp->later = begin;
    return FT_OK;
}

static ft_err answer_fill(ft_request *req, ft_response *resp, const ft_speaking *k, size_t length) {
    ft_str chars;
    FT_TRY(ft_arena_printf(&chars, req->arena, "%zu", k->record.chars));
    FT_TRY(ft_arena_str(&resp->content_type, req->arena, k->media_type));
    ft_response_header(resp, "x-amzn-RequestCharacters", chars);
    resp->next_length = length;
    return FT_OK;
}

ft_err ft_speaking_answer(ft_request *req, ft_response *resp) {
    ft_speaking *k = req->waiting;
    pthread_mutex_lock(&k->lock);
    bool ready = k->ready, failed = k->done && k->err;
    size_t length = k->done ? k->bytes.len : 0;
    if (!ready) k->req = req;
    k->waker = ft_request_waker(req);
    pthread_mutex_unlock(&k->lock);
    if (!ready) {
        resp->later = begin;
        return FT_OK;
    }
    ft_err err =
        failed ? FT_FAIL(k->err, "%.*s", FT_STR_ARG(k->why)) : answer_fill(req, resp, k, length);
    req->waiting = NULL;
    if (err) {
        drop(k);
        return err;
    }
    resp->next = pull;
    resp->stop = drop;
    resp->ctx = k;
    return FT_OK;
}
