/* sagemaker_rules.c -- the rules of a training job: watches beside it, reports after it. Each is a
 * processing job for clients (sagemaker_processing.c). */
#include <stdio.h>

#include "aws/sagemaker_in.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "jobs/report.h"
#include "store/objects.h"

#define RULES_MAX   20 /* as SageMaker's */
#define REPORT_RULE "CreateXgboostReport"
#define PROFILER    "ProfilerReport"

static const char *const steps[] = {
    /* Rules of a training job that are no watches. */
    "create table aws_rule_job ("
    " name text primary key, job text not null, configuration text not null, rule text not null,"
    " params text not null, image text not null, kind integer not null, status text not null,"
    " details text not null default '', uri text not null default '',"
    " created_us integer not null, modified_us integer not null, unique (job, configuration))",
    "create index aws_rule_job_status on aws_rule_job (status)",
    /* The request of a training job as it came. */
    "create table aws_training (name text primary key, request text not null)",
};

ft_err ft_sagemaker_rules_prepare(ft_store *s) {
    return ft_db_migrate(ft_store_db(s), "aws_training", steps, (int)FT_COUNT(steps));
}

/* ---- the request's rules */

static ft_str member(ft_aws_call *c, const char *list, size_t i, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "%s.%zu.%s", list, i, name);
    return ft_aws_str(c, path);
}

static ft_str params_raw(ft_aws_call *c, const char *list, size_t i) {
    char path[128];
    snprintf(path, sizeof path, "%s.%zu.RuleParameters", list, i);
    return ft_aws_raw(c, path);
}

/* Parameters that are the service's, not the rule's. */
static bool is_service(ft_str name) {
    static const char *const names[] = { "rule_to_invoke", "action_json", "scan_interval_us",
                                         "base_trial", "opt_out_telemetry" };
    for (size_t i = 0; i < FT_COUNT(names); i++)
        if (ft_str_is(name, names[i])) return true;
    return false;
}

/* {"rule_to_invoke":"X","num_steps":"10"} -> rule and {"num_steps":"10"}. What action_json asks for
 * becomes a watch's action. */
static ft_err params_split(ft_watch_spec *out, ft_aws_call *c, ft_str raw) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_json j;
    ft_str name, value;
    ft_err err;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    ft_json_init(&j, raw.at ? raw : FT_STR("{}"), c->arena,
                 &(ft_json_opts){ .name = "RuleParameters" });
    FT_GOTO(err, ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        FT_GOTO(err, ft_json_string(&j, &value));
        if (ft_str_is(name, "rule_to_invoke")) out->rule = value;
        if (ft_str_is(name, "action_json")) {
            char text[512];
            snprintf(text, sizeof text, "%.*s", FT_STR_ARG(value));
            bool stops = strstr(text, "stoptraining"),
                 tells = strstr(text, "email") || strstr(text, "sms");
            out->actions = stops && tells ? FT_STR("stop,alert")
                           : stops        ? FT_STR("stop")
                           : tells        ? FT_STR("alert")
                                          : FT_STR("");
        }
        if (is_service(name)) continue;
        ft_json_out_name_str(&w, name);
        ft_json_out_str(&w, value);
    }
    FT_GOTO(err, ft_json_end(&j));
    ft_json_out_close(&w);
    FT_GOTO(err, buf.err);
    err = ft_arena_str(&out->params_json, c->arena, ft_buf_str(&buf));
done:
    ft_buf_fini(&buf);
    return err;
}

static ft_err configuration_check(ft_aws_call *c, const char *list, size_t i) {
    ft_str name = member(c, list, i, "RuleConfigurationName");
    if (!name.len)
        return ft_aws_fail(c, 400, "ValidationException",
                           "%s: rule %zu has no RuleConfigurationName", list, i + 1);
    for (size_t k = 0; k < i; k++)
        if (ft_str_eq(member(c, list, k, "RuleConfigurationName"), name))
            return ft_aws_fail(c, 400, "ValidationException",
                               "%s: the name %.*s is given to two rules", list, FT_STR_ARG(name));
    return FT_OK;
}

