/* action_in.h -- what a verdict asks for: words, and doing them at least once. */
#ifndef FT_WATCH_ACTION_IN_H
#define FT_WATCH_ACTION_IN_H

#include "watch/watch.h"

#define FT_ACTION_ATTEMPTS_MAX 5 /* then it is given up, with its failure in the row */

/* Is every word of the list an action ("stop", "alert", "rollback", "run:PROGRAM") that fits the
 * subject (empty: any)? FT_EINVAL names the wrong one. */
ft_err ft_watch_actions_check(ft_str actions, ft_str subject);
/* The words of a list one by one; false past the last. */
bool ft_watch_actions_each(ft_str *rest, ft_str *word);

/* Do what stored verdicts of the subject still ask for. `*left` = actions that failed and may be
 * tried again. Fails only when the database does. */
ft_err ft_watch_actions_do(ft_store *s, ft_str subject, const ft_watch_hooks *hooks, int *left);

#endif
