/* cli.h -- the command line. One command = one file + one exported struct + one row in all.c;
 * parsing, refusal, help and completion of options come from that struct.
 *
 * This room alone may print and exit. Results go to standard output (a table for people, JSON with
 * --json); everything else goes to standard error. The exit code comes from the error table. */
#ifndef FT_CLI_H
#define FT_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/param.h"
#include "store/store.h"

#define FT_ARGS_MAX 4096 /* a pattern of the shell may be many files */

typedef struct ft_cli ft_cli;
typedef struct ft_command ft_command;

struct ft_command {
    const char *name;       /* "train", or noun and verb: "monitor run" */
    const char *args;       /* positional arguments as shown in the usage: "ALGORITHM" */
    int args_min, args_max; /* how many of them */
    const char *doc;        /* one line */
    const char *more;       /* paragraphs and examples for --help; may be NULL */
    const ft_param *options;
    bool hidden; /* run by Fettle itself: not listed */
    ft_err (*run)(ft_cli *cli);
};

struct ft_cli {
    const ft_command *command;
    const ft_params *options; /* finished */
    ft_str args[FT_ARGS_MAX];
    int arg_count;
    bool json;     /* --json: machine-readable results */
    bool terminal; /* standard error is a terminal: progress bars are welcome */
    ft_arena arena;
    ft_store *store; /* opened by ft_cli_store on first use */
    const char *home;
};

extern const ft_command *const ft_commands[]; /* in the order of help; ends with NULL */

/* Opens the home on first use. */
ft_err ft_cli_store(ft_store **out, ft_cli *cli);
/* The whole program: returns the exit code. */
int ft_cli_main(int argc, char **argv);
void ft_cli_help(FILE *to, const ft_command *command);

#endif
