/* server_answer.c -- from an ft_response to the wire. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "net/server_in.h"

#define PULL_BYTES         65536
#define HEADER_VALUE_BYTES 8192

/* A pulled answer in progress; outlives the request object by a moment. */
typedef struct pull {
    ft_response resp;
    ft_server_link *link;
} pull;

void ft_response_header(ft_response *resp, const char *name, ft_str value) {
    FT_CHECK(resp->header_count < (int)FT_COUNT(resp->headers));
    resp->headers[resp->header_count].name = name;
    resp->headers[resp->header_count++].value = value;
}

void ft_http_response_drop(ft_response *resp) {
    if (resp->next && resp->stop) resp->stop(resp->ctx);
    resp->next = NULL;
    if (resp->fd > 0) ft_fd_close(&resp->fd);
    resp->fd = 0;
}

/* ---- pulled answers ---- */

static ssize_t pull_wait(ft_server_link *link) {
    ft_http_worker *w = link->worker;
    if (w->stopping) return MHD_CONTENT_READER_END_OF_STREAM;
    link->waiting = true;
    w->waiting++;
    ft_mhd_api.suspend_connection(link->mhd);
    return 0;
}

static ssize_t pull_read(void *cls, uint64_t at, char *out, size_t max) {
    pull *p = cls;
    size_t got = 0;
    (void)at;
    ft_err err = p->resp.next(p->resp.ctx, out, max, &got);
    if (err == FT_EBUSY && p->link) return pull_wait(p->link);
    if (err != FT_OK) {
        ft_log_err(FT_LOG_WARN, "net", err, "an answer was cut");
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    FT_CHECK(got <= max);
    return got > 0 ? (ssize_t)got : MHD_CONTENT_READER_END_OF_STREAM;
}

static void pull_free(void *cls) {
    pull *p = cls;
    ft_http_response_drop(&p->resp);
    free(p);
}

static ft_err pull_new(struct MHD_Response **out, ft_connection *c, ft_response *resp) {
    pull *p = malloc(sizeof *p);
    if (p) {
        *p = (pull){ .resp = *resp, .link = c->link };
        uint64_t size = resp->next_length ? resp->next_length : MHD_SIZE_UNKNOWN;
        *out = ft_mhd_api.create_response_from_callback(size, PULL_BYTES, pull_read, p, pull_free);
    }
    if (*out) {
        resp->next = NULL; /* pull_free stops it */
        return FT_OK;
    }
    free(p);
    return FT_FAIL(FT_ENOMEM, "no memory for an answer");
}

/* ---- files ---- */

static ft_err file_new(struct MHD_Response **out, ft_response *resp) {
    ft_err err = FT_OK;
    int fd = resp->fd > 0 ? resp->fd : -1;
    const char *name = resp->file ? resp->file : "the file of an answer";
    struct stat st;
    resp->fd = 0;
    if (fd < 0) FT_TRY(ft_fd_open(&fd, name, O_RDONLY, 0));
    if (fstat(fd, &st) != 0) FT_GOTO(err, FT_FAIL_ERRNO("cannot look at '%s'", name));
    if (!S_ISREG(st.st_mode)) FT_GOTO(err, FT_FAIL(FT_EINVAL, "'%s' is not a file", name));
    uint64_t size = (uint64_t)st.st_size, from = resp->file_offset;
    uint64_t length = resp->file_length ? resp->file_length : size - (from < size ? from : size);
    if (from > size || length > size - from)
        FT_GOTO(err, FT_FAIL(FT_EINVAL, "'%s' has %llu bytes, %llu from %llu on were asked for",
                             name, (unsigned long long)size, (unsigned long long)length,
                             (unsigned long long)from));
    *out = ft_mhd_api.create_response_from_fd_at_offset64(length, fd, from);
    if (!*out) FT_GOTO(err, FT_FAIL(FT_ENOMEM, "no memory for an answer"));
    return FT_OK; /* the descriptor is the response's now */
done:
    ft_fd_close(&fd);
    return err;
}

/* ---- headers and sending ---- */

/* Half a value would be another one. */
static ft_err header_check(const char *name, ft_str value) {
    if (value.len < HEADER_VALUE_BYTES) return FT_OK;
    return FT_FAIL(FT_ETOOBIG, "the answer's header %s has %zu bytes: at most %d can be sent", name,
                   value.len, HEADER_VALUE_BYTES - 1);
}

static ft_err headers_check(const ft_response *resp) {
    FT_TRY(header_check("Content-Type", resp->content_type));
    for (int i = 0; i < resp->header_count; i++)
        FT_TRY(header_check(resp->headers[i].name, resp->headers[i].value));
    return FT_OK;
}

/* Of a refusal: those that can be sent stay. */
static void headers_drop_long(ft_response *resp) {
    int kept = 0;
    for (int i = 0; i < resp->header_count; i++)
        if (resp->headers[i].value.len < HEADER_VALUE_BYTES)
            resp->headers[kept++] = resp->headers[i];
    resp->header_count = kept;
}

/* A line break in a value would let a client write headers of its own. */
static void header_put(struct MHD_Response *r, const char *name, ft_str value) {
    char text[HEADER_VALUE_BYTES];
    size_t len = value.len;
    FT_CHECK(len < sizeof text);
    if (len) memcpy(text, value.at, len);
    text[len] = '\0';
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) text[i] = ' ';
    if (len && ft_mhd_api.add_response_header(r, name, text) != MHD_YES)
        ft_log(FT_LOG_WARN, "net", "header %s was not sent", name);
}

