/* system_report.c -- see system_report.h. */
#include "debug/system_report.h"

#include <math.h>

#include "base/check.h"
#include "base/clock.h"
#include "report/page.h"
#include "stats/quantile.h"

static void fact_time(ft_page *p, const char *name, int64_t us) {
    char text[FT_TIME_TEXT];
    ft_page_fact(p, name, us > 0 ? ft_str_of(ft_time_iso(text, us, true)) : FT_STR(""));
}

static double seconds(int64_t from_us, int64_t to_us) {
    return from_us > 0 && to_us >= from_us ? (double)(to_us - from_us) / 1e6 : NAN;
}

static void usage_table(ft_page *p, const ft_system_usage *u, ft_arena *arena) {
    static const char *const columns[] = { "Node", "Metric", "Unit", "max",
                                           "p99",  "p95",    "p50",  "min" };
    ft_page_table_begin(p, columns, (int)FT_COUNT(columns));
    for (int m = 0; m <= FT_SYSTEM_IO; m++) {
        ft_system_summary s;
        if (!ft_system_summary_of(&s, u, (ft_system_metric)m, arena)) continue;
        const double values[] = { s.max, s.p99, s.p95, s.p50, s.min };
        ft_page_cell(p, FT_STR("algo-1"));
        ft_page_cell(p, ft_str_of(ft_system_metric_names[m]));
        ft_page_cell(p, m == FT_SYSTEM_NETWORK ? FT_STR("bytes/s") : FT_STR("percentage"));
        for (size_t i = 0; i < FT_COUNT(values); i++) ft_page_cell_number(p, values[i], 2);
    }
    ft_page_table_end(p);
}

/* Percentages over the seconds since the first sample. */
static ft_err usage_chart(ft_page *p, const ft_system_usage *u, ft_arena *arena) {
    ft_chart chart = FT_CHART_DEFAULT;
    double *x;
    FT_TRY(ft_arena_items(&x, arena, u->points + 1));
    for (size_t i = 0; i < u->points; i++) x[i] = (double)(u->time_us[i] - u->time_us[0]) / 1e6;
    chart.x_label = "seconds";
    chart.y_label = "percent";
    for (int m = 0; m <= FT_SYSTEM_IO; m++)
        if (m != FT_SYSTEM_NETWORK && u->values[m])
            chart.series[chart.series_count++] =
                (ft_series){ ft_str_of(ft_system_metric_names[m]), x, u->values[m], u->points };
    if (chart.series_count && u->points > 1) ft_page_lines(p, &chart);
    return FT_OK;
}

static ft_err rules_table(ft_page *p, const ft_system_report_opts *o, ft_arena *arena) {
    static const char *const columns[] = { "Rule",       "Description", "Times triggered",
                                           "Datapoints", "Parameters",  "Outcome" };
    ft_page_table_begin(p, columns, (int)FT_COUNT(columns));
    for (const ft_system_rule *const *r = ft_system_rules; *r; r++) {
        ft_system_verdict v;
        FT_TRY(ft_system_rule_run(&v, *r, o->usage, o->params_json, arena));
        ft_page_cell(p, ft_str_of(ft_system_rule_name(*r)));
        ft_page_cell(p, ft_str_of(ft_system_rule_doc(*r)));
        ft_page_cell_int(p, (int64_t)v.violations);
        ft_page_cell_int(p, (int64_t)v.points);
        ft_page_cell(p, v.params);
        ft_page_cell(p, v.measured ? ft_str_of(v.text) : FT_STR("not measured"));
    }
    ft_page_table_end(p);
    return FT_OK;
}

static ft_err steps_part(ft_page *p, const ft_system_usage *u) {
    double q[] = { 0.5, 0.95, 1 }, got[FT_COUNT(q)];
    ft_page_section(p, FT_STR("Step Durations"));
    if (!u->step_count) {
        ft_page_text(p, "No training step was recorded.");
        return FT_OK;
    }
    FT_TRY(ft_quantiles(got, q, FT_COUNT(q), u->step_s, u->step_count));
    ft_page_text(p,
                 "%zu steps: half of them took at most %.4g s, 95 %% at most %.4g s, the longest "
                 "%.4g s.",
                 u->step_count, got[0], got[1], got[2]);
    return FT_OK;
}

static ft_err usage_parts(ft_page *p, const ft_system_report_opts *o) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_err err = FT_OK;
    ft_page_section(p, FT_STR("System Usage Statistics"));
    if (!o->usage || !o->usage->points) {
        ft_page_text(p, "Processor, memory and network were not sampled during this job, so the "
                        "rules over them were not evaluated.");
        goto done;
    }
    usage_table(p, o->usage, &arena);
    FT_GOTO(err, usage_chart(p, o->usage, &arena));
    ft_page_section(p, FT_STR("Framework metrics summary"));
    ft_page_text(p, "The framework's own times are not recorded.");
    ft_page_section(p, FT_STR("Rules Summary"));
    FT_GOTO(err, rules_table(p, o, &arena));
    err = steps_part(p, o->usage);
done:
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_system_report(ft_buf *out, const ft_system_report_opts *o) {
    static const char *const columns[] = { "Part", "Seconds", "Share of the job, %" };
    const struct {
        ft_str name;
        double seconds;
    } parts[] = { { FT_STR("Initialization"), seconds(o->started_us, o->loop_us) },
                  { FT_STR("Training loop"), seconds(o->loop_us, o->loop_end_us) },
                  { FT_STR("Finalization"), seconds(o->loop_end_us, o->ended_us) } };
    double whole = seconds(o->started_us, o->ended_us);
    ft_page p = { 0 };
    ft_page_begin(&p, FT_STR("Profiler report"), o->job);
    ft_page_section(&p, FT_STR("Training Job Summary"));
    ft_page_facts_begin(&p);
    ft_page_fact(&p, "Status", o->status);
    fact_time(&p, "start_time", o->started_us);
    fact_time(&p, "end_time", o->ended_us);
    fact_time(&p, "training_loop_start", o->loop_us);
    fact_time(&p, "training_loop_end", o->loop_end_us);
    ft_page_facts_end(&p);
    ft_page_table_begin(&p, columns, 3);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        ft_page_cell(&p, parts[i].name);
        ft_page_cell_number(&p, parts[i].seconds, 3);
        ft_page_cell_number(&p, 100 * parts[i].seconds / whole, 1);
    }
    ft_page_table_end(&p);
    if (isfinite(whole))
        ft_page_text(&p, "%lld steps; %.3f s in all.", (long long)o->steps, whole);
    else
        ft_page_text(&p, "%lld steps; the job has not ended.", (long long)o->steps);
    ft_err err = usage_parts(&p, o);
    if (err == FT_OK) err = ft_page_end(&p, out);
    ft_page_fini(&p);
    return err;
}
