/* program_in.h -- what the files of programs share: folders of the tree that are kept as objects
 * while the program runs. */
#ifndef FT_PROGRAM_IN_H
#define FT_PROGRAM_IN_H

#include "jobs/program.h"

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

/* At most that many characters of UTF-8. */
ft_str ft_program_shortened(ft_str text, size_t characters);

#endif
