/* label.h -- how an endpoint's data is read: as its job was told. */
#ifndef FT_CLI_LABEL_H
#define FT_CLI_LABEL_H

#include "cli/cli.h"

/* --label when it is given; else what the job behind the endpoint was trained with; empty when that
 * is not known. */
ft_err ft_cli_label(ft_str *out, ft_cli *cli, ft_store *s, ft_str endpoint);
/* The texts that the job took for missing values; empty when that is not known. */
ft_err ft_cli_missing(ft_str *out, ft_cli *cli, ft_store *s, ft_str endpoint);

#endif
