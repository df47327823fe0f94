/* keys.c -- access keys: who may call. Rows of the metadata database, which only its owner may
 * read. */
#include "aws/aws.h"
#include "aws/keys_in.h"
#include "base/clock.h"
#include "base/random.h"

#define ID_RANDOM  16 /* AKIA and 16 characters, as AWS's */
#define SECRET_LEN 40

static const char *const steps[] = {
    "create table aws_key(id text primary key, secret text not null, note text not null default '',"
    " created_us integer not null)",
};

ft_err ft_aws_migrate(ft_store *s) {
    return ft_db_migrate(ft_store_db(s), "aws", steps, FT_COUNT(steps));
}

/* `len` characters of an alphabet whose size divides 256, from the operating system. */
static ft_err random_text(char *out, size_t len, const char *alphabet, unsigned size) {
    unsigned char bytes[64];
    FT_CHECK(len <= sizeof bytes && 256 % size == 0);
    FT_TRY(ft_random_secret(bytes, len));
    for (size_t i = 0; i < len; i++) out[i] = alphabet[bytes[i] % size];
    out[len] = '\0';
    return FT_OK;
}

ft_err ft_aws_key_add(ft_aws_key *out, ft_store *s, ft_arena *arena, ft_str id, ft_str note) {
    char made[8 + ID_RANDOM] = "AKIA", secret[SECRET_LEN + 1];
    FT_TRY(ft_aws_migrate(s));
    FT_TRY(random_text(secret, SECRET_LEN,
                       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789ab", 64));
    if (!id.len) {
        FT_TRY(random_text(made + 4, ID_RANDOM, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 32));
        id = ft_str_of(made);
    }
    for (size_t i = 0; i < id.len; i++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_", id.at[i]) ||
            id.len > 128)
            return FT_FAIL(FT_EINVAL, "access key id '%.*s': expected up to 128 letters and digits",
                           FT_STR_ARG(id));
    ft_aws_key key = { .created_us = ft_clock_now_us() };
    FT_TRY(ft_arena_str(&key.id, arena, id));
    FT_TRY(ft_arena_str(&key.secret, arena, ft_str_of(secret)));
    FT_TRY(ft_arena_str(&key.note, arena, note));
    FT_TRY(
        ft_db_run(ft_store_db(s),
                  "insert or ignore into aws_key(id, secret, note, created_us) values(?, ?, ?, ?)",
                  "sssi", key.id, key.secret, key.note, key.created_us));
    if (ft_db_changes(ft_store_db(s)) == 0)
        return FT_FAIL(FT_EEXIST, "access key %.*s exists already", FT_STR_ARG(id));
    *out = key;
    return FT_OK;
}

ft_err ft_aws_key_get(ft_aws_key *out, ft_store *s, ft_arena *arena, ft_str id) {
    FT_TRY(ft_aws_migrate(s));
    *out = (ft_aws_key){ 0 };
    ft_err err = ft_db_one(ft_store_db(s), arena,
                           "select id, secret, note, created_us from aws_key where ?1 in ('', id) "
                           "order by created_us desc, id desc limit 1",
                           "s", "sssi", id, &out->id, &out->secret, &out->note, &out->created_us);
    if (err != FT_ENOTFOUND) return err;
    return FT_FAIL(FT_ENOTFOUND, "no access key%s%.*s", id.len ? " " : "", FT_STR_ARG(id));
}

ft_err ft_aws_key_list(ft_aws_key **out, size_t *count, ft_store *s, ft_arena *arena) {
    ft_rows *rows;
    int64_t n = 0;
    *count = 0;
    FT_TRY(ft_aws_migrate(s));
    FT_TRY(
        ft_db_one(ft_store_db(s), NULL, "select min(count(*), 10000) from aws_key", "", "i", &n));
    FT_TRY(ft_arena_items(out, arena, (size_t)n + 1));
    FT_TRY(ft_db_query(&rows, ft_store_db(s),
                       "select id, note, created_us from aws_key order by created_us limit ?", "i",
                       n));
    ft_err err = FT_OK;
    while (err == FT_OK && ft_rows_next(rows)) {
        ft_aws_key *key = &(*out)[*count];
        ft_str id, note;
        ft_rows_read(rows, "ssi", &id, &note, &key->created_us);
        if ((err = ft_arena_str(&key->id, arena, id)) == FT_OK)
            err = ft_arena_str(&key->note, arena, note);
        (*count)++;
    }
    ft_err end = ft_rows_end(rows);
    return err != FT_OK ? err : end;
}

ft_err ft_aws_key_remove(ft_store *s, ft_str id) {
    FT_TRY(ft_aws_migrate(s));
    FT_TRY(ft_db_run(ft_store_db(s), "delete from aws_key where id = ?", "s", id));
    if (ft_db_changes(ft_store_db(s)) == 0)
        return FT_FAIL(FT_ENOTFOUND, "no access key %.*s", FT_STR_ARG(id));
    return FT_OK;
}

ft_err ft_aws_key_secret(ft_str *out, ft_store *s, ft_arena *arena, ft_str id) {
    return ft_db_one(ft_store_db(s), arena, "select secret from aws_key where id = ?", "s", "s", id,
                     out);
}
