/* cmd_serve.c -- `fettle serve`: endpoints, dashboard and alerts on one port. */
#include <stdio.h>

#include "aws/aws.h"
#include "cli/actions.h"
#include "cli/cli.h"
#include "serve/serve.h"

static const ft_param options[] = {
    { "port", FT_PARAM_INT, "8080", .min = 0, .max = 65535,
      .doc = "N: port to listen on; 0 takes a free one" },
    { "address", FT_PARAM_STRING, "127.0.0.1", .doc = "IP: address to listen on" },
    { "threads", FT_PARAM_INT, "1", .min = 1, .max = 64, .doc = "N: serving threads" },
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

static ft_err run(ft_cli *cli) {
    ft_store *s;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_aws_prepare(s));
    ft_watch_hooks hooks = ft_actions_hooks(s);
    ft_serve_opts opts = { .home = ft_store_home(s),
                           .address = ft_params_str(cli->options, "address").at,
                           .port = (int)ft_params_int(cli->options, "port"),
                           .threads = (int)ft_params_int(cli->options, "threads"),
                           .listening = listening,
                           .ctx = cli,
                           .front = ft_aws_front,
                           .hooks = &hooks };
    return ft_serve_run(&opts);
}

const ft_command ft_command_serve = {
    .name = "serve",
    .doc = "serve the endpoints, the dashboard and the alerts until interrupted",
    .more = "The dashboard is at /. Endpoints answer at /endpoints/NAME/invocations. SIGTERM or "
            "Ctrl-C ends it after the running\n"
            "requests are answered.",
    .options = options,
    .run = run
};
