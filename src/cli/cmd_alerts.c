/* cmd_alerts.c -- `fettle alerts ls|to|send`: what was raised, where it goes, and a push for what
 * waits. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "cli/listing.h"
#include "store/lineage.h"
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
        FT_TRY(ft_lineage_id_number(&lineage, &cli->arena, FT_LINEAGE_ALERT, rows[i].id));
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

/* A file that no line can be added to is refused now, not when the first alert waits for it. */
static ft_err place_check(ft_str target) {
    char path[4096];
    if (target.len >= sizeof path)
        return FT_FAIL(FT_EINVAL, "file: a path of %zu bytes", target.len);
    memcpy(path, target.at, target.len);
    path[target.len] = '\0';
    bool there = access(path, F_OK) == 0;
    if (there && access(path, W_OK) == 0) return FT_OK;
    char *slash = strrchr(path, '/');
    if (!there) {
        slash[slash == path] = '\0'; /* the folder it will be made in */
        if (access(path, W_OK | X_OK) == 0) return FT_OK;
    }
    return FT_FAIL(FT_EINVAL, "file '%.*s': %s", FT_STR_ARG(target), strerror(errno));
}

static ft_err receivers_print(ft_cli *cli, ft_store *s) {
    static const char *const columns[] = { "sender", "target" };
    char words[FT_SENDERS_WORDS];
    ft_receiver *rows;
    size_t count;
    ft_listing l;
    ft_str none;
    FT_TRY(ft_senders_list(&rows, &count, s, &cli->arena));
    FT_TRY(ft_arena_printf(&none, &cli->arena,
                           "alerts go nowhere yet; `fettle alerts to SENDER TARGET`, where a "
                           "sender is one of %s",
                           ft_senders_words(words)));
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    for (size_t i = 0; i < count; i++) {
        ft_listing_text(&l, rows[i].sender);
        ft_listing_text(&l, rows[i].target);
    }
    return ft_listing_print(&l, none.at);
}

static ft_err run_to(ft_cli *cli) {
    char words[FT_SENDERS_WORDS];
    ft_store *s;
    if (cli->arg_count == 1)
        return FT_FAIL(FT_EINVAL, "expected a sender (one of %s) and a target",
                       ft_senders_words(words));
    FT_TRY(ft_cli_store(&s, cli));
    if (!cli->arg_count) return receivers_print(cli, s);
    if (ft_params_bool(cli->options, "remove"))
        FT_TRY(ft_senders_remove(s, cli->args[0], cli->args[1]));
    else {
        if (ft_str_is(cli->args[0], "file") && ft_str_starts(cli->args[1], FT_STR("/")))
            FT_TRY(place_check(cli->args[1]));
        FT_TRY(ft_senders_add(s, cli->args[0], cli->args[1]));
    }
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
    .args = "[SENDER TARGET]",
    .args_min = 0,
    .args_max = 2,
    .doc = "where alerts go; with a sender and a target: every later one there, too",
    .more = "  fettle alerts to                      (lists them)\n  fettle alerts to webhook "
            "http://127.0.0.1:9000/alerts\n  fettle alerts to file "
            "/var/log/fettle-alerts.jsonl\n  fettle alerts to mail me@example.org   (see `fettle "
            "settings`)",
    .options = to_options,
    .run = run_to
};
const ft_command ft_command_alerts_send = {
    .name = "alerts send",
    .doc = "try now to deliver what waits (a running server does it by itself)",
    .run = run_send
};
