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
    { .name = "threshold_percent",
      .type = FT_PARAM_FLOAT,
      .default_text = "30",
      .min = 0,
      .max = 100,
      .doc = "largest share of unsure predictions, in percent" },
    { .name = "min_records",
      .type = FT_PARAM_INT,
      .default_text = "20",
      .min = 1,
      .max = 1e9,
      .doc = "fewer predictions in the window are not judged" },
    { 0 },
};

typedef struct tally {
    double confidence, sum;
    uint64_t total, unsure;
} tally;

static void add(void *ctx, ft_str output) {
    tally *t = ctx;
    double p[FT_RULE_SCORES_MAX], most = 0;
    size_t count = ft_rule_scores(p, output);
    if (!count) return;
    for (size_t i = 0; i < count; i++) most = p[i] > most ? p[i] : most;
    t->total++;
    t->sum += most;
    t->unsure += most < t->confidence;
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    tally t = { .confidence = ft_params_float(p, "confidence") };
    double most = ft_params_float(p, "threshold_percent");
    FT_TRY(ft_rule_outputs(in, add, &t));
    if (t.total < (uint64_t)ft_params_int(p, "min_records"))
        return ft_rule_wait(
            out, in, "%llu answers with probabilities in the window; %lld are needed",
            (unsigned long long)t.total, (long long)ft_params_int(p, "min_records"));
    double percent = 100.0 * (double)t.unsure / (double)t.total;
    if (percent <= most) return ft_rule_no_issue(out, in);
    ft_rule_evidence e;
    ft_rule_issue_begin(&e);
    ft_rule_note_i64(&e, "unsure", (int64_t)t.unsure);
    ft_rule_note_i64(&e, "records", (int64_t)t.total);
    ft_rule_note_f64(&e, "mean_confidence", t.sum / (double)t.total);
    ft_rule_note_f64(&e, "percent", percent);
    ft_rule_note_f64(&e, "threshold_percent", most);
    return ft_rule_issue_end(
        out, in, &e,
        "%llu of %llu predictions (%.2f %%) were made with a probability below "
        "%g; at most %g %% was expected",
        (unsigned long long)t.unsure, (unsigned long long)t.total, percent, t.confidence, most);
}

const ft_rule ft_rule_low_confidence = {
    .name = "LowConfidence",
    .doc = "Too many captured predictions were made with little confidence.",
    .params = params,
    .reads = FT_READS_STREAM,
    .stream = "capture",
    .evaluate = evaluate,
};
