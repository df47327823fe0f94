/* sql_in.h -- the session as its virtual tables see it. */
#ifndef FT_SQL_IN_H
#define FT_SQL_IN_H

#include <sqlite3.h>

#include "streams/stream.h"

typedef struct ft_sql_vfs ft_sql_vfs;

struct ft_sql {
    sqlite3 *db;
    ft_store *s;
    bool pure; /* a horizon is set */
    ft_order order;
    int64_t until;
    ft_str key;                    /* at == NULL: all */
    ft_arena texts;                /* of `key` */
    int64_t limit_us, deadline_us; /* monotonic; INT64_MAX: none */
    bool timed_out;
    ft_err failed;    /* what a virtual table failed with */
    char denied[160]; /* why the authorizer refused */
    ft_sql_vfs *vfs;
};

/* One table of this name for the kind, in the session's connection. */
ft_err ft_sql_table_add(ft_sql *q, const ft_stream_kind *kind);

#endif
