/* check.c -- see check.h. */
#include "monitor/check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

#define DESCRIPTION_MAX 512

ft_err ft_violation_add(ft_violations *v, ft_str feature, const char *check,
                        const char *description, ...) {
    char text[DESCRIPTION_MAX];
    va_list ap;
    va_start(ap, description);
    vsnprintf(text, sizeof text, description, ap);
    va_end(ap);
    FT_TRY(ft_arena_grow(&v->at, &v->room, v->arena, v->count));
    ft_violation *to = &v->at[v->count];
    *to = (ft_violation){ .check = ft_str_of(check) };
    FT_TRY(ft_arena_str(&to->feature, v->arena, feature));
    FT_TRY(ft_arena_str(&to->description, v->arena, ft_str_of(text)));
    v->count++;
    return FT_OK;
}

/* The terms fall fast once past the mean, so a few of them are enough. */
double ft_binomial_tail(uint64_t k, uint64_t n, double p) {
    if (k == 0) return 1;
    if (p <= 0 || k > n) return 0;
    if (p >= 1 || (double)k <= (double)n * p) return 1; /* not in the tail: a bound is enough */
    double x = (double)k, m = (double)n;
    double term =
        exp(lgamma(m + 1) - lgamma(x + 1) - lgamma(m - x + 1) + x * log(p) + (m - x) * log1p(-p));
    double sum = 0;
    for (; x <= m && term > sum * 1e-12; x++) {
        sum += term;
        term *= (m - x) / (x + 1) * p / (1 - p);
    }
    return sum < 1 ? sum : 1;
}

/* ---- one feature */

typedef struct judge {
    ft_violations *out;
    const ft_constraints *constraints;
    double alpha; /* of one feature */
} judge;

/* Do `failed` of `all` values violate a share that must be reached? */
static bool below(const judge *j, uint64_t failed, uint64_t all, double share) {
    if (!all || !failed) return false;
    if ((double)(all - failed) / (double)all >= share) return false;
    return share >= 1 || ft_binomial_tail(failed, all, 1 - share) < j->alpha;
}

static double reached(uint64_t failed, uint64_t all) {
    return (double)(all - failed) / (double)all;
}

#define NOT_MET "Value: %.4g does not meet the constraint requirement! "
#define COUNTS  (unsigned long long)failed, (unsigned long long)all

static ft_err check_missing(const judge *j, const ft_stat *f, const ft_constraint *c) {
    uint64_t failed = f->missing, all = f->missing + f->present + f->bad;
    if (!below(j, failed, all, c->completeness)) return FT_OK;
    return ft_violation_add(j->out, f->name, "completeness_check",
                            NOT_MET "%llu of %llu values are missing; at least %.4g must be there",
                            reached(failed, all), COUNTS, c->completeness);
}

static ft_err check_type(const judge *j, const ft_stat *f, const ft_constraint *c) {
    uint64_t all = f->present + f->bad, failed = f->bad;
    const char *what = "no numbers";
    if (c->type == FT_STAT_INTEGRAL)
        failed += f->present - f->whole, what = "no whole numbers";
    else if (c->type != FT_STAT_FRACTIONAL)
        return FT_OK;
    if (!below(j, failed, all, j->constraints->datatype_threshold)) return FT_OK;
    return ft_violation_add(j->out, f->name, "data_type_check",
                            NOT_MET "%llu of %llu values are %s", reached(failed, all), COUNTS,
                            what);
}

static ft_err check_sign(const judge *j, const ft_stat *f, const ft_constraint *c,
                         const ft_stat *baseline) {
    uint64_t all = f->present, failed = f->negative;
    if (!c->non_negative || !failed || f->is_text) return FT_OK;
    double unseen = 1 / (double)(baseline && baseline->present ? baseline->present + 1 : 1);
    if (ft_binomial_tail(failed, all, unseen) >= j->alpha) return FT_OK;
    return ft_violation_add(j->out, f->name, "baseline_drift_check",
                            NOT_MET "%llu of %llu values are negative; the baseline has none",
                            reached(failed, all), COUNTS);
}

static ft_err check_domain(const judge *j, const ft_stat *f, const ft_constraint *c) {
    uint64_t known = 0, all = f->present;
    ft_str stranger = FT_STR("");
    if (!c->domain || !f->is_text) return FT_OK;
    for (size_t i = 0; i < f->value_count; i++) {
        bool found = false;
        for (size_t d = 0; d < c->domain_count && !found; d++)
            found = ft_str_eq(c->domain[d], f->values[i].value);
        if (found)
            known += f->values[i].count;
        else
            stranger = f->values[i].value;
    }
    uint64_t failed = all - known;
    double share =
        isnan(c->domain_threshold) ? j->constraints->domain_threshold : c->domain_threshold;
    if (!below(j, failed, all, share)) return FT_OK;
    return ft_violation_add(
        j->out, f->name, "categorical_values_check",
        NOT_MET "%llu of %llu values are not among the known ones, such as '%.*s'",
        reached(failed, all), COUNTS, FT_STR_ARG(ft_str_slice(stranger, 0, 80)));
}

