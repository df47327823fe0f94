/* remote_ask.c -- one request to an S3 server, what its answer means, and how long to be patient.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/xml.h"
#include "net/percent.h"
#include "net/sigv4.h"
#include "store/objects.h"
#include "store/remote_in.h"

#define ANSWER_BYTES ((size_t)16 << 20) /* a page of a listing is about 500 KiB */
#define HEADERS_MAX  12
#define PAUSE_GROWTH 100                /* the longest pause, in first ones */
#define PROGRESS     ((size_t)64 << 10) /* so much came, or a quarter: the failure is a new one */

/* ---- names on the wire */

static ft_err endpoint_cut(ft_remote_bucket *b) {
    ft_str rest = b->place.endpoint;
    b->scheme = ft_str_starts(rest, FT_STR("https://")) ? FT_STR("https://") : FT_STR("http://");
    if (!ft_str_starts(rest, b->scheme))
        return FT_FAIL(FT_EINVAL, "the endpoint '%.*s' is no http:// or https:// address",
                       FT_STR_ARG(rest));
    rest = ft_str_from(rest, b->scheme.len);
    size_t host = ft_str_find(rest, '/');
    b->authority = ft_str_slice(rest, 0, host);
    b->base = ft_str_from(rest, host);
    if (!b->authority.len)
        return FT_FAIL(FT_EINVAL, "the endpoint '%.*s' names no host",
                       FT_STR_ARG(b->place.endpoint));
    return FT_OK;
}

static ft_err bucket_add(const ft_remote_bucket **out, ft_remote *r, ft_str bucket) {
    ft_remote_bucket *b;
    FT_TRY(ft_arena_take(&b, &r->arena, sizeof *b));
    FT_TRY(ft_arena_str(&b->name, &r->arena, bucket));
    if (r->opts.place)
        b->place = *r->opts.place;
    else
        FT_TRY(ft_remote_place_find(&b->place, &r->arena, r->home, b->name));
    FT_TRY(endpoint_cut(b));
    if (b->place.host_style)
        FT_TRY(ft_arena_printf(&b->authority, &r->arena, "%.*s.%.*s", FT_STR_ARG(bucket),
                               FT_STR_ARG(b->authority)));
    b->next = r->buckets;
    r->buckets = b;
    *out = b;
    return FT_OK;
}

ft_err ft_remote_bucket_find(const ft_remote_bucket **out, ft_remote *r, ft_str bucket) {
    ft_err err = FT_OK;
    pthread_mutex_lock(&r->lock);
    const ft_remote_bucket *b = r->buckets;
    while (b && !ft_str_eq(b->name, bucket)) b = b->next;
    if (b)
        *out = b;
    else
        err = bucket_add(out, r, bucket);
    pthread_mutex_unlock(&r->lock);
    return err;
}

static ft_err target_make(ft_str *out, ft_arena *arena, const ft_remote_bucket *b,
                          const ft_remote_ask *ask) {
    ft_str key, bucket = b->place.host_style ? FT_STR("") : b->name;
    FT_TRY(ft_percent_encode(&key, arena, ask->key, "/"));
    return ft_arena_printf(out, arena, "%.*s%s%.*s%s%.*s%s%.*s", FT_STR_ARG(b->base),
                           bucket.len ? "/" : "", FT_STR_ARG(bucket),
                           ask->key.len || !bucket.len ? "/" : "", FT_STR_ARG(key),
                           ask->query.len ? "?" : "", FT_STR_ARG(ask->query));
}

/* ---- headers */

typedef struct head {
    ft_arena *arena;
    const char *lines[HEADERS_MAX + 1];
    size_t count;
} head;

static ft_err head_add(head *h, const char *name, ft_str value) {
    ft_str line;
    FT_CHECK(h->count < HEADERS_MAX);
    FT_TRY(ft_arena_printf(&line, h->arena, "%s: %.*s", name, FT_STR_ARG(value)));
    h->lines[h->count++] = line.at;
    return FT_OK;
}