static ft_err watch_of(ft_watch_spec *out, bool *report, ft_aws_call *c, size_t i) {
    static const char list[] = "DebugRuleConfigurations";
    FT_TRY(configuration_check(c, list, i));
    *out = (ft_watch_spec){ .name = member(c, list, i, "RuleConfigurationName") };
    FT_TRY(params_split(out, c, params_raw(c, list, i)));
    *report = ft_str_is(out->rule, REPORT_RULE);
    if (!out->rule.len)
        return ft_aws_fail(c, 400, "ValidationException",
                           "%s: %.*s has no rule_to_invoke; rules with a program of their own are "
                           "not run here",
                           list, FT_STR_ARG(out->name));
    if (*report) return FT_OK;
    ft_watch_spec whole = *out; /* its trial is known when the job is made */
    whole.trial_uri = FT_STR("s3://" FT_BUCKET_DEFAULT "/trial");
    if (ft_watch_check(&whole) != FT_OK)
        return ft_aws_fail(c, 400, "ValidationException", "%s: %.*s: %s", list,
                           FT_STR_ARG(out->name), ft_err_why());
    return FT_OK;
}

ft_err ft_sagemaker_rules_spec(ft_job_spec *spec, ft_aws_call *c) {
    ft_watch_spec *watches;
    size_t count = ft_aws_count(c, "DebugRuleConfigurations"),
           profilers = ft_aws_count(c, "ProfilerRuleConfigurations");
    if (count > RULES_MAX || profilers > RULES_MAX)
        return ft_aws_fail(c, 400, "ResourceLimitExceeded", "more than %d rules for one job",
                           RULES_MAX);
    FT_TRY(ft_arena_items(&watches, c->arena, count + 1));
    for (size_t i = 0; i < count; i++) {
        bool report;
        FT_TRY(watch_of(&watches[spec->watch_count], &report, c, i));
        if (!report) spec->watch_count++;
    }
    for (size_t i = 0; i < profilers; i++)
        FT_TRY(configuration_check(c, "ProfilerRuleConfigurations", i));
    spec->watches = watches;
    return FT_OK;
}

/* ---- rows of reports */

static ft_err row_add(ft_aws_call *c, ft_str job, const char *list, size_t i, ft_rule_kind kind) {
    ft_watch_spec rule = { .name = member(c, list, i, "RuleConfigurationName") };
    ft_str name, uri, raw = params_raw(c, list, i),
                      out = ft_aws_str(c, "OutputDataConfig.S3OutputPath");
    uint32_t unlike;
    int64_t now = ft_clock_now_us();
    FT_TRY(params_split(&rule, c, raw));
    if (kind == FT_RULE_REPORT && !ft_str_is(rule.rule, REPORT_RULE)) return FT_OK;
    FT_TRY(ft_random_secret(&unlike, sizeof unlike));
    FT_TRY(ft_arena_printf(&name, c->arena, "%.*s-%.*s-%08x", FT_STR_ARG(ft_str_slice(job, 0, 26)),
                           FT_STR_ARG(ft_str_slice(rule.name, 0, 26)), unlike));
    FT_TRY(ft_sagemaker_join(&uri, c->arena, out, "%.*s/rule-output/%.*s", FT_STR_ARG(job),
                             FT_STR_ARG(rule.name)));
    return ft_db_run(
        ft_store_db(c->store),
        "insert into aws_rule_job (name, job, configuration, rule, params, image, kind,"
        " status, uri, created_us, modified_us)"
        " values (?, ?, ?, ?, ?, ?, ?, 'InProgress', ?, ?, ?)",
        "ssssssnsii", name, job, rule.name, rule.rule.at ? rule.rule : FT_STR(""),
        raw.at ? raw : FT_STR("{}"), member(c, list, i, "RuleEvaluatorImage"), (int)kind, uri, now,
        now);
}

ft_err ft_sagemaker_rules_store(ft_aws_call *c, ft_str job) {
    size_t debug = ft_aws_count(c, "DebugRuleConfigurations"),
           profilers = ft_aws_count(c, "ProfilerRuleConfigurations");
    for (size_t i = 0; i < debug; i++)
        FT_TRY(row_add(c, job, "DebugRuleConfigurations", i, FT_RULE_REPORT));
    for (size_t i = 0; i < profilers; i++)
        FT_TRY(row_add(c, job, "ProfilerRuleConfigurations", i, FT_RULE_PROFILER));
    return FT_OK;
}

ft_err ft_sagemaker_rules_more(ft_aws_call *c, ft_str job) {
    size_t profilers = ft_aws_count(c, "ProfilerRuleConfigurations");
    for (size_t i = 0; i < profilers; i++) {
        FT_TRY(configuration_check(c, "ProfilerRuleConfigurations", i));
        FT_TRY(row_add(c, job, "ProfilerRuleConfigurations", i, FT_RULE_PROFILER));
    }
    return FT_OK;
}

