/* hook_config.h -- the debugger's configuration as SageMaker has it: DebugHookConfig of a training
 * job, or the file debughookconfig.json beside it.
 *
 *     {"S3OutputPath":"s3://b/p", "HookParameters":{"save_interval":"10"},
 *      "CollectionConfigurations":[{"CollectionName":"losses",
 *                                   "CollectionParameters":{"train.save_interval":"5"}}]}
 *
 * Parameters are texts (numbers and booleans are taken too). What a collection does not say it
 * takes from HookParameters. Kept are the collections that are listed, and "metrics" and "losses"
 * always; "all" with save_all; "default" with HookParameters.include_regex. */
#ifndef FT_HOOK_CONFIG_H
#define FT_HOOK_CONFIG_H

#include "trials/collection.h"

typedef struct ft_hook_config {
    ft_str s3_output_path, local_path; /* empty: not said */
    ft_collection *collections;
    size_t collection_count;
    bool all_workers; /* include_workers "all" */
} ft_hook_config;

/* `interval`: where none is said (XGBoost's hook: 10; 0: FT_SAVE_INTERVAL_DEFAULT). Everything
 * lives in the arena. FT_EPARSE for what is no such JSON; FT_EINVAL names the collection, the
 * parameter and what was expected. Unknown parameters are logged and ignored, as the reference
 * does. */
ft_err ft_hook_config_parse(ft_hook_config *out, ft_arena *arena, ft_str json, int64_t interval);

#endif
