/* chores.c -- what the server does beside the requests, in a thread of its own so that a slow
 * receiver of alerts delays nothing: alerts leave the outbox, streams and jobs whose process died
 * are put in order, and actions that stored verdicts still ask for are done. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "jobs/job.h"
#include "monitor/schedule.h"
#include "serve/serve_in.h"
#include "streams/stream.h"
#include "watch/outbox.h"

#define WAKE_US    (FT_SECOND_US / 4)
#define OUTBOX_US  FT_SECOND_US /* a new alert is looked for at least so often */
#define JOBS_US    (2 * FT_SECOND_US)
#define STREAMS_US (30 * FT_SECOND_US)

struct ft_chores {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    const ft_watch_hooks *hooks;
    ft_err (*more)(ft_store *s);
    void (*more_end)(void);
    ft_store *store;
};

static void handled(ft_err err, const char *what) {
    if (err) ft_log_err(FT_LOG_WARN, "serve", err, what);
    ft_err_clear();
}

static void streams_recover(struct ft_chores *c) {
    int sealed = 0;
    handled(ft_streams_recover(c->store, &sealed), "recovering streams");
    if (sealed)
        ft_log(FT_LOG_INFO, "serve", "%d stream segments of ended processes sealed", sealed);
}

static void jobs_recover(struct ft_chores *c) {
    int failed = 0;
    handled(ft_jobs_recover(c->store, &failed), "recovering jobs");
    if (failed) ft_log(FT_LOG_WARN, "serve", "%d jobs had lost their process", failed);
}

/* What verdicts on endpoints asked for when their monitor run was killed. Once: a run that goes on
 * does its own. */
static void actions_recover(struct ft_chores *c) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str *subjects;
    size_t count;
    ft_err err = ft_watch_unsettled(&subjects, &count, c->store, &arena);
    for (size_t i = 0; i < count && err == FT_OK; i++)
        if (ft_str_starts(subjects[i], FT_STR("endpoint/")))
            err =
                ft_watch_settle(c->store, subjects[i], c->hooks, FT_WATCH_IN_PROGRESS, FT_STR(""));
    handled(err, "doing what verdicts ask for");
    ft_arena_fini(&arena);
}

static void outbox_run(struct ft_chores *c) {
    int sent = 0, left = 0;
    handled(ft_outbox_run(c->store, &sent, &left), "sending alerts");
    if (sent) ft_log(FT_LOG_INFO, "serve", "%d alerts delivered, %d waiting", sent, left);
}

static void schedules_run(struct ft_chores *c) {
    handled(ft_schedules_run(c->store, c->hooks), "monitoring schedules");
}

static void more_run(struct ft_chores *c) {
    if (c->more) handled(c->more(c->store), "a chore of the front door");
}

/* One row a chore: how often, and when it was done last. */
typedef struct chore {
    void (*run)(struct ft_chores *c);
    int64_t every_us, last_us;
} chore;

/* Sleep until the next look, or until told to stop. */
static bool rest(struct ft_chores *c) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + WAKE_US * 1000;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&c->lock);
    while (!c->stop && pthread_cond_timedwait(&c->wake, &c->lock, &until) == 0) {
    }
    bool stop = c->stop;
    pthread_mutex_unlock(&c->lock);
    return !stop;
}

static void *main_loop(void *arg) {
    struct ft_chores *c = arg;
    chore chores[] = { { streams_recover, STREAMS_US, 0 },
                       { jobs_recover, JOBS_US, 0 },
                       { outbox_run, OUTBOX_US, 0 },
                       { schedules_run, WAKE_US, 0 },
                       { more_run, WAKE_US, 0 } };
    bool first = true;
    actions_recover(c);
    do {
        int64_t now_us = ft_clock_monotonic_us();
        for (size_t i = 0; i < sizeof chores / sizeof *chores; i++) {
            if (!first && now_us - chores[i].last_us < chores[i].every_us) continue;
            chores[i].last_us = now_us;
            chores[i].run(c);
        }
        first = false;
    } while (rest(c));
    if (c->more_end) c->more_end();
    return NULL;
}

static void chores_free(struct ft_chores *c) {
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    ft_store_close(c->store);
    free(c);
}

ft_err ft_chores_start(struct ft_chores **out, const char *home, const ft_serve_opts *opts) {
    pthread_condattr_t attr;
    ft_err err;
    *out = NULL;
    struct ft_chores *c = ft_fault_here() ? NULL : calloc(1, sizeof *c);
    if (!c) return FT_FAIL(FT_ENOMEM, "no memory for the server's chores");
    c->hooks = opts->hooks;
    c->more = opts->chore;
    c->more_end = opts->chore_end;
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c->wake, &attr);
    pthread_condattr_destroy(&attr);
    FT_GOTO(err, ft_store_open(&c->store, home));
    if (ft_fault_here() || pthread_create(&c->thread, NULL, main_loop, c))
        err = FT_FAIL(FT_EFULL, "no thread for the server's chores");
done:
    if (err)
        chores_free(c);
    else
        *out = c;
    return err;
}

void ft_chores_stop(struct ft_chores *c) {
    if (!c) return;
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    chores_free(c);
}
