/* client.h -- HTTP client (libcurl, loaded on first use): one exchange a call. Redirects are not
 * followed: an answer of 3xx is the answer.
 *
 * Threads: any. */
#ifndef FT_CLIENT_H
#define FT_CLIENT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

typedef struct ft_fetch {
    const char *method; /* NULL: GET, or POST when there is a body */
    const char *url;
    ft_str body;
    const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
    int64_t timeout_us;         /* whole exchange; 0: 30 s */
    size_t limit_bytes;         /* of the answer; 0: 64 MiB */
    const char *unix_socket;    /* NULL: TCP */
    const char *ca_path;        /* PEM file of the authorities to trust; NULL: the system's */
} ft_fetch;
typedef struct ft_fetched {
    int status;
    ft_str body, content_type;
    ft_str headers; /* "Name: value\r\n" each */
} ft_fetched;
/* FT_EPEER when no whole answer came (refused, cut, name or certificate unknown), FT_ETIMEOUT,
 * FT_ETOOBIG, FT_EINVAL for an address that is none, FT_EABSENT without libcurl; any status is
 * FT_OK. Texts in the arena. */
ft_err ft_http_fetch(ft_fetched *out, ft_arena *arena, const ft_fetch *req);
/* A header of the answer, the first of that name; at == NULL when absent. */
ft_str ft_fetched_header(const ft_fetched *answer, const char *name);

#endif
