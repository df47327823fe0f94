/* tasks.c -- the threads that speak tasks. See tasks.h. */
#include "serve/speech/tasks.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/alarm.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "serve/speech/keep.h"
#include "serve/speech/lexicons.h"
#include "serve/speech/tasks_in.h"
#include "store/lineage.h"

#define AGAIN_US     FT_SECOND_US /* after a failure, a full disk say, tasks are looked for again */
#define NICE         10           /* requests go first */
#define MEDIA_JSON   FT_STR("application/json")
#define MANIFEST_END "manifest.json"

struct ft_speech_tasks {
    const char *home;
    ft_speech_recorder *recorder;
    atomic_bool ending;
    ft_alarm alarm;
    pthread_mutex_t lock; /* of what follows */
    pthread_t threads[FT_SPEECH_TASK_THREADS];
    int count;
};

typedef struct speaking { /* one task */
    ft_speech_tasks *tasks;
    ft_store *store;
    ft_arena *arena;
    ft_speech_task task;
    ft_polly_ask ask;
    ft_keep keep;
    ft_object object;
    ft_speech_record record;
    const ft_lexicon *lexicons[FT_POLLY_LEXICONS_MAX];
} speaking;

static ft_err on_bytes(void *ctx, ft_str bytes) {
    speaking *k = ctx;
    if (atomic_load(&k->tasks->ending)) return FT_FAIL(FT_ECANCELED, "the server ends");
    return ft_keep_add(&k->keep, bytes);
}

static ft_err lexicons_read(speaking *k) {
    for (size_t i = 0; i < k->ask.lexicons.count; i++) {
        ft_lexicon_row row;
        ft_lexicon *lexicon;
        ft_err err = ft_lexicon_get(&row, k->store, k->arena, k->ask.lexicons.items[i]);
        if (err == FT_ENOTFOUND)
            return FT_FAIL(FT_EINVAL, "the lexicon '%.*s' is not there any more",
                           FT_STR_ARG(k->ask.lexicons.items[i]));
        FT_TRY(err);
        FT_TRY(ft_lexicon_read(&lexicon, k->arena, row.content));
        k->lexicons[i] = lexicon;
    }
    k->ask.speak.lexicons = k->lexicons;
    k->ask.speak.lexicon_count = k->ask.lexicons.count;
    return FT_OK;
}

/* What was asked for, as it was checked before. */
static ft_err ask_read(speaking *k) {
    ft_request req = { .arena = k->arena };
    ft_polly p = { .req = &req, .aws = k->task.region.len > 0 };
    ft_str key, text;
    FT_TRY(ft_polly_read_json(&k->ask, &p, k->task.members));
    FT_TRY(ft_speech_text_key(&key, k->arena, k->task.text_sha256));
    FT_TRY(ft_object_get(&text, k->store, k->arena, FT_STR(FT_BUCKET_DEFAULT), key,
                         FT_SPEECH_TEXT_BYTES));
    k->ask.text = text;
    FT_TRY(ft_polly_check(&k->ask, &p, FT_POLLY_TASK_BILLED, FT_POLLY_TASK_TOTAL));
    return lexicons_read(k);
}

static void manifest_fill(ft_json_out *j, const speaking *k, ft_str uri, double seconds) {
    char now[FT_TIME_TEXT];
    ft_json_out_object(j);
    ft_json_out_name(j, "TaskId");
    ft_json_out_str(j, k->task.id);
    ft_polly_write(j, &k->ask);
    ft_json_out_name(j, "Speaker");
    ft_json_out_text(j, k->ask.who->speaker);
    ft_json_out_name(j, "RequestCharacters");
    ft_json_out_i64(j, k->task.chars);
    ft_json_out_name(j, "Text");
    ft_json_out_object(j);
    ft_json_out_name(j, "sha256");
    ft_json_out_str(j, k->task.text_sha256);
    ft_json_out_close(j);
    ft_json_out_name(j, "Output");
    ft_json_out_object(j);
    ft_json_out_name(j, "uri");
    ft_json_out_str(j, uri);
    ft_json_out_name(j, "bytes");
    ft_json_out_i64(j, (int64_t)k->object.size_bytes);
    ft_json_out_name(j, "sha256");
    ft_json_out_text(j, k->object.sha256);
    ft_json_out_name(j, "seconds");
    ft_json_out_f64(j, seconds);
    ft_json_out_close(j);
    ft_json_out_name(j, "Made");
    ft_json_out_text(j, ft_time_iso(now, ft_clock_now_us(), false));
    ft_json_out_name(j, "Fettle");
    ft_json_out_text(j, FETTLE_VERSION);
    ft_json_out_close(j);
}

