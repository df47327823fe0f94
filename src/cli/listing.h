/* listing.h -- results as an aligned table for people or a JSON array of objects for programs, from
 * the same calls. Columns are named once; cells follow in row order. */
#ifndef FT_LISTING_H
#define FT_LISTING_H

#include "cli/cli.h"
#include "streams/stream.h"

typedef struct ft_listing {
    ft_cli *cli;
    const char *const *columns;
    int column_count;
    ft_value *cells;
    size_t cell_count, cell_capacity;
    ft_err err;
} ft_listing;

void ft_listing_init(ft_listing *l, ft_cli *cli, const char *const *columns, int count);
void ft_listing_text(ft_listing *l, ft_str s);
void ft_listing_int(ft_listing *l, int64_t i);
void ft_listing_number(ft_listing *l, double v);
void ft_listing_time(ft_listing *l, int64_t us); /* 0: empty */
void ft_listing_value(ft_listing *l, const ft_value *v);
/* Print; `empty` is the sentence for people when there is no row. */
ft_err ft_listing_print(ft_listing *l, const char *empty);

/* A command that only did something: the sentence for people, {"done":"<sentence>"} for programs.
 */
ft_err ft_cli_done(ft_cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A parameter table: an algorithm's hyperparameters, a rule's parameters. */
ft_err ft_listing_params(ft_cli *cli, const ft_param *table);

/* "3 min ago" style is avoided: times are absolute, UTC. Sizes: "12.3 MB". Returns `out`. */
char *ft_text_size(char out[32], uint64_t bytes);

#endif
