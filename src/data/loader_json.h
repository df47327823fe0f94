/* loader_json.h -- a loader from one JSON object: what the public library and other programs hand
 * over. docs/loader.md has every member. */
#ifndef FT_LOADER_JSON_H
#define FT_LOADER_JSON_H

#include "base/buf.h"
#include "data/loader.h"

/* {"data":[path, …], "batch":…, …}. FT_EINVAL for a member that is not known, with the nearest
 * name. */
ft_err ft_loader_open_json(ft_loader **out, ft_str spec);
/* Appends what was measured, and the verdict, as an object. */
ft_err ft_loader_stats_json(ft_buf *out, ft_loader *l);

#endif
