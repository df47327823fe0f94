/* reply_in.h -- what several tables of routes answer with. */
#ifndef FT_REPLY_IN_H
#define FT_REPLY_IN_H

#include "net/server.h"

/* The object at an s3:// URI as a self-contained HTML page: its own scripts and styles run, nothing
 * is fetched. */
ft_err ft_reply_report(ft_request *req, ft_response *resp, ft_str uri);

#endif
