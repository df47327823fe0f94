/* db_in.h -- the connection as its own two files see it: db.c (open, transactions, versions) and
 * db_rows.c (statements). */
#ifndef FT_DB_IN_H
#define FT_DB_IN_H

#include <sqlite3.h>

#include "store/db.h"

#define FT_DB_CACHE_SLOTS 256 /* a program uses about a hundred statements */
#define FT_DB_CACHE_WAYS  4   /* places that one statement may have */

struct ft_rows {
    ft_db *db;
    sqlite3_stmt *stmt;
    ft_err err;
    bool busy;        /* handed out and not ended */
    const char *text; /* address of its SQL when it lives in the cache; NULL: freed when it ends */
};

typedef struct ft_db_shared ft_db_shared;

struct ft_db {
    sqlite3 *sqlite;
    ft_db_shared *shared;
    bool queued; /* it holds the process' place among writers */
    char *path;
    int depth;      /* of nested transactions */
    bool durable;   /* sync when the outermost one commits */
    ft_rows *slots; /* FT_DB_CACHE_SLOTS: the cache of statements */
};

/* Turn a result code of SQLite into a failure with its sentence; `sql` may be NULL. */
ft_err ft_db_fail(ft_db *db, int code, const char *sql) __attribute__((cold));
/* ---- db_shared.c: one a database file and process */
ft_err ft_db_shared_open(ft_db_shared **out, const char *path);
void ft_db_shared_close(ft_db_shared *s); /* fine on NULL */
/* Wait for one's turn to write; false when it did not come in time. */
bool ft_db_queue(ft_db_shared *s);
void ft_db_leave(ft_db_shared *s);
/* Everything committed so far is on disk when this returns FT_OK; `sync` is called by one of those
 * who wait. */
ft_err ft_db_sync_shared(ft_db_shared *s, ft_err (*sync)(ft_db *db), ft_db *db);

/* Is there a transaction by our count that SQLite has already rolled back? */
bool ft_db_broken(const ft_db *db);

#endif
