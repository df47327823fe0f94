/* program_in.h -- what the files of programs share: the processes of a job, their command, folders
 * of the tree that are kept as objects while the program runs. */
#ifndef FT_PROGRAM_IN_H
#define FT_PROGRAM_IN_H

#include "base/proc.h"
#include "jobs/container.h"
#include "jobs/inputs_in.h"
#include "jobs/program.h"

#define FT_PROGRAM_ARGV_MAX  1000
#define FT_PROGRAM_LINE_KEPT 400

typedef struct ft_program_folder { /* one that is kept */
    const char *path;
    ft_str uri; /* s3://… prefix; empty: not kept */
    bool tensors;
    int64_t seen_ns; /* files older than this are kept already */
} ft_program_folder;

/* A store of its own, beside the job's. */
typedef struct ft_program_sync {
    const ft_train_args *args;
    ft_store *store;
    ft_program_folder folders[2]; /* checkpoints, tensors */
    int64_t due_us, step;
} ft_program_sync;
/* Checkpoints of an earlier run are fetched into the tree `root`. */
ft_err ft_program_sync_begin(ft_program_sync *y, const ft_train_args *args, ft_arena *arena,
                             const char *root);
/* Now and then. Failures are logged, and tried again. */
void ft_program_sync_look(ft_program_sync *y);
ft_err ft_program_sync_end(ft_program_sync *y);
void ft_program_sync_fini(ft_program_sync *y);

struct ft_program_run;
typedef struct ft_program_host { /* one of the processes that share the work */
    struct ft_program_run *run;
    ft_container c;
    const char *argv[FT_PROGRAM_ARGV_MAX + 1];
    size_t argc;
    const char *file; /* what run-model reads */
    ft_proc *proc;
    char last[FT_PROGRAM_LINE_KEPT]; /* the last line it printed */
    char container[128];             /* podman's name for it */
} ft_program_host;

typedef struct ft_program_run {
    const ft_train_args *args;
    ft_arena arena;
    ft_supervisor *sup;
    ft_feeder *feeder; /* of pipes; NULL: none */
    ft_program_sync sync;
    ft_program_host *hosts;
    int host_count;
    bool script, image, processing;
} ft_program_run;

/* Fills argv and the environment by the job's parameters. */
ft_err ft_program_command(ft_program_host *h);

/* At most that many characters of UTF-8. */
ft_str ft_program_shortened(ft_str text, size_t characters);

#endif
