/* cmd_report.c -- `fettle report JOB`: the training report as one HTML file. */
#include <stdio.h>

#include "base/check.h"
#include "base/files.h"
#include "cli/cli.h"
#include "jobs/report.h"
#include "store/objects.h"

static const ft_param options[] = {
    { "output", FT_PARAM_STRING, NULL, .doc = "FILE: where to write it (JOB-report.html)" }, { 0 }
};

static ft_err run(ft_cli *cli) {
    ft_store *s;
    ft_str path = ft_params_str(cli->options, "output"), uri;
    FT_TRY(ft_cli_store(&s, cli));
    if (!path.at)
        FT_TRY(ft_arena_printf(&path, &cli->arena, "%.*s-report.html", FT_STR_ARG(cli->args[0])));
    FT_TRY(ft_job_report(&uri, s, &cli->arena, cli->args[0]));
    ft_uri at;
    ft_str html;
    FT_TRY(ft_uri_parse(&at, uri));
    FT_TRY(ft_object_get(&html, s, &cli->arena, at.bucket, at.key, (size_t)256 << 20));
    FT_TRY(ft_file_write_atomic(path.at, html, false));
    if (cli->json)
        printf("{\"uri\":\"%.*s\",\"file\":\"%.*s\"}\n", FT_STR_ARG(uri), FT_STR_ARG(path));
    else
        printf("%.*s\n", FT_STR_ARG(path));
    return FT_OK;
}

const ft_command ft_command_report = {
    .name = "report",
    .args = "JOB",
    .args_min = 1,
    .args_max = 1,
    .doc = "write a job's training report as one HTML file that needs no network",
    .options = options,
    .run = run
};
