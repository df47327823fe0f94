/* statistics.h -- what the values of each feature look like: gathered from rows, written and read
 * as Model Monitor's statistics.json (formats.md 3.11).
 *
 * Numbers: moments and a KLL sketch; ten buckets of equal width are made from the sketch when
 * written. Texts: counts by value. Missing values are counted. The same struct describes a
 * baseline, a window of traffic, and a file that Amazon's monitor wrote (there the sketch may be
 * absent; its buckets then stand for it).
 *
 * Threads: one at a time. Memory: one arena and the sketches, given back by ft_statistics_free. */
#ifndef FT_STATISTICS_H
#define FT_STATISTICS_H

#include "base/arena.h"
#include "base/buf.h"
#include "monitor/answer.h"
#include "stats/moments.h"
#include "stats/quantile.h"

#define FT_STAT_VALUES_KEPT 10000 /* distinct texts of a feature that are told apart */
#define FT_STAT_VALUES_TOLD \
    200 /* with more, the distribution is not written, as Model Monitor does */
#define FT_STAT_BUCKETS 10

typedef enum ft_stat_type {
    FT_STAT_UNKNOWN, /* every value missing */
    FT_STAT_INTEGRAL,
    FT_STAT_FRACTIONAL,
    FT_STAT_STRING
} ft_stat_type;
const char *ft_stat_type_name(ft_stat_type t); /* "Integral" */

typedef struct ft_tally {
    ft_str value;
    uint64_t count;
} ft_tally;

typedef struct ft_stat { /* one feature */
    ft_str name;
    bool is_text;              /* set by the caller before the first value */
    uint64_t present, missing; /* present: values of the right kind */
    uint64_t bad;              /* present, but no number in a feature of numbers */
    uint64_t whole,
        negative; /* numbers without fraction; below zero. Not known of a file that was read */
    ft_moments moments;
    ft_sketch *sketch; /* NULL for texts */
    ft_stat_type type; /* told by a file, else by ft_stat_type_of */
    ft_tally *values;  /* texts, in order of appearance */
    size_t value_count;
    uint64_t unkept; /* texts past FT_STAT_VALUES_KEPT */
    double distinct; /* told by a file */
    bool unlisted;   /* texts whose distribution the file does not have */
    uint32_t *slots; /* hash of `values`; private */
    size_t slot_count;
} ft_stat;

typedef struct ft_statistics {
    ft_arena arena;
    uint64_t items; /* rows */
    ft_stat *features;
    size_t count;
    size_t sketch_k;
} ft_statistics;

/* `count` unnamed features of numbers. The sketches are smaller where features are many, so that
 * the file stays readable. */
ft_err ft_statistics_new(ft_statistics **out, size_t count);
void ft_statistics_free(ft_statistics *s); /* fine on NULL */

/* Values of one feature of numbers; NaN is missing. */
ft_err ft_stat_add(ft_statistics *s, ft_stat *f, const float *values, size_t n);
/* A text `times` times; at == NULL: missing. */
ft_err ft_stat_add_text(ft_statistics *s, ft_stat *f, ft_str text, uint64_t times);
/* An answer: the class that it chooses where the feature is texts, else its number. */
ft_err ft_stat_add_answer(ft_statistics *s, ft_stat *f, ft_answers kind, const ft_answer *answer);
ft_stat_type ft_stat_type_of(const ft_stat *f);
uint64_t ft_stat_count_of(const ft_stat *f, ft_str text);

ft_err ft_statistics_write(ft_buf *out, ft_statistics *s);
/* FT_EPARSE with line and column; `name` is for messages. */
ft_err ft_statistics_read(ft_statistics **out, ft_str json, const char *name);

#endif
