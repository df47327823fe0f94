/* loader.h -- batches, ready before they are asked for: read, decode, transform and place in a ring
 * of preallocated batches, by any number of threads, in an order that does not depend on them.
 *
 *     ft_loader_open(&l, &feed, &(ft_loader_spec){ .batch = 64, .shuffle = FT_SHUFFLE_FULL,
 *                                                  .transforms = FT_STR("random_resized_crop=224")
 * }); while (!(err = ft_loader_next(&batch, l))) { … batch->fields[0].array …
 * ft_batch_release(batch); } if (err != FT_ENOTFOUND) …                       // the epoch's end is
 * FT_ENOTFOUND, without a word ft_loader_epoch(l, 1);                           // the next epoch
 *
 * Order: order.h. The same records in the same batches with the same pixels for one (seed, epoch,
 * rank, world), whatever the number of workers. ft_loader_state says in a line of JSON where the
 * epoch stands; another loader goes on exactly there, with other workers, another batch size or
 * another world. In a world all ranks make the same number of steps as long as a step has a record
 * for each of them.
 *
 * Bad records (damaged, undecodable, larger than their limit) stop the epoch with a sentence that
 * names file and record, or are left out: their batch is shorter by them and says so. Nothing else
 * makes a batch short but the epoch's end. What is wrong with the machine (memory, disk, network)
 * always stops.
 *
 * Threads: one consumer at a time; ft_batch_keep and _release from any thread. Workers are threads
 * of the loader. Memory: slots × batch (at most memory_bytes_max), and the window of a stream.
 * Ownership: a batch is a view of its slot; the slot is not used again before the last release,
 * also when the loader is freed before. */
#ifndef FT_LOADER_H
#define FT_LOADER_H

#include "base/tap.h"
#include "data/loader_feed.h"
#include "data/order.h"
#include "data/transform.h"
#include "data/verdict.h"

#define FT_LOADER_WORKERS_TUNED (-1)
#define FT_LOADER_WORKERS_MAX   256
#define FT_LOADER_SLOTS_MAX     1024
#define FT_LOADER_BATCH_MAX     ((size_t)1 << 20)
#define FT_LOADER_FIELDS_MAX    64
#define FT_LOADER_MEMORY        ((size_t)1 << 30)

typedef struct ft_loader ft_loader;
typedef struct ft_batch ft_batch;

typedef struct ft_loader_spec {
    size_t batch;   /* samples; 0: 32 */
    bool drop_last; /* leave out the step that is not whole */
    ft_shuffle shuffle;
    size_t window; /* FT_SHUFFLE_WINDOW: samples; 0: 1024 */
    uint64_t seed, epoch;
    uint32_t rank, world; /* world 0: 1 */
    int workers;          /* FT_LOADER_WORKERS_TUNED; 0: the caller's thread works */
    int workers_max;      /* when tuned; 0: 4 for each core, at least 8 */
    int prefetch;         /* batches ready ahead; 0: tuned */
    int decode_threads;   /* of the workers, at work on pixels at one time; 0: one for each core */
    uint64_t bad_max;     /* bad records to leave out in an epoch; the next one stops. 0: the first
                             stops */
    ft_str fields;        /* names with commas, "image,label"; empty: every field of a fixed size,
                             and the picture */
    ft_str transforms;    /* for the picture (transform.h) */
    ft_transform_opts pixels;
    size_t memory_bytes_max; /* of the slots; 0: FT_LOADER_MEMORY */
    bool pin;                /* page-locked slots where CUDA is there; told in the stats */
    bool cuts;               /* a field "cut" of five i32: ft_transform_cut of each picture */
} ft_loader_spec;

typedef struct ft_batch_field {
    ft_str name;
    ft_array array; /* the first axis is the batch, `count` long */
} ft_batch_field;

struct ft_batch {
    uint64_t number; /* of this rank's batches in the epoch, from 0 (or from the resumed place) */
    uint64_t epoch;
    size_t count;        /* samples; smaller than asked for at the end and by bad ones */
    size_t bad;          /* left out of this batch */
    const uint64_t *ids; /* of the samples: shard << 40 | record for files */
    const ft_batch_field *fields;
    size_t field_count;
};

/* What was measured since the loader began. */
typedef struct ft_loader_stats {
    uint64_t batches, samples, bad;
    ft_stages stages;                      /* verdict.h */
    int workers, prefetch, decode_threads; /* as they are now */
    int tuned;                             /* how often they were changed */
    size_t memory_bytes;
    bool pinned;
    int64_t first_batch_us; /* from opening to the first batch */
} ft_loader_stats;

/* Takes the feed (freed with the loader, and on failure). Everything of the spec is copied.
 * FT_EINVAL for what does not go together: random order of a stream without a window, a field that
 * is not there or differs in size. */
ft_err ft_loader_open(ft_loader **out, ft_feed *feed, const ft_loader_spec *spec);
/* The next batch. FT_ENOTFOUND without a trail at the epoch's end (as often as asked); a failure
 * says file and record and stays until ft_loader_epoch. FT_EFULL: every slot is held by the caller
 * and the memory limit allows no more. */
ft_err ft_loader_next(ft_batch **out, ft_loader *l);
/* Begin an epoch: what was read ahead of another is forgotten. */
ft_err ft_loader_epoch(ft_loader *l, uint64_t epoch);
/* Appends the state behind the batch that was given last, as a JSON object. */
ft_err ft_loader_state(ft_buf *out, ft_loader *l);
/* Go on at a state; FT_ECONFLICT when it is of other data, another seed or another order. */
ft_err ft_loader_resume(ft_loader *l, ft_str state);
/* Steps of an epoch; FT_DATASET_UNKNOWN for a stream. */
uint64_t ft_loader_steps(const ft_loader *l);
void ft_loader_told(ft_loader_stats *out, ft_loader *l);
/* What was measured since the last call, as scalars of the tap's current step: loader/network_ms,
 * disk_ms, decode_ms, transform_ms, copy_ms (of a batch), loader/starved (share of the consumer's
 * time that it waited), loader/batches_per_s, loader/workers, loader/bad. By the consumer. */
ft_err ft_loader_emit(ft_loader *l, ft_tap *tap);
void ft_loader_free(ft_loader *l); /* workers end first; fine on NULL */

void ft_batch_keep(ft_batch *b);
void ft_batch_release(ft_batch *b); /* fine on NULL */

#endif
