/* cmd_jobs.c -- `fettle jobs ls|show|stop`, and the two commands that jobs run themselves as. */
#include <signal.h>
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "cli/actions.h"
#include "cli/listing.h"
#include "jobs/container.h"
#include "jobs/job.h"

#define LISTED_MAX 200

static ft_err run_ls(ft_cli *cli) {
    static const char *const columns[] = { "job", "algorithm", "status", "step",
                                           "of",  "started",   "reason" };
    ft_store *s;
    ft_job *jobs;
    size_t count;
    ft_listing l;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_jobs_recover(s, NULL));
    FT_TRY(ft_job_list(&jobs, &count, s, &cli->arena, LISTED_MAX));
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    for (size_t i = 0; i < count; i++) {
        ft_listing_text(&l, jobs[i].name);
        ft_listing_text(&l, jobs[i].algorithm);
        ft_listing_text(&l, ft_str_of(ft_job_status_name(jobs[i].status)));
        ft_listing_int(&l, jobs[i].step);
        ft_listing_int(&l, jobs[i].steps_total);
        ft_listing_time(&l, jobs[i].started_us);
        ft_listing_text(&l, jobs[i].reason);
    }
    return ft_listing_print(&l, "no jobs yet; `fettle train xgboost --train FILE …` makes one");
}

static ft_err run_show(ft_cli *cli) {
    static const char *const columns[] = { "what", "value" };
    ft_store *s;
    ft_job job;
    ft_watch_row *watches;
    size_t count;
    ft_listing l;
    ft_str subject, settings;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_jobs_recover(s, NULL));
    FT_TRY(ft_job_get(&job, s, &cli->arena, cli->args[0]));
    settings = job.config_json; /* people see what was given, programs all of it */
    if (!cli->json && ft_json_find(&settings, job.config_json, "hyperparameters") != FT_OK)
        ft_err_clear();
    FT_TRY(ft_subject(&subject, &cli->arena, FT_SUBJECT_JOB, job.name));
    FT_TRY(ft_watch_list(&watches, &count, s, &cli->arena, subject));
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    struct {
        const char *name;
        ft_str value;
    } rows[] = { { "job", job.name },
                 { "algorithm", job.algorithm },
                 { "status", ft_str_of(ft_job_status_name(job.status)) },
                 { "secondary status", job.secondary },
                 { "reason", job.reason },
                 { "trial", job.trial_uri },
                 { "model", job.model_uri },
                 { "model sha256", job.model_sha256 },
                 { "settings", settings } };
    for (size_t i = 0; i < FT_COUNT(rows); i++)
        ft_listing_text(&l, ft_str_of(rows[i].name)), ft_listing_text(&l, rows[i].value);
    ft_listing_text(&l, FT_STR("started")), ft_listing_time(&l, job.started_us);
    ft_listing_text(&l, FT_STR("ended")), ft_listing_time(&l, job.ended_us);
    ft_listing_text(&l, FT_STR("step")), ft_listing_int(&l, job.step);
    for (size_t i = 0; i < count; i++) {
        ft_str name, value;
        FT_TRY(ft_arena_printf(&name, &cli->arena, "rule %.*s", FT_STR_ARG(watches[i].spec.name)));
        FT_TRY(ft_arena_printf(&value, &cli->arena, "%s %.*s",
                               ft_watch_status_name(watches[i].status),
                               FT_STR_ARG(watches[i].details)));
        ft_listing_text(&l, name), ft_listing_text(&l, value);
    }
    return ft_listing_print(&l, NULL);
}

static ft_err run_stop(ft_cli *cli) {
    ft_store *s;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_job_stop(s, cli->args[0], FT_STR("stopped on request")));
    if (!cli->json) printf("job %.*s is told to stop\n", FT_STR_ARG(cli->args[0]));
    return FT_OK;
}

static ft_err run_job(ft_cli *cli) {
    ft_store *s;
    FT_TRY(ft_cli_store(&s, cli));
    return ft_job_main(s, cli->args[0]);
}

static ft_err run_rules(ft_cli *cli) {
    ft_store *s;
    FT_TRY(ft_cli_store(&s, cli));
    ft_watch_hooks hooks = ft_actions_hooks(s);
    return ft_rules_main(s, cli->args[0], &hooks);
}

static ft_err run_model(ft_cli *cli) { return ft_container_become(cli->args[0].at); }

const ft_command ft_command_jobs_ls = { .name = "jobs ls",
                                        .doc = "list the jobs, newest first",
                                        .run = run_ls };
const ft_command ft_command_jobs_show = { .name = "jobs show",
                                          .args = "JOB",
                                          .args_min = 1,
                                          .args_max = 1,
                                          .doc = "one job: settings, status, rules, artefacts",
                                          .run = run_show };
const ft_command ft_command_jobs_stop = { .name = "jobs stop",
                                          .args = "JOB",
                                          .args_min = 1,
                                          .args_max = 1,
                                          .doc = "ask a running job to stop",
                                          .run = run_stop };
const ft_command ft_command_run_model = { .name = "run-model",
                                          .args = "FILE",
                                          .args_min = 1,
                                          .args_max = 1,
                                          .hidden = true,
                                          .doc = "become a program in its tree",
                                          .run = run_model };
const ft_command ft_command_run_job = { .name = "run-job",
                                        .args = "JOB",
                                        .args_min = 1,
                                        .args_max = 1,
                                        .doc = "be the process of a job",
                                        .hidden = true,
                                        .run = run_job };
const ft_command ft_command_run_rules = { .name = "run-rules",
                                          .args = "SUBJECT",
                                          .args_min = 1,
                                          .args_max = 1,
                                          .doc = "be the rule host of a job",
                                          .hidden = true,
                                          .run = run_rules };
