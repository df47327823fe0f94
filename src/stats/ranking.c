/* ranking.c -- ROC and precision-recall by sorting the scores; see classification.h.
 *
 * Scores become 32-bit keys that compare as integers, upside down so that the highest comes first.
 * The rows of truth 1 and those of truth 0 are sorted apart and merged while reading: no truth has
 * to move along, and half the memory is touched. 1 M rows: 10 ms. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "stats/classification.h"

#define DIGITS   2048
#define ROWS_MAX ((size_t)UINT32_MAX)
#define ROOM     8 /* kept points for each one asked for, at most: precision may wander */

typedef struct ranking { /* keys in order, scores from high to low */
    uint32_t *memory;    /* all below lies in it */
    const uint32_t *one, *zero;
    uint64_t ones, zeros;
} ranking;

typedef struct group { /* rows of one score */
    uint32_t key;
    uint64_t one, zero;   /* with this score */
    uint64_t ones, zeros; /* with higher scores */
} group;

static uint32_t key_of(float score) {
    uint32_t bits;
    score += 0.0f; /* -0 and 0 are one score */
    memcpy(&bits, &score, sizeof bits);
    bits = bits >> 31 ? ~bits : bits | 1u << 31; /* ascending */
    return ~bits;
}

static float score_of(uint32_t key) {
    uint32_t bits = ~key;
    float score;
    bits = bits >> 31 ? bits & ~(1u << 31) : ~bits;
    memcpy(&score, &bits, sizeof score);
    return score;
}

static void scatter(uint32_t *to, const uint32_t *from, size_t n, int shift, uint32_t *counts) {
    uint32_t begin = 0;
    for (int digit = 0; digit < DIGITS; digit++) {
        uint32_t count = counts[digit];
        counts[digit] = begin;
        begin += count;
    }
    for (size_t i = 0; i < n; i++) to[counts[from[i] >> shift & (DIGITS - 1)]++] = from[i];
}

/* Three passes of 11 bits; the result lies in `scratch`. */
static const uint32_t *sort_keys(uint32_t *keys, uint32_t *scratch, size_t n) {
    uint32_t counts[3][DIGITS];
    memset(counts, 0, sizeof counts);
    for (size_t i = 0; i < n; i++) {
        counts[0][keys[i] & (DIGITS - 1)]++;
        counts[1][keys[i] >> 11 & (DIGITS - 1)]++;
        counts[2][keys[i] >> 22]++;
    }
    scatter(scratch, keys, n, 0, counts[0]);
    scatter(keys, scratch, n, 11, counts[1]);
    scatter(scratch, keys, n, 22, counts[2]);
    return scratch;
}

/* Keys of truth 1 from the front, of truth 0 from the back. */
static ft_err ranking_fill(ranking *r, const float *score, const int32_t *truth, size_t rows) {
    size_t ends[2] = { rows, 0 }; /* by truth */
    for (size_t i = 0; i < rows; i++) {
        if (score[i] != score[i])
            return FT_FAIL(FT_EINVAL, "row %zu: the score is not a number", i);
        if (truth[i] != 0 && truth[i] != 1)
            return FT_FAIL(FT_EINVAL, "row %zu: the truth is %d, expected 0 or 1", i, truth[i]);
        size_t one = (size_t)truth[i];
        ends[0] -= 1 - one;
        r->memory[one ? ends[1] : ends[0]] = key_of(score[i]);
        ends[1] += one;
    }
    r->ones = ends[1];
    r->zeros = rows - ends[1];
    return FT_OK;
}

static ft_err ranking_make(ranking *r, const float *score, const int32_t *truth, size_t rows) {
    *r = (ranking){ 0 };
    if (rows == 0) return FT_OK;
    if (rows > ROWS_MAX)
        return FT_FAIL(FT_ETOOBIG, "%zu rows to rank, at most %zu", rows, ROWS_MAX);
    r->memory = ft_fault_here() ? NULL : malloc((2 * rows + 1) * sizeof *r->memory);
    if (!r->memory) return FT_FAIL(FT_ENOMEM, "no memory to rank %zu rows", rows);
    ft_err err = ranking_fill(r, score, truth, rows);
    if (err) {
        free(r->memory);
        *r = (ranking){ 0 };
        return err;
    }
    uint32_t *sorted = r->memory + rows;
    r->one = sort_keys(r->memory, sorted, r->ones);
    sorted[r->ones] = UINT32_MAX; /* a last key above all: only a NaN would have it */
    r->zero = sort_keys(r->memory + r->ones, sorted + r->ones + 1, r->zeros);
    return FT_OK;
}

/* The next score and how many rows of each truth have it; g holds the sums before and after. */
static bool next_group(const ranking *r, group *g) {
    uint64_t i = g->ones += g->one, j = g->zeros += g->zero;
    if (i == r->ones && j == r->zeros) return false;
    uint32_t key = i == r->ones             ? r->zero[j]
                   : j == r->zeros          ? r->one[i]
                   : r->one[i] < r->zero[j] ? r->one[i]
                                            : r->zero[j];
    while (i < r->ones && r->one[i] == key) i++;
    while (j < r->zeros && r->zero[j] == key) j++;
    g->key = key;
    g->one = i - g->ones;
    g->zero = j - g->zeros;
    return true;
}

