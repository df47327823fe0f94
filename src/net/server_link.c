/* server_link.c -- the connections of one worker, and their pace: libmicrohttpd lets a client that
 * sends a byte now and then stay for ever, and may miss that one has left. */
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/server_in.h"

static void link_begin(ft_http_worker *w, struct MHD_Connection *mhd, void **socket_context) {
    ft_server_link *link = calloc(1, sizeof *link);
    *socket_context = link;
    if (!link) return; /* it is served, only its pace is not looked at */
    const union MHD_ConnectionInfo *info =
        ft_mhd_api.get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    *link = (ft_server_link){ .worker = w,
                              .mhd = mhd,
                              .fd = info ? info->connect_fd : -1,
                              .since_us = w->now_us,
                              .after = w->links };
    if (w->links) w->links->before = link;
    w->links = link;
}

static void link_end(ft_http_worker *w, ft_server_link *link) {
    /* A request whose head never came to its end is told to nobody else. */
    if (link->request) ft_http_request_end(link->request);
    if (link->waiting) w->waiting--;
    if (link->before)
        link->before->after = link->after;
    else
        w->links = link->after;
    if (link->after) link->after->before = link->before;
    free(link);
}

void ft_http_on_link(void *cls, struct MHD_Connection *mhd, void **socket_context,
                     enum MHD_ConnectionNotificationCode code) {
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        link_begin(cls, mhd, socket_context);
    else if (*socket_context)
        link_end(cls, *socket_context);
}

static bool too_slow(const ft_server_link *link, int64_t allowed_us, int64_t now_us) {
    const ft_connection *c = link->request;
    int64_t took_us = now_us - link->since_us;
    if (took_us <= allowed_us) return false;
    if (!c || !c->head_done) return true;
    return c->received < (uint64_t)(took_us / FT_SECOND_US) * FT_BODY_SLOWEST;
}

/* The other side has closed and the library missed it: when the end comes together with data, it
 * reads the data, sees less than it asked for and waits for an event that has been. */
static bool ended(const ft_server_link *link) {
    char byte;
    return recv(link->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* The library's own time-out begins anew with every byte; a client that sends one a second would
 * stay for ever. Answers on their way are left to it. */
void ft_http_links_look(ft_http_worker *w) {
    int timeout_s = w->server->opts.timeout_s ? w->server->opts.timeout_s : FT_TIMEOUT_S;
    int64_t allowed_us = 2 * timeout_s * FT_SECOND_US;
    for (ft_server_link *link = w->links; link; link = link->after) {
        bool answering = link->request && link->request->handled;
        if (answering || link->fd < 0) continue;
        if (too_slow(link, allowed_us, w->now_us) || ended(link)) shutdown(link->fd, SHUT_RDWR);
    }
}