/* ---- reading */

static ft_watch_status status_of(ft_str text) {
    for (ft_watch_status s = FT_WATCH_IN_PROGRESS; s < FT_WATCH_STOPPED; s++)
        if (ft_str_is(text, ft_watch_status_name(s))) return s;
    return FT_WATCH_STOPPED;
}

static ft_err row_copy(ft_rule_job *r, ft_rows *rows, ft_arena *arena) {
    ft_str status;
    int kind;
    ft_rows_read(rows, "ssssssnssii", &r->name, &r->job, &r->configuration, &r->rule,
                 &r->params_json, &r->image, &kind, &status, &r->details, &r->created_us,
                 &r->modified_us);
    r->kind = (ft_rule_kind)kind;
    r->status = status_of(status);
    ft_str *texts[] = { &r->name,        &r->job,   &r->configuration, &r->rule,
                        &r->params_json, &r->image, &r->details };
    for (size_t i = 0; i < FT_COUNT(texts); i++) FT_TRY(ft_arena_str(texts[i], arena, *texts[i]));
    return FT_OK;
}

static ft_err rows_read(ft_rule_job *list, size_t *count, size_t limit, ft_store *s,
                        ft_arena *arena, ft_str job) {
    ft_rows *rows;
    ft_err err = FT_OK;
    FT_TRY(
        ft_db_query(&rows, ft_store_db(s),
                    "select name, job, configuration, rule, params, image, kind, status, details,"
                    " created_us, modified_us from aws_rule_job where ?1 = '' or job = ?1"
                    " order by created_us desc, rowid",
                    "s", job));
    while (err == FT_OK && *count < limit && ft_rows_next(rows))
        err = row_copy(&list[(*count)++], rows, arena);
    ft_err end = ft_rows_end(rows);
    FT_TRY(err);
    return end;
}

static void from_watch(ft_rule_job *r, const ft_watch_row *w) {
    ft_str job = w->spec.subject;
    ft_str_cut(&job, '/');
    *r = (ft_rule_job){ .name = w->evaluation_job,
                        .job = job,
                        .configuration = w->spec.name,
                        .rule = w->spec.rule,
                        .params_json = w->spec.params_json,
                        .image = FT_STR(""),
                        .details = w->details,
                        .kind = FT_RULE_WATCH,
                        .status = w->status,
                        .created_us = w->created_us,
                        .modified_us = w->modified_us };
}

ft_err ft_sagemaker_rules(ft_rule_job **out, size_t *count, ft_store *s, ft_arena *arena,
                          ft_str job) {
    ft_watch_row *watches;
    size_t watch_count;
    int64_t reports;
    ft_str subject = FT_STR("");
    *count = 0;
    if (job.len) FT_TRY(ft_subject(&subject, arena, FT_SUBJECT_JOB, job));
    FT_TRY(ft_watch_list(&watches, &watch_count, s, arena, subject));
    FT_TRY(ft_db_one(ft_store_db(s), NULL, "select count(*) from aws_rule_job", "", "i", &reports));
    FT_TRY(ft_arena_items(out, arena, watch_count + (size_t)reports + 1));
    for (size_t i = 0; i < watch_count; i++)
        if (ft_subject_is(NULL, FT_SUBJECT_JOB, watches[i].spec.subject))
            from_watch(&(*out)[(*count)++], &watches[i]);
    return rows_read(*out, count, *count + (size_t)reports, s, arena, job.at ? job : FT_STR(""));
}

/* ---- the chore */

static ft_err row_end(ft_store *s, ft_str name, ft_watch_status status, ft_str details) {
    return ft_db_run(ft_store_db(s),
                     "update aws_rule_job set status = ?, details = ?, modified_us = ?"
                     " where name = ? and status = 'InProgress'",
                     "tsis", ft_watch_status_name(status), details, ft_clock_now_us(), name);
}

/* Reports tell the verdicts, so they wait for them; not for ever, a host may have died. */
#define VERDICTS_WAIT_US (10 * FT_SECOND_US)

