/* chores.c -- what the server does beside the requests, in a thread of its own: streams and jobs
 * whose process died are put in order, old records go (streams/keep.h), actions that stored
 * verdicts still ask for are done, schedules run. Alerts leave by a thread of their own
 * (watch/courier.h): a slow receiver delays none of this. */
#include <pthread.h>
#include <stdlib.h>

#include "base/alarm.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "jobs/job.h"
#include "monitor/schedule.h"
#include "serve/serve_in.h"
#include "streams/keep.h"
#include "streams/stream.h"

#define WAKE_US    (FT_SECOND_US / 4)
#define JOBS_US    (2 * FT_SECOND_US)
#define STREAMS_US (30 * FT_SECOND_US)
#define AGE_US     (600 * FT_SECOND_US)

struct ft_chores {
    pthread_t thread;
    ft_alarm alarm;
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

static void streams_age(struct ft_chores *c) {
    int removed = 0;
    handled(ft_streams_age(c->store, ft_clock_now_us(), &removed), "taking old records away");
    if (removed)
        ft_log(FT_LOG_INFO, "serve", "%d stream segments are older than they are kept", removed);
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
        if (ft_subject_is(NULL, FT_SUBJECT_ENDPOINT, subjects[i]))
            err =
                ft_watch_settle(c->store, subjects[i], c->hooks, FT_WATCH_IN_PROGRESS, FT_STR(""));
    handled(err, "doing what verdicts ask for");
    ft_arena_fini(&arena);
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

static void *main_loop(void *arg) {
    struct ft_chores *c = arg;
    chore chores[] = { { streams_recover, STREAMS_US, 0 },
                       { streams_age, AGE_US, 0 },
                       { jobs_recover, JOBS_US, 0 },
                       { schedules_run, WAKE_US, 0 },
                       { more_run, WAKE_US, 0 } };
    bool first = true;
    uint64_t seen = 0;
    actions_recover(c);
    do {
        int64_t now_us = ft_clock_monotonic_us();
        for (size_t i = 0; i < sizeof chores / sizeof *chores; i++) {
            if (!first && now_us - chores[i].last_us < chores[i].every_us) continue;
            chores[i].last_us = now_us;
            chores[i].run(c);
        }
        first = false;
    } while (ft_alarm_rest(&c->alarm, &seen, WAKE_US));
    if (c->more_end) c->more_end();
    return NULL;
}

static void chores_free(struct ft_chores *c) {
    ft_alarm_fini(&c->alarm);
    ft_store_close(c->store);
    free(c);
}

ft_err ft_chores_start(struct ft_chores **out, const char *home, const ft_serve_opts *opts) {
    ft_err err;
    *out = NULL;
    struct ft_chores *c = ft_fault_here() ? NULL : calloc(1, sizeof *c);
    if (!c) return FT_FAIL(FT_ENOMEM, "no memory for the server's chores");
    c->hooks = opts->hooks;
    c->more = opts->chore;
    c->more_end = opts->chore_end;
    ft_alarm_init(&c->alarm);
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
    ft_alarm_end(&c->alarm);
    pthread_join(c->thread, NULL);
    chores_free(c);
}
