/* report.c -- see report.h: gathers what the training report tells about a job. */
#include "jobs/report.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "data/table.h"
#include "debug/system_report.h"
#include "debug/training_report.h"
#include "jobs/job.h"
#include "report/notebook.h"
#include "store/objects.h"

#define SCHEMA_BYTES_MAX ((size_t)64 << 20)
#define FACTS_MAX        12
#define PARAMS_MAX       128
#define VERDICT_ROWS_MAX 100000
#define VERDICTS_MAX     32

typedef struct gathered {
    ft_store *store;
    ft_arena *arena;
    ft_job job;
    ft_report_pair facts[FACTS_MAX], params[PARAMS_MAX];
    ft_report_verdict verdicts[VERDICTS_MAX];
    ft_training_report_opts opts;
    ft_system_usage usage;
} gathered;

static void fact(gathered *g, const char *name, ft_str value) {
    FT_CHECK(g->opts.fact_count < FACTS_MAX);
    g->facts[g->opts.fact_count++] = (ft_report_pair){ ft_str_of(name), value };
}

static ft_err facts(gathered *g) {
    const ft_job *j = &g->job;
    char began[FT_TIME_TEXT];
    ft_str started, channels, path;
    double seconds =
        (double)((j->ended_us ? j->ended_us : ft_clock_now_us()) - j->started_us) / 1e6;
    FT_TRY(ft_arena_str(&started, g->arena, ft_str_of(ft_time_iso(began, j->started_us, false))));
    FT_TRY(ft_arena_printf(&g->opts.summary, g->arena, "%.*s, %lld of %lld %s in %.1f s",
                           FT_STR_ARG(j->algorithm), (long long)j->step, (long long)j->steps_total,
                           g->opts.network ? "steps" : "rounds", seconds));
    fact(g, "Started", started);
    fact(g, "Model", j->model_uri);
    fact(g, "Model's hash", j->model_sha256);
    fact(g, "Tensors", j->trial_uri);
    if (ft_json_find(&channels, j->config_json, "channels") == FT_OK)
        for (int i = 0; i < 2; i++) {
            char at[32];
            snprintf(at, sizeof at, "channels.%d.path", i);
            ft_json t;
            if (ft_json_find(&path, j->config_json, at) != FT_OK) break;
            ft_json_init(&t, path, g->arena, NULL);
            FT_TRY(ft_json_string(&t, &path));
            fact(g, i ? "Validated on" : "Trained on", path);
            g->opts.validation = i > 0;
        }
    return FT_OK;
}

/* {"eta":"0.2",…} as given */
static ft_err params(gathered *g) {
    ft_str raw, name, value;
    ft_json j;
    if (ft_json_find(&raw, g->job.config_json, "hyperparameters") != FT_OK) return FT_OK;
    ft_json_init(&j, raw, g->arena, NULL);
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        FT_TRY(ft_json_string(&j, &value));
        if (g->opts.param_count < PARAMS_MAX)
            g->params[g->opts.param_count++] = (ft_report_pair){ name, value };
        if (ft_str_is(name, "objective")) g->opts.objective = value;
    }
    return ft_json_end(&j);
}

/* Was every evaluation of the watch told that there is not enough data, or was there none? */
static bool never_judged(const ft_watch_row *w, const ft_verdict_row *all, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (all[i].watch == w->id && all[i].verdict.outcome != FT_NOT_ENOUGH_DATA) return false;
    return true;
}

