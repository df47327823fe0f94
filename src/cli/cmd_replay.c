/* cmd_replay.c -- `fettle replay`: captured requests asked again, answers compared byte for byte.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "cli/listing.h"
#include "serve/replay.h"

#define SHOWN 10 /* differences that people see */
#define WIDE  60 /* characters of an answer that they see */

static const ft_param options[] = {
    { "version", FT_PARAM_INT, NULL, .min = 1, .max = 1e9,
      .doc = "N: ask this version instead of the one that answered" },
    { "since", FT_PARAM_STRING, NULL,
      .doc = "TIME: only requests from then on: 2022-02-14T17:00:00Z, or 30m ago (all)" },
    { "until", FT_PARAM_STRING, NULL, .doc = "TIME: only requests before" },
    { "requests", FT_PARAM_INT, NULL, .min = 1, .max = 1e15,
      .doc = "N: only the first N requests" },
    { 0 }
};

typedef struct teller {
    ft_cli *cli;
    ft_listing list;
    uint64_t count;
} teller;

static ft_str shown(teller *t, ft_str answer) {
    ft_str kept = { 0 };
    size_t len = t->cli->json || answer.len <= WIDE ? answer.len : WIDE;
    t->list.err =
        t->list.err ? t->list.err : ft_arena_str(&kept, &t->cli->arena, ft_str_n(answer.at, len));
    return ft_str_trim(kept);
}

static ft_err tell(void *ctx, const ft_replay_found *f) {
    teller *t = ctx;
    if (++t->count > SHOWN && !t->cli->json) return FT_OK;
    ft_listing_text(&t->list, shown(t, f->event_id));
    ft_listing_int(&t->list, f->version);
    ft_listing_text(&t->list, shown(t, f->was));
    ft_listing_text(&t->list, shown(t, f->why.len ? f->why : f->is));
    return t->list.err;
}

static ft_err window(ft_replay_opts *out, ft_cli *cli) {
    int64_t now = ft_clock_now_us();
    bool since = ft_params_given(cli->options, "since");
    bool until = ft_params_given(cli->options, "until");
    if (since) FT_TRY(ft_moment_parse(&out->from, ft_params_str(cli->options, "since"), now));
    out->until = since ? INT64_MAX : 0;
    if (until) FT_TRY(ft_moment_parse(&out->until, ft_params_str(cli->options, "until"), now));
    return FT_OK;
}

static ft_err run(ft_cli *cli) {
    static const char *const columns[] = { "event_id", "version", "captured", "now" };
    teller t = { .cli = cli };
    ft_replay_opts opts = { 0 };
    ft_replay_result r;
    ft_store *s;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(window(&opts, cli));
    if (ft_params_given(cli->options, "version"))
        opts.version = (int)ft_params_int(cli->options, "version");
    if (ft_params_given(cli->options, "requests"))
        opts.requests_max = (uint64_t)ft_params_int(cli->options, "requests");
    ft_listing_init(&t.list, cli, columns, FT_COUNT(columns));
    FT_TRY(ft_replay(&r, s, cli->args[0], &opts, tell, &t));
    if (cli->json || t.count) FT_TRY(ft_listing_print(&t.list, NULL));
    if (t.count > SHOWN && !cli->json)
        printf("and %llu more\n", (unsigned long long)(t.count - SHOWN));
    if (!cli->json)
        printf("%llu captured requests asked again: %llu answers equal byte for byte, %llu not\n",
               (unsigned long long)(r.equal + r.different), (unsigned long long)r.equal,
               (unsigned long long)r.different);
    if (r.incomplete)
        fprintf(stderr, "%llu were captured without input or output: nothing to compare\n",
                (unsigned long long)r.incomplete);
    if (!r.different || opts.version) return FT_OK;
    return FT_FAIL(FT_ECONFLICT, "%llu answer%s of endpoint %.*s %s not what %s captured",
                   (unsigned long long)r.different, r.different == 1 ? "" : "s",
                   FT_STR_ARG(cli->args[0]), r.different == 1 ? "is" : "are",
                   r.different == 1 ? "was" : "were");
}

const ft_command ft_command_replay = {
    .name = "replay",
    .args = "ENDPOINT",
    .args_min = 1,
    .args_max = 1,
    .doc = "ask captured requests again and compare the answers byte for byte",
    .more = "Each request is asked of the model version that answered it, which lineage names; the "
            "exit code is not 0 when an\nanswer is another one now. --version N asks another "
            "version, to see what it would change:\n"
            "  fettle replay fashion --since 1h\n"
            "  fettle replay fashion --version 3 --requests 1000",
    .options = options,
    .run = run
};
