/* cmd_monitor.c -- `fettle monitor baseline|run|schedules`: what traffic should look like, and
 * whether it does. */
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "cli/actions.h"
#include "cli/label.h"
#include "cli/listing.h"
#include "data/table.h"
#include "jobs/job.h"
#include "monitor/monitor.h"
#include "monitor/pictures.h"
#include "monitor/schedule.h"
#include "serve/endpoint.h"

#define VIOLATIONS_SHOWN 10 /* to people; the files and --json have all */

static const ft_param baseline_options[] = {
    { "data", FT_PARAM_STRING, NULL, .required = true,
      .doc = "FILE: what the model was trained on (csv, libsvm, IDX), or a folder of pictures" },
    { "label", FT_PARAM_STRING, NULL,
      .doc = "COLUMN: the label, which is no feature (as for train)" },
    { "rows", FT_PARAM_INT, NULL, .min = 1, .max = 1e12, .doc = "N: only the first N rows" },
    { 0 }
};

static bool is_folder(ft_str path) {
    ft_file_info info;
    bool folder = path.at && ft_file_stat(&info, path.at) == FT_OK && info.is_dir;
    ft_err_clear();
    return folder;
}

static ft_err baseline_pictures(ft_cli *cli, ft_store *s, const ft_model *model) {
    size_t pictures, others;
    FT_TRY(ft_monitor_baseline_pictures(s, cli->args[0], ft_params_str(cli->options, "data").at,
                                        model, (size_t)ft_params_int(cli->options, "rows"),
                                        &pictures, &others));
    return ft_cli_done(cli, "baseline of %zu pictures for endpoint %.*s; %zu other files", pictures,
                       FT_STR_ARG(cli->args[0]), others);
}

static ft_err run_baseline(ft_cli *cli) {
    ft_store *s;
    ft_table *t = NULL;
    ft_model *model = NULL;
    ft_err err;
    FT_TRY(ft_cli_store(&s, cli));
    ft_str label, missing;
    FT_GOTO(err, ft_cli_label(&label, cli, s, cli->args[0]));
    FT_GOTO(err, ft_cli_missing(&missing, cli, s, cli->args[0]));
    FT_GOTO(err, ft_endpoint_model(&model, s, cli->args[0]));
    if (is_folder(ft_params_str(cli->options, "data"))) {
        err = baseline_pictures(cli, s, model);
        goto done;
    }
    ft_table_opts opts = { .label = label,
                           .missing = missing,
                           .rows_max = (size_t)ft_params_int(cli->options, "rows"),
                           .schema =
                               model->predictor->schema ? model->predictor->schema(model) : NULL };
    FT_GOTO(err, ft_table_read(&t, ft_params_str(cli->options, "data"), &opts));
    FT_GOTO(err, ft_monitor_baseline(s, cli->args[0], t, model));
    err = ft_cli_done(cli, "baseline of %zu rows, %zu features for endpoint %.*s", t->rows, t->cols,
                      FT_STR_ARG(cli->args[0]));
done:
    ft_table_free(t);
    if (model) model->predictor->free(model);
    return err;
}

static const ft_param run_options[] = {
    { "since", FT_PARAM_STRING, NULL,
      .doc = "TIME: start of the window: 2022-02-14T17:00:00Z, or 30m ago (1h)" },
    { "until", FT_PARAM_STRING, NULL, .doc = "TIME: end of the window (now)" },
    { 0 }
};

static ft_err tell(ft_cli *cli, const ft_monitor_result *r) {
    static const char *const columns[] = { "feature", "check", "description" };
    ft_listing l;
    size_t shown =
        cli->json || r->violation_count <= VIOLATIONS_SHOWN ? r->violation_count : VIOLATIONS_SHOWN;
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    for (size_t i = 0; i < shown; i++) {
        ft_listing_text(&l, r->violations[i].feature);
        ft_listing_text(&l, r->violations[i].check);
        ft_listing_text(&l, r->violations[i].description);
    }
    if (!cli->json)
        printf("%.*s: %llu captured requests, %zu violation%s\n", FT_STR_ARG(r->status),
               (unsigned long long)r->records, r->violation_count,
               r->violation_count == 1 ? "" : "s");
    if (!cli->json && r->unreadable)
        printf("%llu captured requests could not be read as rows\n",
               (unsigned long long)r->unreadable);
    if (cli->json || r->violation_count) FT_TRY(ft_listing_print(&l, NULL));
    if (shown < r->violation_count) printf("and %zu more\n", r->violation_count - shown);
    if (!cli->json) printf("written to %.*s\n", FT_STR_ARG(r->report_uri));
    return FT_OK;
}

