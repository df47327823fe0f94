/* cmd_alerts.c -- `fettle alerts ls|to|send`: what was raised, where it goes, and a push for what
 * waits. */
#include <stdio.h>

#include "base/check.h"
#include "cli/listing.h"
#include "watch/outbox.h"

#define LISTED_MAX 200

static ft_err run_ls(ft_cli *cli) {
    static const char *const columns[] = { "lineage", "alert",     "raised", "subject",
                                           "rule",    "delivered", "of",     "text" };
    ft_store *s;
    ft_alert *rows;
    size_t count;
    ft_listing l;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_alert_list(&rows, &count, s, &cli->arena, LISTED_MAX));
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    for (size_t i = 0; i < count; i++) {
        ft_str lineage;
        FT_TRY(ft_arena_printf(&lineage, &cli->arena, "alert:%lld", (long long)rows[i].id));
        ft_listing_text(&l, lineage);
        ft_listing_text(&l, rows[i].uuid);
        ft_listing_time(&l, rows[i].raised_us);
        ft_listing_text(&l, rows[i].subject);
        ft_listing_text(&l, rows[i].rule);
        ft_listing_int(&l, rows[i].delivered);
        ft_listing_int(&l, rows[i].deliveries);
        ft_listing_text(&l, rows[i].text);
    }
    return ft_listing_print(&l, "no alerts");
}

static const ft_param to_options[] = {
    { "remove", FT_PARAM_FLAG, NULL, .doc = "no longer send there" }, { 0 }
};

static ft_err run_to(ft_cli *cli) {
    ft_store *s;
    FT_TRY(ft_cli_store(&s, cli));
    if (ft_params_bool(cli->options, "remove"))
        FT_TRY(ft_senders_remove(s, cli->args[0], cli->args[1]));
    else
        FT_TRY(ft_senders_add(s, cli->args[0], cli->args[1]));
    return ft_cli_done(cli, "alerts go to %.*s %.*s%s", FT_STR_ARG(cli->args[0]),
                       FT_STR_ARG(cli->args[1]),
                       ft_params_bool(cli->options, "remove") ? " no longer" : "");
}

static ft_err run_send(ft_cli *cli) {
    ft_store *s;
    int sent, left;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_outbox_run(s, &sent, &left));
    if (cli->json)
        printf("{\"sent\":%d,\"left\":%d}\n", sent, left);
    else
        printf("%d sent, %d waiting\n", sent, left);
    return FT_OK;
}

const ft_command ft_command_alerts_ls = { .name = "alerts ls",
                                          .doc = "what was raised, newest first",
                                          .run = run_ls };
const ft_command ft_command_alerts_to = {
    .name = "alerts to",
    .args = "webhook|file TARGET",
    .args_min = 2,
    .args_max = 2,
    .doc = "send every later alert to a web address or append it to a file",
    .more = "  fettle alerts to webhook http://127.0.0.1:9000/alerts\n  fettle alerts to file "
            "/var/log/fettle-alerts.jsonl",
    .options = to_options,
    .run = run_to
};
const ft_command ft_command_alerts_send = {
    .name = "alerts send",
    .doc = "try now to deliver what waits (a running server does it by itself)",
    .run = run_send
};