static ft_err verdicts(gathered *g) {
    ft_watch_row *rows;
    ft_verdict_row *all;
    size_t all_count;
    ft_str subject;
    size_t count;
    FT_TRY(ft_subject(&subject, g->arena, FT_SUBJECT_JOB, g->job.name));
    FT_TRY(ft_watch_list(&rows, &count, g->store, g->arena, subject));
    FT_TRY(ft_verdict_list(&all, &all_count, g->store, g->arena, subject, VERDICT_ROWS_MAX));
    for (size_t i = 0; i < count && i < VERDICTS_MAX; i++) {
        bool judged = rows[i].status != FT_WATCH_NO_ISSUES || all_count == VERDICT_ROWS_MAX ||
                      !never_judged(&rows[i], all, all_count);
        ft_str text =
            rows[i].details.len ? rows[i].details : ft_str_of(ft_watch_status_name(rows[i].status));
        if (rows[i].status == FT_WATCH_NO_ISSUES)
            text = judged ? FT_STR("no issues found")
                          : FT_STR("not judged: the trial never had enough of the tensors that it "
                                   "looks at (--save keeps more, --save-interval more often)");
        g->verdicts[g->opts.verdict_count++] =
            (ft_report_verdict){ .rule = rows[i].spec.name,
                                 .text = text,
                                 .issue = rows[i].status == FT_WATCH_ISSUES ||
                                          rows[i].status == FT_WATCH_ERROR,
                                 .unjudged = !judged };
    }
    return FT_OK;
}

/* Names of columns and classes travel with the model; a job that left none is told by numbers. */
static ft_err names(gathered *g) {
    ft_uri at;
    ft_str key, json;
    ft_schema *schema;
    if (!g->job.model_uri.len) return FT_OK;
    FT_TRY(ft_uri_parse(&at, g->job.model_uri));
    FT_TRY(ft_arena_printf(&key, g->arena, "%.*s/schema.json", FT_STR_ARG(at.key)));
    ft_err err = ft_object_get(&json, g->store, g->arena, at.bucket, key, SCHEMA_BYTES_MAX);
    if (err == FT_ENOTFOUND) {
        ft_err_clear();
        return FT_OK;
    }
    FT_TRY(err);
    FT_TRY(ft_schema_read(&schema, g->arena, json));
    ft_str *features;
    FT_TRY(ft_arena_items(&features, g->arena, schema->feature_count + 1));
    for (size_t i = 0; i < schema->feature_count; i++) features[i] = schema->features[i].name;
    g->opts.features = features, g->opts.feature_count = schema->feature_count;
    g->opts.classes = schema->classes, g->opts.class_count = schema->class_count;
    return FT_OK;
}

static ft_err gather(gathered *g, ft_str job) {
    FT_TRY(ft_job_get(&g->job, g->store, g->arena, job));
    g->opts = (ft_training_report_opts){ .job = g->job.name,
                                         .status = ft_str_of(ft_job_status_name(g->job.status)),
                                         .reason = g->job.reason,
                                         .trial_uri = g->job.trial_uri,
                                         .network = ft_str_is(g->job.algorithm, "image"),
                                         .facts = g->facts,
                                         .params = g->params,
                                         .verdicts = g->verdicts };
    FT_TRY(facts(g));
    FT_TRY(params(g));
    FT_TRY(verdicts(g));
    FT_TRY(ft_system_usage_read(&g->usage, g->store, g->arena, g->job.name));
    g->opts.usage = &g->usage;
    return names(g);
}

static ft_err page_put(ft_store *s, ft_str uri, ft_str html) {
    ft_uri at;
    FT_TRY(ft_uri_parse(&at, uri));
    return ft_object_put(
        NULL, s, at.bucket, at.key, html,
        &(ft_object_put_opts){ .content_type = FT_STR("text/html; charset=utf-8"), .lazy = true });
}

/* "…/x.html" -> "…/x.ipynb". */
static ft_err notebook_put(ft_store *s, ft_arena *arena, ft_str uri, ft_str title, ft_str html) {
    ft_buf book = { 0 };
    ft_uri at;
    ft_str key;
    FT_TRY(ft_uri_parse(&at, uri));
    ft_str stem = ft_str_slice(at.key, 0, at.key.len - (sizeof ".html" - 1));
    FT_TRY(ft_arena_printf(&key, arena, "%.*s.ipynb", FT_STR_ARG(stem)));
    ft_err err = ft_notebook(&book, title, html);
    if (err == FT_OK)
        err = ft_object_put(NULL, s, at.bucket, key, ft_buf_str(&book),
                            &(ft_object_put_opts){
                                .content_type = FT_STR("application/x-ipynb+json"), .lazy = true });
    ft_buf_fini(&book);
    return err;
}

