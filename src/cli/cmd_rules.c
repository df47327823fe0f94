/* cmd_rules.c -- `fettle rules ls|show|try|add|rm` and `fettle verdicts ls`. */
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "cli/actions.h"
#include "cli/listing.h"
#include "jobs/job.h"
#include "rules/rule.h"
#include "serve/endpoint.h"
#include "watch/watch.h"

#define LISTED_MAX 200

/* ---- ls, show */

static ft_err run_ls(ft_cli *cli) {
    static const char *const columns[] = { "rule", "reads", "fires when" };
    ft_listing l;
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    for (const ft_rule *const *r = ft_rules(); *r; r++) {
        ft_listing_text(&l, ft_str_of((*r)->name));
        ft_listing_text(&l,
                        (*r)->reads == FT_READS_TRIAL ? FT_STR("trial") : ft_str_of((*r)->stream));
        ft_listing_text(&l, ft_str_of((*r)->doc));
    }
    return ft_listing_print(&l, NULL);
}

static ft_err run_show(ft_cli *cli) {
    const ft_rule *rule;
    FT_TRY(ft_rule_find(&rule, cli->args[0]));
    if (!cli->json) printf("%s: %s\n\n", rule->name, rule->doc);
    return ft_listing_params(cli, rule->params);
}

/* ---- a watch from the command line, for `try` and `add` */

static const ft_param watch_options[] = {
    { "set", FT_PARAM_STRING, NULL, .repeated = true,
      .doc = "NAME=VALUE: a parameter of the rule (see `fettle rules show`)" },
    { "action", FT_PARAM_STRING, "alert",
      .doc = "LIST: stop, alert, rollback, run:PROGRAM (add only)" },
    { "over", FT_PARAM_STRING, NULL,
      .doc = "TIME: how far back, such as 30d (try, stream rules; all when not given)" },
    { "window", FT_PARAM_STRING, NULL, .doc = "TIME: width of the window of a stream rule (1h)" },
    { "hold", FT_PARAM_INT, "1", .min = 1, .max = 1000,
      .doc = "N: act only after N issues in a row" },
    { "quiet", FT_PARAM_STRING, NULL, .doc = "TIME: after an action, no other for so long" },
    { 0 }
};

static ft_err params_json(ft_str *out, ft_cli *cli) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_str pair;
    ft_err err = FT_OK;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    for (size_t i = 0; err == FT_OK && ft_params_each(cli->options, "set", i, &pair); i++) {
        ft_str value = pair, name = ft_str_cut(&value, '=');
        if (!value.at)
            err = FT_FAIL(FT_EINVAL, "--set %.*s: expected NAME=VALUE", FT_STR_ARG(pair));
        ft_json_out_name_str(&w, name);
        ft_json_out_str(&w, value.at ? value : FT_STR(""));
    }
    ft_json_out_close(&w);
    if (err == FT_OK) err = ft_arena_str(out, &cli->arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

static ft_err duration(int64_t *out, ft_cli *cli, const char *name) {
    *out = 0;
    return ft_params_given(cli->options, name)
               ? ft_duration_parse(out, ft_params_str(cli->options, name))
               : FT_OK;
}

/* SUBJECT is job/NAME or endpoint/NAME; a bare name that is a job is meant so. */
static ft_err subject_read(ft_str *out, ft_cli *cli, ft_store *s, ft_str text) {
    ft_job job;
    *out = text;
    if (ft_str_find(text, '/') < text.len) return FT_OK;
    bool is_job = ft_job_get(&job, s, &cli->arena, text) == FT_OK;
    ft_err_clear();
    return ft_arena_printf(out, &cli->arena, "%s/%.*s", is_job ? "job" : "endpoint",
                           FT_STR_ARG(text));
}

/* `adds`: for a watch that is to be kept, so its subject must be able to go on. */
static ft_err spec_read(ft_watch_spec *out, ft_cli *cli, ft_store *s, bool adds) {
    ft_job job;
    ft_str subject;
    FT_TRY(subject_read(&subject, cli, s, cli->args[1]));
    *out = (ft_watch_spec){ .rule = cli->args[0],
                            .actions = ft_params_str(cli->options, "action"),
                            .hold = (int)ft_params_int(cli->options, "hold") };
    out->subject = subject;
    ft_str name = subject, kind = ft_str_cut(&name, '/');
    if (ft_str_is(kind, "job")) {
        FT_TRY(ft_job_get(&job, s, &cli->arena, name));
        out->trial_uri = job.trial_uri;
        if (adds && ft_job_status_final(job.status))
            return FT_FAIL(FT_ECONFLICT,
                           "job %.*s has ended (%s): nothing will be watched; `fettle rules try` "
                           "looks at what it recorded",
                           FT_STR_ARG(name), ft_job_status_name(job.status));
    } else if (ft_str_is(kind, "endpoint") && adds) {
        ft_endpoint ep;
        FT_TRY(ft_endpoint_get(&ep, s, &cli->arena, name));
    }
    out->stream_key = name;
    FT_TRY(duration(&out->window_us, cli, "window"));
    FT_TRY(duration(&out->quiet_us, cli, "quiet"));
    return params_json(&out->params_json, cli);
}

/* ---- try */

typedef struct tally {
    ft_listing list;
    uint64_t evaluations, issues;
} tally;

static ft_err tally_add(void *ctx, const ft_verdict *v) {
    tally *t = ctx;
    t->evaluations++;
    if (v->outcome != FT_ISSUE) return FT_OK;
    t->issues++;
    ft_listing_int(&t->list, v->at);
    ft_listing_text(&t->list, v->reason);
    ft_listing_text(&t->list, v->evidence_json);
    return t->list.err;
}

static ft_err run_try(ft_cli *cli) {
    static const char *const columns[] = { "at", "reason", "evidence" };
    ft_store *s;
    ft_watch_spec spec;
    int64_t over;
    tally t = { 0 };
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(spec_read(&spec, cli, s, false));
    FT_TRY(duration(&over, cli, "over"));
    ft_listing_init(&t.list, cli, columns, FT_COUNT(columns));
    int64_t from = over ? ft_clock_now_us() - over : INT64_MIN;
    FT_TRY(ft_watch_try(s, &spec, from, INT64_MAX, tally_add, &t));
    FT_TRY(ft_listing_print(&t.list, NULL));
    if (!cli->json)
        printf("%.*s on %.*s: %llu evaluations, %llu with an issue\n", FT_STR_ARG(spec.rule),
               FT_STR_ARG(spec.subject), (unsigned long long)t.evaluations,
               (unsigned long long)t.issues);
    return FT_OK;
}

static ft_err run_add(ft_cli *cli) {
    ft_store *s;
    ft_watch_spec spec;
    int64_t id;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_actions_check(ft_params_str(cli->options, "action")));
    FT_TRY(spec_read(&spec, cli, s, true));
    FT_TRY(ft_watch_add(&id, s, &spec));
    if (cli->json)
        printf("{\"watch\":%lld}\n", (long long)id);
    else
        printf("watch %lld: %.*s on %.*s\n", (long long)id, FT_STR_ARG(spec.rule),
               FT_STR_ARG(spec.subject));
    return FT_OK;
}

