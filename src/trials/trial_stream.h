/* trial_stream.h -- trials as a stream: where each job's trial lives, and the segment format that
 * turns tensors into records, so that `select … from tensor where job = 'x'` works. */
#ifndef FT_TRIAL_STREAM_H
#define FT_TRIAL_STREAM_H

#include "base/arena.h"
#include "store/store.h"
#include "streams/format.h"

/* Remember that the job's tensors are at `uri`. Idempotent; a job may have several trials. */
ft_err ft_trial_register(ft_store *s, ft_str job, ft_str uri);
typedef struct ft_trial_place {
    ft_str job, uri;
} ft_trial_place;
/* Trials of a job, or all when `job` is empty; by job and uri; in the arena. */
ft_err ft_trial_list(ft_trial_place **out, size_t *count, ft_store *s, ft_arena *arena, ft_str job);

/* Records ordered by step, then job, then tensor name. Columns, in this order: step, name, mode,
 * mode_step, dtype, shape, count, value (of scalars), min, max, mean. A tensor that cannot be read
 * has null numbers. The keys are jobs. */
extern const ft_segment_format ft_format_trial;
#define FT_TENSOR_COLUMN_COUNT 11

#endif
