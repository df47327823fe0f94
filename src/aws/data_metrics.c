/* data_metrics.c -- see data_metrics.h.
 *
 * Of the built-in monitor, per feature: feature_data_<feature> (its values),
 * feature_non_null_<feature> (how many were there), feature_baseline_drift_<feature> (the
 * population stability index). Programs of the user's tell their own
 * (monitoring_program.c). An execution whose environment says publish_cloudwatch_metrics Disabled
 * tells nothing. */
#include "aws/data_metrics.h"

#include <stdio.h>

#include "aws/cloudwatch.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "monitor/monitor.h"
#include "monitor/schedule.h"
#include "monitor/statistics.h"
#include "store/objects.h"

#define FILE_MAX  ((size_t)256 << 20)
#define LOOK_US   (2 * FT_SECOND_US)
#define NAMES_MAX 255 /* of a metric */
#define AT_ONCE   64  /* executions of one look */

static const char *const steps[] = {
    "create table aws_told (execution text primary key) without rowid",
    "drop table aws_told", /* the monitor knows itself what is told */
};

ft_err ft_data_metrics_prepare(ft_store *s) {
    return ft_db_migrate(ft_store_db(s), "aws_told", steps, (int)FT_COUNT(steps));
}

typedef struct telling {
    ft_store *store;
    ft_arena *arena;
    ft_stream_writer *w;
    const ft_execution *x;
    ft_str dimensions;
} telling;

static ft_err dimensions_make(telling *t) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "Endpoint"), ft_json_out_str(&w, t->x->endpoint);
    ft_json_out_name(&w, "MonitoringSchedule"), ft_json_out_str(&w, t->x->schedule);
    ft_json_out_close(&w);
    ft_err err = buf.err ? buf.err : ft_arena_str(&t->dimensions, t->arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

static ft_err tell(telling *t, const char *prefix, ft_str feature, ft_cloudwatch_datum d) {
    FT_TRY(ft_arena_printf(&d.name, t->arena, "%s%.*s", prefix, FT_STR_ARG(feature)));
    d.name = ft_str_slice(d.name, 0, NAMES_MAX);
    d.dimensions = t->dimensions;
    d.unit = FT_STR("None");
    d.time_us = t->x->until_us;
    return ft_cloudwatch_append(t->w, t->store, t->arena, FT_STR(FT_DATA_METRICS_SPACE), &d);
}

static ft_cloudwatch_datum one(double v) {
    return (ft_cloudwatch_datum){ .value = v, .samples = 1, .min = v, .max = v };
}

/* ---- the built-in monitor */

static ft_err features_tell(telling *t) {
    ft_statistics *stats = NULL;
    ft_uri at;
    ft_str key, text;
    ft_err err = FT_OK;
    FT_TRY(ft_uri_parse(&at, t->x->output_uri));
    while (ft_str_ends(at.key, FT_STR("/"))) at.key.len--;
    FT_TRY(ft_arena_printf(&key, t->arena, "%.*s/statistics.json", FT_STR_ARG(at.key)));
    FT_TRY(ft_object_get(&text, t->store, t->arena, at.bucket, key, FILE_MAX));
    FT_TRY(ft_statistics_read(&stats, text, "statistics.json"));
    for (size_t i = 0; i < stats->count && err == FT_OK; i++) {
        const ft_stat *f = &stats->features[i];
        const ft_moments *m = &f->moments;
        if (!f->is_text && f->present)
            err = tell(t, "feature_data_", f->name,
                       (ft_cloudwatch_datum){ .value = m->mean * (double)f->present,
                                              .samples = (double)f->present,
                                              .min = m->min,
                                              .max = m->max });
        if (err == FT_OK) err = tell(t, "feature_non_null_", f->name, one((double)f->present));
    }
    ft_statistics_free(stats);
    return err;
}

static ft_err drift_tell(telling *t) {
    ft_cursor *c;
    ft_record r;
    ft_err err;
    ft_cursor_opts opts = { .key = t->x->endpoint,
                            .from = t->x->until_us - 1,
                            .until = t->x->until_us };
    FT_TRY(ft_cursor_open(&c, t->store, &ft_kind_drift, &opts));
    while ((err = ft_cursor_next(c, &r)) == FT_OK) {
        const ft_value *v = r.values;
        if (v[FT_DRIFT_PSI].type != FT_VALUE_F64) continue;
        err = tell(t, "feature_baseline_drift_", v[FT_DRIFT_FEATURE].s, one(v[FT_DRIFT_PSI].f));
        if (err != FT_OK) break;
    }
    ft_cursor_close(c);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

/* ---- executions */

static bool is_disabled(const ft_execution *x, ft_arena *arena) {
    ft_str said = ft_json_find_text(
        arena, x->request_json, "MonitoringJobDefinition.Environment.publish_cloudwatch_metrics");
    return ft_str_is(said, "Disabled");
}

static ft_err execution_tell(ft_store *s, ft_arena *arena, const ft_execution *x) {
    telling t = { .store = s, .arena = arena, .x = x };
    ft_err err;
    FT_TRY(dimensions_make(&t));
    FT_TRY(ft_stream_write(&t.w, s, &ft_kind_cloudwatch, FT_STR(FT_DATA_METRICS_SPACE), NULL));
    err = features_tell(&t);
    if (err == FT_OK) err = drift_tell(&t);
    ft_err end = ft_stream_close(t.w);
    return err ? err : end;
}

/* What cannot be told once will not be later either: it is logged and let be. */
static ft_err execution_look(ft_store *s, ft_arena *arena, const ft_execution *x) {
    bool tells = ft_str_starts(x->status, FT_STR("Completed")) && !x->program;
    if (tells && !is_disabled(x, arena)) {
        ft_err err = execution_tell(s, arena, x);
        if (err != FT_OK) ft_log_err(FT_LOG_WARN, "aws", err, "metrics of a monitoring execution");
        ft_err_clear();
    }
    return ft_execution_set_told(s, x->name);
}

ft_err ft_data_metrics_chore(ft_store *s) {
    static int64_t looked_us; /* one thread does the chores */
    ft_arena arena = FT_ARENA_INIT(0);
    ft_execution *list;
    size_t count = 0;
    int64_t now_us = ft_clock_monotonic_us();
    if (looked_us && now_us - looked_us < LOOK_US) return FT_OK;
    looked_us = now_us;
    ft_err err = ft_execution_untold(&list, &count, s, &arena, AT_ONCE);
    for (size_t i = 0; i < count && err == FT_OK; i++) err = execution_look(s, &arena, &list[i]);
    ft_arena_fini(&arena);
    return err;
}