static ft_err run_rm(ft_cli *cli) {
    ft_store *s;
    ft_str subject;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(subject_read(&subject, cli, s, cli->args[1]));
    FT_TRY(ft_watch_drop(s, subject, cli->args[0]));
    return ft_cli_done(cli, "%.*s is no longer watched by %.*s", FT_STR_ARG(subject),
                       FT_STR_ARG(cli->args[0]));
}

/* ---- verdicts */

static const ft_param verdict_options[] = {
    { "subject", FT_PARAM_STRING, NULL, .doc = "SUBJECT: only of job/NAME or endpoint/NAME" },
    { "issues", FT_PARAM_FLAG, NULL, .doc = "only verdicts that found an issue" },
    { "limit", FT_PARAM_INT, "200", .min = 1, .max = 1e6,
      .doc = "N: at most so many, newest first" },
    { 0 }
};

static ft_err run_verdicts(ft_cli *cli) {
    static const char *const columns[] = {
        "verdict", "subject", "rule", "at", "outcome", "reason"
    };
    ft_store *s;
    ft_verdict_row *rows;
    size_t count;
    ft_listing l;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_verdict_list(&rows, &count, s, &cli->arena, ft_params_str(cli->options, "subject"),
                           (size_t)ft_params_int(cli->options, "limit")));
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    for (size_t i = 0; i < count; i++) {
        if (ft_params_bool(cli->options, "issues") && rows[i].verdict.outcome != FT_ISSUE) continue;
        ft_listing_int(&l, rows[i].id);
        ft_listing_text(&l, rows[i].subject);
        ft_listing_text(&l, rows[i].name);
        ft_listing_int(&l, rows[i].verdict.at);
        ft_listing_text(&l, ft_str_of(ft_outcome_name(rows[i].verdict.outcome)));
        ft_listing_text(&l, rows[i].verdict.reason);
    }
    return ft_listing_print(&l, "no verdicts");
}

const ft_command ft_command_rules_ls = { .name = "rules ls",
                                         .doc = "the rules that there are",
                                         .run = run_ls };
const ft_command ft_command_rules_show = { .name = "rules show",
                                           .args = "RULE",
                                           .args_min = 1,
                                           .args_max = 1,
                                           .doc = "one rule and its parameters",
                                           .run = run_show };
const ft_command ft_command_rules_try = {
    .name = "rules try",
    .args = "RULE SUBJECT",
    .args_min = 2,
    .args_max = 2,
    .doc = "what a rule would have found in what is stored; stores and does nothing",
    .more = "RULE is a name of `fettle rules ls` or an .sql file. SUBJECT is job/NAME or "
            "endpoint/NAME.",
    .options = watch_options,
    .run = run_try
};
const ft_command ft_command_rules_add = { .name = "rules add",
                                          .args = "RULE SUBJECT",
                                          .args_min = 2,
                                          .args_max = 2,
                                          .doc = "watch a job or an endpoint with a rule",
                                          .options = watch_options,
                                          .run = run_add };
const ft_command ft_command_rules_rm = {
    .name = "rules rm",
    .args = "RULE SUBJECT",
    .args_min = 2,
    .args_max = 2,
    .doc = "no longer watch a job or an endpoint with a rule; its verdicts go",
    .run = run_rm
};
const ft_command ft_command_verdicts_ls = { .name = "verdicts ls",
                                            .doc = "what the rules have found, newest first",
                                            .options = verdict_options,
                                            .run = run_verdicts };
