/* serve.h -- `fettle serve`: endpoints, dashboard and its JSON, alerts, on one port.
 *
 * Threads: the server's (net/server.h), each with a worker of its own; one that follows the
 * endpoints (the caller of ft_serve_run); one for chores (recovery of streams and jobs, schedules);
 * one that delivers alerts (watch/courier.h); one that syncs captured files (syncer.h); one that
 * runs the jobs which requests made (jobs/runner.h). A deploy from any process answers within 200
 * ms. */
#ifndef FT_SERVE_H
#define FT_SERVE_H

#include "base/arena.h"
#include "net/server.h"
#include "store/store.h"
#include "watch/watch.h"

typedef struct ft_serve_opts {
    const char *home;                              /* NULL: as ft_store_open */
    const char *address;                           /* NULL: 127.0.0.1 */
    int port;                                      /* 0: any free one */
    int threads;                                   /* 0: 1 */
    void (*listening)(void *ctx, const char *url); /* once requests are answered; may be NULL */
    void *ctx;
    /* Handed on to the HTTP server (net/server.h): a front door before the routes and one behind
     * them, TLS. May be NULL. */
    const ft_route *(*front)(const ft_request *req, void *app);
    const ft_route *(*behind)(const ft_request *req, void *app);
    const char *tls_cert_pem, *tls_key_pem;
    /* A chore of a room above, about every 250 ms from one thread with a store of its own. Its
     * failures are logged. May be NULL. */
    ft_err (*chore)(ft_store *s);
    void (*chore_end)(void); /* on that thread, its store still open; NULL: none */
    const ft_watch_hooks *hooks; /* actions that stored verdicts still ask for after a crash; used
                                    from one thread; may be NULL */
} ft_serve_opts;

/* Serve until SIGTERM or SIGINT; running requests are answered, captures sealed. FT_EBUSY names the
 * port that is taken, or the server that this home has already. */
ft_err ft_serve_run(const ft_serve_opts *opts);

/* URL of the server that serves this home. FT_ENOTFOUND "no server runs for this home; …". */
ft_err ft_serve_address(ft_str *url, ft_store *s, ft_arena *arena);

/* The same in pieces, for tests and programs that do more beside it: follow about every 50 ms. */
typedef struct ft_serve ft_serve;
ft_err ft_serve_start(ft_serve **out, const ft_serve_opts *opts);
const char *ft_serve_url(const ft_serve *s);
ft_err ft_serve_follow(ft_serve *s);
void ft_serve_stop(ft_serve *s); /* fine on NULL */

#endif
