/* rows.c -- see rows_in.h: one row for each baseline and each run; and the rules that a baseline
 * gives an endpoint. */
#include <math.h>

#include "base/check.h"
#include "base/clock.h"
#include "monitor/rows_in.h"
#include "store/objects.h"

#define FILE_MAX ((size_t)1 << 30)

/* Steps are never edited once released: a change is a new step. */
static const char *const steps[] = {
    "create table monitor_baseline ("
    " endpoint text primary key, answers integer not null, largest_share real not null,"
    " rows integer not null, features integer not null, source text not null,"
    " sha256 text not null, created_us integer not null) without rowid",
    "create table monitor_run ("
    " id integer primary key, endpoint text not null, status text not null,"
    " report_uri text not null, from_us integer not null, until_us integer not null,"
    " created_us integer not null, records integer not null, unreadable integer not null,"
    " violations integer not null)",
    "create index monitor_run_newest on monitor_run (endpoint, id)",
};

ft_err ft_monitor_db(ft_db **out, ft_store *s) {
    *out = ft_store_db(s);
    return ft_db_migrate(*out, "monitor", steps, FT_COUNT(steps));
}

/* ---- baselines */

ft_err ft_baseline_key(ft_str *out, ft_arena *arena, ft_str endpoint, const char *name) {
    return ft_arena_printf(out, arena, "monitor/%.*s/baseline/%s", FT_STR_ARG(endpoint), name);
}

static ft_err file_get(ft_str *out, const char **path, ft_store *s, ft_arena *arena,
                       ft_str endpoint, const char *name) {
    ft_str key;
    FT_TRY(ft_baseline_key(&key, arena, endpoint, name));
    *path = key.at;
    return ft_object_get(out, s, arena, FT_STR(FT_BUCKET_DEFAULT), key, FILE_MAX);
}

/* Features before the model's answer. */
static size_t inputs_of(const ft_statistics *s) {
    size_t n = s->count;
    return n && ft_str_is(s->features[n - 1].name, FT_MONITOR_PREDICTION) ? n - 1 : n;
}

static ft_err row_get(ft_answers *answers, double *largest_share, ft_store *s, ft_str endpoint) {
    ft_db *db;
    int kind = 0;
    FT_TRY(ft_monitor_db(&db, s));
    ft_err err = ft_db_one(db, NULL,
                           "select answers, largest_share from monitor_baseline where endpoint = ?",
                           "s", "nd", endpoint, &kind, largest_share);
    *answers = (ft_answers)kind;
    return err;
}

static ft_err none(ft_str endpoint) {
    return FT_FAIL(
        FT_ENOTFOUND,
        "endpoint '%.*s' has no baseline; `fettle monitor baseline %.*s --data FILE` makes one",
        FT_STR_ARG(endpoint), FT_STR_ARG(endpoint));
}

ft_err ft_baseline_load(ft_baseline *out, ft_store *s, ft_arena *arena, ft_str endpoint) {
    ft_str text;
    const char *path = "";
    double share;
    *out = (ft_baseline){ 0 };
    ft_err err = row_get(&out->answers, &share, s, endpoint);
    if (err == FT_ENOTFOUND) return none(endpoint);
    FT_TRY(err);
    err = file_get(&text, &path, s, arena, endpoint, "statistics.json");
    if (err == FT_ENOTFOUND) return none(endpoint);
    FT_TRY(err);
    FT_GOTO(err, ft_statistics_read(&out->stats, text, path));
    FT_GOTO(err, file_get(&text, &path, s, arena, endpoint, "constraints.json"));
    FT_GOTO(err, ft_constraints_read(&out->constraints, text, path));
    err = file_get(&text, &path, s, arena, endpoint, "schema.json");
    if (err == FT_OK)
        err = ft_schema_read(&out->schema, arena, text);
    else if (err == FT_ENOTFOUND)
        ft_err_clear(), err = FT_OK;
    if (err == FT_OK) out->inputs = inputs_of(out->stats);
done:
    if (err) ft_baseline_free(out);
    return err;
}

static ft_err uri_get(ft_str *out, ft_store *s, ft_arena *arena, ft_str text) {
    ft_uri uri;
    FT_TRY(ft_uri_parse(&uri, text));
    return ft_object_get(out, s, arena, uri.bucket, uri.key, FILE_MAX);
}

/* What the answers mean, by a file that only has their values: of two classes both the
 * probability and the class itself are read right as a probability. */
static ft_answers answers_of(const ft_stat *prediction) {
    if (!prediction->is_text) return FT_ANSWERS_NUMBER;
    for (size_t i = 0; i < prediction->value_count; i++)
        if (!ft_str_is(prediction->values[i].value, "0") &&
            !ft_str_is(prediction->values[i].value, "1"))
            return FT_ANSWERS_CLASSES;
    return FT_ANSWERS_BINARY;
}

/* Statistics of another place bring no schema; their last feature may be the model's answer. */
static ft_err statistics_replace(ft_baseline *b, ft_store *s, ft_arena *arena, ft_str uri) {
    ft_str text;
    FT_TRY(uri_get(&text, s, arena, uri));
    FT_TRY(ft_statistics_read(&b->stats, text, "statistics"));
    b->inputs = inputs_of(b->stats);
    if (b->inputs < b->stats->count) b->answers = answers_of(&b->stats->features[b->inputs]);
    return ft_constraints_suggest(&b->constraints, b->stats);
}

