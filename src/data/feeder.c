/* feeder.c -- see feeder.h. A writer's lines: "begun EPOCH BYTES", "whole EPOCH BYTES", "early
 * EPOCH BYTES", "failed SENTENCE", and when it is asked "here QUESTION". */
#include "data/feeder.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/proc.h"

#define CHECK_US      (30 * FT_SECOND_US)
#define ASK_SIGNAL    SIGURG /* ignored by who does not know it yet */
#define LOOK_US       (FT_SECOND_US / 20)
#define SENTENCE_MAX  400
#define PROGRAM_BYTES 4096

typedef struct writer {
    struct writer *next;
    ft_feeder *feeder;
    const char *program, *folder;
    ft_str channel, json;
    pthread_t thread;
    /* Under the feeder's lock: */
    bool started, reading, ended; /* reading: an epoch has begun and its end was not told */
    uint64_t epoch;               /* that is being read, or waits to be */
    uint64_t heard;               /* the question that it answered last */
    pid_t pid;
    ft_err err, start_err;
    char why[SENTENCE_MAX];
} writer;

struct ft_feeder {
    ft_arena arena;
    writer *writers;
    const char *home_env; /* "FETTLE_HOME=…"; NULL: ours */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t questions; /* of ft_feeder_check */
    bool ending;
};

/* ---- a writer's thread */

static void fail(writer *w, ft_err err, ft_str why) {
    if (w->err) return; /* the first reason is the reason */
    w->err = err;
    snprintf(w->why, sizeof w->why, "%.*s", FT_STR_ARG(ft_str_slice(why, 0, SENTENCE_MAX - 1)));
}

static void on_line(void *ctx, ft_str line) {
    writer *w = ctx;
    ft_str rest = line, word = ft_str_cut(&rest, ' '), number = rest;
    uint64_t epoch = w->epoch;
    pthread_mutex_lock(&w->feeder->lock);
    ft_str_u64(&epoch, ft_str_cut(&number, ' '));
    if (ft_str_is(word, "begun")) w->reading = true, w->epoch = epoch;
    if (ft_str_is(word, "whole") || ft_str_is(word, "early"))
        w->reading = false, w->epoch = epoch + 1;
    if (ft_str_is(word, "here")) w->heard = epoch;
    if (ft_str_is(word, "failed")) w->reading = false, fail(w, FT_EPEER, rest);
    pthread_cond_broadcast(&w->feeder->changed);
    pthread_mutex_unlock(&w->feeder->lock);
}

/* Who waits in open() for a writer that is no more sees an end. */
static void reader_release(const writer *w) {
    ft_arena arena = FT_ARENA_INIT(0);
    const char *path = NULL;
    if (ft_pipe_path(&path, &arena, w->folder, w->channel, w->epoch) == FT_OK) {
        int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0) close(fd);
    }
    ft_arena_fini(&arena);
}

static void exit_note(writer *w, ft_proc *p) {
    ft_proc_end end = ft_proc_result(p);
    pthread_mutex_lock(&w->feeder->lock);
    if (end.exit_code != 0 || w->reading) fail(w, FT_EPEER, ft_str_of(ft_proc_end_text(&end)));
    w->ended = true;
    w->reading = false;
    pthread_cond_broadcast(&w->feeder->changed);
    pthread_mutex_unlock(&w->feeder->lock);
}

static void start_note(writer *w, ft_err err, pid_t pid) {
    pthread_mutex_lock(&w->feeder->lock);
    w->started = true;
    w->start_err = err;
    w->pid = pid;
    if (err != FT_OK) fail(w, err, ft_str_of(ft_err_why())), w->ended = true;
    pthread_cond_broadcast(&w->feeder->changed);
    pthread_mutex_unlock(&w->feeder->lock);
}

static ft_err process_start(ft_proc **out, ft_supervisor *sup, writer *w) {
    const char *argv[] = { w->program, "run-pipe", w->folder, w->channel.at, w->json.at, NULL };
    const char *env[] = { w->feeder->home_env, NULL };
    ft_proc_spec spec = { .name = "pipe writer",
                          .argv = argv,
                          .env = env,
                          .on_line = on_line,
                          .ctx = w,
                          .grace_us = FT_SECOND_US / 10,
                          .die_with_parent = true };
    return ft_proc_start(out, sup, &spec);
}

