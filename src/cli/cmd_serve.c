/* cmd_serve.c -- `fettle serve`: endpoints, dashboard, alerts and the AWS front door on one port.
 */
#include <stdio.h>
#include <unistd.h>

#include "aws/aws.h"
#include "base/files.h"
#include "cli/actions.h"
#include "cli/cli.h"
#include "net/certificate.h"
#include "serve/serve.h"

#define TLS_NAMES_MAX 32

static const ft_param options[] = {
    { "port", FT_PARAM_INT, "8080", .min = 0, .max = 65535,
      .doc = "N: port to listen on; 0 takes a free one" },
    { "address", FT_PARAM_STRING, "127.0.0.1", .doc = "IP: address to listen on" },
    { "threads", FT_PARAM_INT, "0", .min = 0, .max = 64,
      .doc = "N: serving threads; 0: one a processor, 2 to 8" },
    { "tls", FT_PARAM_FLAG, NULL,
      .doc = "speak HTTPS with a certificate of its own, kept in the home under tls/" },
    { "tls-name", FT_PARAM_STRING, NULL, .repeated = true,
      .doc = "NAME: host name or address that the own certificate speaks for, too" },
    { "tls-cert", FT_PARAM_STRING, "", .doc = "FILE: PEM certificate to use instead" },
    { "tls-key", FT_PARAM_STRING, "", .doc = "FILE: its PEM key" },
    { 0 }
};

static void listening(void *ctx, const char *url) {
    ft_cli *cli = ctx;
    if (cli->json)
        printf("{\"url\":\"%s\"}\n", url);
    else
        printf("serving on %s\n", url);
    fflush(stdout);
}

/* The certificate that was given, else one of our own; all empty: plain HTTP. */
static ft_err tls_find(ft_certificate *out, ft_cli *cli, ft_store *s) {
    ft_str cert = ft_params_str(cli->options, "tls-cert"),
           key = ft_params_str(cli->options, "tls-key"), names[TLS_NAMES_MAX];
    size_t count = 0;
    const char *folder;
    *out = (ft_certificate){ 0 };
    if (!cert.len != !key.len)
        return FT_FAIL(FT_EINVAL, "--tls-cert and --tls-key belong together");
    if (cert.len) return ft_certificate_read(out, &cli->arena, cert.at, key.at);
    while (count < TLS_NAMES_MAX && ft_params_each(cli->options, "tls-name", count, &names[count]))
        count++;
    if (!ft_params_bool(cli->options, "tls") && !count) return FT_OK;
    FT_TRY(ft_path_join(&folder, &cli->arena, ft_store_home(s), "tls"));
    return ft_certificate_make(out, &cli->arena, folder, names, count);
}

/* At least two: one waits for the disk while the other answers. More than eight only cost memory
 * (1.2 MB each) before somebody asks for them. */
static int threads_of(const ft_cli *cli) {
    int told = (int)ft_params_int(cli->options, "threads");
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    if (told) return told;
    return count < 2 ? 2 : count > 8 ? 8 : (int)count;
}

static ft_err run(ft_cli *cli) {
    ft_store *s;
    ft_certificate tls;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_aws_prepare(s));
    FT_TRY(tls_find(&tls, cli, s));
    ft_watch_hooks hooks = ft_actions_hooks(s);
    ft_serve_opts opts = { .home = ft_store_home(s),
                           .address = ft_params_str(cli->options, "address").at,
                           .port = (int)ft_params_int(cli->options, "port"),
                           .threads = threads_of(cli),
                           .listening = listening,
                           .ctx = cli,
                           .front = ft_aws_front,
                           .behind = ft_aws_behind,
                           .tls_cert_pem = tls.cert_pem.at,
                           .tls_key_pem = tls.key_pem.at,
                           .chore = ft_aws_chore,
                           .chore_end = ft_aws_chore_end,
                           .hooks = &hooks };
    return ft_serve_run(&opts);
}

const ft_command ft_command_serve = {
    .name = "serve",
    .doc = "serve endpoints, dashboard, alerts and AWS clients until interrupted",
    .more = "The dashboard is at /, the page of speech at /speech. Endpoints answer at "
            "/endpoints/NAME/invocations, speech at /v1/speech. Requests signed\n"
            "for AWS go to the AWS front door (`fettle keys add`, `fettle aws env`). SIGTERM or "
            "Ctrl-C ends it after the running "
            "requests are answered.",
    .options = options,
    .run = run
};
