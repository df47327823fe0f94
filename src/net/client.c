/* client.c -- see client.h. */
#include "net/client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/lib.h"

#define TIMEOUT_US   (30 * FT_SECOND_US)
#define LIMIT_BYTES  ((size_t)64 << 20)
#define HEADER_BYTES ((size_t)256 << 10)
#define STALL_BYTES  1024              /* a second: slower is stalled */
#define READ_BYTES   ((long)512 << 10) /* of one read into the caller's memory */

typedef struct curl_api {
    __typeof__(&curl_global_init) global_init;
    __typeof__(&curl_easy_init) easy_init;
    __typeof__(&curl_easy_setopt) easy_setopt;
    __typeof__(&curl_easy_perform) easy_perform;
    __typeof__(&curl_easy_getinfo) easy_getinfo;
    __typeof__(&curl_easy_strerror) easy_strerror;
    __typeof__(&curl_easy_cleanup) easy_cleanup;
    __typeof__(&curl_easy_reset) easy_reset;
    __typeof__(&curl_slist_append) slist_append;
    __typeof__(&curl_slist_free_all) slist_free_all;
} curl_api;

#define SYMBOL(member) \
    { "curl_" #member, offsetof(curl_api, member) }
static const ft_lib_symbol symbols[] = {
    SYMBOL(global_init),  SYMBOL(easy_init),      SYMBOL(easy_setopt),  SYMBOL(easy_perform),
    SYMBOL(easy_getinfo), SYMBOL(easy_strerror),  SYMBOL(easy_cleanup), SYMBOL(easy_reset),
    SYMBOL(slist_append), SYMBOL(slist_free_all),
};
static curl_api api;

struct ft_http_link {
    CURL *easy;
};

/* What curl's callbacks fill. */
typedef struct transfer {
    ft_buf body, headers;
    char *into; /* the caller's memory for a good answer; NULL: body */
    size_t into_len, into_bytes;
    bool overflow;
    CURL *easy;
    bool kept; /* the handle is a link's */
    struct curl_slist *list;
    char why[CURL_ERROR_SIZE];
} transfer;

static void global_init(void) { api.global_init(CURL_GLOBAL_DEFAULT); }

static ft_err load(void) {
    static void *handle;
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    FT_TRY(ft_lib_load(&handle, "libcurl.so.4|libcurl-gnutls.so.4", "libcurl4", &api, symbols,
                       FT_COUNT(symbols)));
    pthread_once(&once, global_init);
    return FT_OK;
}

static size_t take(char *at, size_t size, size_t count, void *buf) {
    return ft_buf_add_n(buf, at, size * count) == FT_OK ? size * count : 0;
}

static long status_of(const transfer *t) {
    long status = 0;
    api.easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* An error's text is not what the caller's memory is for. */
static size_t take_into(char *at, size_t size, size_t count, void *ctx) {
    transfer *t = ctx;
    size_t len = size * count, room = t->into_bytes - t->into_len;
    long status = t->into_len ? 200 : status_of(t);
    if (status < 200 || status > 299) return take(at, size, count, &t->body);
    t->overflow = len > room;
    size_t kept = t->overflow ? room : len;
    if (kept) memcpy(t->into + t->into_len, at, kept);
    t->into_len += kept;
    return kept;
}

/* Several heads may come (100 Continue, a proxy's): the last one counts. */
static size_t take_header(char *at, size_t size, size_t count, void *buf) {
    ft_str line = { at, size * count };
    if (ft_str_starts(line, FT_STR("HTTP/"))) {
        ft_buf_reset(buf);
        return line.len;
    }
    return take(at, size, count, buf);
}

static ft_err headers_add(transfer *t, const ft_fetch *req) {
    for (const char *const *h = req->headers; h && *h; h++) {
        struct curl_slist *more = ft_fault_here() ? NULL : api.slist_append(t->list, *h);
        if (!more) return FT_FAIL(FT_ENOMEM, "no memory for a request");
        t->list = more;
    }
    /* No waiting for "100 Continue": servers that do not know it cost a second. */
    struct curl_slist *more = ft_fault_here() ? NULL : api.slist_append(t->list, "Expect:");
    if (!more) return FT_FAIL(FT_ENOMEM, "no memory for a request");
    t->list = more;
    return FT_OK;
}

static void body_set(transfer *t, const ft_fetch *req) {
    bool head = req->method && strcmp(req->method, "HEAD") == 0;
    if (req->body.len) {
        api.easy_setopt(t->easy, CURLOPT_POST, 1L);
        api.easy_setopt(t->easy, CURLOPT_POSTFIELDS, req->body.at);
        api.easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.len);
    } else if (req->method && (!strcmp(req->method, "POST") || !strcmp(req->method, "PUT"))) {
        api.easy_setopt(t->easy, CURLOPT_POSTFIELDS, ""); /* says Content-Length: 0 */
    }
    if (head) api.easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
    if (req->method && !head) api.easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, req->method);
}

