/* run_report.c -- a monitor run as one page: what was found, in words; the features that moved
 * most, baseline beside window; shares of classes; the rules' verdicts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "monitor/run_in.h"
#include "report/page.h"

#define SHOWN_FEATURES   8
#define SHOWN_VIOLATIONS 50

static void fact_number(ft_page *p, const char *name, double v) {
    char text[32];
    ft_page_fact(p, name, ft_str_of(ft_text_number(text, v)));
}

static void show_summary(ft_page *p, const ft_run *r) {
    char from[FT_TIME_TEXT], until[FT_TIME_TEXT];
    size_t n = r->violations.count;
    if (n)
        ft_page_callout(p, FT_TONE_BAD, "%zu violation%s in %llu captured requests.", n,
                        n == 1 ? "" : "s", (unsigned long long)r->records);
    else
        ft_page_callout(p, FT_TONE_GOOD, "No violation in %llu captured requests.",
                        (unsigned long long)r->records);
    if (r->unreadable)
        ft_page_callout(p, FT_TONE_WARN,
                        "%llu requests could not be read as rows; they are not judged.",
                        (unsigned long long)r->unreadable);
    ft_page_facts_begin(p);
    ft_page_fact(p, "endpoint", r->endpoint);
    ft_page_fact(p, "from", ft_str_of(ft_time_iso(from, r->from, false)));
    ft_page_fact(p, "until", ft_str_of(ft_time_iso(until, r->until, false)));
    fact_number(p, "rows in the window", (double)r->window.stats->items);
    fact_number(p, "rows in the baseline", (double)r->baseline.stats->items);
    fact_number(p, "features", (double)r->window.inputs);
    ft_page_facts_end(p);
}

static void show_rules(ft_page *p, const ft_run *r) {
    static const char *const columns[] = { "rule", "verdict", "reason" };
    if (!r->verdict_count) return;
    ft_page_section(p, FT_STR("Rules"));
    ft_page_table_begin(p, columns, 3);
    for (size_t i = 0; i < r->verdict_count; i++) {
        ft_page_cell(p, r->verdicts[i].rule);
        ft_page_cell(p, ft_str_of(ft_outcome_name(r->verdicts[i].outcome)));
        ft_page_cell(p, r->verdicts[i].reason);
    }
    ft_page_table_end(p);
}

static void show_violations(ft_page *p, const ft_run *r) {
    static const char *const columns[] = { "feature", "check", "description" };
    size_t n = r->violations.count;
    if (!n) return;
    ft_page_section(p, FT_STR("Violations"));
    if (n > SHOWN_VIOLATIONS)
        ft_page_text(p, "The first %d of %zu; constraint_violations.json has all.",
                     SHOWN_VIOLATIONS, n);
    ft_page_table_begin(p, columns, 3);
    for (size_t i = 0; i < n && i < SHOWN_VIOLATIONS; i++) {
        ft_page_cell(p, r->violations.at[i].feature);
        ft_page_cell(p, r->violations.at[i].check);
        ft_page_cell(p, r->violations.at[i].description);
    }
    ft_page_table_end(p);
}

static ft_err show_columns(ft_page *p, ft_run *r, size_t feature) {
    ft_shift_buckets b;
    double baseline = 0, window = 0;
    size_t from = 0, count;
    FT_TRY(ft_shift_count(&b, &r->once, &r->baseline.stats->features[feature],
                          &r->window.stats->features[feature]));
    for (size_t i = 0; i < b.count; i++) baseline += b.baseline[i], window += b.window[i];
    for (size_t i = 0; i < b.count; i++) {
        b.baseline[i] *= baseline > 0 ? 100 / baseline : 0;
        b.window[i] *= window > 0 ? 100 / window : 0;
    }
    count = b.count; /* buckets that neither side fills say nothing at the ends */
    while (count && b.baseline[count - 1] + b.window[count - 1] == 0) count--;
    while (from < count && b.baseline[from] + b.window[from] == 0) from++;
    ft_page_columns(p, &(ft_columns){ .names = b.names + from,
                                      .values = b.baseline + from,
                                      .second = b.window + from,
                                      .count = count - from,
                                      .x_label = "value",
                                      .y_label = "percent of rows",
                                      .name = "baseline",
                                      .second_name = "window" });
    return FT_OK;
}

static void show_numbers(ft_page *p, const ft_run *r, size_t feature) {
    const ft_stat *b = &r->baseline.stats->features[feature],
                  *w = &r->window.stats->features[feature];
    const ft_shift *s = &r->shifts[feature];
    ft_page_facts_begin(p);
    fact_number(p, "population stability index", s->psi);
    fact_number(p, "significant from", s->noise);
    fact_number(p, b->is_text ? "largest difference of shares" : "Kolmogorov-Smirnov distance",
                s->linf_raw);
    if (!b->is_text && b->present && w->present) {
        fact_number(p, "mean, baseline", b->moments.mean);
        fact_number(p, "mean, window", w->moments.mean);
    }
    ft_page_facts_end(p);
}

static ft_err show_feature(ft_page *p, ft_run *r, size_t feature) {
    ft_page_heading(p, r->window.stats->features[feature].name);
    show_numbers(p, r, feature);
    ft_arena_reset(&r->once);
    return show_columns(p, r, feature);
}

typedef struct ranked {
    size_t feature;
    double psi;
} ranked;

static int by_psi(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->psi != y->psi) return x->psi < y->psi ? 1 : -1;
    return x->feature < y->feature ? -1 : x->feature > y->feature;
}

static ft_err show_features(ft_page *p, ft_run *r) {
    ranked *order;
    size_t n = 0;
    FT_TRY(ft_arena_items(&order, r->arena, r->window.inputs + 1));
    for (size_t i = 0; i < r->window.inputs; i++)
        if (!isnan(r->shifts[i].psi)) order[n++] = (ranked){ i, r->shifts[i].psi };
    if (!n) return FT_OK;
    qsort(order, n, sizeof *order, by_psi);
    ft_page_section(p, FT_STR("Features that moved most"));
    ft_page_text(p,
                 "Baseline beside window, for the %zu of %zu features with the largest population "
                 "stability index. "
                 "An index above 0.2 is a shift to act on, if it is also above what so few rows "
                 "give by chance.",
                 n < SHOWN_FEATURES ? n : (size_t)SHOWN_FEATURES, n);
    for (size_t i = 0; i < n && i < SHOWN_FEATURES; i++)
        FT_TRY(show_feature(p, r, order[i].feature));
    return FT_OK;
}

ft_err ft_run_report(ft_buf *out, ft_run *r) {
    ft_page p;
    ft_str title;
    ft_err err;
    FT_TRY(ft_arena_printf(&title, r->arena, "Traffic of %.*s", FT_STR_ARG(r->endpoint)));
    ft_page_begin(&p, title, FT_STR("captured requests beside the baseline"));
    show_summary(&p, r);
    show_rules(&p, r);
    if (r->window.inputs < r->window.stats->count) {
        ft_page_section(&p, FT_STR("Answers"));
        FT_GOTO(err, show_feature(&p, r, r->window.inputs));
    }
    FT_GOTO(err, show_features(&p, r));
    show_violations(&p, r);
    err = ft_page_end(&p, out);
done:
    ft_page_fini(&p);
    return err;
}
