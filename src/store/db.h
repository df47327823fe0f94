/* db.h -- the metadata database: small facts as rows (jobs, endpoints, verdicts, alerts, lineage).
 * SQLite in WAL mode.
 *
 * Each room owns its tables and brings them as numbered steps; the database keeps each room's
 * version.
 *
 * Formats: values are bound and read by one letter each:
 *     i int64_t   n int   d double   s ft_str as text   b ft_str as blob   t const char *
 * A view with at == NULL and a NULL pointer are null; when reading, "-" skips a column. C does not
 * convert arguments after "...": cast literals, `(int64_t)0` for 'i', or use 'n'.
 *
 * Durability: a commit survives a killed process. It survives a power cut when ft_db_durable was
 * called in it, else when a later durable commit or checkpoint (4 MB of changes) follows; the
 * database is never torn.
 *
 * Threads:   one connection, one thread at a time (open another for another thread). A writer
 *            waits up to 10 s for another process's transaction, then FT_EBUSY.
 * Ownership: strings that are bound are copied or used up before the call returns. */
#ifndef FT_DB_H
#define FT_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

typedef struct ft_db ft_db;
typedef struct ft_rows ft_rows;

/* Open or make. FT_EDENIED when it cannot be written, FT_ECORRUPT when the file is no database. */
ft_err ft_db_open(ft_db **out, const char *path);
void ft_db_close(ft_db *db); /* fine on NULL; an open transaction is rolled back */
const char *ft_db_path(const ft_db *db);

/* Bring `room`'s tables to version `count`: runs the steps that are not yet applied, in one
 * transaction. FT_ECONFLICT when the database is newer than this program. */
ft_err ft_db_migrate(ft_db *db, const char *room, const char *const *steps, int count);

/* Run one statement. Statements are prepared once and cached by the address of `sql`: a literal. A
 * text in reused memory works too, at the price of preparing it again. FT_EEXIST for a key that is
 * taken, FT_ECONFLICT for another broken constraint, FT_EBUSY, FT_ENOSPC … */
ft_err ft_db_run(ft_db *db, const char *sql, const char *format, ...);
int64_t ft_db_changes(ft_db *db); /* rows changed by the last run */
int64_t ft_db_last_id(ft_db *db);

/* Query:  FT_TRY(ft_db_query(&rows, db, "select name, size from object where bucket = ?", "s",
 *                            bucket));
 *         while (ft_rows_next(rows)) ft_rows_read(rows, "si", &name, &size);
 *         FT_TRY(ft_rows_end(rows));
 * Texts are borrowed until the next ft_rows_next. A null reads as 0, 0.0, NULL or a view with
 * at == NULL. Outside a transaction do not write on the same connection while rows are open: their
 * snapshot may be too old to write on (FT_EBUSY at once). */
ft_err ft_db_query(ft_rows **out, ft_db *db, const char *sql, const char *format, ...);
bool ft_rows_next(ft_rows *rows);
void ft_rows_read(ft_rows *rows, const char *format, ...);
ft_err ft_rows_end(ft_rows *rows); /* always call; gives the failure that ended the loop, if any */
/* The first row of a query into variables: arguments for `in`, then addresses for `out_format`.
 * FT_ENOTFOUND without a trail when there is none. Texts are copied to `arena`, which may be NULL
 * when none is read. */
ft_err ft_db_one(ft_db *db, ft_arena *arena, const char *sql, const char *in,
                 const char *out_format, ...);

/* Transactions nest by counting; a rollback inside rolls the whole back, and everything after it
 * fails until the outermost level has ended. A failed commit has rolled back. */
ft_err ft_db_begin(ft_db *db); /* immediate: takes the write lock now */
ft_err ft_db_commit(ft_db *db);
void ft_db_rollback(ft_db *db);
/* In a transaction: the commit of the outermost level puts it on the disk (0.1 ms and more). */
void ft_db_durable(ft_db *db);
/* Changes whenever any connection commits: for cheap polling. */
ft_err ft_db_version(int64_t *out, ft_db *db);

#endif
