/* check.h -- a window's statistics against the constraints: violations in Model Monitor's words
 * (formats.md 3.11).
 *
 * A share that must be 1 is strict: one value is enough. A share below 1 is violated when so many
 * values fail that chance explains it less than once in 1e-5 (binomial, over all features
 * together); so is "no negative numbers", which a baseline of m rows only shows up to about 1/m.
 * Comparisons: shift.h. */
#ifndef FT_CHECK_WINDOW_H
#define FT_CHECK_WINDOW_H

#include "monitor/constraints.h"
#include "monitor/monitor.h"
#include "monitor/shift.h"

typedef struct ft_window {
    ft_statistics *stats;   /* of the same features, in the same order, as the baseline */
    const ft_shift *shifts; /* one a feature */
    uint64_t short_rows;    /* rows with too few values */
    size_t shortest;        /* values in the shortest row */
    uint64_t long_rows;     /* rows with more values than there are features */
    size_t longest;
    size_t inputs; /* features that are part of a request; the rest is the answer */
} ft_window;

typedef struct ft_violations {
    ft_arena *arena;
    ft_violation *at;
    size_t count, room;
} ft_violations;

/* `description` is printed. */
ft_err ft_violation_add(ft_violations *v, ft_str feature, const char *check,
                        const char *description, ...) __attribute__((format(printf, 4, 5)));
/* All constraints of all features, the largest comparisons first. */
ft_err ft_window_check(ft_violations *out, const ft_window *w, const ft_statistics *baseline,
                       const ft_constraints *constraints);

/* {"violations":[…]} */
ft_err ft_violations_write(ft_buf *out, const ft_violation *list, size_t count);
/* That file, ours or Amazon's; texts in the arena. */
ft_err ft_violations_read(ft_violation **out, size_t *count, ft_arena *arena, ft_str json,
                          const char *name);

/* Probability of `k` or more of `n` when each has probability `p`. */
double ft_binomial_tail(uint64_t k, uint64_t n, double p);

#endif