static ft_err is_ready(bool *out, ft_store *s, ft_arena *arena, const ft_job *job) {
    ft_watch_row *watches;
    size_t count;
    ft_str subject;
    int64_t sampled;
    *out = ft_job_status_final(job->status);
    if (!*out || ft_clock_now_us() - job->ended_us > VERDICTS_WAIT_US) return FT_OK;
    FT_TRY(ft_db_one(ft_store_db(s), NULL,
                     "select count(*) from aws_profile where job = ? and ended = 0", "s", "i",
                     job->name, &sampled));
    *out &= sampled == 0;
    FT_TRY(ft_subject(&subject, arena, FT_SUBJECT_JOB, job->name));
    FT_TRY(ft_watch_list(&watches, &count, s, arena, subject));
    for (size_t i = 0; i < count; i++) *out &= watches[i].status != FT_WATCH_IN_PROGRESS;
    return FT_OK;
}

/* A rule of the profiler by itself. */
static ft_err profiler_judge(ft_store *s, ft_arena *arena, const ft_rule_job *r,
                             ft_system_verdict *verdict) {
    const ft_system_rule *rule = ft_system_rule_find(r->rule);
    ft_system_usage usage;
    if (!rule)
        return FT_FAIL(FT_EUNSUPPORTED, "the profiler has no rule %.*s here", FT_STR_ARG(r->rule));
    FT_TRY(ft_job_usage(&usage, s, arena, r->job));
    return ft_system_rule_run(verdict, rule, &usage, r->params_json, arena);
}

static ft_err report_write(ft_system_verdict *verdict, ft_store *s, ft_arena *arena,
                           const ft_rule_job *r, ft_str uri) {
    ft_str at;
    if (r->kind == FT_RULE_REPORT) {
        FT_TRY(ft_arena_printf(&at, arena, "%.*s/xgboost_report.html", FT_STR_ARG(uri)));
        return ft_job_report_at(s, arena, r->job, at);
    }
    if (!ft_str_is(r->rule, PROFILER)) return profiler_judge(s, arena, r, verdict);
    FT_TRY(ft_arena_printf(&at, arena, "%.*s/profiler-output", FT_STR_ARG(uri)));
    return ft_job_profile_report_at(s, arena, r->job, at, r->params_json);
}

static ft_err report_do(ft_store *s, ft_arena *arena, const ft_rule_job *r) {
    ft_job job;
    ft_str uri, details;
    bool ready;
    FT_TRY(ft_job_get(&job, s, arena, r->job));
    FT_TRY(is_ready(&ready, s, arena, &job));
    if (!ready) return FT_OK;
    FT_TRY(ft_db_one(ft_store_db(s), arena, "select uri from aws_rule_job where name = ?", "s", "s",
                     r->name, &uri));
    ft_system_verdict verdict = { 0 };
    ft_err err = report_write(&verdict, s, arena, r, uri);
    if (err == FT_OK && verdict.fired) {
        FT_TRY(ft_arena_printf(&details, arena,
                               "RuleEvaluationConditionMet: Evaluation of the rule %.*s resulted "
                               "in the condition being met: %s",
                               FT_STR_ARG(r->rule), verdict.text));
        return row_end(s, r->name, FT_WATCH_ISSUES, details);
    }
    if (err == FT_OK) return row_end(s, r->name, FT_WATCH_NO_ISSUES, ft_str_of(verdict.text));
    bool stopped = err == FT_EUNSUPPORTED;
    FT_TRY(ft_arena_printf(&details, arena, "%s%s",
                           stopped ? "" : "InternalServerError: ", ft_err_why()));
    ft_err_clear();
    return row_end(s, r->name, stopped ? FT_WATCH_STOPPED : FT_WATCH_ERROR, details);
}

ft_err ft_sagemaker_rules_chore(ft_store *s) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_rule_job *list;
    int64_t going;
    size_t count = 0;
    ft_err err;
    FT_GOTO(err, ft_db_one(ft_store_db(s), NULL,
                           "select count(*) from aws_rule_job where status = 'InProgress'", "", "i",
                           &going));
    if (!going) goto done;
    FT_GOTO(err,
            ft_db_one(ft_store_db(s), NULL, "select count(*) from aws_rule_job", "", "i", &going));
    FT_GOTO(err, ft_arena_items(&list, &arena, (size_t)going + 1));
    FT_GOTO(err, rows_read(list, &count, (size_t)going, s, &arena, FT_STR("")));
    for (size_t i = 0; i < count; i++)
        if (list[i].status == FT_WATCH_IN_PROGRESS) FT_GOTO(err, report_do(s, &arena, &list[i]));
done:
    ft_arena_fini(&arena);
    return err;
}
