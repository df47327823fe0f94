/* quantile.c -- see quantile.h. Level 0 takes values as they come; levels above are always sorted,
 * so what moves up is merged. A level is compacted only when the whole sketch is full, which keeps
 * more than the paper asks for at the same size (as Ivkin, Liberty, Lang, Karnin and Braverman,
 * Streaming quantiles algorithms with small space and update time, 2019). */
#include "stats/quantile_in.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/random.h"
#include "stats/sort.h"

#define LEVEL_MIN 8

typedef struct level {
    double *at;
    size_t count, capacity; /* capacity: memory, not the size at which it is compacted */
} level;

struct ft_sketch {
    size_t k;
    double c;
    int level_count;
    level levels[FT_SKETCH_LEVELS_MAX];
    size_t held, room; /* values in all levels, and how many there may be */
    uint64_t count;
    ft_random random;
    /* The ordered view, made on demand: values, weights and sums of weights. */
    bool ordered;
    size_t view_capacity;
    double *value;
    uint64_t *weight, *sum;
};

double ft_quantile(const double *sorted, size_t n, double q) {
    if (n == 0 || !(q >= 0 && q <= 1)) return (double)NAN;
    double place = q * (double)(n - 1);
    size_t below = (size_t)place;
    if (below + 1 >= n) return sorted[n - 1];
    double share = place - (double)below;
    if (share == 0) return sorted[below];
    return sorted[below] + share * (sorted[below + 1] - sorted[below]);
}

/* ---- memory */

static ft_err level_reserve(level *l, size_t count) {
    size_t capacity = l->capacity ? l->capacity : 64;
    if (count <= l->capacity) return FT_OK;
    while (capacity < count) capacity *= 2;
    double *at = ft_fault_here() ? NULL : realloc(l->at, capacity * sizeof *at);
    if (!at) return FT_FAIL(FT_ENOMEM, "no memory for a quantile sketch");
    l->at = at;
    l->capacity = capacity;
    return FT_OK;
}

/* The paper's shrinking sizes, but level 0 keeps k: sorting a few values at a time costs twice as
 * much for each (34 ns a value became 16). */
static size_t level_room(const ft_sketch *s, int at) {
    if (at == 0) return s->k;
    double room = ceil((double)s->k * pow(s->c, s->level_count - 1 - at));
    return room < LEVEL_MIN ? LEVEL_MIN : (size_t)room;
}

static void set_levels(ft_sketch *s, int count) {
    s->level_count = count;
    s->room = 0;
    for (int i = 0; i < count; i++) s->room += level_room(s, i);
}

ft_err ft_sketch_new(ft_sketch **out, size_t k) {
    *out = NULL;
    ft_sketch *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    if (!s) return FT_FAIL(FT_ENOMEM, "no memory for a quantile sketch");
    s->k = k ? k : FT_SKETCH_K;
    s->c = FT_SKETCH_C;
    ft_random_seed(&s->random, s->k);
    set_levels(s, 1);
    *out = s;
    return FT_OK;
}

void ft_sketch_free(ft_sketch *s) {
    if (!s) return;
    for (int i = 0; i < FT_SKETCH_LEVELS_MAX; i++) free(s->levels[i].at);
    free(s->value);
    free(s->weight);
    free(s->sum);
    free(s);
}

/* ---- compaction */

/* Merge sorted `from` into sorted `to`, whose memory has room: from the ends, in place. */
static void level_merge(level *to, const double *from, size_t count) {
    size_t i = to->count, j = count, at = i + j;
    while (j) {
        if (i && to->at[i - 1] > from[j - 1])
            to->at[--at] = to->at[--i];
        else
            to->at[--at] = from[--j];
    }
    to->count += count;
}

/* Move every second value of level `h` up; an odd one out stays. */
static ft_err compact(ft_sketch *s, int h) {
    level *l = &s->levels[h], *up = &s->levels[h + 1];
    size_t half = l->count / 2, odd = l->count & 1;
    FT_CHECK(h + 1 < FT_SKETCH_LEVELS_MAX);
    /* Level 0 needs scratch to be sorted: the room that is reserved above it. */
    FT_TRY(level_reserve(up, up->count + l->count));
    if (h == 0) ft_sort_f64_with(l->at, up->at + up->count, l->count);
    if (h + 1 == s->level_count) set_levels(s, s->level_count + 1);
    uint64_t bits = ft_random_u64(&s->random);
    size_t first = odd && bits & 2 ? 1 : 0;         /* the odd one is the lowest or the highest */
    double stays = l->at[first ? 0 : l->count - 1]; /* meaningless when the count is even */
    for (size_t i = 0; i < half; i++) l->at[i] = l->at[first + 2 * i + (bits & 1)];
    level_merge(up, l->at, half);
    l->count = odd;
    if (odd) l->at[0] = stays;
    s->held -= half;
    return FT_OK;
}

/* Compact the lowest level that is full. */
static ft_err compact_one(ft_sketch *s) {
    int h = 0;
    while (h + 1 < s->level_count && s->levels[h].count < level_room(s, h)) h++;
    return compact(s, h);
}

ft_err ft_sketch_add(ft_sketch *s, const double *values, size_t n) {
    while (n) {
        if (*values != *values) { /* nothing is thinned for a missing value */
            values++;
            n--;
            continue;
        }
        while (s->held >= s->room) FT_TRY(compact_one(s));
        size_t fits = s->room - s->held;
        if (fits > n) fits = n;
        level *l = &s->levels[0];
        FT_TRY(level_reserve(l, l->count + fits));
        double *to = l->at + l->count;
        size_t added = 0;
        for (size_t i = 0; i < fits; i++) {
            to[added] = values[i];
            added += values[i] == values[i];
        }
        l->count += added;
        s->held += added;
        s->count += added;
        s->ordered = false;
        values += fits;
        n -= fits;
    }
    return FT_OK;
}

