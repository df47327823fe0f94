/* client.h -- HTTP client (libcurl, loaded on first use): one exchange a call. Redirects are not
 * followed: an answer of 3xx is the answer. A path goes out as it is given ("..", "//" stay).
 *
 * Threads: any; a link belongs to one at a time. */
#ifndef FT_CLIENT_H
#define FT_CLIENT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* A connection that is kept from one exchange to the next, with as many hosts as are asked. */
typedef struct ft_http_link ft_http_link;
ft_err ft_http_link_new(ft_http_link **out); /* FT_EABSENT without libcurl */
void ft_http_link_free(ft_http_link *link);  /* fine on NULL */

typedef struct ft_fetch {
    const char *method; /* NULL: GET, or POST when there is a body */
    const char *url;
    ft_str body;
    const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
    int64_t timeout_us;         /* whole exchange; 0: 30 s; below: FT_ETIMEOUT, unasked */
    size_t limit_bytes;         /* of the answer; 0: 64 MiB */
    const char *unix_socket;    /* NULL: TCP */
    const char *ca_path;        /* PEM file of the authorities to trust; NULL: the system's */
    ft_http_link *link;         /* NULL: a connection of its own */
    /* The body of a 2xx answer goes here and nowhere else; more than `into_bytes` is FT_ETOOBIG.
     * Then a failure tells in `out` what came before it: status, headers, body (a view of `into`).
     */
    void *into;
    size_t into_bytes;
    int64_t stall_us; /* FT_ETIMEOUT when less than 1 KiB/s came for so long (whole seconds), or the
                         connection was not made in it; 0: no such limit */
} ft_fetch;
typedef struct ft_fetched {
    int status;
    ft_str body, content_type;
    ft_str headers; /* "Name: value\r\n" each */
    bool unreached; /* of a failure: no connection was made, so nothing was asked */
} ft_fetched;
/* FT_EPEER when no whole answer came (refused, cut, name or certificate unknown), FT_ETIMEOUT,
 * FT_ETOOBIG, FT_EINVAL for an address that is none, FT_EABSENT without libcurl; any status is
 * FT_OK. Texts in the arena. */
ft_err ft_http_fetch(ft_fetched *out, ft_arena *arena, const ft_fetch *req);
/* A header of the answer, the first of that name; at == NULL when absent. */
ft_str ft_fetched_header(const ft_fetched *answer, const char *name);

#endif
