/* system_usage.c -- see system_usage.h: reading the stream, and its summaries. */
#include "debug/system_usage.h"

#include <math.h>
#include <stdlib.h>

#include "base/check.h"
#include "debug/hook.h"
#include "debug/system_sample.h"
#include "stats/quantile.h"

#define STEPS_MAX ((size_t)1000000)

const char *const ft_system_metric_names[FT_SYSTEM_METRICS] = { "Network",    "GPU",        "CPU",
                                                                "CPU memory", "GPU memory", "I/O",
                                                                "Disk" };

bool ft_system_metric_bytes(ft_system_metric m) {
    return m == FT_SYSTEM_NETWORK || m == FT_SYSTEM_DISK;
}

/* Which metric a record belongs to, FT_SYSTEM_METRICS for none. */
static ft_system_metric metric_of(const ft_value *v) {
    ft_str name = v[FT_SYSTEM_NAME].s, dimension = v[FT_SYSTEM_DIMENSION].s;
    if (ft_str_is(dimension, "CPUUtilization")) return FT_SYSTEM_CPU;
    if (ft_str_is(dimension, "I/OWaitPercentage")) return FT_SYSTEM_IO;
    if (ft_str_is(dimension, "GPUUtilization")) return FT_SYSTEM_GPU;
    if (ft_str_is(dimension, "GPUMemoryUtilization")) return FT_SYSTEM_GPU_MEMORY;
    if (ft_str_is(dimension, "Algorithm")) return FT_SYSTEM_NETWORK;
    if (ft_str_is(name, "ReadThroughputInBytesPerSecond") ||
        ft_str_is(name, "WriteThroughputInBytesPerSecond"))
        return FT_SYSTEM_DISK;
    return ft_str_is(name, "MemoryUsedPercent") ? FT_SYSTEM_CPU_MEMORY : FT_SYSTEM_METRICS;
}

/* The point being read: sums and counts by metric. */
typedef struct point {
    double sum[FT_SYSTEM_METRICS];
    int count[FT_SYSTEM_METRICS];
} point;

static void point_end(ft_system_usage *u, const point *p, bool *seen) {
    for (int m = 0; m < FT_SYSTEM_METRICS; m++) {
        bool mean = !ft_system_metric_bytes((ft_system_metric)m);
        u->values[m][u->points] = !p->count[m] ? NAN : mean ? p->sum[m] / p->count[m] : p->sum[m];
        seen[m] |= p->count[m] > 0;
    }
    u->points++;
}

/* How many times there are, so that the arrays fit. */
static ft_err points_count(size_t *out, ft_store *s, const ft_cursor_opts *opts) {
    ft_cursor *cursor;
    ft_record r;
    ft_err err;
    int64_t last = INT64_MIN;
    *out = 0;
    FT_TRY(ft_cursor_open(&cursor, s, &ft_kind_system, opts));
    while ((err = ft_cursor_next(cursor, &r)) == FT_OK && *out < FT_SYSTEM_POINTS_MAX)
        if (r.values[FT_SYSTEM_TIME].i != last) last = r.values[FT_SYSTEM_TIME].i, ++*out;
    ft_cursor_close(cursor);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

static ft_err points_read(ft_system_usage *u, ft_store *s, const ft_cursor_opts *opts,
                          size_t count) {
    ft_cursor *cursor;
    ft_record r;
    ft_err err;
    point p = { 0 };
    bool seen[FT_SYSTEM_METRICS] = { false };
    int64_t now = INT64_MIN;
    FT_TRY(ft_cursor_open(&cursor, s, &ft_kind_system, opts));
    while ((err = ft_cursor_next(cursor, &r)) == FT_OK) {
        const ft_value *v = r.values;
        if (v[FT_SYSTEM_TIME].i != now) {
            if (now != INT64_MIN) point_end(u, &p, seen);
            if (u->points == count) break;
            now = v[FT_SYSTEM_TIME].i;
            u->time_us[u->points] = now;
            p = (point){ 0 };
        }
        ft_system_metric m = metric_of(v);
        if (m == FT_SYSTEM_METRICS) continue;
        p.sum[m] += ft_value_number(&v[FT_SYSTEM_VALUE]);
        p.count[m]++;
    }
    if (now != INT64_MIN && u->points < count) point_end(u, &p, seen);
    ft_cursor_close(cursor);
    for (int m = 0; m < FT_SYSTEM_METRICS; m++)
        if (!seen[m]) u->values[m] = NULL;
    return err == FT_ENOTFOUND ? FT_OK : err;
}

/* The time between the first numbers of a step and those of the next. */
static ft_err steps_read(ft_system_usage *u, ft_store *s, ft_arena *arena, ft_str job) {
    enum { STEP, NAME, VALUE, TIME };
    ft_cursor *cursor;
    ft_record r;
    ft_err err;
    size_t room = 0;
    int64_t step = INT64_MIN, began_us = 0;
    FT_TRY(ft_cursor_open(&cursor, s, &ft_kind_metric, &(ft_cursor_opts){ .key = job }));
    while ((err = ft_cursor_next(cursor, &r)) == FT_OK && u->step_count < STEPS_MAX) {
        if (r.values[STEP].i == step) continue;
        double took = (double)(r.values[TIME].i - began_us) / 1e6;
        bool first = step == INT64_MIN;
        step = r.values[STEP].i;
        began_us = r.values[TIME].i;
        if (first || took < 0) continue;
        FT_GOTO(err, ft_arena_grow(&u->step_s, &room, arena, u->step_count));
        u->step_s[u->step_count++] = took;
    }
    if (err == FT_ENOTFOUND) err = FT_OK;
done:
    ft_cursor_close(cursor);
    return err;
}

ft_err ft_system_usage_read(ft_system_usage *u, ft_store *s, ft_arena *arena, ft_str job) {
    ft_cursor_opts opts = { .key = job };
    size_t count;
    *u = (ft_system_usage){ 0 };
    FT_TRY(points_count(&count, s, &opts));
    FT_TRY(ft_arena_items(&u->time_us, arena, count + 1));
    for (int m = 0; m < FT_SYSTEM_METRICS; m++)
        FT_TRY(ft_arena_items(&u->values[m], arena, count + 1));
    FT_TRY(points_read(u, s, &opts, count));
    return steps_read(u, s, arena, job);
}

bool ft_system_summary_of(ft_system_summary *out, const ft_system_usage *u, ft_system_metric m,
                          ft_arena *arena) {
    static const double q[] = { 1, 0.99, 0.95, 0.5, 0 };
    double *clean, got[FT_COUNT(q)];
    size_t n = 0;
    if (!u->values[m] || ft_arena_items(&clean, arena, u->points + 1) != FT_OK) return false;
    for (size_t i = 0; i < u->points; i++)
        if (isfinite(u->values[m][i])) clean[n++] = u->values[m][i];
    if (!n || ft_quantiles(got, q, FT_COUNT(q), clean, n) != FT_OK) return false;
    *out = (ft_system_summary){ got[0], got[1], got[2], got[3], got[4] };
    return true;
}
