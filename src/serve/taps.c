/* taps.c -- see taps.h. */
#include "serve/taps.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/log.h"
#include "store/store.h"
#include "trials/regex.h"
#include "trials/trial.h"

#define WARN_EVERY_US (10 * FT_SECOND_US)
#define STEP_BYTES    ((size_t)4 << 30)
#define MOMENT_US     200
#define FORGET_MAX    8 /* steps that one step takes away at most: after a smaller bound was set */

typedef struct waiting {
    struct waiting *next;
    ft_str type, bytes, event; /* behind it in memory */
    size_t size;
} waiting;

struct ft_taps {
    atomic_int holders;
    atomic_uint_fast64_t offered, recorded, lost, failed;
    char *home;
    ft_arena arena; /* the texts */
    ft_str endpoint, uri, regex;
    uint64_t interval;
    ft_taps_model model;
    ft_tap tap;
    pthread_t thread;
    sem_t something;                 /* one for each request that waits, one for the end */
    _Atomic(waiting *) offered_last; /* the newest first */
    atomic_size_t count, bytes;      /* that wait */
    atomic_bool ending;
    /* the thread's own */
    waiting *first; /* the oldest first */
    ft_collection collection;
    ft_matcher *matcher;
    ft_trial_writer *trial;
    int64_t step, oldest; /* the next one; the first that is there */
    int64_t keep_bytes;
    int64_t warned_us;
    int64_t patience_us; /* left for this step */
    int processors;
};

/* ---- giving way */

static atomic_int answering; /* requests, in the process */

void ft_taps_answering(void) { atomic_fetch_add_explicit(&answering, 1, memory_order_relaxed); }
void ft_taps_answered(void) { atomic_fetch_sub_explicit(&answering, 1, memory_order_relaxed); }

static void give_way(void *self) {
    ft_taps *t = self;
    static const struct timespec moment = { .tv_nsec = MOMENT_US * 1000 };
    for (; t->patience_us > 0; t->patience_us -= MOMENT_US) {
        if (2 * atomic_load_explicit(&answering, memory_order_relaxed) < t->processors) return;
        nanosleep(&moment, NULL);
    }
}

/* ---- the tap that the model shows its tensors to */

static bool wants(void *self, const char *name, int64_t step) {
    ft_taps *t = self;
    bool has = false;
    FT_UNUSED(step);
    give_way(t);
    if (ft_matcher_has(&has, t->matcher, ft_str_of(name)) != FT_OK) ft_err_clear();
    return has;
}

static ft_err step_nothing(void *self, int64_t step) {
    FT_UNUSED(self);
    FT_UNUSED(step);
    return FT_OK;
}

static ft_err array(void *self, const char *name, const ft_array *value) {
    ft_taps *t = self;
    return ft_trial_add(t->trial, ft_str_of(name), value);
}

static ft_err scalar(void *self, const char *name, double value) {
    ft_array a = { .dtype = FT_F64, .data = &value };
    return array(self, name, &a);
}

static const ft_tap_ops tap_ops = {
    .wants = wants, .begin = step_nothing, .end = step_nothing, .array = array, .scalar = scalar
};

/* ---- the queue
 *
 * Without a lock: the thread that takes runs only where nothing else would, and whoever held a lock
 * with it would wait as long as the machine is busy. */

/* Room for one more; false when the queue is full. */
static bool reserve(ft_taps *t, size_t size) {
    size_t count = atomic_fetch_add(&t->count, 1), bytes = atomic_fetch_add(&t->bytes, size);
    if (count < FT_TAPS_WAITING_MAX && bytes + size <= FT_TAPS_BYTES_MAX) return true;
    atomic_fetch_sub(&t->count, 1);
    atomic_fetch_sub(&t->bytes, size);
    return false;
}

static waiting *copied(const ft_payload *in, ft_str event_id, size_t size) {
    waiting *w = malloc(sizeof *w + size);
    if (!w) return NULL;
    char *at = (char *)(w + 1);
    *w = (waiting){ .size = size };
    ft_str from[] = { in->content_type, in->bytes, event_id };
    ft_str *to[] = { &w->type, &w->bytes, &w->event };
    for (int i = 0; i < 3; i++) {
        if (from[i].len) memcpy(at, from[i].at, from[i].len);
        *to[i] = ft_str_n(at, from[i].len);
        at += from[i].len;
    }
    return w;
}

void ft_taps_offer(ft_taps *t, const ft_payload *in, ft_str event_id) {
    if (atomic_fetch_add_explicit(&t->offered, 1, memory_order_relaxed) % t->interval != 0) return;
    size_t size = in->content_type.len + in->bytes.len + event_id.len;
    bool fits = reserve(t, size);
    waiting *w = fits ? copied(in, event_id, size) : NULL;
    if (w) {
        w->next = atomic_load(&t->offered_last);
        while (!atomic_compare_exchange_weak(&t->offered_last, &w->next, w)) continue;
        sem_post(&t->something);
        return;
    }
    if (fits) {
        atomic_fetch_sub(&t->count, 1);
        atomic_fetch_sub(&t->bytes, size);
    }
    atomic_fetch_add_explicit(&t->lost, 1, memory_order_relaxed);
}

