/* program_keep.c -- the thread that keeps a model's program running: starts it, asks whether it is
 * well, starts it again when it dies, writes down what it prints. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/log.h"
#include "base/random.h"
#include "jobs/image.h"
#include "jobs/job.h"
#include "jobs/log.h"
#include "serve/program_in.h"
#include "store/store.h"

#define LOOK_US     (FT_SECOND_US / 50)
#define PING_US     (2 * FT_SECOND_US)   /* for one answer to /ping */
#define WELL_US     (10 * FT_SECOND_US)  /* between looks at one that answers */
#define SICK_US     (150 * FT_SECOND_US) /* without an answer to /ping: more than a request takes */
#define PORT_US     (FT_SECOND_US / 2)   /* between looks where it listens */
#define LOG_SYNC_US FT_SECOND_US
#define PATH_MAX_   4096
#define LINE_KEPT   300
#define FOLDERS     "endpoints"
#define PREFIX      "program-"

/* The running ones; how many threads there are. */
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_changed = PTHREAD_COND_INITIALIZER;
static ft_program_model *all;
static int all_count;
static bool all_ended;

typedef struct keeper {
    ft_program_model *m;
    ft_store *store;
    ft_stream_writer *log;
    ft_supervisor *sup;
    ft_proc *proc;
    pid_t pid; /* that answered last, or is being waited for */
    char program[PATH_MAX_], run[PATH_MAX_];
    char last[LINE_KEPT], sick[LINE_KEPT]; /* what it printed last; what /ping last said */
    int64_t start_us, well_us, next_us, port_us;
    bool told_end;
} keeper;

static void state_set(ft_program_model *m, ft_program_state state, const char *why) {
    pthread_mutex_lock(&m->lock);
    m->state = state;
    if (why) snprintf(m->why, sizeof m->why, "%s", why);
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
}

static bool is_stopped(ft_program_model *m) {
    pthread_mutex_lock(&m->lock);
    bool stop = m->stop;
    pthread_mutex_unlock(&m->lock);
    return stop;
}

/* ---- what it prints */

static void say(keeper *k, ft_str line) {
    ft_err err = k->log ? ft_job_log_line(k->log, line) : FT_OK;
    if (err == FT_OK) return;
    ft_log_err(FT_LOG_WARN, "serve", err, "a program's log ends here");
    ft_err_clear();
    if (ft_stream_close(k->log) != FT_OK) ft_err_clear();
    k->log = NULL;
}

static void on_line(void *ctx, ft_str line) {
    keeper *k = ctx;
    ft_str kept = ft_str_trim(line);
    if (kept.len)
        snprintf(k->last, sizeof k->last, "%.*s", FT_STR_ARG(ft_str_slice(kept, 0, LINE_KEPT - 1)));
    say(k, line);
}

static ft_err log_open(keeper *k) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str key;
    ft_err err = ft_store_open(&k->store, k->m->home);
    if (err == FT_OK)
        err = ft_subject(&key, &arena, FT_SUBJECT_ENDPOINT, ft_str_of(k->m->endpoint));
    if (err == FT_OK)
        err = ft_stream_write(&k->log, k->store, &ft_kind_log, key,
                              &(ft_stream_opts){ .sync_us = LOG_SYNC_US });
    ft_arena_fini(&arena);
    return err;
}

/* ---- its start */

/* One that is free now. */
static ft_err port_free(int *out) {
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    int fd = ft_fault_here() ? -1 : socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 &&
                getsockname(fd, (struct sockaddr *)&at, &len) == 0;
    ft_err err = good ? FT_OK : FT_FAIL_ERRNO("no port for the model's program");
    if (fd >= 0) close(fd);
    *out = ntohs(at.sin_port);
    return err;
}

static ft_err program_start(keeper *k) {
    const char *argv[] = { k->program, "run-model", k->run, NULL };
    int port;
    FT_TRY(ft_program_start_time(&k->start_us, &k->m->spec));
    k->start_us += ft_clock_monotonic_us();
    FT_TRY(port_free(&port));
    FT_TRY(ft_program_tree(k->m, port));
    FT_TRY(ft_job_program(k->program, sizeof k->program));
    if (snprintf(k->run, sizeof k->run, "%s/run.json", k->m->folder) >= (int)sizeof k->run)
        return FT_FAIL(FT_ETOOBIG, "the home's path is too long");
    pthread_mutex_lock(&k->m->lock);
    k->m->port = port;
    pthread_mutex_unlock(&k->m->lock);
    FT_TRY(ft_supervisor_new(&k->sup));
    ft_proc_spec spec = { .name = "a model's program",
                          .argv = argv,
                          .on_line = on_line,
                          .ctx = k,
                          .restart = FT_RESTART_ALWAYS,
                          .restart_max = INT32_MAX,
                          .die_with_parent = true };
    FT_TRY(ft_proc_start(&k->proc, k->sup, &spec));
    k->pid = ft_proc_pid(k->proc);
    return FT_OK;
}

/* ---- is it well? */