static void into_set(transfer *t, const ft_fetch *req) {
    if (!req->into) return;
    t->into = req->into;
    t->into_bytes = req->into_bytes;
    api.easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, take_into);
    api.easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    api.easy_setopt(t->easy, CURLOPT_BUFFERSIZE, READ_BYTES);
}

static void stall_set(transfer *t, int64_t stall_us) {
    if (!stall_us) return;
    api.easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)((stall_us + 999) / 1000));
    api.easy_setopt(t->easy, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES);
    api.easy_setopt(t->easy, CURLOPT_LOW_SPEED_TIME,
                    (long)((stall_us + FT_SECOND_US - 1) / FT_SECOND_US));
}

static ft_err handle_take(transfer *t, const ft_fetch *req) {
    if (req->link) {
        api.easy_reset(req->link->easy); /* its connections stay */
        t->easy = req->link->easy;
        t->kept = true;
        return FT_OK;
    }
    t->easy = ft_fault_here() ? NULL : api.easy_init();
    return t->easy ? FT_OK : FT_FAIL(FT_ENOMEM, "no memory for a request");
}

static ft_err transfer_set(transfer *t, const ft_fetch *req) {
    int64_t timeout_us = req->timeout_us ? req->timeout_us : TIMEOUT_US;
    FT_TRY(handle_take(t, req));
    FT_TRY(headers_add(t, req));
    t->body.limit_bytes = req->limit_bytes ? req->limit_bytes : LIMIT_BYTES;
    t->headers.limit_bytes = HEADER_BYTES;
    api.easy_setopt(t->easy, CURLOPT_URL, req->url);
    api.easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    api.easy_setopt(t->easy, CURLOPT_PATH_AS_IS, 1L); /* what was signed is what is sent */
    api.easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);   /* other threads have their own affairs */
    api.easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)((timeout_us + 999) / 1000));
    api.easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->list);
    api.easy_setopt(t->easy, CURLOPT_USERAGENT, "fettle/" FETTLE_VERSION);
    api.easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->why);
    api.easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, take);
    api.easy_setopt(t->easy, CURLOPT_WRITEDATA, &t->body);
    api.easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, take_header);
    api.easy_setopt(t->easy, CURLOPT_HEADERDATA, &t->headers);
    if (req->ca_path) api.easy_setopt(t->easy, CURLOPT_CAINFO, req->ca_path);
    if (req->unix_socket) api.easy_setopt(t->easy, CURLOPT_UNIX_SOCKET_PATH, req->unix_socket);
    /* curl obeys http_proxy; our own machine is not behind it. */
    if (!getenv("no_proxy") && !getenv("NO_PROXY"))
        api.easy_setopt(t->easy, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
    into_set(t, req);
    stall_set(t, req->stall_us);
    body_set(t, req);
    return FT_OK;
}

