/* endpoint.h -- a predictor under a name, with capture and versions. Rows of the metadata database;
 * the server follows them. */
#ifndef FT_ENDPOINT_H
#define FT_ENDPOINT_H

#include "base/arena.h"
#include "store/store.h"

typedef struct ft_endpoint {
    ft_str name, status; /* Creating InService Updating RollingBack Failed Deleting */
    ft_str reason;
    int version;
    ft_str model_uri, model_sha256, predictor, job;
    int capture_percent; /* 0..100 */
    ft_str capture_uri;  /* empty: s3://fettle/capture */
    int64_t created_us, modified_us;
} ft_endpoint;

/* Make or update (a new version; the old one serves until the new one is loaded). Loads the model
 * once to be sure that it is one. Lineage: endpoint -> model. */
ft_err ft_endpoint_deploy(ft_endpoint *out, ft_store *s, ft_arena *arena, ft_str name,
                          ft_str model_uri, ft_str job, int capture_percent);
ft_err ft_endpoint_get(ft_endpoint *out, ft_store *s, ft_arena *arena, ft_str name);
ft_err ft_endpoint_list(ft_endpoint **out, size_t *count, ft_store *s, ft_arena *arena);
ft_err ft_endpoint_delete(ft_store *s, ft_str name);
/* Back to the version before; FT_ECONFLICT when there is none. */
ft_err ft_endpoint_rollback(ft_store *s, ft_str name);

#endif
