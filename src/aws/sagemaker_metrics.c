/* sagemaker_metrics.c -- see sagemaker_metrics.h: what requests ask for and are told. What is done
 * while jobs run is in sagemaker_follow.c. */
#include "aws/sagemaker_metrics.h"

#include "aws/sagemaker_in.h"
#include "base/check.h"
#include "jobs/job.h"
#include "store/objects.h"
#include "trials/regex.h"

static const char *const steps[] = {
    "create table aws_profile ("
    " job text primary key, uri text not null, interval_us integer not null,"
    " enabled integer not null, definitions text not null, built_in integer not null,"
    " seen_us integer not null default 0, ended integer not null default 0)",
    "create index aws_profile_open on aws_profile (job) where ended = 0",
    "create table aws_metric ("
    " job text not null, name text not null, value real not null, time_us integer not null,"
    " primary key (job, name)) without rowid",
};

ft_err ft_sagemaker_metrics_prepare(ft_store *s) {
    return ft_db_migrate(ft_store_db(s), "aws_metrics", steps, (int)FT_COUNT(steps));
}

/* ---- requests */

static ft_err definition_at(ft_str *name, ft_str *pattern, ft_aws_call *c, size_t i) {
    ft_str path;
    FT_TRY(
        ft_arena_printf(&path, c->arena, "AlgorithmSpecification.MetricDefinitions.%zu.Name", i));
    *name = ft_aws_str(c, path.at);
    FT_TRY(
        ft_arena_printf(&path, c->arena, "AlgorithmSpecification.MetricDefinitions.%zu.Regex", i));
    *pattern = ft_aws_str(c, path.at);
    return FT_OK;
}

static ft_err interval_read(int64_t *out_us, ft_aws_call *c) {
    static const int64_t known[] = { 100, 200, 500, 1000, 5000, 60000 };
    int64_t ms;
    FT_TRY(ft_aws_int(&ms, c, "ProfilerConfig.ProfilingIntervalInMilliseconds", 500));
    for (size_t i = 0; i < FT_COUNT(known); i++)
        if (ms == known[i]) {
            *out_us = ms * 1000;
            return FT_OK;
        }
    return ft_aws_fail(c, 400, "ValidationException",
                       "ProfilingIntervalInMilliseconds: expected 100, 200, 500, 1000, 5000 or "
                       "60000");
}

ft_err ft_sagemaker_metrics_check(ft_aws_call *c) {
    size_t count = ft_aws_count(c, "AlgorithmSpecification.MetricDefinitions");
    int64_t interval_us = 0;
    ft_str uri = ft_aws_str(c, "ProfilerConfig.S3OutputPath");
    ft_uri at;
    FT_TRY(interval_read(&interval_us, c));
    if (uri.len && ft_uri_parse(&at, uri) != FT_OK)
        return ft_aws_fail(c, 400, "ValidationException", "ProfilerConfig.S3OutputPath: %s",
                           ft_err_why());
    if (count > FT_METRIC_DEFINITIONS_MAX)
        return ft_aws_fail(c, 400, "ValidationException", "MetricDefinitions: at most %d",
                           FT_METRIC_DEFINITIONS_MAX);
    for (size_t i = 0; i < count; i++) {
        ft_str name, pattern;
        ft_regex *re = NULL;
        FT_TRY(definition_at(&name, &pattern, c, i));
        bool good = name.len && name.len < FT_METRIC_NAME_BYTES &&
                    ft_regex_new_anywhere(&re, pattern) == FT_OK;
        ft_regex_free(re);
        if (!good)
            return ft_aws_fail(c, 400, "ValidationException", "MetricDefinitions: %.*s: %s",
                               FT_STR_ARG(name),
                               name.len ? ft_err_why() : "a definition needs a Name");
    }
    return FT_OK;
}

