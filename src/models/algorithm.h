/* algorithm.h -- something that trains: a hyperparameter table and a train function. One file, one
 * exported struct, one row.
 *
 * Called in the job's own process. Everything it shows to the world goes through the tap;
 * everything it leaves behind goes into `out_dir` (model files) and becomes the job's model. It
 * never prints, never exits. */
#ifndef FT_ALGORITHM_H
#define FT_ALGORITHM_H

#include <stdatomic.h>

#include "base/param.h"
#include "base/tap.h"
#include "data/table.h"

struct ft_channel_source;

typedef struct ft_channel { /* input by SageMaker's names: "train", "validation" */
    ft_str name;
    ft_str path; /* local file, folder or FIFO */
    ft_table_opts opts;
    /* How it arrives, when it is more than a local path (data/channel.h); NULL: `path` is all. Who
     * trains looks at `path` alone, unless it runs a program. */
    const struct ft_channel_source *source;
} ft_channel;

typedef struct ft_train_args {
    const ft_params *params;
    const ft_channel *channels;
    size_t channel_count;
    const char *out_dir;        /* exists and is empty */
    const char *checkpoint_dir; /* exists; may hold an earlier run's checkpoint */
    ft_tap *tap;                /* may be NULL */
    atomic_bool *stop;          /* set by a signal: finish the step, save, return FT_ECANCELED */
    int threads;
    /* Progress for people: done of total steps, and a short text ("validation-merror 0.17"). May be
     * NULL. */
    void (*progress)(void *ctx, int64_t done, int64_t total, const char *text);
    /* A line of what the algorithm has to say ("[0]\ttrain-logloss:0.5"), as its own program prints
     * it; without its end. May be NULL. */
    void (*line)(void *ctx, ft_str line);
    void (*input)(void *ctx, const ft_table *table,
                  ft_str channel); /* each table read, once: for lineage. May be NULL */
    /* A program of the user's recorded tensors up to this step by itself (debug/hook.h), below the
     * job's trial. May be NULL. */
    void (*recorded)(void *ctx, int64_t step);
    ft_str trial_uri; /* s3://…; empty: it has none */
    /* Of a program that it ran and that failed; then the failure's sentence is the program's. May
     * be NULL. */
    int *exit_code;
    void *ctx;
} ft_train_args;

typedef struct ft_algorithm {
    const char *name; /* "xgboost" */
    const char *doc;
    const ft_param *params;
    const char *predictor;         /* who serves its models */
    const char *required_channels; /* "train" */
    /* It runs a program of the user's, which gets more time when it is stopped (jobs/program.h),
     * and need not leave a model. */
    bool runs_program;
    /* May refuse combinations before a process starts (num_class missing for multi:softmax …). May
     * be NULL. */
    ft_err (*validate)(const ft_params *params);
    ft_err (*train)(const ft_train_args *args);
} ft_algorithm;

void ft_algorithms_use(const ft_algorithm *const *rows); /* ends with NULL */
const ft_algorithm *ft_algorithm_find(ft_str name);
const ft_algorithm *const *ft_algorithms(void);

#endif
