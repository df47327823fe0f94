/* container.h -- the place a user's program runs in: the tree that SageMaker's containers find at
 * /opt/ml, and the environment of its framework containers.
 *
 * The tree is <job's folder>/ml:
 *
 *     input/config/{hyperparameters,resourceconfig,inputdataconfig,…}.json
 *     input/data/<channel>/…     copies: a program may write there
 *     code/                      the unpacked source archive (channel FT_CONTAINER_SOURCE)
 *     model/  checkpoints/  output/data/  output/failure
 *     processing/…               inputs and outputs of processing jobs
 *
 * Several hosts are several trees, ml, ml-2, …: local processes that call themselves algo-1,
 * algo-2.
 *
 * The program is started by `fettle run-model FILE` (ft_container_become), a process that shows the
 * tree at /opt/ml to itself and its children, where the kernel allows it (a mount namespace: as
 * root, or by a user namespace); nobody else sees it, and the rest of /opt stays what it is. Else
 * the program is told the tree's own path, by its environment and by its arguments that begin with
 * /opt/ml.
 *
 * Source: docs.aws.amazon.com/sagemaker, "How Amazon SageMaker Provides Training Information";
 * sagemaker-training-toolkit, ENVIRONMENT_VARIABLES.md.
 *
 * Threads: one. Memory: in the arena. */
#ifndef FT_CONTAINER_H
#define FT_CONTAINER_H

#include "models/algorithm.h"

#define FT_CONTAINER_PLACE  "/opt/ml"
#define FT_CONTAINER_SOURCE "sagemaker_submit_directory" /* a channel that is no input */

#define FT_CONTAINER_HOSTS_MAX 16
#define FT_CONTAINER_NAMES     "hosts" /* of a tree of several hosts: its /etc/hosts */

typedef struct ft_container {
    ft_arena *arena;
    const ft_train_args *args;
    ft_str job;       /* its name */
    int host, hosts;  /* from 1; how many */
    const char *root; /* the tree */
    const char *seen; /* the same, as the program sees it; texts made for it say /opt/ml */
    char **env;       /* "NAME=value", ends with NULL */
    size_t env_count;
} ft_container;

/* Makes the tree of one of the hosts beside args->out_dir and fills it. `processing` tells the
 * other contract. */
ft_err ft_container_make(ft_container *out, ft_arena *arena, const ft_train_args *args,
                         bool processing, int host, int hosts);
/* A file, or a folder with all that is in it. */
ft_err ft_container_copy(ft_arena *arena, const char *from, const char *to);
/* "NAME=value" more. FT_ETOOBIG beyond 1,000. */
ft_err ft_container_env(ft_container *c, ft_str name, ft_str value);
/* A path or argument as the program must see it. */
ft_err ft_container_seen(ft_str *out, const ft_container *c, ft_str given);
/* "/opt/ml/x" -> the tree's file; FT_EINVAL for a path elsewhere or with "..". */
ft_err ft_container_path(const char **out, ft_arena *arena, const char *root, ft_str given);
/* Shows `root` at /opt/ml to this process and its children. A failure says why not, and changes
 * nothing that matters. (container_mount.c) */
ft_err ft_container_mount(ft_arena *arena, const char *root);
/* ---- the program in its tree (container_run.c) */
typedef struct ft_container_run {
    const char *root;         /* its tree */
    const char *const *argv;  /* paths as in the container: "/opt/ml/…" */
    const char *const *env;   /* "NAME=value", the same */
    const char *cwd;          /* the same */
    const char *requirements; /* the same; NULL or absent: none */
    bool bare;                /* it shows the tree itself (podman) */
} ft_container_run;
/* Keep it as the file `path`. */
ft_err ft_container_run_write(const char *path, const ft_container_run *run);
/* Become what is kept there: the tree is shown, what is required installed, the program put in this
 * process' place. Returns only when it cannot. */
ft_err ft_container_become(const char *path);
/* Install what a requirements.txt asks for, without a network unless $PIP_INDEX_URL says where
 * from: it may be there already, or in $PIP_FIND_LINKS. `base` gets what had to be installed
 * ($PYTHONUSERBASE). FT_EABSENT in words. */
ft_err ft_container_require(ft_arena *arena, const char *requirements, const char *base);

/* The tree of a host of the job whose model folder is `model_dir`. */
ft_err ft_container_root(const char **out, ft_arena *arena, const char *model_dir, int host);

#endif
