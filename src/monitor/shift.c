/* shift.c -- see shift.h. */
#include "monitor/shift.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "monitor/monitor.h"
#include "stats/drift.h"
#include "stats/histogram.h"

#define PARTS        10
#define PARTS_ANSWER 2
#define TEXTS_MAX    20

/* The answers of a regression. */
static bool is_answer(const ft_stat *f) {
    return !f->is_text && ft_str_is(f->name, FT_MONITOR_PREDICTION);
}

/* ---- buckets of numbers. Values were f32 on their way through a model, so edges are too. */

static double as_f32(double v) { return (double)(float)v; }
static double after(double v) { return (double)nextafterf((float)v, INFINITY); }

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Edges: -inf, smallest, the parts' first values and behind those that fill a part alone, behind
 * the largest, inf. */
static ft_err number_edges(double **out, size_t *count, ft_arena *arena, const ft_weighted *w,
                           int parts) {
    double *e, cumulated = 0;
    size_t n = 0, unique = 0;
    int part = 1;
    FT_TRY(ft_arena_items(&e, arena, 2 * (size_t)parts + 6));
    e[n++] = -INFINITY;
    e[n++] = as_f32(w->value[0]);
    for (size_t i = 0, next; i < w->count; i = next) {
        bool begins = false;
        double weight = 0; /* of all that are equal */
        for (next = i; next < w->count && as_f32(w->value[next]) == as_f32(w->value[i]); next++)
            weight += (double)w->weight[next];
        weight /= (double)w->total;
        cumulated += weight;
        for (; part < parts && cumulated >= (double)part / parts - 1e-12; part++) begins = true;
        if (begins) e[n++] = as_f32(w->value[i]);
        if (begins && weight >= 1.0 / parts) e[n++] = after(w->value[i]);
    }
    e[n++] = after(w->value[w->count - 1]);
    e[n++] = INFINITY;
    qsort(e, n, sizeof *e, by_value);
    for (size_t i = 0; i < n; i++)
        if (!unique || e[i] > e[unique - 1]) e[unique++] = e[i];
    *out = e;
    *count = unique;
    return FT_OK;
}

static ft_err count_sketch(double *counts, ft_histogram *h, ft_sketch *s) {
    ft_weighted w;
    if (!s) return FT_OK;
    FT_TRY(ft_sketch_values(&w, s));
    for (size_t i = 0; i < w.count; i++) {
        size_t at = ft_histogram_find(h, as_f32(w.value[i]));
        if (at < h->count) counts[at] += (double)w.weight[i];
    }
    return FT_OK;
}

/* An edge that stands just behind a value is told by that value. */
static double told(double edge) {
    char here[32], before[32];
    double value = (double)nextafterf((float)edge, -INFINITY);
    int n = snprintf(here, sizeof here, "%.9g", edge),
        m = snprintf(before, sizeof before, "%.9g", value);
    return m < n ? value : edge;
}

static ft_err name_numbers(ft_str *names, ft_arena *arena, const ft_histogram *h) {
    for (size_t i = 0; i < h->count; i++) {
        double low = h->edges[i], high = h->edges[i + 1];
        if (isinf(low))
            FT_TRY(ft_arena_printf(&names[i], arena, "< %.4g", told(high)));
        else if (isinf(high))
            FT_TRY(ft_arena_printf(&names[i], arena, "> %.4g", told(low)));
        else if (high == after(low))
            FT_TRY(ft_arena_printf(&names[i], arena, "%.4g", low));
        else
            FT_TRY(ft_arena_printf(&names[i], arena, "%.4g – %.4g", told(low), told(high)));
    }
    names[h->count] = FT_STR("missing");
    return FT_OK;
}

static ft_err buckets_new(ft_shift_buckets *out, ft_arena *arena, size_t count) {
    out->count = count;
    FT_TRY(ft_arena_items(&out->baseline, arena, count));
    FT_TRY(ft_arena_items(&out->window, arena, count));
    return ft_arena_items(&out->names, arena, count);
}

static ft_err count_numbers(ft_shift_buckets *out, ft_arena *arena, ft_stat *baseline,
                            ft_stat *window) {
    ft_histogram h;
    ft_weighted w;
    double *edges = NULL;
    size_t n = 0;
    int parts = is_answer(baseline) ? PARTS_ANSWER : PARTS;
    FT_TRY(ft_sketch_values(&w, baseline->sketch));
    FT_TRY(number_edges(&edges, &n, arena, &w, parts));
    FT_TRY(ft_histogram_edges(&h, arena, edges, n));
    FT_TRY(buckets_new(out, arena, h.count + 1));
    FT_TRY(count_sketch(out->baseline, &h, baseline->sketch));
    FT_TRY(count_sketch(out->window, &h, window->sketch));
    out->baseline[h.count] = (double)baseline->missing;
    out->window[h.count] = (double)(window->missing + window->bad);
    return name_numbers(out->names, arena, &h);
}

/* ---- buckets of texts */

static int by_count(const void *a, const void *b) {
    const ft_tally *x = *(const ft_tally *const *)a, *y = *(const ft_tally *const *)b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    return ft_str_cmp(x->value, y->value);
}