static ft_err head_sign(head *h, const ft_remote_bucket *b, const ft_remote_ask *ask,
                        ft_str target) {
    char hash[FT_SHA256_HEX] = FT_SHA256_EMPTY;
    ft_sig_headers made;
    if (!b->place.access_key.len) return FT_OK;
    if (ask->body.len) FT_TRY(ft_sha256_hex(hash, ask->body));
    FT_TRY(ft_sig_sign(&made, h->arena, ft_str_of(ask->method), target, b->authority,
                       b->place.access_key, b->place.secret, b->place.region, FT_STR("s3"),
                       ft_str_of(hash), b->place.token, ft_clock_now_us()));
    FT_TRY(head_add(h, "Authorization", made.authorization));
    FT_TRY(head_add(h, "X-Amz-Date", made.date));
    FT_TRY(head_add(h, "X-Amz-Content-Sha256", made.content_sha256));
    return b->place.token.len ? head_add(h, "X-Amz-Security-Token", b->place.token) : FT_OK;
}

static ft_err head_make(head *h, const ft_remote_bucket *b, const ft_remote_ask *ask,
                        ft_str target) {
    FT_TRY(head_add(h, "Host", b->authority));
    FT_TRY(head_sign(h, b, ask, target));
    for (size_t i = 0; i < FT_COUNT(ask->headers); i++)
        if (ask->headers[i]) h->lines[h->count++] = ask->headers[i];
    return FT_OK;
}

/* ---- what an answer means */

typedef struct told {
    ft_str code, message;
} told;

static told error_read(ft_arena *arena, const ft_fetched *answer) {
    ft_xml_node *root = NULL;
    if (answer->body.len && ft_xml_parse(&root, arena, answer->body) != FT_OK) root = NULL;
    ft_err_clear();
    return (told){ ft_xml_child_text(root, "Code"), ft_xml_child_text(root, "Message") };
}

/* Which failures pass by themselves is the protocol's: 5xx, throttling, a body that came too slow.
 */
static ft_err status_err(int status, ft_str code) {
    if (status == 429 || status == 503 || ft_str_is(code, "SlowDown")) return FT_EBUSY;
    if (status >= 500 || status == 408 || ft_str_is(code, "RequestTimeout")) return FT_EPEER;
    if (status == 404) return FT_ENOTFOUND;
    if (status == 401 || status == 403) return FT_EDENIED;
    if (status == 409 || status == 412 || status == 416) return FT_ECONFLICT;
    if (status == 413) return FT_ETOOBIG;
    if (status == 501 || status == 405) return FT_EUNSUPPORTED;
    return FT_EINVAL;
}

static ft_err answer_judge(const ft_fetched *answer, ft_arena *arena, const ft_remote_bucket *b,
                           const ft_remote_ask *ask) {
    if (answer->status >= 200 && answer->status < 300) return FT_OK;
    told t = error_read(arena, answer);
    ft_str region = ft_fetched_header(answer, "x-amz-bucket-region");
    if (answer->status == 412)
        return FT_FAIL(FT_ECONFLICT, "s3://%.*s/%.*s has changed since it was opened",
                       FT_STR_ARG(b->name), FT_STR_ARG(ask->key));
    if (answer->status < 400 || (answer->status == 400 && region.len))
        return FT_FAIL(FT_EINVAL, "bucket %.*s is elsewhere (region %.*s, not %.*s)",
                       FT_STR_ARG(b->name), FT_STR_ARG(region.len ? region : FT_STR("unknown")),
                       FT_STR_ARG(b->place.region));
    return FT_FAIL(status_err(answer->status, t.code), "s3://%.*s/%.*s: %s at %.*s: %d %.*s%s%.*s",
                   FT_STR_ARG(b->name), FT_STR_ARG(ask->key), ask->method,
                   FT_STR_ARG(b->place.endpoint), answer->status, FT_STR_ARG(t.code),
                   t.message.len ? ": " : "", FT_STR_ARG(t.message));
}

/* ---- connections */

static ft_err link_take(ft_remote_link **out, ft_remote *r) {
    pthread_mutex_lock(&r->lock);
    *out = r->links;
    if (*out) r->links = (*out)->next;
    pthread_mutex_unlock(&r->lock);
    if (*out) return FT_OK;
    ft_remote_link *l = calloc(1, sizeof *l);
    if (!l) return FT_FAIL(FT_ENOMEM, "no memory for a connection");
    ft_err err = ft_http_link_new(&l->http);
    if (err != FT_OK) {
        free(l);
        return err;
    }
    *out = l;
    return FT_OK;
}

