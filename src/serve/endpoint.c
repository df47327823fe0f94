/* endpoint.c -- endpoints as rows; see endpoint.h. Two tables: an endpoint with what is asked for
 * and what serves, and every version that was ever deployed under its name. Each change is one
 * transaction. */
#include "serve/endpoint.h"

#include <ctype.h>

#include "base/check.h"
#include "base/clock.h"
#include "monitor/monitor.h"
#include "serve/endpoint_in.h"
#include "serve/taps.h"
#include "store/lineage.h"
#include "watch/watch.h"

#define NAME_BYTES_MAX 63

/* Steps are never edited once released: a change is a new step. */
static const char *const steps[] = {
    "create table endpoint ("
    " name text primary key, status text not null, reason text not null default '',"
    " version integer not null, serving integer not null default 0, created_us integer not null,"
    " modified_us integer not null) without rowid",
    "create table endpoint_version ("
    " endpoint text not null, version integer not null, previous integer not null default 0,"
    " model_uri text not null, model_sha256 text not null, predictor text not null,"
    " job text not null default '', capture_percent integer not null,"
    " capture_uri text not null default '', created_us integer not null,"
    " primary key (endpoint, version)) without rowid",
    "alter table endpoint_version add column variant text not null default ''",
    "alter table endpoint_version add column csv_types text not null default ''",
    "alter table endpoint_version add column json_types text not null default ''",
    "alter table endpoint_version add column skip_input integer not null default 0",
    "alter table endpoint_version add column skip_output integer not null default 0",
    "alter table endpoint_version add column weight real not null default 1",
    "create table endpoint_variant ("
    " endpoint text not null, version integer not null, ordinal integer not null,"
    " name text not null, weight real not null, model_uri text not null, model_sha256 text not "
    "null,"
    " predictor text not null, job text not null default '',"
    " primary key (endpoint, version, ordinal)) without rowid",
    "alter table endpoint_version add column tap_regex text not null default ''",
    "alter table endpoint_version add column tap_uri text not null default ''",
    "alter table endpoint_version add column tap_interval integer not null default 1",
};

ft_err ft_endpoint_db(ft_db **out, ft_store *s) {
    *out = ft_store_db(s);
    return ft_db_migrate(*out, "serve", steps, FT_COUNT(steps));
}

/* SageMaker's pattern ^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$ */
static ft_err name_check(ft_str name) {
    bool fits = name.len > 0 && name.len <= NAME_BYTES_MAX;
    for (size_t i = 0; fits && i < name.len; i++) {
        unsigned char c = (unsigned char)name.at[i];
        bool end = i == 0 || i + 1 == name.len;
        fits = isalnum(c) || (c == '-' && !end);
    }
    if (fits) return FT_OK;
    return FT_FAIL(FT_EINVAL,
                   "endpoint name '%.*s': expected 1 to %d letters, digits and inner hyphens",
                   FT_STR_ARG(name), NAME_BYTES_MAX);
}

/* ---- reading */

#define VERSION_COLUMNS                                                                            \
    "v.model_uri, v.model_sha256, v.predictor, v.job, v.capture_percent, "                         \
    "v.capture_uri, v.variant, v.csv_types, v.json_types, v.skip_input, v.skip_output, v.weight, " \
    "v.tap_regex, v.tap_uri, v.tap_interval"
#define VERSION_FORMAT "ssssnssssnndssn"
#define VERSION_INTO(ep)                                                                         \
    &(ep)->model_uri, &(ep)->model_sha256, &(ep)->predictor, &(ep)->job, &(ep)->capture_percent, \
        &(ep)->capture.uri, &(ep)->capture.variant, &(ep)->capture.csv_types,                    \
        &(ep)->capture.json_types, &(ep)->capture.skip_input, &(ep)->capture.skip_output,        \
        &(ep)->weight, &(ep)->tap_regex, &(ep)->tap_uri, &(ep)->tap_interval
