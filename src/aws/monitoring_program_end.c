/* monitoring_program_end.c -- how an execution with a monitor of the user's ended: what it says in
 * /opt/ml/output/message, else its file of violations; and what it wrote to
 * output/metrics/cloudwatch, which becomes CloudWatch's metrics. */
#include <stdio.h>
#include <stdlib.h>

#include "aws/cloudwatch.h"
#include "aws/data_metrics.h"
#include "aws/monitoring_in.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "jobs/program.h"
#include "monitor/monitor.h"
#include "monitor/schedule.h"
#include "store/objects.h"

#define VIOLATIONS_MAX ((size_t)16 << 20)
#define DIMENSIONS_MAX 10

static ft_err items_count(int64_t *out, ft_arena *arena, ft_str bytes) {
    ft_str list;
    ft_json j;
    *out = 0;
    if (ft_json_find(&list, bytes, "violations") != FT_OK) return FT_OK;
    ft_json_init(&j, list, arena, &(ft_json_opts){ .name = "violations" });
    FT_TRY(ft_json_enter_array(&j));
    while (ft_json_next_item(&j)) {
        FT_TRY(ft_json_skip(&j, NULL));
        ++*out;
    }
    return ft_json_end(&j);
}

/* The number of violations in the file of either name, -1 without one; the other name is made. */
static ft_err violations_count(int64_t *out, ft_store *s, ft_arena *arena, ft_str place) {
    *out = -1;
    for (int i = 0; i < 2; i++) {
        ft_str uri, bytes;
        ft_uri at;
        FT_TRY(ft_arena_printf(&uri, arena, "%.*s/%s", FT_STR_ARG(place), ft_violations_files[i]));
        FT_TRY(ft_uri_parse(&at, uri));
        ft_err err = ft_object_get(&bytes, s, arena, at.bucket, at.key, VIOLATIONS_MAX);
        if (err == FT_ENOTFOUND) {
            ft_err_clear();
            continue;
        }
        FT_TRY(err);
        FT_TRY(
            ft_arena_printf(&uri, arena, "%.*s/%s", FT_STR_ARG(place), ft_violations_files[1 - i]));
        FT_TRY(ft_uri_parse(&at, uri));
        err = ft_object_put(NULL, s, at.bucket, at.key, bytes,
                            &(ft_object_put_opts){ .if_absent = true });
        if (err != FT_EEXIST) FT_TRY(err);
        ft_err_clear();
        return items_count(out, arena, bytes);
    }
    return FT_OK;
}

static ft_err completed(ft_str *status, ft_str *message, ft_store *s, ft_arena *arena,
                        const ft_execution *x) {
    ft_str said;
    int64_t count;
    FT_TRY(ft_program_message(&said, s, arena, x->name));
    FT_TRY(violations_count(&count, s, arena, x->output_uri));
    FT_TRY(ft_execution_found(status, message, arena, count));
    if (!said.len) return FT_OK;
    *message = said;
    *status = ft_str_starts(said, FT_STR("CompletedWithViolations"))
                  ? FT_STR("CompletedWithViolations")
                  : FT_STR("Completed");
    return FT_OK;
}

/* ---- its metrics */

typedef struct dimension {
    ft_str name, value;
} dimension;

static int by_name(const void *a, const void *b) {
    return ft_str_cmp(((const dimension *)a)->name, ((const dimension *)b)->name);
}

