/* actions.h -- what a verdict may do to rooms above the rule host: the callback that it is handed,
 * since it may not reach up to jobs and endpoints. stop and rollback; the host itself does alert
 * and run:PROGRAM. */
#ifndef FT_ACTIONS_H
#define FT_ACTIONS_H

#include "watch/watch.h"

/* `store` must outlive the hooks. */
ft_watch_hooks ft_actions_hooks(ft_store *store);
/* ft_watch_actions_check for any subject, and the programs of run: are there now, not only when they
 * are needed. */
ft_err ft_actions_check(ft_str actions);

#endif
