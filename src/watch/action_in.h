/* action_in.h -- doing what verdicts ask for, at least once. */
#ifndef FT_WATCH_ACTION_IN_H
#define FT_WATCH_ACTION_IN_H

#include "watch/watch.h"

#define FT_ACTION_ATTEMPTS_MAX 5 /* then it is given up, with its failure in the row */

/* Do what stored verdicts of the subject still ask for. `*left` = actions that failed and may be
 * tried again. Fails only when the database does. */
ft_err ft_watch_actions_do(ft_store *s, ft_str subject, const ft_watch_hooks *hooks, int *left);

#endif
