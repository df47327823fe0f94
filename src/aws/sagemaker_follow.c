/* sagemaker_follow.c -- the chore of sagemaker_metrics.h: training jobs that run are followed.
 *
 * A session is a training job that runs: every half second (or as its ProfilerConfig says) the
 * machine is sampled. The samples of a minute become one file below the profiler's place, records
 * of the stream "system", and one CloudWatch value a metric. Its log is followed by a cursor. All
 * state belongs to the one thread that does the server's chores. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "aws/cloudwatch.h"
#include "aws/sagemaker_in.h"
#include "aws/sagemaker_metrics.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/number.h"
#include "debug/system_sample.h"
#include "jobs/log.h"
#include "store/objects.h"
#include "trials/regex.h"

#define SPACE           "/aws/sagemaker/TrainingJobs"
#define MINUTE_US       (60 * FT_SECOND_US)
#define LINES_AT_ONCE   20000 /* of one chore */
#define MACHINE_METRICS 5

/* ---- a session */

typedef struct definition {
    char name[FT_METRIC_NAME_BYTES];
    ft_regex *re;
} definition;

typedef struct total { /* of a minute, for CloudWatch */
    double sum, min, max, samples;
} total;

typedef struct session session;
struct session {
    session *next;
    char job[FT_JOB_NAME_MAX + 1];
    bool enabled, built_in, wanted;      /* wanted: still in the table */
    int64_t interval_us, due_us, minute; /* minute: number of the open one; 0: none */
    ft_str uri;
    ft_arena arena;
    ft_system_sampler *sampler;
    ft_stream_writer *system;
    ft_cursor *log;
    int64_t seen_us;
    definition *definitions;
    size_t definition_count;
    ft_buf lines; /* the open minute's file */
    total totals[MACHINE_METRICS];
};

static session *sessions;
static ft_stream_writer *metrics; /* of SPACE */

static void session_free(session *s) {
    for (size_t i = 0; i < s->definition_count; i++) ft_regex_free(s->definitions[i].re);
    ft_cursor_close(s->log);
    if (ft_stream_close(s->system) != FT_OK) ft_err_clear();
    ft_system_sampler_free(s->sampler);
    ft_buf_fini(&s->lines);
    ft_arena_fini(&s->arena);
    free(s);
}

static ft_err definitions_read(session *s, ft_str json) {
    ft_json j;
    ft_str name, value;
    FT_TRY(ft_arena_items(&s->definitions, &s->arena, FT_METRIC_DEFINITIONS_MAX));
    ft_json_init(&j, json, &s->arena, NULL);
    FT_TRY(ft_json_enter_array(&j));
    while (ft_json_next_item(&j) && s->definition_count < FT_METRIC_DEFINITIONS_MAX) {
        definition *d = &s->definitions[s->definition_count++];
        *d = (definition){ 0 };
        FT_TRY(ft_json_enter_object(&j));
        while (ft_json_next_member(&j, &name)) {
            FT_TRY(ft_json_string(&j, &value));
            if (ft_str_is(name, "Name"))
                snprintf(d->name, sizeof d->name, "%.*s", FT_STR_ARG(value));
            else if (ft_str_is(name, "Regex"))
                FT_TRY(ft_regex_new_anywhere(&d->re, value));
        }
    }
    return ft_json_end(&j);
}

static ft_err session_fill(session *s, ft_store *store, ft_str definitions) {
    ft_str key;
    FT_TRY(definitions_read(s, definitions));
    FT_TRY(ft_system_sampler_new(&s->sampler));
    FT_TRY(ft_subject(&key, &s->arena, FT_SUBJECT_JOB, ft_str_of(s->job)));
    ft_cursor_opts opts = { .key = key,
                            .from = s->seen_us ? s->seen_us + 1 : 0,
                            .until = s->seen_us ? INT64_MAX : 0 };
    return ft_cursor_open(&s->log, store, &ft_kind_log, &opts);
}