#define COLUMNS                                                        \
    "e.name, e.status, e.reason, e.version, e.serving, e.created_us, " \
    "e.modified_us, " VERSION_COLUMNS                                  \
    " from endpoint e join endpoint_version v on v.endpoint = e.name and v.version = e.version"
#define COLUMNS_FORMAT "sssnnii" VERSION_FORMAT
#define COLUMNS_INTO(ep)                                                                          \
    &(ep)->name, &(ep)->status, &(ep)->reason, &(ep)->version, &(ep)->serving, &(ep)->created_us, \
        &(ep)->modified_us, VERSION_INTO(ep)

static ft_err copy_texts(ft_endpoint *ep, ft_arena *arena) {
    ft_str *texts[] = { &ep->name,
                        &ep->status,
                        &ep->reason,
                        &ep->model_uri,
                        &ep->model_sha256,
                        &ep->predictor,
                        &ep->job,
                        &ep->capture.uri,
                        &ep->capture.variant,
                        &ep->capture.csv_types,
                        &ep->capture.json_types,
                        &ep->tap_regex,
                        &ep->tap_uri };
    for (size_t i = 0; i < FT_COUNT(texts); i++) FT_TRY(ft_arena_str(texts[i], arena, *texts[i]));
    return FT_OK;
}

static ft_err variant_copy(ft_variant *v, ft_rows *rows, ft_arena *arena) {
    ft_rows_read(rows, "sdssss", &v->name, &v->weight, &v->model_uri, &v->model_sha256,
                 &v->predictor, &v->job);
    ft_str *texts[] = { &v->name, &v->model_uri, &v->model_sha256, &v->predictor, &v->job };
    for (size_t i = 0; i < FT_COUNT(texts); i++) FT_TRY(ft_arena_str(texts[i], arena, *texts[i]));
    return FT_OK;
}

/* The version's further variants. */
static ft_err variants_read(ft_endpoint *ep, ft_db *db, ft_arena *arena) {
    ft_rows *rows;
    ft_err err = FT_OK;
    ep->more_count = 0;
    ep->more = NULL;
    FT_TRY(ft_db_query(&rows, db,
                       "select name, weight, model_uri, model_sha256, predictor, job from"
                       " endpoint_variant where endpoint = ? and version = ? order by ordinal",
                       "sn", ep->name, ep->version));
    while (err == FT_OK && ep->more_count < FT_VARIANTS_MAX && ft_rows_next(rows)) {
        if (!ep->more) err = ft_arena_items(&ep->more, arena, FT_VARIANTS_MAX);
        if (err == FT_OK) err = variant_copy(&ep->more[ep->more_count++], rows, arena);
    }
    ft_err end = ft_rows_end(rows);
    return err ? err : end;
}

ft_err ft_endpoint_list(ft_endpoint **out, size_t *count, ft_store *s, ft_arena *arena) {
    ft_db *db;
    ft_rows *rows;
    int64_t n = 0;
    size_t i = 0;
    ft_err err = FT_OK;
    *out = NULL;
    *count = 0;
    FT_TRY(ft_endpoint_db(&db, s));
    FT_TRY(ft_db_query(&rows, db, "select " COLUMNS " order by e.name", ""));
    while (err == FT_OK && ft_rows_next(rows)) {
        if (i == (size_t)n) {
            ft_endpoint *more;
            n = n ? 2 * n : 16;
            if ((err = ft_arena_items(&more, arena, (size_t)n))) break;
            if (i) memcpy(more, *out, i * sizeof *more);
            *out = more;
        }
        ft_endpoint *ep = &(*out)[i++];
        ft_rows_read(rows, COLUMNS_FORMAT, COLUMNS_INTO(ep));
        err = copy_texts(ep, arena);
    }
    ft_err end = ft_rows_end(rows);
    if (err == FT_OK) err = end;
    for (size_t k = 0; k < i && err == FT_OK; k++) err = variants_read(&(*out)[k], db, arena);
    if (err == FT_OK) *count = i;
    return err;
}

