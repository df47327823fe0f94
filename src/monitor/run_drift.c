/* run_drift.c -- how far a window lies from its baseline, as records of the stream `drift`, and
 * where they come from. */
#include <math.h>

#include "monitor/run_in.h"
#include "store/lineage.h"
#include "streams/format.h"

/* ---- the stream of drift */

static const ft_column drift_columns[] = {
    [FT_DRIFT_TIME] = { "time_us", FT_VALUE_INT, "last microsecond of the window, since 1970" },
    [FT_DRIFT_FEATURE] = { "feature", FT_VALUE_TEXT,
                           "its name; \"prediction\": the answer; \"prediction=3\": a class" },
    [FT_DRIFT_PSI] = { "psi", FT_VALUE_F64, "population stability index against the baseline" },
    [FT_DRIFT_NOISE] = { "noise", FT_VALUE_F64, "the index from which on it is significant" },
    [FT_DRIFT_MISSING] = { "missing_share", FT_VALUE_F64, "share of missing values" },
    [FT_DRIFT_MEAN] = { "mean", FT_VALUE_F64, "mean of the numbers" },
    [FT_DRIFT_SHARE] = { "share", FT_VALUE_F64, "of the class among the answers" },
    [FT_DRIFT_RECORDS] = { "records", FT_VALUE_INT, "rows in the window" },
    { 0 }
};

const ft_stream_kind ft_kind_drift = {
    .name = "drift",
    .key = "endpoint",
    .doc = "how far traffic lies from the baseline, a record a feature for each monitor run",
    .columns = drift_columns,
    .order_column = FT_DRIFT_TIME,
    .format = &ft_format_rows,
};

/* ---- drift as records */

static ft_value number(double v) { return isnan(v) ? (ft_value){ 0 } : ft_value_f64(v); }

static void drift_values(ft_value v[FT_DRIFT_COLUMNS], const ft_run *r, size_t i) {
    const ft_stat *f = &r->window.stats->features[i];
    uint64_t all = f->present + f->missing + f->bad;
    memset(v, 0, FT_DRIFT_COLUMNS * sizeof *v);
    v[FT_DRIFT_TIME] = ft_value_int(r->until - 1);
    v[FT_DRIFT_FEATURE] = ft_value_text(f->name);
    v[FT_DRIFT_PSI] = number(r->shifts[i].psi);
    v[FT_DRIFT_NOISE] = number(r->shifts[i].noise);
    v[FT_DRIFT_MISSING] = number(all ? (double)f->missing / (double)all : NAN);
    if (!f->is_text && f->present) v[FT_DRIFT_MEAN] = number(f->moments.mean);
    v[FT_DRIFT_RECORDS] = ft_value_int((int64_t)all);
}

/* What the stream has of this end of a window already, of a run before: it is not told twice. */
typedef struct told {
    ft_str *names;
    size_t count, room;
} told;