/* "a/b.mp3" has its manifest at "a/b.manifest.json". */
static ft_err manifest_put(speaking *k, double seconds) {
    ft_object_put_opts opts = { .content_type = MEDIA_JSON };
    ft_buf text = { 0 };
    ft_json_out j;
    ft_str uri, key = k->task.key;
    while (key.len && key.at[key.len - 1] != '.') key.len--;
    FT_TRY(ft_arena_printf(&uri, k->arena, "s3://%.*s/%.*s", FT_STR_ARG(k->task.bucket),
                           FT_STR_ARG(k->task.key)));
    FT_TRY(ft_arena_printf(&key, k->arena, "%.*s" MANIFEST_END, FT_STR_ARG(key)));
    ft_json_out_init(&j, &text, true);
    manifest_fill(&j, k, uri, seconds);
    ft_err err = text.err;
    if (err == FT_OK)
        err = ft_object_put(NULL, k->store, k->task.bucket, key, ft_buf_str(&text), &opts);
    ft_buf_fini(&text);
    return err;
}

static ft_err lineage_put(speaking *k) {
    ft_str sound, text, note;
    FT_TRY(ft_arena_printf(&sound, k->arena, "speech:%s", k->object.sha256));
    FT_TRY(ft_arena_printf(&text, k->arena, "input:%.*s", FT_STR_ARG(k->task.text_sha256)));
    FT_TRY(ft_arena_printf(&note, k->arena, "synthesis task %.*s, spoken by %s",
                           FT_STR_ARG(k->task.id), k->ask.who->speaker));
    FT_TRY(ft_lineage_node(k->store, sound, note));
    FT_TRY(ft_arena_printf(&note, k->arena, "a text of %lld characters", (long long)k->task.chars));
    FT_TRY(ft_lineage_node(k->store, text, note));
    return ft_lineage_edge(k->store, sound, text);
}

static ft_err speak(speaking *k, ft_speech_told *told) {
    ft_buf head = { 0 };
    ft_err err;
    bool sound = k->ask.speak.format != NULL;
    ft_speech_sink sink = { sound ? on_bytes : NULL, sound ? NULL : on_bytes, k };
    FT_GOTO(err, ft_keep_begin(&k->keep, k->tasks->home));
    FT_GOTO(err, ft_speech_speak(told, &k->ask.speak, &sink, &head, k->arena));
    FT_GOTO(err, ft_keep_commit(&k->object, &k->keep, ft_buf_str(&head), k->store, k->task.bucket,
                                k->task.key, k->ask.media_type));
    FT_GOTO(err, manifest_put(k, told->seconds));
    err = lineage_put(k);
done:
    ft_buf_fini(&head);
    ft_keep_end(&k->keep);
    return err;
}

static void note(speaking *k, ft_err err, ft_str why, const ft_speech_told *told, int64_t from_us) {
    ft_speech_record r = { .door = "task",
                           .id = k->task.id,
                           .voice = k->ask.who,
                           .style = k->ask.speak.style,
                           .format = k->ask.speak.format ? k->ask.speak.format->name : "json",
                           .rate_hz = k->ask.speak.rate_hz,
                           .chars = (size_t)k->task.chars,
                           .bytes = k->object.size_bytes,
                           .sound_s = told->seconds,
                           .first_ms = told->first_audio_s * 1000,
                           .took_ms = (double)(ft_clock_monotonic_us() - from_us) / 1000,
                           .outcome = err ? "failed" : "spoken",
                           .reason = why };
    if (!k->ask.who) return;
    memcpy(r.sound_sha256, k->object.sha256, sizeof r.sound_sha256);
    size_t len = k->task.text_sha256.len;
    memcpy(r.text_sha256, k->task.text_sha256.at, len < FT_SHA256_HEX ? len : FT_SHA256_HEX - 1);
    ft_speech_recorder_add(k->tasks->recorder, &r);
}

/* Until a task is added; after a failure for a while at most. */
static void rest(ft_speech_tasks *t, uint64_t *seen, bool failed) {
    ft_alarm_rest(&t->alarm, seen, failed ? AGAIN_US : FT_ALARM_EVER);
}