/* No such name: say which one is near. */
static ft_err unknown(ft_store *s, ft_arena *arena, ft_str name) {
    ft_endpoint *all;
    size_t count;
    const char **names;
    FT_TRY(ft_endpoint_list(&all, &count, s, arena));
    FT_TRY(ft_arena_items(&names, arena, count + 1));
    for (size_t i = 0; i < count; i++) names[i] = all[i].name.at;
    const char *near = ft_str_nearest(name, names, count);
    if (near)
        return FT_FAIL(FT_ENOTFOUND, "no endpoint '%.*s'; did you mean '%s'?", FT_STR_ARG(name),
                       near);
    return FT_FAIL(FT_ENOTFOUND, "no endpoint '%.*s'%s", FT_STR_ARG(name),
                   count ? "" : "; there is none yet");
}

ft_err ft_endpoint_get(ft_endpoint *out, ft_store *s, ft_arena *arena, ft_str name) {
    ft_db *db;
    FT_TRY(ft_endpoint_db(&db, s));
    ft_err err = ft_db_one(db, arena, "select " COLUMNS " where e.name = ?", "s", COLUMNS_FORMAT,
                           name, COLUMNS_INTO(out));
    if (err == FT_ENOTFOUND) return unknown(s, arena, name);
    return err == FT_OK ? variants_read(out, db, arena) : err;
}

ft_err ft_endpoint_version(ft_endpoint *out, ft_store *s, ft_arena *arena, ft_str name,
                           int version) {
    ft_db *db;
    *out = (ft_endpoint){ .name = name, .version = version };
    FT_TRY(ft_endpoint_db(&db, s));
    ft_err err = ft_db_one(db, arena,
                           "select " VERSION_COLUMNS
                           " from endpoint_version v where v.endpoint = ? and v.version = ?",
                           "sn", VERSION_FORMAT, name, version, VERSION_INTO(out));
    if (err == FT_ENOTFOUND)
        return FT_FAIL(FT_ENOTFOUND, "endpoint '%.*s' has no version %d", FT_STR_ARG(name),
                       version);
    return err == FT_OK ? variants_read(out, db, arena) : err;
}

/* ---- deploy */

static ft_err store_variants(ft_db *db, const ft_endpoint *ep, int version) {
    for (size_t i = 0; i < ep->more_count; i++) {
        const ft_variant *v = &ep->more[i];
        FT_TRY(ft_db_run(db,
                         "insert into endpoint_variant (endpoint, version, ordinal, name, weight,"
                         " model_uri, model_sha256, predictor, job)"
                         " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                         "snisdssss", ep->name, version, (int64_t)i, v->name, v->weight,
                         v->model_uri, v->model_sha256, v->predictor, v->job));
    }
    return FT_OK;
}

/* The row, its version and what it came from. Inside a transaction. */
static ft_err store_version(ft_db *db, const ft_endpoint *ep) {
    int64_t now = ft_clock_now_us();
    int last = 0, serving = 0;
    ft_err err = ft_db_one(
        db, NULL, "select ifnull(max(version), 0) from endpoint_version where endpoint = ?", "s",
        "n", ep->name, &last);
    FT_TRY(err);
    err = ft_db_one(db, NULL, "select serving from endpoint where name = ?", "s", "n", ep->name,
                    &serving);
    if (err && err != FT_ENOTFOUND) return err;
    FT_TRY(ft_db_run(
        db,
        "insert into endpoint_version (endpoint, version, previous, model_uri, model_sha256,"
        " predictor, job, capture_percent, capture_uri, variant, csv_types, json_types, skip_input,"
        " skip_output, weight, created_us, tap_regex, tap_uri, tap_interval)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "snnssssnssssnndissn", ep->name, last + 1, serving, ep->model_uri, ep->model_sha256,
        ep->predictor, ep->job, ep->capture_percent, ep->capture.uri, ep->capture.variant,
        ep->capture.csv_types, ep->capture.json_types, ep->capture.skip_input,
        ep->capture.skip_output, ep->weight, now, ep->tap_regex, ep->tap_uri, ep->tap_interval));
    FT_TRY(store_variants(db, ep, last + 1));
    return ft_db_run(
        db,
        "insert into endpoint (name, status, version, created_us, modified_us)"
        " values (?, 'Creating', ?, ?, ?) on conflict (name) do update set"
        " status = case when serving > 0 then 'Updating' else 'Creating' end, reason = '',"
        " version = excluded.version, modified_us = excluded.modified_us",
        "snii", ep->name, last + 1, now, now);
}

