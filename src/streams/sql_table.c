/* sql_table.c -- a kind of streams as an SQLite virtual table. See stream.h.
 *
 * Eponymous: nothing is created, the module's name is the table. Columns: the key, the kind's, and
 * hidden raw, segment and offset. What is pushed down: equality on the key, bounds of the order
 * column, the order itself, and which columns are needed. SQLite checks the bounds again, so a
 * bound may be handed down wider than it is. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "streams/sql_in.h"

#define KEY_COLUMN       0
#define ROWS_GUESSED     1e6 /* of a table nobody has counted; only the ratios matter */
#define KEY_SELECTS      100.0
#define BOUND_SELECTS    4.0
#define ARGS_MAX         16
#define INDEX_TEXT_BYTES (ARGS_MAX + 24)

typedef struct module {
    ft_sql *q;
    const ft_stream_kind *kind;
} module;

typedef struct table {
    sqlite3_vtab base;
    module *m;
    int columns; /* of the kind: raw is column columns + 1 */
} table;

typedef struct scan {
    sqlite3_vtab_cursor base;
    ft_cursor *cursor; /* NULL: nothing can match */
    ft_record record;
    bool eof;
    int64_t row;
} scan;

/* ---- the table ---- */

static const char *sql_type(ft_value_type type) {
    switch (type) {
    case FT_VALUE_INT:
        return "integer";
    case FT_VALUE_F64:
        return "real";
    case FT_VALUE_BLOB:
        return "blob";
    default:
        return "text";
    }
}

static int connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out,
                   char **why) {
    FT_UNUSED(argc);
    FT_UNUSED(argv);
    module *m = aux;
    sqlite3_str *text = sqlite3_str_new(db);
    sqlite3_str_appendf(text, "create table t (\"%w\" text", m->kind->key);
    for (const ft_column *c = m->kind->columns; c->name; c++)
        sqlite3_str_appendf(text, ", \"%w\" %s", c->name, sql_type(c->type));
    sqlite3_str_appendall(text,
                          ", raw text hidden, segment text hidden, \"offset\" integer hidden)");
    char *sql = sqlite3_str_finish(text);
    int code = sql && !ft_fault_here() ? sqlite3_declare_vtab(db, sql) : SQLITE_NOMEM;
    sqlite3_free(sql);
    if (code != SQLITE_OK) *why = sqlite3_mprintf("%s", sqlite3_errmsg(db));
    if (code != SQLITE_OK) return code;
    table *t = sqlite3_malloc(sizeof *t);
    if (!t) return SQLITE_NOMEM;
    *t = (table){ .m = m, .columns = ft_stream_columns(m->kind) };
    *out = &t->base;
    return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *base) {
    sqlite3_free(base);
    return SQLITE_OK;
}

/* ---- planning: the index text has a letter an argument and then the columns needed, in hex ----
 */

static char bound_letter(unsigned char op) {
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
        return '=';
    case SQLITE_INDEX_CONSTRAINT_GT:
    case SQLITE_INDEX_CONSTRAINT_GE:
        return '>';
    case SQLITE_INDEX_CONSTRAINT_LT:
    case SQLITE_INDEX_CONSTRAINT_LE:
        return '<';
    default:
        return '\0';
    }
}

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info) {
    table *t = (table *)base;
    char text[INDEX_TEXT_BYTES];
    int order = t->m->kind->order_column + 1, args = 0;
    double rows = ROWS_GUESSED;
    for (int i = 0; i < info->nConstraint && args < ARGS_MAX; i++) {
        const struct sqlite3_index_constraint *c = &info->aConstraint[i];
        char letter = c->iColumn == order ? bound_letter(c->op) : '\0';
        if (c->iColumn == KEY_COLUMN && c->op == SQLITE_INDEX_CONSTRAINT_EQ &&
            strcmp(sqlite3_vtab_collation(info, i), "BINARY") == 0)
            letter = 'k';
        if (!letter || !c->usable) continue;
        info->aConstraintUsage[i].argvIndex = args + 1;
        text[args++] = letter;
        rows /= letter == 'k' ? KEY_SELECTS : BOUND_SELECTS;
    }
    snprintf(text + args, sizeof text - (size_t)args, ":%llx", (unsigned long long)info->colUsed);
    info->idxStr = sqlite3_mprintf("%s", text);
    if (!info->idxStr) return SQLITE_NOMEM;
    info->needToFreeIdxStr = 1;
    info->estimatedRows = (sqlite3_int64)rows + 1;
    info->estimatedCost = rows + 10;
    info->orderByConsumed =
        info->nOrderBy == 1 && info->aOrderBy[0].iColumn == order && !info->aOrderBy[0].desc;
    return SQLITE_OK;
}

/* ---- scanning ---- */

static int failed(table *t, ft_err err) {
    t->m->q->failed = err;
    sqlite3_free(t->base.zErrMsg);
    t->base.zErrMsg = sqlite3_mprintf("%s", ft_err_why());
    return SQLITE_ERROR;
}

static int open_scan(sqlite3_vtab *base, sqlite3_vtab_cursor **out) {
    FT_UNUSED(base);
    scan *s = ft_fault_here() ? NULL : sqlite3_malloc(sizeof *s);
    if (!s) return SQLITE_NOMEM;
    *s = (scan){ .eof = true };
    *out = &s->base;
    return SQLITE_OK;
}

static int close_scan(sqlite3_vtab_cursor *base) {
    scan *s = (scan *)base;
    ft_cursor_close(s->cursor);
    sqlite3_free(s);
    return SQLITE_OK;
}

