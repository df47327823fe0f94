/* training_report.c -- see training_report.h: the summary, the losses, the importances. */
#include "debug/training_report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "debug/training_in.h"

#define FEATURES_SHOWN 20
#define GROUPS_MAX     16 /* different metrics, one chart each */

ft_err ft_training_numbers(double **out, ft_array *shape, ft_training *r, ft_str name,
                           int64_t step) {
    bool there;
    FT_TRY(ft_trial_try(&there, shape, r->trial, r->arena, name, step));
    if (!there) return FT_ENOTFOUND;
    int64_t n = ft_array_count(shape);
    FT_TRY(ft_arena_items(out, r->arena, (size_t)n + 1));
    for (int64_t i = 0; i < n; i++) (*out)[i] = ft_array_f64(shape, i);
    return FT_OK;
}

/* ---- summary */

static void pairs_table(ft_page *p, const ft_report_pair *pairs, size_t count) {
    ft_page_facts_begin(p);
    for (size_t i = 0; i < count; i++) {
        char name[128];
        snprintf(name, sizeof name, "%.*s", FT_STR_ARG(pairs[i].name));
        ft_page_fact(p, name, pairs[i].value);
    }
    ft_page_facts_end(p);
}

static void summary(ft_training *r) {
    const ft_training_report_opts *o = r->opts;
    ft_page *p = r->page;
    bool failed = ft_str_is(o->status, "Failed"), stopped = ft_str_is(o->status, "Stopped");
    ft_page_section(p, FT_STR("Summary"));
    if (o->reason.len)
        ft_page_callout(p, failed ? FT_TONE_BAD : FT_TONE_WARN, "%.*s: %.*s", FT_STR_ARG(o->status),
                        FT_STR_ARG(o->reason));
    for (size_t i = 0; i < o->verdict_count; i++)
        ft_page_callout(p,
                        o->verdicts[i].issue      ? FT_TONE_BAD
                        : o->verdicts[i].unjudged ? FT_TONE_PLAIN
                                                  : FT_TONE_GOOD,
                        "%.*s: %.*s", FT_STR_ARG(o->verdicts[i].rule),
                        FT_STR_ARG(o->verdicts[i].text));
    if (!o->verdict_count && !failed && !stopped) ft_page_text(p, "No rule watched this job.");
    pairs_table(p, o->facts, o->fact_count);
    if (o->param_count) {
        ft_page_heading(p, FT_STR("Hyperparameters"));
        pairs_table(p, o->params, o->param_count);
    }
}

/* ---- losses: one chart a metric, one line a data set */

typedef struct curve {
    ft_str name, metric; /* "validation-mlogloss", "mlogloss" */
    double *x, *y;
    size_t count;
} curve;

static bool larger_is_better(ft_str metric) {
    static const char *const names[] = { "auc", "aucpr", "map", "ndcg", "pre", "accuracy" };
    for (size_t i = 0; i < FT_COUNT(names); i++)
        if (ft_str_starts(metric, ft_str_of(names[i])) && !ft_str_starts(metric, FT_STR("mape")))
            return true;
    return false;
}

static ft_err curve_read(curve *out, ft_training *r, ft_str name) {
    size_t count;
    const int64_t *steps = ft_trial_tensor_steps(r->trial, name, &count);
    ft_str metric = name;
    ft_str_cut(&metric, '-');
    *out = (curve){ .name = name, .metric = metric.at ? metric : name };
    FT_TRY(ft_arena_items(&out->x, r->arena, count + 1));
    FT_TRY(ft_arena_items(&out->y, r->arena, count + 1));
    for (size_t i = 0; i < count; i++) {
        double v;
        ft_err err = ft_trial_scalar(&v, r->trial, name, steps[i]);
        if (err == FT_EINVAL || err == FT_ENOTFOUND ||
            err == FT_ECORRUPT) { /* not a scalar, or damaged: not drawn */
            ft_err_clear();
            continue;
        }
        FT_TRY(err);
        out->x[out->count] = (double)steps[i];
        out->y[out->count++] = v;
    }
    return FT_OK;
}

static size_t best_of(const curve *c, bool largest) {
    size_t best = c->count;
    for (size_t i = 0; i < c->count; i++) {
        if (isnan(c->y[i])) continue;
        if (best == c->count || (largest ? c->y[i] > c->y[best] : c->y[i] < c->y[best])) best = i;
    }
    return best;
}

