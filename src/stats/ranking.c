/* ranking.c -- ROC and precision-recall by one sort of the scores; see classification.h.
 *
 * Scores become 32-bit keys that compare as integers, upside down so that the highest comes first;
 * key and truth share one 64-bit word, so nothing has to move along. Four passes of bytes on 33
 * bits' worth of digits: 1 M rows in about 10 ms. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "stats/classification.h"
#include "stats/sort.h"

typedef struct ranking { /* scores from high to low */
    uint64_t *at;        /* key << 1 | truth */
    size_t count;
    uint64_t ones, zeros;
} ranking;

typedef struct group { /* rows of one score */
    float score;
    uint64_t ones, zeros;
} group;

static uint64_t key_of(float score) {
    uint32_t bits;
    score += 0.0f; /* -0 and 0 are one score */
    memcpy(&bits, &score, sizeof bits);
    bits = bits >> 31 ? ~bits : bits | 1u << 31; /* ascending */
    return (uint64_t)(uint32_t)~bits;
}

static float score_of(uint64_t key) {
    uint32_t bits = ~(uint32_t)key;
    float score;
    bits = bits >> 31 ? bits & ~(1u << 31) : ~bits;
    memcpy(&score, &bits, sizeof score);
    return score;
}

/* Three passes of 11 bits; bit 0, the truth, need not be in order. */
static void sort_words(uint64_t *words, uint64_t *scratch, size_t n) {
    size_t counts[3][2048];
    memset(counts, 0, sizeof counts);
    for (size_t i = 0; i < n; i++)
        for (int pass = 0; pass < 3; pass++) counts[pass][words[i] >> (1 + 11 * pass) & 2047]++;
    uint64_t *from = words, *to = scratch;
    for (int pass = 0; pass < 3; pass++) {
        size_t begin = 0;
        for (int digit = 0; digit < 2048; digit++) {
            size_t count = counts[pass][digit];
            counts[pass][digit] = begin;
            begin += count;
        }
        for (size_t i = 0; i < n; i++)
            to[counts[pass][from[i] >> (1 + 11 * pass) & 2047]++] = from[i];
        uint64_t *swap = from;
        from = to, to = swap;
    }
    memcpy(words, from, n * sizeof *words); /* three passes end in the scratch */
}

static ft_err ranking_fill(ranking *r, const float *score, const int32_t *truth, size_t rows) {
    for (size_t i = 0; i < rows; i++) {
        if (score[i] != score[i])
            return FT_FAIL(FT_EINVAL, "row %zu: the score is not a number", i);
        if (truth[i] != 0 && truth[i] != 1)
            return FT_FAIL(FT_EINVAL, "row %zu: the truth is %d, expected 0 or 1", i, truth[i]);
        r->at[i] = key_of(score[i]) << 1 | (uint64_t)truth[i];
        r->ones += (uint64_t)truth[i];
    }
    r->zeros = rows - r->ones;
    return FT_OK;
}

static ft_err ranking_make(ranking *r, const float *score, const int32_t *truth, size_t rows) {
    *r = (ranking){ .count = rows };
    if (rows == 0) return FT_OK;
    if (rows > SIZE_MAX / (4 * sizeof *r->at)) return FT_FAIL(FT_ENOMEM, "%zu rows", rows);
    r->at = ft_fault_here() ? NULL : malloc(2 * rows * sizeof *r->at);
    if (!r->at) return FT_FAIL(FT_ENOMEM, "no memory to rank %zu rows", rows);
    ft_err err = ranking_fill(r, score, truth, rows);
    if (err) {
        free(r->at);
        r->at = NULL;
        return err;
    }
    sort_words(r->at, r->at + rows, rows);
    return FT_OK;
}

static bool next_group(const ranking *r, size_t *at, group *out) {
    if (*at >= r->count) return false;
    uint64_t key = r->at[*at] >> 1;
    size_t begin = *at, ones = 0;
    for (; *at < r->count && r->at[*at] >> 1 == key; ++*at) ones += r->at[*at] & 1;
    *out = (group){ score_of(key), ones, *at - begin - ones };
    return true;
}

/* Pairs in the right order, doubled so that ties count whole numbers: exact to 2^127. */
static double roc_area(const ranking *r) {
    unsigned __int128 pairs = 0;
    uint64_t ones = 0;
    size_t at = 0;
    group g;
    if (r->ones == 0 || r->zeros == 0) return (double)NAN;
    while (next_group(r, &at, &g)) {
        pairs += (unsigned __int128)g.zeros * (2 * ones + g.ones);
        ones += g.ones;
    }
    return (double)pairs / (2 * (double)r->ones * (double)r->zeros);
}

static double average_precision(const ranking *r) {
    uint64_t ones = 0, rows = 0;
    double sum = 0;
    size_t at = 0;
    group g;
    if (r->ones == 0 || r->zeros == 0) return (double)NAN;
    while (next_group(r, &at, &g)) {
        ones += g.ones;
        rows += g.ones + g.zeros;
        sum += (double)g.ones * ((double)ones / (double)rows);
    }
    return sum / (double)r->ones;
}

ft_err ft_roc_auc(double *out, const float *score, const int32_t *truth, size_t rows) {
    ranking r;
    *out = (double)NAN;
    FT_TRY(ranking_make(&r, score, truth, rows));
    *out = roc_area(&r);
    free(r.at);
    return FT_OK;
}

/* ---- curves */

static size_t count_groups(const ranking *r) {
    size_t at = 0, count = 0;
    group g;
    while (next_group(r, &at, &g)) count++;
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
    if (c->count == 0) return true;
    return fabs(x - c->x[c->count - 1]) >= step || fabs(y - c->y[c->count - 1]) >= step;
}

static void walk(ft_curve *c, const ranking *r, bool roc, double step) {
    uint64_t ones = 0, zeros = 0;
    size_t at = 0;
    group g;
    curve_put(c, 0, roc ? 0 : 1, (double)INFINITY); /* nothing is called 1 yet */
    while (next_group(r, &at, &g)) {
        ones += g.ones;
        zeros += g.zeros;
        double recall = (double)ones / (double)r->ones;
        double x = roc ? (double)zeros / (double)r->zeros : recall;
        double y = roc ? recall : (double)ones / (double)(ones + zeros);
        if (at == r->count || far_enough(c, x, y, step)) curve_put(c, x, y, (double)g.score);
    }
}

static ft_err curve_of(ft_curve *out, ft_arena *arena, const float *score, const int32_t *truth,
                       size_t rows, size_t points_max, bool roc) {
    ft_err err = FT_OK;
    ranking r;
    *out = (ft_curve){ .area = (double)NAN };
    FT_TRY(ranking_make(&r, score, truth, rows));
    if (r.ones == 0 || r.zeros == 0) goto done;
    size_t points = count_groups(&r) + 1;
    /* Along a monotone curve of length 2 a point every 2 / points_max; precision may wander. */
    double step = points_max && points > points_max ? 2.0 / (double)points_max : 0;
    FT_GOTO(err, curve_new(out, arena, points));
    walk(out, &r, roc, step);
    out->area = roc ? roc_area(&r) : average_precision(&r);
done:
    free(r.at);
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