static ft_err check_shift(const judge *j, const ft_stat *f, const ft_shift *s) {
    double most = f->is_text ? j->constraints->text_threshold : j->constraints->threshold;
    if (!j->constraints->compare || !(s->linf > most) || !(s->linf_raw > s->linf_limit))
        return FT_OK;
    return ft_violation_add(
        j->out, f->name, "baseline_drift_check",
        "%s distance: %.4g exceeds threshold: %.4g (%s of %.4g; population stability index %.4g)",
        f->is_text ? "Categorical" : "Numerical", s->linf, most,
        f->is_text ? "largest difference of shares" : "Kolmogorov-Smirnov distance", s->linf_raw,
        s->psi);
}

/* ---- all */

static ft_err check_columns(ft_violations *out, const ft_window *w, const ft_statistics *baseline) {
    uint64_t rows = w->stats->items;
    for (size_t i = w->shortest; w->short_rows && i < w->inputs; i++)
        FT_TRY(ft_violation_add(
            out, baseline->features[i].name, "missing_column_check",
            "%llu of %llu rows have no such column: the shortest has %zu, the baseline %zu",
            (unsigned long long)w->short_rows, (unsigned long long)rows, w->shortest, w->inputs));
    if (!w->long_rows) return FT_OK;
    char name[32];
    snprintf(name, sizeof name, "_c%zu", w->inputs);
    return ft_violation_add(
        out, ft_str_of(name), "extra_column_check",
        "%llu of %llu rows have more columns than the baseline's %zu: up to %zu",
        (unsigned long long)w->long_rows, (unsigned long long)rows, w->inputs, w->longest);
}

typedef struct ranked {
    size_t feature;
    double by;
} ranked;

static int by_distance(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->by != y->by) return x->by < y->by ? 1 : -1;
    return x->feature < y->feature ? -1 : x->feature > y->feature;
}

ft_err ft_window_check(ft_violations *out, const ft_window *w, const ft_statistics *baseline,
                       const ft_constraints *constraints) {
    size_t n = w->stats->count;
    judge j = { out, constraints, FT_SHIFT_ALPHA / (double)(n ? n : 1) };
    ranked *order;
    if (!constraints->enabled) return FT_OK;
    FT_TRY(check_columns(out, w, baseline));
    FT_TRY(ft_arena_items(&order, out->arena, n + 1));
    for (size_t i = 0; i < n; i++) {
        double by = w->shifts[i].linf;
        order[i] = (ranked){ i, isnan(by) ? -1 : by };
    }
    qsort(order, n, sizeof *order, by_distance);
    for (size_t i = 0; i < n; i++) {
        const ft_stat *f = &w->stats->features[order[i].feature],
                      *b = &baseline->features[order[i].feature];
        const ft_constraint *c = ft_constraints_find(constraints, f->name, order[i].feature);
        if (!c) continue;
        FT_TRY(check_missing(&j, f, c));
        FT_TRY(check_type(&j, f, c));
        FT_TRY(check_sign(&j, f, c, b));
        FT_TRY(check_domain(&j, f, c));
        FT_TRY(check_shift(&j, f, &w->shifts[order[i].feature]));
    }
    return FT_OK;
}

/* ---- the file */

ft_err ft_violations_write(ft_buf *out, const ft_violation *list, size_t count) {
    ft_json_out w;
    ft_json_out_init(&w, out, true);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "violations");
    ft_json_out_array(&w);
    for (size_t i = 0; i < count; i++) {
        ft_json_out_object(&w);
        ft_json_out_name(&w, "feature_name");
        ft_json_out_str(&w, list[i].feature);
        ft_json_out_name(&w, "constraint_check_type");
        ft_json_out_str(&w, list[i].check);
        ft_json_out_name(&w, "description");
        ft_json_out_str(&w, list[i].description);
        ft_json_out_close(&w);
    }
    ft_json_out_close(&w);
    ft_json_out_close(&w);
    return out->err;
}

static ft_err read_violation(ft_json *j, ft_violations *to) {
    ft_str name, feature = { 0 }, check = { 0 }, description = { 0 };
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "feature_name"))
            FT_TRY(ft_json_string(j, &feature));
        else if (ft_str_is(name, "constraint_check_type"))
            FT_TRY(ft_json_string(j, &check));
        else if (ft_str_is(name, "description"))
            FT_TRY(ft_json_string(j, &description));
    }
    FT_TRY(j->err);
    FT_TRY(ft_violation_add(to, feature, "", "%s", ""));
    ft_violation *v = &to->at[to->count - 1];
    FT_TRY(ft_arena_str(&v->check, to->arena, check));
    return ft_arena_str(&v->description, to->arena, description);
}

ft_err ft_violations_read(ft_violation **out, size_t *count, ft_arena *arena, ft_str json,
                          const char *name) {
    ft_violations list = { .arena = arena };
    ft_json j;
    ft_str member;
    ft_json_init(&j, json, arena, &(ft_json_opts){ .name = name });
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &member)) {
        if (!ft_str_is(member, "violations")) continue;
        FT_TRY(ft_json_enter_array(&j));
        while (ft_json_next_item(&j)) FT_TRY(read_violation(&j, &list));
        FT_TRY(j.err);
    }
    FT_TRY(ft_json_end(&j));
    *out = list.at;
    *count = list.count;
    return FT_OK;
}
