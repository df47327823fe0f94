/* cmd_endpoints.c -- `fettle deploy` and `fettle endpoints ls|rm|rollback`. */
#include <stdio.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "cli/listing.h"
#include "cli/model_place.h"
#include "jobs/job.h"
#include "serve/endpoint.h"
#include "serve/program.h"
#include "serve/serve.h"

static const ft_param deploy_options[] = {
    { "endpoint", FT_PARAM_STRING, NULL, .required = true, .doc = "NAME: the endpoint's name" },
    { "capture", FT_PARAM_INT, "0", .min = 0, .max = 100,
      .doc = "PERCENT: share of requests that are captured" },
    { "tap", FT_PARAM_STRING, NULL,
      .doc = "REGEX: tensors of requests that are kept as a trial, by name ('.*bn|.*image')" },
    { "tap-every", FT_PARAM_INT, "1", .min = 1, .max = 1e9, .doc = "N: of every N-th request" },
    { "tap-to", FT_PARAM_STRING, NULL,
      .doc = "PLACE: s3://bucket/prefix or a folder (s3://fettle/tensors/NAME when not given)" },
    { 0 }
};

#define SERVED_WAIT_US (10 * FT_SECOND_US) /* beside what a program may take to start */

static ft_err wait_time(int64_t *out_us, const ft_endpoint *ep, ft_store *s, ft_arena *arena) {
    ft_program_spec spec;
    const char *path;
    *out_us = 0;
    if (ft_str_is(ep->predictor, ft_predictor_program.name)) {
        FT_TRY(ft_endpoint_model_path(&path, s, arena, ep->model_uri));
        FT_TRY(ft_program_spec_read(&spec, arena, path));
        FT_TRY(ft_program_start_time(out_us, &spec));
    }
    *out_us += SERVED_WAIT_US;
    return FT_OK;
}

/* When a server runs for this home: wait until it answers for the new version, or says why it
 * cannot. */
static ft_err wait_served(ft_endpoint *ep, ft_store *s, ft_arena *arena) {
    int64_t wait_us;
    int version = ep->version;
    ft_str url;
    if (ft_serve_address(&url, s, arena) != FT_OK) {
        ft_err_clear();
        return FT_OK;
    }
    FT_TRY(wait_time(&wait_us, ep, s, arena));
    int64_t end = ft_clock_monotonic_us() + wait_us;
    while (ft_clock_monotonic_us() < end) {
        FT_TRY(ft_endpoint_get(ep, s, arena, ep->name));
        if (ft_str_is(ep->status, "Failed"))
            return FT_FAIL(FT_ECONFLICT, "endpoint %.*s failed: %.*s", FT_STR_ARG(ep->name),
                           FT_STR_ARG(ep->reason));
        if (ft_str_is(ep->status, "InService") && ep->version != version)
            return FT_FAIL(FT_ECONFLICT, "endpoint %.*s goes on with version %d: %.*s",
                           FT_STR_ARG(ep->name), ep->version, FT_STR_ARG(ep->reason));
        if (ft_str_is(ep->status, "InService")) return FT_OK;
        ft_clock_sleep_us(10000);
    }
    return FT_FAIL(FT_ETIMEOUT, "the server has not taken endpoint %.*s up within %lld s",
                   FT_STR_ARG(ep->name), (long long)(wait_us / FT_SECOND_US));
}

/* The columns of a model; NULL when it does not know them. */
static const ft_schema *schema_of(const ft_model *m) {
    return m && m->predictor->schema ? m->predictor->schema(m) : NULL;
}

/* Requests made for the old model's columns would be read wrong: the user is told. */
static void columns_compare(const ft_schema *old, const ft_schema *new, ft_str endpoint) {
    if (!old || !new) return;
    bool same = old->feature_count == new->feature_count;
    for (size_t i = 0; same && i < old->feature_count; i++)
        same = ft_str_eq(old->features[i].name, new->features[i].name);
    if (same) return;
    fprintf(stderr,
            "warning: the model takes other columns than the one before it on endpoint %.*s (%zu, "
            "before %zu): requests made for that one do not fit\n",
            FT_STR_ARG(endpoint), new->feature_count, old->feature_count);
}

static void columns_check(ft_model *old, ft_store *s, ft_str endpoint) {
    ft_model *new = NULL;
    if (!old || ft_endpoint_model(&new, s, endpoint) != FT_OK) return ft_err_clear();
    columns_compare(schema_of(old), schema_of(new), endpoint);
    new->predictor->free(new);
}

