/* courier.h -- a thread that runs the outbox beside what a process does otherwise, so that a slow
 * receiver holds up nothing but other alerts. */
#ifndef FT_WATCH_COURIER_H
#define FT_WATCH_COURIER_H

#include <stdbool.h>

#include "base/err.h"

typedef struct ft_courier ft_courier;

/* `home` as of ft_store_home; the thread opens a store of its own. */
ft_err ft_courier_start(ft_courier **out, const char *home);
/* Something may be due now. It looks every half second anyhow: other processes raise alerts, too.
 */
void ft_courier_poke(ft_courier *c);
/* End; `once_more`: after trying what is due. Otherwise it waits for the delivery in progress (its
 * timeout at most), not for those behind it. Fine on NULL. */
void ft_courier_stop(ft_courier *c, bool once_more);

#endif
