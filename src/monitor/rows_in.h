/* rows_in.h -- the monitor's rows in the metadata database, and where its files are. */
#ifndef FT_MONITOR_ROWS_IN_H
#define FT_MONITOR_ROWS_IN_H

#include "monitor/answer.h"
#include "monitor/constraints.h"
#include "monitor/monitor.h"

typedef struct ft_baseline { /* of an endpoint, loaded */
    ft_statistics *stats;
    ft_constraints *constraints;
    ft_schema *schema; /* in the arena that was given; NULL: none was stored */
    ft_answers answers;
    size_t inputs; /* features before "prediction" */
} ft_baseline;

ft_err ft_monitor_db(ft_db **out, ft_store *s);

/* "monitor/<endpoint>/baseline/<name>" in the arena. */
ft_err ft_baseline_key(ft_str *out, ft_arena *arena, ft_str endpoint, const char *name);
/* FT_ENOTFOUND says how to make one. */
ft_err ft_baseline_load(ft_baseline *out, ft_store *s, ft_arena *arena, ft_str endpoint);
/* The same with files of another place (s3://, empty: the endpoint's own). */
ft_err ft_baseline_load_from(ft_baseline *out, ft_store *s, ft_arena *arena, ft_str endpoint,
                             ft_str statistics_uri, ft_str constraints_uri);
void ft_baseline_free(ft_baseline *b);
ft_err ft_baseline_store_row(ft_store *s, ft_str endpoint, ft_answers answers, double largest_share,
                             const ft_table *table);
/* baseline.c: a baseline whose answers are known, one a row. */
ft_err ft_monitor_baseline_answered(ft_store *s, ft_str endpoint, const ft_table *table,
                                    ft_answers kind, const ft_answer *answers);
ft_err ft_monitor_store_row(ft_store *s, const ft_monitor_row *row, uint64_t unreadable);

#endif
