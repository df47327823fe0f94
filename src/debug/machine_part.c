/* machine_part.c -- the sections of a job's report on what its batches waited for (the loader's
 * stages, data/loader.h: ft_loader_emit) and on what the machine did meanwhile. */
#include <math.h>
#include <stdio.h>

#include "base/check.h"
#include "debug/hook.h"
#include "debug/training_in.h"

#define POINTS_MAX ((size_t)100000)

/* ---- the loader's stages by step, out of the stream "metric" */
enum { STAGES = 6, STARVED = STAGES, SERIES };
static const char *const names[SERIES] = { "loader/network_ms", "loader/disk_ms",
                                           "loader/decode_ms",  "loader/transform_ms",
                                           "loader/copy_ms",    "loader/compute_ms",
                                           "loader/starved" };
static const char *const titles[SERIES] = { "network", "disk",    "decode", "transform",
                                            "copy",    "compute", "waited" };

typedef struct stages {
    double *step, *values[SERIES];
    size_t count;
} stages;

static int series_of(ft_str name) {
    for (int i = 0; i < SERIES; i++)
        if (ft_str_is(name, names[i])) return i;
    return -1;
}

/* A row for each share of waiting, which comes last at its step. */
static ft_err stages_read(stages *out, ft_training *r, size_t room) {
    enum { STEP, NAME, VALUE };
    ft_cursor *cursor;
    ft_record record;
    ft_err err;
    double row[SERIES] = { 0 };
    FT_TRY(ft_cursor_open(&cursor, r->store, &ft_kind_metric,
                          &(ft_cursor_opts){ .key = r->opts->job }));
    while ((err = ft_cursor_next(cursor, &record)) == FT_OK && out->count < POINTS_MAX) {
        int i = series_of(record.values[NAME].s);
        if (i < 0) continue;
        row[i] = ft_value_number(&record.values[VALUE]);
        if (i != STARVED) continue;
        if (room) {
            out->step[out->count] = (double)record.values[STEP].i;
            for (int k = 0; k < SERIES; k++) out->values[k][out->count] = row[k];
        }
        if (++out->count == room) break;
    }
    ft_cursor_close(cursor);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

static ft_err stages_find(stages *out, ft_training *r) {
    size_t room;
    *out = (stages){ 0 };
    FT_TRY(stages_read(out, r, 0));
    room = out->count;
    FT_TRY(ft_arena_items(&out->step, r->arena, room + 1));
    for (int k = 0; k < SERIES; k++) FT_TRY(ft_arena_items(&out->values[k], r->arena, room + 1));
    out->count = 0;
    return room ? stages_read(out, r, room) : FT_OK;
}

static double mean(const double *v, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += v[i] / (double)count;
    return sum;
}

static void stages_draw(ft_training *r, const stages *s) {
    ft_str labels[STAGES];
    double means[STAGES];
    ft_chart chart = FT_CHART_DEFAULT;
    int dearest = 0;
    for (int i = 0; i < STAGES; i++) {
        labels[i] = ft_str_of(titles[i]);
        means[i] = mean(s->values[i], s->count);
        if (i < STAGES - 1 && means[i] > means[dearest]) dearest = i;
        chart.series[chart.series_count++] =
            (ft_series){ labels[i], s->step, s->values[i], s->count };
    }
    ft_page_text(r->page,
                 "The job waited for batches %.1f %% of its time. Of a batch's stages, %s took "
                 "longest: %.3g ms of work and waiting, of all workers together.",
                 100 * mean(s->values[STARVED], s->count), titles[dearest], means[dearest]);
    ft_page_bars(r->page, labels, means, STAGES, " ms a batch", 3);
    chart.x_label = "step";
    chart.y_label = "ms a batch";
    if (s->count > 1) ft_page_lines(r->page, &chart);
}

/* ---- the machine */

static void usage_table(ft_training *r, const ft_system_usage *u) {
    static const char *const columns[] = { "", "unit", "most", "95 %", "half", "least" };
    ft_page_table_begin(r->page, columns, (int)FT_COUNT(columns));
    for (int m = 0; m < FT_SYSTEM_METRICS; m++) {
        ft_system_summary s;
        bool bytes = ft_system_metric_bytes((ft_system_metric)m);
        double unit = bytes ? 1e6 : 1;
        if (!ft_system_summary_of(&s, u, (ft_system_metric)m, r->arena)) continue;
        const double values[] = { s.max, s.p95, s.p50, s.min };
        ft_page_cell(r->page, ft_str_of(ft_system_metric_names[m]));
        ft_page_cell(r->page, bytes ? FT_STR("MB/s") : FT_STR("%"));
        for (size_t i = 0; i < FT_COUNT(values); i++)
            ft_page_cell_number(r->page, values[i] / unit, 2);
    }
    ft_page_table_end(r->page);
}

static ft_err usage_chart(ft_training *r, const ft_system_usage *u, bool bytes) {
    ft_chart chart = FT_CHART_DEFAULT;
    double *x, *y;
    FT_TRY(ft_arena_items(&x, r->arena, u->points + 1));
    for (size_t i = 0; i < u->points; i++) x[i] = (double)(u->time_us[i] - u->time_us[0]) / 1e6;
    chart.x_label = "seconds";
    chart.y_label = bytes ? "MB/s" : "percent";
    for (int m = 0; m < FT_SYSTEM_METRICS; m++) {
        if (!u->values[m] || ft_system_metric_bytes((ft_system_metric)m) != bytes) continue;
        FT_TRY(ft_arena_items(&y, r->arena, u->points + 1));
        for (size_t i = 0; i < u->points; i++) y[i] = u->values[m][i] / (bytes ? 1e6 : 1);
        chart.series[chart.series_count++] =
            (ft_series){ ft_str_of(ft_system_metric_names[m]), x, y, u->points };
    }
    if (chart.series_count && u->points > 1) ft_page_lines(r->page, &chart);
    return FT_OK;
}

ft_err ft_training_machine(ft_training *r) {
    const ft_system_usage *u = r->opts->usage;
    stages s;
    FT_TRY(stages_find(&s, r));
    if (s.count) {
        ft_page_section(r->page, FT_STR("What batches waited for"));
        stages_draw(r, &s);
    }
    if (!u || !u->points) return FT_OK;
    ft_page_section(r->page, FT_STR("The machine meanwhile"));
    usage_table(r, u);
    FT_TRY(usage_chart(r, u, false));
    return usage_chart(r, u, true);
}