/* What is not found may be the endpoint itself. */
static ft_err known(ft_cli *cli, ft_store *s, ft_err err) {
    ft_endpoint ep;
    ft_str why;
    if (err != FT_ENOTFOUND) return err;
    FT_TRY(ft_arena_str(&why, &cli->arena, ft_str_of(ft_err_why())));
    FT_TRY(ft_endpoint_get(&ep, s, &cli->arena, cli->args[0]));
    return FT_FAIL(FT_ENOTFOUND, "%.*s", FT_STR_ARG(why));
}

static ft_err run_run(ft_cli *cli) {
    ft_store *s;
    ft_monitor_result result;
    int64_t now = ft_clock_now_us(), from = now - 3600 * FT_SECOND_US, until = now + 1;
    FT_TRY(ft_cli_store(&s, cli));
    if (ft_params_given(cli->options, "since"))
        FT_TRY(ft_moment_parse(&from, ft_params_str(cli->options, "since"), now));
    if (ft_params_given(cli->options, "until"))
        FT_TRY(ft_moment_parse(&until, ft_params_str(cli->options, "until"), now));
    ft_watch_hooks hooks = ft_actions_hooks(s);
    FT_TRY(
        known(cli, s, ft_monitor_run(&result, s, &cli->arena, cli->args[0], from, until, &hooks)));
    return tell(cli, &result);
}

static ft_err run_schedules(ft_cli *cli) {
    static const char *const columns[] = { "name", "endpoint", "when",  "status",
                                           "next", "last run", "found", "files" };
    ft_store *s;
    ft_schedule *list;
    size_t count;
    ft_listing l;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_schedule_list(&list, &count, s, &cli->arena));
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    for (size_t i = 0; i < count; i++) {
        ft_execution *runs, none = { .status = FT_STR(""), .output_uri = FT_STR("") };
        size_t run_count;
        FT_TRY(ft_execution_list(&runs, &run_count, s, &cli->arena, list[i].name));
        const ft_execution *last = run_count ? &runs[0] : &none;
        ft_listing_text(&l, list[i].name);
        ft_listing_text(&l, list[i].endpoint);
        ft_listing_text(&l, list[i].expression);
        ft_listing_text(&l, list[i].stopped ? FT_STR("Stopped") : FT_STR("Scheduled"));
        ft_listing_time(&l, list[i].stopped ? 0 : list[i].next_us);
        ft_listing_time(&l, last->due_us);
        ft_listing_text(&l, last->status);
        ft_listing_text(&l, last->output_uri);
    }
    return ft_listing_print(&l, "no monitoring schedules");
}

const ft_command ft_command_monitor_baseline = {
    .name = "monitor baseline",
    .args = "ENDPOINT --data FILE",
    .args_min = 1,
    .args_max = 1,
    .doc = "statistics and constraints of the training data, to compare traffic with",
    .options = baseline_options,
    .run = run_baseline
};
const ft_command ft_command_monitor_run = {
    .name = "monitor run",
    .args = "ENDPOINT",
    .args_min = 1,
    .args_max = 1,
    .doc = "compare captured traffic with the baseline; violations raise an alert",
    .more = "Writes statistics.json, constraint_violations.json and report.html as Model Monitor "
            "does, stores a verdict for each rule\n"
            "of the endpoint, and raises an alert for a violation. The exit code is 0 in both "
            "cases; it is not for errors.",
    .options = run_options,
    .run = run_run
};
const ft_command ft_command_monitor_schedules = {
    .name = "monitor schedules",
    .doc = "monitor runs by the clock: when, and what the last one found",
    .more = "AWS clients make them (CreateMonitoringSchedule); `fettle serve` runs them.",
    .run = run_schedules
};