static ft_err run_deploy(ft_cli *cli) {
    ft_store *s;
    ft_job job;
    ft_endpoint ep;
    bool is_job;
    ft_str model = cli->args[0];
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_cli_model_job(&is_job, &job, cli, model));
    if (is_job) model = job.model_uri;
    FT_TRY(ft_cli_model_place(&model, cli, s, model));
    ft_str endpoint = ft_params_str(cli->options, "endpoint");
    ft_model *before = NULL;
    if (ft_endpoint_model(&before, s, endpoint) != FT_OK) ft_err_clear();
    ft_endpoint ask = { .name = endpoint,
                        .model_uri = model,
                        .job = job.name,
                        .capture_percent = (int)ft_params_int(cli->options, "capture"),
                        .tap_regex = ft_params_str(cli->options, "tap"),
                        .tap_uri = ft_params_str(cli->options, "tap-to"),
                        .tap_interval = (int)ft_params_int(cli->options, "tap-every") };
    ft_err err = ft_endpoint_put(&ep, s, &cli->arena, &ask);
    if (err == FT_OK) columns_check(before, s, endpoint);
    if (before) before->predictor->free(before);
    FT_TRY(err);
    FT_TRY(wait_served(&ep, s, &cli->arena));
    return ft_cli_done(cli, "endpoint %.*s version %d: %.*s, predictor %.*s, %d %% captured",
                       FT_STR_ARG(ep.name), ep.version, FT_STR_ARG(ep.status),
                       FT_STR_ARG(ep.predictor), ep.capture_percent);
}

static ft_err run_ls(ft_cli *cli) {
    static const char *const columns[] = { "endpoint",  "status",          "version",
                                           "predictor", "capture_percent", "job",
                                           "model",     "modified",        "reason" };
    ft_store *s;
    ft_endpoint *rows;
    size_t count;
    ft_listing l;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_endpoint_list(&rows, &count, s, &cli->arena));
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    for (size_t i = 0; i < count; i++) {
        ft_listing_text(&l, rows[i].name);
        ft_listing_text(&l, rows[i].status);
        ft_listing_int(&l, rows[i].version);
        ft_listing_text(&l, rows[i].predictor);
        ft_listing_int(&l, rows[i].capture_percent);
        ft_listing_text(&l, rows[i].job);
        ft_listing_text(&l, rows[i].model_uri);
        ft_listing_time(&l, rows[i].modified_us);
        ft_listing_text(&l, rows[i].reason);
    }
    return ft_listing_print(&l, "no endpoints yet; `fettle deploy JOB --endpoint NAME` makes one");
}

static ft_err run_rm(ft_cli *cli) {
    ft_store *s;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_endpoint_delete(s, cli->args[0]));
    return ft_cli_done(cli, "endpoint %.*s is taken down", FT_STR_ARG(cli->args[0]));
}

static ft_err run_rollback(ft_cli *cli) {
    ft_store *s;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_endpoint_rollback(s, cli->args[0]));
    return ft_cli_done(cli, "endpoint %.*s is back at the version before",
                       FT_STR_ARG(cli->args[0]));
}

const ft_command ft_command_deploy = {
    .name = "deploy",
    .args = "JOB|MODEL --endpoint NAME",
    .args_min = 1,
    .args_max = 1,
    .doc = "put a job's model (or a model file, a folder, an s3:// folder) behind an endpoint",
    .more = "A running `fettle serve` takes the endpoint up at once; an endpoint of that name gets "
            "a new version\n"
            "and no request is lost meanwhile. A folder with code/inference.py, or with a program "
            "named\n"
            "serve, runs as a program of its own (docs/bring-your-own.md).\n"
            "\n"
            "A word is a job's name before it is a file here: write ./NAME for the file. A file is "
            "served from\n"
            "where it lies and checked against what was deployed: a server that finds another one "
            "there does not\n"
            "start it. An archive (model.tar.gz) and what lies at s3:// are kept in the store.\n"
            "\n"
            "--tap is refused when no tensor of the model matches, or when the place cannot be "
            "written to.",
    .options = deploy_options,
    .run = run_deploy
};
const ft_command ft_command_endpoints_ls = { .name = "endpoints ls",
                                             .doc = "list the endpoints",
                                             .run = run_ls };
const ft_command ft_command_endpoints_rm = { .name = "endpoints rm",
                                             .args = "ENDPOINT",
                                             .args_min = 1,
                                             .args_max = 1,
                                             .doc = "take an endpoint down (its captures stay)",
                                             .run = run_rm };
const ft_command ft_command_endpoints_rollback = { .name = "endpoints rollback",
                                                   .args = "ENDPOINT",
                                                   .args_min = 1,
                                                   .args_max = 1,
                                                   .doc = "back to the version before",
                                                   .run = run_rollback };
