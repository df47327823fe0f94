/* actions.h -- what a verdict may do to the world: the callback that lower rooms are handed, since
 * they may not reach up to jobs and endpoints. stop, alert, rollback, run:PROGRAM. */
#ifndef FT_ACTIONS_H
#define FT_ACTIONS_H

#include "watch/watch.h"

/* `store` must outlive the hooks. */
ft_watch_hooks ft_actions_hooks(ft_store *store);
/* Is every word of a comma-separated list an action? FT_EINVAL names the wrong one. */
ft_err ft_actions_check(ft_str actions);

#endif