ft_err ft_sketch_join(ft_sketch *s, const ft_sketch *other) {
    FT_CHECK(s != other);
    for (int i = 0; i < other->level_count; i++)
        FT_TRY(level_reserve(&s->levels[i], s->levels[i].count + other->levels[i].count));
    if (other->level_count > s->level_count) set_levels(s, other->level_count);
    for (int i = 0; i < other->level_count; i++) {
        level *to = &s->levels[i];
        const level *from = &other->levels[i];
        if (from->count == 0) continue;
        if (i == 0) {
            memcpy(to->at + to->count, from->at, from->count * sizeof *to->at);
            to->count += from->count;
        } else {
            level_merge(to, from->at, from->count);
        }
        s->held += from->count;
    }
    s->count += other->count;
    s->ordered = false;
    while (s->held > s->room) FT_TRY(compact_one(s));
    return FT_OK;
}

uint64_t ft_sketch_count(const ft_sketch *s) { return s->count; }

/* ---- the ordered view */

static ft_err view_reserve(ft_sketch *s) {
    if (s->held <= s->view_capacity) return FT_OK;
    void *value = ft_fault_here() ? NULL : realloc(s->value, s->held * sizeof *s->value);
    if (value) s->value = value;
    void *weight = value ? realloc(s->weight, s->held * sizeof *s->weight) : NULL;
    if (weight) s->weight = weight;
    void *sum = weight ? realloc(s->sum, s->held * sizeof *s->sum) : NULL;
    if (!sum) return FT_FAIL(FT_ENOMEM, "no memory for a quantile sketch");
    s->sum = sum;
    s->view_capacity = s->held;
    return FT_OK;
}

static ft_err order(ft_sketch *s) {
    ft_err err = FT_OK;
    size_t n = 0;
    if (s->ordered) return FT_OK;
    FT_TRY(view_reserve(s));
    uint32_t *from = ft_fault_here() ? NULL : malloc((s->held + 1) * sizeof *from);
    if (!from) return FT_FAIL(FT_ENOMEM, "no memory for a quantile sketch");
    for (int i = 0; i < s->level_count; i++) {
        for (size_t k = 0; k < s->levels[i].count; k++, n++) {
            s->sum[n] = ft_sort_key(s->levels[i].at[k]);
            from[n] = (uint32_t)i;
        }
    }
    FT_GOTO(err, ft_sort_keys(s->sum, from, n));
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        s->value[i] = ft_sort_value(s->sum[i]);
        s->weight[i] = (uint64_t)1 << from[i];
        s->sum[i] = sum += s->weight[i];
    }
    s->ordered = true;
done:
    free(from);
    return err;
}

ft_err ft_sketch_values(ft_weighted *out, ft_sketch *s) {
    *out = (ft_weighted){ 0 };
    FT_TRY(order(s));
    *out = (ft_weighted){ s->value, s->weight, s->held, s->count };
    return FT_OK;
}

/* Number of held values that are < v, or <= v. */
static size_t place(const ft_sketch *s, double v, bool or_equal) {
    size_t low = 0, high = s->held;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (or_equal ? s->value[middle] <= v : s->value[middle] < v)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static ft_err rank_of(double *out, ft_sketch *s, double v, bool or_equal) {
    *out = 0;
    FT_TRY(order(s));
    size_t at = place(s, v, or_equal);
    *out = at ? (double)s->sum[at - 1] : 0;
    return FT_OK;
}

ft_err ft_sketch_rank(double *out, ft_sketch *s, double v) { return rank_of(out, s, v, true); }

ft_err ft_sketch_rank_below(double *out, ft_sketch *s, double v) {
    return rank_of(out, s, v, false);
}

ft_err ft_sketch_quantile(double *out, ft_sketch *s, double q) {
    *out = (double)NAN;
    FT_TRY(order(s));
    if (s->held == 0 || !(q >= 0 && q <= 1)) return FT_OK;
    double want = q * (double)s->count;
    size_t low = 0, high = s->held - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((double)s->sum[middle] < want)
            low = middle + 1;
        else
            high = middle;
    }
    *out = s->value[low];
    return FT_OK;
}

/* ---- for quantile_json.c */

size_t ft_sketch_k(const ft_sketch *s) { return s->k; }
double ft_sketch_c(const ft_sketch *s) { return s->c; }
int ft_sketch_levels(const ft_sketch *s) { return s->level_count; }

const double *ft_sketch_level(const ft_sketch *s, int at, size_t *count) {
    *count = s->levels[at].count;
    return s->levels[at].at;
}

void ft_sketch_set_parameters(ft_sketch *s, size_t k, double c) {
    s->k = k;
    s->c = c;
    set_levels(s, s->level_count);
}

ft_err ft_sketch_put_level(ft_sketch *s, int at, const double *values, size_t count) {
    level *l = &s->levels[at];
    uint64_t weight, total;
    if (__builtin_mul_overflow((uint64_t)count, (uint64_t)1 << at, &weight) ||
        __builtin_add_overflow(weight, s->count, &total) || total > (uint64_t)1 << 62)
        return FT_FAIL(FT_EPARSE, "a sketch of more than 2^62 values");
    FT_TRY(level_reserve(l, count));
    if (count) memcpy(l->at, values, count * sizeof *values);
    FT_TRY(ft_sort_f64(l->at, count));
    l->count = count;
    s->held += count;
    s->count = total;
    s->ordered = false;
    if (at >= s->level_count) set_levels(s, at + 1);
    return FT_OK;
}
