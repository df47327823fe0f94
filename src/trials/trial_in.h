/* trial_in.h -- the reader's state, shared by trial_refresh.c (what is there) and trial_read.c
 * (questions and values). */
#ifndef FT_TRIAL_IN_H
#define FT_TRIAL_IN_H

#include "trials/place_in.h"
#include "trials/regex.h"
#include "trials/trial.h"

#define TRIAL_QUERIES_MAX 16 /* remembered (collection, expression) pairs */
#define TRIAL_MAPS_MAX    4  /* event files kept mapped */

typedef struct trial_tensor {
    ft_str name;
    uint64_t hash;
    ft_buf steps; /* int64_t, ascending */
    ft_buf refs;  /* ft_tensor_ref, beside `steps` */
    ft_buf memo;  /* trial_memo, beside the first of them */
} trial_tensor;

typedef struct trial_memo { /* a scalar that was asked for */
    double value;
    enum { MEMO_UNKNOWN, MEMO_VALUE, MEMO_NONE } state;
} trial_memo;

typedef struct trial_step {
    int64_t step;
    int workers; /* index files seen */
} trial_step;

/* Tensors that match a question, found once; new tensors are tried as they come. */
typedef struct trial_query {
    ft_str collection, regex; /* malloc'd, one block at collection.at */
    ft_buf ids;               /* uint32_t */
    size_t tried;
    uint64_t used;
} trial_query;

typedef struct trial_map {
    uint32_t file;
    bool mapped;
    ft_str bytes;
    uint64_t used;
} trial_map;

struct ft_trial {
    ft_arena arena;   /* as long as the trial: place, collections, names */
    ft_arena scratch; /* one refresh */
    ft_place place;
    ft_collection *collections;
    size_t collection_count;
    ft_matcher **matchers; /* by collection, made on first use */
    int num_workers;
    /* What was seen. */
    ft_buf tensors;  /* trial_tensor * */
    uint32_t *table; /* open addressing: tensor number + 1 */
    size_t table_size;
    ft_buf files;      /* ft_str: keys of event files */
    ft_buf steps;      /* int64_t */
    ft_buf step_facts; /* trial_step, beside `steps` */
    ft_str after;      /* index keys up to here are done */
    char after_text[FT_TRIAL_NAME_MAX];
    ft_buf loaded; /* uint64_t hashes of index keys beyond `after` (several workers) */
    bool ended;
    uint64_t damaged;
    int64_t whole_until; /* later steps wait for other workers */
    int64_t horizon;
    /* Memory of answers. */
    trial_query queries[TRIAL_QUERIES_MAX];
    size_t query_count;
    trial_map maps[TRIAL_MAPS_MAX];
    uint64_t clock; /* counts uses, for the two lists above */
};

static inline trial_tensor **trial_tensors(const ft_trial *t) {
    return (trial_tensor **)(void *)t->tensors.at;
}
static inline size_t trial_tensor_count(const ft_trial *t) {
    return t->tensors.len / sizeof(trial_tensor *);
}
/* How many of `count` ascending steps may be seen. */
size_t ft_trial_visible(const ft_trial *t, const int64_t *steps, size_t count);
trial_tensor *ft_trial_tensor(const ft_trial *t, ft_str name); /* NULL: never saved */
void ft_trial_damage(ft_trial *t, ft_err err, ft_str key);     /* count and log; an
                                                              empty key: the error says where */

#endif
