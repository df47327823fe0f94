/* sql.c -- a read-only SQL session over all streams and all metadata. See stream.h. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "streams/segments_in.h"
#include "streams/sql_in.h"

#define BUSY_MS      10000
#define PROGRESS_OPS 1000 /* steps of SQLite's machine between two looks at the clock: ~50 µs */
#define PARAM_NAME   64
#define JULIAN_1970  INT64_C(210866760000000) /* ms of 1970 in SQLite's days */

/* ---- the clock of a session: under a horizon "now" is the horizon, else a rule would give other
 * verdicts over history. A file system that passes everything else on. */

struct ft_sql_vfs {
    sqlite3_vfs base;
    const ft_sql *q;
    char name[32];
};

static int vfs_now(sqlite3_vfs *base, sqlite3_int64 *out) {
    const ft_sql *q = ((ft_sql_vfs *)base)->q;
    int64_t us = ft_clock_now_us();
    if (q->pure) us = q->order == FT_ORDER_TIME ? q->until : 0;
    *out = JULIAN_1970 + us / 1000;
    return SQLITE_OK;
}

static int vfs_now_days(sqlite3_vfs *base, double *out) {
    sqlite3_int64 ms;
    vfs_now(base, &ms);
    *out = (double)ms / 86400000.0;
    return SQLITE_OK;
}

static ft_err vfs_new(ft_sql *q) {
    static atomic_uint count;
    sqlite3_vfs *system = sqlite3_vfs_find(NULL);
    q->vfs = ft_fault_here() || !system ? NULL : calloc(1, sizeof *q->vfs);
    if (!q->vfs) return FT_FAIL(FT_ENOMEM, "no memory for an SQL session");
    q->vfs->base = *system;
    q->vfs->base.pNext = NULL;
    q->vfs->base.xCurrentTimeInt64 = vfs_now;
    q->vfs->base.xCurrentTime = vfs_now_days;
    q->vfs->q = q;
    snprintf(q->vfs->name, sizeof q->vfs->name, "ft-sql-%u", atomic_fetch_add(&count, 1));
    q->vfs->base.zName = q->vfs->name;
    if (sqlite3_vfs_register(&q->vfs->base, 0) == SQLITE_OK) return FT_OK;
    free(q->vfs);
    q->vfs = NULL;
    return FT_FAIL(FT_ENOMEM, "no memory for an SQL session");
}

/* ---- what a statement may do ---- */

static bool is_one_of(const char *name, const char *const *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (sqlite3_stricmp(name, list[i]) == 0) return true;
    return false;
}

static int deny(ft_sql *q, const char *what, const char *name, const char *why) {
    snprintf(q->denied, sizeof q->denied, "%s '%s' %s", what, name ? name : "", why);
    return SQLITE_DENY;
}

static int may_call(ft_sql *q, const char *function) {
    static const char *const never[] = { "load_extension" };
    static const char *const impure[] = { "random", "randomblob", "changes", "total_changes",
                                          "last_insert_rowid" };
    if (is_one_of(function, never, FT_COUNT(never)))
        return deny(q, "function", function, "is not available");
    if (q->pure && is_one_of(function, impure, FT_COUNT(impure)))
        return deny(q, "function", function, "is not available to a rule");
    return SQLITE_OK;
}

/* SQLite asks about its own tables when a virtual table tells its columns; the user's attempts to
 * change them are refused by SQLite itself. */
static bool is_own_table(const char *name) {
    static const char *const own[] = { "sqlite_master", "sqlite_schema", "sqlite_temp_master" };
    return is_one_of(name, own, FT_COUNT(own));
}

