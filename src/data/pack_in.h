/* pack_in.h -- the parts of packing: pictures, and the files that are written. Private to the room.
 */
#ifndef FT_PACK_IN_H
#define FT_PACK_IN_H

#include <pthread.h>

#include "data/dataset_in.h"
#include "data/order.h"
#include "data/pack.h"
#include "media/resize.h"

/* ---- pictures (pack_image.c) */
typedef struct ft_pack_picture { /* one thread's */
    ft_decoder *decoder;
    ft_resizer *resizer;
    ft_buf encoded, restarts;
} ft_pack_picture;

/* Which field's pictures are changed, and to which form; -1: none. */
ft_err ft_pack_plan(int *field, ft_pack_form *form, const ft_dataset *from,
                    const ft_dataset_format *format, const ft_pack_opts *opts);
/* What that field becomes. */
void ft_pack_field(ft_field *f, ft_pack_form form, const ft_pack_opts *opts);
/* The value of a picture, in the arena. */
ft_err ft_pack_picture_make(ft_array *value, ft_pack_picture *p, ft_arena *arena, ft_pack_form form,
                            const ft_pack_opts *opts);
void ft_pack_picture_fini(ft_pack_picture *p);

/* ---- files (pack_out.c) */
typedef struct ft_pack_out {
    const char *to;
    const ft_pack_opts *opts;
    const ft_dataset_format *format;
    const ft_field *fields;
    size_t field_count;
    ft_str meta;
    ft_dataset_writer *w;
    uint64_t bytes; /* of files that are ended */
    uint32_t shards;
    bool split;
    uint64_t shard_bytes;
    ft_arena arena;
} ft_pack_out;

/* Is the place free? With resume: how many records are there, in whole shards. */
ft_err ft_pack_out_begin(ft_pack_out *o, uint64_t *resumed, uint64_t source_count);
/* How many bytes a shard has, and why, from an estimate of them all (UINT64_MAX: unknown). */
void ft_pack_choose(ft_pack_out *o, uint64_t bytes, ft_pack_told *told);
ft_err ft_pack_out_write(ft_pack_out *o, const ft_array *values);
ft_err ft_pack_out_end(ft_pack_out *o);
uint64_t ft_pack_out_bytes(const ft_pack_out *o);
void ft_pack_out_fini(ft_pack_out *o);

/* ---- the ring (pack_fill.c) */
#define FT_PACK_THREADS_MAX 64

typedef struct ft_pack_slot { /* a run of samples */
    enum { FT_SLOT_FREE, FT_SLOT_FILLING, FT_SLOT_READY } state;
    uint64_t run;    /* its number */
    size_t count;    /* samples in it */
    uint64_t passed; /* records that it stands for, bad ones counted */
    uint64_t empty;  /* of no bytes */
    char empty_at[256];
    ft_array *values;
    ft_arena arena;
    ft_err err;
    char why[1024];
    bool last; /* the source ended */
} ft_pack_slot;

typedef struct ft_pack_work {
    ft_dataset *from;
    const ft_pack_opts *opts;
    size_t fields;
    int picture; /* field; -1: none */
    ft_pack_form form;
    ft_permutation order;
    uint64_t *begins; /* of each shard: its first record's number; and the end */
    uint64_t first, total;
    size_t run; /* samples of a slot */
    ft_pack_slot *slots;
    size_t slot_count;
    uint64_t next; /* run that is taken next */
    uint64_t bad;
    bool ended, stopped;        /* no run is left; stop */
    ft_dataset_reader *ordered; /* under the lock, where records are read in order */
    pthread_mutex_t lock;
    pthread_cond_t freed, filled;
    pthread_t threads[FT_PACK_THREADS_MAX];
    int thread_count;
    ft_pack_out out;
} ft_pack_work;

/* Where record number n stands. */
void ft_pack_place(const ft_pack_work *p, uint64_t n, uint32_t *shard, uint64_t *record);
/* Threads that fill slots; at least one, or FT_ENOMEM. */
ft_err ft_pack_threads_start(ft_pack_work *p);
void ft_pack_threads_stop(ft_pack_work *p);

#endif
