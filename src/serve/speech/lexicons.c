/* lexicons.c -- see lexicons.h. */
#include "serve/speech/lexicons.h"

#include "base/check.h"
#include "store/db.h"

static const char *const steps[] = {
    "create table speech_lexicon (name text primary key, content text not null, alphabet text not"
    " null, lang text not null, lexemes integer not null, chars integer not null, modified_us"
    " integer not null) without rowid",
};

static ft_err table(ft_db **out, ft_store *s) {
    *out = ft_store_db(s);
    return ft_db_migrate(*out, "lexicon", steps, (int)FT_COUNT(steps));
}

bool ft_lexicon_name_valid(ft_str name) {
    if (name.len < 1 || name.len > FT_LEXICON_NAME_BYTES_MAX) return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
            return false;
    }
    return true;
}

static ft_err put(ft_db *db, const ft_lexicon_row *row) {
    int64_t others;
    FT_TRY(ft_db_one(db, NULL, "select count(*) from speech_lexicon where name <> ?", "s", "i",
                     row->name, &others));
    if (others >= FT_LEXICONS_MAX)
        return FT_FAIL(FT_EFULL, "there are %d lexicons already; remove one first",
                       FT_LEXICONS_MAX);
    return ft_db_run(db,
                     "insert or replace into speech_lexicon (name, content, alphabet, lang,"
                     " lexemes, chars, modified_us) values (?, ?, ?, ?, ?, ?, ?)",
                     "ssssiii", row->name, row->content, row->alphabet, row->lang, row->lexemes,
                     row->chars, row->modified_us);
}

ft_err ft_lexicon_put(ft_store *s, const ft_lexicon_row *row) {
    ft_db *db;
    FT_TRY(table(&db, s));
    FT_TRY(ft_db_begin(db));
    ft_err err = put(db, row);
    if (err == FT_OK) return ft_db_commit(db);
    ft_db_rollback(db);
    return err;
}

ft_err ft_lexicon_get(ft_lexicon_row *out, ft_store *s, ft_arena *arena, ft_str name) {
    ft_db *db;
    FT_TRY(table(&db, s));
    *out = (ft_lexicon_row){ .name = name };
    return ft_db_one(db, arena,
                     "select content, alphabet, lang, lexemes, chars, modified_us"
                     " from speech_lexicon where name = ?",
                     "s", "sssiii", name, &out->content, &out->alphabet, &out->lang, &out->lexemes,
                     &out->chars, &out->modified_us);
}

static ft_err row_copy(ft_lexicon_row *row, ft_arena *arena) {
    FT_TRY(ft_arena_str(&row->name, arena, row->name));
    FT_TRY(ft_arena_str(&row->alphabet, arena, row->alphabet));
    return ft_arena_str(&row->lang, arena, row->lang);
}

ft_err ft_lexicon_list(ft_lexicon_row **out, size_t *count, ft_store *s, ft_arena *arena) {
    ft_db *db;
    ft_rows *rows;
    ft_err err = FT_OK;
    *count = 0;
    FT_TRY(table(&db, s));
    FT_TRY(ft_arena_items(out, arena, FT_LEXICONS_MAX));
    FT_TRY(ft_db_query(&rows, db,
                       "select name, alphabet, lang, lexemes, chars, modified_us"
                       " from speech_lexicon order by name limit 100",
                       ""));
    while (err == FT_OK && *count < FT_LEXICONS_MAX && ft_rows_next(rows)) {
        ft_lexicon_row *row = &(*out)[(*count)++];
        ft_rows_read(rows, "sssiii", &row->name, &row->alphabet, &row->lang, &row->lexemes,
                     &row->chars, &row->modified_us);
        err = row_copy(row, arena);
    }
    ft_err end = ft_rows_end(rows);
    return err ? err : end;
}

ft_err ft_lexicon_remove(ft_store *s, ft_str name) {
    ft_db *db;
    FT_TRY(table(&db, s));
    FT_TRY(ft_db_run(db, "delete from speech_lexicon where name = ?", "s", name));
    return ft_db_changes(db) ? FT_OK : FT_ENOTFOUND;
}