/* Under a horizon only what the records say, and tables made of arguments alone. */
static int may_read(ft_sql *q, const char *name, const char *column) {
    static const char *const functions[] = { "json_each", "json_tree" };
    if (sqlite3_stricmp(name, "aws_key") == 0 && sqlite3_stricmp(column, "secret") == 0)
        return deny(q, "column", "aws_key.secret", "is not shown");
    if (!q->pure || is_one_of(name, functions, FT_COUNT(functions))) return SQLITE_OK;
    if (is_own_table(name) && sqlite3_stricmp(column, "rowid") == 0) return SQLITE_OK;
    const ft_stream_kind *kind = ft_stream_kind_find(ft_str_of(name));
    if (!kind) return deny(q, "table", name, "is not available to a rule: it reads streams only");
    if (ft_stream_order(kind) == q->order) return SQLITE_OK;
    return deny(q, "stream", name,
                q->order == FT_ORDER_STEP ? "is ordered by time, this rule runs by steps"
                                          : "is ordered by steps, this rule runs by time");
}

static int may_ask(ft_sql *q, const char *pragma) {
    static const char *const harmless[] = { "table_info",    "table_xinfo",    "table_list",
                                            "index_list",    "index_info",     "index_xinfo",
                                            "function_list", "compile_options" };
    if (!q->pure && is_one_of(pragma, harmless, FT_COUNT(harmless))) return SQLITE_OK;
    return deny(q, "pragma", pragma, "is not available");
}

static int authorize(void *ctx, int action, const char *a, const char *b, const char *database,
                     const char *trigger) {
    FT_UNUSED(database);
    FT_UNUSED(trigger);
    ft_sql *q = ctx;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_READ:
        return may_read(q, a, b);
    case SQLITE_FUNCTION:
        return may_call(q, b);
    case SQLITE_PRAGMA:
        return may_ask(q, a);
    case SQLITE_UPDATE:
        if (is_own_table(a)) return SQLITE_OK;
        /* fall through */
    default:
        snprintf(q->denied, sizeof q->denied, "this session only reads: use a SELECT");
        return SQLITE_DENY;
    }
}

/* ---- life ---- */

static int progress(void *ctx) {
    ft_sql *q = ctx;
    q->timed_out = q->deadline_us != INT64_MAX && ft_clock_monotonic_us() >= q->deadline_us;
    return q->timed_out;
}

