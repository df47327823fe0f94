/* label.c -- see label.h. */
#include "cli/label.h"

#include "jobs/job.h"
#include "serve/endpoint.h"

/* A text member of the job's first channel; empty when it is not known. */
static ft_err told(ft_str *out, ft_cli *cli, ft_store *s, ft_str endpoint, const char *path) {
    ft_endpoint ep;
    ft_job job;
    ft_str raw;
    ft_json j;
    *out = (ft_str){ 0 };
    FT_TRY(ft_endpoint_get(&ep, s, &cli->arena, endpoint));
    if (!ep.job.len || ft_job_get(&job, s, &cli->arena, ep.job) != FT_OK ||
        ft_json_find(&raw, job.config_json, path) != FT_OK) {
        ft_err_clear();
        return FT_OK;
    }
    ft_json_init(&j, raw, &cli->arena, NULL);
    return ft_json_string(&j, out);
}

ft_err ft_cli_label(ft_str *out, ft_cli *cli, ft_store *s, ft_str endpoint) {
    *out = ft_params_str(cli->options, "label");
    return out->at ? FT_OK : told(out, cli, s, endpoint, "channels.0.label");
}

ft_err ft_cli_missing(ft_str *out, ft_cli *cli, ft_store *s, ft_str endpoint) {
    return told(out, cli, s, endpoint, "channels.0.missing");
}
