/* program_in.h -- one model that is a program, shared by the predictor (program.c), the thread that
 * keeps it (program_keep.c) and what fills its folder (program_tree.c). */
#ifndef FT_SERVE_PROGRAM_IN_H
#define FT_SERVE_PROGRAM_IN_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/proc.h"
#include "net/client.h"
#include "serve/program.h"

#define FT_PROGRAM_LINKS 16 /* idle connections that are kept */
#define FT_PROGRAM_WHY   700

typedef enum ft_program_state {
    FT_PROGRAM_IDLE, /* never started */
    FT_PROGRAM_STARTING,
    FT_PROGRAM_READY,
    FT_PROGRAM_DOWN,  /* it died, and is being started again */
    FT_PROGRAM_FAILED /* for good */
} ft_program_state;

/* Held by its owner, who frees it as a model, and by its thread while that runs. */
typedef struct ft_program_model {
    ft_model base;
    atomic_int holders;
    ft_arena arena; /* what `load` read */
    const char *path;
    ft_program_spec spec;
    struct ft_program_model *next; /* of those that run */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    ft_program_state state;
    bool stop;
    int port;
    char why[FT_PROGRAM_WHY];
    ft_http_link *links[FT_PROGRAM_LINKS];
    int link_count;

    /* The thread's own. */
    char *home, *folder, *endpoint, *variant;
    int version;
} ft_program_model;

void ft_program_release(ft_program_model *m);
/* Starts the thread that keeps it. */
ft_err ft_program_keep(ft_program_model *m);

/* The folder's ml/ as the program will see it, and run.json beside it. */
ft_err ft_program_tree(ft_program_model *m, int port);
/* The name that podman knows the program by. */
void ft_program_container(char out[128], const ft_program_model *m);
/* A TCP port that a process of the group listens on; 0: none. */
int ft_program_port_find(pid_t group);

#endif
