/* loader_in.h -- what the loader's files share. Private to the room.
 *
 * One lock (ring.lock) guards everything but pixels: slots, what is claimed next, the workers'
 * state. It is taken a few times for each batch or chunk, never while reading or decoding. */
#ifndef FT_LOADER_IN_H
#define FT_LOADER_IN_H

#include <pthread.h>
#include <stdatomic.h>

#include "data/loader.h"

#define FT_CHUNK_MAX 64

/* ---- fields of a batch */
typedef enum ft_place_kind { FT_PLACE_COPY, FT_PLACE_PICTURE, FT_PLACE_CUT } ft_place_kind;
typedef struct ft_place {
    ft_place_kind kind;
    int source;     /* field of the sample */
    size_t bytes;   /* of a sample in this field */
    size_t offset;  /* in the slot's memory */
    ft_array array; /* of a sample; the batch's axis comes before */
    char name[96];
} ft_place;

/* ---- slots */
typedef struct ft_ring ft_ring;
typedef struct ft_slot {
    ft_batch batch; /* first: a batch is its slot */
    ft_ring *ring;
    struct ft_slot *next_free;
    atomic_int refs;
    uint64_t step;
    size_t want, left; /* samples it will have; not done yet */
    bool ready, discard, pinned;
    uint64_t *ids;
    uint8_t *codes; /* ft_err of each sample */
    ft_err err;     /* of the first bad one by place */
    size_t err_at;
    char why[512];
    char *memory;
    ft_batch_field fields[FT_LOADER_FIELDS_MAX];
} ft_slot;

struct ft_ring {
    pthread_mutex_t lock;
    pthread_cond_t work;  /* something to claim, or to stop */
    pthread_cond_t ready; /* a batch, or everyone idle */
    atomic_int refs;      /* the loader and the batches that are held */
    ft_slot *free;
    size_t slots, held, slots_max;
    size_t batch, slot_bytes;
    ft_place places[FT_LOADER_FIELDS_MAX];
    size_t place_count;
    bool pin;
};

ft_err ft_ring_new(ft_ring **out, size_t batch, const ft_place *places, size_t count,
                   size_t memory_bytes_max, bool pin);
void ft_ring_unref(ft_ring *r);
/* With the lock: a slot without references, NULL when there is none and no more may be made. */
ft_slot *ft_ring_take(ft_ring *r);
void ft_ring_give(ft_ring *r, ft_slot *s); /* with the lock */

/* ---- a sample that is kept beyond its reader's next call */
typedef struct ft_kept {
    ft_sample sample;
    ft_array *values;
    char *bytes;
    size_t capacity;
    ft_err err; /* it could not be read */
    char why[512];
} ft_kept;
ft_err ft_kept_take(ft_kept *k, const ft_sample *s);
void ft_kept_fini(ft_kept *k);

/* ---- a worker */
typedef struct ft_meter { /* ns; written by its worker, read by the consumer while it runs */
    atomic_uint_fast64_t read_wait, read_cpu, decode, transform, copy, colour;
    atomic_uint_fast64_t samples, bytes_read, idle;
} ft_meter;

typedef struct ft_worker {
    struct ft_loader *l;
    int number;
    pthread_t thread;
    bool started;
    void *reader;
    ft_transform_work *work;
    ft_slot *slot; /* claimed: samples at … at + count - 1 of it */
    size_t at, count;
    uint64_t numbers[FT_CHUNK_MAX];
    ft_kept kept; /* of a stream */
    ft_meter meter;
    unsigned stride, since; /* every stride-th sample is measured */
} ft_worker;

struct ft_loader {
    ft_feed feed;
    ft_loader_spec spec;
    ft_transform *transform;
    ft_ring *ring;
    int wanted[FT_LOADER_FIELDS_MAX + 1];
    size_t wanted_count;
    int picture;    /* place of the picture, -1: none */
    int path_field; /* of the samples, in folders: names the file in messages; -1: none */

    /* what is claimed next */
    ft_epoch_order order; /* of a set; of a stream its window alone */
    uint64_t base;        /* global position where this run of the epoch began */
    uint64_t next_step, deliver_step;
    ft_slot *filling; /* samples 0 … filled - 1 are claimed */
    size_t filled;
    bool ended;
    ft_slot *flight[FT_LOADER_SLOTS_MAX]; /* by step modulo the size */

