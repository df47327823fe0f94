/* session_in.h -- what a model and a session are made of. Private to the room.
 *
 * A model holds the graph as it was given, the graph after the passes (made once, shared by its
 * sessions), and packed weights. A session holds plans: one for each set of input shapes that it
 * met lately. A plan knows every value's place in one block of memory and every node's kernel. */
#ifndef FT_NN_SESSION_IN_H
#define FT_NN_SESSION_IN_H

#include <pthread.h>

#include "nn/graph_in.h"
#include "nn/session.h"
#include "nn/store.h"
#include "nn/team.h"

#define FT_NN_PLANS_MAX       4 /* kept by a session, the one used longest ago goes */
#define FT_NN_BYTES_MAX       ((size_t)4 << 30)
#define FT_NN_BODIES_MAX      2  /* then and else */
#define FT_NN_PART_INPUTS_MAX 16 /* of a step that is cut */

struct ft_nn_model {
    ft_nn_graph *graph;
    bool borrowed; /* a body: the graph around it owns it */
    pthread_mutex_t lock;
    ft_nn_graph *lowered[2]; /* by ft_nn_math, after the passes; NULL: not made yet */
    ft_nn_store *store;
};

/* Some rows of a step (cut.c): a node on arrays that begin `_at` bytes into the step's. `columns`:
 * it has some of each row's items; it computes them behind its scratch, and they are copied. */
typedef struct ft_nn_step_part {
    bool columns;
    ft_nn_node node;
    ft_array *in, out;
    size_t *in_at, out_at;
    void *state;
} ft_nn_step_part;

typedef struct ft_nn_step {
    const ft_nn_node *node;
    const ft_array *in; /* as inferred; the run fills in data */
    ft_array *out;
    void *state;
    ft_nn_step_part *parts; /* part_count of them; none: the step is run whole */
    int part_count;
    size_t scratch_bytes; /* of the whole step, or of a thread that runs parts */
    size_t scratch_at;
    size_t columns_at;  /* in a thread's scratch: where a part's own columns are */
    bool skip;          /* its outputs are known: nothing to do */
    bool late;          /* its outputs' shapes are known when it runs */
    int64_t flops;      /* counted once */
    const char *kernel; /* the library's name of it, or NULL */
    int64_t spent_us;   /* the last run, when timed */
} ft_nn_step;

typedef struct ft_nn_place { /* of a value */
    size_t at;               /* in the plan's memory */
    int root;                /* the value whose memory this one is in; itself */
    bool mine;               /* has bytes in the plan's memory (as a root) */
} ft_nn_place;

typedef struct ft_nn_plan {
    ft_arena arena;   /* what follows */
    ft_array *values; /* by value number: type, shape, and the data of the current run */
    bool careful;     /* for inputs with NaN or infinities: nothing swallows them */
    bool *fixed;      /* its data does not change from run to run */
    ft_nn_place *place;
    ft_nn_step *steps; /* one a node */
    int step_count;
    ft_array *inputs; /* the shapes that it was made for */
    void *memory;     /* memory_bytes, 64-aligned */
    size_t memory_bytes, largest_two_bytes;
    uint64_t used; /* run number, for the cache */
} ft_nn_plan;

struct ft_nn_session {
    ft_nn_model *model;
    ft_nn_session_opts opts;
    const ft_nn_graph *graph;
    ft_nn_plan *plans[FT_NN_PLANS_MAX];
    ft_nn_plan *last;
    ft_nn_session **bodies; /* FT_NN_BODIES_MAX a node; NULL when no node has any */
    ft_nn_model **body_models;
    int body_count;
    ft_nn_team *team;      /* its threads; NULL: one */
    bool team_lent;        /* a body runs on the threads of the session around it */
    ft_nn_session **lanes; /* one a thread, for batches that are cut (batch.c) */
    int lane_count;
    bool lane;                /* this is one */
    int64_t part_batch, part; /* the batch that was looked at last, and the size of its parts */
    ft_arena handed;          /* a lane's outputs, until they are copied */
    ft_arena own;             /* the lists of bodies and lanes */
    ft_arena late;            /* values whose shapes were found during the run */
    uint64_t runs;
    bool timed;
};

/* ---- plan.c */
ft_err ft_nn_plan_new(ft_nn_plan **out, ft_nn_session *s, const ft_array *inputs, bool careful);
/* Types and shapes alone: no kernels, no memory. */
ft_err ft_nn_plan_shapes(ft_nn_plan **out, ft_nn_session *s, const ft_array *inputs);
void ft_nn_plan_free(ft_nn_plan *p);
/* ---- cut.c: the step's parts for a team of `threads`, where cutting is worth it. */
ft_err ft_nn_step_cut(ft_nn_plan *p, ft_nn_step *step, int threads);
/* ---- place.c: where values live. `last_use` by value: the last step that reads it. */
ft_err ft_nn_plan_place(ft_nn_plan *p, const ft_nn_session *s);
/* ---- control.c: If, Loop, Scan. `in` and `out` as of a call; memory from s->late. */
bool ft_nn_is_control(const ft_nn_node *n);
ft_err ft_nn_control_run(ft_nn_session *s, int node, const ft_array *in, ft_array *out);
/* ---- batch.c: the size of the parts that a batch is run in, 0: whole; and the run. */
ft_err ft_nn_batch_part(int64_t *part, ft_nn_session *s, const ft_array *inputs);
ft_err ft_nn_batch_run(ft_nn_session *s, int64_t part, const ft_array *inputs, ft_array *outputs,
                       ft_arena *arena);
/* Threads that one kernel may use: a team runs the parts of a step instead. */
static inline int ft_nn_session_kernel_threads(const ft_nn_session *s) {
    return s->team ? 1 : s->opts.threads;
}
/* ---- session.c */
/* The plan for inputs of these shapes: one that was kept, or a new one. */
ft_err ft_nn_plan_find(ft_nn_plan **out, ft_nn_session *s, const ft_array *inputs, bool careful);
ft_err ft_nn_model_of_body(ft_nn_model **out, ft_nn_graph *body);
/* ---- lower.c: the passes, in order, on a copy of the graph. */
ft_err ft_nn_lower(ft_nn_graph **out, const ft_nn_graph *from, ft_nn_math math);

#endif
