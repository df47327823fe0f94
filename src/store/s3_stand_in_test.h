/* s3_stand_in_test.h -- a small S3 server for tests, which does wrong what it is told to do wrong.
 *
 * It knows HEAD, GET with Range and If-Match, ListObjectsV2 in pages, PUT and multipart uploads, of
 * one bucket of any name in memory. `stand_in_fault` is asked for each request that names an
 * object. */
#ifndef FT_S3_STAND_IN_TEST_H
#define FT_S3_STAND_IN_TEST_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/clock.h"
#include "net/wire_test.h"

typedef enum stand_in_wrong {
    S3_GOOD,
    S3_CUT_HEAD,  /* closed before an answer */
    S3_CUT_BODY,  /* half of the body, then closed */
    S3_SLOW_DOWN, /* 503 */
    S3_500,       /* an error without a document */
    S3_SHORT,     /* fewer bytes than asked, and says so */
    S3_LONG,      /* more bytes than asked, and says so */
    S3_ETAG,      /* another version's bytes, If-Match not looked at */
    S3_RANGE,     /* other bytes than asked */
    S3_WHOLE,     /* 200 and the whole object */
    S3_STALL,     /* the head, then nothing */
    S3_DRIP,      /* a byte a tenth of a second */
    S3_DENIED     /* 403 */
} stand_in_wrong;

typedef struct stand_in_object {
    char key[64];
    const char *bytes;
    size_t len;
    char etag[40];
} stand_in_object;

typedef struct stand_in {
    int listener, port;
    pthread_t thread;
    atomic_bool ending;
    atomic_int requests, connections, open;
    pthread_mutex_t lock;
    stand_in_object objects[64];
    size_t object_count, page; /* keys a page of a listing */
    char *parts[32];           /* of the upload in progress */
    size_t part_lens[32];
    atomic_int aborted;
    /* What to do wrong with the n-th request (from 0) for an object. */
    stand_in_wrong (*wrong)(int n, const char *method);
} stand_in;

typedef struct stand_in_link {
    stand_in *s;
    int fd;
    ft_buf in;
} stand_in_link;

static inline stand_in_object *stand_in_find(stand_in *s, const char *key, size_t len) {
    for (size_t i = 0; i < s->object_count; i++)
        if (strlen(s->objects[i].key) == len && memcmp(s->objects[i].key, key, len) == 0)
            return &s->objects[i];
    return NULL;
}

static inline void stand_in_put(stand_in *s, const char *key, const char *bytes, size_t len,
                                const char *etag) {
    pthread_mutex_lock(&s->lock);
    stand_in_object *o = stand_in_find(s, key, strlen(key));
    if (!o) o = &s->objects[s->object_count++];
    snprintf(o->key, sizeof o->key, "%s", key);
    snprintf(o->etag, sizeof o->etag, "%s", etag);
    o->bytes = bytes, o->len = len;
    pthread_mutex_unlock(&s->lock);
}

static inline void stand_in_say(int fd, int status, const char *more, const char *body) {
    char text[4096];
    snprintf(text, sizeof text, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n%s", status,
             strlen(body), more, body);
    wire_text(fd, text);
}

static inline ft_str stand_in_header(ft_str head, const char *name) {
    while (head.at) {
        ft_str value = ft_str_cut(&head, '\n'), found = ft_str_cut(&value, ':');
        if (value.at && ft_str_ieq(found, ft_str_of(name))) return ft_str_trim(value);
    }
    return (ft_str){ 0 };
}

static inline void stand_in_list(stand_in *s, int fd, ft_str query) {
    ft_buf out = { 0 };
    size_t first = 0, shown = 0;
    ft_str token = { 0 }, prefix = { 0 };
    while (query.at) {
        ft_str value = ft_str_cut(&query, '&'), name = ft_str_cut(&value, '=');
        if (ft_str_is(name, "continuation-token")) token = value;
        if (ft_str_is(name, "prefix")) prefix = value;
    }
    char plain[200];
    size_t n = 0;
    for (size_t k = 0; k < prefix.len && n < sizeof plain; k++) {
        bool slash = ft_str_starts(ft_str_from(prefix, k), FT_STR("%2F"));
        plain[n++] = slash ? '/' : prefix.at[k];
        if (slash) k += 2;
    }
    prefix = ft_str_n(plain, n);
    uint64_t number = 0;
    if (ft_str_u64(&number, token)) first = (size_t)number;
    ft_buf_printf(&out, "<?xml version=\"1.0\"?><ListBucketResult>");
    size_t i = first;
    for (; i < s->object_count && shown < s->page; i++) {
        if (!ft_str_starts(ft_str_of(s->objects[i].key), prefix)) continue;
        ft_buf_printf(&out,
                      "<Contents><Key>%s</Key><Size>%zu</Size><ETag>&quot;%s&quot;</ETag>"
                      "<LastModified>2022-11-22T05:00:00.000Z</LastModified></Contents>",
                      s->objects[i].key, s->objects[i].len, s->objects[i].etag);
        shown++;
    }
    if (i < s->object_count)
        ft_buf_printf(&out,
                      "<IsTruncated>true</IsTruncated><NextContinuationToken>%zu"
                      "</NextContinuationToken>",
                      i);
    ft_buf_printf(&out, "</ListBucketResult>");
    stand_in_say(fd, 200, "", out.at);
    ft_buf_fini(&out);
}

