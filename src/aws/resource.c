/* resource.c -- see resource.h. */
#include "aws/resource.h"

#include "base/check.h"
#include "base/clock.h"

static const char *const steps[] = {
    "create table aws_resource ("
    " kind text not null, name text not null, json text not null, note text not null default '',"
    " created_us integer not null, modified_us integer not null, primary key (kind, name))"
    " without rowid",
};

ft_err ft_aws_resource_prepare(ft_store *s) {
    return ft_db_migrate(ft_store_db(s), "aws_resource", steps, FT_COUNT(steps));
}

ft_err ft_aws_resource_add(ft_store *s, const char *kind, ft_str name, ft_str json, ft_str note) {
    int64_t now_us = ft_clock_now_us();
    FT_TRY(ft_db_run(ft_store_db(s),
                     "insert or ignore into aws_resource (kind, name, json, note, created_us,"
                     " modified_us) values (?, ?, ?, ?, ?, ?)",
                     "tsssii", kind, name, json, note, now_us, now_us));
    return ft_db_changes(ft_store_db(s)) ? FT_OK : FT_EEXIST;
}

ft_err ft_aws_resource_put(ft_store *s, const char *kind, ft_str name, ft_str json, ft_str note) {
    int64_t now_us = ft_clock_now_us();
    return ft_db_run(ft_store_db(s),
                     "insert into aws_resource (kind, name, json, note, created_us, modified_us)"
                     " values (?, ?, ?, ?, ?, ?) on conflict (kind, name) do update set"
                     " json = excluded.json, note = excluded.note,"
                     " modified_us = excluded.modified_us",
                     "tsssii", kind, name, json, note, now_us, now_us);
}

ft_err ft_aws_resource_get(ft_aws_resource *out, ft_store *s, ft_arena *arena, const char *kind,
                           ft_str name) {
    *out = (ft_aws_resource){ .kind = ft_str_of(kind), .name = name };
    return ft_db_one(ft_store_db(s), arena,
                     "select json, note, created_us, modified_us from aws_resource"
                     " where kind = ? and name = ?",
                     "ts", "ssii", kind, name, &out->json, &out->note, &out->created_us,
                     &out->modified_us);
}

static ft_err row_copy(ft_aws_resource *r, ft_arena *arena) {
    FT_TRY(ft_arena_str(&r->name, arena, r->name));
    FT_TRY(ft_arena_str(&r->json, arena, r->json));
    return ft_arena_str(&r->note, arena, r->note);
}

ft_err ft_aws_resource_list(ft_aws_resource **out, size_t *count, ft_store *s, ft_arena *arena,
                            const char *kind, ft_str head, ft_str after, size_t limit) {
    ft_rows *rows;
    ft_err err = FT_OK;
    size_t room = 0;
    *out = NULL, *count = 0;
    FT_TRY(ft_db_query(&rows, ft_store_db(s),
                       "select name, json, note, created_us, modified_us from aws_resource"
                       " where kind = ? and name > ? and substr(name, 1, length(?)) = ?"
                       " order by name limit ?",
                       "tsssi", kind, after.at ? after : FT_STR(""), head.at ? head : FT_STR(""),
                       head.at ? head : FT_STR(""), (int64_t)limit));
    while (err == FT_OK && ft_rows_next(rows)) {
        if ((err = ft_arena_grow(out, &room, arena, *count)) != FT_OK) break;
        ft_aws_resource *r = &(*out)[*count];
        r->kind = ft_str_of(kind);
        ft_rows_read(rows, "sssii", &r->name, &r->json, &r->note, &r->created_us, &r->modified_us);
        err = row_copy(r, arena);
        if (err == FT_OK) ++*count;
    }
    ft_err end = ft_rows_end(rows);
    return err ? err : end;
}

ft_err ft_aws_resource_remove(ft_store *s, const char *kind, ft_str name) {
    FT_TRY(ft_db_run(ft_store_db(s), "delete from aws_resource where kind = ? and name = ?", "ts",
                     kind, name));
    return ft_db_changes(ft_store_db(s)) ? FT_OK : FT_ENOTFOUND;
}
