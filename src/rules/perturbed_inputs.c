/* perturbed_inputs.c -- fires when too many of the captured pictures of a window look perturbed:
 * their grain, the noise of their smooth places, or their colours' (media/measure.h) is more than
 * nearly all pictures of the baseline have. What is added to a picture to mislead a network has no
 * shape that a camera would give it. */
#include <math.h>

#include "base/check.h"
#include "base/hash.h"
#include "media/measure.h"
#include "rules/scores_in.h"

static const ft_param params[] = {
    { .name = "grain_limit",
      .type = FT_PARAM_FLOAT,
      .min = 0,
      .max = INFINITY,
      .required = true,
      .doc = "a picture with more grain is perturbed; the baseline's 98th percentile, or 99th" },
    { .name = "colour_grain_limit",
      .type = FT_PARAM_FLOAT,
      .min = 0,
      .max = INFINITY,
      .doc = "the same of its colours; the baseline's 99th percentile, none for grey pictures" },
    FT_RULE_SHARE_PARAMS("10", "largest share of such pictures, in percent",
                         "fewer pictures in the window are not judged"),
    { 0 },
};

typedef struct tally {
    ft_rule_share share;
    double limit, colour_limit;
    double sum, colour_sum;
} tally;

/* What cannot be read as a picture is not counted. */
static void add(tally *t, ft_str input, ft_str encoding) {
    ft_buf bytes = { 0 };
    ft_measure m;
    ft_err err = ft_str_is(encoding, "BASE64") ? ft_base64_decode(&bytes, input) : FT_EMEDIA;
    if (err == FT_OK) err = ft_picture_measure(&m, ft_buf_str(&bytes));
    ft_buf_fini(&bytes);
    ft_err_clear();
    if (err != FT_OK) return;
    t->share.total++;
    t->sum += m.grain;
    t->colour_sum += m.colour_grain;
    t->share.found += m.grain > t->limit || m.colour_grain > t->colour_limit;
}

static ft_err read_window(tally *t, const ft_rule_input *in) {
    ft_cursor *c;
    ft_record r;
    int input, encoding;
    FT_TRY(ft_rule_column(&input, in->kind, FT_STR("input")));
    FT_TRY(ft_rule_column(&encoding, in->kind, FT_STR("encoding_in")));
    ft_cursor_opts opts = { .key = in->key,
                            .from = in->from,
                            .until = in->at,
                            .wanted = 1ull << input | 1ull << encoding };
    FT_TRY(ft_cursor_open(&c, in->store, in->kind, &opts));
    ft_err err;
    while (!(err = ft_cursor_next(c, &r))) {
        const ft_value *v = &r.values[input], *e = &r.values[encoding];
        if (v->type == FT_VALUE_TEXT && e->type == FT_VALUE_TEXT) add(t, v->s, e->s);
    }
    ft_cursor_close(c);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    tally t = { .limit = ft_params_float(p, "grain_limit"), .colour_limit = INFINITY };
    if (ft_params_given(p, "colour_grain_limit"))
        t.colour_limit = ft_params_float(p, "colour_grain_limit");
    ft_rule_share *u = &t.share;
    bool fired;
    FT_TRY(read_window(&t, in));
    FT_TRY(ft_rule_share_judge(&fired, u, p, in, out, "pictures"));
    if (!fired) return FT_OK;
    ft_rule_evidence e;
    ft_rule_issue_begin(&e);
    ft_rule_share_note(&e, u, "perturbed");
    ft_rule_note_f64(&e, "mean_grain", t.sum / (double)u->total);
    ft_rule_note_f64(&e, "grain_limit", t.limit);
    ft_rule_note_f64(&e, "mean_colour_grain", t.colour_sum / (double)u->total);
    if (isfinite(t.colour_limit)) ft_rule_note_f64(&e, "colour_grain_limit", t.colour_limit);
    return ft_rule_issue_end(out, in, &e,
                             "%llu of %llu pictures (%.2f %%) are grainier, in brightness or "
                             "colours, than nearly all of "
                             "the baseline's; at most %g %% was expected",
                             (unsigned long long)u->found, (unsigned long long)u->total, u->percent,
                             u->most);
}

const ft_rule ft_rule_perturbed_inputs = {
    .name = "PerturbedInputs",
    .doc = "Too many captured pictures are grainier than pictures of the baseline.",
    .params = params,
    .reads = FT_READS_STREAM,
    .stream = "capture",
    .evaluate = evaluate,
};