/* False: the connection ends. */
static inline bool stand_in_get(stand_in *s, int fd, const stand_in_object *o, ft_str head,
                                stand_in_wrong wrong) {
    char text[512];
    uint64_t from = 0, to = o->len ? o->len - 1 : 0;
    ft_str range = stand_in_header(head, "Range"), match = stand_in_header(head, "If-Match");
    int status = range.at ? 206 : 200;
    if (match.at && wrong != S3_ETAG &&
        !ft_str_is(ft_str_slice(match, 1, match.len - 2), o->etag)) {
        stand_in_say(fd, 412, "", "<Error><Code>PreconditionFailed</Code></Error>");
        return true;
    }
    if (range.at) {
        ft_str last = ft_str_from(range, 6), first = ft_str_cut(&last, '-');
        ft_str_u64(&from, first), ft_str_u64(&to, last);
    }
    if (wrong == S3_WHOLE) status = 200, from = 0, to = o->len - 1;
    uint64_t told = to;
    if (wrong == S3_SHORT) to = from + (to - from) / 2, told = to;
    if (wrong == S3_LONG && to + 1 < o->len) to += 1;
    if (wrong == S3_RANGE && from) from--, to--, told--;
    if (to >= o->len) to = o->len - 1;
    size_t len = o->len ? (size_t)(to - from + 1) : 0;
    snprintf(text, sizeof text,
             "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nETag: \"%s\"\r\n"
             "Content-Range: bytes %llu-%llu/%zu\r\n\r\n",
             status, len, wrong == S3_ETAG ? "another" : o->etag, (unsigned long long)from,
             (unsigned long long)told, o->len);
    wire_text(fd, text);
    if (wrong == S3_STALL || wrong == S3_DRIP) {
        for (int i = 0; i < 300 && !atomic_load(&s->ending); i++) {
            if (wrong == S3_DRIP && wire_send(fd, o->bytes + from + (size_t)i, 1) != 1) break;
            char byte;
            if (recv(fd, &byte, 1, MSG_DONTWAIT) == 0) break; /* the client left */
            poll(NULL, 0, 100);
        }
        return false;
    }
    wire_send(fd, o->bytes + from, wrong == S3_CUT_BODY ? len / 2 : len);
    return wrong != S3_CUT_BODY;
}

static inline void stand_in_upload(stand_in *s, int fd, ft_str method, ft_str key, ft_str query,
                                   ft_str body) {
    uint64_t number = 0;
    pthread_mutex_lock(&s->lock);
    if (ft_str_is(method, "POST") && ft_str_starts(query, FT_STR("uploads"))) {
        stand_in_say(fd, 200, "", "<R><UploadId>id/1</UploadId></R>");
    } else if (ft_str_is(method, "PUT")) {
        ft_str value = ft_str_slice(query, 11, 3);
        ft_str_u64(&number, ft_str_cut(&value, '&'));
        free(s->parts[number]);
        s->parts[number] = malloc(body.len + 1);
        memcpy(s->parts[number], body.at, body.len);
        s->part_lens[number] = body.len;
        stand_in_say(fd, 200, "ETag: \"part\"\r\n", "");
    } else if (ft_str_is(method, "DELETE")) {
        atomic_fetch_add(&s->aborted, 1);
        stand_in_say(fd, 204, "", "");
    } else {
        ft_buf whole = { 0 };
        for (int i = 1; i < 32 && s->parts[i]; i++)
            ft_buf_add_n(&whole, s->parts[i], s->part_lens[i]);
        stand_in_object *o = &s->objects[s->object_count++];
        snprintf(o->key, sizeof o->key, "%.*s", FT_STR_ARG(key));
        snprintf(o->etag, sizeof o->etag, "whole-2");
        o->bytes = whole.at, o->len = whole.len; /* the test frees it */
        stand_in_say(fd, 200, "",
                     "<CompleteMultipartUploadResult><ETag>\"whole-2\"</ETag>"
                     "</CompleteMultipartUploadResult>");
    }
    pthread_mutex_unlock(&s->lock);
}

static inline void stand_in_store(stand_in *s, int fd, ft_str key, ft_str body) {
    char *bytes = malloc(body.len + 1), name[64];
    memcpy(bytes, body.at ? body.at : "", body.len);
    snprintf(name, sizeof name, "%.*s", FT_STR_ARG(key));
    stand_in_put(s, name, bytes, body.len, "put");
    stand_in_say(fd, 200, "ETag: \"put\"\r\n", "");
}

