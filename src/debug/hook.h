/* hook.h -- the debugger's receiver: a tap that keeps chosen tensors as a trial and streams every
 * scalar as a metric.
 *
 * The hook decides by collection and interval what is kept (`wants`): a tensor is kept at a step
 * when one of the collections that hold it is due, so the saved steps are the union of the
 * collections' steps. Losses and metrics are kept at an epoch's end too, whatever their interval,
 * unless their steps are listed. A step is buffered and recorded at its end, metrics and tensors together.
 * Before that `before_record` is called, so that rules can see step n before step n+1 exists.
 *
 * Threads: as the tap, one emitter at a time. Memory: one encoded step, and each tensor name once.
 */
#ifndef FT_HOOK_H
#define FT_HOOK_H

#include "base/tap.h"
#include "streams/stream.h"
#include "trials/trial.h"

#define FT_HOOK_COLLECTIONS_MAX 64

typedef struct ft_hook ft_hook;

typedef struct ft_hook_opts {
    ft_str uri;                       /* s3:// prefix of the trial, or a folder */
    const ft_collection *collections; /* borrowed until ft_hook_free */
    size_t collection_count;          /* at most FT_HOOK_COLLECTIONS_MAX */
    ft_str job;   /* key of the "metric" stream; empty: no metrics are streamed */
    ft_mode mode; /* 0: FT_MODE_GLOBAL, as XGBoost's hook has it */
    ft_err (*before_record)(void *ctx, int64_t step); /* may wait; FT_ECANCELED: nothing of the step
                                                         is recorded, the emitter stops. May be
                                                         NULL */
    void (*recorded)(void *ctx, int64_t step);        /* the step is readable now. May be NULL */
    void *ctx;
} ft_hook_opts;
/* Writes the trial's collections file and registers the trial under the job. */
ft_err ft_hook_new(ft_hook **out, ft_store *s, const ft_hook_opts *opts);
ft_tap *ft_hook_tap(ft_hook *h);
ft_err ft_hook_finish(ft_hook *h); /* end of training: closes the trial and the metrics */
void ft_hook_free(ft_hook *h);     /* fine on NULL; without finish the trial stays open */

/* Stream kind "metric": job, step, name, value, time_us. */
extern const ft_stream_kind ft_kind_metric;
/* Stream kind "tensor": job, step, name, mode, mode_step, dtype, shape, count, value (scalars),
 * min, max, mean: trials as a table. */
extern const ft_stream_kind ft_kind_tensor;

#endif
