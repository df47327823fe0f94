/* population_stability.c -- fires when the population stability index of a feature, or of the
 * predictions, against the baseline is above a threshold.
 *
 * Reads the stream "drift", which the monitor writes: one record a feature for every run. The index
 * of few records is large by chance alone; the record says how large (`noise`), and below that
 * nothing fires. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "rules/rule_in.h"

#define NAMED_MAX 5 /* features named in the sentence; the evidence has all */

static const ft_param params[] = {
    { .name = "threshold",
      .type = FT_PARAM_FLOAT,
      .default_text = "0.2",
      .min = 0,
      .max = 100,
      .doc = "largest index; 0.1 is a small shift, 0.2 a shift to act on" },
    { .name = "min_records",
      .type = FT_PARAM_INT,
      .default_text = "20",
      .min = 1,
      .max = 1e9,
      .doc = "features with fewer records are not judged" },
    { .name = "features", .type = FT_PARAM_LIST, .doc = "only these features; unset: all" },
    { 0 },
};

enum { TIME, FEATURE, PSI, NOISE, RECORDS, WANTED };
static const char *const column_names[WANTED] = { "time_us", "feature", "psi", "noise", "records" };

typedef struct finding {
    ft_str feature;
    double psi, noise;
    int64_t records;
} finding;

typedef struct findings {
    finding *at;
    size_t count, room;
    size_t judged, too_few;
    int64_t run_us; /* the newest run in the window: only its records count */
} findings;

static ft_err find_columns(int out[WANTED], const ft_stream_kind *kind) {
    for (int w = 0; w < WANTED; w++) {
        out[w] = -1;
        for (int i = 0; kind->columns[i].name; i++)
            if (strcmp(kind->columns[i].name, column_names[w]) == 0) out[w] = i;
    }
    if (out[TIME] < 0 || out[FEATURE] < 0 || out[PSI] < 0)
        return FT_FAIL(FT_EINVAL, "stream %s has no columns time_us, feature and psi", kind->name);
    return FT_OK;
}

static bool is_wanted(const ft_params *p, ft_str feature) {
    ft_str item;
    if (!ft_params_each(p, "features", 0, &item)) return true;
    for (size_t i = 0; ft_params_each(p, "features", i, &item); i++)
        if (ft_str_eq(item, feature)) return true;
    return false;
}

static ft_err add(findings *f, ft_arena *arena, const finding *x) {
    FT_TRY(ft_arena_grow(&f->at, &f->room, arena, f->count));
    f->at[f->count] = *x;
    return ft_arena_str(&f->at[f->count++].feature, arena, x->feature);
}

static ft_err judge(findings *f, const ft_rule_input *in, const ft_params *p, const ft_value *v,
                    const int columns[WANTED]) {
    double time = ft_value_number(&v[columns[TIME]]);
    finding x = { .feature = v[columns[FEATURE]].s, .psi = ft_value_number(&v[columns[PSI]]) };
    if (v[columns[FEATURE]].type != FT_VALUE_TEXT || isnan(x.psi) || isnan(time)) return FT_OK;
    if (!is_wanted(p, x.feature)) return FT_OK;
    if ((int64_t)time > f->run_us) {
        f->run_us = (int64_t)time;
        f->count = f->judged = f->too_few = 0;
    }
    double records = columns[RECORDS] < 0 ? NAN : ft_value_number(&v[columns[RECORDS]]);
    double noise = columns[NOISE] < 0 ? NAN : ft_value_number(&v[columns[NOISE]]);
    if (records < (double)ft_params_int(p, "min_records")) {
        f->too_few++;
        return FT_OK;
    }
    f->judged++;
    x.records = isnan(records) ? 0 : (int64_t)records;
    x.noise = isnan(noise) ? 0 : noise;
    if (x.psi <= ft_params_float(p, "threshold") || x.psi <= x.noise) return FT_OK;
    return add(f, in->arena, &x);
}

static ft_err read_window(findings *f, const ft_rule_input *in, const ft_params *p) {
    int columns[WANTED];
    ft_cursor *c;
    ft_record r;
    ft_cursor_opts opts = { .key = in->key, .from = in->from, .until = in->at };
    FT_TRY(find_columns(columns, in->kind));
    for (int w = 0; w < WANTED; w++)
        if (columns[w] >= 0) opts.wanted |= 1ull << columns[w];
    FT_TRY(ft_cursor_open(&c, in->store, in->kind, &opts));
    ft_err err;
    while (!(err = ft_cursor_next(c, &r)) && !(err = judge(f, in, p, r.values, columns))) continue;
    ft_cursor_close(c);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

static int by_psi(const void *a, const void *b) {
    const finding *x = a, *y = b;
    if (x->psi != y->psi) return x->psi < y->psi ? 1 : -1;
    return ft_str_cmp(x->feature, y->feature);
}

static ft_err report(const findings *f, const ft_params *p, const ft_rule_input *in,
                     ft_verdict *out) {
    ft_rule_evidence e;
    char names[512] = "";
    size_t n = 0;
    qsort(f->at, f->count, sizeof *f->at, by_psi);
    ft_rule_issue_begin(&e);
    ft_rule_note_f64(&e, "threshold", ft_params_float(p, "threshold"));
    ft_rule_note_i64(&e, "features_judged", (int64_t)f->judged);
    ft_json_out_name(&e.w, "features");
    ft_json_out_array(&e.w);
    for (size_t i = 0; i < f->count; i++) {
        ft_json_out_object(&e.w);
        ft_rule_note_str(&e, "feature", f->at[i].feature);
        ft_rule_note_f64(&e, "psi", f->at[i].psi);
        ft_rule_note_f64(&e, "noise", f->at[i].noise);
        ft_rule_note_i64(&e, "records", f->at[i].records);
        ft_json_out_close(&e.w);
        if (i < NAMED_MAX && n < sizeof names)
            n += (size_t)snprintf(names + n, sizeof names - n, "%s%.60s %.3f", i ? ", " : "",
                                  f->at[i].feature.at, f->at[i].psi);
    }
    ft_json_out_close(&e.w);
    return ft_rule_issue_end(out, in, &e,
                             "the population stability index is above %g for %zu of %zu features "
                             "(%s%s)",
                             ft_params_float(p, "threshold"), f->count, f->judged, names,
                             f->count > NAMED_MAX ? ", …" : "");
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    findings f = { .run_us = INT64_MIN };
    FT_TRY(read_window(&f, in, p));
    if (f.count) return report(&f, p, in, out);
    if (f.judged) return ft_rule_no_issue(out, in);
    if (f.too_few)
        return ft_rule_wait(out, in, "%zu features have fewer than %lld records each", f.too_few,
                            (long long)ft_params_int(p, "min_records"));
    return ft_rule_wait(out, in, "no drift was measured in the window");
}

const ft_rule ft_rule_population_stability = {
    .name = "PopulationStability",
    .doc = "The population stability index of a feature or of the predictions is above threshold.",
    .params = params,
    .reads = FT_READS_STREAM,
    .stream = "drift",
    .evaluate = evaluate,
};