static session *session_find(ft_str job) {
    for (session *s = sessions; s; s = s->next)
        if (ft_str_is(job, s->job)) return s;
    return NULL;
}

typedef struct wish { /* a row of aws_profile */
    ft_str job, uri, definitions;
    int64_t interval_us, seen_us;
    int enabled, built_in;
} wish;

static ft_err session_begin(ft_store *store, const wish *w) {
    session *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    if (!s) return FT_FAIL(FT_ENOMEM, "no memory to follow a job");
    s->arena = (ft_arena)FT_ARENA_INIT(0);
    snprintf(s->job, sizeof s->job, "%.*s", FT_STR_ARG(w->job));
    s->enabled = w->enabled, s->built_in = w->built_in;
    s->interval_us = w->interval_us, s->seen_us = w->seen_us;
    ft_err err = ft_arena_str(&s->uri, &s->arena, w->uri);
    if (err == FT_OK) err = session_fill(s, store, w->definitions);
    if (err != FT_OK) {
        session_free(s);
        return err;
    }
    s->next = sessions;
    sessions = s;
    return FT_OK;
}

/* ---- numbers of log lines */

static ft_err space_writer(ft_store *store) {
    return metrics ? FT_OK
                   : ft_stream_write(&metrics, store, &ft_kind_cloudwatch, FT_STR(SPACE), NULL);
}

/* {"<name>":"<value>"} */
static ft_err dimension(ft_str *out, ft_arena *arena, const char *name, ft_str value) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, name), ft_json_out_str(&w, value);
    ft_json_out_close(&w);
    ft_err err = buf.err ? buf.err : ft_arena_str(out, arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

static ft_err number_keep(session *s, ft_store *store, ft_arena *arena, ft_str name, ft_str text,
                          int64_t time_us) {
    ft_cloudwatch_datum d = {
        .name = name, .unit = FT_STR("None"), .time_us = time_us, .samples = 1
    };
    if (!ft_str_f64(&d.value, ft_str_trim(text))) return FT_OK;
    d.min = d.max = d.value;
    FT_TRY(dimension(&d.dimensions, arena, "TrainingJobName", ft_str_of(s->job)));
    FT_TRY(space_writer(store));
    FT_TRY(ft_cloudwatch_append(metrics, store, arena, FT_STR(SPACE), &d));
    return ft_db_run(ft_store_db(store),
                     "insert or replace into aws_metric (job, name, value, time_us)"
                     " values (?, ?, ?, ?)",
                     "tsdi", s->job, name, d.value, time_us);
}

/* "[3]\ttrain-logloss:0.5\tvalidation-logloss:0.6": "train:logloss" … as the built-in container's
 * own definitions name them. */
static ft_err built_in_line(session *s, ft_store *store, ft_arena *arena, ft_str line,
                            int64_t time_us) {
    ft_str rest = line, head = ft_str_cut(&rest, '\t');
    if (!rest.at || !ft_str_ends(head, FT_STR("]"))) return FT_OK;
    while (rest.at) {
        ft_str value = ft_str_cut(&rest, '\t'), name = ft_str_cut(&value, ':'), metric = name, full;
        ft_str data = ft_str_cut(&metric, '-');
        if (!value.at || !metric.at) continue;
        FT_TRY(ft_arena_printf(&full, arena, "%.*s:%.*s", FT_STR_ARG(data), FT_STR_ARG(metric)));
        FT_TRY(number_keep(s, store, arena, full, value, time_us));
    }
    return FT_OK;
}

/* Log shippers show a tab as #011, and definitions are written for that. */
static ft_err shown(ft_str *out, ft_arena *arena, ft_str line) {
    ft_str rest = line;
    *out = line;
    if (ft_str_find(line, '\t') == line.len) return FT_OK;
    *out = ft_str_cut(&rest, '\t');
    while (rest.at) {
        ft_str part = ft_str_cut(&rest, '\t');
        FT_TRY(ft_arena_printf(out, arena, "%.*s#011%.*s", FT_STR_ARG(*out), FT_STR_ARG(part)));
    }
    return FT_OK;
}

static ft_err line_read(session *s, ft_store *store, ft_arena *arena, ft_str line,
                        int64_t time_us) {
    ft_str text, group;
    if (s->built_in) FT_TRY(built_in_line(s, store, arena, line, time_us));
    if (!s->definition_count) return FT_OK;
    FT_TRY(shown(&text, arena, line));
    for (size_t i = 0; i < s->definition_count; i++) {
        bool found = false;
        ft_err err = FT_OK;
        if (s->definitions[i].re) err = ft_regex_find(&found, &group, s->definitions[i].re, text);
        if (err == FT_OK && !found && text.at != line.at)
            err = ft_regex_find(&found, &group, s->definitions[i].re, line);
        if (err == FT_ETOOBIG) ft_err_clear(), err = FT_OK; /* a hostile line is no number */
        FT_TRY(err);
        if (found)
            FT_TRY(number_keep(s, store, arena, ft_str_of(s->definitions[i].name), group, time_us));
    }
    return FT_OK;
}

static ft_err log_follow(session *s, ft_store *store) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_record r;
    ft_err err = FT_OK;
    for (int i = 0; i < LINES_AT_ONCE && (err = ft_cursor_next(s->log, &r)) == FT_OK; i++) {
        ft_arena_reset(&arena);
        s->seen_us = r.values[FT_LOG_TIME].i;
        FT_GOTO(err, line_read(s, store, &arena, r.values[FT_LOG_MESSAGE].s, s->seen_us));
    }
    if (err == FT_ENOTFOUND) err = FT_OK;
done:
    ft_arena_fini(&arena);
    return err;
}

