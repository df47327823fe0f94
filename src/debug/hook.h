/* hook.h -- the debugger's receiver: a tap that keeps chosen tensors as a trial and streams every
 * scalar as a metric.
 *
 * The hook decides by collection and interval what is kept (`wants`), buffers a step, and writes it
 * at the step's end. Before a step is written it calls `gate`, so that rules can see step n before
 * step n+1 exists. */
#ifndef FT_HOOK_H
#define FT_HOOK_H

#include "base/tap.h"
#include "streams/stream.h"
#include "trials/trial.h"

typedef struct ft_hook ft_hook;

typedef struct ft_hook_opts {
    ft_str uri;                       /* s3:// prefix of the trial */
    const ft_collection *collections; /* borrowed */
    size_t collection_count;
    ft_str job;   /* key of the "metric" stream */
    ft_mode mode; /* 0: FT_MODE_GLOBAL, as XGBoost's hook has it */
    ft_err (*before_record)(
        void *ctx, int64_t step); /* may wait; FT_ECANCELED stops the emitter. May be NULL */
    void (*recorded)(void *ctx, int64_t step); /* may be NULL */
    void *ctx;
} ft_hook_opts;
ft_err ft_hook_new(ft_hook **out, ft_store *s, const ft_hook_opts *opts);
ft_tap *ft_hook_tap(ft_hook *h);
ft_err ft_hook_finish(ft_hook *h); /* end of training: closes the trial */
void ft_hook_free(ft_hook *h);

/* Stream kind "metric": job, step, name, value, time_us. */
extern const ft_stream_kind ft_kind_metric;
/* Stream kind "tensor": job, step, name, mode, mode_step, dtype, shape, count, value (scalars),
 * min, max, mean: trials as a table. */
extern const ft_stream_kind ft_kind_tensor;

#endif
