/* server_head.c -- the head of a request: its framing, its route, its limits.
 *
 * libmicrohttpd takes the bytes apart; what it is lenient about (two lengths, a NUL in the target,
 * a length beside chunks) is refused here, since a proxy in front may read such a request
 * differently. */
#include "net/server_in.h"

static ft_err refuse(ft_connection *c, int status, ft_err err) {
    c->status = status;
    return err;
}

static ft_err refuse_framing(ft_connection *c, ft_err err) {
    c->close = true; /* nobody knows where the next request begins */
    return err;
}

static enum MHD_Result header_add(void *cls, enum MHD_ValueKind kind, const char *name,
                                  size_t name_len, const char *value, size_t value_len) {
    ft_connection *c = cls;
    (void)kind;
    if (c->header_count < FT_HEADERS_MAX) {
        c->headers[c->header_count].name = (ft_str){ name, name_len };
        c->headers[c->header_count].value = ft_str_trim((ft_str){ value ? value : "", value_len });
    }
    c->header_count++;
    return MHD_YES;
}

void ft_http_headers_read(ft_connection *c) {
    c->header_count = 0;
    ft_mhd_api.get_connection_values_n(c->mhd, MHD_HEADER_KIND, header_add, c);
}

static bool is_token(ft_str s) {
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] <= ' ' || s.at[i] == 0x7f) return false;
    return s.len > 0;
}

size_t ft_http_body_limit(const ft_connection *c) {
    return c->route && c->route->body_limit_bytes ? c->route->body_limit_bytes : FT_BODY_BYTES;
}

ft_err ft_http_too_big(const ft_connection *c) {
    return FT_FAIL(FT_ETOOBIG, "the body is larger than %zu bytes", ft_http_body_limit(c));
}

static ft_err length_take(ft_connection *c, ft_str value, bool again) {
    uint64_t length;
    if (!ft_str_u64(&length, value) || value.at[0] == '+')
        return refuse_framing(
            c, FT_FAIL(FT_EPARSE, "Content-Length '%.*s': expected a number", FT_STR_ARG(value)));
    if (again && length != c->content_length)
        return refuse_framing(c, FT_FAIL(FT_EPARSE, "Content-Length is given twice"));
    /* The library means "not known" by the largest number, and would wait for ever. */
    if (length == UINT64_MAX) return refuse_framing(c, ft_http_too_big(c));
    c->content_length = length;
    return FT_OK;
}

static ft_err headers_take(ft_connection *c, bool host_wanted) {
    c->content_length = 0;
    c->chunked = false;
    bool has_length = false;
    int hosts = 0;
    ft_http_headers_read(c);
    if (c->header_count > FT_HEADERS_MAX) {
        int count = c->header_count;
        c->header_count = FT_HEADERS_MAX;
        return refuse(
            c, 431, FT_FAIL(FT_ETOOBIG, "%d headers, at most %d are taken", count, FT_HEADERS_MAX));
    }
    for (int i = 0; i < c->header_count; i++) {
        ft_str name = c->headers[i].name, value = c->headers[i].value;
        if (!is_token(name))
            return refuse_framing(
                c, FT_FAIL(FT_EPARSE, "header name '%.*s' holds a blank", FT_STR_ARG(name)));
        hosts += ft_str_ieq(name, FT_STR("host"));
        if (ft_str_ieq(name, FT_STR("content-length"))) {
            FT_TRY(length_take(c, value, has_length));
            has_length = true;
        } else if (ft_str_ieq(name, FT_STR("transfer-encoding"))) {
            if (!ft_str_ieq(value, FT_STR("chunked")) || c->chunked)
                return refuse_framing(c, FT_FAIL(FT_EUNSUPPORTED,
                                                 "Transfer-Encoding '%.*s': only "
                                                 "chunked is taken",
                                                 FT_STR_ARG(value)));
            c->chunked = true;
        }
    }
    if (hosts == 0 && host_wanted)
        return refuse_framing(c, FT_FAIL(FT_EPARSE, "a request without Host"));
    if (hosts > 1) return refuse_framing(c, FT_FAIL(FT_EPARSE, "a request with %d Hosts", hosts));
    if (has_length && c->chunked)
        return refuse_framing(c, FT_FAIL(FT_EPARSE, "Content-Length beside Transfer-Encoding"));
    bool has_body = has_length || c->chunked;
    if (!has_body) c->content_length = UINT64_MAX; /* none told */
    return FT_OK;
}

static ft_err route_take(ft_connection *c) {
    ft_route_match m;
    const ft_server_opts *o = &c->worker->server->opts;
    if (o->front && (c->route = o->front(&c->req, o->app)) != NULL) return FT_OK;
    ft_route_find(&m, c->worker->server->routes, c->req.method, &c->target);
    if (!m.route && !m.allow[0] && o->behind) m.route = o->behind(&c->req, o->app);
    c->route = m.route;
    if (!m.route && m.allow[0]) {
        memcpy(c->allow, m.allow, sizeof c->allow);
        return refuse(c, 405,
                      FT_FAIL(FT_EINVAL, "%.*s is not possible on %.*s; possible: %s",
                              FT_STR_ARG(c->req.method), FT_STR_ARG(c->req.path), m.allow));
    }
    if (!m.route) return FT_FAIL(FT_ENOTFOUND, "nothing is at %.*s", FT_STR_ARG(c->req.path));
    memcpy(c->req.params, m.params, (size_t)m.param_count * sizeof *m.params);
    c->req.param_count = m.param_count;
    return FT_OK;
}

/* A stream's length is wanted beforehand, unless the route takes any method and decides itself. */
static ft_err length_check(ft_connection *c) {
    bool told = c->content_length != UINT64_MAX || c->chunked;
    if (!told) c->content_length = 0;
    bool sends = ft_str_is(c->req.method, "PUT") || ft_str_is(c->req.method, "POST");
    if (!told && sends && c->route->piece && strcmp(c->route->method, "*") != 0)
        return refuse(c, 411, FT_FAIL(FT_EINVAL, "Content-Length is wanted"));
    return c->content_length > ft_http_body_limit(c) ? ft_http_too_big(c) : FT_OK;
}

ft_err ft_http_head_take(ft_connection *c, const char *url, const char *version) {
    /* The library ends the target in its buffer where the version begins: a gap is a NUL inside. */
    if (version > url && (size_t)(version - url) < FT_HEAD_BYTES &&
        (size_t)(version - url) != c->req.raw_target.len + 1)
        return refuse_framing(c, FT_FAIL(FT_EPARSE, "the request target holds a NUL"));
    FT_TRY(headers_take(c, strcmp(version, "HTTP/1.1") == 0));
    ft_err err = ft_target_parse(&c->target, &c->arena, c->req.raw_target);
    c->req.path = err == FT_OK
                      ? c->target.path
                      : ft_str_slice(c->req.raw_target, 0, ft_str_find(c->req.raw_target, '?'));
    FT_TRY(err);
    FT_TRY(route_take(c));
    return length_check(c);
}
