/* fettle.h -- Fettle's public C interface: batches for training, from files of any format, without
 * a copy. `python/fettle` is a thin binding of exactly this.
 *
 *     ft_batches *b;
 *     ft_batch_view *v;
 *     int code = ft_batches_open(&b,
 * "{\"data\":[\"train.fts\"],\"batch\":64,\"shuffle\":\"full\"}"); while (!code && !(code =
 * ft_batches_next(&v, b))) { … v->fields[0].data … ft_batch_view_free(v); } if (code !=
 * FT_BATCHES_END) fprintf(stderr, "%s\n", ft_err_why()); ft_batches_free(b);
 *
 * Compile with `pkg-config --cflags --libs fettle`.
 *
 * Every function that can fail returns 0, or the code of an error; ft_err_why() is the sentence of
 * the last one on this thread. Threads: one ft_batches, one thread at a time; views may be freed by
 * any thread. Ownership: what comes through the first argument is yours to free; a view stays valid
 * until it is freed, also when its ft_batches was freed before. */
#ifndef FETTLE_H
#define FETTLE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FT_BATCHES_END 4 /* the epoch is over: every record has come */

const char *ft_version(void);           /* "0.1.0" */
const char *ft_err_why(void);           /* never NULL; until the next call on this thread */
const char *ft_err_code_name(int code); /* "FT_ENOTFOUND" */

typedef struct ft_batches ft_batches;

typedef struct ft_field_view {
    const char *name;
    const char *dtype; /* NumPy's: "float32", "uint8", "int64", …; "bfloat16" */
    int ndim;          /* the batch's axis included */
    const int64_t *shape;
    void *data; /* dense, C order, aligned to 64 bytes */
    size_t bytes;
} ft_field_view;

typedef struct ft_batch_view {
    uint64_t number, epoch;
    size_t count;        /* samples */
    size_t bad;          /* records that were left out of it */
    const uint64_t *ids; /* of the samples: shard << 40 | record */
    size_t field_count;
    const ft_field_view *fields;
} ft_batch_view;

/* `spec` is a JSON object; docs/loader.md has every member. */
int ft_batches_open(ft_batches **out, const char *spec);
/* The next batch; FT_BATCHES_END at the epoch's end. */
int ft_batches_next(ft_batch_view **out, ft_batches *b);
int ft_batches_epoch(ft_batches *b, uint64_t epoch); /* begin an epoch */
uint64_t ft_batches_steps(const ft_batches *b);      /* of an epoch; UINT64_MAX for a stream */
/* Where the epoch stands, as a line of JSON (free with ft_text_free), and going on there. */
int ft_batches_state(char **out, ft_batches *b);
int ft_batches_resume(ft_batches *b, const char *state);
/* What was measured, and the verdict, as a JSON object (free with ft_text_free). */
int ft_batches_stats(char **out, ft_batches *b);
void ft_batches_free(ft_batches *b); /* NULL is fine */

void ft_batch_view_free(ft_batch_view *v); /* NULL is fine */
/* A field as a DLManagedTensor (DLPack 0.x, ABI 1), which keeps the batch alive until its deleter
 * is called, by whatever thread. */
int ft_batch_view_dlpack(void **out, ft_batch_view *v, size_t field);

void ft_text_free(char *text);

#ifdef __cplusplus
}
#endif
#endif