static void link_give(ft_remote *r, ft_remote_link *l) {
    pthread_mutex_lock(&r->lock);
    l->next = r->links;
    r->links = l;
    pthread_mutex_unlock(&r->lock);
}

ft_err ft_remote_once(ft_fetched *out, ft_remote *r, ft_arena *arena, const ft_remote_ask *ask) {
    const ft_remote_bucket *b;
    ft_remote_link *link;
    head h = { .arena = arena };
    ft_str target, url, ca;
    *out = (ft_fetched){ 0 };
    FT_TRY(ft_remote_bucket_find(&b, r, ask->bucket));
    FT_TRY(target_make(&target, arena, b, ask));
    FT_TRY(head_make(&h, b, ask, target));
    FT_TRY(ft_arena_printf(&url, arena, "%.*s%.*s%.*s", FT_STR_ARG(b->scheme),
                           FT_STR_ARG(b->authority), FT_STR_ARG(target)));
    FT_TRY(ft_arena_str(&ca, arena, b->place.ca_path));
    FT_TRY(link_take(&link, r));
    ft_fetch req = { .method = ask->method,
                     .url = url.at,
                     .body = ask->body,
                     .headers = h.lines,
                     .timeout_us = r->opts.deadline_us,
                     .limit_bytes = ANSWER_BYTES,
                     .ca_path = ca.len ? ca.at : NULL,
                     .link = link->http,
                     .into = ask->into,
                     .into_bytes = ask->into_bytes,
                     .stall_us = r->opts.stall_us };
    int64_t began_us = ft_clock_monotonic_us();
    ft_err err = ft_http_fetch(out, arena, &req);
    atomic_fetch_add(&r->request_us, ft_clock_monotonic_us() - began_us);
    atomic_fetch_add(&r->requests, 1);
    if (out->status >= 200 && out->status < 300) atomic_fetch_add(&r->net_bytes, out->body.len);
    link_give(r, link);
    return err == FT_OK ? answer_judge(out, arena, b, ask) : err;
}

/* ---- patience */

static int64_t pause_of(ft_remote *r, int failures) {
    int64_t most = r->opts.pause_us;
    for (int i = 1; i < failures && most < r->opts.pause_us * PAUSE_GROWTH; i++) most *= 2;
    pthread_mutex_lock(&r->lock);
    uint64_t us = ft_random_below(&r->jitter, (uint64_t)most + 1);
    pthread_mutex_unlock(&r->lock);
    return most / 2 + (int64_t)us / 2; /* half is jitter: many who were refused come back apart */
}

bool ft_remote_again(ft_remote *r, ft_remote_patience *p, ft_err err) {
    int64_t now_us = ft_clock_monotonic_us();
    if (err != FT_EPEER && err != FT_EBUSY && err != FT_ETIMEOUT) return false;
    if (!p->until_us) p->until_us = now_us + r->opts.deadline_us;
    if (++p->failures >= r->opts.tries) return false;
    int64_t pause_us = pause_of(r, p->failures);
    if (now_us + pause_us >= p->until_us) return false;
    ft_err_clear();
    atomic_fetch_add(&r->retries, 1);
    ft_clock_sleep_us(pause_us);
    return true;
}

ft_err ft_remote_asked(ft_fetched *out, ft_remote *r, ft_arena *arena, const ft_remote_ask *ask) {
    ft_remote_patience p = { 0 };
    for (;;) {
        ft_err err = ft_remote_once(out, r, arena, ask);
        if (err == FT_OK) return FT_OK;
        if (!ft_remote_again(r, &p, err)) return err;
    }
}

/* ---- a range, gone on with where it was cut */

typedef struct range {
    ft_str bucket, key, etag;
    uint64_t size_bytes, offset;
    size_t len, got;
} range;

static ft_err changed(const range *g) {
    return FT_FAIL(FT_ECONFLICT, "s3://%.*s/%.*s has changed since it was opened",
                   FT_STR_ARG(g->bucket), FT_STR_ARG(g->key));
}

static bool number_cut(uint64_t *out, ft_str *rest, char end) {
    return ft_str_u64(out, ft_str_trim(ft_str_cut(rest, end)));
}