static void sick(keeper *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void sick(keeper *k, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(k->sick, sizeof k->sick, fmt, ap);
    va_end(ap);
}

static bool ping(keeper *k) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_fetched got = { 0 };
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/ping", k->m->port);
    ft_err err = ft_http_fetch(&got, &arena, &(ft_fetch){ .url = url, .timeout_us = PING_US });
    if (err == FT_ETIMEOUT)
        sick(k, "it was asked, and did not answer within 2 s");
    else if (err != FT_OK)
        sick(k, "nothing listens on its port");
    else if (got.status != 200)
        sick(k, "it answered %d", got.status);
    ft_err_clear();
    ft_arena_fini(&arena);
    return err == FT_OK && got.status == 200;
}

/* Programs that do not look at the port they are told: where else does it listen? */
static void port_look(keeper *k, int64_t now_us) {
    if (now_us < k->port_us) return;
    k->port_us = now_us + PORT_US;
    int port = ft_program_port_find(k->pid);
    if (!port || port == k->m->port || k->m->spec.run == FT_PROGRAM_IMAGE) return;
    pthread_mutex_lock(&k->m->lock);
    k->m->port = port;
    pthread_mutex_unlock(&k->m->lock);
}

static void failed(keeper *k, const char *what) {
    char why[FT_PROGRAM_WHY];
    snprintf(why, sizeof why, "%s%s%s", what, k->last[0] ? "; it printed last: " : "", k->last);
    say(k, ft_str_of(why));
    ft_log(FT_LOG_WARN, "serve", "endpoint %s: %s", k->m->endpoint, why);
    state_set(k->m, FT_PROGRAM_FAILED, why);
}

static void up(keeper *k, int64_t now_us) {
    bool again = k->well_us != 0;
    k->well_us = now_us;
    k->next_us = now_us + WELL_US;
    if (again) ft_log(FT_LOG_INFO, "serve", "endpoint %s: its program is up again", k->m->endpoint);
    state_set(k->m, FT_PROGRAM_READY, "");
}

/* Of the run that is over, while the next one waits. */
static const char *end_text(const keeper *k) {
    ft_proc_end end = ft_proc_result(k->proc);
    end.ended = true;
    end.restarts = 0;
    return ft_proc_end_text(&end);
}

static void look_starting(keeper *k, int64_t now_us) {
    char what[400];
    if (!ft_proc_pid(k->proc)) {
        snprintf(what, sizeof what, "the model's program ended before it answered GET /ping: %s",
                 end_text(k));
        failed(k, what);
    } else if (ping(k)) {
        up(k, now_us);
    } else if (now_us > k->start_us) {
        snprintf(what, sizeof what,
                 "the model's program did not pass the ping health check: no 200 to GET /ping in "
                 "time (%s)",
                 k->sick);
        failed(k, what);
    } else {
        port_look(k, now_us);
    }
}

static void look_down(keeper *k, int64_t now_us) {
    pid_t pid = ft_proc_pid(k->proc);
    if (pid) k->pid = pid;
    if (pid && ping(k))
        up(k, now_us);
    else if (pid)
        port_look(k, now_us);
}

static void look_ready(keeper *k, int64_t now_us) {
    char why[400];
    if (ft_proc_pid(k->proc) != k->pid) {
        snprintf(why, sizeof why, "the model's program ended: %s%s%.200s", end_text(k),
                 k->last[0] ? "; it printed last: " : "", k->last);
        ft_log(FT_LOG_WARN, "serve", "endpoint %s: %s", k->m->endpoint, why);
        say(k, ft_str_of(why));
        state_set(k->m, FT_PROGRAM_DOWN, why);
        return;
    }
    if (now_us < k->next_us) return;
    k->next_us = now_us + WELL_US;
    if (ping(k))
        k->well_us = now_us;
    else if (now_us - k->well_us > SICK_US) {
        ft_log(FT_LOG_WARN, "serve", "endpoint %s: its program hangs and is ended", k->m->endpoint);
        kill(-k->pid, SIGKILL);
    }
}

static void look(keeper *k) {
    int64_t now_us = ft_clock_monotonic_us();
    switch (k->m->state) { /* only this thread sets it */
    case FT_PROGRAM_STARTING:
        look_starting(k, now_us);
        break;
    case FT_PROGRAM_DOWN:
        look_down(k, now_us);
        break;
    case FT_PROGRAM_READY:
        look_ready(k, now_us);
        break;
    case FT_PROGRAM_IDLE:
    case FT_PROGRAM_FAILED:
        break;
    }
}

/* ---- the thread */

static void run(keeper *k) {
    ft_err err;
    FT_GOTO(err, log_open(k));
    FT_GOTO(err, program_start(k));
    while (!ft_proc_result(k->proc).ended) {
        bool over = is_stopped(k->m) || k->m->state == FT_PROGRAM_FAILED;
        if (over && !k->told_end) ft_proc_stop(k->proc), k->told_end = true;
        if (!over) look(k);
        FT_GOTO(err, ft_supervisor_poll(k->sup, LOOK_US));
        if (k->log && ft_stream_tick(k->log) != FT_OK) ft_err_clear();
    }
done:
    if (err == FT_OK) return;
    snprintf(k->last, sizeof k->last, "%s", "");
    char why[FT_PROGRAM_WHY];
    snprintf(why, sizeof why, "the model's program cannot be started: %s", ft_err_why());
    failed(k, why);
    ft_err_clear();
}