static ft_err connect(ft_sql *q) {
    const char *path = ft_db_path(ft_store_db(q->s));
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
    int code =
        ft_fault_here() ? SQLITE_CANTOPEN : sqlite3_open_v2(path, &q->db, flags, q->vfs->name);
    if (code != SQLITE_OK)
        return FT_FAIL(FT_EIO, "cannot open '%s' for reading: %s", path, sqlite3_errstr(code));
    sqlite3_busy_timeout(q->db, BUSY_MS);
    sqlite3_extended_result_codes(q->db, 1);
    sqlite3_db_config(q->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_limit(q->db, SQLITE_LIMIT_ATTACHED, 0);
    for (const ft_stream_kind *const *k = ft_stream_kinds(); *k; k++)
        FT_TRY(ft_sql_table_add(q, *k));
    sqlite3_set_authorizer(q->db, authorize, q);
    sqlite3_progress_handler(q->db, PROGRESS_OPS, progress, q);
    return FT_OK;
}

ft_err ft_sql_open(ft_sql **out, ft_store *s) {
    *out = NULL;
    FT_TRY(ft_streams_ready(s));
    ft_sql *q = ft_fault_here() ? NULL : calloc(1, sizeof *q);
    if (!q) return FT_FAIL(FT_ENOMEM, "no memory for an SQL session");
    q->s = s;
    q->deadline_us = q->until = INT64_MAX;
    ft_err err = vfs_new(q);
    if (err == FT_OK) err = connect(q);
    if (err != FT_OK) {
        ft_sql_close(q);
        return err;
    }
    *out = q;
    return FT_OK;
}

void ft_sql_close(ft_sql *q) {
    if (!q) return;
    sqlite3_close(q->db);
    if (q->vfs) sqlite3_vfs_unregister(&q->vfs->base);
    free(q->vfs);
    ft_arena_fini(&q->texts);
    free(q);
}

void ft_sql_horizon(ft_sql *q, ft_order order, int64_t until, const char *key) {
    q->pure = until != INT64_MAX;
    q->order = order;
    q->until = until;
    ft_arena_reset(&q->texts);
    q->key = (ft_str){ 0 };
    if (key && ft_arena_str(&q->key, &q->texts, ft_str_of(key)) != FT_OK)
        q->key = FT_STR(""); /* no memory for the name: nothing is shown rather than everything */
}

void ft_sql_limit(ft_sql *q, int64_t time_us) { q->limit_us = time_us; }

/* ---- running ---- */

static ft_err fail(ft_sql *q, int code, bool preparing) {
    const char *why = sqlite3_errmsg(q->db);
    if (q->failed != FT_OK) return FT_FAIL(q->failed, "%s", ft_err_why());
    if (q->denied[0]) return FT_FAIL(FT_EDENIED, "%s", q->denied);
    switch (code & 0xff) {
    case SQLITE_AUTH:
    case SQLITE_READONLY:
        return FT_FAIL(FT_EDENIED, "this session only reads: %s", why);
    case SQLITE_INTERRUPT:
        if (q->timed_out)
            return FT_FAIL(FT_ETIMEOUT, "the query was stopped after its limit of %.3g s",
                           (double)q->limit_us / 1e6);
        return FT_FAIL(FT_ECANCELED, "the query was stopped");
    case SQLITE_NOMEM:
        return FT_FAIL(FT_ENOMEM, "no memory for the query");
    case SQLITE_BUSY:
        return FT_FAIL(FT_EBUSY, "%s", why);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return FT_FAIL(FT_ECORRUPT, "%s", why);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return FT_FAIL(FT_EIO, "%s", why);
    default:
        return FT_FAIL(preparing ? FT_EPARSE : FT_EINVAL, "SQL: %s", why);
    }
}

static ft_err prepare(sqlite3_stmt **out, ft_sql *q, ft_str text) {
    const char *rest = NULL;
    *out = NULL;
    q->failed = FT_OK;
    q->denied[0] = '\0';
    if (text.len > INT32_MAX) return FT_FAIL(FT_ETOOBIG, "SQL: the text is too long");
    int code = ft_fault_here()
                   ? SQLITE_NOMEM
                   : sqlite3_prepare_v2(q->db, text.at ? text.at : "", (int)text.len, out, &rest);
    if (code != SQLITE_OK) return fail(q, code, true);
    if (!*out) return FT_FAIL(FT_EPARSE, "SQL: there is no statement");
    /* what stands behind must be blank or comment: prepare it to see */
    sqlite3_stmt *more = NULL;
    code = sqlite3_prepare_v2(q->db, rest, (int)(text.at + text.len - rest), &more, NULL);
    sqlite3_finalize(more);
    if (code == SQLITE_OK && !more) return FT_OK;
    sqlite3_finalize(*out);
    *out = NULL;
    return FT_FAIL(FT_EPARSE, "SQL: expected one statement, found more after the semicolon");
}

static int bind_value(sqlite3_stmt *stmt, int i, const ft_value *v) {
    switch (v->type) {
    case FT_VALUE_INT:
        return sqlite3_bind_int64(stmt, i, v->i);
    case FT_VALUE_F64:
        return sqlite3_bind_double(stmt, i, v->f);
    case FT_VALUE_TEXT:
        return sqlite3_bind_text64(stmt, i, v->s.at, v->s.len, SQLITE_STATIC, SQLITE_UTF8);
    case FT_VALUE_BLOB:
        return sqlite3_bind_blob64(stmt, i, v->s.at, v->s.len, SQLITE_STATIC);
    default:
        return sqlite3_bind_null(stmt, i);
    }
}

static ft_err bind(ft_sql *q, sqlite3_stmt *stmt, const ft_sql_param *params, size_t count) {
    for (size_t p = 0; p < count; p++) {
        char name[PARAM_NAME];
        if (snprintf(name, sizeof name, ":%s", params[p].name) >= (int)sizeof name)
            return FT_FAIL(FT_EINVAL, "SQL: the parameter name '%.20s…' is too long",
                           params[p].name);
        int i = sqlite3_bind_parameter_index(stmt, name);
        if (i == 0) continue;
        int code = bind_value(stmt, i, &params[p].value);
        if (code != SQLITE_OK) return fail(q, code, false);
    }
    return FT_OK;
}

static ft_value value_of(sqlite3_stmt *stmt, int i) {
    ft_value v = { 0 };
    switch (sqlite3_column_type(stmt, i)) {
    case SQLITE_INTEGER:
        return ft_value_int(sqlite3_column_int64(stmt, i));
    case SQLITE_FLOAT:
        return ft_value_f64(sqlite3_column_double(stmt, i));
    case SQLITE_NULL:
        return v;
    case SQLITE_TEXT:
        v.type = FT_VALUE_TEXT;
        v.s.at = (const char *)sqlite3_column_text(stmt, i);
        break;
    default:
        v.type = FT_VALUE_BLOB;
        v.s.at = sqlite3_column_blob(stmt, i);
        break;
    }
    if (!v.s.at) v.s.at = "";
    v.s.len = (size_t)sqlite3_column_bytes(stmt, i);
    return v;
}

static ft_err step_all(ft_sql *q, sqlite3_stmt *stmt, ft_sql_row row, void *ctx) {
    int columns = sqlite3_column_count(stmt), code;
    ft_err err = FT_OK;
    const char **names = calloc((size_t)columns + 1, sizeof *names);
    ft_value *values = calloc((size_t)columns + 1, sizeof *values);
    if (!names || !values || ft_fault_here())
        FT_GOTO(err, FT_FAIL(FT_ENOMEM, "no memory for the query"));
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (!row) continue;
        /* Not before the first step: that may prepare the statement anew, and the names move; with
         * "*" over a table that just changed, their number as well. */
        if (columns > sqlite3_column_count(stmt)) columns = sqlite3_column_count(stmt);
        for (int i = 0; i < columns; i++) names[i] = sqlite3_column_name(stmt, i);
        for (int i = 0; i < columns; i++) values[i] = value_of(stmt, i);
        FT_GOTO(err, row(ctx, columns, names, values));
    }
    if (code != SQLITE_DONE) FT_GOTO(err, fail(q, code, false));
done:
    free(names);
    free(values);
    return err;
}