/* ---- samples */

static void total_add(total *t, double v) {
    if (!t->samples || v < t->min) t->min = v;
    if (!t->samples || v > t->max) t->max = v;
    t->sum += v;
    t->samples++;
}

static double disk_used(ft_store *store) {
    struct statvfs st;
    if (statvfs(ft_store_home(store), &st) != 0 || !st.f_blocks) return 0;
    return 100.0 * (double)(st.f_blocks - st.f_bavail) / (double)st.f_blocks;
}

/* CloudWatch's processors and devices are sums: 200 % are two that are busy. */
static const char *const machine_names[MACHINE_METRICS] = { "CPUUtilization", "MemoryUtilization",
                                                            "DiskUtilization", "GPUUtilization",
                                                            "GPUMemoryUtilization" };

static void totals_add(session *s, ft_store *store, const ft_system_value *v, size_t count) {
    double sum[MACHINE_METRICS] = { 0 };
    bool seen[MACHINE_METRICS] = { [2] = true };
    sum[2] = disk_used(store);
    for (size_t i = 0; i < count; i++)
        for (int m = 0; m < MACHINE_METRICS; m++) {
            const char *name = m == 1 ? v[i].name : v[i].dimension;
            if (strcmp(name, m == 1 ? "MemoryUsedPercent" : machine_names[m]) != 0) continue;
            sum[m] += v[i].value;
            seen[m] = true;
        }
    for (int m = 0; m < MACHINE_METRICS; m++)
        if (seen[m]) total_add(&s->totals[m], sum[m]);
}

static ft_err lines_add(session *s, const ft_system_value *v, size_t count, int64_t time_us) {
    for (size_t i = 0; i < count; i++) {
        ft_json_out w;
        char time[40];
        snprintf(time, sizeof time, "%.6f", (double)time_us / 1e6);
        ft_json_out_init(&w, &s->lines, false);
        ft_json_out_object(&w);
        ft_json_out_name(&w, "Type"), ft_json_out_text(&w, v[i].type);
        ft_json_out_name(&w, "Name"), ft_json_out_text(&w, v[i].name);
        ft_json_out_name(&w, "Dimension"), ft_json_out_text(&w, v[i].dimension);
        ft_json_out_name(&w, "Value"), ft_json_out_f64(&w, v[i].value);
        ft_json_out_name(&w, "NodeId"), ft_json_out_text(&w, "algo-1");
        ft_json_out_name(&w, "Timestamp"), ft_json_out_raw(&w, ft_str_of(time));
        ft_json_out_close(&w);
        ft_buf_byte(&s->lines, '\n');
    }
    return s->lines.err;
}

