/* db_rows.c -- statements: the cache, binding and reading by format, queries. See db.h. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "store/db_in.h"

/* ---- preparing ---- */

static ft_err prepare(sqlite3_stmt **out, ft_db *db, const char *sql, bool keep) {
    const char *rest = "";
    if (ft_fault_here()) return ft_db_fail(db, SQLITE_IOERR, sql);
    int code =
        sqlite3_prepare_v3(db->sqlite, sql, -1, keep ? SQLITE_PREPARE_PERSISTENT : 0, out, &rest);
    if (code != SQLITE_OK) return ft_db_fail(db, code, sql);
    FT_CHECK(*out && !*rest); /* one statement, not none and not two */
    return FT_OK;
}

/* The statement's place in the cache: where it is, else a free place of the few it may have, else
 * one that nobody runs now; NULL when all are running, this very statement among them maybe. */
static ft_rows *place_of(ft_db *db, const char *sql) {
    size_t first = (size_t)(((uint64_t)(uintptr_t)sql * 0x9e3779b97f4a7c15u) >> 32);
    ft_rows *idle = NULL;
    for (size_t k = 0; k < FT_DB_CACHE_WAYS; k++) {
        size_t i = (first + k) % FT_DB_CACHE_SLOTS;
        ft_rows *rows = &db->slots[i];
        if (rows->text == sql) return rows->busy ? NULL : rows;
        if (!rows->busy && (!idle || (idle->stmt && !rows->stmt))) idle = rows;
    }
    return idle;
}

static ft_err take_uncached(ft_rows **out, ft_db *db, const char *sql) {
    ft_rows *rows = ft_fault_here() ? NULL : calloc(1, sizeof *rows);
    if (!rows) return FT_FAIL(FT_ENOMEM, "no memory for a query");
    ft_err err = prepare(&rows->stmt, db, sql, false);
    if (err != FT_OK) {
        free(rows);
        return err;
    }
    *out = rows;
    return FT_OK;
}

static ft_err take(ft_rows **out, ft_db *db, const char *sql) {
    *out = NULL;
    if (ft_db_broken(db))
        return FT_FAIL(FT_ECONFLICT, "database '%s': the transaction was rolled back", db->path);
    ft_rows *rows = place_of(db, sql);
    if (!rows) {
        FT_TRY(take_uncached(&rows, db, sql));
    } else if (rows->text != sql || strcmp(sqlite3_sql(rows->stmt), sql) != 0) {
        sqlite3_finalize(rows->stmt);
        *rows = (ft_rows){ 0 };
        FT_TRY(prepare(&rows->stmt, db, sql, true));
        rows->text = sql;
    }
    rows->db = db;
    rows->err = FT_OK;
    rows->busy = true;
    *out = rows;
    return FT_OK;
}

/* Give it back; returns what went wrong since `take`. */
static ft_err give(ft_rows *rows) {
    ft_err err = rows->err;
    if (rows->text) {
        sqlite3_reset(rows->stmt);
        sqlite3_clear_bindings(rows->stmt);
        rows->busy = false;
    } else {
        sqlite3_finalize(rows->stmt);
        free(rows);
    }
    return err;
}

/* ---- values ---- */

static int bind_bytes(sqlite3_stmt *stmt, int i, ft_str s, bool text, bool copy) {
    sqlite3_destructor_type life = copy ? SQLITE_TRANSIENT : SQLITE_STATIC;
    if (!s.at) return sqlite3_bind_null(stmt, i);
    if (text) return sqlite3_bind_text64(stmt, i, s.at, s.len, life, SQLITE_UTF8);
    return sqlite3_bind_blob64(stmt, i, s.at, s.len, life);
}

static ft_err bind(ft_rows *rows, const char *format, va_list *ap, bool copy) {
    FT_CHECK(sqlite3_bind_parameter_count(rows->stmt) == (int)strlen(format));
    for (int i = 1; format[i - 1]; i++) {
        int code = SQLITE_OK;
        switch (format[i - 1]) {
        case 'i':
            code = sqlite3_bind_int64(rows->stmt, i, va_arg(*ap, int64_t));
            break;
        case 'n':
            code = sqlite3_bind_int(rows->stmt, i, va_arg(*ap, int));
            break;
        case 'd':
            code = sqlite3_bind_double(rows->stmt, i, va_arg(*ap, double));
            break;
        case 's':
            code = bind_bytes(rows->stmt, i, va_arg(*ap, ft_str), true, copy);
            break;
        case 'b':
            code = bind_bytes(rows->stmt, i, va_arg(*ap, ft_str), false, copy);
            break;
        case 't':
            code = bind_bytes(rows->stmt, i, ft_str_of(va_arg(*ap, const char *)), true, copy);
            break;
        default:
            FT_CHECK(!"a letter of a format");
        }
        if (code != SQLITE_OK) return ft_db_fail(rows->db, code, sqlite3_sql(rows->stmt));
    }
    return FT_OK;
}

