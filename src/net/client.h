/* client.h -- HTTP client (libcurl, loaded on first use). */
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
} ft_fetch;
typedef struct ft_fetched {
    int status;
    ft_str body, content_type;
    ft_str headers;
} ft_fetched;
/* FT_EPEER when no answer came (refused, cut, name unknown), FT_ETIMEOUT; any status is FT_OK.
 * Texts in the arena. */
ft_err ft_http_fetch(ft_fetched *out, ft_arena *arena, const ft_fetch *req);

#endif