static inline bool stand_in_answer(stand_in_link *l, ft_str head, ft_str body) {
    stand_in *s = l->s;
    ft_str rest = head, line = ft_str_cut(&rest, '\n'), method = ft_str_cut(&line, ' ');
    ft_str query = ft_str_cut(&line, ' '), path = ft_str_cut(&query, '?');
    ft_str key = ft_str_from(path, 1); /* "/bucket/key", of any bucket */
    ft_str_cut(&key, '/');
    char text[200], name[16];
    if (!key.len) {
        stand_in_list(s, l->fd, query);
        return true;
    }
    snprintf(name, sizeof name, "%.*s", FT_STR_ARG(method));
    stand_in_wrong wrong = s->wrong ? s->wrong(atomic_fetch_add(&s->requests, 1), name) : S3_GOOD;
    if (wrong == S3_CUT_HEAD) return false;
    if (wrong == S3_SLOW_DOWN)
        return stand_in_say(l->fd, 503, "", "<Error><Code>SlowDown</Code></Error>"), true;
    if (wrong == S3_500) return stand_in_say(l->fd, 500, "", ""), true;
    if (wrong == S3_DENIED)
        return stand_in_say(l->fd, 403, "", "<Error><Code>AccessDenied</Code></Error>"), true;
    if (query.at) return stand_in_upload(s, l->fd, method, key, query, body), true;
    if (ft_str_is(method, "PUT")) return stand_in_store(s, l->fd, key, body), true;
    pthread_mutex_lock(&s->lock);
    stand_in_object *found = stand_in_find(s, key.at, key.len);
    stand_in_object o = found ? *found : (stand_in_object){ .len = 0 };
    pthread_mutex_unlock(&s->lock);
    if (!found)
        return stand_in_say(l->fd, 404, "",
                            ft_str_is(method, "HEAD") ? ""
                                                      : "<Error><Code>NoSuchKey</Code></Error>"),
               true;
    if (ft_str_is(method, "HEAD")) {
        snprintf(text, sizeof text, "HTTP/1.1 200 X\r\nContent-Length: %zu\r\nETag: \"%s\"\r\n\r\n",
                 o.len, o.etag);
        wire_text(l->fd, text);
        return true;
    }
    return stand_in_get(s, l->fd, &o, head, wrong);
}

static inline bool stand_in_fill(stand_in_link *l) {
    char bytes[65536];
    ssize_t n = recv(l->fd, bytes, sizeof bytes, 0);
    if (n <= 0) return false;
    ft_buf_add_n(&l->in, bytes, (size_t)n);
    return true;
}

static inline void *stand_in_link_run(void *ctx) {
    stand_in_link *l = ctx;
    for (bool going = true; going && !atomic_load(&l->s->ending);) {
        const char *end;
        while (!(end = l->in.len ? memmem(l->in.at, l->in.len, "\r\n\r\n", 4) : NULL))
            if (!stand_in_fill(l)) goto done;
        size_t head_len = (size_t)(end - l->in.at) + 4;
        uint64_t body_len = 0;
        ft_str_u64(&body_len, stand_in_header(ft_str_n(l->in.at, head_len), "Content-Length"));
        while (l->in.len < head_len + body_len)
            if (!stand_in_fill(l)) goto done;
        going = stand_in_answer(l, ft_str_n(l->in.at, head_len),
                                ft_str_n(l->in.at + head_len, (size_t)body_len));
        size_t used = head_len + (size_t)body_len;
        memmove(l->in.at, l->in.at + used, l->in.len - used);
        l->in.len -= used;
    }
done:
    close(l->fd);
    ft_buf_fini(&l->in);
    atomic_fetch_sub(&l->s->open, 1);
    free(l);
    return NULL;
}

static inline void *stand_in_run(void *ctx) {
    stand_in *s = ctx;
    while (!atomic_load(&s->ending)) {
        struct pollfd p = { .fd = s->listener, .events = POLLIN };
        if (poll(&p, 1, 50) != 1) continue;
        int fd = accept(s->listener, NULL, NULL);
        if (fd < 0) continue;
        struct timeval patience = { .tv_usec = 200000 };
        stand_in_link *l = calloc(1, sizeof *l);
        pthread_t t;
        patience.tv_sec = 5;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        l->s = s, l->fd = fd;
        atomic_fetch_add(&s->connections, 1);
        atomic_fetch_add(&s->open, 1);
        pthread_create(&t, NULL, stand_in_link_run, l);
        pthread_detach(t);
    }
    return NULL;
}

static inline void stand_in_start(stand_in *s) {
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    memset(s, 0, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    s->page = 1000;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(s->listener, (struct sockaddr *)&at, len) || listen(s->listener, 64) ||
        getsockname(s->listener, (struct sockaddr *)&at, &len))
        abort();
    s->port = ntohs(at.sin_port);
    pthread_create(&s->thread, NULL, stand_in_run, s);
}

/* After the clients have closed their connections. */
static inline void stand_in_stop(stand_in *s) {
    atomic_store(&s->ending, true);
    pthread_join(s->thread, NULL);
    for (int i = 0; i < 1000 && atomic_load(&s->open); i++) poll(NULL, 0, 10);
    close(s->listener);
    for (int i = 0; i < 32; i++) free(s->parts[i]);
}

#endif