static void forget(ft_program_model *m) {
    pthread_mutex_lock(&all_lock);
    ft_program_model **at = &all;
    while (*at != m) at = &(*at)->next;
    *at = m->next;
    pthread_mutex_unlock(&all_lock);
    ft_program_release(m);
    pthread_mutex_lock(&all_lock);
    all_count--;
    pthread_cond_broadcast(&all_changed);
    pthread_mutex_unlock(&all_lock);
}

static void *keep(void *arg) {
    keeper *k = arg;
    char name[128];
    run(k);
    ft_supervisor_free(k->sup);
    if (k->m->spec.run == FT_PROGRAM_IMAGE) {
        ft_program_container(name, k->m);
        ft_image_podman_remove(name);
    }
    if (ft_stream_close(k->log) != FT_OK) ft_err_clear();
    ft_store_close(k->store);
    ft_err err = ft_dir_remove(k->m->folder);
    if (err != FT_OK) ft_log_err(FT_LOG_WARN, "serve", err, "a program's folder stays");
    ft_err_clear();
    forget(k->m);
    free(k);
    return NULL;
}

static ft_err folder_of(ft_program_model *m) {
    uint32_t unlike;
    int n;
    FT_TRY(ft_random_secret(&unlike, sizeof unlike));
    n = ft_fault_here() ? -1
                        : asprintf(&m->folder, "%s/" FOLDERS "/%s/" PREFIX "%d-%08x", m->home,
                                   m->endpoint, m->version, unlike);
    if (n >= 0) return FT_OK;
    m->folder = NULL;
    return FT_FAIL(FT_ENOMEM, "no memory for a model");
}

static ft_err thread_start(keeper *k) {
    pthread_t thread;
    sigset_t every, before;
    ft_err err = FT_OK;
    pthread_mutex_lock(&all_lock);
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    if (all_ended)
        err = FT_FAIL(FT_EBUSY, "the server ends");
    else if (ft_fault_here() || pthread_create(&thread, NULL, keep, k) != 0)
        err = FT_FAIL(FT_EFULL, "no thread to keep a model's program");
    else {
        pthread_detach(thread);
        k->m->next = all;
        all = k->m;
        all_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_mutex_unlock(&all_lock);
    return err;
}

ft_err ft_program_keep(ft_program_model *m) {
    FT_TRY(folder_of(m));
    keeper *k = ft_fault_here() ? NULL : calloc(1, sizeof *k);
    if (!k) return FT_FAIL(FT_ENOMEM, "no memory to keep a model's program");
    k->m = m;
    m->state = FT_PROGRAM_STARTING;
    atomic_fetch_add(&m->holders, 1);
    ft_err err = thread_start(k);
    if (err == FT_OK) return FT_OK;
    m->state = FT_PROGRAM_IDLE;
    free(m->folder);
    m->folder = NULL;
    atomic_fetch_sub(&m->holders, 1);
    free(k);
    return err;
}

/* ---- all of them */

static ft_err endpoint_clean(ft_arena *arena, const char *path) {
    ft_str *names;
    size_t count;
    FT_TRY(ft_dir_list(&names, &count, arena, path));
    for (size_t i = 0; i < count; i++) {
        const char *folder;
        if (!ft_str_starts(names[i], FT_STR(PREFIX))) continue;
        FT_TRY(ft_path_join(&folder, arena, path, names[i].at));
        FT_TRY(ft_dir_remove(folder));
    }
    return FT_OK;
}

ft_err ft_programs_begin(const char *home) {
    ft_arena arena = FT_ARENA_INIT(0);
    const char *path, *one;
    ft_str *names;
    size_t count = 0;
    ft_file_info info;
    ft_err err;
    pthread_mutex_lock(&all_lock);
    all_ended = false;
    pthread_mutex_unlock(&all_lock);
    FT_GOTO(err, ft_path_join(&path, &arena, home, FOLDERS));
    if (ft_file_exists(path)) FT_GOTO(err, ft_dir_list(&names, &count, &arena, path));
    for (size_t i = 0; i < count; i++) {
        FT_GOTO(err, ft_path_join(&one, &arena, path, names[i].at));
        FT_GOTO(err, ft_file_stat(&info, one));
        if (info.is_dir) FT_GOTO(err, endpoint_clean(&arena, one));
    }
done:
    ft_arena_fini(&arena);
    return err;
}

void ft_programs_end(void) {
    pthread_mutex_lock(&all_lock);
    all_ended = true;
    for (ft_program_model *m = all; m; m = m->next) {
        pthread_mutex_lock(&m->lock);
        m->stop = true;
        pthread_cond_broadcast(&m->changed);
        pthread_mutex_unlock(&m->lock);
    }
    while (all_count) pthread_cond_wait(&all_changed, &all_lock);
    pthread_mutex_unlock(&all_lock);
}
