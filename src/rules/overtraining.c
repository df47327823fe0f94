/* overtraining.c -- fires when neither the training loss nor the validation loss has improved for
 * their patience (formats.md 3.8, appendix A). Without a validation loss it never fires.
 *
 * A loss improves when it falls below its best by more than `delta`. */
#include <math.h>

#include "base/check.h"
#include "rules/rule_in.h"

static const ft_param params[] = {
    { .name = "patience_train",
      .type = FT_PARAM_INT,
      .default_text = "5",
      .min = 1,
      .max = 1e9,
      .doc = "saved steps without a better training loss" },
    { .name = "patience_validation",
      .type = FT_PARAM_INT,
      .default_text = "10",
      .min = 1,
      .max = 1e9,
      .doc = "saved steps without a better validation loss" },
    { .name = "delta",
      .type = FT_PARAM_FLOAT,
      .default_text = "0.01",
      .min = 0,
      .max = 1e9,
      .doc = "by how much a loss must fall below its best to be a new best" },
    { 0 },
};

typedef struct best {
    double value;
    int64_t step;
    int64_t since; /* saved steps since */
} best;

static ft_err find_best(best *out, const ft_rule_input *in, const ft_rule_series *s, double delta) {
    *out = (best){ .value = INFINITY };
    for (size_t i = 0; i < s->count; i++) {
        bool there;
        double x;
        FT_TRY(ft_rule_series_value(&there, &x, in, s, i));
        if (!there) continue;
        out->since++;
        if (x < out->value - delta || (isinf(out->value) && isfinite(x)))
            *out = (best){ .value = x, .step = s->global[i] };
    }
    return FT_OK;
}

static ft_err report(const ft_rule_input *in, const ft_params *p, const ft_rule_pair *pair,
                     const best *train, const best *validation, ft_verdict *out) {
    ft_rule_evidence e;
    double delta = ft_params_float(p, "delta");
    ft_rule_issue_begin(&e);
    ft_rule_note_str(&e, "training", pair->train.name);
    ft_rule_note_str(&e, "validation", pair->validation.name);
    ft_rule_note_f64(&e, "best_training_loss", train->value);
    ft_rule_note_i64(&e, "best_training_step", train->step);
    ft_rule_note_i64(&e, "saves_since_best_training", train->since);
    ft_rule_note_f64(&e, "best_validation_loss", validation->value);
    ft_rule_note_i64(&e, "best_validation_step", validation->step);
    ft_rule_note_i64(&e, "saves_since_best_validation", validation->since);
    ft_rule_note_f64(&e, "delta", delta);
    return ft_rule_issue_end(
        out, in, &e,
        "%.*s has not improved by %g since step %lld in training (%.7g, %lld saved steps ago) and "
        "since step %lld in validation (%.7g, %lld saved steps ago)",
        FT_STR_ARG(pair->label), delta, (long long)train->step, train->value,
        (long long)train->since, (long long)validation->step, validation->value,
        (long long)validation->since);
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    ft_str *names;
    ft_rule_pair *pairs;
    size_t name_count, count, checked = 0;
    double delta = ft_params_float(p, "delta");
    FT_TRY(ft_rule_losses(&names, &name_count, in, p, true));
    FT_TRY(ft_rule_pairs(&pairs, &count, in, names, name_count));
    for (size_t i = 0; i < count; i++) {
        best train, validation;
        if (!ft_rule_saved_at(in->trial, pairs[i].train.name, in->at) &&
            !ft_rule_saved_at(in->trial, pairs[i].validation.name, in->at))
            continue;
        checked++;
        FT_TRY(find_best(&train, in, &pairs[i].train, delta));
        FT_TRY(find_best(&validation, in, &pairs[i].validation, delta));
        if (train.since >= ft_params_int(p, "patience_train") &&
            validation.since >= ft_params_int(p, "patience_validation"))
            return report(in, p, &pairs[i], &train, &validation, out);
    }
    if (checked) return ft_rule_no_issue(out, in);
    if (!count) return ft_rule_wait(out, in, "there is no training loss with a validation loss");
    return ft_rule_wait(out, in, "no loss was saved at step %lld", (long long)in->at);
}

const ft_rule ft_rule_overtraining = {
    .name = "Overtraining",
    .doc = "Training and validation loss have both stopped improving for their patience.",
    .params = params,
    .reads = FT_READS_TRIAL,
    .collections = "losses",
    .evaluate = evaluate,
};
