/* class_imbalance.c -- fires when one class has many times the labels of another, or when too many
 * of one class are mispredicted (appendix A).
 *
 * Judged is the newest stretch of saved steps that has `samples` labels. */
#include <math.h>

#include "base/check.h"
#include "rules/class_tensors_in.h"

static const ft_param params[] = {
    { .name = "threshold_imbalance",
      .type = FT_PARAM_FLOAT,
      .default_text = "10",
      .min = 1,
      .max = 1e12,
      .doc = "largest ratio of the labels of two classes" },
    { .name = "threshold_misprediction",
      .type = FT_PARAM_FLOAT,
      .default_text = "0.7",
      .min = 0,
      .max = 1,
      .doc = "largest share of a class that is predicted wrongly" },
    { .name = "samples",
      .type = FT_PARAM_INT,
      .default_text = "500",
      .min = 1,
      .max = 1e9,
      .doc = "labels that are needed for a verdict" },
    { .name = "argmax",
      .type = FT_PARAM_BOOL,
      .default_text = "false",
      .doc = "predictions are a score for each class (also found out by their shape)" },
    { .name = "labels_regex",
      .type = FT_PARAM_STRING,
      .default_text = ".*labels",
      .doc = "expression of the labels' name" },
    { .name = "predictions_regex",
      .type = FT_PARAM_STRING,
      .default_text = ".*predictions",
      .doc = "expression of the predictions' name" },
    { 0 },
};

typedef struct counts {
    int64_t *labels, *wrong, *judged; /* by class; `judged` have a prediction */
    int64_t total;
} counts;

static ft_err first_name(ft_str *out, const ft_rule_input *in, ft_str regex) {
    ft_str *names;
    size_t count;
    FT_TRY(ft_trial_names(&names, &count, in->trial, in->arena, FT_STR(""), regex));
    *out = count ? names[0] : (ft_str){ 0 };
    return FT_OK;
}

static ft_err count_step(counts *c, const ft_rule_input *in, ft_str labels, ft_str predictions,
                         int64_t step) {
    ft_array a, b;
    bool there;
    int64_t *is, *said = NULL;
    FT_TRY(ft_trial_try(&there, &a, in->trial, in->arena, labels, step));
    int64_t rows = there ? ft_array_count(&a) : 0;
    if (!rows) return FT_OK;
    FT_TRY(ft_rule_classes(&is, in->arena, &a, rows));
    if (predictions.len) {
        FT_TRY(ft_trial_try(&there, &b, in->trial, in->arena, predictions, step));
        if (there) FT_TRY(ft_rule_classes(&said, in->arena, &b, rows));
    }
    for (int64_t i = 0; i < rows; i++) {
        if (is[i] < 0) continue;
        c->labels[is[i]]++;
        c->total++;
        if (!said) continue;
        c->judged[is[i]]++;
        c->wrong[is[i]] += said[i] != is[i];
    }
    return FT_OK;
}

static ft_err count_back(counts *c, const ft_rule_input *in, const ft_params *p, ft_str labels,
                         ft_str predictions) {
    size_t count;
    const int64_t *steps = ft_trial_tensor_steps(in->trial, labels, &count);
    FT_TRY(ft_arena_items(&c->labels, in->arena, FT_RULE_CLASSES_MAX));
    FT_TRY(ft_arena_items(&c->wrong, in->arena, FT_RULE_CLASSES_MAX));
    FT_TRY(ft_arena_items(&c->judged, in->arena, FT_RULE_CLASSES_MAX));
    while (count > 0 && c->total < ft_params_int(p, "samples"))
        FT_TRY(count_step(c, in, labels, predictions, steps[--count]));
    return FT_OK;
}

static ft_err report_imbalance(const ft_rule_input *in, const counts *c, int small, int large,
                               double most, ft_verdict *out) {
    ft_rule_evidence e;
    double ratio = (double)c->labels[large] / (double)c->labels[small];
    ft_rule_issue_begin(&e);
    ft_rule_note_i64(&e, "largest_class", large);
    ft_rule_note_i64(&e, "largest_count", c->labels[large]);
    ft_rule_note_i64(&e, "smallest_class", small);
    ft_rule_note_i64(&e, "smallest_count", c->labels[small]);
    ft_rule_note_i64(&e, "samples", c->total);
    ft_rule_note_f64(&e, "ratio", ratio);
    ft_rule_note_f64(&e, "threshold_imbalance", most);
    return ft_rule_issue_end(
        out, in, &e,
        "class %d has %lld labels and class %d has %lld of %lld: %.2f times as "
        "many; at most %g times was expected",
        large, (long long)c->labels[large], small, (long long)c->labels[small], (long long)c->total,
        ratio, most);
}

static ft_err report_wrong(const ft_rule_input *in, const counts *c, int worst, double share,
                           double most, ft_verdict *out) {
    ft_rule_evidence e;
    ft_rule_issue_begin(&e);
    ft_rule_note_i64(&e, "class", worst);
    ft_rule_note_i64(&e, "mispredicted", c->wrong[worst]);
    ft_rule_note_i64(&e, "labels", c->judged[worst]);
    ft_rule_note_f64(&e, "share", share);
    ft_rule_note_f64(&e, "threshold_misprediction", most);
    return ft_rule_issue_end(out, in, &e,
                             "%lld of %lld rows of class %d are predicted wrongly at step %lld "
                             "(%.2f %%); at most %g %% was expected",
                             (long long)c->wrong[worst], (long long)c->judged[worst], worst,
                             (long long)in->at, 100 * share, 100 * most);
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    ft_str labels = { 0 }, predictions = { 0 };
    counts c = { 0 };
    int small = -1, large = -1, worst = -1;
    double share = -1, most_wrong = ft_params_float(p, "threshold_misprediction");
    FT_TRY(first_name(&labels, in, ft_params_str(p, "labels_regex")));
    FT_TRY(first_name(&predictions, in, ft_params_str(p, "predictions_regex")));
    if (!labels.len || !ft_rule_saved_at(in->trial, labels, in->at))
        return ft_rule_wait(out, in, "no labels were saved at step %lld", (long long)in->at);
    FT_TRY(count_back(&c, in, p, labels, predictions));
    if (c.total < ft_params_int(p, "samples"))
        return ft_rule_wait(out, in, "%lld labels so far; %lld are needed", (long long)c.total,
                            (long long)ft_params_int(p, "samples"));
    for (int k = 0; k < FT_RULE_CLASSES_MAX; k++) {
        if (!c.labels[k]) continue;
        if (small < 0 || c.labels[k] < c.labels[small]) small = k;
        if (large < 0 || c.labels[k] > c.labels[large]) large = k;
        double wrong = c.judged[k] ? (double)c.wrong[k] / (double)c.judged[k] : -1;
        if (wrong > share) {
            share = wrong;
            worst = k;
        }
    }
    double most = ft_params_float(p, "threshold_imbalance");
    if (small >= 0 && (double)c.labels[large] > most * (double)c.labels[small])
        return report_imbalance(in, &c, small, large, most, out);
    if (share > most_wrong) return report_wrong(in, &c, worst, share, most_wrong, out);
    return ft_rule_no_issue(out, in);
}

const ft_rule ft_rule_class_imbalance = {
    .name = "ClassImbalance",
    .doc = "One class has far more labels than another, or too much of a class is mispredicted.",
    .params = params,
    .reads = FT_READS_TRIAL,
    .collections = "labels,predictions",
    .evaluate = evaluate,
};
