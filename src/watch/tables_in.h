/* tables_in.h -- the watch room's rows: watch, verdict, verdict_action, alert, sender, delivery. */
#ifndef FT_WATCH_TABLES_IN_H
#define FT_WATCH_TABLES_IN_H

#include "base/arena.h"
#include "store/store.h"

/* The database with this room's tables brought up to date. */
ft_err ft_watch_db(ft_db **out, ft_store *s);

#endif