static ft_err response_new(struct MHD_Response **out, ft_connection *c, ft_response *resp) {
    *out = NULL;
    if (resp->next) return pull_new(out, c, resp);
    if (resp->fd > 0 || resp->file) return file_new(out, resp);
    *out = ft_mhd_api.create_response_from_buffer(resp->body.len, (void *)resp->body.at,
                                                  MHD_RESPMEM_PERSISTENT);
    return *out ? FT_OK : FT_FAIL(FT_ENOMEM, "no memory for an answer");
}

/* Past the library, which would send the head twice (libmicrohttpd 0.9.75, where it answers a wrong
 * Content-Length by itself): it is told that there is no answer, and closes. Over TLS there is
 * none. */
static void send_past(const ft_connection *c, const ft_response *resp, int status) {
    ft_buf text = { 0 };
    ft_buf_printf(&text, "HTTP/1.1 %d %s\r\nConnection: close\r\n", status,
                  status == 413 ? "Content Too Large" : "Bad Request");
    for (int i = 0; i < resp->header_count; i++)
        ft_buf_printf(&text, "%s: %.*s\r\n", resp->headers[i].name,
                      FT_STR_ARG(resp->headers[i].value));
    ft_buf_printf(&text, "Content-Type: %.*s\r\nContent-Length: %zu\r\n\r\n",
                  FT_STR_ARG(resp->content_type), resp->body.len);
    ft_buf_add(&text, resp->body);
    bool plain = !c->worker->server->opts.tls_cert_pem;
    if (text.err == FT_OK && plain && c->link->fd >= 0 &&
        send(c->link->fd, text.at, text.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        ft_log(FT_LOG_DEBUG, "net", "a refusal was not sent");
    ft_buf_fini(&text);
}

static enum MHD_Result answer_send(ft_connection *c, ft_response *resp, struct MHD_Response *r) {
    if (resp->content_type.len) header_put(r, "Content-Type", resp->content_type);
    for (int i = 0; i < resp->header_count; i++)
        header_put(r, resp->headers[i].name, resp->headers[i].value);
    if (c->close || c->worker->stopping) header_put(r, "Connection", FT_STR("close"));
    c->handled = true; /* what follows is the client's pace of reading */
    int status = resp->status ? resp->status : 200;
    if (c->past_library) send_past(c, resp, status);
    enum MHD_Result sent =
        c->past_library ? MHD_NO : ft_mhd_api.queue_response(c->mhd, (unsigned)status, r);
    ft_mhd_api.destroy_response(r);
    return sent;
}

enum MHD_Result ft_http_answer(ft_connection *c, ft_response *resp) {
    struct MHD_Response *r;
    ft_err err = headers_check(resp);
    if (err != FT_OK) return ft_http_answer_error(c, resp, err, 500, ft_str_of(ft_err_why()));
    err = response_new(&r, c, resp);
    if (err == FT_OK) return answer_send(c, resp, r);
    if (err == FT_ENOMEM) {
        ft_http_response_drop(resp);
        return MHD_NO;
    }
    return ft_http_answer_error(c, resp, err, 0, ft_str_of(ft_err_why()));
}

/* {"error":{"code","message"}} in `out`, anew. */
static ft_err error_text(ft_buf *out, ft_err err, ft_str why) {
    ft_buf_reset(out);
    ft_buf_printf(out, "{\"error\":{\"code\":\"%s\",\"message\":", ft_err_name(err));
    ft_json_quote(out, why);
    ft_buf_add(out, FT_STR("}}\n"));
    return out->err;
}

/* What the handler added as headers is kept: a request's id belongs to its failure, too. */
enum MHD_Result ft_http_answer_error(ft_connection *c, ft_response *resp, ft_err err, int status,
                                     ft_str why) {
    struct MHD_Response *r;
    ft_http_response_drop(resp);
    headers_drop_long(resp);
    resp->status = status ? status : ft_err_http(err);
    if (resp->status >= 500)
        ft_log(FT_LOG_WARN, "net", "%.*s %.*s: %d: %.*s", FT_STR_ARG(c->req.method),
               FT_STR_ARG(c->req.raw_target), resp->status, FT_STR_ARG(why));
    if ((resp->status == 503 || resp->status == 429) &&
        resp->header_count < FT_RESPONSE_HEADERS_MAX)
        ft_response_header(resp, "Retry-After", FT_STR("1"));
    if (error_text(&c->text, err, why) != FT_OK) return MHD_NO;
    resp->file = NULL;
    resp->body = ft_buf_str(&c->text);
    resp->content_type = FT_STR("application/json");
    if (response_new(&r, c, resp) != FT_OK) return MHD_NO;
    return answer_send(c, resp, r);
}
