/* server.c -- the listening socket and the threads; see server.h. */
#include "net/server.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/log.h"
#include "net/server_in.h"

#define ADDRESS_DEFAULT "127.0.0.1"
#define BACKLOG         1024
#define TICK_US         (FT_SECOND_US / 20)
#define LOOK_US         (FT_SECOND_US / 4)
#define DRAIN_US        (10 * FT_SECOND_US)
#define READ_STEP_BYTES 4096 /* the library's read buffer grows by this */

/* ---- the socket ---- */

static ft_err listen_fail(const ft_server_opts *opts, const char *address) {
    if (errno == EADDRINUSE)
        return FT_FAIL(FT_EBUSY, "port %d of %s is in use by another program", opts->port, address);
    return FT_FAIL_ERRNO("cannot listen on port %d of %s", opts->port, address);
}

static ft_err listen_on(int *out, const ft_server_opts *opts, const struct addrinfo *where,
                        const char *address) {
    int on = 1;
    *out = ft_fault_here()
               ? (errno = EMFILE, -1)
               : socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*out < 0) return listen_fail(opts, address);
    /* Connections of a server before this one may still wait out their end. */
    setsockopt(*out, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (ft_fault_here() || bind(*out, where->ai_addr, where->ai_addrlen) != 0 ||
        listen(*out, BACKLOG) != 0)
        return listen_fail(opts, address);
    return FT_OK;
}

static ft_err port_read(int *out, int fd) {
    struct sockaddr_storage at;
    socklen_t len = sizeof at;
    if (ft_fault_here() || getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        return FT_FAIL_ERRNO("cannot read the port");
    *out = ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
                                          : ((struct sockaddr_in *)&at)->sin_port);
    return FT_OK;
}

static ft_err socket_open(ft_server *s) {
    const char *address = s->opts.address ? s->opts.address : ADDRESS_DEFAULT;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *list = NULL;
    char port[16];
    snprintf(port, sizeof port, "%d", s->opts.port);
    if (s->opts.port < 0 || s->opts.port > 65535)
        return FT_FAIL(FT_EINVAL, "port %d: expected 0 to 65535", s->opts.port);
    int code = ft_fault_here() ? EAI_MEMORY : getaddrinfo(address, port, &hints, &list);
    if (code != 0) return FT_FAIL(FT_EINVAL, "address '%s': %s", address, gai_strerror(code));
    ft_err err = listen_on(&s->listen_fd, &s->opts, list, address);
    freeaddrinfo(list);
    if (err == FT_OK) err = port_read(&s->port, s->listen_fd);
    return err;
}

/* ---- one worker ---- */

/* The target is decoded here, once, by target.c. */
static size_t leave_escapes(void *cls, struct MHD_Connection *mhd, char *text) {
    (void)cls;
    (void)mhd;
    return strlen(text);
}

static ft_err daemon_start(ft_http_worker *w) {
    const ft_server *s = w->server;
    const ft_server_opts *o = &s->opts;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    int max = (o->connections_max ? o->connections_max : FT_CONNECTIONS_MAX) + s->count - 1;
    struct MHD_OptionItem tls[] = { { MHD_OPTION_END, 0, NULL },
                                    { MHD_OPTION_END, 0, NULL },
                                    { MHD_OPTION_END, 0, NULL } };
    if (o->tls_cert_pem) {
        flags |= MHD_USE_TLS;
        tls[0] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)o->tls_cert_pem };
        tls[1] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)o->tls_key_pem };
    }
    /* A duplicate each: a daemon that cannot start closes its socket. */
    int listen_fd = fcntl(s->listen_fd, F_DUPFD_CLOEXEC, 0);
    if (listen_fd < 0) return FT_FAIL_ERRNO("cannot start the HTTP server");
    w->daemon = ft_mhd_api.start_daemon(
        flags, 0, NULL, NULL, ft_http_on_request, w, MHD_OPTION_EXTERNAL_LOGGER,
        ft_http_library_log, w, MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)(max / s->count), MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)(o->timeout_s ? o->timeout_s : FT_TIMEOUT_S), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)FT_HEAD_BYTES, MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)READ_STEP_BYTES,
        MHD_OPTION_URI_LOG_CALLBACK, ft_http_on_target, w, MHD_OPTION_UNESCAPE_CALLBACK,
        leave_escapes, w, MHD_OPTION_NOTIFY_COMPLETED, ft_http_on_request_end, w,
        MHD_OPTION_NOTIFY_CONNECTION, ft_http_on_link, w, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    if (w->daemon) return FT_OK;
    char why[sizeof w->why];
    memcpy(why, w->why, sizeof why);
    return FT_FAIL(FT_EINVAL, "cannot start the HTTP server%s: %s",
                   o->tls_cert_pem ? " with this TLS certificate and key" : "", why);
}

static void links_resume(ft_http_worker *w) {
    for (ft_server_link *link = w->links; link && w->waiting; link = link->after) {
        if (!link->waiting) continue;
        link->waiting = false;
        w->waiting--;
        ft_mhd_api.resume_connection(link->mhd);
    }
}

static void worker_round(ft_http_worker *w) {
    ft_mhd_api.run_wait(w->daemon, TICK_US / 1000);
    w->now_us = ft_clock_monotonic_us();
    if (atomic_exchange(&w->woken, false)) links_resume(w);
    if (w->now_us < w->tick_at) return;
    w->tick_at = w->now_us + TICK_US;
    if (w->server->opts.tick) w->server->opts.tick(w->context);
    links_resume(w);
    if (w->now_us < w->look_at && !w->stopping) return;
    w->look_at = w->now_us + LOOK_US;
    ft_http_links_look(w);
}