ft_err ft_baseline_load_from(ft_baseline *out, ft_store *s, ft_arena *arena, ft_str endpoint,
                             ft_str statistics_uri, ft_str constraints_uri) {
    ft_str text;
    ft_constraints *given = NULL;
    ft_err err;
    *out = (ft_baseline){ 0 };
    if (statistics_uri.len)
        FT_GOTO(err, statistics_replace(out, s, arena, statistics_uri));
    else
        FT_GOTO(err, ft_baseline_load(out, s, arena, endpoint));
    if (!constraints_uri.len) goto done;
    FT_GOTO(err, uri_get(&text, s, arena, constraints_uri));
    FT_GOTO(err, ft_constraints_read(&given, text, "constraints"));
    ft_constraints_free(out->constraints);
    out->constraints = given;
done:
    if (err) ft_baseline_free(out);
    return err;
}

void ft_baseline_free(ft_baseline *b) {
    ft_statistics_free(b->stats);
    ft_constraints_free(b->constraints);
    *b = (ft_baseline){ 0 };
}

ft_err ft_baseline_store_row(ft_store *s, ft_str endpoint, ft_answers answers, double largest_share,
                             const ft_table *table) {
    ft_db *db;
    FT_TRY(ft_monitor_db(&db, s));
    return ft_db_run(
        db,
        "insert or replace into monitor_baseline"
        " (endpoint, answers, largest_share, rows, features, source, sha256, created_us)"
        " values (?, ?, ?, ?, ?, ?, ?, ?)",
        "sndiisti", endpoint, (int)answers, largest_share, (int64_t)table->rows,
        (int64_t)table->cols, table->source, table->sha256, ft_clock_now_us());
}

ft_err ft_monitor_forget(ft_store *s, ft_str endpoint) {
    ft_db *db;
    FT_TRY(ft_monitor_db(&db, s));
    return ft_db_run(db, "delete from monitor_baseline where endpoint = ?", "s", endpoint);
}

/* A class at s of the baseline's answers may grow by half of the way to 1 before it is an issue,
 * and to 50 % anyway. */
static double share_allowed(double largest) { return largest > 1.0 / 3 ? 50 * (1 + largest) : 50; }

ft_err ft_monitor_rules(ft_store *s, ft_str endpoint) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_answers answers = FT_ANSWERS_NUMBER;
    double largest = 0;
    ft_watch_spec specs[2] = { { .rule = FT_STR("PopulationStability") },
                               { .rule = FT_STR("ClassShare") } };
    ft_str subject;
    ft_err err = row_get(&answers, &largest, s, endpoint);
    size_t count = err == FT_OK && answers == FT_ANSWERS_CLASSES ? 2 : 1;
    if (err && err != FT_ENOTFOUND) goto done;
    FT_GOTO(err, ft_subject(&subject, &arena, FT_SUBJECT_ENDPOINT, endpoint));
    FT_GOTO(err, ft_arena_printf(&specs[1].params_json, &arena, "{\"threshold_percent\":\"%.4g\"}",
                                 floor(share_allowed(largest))));
    for (size_t i = 0; i < count; i++) {
        int64_t id;
        specs[i].subject = subject;
        specs[i].actions = FT_STR("alert");
        err = ft_watch_add(&id, s, &specs[i]);
        if (err == FT_EEXIST) ft_err_clear(), err = FT_OK;
        if (err) break;
    }
done:
    ft_arena_fini(&arena);
    return err;
}

/* ---- runs */

ft_err ft_monitor_store_row(ft_store *s, const ft_monitor_row *row, uint64_t unreadable) {
    ft_db *db;
    FT_TRY(ft_monitor_db(&db, s));
    return ft_db_run(db,
                     "insert into monitor_run (endpoint, status, report_uri, from_us, until_us, "
                     "created_us, records,"
                     " unreadable, violations) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                     "sssiiiiii", row->endpoint, row->status, row->report_uri, row->from_us,
                     row->until_us, row->created_us, row->records, (int64_t)unreadable,
                     row->violations);
}

ft_err ft_monitor_list(ft_monitor_row **out, size_t *count, ft_store *s, ft_arena *arena,
                       ft_str endpoint, size_t limit) {
    ft_db *db;
    ft_rows *rows;
    ft_err err = FT_OK;
    size_t room = 0;
    *out = NULL;
    *count = 0;
    FT_TRY(ft_monitor_db(&db, s));
    FT_TRY(ft_db_query(
        &rows, db,
        "select endpoint, status, report_uri, from_us, until_us, created_us, records, violations"
        " from monitor_run where endpoint = ? order by id desc limit ?",
        "si", endpoint, (int64_t)limit));
    while (err == FT_OK && ft_rows_next(rows)) {
        if ((err = ft_arena_grow(out, &room, arena, *count)) != FT_OK) break;
        ft_monitor_row *r = &(*out)[*count];
        ft_rows_read(rows, "sssiiiii", &r->endpoint, &r->status, &r->report_uri, &r->from_us,
                     &r->until_us, &r->created_us, &r->records, &r->violations);
        ft_str *texts[] = { &r->endpoint, &r->status, &r->report_uri };
        for (size_t i = 0; i < FT_COUNT(texts) && err == FT_OK; i++)
            err = ft_arena_str(texts[i], arena, *texts[i]);
        ++*count;
    }
    ft_err end = ft_rows_end(rows);
    return err ? err : end;
}
