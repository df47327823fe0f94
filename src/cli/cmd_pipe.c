/* cmd_pipe.c -- `fettle run-pipe`: be the writer of a channel's pipes (data/feeder.h). */
#include <stdio.h>

#include "cli/cli.h"
#include "data/feeder.h"

static void tell(const char *line) {
    printf("%s\n", line);
    fflush(stdout); /* before the reader sees the epoch's end */
}

static ft_err run(ft_cli *cli) {
    return ft_feeder_write(cli->args[0].at, cli->args[1], cli->args[2], tell);
}

const ft_command ft_command_run_pipe = {
    .name = "run-pipe",
    .args = "FOLDER CHANNEL SETTINGS",
    .args_min = 3,
    .args_max = 3,
    .hidden = true,
    .doc = "write a channel's data into one FIFO an epoch",
    .run = run,
};