ft_err ft_job_report_at(ft_store *s, ft_arena *arena, ft_str job, ft_str uri) {
    gathered g = { .store = s, .arena = arena };
    ft_buf html = { 0 };
    ft_err err;
    FT_TRY(gather(&g, job));
    err = ft_training_report(&html, s, &g.opts);
    if (err == FT_ENOTFOUND)
        err = FT_FAIL(FT_ENOTFOUND, "job %.*s recorded nothing to report%s%.*s", FT_STR_ARG(job),
                      g.job.reason.len ? ": " : "", FT_STR_ARG(g.job.reason));
    if (err == FT_OK) err = page_put(s, uri, ft_buf_str(&html));
    if (err == FT_OK) err = notebook_put(s, arena, uri, job, ft_buf_str(&html));
    ft_buf_fini(&html);
    return err;
}

ft_err ft_job_report(ft_str *uri, ft_store *s, ft_arena *arena, ft_str job) {
    ft_job row;
    FT_TRY(ft_job_get(&row, s, arena, job));
    FT_TRY(ft_arena_printf(uri, arena, "%.*s/%.*s/report/report.html", FT_STR_ARG(row.output_uri),
                           FT_STR_ARG(row.name)));
    return ft_job_report_at(s, arena, row.name, *uri);
}

static ft_err rules_put(ft_store *s, ft_arena *arena, const ft_system_usage *usage, ft_str folder,
                        ft_str params_json) {
    ft_uri at;
    FT_TRY(ft_uri_parse(&at, folder));
    for (const ft_system_rule *const *r = ft_system_rules; *r; r++) {
        ft_system_verdict v;
        ft_buf json = { 0 };
        ft_str key;
        FT_TRY(ft_system_rule_run(&v, *r, usage, params_json, arena));
        FT_TRY(ft_arena_printf(&key, arena, "%.*s/profiler-reports/%s.json", FT_STR_ARG(at.key),
                               ft_system_rule_name(*r)));
        ft_err err = ft_system_rule_json(&json, *r, &v, usage, arena);
        if (err == FT_OK)
            err = ft_object_put(
                NULL, s, at.bucket, key, ft_buf_str(&json),
                &(ft_object_put_opts){ .content_type = FT_STR("application/json"), .lazy = true });
        ft_buf_fini(&json);
        FT_TRY(err);
    }
    return FT_OK;
}

ft_err ft_job_usage(ft_system_usage *out, ft_store *s, ft_arena *arena, ft_str job) {
    ft_job j;
    FT_TRY(ft_job_get(&j, s, arena, job));
    FT_TRY(ft_system_usage_read(out, s, arena, job));
    out->started_us = j.started_us;
    out->loop_us = j.training_us;
    return FT_OK;
}

ft_err ft_job_profile_report_at(ft_store *s, ft_arena *arena, ft_str job, ft_str folder,
                                ft_str params_json) {
    ft_buf html = { 0 };
    ft_system_usage usage;
    ft_str uri;
    ft_job j;
    FT_TRY(ft_job_get(&j, s, arena, job));
    FT_TRY(ft_job_usage(&usage, s, arena, job));
    FT_TRY(ft_arena_printf(&uri, arena, "%.*s/profiler-report.html", FT_STR_ARG(folder)));
    ft_err err = ft_system_report(
        &html, &(ft_system_report_opts){ .job = j.name,
                                         .status = ft_str_of(ft_job_status_name(j.status)),
                                         .started_us = j.started_us,
                                         .ended_us = j.ended_us,
                                         .loop_us = j.training_us,
                                         .loop_end_us = j.training_end_us,
                                         .steps = j.step,
                                         .usage = &usage,
                                         .params_json = params_json });
    if (err == FT_OK) err = page_put(s, uri, ft_buf_str(&html));
    if (err == FT_OK) err = notebook_put(s, arena, uri, job, ft_buf_str(&html));
    if (err == FT_OK) err = rules_put(s, arena, &usage, folder, params_json);
    ft_buf_fini(&html);
    return err;
}
