/* plan_in.h -- a watch made ready to be evaluated: its rule, parameters and what it reads; and the
 * points at which it is evaluated. The same for live, restart and history, so that the three give
 * equal verdicts. */
#ifndef FT_WATCH_PLAN_IN_H
#define FT_WATCH_PLAN_IN_H

#include "watch/watch.h"

typedef enum ft_points {
    FT_POINTS_TRIAL,  /* every step of a trial */
    FT_POINTS_STEPS,  /* every step of a stream ordered by step */
    FT_POINTS_WINDOWS /* windows of a stream ordered by time */
} ft_points;

/* What several watches of one host read together. */
typedef struct ft_watch_shared {
    ft_store *store;
    ft_sql *sql; /* opened on first use */
    struct {
        ft_str uri;
        ft_trial *trial; /* NULL until its first step can be read */
    } trials[16];
    size_t trial_count;
} ft_watch_shared;
void ft_watch_shared_fini(ft_watch_shared *shared);
/* New steps of every trial become visible. */
ft_err ft_watch_shared_refresh(ft_watch_shared *shared);

/* The row that a specification makes, with the text of an SQL rule's file; not yet checked. Texts
 * are borrowed from the spec or in the arena. */
ft_err ft_watch_row_make(ft_watch_row *row, ft_arena *arena, const ft_watch_spec *spec);
/* A rule over a stream of endpoints sees nothing of a job, and the other way round: FT_EINVAL. */
ft_err ft_watch_kind_check(const ft_watch_row *row, const ft_rule *rule);
/* Put the texts of a row into the arena. */
ft_err ft_watch_row_copy(ft_watch_row *row, ft_arena *arena);

typedef struct ft_plan {
    ft_watch_row row;
    const ft_rule *rule;
    ft_params *params;
    void *state; /* NULL: not initialised */
    ft_points points;
    const ft_stream_kind *kind; /* NULL for a trial */
    ft_watch_shared *shared;
    size_t trial;      /* index in shared->trials */
    ft_cursor *cursor; /* looks ahead for the next point of a stream */
    int64_t ahead;     /* order of the record that the cursor stands on */
    bool has_ahead;
    int64_t candidate; /* the step that is next, maybe not whole yet */
    int64_t at;        /* last point evaluated or passed */
    ft_str rule_node;  /* lineage: "rule:NAME@HASH" */
    /* The newest verdict row, for extending it. */
    int64_t last_id;
    ft_outcome last_outcome;
    ft_arena arena; /* lives as long as the plan */
} ft_plan;

/* Resolve rule, parameters, points. `begin`: the last point not to be evaluated, INT64_MIN for
 * everything. The row's texts are copied. FT_EINVAL in words. */
ft_err ft_plan_open(ft_plan *plan, ft_watch_shared *shared, const ft_watch_row *row, int64_t begin);
/* Where a watch that is stored begins: after what it has evaluated. */
ft_err ft_plan_open_stored(ft_plan *plan, ft_watch_shared *shared, const ft_watch_row *row);
void ft_plan_close(ft_plan *plan);

/* The next point after plan->at, before `limit`: what lies there can no longer change.
 * FT_LIMIT_UNKNOWN, for steps of a stream: a step is whole when a later one has begun. FT_ENOTFOUND
 * without a trail when there is none yet. `from` is the start of the window. */
#define FT_LIMIT_UNKNOWN INT64_MIN
ft_err ft_plan_next(ft_plan *plan, int64_t limit, int64_t *at, int64_t *from);
/* Evaluate at a point; texts in `arena`. Does not move plan->at. */
ft_err ft_plan_evaluate(ft_plan *plan, int64_t at, int64_t from, ft_arena *arena, ft_verdict *out);
/* "step 10", "2022-02-14T17:00:00Z": a point for people. */
ft_err ft_plan_point_text(ft_str *out, const ft_plan *plan, int64_t at, ft_arena *arena);

#endif
