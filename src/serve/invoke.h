/* invoke.h -- one request to an endpoint, for every door that leads there. Threads: the request's.
 */
#ifndef FT_INVOKE_H
#define FT_INVOKE_H

#include "serve/worker.h"

/* The endpoint as it answers now, NULL when it does not; valid for this request. */
const ft_live *ft_invoke_find(ft_worker *w, ft_str endpoint);
/* One of its variants, by their weights. */
const ft_live *ft_invoke_choose(ft_request *req, const ft_live *first);
/* What the request was being asked of, when the handler is called again for the answer
 * (ft_response.later); else NULL. */
const ft_live *ft_invoke_asked(const ft_request *req);
/* The predictor's answer to the request's body (none for none: status 204), by the request's
 * Content-Type and Accept; captured when its turn comes. The predictor's errors: FT_EMEDIA,
 * FT_EPARSE, FT_EINVAL … A model that is another process answers later: FT_OK and resp->later; then
 * whatever status and body it gave is the response's. */
ft_err ft_invoke(ft_request *req, ft_response *resp, const ft_live *live);

#endif