/* A model that no job is known to have left: its file is where it came from. */
static ft_err note_file(ft_store *s, ft_arena *arena, const ft_variant *v, ft_str model) {
    ft_str *parents, input, note;
    size_t count;
    FT_TRY(ft_lineage_parents(&parents, &count, s, arena, model));
    if (count) return FT_OK;
    FT_TRY(ft_lineage_id(&input, arena, FT_LINEAGE_INPUT, v->model_sha256));
    FT_TRY(ft_arena_printf(&note, arena, "model given by hand: %.*s", FT_STR_ARG(v->model_uri)));
    FT_TRY(ft_lineage_node(s, input, note));
    return ft_lineage_edge(s, model, input);
}

static ft_err variant_lineage(ft_store *s, ft_arena *arena, ft_str endpoint, const ft_variant *v) {
    ft_str model, job;
    FT_TRY(ft_lineage_id(&model, arena, FT_LINEAGE_MODEL, v->model_sha256));
    FT_TRY(ft_lineage_node(s, model, v->model_uri));
    FT_TRY(ft_lineage_edge(s, endpoint, model));
    if (!v->job.len) return note_file(s, arena, v, model);
    FT_TRY(ft_lineage_id(&job, arena, FT_LINEAGE_JOB, v->job));
    return ft_lineage_edge(s, model, job);
}

/* The first variant as the others are. */
static ft_variant first_of(const ft_endpoint *ep) {
    return (ft_variant){ .name = ep->capture.variant,
                         .weight = ep->weight,
                         .model_uri = ep->model_uri,
                         .model_sha256 = ep->model_sha256,
                         .predictor = ep->predictor,
                         .job = ep->job };
}

static ft_err store_lineage(ft_store *s, ft_arena *arena, const ft_endpoint *ep) {
    ft_variant first = first_of(ep);
    ft_str endpoint, note;
    FT_TRY(ft_lineage_id_endpoint(&endpoint, arena, ep->name, ep->version));
    FT_TRY(ft_arena_printf(&note, arena, "%.*s, %d %% captured", FT_STR_ARG(ep->predictor),
                           ep->capture_percent));
    FT_TRY(ft_lineage_node(s, endpoint, note));
    FT_TRY(variant_lineage(s, arena, endpoint, &first));
    for (size_t i = 0; i < ep->more_count; i++)
        FT_TRY(variant_lineage(s, arena, endpoint, &ep->more[i]));
    return FT_OK;
}

/* A missing text is an empty one: columns are never null. */
static void texts_fill(ft_endpoint *ep) {
    ft_str *texts[] = { &ep->job,
                        &ep->capture.uri,
                        &ep->capture.variant,
                        &ep->capture.csv_types,
                        &ep->capture.json_types,
                        &ep->tap_regex,
                        &ep->tap_uri };
    if (!ep->tap_interval) ep->tap_interval = 1;
    for (size_t i = 0; i < FT_COUNT(texts); i++)
        if (!texts[i]->at) *texts[i] = FT_STR("");
}