static ft_err perform_failed(const transfer *t, const ft_fetch *req, CURLcode code) {
    const char *why = t->why[0] ? t->why : api.easy_strerror(code);
    if (t->overflow)
        return FT_FAIL(FT_ETOOBIG, "the answer of %s is longer than the %zu bytes asked for",
                       req->url, t->into_bytes);
    if (t->body.err != FT_OK) return ft_err_prefix(t->body.err, "the answer of %s", req->url);
    if (t->headers.err != FT_OK)
        return ft_err_prefix(t->headers.err, "the head of the answer of %s", req->url);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return FT_FAIL(FT_ETIMEOUT, "no answer from %s in time: %s", req->url, why);
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
        return FT_FAIL(FT_EINVAL, "address '%s': %s", req->url, why);
    if (code == CURLE_OUT_OF_MEMORY) return FT_FAIL(FT_ENOMEM, "no memory for a request");
    return FT_FAIL(FT_EPEER, "no answer from %s: %s", req->url, why);
}

static ft_err result_copy(ft_fetched *out, ft_arena *arena, transfer *t) {
    const char *type = NULL;
    api.easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
    out->status = (int)status_of(t);
    FT_TRY(ft_arena_str(&out->content_type, arena, ft_str_of(type ? type : "")));
    FT_TRY(ft_arena_str(&out->headers, arena, ft_buf_str(&t->headers)));
    out->body = ft_str_n(t->into, t->into_len);
    if (t->into_len) return FT_OK;
    return ft_arena_str(&out->body, arena, ft_buf_str(&t->body));
}

/* What came before the failure; the failure stays what it is. */
static ft_err failed_copy(ft_fetched *out, ft_arena *arena, transfer *t, const ft_fetch *req,
                          CURLcode code) {
    out->unreached = code == CURLE_COULDNT_CONNECT;
    if (req->into && t->into_len) {
        out->status = (int)status_of(t);
        out->body = ft_str_n(t->into, t->into_len);
        FT_TRY(ft_arena_str(&out->headers, arena, ft_buf_str(&t->headers)));
    }
    return perform_failed(t, req, code);
}

ft_err ft_http_fetch(ft_fetched *out, ft_arena *arena, const ft_fetch *req) {
    ft_err err = FT_OK;
    transfer t = { 0 };
    *out = (ft_fetched){ 0 };
    if (req->timeout_us < 0) /* to curl no limit at all */
        return FT_FAIL(FT_ETIMEOUT, "no time is left to ask %s", req->url);
    FT_TRY(load());
    FT_GOTO(err, transfer_set(&t, req));
    CURLcode code = ft_fault_here() ? CURLE_COULDNT_CONNECT : api.easy_perform(t.easy);
    if (code != CURLE_OK) FT_GOTO(err, failed_copy(out, arena, &t, req, code));
    FT_GOTO(err, result_copy(out, arena, &t));
done:
    if (t.easy && t.kept) api.easy_reset(t.easy); /* forgets pointers into this frame */
    if (t.easy && !t.kept) api.easy_cleanup(t.easy);
    if (t.list) api.slist_free_all(t.list);
    ft_buf_fini(&t.body);
    ft_buf_fini(&t.headers);
    return err;
}

ft_err ft_http_link_new(ft_http_link **out) {
    *out = NULL;
    FT_TRY(load());
    ft_http_link *link = ft_fault_here() ? NULL : calloc(1, sizeof *link);
    if (link) link->easy = ft_fault_here() ? NULL : api.easy_init();
    if (!link || !link->easy) {
        free(link);
        return FT_FAIL(FT_ENOMEM, "no memory for a connection");
    }
    *out = link;
    return FT_OK;
}

void ft_http_link_free(ft_http_link *link) {
    if (!link) return;
    api.easy_cleanup(link->easy);
    free(link);
}

ft_str ft_fetched_header(const ft_fetched *answer, const char *name) {
    for (ft_str rest = answer->headers; rest.at;) {
        ft_str value = ft_str_cut(&rest, '\n'), found = ft_str_cut(&value, ':');
        if (value.at && ft_str_ieq(found, ft_str_of(name))) return ft_str_trim(value);
    }
    return (ft_str){ NULL, 0 };
}
