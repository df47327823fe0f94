/* watch.h -- the rule host: rules beside what they watch, in a process of its own. Live and over
 * history by the same loop.
 *
 * A *watch* is a rule with parameters on a subject (job/NAME or endpoint/NAME), with hold, quiet
 * time and actions. It is evaluated at *points*: every step of a trial (or of a stream ordered by
 * step), every window of a stream ordered by time that holds a record. Verdicts are rows of the
 * metadata database, written once for (watch, at) and before any action; actions are done at least
 * once. A host that was killed goes on where it was. What the host does to others (stop a job, roll
 * back) is a callback that the program wires.
 *
 * Threads: one ft_store, one thread. Memory: what a call returns lives in the arena it was given.
 */
#ifndef FT_WATCH_H
#define FT_WATCH_H

#include "base/arena.h"
#include "rules/rule.h"
#include "store/store.h"
#include "watch/gate.h"
#include "watch/subject.h"

typedef enum ft_watch_status {
    FT_WATCH_IN_PROGRESS,
    FT_WATCH_NO_ISSUES,
    FT_WATCH_ISSUES,
    FT_WATCH_ERROR,
    FT_WATCH_STOPPED
} ft_watch_status;
/* SageMaker's words: InProgress NoIssuesFound IssuesFound Error Stopped */
const char *ft_watch_status_name(ft_watch_status s);

typedef struct ft_watch_spec {
    ft_str name;                 /* unique for the subject; empty: the rule's name */
    ft_str subject;              /* "job/mnist-1", "endpoint/fashion": subject.h */
    ft_str rule;                 /* registry name, or path of an .sql file (its text is stored) */
    ft_str params_json;          /* {"num_steps":"10"}; empty: defaults */
    ft_str actions;              /* "stop,alert" "alert" "" "run:PROGRAM" */
    ft_str trial_uri;            /* for rules that read a trial */
    ft_str stream_key;           /* for rules that read a stream; empty: the subject's name */
    int64_t window_us, every_us; /* stream rules: width and distance of windows; 0: 1 h, = width.
                                    Windows end at multiples of `every_us` since 1970 */
    int hold;                    /* issues in a row before the action; 0: 1 */
    int64_t quiet_us; /* after an action, no other for so long; while the issue lasts, again each
                         time it is over. 0: one action for each run of issues */
} ft_watch_spec;

/* Check the rule and its parameters, store the watch. FT_EINVAL in words, FT_EEXIST. */
ft_err ft_watch_add(int64_t *id, ft_store *s, const ft_watch_spec *spec);
/* The checks of ft_watch_add alone: nothing is stored. Subject may still be empty. */
ft_err ft_watch_check(const ft_watch_spec *spec);
/* Is every word of a list of actions one ("stop", "alert", "rollback", "run:PROGRAM") that fits the
 * subject (empty: any)? FT_EINVAL names the wrong one. */
ft_err ft_watch_actions_check(ft_str actions, ft_str subject);
/* The words of a list one by one; false past the last. */
bool ft_watch_actions_each(ft_str *rest, ft_str *word);
/* The program of "run:PROGRAM"; false for another action. */
bool ft_watch_action_program(ft_str *program, ft_str word);

typedef struct ft_watch_row {
    int64_t id;
    ft_watch_spec spec;
    ft_str rule_text; /* of an SQL rule, as it was when added; empty for others */
    ft_watch_status status;
    ft_str details; /* "RuleEvaluationConditionMet: Evaluation of the rule LossNotDecreasing at step
                       10 resulted in the condition being met" */
    ft_str evaluation_job; /* "<subject[:26]>-<name[:26]>-<8 hex>": its name as a SageMaker job */
    int64_t evaluated;     /* last step or window end evaluated; INT64_MIN before the first */
    int64_t created_us, modified_us;
    int streak;       /* issues in a row, the last evaluation included */
    int64_t acted_us; /* when the last action was due; INT64_MIN: never */
} ft_watch_row;
ft_err ft_watch_list(ft_watch_row **out, size_t *count, ft_store *s, ft_arena *arena,
                     ft_str subject); /* empty: all */
/* Subjects with a watch in progress or an action asked for and not done: what a crash may have left
 * behind. */
ft_err ft_watch_unsettled(ft_str **out, size_t *count, ft_store *s, ft_arena *arena);
/* A subject and its watches, verdicts and marks are forgotten (an endpoint deleted). */
ft_err ft_watch_remove(ft_store *s, ft_str subject);

/* One watch, its verdicts and what they still ask for are forgotten. FT_ENOTFOUND names those that
 * the subject has. */
ft_err ft_watch_drop(ft_store *s, ft_str subject, ft_str name);

typedef struct ft_verdict_row {
    int64_t id, watch;
    ft_str name, subject;
    ft_verdict verdict;  /* as it was at verdict.at */
    int64_t through;     /* the same outcome up to this point: every issue has a row of its own, */
    int64_t evaluations; /* other outcomes share one until the outcome changes */
    bool fired;          /* it asked for the watch's actions */
    int64_t stored_us;
} ft_verdict_row;
/* Newest first, at most `limit`. */
ft_err ft_verdict_list(ft_verdict_row **out, size_t *count, ft_store *s, ft_arena *arena,
                       ft_str subject, size_t limit);

/* In the subject's folder. */
#define FT_GATE_FILE  "gate"  /* absent: nobody waits for the host */
#define FT_GUARD_FILE "guard" /* see guard.h */

/* ---- the host's loop */
typedef struct ft_watch_hooks {
    /* Do one action of a watch for a stored verdict: "stop", "alert", "rollback" … May be called
     * again for the same verdict after a crash. FT_EUNSUPPORTED for an unknown word: the host
     * itself then does "alert" and "run:PROGRAM". NULL: the same. */
    ft_err (*act)(void *ctx, ft_str action, const ft_watch_row *watch, int64_t verdict_id,
                  const ft_verdict *v);
    /* Has the subject ended (no more records will come)? NULL: never. */
    bool (*ended)(void *ctx, ft_str subject);
    void *ctx;
} ft_watch_hooks;
/* Evaluate all watches of the subject until it has ended and everything is evaluated, or `*stop` is
 * set. Also runs the outbox, in a thread of its own. FT_EBUSY when the subject has a host. */
ft_err ft_watch_host(ft_store *s, ft_str subject, const ft_watch_hooks *hooks,
                     const volatile int *stop);
/* Evaluate every watch of the subject that reads a stream once, over exactly [from, until); store
 * the verdicts (once for (watch, until)), do their actions, call `each` (may be NULL) with every
 * verdict. For runs on a schedule or by hand. */
ft_err ft_watch_evaluate(ft_store *s, ft_str subject, int64_t from, int64_t until,
                         const ft_watch_hooks *hooks,
                         ft_err (*each)(void *ctx, const ft_watch_row *watch, int64_t verdict_id,
                                        const ft_verdict *v),
                         void *ctx);
/* After the subject and its host have ended, however they did: do the actions that stored verdicts
 * still ask for, and give watches still in progress `status` and `details`. Evaluates nothing. */
ft_err ft_watch_settle(ft_store *s, ft_str subject, const ft_watch_hooks *hooks,
                       ft_watch_status status, ft_str details);

/* The same rule over what is stored: calls `each` for every evaluation at a point in [from, until)
 * (both 0: all) with a verdict borrowed for the call; stores nothing, acts on nothing. */
ft_err ft_watch_try(ft_store *s, const ft_watch_spec *spec, int64_t from, int64_t until,
                    ft_err (*each)(void *ctx, const ft_verdict *v), void *ctx);

#endif
