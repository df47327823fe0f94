/* endpoint.h -- a predictor under a name, with capture and versions. Rows of the metadata database;
 * a running server follows them, whatever process wrote them.
 *
 *     deploy    -> Creating -> InService | Failed
 *     again     -> Updating -> InService; the old version answers until the new one is loaded, and
 *                  goes on (InService, with a reason) when the new one cannot be
 *     rollback  -> RollingBack -> InService with the version before
 *
 * Versions of a name count up for ever, also over a deletion, so that a lineage node
 * endpoint:<name>@<version> is one model. Threads and memory: as the store and arena given. */
#ifndef FT_ENDPOINT_H
#define FT_ENDPOINT_H

#include "base/arena.h"
#include "models/predictor.h"
#include "monitor/capture.h"
#include "store/store.h"

typedef struct ft_variant { /* a further model that answers a share of the requests */
    ft_str name;
    double weight;
    ft_str model_uri, model_sha256, predictor, job;
} ft_variant;
#define FT_VARIANTS_MAX 10 /* with the first */

typedef struct ft_endpoint {
    ft_str name, status; /* Creating InService Updating RollingBack Failed */
    ft_str reason;       /* why it is not as asked for; empty: it is */
    int version;         /* asked for */
    int serving;         /* last known to answer; 0: none yet */
    ft_str model_uri, model_sha256, predictor, job; /* of `version` */
    int capture_percent;                            /* 0..100 */
    ft_capture_opts capture; /* where to, and which of it; variant: the name */
    /* Tensors of its requests, as a trial (taps.h): the expression that names match; empty: none.
     * Every n-th request; where to, empty: FT_TAPS_URI. */
    ft_str tap_regex, tap_uri;
    int tap_interval;
    double weight;    /* of that variant; 0 with no more of them: 1 */
    ft_variant *more; /* the other variants of `version` */
    size_t more_count;
    int64_t created_us, modified_us;
} ft_endpoint;

/* Make or update. Loads the model once to be sure that it is one (FT_EUNSUPPORTED, FT_EPARSE …),
 * and gives a new endpoint its rules (ft_monitor_rules). Lineage: endpoint -> model. Of `ask` are
 * read name, model_uri (s3:// object or prefix, or a path), job (may be empty), capture_percent,
 * capture, tap_regex, tap_uri, tap_interval, weight and more (name, weight, model_uri, job).
 * FT_EINVAL for a name that is none. */
ft_err ft_endpoint_put(ft_endpoint *out, ft_store *s, ft_arena *arena, const ft_endpoint *ask);
/* FT_ENOTFOUND with the nearest name. */
ft_err ft_endpoint_get(ft_endpoint *out, ft_store *s, ft_arena *arena, ft_str name);
ft_err ft_endpoint_list(ft_endpoint **out, size_t *count, ft_store *s, ft_arena *arena);
/* A name that an endpoint has or had (versions outlive it), and since when. */
typedef struct ft_endpoint_once {
    ft_str name;
    int64_t first_us;
} ft_endpoint_once;
/* By name; `name` empty: all. None is no failure. */
ft_err ft_endpoint_ever(ft_endpoint_once **out, size_t *count, ft_store *s, ft_arena *arena,
                        ft_str name);
/* A node of lineage as people name it: "endpoint:fashion" is its newest version,
 * "endpoint:fashion@3"; anything else as it is. */
ft_err ft_endpoint_lineage(ft_str *out, ft_store *s, ft_arena *arena, ft_str id);
/* Its captures stay; its rules, their verdicts and its baseline go, all or nothing. */
ft_err ft_endpoint_delete(ft_store *s, ft_str name);
/* Back to the version that served before; FT_ECONFLICT when there is none. */
ft_err ft_endpoint_rollback(ft_store *s, ft_str name);

/* The endpoint's current model, loaded; the caller frees it by model->predictor->free. */
ft_err ft_endpoint_model(ft_model **out, ft_store *s, ft_str endpoint);
/* The file or folder on this machine that a model URI stands for; FT_ENOTFOUND. */
ft_err ft_endpoint_model_path(const char **out, ft_store *s, ft_arena *arena, ft_str model_uri);
/* Load what is at a model URI. */
ft_err ft_endpoint_load(ft_model **out, ft_store *s, ft_str model_uri);
/* FT_ECONFLICT: the file at that path is another one than had this hash when it was deployed. What
 * is in the store does not change, and a folder may be written to by its own program: both fine. */
ft_err ft_endpoint_unchanged(ft_str model_uri, ft_str sha256);

/* ---- for the server that follows the rows */
/* One version as it was deployed; FT_ENOTFOUND. Only the version's members are filled. */
ft_err ft_endpoint_version(ft_endpoint *out, ft_store *s, ft_arena *arena, ft_str name,
                           int version);
/* `version` answers now; no change when another was asked for meanwhile. */
ft_err ft_endpoint_now_serving(ft_store *s, ft_str name, int version);
/* `version` could not be loaded. Another that serves stays: it becomes the one asked for. */
ft_err ft_endpoint_load_failed(ft_store *s, ft_str name, int version, ft_str reason);

#endif