/* A constant curve has no best round worth marking. */
static bool is_flat(const curve *c) {
    for (size_t i = 1; i < c->count; i++)
        if (c->y[i] != c->y[0]) return false;
    return true;
}

static ft_err metric_chart(ft_training *r, const curve *curves, size_t count, ft_str metric) {
    ft_chart chart = FT_CHART_DEFAULT;
    const curve *judge = NULL;
    ft_str label, mark;
    char number[32];
    FT_TRY(ft_arena_str(&label, r->arena, metric));
    const char *unit = r->opts->network ? "step" : "round";
    chart.x_label = unit, chart.y_label = label.at;
    for (size_t i = 0; i < count && chart.series_count < FT_SERIES_MAX; i++) {
        if (!ft_str_eq(curves[i].metric, metric) || curves[i].count == 0) continue;
        chart.series[chart.series_count++] =
            (ft_series){ curves[i].name, curves[i].x, curves[i].y, curves[i].count };
        if (!judge || ft_str_starts(curves[i].name, FT_STR("validation"))) judge = &curves[i];
    }
    if (!judge) return FT_OK;
    ft_page_heading(r->page, metric);
    size_t best = best_of(judge, larger_is_better(metric));
    if (is_flat(judge)) {
        ft_page_callout(r->page, FT_TONE_WARN, "%.*s did not change in %zu saved %ss.",
                        FT_STR_ARG(judge->name), judge->count, unit);
    } else if (best < judge->count) {
        FT_TRY(ft_arena_printf(&mark, r->arena, "best %s %.0f", unit, judge->x[best]));
        chart.mark_x = judge->x[best], chart.mark_text = mark;
        ft_page_text(r->page, "%.*s is best at %s %.0f: %s.", FT_STR_ARG(judge->name), unit,
                     judge->x[best], ft_text_number(number, judge->y[best]));
    } else
        ft_page_callout(r->page, FT_TONE_BAD, "%.*s is not a number in every saved %s.",
                        FT_STR_ARG(judge->name), unit);
    ft_page_lines(r->page, &chart);
    return FT_OK;
}

static ft_err losses(ft_training *r) {
    ft_str *names, groups[GROUPS_MAX];
    size_t count, group_count = 0;
    curve *curves;
    ft_page_section(r->page, FT_STR("Loss versus step"));
    FT_TRY(ft_trial_names(&names, &count, r->trial, r->arena, FT_STR("metrics"), (ft_str){ 0 }));
    if (count == 0) {
        ft_page_text(r->page, "The trial holds no metrics: the collection was not saved, or the "
                              "job ended before the first save.");
        return FT_OK;
    }
    FT_TRY(ft_arena_items(&curves, r->arena, count));
    for (size_t i = 0; i < count; i++) {
        FT_TRY(curve_read(&curves[i], r, names[i]));
        size_t g = 0;
        while (g < group_count && !ft_str_eq(groups[g], curves[i].metric)) g++;
        if (g == group_count && group_count < GROUPS_MAX) groups[group_count++] = curves[i].metric;
    }
    for (size_t g = 0; g < group_count; g++) FT_TRY(metric_chart(r, curves, count, groups[g]));
    return FT_OK;
}

/* ---- importance */

typedef struct feature {
    ft_str name;
    double value;
} feature;

static int feature_order(const void *a, const void *b) {
    const feature *x = a, *y = b;
    return x->value < y->value ? 1 : x->value > y->value ? -1 : ft_str_cmp(x->name, y->name);
}

/* "feature_importance/gain/f12" -> the name of column 12 */
static ft_str feature_name(const ft_training *r, ft_str tensor) {
    size_t at = tensor.len;
    int64_t column;
    while (at > 0 && tensor.at[at - 1] != '/') at--;
    ft_str name = ft_str_from(tensor, at);
    if (r->opts->features && name.len > 1 && name.at[0] == 'f' &&
        ft_str_i64(&column, ft_str_from(name, 1)) && column >= 0 &&
        (size_t)column < r->opts->feature_count)
        return r->opts->features[column];
    return name;
}

