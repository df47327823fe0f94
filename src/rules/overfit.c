/* overfit.c -- fires when the validation loss is above the training loss by more than a ratio for
 * `patience` checked steps in a row (formats.md 3.8, appendix A).
 *
 * A step is checked when it has a validation loss; the training loss beside it is the mean of those
 * saved since the validation loss before. Each metric is checked for itself. */
#include <math.h>

#include "base/check.h"
#include "rules/rule_in.h"

static const ft_param params[] = {
    { .name = "tensor_regex",
      .type = FT_PARAM_LIST,
      .doc = "expressions of the losses, when the job has no collection losses" },
    { .name = "start_step",
      .type = FT_PARAM_INT,
      .default_text = "0",
      .min = 0,
      .max = 1e12,
      .doc = "first step that is checked" },
    { .name = "patience",
      .type = FT_PARAM_INT,
      .default_text = "1",
      .min = 1,
      .max = 1e9,
      .doc = "checked steps in a row that must exceed the ratio" },
    { .name = "ratio_threshold",
      .type = FT_PARAM_FLOAT,
      .default_text = "0.1",
      .min = 0,
      .max = 1e9,
      .doc = "largest (validation - training) / training" },
    { 0 },
};

typedef struct check {
    double train, validation, ratio;
    bool there;
} check;

/* The check at the i-th validation loss. */
static ft_err check_at(check *c, const ft_rule_input *in, const ft_rule_pair *pair, size_t i) {
    const ft_rule_series *t = &pair->train, *v = &pair->validation;
    int64_t after = i ? v->global[i - 1] : -1;
    double sum = 0;
    int n = 0;
    *c = (check){ 0 };
    bool there;
    FT_TRY(ft_rule_series_value(&there, &c->validation, in, v, i));
    for (size_t k = 0; there && k < t->count && t->global[k] <= v->global[i]; k++) {
        double x;
        bool has;
        if (t->global[k] <= after) continue;
        FT_TRY(ft_rule_series_value(&has, &x, in, t, k));
        if (!has) continue;
        sum += x;
        n++;
    }
    if (!there || !n) return FT_OK;
    c->there = true;
    c->train = sum / n;
    c->ratio = (c->validation - c->train) / fabs(c->train);
    return FT_OK;
}

/* How many checks in a row, up to the newest, exceed the ratio; stops at `patience`. */
static ft_err run_length(int64_t *out, check *newest, const ft_rule_input *in, const ft_params *p,
                         const ft_rule_pair *pair) {
    const ft_rule_series *v = &pair->validation;
    *out = 0;
    for (size_t i = v->count; i > 0 && *out < ft_params_int(p, "patience"); i--) {
        check c;
        if (v->global[i - 1] < ft_params_int(p, "start_step")) break;
        FT_TRY(check_at(&c, in, pair, i - 1));
        if (i == v->count) *newest = c;
        if (!c.there) continue;
        if (!(c.ratio > ft_params_float(p, "ratio_threshold"))) break;
        ++*out;
    }
    return FT_OK;
}

static ft_err report(const ft_rule_input *in, const ft_params *p, const ft_rule_pair *pair,
                     const check *c, int64_t run, ft_verdict *out) {
    ft_rule_evidence e;
    ft_rule_issue_begin(&e);
    ft_rule_note_str(&e, "training", pair->train.name);
    ft_rule_note_str(&e, "validation", pair->validation.name);
    ft_rule_note_f64(&e, "training_loss", c->train);
    ft_rule_note_f64(&e, "validation_loss", c->validation);
    ft_rule_note_f64(&e, "ratio", c->ratio);
    ft_rule_note_f64(&e, "ratio_threshold", ft_params_float(p, "ratio_threshold"));
    ft_rule_note_i64(&e, "checks_in_a_row", run);
    return ft_rule_issue_end(out, in, &e,
                             "the validation %.*s (%.7g) is %.2f %% above the training one (%.7g) "
                             "at step %lld, the check number %lld in a row; at most %g %% was "
                             "expected",
                             FT_STR_ARG(pair->label), c->validation, 100 * c->ratio, c->train,
                             (long long)in->at, (long long)run,
                             100 * ft_params_float(p, "ratio_threshold"));
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    ft_str *names;
    ft_rule_pair *pairs;
    size_t name_count, count, checked = 0;
    FT_TRY(ft_rule_losses(&names, &name_count, in, p, true));
    FT_TRY(ft_rule_pairs(&pairs, &count, in, names, name_count));
    for (size_t i = 0; i < count; i++) {
        const ft_rule_series *v = &pairs[i].validation;
        check newest = { 0 };
        int64_t run;
        if (!v->count || v->global[v->count - 1] != in->at) continue;
        FT_TRY(run_length(&run, &newest, in, p, &pairs[i]));
        checked += newest.there;
        if (run >= ft_params_int(p, "patience")) return report(in, p, &pairs[i], &newest, run, out);
    }
    if (checked) return ft_rule_no_issue(out, in);
    if (!count) return ft_rule_wait(out, in, "there is no training loss with a validation loss");
    return ft_rule_wait(out, in, "no validation loss is to be checked at step %lld",
                        (long long)in->at);
}

const ft_rule ft_rule_overfit = {
    .name = "Overfit",
    .doc = "The validation loss exceeds the training loss by more than ratio_threshold.",
    .params = params,
    .reads = FT_READS_TRIAL,
    .collections = "losses",
    .evaluate = evaluate,
};