/* A row that cannot be written now, the disk being full, is written when it can. */
static ft_err row_end(speaking *k, const char *status, ft_str reason) {
    uint64_t seen = 0;
    for (;;) {
        ft_err err = ft_speech_task_end(k->store, k->task.seq, status, reason);
        if (err == FT_OK || atomic_load(&k->tasks->ending)) return err;
        ft_log_err(FT_LOG_WARN, "speech", err, "telling how a synthesis task ended");
        ft_err_clear();
        rest(k->tasks, &seen, true);
    }
}

static ft_err run(speaking *k) {
    ft_speech_told told = { 0 };
    int64_t from_us = ft_clock_monotonic_us();
    ft_str why = FT_STR("");
    ft_err err = ask_read(k);
    if (err == FT_OK) err = speak(k, &told);
    if (err == FT_ECANCELED) return err; /* it waits for the next server */
    if (err && ft_arena_str(&why, k->arena, ft_str_of(ft_err_why())) != FT_OK)
        why = ft_str_of(ft_err_text(err));
    if (err) ft_log_err(FT_LOG_WARN, "speech", err, "a synthesis task failed");
    ft_err_clear();
    note(k, err, why, &told, from_us);
    return row_end(k, err ? "failed" : "completed", why);
}

/* One task; FT_ENOTFOUND: none waits. */
static ft_err run_next(ft_speech_tasks *t, ft_store *s) {
    ft_arena arena = FT_ARENA_INIT(0);
    speaking k = { .tasks = t, .store = s, .arena = &arena };
    ft_err err = ft_speech_task_take(&k.task, s, &arena);
    if (err == FT_OK) err = run(&k);
    ft_arena_fini(&arena);
    return err;
}

static void *thread_main(void *arg) {
    ft_speech_tasks *t = arg;
    ft_store *store;
    uint64_t seen = 0;
    setpriority(PRIO_PROCESS, 0, NICE); /* of this thread */
    ft_err err = ft_store_open(&store, t->home);
    if (err) {
        ft_log_err(FT_LOG_ERROR, "speech", err, "synthesis tasks cannot be spoken");
        return NULL;
    }
    while (!atomic_load(&t->ending)) {
        err = run_next(t, store);
        if (err == FT_OK) continue;
        bool failed = err != FT_ENOTFOUND && err != FT_ECANCELED;
        if (failed) ft_log_err(FT_LOG_WARN, "speech", err, "a synthesis task");
        ft_err_clear();
        rest(t, &seen, failed);
    }
    ft_store_close(store);
    return NULL;
}

/* With the first task. With the lock. */
static void threads_start(ft_speech_tasks *t) {
    sigset_t every, before;
    if (t->count || atomic_load(&t->ending)) return;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    while (t->count < FT_SPEECH_TASK_THREADS &&
           pthread_create(&t->threads[t->count], NULL, thread_main, t) == 0)
        t->count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!t->count) ft_log(FT_LOG_ERROR, "speech", "no thread for synthesis tasks: they wait");
}

ft_err ft_speech_tasks_new(ft_speech_tasks **out, ft_store *s, const char *home,
                           ft_speech_recorder *recorder) {
    ft_speech_tasks *t = ft_fault_here() ? NULL : calloc(1, sizeof *t);
    *out = NULL;
    if (!t) return FT_FAIL(FT_ENOMEM, "no memory for a server");
    t->home = home;
    t->recorder = recorder;
    pthread_mutex_init(&t->lock, NULL);
    ft_alarm_init(&t->alarm);
    ft_err err = ft_speech_tasks_prepare(s);
    int64_t waiting = 0;
    if (err == FT_OK) err = ft_speech_tasks_again(&waiting, s);
    if (err) {
        ft_speech_tasks_free(t);
        return err;
    }
    if (waiting) ft_speech_tasks_wake(t);
    *out = t;
    return FT_OK;
}

void ft_speech_tasks_wake(ft_speech_tasks *t) {
    pthread_mutex_lock(&t->lock);
    threads_start(t);
    pthread_mutex_unlock(&t->lock);
    ft_alarm_poke(&t->alarm);
}

void ft_speech_tasks_free(ft_speech_tasks *t) {
    if (!t) return;
    atomic_store(&t->ending, true);
    ft_speech_tasks_wake(t);
    for (int i = 0; i < t->count; i++) pthread_join(t->threads[i], NULL);
    ft_alarm_fini(&t->alarm);
    pthread_mutex_destroy(&t->lock);
    free(t);
}
