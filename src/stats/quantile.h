/* quantile.h -- quantiles: exact ones of sorted data, and a sketch of a stream in bounded memory.
 *
 * The sketch is KLL (Karnin, Lang, Liberty: Optimal quantile approximation in streams, 2016) with
 * the parameters of Model Monitor's statistics.json: k = 2048, c = 0.64. Level h holds values that
 * each stand for 2^h; a full level is sorted and every second value moves up. The error of a rank
 * is below 0.1 % of n (99 % of the time, k = 2048); up to k values nothing is lost and every answer
 * is exact. The same values in the same order give the same sketch.
 *
 * Threads: one at a time for a sketch; join those of several threads. Memory: about 4 k values. */
#ifndef FT_QUANTILE_H
#define FT_QUANTILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

#define FT_SKETCH_K          2048
#define FT_SKETCH_C          0.64
#define FT_SKETCH_LEVELS_MAX 48

/* Quantile q in [0, 1] of sorted values, linear between neighbours (type 7 of Hyndman and Fan,
 * 1996; NumPy's default). NaN when n is 0. */
double ft_quantile(const double *sorted, size_t n, double q);
/* `count` such quantiles of values in any order, which stay as they are; NaN is left out. A few
 * quantiles of 1 M values in 3 ms. FT_ENOMEM. */
ft_err ft_quantiles(double *out, const double *q, size_t count, const double *values, size_t n);

typedef struct ft_sketch ft_sketch;

/* k 0: FT_SKETCH_K. */
ft_err ft_sketch_new(ft_sketch **out, size_t k);
void ft_sketch_free(ft_sketch *s);
/* NaN is left out. FT_ENOMEM leaves the sketch as it was before the value that did not fit. */
ft_err ft_sketch_add(ft_sketch *s, const double *values, size_t n);
ft_err ft_sketch_join(ft_sketch *s, const ft_sketch *other);

uint64_t ft_sketch_count(const ft_sketch *s);
/* Everything below asks for the values in order: FT_ENOMEM. */
/* Number of values <= v, and of values < v. */
ft_err ft_sketch_rank(double *out, ft_sketch *s, double v);
ft_err ft_sketch_rank_below(double *out, ft_sketch *s, double v);
/* The value whose rank is nearest above q * count; NaN when empty. */
ft_err ft_sketch_quantile(double *out, ft_sketch *s, double q);

/* Values in ascending order with the number of values each stands for; borrowed until the sketch
 * changes. */
typedef struct ft_weighted {
    const double *value;
    const uint64_t *weight;
    size_t count;
    uint64_t total;
} ft_weighted;
ft_err ft_sketch_values(ft_weighted *out, ft_sketch *s);

/* {"parameters":{"c":0.64,"k":2048.0},"data":[[level 0],[level 1]…]} as statistics.json has it. */
void ft_sketch_write(ft_json_out *w, const ft_sketch *s);
/* Read that object; FT_EPARSE. */
ft_err ft_sketch_read(ft_sketch **out, ft_json *j);

#endif
