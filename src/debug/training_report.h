/* training_report.h -- what a training job did, as one page: the true labels, the losses with their
 * best round, feature importance, and how good the predictions are. Sections follow SageMaker's
 * XGBoost report (formats.md 3.9).
 *
 * Everything is read from the job's trial; what the trial does not hold is said in words in its
 * section. */
#ifndef FT_TRAINING_REPORT_H
#define FT_TRAINING_REPORT_H

#include "base/buf.h"
#include "debug/system_usage.h"
#include "store/store.h"

typedef struct ft_report_pair {
    ft_str name, value;
} ft_report_pair;

typedef struct ft_report_verdict {
    ft_str rule, text; /* "LossNotDecreasing", "no issue in 15 evaluations" */
    bool issue;
    bool unjudged; /* it never had what it needs: neither good nor bad */
} ft_report_verdict;

typedef struct ft_training_report_opts {
    ft_str job, status, summary; /* "learns", "Completed", "xgboost, 15 rounds in 8.2 s" */
    ft_str reason;               /* why it stopped or failed; may be empty */
    ft_str trial_uri;
    const ft_report_pair *facts; /* model, data, times … */
    size_t fact_count;
    const ft_report_pair *params; /* hyperparameters as given */
    size_t param_count;
    const ft_report_verdict *verdicts;
    size_t verdict_count;
    bool network;          /* counts steps, and has no section that only trees fill */
    ft_str objective;      /* decides the kind of task; empty: told from the tensors */
    const ft_str *classes; /* names of class 0, 1 …; NULL: numbers */
    size_t class_count;
    const ft_str *features; /* names of f0, f1 …; NULL: f0, f1 … */
    size_t feature_count;
    bool validation;              /* labels and predictions are of the validation set */
    const ft_system_usage *usage; /* what the machine did meanwhile; NULL: not known */
} ft_training_report_opts;

/* The page into `out`. FT_ENOTFOUND when there is no trial. */
ft_err ft_training_report(ft_buf *out, ft_store *s, const ft_training_report_opts *opts);

#endif
