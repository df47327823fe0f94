/* pack.h -- a dataset into another: format, shards, order, size and form of pictures; what `fettle
 * data pack` and `convert` are.
 *
 * Samples are read and pictures made by all cores, and written by the caller's thread in order: the
 * files depend on source and options alone, never on the number of threads. Files appear whole or
 * not at all; what a killed run left is told and can be gone on from (`resume`).
 *
 * Threads: the caller's and its own. Memory: a few megabytes a thread and the largest records. */
#ifndef FT_PACK_H
#define FT_PACK_H

#include "data/dataset.h"

#define FT_PACK_SHARD_MIN ((uint64_t)1000000)
#define FT_PACK_SHARD_MAX ((uint64_t)128000000)

typedef enum ft_pack_form {                  /* of pictures in what is written */
                            FT_PACK_DEFAULT, /* as they are; with a size: raw in formats of arrays
                                                (fts, npy, idx), else JPEG */
                            FT_PACK_RAW,     /* pixels: u8, height x width x 3 */
                            FT_PACK_JPEG,
                            FT_PACK_PNG,
                            FT_PACK_REGIONS /* JPEG with restart markers, the same pixels: a
                                               random crop then decodes little else. Others stay
                                               as they are */
} ft_pack_form;

typedef enum ft_pack_fit {                 /* of a picture to width x height */
                           FT_PACK_CROP,   /* the smaller ratio fits, the middle is kept (Resize +
                                              CenterCrop) */
                           FT_PACK_SQUASH, /* both sides to size, the shape is lost */
                           FT_PACK_SHORT /* the smaller ratio fits, nothing is cut: sizes differ */
} ft_pack_fit;

typedef struct ft_pack_progress {
    uint64_t records, total; /* FT_DATASET_UNKNOWN */
    uint64_t bytes, bad;
    uint32_t shards;
} ft_pack_progress;

typedef struct ft_pack_opts {
    ft_str format;        /* empty: by the ending */
    bool shards;          /* several files, NAME-00000.ENDING …, when it is worth it */
    uint64_t shard_bytes; /* 0: chosen */
    int width, height;    /* of pictures; 0: as they are */
    ft_pack_fit fit;
    ft_pack_form form;
    int quality; /* JPEG, 1..100; 0: 90 */
    bool shuffle;
    uint64_t seed;
    const ft_str *vary; /* fields whose shape may differ although the first records' did not */
    size_t vary_count;
    int threads;      /* 0: as many as CPUs */
    uint64_t bad_max; /* records that may be damaged and are left out; the next one ends it */
    bool force;       /* replace what is there */
    bool resume;      /* go on after the whole shards that are there */
    /* Now and then, in the caller's thread; a failure ends the work. May be NULL. */
    ft_err (*progress)(void *ctx, const ft_pack_progress *p);
    /* A record was left out: why. May be NULL; any thread, one at a time. */
    void (*bad)(void *ctx, const char *why);
    void *ctx;
} ft_pack_opts;

typedef struct ft_pack_told {
    uint64_t records, bytes, bad, resumed; /* resumed: records that were there */
    uint64_t empty;                        /* records of no bytes: they are kept, and told */
    char empty_at[256];                    /* where the first stands */
    uint32_t shards;
    uint64_t shard_bytes; /* 0: one file */
    char why[256];        /* a sentence about that choice */
} ft_pack_told;

/* FT_EEXIST when something is there and neither force nor resume is said. */
ft_err ft_pack(ft_pack_told *told, ft_dataset *from, const char *to, const ft_pack_opts *opts);

#endif