/* The next request; NULL at the end. What still waits then is let go. */
static waiting *take(ft_taps *t) {
    while (sem_wait(&t->something) != 0) continue; /* a signal */
    if (atomic_load(&t->ending)) return NULL;
    if (!t->first) {
        waiting *w = atomic_exchange(&t->offered_last, NULL);
        for (waiting *next; w; w = next) {
            next = w->next;
            w->next = t->first;
            t->first = w;
        }
    }
    waiting *w = t->first;
    t->first = w->next;
    atomic_fetch_sub(&t->count, 1);
    atomic_fetch_sub(&t->bytes, w->size);
    return w;
}

/* ---- the thread */

/* Go on where an earlier server or version stopped. */
static ft_err step_find(ft_taps *t, ft_store *s) {
    ft_trial *before = NULL;
    size_t count;
    ft_err err = ft_trial_open(&before, s, t->uri);
    if (err == FT_ENOTFOUND) {
        ft_err_clear();
        return FT_OK;
    }
    if (err == FT_OK) err = ft_trial_refresh(before, NULL);
    if (err == FT_OK) {
        const int64_t *steps = ft_trial_steps(before, &count);
        if (count) t->step = steps[count - 1] + 1, t->oldest = steps[0];
    }
    ft_trial_close(before);
    return err;
}

static ft_err outputs_open(ft_taps *t, ft_store *s) {
    if (!t->matcher) FT_TRY(ft_matcher_new(&t->matcher, &t->collection));
    bool whole = false;
    if (t->trial) FT_TRY(ft_trial_whole(&whole, t->trial));
    if (whole) return FT_OK;
    ft_trial_writer_free(t->trial); /* somebody took the trial away */
    t->trial = NULL;
    t->oldest = t->step;
    FT_TRY(step_find(t, s));
    return ft_trial_write(&t->trial, s, t->uri, &t->collection, 1, NULL);
}

/* Steps of one expression are of one size. What cannot be taken away is tried again. */
static void forget(ft_taps *t) {
    int64_t each = (int64_t)ft_trial_written(t->trial);
    int64_t keep = each > 0 && t->keep_bytes > each ? t->keep_bytes / each : 1;
    ft_err err = FT_OK;
    for (int i = 0; i < FORGET_MAX && t->step - t->oldest > keep && err == FT_OK; i++) {
        err = ft_trial_forget(t->trial, t->oldest);
        if (err == FT_OK) t->oldest++;
    }
    if (err != FT_OK) ft_log_err(FT_LOG_WARN, "serve", err, "old tensors were not removed");
    ft_err_clear();
}

static ft_err record(ft_taps *t, ft_store *s, const waiting *w, ft_arena *arena) {
    ft_payload in = { w->type, w->bytes }, out = { 0 };
    FT_TRY(outputs_open(t, s));
    FT_TRY(ft_trial_begin(t->trial, t->step, FT_MODE_PREDICT, t->step, ft_clock_now_us()));
    FT_TRY(
        t->model.model->predictor->predict(t->model.model, &out, &in, FT_STR(""), &t->tap, arena));
    if (w->event.len) FT_TRY(ft_trial_add_text(t->trial, FT_STR("event_id"), &w->event, 1));
    FT_TRY(ft_trial_end(t->trial));
    t->step++;
    return FT_OK;
}

static void warn(ft_taps *t, ft_err err) {
    int64_t now = ft_clock_monotonic_us();
    atomic_fetch_add(&t->failed, 1);
    if (!t->warned_us || now - t->warned_us > WARN_EVERY_US)
        ft_log_err(FT_LOG_WARN, "serve", err, "the tensors of a request were not kept");
    if (!t->warned_us || now - t->warned_us > WARN_EVERY_US) t->warned_us = now;
    ft_err_clear();
}

/* The thread gives way to those that answer, at once: a processor that runs nothing but idle work
 * counts as free when a thread wakes up. A machine that is busy for long then loses steps. */
static void behind(void) {
    struct sched_param none = { 0 };
    pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
}

static void *thread_main(void *self) {
    ft_taps *t = self;
    ft_store *s = NULL;
    ft_arena arena = FT_ARENA_INIT(STEP_BYTES);
    behind();
    ft_fd_pieces(give_way, t);
    for (waiting *w; (w = take(t)) != NULL; free(w)) {
        ft_err err = s ? FT_OK : ft_store_open(&s, t->home);
        ft_arena_reset(&arena);
        t->patience_us = FT_TAPS_PATIENCE_US;
        if (err == FT_OK) err = record(t, s, w, &arena);
        if (err == FT_OK) {
            forget(t);
            atomic_fetch_add(&t->recorded, 1);
        } else {
            warn(t, err);
        }
    }
    ft_arena_fini(&arena);
    ft_trial_writer_free(t->trial);
    ft_matcher_free(t->matcher);
    ft_store_close(s);
    return NULL;
}

