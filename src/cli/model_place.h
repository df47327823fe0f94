/* model_place.h -- models that are given as archives. */
#ifndef FT_CLI_MODEL_PLACE_H
#define FT_CLI_MODEL_PLACE_H

#include "cli/cli.h"

/* Where the files of a model on this machine lie: those of model.tar.gz (also .tgz, .tar) are
 * unpacked once to models/<its sha256> of the home; anything else stands for itself. */
ft_err ft_cli_model_place(ft_str *out, ft_cli *cli, ft_store *s, ft_str path);

/* For commands that read a network's files themselves: a path stands for itself; a job's name, or
 * s3://bucket/prefix of a model that a job left, for the files in this home. */
ft_err ft_cli_model_file(ft_str *out, ft_cli *cli, ft_str given);

#endif
