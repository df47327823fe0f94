/* session.h -- a graph made ready to run: shapes bound, constants folded, nodes fused, kernels
 * chosen, one arena planned.
 *
 *     ft_nn_session_new(&s, model, &(ft_nn_session_opts){ .threads = 1 });
 *     ft_nn_run(s, inputs, outputs, arena, NULL);
 *
 * A model is a graph and the things that sessions of it share (weights in the kernels' layouts).
 * Inputs of another shape than the last ones' plan again; the last few plans are kept.
 *
 * Threads: a model is shared by any; a session belongs to one at a time (one a serving thread).
 * Memory: weights once a model; a session has one arena as large as its largest live set. */
#ifndef FT_NN_SESSION_H
#define FT_NN_SESSION_H

#include "base/json.h"
#include "base/tap.h"
#include "nn/graph.h"

typedef struct ft_nn_model ft_nn_model;
typedef struct ft_nn_session ft_nn_session;

/* Takes the graph (also on failure). */
ft_err ft_nn_model_new(ft_nn_model **out, ft_nn_graph *graph);
const ft_nn_graph *ft_nn_model_graph(const ft_nn_model *m);
void ft_nn_model_free(ft_nn_model *m); /* after its sessions; fine on NULL */

typedef enum ft_nn_math {
    FT_NN_MATH_F32 = 0,
    FT_NN_MATH_BF16 /* where the processor has it; FT_EUNSUPPORTED tells it does not */
} ft_nn_math;

/* What this machine computes networks with, for people: "f32, bfloat16 (no AMX)". Static. */
const char *ft_nn_math_words(void);

typedef struct ft_nn_session_opts {
    int threads; /* 0: 1 */
    ft_nn_math math;
    bool reference;   /* every node by its plain-C reference, unfused: what tests compare with */
    size_t bytes_max; /* of the arena; FT_ETOOBIG names the node. 0: 4 GiB */
    uint64_t seed;    /* of random operations; each run draws others from it */
} ft_nn_session_opts;

ft_err ft_nn_session_new(ft_nn_session **out, ft_nn_model *m, const ft_nn_session_opts *opts);
void ft_nn_session_free(ft_nn_session *s); /* fine on NULL */

/* One run. `inputs` in the graph's order (dtype and shape checked: FT_EINVAL names the input and
 * what it takes); `outputs` gets views that live in `arena`. Values that `tap` wants, by name, are
 * shown. FT_EINVAL/FT_ETOOBIG from an op begin with its node's name. */
ft_err ft_nn_run(ft_nn_session *s, const ft_array *inputs, ft_array *outputs, ft_arena *arena,
                 ft_tap *tap);

/* The next run draws its random numbers as a new session's first run with this seed does. */
void ft_nn_session_seed(ft_nn_session *s, uint64_t seed);

/* What was planned, as members of the open JSON object: bytes of weights and arena, the plan by
 * node (kernel, layout, time of the last run when `timed`), nodes fused away. */
void ft_nn_session_describe(const ft_nn_session *s, ft_json_out *w);
void ft_nn_session_time(ft_nn_session *s, bool timed);

#endif