static bool ending(writer *w) {
    pthread_mutex_lock(&w->feeder->lock);
    bool yes = w->feeder->ending;
    pthread_mutex_unlock(&w->feeder->lock);
    return yes;
}

static void *watch(void *ctx) {
    writer *w = ctx;
    ft_supervisor *sup = NULL;
    ft_proc *p = NULL;
    ft_err err = ft_supervisor_new(&sup);
    if (err == FT_OK) err = process_start(&p, sup, w);
    start_note(w, err, p ? ft_proc_pid(p) : 0);
    for (bool noted = false; err == FT_OK && !ending(w);) {
        err = ft_supervisor_poll(sup, LOOK_US);
        if (ft_proc_result(p).ended && !noted) exit_note(w, p), noted = true;
        if (noted && w->err) reader_release(w);
        if (noted) ft_clock_sleep_us(LOOK_US);
    }
    ft_supervisor_free(sup);
    return NULL;
}

/* ---- life */

ft_err ft_feeder_new(ft_feeder **out, const char *home) {
    ft_str env;
    *out = NULL;
    ft_feeder *f = ft_fault_here() ? NULL : calloc(1, sizeof *f);
    if (!f) return FT_FAIL(FT_ENOMEM, "no memory for the writers of pipes");
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    ft_err err = home ? ft_arena_printf(&env, &f->arena, "FETTLE_HOME=%s", home) : FT_OK;
    if (err != FT_OK) {
        ft_feeder_free(f);
        return err;
    }
    if (home) f->home_env = env.at;
    *out = f;
    return FT_OK;
}

void ft_feeder_free(ft_feeder *f) {
    if (!f) return;
    pthread_mutex_lock(&f->lock);
    f->ending = true;
    pthread_mutex_unlock(&f->lock);
    for (writer *w = f->writers; w; w = w->next) pthread_join(w->thread, NULL);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    ft_arena_fini(&f->arena);
    free(f);
}

static ft_err program_path(const char **out, ft_arena *arena) {
    char program[PROGRAM_BYTES];
    ft_str kept;
    const char *other = getenv("FETTLE_PROGRAM");
    if (!other || !*other) {
        FT_TRY(ft_self_path(program, sizeof program));
        other = program;
    }
    FT_TRY(ft_arena_str(&kept, arena, ft_str_of(other)));
    *out = kept.at;
    return FT_OK;
}