static bool links_late(const ft_http_worker *w) {
    for (const ft_server_link *link = w->links; link; link = link->after)
        if (link->later) return true;
    return false;
}

static void worker_drain(ft_http_worker *w) {
    w->stopping = true;
    int listen_fd = ft_mhd_api.quiesce_daemon(w->daemon);
    ft_fd_close(&listen_fd);
    int64_t until = ft_clock_monotonic_us() + DRAIN_US;
    links_resume(w);
    while ((w->in_flight > 0 || w->waiting > 0) && ft_clock_monotonic_us() < until) worker_round(w);
    /* The library cannot stop while connections are suspended. */
    w->ending = true;
    for (ft_server_link *link = w->links; link; link = link->after)
        if (link->later) ft_mhd_api.resume_connection(link->mhd);
    until = ft_clock_monotonic_us() + FT_SECOND_US;
    while (links_late(w) && ft_clock_monotonic_us() < until) worker_round(w);
}

/* In the library's own set of events, as one that it passes over (data.ptr NULL). */
static ft_err wake_begin(ft_http_worker *w) {
    struct epoll_event event = { .events = EPOLLIN | EPOLLET };
    const union MHD_DaemonInfo *info =
        ft_mhd_api.get_daemon_info(w->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info || epoll_ctl(info->epoll_fd, EPOLL_CTL_ADD, w->wake_fd, &event) != 0)
        return FT_FAIL_ERRNO("cannot start the HTTP server");
    return FT_OK;
}

static ft_err worker_begin(ft_http_worker *w) {
    const ft_server_opts *o = &w->server->opts;
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->wake_fd < 0) return FT_FAIL_ERRNO("cannot start the HTTP server");
    if (o->thread_new) FT_TRY(o->thread_new(&w->context, o->app));
    w->now_us = ft_clock_monotonic_us();
    FT_TRY(daemon_start(w));
    return wake_begin(w);
}

static void worker_report(ft_http_worker *w, ft_err err) {
    ft_server *s = w->server;
    pthread_mutex_lock(&s->lock);
    w->err = err;
    if (err != FT_OK) snprintf(w->why, sizeof w->why, "%s", ft_err_why());
    s->ready_count++;
    pthread_cond_signal(&s->ready);
    pthread_mutex_unlock(&s->lock);
}

static void *worker_main(void *ctx) {
    ft_http_worker *w = ctx;
    ft_err err = worker_begin(w);
    worker_report(w, err);
    if (err == FT_OK) {
        while (!atomic_load_explicit(&w->server->stop, memory_order_relaxed)) worker_round(w);
        worker_drain(w);
    }
    if (w->daemon) ft_mhd_api.stop_daemon(w->daemon);
    ft_http_requests_free(w);
    if (w->context && w->server->opts.thread_free) w->server->opts.thread_free(w->context);
    return NULL;
}

/* ---- start and stop ---- */

/* Signals are for the program's main thread; SIGPIPE for nobody. */
static ft_err workers_start(ft_server *s) {
    ft_err err = FT_OK;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int started = 0;
    for (; started < s->count && err == FT_OK; started++) {
        ft_http_worker *w = &s->workers[started];
        w->server = s;
        if (ft_fault_here() || pthread_create(&w->thread, NULL, worker_main, w) != 0)
            err = FT_FAIL(FT_EFULL, "cannot start server thread %d of %d", started + 1, s->count);
        else
            w->running = true;
        if (err != FT_OK) break;
        char name[16];
        snprintf(name, sizeof name, "http-%d", started % 1000);
        pthread_setname_np(w->thread, name);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_mutex_lock(&s->lock);
    while (s->ready_count < started) pthread_cond_wait(&s->ready, &s->lock);
    for (int i = 0; i < started && err == FT_OK; i++)
        if (s->workers[i].err != FT_OK) err = FT_FAIL(s->workers[i].err, "%s", s->workers[i].why);
    pthread_mutex_unlock(&s->lock);
    return err;
}

static int threads_of(const ft_server_opts *opts) { return opts->threads ? opts->threads : 1; }

ft_err ft_server_start(ft_server **out, const ft_server_opts *opts) {
    ft_err err = FT_OK;
    int count = threads_of(opts);
    *out = NULL;
    if (count < 1 || count > FT_THREADS_MAX)
        return FT_FAIL(FT_EINVAL, "%d server threads: expected 1 to %d", count, FT_THREADS_MAX);
    FT_TRY(ft_mhd_load());
    size_t size = sizeof(ft_server) + (size_t)count * sizeof(ft_http_worker);
    ft_server *s = ft_fault_here() ? NULL : calloc(1, size);
    if (!s) return FT_FAIL(FT_ENOMEM, "no memory for a server");
    s->opts = *opts;
    s->count = count;
    s->listen_fd = -1;
    for (int i = 0; i < count; i++) s->workers[i].wake_fd = -1;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->ready, NULL);
    FT_GOTO(err, ft_route_tree_new(&s->routes, &s->arena, opts->routes));
    FT_GOTO(err, socket_open(s));
    FT_GOTO(err, workers_start(s));
    *out = s;
    return FT_OK;
done:
    ft_server_stop(s);
    return err;
}

int ft_server_port(const ft_server *s) { return s->port; }

void ft_server_stop(ft_server *s) {
    if (!s) return;
    atomic_store(&s->stop, true);
    for (int i = 0; i < s->count; i++) {
        ft_http_worker *w = &s->workers[i];
        if (w->running) pthread_join(w->thread, NULL);
        while (atomic_load(&w->waking)) sched_yield();
        ft_fd_close(&w->wake_fd);
    }
    ft_fd_close(&s->listen_fd);
    pthread_cond_destroy(&s->ready);
    pthread_mutex_destroy(&s->lock);
    ft_arena_fini(&s->arena);
    free(s);
}
