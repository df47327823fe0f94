/* loader_starved.c -- fires when a job waits for its data: the loader's share of waiting, which it
 * shows through the job's tap (data/loader.h, ft_loader_emit), is above a threshold on average over
 * the last steps that it was shown at. The sentence names the stage that costs most. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "rules/rule_in.h"

#define STARVED "loader/starved"
enum { STAGES = 5, STEPS_MAX = 1000 };
static const char *const stage_names[STAGES] = { "network", "disk", "decode", "transform", "copy" };

static const ft_param params[] = {
    { .name = "threshold_percent",
      .type = FT_PARAM_FLOAT,
      .default_text = "20",
      .min = 0,
      .max = 100,
      .doc = "largest share of the time that the job may wait for batches, in percent" },
    { .name = "steps",
      .type = FT_PARAM_INT,
      .default_text = "5",
      .min = 1,
      .max = STEPS_MAX,
      .doc = "records of the loader that are averaged; fewer are not judged" },
    { .name = "look_back",
      .type = FT_PARAM_INT,
      .default_text = "10000",
      .min = 1,
      .max = 1e9,
      .doc = "steps of the job in which they are looked for" },
    { 0 },
};

enum { STEP, NAME, VALUE, WANTED };
static const char *const column_names[WANTED] = { "step", "name", "value" };

/* The newest records, the oldest falls out. */
typedef struct seen {
    double starved[STEPS_MAX], stage[STEPS_MAX][STAGES];
    int64_t step[STEPS_MAX];
    size_t count; /* of all */
    size_t keep;
} seen;

static ft_err find_columns(int out[WANTED], const ft_stream_kind *kind) {
    for (int w = 0; w < WANTED; w++) {
        out[w] = -1;
        for (int i = 0; kind->columns[i].name; i++)
            if (strcmp(kind->columns[i].name, column_names[w]) == 0) out[w] = i;
        if (out[w] < 0)
            return FT_FAIL(FT_EINVAL, "stream %s has no column %s", kind->name, column_names[w]);
    }
    return FT_OK;
}

static int stage_of(ft_str name) {
    char full[64];
    for (int i = 0; i < STAGES; i++) {
        snprintf(full, sizeof full, "loader/%s_ms", stage_names[i]);
        if (ft_str_is(name, full)) return i;
    }
    return -1;
}

/* The stages of a step come before its share of waiting (as the loader shows them). */
static void take(seen *s, double stages[STAGES], int64_t step, ft_str name, double value) {
    int stage = stage_of(name);
    if (stage >= 0) stages[stage] = value;
    if (!ft_str_is(name, STARVED) || isnan(value)) return;
    size_t at = s->count++ % s->keep;
    s->starved[at] = value;
    s->step[at] = step;
    memcpy(s->stage[at], stages, STAGES * sizeof *stages);
    memset(stages, 0, STAGES * sizeof *stages);
}

static ft_err read_steps(seen *s, const ft_rule_input *in, const ft_params *p) {
    int columns[WANTED];
    double stages[STAGES] = { 0 };
    ft_cursor *c;
    ft_record r;
    ft_cursor_opts opts = { .key = in->key, .until = in->at + 1 };
    opts.from = in->at - ft_params_int(p, "look_back") + 1;
    if (opts.from < 0) opts.from = 0;
    FT_TRY(find_columns(columns, in->kind));
    for (int w = 0; w < WANTED; w++) opts.wanted |= 1ull << columns[w];
    FT_TRY(ft_cursor_open(&c, in->store, in->kind, &opts));
    ft_err err;
    while (!(err = ft_cursor_next(c, &r))) {
        const ft_value *v = r.values;
        if (v[columns[NAME]].type == FT_VALUE_TEXT && v[columns[STEP]].type == FT_VALUE_INT)
            take(s, stages, v[columns[STEP]].i, v[columns[NAME]].s,
                 ft_value_number(&v[columns[VALUE]]));
    }
    ft_cursor_close(c);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

static ft_err report(const seen *s, const ft_rule_input *in, double percent, double most,
                     ft_verdict *out) {
    double mean[STAGES] = { 0 }, total = 0;
    int64_t first = INT64_MAX;
    int top = 0;
    ft_rule_evidence e;
    for (size_t i = 0; i < s->keep; i++) {
        if (s->step[i] < first) first = s->step[i];
        for (int k = 0; k < STAGES; k++) mean[k] += s->stage[i][k] / (double)s->keep;
    }
    for (int k = 0; k < STAGES; k++) {
        total += mean[k];
        if (mean[k] > mean[top]) top = k;
    }
    ft_rule_issue_begin(&e);
    ft_rule_note_f64(&e, "waited_percent", percent);
    ft_rule_note_f64(&e, "threshold_percent", most);
    ft_rule_note_i64(&e, "first_step", first);
    ft_rule_note_i64(&e, "records", (int64_t)s->keep);
    for (int k = 0; k < STAGES; k++) ft_rule_note_f64(&e, stage_names[k], mean[k]);
    return ft_rule_issue_end(
        out, in, &e,
        "the job waited for its data %.0f %% of the time in steps %lld to %lld "
        "(at most %g %% was expected); the dearest stage of a batch is %s, %.3g of "
        "%.3g ms",
        percent, (long long)first, (long long)in->at, most, stage_names[top], mean[top], total);
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    double sum = 0, most = ft_params_float(p, "threshold_percent");
    seen *s;
    FT_TRY(ft_arena_items(&s, in->arena, 1));
    s->keep = (size_t)ft_params_int(p, "steps");
    FT_TRY(read_steps(s, in, p));
    if (s->count < s->keep)
        return ft_rule_wait(out, in, "the loader has told %zu times so far; %zu are needed",
                            s->count, s->keep);
    if (s->step[(s->count - 1) % s->keep] != in->at)
        return ft_rule_wait(out, in, "the loader told nothing at this step");
    for (size_t i = 0; i < s->keep; i++) sum += s->starved[i];
    double percent = 100 * sum / (double)s->keep;
    if (percent <= most) return ft_rule_no_issue(out, in);
    return report(s, in, percent, most, out);
}

const ft_rule ft_rule_loader_starved = {
    .name = "LoaderStarved",
    .doc = "The job waits for its data: batches come later than they are asked for.",
    .params = params,
    .reads = FT_READS_STREAM,
    .stream = "metric",
    .evaluate = evaluate,
};
