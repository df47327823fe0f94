/* serve_in.h -- the server's own state, for its handlers; and the tables of routes. */
#ifndef FT_SERVE_IN_H
#define FT_SERVE_IN_H

#include <pthread.h>

#include "jobs/runner.h"
#include "net/server.h"
#include "serve/live.h"
#include "serve/serve.h"

struct ft_serve {
    char *home;
    char url[96];
    int lock_fd;     /* locked for as long as this server lives */
    ft_store *store; /* of the thread that follows */
    ft_registry *registry;
    ft_server *server;
    struct ft_syncer *syncer;
    struct ft_chores *chores;
    struct ft_courier *courier;
    ft_job_runner *runner;
    struct ft_sparks *sparks;
    struct ft_askings *askings;
    struct ft_speech_service *speech;
};

/* ---- chores.c: what is done beside the requests, in a thread of its own */
ft_err ft_chores_start(struct ft_chores **out, const char *home, const ft_serve_opts *opts);
void ft_chores_stop(struct ft_chores *c); /* fine on NULL */

/* ---- spark.c: the metric of a job, as few points; kept until the job goes on. Any thread. */
ft_err ft_sparks_new(struct ft_sparks **out);
void ft_sparks_free(struct ft_sparks *sparks);

/* ---- one table each; they end with a NULL method */
extern const ft_route ft_routes_invoke[], ft_routes_endpoints[], ft_routes_explain[],
    ft_routes_looks[], ft_routes_jobs[], ft_routes_watch[], ft_routes_speech[], ft_routes_page[];

#endif
