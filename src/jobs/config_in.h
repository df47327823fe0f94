/* config_in.h -- a job's settings as JSON, and back: what the job's process starts from, what
 * people and the AWS front door read. */
#ifndef FT_JOBS_CONFIG_IN_H
#define FT_JOBS_CONFIG_IN_H

#include "jobs/job.h"

ft_err ft_job_config_write(ft_str *json, ft_arena *arena, const ft_job_spec *spec);

typedef struct ft_job_config { /* texts in the arena */
    const ft_algorithm *algorithm;
    ft_params *params;
    ft_job_channel *channels;
    size_t channel_count;
    ft_collection *collections;
    size_t collection_count;
    ft_str archive;
} ft_job_config;
/* FT_EUNSUPPORTED when this program lacks the algorithm, FT_EPARSE. */
ft_err ft_job_config_read(ft_job_config *out, ft_arena *arena, ft_str json);

#endif
