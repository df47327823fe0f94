/* cmd_sql.c -- `fettle sql`: one question over everything that was recorded. */
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "cli/listing.h"
#include "streams/stream.h"

#define COLUMNS_MAX 64

typedef struct answer {
    ft_listing list;
    bool begun;
    const char *columns[COLUMNS_MAX];
} answer;

static ft_err row(void *ctx, int columns, const char *const *names, const ft_value *values) {
    answer *a = ctx;
    if (columns > COLUMNS_MAX) return FT_FAIL(FT_ETOOBIG, "more than %d columns", COLUMNS_MAX);
    if (!a->begun) {
        for (int i = 0; i < columns; i++) {
            ft_str copy;
            FT_TRY(ft_arena_str(&copy, &a->list.cli->arena, ft_str_of(names[i])));
            a->columns[i] = copy.at;
        }
        ft_listing_init(&a->list, a->list.cli, a->columns, columns);
        a->begun = true;
    }
    for (int i = 0; i < columns; i++) ft_listing_value(&a->list, &values[i]);
    return a->list.err;
}

static ft_err run(ft_cli *cli) {
    ft_store *s;
    ft_sql *q = NULL;
    ft_err err;
    static const char *const none[] = { "rows" };
    answer a = { 0 };
    FT_TRY(ft_cli_store(&s, cli));
    int64_t limit_us;
    FT_TRY(ft_duration_parse(&limit_us, ft_params_str(cli->options, "timeout")));
    FT_TRY(ft_sql_open(&q, s));
    ft_sql_limit(q, limit_us);
    ft_listing_init(&a.list, cli, none, 1);
    FT_GOTO(err, ft_sql_run(q, cli->args[0], NULL, 0, row, &a));
    err = ft_listing_print(&a.list, "no rows");
done:
    ft_sql_close(q);
    return err;
}

static const ft_param options[] = {
    { "timeout", FT_PARAM_STRING, "60s", .doc = "TIME: stop the query after this long" }, { 0 }
};

static ft_err run_tables(ft_cli *cli) {
    static const char *const columns[] = { "table", "column", "meaning" };
    ft_listing l;
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    for (const ft_stream_kind *const *k = ft_stream_kinds(); *k; k++) {
        ft_listing_text(&l, ft_str_of((*k)->name));
        ft_listing_text(&l, ft_str_of((*k)->key));
        ft_listing_text(&l, ft_str_of((*k)->doc));
        for (const ft_column *c = (*k)->columns; c->name; c++) {
            ft_listing_text(&l, ft_str_of((*k)->name));
            ft_listing_text(&l, ft_str_of(c->name));
            ft_listing_text(&l, ft_str_of(c->doc));
        }
    }
    return ft_listing_print(&l, NULL);
}

const ft_command ft_command_sql = {
    .name = "sql",
    .args = "\"select …\"",
    .args_min = 1,
    .args_max = 1,
    .doc = "ask anything of the recorded streams and metadata",
    .more = "Every kind of stream is a table (`fettle sql tables` lists them with their columns), "
            "and so is the metadata:\n"
            "job, endpoint, verdict, alert, lineage_edge … The session only reads.\n\n"
            "  fettle sql \"select job, name, min(value) from metric group by 1, 2\"\n"
            "  fettle sql \"select prediction, count(*) from capture where endpoint = 'fashion' "
            "group by 1\"",
    .options = options,
    .run = run
};
const ft_command ft_command_sql_tables = { .name = "sql tables",
                                           .doc = "the stream tables and their columns",
                                           .run = run_tables };
