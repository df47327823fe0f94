/* courier_in.h -- a thread that runs the outbox beside the host's loop, so that a slow receiver
 * never holds a rule back. */
#ifndef FT_WATCH_COURIER_IN_H
#define FT_WATCH_COURIER_IN_H

#include "base/err.h"

typedef struct ft_courier ft_courier;

/* `home` as of ft_store_home; the thread opens a store of its own. */
ft_err ft_courier_start(ft_courier **out, const char *home);
/* Something may be due now. */
void ft_courier_poke(ft_courier *c);
/* Try once more what is due, then end. Waits for the delivery in progress (its timeout at most).
 * Fine on NULL. */
void ft_courier_stop(ft_courier *c);

#endif
