/* verdict_in.h -- from an evaluation to rows: does it fire, and the one transaction that makes
 * verdicts, what they ask for, their lineage and the watch's own state durable together. */
#ifndef FT_WATCH_VERDICT_IN_H
#define FT_WATCH_VERDICT_IN_H

#include "watch/plan_in.h"

typedef struct ft_pending { /* evaluated, not yet stored */
    ft_plan *plan;
    ft_verdict verdict; /* texts outlive the evaluation */
    int64_t from;       /* start of its window */
    bool fires;
    bool alone; /* gets a row of its own whatever its outcome */
} ft_pending;

ft_err ft_outcome_parse(ft_outcome *out, ft_str name); /* FT_EPARSE */

/* Count it: streak, hold and quiet time in plan->row. True when the watch's actions are due.
 * Not enough data neither breaks nor lengthens a run of issues. */
bool ft_plan_count(ft_plan *plan, const ft_verdict *v);
/* Store them in order, in one transaction. On failure nothing is stored. */
ft_err ft_pending_store(ft_store *s, ft_pending *list, size_t count);
/* The watch's state: InProgress … with details; NULL: leave them. */
ft_err ft_plan_status(ft_store *s, ft_plan *plan, ft_watch_status status, ft_str details);
/* What is known of the newest verdict of the plan's watch. */
ft_err ft_plan_resume(ft_store *s, ft_plan *plan);

#endif