/* ---- life */

ft_err ft_taps_uri(ft_str *out, ft_arena *arena, const ft_endpoint *ep) {
    if (ep->tap_uri.len) return ft_arena_str(out, arena, ep->tap_uri);
    return ft_arena_printf(out, arena, FT_TAPS_URI "/%.*s", FT_STR_ARG(ep->name));
}

ft_err ft_taps_check(const ft_endpoint *ep) {
    ft_regex *re;
    if (!ep->tap_regex.len) return FT_OK;
    FT_TRY(ft_regex_new(&re, ep->tap_regex));
    ft_regex_free(re);
    if (ep->tap_interval < 1)
        return FT_FAIL(FT_EINVAL, "taps at every %d requests: expected 1 or more",
                       ep->tap_interval);
    if (!ep->tap_uri.len || ft_str_starts(ep->tap_uri, FT_STR("s3://")) || ep->tap_uri.at[0] == '/')
        return FT_OK;
    return FT_FAIL(FT_EINVAL, "tensors to '%.*s': expected s3://bucket/prefix or a folder from /",
                   FT_STR_ARG(ep->tap_uri));
}

static int64_t keep_bytes(void) {
    const char *text = getenv("FETTLE_TAP_KEEP_MB");
    int64_t mb;
    if (!text || !ft_str_i64(&mb, ft_str_of(text)) || mb < 1 || mb > INT64_MAX >> 20)
        mb = FT_TAPS_KEEP_MB;
    return mb << 20;
}

static ft_err texts_keep(ft_taps *t, const char *home, const ft_endpoint *ep) {
    FT_TRY(ft_arena_str(&t->endpoint, &t->arena, ep->name));
    FT_TRY(ft_arena_str(&t->regex, &t->arena, ep->tap_regex));
    FT_TRY(ft_taps_uri(&t->uri, &t->arena, ep));
    t->home = strdup(home);
    if (!t->home) return FT_FAIL(FT_ENOMEM, "no memory for an endpoint's taps");
    t->collection = (ft_collection){ .name = FT_STR("default"),
                                     .include = &t->regex,
                                     .include_count = 1,
                                     .save = { .interval = 1 } };
    return FT_OK;
}

static void waiting_free(waiting *w) {
    for (waiting *next; w; w = next) {
        next = w->next;
        free(w);
    }
}

static void taps_free(ft_taps *t) {
    waiting_free(t->first);
    waiting_free(atomic_load(&t->offered_last));
    sem_destroy(&t->something);
    ft_arena_fini(&t->arena);
    t->model.release(t->model.held);
    free(t->home);
    free(t);
}

ft_err ft_taps_new(ft_taps **out, const char *home, const ft_endpoint *ep,
                   const ft_taps_model *model) {
    *out = NULL;
    ft_taps *t = ft_fault_here() ? NULL : calloc(1, sizeof *t);
    if (!t) {
        model->release(model->held);
        return FT_FAIL(FT_ENOMEM, "no memory for an endpoint's taps");
    }
    t->model = *model;
    t->keep_bytes = keep_bytes();
    t->processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
    t->interval = (uint64_t)(ep->tap_interval > 0 ? ep->tap_interval : 1);
    t->tap = (ft_tap){ .ops = &tap_ops, .self = t, .serial = ft_tap_serial() };
    atomic_store(&t->holders, 1);
    sem_init(&t->something, 0, 0);
    ft_err err = texts_keep(t, home, ep);
    if (err == FT_OK && pthread_create(&t->thread, NULL, thread_main, t) != 0)
        err = FT_FAIL(FT_ENOMEM, "no thread for the taps of endpoint '%.*s'", FT_STR_ARG(ep->name));
    if (err == FT_OK)
        *out = t;
    else
        taps_free(t);
    return err;
}

ft_taps *ft_taps_hold(ft_taps *t) {
    if (t) atomic_fetch_add(&t->holders, 1);
    return t;
}

void ft_taps_release(ft_taps *t) {
    if (!t || atomic_fetch_sub(&t->holders, 1) != 1) return;
    atomic_store(&t->ending, true);
    sem_post(&t->something);
    pthread_join(t->thread, NULL);
    taps_free(t);
}

ft_taps_told ft_taps_tell(ft_taps *t) {
    return (ft_taps_told){ .recorded = (int64_t)atomic_load(&t->recorded),
                           .lost = (int64_t)atomic_load(&t->lost),
                           .failed = (int64_t)atomic_load(&t->failed),
                           .waiting = (int64_t)atomic_load(&t->count) };
}
