/* system_rules.c -- the profiler's rules over what a machine did (system_usage.h). A rule is a row:
 * its parameters with SageMaker's defaults, and one function. Rules over a device that is not there
 * judge nothing and do not fire. */
#include <math.h>
#include <stdio.h>

#include "base/check.h"
#include "base/json.h"
#include "base/number.h"
#include "debug/system_usage.h"
#include "stats/quantile.h"

#define PARAMS_MAX 5

struct ft_system_rule {
    const char *name, *doc;
    struct {
        const char *name;
        double value;
    } params[PARAMS_MAX];
    /* `p`: the parameters in the row's order. Sets fired, measured, violations, points, text. */
    void (*run)(ft_system_verdict *v, const ft_system_usage *u, const double *p);
};

static double at(const ft_system_usage *u, ft_system_metric m, size_t i) {
    return u->values[m] ? u->values[m][i] : NAN;
}

static size_t after(double patience, size_t points) {
    return patience > 0 && patience < (double)points ? (size_t)patience : patience > 0 ? points : 0;
}

/* Share of the points past `patience` where both hold: `busy` above, the device below. */
static void bottleneck(ft_system_verdict *v, const ft_system_usage *u, ft_system_metric busy,
                       const double *p, const char *what) {
    double threshold = p[0], gpu_threshold = p[1], busy_threshold = p[2];
    v->measured = u->values[FT_SYSTEM_GPU] && u->values[busy] && u->points;
    for (size_t i = after(p[3], u->points); v->measured && i < u->points; i++) {
        v->points++;
        v->violations += at(u, busy, i) > busy_threshold && at(u, FT_SYSTEM_GPU, i) < gpu_threshold;
    }
    double share = v->points ? 100 * (double)v->violations / (double)v->points : 0;
    v->fired = share > threshold;
    snprintf(v->text, sizeof v->text, "%s held the devices up in %.1f %% of %zu samples", what,
             share, v->points);
}

static void cpu_bottleneck(ft_system_verdict *v, const ft_system_usage *u, const double *p) {
    bottleneck(v, u, FT_SYSTEM_CPU, p, "Processors");
}

static void io_bottleneck(ft_system_verdict *v, const ft_system_usage *u, const double *p) {
    bottleneck(v, u, FT_SYSTEM_IO, p, "Waiting for input and output");
}

/* Quantile of the `window` points that end at `end`. */
static double window_quantile(const ft_system_usage *u, ft_system_metric m, size_t end,
                              size_t window, double q) {
    double out = NAN;
    size_t begin = end > window ? end - window : 0;
    if (!u->values[m] || ft_quantiles(&out, &q, 1, u->values[m] + begin, end - begin) != FT_OK)
        return NAN;
    return out;
}

static void low_gpu(ft_system_verdict *v, const ft_system_usage *u, const double *p) {
    size_t window = p[3] >= 1 ? (size_t)p[3] : 1;
    v->measured = u->values[FT_SYSTEM_GPU] && u->points;
    for (size_t end = after(p[2], u->points) + window; v->measured && end <= u->points;
         end += window) {
        double p95 = window_quantile(u, FT_SYSTEM_GPU, end, window, 0.95),
               p5 = window_quantile(u, FT_SYSTEM_GPU, end, window, 0.05);
        v->points++;
        v->violations += p95 < p[0] || p5 < p[1];
    }
    v->fired = v->violations > 0;
    snprintf(v->text, sizeof v->text,
             "Devices were little used or fluctuated in %zu of %zu windows", v->violations,
             v->points);
}

static void batch_size(ft_system_verdict *v, const ft_system_usage *u, const double *p) {
    size_t window = p[4] >= 1 ? (size_t)p[4] : 1;
    v->measured = u->values[FT_SYSTEM_GPU] && u->points;
    for (size_t end = after(p[3], u->points) + window; v->measured && end <= u->points;
         end += window) {
        v->points++;
        v->violations += window_quantile(u, FT_SYSTEM_CPU, end, window, 0.95) < p[0] &&
                         window_quantile(u, FT_SYSTEM_GPU, end, window, 0.95) < p[1] &&
                         window_quantile(u, FT_SYSTEM_GPU_MEMORY, end, window, 0.95) < p[2];
    }
    v->fired = v->violations > 0;
    snprintf(v->text, sizeof v->text,
             "Everything was idle in %zu of %zu windows: a larger batch fits", v->violations,
             v->points);
}

