/* store.h -- the home folder: $FETTLE_HOME with fettle.db, objects/<bucket>/…, jobs/<name>/,
 * config.yaml.
 *
 * Threads: one ft_store a thread; several processes and threads may open the same home. Opening
 * costs about a millisecond. */
#ifndef FT_STORE_H
#define FT_STORE_H

#include "base/err.h"
#include "store/db.h"

typedef struct ft_store ft_store;

/* Open, making what is missing (0700). `home` NULL: $FETTLE_HOME, else ~/.fettle. FT_EDENIED for a
 * read-only home says so; FT_EINVAL when there is neither. */
ft_err ft_store_open(ft_store **out, const char *home);
void ft_store_close(ft_store *store); /* fine on NULL */
const char *ft_store_home(const ft_store *store);
ft_db *ft_store_db(ft_store *store);

#endif