/* The newest saved round of one kind of importance, largest first. */
static ft_err importance(ft_training *r, const char *kind, const char *meaning) {
    ft_str *names, regex, title;
    size_t count, used = 0;
    feature *features;
    int64_t newest = -1;
    FT_TRY(ft_arena_printf(&regex, r->arena, "^feature_importance/%s/.*", kind));
    FT_TRY(ft_trial_names(&names, &count, r->trial, r->arena, (ft_str){ 0 }, regex));
    FT_TRY(ft_arena_items(&features, r->arena, count + 1));
    for (size_t i = 0; i < count; i++) {
        size_t n;
        const int64_t *steps = ft_trial_tensor_steps(r->trial, names[i], &n);
        if (n && steps[n - 1] > newest) newest = steps[n - 1];
    }
    for (size_t i = 0; i < count; i++) {
        double *v;
        ft_array shape;
        ft_err err = ft_training_numbers(&v, &shape, r, names[i], newest);
        if (err == FT_ENOTFOUND) continue;
        FT_TRY(err);
        if (ft_array_count(&shape) == 1)
            features[used++] = (feature){ feature_name(r, names[i]), v[0] };
    }
    if (!used) return FT_OK;
    qsort(features, used, sizeof *features, feature_order);
    ft_str *labels;
    double *values;
    size_t shown = used < FEATURES_SHOWN ? used : FEATURES_SHOWN;
    FT_TRY(ft_arena_items(&labels, r->arena, shown));
    FT_TRY(ft_arena_items(&values, r->arena, shown));
    for (size_t i = 0; i < shown; i++)
        labels[i] = features[i].name, values[i] = 100 * features[i].value;
    FT_TRY(ft_arena_printf(&title, r->arena, "By %s", kind));
    ft_page_heading(r->page, title);
    ft_page_text(r->page, "%s, at round %lld; %zu of %zu features that the trees use.", meaning,
                 (long long)newest, shown, used);
    ft_page_bars(r->page, labels, values, shown, "%", 2);
    return FT_OK;
}

static ft_err importances(ft_training *r) {
    static const struct {
        const char *kind, *meaning;
    } kinds[] = { { "weight", "How often a feature splits a node, as a share of all splits" },
                  { "gain",
                    "How much its splits lower the loss on average, as a share of the sum" },
                  { "cover", "How many rows its splits see on average, as a share of the sum" } };
    ft_page_section(r->page, FT_STR("Feature importance"));
    size_t begun = r->page->body.len;
    for (size_t i = 0; i < FT_COUNT(kinds); i++)
        FT_TRY(importance(r, kinds[i].kind, kinds[i].meaning));
    if (r->page->body.len == begun)
        ft_page_text(r->page, "The trial holds no feature importance: no tree has split yet, or "
                              "the collection was not saved.");
    return FT_OK;
}

/* ---- exported */

static ft_err sections(ft_training *r) {
    summary(r);
    if (r->opts->network) {
        FT_TRY(losses(r));
        return ft_training_machine(r);
    }
    FT_TRY(ft_training_labels(r));
    FT_TRY(losses(r));
    FT_TRY(importances(r));
    FT_TRY(ft_training_outcome(r));
    return ft_training_machine(r);
}

ft_err ft_training_report(ft_buf *out, ft_store *s, const ft_training_report_opts *opts) {
    ft_page page = { 0 };
    ft_arena arena = FT_ARENA_INIT((size_t)4 << 30);
    ft_training r = { .opts = opts, .page = &page, .arena = &arena, .store = s };
    ft_str title, subtitle;
    ft_err err;
    FT_GOTO(err, ft_trial_open(&r.trial, s, opts->trial_uri));
    FT_GOTO(err, ft_trial_refresh(r.trial, NULL));
    FT_GOTO(err, ft_arena_printf(&title, &arena, "Training report: %.*s", FT_STR_ARG(opts->job)));
    FT_GOTO(err, ft_arena_printf(&subtitle, &arena, "%.*s%s%.*s", FT_STR_ARG(opts->status),
                                 opts->summary.len ? ", " : "", FT_STR_ARG(opts->summary)));
    ft_page_begin(&page, title, subtitle);
    FT_GOTO(err, sections(&r));
    FT_GOTO(err, ft_page_end(&page, out));
done:
    ft_page_fini(&page);
    ft_trial_close(r.trial);
    ft_arena_fini(&arena);
    return err;
}