/* Names that differ, weights that are weights, models that are models. */
static ft_err variants_check(ft_endpoint *ep, ft_store *s, ft_arena *arena,
                             const ft_endpoint *ask) {
    double sum = ep->weight;
    if (ask->more_count >= FT_VARIANTS_MAX)
        return FT_FAIL(FT_EINVAL, "%zu variants: at most %d are possible", ask->more_count + 1,
                       FT_VARIANTS_MAX);
    FT_TRY(ft_arena_items(&ep->more, arena, ask->more_count + 1));
    ep->more_count = ask->more_count;
    for (size_t i = 0; i < ask->more_count; i++) {
        ft_variant *v = &ep->more[i];
        *v = ask->more[i];
        if (!v->job.at) v->job = FT_STR("");
        bool taken = ft_str_eq(v->name, ep->capture.variant);
        for (size_t k = 0; k < i; k++) taken |= ft_str_eq(v->name, ep->more[k].name);
        if (!v->name.len || taken)
            return FT_FAIL(FT_EINVAL, "variant %zu: a name of its own is needed", i + 2);
        sum += v->weight;
        ft_endpoint one = { .model_uri = v->model_uri, .job = v->job };
        FT_TRY(ft_model_examine(s, arena, &one));
        v->model_uri = one.model_uri;
        v->model_sha256 = one.model_sha256, v->predictor = one.predictor;
    }
    if (ask->more_count == 0 && !(ep->weight > 0)) ep->weight = sum = 1;
    return sum > 0 ? FT_OK : FT_FAIL(FT_EINVAL, "the variants' weights: one must be above 0");
}

ft_err ft_endpoint_put(ft_endpoint *out, ft_store *s, ft_arena *arena, const ft_endpoint *ask) {
    ft_endpoint ep = { .name = ask->name,
                       .model_uri = ask->model_uri,
                       .job = ask->job,
                       .capture_percent = ask->capture_percent,
                       .capture = ask->capture,
                       .tap_regex = ask->tap_regex,
                       .tap_uri = ask->tap_uri,
                       .tap_interval = ask->tap_interval,
                       .weight = ask->weight };
    ft_str name = ep.name;
    ft_db *db;
    ft_err err;
    texts_fill(&ep);
    FT_TRY(name_check(name));
    if (ep.capture_percent < 0 || ep.capture_percent > 100)
        return FT_FAIL(FT_EINVAL, "capture of %d %%: expected 0 to 100", ep.capture_percent);
    FT_TRY(ft_taps_check(&ep));
    FT_TRY(ft_endpoint_db(&db, s));
    FT_TRY(ft_model_examine(s, arena, &ep));
    FT_TRY(variants_check(&ep, s, arena, ask));
    FT_TRY(
        ft_monitor_rules(s, name)); /* not inside: a rule that is there already would roll back */
    FT_TRY(ft_db_begin(db));
    FT_GOTO(err, store_version(db, &ep));
    FT_GOTO(err, ft_endpoint_get(out, s, arena, name));
    FT_GOTO(err, store_lineage(s, arena, out));
    ft_db_durable(db);
done:
    if (err != FT_OK) {
        ft_db_rollback(db);
        return err;
    }
    return ft_db_commit(db);
}

/* ---- the rest of an endpoint's life */

/* All of it or nothing: a new endpoint of this name must not find rules or limits of the old one.
 */
static ft_err rows_delete(ft_store *s, ft_db *db, ft_str name, ft_str subject) {
    FT_TRY(ft_db_run(db, "delete from endpoint where name = ?", "s", name));
    FT_TRY(ft_watch_remove(s, subject));
    FT_TRY(ft_monitor_forget(s, name));
    ft_db_durable(db);
    return FT_OK;
}

ft_err ft_endpoint_delete(ft_store *s, ft_str name) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_endpoint ep;
    ft_str subject;
    ft_db *db;
    ft_err err;
    FT_GOTO(err, ft_endpoint_db(&db, s));
    FT_GOTO(err, ft_endpoint_get(&ep, s, &arena, name));
    FT_GOTO(err, ft_subject(&subject, &arena, FT_SUBJECT_ENDPOINT, name));
    FT_GOTO(err, ft_db_begin(db));
    err = rows_delete(s, db, name, subject);
    if (err == FT_OK)
        err = ft_db_commit(db);
    else
        ft_db_rollback(db);