ft_err ft_sagemaker_metrics_store(ft_aws_call *c, ft_str job) {
    int64_t interval_us = 0;
    bool off;
    ft_str uri = ft_aws_str(c, "ProfilerConfig.S3OutputPath"),
           definitions = ft_aws_raw(c, "AlgorithmSpecification.MetricDefinitions");
    FT_TRY(interval_read(&interval_us, c));
    FT_TRY(ft_aws_bool(&off, c, "ProfilerConfig.DisableProfiler", false));
    return ft_db_run(ft_store_db(c->store),
                     "insert into aws_profile (job, uri, interval_us, enabled, definitions,"
                     " built_in) values (?, ?, ?, ?, ?, ?)",
                     "ssinsn", job, uri.at ? uri : FT_STR(""), interval_us,
                     (int)(uri.len > 0 && !off), definitions.at ? definitions : FT_STR("[]"),
                     (int)!ft_sagemaker_is_program(c));
}

ft_err ft_sagemaker_metrics_put(ft_aws_call *c, ft_str job) {
    ft_rows *rows;
    int enabled = 0;
    ft_str name;
    double value;
    int64_t time_us;
    ft_err err =
        ft_db_one(ft_store_db(c->store), NULL, "select enabled from aws_profile where job = ?", "s",
                  "n", job, &enabled);
    if (err != FT_OK && err != FT_ENOTFOUND) return err;
    ft_err_clear();
    ft_aws_put(c, "ProfilingStatus", enabled ? FT_STR("Enabled") : FT_STR("Disabled"));
    FT_TRY(ft_db_query(&rows, ft_store_db(c->store),
                       "select name, value, time_us from aws_metric where job = ? order by name",
                       "s", job));
    bool any = false;
    while (ft_rows_next(rows)) {
        ft_rows_read(rows, "sdi", &name, &value, &time_us);
        if (!any) ft_json_out_name(&c->json, "FinalMetricDataList"), ft_json_out_array(&c->json);
        any = true;
        ft_json_out_object(&c->json);
        ft_aws_put(c, "MetricName", name);
        ft_json_out_name(&c->json, "Value"), ft_json_out_f64(&c->json, value);
        ft_aws_put_time(c, "Timestamp", time_us);
        ft_json_out_close(&c->json);
    }
    if (any) ft_json_out_close(&c->json);
    return ft_rows_end(rows);
}

/* ---- UpdateTrainingJob */

/* Members of `old` that `more` does not have, then those of `more`, as one object. */
static ft_err objects_merge(ft_json_out *w, ft_aws_call *c, ft_str old, ft_str more) {
    ft_str texts[] = { old, more };
    ft_json_out_object(w);
    for (int t = 0; t < 2; t++) {
        ft_json j;
        ft_str name, value, key, there;
        if (!texts[t].at) continue;
        ft_json_init(&j, texts[t], c->arena, NULL);
        FT_TRY(ft_json_enter_object(&j));
        while (ft_json_next_member(&j, &name)) {
            FT_TRY(ft_json_skip(&j, &value));
            FT_TRY(ft_arena_str(&key, c->arena, name));
            if (t == 0 && more.at && ft_json_find(&there, more, key.at) == FT_OK) continue;
            ft_err_clear();
            ft_json_out_name_str(w, name);
            ft_json_out_raw(w, value);
        }
        FT_TRY(ft_json_end(&j));
    }
    ft_json_out_close(w);
    return FT_OK;
}

static ft_err arrays_join(ft_json_out *w, ft_aws_call *c, ft_str old, ft_str more) {
    ft_str texts[] = { old, more };
    ft_json_out_array(w);
    for (int t = 0; t < 2; t++) {
        ft_json j;
        ft_str item;
        if (!texts[t].at) continue;
        ft_json_init(&j, texts[t], c->arena, NULL);
        FT_TRY(ft_json_enter_array(&j));
        while (ft_json_next_item(&j)) {
            FT_TRY(ft_json_skip(&j, &item));
            ft_json_out_raw(w, item);
        }
        FT_TRY(ft_json_end(&j));
    }
    ft_json_out_close(w);
    return FT_OK;
}

static ft_str member_of(ft_str json, const char *name) {
    ft_str raw;
    if (ft_json_find(&raw, json, name) != FT_OK || ft_str_is(raw, "null")) raw = (ft_str){ 0 };
    ft_err_clear();
    return raw;
}

