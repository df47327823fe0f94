/* model_in.h -- what the algorithm left in its folder becomes objects, a row and lineage. */
#ifndef FT_JOBS_MODEL_IN_H
#define FT_JOBS_MODEL_IN_H

#include "jobs/job.h"

typedef struct ft_model_made { /* texts in the arena */
    ft_str uri;                /* s3://…/<job>/output/model */
    ft_str sha256, manifest;
    uint64_t size_bytes;
    size_t files;
} ft_model_made;
/* Upload every file of `dir` to <job->output_uri>/<job>/output/model/…. FT_ENOTFOUND when there is
 * none. */
ft_err ft_model_upload(ft_model_made *out, ft_store *s, ft_arena *arena, const ft_job *job,
                       const char *dir);
/* The same files as one object, <job->output_uri>/<job>/output/model.tar.gz, schema and model files
 * beside each other. `rename` "model.json=xgboost-model" gives one file another name in it. */
ft_err ft_model_archive(ft_store *s, ft_arena *arena, const ft_job *job, const char *dir,
                        ft_str rename);
/* A folder as one object, in the same way. */
ft_err ft_folder_archive(ft_store *s, ft_arena *arena, ft_str uri, const char *dir, ft_str rename);
/* The job is Completed and its model known, in one transaction. FT_ECANCELED when it was stopped
 * meanwhile: nothing is stored then. */
ft_err ft_model_store(ft_store *s, ft_arena *arena, const ft_job *job, const ft_model_made *model,
                      const char *predictor);
/* The model of a job that was stopped: known, while how the job ended is told by ft_job_finish. */
ft_err ft_model_store_stopped(ft_store *s, ft_arena *arena, const ft_job *job,
                              const ft_model_made *model, const char *predictor);
/* Take away objects of a model that was not stored. */
ft_err ft_model_sweep(ft_store *s, ft_arena *arena, const ft_job *job);

#endif
