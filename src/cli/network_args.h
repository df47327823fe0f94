/* network_args.h -- what commands on networks share: a class by number or label, files of pictures.
 */
#ifndef FT_CLI_NETWORK_ARGS_H
#define FT_CLI_NETWORK_ARGS_H

#include "cli/cli.h"
#include "nn/network.h"

/* A number, or one of labels.txt; FT_EINVAL with the nearest label. */
ft_err ft_cli_class(int *out, ft_cli *cli, const ft_nn_network *n, ft_str text);
/* The class in words: its label, or empty. */
ft_str ft_cli_class_label(const ft_nn_network *n, int class);
/* A whole file; the sentence of an error begins with its path. */
ft_err ft_cli_picture(ft_str *out, ft_arena *arena, ft_str path);
/* "a/b/cat.jpg" -> "cat" */
ft_str ft_cli_stem(ft_str path);

#endif