static ft_err json_of(ft_str *out, ft_arena *arena, const ft_channel_source *c) {
    ft_buf buf = { 0 };
    ft_err err = ft_channel_source_write(&buf, c);
    if (err == FT_OK) err = ft_arena_str(out, arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

static ft_err judge(const writer *w) {
    if (!w->err) return FT_OK;
    return FT_FAIL(w->err, "channel '%.*s': its pipe was not written to its end: %s",
                   FT_STR_ARG(w->channel), w->why);
}

static ft_err writer_start(ft_feeder *f, writer *w) {
    if (ft_fault_here() || pthread_create(&w->thread, NULL, watch, w) != 0)
        return FT_FAIL(FT_ENOMEM, "no thread for the writer of a pipe");
    pthread_mutex_lock(&f->lock);
    w->next = f->writers;
    f->writers = w;
    while (!w->started) pthread_cond_wait(&f->changed, &f->lock);
    ft_err err = w->start_err ? judge(w) : FT_OK; /* what it says itself comes by the check */
    pthread_mutex_unlock(&f->lock);
    return err;
}

ft_err ft_feeder_start(ft_feeder *f, const char *folder, ft_str channel,
                       const ft_channel_source *c) {
    writer *w;
    ft_str kept;
    FT_TRY(ft_channel_source_check(c));
    FT_TRY(ft_pipe_make(folder, channel));
    FT_TRY(ft_arena_take(&w, &f->arena, sizeof *w));
    w->feeder = f;
    FT_TRY(program_path(&w->program, &f->arena));
    FT_TRY(ft_arena_str(&w->channel, &f->arena, channel));
    FT_TRY(ft_arena_str(&kept, &f->arena, ft_str_of(folder)));
    w->folder = kept.at;
    FT_TRY(json_of(&w->json, &f->arena, c));
    return writer_start(f, w);
}

/* ---- hearing */

ft_err ft_feeder_poll(ft_feeder *f) {
    ft_err err = FT_OK;
    if (!f) return FT_OK;
    pthread_mutex_lock(&f->lock);
    for (const writer *w = f->writers; w && err == FT_OK; w = w->next) err = judge(w);
    pthread_mutex_unlock(&f->lock);
    return err;
}

static bool settled(const ft_feeder *f) {
    for (const writer *w = f->writers; w; w = w->next)
        if (!w->ended && (w->reading || w->heard < f->questions)) return false;
    return true;
}

static void ask(const ft_feeder *f) {
    for (const writer *w = f->writers; w; w = w->next)
        if (!w->ended && w->heard < f->questions)
            sigqueue(w->pid, ASK_SIGNAL, (union sigval){ .sival_int = (int)f->questions });
}

/* A reader that has seen an end cannot know whether the writer has closed its FIFO or died. So each
 * writer is asked after it: who answers was alive then, and what it told before stands before the
 * answer; who died is seen to have ended. */
ft_err ft_feeder_check(ft_feeder *f) {
    int64_t until_us = ft_clock_monotonic_us() + CHECK_US;
    if (!f) return FT_OK;
    pthread_mutex_lock(&f->lock);
    f->questions++;
    while (!settled(f) && ft_clock_monotonic_us() < until_us) {
        struct timespec look;
        ask(f); /* again: it may not have been ready to hear */
        clock_gettime(CLOCK_REALTIME, &look);
        look.tv_nsec += LOOK_US * 1000;
        look.tv_sec += look.tv_nsec / 1000000000, look.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&f->changed, &f->lock, &look);
    }
    bool good = settled(f);
    pthread_mutex_unlock(&f->lock);
    if (!good) return FT_FAIL(FT_ETIMEOUT, "a pipe is still being read though its reader is done");
    return ft_feeder_poll(f);
}

/* ---- the writer's process */

static void (*tell_line)(const char *line); /* one writer a process */

static void told(void *ctx, ft_pipe_event event, uint64_t epoch, uint64_t bytes) {
    static const char *const words[] = { "begun", "whole", "early" };
    char line[SENTENCE_MAX + 16];
    FT_UNUSED(ctx);
    if (event == FT_PIPE_FAILED)
        snprintf(line, sizeof line, "failed %.*s", SENTENCE_MAX, ft_err_why());
    else
        snprintf(line, sizeof line, "%s %llu %llu", words[event], (unsigned long long)epoch,
                 (unsigned long long)bytes);
    tell_line(line);
}

/* "here QUESTION", by what a handler may call. */
static void answer(int signal_number, siginfo_t *info, void *context) {
    char line[32], *at = line + sizeof line;
    unsigned number = (unsigned)info->si_value.sival_int;
    FT_UNUSED(signal_number);
    FT_UNUSED(context);
    *--at = '\n';
    do *--at = (char)('0' + number % 10);
    while (number /= 10);
    at -= 5;
    memcpy(at, "here ", 5);
    if (write(STDOUT_FILENO, at, (size_t)(line + sizeof line - at)) < 0)
        return; /* nobody listens */
}

ft_err ft_feeder_write(const char *folder, ft_str channel, ft_str channel_json,
                       void (*tell)(const char *line)) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_channel_source c;
    tell_line = tell;
    sigaction(ASK_SIGNAL,
              &(struct sigaction){ .sa_sigaction = answer, .sa_flags = SA_SIGINFO | SA_RESTART },
              NULL);
    ft_err err = ft_channel_source_read(&c, &arena, channel_json);
    if (err == FT_OK) err = ft_pipe_write(folder, channel, &c, &(ft_pipe_opts){ .told = told });
    ft_arena_fini(&arena);
    return err;
}
