/* low_confidence.c -- fires when too many of the captured predictions of a window were made with
 * little confidence: the model sees what it does not know. */
#include "base/check.h"
#include "rules/scores_in.h"

static const ft_param params[] = {
    { .name = "confidence",
      .type = FT_PARAM_FLOAT,
      .default_text = "0.5",
      .min = 0,
      .max = 1,
      .min_open = true,
      .doc = "a prediction whose class has less probability is unsure" },
    FT_RULE_SHARE_PARAMS("30", "largest share of unsure predictions, in percent",
                         "fewer predictions in the window are not judged"),
    { 0 },
};

typedef struct tally {
    double confidence, sum;
    ft_rule_share share;
} tally;

static void add(void *ctx, ft_str output) {
    tally *t = ctx;
    double p[FT_RULE_SCORES_MAX], most = 0;
    size_t count = ft_rule_scores(p, output);
    if (!count) return;
    for (size_t i = 0; i < count; i++) most = p[i] > most ? p[i] : most;
    t->share.total++;
    t->sum += most;
    t->share.found += most < t->confidence;
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    tally t = { .confidence = ft_params_float(p, "confidence") };
    ft_rule_share *u = &t.share;
    bool fired;
    FT_TRY(ft_rule_outputs(in, add, &t));
    FT_TRY(ft_rule_share_judge(&fired, u, p, in, out, "answers with probabilities"));
    if (!fired) return FT_OK;
    ft_rule_evidence e;
    ft_rule_issue_begin(&e);
    ft_rule_share_note(&e, u, "unsure");
    ft_rule_note_f64(&e, "mean_confidence", t.sum / (double)u->total);
    return ft_rule_issue_end(
        out, in, &e,
        "%llu of %llu predictions (%.2f %%) were made with a probability below "
        "%g; at most %g %% was expected",
        (unsigned long long)u->found, (unsigned long long)u->total, u->percent, t.confidence,
        u->most);
}

const ft_rule ft_rule_low_confidence = {
    .name = "LowConfidence",
    .doc = "Too many captured predictions were made with little confidence.",
    .params = params,
    .reads = FT_READS_STREAM,
    .stream = "capture",
    .evaluate = evaluate,
};