static ft_err records_add(session *s, const ft_system_value *v, size_t count, int64_t time_us) {
    for (size_t i = 0; i < count; i++) {
        ft_value values[FT_SYSTEM_COLUMNS] = {
            [FT_SYSTEM_TIME] = ft_value_int(time_us),
            [FT_SYSTEM_TYPE] = ft_value_text(ft_str_of(v[i].type)),
            [FT_SYSTEM_NAME] = ft_value_text(ft_str_of(v[i].name)),
            [FT_SYSTEM_DIMENSION] = ft_value_text(ft_str_of(v[i].dimension)),
            [FT_SYSTEM_VALUE] = ft_value_f64(v[i].value),
        };
        FT_TRY(ft_stream_append(s->system, values));
    }
    return FT_OK;
}

/* <uri>/<job>/profiler-output/system/incremental/<hour>/<end of the minute>.algo-1.json */
static ft_err file_write(session *s, ft_store *store, ft_arena *arena) {
    int64_t end_s = (s->minute + 1) * 60;
    char iso[FT_TIME_TEXT];
    ft_str uri;
    ft_uri at;
    if (!s->lines.len) return FT_OK;
    ft_time_iso(iso, end_s * FT_SECOND_US, false);
    FT_TRY(ft_sagemaker_join(&uri, arena, s->uri,
                             "%s/profiler-output/system/incremental/%.4s%.2s%.2s%.2s/%lld.algo-1."
                             "json",
                             s->job, iso, iso + 5, iso + 8, iso + 11, (long long)end_s));
    FT_TRY(ft_uri_parse(&at, uri));
    FT_TRY(ft_object_put(
        NULL, store, at.bucket, at.key, ft_buf_str(&s->lines),
        &(ft_object_put_opts){ .content_type = FT_STR("application/json"), .lazy = true }));
    ft_buf_reset(&s->lines);
    return FT_OK;
}

static ft_err totals_write(session *s, ft_store *store, ft_arena *arena) {
    ft_str host, dimensions;
    FT_TRY(ft_arena_printf(&host, arena, "%s/algo-1", s->job));
    FT_TRY(dimension(&dimensions, arena, "Host", host));
    FT_TRY(space_writer(store));
    for (int m = 0; m < MACHINE_METRICS; m++) {
        total *t = &s->totals[m];
        if (!t->samples) continue;
        ft_cloudwatch_datum d = { .name = ft_str_of(machine_names[m]),
                                  .dimensions = dimensions,
                                  .unit = FT_STR("Percent"),
                                  .time_us = s->minute * MINUTE_US,
                                  .value = t->sum,
                                  .samples = t->samples,
                                  .min = t->min,
                                  .max = t->max };
        FT_TRY(ft_cloudwatch_append(metrics, store, arena, FT_STR(SPACE), &d));
        *t = (total){ 0 };
    }
    return FT_OK;
}

static ft_err minute_end(session *s, ft_store *store) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_err err = file_write(s, store, &arena);
    if (err == FT_OK) err = totals_write(s, store, &arena);
    ft_arena_fini(&arena);
    FT_TRY(err);
    if (s->system) FT_TRY(ft_stream_flush(s->system));
    return ft_db_run(ft_store_db(store), "update aws_profile set seen_us = ? where job = ?", "it",
                     s->seen_us, s->job);
}