/* Sum over the zeros of the number of ones before them; among equals the ones come first, or last.
 * At most 2^62, since there are at most 2^32 rows. No branch on the data: which list goes on is a
 * coin toss, and guessing it wrong took 11 of 13 ms. */
static inline __attribute__((always_inline)) uint64_t ones_before(const ranking *r, uint32_t last) {
    const uint32_t *one = r->one, *zero = r->zero;
    uint64_t sum = 0, i = 0, j = 0;
    while (j < r->zeros) {
        uint64_t go_one = (uint64_t)one[i] + last <= zero[j];
        sum += i & (go_one - 1);
        i += go_one;
        j += 1 - go_one;
    }
    return sum;
}

/* Pairs in the right order, twice, so that ties count whole numbers. */
static double roc_area(const ranking *r) {
    if (r->ones == 0 || r->zeros == 0) return (double)NAN;
    uint64_t pairs = ones_before(r, 0) + ones_before(r, 1);
    return (double)pairs / (2 * (double)r->ones * (double)r->zeros);
}

static double average_precision(const ranking *r) {
    double sum = 0;
    group g = { 0 };
    if (r->ones == 0 || r->zeros == 0) return (double)NAN;
    while (next_group(r, &g)) {
        if (g.one == 0) continue;
        double ones = (double)(g.ones + g.one);
        sum += (double)g.one * (ones / (ones + (double)(g.zeros + g.zero)));
    }
    return sum / (double)r->ones;
}

ft_err ft_roc_auc(double *out, const float *score, const int32_t *truth, size_t rows) {
    ranking r;
    *out = (double)NAN;
    FT_TRY(ranking_make(&r, score, truth, rows));
    *out = roc_area(&r);
    free(r.memory);
    return FT_OK;
}

/* ---- curves */

/* Distinct scores, counted up to `enough`. */
static size_t count_groups(const ranking *r, size_t enough) {
    size_t count = 0;
    group g = { 0 };
    while (count < enough && next_group(r, &g)) count++;
    return count;
}

static ft_err curve_new(ft_curve *out, ft_arena *arena, size_t points) {
    FT_TRY(ft_arena_items(&out->x, arena, points));
    FT_TRY(ft_arena_items(&out->y, arena, points));
    FT_TRY(ft_arena_items(&out->threshold, arena, points));
    return FT_OK;
}

static void curve_put(ft_curve *c, double x, double y, double threshold) {
    c->x[c->count] = x;
    c->y[c->count] = y;
    c->threshold[c->count++] = threshold;
}

/* A kept point at least every `step` of x or y: what the eye would miss is left out. */
static bool far_enough(const ft_curve *c, double x, double y, double step) {
    return fabs(x - c->x[c->count - 1]) >= step || fabs(y - c->y[c->count - 1]) >= step;
}

/* The last point always has its place: the one before it is given up if need be. */
static void walk(ft_curve *c, const ranking *r, bool roc, double step, size_t room) {
    group g = { 0 };
    curve_put(c, 0, roc ? 0 : 1, (double)INFINITY); /* nothing is called 1 yet */
    while (next_group(r, &g)) {
        uint64_t ones = g.ones + g.one, zeros = g.zeros + g.zero;
        bool last = ones == r->ones && zeros == r->zeros;
        double recall = (double)ones / (double)r->ones;
        double x = roc ? (double)zeros / (double)r->zeros : recall;
        double y = roc ? recall : (double)ones / (double)(ones + zeros);
        if (last || (c->count + 1 < room && far_enough(c, x, y, step)))
            curve_put(c, x, y, (double)score_of(g.key));
    }
}

static ft_err curve_of(ft_curve *out, ft_arena *arena, const float *score, const int32_t *truth,
                       size_t rows, size_t points_max, bool roc) {
    ft_err err = FT_OK;
    ranking r;
    *out = (ft_curve){ .area = (double)NAN };
    FT_TRY(ranking_make(&r, score, truth, rows));
    if (r.ones == 0 || r.zeros == 0) goto done;
    size_t points = count_groups(&r, points_max ? points_max : rows) + 1;
    double step = 0;
    if (points_max && points > points_max) { /* along a monotone curve of length 2 */
        step = 2.0 / (double)points_max;
        points = ROOM * points_max + 2;
    }
    FT_GOTO(err, curve_new(out, arena, points));
    walk(out, &r, roc, step, points);
    out->area = roc ? roc_area(&r) : average_precision(&r);
done:
    free(r.memory);
    return err;
}

ft_err ft_roc_curve(ft_curve *out, ft_arena *arena, const float *score, const int32_t *truth,
                    size_t rows, size_t points_max) {
    return curve_of(out, arena, score, truth, rows, points_max, true);
}

ft_err ft_pr_curve(ft_curve *out, ft_arena *arena, const float *score, const int32_t *truth,
                   size_t rows, size_t points_max) {
    return curve_of(out, arena, score, truth, rows, points_max, false);
}
