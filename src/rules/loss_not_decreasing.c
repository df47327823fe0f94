/* loss_not_decreasing.c -- fires when a loss does not fall by enough, or rises by too much, over
 * `num_steps` steps (formats.md 3.8, appendix A).
 *
 * A comparison is made at a saved step s when the last one lies num_steps or more behind, between s
 * and the newest saved step at or before s - num_steps. With saves at 0, 3, 6, 9, 10, 12 … and
 * num_steps 10 the first comparison is at step 10: a constant loss fires there. */
#include <math.h>

#include "base/check.h"
#include "rules/rule_in.h"

static const ft_param params[] = {
    FT_RULE_TENSOR_PARAMS,
    { .name = "use_losses_collection",
      .type = FT_PARAM_BOOL,
      .default_text = "true",
      .doc = "look at collection losses alone when the job has it" },
    { .name = "num_steps",
      .type = FT_PARAM_INT,
      .default_text = "10",
      .min = 1,
      .max = 1e9,
      .doc = "steps between the two losses that are compared, at least" },
    { .name = "diff_percent",
      .type = FT_PARAM_FLOAT,
      .default_text = "0.1",
      .min = 0,
      .max = 100,
      .min_open = true,
      .max_open = true,
      .doc = "smallest drop that counts as decreasing, in percent" },
    { .name = "increase_threshold_percent",
      .type = FT_PARAM_FLOAT,
      .default_text = "5",
      .min = 0,
      .max = 100,
      .min_open = true,
      .max_open = true,
      .doc = "largest rise of a loss that has been increasing, in percent" },
    { .name = "mode",
      .type = FT_PARAM_CHOICE,
      .choices = "TRAIN|EVAL|GLOBAL",
      .doc = "mode whose steps are looked at; unset: the first of EVAL, TRAIN, GLOBAL that has "
             "values" },
    { 0 },
};

typedef struct comparison {
    size_t from, to; /* places in the series */
    int64_t next;    /* no comparison now: none before this step */
    bool due;
} comparison;

/* Walk the comparisons from the first save on: what they are depends on the saved steps alone. */
static comparison comparison_at(const ft_rule_series *s, int64_t at, int64_t num_steps) {
    comparison c = { .next = at };
    size_t j = 0; /* saves at or before step[i] - num_steps */
    bool any = false;
    for (size_t i = 0; i < s->count; i++) {
        c.due = false;
        while (j < i && s->step[j] <= s->step[i] - num_steps) j++;
        if (!j || (any && s->step[i] - s->step[c.to] < num_steps)) continue;
        any = c.due = true;
        c.from = j - 1;
        c.to = i;
    }
    if (s->count) c.next = s->step[any ? c.to : 0] + num_steps;
    c.due = c.due && s->global[s->count - 1] == at;
    return c;
}

typedef struct change {
    double before, after, drop_percent; /* a rise is a negative drop */
    bool is_issue;
} change;

static void judge(change *c, const ft_params *p) {
    double scale = fabs(c->before);
    if (c->before == c->after)
        c->drop_percent = 0;
    else
        c->drop_percent = 100 * (c->before - c->after) / scale; /* from zero: infinite */
    if (isnan(c->after)) {
        c->is_issue = true;
    } else if (isnan(c->before)) {
        c->is_issue = false; /* it became a number again */
    } else {
        /* A loss of zero has nothing left to fall. */
        c->is_issue = !(c->before == 0 && c->after == 0) &&
                      (c->drop_percent < ft_params_float(p, "diff_percent") ||
                       -c->drop_percent > ft_params_float(p, "increase_threshold_percent"));
    }
}

static ft_err report(const ft_params *p, const ft_rule_input *in, const ft_rule_series *s,
                     const comparison *at, const change *c, ft_verdict *out) {
    double least = ft_params_float(p, "diff_percent");
    ft_rule_evidence e;
    long long from = s->step[at->from], to = s->step[at->to];
    ft_rule_issue_begin(&e);
    ft_rule_note_str(&e, "tensor", s->name);
    ft_rule_note_i64(&e, "step_before", from);
    ft_rule_note_f64(&e, "loss_before", c->before);
    ft_rule_note_i64(&e, "step", to);
    ft_rule_note_f64(&e, "loss", c->after);
    ft_rule_note_f64(&e, "drop_percent", c->drop_percent);
    ft_rule_note_f64(&e, "diff_percent", least);
    if (isnan(c->after))
        return ft_rule_issue_end(out, in, &e,
                                 "%.*s is not a number at step %lld (%.7g at step %lld)",
                                 FT_STR_ARG(s->name), to, c->before, from);
    bool fell = c->drop_percent >= 0;
    return ft_rule_issue_end(
        out, in, &e,
        "%.*s %s %.2f %% from step %lld (%.7g) to step %lld (%.7g); %s %g %% was expected",
        FT_STR_ARG(s->name), fell ? "fell" : "rose", fabs(c->drop_percent), from, c->before, to,
        c->after, fell ? "at least" : "a drop of at least", least);
}

static int mode_of(const ft_params *p) {
    ft_mode mode = (ft_mode)0;
    ft_str text = ft_params_str(p, "mode");
    return text.len && !ft_mode_parse(&mode, text) ? (int)mode : 0;
}

static ft_err init(void *state, const ft_params *p) {
    FT_UNUSED(state);
    return ft_params_bool(p, "use_losses_collection") ? FT_OK : ft_rule_tensors_given(p, "LossNotDecreasing");
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    ft_str *names;
    size_t count, compared = 0;
    int64_t next = INT64_MAX;
    FT_TRY(ft_rule_losses(&names, &count, in, p, ft_params_bool(p, "use_losses_collection")));
    for (size_t i = 0; i < count; i++) {
        ft_rule_series s;
        change c = { 0 };
        bool before, after;
        FT_TRY(ft_rule_series_of(&s, in, names[i], mode_of(p)));
        comparison at = comparison_at(&s, in->at, ft_params_int(p, "num_steps"));
        if (!at.due) {
            if (s.count && at.next < next) next = at.next;
            continue;
        }
        FT_TRY(ft_rule_series_value(&before, &c.before, in, &s, at.from));
        FT_TRY(ft_rule_series_value(&after, &c.after, in, &s, at.to));
        if (!before || !after) continue;
        compared++;
        judge(&c, p);
        if (c.is_issue) return report(p, in, &s, &at, &c, out);
    }
    if (compared) return ft_rule_no_issue(out, in);
    if (!count)
        return ft_rule_wait(out, in, "no loss was saved up to step %lld", (long long)in->at);
    if (next == INT64_MAX) return ft_rule_wait(out, in, "no loss could be read");
    return ft_rule_wait(out, in, "the next comparison is due at the first save from step %lld on",
                        (long long)next);
}

const ft_rule ft_rule_loss_not_decreasing = {
    .name = "LossNotDecreasing",
    .doc = "A loss falls by less than diff_percent, or rises, over num_steps steps.",
    .params = params,
    .reads = FT_READS_TRIAL,
    .collections = "losses",
    .init = init,
    .evaluate = evaluate,
};
