/* rule.h -- a pure function over the records of stored streams. One rule is one C file in this
 * folder with one exported struct, or an SQL query in a text file; one row in the registry.
 *
 * A rule sees nothing but its input up to `at`; no clock, no files, no random. Therefore live and
 * over history give the same verdicts. How to add one: docs/add-a-rule.md. */
#ifndef FT_RULE_H
#define FT_RULE_H

#include "base/arena.h"
#include "base/param.h"
#include "streams/stream.h"
#include "trials/trial.h"

typedef enum ft_outcome { FT_NO_ISSUE, FT_ISSUE, FT_NOT_ENOUGH_DATA } ft_outcome;
const char *ft_outcome_name(ft_outcome o); /* "NoIssue" "Issue" "NotEnoughData" */

typedef struct ft_verdict {
    ft_outcome outcome;
    int64_t at;           /* step or time in µs of the evaluation */
    ft_str reason;        /* a sentence with the numbers; empty for no issue; in the arena */
    ft_str evidence_json; /* a JSON object: the values that decided; empty when there is no issue;
                             in the arena */
} ft_verdict;

typedef enum ft_rule_reads { FT_READS_TRIAL = 1, FT_READS_STREAM, FT_READS_SQL } ft_rule_reads;

typedef struct ft_rule_input {
    int64_t
        at; /* the step (trial) or the end of the window in µs (stream): nothing later is visible */
    int64_t from;    /* start of the window (stream) */
    ft_trial *trial; /* FT_READS_TRIAL; refreshed, horizon already set */
    ft_store *store; /* FT_READS_STREAM: open a cursor on `kind`/`key` in [from, at) */
    const ft_stream_kind *kind;
    ft_str key;      /* job or endpoint; for SQL bound as :key */
    ft_sql *sql;     /* FT_READS_SQL; horizon already set */
    ft_arena *arena; /* for the verdict; reset after it is stored */
} ft_rule_input;

typedef struct ft_rule {
    const char *name; /* "LossNotDecreasing" */
    const char *doc;  /* one sentence: when it fires */
    const ft_param *params;
    ft_rule_reads reads;
    const char *stream;      /* FT_READS_STREAM: the kind. FT_READS_SQL: the kind whose steps or
                                windows it is evaluated at; NULL: the steps of the trial */
    const char *collections; /* FT_READS_TRIAL: collections it wants saved, "losses" */
    size_t state_bytes;      /* zeroed before init; holds what makes evaluation cheap, never what
                                decides: a host may begin at any step with fresh state */
    /* Called once; may refuse parameters that do not fit together. May be NULL. */
    ft_err (*init)(void *state, const ft_params *params);
    /* One evaluation. FT_OK with a verdict; an error means the rule itself failed (reported as
     * Error, never as an issue). FT_NOT_ENOUGH_DATA is also the verdict of a step at which there is
     * nothing to compare. */
    ft_err (*evaluate)(void *state, const ft_params *params, const ft_rule_input *in,
                       ft_verdict *out);
    void (*fini)(void *state); /* may be NULL */
} ft_rule;

/* Set once by the program (cli/all.c) or a test. Ends with NULL. */
void ft_rules_use(const ft_rule *const *rows);
/* FT_ENOTFOUND with the nearest name. */
ft_err ft_rule_find(const ft_rule **out, ft_str name);
const ft_rule *const *ft_rules(void);

/* An SQL rule from a file's text: the query's rows are issues. `path` is for messages, and names
 * the rule when the text does not. Everything lives in the arena. FT_EPARSE with the line. See
 * docs/add-a-rule.md. */
ft_err ft_rule_from_sql(const ft_rule **out, ft_arena *arena, ft_str path, ft_str text);

/* Over a trial, after SageMaker Debugger's built-in rules (formats.md 3.8 and appendix A). */
extern const ft_rule ft_rule_all_zero, ft_rule_class_imbalance, ft_rule_confusion,
    ft_rule_exploding_tensor, ft_rule_feature_importance_overweight, ft_rule_loss_not_decreasing,
    ft_rule_overfit, ft_rule_overtraining, ft_rule_tensor_variance, ft_rule_tree_depth,
    ft_rule_unchanged_tensor;
extern const ft_rule ft_rule_dead_relu, ft_rule_poor_weight_initialization,
    ft_rule_saturated_activation, ft_rule_vanishing_gradient, ft_rule_weight_update_ratio;
/* Over streams. */
extern const ft_rule ft_rule_class_share, ft_rule_loader_starved, ft_rule_low_confidence,
    ft_rule_perturbed_inputs, ft_rule_population_stability, ft_rule_unrelated_classes;

#endif
