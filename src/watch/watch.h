/* watch.h -- the rule host: rules beside what they watch, in a process of its own. Live and over
 * history by the same loop.
 *
 * A *watch* is a rule with parameters on a subject (job/NAME or endpoint/NAME), with hold, quiet
 * time and action. Verdicts are rows of the metadata database, written once for (watch, at); so a
 * host that was killed goes on where it was. What the host does to others (stop a job, roll back)
 * is a callback that the program wires. */
#ifndef FT_WATCH_H
#define FT_WATCH_H

#include "base/arena.h"
#include "rules/rule.h"
#include "store/store.h"

typedef enum ft_watch_status {
    FT_WATCH_IN_PROGRESS,
    FT_WATCH_NO_ISSUES,
    FT_WATCH_ISSUES,
    FT_WATCH_ERROR,
    FT_WATCH_STOPPED
} ft_watch_status;
const char *ft_watch_status_name(
    ft_watch_status s); /* SageMaker's words: InProgress NoIssuesFound IssuesFound Error Stopped */

typedef struct ft_watch_spec {
    ft_str name;                 /* unique for the subject; empty: the rule's name */
    ft_str subject;              /* "job/mnist-1", "endpoint/fashion" */
    ft_str rule;                 /* registry name, or path of an .sql file (its text is stored) */
    ft_str params_json;          /* {"num_steps":"10"}; empty: defaults */
    ft_str actions;              /* "stop,alert" "alert" "" "run:PROGRAM" */
    ft_str trial_uri;            /* for rules that read a trial */
    ft_str stream_key;           /* for rules that read a stream; empty: the subject's name */
    int64_t window_us, every_us; /* stream rules: width and distance of windows; 0: 1 h, = width */
    int hold;                    /* issues in a row before the action; 0: 1 */
    int64_t quiet_us;            /* after an action, no other for so long */
} ft_watch_spec;

/* Check the rule and its parameters, store the watch. FT_EINVAL in words. */
ft_err ft_watch_add(int64_t *id, ft_store *s, const ft_watch_spec *spec);

typedef struct ft_watch_row {
    int64_t id;
    ft_watch_spec spec;
    ft_watch_status status;
    ft_str details; /* "RuleEvaluationConditionMet: Evaluation of the rule LossNotDecreasing at step
                       10 resulted in the condition being met" */
    int64_t evaluated; /* last step or window end evaluated; INT64_MIN before the first */
    int64_t modified_us;
} ft_watch_row;
ft_err ft_watch_list(ft_watch_row **out, size_t *count, ft_store *s, ft_arena *arena,
                     ft_str subject); /* empty: all */

typedef struct ft_verdict_row {
    int64_t id, watch;
    ft_str name, subject;
    ft_verdict verdict;
    int64_t stored_us;
} ft_verdict_row;
ft_err ft_verdict_list(ft_verdict_row **out, size_t *count, ft_store *s, ft_arena *arena,
                       ft_str subject, size_t limit);

/* ---- the host's loop */
typedef struct ft_watch_hooks {
    /* Do one action of a watch for a stored verdict: "stop", "alert", "rollback" … FT_EUNSUPPORTED
     * for an unknown word. */
    ft_err (*act)(void *ctx, ft_str action, const ft_watch_row *watch, int64_t verdict_id,
                  const ft_verdict *v);
    /* Has the subject ended (no more records will come)? */
    bool (*ended)(void *ctx, ft_str subject);
    void *ctx;
} ft_watch_hooks;
/* Evaluate all watches of the subject until it has ended and everything is evaluated, or `*stop` is
 * set. Also runs the outbox. */
ft_err ft_watch_host(ft_store *s, ft_str subject, const ft_watch_hooks *hooks,
                     const volatile int *stop);

/* The same rule over what is stored: calls `each` for every evaluation; stores nothing, acts on
 * nothing. */
ft_err ft_watch_try(ft_store *s, const ft_watch_spec *spec, int64_t from, int64_t until,
                    ft_err (*each)(void *ctx, const ft_verdict *v), void *ctx);

/* ---- the gate between a job and its rule host: the job does not record step n+1 before the rules
 * have seen step n. A file of two counters in shared memory, waited on by futex; a host that is
 * dead or slower than `patience_us` opens it. */
typedef struct ft_gate ft_gate;
ft_err ft_gate_open(ft_gate **out, const char *path); /* makes it */
/* Job: `step` is about to be recorded; waits until everything recorded before has been evaluated.
 * FT_ECANCELED when the gate was closed. */
ft_err ft_gate_wait(ft_gate *g, int64_t step, int64_t patience_us);
void ft_gate_recorded(ft_gate *g, int64_t step);  /* job: now readable */
void ft_gate_evaluated(ft_gate *g, int64_t step); /* host */
void ft_gate_close(ft_gate *g); /* host: the job is to stop; nothing more may be recorded */
int64_t
ft_gate_next(ft_gate *g, int64_t seen,
             int64_t timeout_us); /* host: wait for a step after `seen`; returns the newest */
void ft_gate_free(ft_gate *g);

#endif