static void gpu_memory(ft_system_verdict *v, const ft_system_usage *u, const double *p) {
    size_t window = p[2] >= 1 ? (size_t)p[2] : 1;
    double before = NAN;
    v->measured = u->values[FT_SYSTEM_GPU_MEMORY] && u->points;
    for (size_t end = after(p[1], u->points) + window; v->measured && end <= u->points;
         end += window) {
        double now = window_quantile(u, FT_SYSTEM_GPU_MEMORY, end, window, 0.5);
        v->points++;
        v->violations += now - before > p[0];
        before = now;
    }
    v->fired = v->violations > 0;
    snprintf(v->text, sizeof v->text, "Device memory grew suddenly in %zu of %zu windows",
             v->violations, v->points);
}

static void initialization(ft_system_verdict *v, const ft_system_usage *u, const double *p) {
    double minutes =
        u->loop_us && u->started_us ? (double)(u->loop_us - u->started_us) / 60e6 : NAN;
    v->measured = isfinite(minutes);
    v->points = v->measured;
    v->fired = minutes > p[0];
    v->violations = v->fired;
    snprintf(v->text, sizeof v->text, "The first step came after %.2f min", minutes);
}

static void step_outlier(ft_system_verdict *v, const ft_system_usage *u, const double *p) {
    double sum = 0, squares = 0, n = (double)u->step_count;
    v->measured = u->step_count > 2;
    for (size_t i = 0; i < u->step_count; i++) sum += u->step_s[i];
    for (size_t i = 0; i < u->step_count; i++)
        squares += (u->step_s[i] - sum / n) * (u->step_s[i] - sum / n);
    double limit = v->measured ? sum / n + p[0] * sqrt(squares / n) : INFINITY;
    v->points = u->step_count;
    for (size_t i = 0; i < u->step_count; i++) v->violations += u->step_s[i] > limit;
    v->fired = (double)v->violations > p[1];
    snprintf(v->text, sizeof v->text, "%zu of %zu steps took longer than %.3g s", v->violations,
             u->step_count, limit);
}

static void overall(ft_system_verdict *v, const ft_system_usage *u, const double *p) {
    FT_UNUSED(p);
    v->measured = u->points > 0;
    v->points = u->points;
    snprintf(v->text, sizeof v->text, "%zu samples", u->points);
}

static void no_frames(ft_system_verdict *v, const ft_system_usage *u, const double *p) {
    FT_UNUSED(u), FT_UNUSED(p);
    snprintf(v->text, sizeof v->text, "The framework's own times are not recorded");
}

/* One machine: there is nothing to balance between workers; several devices are compared nowhere
 * else than by their mean. */
static void balance(ft_system_verdict *v, const ft_system_usage *u, const double *p) {
    FT_UNUSED(u), FT_UNUSED(p);
    snprintf(v->text, sizeof v->text, "One worker: nothing to balance");
}

#define RULE(id, n, d, f, ...) \
    static const ft_system_rule id = { .name = n, .doc = d, .run = f, .params = { __VA_ARGS__ } }
/* clang-format off */
RULE(rule_step, "StepOutlier", "Steps that took much longer than the rest.", step_outlier,
     { "stddev", 5 }, { "n_outliers", 10 });
RULE(rule_gpu_memory, "GPUMemoryIncrease", "Sudden growth of device memory.", gpu_memory,
     { "increase", 10 }, { "patience", 100 }, { "window", 500 });
RULE(rule_low_gpu, "LowGPUUtilization", "Devices that are little used, or by fits and starts.", low_gpu,
     { "threshold_p95", 70 }, { "threshold_p5", 10 }, { "patience", 1000 }, { "window", 500 });
RULE(rule_io, "IOBottleneck", "Devices that wait for input and output.", io_bottleneck,
     { "threshold", 50 }, { "gpu_threshold", 70 }, { "io_threshold", 50 }, { "patience", 1000 });
RULE(rule_batch, "BatchSize", "Whether a larger batch would use the machine better.", batch_size,
     { "cpu_threshold_p95", 70 }, { "gpu_threshold_p95", 70 }, { "gpu_memory_threshold_p95", 70 },
     { "patience", 100 }, { "window", 500 });
RULE(rule_cpu, "CPUBottleneck", "Devices that wait for processors.", cpu_bottleneck,
     { "threshold", 50 }, { "gpu_threshold", 10 }, { "cpu_threshold", 90 }, { "patience", 100 });
RULE(rule_balance, "LoadBalancing", "Work shared unevenly among devices.", balance,
     { "threshold", 0.5 }, { "patience", 10 });
RULE(rule_init, "MaxInitializationTime", "A first step that comes late.", initialization,
     { "threshold", 20 });
