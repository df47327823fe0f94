/* serve.c -- the server's life: store, endpoints, HTTP, chores; and where a home's server is found.
 */
#include "serve/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proc.h"
#include "serve/asking.h"
#include "serve/program.h"
#include "serve/serve_in.h"
#include "serve/speech/service.h"
#include "serve/syncer.h"
#include "serve/worker.h"
#include "watch/courier.h"

#define FOLLOW_US                                                                  \
    (50 * 1000) /* a deploy answers within 200 ms: this, the load, a worker's tick \
                 */
#define ADDRESS_FILE  "server.json"
#define LOCK_FILE     "server.lock"
#define ADDRESS_BYTES 4096

static const ft_route *const routes[] = { ft_routes_invoke, ft_routes_endpoints, ft_routes_explain,
                                          ft_routes_looks,  ft_routes_jobs,      ft_routes_watch,
                                          ft_routes_speech, ft_routes_page,      NULL };

/* ---- where the server of a home is: a small file that names its process too, so that one left
 * behind by a killed server is known for what it is */

static ft_err address_path(const char **out, ft_store *s, ft_arena *arena) {
    return ft_path_join(out, arena, ft_store_home(s), ADDRESS_FILE);
}

static ft_err address_write(const ft_serve *s) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_buf buf = { 0 };
    ft_json_out j;
    uint64_t started;
    const char *path;
    ft_err err;
    FT_GOTO(err, ft_pid_started(&started, getpid()));
    FT_GOTO(err, address_path(&path, s->store, &arena));
    ft_json_out_init(&j, &buf, true);
    ft_json_out_object(&j);
    ft_json_out_name(&j, "url");
    ft_json_out_text(&j, s->url);
    ft_json_out_name(&j, "pid");
    ft_json_out_i64(&j, getpid());
    ft_json_out_name(&j, "started");
    ft_json_out_i64(&j, (int64_t)started);
    ft_json_out_close(&j);
    FT_GOTO(err, buf.err);
    err = ft_file_write_atomic(path, ft_buf_str(&buf), false);
done:
    ft_buf_fini(&buf);
    ft_arena_fini(&arena);
    return err;
}

/* FT_ENOTFOUND without a file, or when its process is gone. */
static ft_err address_read(ft_str *url, int64_t *pid, ft_store *s, ft_arena *arena) {
    const char *path;
    ft_str text, name;
    ft_json j;
    int64_t started = 0;
    *url = (ft_str){ 0 };
    *pid = 0;
    FT_TRY(address_path(&path, s, arena));
    FT_TRY(ft_file_read(&text, arena, path, ADDRESS_BYTES));
    ft_json_init(&j, text, arena, &(ft_json_opts){ .name = path });
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        if (ft_str_is(name, "url"))
            FT_TRY(ft_json_string(&j, url));
        else if (ft_str_is(name, "pid"))
            FT_TRY(ft_json_i64(&j, pid));
        else if (ft_str_is(name, "started"))
            FT_TRY(ft_json_i64(&j, &started));
    }
    FT_TRY(ft_json_end(&j));
    FT_TRY(ft_arena_str(url, arena, *url));
    return ft_pid_alive((pid_t)*pid, (uint64_t)started) ? FT_OK : FT_ENOTFOUND;
}

ft_err ft_serve_address(ft_str *url, ft_store *s, ft_arena *arena) {
    int64_t pid;
    ft_err err = address_read(url, &pid, s, arena);
    if (err != FT_ENOTFOUND) return err;
    return FT_FAIL(FT_ENOTFOUND, "no server runs for this home (%s); start one with `fettle serve`",
                   ft_store_home(s));
}

static void address_remove(ft_serve *s) {
    ft_arena arena = FT_ARENA_INIT(0);
    const char *path;
    ft_str url;
    int64_t pid;
    if (address_read(&url, &pid, s->store, &arena) == FT_OK && pid == getpid() &&
        ft_str_is(url, s->url) && address_path(&path, s->store, &arena) == FT_OK)
        (void)ft_file_remove(path);
    ft_err_clear();
    ft_arena_fini(&arena);
}

static ft_err taken(ft_store *s, ft_arena *arena) {
    ft_str url;
    int64_t pid;
    ft_err err = address_read(&url, &pid, s, arena);
    if (err == FT_OK)
        return FT_FAIL(FT_EBUSY, "process %lld serves this home already, at %.*s", (long long)pid,
                       FT_STR_ARG(url));
    ft_err_clear();
    return FT_FAIL(FT_EBUSY, "another server of this home (%s) starts or ends just now",
                   ft_store_home(s));
}

/* Two servers of one home would both follow its jobs and schedules. The system lets the lock go
 * when the process ends, however it does. */