    /* a stream */
    bool stream, stream_busy, stream_end;
    void *stream_reader;
    uint64_t stream_position; /* samples drawn of the global order */
    uint64_t stream_number;   /* samples read */
    ft_kept *window;          /* beside order.window's slots */

    /* workers */
    ft_worker *workers;
    int worker_count, started; /* room, threads made */
    atomic_int active;         /* wanted; read without the lock by the gate */
    int busy;                  /* workers that are not parked */
    int computing;             /* at work on pixels, when that is bounded */
    pthread_cond_t gate;       /* one of them is done */
    int decode_threads;
    int prefetch;
    bool paused, quit;
    ft_worker self; /* the consumer's, when it works */

    /* consumer */
    ft_err failure; /* sticky until the next epoch */
    char why[640];
    uint64_t given, bad; /* in the epoch */
    uint64_t delivered;  /* global position behind the last batch */
    uint64_t opened_ns, first_ns, left_at_ns, left_cpu_ns, come_cpu_ns;
    ft_stages stages; /* of the consumer: starved, compute, batches, its own CPU */
    ft_stages emitted;
    double bytes_batch;
    struct {
        uint64_t at_ns;
        ft_stages before;
        int calm;
        int changes;
    } tune;
};

/* loader_plan.c: what a batch holds. */
ft_err ft_loader_plan(ft_loader *l, ft_place *places, size_t *count);

/* loader_claim.c */
ft_err ft_claim_start(ft_loader *l, uint64_t position); /* paused */
void ft_claim_end(ft_loader *l);
/* With the lock: give the worker its next samples; false when there are none now. */
bool ft_claim(ft_loader *l, ft_worker *w);
/* Of a stream, without the lock: read what was claimed into w->kept. FT_ENOTFOUND: it ended before.
 */
ft_err ft_claim_read(ft_loader *l, ft_worker *w);
size_t ft_claim_want(const ft_loader *l, uint64_t step); /* samples of this rank in a step */

/* loader.c: go to a place of an epoch. */
ft_err ft_loader_restart(ft_loader *l, uint64_t epoch, uint64_t position);

/* loader_work.c */
/* Is it the record's fault? Then it may be left out; else the machine's, and everything stops. */
bool ft_is_records_fault(ft_err err);
ft_err ft_worker_init(ft_worker *w, ft_loader *l, int number);
void ft_worker_fini(ft_worker *w);
void *ft_worker_main(void *worker);
/* With the lock, which is given up meanwhile: do what was claimed. */
void ft_worker_do(ft_loader *l, ft_worker *w);
ft_err ft_workers_set(ft_loader *l, int active); /* with the lock */

/* loader_meter.c */
uint64_t ft_now_ns(void);
uint64_t ft_cpu_ns(void);               /* of this thread */
uint64_t ft_cpu_since(uint64_t before); /* less what the look costs */
/* Is this sample measured? Then `weight` is how many samples it stands for. */
bool ft_meter_due(ft_worker *w, unsigned *weight);
typedef struct ft_measured { /* ns of one sample */
    uint64_t wall, wait, cpu;
    ft_transform_time time;
} ft_measured;
/* Reading, from begin to end. */
typedef struct ft_span_clock {
    uint64_t wall, cpu;
    long blocked;
} ft_span_clock;
ft_span_clock ft_read_begin(const ft_feed *f);
void ft_read_end(ft_measured *m, const ft_span_clock *from, const ft_feed *f);
void ft_meter_add(ft_worker *w, const ft_measured *m, unsigned weight);
/* A sample takes so long: how often are they measured from now on? */
void ft_meter_stride(ft_worker *w, uint64_t sample_ns);
void ft_meter_stages(ft_stages *out, ft_loader *l); /* with the lock */
/* The consumer comes for a batch, and leaves with one (with the lock). */
void ft_meter_come(ft_loader *l);
void ft_meter_leave(ft_loader *l, uint64_t starved_ns);
void ft_loader_tune(ft_loader *l); /* with the lock, by the consumer */

#endif