RULE(rule_loader, "Dataloader", "Workers that load data.", no_frames, { NULL, 0 });
RULE(rule_overall, "OverallSystemUsage", "How much of the machine was used.", overall, { NULL, 0 });
RULE(rule_frames, "OverallFrameworkMetrics", "Where a framework spent its time.", no_frames, { NULL, 0 });
/* clang-format on */

const ft_system_rule *const ft_system_rules[] = { &rule_step,    &rule_gpu_memory, &rule_low_gpu,
                                                  &rule_io,      &rule_batch,      &rule_cpu,
                                                  &rule_balance, &rule_init,       &rule_loader,
                                                  &rule_overall, &rule_frames,     NULL };

const char *ft_system_rule_name(const ft_system_rule *r) { return r->name; }
const char *ft_system_rule_doc(const ft_system_rule *r) { return r->doc; }

const ft_system_rule *ft_system_rule_find(ft_str name) {
    for (const ft_system_rule *const *r = ft_system_rules; *r; r++)
        if (ft_str_is(name, (*r)->name)) return *r;
    return NULL;
}

/* A parameter by its name, or "<Rule>_<name>" as ProfilerReport takes it; letters' case is free. */
static double param(ft_arena *arena, ft_str json, const char *rule, const char *name,
                    double otherwise) {
    ft_json j;
    ft_str member, value, whole;
    double out = otherwise, got;
    if (ft_arena_printf(&whole, arena, "%s_%s", rule, name) != FT_OK) return otherwise;
    ft_json_init(&j, json.len ? json : FT_STR("{}"), arena, NULL);
    if (ft_json_enter_object(&j) != FT_OK) return otherwise;
    while (ft_json_next_member(&j, &member) && ft_json_string(&j, &value) == FT_OK)
        if ((ft_str_ieq(member, ft_str_of(name)) || ft_str_ieq(member, whole)) &&
            ft_str_f64(&got, value))
            out = got;
    ft_err_clear();
    return out;
}

ft_err ft_system_rule_run(ft_system_verdict *out, const ft_system_rule *r, const ft_system_usage *u,
                          ft_str params_json, ft_arena *arena) {
    double p[PARAMS_MAX] = { 0 };
    *out = (ft_system_verdict){ .params = FT_STR("") };
    for (int i = 0; i < PARAMS_MAX && r->params[i].name; i++) {
        p[i] = param(arena, params_json, r->name, r->params[i].name, r->params[i].value);
        FT_TRY(ft_arena_printf(&out->params, arena, "%.*s%s%s:%g", FT_STR_ARG(out->params),
                               i ? "\n" : "", r->params[i].name, p[i]));
    }
    r->run(out, u, p);
    return FT_OK;
}

static void details_put(ft_json_out *w, const ft_system_usage *u, ft_arena *arena) {
    for (int m = 0; m <= FT_SYSTEM_IO; m++) {
        ft_system_summary s;
        ft_json_out_name(w, ft_system_metric_names[m]);
        ft_json_out_object(w);
        if (ft_system_summary_of(&s, u, (ft_system_metric)m, arena)) {
            const struct {
                const char *name;
                double value;
            } parts[] = { { "max", s.max },
                          { "p99", s.p99 },
                          { "p95", s.p95 },
                          { "p50", s.p50 },
                          { "min", s.min } };
            ft_json_out_name(w, "algo-1");
            ft_json_out_object(w);
            for (size_t i = 0; i < FT_COUNT(parts); i++) {
                ft_json_out_name(w, parts[i].name);
                ft_json_out_f64(w, round(parts[i].value * 100) / 100);
            }
            ft_json_out_close(w);
        }
        ft_json_out_close(w);
    }
}

ft_err ft_system_rule_json(ft_buf *out, const ft_system_rule *r, const ft_system_verdict *v,
                           const ft_system_usage *u, ft_arena *arena) {
    ft_json_out w;
    ft_json_out_init(&w, out, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "RuleTriggered"), ft_json_out_i64(&w, v->fired);
    ft_json_out_name(&w, "Violations"), ft_json_out_i64(&w, (int64_t)v->violations);
    ft_json_out_name(&w, "Details");
    ft_json_out_object(&w);
    if (r == &rule_overall) details_put(&w, u, arena);
    ft_json_out_close(&w);
    ft_json_out_name(&w, "Datapoints"), ft_json_out_i64(&w, (int64_t)v->points);
    ft_json_out_name(&w, "RuleParameters"), ft_json_out_str(&w, v->params);
    ft_json_out_close(&w);
    return out->err;
}