static ft_str bytes_of(sqlite3_stmt *stmt, int i, bool text) {
    if (sqlite3_column_type(stmt, i) == SQLITE_NULL) return (ft_str){ 0 };
    const void *at =
        text ? (const void *)sqlite3_column_text(stmt, i) : sqlite3_column_blob(stmt, i);
    return (ft_str){ at ? at : "", (size_t)sqlite3_column_bytes(stmt, i) };
}

/* With an arena texts are copied there. */
static ft_err read_row(ft_rows *rows, ft_arena *arena, const char *format, va_list *ap) {
    FT_CHECK(sqlite3_column_count(rows->stmt) == (int)strlen(format));
    for (int i = 0; format[i]; i++) {
        switch (format[i]) {
        case 'i':
            *va_arg(*ap, int64_t *) = sqlite3_column_int64(rows->stmt, i);
            break;
        case 'n':
            *va_arg(*ap, int *) = sqlite3_column_int(rows->stmt, i);
            break;
        case 'd':
            *va_arg(*ap, double *) = sqlite3_column_double(rows->stmt, i);
            break;
        case 's':
        case 'b':
        case 't': {
            ft_str s = bytes_of(rows->stmt, i, format[i] != 'b');
            if (arena && s.at) FT_TRY(ft_arena_str(&s, arena, s));
            if (format[i] == 't')
                *va_arg(*ap, const char **) = s.at;
            else
                *va_arg(*ap, ft_str *) = s;
            break;
        }
        case '-':
            break;
        default:
            FT_CHECK(!"a letter of a format");
        }
    }
    return FT_OK;
}

/* ---- running ---- */

ft_err ft_db_run(ft_db *db, const char *sql, const char *format, ...) {
    ft_rows *rows;
    FT_TRY(take(&rows, db, sql));
    va_list ap;
    va_start(ap, format);
    rows->err = bind(rows, format, &ap, false);
    va_end(ap);
    if (rows->err == FT_OK)
        while (ft_rows_next(rows)) {
        }
    return give(rows);
}

int64_t ft_db_changes(ft_db *db) { return sqlite3_changes64(db->sqlite); }
int64_t ft_db_last_id(ft_db *db) { return sqlite3_last_insert_rowid(db->sqlite); }

ft_err ft_db_query(ft_rows **out, ft_db *db, const char *sql, const char *format, ...) {
    *out = NULL;
    ft_rows *rows;
    FT_TRY(take(&rows, db, sql));
    va_list ap;
    va_start(ap, format);
    rows->err = bind(rows, format, &ap, true);
    va_end(ap);
    if (rows->err != FT_OK) return give(rows);
    *out = rows;
    return FT_OK;
}

bool ft_rows_next(ft_rows *rows) {
    if (rows->err != FT_OK) return false;
    int code = ft_fault_here() ? SQLITE_IOERR : sqlite3_step(rows->stmt);
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) rows->err = ft_db_fail(rows->db, code, sqlite3_sql(rows->stmt));
    return false;
}

void ft_rows_read(ft_rows *rows, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    read_row(rows, NULL, format, &ap);
    va_end(ap);
}

ft_err ft_rows_end(ft_rows *rows) { return give(rows); }

ft_err ft_db_one(ft_db *db, ft_arena *arena, const char *sql, const char *in,
                 const char *out_format, ...) {
    FT_CHECK(arena || !strpbrk(out_format, "sbt"));
    ft_rows *rows;
    bool found = false;
    FT_TRY(take(&rows, db, sql));
    va_list ap;
    va_start(ap, out_format);
    rows->err = bind(rows, in, &ap, false);
    if (rows->err == FT_OK && (found = ft_rows_next(rows)))
        rows->err = read_row(rows, arena, out_format, &ap);
    va_end(ap);
    FT_TRY(give(rows));
    return found ? FT_OK : FT_ENOTFOUND;
}