/* The job's request as it would be had it asked for this from the beginning. */
static ft_err request_write(ft_json_out *w, ft_aws_call *c, ft_str request) {
    static const char config[] = "ProfilerConfig", rules[] = "ProfilerRuleConfigurations";
    ft_json j;
    ft_str name, value;
    ft_json_out_object(w);
    ft_json_init(&j, request, c->arena, NULL);
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        FT_TRY(ft_json_skip(&j, &value));
        if (ft_str_is(name, config) || ft_str_is(name, rules)) continue;
        ft_json_out_name_str(w, name);
        ft_json_out_raw(w, value);
    }
    FT_TRY(ft_json_end(&j));
    ft_json_out_name(w, config);
    FT_TRY(objects_merge(w, c, member_of(request, config), ft_aws_raw(c, config)));
    ft_json_out_name(w, rules);
    FT_TRY(arrays_join(w, c, member_of(request, rules), ft_aws_raw(c, rules)));
    ft_json_out_close(w);
    return FT_OK;
}

static ft_err profile_update(ft_aws_call *c, ft_str job) {
    ft_db *db = ft_store_db(c->store);
    ft_str uri = ft_aws_str(c, "ProfilerConfig.S3OutputPath");
    int64_t interval_us = 0;
    bool off;
    if (!ft_aws_raw(c, "ProfilerConfig").at) return FT_OK;
    FT_TRY(interval_read(&interval_us, c));
    FT_TRY(ft_aws_bool(&off, c, "ProfilerConfig.DisableProfiler", false));
    if (ft_aws_raw(c, "ProfilerConfig.ProfilingIntervalInMilliseconds").at)
        FT_TRY(ft_db_run(db, "update aws_profile set interval_us = ? where job = ?", "is",
                         interval_us, job));
    if (uri.len)
        FT_TRY(ft_db_run(db, "update aws_profile set uri = ? where job = ?", "ss", uri, job));
    return ft_db_run(db, "update aws_profile set enabled = (uri <> '' and not ?) where job = ?",
                     "ns", (int)off, job);
}

static ft_err update(ft_aws_call *c, ft_str job, ft_str request) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &buf, false);
    ft_err err = request_write(&w, c, request);
    if (err == FT_OK) err = buf.err;
    if (err == FT_OK) err = profile_update(c, job);
    if (err == FT_OK) err = ft_sagemaker_rules_more(c, job);
    if (err == FT_OK)
        err = ft_db_run(ft_store_db(c->store), "update aws_training set request = ? where name = ?",
                        "ss", ft_buf_str(&buf), job);
    ft_buf_fini(&buf);
    return err;
}

ft_err ft_sagemaker_update_training(ft_aws_call *c) {
    ft_str name = ft_aws_str(c, "TrainingJobName"), request;
    ft_db *db = ft_store_db(c->store);
    ft_job job;
    ft_err err = ft_db_one(db, c->arena, "select request from aws_training where name = ?", "s",
                           "s", name, &request);
    if (err == FT_ENOTFOUND)
        return ft_aws_fail(c, 400, "ValidationException", "Requested resource not found.");
    FT_TRY(err);
    FT_TRY(ft_sagemaker_metrics_check(c));
    FT_TRY(ft_job_get(&job, c->store, c->arena, name));
    if (ft_job_status_final(job.status))
        return ft_aws_fail(c, 400, "ValidationException",
                           "Invalid Operation: the training job %.*s is in status %s",
                           FT_STR_ARG(name), ft_job_status_name(job.status));
    if (ft_aws_raw(c, "ResourceConfig").at)
        return ft_aws_fail(c, 400, "ValidationException",
                           "ResourceConfig: there are no warm pools here to keep alive");
    FT_TRY(ft_db_begin(db));
    err = update(c, name, request);
    if (err != FT_OK) {
        ft_db_rollback(db);
        return err == FT_EEXIST ? ft_aws_fail(c, 400, "ValidationException",
                                              "ProfilerRuleConfigurations: a rule of that name is "
                                              "there already")
                                : err;
    }
    FT_TRY(ft_db_commit(db));
    ft_aws_put(c, "TrainingJobArn", ft_aws_arn(c, "sagemaker", "training-job", name));
    return FT_OK;
}
