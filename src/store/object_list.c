/* object_list.c -- listings by the database's index, which is in byte order. See objects.h.
 *
 * Every page begins with one seek, and with a delimiter each common prefix costs one more, however
 * many keys are below it. */
#include <stdio.h>

#include "store/objects_in.h"

#define BOUND_BYTES (FT_KEY_BYTES_MAX + 2)
#define LIST_FIRST  64 /* entries that a list begins with; it doubles */

/* A key or an end of a range of keys. */
typedef struct bound {
    size_t len;
    char at[BOUND_BYTES];
} bound;

typedef struct listing {
    ft_store *s;
    ft_arena *arena;
    ft_str bucket;
    ft_object_list_opts opts;
    bound from, until; /* keys in [from, until) */
    ft_object *items;
    size_t count, room;
    bool more;
} listing;

static ft_str bound_str(const bound *b) { return (ft_str){ b->at, b->len }; }

/* Longer texts cannot be prefixes of keys: cut, and the comparison stays right. */
static void bound_set(bound *b, ft_str s) {
    b->len = s.len < BOUND_BYTES - 1 ? s.len : BOUND_BYTES - 1;
    if (b->len) memcpy(b->at, s.at, b->len);
}

/* The first text after all that begin with `s`: 0xff stands in no UTF-8. */
static void bound_past(bound *b, ft_str s) {
    bound_set(b, s);
    while (b->len > 0 && (unsigned char)b->at[b->len - 1] == 0xff) b->len--;
    if (b->len > 0)
        b->at[b->len - 1]++;
    else
        bound_set(b, FT_STR("\xff"));
}

/* The text directly after `s`. */
static void bound_next(bound *b, ft_str s) {
    bound_set(b, s);
    b->at[b->len++] = '\0';
}

static void set_range(listing *l) {
    const ft_object_list_opts *o = &l->opts;
    bound_past(&l->until, o->prefix);
    bound_set(&l->from, o->prefix);
    if (o->after.len == 0) return;
    bound after;
    if (ft_str_starts(o->after, o->prefix) &&
        ft_key_common(o->after, o->prefix, o->delimiter) == o->after.len)
        bound_past(&after, o->after); /* a common prefix that was shown: past all below it */
    else
        bound_next(&after, o->after);
    if (ft_str_cmp(bound_str(&after), bound_str(&l->from)) > 0) l->from = after;
}

static ft_err add(ft_object **out, listing *l) {
    if (l->count == l->room) {
        size_t room = l->room ? l->room * 2 : LIST_FIRST;
        if (room > l->opts.limit) room = l->opts.limit;
        ft_object *items;
        FT_TRY(ft_arena_items(&items, l->arena, room));
        if (l->count) memcpy(items, l->items, l->count * sizeof *items);
        l->items = items;
        l->room = room;
    }
    *out = &l->items[l->count++];
    (*out)->bucket = l->bucket;
    return FT_OK;
}

static ft_err add_prefix(listing *l, ft_str prefix) {
    ft_object *o;
    FT_TRY(add(&o, l));
    o->is_prefix = true;
    return ft_arena_str(&o->key, l->arena, prefix);
}

static ft_err add_object(listing *l, ft_rows *rows) {
    ft_object *o;
    ft_str sha256, etag, type, metadata;
    int64_t size;
    FT_TRY(add(&o, l));
    ft_rows_read(rows, "sississ", &o->key, &size, &sha256, &etag, &o->modified_us, &type,
                 &metadata);
    o->size_bytes = (uint64_t)size;
    snprintf(o->sha256, sizeof o->sha256, "%.*s", FT_STR_ARG(sha256));
    snprintf(o->etag, sizeof o->etag, "%.*s", FT_STR_ARG(etag));
    FT_TRY(ft_arena_str(&o->key, l->arena, o->key));
    if (type.at) FT_TRY(ft_arena_str(&o->content_type, l->arena, type));
    if (metadata.at) FT_TRY(ft_arena_str(&o->metadata_json, l->arena, metadata));
    return FT_OK;
}

/* Rows from l->from until the page is full, the range is over, or a common prefix was met, which
 * moves l->from past it: `*again`. */
static ft_err scan(listing *l, bool *again) {
    ft_rows *rows;
    *again = false;
    FT_TRY(ft_db_query(&rows, l->s->db,
                       "select key, size, sha256, etag, modified_us, content_type, metadata_json "
                       "from object where bucket = ? and key >= ? and key < ? order by key",
                       "sss", l->bucket, bound_str(&l->from), bound_str(&l->until)));
    ft_err err = FT_OK;
    while (err == FT_OK && ft_rows_next(rows)) {
        ft_str key;
        if (l->count == l->opts.limit) {
            l->more = true;
            break;
        }
        ft_rows_read(rows, "s------", &key);
        size_t rolled = ft_key_common(key, l->opts.prefix, l->opts.delimiter);
        if (rolled > 0) {
            bound_past(&l->from, ft_str_slice(key, 0, rolled));
            err = add_prefix(l, ft_str_slice(key, 0, rolled));
            *again = true;
            break;
        }
        err = add_object(l, rows);
    }
    ft_err ended = ft_rows_end(rows);
    return err == FT_OK ? ended : err;
}

ft_err ft_object_list_by(ft_object **out, size_t *count, bool *more, ft_store *s, ft_arena *arena,
                         ft_str bucket, const ft_object_list_opts *opts) {
    listing l = { .s = s, .arena = arena, .opts = *opts };
    *out = NULL;
    *count = 0;
    *more = false;
    FT_TRY(ft_bucket_check(bucket));
    if (!ft_bucket_exists(s, bucket)) return ft_bucket_missing(bucket);
    if (opts->limit == 0) return FT_OK;
    FT_TRY(ft_arena_str(&l.bucket, arena, bucket));
    set_range(&l);
    for (bool again = true; again;) FT_TRY(scan(&l, &again));
    *out = l.items;
    *count = l.count;
    *more = l.more;
    return FT_OK;
}

ft_err ft_object_list(ft_object **out, size_t *count, bool *more, ft_store *s, ft_arena *arena,
                      ft_str bucket, ft_str prefix, ft_str after, size_t limit) {
    return ft_object_list_by(
        out, count, more, s, arena, bucket,
        &(ft_object_list_opts){ .prefix = prefix, .after = after, .limit = limit });
}
