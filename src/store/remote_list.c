/* remote_list.c -- what an S3 server has: HEAD of one object, ListObjectsV2 page by page. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/xml.h"
#include "net/percent.h"
#include "store/objects.h"
#include "store/remote_in.h"

#define LIST_MAX  ((size_t)10000000)
#define PAGES_MAX 1000000 /* a server whose pages never end */

/* ---- a page */

/* encoding-type=url: percent-encoded, and '+' for a blank with some servers. */
static ft_err key_decode(ft_str *out, ft_arena *arena, ft_str text, bool encoded) {
    if (!encoded) return ft_arena_str(out, arena, text);
    ft_err err = ft_percent_decode(out, arena, text, FT_PERCENT_FORM);
    if (err == FT_OK) return ft_arena_str(out, arena, *out);
    if (err != FT_EPARSE) return err;
    ft_err_clear();
    return FT_FAIL(FT_EPARSE, "the key '%.*s' of the list is badly encoded", FT_STR_ARG(text));
}

static ft_err item_read(ft_remote_info *out, ft_arena *arena, const ft_xml_node *node,
                        bool encoded) {
    const ft_xml_node *key = ft_xml_child(node, "Key");
    ft_str size = ft_xml_child_text(node, "Size"), time = ft_xml_child_text(node, "LastModified");
    *out = (ft_remote_info){ 0 };
    if (!key || !key->text.len || !ft_str_u64(&out->size_bytes, size))
        return FT_FAIL(FT_EPARSE, "an entry of the list has no Key or no Size");
    FT_TRY(key_decode(&out->key, arena, key->text, encoded));
    out->etag = ft_etag_plain(ft_xml_child_text(node, "ETag"));
    if (time.len && ft_time_parse(&out->modified_us, time) != FT_OK) ft_err_clear();
    return FT_OK;
}

ft_err ft_remote_page_read(ft_remote_page *page, ft_arena *arena, ft_str xml) {
    ft_xml_node *root;
    FT_TRY(ft_xml_parse(&root, arena, xml));
    if (!ft_str_is(root->name, "ListBucketResult"))
        return FT_FAIL(FT_EPARSE, "the answer is a '%.*s', not a list", FT_STR_ARG(root->name));
    bool encoded = ft_str_ieq(ft_xml_child_text(root, "EncodingType"), FT_STR("url"));
    for (const ft_xml_node *n = root->child; n; n = n->next) {
        if (!ft_str_is(n->name, "Contents")) continue;
        FT_TRY(ft_arena_grow(&page->items, &page->capacity, arena, page->count));
        FT_TRY(item_read(&page->items[page->count], arena, n, encoded));
        page->count++;
    }
    page->more = ft_str_is(ft_xml_child_text(root, "IsTruncated"), "true");
    page->next = ft_xml_child_text(root, "NextContinuationToken");
    if (page->more && !page->next.len)
        return FT_FAIL(FT_EPARSE, "the list says that it goes on, but not where");
    return FT_OK;
}

/* ---- all pages */

static ft_err query_make(ft_str *out, ft_arena *arena, ft_str prefix, ft_str token) {
    ft_str p, t;
    FT_TRY(ft_percent_encode(&p, arena, prefix, ""));
    FT_TRY(ft_percent_encode(&t, arena, token, ""));
    return ft_arena_printf(out, arena, "%s%.*s%sencoding-type=url&list-type=2&prefix=%.*s",
                           t.len ? "continuation-token=" : "", FT_STR_ARG(t), t.len ? "&" : "",
                           FT_STR_ARG(p));
}

/* A key twice, or out of order: then an entry would be read twice or never. */
static ft_err order_check(const ft_remote_page *page, size_t from, ft_str prefix) {
    for (size_t i = from; i < page->count; i++) {
        if (!ft_str_starts(page->items[i].key, prefix))
            return FT_FAIL(FT_ECORRUPT, "the list has '%.*s', which does not begin with '%.*s'",
                           FT_STR_ARG(page->items[i].key), FT_STR_ARG(prefix));
        if (i && ft_str_cmp(page->items[i - 1].key, page->items[i].key) >= 0)
            return FT_FAIL(FT_ECORRUPT, "the list has '%.*s' after '%.*s'",
                           FT_STR_ARG(page->items[i].key), FT_STR_ARG(page->items[i - 1].key));
    }
    return FT_OK;
}

static ft_err page_ask(ft_remote_page *page, ft_remote *r, ft_arena *arena, ft_str bucket,
                       ft_str prefix) {
    ft_fetched answer;
    ft_remote_ask ask = { .method = "GET", .bucket = bucket };
    FT_TRY(query_make(&ask.query, arena, prefix, page->next));
    FT_TRY(ft_remote_asked(&answer, r, arena, &ask));
    size_t had = page->count;
    ft_err err = ft_remote_page_read(page, arena, answer.body);
    if (err == FT_OK) err = order_check(page, had, prefix);
    return err == FT_OK ? FT_OK
                        : ft_err_prefix(err, "listing s3://%.*s/%.*s", FT_STR_ARG(bucket),
                                        FT_STR_ARG(prefix));
}

ft_err ft_remote_list(ft_remote_info **out, size_t *count, ft_remote *r, ft_arena *arena,
                      ft_str bucket, ft_str prefix, size_t limit) {
    ft_remote_page page = { 0 };
    if (!limit) limit = LIST_MAX;
    for (int pages = 0;; pages++) {
        size_t had = page.count;
        FT_TRY(page_ask(&page, r, arena, bucket, prefix));
        if (page.count > limit)
            return FT_FAIL(FT_ETOOBIG, "s3://%.*s/%.*s has more than %zu objects",
                           FT_STR_ARG(bucket), FT_STR_ARG(prefix), limit);
        if (!page.more) break;
        if (page.count == had || pages == PAGES_MAX)
            return FT_FAIL(FT_ECORRUPT, "s3://%.*s/%.*s: the list goes on without an entry",
                           FT_STR_ARG(bucket), FT_STR_ARG(prefix));
    }
    *out = page.items;
    *count = page.count;
    return FT_OK;
}

/* ---- one object */

ft_err ft_remote_head(ft_remote_info *out, ft_remote *r, ft_arena *arena, ft_str bucket,
                      ft_str key) {
    ft_fetched answer;
    ft_remote_ask ask = { .method = "HEAD", .bucket = bucket, .key = key };
    *out = (ft_remote_info){ .key = key };
    FT_TRY(ft_remote_asked(&answer, r, arena, &ask));
    if (!ft_str_u64(&out->size_bytes, ft_fetched_header(&answer, "Content-Length")))
        return FT_FAIL(FT_ECORRUPT, "s3://%.*s/%.*s: the server does not tell the size",
                       FT_STR_ARG(bucket), FT_STR_ARG(key));
    FT_TRY(ft_arena_str(&out->etag, arena, ft_etag_plain(ft_fetched_header(&answer, "ETag"))));
    return ft_arena_str(&out->content_type, arena, answer.content_type);
}
