/* settings.c -- see settings.h. */
#include "store/settings.h"

#include "base/check.h"
#include "store/db.h"

static const char *const steps[] = {
    "create table setting (name text primary key, value text not null) without rowid",
};

static ft_err table(ft_db **out, ft_store *s) {
    *out = ft_store_db(s);
    return ft_db_migrate(*out, "setting", steps, (int)FT_COUNT(steps));
}

ft_err ft_setting_get(ft_str *out, ft_store *s, ft_arena *arena, const char *name) {
    ft_db *db;
    *out = FT_STR("");
    FT_TRY(table(&db, s));
    ft_err err =
        ft_db_one(db, arena, "select value from setting where name = ?", "t", "s", name, out);
    if (err != FT_ENOTFOUND) return err;
    ft_err_clear();
    *out = FT_STR("");
    return FT_OK;
}

ft_err ft_setting_put(ft_store *s, const char *name, ft_str value) {
    ft_db *db;
    FT_TRY(table(&db, s));
    return ft_db_run(db, "insert or replace into setting (name, value) values (?, ?)", "ts", name,
                     value);
}

ft_err ft_setting_remove(ft_store *s, const char *name) {
    ft_db *db;
    FT_TRY(table(&db, s));
    return ft_db_run(db, "delete from setting where name = ?", "t", name);
}