static ft_err sample(session *s, ft_store *store) {
    ft_system_value *values;
    ft_arena arena = FT_ARENA_INIT(0);
    size_t count;
    int64_t now_us = ft_clock_now_us();
    ft_err err;
    if (s->minute && now_us / MINUTE_US != s->minute) FT_TRY(minute_end(s, store));
    s->minute = now_us / MINUTE_US;
    FT_GOTO(err, ft_arena_items(&values, &arena, FT_SYSTEM_VALUES_MAX));
    FT_GOTO(err, ft_system_sample(s->sampler, values, &count));
    totals_add(s, store, values, count);
    if (!s->enabled) goto done;
    FT_GOTO(err, lines_add(s, values, count, now_us));
    if (!s->system)
        FT_GOTO(err, ft_stream_write(&s->system, store, &ft_kind_system, ft_str_of(s->job),
                                     &(ft_stream_opts){ .buffered = true }));
    err = records_add(s, values, count, now_us);
done:
    ft_arena_fini(&arena);
    return err;
}

/* ---- the chore */

/* A job that has ended is followed to the end of its log. */
static ft_err session_step(session *s, ft_store *store, int64_t now_us) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_job job;
    ft_err err = ft_job_get(&job, store, &arena, ft_str_of(s->job));
    bool over = err == FT_ENOTFOUND || (err == FT_OK && ft_job_status_final(job.status)),
         runs = err == FT_OK && job.pid > 0 && !over;
    ft_arena_fini(&arena);
    if (err == FT_ENOTFOUND) ft_err_clear(), err = FT_OK;
    FT_TRY(err);
    FT_TRY(log_follow(s, store));
    if (runs && now_us >= s->due_us) {
        s->due_us = now_us + s->interval_us;
        FT_TRY(sample(s, store));
    }
    if (!over) return FT_OK;
    if (s->minute) FT_TRY(sample(s, store)); /* what the last moments were like */
    FT_TRY(minute_end(s, store));
    if (metrics) FT_TRY(ft_stream_flush(metrics));
    s->wanted = false;
    return ft_db_run(ft_store_db(store), "update aws_profile set ended = 1 where job = ?", "t",
                     s->job);
}

static ft_err wishes_read(ft_store *store, ft_arena *arena) {
    ft_rows *rows;
    ft_err err = FT_OK;
    wish w;
    FT_UNUSED(arena);
    FT_TRY(ft_db_query(&rows, ft_store_db(store),
                       "select job, uri, definitions, interval_us, seen_us, enabled, built_in"
                       " from aws_profile where ended = 0",
                       ""));
    while (err == FT_OK && ft_rows_next(rows)) {
        ft_rows_read(rows, "sssiinn", &w.job, &w.uri, &w.definitions, &w.interval_us, &w.seen_us,
                     &w.enabled, &w.built_in);
        session *s = session_find(w.job);
        if (!s) err = session_begin(store, &w);
        if (err == FT_OK && !s) s = sessions;
        if (!s) break;
        s->wanted = true;
        s->enabled = w.enabled; /* UpdateTrainingJob */
        s->interval_us = w.interval_us;
        if (!ft_str_eq(s->uri, w.uri)) err = ft_arena_str(&s->uri, &s->arena, w.uri);
    }
    ft_err end = ft_rows_end(rows);
    return err ? err : end;
}

ft_err ft_sagemaker_metrics_chore(ft_store *store) {
    ft_arena arena = FT_ARENA_INIT(0);
    int64_t now_us = ft_clock_monotonic_us();
    for (session *s = sessions; s; s = s->next) s->wanted = false;
    ft_err err = wishes_read(store, &arena);
    ft_arena_fini(&arena);
    FT_TRY(err);
    for (session **at = &sessions; *at;) {
        session *s = *at;
        if (s->wanted) err = session_step(s, store, now_us);
        if (err != FT_OK) {
            ft_log_err(FT_LOG_WARN, "aws", err, "metrics of a training job");
            ft_err_clear();
            err = FT_OK;
        }
        if (!s->wanted) {
            *at = s->next;
            session_free(s);
        } else
            at = &s->next;
    }
    return metrics ? ft_stream_tick(metrics) : FT_OK;
}

void ft_sagemaker_metrics_end(void) {
    while (sessions) {
        session *s = sessions;
        sessions = s->next;
        session_free(s);
    }
    if (ft_stream_close(metrics) != FT_OK) ft_err_clear();
    metrics = NULL;
}
