/* cmd_lineage.c -- `fettle lineage`: from an alert back to the hash of the input file. */
#include <stdio.h>

#include "base/check.h"
#include "cli/listing.h"
#include "serve/endpoint.h"
#include "store/lineage.h"

#define TOLD_MAX 12 /* inputs in a row: a folder of pictures is thousands of files */

static const ft_param options[] = {
    { "all", FT_PARAM_FLAG, NULL, .doc = "every file, however many a job has read" },
    { 0 },
};

static bool is_input(const ft_lineage_step *st) {
    return ft_str_starts(st->id, FT_STR("input:")) && !st->missing && !st->repeated;
}

/* Inputs from here on, one behind the other at one depth. */
static size_t inputs_in_a_row(const ft_lineage_step *steps, size_t count) {
    size_t n = 0;
    while (n < count && is_input(&steps[n]) && steps[n].depth == steps[0].depth) n++;
    return n;
}

static void line(const ft_lineage_step *st) {
    printf("%*s%s%s%.*s", st->depth * 2, "", st->depth ? "<- " : "",
           st->missing ? "MISSING: an edge to a " : "", FT_STR_ARG(st->id));
    if (st->note.len) printf("  (%.*s)", FT_STR_ARG(st->note));
    printf("%s\n", st->repeated ? "  (shown above)" : "");
}

static void tree(const ft_lineage_step *steps, size_t count, bool all) {
    for (size_t i = 0; i < count;) {
        size_t inputs = inputs_in_a_row(&steps[i], count - i);
        size_t told = inputs > TOLD_MAX + 1 && !all ? TOLD_MAX : inputs ? inputs : 1;
        for (size_t k = 0; k < told; k++) line(&steps[i + k]);
        if (told < inputs)
            printf("%*s<- … and %zu more inputs (--all, --json: each with its hash)\n",
                   steps[i].depth * 2, "", inputs - told);
        i += inputs ? inputs : 1;
    }
}

static ft_err run(ft_cli *cli) {
    static const char *const columns[] = { "depth", "id", "note", "missing" };
    ft_store *s;
    ft_lineage_step *steps;
    size_t count, missing = 0;
    FT_TRY(ft_cli_store(&s, cli));
    ft_str id;
    FT_TRY(ft_endpoint_lineage(&id, s, &cli->arena, cli->args[0]));
    FT_TRY(ft_lineage_walk(&steps, &count, s, &cli->arena, id));
    for (size_t i = 0; i < count; i++) missing += steps[i].missing;
    if (cli->json) {
        ft_listing l;
        ft_listing_init(&l, cli, columns, FT_COUNT(columns));
        for (size_t i = 0; i < count; i++) {
            ft_listing_int(&l, steps[i].depth);
            ft_listing_text(&l, steps[i].id);
            ft_listing_text(&l, steps[i].note);
            ft_listing_int(&l, steps[i].missing);
        }
        FT_TRY(ft_listing_print(&l, NULL));
    } else {
        tree(steps, count, ft_params_given(cli->options, "all"));
    }
    if (missing)
        return FT_FAIL(FT_ECORRUPT, "%zu edge%s missing on the way to the roots", missing,
                       missing == 1 ? " is" : "s are");
    return FT_OK;
}

const ft_command ft_command_lineage = {
    .name = "lineage",
    .args = "ID",
    .args_min = 1,
    .args_max = 1,
    .doc = "who came from what: walk from an alert, verdict, endpoint, model or job to its roots",
    .more = "ID is \"kind:name\" as the other commands print it (alert:…, verdict:12, "
            "endpoint:fashion@1, job:mnist-1, model:<sha256>),\n"
            "or the bare name; endpoint:fashion is its newest version. The exit code is not 0 when "
            "a recorded edge that must exist is missing.",
    .options = options,
    .run = run
};
