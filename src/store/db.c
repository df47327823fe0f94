/* db.c -- the connection: opening, failures in words, transactions, versions of tables. See db.h;
 * statements are in db_rows.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/fault.h"
#include "store/db_in.h"

#define BUSY_WAIT_US     10000000 /* how long a writer waits for another's transaction */
#define BUSY_STEP_US     50       /* first pause; a small transaction takes about 10 µs */
#define BUSY_STEP_MAX_US 5000
#define SQL_SHOWN_MAX    120 /* of a statement in an error */
#define CACHE_KIB        "-8000"

/* ---- failures ---- */

static ft_err err_of_sqlite(int code) {
    switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return FT_EEXIST;
    }
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return FT_EBUSY;
    case SQLITE_FULL:
        return FT_ENOSPC;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return FT_EDENIED;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return FT_ECORRUPT;
    case SQLITE_CONSTRAINT:
        return FT_ECONFLICT;
    case SQLITE_NOMEM:
        return FT_ENOMEM;
    case SQLITE_TOOBIG:
        return FT_ETOOBIG;
    case SQLITE_INTERRUPT:
        return FT_ECANCELED;
    case SQLITE_ERROR:
    case SQLITE_RANGE:
    case SQLITE_MISMATCH:
        return FT_EINVAL;
    default:
        return FT_EIO;
    }
}

ft_err ft_db_fail(ft_db *db, int code, const char *sql) {
    /* the connection's own words, unless the failure is rehearsed and it knows nothing of it */
    int full = db->sqlite ? sqlite3_extended_errcode(db->sqlite) : SQLITE_OK;
    bool known = (full & 0xff) == (code & 0xff);
    const char *why = known ? sqlite3_errmsg(db->sqlite) : sqlite3_errstr(code);
    if (!known) full = code;
    if (!sql) return FT_FAIL(err_of_sqlite(full), "database '%s': %s", db->path, why);
    return FT_FAIL(err_of_sqlite(full), "database '%s': %s (in \"%.*s\")", db->path, why,
                   SQL_SHOWN_MAX, sql);
}

bool ft_db_broken(const ft_db *db) { return db->depth > 0 && sqlite3_get_autocommit(db->sqlite); }

/* ---- opening ---- */

/* SQLite's own waiting starts at 1 ms, a hundred times the length of our transactions. */
static int busy_wait(void *ctx, int tries) {
    FT_UNUSED(ctx);
    int64_t step = BUSY_STEP_US, waited = 0;
    for (int i = 0; i < tries; i++) {
        waited += step;
        if (step < BUSY_STEP_MAX_US) step *= 2;
    }
    if (waited >= BUSY_WAIT_US) return 0;
    struct timespec pause = { .tv_nsec = step * 1000 };
    nanosleep(&pause, NULL);
    return 1;
}

static ft_err execute(ft_db *db, const char *sql) {
    if (ft_fault_here()) return ft_db_fail(db, SQLITE_IOERR, sql);
    int code = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? FT_OK : ft_db_fail(db, code, sql);
}

/* Changing to WAL needs the file for itself for a moment and does not always ask the busy handler,
 * so two processes that make the same home try again. */
static ft_err set_wal(ft_db *db) {
    for (int tries = 0;; tries++) {
        ft_err err = execute(db, "pragma journal_mode=wal");
        if (err != FT_EBUSY || !busy_wait(NULL, tries)) return err;
        ft_err_clear();
    }
}

ft_err ft_db_open(ft_db **out, const char *path) {
    FT_CHECK(out && path);
    ft_err err = FT_OK;
    *out = NULL;
    ft_db *db = ft_fault_here() ? NULL : calloc(1, sizeof *db);
    if (!db) return FT_FAIL(FT_ENOMEM, "no memory to open database '%s'", path);
    db->path = strdup(path);
    db->slots = calloc(FT_DB_CACHE_SLOTS, sizeof *db->slots);
    if (!db->path || !db->slots)
        FT_GOTO(err, FT_FAIL(FT_ENOMEM, "no memory to open database '%s'", path));

    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int code = ft_fault_here() ? SQLITE_CANTOPEN : sqlite3_open_v2(path, &db->sqlite, flags, NULL);
    if (code != SQLITE_OK) FT_GOTO(err, ft_db_fail(db, code, NULL));
    sqlite3_extended_result_codes(db->sqlite, 1);
    sqlite3_busy_handler(db->sqlite, busy_wait, NULL);
    if (sqlite3_db_readonly(db->sqlite, "main") == 1)
        FT_GOTO(err, FT_FAIL(FT_EDENIED, "database '%s' is read-only", path));
    FT_GOTO(err, ft_db_shared_open(&db->shared, path));
    FT_GOTO(err, set_wal(db));
    FT_GOTO(err, execute(db, "pragma synchronous=normal; pragma foreign_keys=on;"
                             "pragma temp_store=memory; pragma cache_size=" CACHE_KIB));
    *out = db;
    db = NULL;
done:
    ft_db_close(db);
    return err;
}

