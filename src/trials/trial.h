/* trial.h -- tensors by step in smdebug's on-disk layout, written and read (formats.md 3.7, to the
 * byte).
 *
 * A trial is a prefix in the object store or a plain folder. Event file first, index last: a listed
 * index is a promise. Readers follow a growing trial. The real smdebug opens what we write, and we
 * open what it writes.
 *
 * Threads: one writer or reader, one thread. Memory: malloc; _free and _close give it back. */
#ifndef FT_TRIAL_H
#define FT_TRIAL_H

#include "base/array.h"
#include "base/arena.h"
#include "store/store.h"
#include "trials/collection.h"

#define FT_TRIAL_NAME_MAX 1024                  /* bytes of a tensor's name */
#define FT_TRIAL_STEP_MAX INT64_C(999999999999) /* twelve digits in a file name */

/* ---- writing */
typedef struct ft_trial_writer ft_trial_writer;
typedef struct ft_trial_opts {
    const char *worker; /* NULL: "worker_0" */
    int num_workers;    /* 0: 1 */
} ft_trial_opts;
/* `uri`: s3://bucket/prefix or a plain folder (then `s` may be NULL). Writes the collections file
 * (readers block until it exists). `opts` may be NULL. */
ft_err ft_trial_write(ft_trial_writer **out, ft_store *s, ft_str uri,
                      const ft_collection *collections, size_t count, const ft_trial_opts *opts);
/* Begin a step: what is added next belongs to it. Forgets a step that was begun and not ended. */
ft_err ft_trial_begin(ft_trial_writer *w, int64_t global_step, ft_mode mode, int64_t mode_step,
                      int64_t wall_us);
/* One tensor of the step, copied. A 0-d array becomes shape [1], as the reference writer has it.
 * FT_EINVAL outside a step and for an unusable name or shape. After a failure the tensor is not
 * part of the step; the others are. */
ft_err ft_trial_add(ft_trial_writer *w, ft_str name, const ft_array *value);
ft_err ft_trial_add_text(ft_trial_writer *w, ft_str name, const ft_str *items, size_t count);
/* Make the step visible, all or nothing; nothing is written when nothing was added. */
ft_err ft_trial_end(ft_trial_writer *w);
/* Bytes of the last step that was ended. */
size_t ft_trial_written(const ft_trial_writer *w);
/* Take this worker's files of an earlier step away, index first: readers see none of it, or find
 * its tensors gone. FT_OK when there is no such step. */
ft_err ft_trial_forget(ft_trial_writer *w, int64_t global_step);
/* Is the collections file still there? A trial without one cannot be read: write it anew. */
ft_err ft_trial_whole(bool *out, const ft_trial_writer *w);
/* The empty training_job_end.ts that tells readers that no more steps come. */
ft_err ft_trial_finish(ft_trial_writer *w);
void ft_trial_writer_free(ft_trial_writer *w);

/* ---- reading */
typedef struct ft_trial ft_trial;
typedef struct ft_tensor_ref { /* one tensor at one step */
    int64_t global_step, mode_step;
    ft_mode mode;
    uint32_t file; /* number of the event file within the reader */
    uint64_t offset, length;
} ft_tensor_ref;

/* FT_ENOTFOUND while the collections file is not there. Reads no step yet: see refresh. */
ft_err ft_trial_open(ft_trial **out, ft_store *s, ft_str uri);
/* Look for new steps; `*added` (may be NULL) says how many. A damaged index or event is skipped,
 * counted and logged with its file; the newest index of a running trial is first given another try,
 * because other writers do not write it in one step. With several workers a step is seen when all
 * have written it, when a later one is whole, or at the end. */
ft_err ft_trial_refresh(ft_trial *t, int *added);
bool ft_trial_ended(const ft_trial *t);       /* as of the last refresh */
uint64_t ft_trial_damaged(const ft_trial *t); /* files and records skipped so far */
int ft_trial_workers(const ft_trial *t);
/* Hide steps after `step` (a horizon); INT64_MAX shows all. */
void ft_trial_horizon(ft_trial *t, int64_t step);
/* Global steps seen, ascending; borrowed until the next refresh. */
const int64_t *ft_trial_steps(const ft_trial *t, size_t *count);
/* Names in byte order of tensors saved up to the horizon whose collection and regular expression
 * (either may be empty) match; the list in the arena, the texts borrowed. FT_EINVAL for a bad
 * expression. A collection that the trial lacks gives no names. */
ft_err ft_trial_names(ft_str **out, size_t *count, ft_trial *t, ft_arena *arena, ft_str collection,
                      ft_str regex);
const ft_collection *ft_trial_collection(const ft_trial *t, ft_str name);
/* Steps at which a tensor was saved, ascending, up to the horizon; borrowed. */
const int64_t *ft_trial_tensor_steps(ft_trial *t, ft_str name, size_t *count);
/* The same with modes and places. When several workers saved it, the first worker's. */
const ft_tensor_ref *ft_trial_refs(ft_trial *t, ft_str name, size_t *count);
/* Key of the event file of a ref, relative to the trial; borrowed. */
ft_str ft_trial_file(const ft_trial *t, const ft_tensor_ref *ref);
/* The value in the arena. FT_ENOTFOUND when it was not saved at that step or its event file is
 * gone; FT_ECORRUPT names file and offset; FT_EINVAL for texts. Complex numbers come as pairs: one
 * more dimension of 2. */
ft_err ft_trial_value(ft_array *out, ft_trial *t, ft_arena *arena, ft_str name, int64_t step);
/* A tensor of texts; FT_EINVAL for numbers. */
ft_err ft_trial_texts(ft_str **out, size_t *count, ft_trial *t, ft_arena *arena, ft_str name,
                      int64_t step);
/* The same for scalars: NaN-safe; FT_EINVAL when it has not exactly one item. */
ft_err ft_trial_scalar(double *out, ft_trial *t, ft_str name, int64_t step);
/* For rules: the value, or `*there` false when there is none that can be read: not saved, texts,
 * its file gone, or damaged (then counted and logged with file and place). Other failures are
 * passed. */
ft_err ft_trial_try(bool *there, ft_array *out, ft_trial *t, ft_arena *arena, ft_str name,
                    int64_t step);
/* The same for scalars, remembered: asking again costs a look-up. `*there` false for tensors of
 * another size too. */
ft_err ft_trial_try_scalar(bool *there, double *out, ft_trial *t, ft_str name, int64_t step);
void ft_trial_close(ft_trial *t);

#endif
