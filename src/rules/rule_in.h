/* rule_in.h -- what rules share: verdicts in words, the tensors that a user's parameters mean, and
 * losses as series. */
#ifndef FT_RULE_IN_H
#define FT_RULE_IN_H

#include "base/json.h"
#include "rules/rule.h"

/* ---- verdicts */
ft_err ft_rule_no_issue(ft_verdict *out, const ft_rule_input *in);
/* `why` may say what is missing or when the next comparison is due. */
ft_err ft_rule_wait(ft_verdict *out, const ft_rule_input *in, const char *why, ...)
    __attribute__((format(printf, 3, 4)));
/* An issue with its evidence: begin, write members of the object at `e->w`, end. End frees. */
typedef struct ft_rule_evidence {
    ft_buf buf;
    ft_json_out w;
} ft_rule_evidence;
void ft_rule_issue_begin(ft_rule_evidence *e);
ft_err ft_rule_issue_end(ft_verdict *out, const ft_rule_input *in, ft_rule_evidence *e,
                         const char *reason, ...) __attribute__((format(printf, 4, 5)));
void ft_rule_note_f64(ft_rule_evidence *e, const char *name, double v); /* NaN as "nan" */
void ft_rule_note_i64(ft_rule_evidence *e, const char *name, int64_t v);
void ft_rule_note_str(ft_rule_evidence *e, const char *name, ft_str v);

/* ---- tensors */
/* The parameters that most rules have; use with FT_RULE_TENSOR_PARAMS inside a table. */
#define FT_RULE_TENSOR_PARAMS                                                       \
    { .name = "collection_names",                                                   \
      .type = FT_PARAM_LIST,                                                        \
      .doc = "collections whose tensors are looked at" },                           \
    {                                                                               \
        .name = "tensor_regex", .type = FT_PARAM_LIST,                              \
        .doc = "expressions (Python's re.match) of more tensors that are looked at" \
    }
/* FT_EINVAL when neither is given: for rules that need one. */
ft_err ft_rule_tensors_given(const ft_params *p, const char *rule);
/* Names that either parameter means, in byte order, each once; all tensors when neither is given.
 */
ft_err ft_rule_tensors(ft_str **out, size_t *count, const ft_rule_input *in, const ft_params *p);
/* Was the tensor saved at exactly this step? */
bool ft_rule_saved_at(ft_trial *t, ft_str name, int64_t step);

/* ---- losses */
typedef struct ft_rule_series { /* one scalar tensor over the steps of one mode */
    ft_str name;
    size_t count;
    const int64_t *global; /* steps to read values at */
    const int64_t *step;   /* steps in the mode's own count */
} ft_rule_series;
/* The losses: of collection "losses" when the trial has it with tensors in it, else by name as in
 * ft_rule_tensors. Metrics that are better the larger they are count as none. Without
 * `use_losses_collection`: only what the parameters say. */
ft_err ft_rule_losses(ft_str **out, size_t *count, const ft_rule_input *in, const ft_params *p,
                      bool use_losses_collection);
/* `mode` 0: the first of EVAL, TRAIN that the tensor was saved in, else all steps. GLOBAL: all. */
ft_err ft_rule_series_of(ft_rule_series *out, const ft_rule_input *in, ft_str name, int mode);
/* The value at a place of the series; `*there` false for what cannot be read or is no scalar. */
ft_err ft_rule_series_value(bool *there, double *out, const ft_rule_input *in,
                            const ft_rule_series *s, size_t i);

/* A training loss and the validation loss of the same metric: "train-rmse" and "validation-rmse"
 * (also eval-, test-, valid-), or one tensor saved in modes TRAIN and EVAL. */
typedef struct ft_rule_pair {
    ft_rule_series train, validation;
    ft_str label; /* "rmse", or the tensor's name */
} ft_rule_pair;
ft_err ft_rule_pairs(ft_rule_pair **out, size_t *count, const ft_rule_input *in,
                     const ft_str *names, size_t name_count);

#endif