static ft_err count_texts(ft_shift_buckets *out, ft_arena *arena, const ft_stat *baseline,
                          const ft_stat *window) {
    const ft_tally **order;
    double known = 0;
    size_t n = baseline->value_count, named = n < TEXTS_MAX ? n : TEXTS_MAX;
    FT_TRY(ft_arena_items(&order, arena, n + 1));
    for (size_t i = 0; i < n; i++) order[i] = &baseline->values[i];
    qsort(order, n, sizeof *order, by_count);
    FT_TRY(buckets_new(out, arena, named + 3));
    for (size_t i = 0; i < n; i++) {
        size_t at = i < named ? i : named;
        double count = (double)ft_stat_count_of(window, order[i]->value);
        out->baseline[at] += (double)order[i]->count;
        out->window[at] += count;
        known += count;
        if (i < named) out->names[i] = order[i]->value;
    }
    out->baseline[named] += (double)baseline->unkept;
    out->window[named + 1] = (double)window->present - known;
    out->baseline[named + 2] = (double)baseline->missing;
    out->window[named + 2] = (double)window->missing;
    out->names[named] = FT_STR("other known");
    out->names[named + 1] = FT_STR("unknown");
    out->names[named + 2] = FT_STR("missing");
    return FT_OK;
}

static bool comparable(const ft_stat *baseline, const ft_stat *window) {
    if (!window->present && !window->missing && !window->bad) return false;
    if (baseline->is_text != window->is_text || baseline->unlisted) return false;
    return baseline->is_text ? baseline->value_count > 0 && !baseline->unkept
                             : baseline->sketch && ft_sketch_count(baseline->sketch) > 0;
}

ft_err ft_shift_count(ft_shift_buckets *out, ft_arena *arena, ft_stat *baseline, ft_stat *window) {
    *out = (ft_shift_buckets){ 0 };
    if (!comparable(baseline, window)) return FT_OK;
    return baseline->is_text ? count_texts(out, arena, baseline, window)
                             : count_numbers(out, arena, baseline, window);
}

/* ---- measures */

static double sum_of(const double *a, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i];
    return sum;
}

double ft_shift_g(const double *a, const double *b, size_t count) {
    double n = sum_of(a, count), m = sum_of(b, count), g = 0;
    for (size_t i = 0; i < count; i++) {
        double pooled = (a[i] + b[i]) / (n + m);
        if (a[i] > 0) g += a[i] * log(a[i] / n / pooled);
        if (b[i] > 0) g += b[i] * log(b[i] / m / pooled);
    }
    return g > 0 ? 2 * g : 0;
}

static size_t filled(const ft_shift_buckets *b) {
    size_t n = 0;
    for (size_t i = 0; i < b->count; i++) n += b->baseline[i] + b->window[i] > 0;
    return n;
}

static void measure_psi(ft_shift *out, const ft_shift_buckets *b, size_t features) {
    double p = FT_SHIFT_ALPHA / (double)features;
    size_t n = filled(b);
    double g = ft_shift_g(b->baseline, b->window, b->count);
    out->psi = ft_psi(b->baseline, b->window, b->count);
    if (n < 2) out->psi = 0; /* everything in one bucket, on both sides */
    double limit = ft_chi2_isf(p, n > 1 ? (double)n - 1 : 1);
    out->noise = g > 0 ? out->psi * limit / g
                       : ft_psi_noise(sum_of(b->baseline, b->count), sum_of(b->window, b->count),
                                      b->count, p);
}

static ft_err copy_f32(ft_weighted *out, ft_arena *arena, ft_sketch *s) {
    double *values;
    FT_TRY(ft_sketch_values(out, s));
    FT_TRY(ft_arena_items(&values, arena, out->count + 1));
    for (size_t i = 0; i < out->count; i++) values[i] = as_f32(out->value[i]);
    out->value = values;
    return FT_OK;
}

/* Kolmogorov-Smirnov's distance at the edges of buckets alone. */
static double linf_of_buckets(const ft_shift_buckets *b, double window, double baseline) {
    double f = 0, g = 0, most = 0;
    for (size_t i = 0; i + 1 < b->count; i++) { /* the last one is the missing */
        f += b->window[i] / window;
        g += b->baseline[i] / baseline;
        most = fmax(most, fabs(f - g));
    }
    return most;
}

/* Of the values that are there; missing ones are another check's. */
static ft_err measure_linf(ft_shift *out, ft_arena *arena, ft_stat *baseline, ft_stat *window,
                           const ft_shift_buckets *b, size_t features, bool robust) {
    double n = (double)window->present, m = (double)baseline->present;
    ft_weighted x, y;
    out->linf = out->linf_raw = 0;
    if (n == 0 || m == 0) return FT_OK;
    if (baseline->is_text) {
        out->linf_raw = ft_linf_categories(b->baseline, b->window, b->count - 1);
    } else if (is_answer(baseline)) {
        out->linf_raw = linf_of_buckets(b, n, m);
    } else {
        FT_TRY(copy_f32(&x, arena, baseline->sketch));
        FT_TRY(copy_f32(&y, arena, window->sketch));
        out->linf_raw = ft_ks_weighted(&x, &y);
    }
    out->linf = robust ? ft_linf_robust(out->linf_raw, n, m) : out->linf_raw;
    out->linf_limit = sqrt(log(2 * (double)features / FT_SHIFT_ALPHA) / 2 * (1 / n + 1 / m));
    return FT_OK;
}

ft_err ft_shift_measure(ft_shift *out, ft_arena *scratch, ft_stat *baseline, ft_stat *window,
                        size_t features, bool robust) {
    ft_shift_buckets b;
    *out = (ft_shift){ .psi = NAN, .noise = NAN, .linf = NAN, .linf_raw = NAN };
    FT_TRY(ft_shift_count(&b, scratch, baseline, window));
    if (!b.count) return FT_OK;
    measure_psi(out, &b, features ? features : 1);
    return measure_linf(out, scratch, baseline, window, &b, features ? features : 1, robust);
}
