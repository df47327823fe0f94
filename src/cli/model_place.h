/* model_place.h -- models that are given as archives. */
#ifndef FT_CLI_MODEL_PLACE_H
#define FT_CLI_MODEL_PLACE_H

#include "cli/cli.h"
#include "jobs/job.h"

/* Where the files of a model on this machine lie: those of model.tar.gz (also .tgz, .tar) are
 * unpacked once to models/<its sha256> of the home; anything else stands for itself. */
ft_err ft_cli_model_place(ft_str *out, ft_cli *cli, ft_store *s, ft_str path);

/* Is a job of this name meant? A word without '.', '/' and ':' is a job before it is a file of this
 * folder (standard error says so where both are there); FT_ENOTFOUND when it is neither,
 * FT_ECONFLICT for a job that left no model. */
ft_err ft_cli_model_job(bool *is_job, ft_job *job, ft_cli *cli, ft_str given);

/* For commands that read a network's files themselves: a path, an archive, a job's name,
 * s3://bucket/key-or-prefix or endpoint:NAME as a file or folder of this machine. */
ft_err ft_cli_model_file(ft_str *out, ft_cli *cli, ft_str given);

#endif
