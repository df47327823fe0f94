/* resource.h -- what AWS calls leave behind and rooms below do not know (models, endpoint
 * configurations, topics …): the request as it was given, under a kind and a name.
 *
 * Threads and memory: as the store and the arena of the call. */
#ifndef FT_AWS_RESOURCE_H
#define FT_AWS_RESOURCE_H

#include "aws/aws.h"

typedef struct ft_aws_resource {
    ft_str kind, name; /* "model", "xgb-1" */
    ft_str json;       /* the request */
    ft_str note;       /* what became of it: a failure's reason, a path; empty */
    int64_t created_us, modified_us;
} ft_aws_resource;

/* The table, once before serving. */
ft_err ft_aws_resource_prepare(ft_store *s);
/* FT_EEXIST without a trail when the name is taken. */
ft_err ft_aws_resource_add(ft_store *s, const char *kind, ft_str name, ft_str json, ft_str note);
/* Add, or replace request and note and keep the time of creation. */
ft_err ft_aws_resource_put(ft_store *s, const char *kind, ft_str name, ft_str json, ft_str note);
/* FT_ENOTFOUND without a trail. */
ft_err ft_aws_resource_get(ft_aws_resource *out, ft_store *s, ft_arena *arena, const char *kind,
                           ft_str name);
/* By name, strictly after `after` (empty: all), only names that begin with `head`; at most `limit`.
 */
ft_err ft_aws_resource_list(ft_aws_resource **out, size_t *count, ft_store *s, ft_arena *arena,
                            const char *kind, ft_str head, ft_str after, size_t limit);
/* FT_ENOTFOUND without a trail. */
ft_err ft_aws_resource_remove(ft_store *s, const char *kind, ft_str name);

#endif
