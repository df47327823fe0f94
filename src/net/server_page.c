/* server_page.c -- what libmicrohttpd says by itself: to its log, and to clients whose request it
 * does not understand. Those it answers with pages of its own, in HTML, and has no option for
 * another answer; but it queues them by its public function, which a program that exports one of
 * the same name takes over (the link option in the top meson.build). Where the dynamic linker was
 * told otherwise (a library linked with -Bsymbolic), clients read the library's pages. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "net/server_in.h"

#define LENGTH_HEADER "Content-Length"

void ft_http_library_log(void *cls, const char *fmt, va_list ap) {
    ft_http_worker *w = cls;
    vsnprintf(w->why, sizeof w->why, fmt, ap);
    w->why[strcspn(w->why, "\n")] = '\0';
    ft_log(FT_LOG_DEBUG, "net", "libmicrohttpd: %s", w->why);
}

/* In words, why the library gives up. `said` is what it logged last: its page. */
static ft_err why(unsigned status, bool head_done, const char *said) {
    switch (status) {
    case MHD_HTTP_BAD_REQUEST:
        if (head_done) return FT_FAIL(FT_EPARSE, "the body is no sequence of HTTP chunks");
        if (strstr(said, LENGTH_HEADER)) return FT_FAIL(FT_EPARSE, "Content-Length is no number");
        return FT_FAIL(FT_EPARSE, "the request line or a header is not what HTTP/1.1 says");
    case MHD_HTTP_CONTENT_TOO_LARGE:
        return FT_FAIL(FT_ETOOBIG, "the body, or a chunk of it, is larger than any limit");
    case MHD_HTTP_URI_TOO_LONG:
    case MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE:
        return FT_FAIL(FT_ETOOBIG, "the request line and headers take more than %d bytes",
                       FT_HEAD_BYTES);
    case MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED:
        return FT_FAIL(FT_EUNSUPPORTED, "this version of HTTP: 1.1 and 1.0 are spoken here");
    }
    return FT_FAIL(FT_EINVAL, "the request cannot be answered");
}

/* In the library's place, when it answers by itself; the server's own answers go by ft_mhd_api. */
__attribute__((visibility("default"))) enum MHD_Result
MHD_queue_response(struct MHD_Connection *mhd, unsigned status, struct MHD_Response *page) {
    const union MHD_ConnectionInfo *info =
        ft_mhd_api.get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    ft_server_link *link = info ? info->socket_context : NULL;
    if (!link || status < 400) return ft_mhd_api.queue_response(mhd, status, page);
    ft_connection *c = link->request;
    ft_err err = why(status, c && c->head_done, link->worker->why);
    if (c) c->past_library = !c->head_done && strstr(link->worker->why, LENGTH_HEADER);
    enum MHD_Result sent = c ? ft_http_answer_broken(c, (int)status, err)
                             : ft_http_answer_unread(link, (int)status, err);
    ft_err_clear();
    return sent;
}
