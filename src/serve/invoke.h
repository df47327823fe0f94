/* invoke.h -- one request to an endpoint, for every door that leads there. Threads: the request's.
 */
#ifndef FT_INVOKE_H
#define FT_INVOKE_H

#include "serve/worker.h"

/* The endpoint as it answers now, NULL when it does not; valid for this request. */
const ft_live *ft_invoke_find(ft_worker *w, ft_str endpoint);
/* The predictor's answer to the request's body (none for none: status 204), by the request's
 * Content-Type and Accept; captured when its turn comes. The predictor's errors: FT_EMEDIA,
 * FT_EPARSE, FT_EINVAL … */
ft_err ft_invoke(ft_request *req, ft_response *resp, const ft_live *live);

#endif
