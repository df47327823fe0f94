/* reply.h -- what the tables of routes answer with: JSON, reports; and the numbers of a query. */
#ifndef FT_SERVE_REPLY_H
#define FT_SERVE_REPLY_H

#include "base/json.h"
#include "serve/worker.h"

/* ---- JSON answers: begin, write the members of the one open object, end. */
void ft_reply_begin(ft_worker *w, ft_json_out *j);
ft_err ft_reply_end(ft_request *req, ft_response *resp, ft_json_out *j);
/* "name": "2022-02-14T17:25:49.123456Z", or null for 0. */
void ft_reply_time(ft_json_out *j, const char *name, int64_t us);
void ft_reply_str(ft_json_out *j, const char *name, ft_str value);
void ft_reply_int(ft_json_out *j, const char *name, int64_t value);
/* A non-negative integer of the query, at most `most`; `otherwise` when it is absent. FT_EINVAL. */
ft_err ft_query_count(size_t *out, const ft_request *req, const char *name, size_t otherwise,
                      size_t most);

/* ---- pages */
/* Headers of a page: what it may run and fetch, and that it is looked for again each time. */
void ft_reply_policy(ft_response *resp, ft_str policy);
/* The object at an s3:// URI as a self-contained HTML page: its own scripts and styles run, nothing
 * is fetched. */
ft_err ft_reply_report(ft_request *req, ft_response *resp, ft_str uri);

#endif