static ft_err dimensions_of(ft_str *out, ft_arena *arena, ft_str line) {
    dimension list[DIMENSIONS_MAX];
    size_t count = 0;
    ft_buf buf = { 0 };
    ft_json_out w;
    for (; count < DIMENSIONS_MAX; count++) {
        char path[48];
        snprintf(path, sizeof path, "Dimensions.%zu.Name", count);
        list[count].name = ft_json_find_text(arena, line, path);
        snprintf(path, sizeof path, "Dimensions.%zu.Value", count);
        list[count].value = ft_json_find_text(arena, line, path);
        if (!list[count].name.len) break;
    }
    if (count) qsort(list, count, sizeof *list, by_name);
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    for (size_t i = 0; i < count; i++) {
        ft_json_out_name_str(&w, list[i].name);
        ft_json_out_str(&w, list[i].value);
    }
    ft_json_out_close(&w);
    ft_err err = buf.err;
    if (err == FT_OK) err = ft_arena_str(out, arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

static bool number(double *out, ft_arena *arena, ft_str line, const char *path) {
    return ft_str_f64(out, ft_json_find_text(arena, line, path));
}

/* False: the line is no datum. */
static bool datum_of(ft_cloudwatch_datum *d, ft_arena *arena, ft_str line) {
    ft_str when = ft_json_find_text(arena, line, "Timestamp");
    double seconds;
    *d = (ft_cloudwatch_datum){ .name = ft_json_find_text(arena, line, "MetricName"),
                                .unit = ft_json_find_text(arena, line, "Unit"),
                                .time_us = ft_clock_now_us(),
                                .samples = 1 };
    if (!d->unit.len) d->unit = FT_STR("None");
    if (!d->name.len) return false;
    if (ft_str_f64(&seconds, when) && seconds > 0 && seconds < 9e11)
        d->time_us = (int64_t)(seconds * 1e6);
    else if (when.len && ft_time_parse(&d->time_us, when) != FT_OK)
        return false;
    if (number(&d->value, arena, line, "Value")) {
        d->min = d->max = d->value;
        return true;
    }
    return number(&d->value, arena, line, "StatisticValues.Sum") &&
           number(&d->samples, arena, line, "StatisticValues.SampleCount") &&
           number(&d->min, arena, line, "StatisticValues.Minimum") &&
           number(&d->max, arena, line, "StatisticValues.Maximum");
}

static ft_err metrics_put(ft_store *s, ft_arena *arena, const ft_execution *x) {
    ft_stream_writer *w = NULL;
    ft_str rest, space = FT_STR(FT_DATA_METRICS_SPACE);
    ft_err err;
    FT_TRY(ft_program_metrics(&rest, s, arena, x->name));
    if (!rest.len) return FT_OK;
    FT_TRY(ft_stream_write(&w, s, &ft_kind_cloudwatch, space, NULL));
    err = FT_OK;
    while (rest.at && err == FT_OK) {
        ft_cloudwatch_datum d;
        ft_str line = ft_str_trim(ft_str_cut(&rest, '\n'));
        if (!line.len) continue;
        if (datum_of(&d, arena, line)) {
            err = dimensions_of(&d.dimensions, arena, line);
            if (err == FT_OK) err = ft_cloudwatch_append(w, s, arena, space, &d);
        } else
            ft_log(FT_LOG_WARN, "aws", "execution %.*s: no metric: %.*s", FT_STR_ARG(x->name),
                   FT_STR_ARG(ft_str_slice(line, 0, 200)));
        ft_err_clear();
    }
    ft_err end = ft_stream_close(w);
    return err ? err : end;
}

ft_err ft_monitoring_program_look(ft_str *status, ft_str *message, ft_store *s, ft_arena *arena,
                                  const ft_execution *x) {
    ft_job job;
    ft_err err = ft_job_get(&job, s, arena, x->name);
    if (err == FT_ENOTFOUND) {
        ft_err_clear();
        *status = FT_STR("Failed");
        *message = FT_STR("InternalServerError: the process that did the execution ended before it "
                          "was begun");
        return FT_OK;
    }
    FT_TRY(err);
    if (!ft_job_status_final(job.status)) return FT_EBUSY;
    *status = ft_str_of(ft_job_status_name(job.status));
    *message = job.reason;
    if (job.status == FT_JOB_FAILED)
        return ft_arena_printf(message, arena, "AlgorithmError: %.*s, exit code: %d",
                               FT_STR_ARG(ft_str_slice(job.reason, 0, 900)), job.exit_code);
    if (job.status != FT_JOB_COMPLETED) return FT_OK;
    err = metrics_put(s, arena, x);
    if (err != FT_OK) ft_log_err(FT_LOG_WARN, "aws", err, "metrics of a monitor"), ft_err_clear();
    return completed(status, message, s, arena, x);
}