done:
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_endpoint_rollback(ft_store *s, ft_str name) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_endpoint ep;
    ft_db *db;
    ft_err err;
    int previous = 0;
    FT_GOTO(err, ft_endpoint_db(&db, s));
    FT_GOTO(err, ft_endpoint_get(&ep, s, &arena, name));
    FT_GOTO(err,
            ft_db_one(db, NULL,
                      "select previous from endpoint_version where endpoint = ? and version = ?",
                      "sn", "n", name, ep.version, &previous));
    if (!previous) {
        err = FT_FAIL(FT_ECONFLICT,
                      "endpoint '%.*s': version %d is the first that served; there is none before",
                      FT_STR_ARG(name), ep.version);
        goto done;
    }
    FT_GOTO(err, ft_db_run(db,
                           "update endpoint set version = ?, reason = '', modified_us = ?,"
                           " status = case when serving = ? then 'InService' else 'RollingBack' end"
                           " where name = ? and version = ?",
                           "ninsn", previous, ft_clock_now_us(), previous, name, ep.version));
    if (ft_db_changes(db) == 0)
        err = FT_FAIL(FT_ECONFLICT, "endpoint '%.*s' was changed by another meanwhile",
                      FT_STR_ARG(name));
done:
    ft_arena_fini(&arena);
    return err;
}

/* ---- what a server tells */

ft_err ft_endpoint_now_serving(ft_store *s, ft_str name, int version) {
    ft_db *db;
    FT_TRY(ft_endpoint_db(&db, s));
    return ft_db_run(
        db,
        "update endpoint set serving = version, status = 'InService', modified_us = ?"
        " where name = ? and version = ? and (serving <> version or status <> 'InService')",
        "isn", ft_clock_now_us(), name, version);
}

ft_err ft_endpoint_load_failed(ft_store *s, ft_str name, int version, ft_str reason) {
    ft_db *db;
    FT_TRY(ft_endpoint_db(&db, s));
    return ft_db_run(
        db,
        "update endpoint set reason = ?, modified_us = ?,"
        " status = case when serving not in (0, version) then 'InService' else 'Failed' end,"
        " version = case when serving > 0 then serving else version end"
        " where name = ? and version = ?",
        "sisn", reason, ft_clock_now_us(), name, version);
}

ft_err ft_endpoint_ever(ft_endpoint_once **out, size_t *count, ft_store *s, ft_arena *arena,
                        ft_str name) {
    ft_db *db;
    ft_rows *rows;
    ft_err err = FT_OK;
    size_t room = 0;
    *out = NULL, *count = 0;
    FT_TRY(ft_endpoint_db(&db, s));
    FT_TRY(ft_db_query(&rows, db,
                       "select endpoint, min(created_us) from endpoint_version"
                       " where ?1 in ('', endpoint) group by endpoint order by endpoint",
                       "s", name.at ? name : FT_STR("")));
    while (err == FT_OK && ft_rows_next(rows)) {
        if ((err = ft_arena_grow(out, &room, arena, *count)) != FT_OK) break;
        ft_endpoint_once *e = &(*out)[(*count)++];
        ft_rows_read(rows, "si", &e->name, &e->first_us);
        err = ft_arena_str(&e->name, arena, e->name);
    }
    ft_err end = ft_rows_end(rows);
    return err ? err : end;
}

ft_err ft_endpoint_lineage(ft_str *out, ft_store *s, ft_arena *arena, ft_str id) {
    ft_str name, version;
    ft_endpoint ep;
    *out = id;
    if (!ft_lineage_id_read(&name, &version, FT_LINEAGE_ENDPOINT, id) || version.at) return FT_OK;
    ft_err err = ft_endpoint_get(&ep, s, arena, name);
    if (err == FT_ENOTFOUND) {
        ft_err_clear();
        return FT_OK;
    }
    FT_TRY(err);
    return ft_lineage_id_endpoint(out, arena, ep.name, ep.version);
}
