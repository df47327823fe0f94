/* verdict.h -- what a training job waits for, in one sentence, and what the remedy would give.
 *
 *     "decode-bound: 2 of 2 cores busy; packing resized shards would give 2.9×"
 *
 * The loader measures for each stage what a sample costs in CPU seconds and how long its reader was
 * off the CPU for it. The model: w workers on c cores give at most c / Σ cpu samples a second, at
 * most w / (Σ cpu + Σ waits), and the consumer takes at most 1 / compute. The least of the three is
 * the rate; the stage is the consumer, the longest wait, or the dearest piece of work accordingly.
 * The remedy's gain is the same model with the sample's cost changed to what it is after the remedy
 * on this machine, which is measured (ft_verdict_costs_measure). All CPU is that of threads'
 * clocks, so that other programs at work beside do not count.
 *
 * The heuristics are those of the AWS post "Optimizing I/O for GPU performance tuning of deep
 * learning training in Amazon SageMaker": more workers while cores are idle; resized images in
 * record files when cores are not; data local when the network is waited for; nothing when the
 * accelerator is busy.
 *
 * Threads: any. Pure functions but ft_verdict_costs_measure. */
#ifndef FT_VERDICT_H
#define FT_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/err.h"

typedef enum ft_stage {
    FT_STAGE_NETWORK,
    FT_STAGE_DISK, /* and everything of reading that is no network: unpacking, checksums, frames */
    FT_STAGE_DECODE,
    FT_STAGE_TRANSFORM,
    FT_STAGE_COPY, /* normalise, layout, type, into the batch; to the device */
    FT_STAGE_COMPUTE,
    FT_STAGE_COUNT
} ft_stage;
const char *ft_stage_name(ft_stage s); /* "network" */

typedef struct ft_stages {
    double wall_s;  /* measured time: from asking for the first batch to the last answer */
    double samples; /* delivered in it */
    double batches;
    double cpu_s[FT_STAGE_COUNT];  /* of all threads; compute: of the consumer */
    double wait_s[FT_STAGE_COUNT]; /* off the CPU, not for want of one; compute: of the consumer */
    double own_s;                  /* CPU of the loader itself: claims, waking, fresh memory */
    double colour_s;               /* of transform's CPU: cannot be done when packing */
    double starved_s;              /* the consumer waited for a batch */
    double idle_s;                 /* workers waited for a free slot */
    double bytes_read;             /* as stored */
    double bytes_batch;            /* put into batches */
    double ring_bytes;             /* of memory that batches cycle through */
    ft_array batch_picture;        /* a picture as it is put into a batch; ndim 0: there is none */
    bool channels_last;            /* of it */
    size_t batch;                  /* samples */
    uint64_t records;              /* of the set; 0: not known */
    int workers;                   /* that may read at one time; 0: the consumer does the work */
    int cores;
    bool encoded; /* there is something to decode */
    bool narrow;  /* batches are bytes already */
    bool tuned;   /* workers are chosen by the loader */
    int workers_max;
    char made[96]; /* what pictures are made into: "224x224 by random_resized_crop=224"; "": none */
} ft_stages;

/* What a sample would cost after packing on this machine, CPU seconds with everything: pictures of
 * the final size (or records of the same bytes), mirrored and normalised into such a batch. */
typedef struct ft_verdict_costs {
    double packed; /* into batches as they are */
    double narrow; /* into batches of bytes */
} ft_verdict_costs;
/* Measured now, in about 80 ms, by a loader as this one over as much as no cache holds. */
void ft_verdict_costs_measure(ft_verdict_costs *out, const ft_stages *s);

typedef enum ft_remedy {
    FT_REMEDY_NONE,
    FT_REMEDY_WORKERS, /* more of them */
    FT_REMEDY_LOCAL,   /* keep the data here: the cache */
    FT_REMEDY_ORDER,   /* shards read in order, or memory */
    FT_REMEDY_PACK,    /* resized shards */
    FT_REMEDY_RESIZE,  /* do the transforms when packing */
    FT_REMEDY_NARROW,  /* batches of bytes, normalised by the consumer */
    FT_REMEDY_COMPUTE  /* the loader keeps up: only a faster consumer helps */
} ft_remedy;

typedef struct ft_data_verdict {
    ft_stage stage;
    ft_remedy remedy;
    double share[FT_STAGE_COUNT]; /* of the time of a sample, CPU and waits: sums to 1 */
    double rate;                  /* samples a second, as measured */
    double rate_limit[3];         /* by cores, by workers, by the consumer; infinite: no limit */
    double cpu_s_sample, cpu_s_after; /* CPU seconds of the loader a sample, now and then */
    double gain;                      /* of the rate, by the remedy */
    double gain_cpu;                  /* of samples a CPU second, by the remedy */
    int workers_wanted;
    double busy_cores; /* on average */
    char sentence[448];
} ft_data_verdict;

/* FT_EINVAL when nothing was measured yet. `costs` NULL: measured, at most every half a minute. */
ft_err ft_data_judge(ft_data_verdict *out, const ft_stages *s, const ft_verdict_costs *costs);

#endif