static int next(sqlite3_vtab_cursor *base) {
    scan *s = (scan *)base;
    ft_err err = s->cursor ? ft_cursor_next(s->cursor, &s->record) : FT_ENOTFOUND;
    s->row++;
    s->eof = err != FT_OK;
    return err == FT_OK || err == FT_ENOTFOUND ? SQLITE_OK : failed((table *)base->pVtab, err);
}

/* The range of orders for a bound; wider where the value is no integer. */
static void narrow(int64_t *from, int64_t *until, char letter, sqlite3_value *v) {
    int type = sqlite3_value_numeric_type(v);
    int64_t low, high;
    if (type == SQLITE_INTEGER) {
        low = high = sqlite3_value_int64(v);
    } else if (type == SQLITE_FLOAT) {
        double d = sqlite3_value_double(v);
        if (!(fabs(d) < 9e18)) return;
        low = (int64_t)floor(d);
        high = (int64_t)ceil(d);
    } else {
        return;
    }
    if (letter != '<' && low > *from) *from = low;
    if (letter != '>' && high < INT64_MAX && high + 1 < *until) *until = high + 1;
}

/* The key that is asked for; false: none can be. */
static bool take_key(ft_str *key, sqlite3_value *v) {
    const void *at = sqlite3_value_text(v);
    ft_str asked = { at, (size_t)sqlite3_value_bytes(v) };
    if (!at || (key->at && !ft_str_eq(*key, asked))) return false;
    *key = asked;
    return true;
}

/* Columns that are needed, as the cursor counts them. */
static uint64_t wanted_of(const char *hex, int columns) {
    uint64_t used = strtoull(hex, NULL, 16);
    uint64_t mask = (used >> 1) & (((uint64_t)1 << columns) - 1);
    return mask; /* the order column is added by the cursor */
}

static int filter(sqlite3_vtab_cursor *base, int number, const char *text, int argc,
                  sqlite3_value **argv) {
    FT_UNUSED(number);
    scan *s = (scan *)base;
    table *t = (table *)base->pVtab;
    const ft_sql *q = t->m->q;
    const ft_stream_kind *kind = t->m->kind;
    int64_t from = INT64_MIN, until = q->pure ? q->until : INT64_MAX;
    ft_cursor_opts opts = { .key = q->key };
    bool possible = true;
    for (int i = 0; i < argc; i++)
        if (text[i] == 'k')
            possible = possible && take_key(&opts.key, argv[i]);
        else
            narrow(&from, &until, text[i], argv[i]);
    opts.wanted = wanted_of(text + argc + 1, t->columns) | (uint64_t)1 << kind->order_column;
    if (from != INT64_MIN || until != INT64_MAX) {
        opts.from = from;
        opts.until = until;
    }
    ft_cursor_close(s->cursor);
    s->cursor = NULL;
    s->row = 0;
    if (possible && from < until) {
        ft_err err = ft_cursor_open(&s->cursor, q->s, kind, &opts);
        if (err != FT_OK) return failed(t, err);
    }
    return next(base);
}

static int eof(sqlite3_vtab_cursor *base) { return ((scan *)base)->eof; }

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out) {
    *out = ((scan *)base)->row;
    return SQLITE_OK;
}

static void result_text(sqlite3_context *ctx, ft_str s) {
    sqlite3_result_text64(ctx, s.at ? s.at : "", s.len, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static void result_value(sqlite3_context *ctx, const ft_value *v) {
    switch (v->type) {
    case FT_VALUE_NULL:
        sqlite3_result_null(ctx);
        break;
    case FT_VALUE_INT:
        sqlite3_result_int64(ctx, v->i);
        break;
    case FT_VALUE_F64:
        sqlite3_result_double(ctx, v->f);
        break;
    case FT_VALUE_TEXT:
        result_text(ctx, v->s);
        break;
    case FT_VALUE_BLOB:
        sqlite3_result_blob64(ctx, v->s.at ? v->s.at : "", v->s.len, SQLITE_TRANSIENT);
        break;
    }
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int i) {
    const scan *s = (const scan *)base;
    int columns = ((const table *)base->pVtab)->columns;
    if (i == KEY_COLUMN) {
        result_text(ctx, s->record.key);
    } else if (i <= columns) {
        result_value(ctx, &s->record.values[i - 1]);
    } else if (i == columns + 1) {
        if (s->record.raw.len) result_text(ctx, s->record.raw);
    } else if (i == columns + 2) {
        result_text(ctx, s->record.segment);
    } else {
        sqlite3_result_int64(ctx, (int64_t)s->record.offset);
    }
    return SQLITE_OK;
}

static const sqlite3_module stream_module = {
    .xConnect = connect, /* no xCreate: eponymous only */
    .xBestIndex = best_index,
    .xDisconnect = disconnect,
    .xOpen = open_scan,
    .xClose = close_scan,
    .xFilter = filter,
    .xNext = next,
    .xEof = eof,
    .xColumn = column,
    .xRowid = rowid,
};

ft_err ft_sql_table_add(ft_sql *q, const ft_stream_kind *kind) {
    module *m = ft_fault_here() ? NULL : malloc(sizeof *m);
    if (!m) return FT_FAIL(FT_ENOMEM, "no memory for table '%s'", kind->name);
    *m = (module){ q, kind };
    /* frees m also when it fails */
    int code = sqlite3_create_module_v2(q->db, kind->name, &stream_module, m, free);
    if (code == SQLITE_OK) return FT_OK;
    return FT_FAIL(FT_ENOMEM, "no table '%s': %s", kind->name, sqlite3_errmsg(q->db));
}