/* Is what came (whole or not) the bytes that were asked for, of the version that is open? */
static ft_err range_check(const range *g, const ft_fetched *answer) {
    ft_str etag = ft_etag_plain(ft_fetched_header(answer, "ETag"));
    ft_str told_range = ft_fetched_header(answer, "Content-Range"), rest = told_range;
    uint64_t first = 0, last = 0, total = 0;
    if (etag.len && g->etag.len && !ft_str_eq(etag, g->etag)) return changed(g);
    if (answer->status == 200 && g->len == g->size_bytes && g->got == 0) return FT_OK;
    if (answer->status != 206)
        return FT_FAIL(FT_EUNSUPPORTED,
                       "s3://%.*s/%.*s: the server gives whole objects only, not parts of them",
                       FT_STR_ARG(g->bucket), FT_STR_ARG(g->key));
    if (ft_str_starts(rest, FT_STR("bytes"))) rest = ft_str_trim(ft_str_from(rest, 5));
    bool good = number_cut(&first, &rest, '-') && number_cut(&last, &rest, '/');
    if (good && !ft_str_is(ft_str_trim(rest), "*")) {
        good = ft_str_u64(&total, ft_str_trim(rest));
        if (good && total != g->size_bytes) return changed(g);
    }
    if (!good || first != g->offset + g->got || last < first || last >= g->offset + g->len)
        return FT_FAIL(
            FT_ECORRUPT, "s3://%.*s/%.*s: asked for bytes %llu to %llu, the answer has '%.*s'",
            FT_STR_ARG(g->bucket), FT_STR_ARG(g->key), (unsigned long long)(g->offset + g->got),
            (unsigned long long)(g->offset + g->len - 1), FT_STR_ARG(told_range));
    return FT_OK;
}

static ft_err range_once(range *g, ft_remote *r, ft_arena *arena, char *at) {
    ft_str line, match;
    ft_fetched answer;
    FT_TRY(ft_arena_printf(&line, arena, "Range: bytes=%llu-%llu",
                           (unsigned long long)(g->offset + g->got),
                           (unsigned long long)(g->offset + g->len - 1)));
    FT_TRY(ft_arena_printf(&match, arena, "If-Match: \"%.*s\"", FT_STR_ARG(g->etag)));
    ft_remote_ask ask = { .method = "GET",
                          .bucket = g->bucket,
                          .key = g->key,
                          .headers = { line.at, g->etag.len ? match.at : NULL },
                          .into = at + g->got,
                          .into_bytes = g->len - g->got };
    ft_err err = ft_remote_once(&answer, r, arena, &ask);
    if (answer.body.at == ask.into && answer.body.len) {
        FT_TRY(range_check(g, &answer));
        g->got += answer.body.len;
    }
    if (err == FT_ETOOBIG)
        return FT_FAIL(FT_ECORRUPT, "s3://%.*s/%.*s: more bytes came than were asked for",
                       FT_STR_ARG(g->bucket), FT_STR_ARG(g->key));
    FT_TRY(err);
    if (g->got < g->len)
        return FT_FAIL(FT_EPEER, "s3://%.*s/%.*s: byte %llu of %llu is where the answer ended",
                       FT_STR_ARG(g->bucket), FT_STR_ARG(g->key),
                       (unsigned long long)(g->offset + g->got),
                       (unsigned long long)(g->offset + g->len));
    return FT_OK;
}

ft_err ft_remote_range(ft_remote *r, ft_str bucket, ft_str key, ft_str etag, uint64_t size_bytes,
                       void *at, size_t len, uint64_t offset) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_remote_patience p = { 0 };
    range g = { .bucket = bucket,
                .key = key,
                .etag = etag,
                .size_bytes = size_bytes,
                .offset = offset,
                .len = len };
    ft_err err = FT_OK;
    while (g.got < g.len) {
        size_t had = g.got, left = g.len - g.got;
        ft_arena_reset(&arena);
        err = range_once(&g, r, &arena, at);
        if (err == FT_OK) break;
        if (g.got - had >= (left / 4 < PROGRESS ? left / 4 + 1 : PROGRESS)) p.failures = 0;
        if (!ft_remote_again(r, &p, err)) break;
        err = FT_OK;
    }
    ft_arena_fini(&arena);
    return err;
}
