/* unrelated_classes.c -- fires when too many answers of a window are torn between unrelated things:
 * their three most probable classes do not belong together and none reaches 50 %. So a picture
 * looks that was changed on purpose, or is of nothing that the model knows. */
#include "base/check.h"
#include "rules/scores_in.h"

#define GROUPS_MAX 1024

static const ft_param params[] = {
    { .name = "groups",
      .type = FT_PARAM_LIST,
      .doc = "classes that belong together, a group an item: \"0-8,9+10+41\"; others are alone" },
    { .name = "below_percent",
      .type = FT_PARAM_FLOAT,
      .default_text = "50",
      .min = 0,
      .max = 100,
      .min_open = true,
      .doc = "each of the three has less than this" },
    FT_RULE_SHARE_PARAMS("10", "largest share of such answers, in percent",
                         "fewer predictions in the window are not judged"),
    { 0 },
};

typedef struct tally {
    int group[FT_RULE_SCORES_MAX]; /* by class; 0: alone */
    double below;
    ft_rule_share share;
} tally;

/* "9+10+41" or "0-8" as group number `number`. */
static ft_err group_read(tally *t, ft_str item, int number) {
    ft_str whole = item;
    while (item.at && item.len) {
        ft_str part = ft_str_trim(ft_str_cut(&item, '+'));
        ft_str to = part, from = ft_str_trim(ft_str_cut(&to, '-'));
        int64_t first, last;
        if (!to.len) to = from;
        if (!ft_str_i64(&first, from) || !ft_str_i64(&last, ft_str_trim(to)) || first < 0 ||
            last < first || last >= FT_RULE_SCORES_MAX)
            return FT_FAIL(FT_EINVAL,
                           "groups: '%.*s' is none; expected classes such as \"0-8\" or \"9+10\"",
                           FT_STR_ARG(whole));
        for (int64_t i = first; i <= last; i++) t->group[i] = number;
    }
    return FT_OK;
}

static ft_err groups_read(tally *t, const ft_params *p) {
    ft_str item;
    for (size_t i = 0; ft_params_each(p, "groups", i, &item); i++) {
        if (i == GROUPS_MAX) return FT_FAIL(FT_EINVAL, "more than %d groups", GROUPS_MAX);
        FT_TRY(group_read(t, item, (int)i + 1));
    }
    return FT_OK;
}

static ft_err init(void *state, const ft_params *p) {
    FT_UNUSED(state);
    tally t = { 0 };
    return groups_read(&t, p);
}

static bool related(const tally *t, size_t a, size_t b) {
    return t->group[a] && t->group[a] == t->group[b];
}

static void add(void *ctx, ft_str output) {
    tally *t = ctx;
    double p[FT_RULE_SCORES_MAX];
    size_t count = ft_rule_scores(p, output), top[3] = { 0 };
    if (count < 3) return;
    for (int k = 0; k < 3; k++) {
        size_t best = count;
        for (size_t i = 0; i < count; i++) {
            bool taken = (k > 0 && i == top[0]) || (k > 1 && i == top[1]);
            if (!taken && (best == count || p[i] > p[best])) best = i;
        }
        top[k] = best;
    }
    t->share.total++;
    bool apart =
        !related(t, top[0], top[1]) && !related(t, top[0], top[2]) && !related(t, top[1], top[2]);
    t->share.found += apart && 100 * p[top[0]] < t->below;
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    tally t = { .below = ft_params_float(p, "below_percent") };
    ft_rule_share *u = &t.share;
    bool fired;
    FT_TRY(groups_read(&t, p));
    FT_TRY(ft_rule_outputs(in, add, &t));
    FT_TRY(ft_rule_share_judge(&fired, u, p, in, out, "answers with three or more probabilities"));
    if (!fired) return FT_OK;
    ft_rule_evidence e;
    ft_rule_issue_begin(&e);
    ft_rule_share_note(&e, u, "torn");
    return ft_rule_issue_end(out, in, &e,
                             "%llu of %llu answers (%.2f %%) are torn between three unrelated "
                             "classes, each below %g %%; at most %g %% was expected",
                             (unsigned long long)u->found, (unsigned long long)u->total, u->percent,
                             t.below, u->most);
}

const ft_rule ft_rule_unrelated_classes = {
    .name = "UnrelatedClasses",
    .doc = "Too many answers have three unrelated classes on top, each below 50 %.",
    .params = params,
    .reads = FT_READS_STREAM,
    .stream = "capture",
    .init = init,
    .evaluate = evaluate,
};