ft_err ft_sql_run(ft_sql *q, ft_str text, const ft_sql_param *params, size_t count, ft_sql_row row,
                  void *ctx) {
    sqlite3_stmt *stmt;
    FT_TRY(prepare(&stmt, q, text));
    q->timed_out = false;
    q->deadline_us = q->limit_us > 0 ? ft_clock_monotonic_us() + q->limit_us : INT64_MAX;
    ft_err err = bind(q, stmt, params, count);
    if (err == FT_OK) err = step_all(q, stmt, row, ctx);
    sqlite3_finalize(stmt);
    q->deadline_us = INT64_MAX;
    return err;
}

ft_err ft_sql_columns(ft_str **names, int *count, ft_sql *q, ft_arena *arena, ft_str text) {
    sqlite3_stmt *stmt;
    *names = NULL;
    *count = 0;
    FT_TRY(prepare(&stmt, q, text));
    int columns = sqlite3_column_count(stmt);
    ft_err err = ft_arena_items(names, arena, (size_t)columns);
    for (int i = 0; i < columns && err == FT_OK; i++)
        err = ft_arena_str(&(*names)[i], arena, ft_str_of(sqlite3_column_name(stmt, i)));
    sqlite3_finalize(stmt);
    if (err == FT_OK) *count = columns;
    return err;
}
