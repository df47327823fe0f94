/* multipart_list.c -- which uploads are open, and what came of one. See multipart.h. */
#include <stdio.h>

#include "store/multipart_in.h"
#include "store/objects_in.h"

typedef struct listing {
    ft_arena *arena;
    ft_upload *items;
    size_t count, room, limit;
    bool more;
} listing;

static ft_err add(listing *l, const ft_upload *u) {
    if (l->count == l->limit) {
        l->more = true;
        return FT_OK;
    }
    FT_TRY(ft_arena_grow(&l->items, &l->room, l->arena, l->count));
    ft_upload *kept = &l->items[l->count++];
    *kept = *u;
    FT_TRY(ft_arena_str(&kept->key, l->arena, u->key));
    return ft_arena_str(&kept->id, l->arena, u->id);
}

/* An upload of the prefix: itself, or the common prefix that it belongs to, once. `*past`: what
 * was shown already and stands for all below it. */
static ft_err take(listing *l, ft_upload u, const ft_upload_list_opts *o, ft_str *past) {
    if (past->len && ft_str_starts(u.key, *past)) return FT_OK;
    size_t common = ft_key_common(u.key, o->prefix, o->delimiter);
    if (!common) return add(l, &u);
    u = (ft_upload){ .key = ft_str_slice(u.key, 0, common), .is_prefix = true };
    FT_TRY(add(l, &u));
    if (!l->more) *past = l->items[l->count - 1].key;
    return FT_OK;
}

ft_err ft_upload_list(ft_upload **out, size_t *count, bool *more, ft_store *s, ft_arena *arena,
                      ft_str bucket, const ft_upload_list_opts *opts) {
    listing l = { .arena = arena, .limit = opts->limit };
    ft_rows *rows;
    ft_str past = { 0 };
    *out = NULL;
    *count = 0;
    *more = false;
    FT_TRY(ft_bucket_check(bucket));
    if (!ft_bucket_exists(s, bucket)) return ft_bucket_missing(bucket);
    if (ft_key_common(opts->key_marker, opts->prefix, opts->delimiter) == opts->key_marker.len)
        past = opts->key_marker;
    /* without an id marker all uploads of the marker's key are past: 0xff is after every id */
    FT_TRY(ft_db_query(&rows, s->db,
                       "select key, id, begun_us from upload where bucket = ?1 and key >= ?2 and "
                       "(key, id) > (?3, ?4) order by key, id",
                       "ssss", bucket, opts->prefix.at ? opts->prefix : FT_STR(""),
                       opts->key_marker.at ? opts->key_marker : FT_STR(""),
                       opts->id_marker.len ? opts->id_marker : FT_STR("\xff")));
    ft_err err = FT_OK;
    while (err == FT_OK && !l.more && ft_rows_next(rows)) {
        ft_upload u = { 0 };
        ft_rows_read(rows, "ssi", &u.key, &u.id, &u.begun_us);
        if (!ft_str_starts(u.key, opts->prefix)) break;
        err = take(&l, u, opts, &past);
    }
    ft_err ended = ft_rows_end(rows);
    *out = l.items;
    *count = l.count;
    *more = l.more;
    return err == FT_OK ? ended : err;
}

ft_err ft_upload_parts(ft_upload_part_info **out, size_t *count, ft_store *s, ft_arena *arena,
                       ft_str id, ft_str bucket, ft_str key) {
    ft_rows *rows;
    int64_t n;
    *out = NULL;
    *count = 0;
    FT_TRY(ft_upload_find(s, id, bucket, key));
    FT_TRY(ft_db_one(s->db, NULL, "select count(*) from upload_part where upload = ?", "s", "i", id,
                     &n));
    FT_TRY(ft_arena_items(out, arena, (size_t)n));
    FT_TRY(ft_db_query(&rows, s->db,
                       "select number, etag, size, modified_us from upload_part where upload = ? "
                       "order by number",
                       "s", id));
    while (*count < (size_t)n && ft_rows_next(rows)) {
        ft_upload_part_info *p = &(*out)[(*count)++];
        ft_str etag;
        int64_t size;
        ft_rows_read(rows, "nsii", &p->number, &etag, &size, &p->modified_us);
        snprintf(p->etag, sizeof p->etag, "%.*s", FT_STR_ARG(etag));
        p->size_bytes = (uint64_t)size;
    }
    return ft_rows_end(rows);
}