static ft_err told_read(told *t, ft_run *r) {
    ft_cursor *c;
    ft_record record;
    ft_err err;
    bool any;
    /* a run seals what it told; what a killed one left is sealed before others run */
    FT_TRY(ft_stream_may_hold(&any, r->s, &ft_kind_drift, r->endpoint, r->until - 1, r->until - 1));
    if (!any) return FT_OK;
    ft_cursor_opts opts = {
        .key = r->endpoint, .from = r->until - 1, .until = r->until, .wanted = 1 << FT_DRIFT_FEATURE
    };
    FT_TRY(ft_cursor_open(&c, r->s, &ft_kind_drift, &opts));
    while ((err = ft_cursor_next(c, &record)) == FT_OK) {
        FT_GOTO(err, ft_arena_grow(&t->names, &t->room, r->arena, t->count));
        FT_GOTO(err,
                ft_arena_str(&t->names[t->count], r->arena, record.values[FT_DRIFT_FEATURE].s));
        t->count++;
    }
done:
    ft_cursor_close(c);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

static bool is_told(const told *t, ft_str name) {
    for (size_t i = 0; i < t->count; i++)
        if (ft_str_eq(t->names[i], name)) return true;
    return false;
}

static ft_err append_new(ft_stream_writer *w, const told *t, const ft_value *v) {
    return is_told(t, v[FT_DRIFT_FEATURE].s) ? FT_OK : ft_stream_append(w, v);
}

static ft_err append_classes(ft_stream_writer *w, const ft_run *r, const told *t, size_t i) {
    const ft_stat *f = &r->window.stats->features[i];
    ft_arena arena = FT_ARENA_INIT(0);
    ft_value v[FT_DRIFT_COLUMNS];
    ft_err err = FT_OK;
    for (size_t c = 0; c < f->value_count && err == FT_OK; c++) {
        ft_str name;
        FT_GOTO(err, ft_arena_printf(&name, &arena, "%.*s=%.*s", FT_STR_ARG(f->name),
                                     FT_STR_ARG(f->values[c].value)));
        drift_values(v, r, i);
        v[FT_DRIFT_FEATURE] = ft_value_text(name);
        v[FT_DRIFT_PSI] = v[FT_DRIFT_NOISE] = (ft_value){ 0 };
        v[FT_DRIFT_SHARE] = number((double)f->values[c].count / (double)f->present);
        err = append_new(w, t, v);
    }
done:
    ft_arena_fini(&arena);
    return err;
}

/* The endpoint's versions that a capture segment is of. */
static ft_err note_endpoints(ft_run *r, ft_str node, ft_str capture) {
    ft_str *parents, name, version;
    size_t count; /* 0: lines that another system wrote */
    FT_TRY(ft_lineage_parents(&parents, &count, r->s, r->arena, capture));
    for (size_t i = 0; i < count; i++)
        if (ft_lineage_id_read(&name, &version, FT_LINEAGE_ENDPOINT, parents[i]))
            FT_TRY(ft_lineage_edge(r->s, node, parents[i]));
    return FT_OK;
}

/* capture:<drift segment> -> capture:<segments that were read>, endpoint:<version>: a verdict on
 * drift leads to the requests. */
static ft_err note_lineage(ft_run *r, ft_str segment) {
    ft_str node, parent, note;
    FT_TRY(ft_lineage_id(&node, r->arena, FT_LINEAGE_CAPTURE, segment));
    FT_TRY(ft_arena_printf(&note, r->arena, "drift of endpoint %.*s, measured on %llu requests",
                           FT_STR_ARG(r->endpoint), (unsigned long long)r->records));
    FT_TRY(ft_lineage_node(r->s, node, note));
    for (size_t i = 0; i < r->segment_count; i++) {
        FT_TRY(ft_lineage_id(&parent, r->arena, FT_LINEAGE_CAPTURE, r->segments[i]));
        FT_TRY(ft_lineage_edge(r->s, node, parent));
        FT_TRY(note_endpoints(r, node, parent));
    }
    return FT_OK;
}

/* In one transaction: a run may name a thousand segments. */
static ft_err note_all(ft_run *r, ft_str segment) {
    ft_db *db = ft_store_db(r->s);
    FT_TRY(ft_db_begin(db));
    ft_err err = note_lineage(r, segment);
    if (err != FT_OK) {
        ft_db_rollback(db);
        return err;
    }
    return ft_db_commit(db);
}

ft_err ft_run_drift(ft_run *r) {
    ft_stream_writer *w;
    ft_value v[FT_DRIFT_COLUMNS];
    told before = { 0 };
    ft_err err;
    FT_TRY(told_read(&before, r));
    FT_TRY(ft_stream_write(&w, r->s, &ft_kind_drift, r->endpoint, NULL));
    for (size_t i = 0; i < r->window.stats->count; i++) {
        drift_values(v, r, i);
        FT_GOTO(err, append_new(w, &before, v));
        if (i == r->window.inputs && r->window.stats->features[i].is_text)
            FT_GOTO(err, append_classes(w, r, &before, i));
    }
    err = ft_stream_segment(w).len ? note_all(r, ft_stream_segment(w)) : FT_OK;
done:;
    ft_err closed = ft_stream_close(w);
    return err ? err : closed;
}