void ft_db_close(ft_db *db) {
    if (!db) return;
    for (int i = 0; db->slots && i < FT_DB_CACHE_SLOTS; i++) {
        FT_CHECK(!db->slots[i].busy); /* somebody forgot ft_rows_end */
        sqlite3_finalize(db->slots[i].stmt);
    }
    sqlite3_close_v2(db->sqlite);
    ft_db_shared_close(db->shared);
    free(db->slots);
    free(db->path);
    free(db);
}

const char *ft_db_path(const ft_db *db) { return db->path; }

/* ---- transactions ---- */

static void leave(ft_db *db) {
    if (db->queued) ft_db_leave(db->shared);
    db->queued = false;
}

ft_err ft_db_begin(ft_db *db) {
    if (db->depth > 0) {
        if (ft_db_broken(db))
            return FT_FAIL(FT_ECONFLICT,
                           "database '%s': the transaction around this was rolled back", db->path);
        db->depth++;
        return FT_OK;
    }
    db->queued = ft_db_queue(db->shared);
    ft_err err = ft_db_run(db, "begin immediate", "");
    if (err != FT_OK) {
        leave(db);
        return err;
    }
    db->depth = 1;
    db->durable = false;
    return FT_OK;
}

/* SQLite in WAL mode with synchronous=normal leaves the log to the kernel; syncing it ourselves
 * makes one chosen commit durable without paying at every other. */
static ft_err sync_log(ft_db *db) {
    sqlite3_file *log = NULL;
    int code = sqlite3_file_control(db->sqlite, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (code == SQLITE_OK && log && log->pMethods)
        code = ft_fault_here() ? SQLITE_IOERR_FSYNC : log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
    return code == SQLITE_OK ? FT_OK
                             : FT_FAIL(FT_EIO, "database '%s': cannot sync its log: %s", db->path,
                                       sqlite3_errstr(code));
}

ft_err ft_db_commit(ft_db *db) {
    FT_CHECK(db->depth > 0);
    bool broken = ft_db_broken(db);
    if (--db->depth > 0) return FT_OK; /* a broken one is told by the outermost level */
    if (broken) {
        leave(db);
        return FT_FAIL(FT_ECONFLICT, "database '%s': the transaction was rolled back", db->path);
    }
    ft_err err = ft_db_run(db, "commit", "");
    if (err != FT_OK && !sqlite3_get_autocommit(db->sqlite))
        /* not by `run`: a rehearsed failure may hit it */
        sqlite3_exec(db->sqlite, "rollback", NULL, NULL, NULL);
    leave(db);
    if (err != FT_OK) return err;
    return db->durable ? ft_db_sync_shared(db->shared, sync_log, db) : FT_OK;
}

void ft_db_rollback(ft_db *db) {
    FT_CHECK(db->depth > 0);
    if (!ft_db_broken(db)) sqlite3_exec(db->sqlite, "rollback", NULL, NULL, NULL);
    if (--db->depth == 0) leave(db);
}

void ft_db_durable(ft_db *db) {
    FT_CHECK(db->depth > 0);
    db->durable = true;
}

ft_err ft_db_version(int64_t *out, ft_db *db) {
    int64_t others = 0;
    *out = 0;
    /* data_version counts what other connections commit; our own changes are counted beside it */
    FT_TRY(ft_db_one(db, NULL, "pragma data_version", "", "i", &others));
    *out = (int64_t)((uint64_t)others << 40) + sqlite3_total_changes64(db->sqlite);
    return FT_OK;
}

/* ---- versions of tables ---- */

static ft_err room_version(int *out, ft_db *db, const char *room) {
    *out = 0;
    ft_err err =
        ft_db_one(db, NULL, "select version from room_version where room = ?", "t", "n", room, out);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

static ft_err version_fits(int version, int count, ft_db *db, const char *room) {
    if (version <= count) return FT_OK;
    return FT_FAIL(
        FT_ECONFLICT,
        "database '%s' was written by a newer program: its tables of '%s' are of version "
        "%d, this program knows %d",
        db->path, room, version, count);
}

static ft_err migrate(ft_db *db, const char *room, const char *const *steps, int count) {
    int version;
    FT_TRY(room_version(&version, db, room));
    FT_TRY(version_fits(version, count, db, room));
    for (; version < count; version++) FT_TRY(execute(db, steps[version]));
    return ft_db_run(db,
                     "insert into room_version values (?1, ?2) "
                     "on conflict (room) do update set version = ?2",
                     "tn", room, count);
}

ft_err ft_db_migrate(ft_db *db, const char *room, const char *const *steps, int count) {
    int version, tables = 0;
    /* the usual case writes nothing, so that opening a home does not wait for writers */
    FT_TRY(ft_db_one(db, NULL, "select count(*) from sqlite_schema where name = 'room_version'", "",
                     "n", &tables));
    if (tables) {
        FT_TRY(room_version(&version, db, room));
        FT_TRY(version_fits(version, count, db, room));
        if (version == count) return FT_OK;
    }
    FT_TRY(ft_db_begin(db));
    ft_err err = ft_db_run(db,
                           "create table if not exists room_version"
                           "(room text primary key, version integer not null) without rowid",
                           "");
    if (err == FT_OK) err = migrate(db, room, steps, count);
    if (err != FT_OK) {
        ft_db_rollback(db);
        return err;
    }
    return ft_db_commit(db);
}
