/* trial.h -- tensors by step in smdebug's on-disk layout, written and read (formats.md 3.7, to the
 * byte).
 *
 * A trial is a prefix in the object store. Event file first, index last: a listed index is a
 * promise. Readers follow a growing trial. The real smdebug opens what we write, and we open what
 * it writes. */
#ifndef FT_TRIAL_H
#define FT_TRIAL_H

#include "base/array.h"
#include "base/arena.h"
#include "store/store.h"
#include "trials/collection.h"

typedef enum ft_mode { FT_MODE_TRAIN = 1, FT_MODE_EVAL, FT_MODE_PREDICT, FT_MODE_GLOBAL } ft_mode;
const char *ft_mode_name(ft_mode m); /* "TRAIN" */

/* ---- writing */
typedef struct ft_trial_writer ft_trial_writer;
typedef struct ft_trial_opts {
    const char *worker; /* NULL: "worker_0" */
    int num_workers;    /* 0: 1 */
} ft_trial_opts;
/* `uri`: s3://bucket/prefix or a plain folder. Writes the collections file (readers block until it
 * exists). */
ft_err ft_trial_write(ft_trial_writer **out, ft_store *s, ft_str uri,
                      const ft_collection *collections, size_t count, const ft_trial_opts *opts);
/* Buffer one tensor for the step being built. A 0-d array becomes shape [1], as the reference
 * writer has it. */
ft_err ft_trial_add(ft_trial_writer *w, const char *name, const ft_array *value);
ft_err ft_trial_add_text(ft_trial_writer *w, const char *name, const ft_str *items, size_t count);
/* Write what was added as one step (nothing when nothing was added). Atomic for readers. */
ft_err ft_trial_step(ft_trial_writer *w, int64_t global_step, ft_mode mode, int64_t mode_step,
                     int64_t wall_us);
/* The empty training_job_end.ts that tells readers that no more steps come. */
ft_err ft_trial_finish(ft_trial_writer *w);
void ft_trial_writer_free(ft_trial_writer *w);

/* ---- reading */
typedef struct ft_trial ft_trial;
typedef struct ft_tensor_ref { /* one tensor of one step */
    ft_str name;
    int64_t global_step, mode_step;
    ft_mode mode;
    ft_str event_file;
    uint64_t offset, length;
} ft_tensor_ref;

/* FT_ENOTFOUND while the collections file is not there. */
ft_err ft_trial_open(ft_trial **out, ft_store *s, ft_str uri);
/* Look for new steps; `*added` says how many. A damaged index or event is skipped, counted and
 * logged with its file. */
ft_err ft_trial_refresh(ft_trial *t, int *added);
bool ft_trial_ended(const ft_trial *t);
/* Hide steps after `step` (a horizon); INT64_MAX shows all. */
void ft_trial_horizon(ft_trial *t, int64_t step);
/* Global steps seen, ascending; borrowed until the next refresh. */
const int64_t *ft_trial_steps(const ft_trial *t, size_t *count);
/* Names in byte order whose collection and regular expression (either may be empty) match;
 * borrowed. */
ft_err ft_trial_names(ft_str **out, size_t *count, ft_trial *t, ft_arena *arena, ft_str collection,
                      ft_str regex);
const ft_collection *ft_trial_collection(const ft_trial *t, ft_str name);
/* Steps at which a tensor was saved, ascending, up to the horizon; borrowed. */
const int64_t *ft_trial_tensor_steps(ft_trial *t, ft_str name, size_t *count);
/* The value in the arena. FT_ENOTFOUND when it was not saved at that step; FT_ECORRUPT names file
 * and offset. */
ft_err ft_trial_value(ft_array *out, ft_trial *t, ft_arena *arena, ft_str name, int64_t step);
/* The same for scalars: NaN-safe; FT_EINVAL when it has more than one item. */
ft_err ft_trial_scalar(double *out, ft_trial *t, ft_str name, int64_t step);
void ft_trial_close(ft_trial *t);

#endif