static ft_err only_one(ft_serve *s) {
    ft_arena arena = FT_ARENA_INIT(0);
    const char *path;
    ft_err err;
    FT_GOTO(err, ft_path_join(&path, &arena, ft_store_home(s->store), LOCK_FILE));
    FT_GOTO(err, ft_fd_open(&s->lock_fd, path, O_RDWR | O_CREAT, 0600));
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0) goto done;
    err = errno == EWOULDBLOCK ? taken(s->store, &arena) : FT_FAIL_ERRNO("%s: cannot lock", path);
done:
    ft_arena_fini(&arena);
    return err;
}

/* ---- life */

static ft_err listen_at(ft_serve *s, const ft_serve_opts *opts) {
    const char *address = opts->address ? opts->address : "127.0.0.1";
    bool six = strchr(address, ':') != NULL;
    ft_server_opts server = { .address = address,
                              .port = opts->port,
                              .threads = opts->threads,
                              .routes = routes,
                              .app = s,
                              .front = opts->front,
                              .behind = opts->behind,
                              .thread_new = ft_worker_new,
                              .thread_free = ft_worker_free,
                              .tick = ft_worker_tick,
                              .tls_cert_pem = opts->tls_cert_pem,
                              .tls_key_pem = opts->tls_key_pem };
    FT_TRY(ft_server_start(&s->server, &server));
    int n = snprintf(s->url, sizeof s->url, six ? "%s://[%s]:%d" : "%s://%s:%d",
                     opts->tls_cert_pem ? "https" : "http", address, ft_server_port(s->server));
    FT_CHECK(n > 0 && (size_t)n < sizeof s->url);
    return FT_OK;
}

ft_err ft_serve_start(ft_serve **out, const ft_serve_opts *opts) {
    ft_err err;
    *out = NULL;
    ft_serve *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    if (!s) return FT_FAIL(FT_ENOMEM, "no memory for a server");
    s->lock_fd = -1;
    FT_GOTO(err, ft_store_open(&s->store, opts->home));
    FT_GOTO(err, only_one(s));
    s->home = ft_fault_here() ? NULL : strdup(ft_store_home(s->store));
    if (!s->home) {
        err = FT_FAIL(FT_ENOMEM, "no memory for a server");
        goto done;
    }
    FT_GOTO(err, ft_programs_begin(s->home));
    FT_GOTO(err, ft_askings_new(&s->askings));
    FT_GOTO(err, ft_registry_new(&s->registry, s->home));
    FT_GOTO(err, ft_sparks_new(&s->sparks));
    FT_GOTO(err, ft_speech_service_new(&s->speech, s->store, s->home));
    FT_GOTO(err, ft_syncer_new(&s->syncer));
    FT_GOTO(err, ft_live_follow(s->registry,
                                s->store)); /* every model answers before the first request */
    FT_GOTO(err, listen_at(s, opts));
    FT_GOTO(err, address_write(s));
    FT_GOTO(err, ft_chores_start(&s->chores, s->home, opts));
    FT_GOTO(err, ft_courier_start(&s->courier, s->home));
    FT_GOTO(err, ft_job_runner_start(&s->runner, s->home));
done:
    if (err)
        ft_serve_stop(s);
    else
        *out = s;
    return err;
}

const char *ft_serve_url(const ft_serve *s) { return s->url; }

ft_err ft_serve_follow(ft_serve *s) { return ft_live_follow(s->registry, s->store); }

void ft_serve_stop(ft_serve *s) {
    if (!s) return;
    ft_server_stop(s->server);
    ft_job_runner_stop(s->runner);
    ft_chores_stop(s->chores);
    ft_courier_stop(s->courier, false);
    ft_syncer_free(s->syncer);
    if (s->url[0]) address_remove(s);
    ft_speech_service_free(s->speech);
    ft_sparks_free(s->sparks);
    ft_programs_end();
    ft_askings_free(s->askings);
    ft_registry_free(s->registry);
    ft_store_close(s->store);
    ft_fd_close(&s->lock_fd); /* the next one may begin */
    free(s->home);
    free(s);
}

/* Until one of the signals comes; every thread began with them blocked, so they come here. */
static void follow_until(ft_serve *s, const sigset_t *signals) {
    struct timespec wait = { .tv_nsec = FOLLOW_US * 1000 };
    int64_t warned_us = 0;
    while (sigtimedwait(signals, NULL, &wait) < 0) {
        ft_err err = ft_serve_follow(s);
        if (!err) continue;
        int64_t now_us = ft_clock_monotonic_us();
        if (!warned_us || now_us - warned_us > 10 * FT_SECOND_US)
            ft_log_err(FT_LOG_WARN, "serve", err, "following the endpoints"), warned_us = now_us;
        ft_err_clear();
    }
}

ft_err ft_serve_run(const ft_serve_opts *opts) {
    ft_serve *s;
    sigset_t signals, before;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, &before);
    ft_err err = ft_serve_start(&s, opts);
    if (err == FT_OK) {
        if (opts->listening) opts->listening(opts->ctx, s->url);
        follow_until(s, &signals);
        ft_serve_stop(s);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return err;
}
