/* class_share.c -- fires when one class makes up more than a share of the captured predictions of a
 * window: the Model Monitor post's rule (322 of 400 pictures "were" the digit 8). */
#include <math.h>
#include <stdlib.h>

#include "base/check.h"
#include "rules/scores_in.h"

/* More different values than this are no classes: the model is a regression. */
#define CLASSES_MAX 10000

static const ft_param params[] = {
    { .name = "threshold_percent",
      .type = FT_PARAM_FLOAT,
      .default_text = "50",
      .min = 0,
      .max = 100,
      .min_open = true,
      .doc = "largest share of one class, in percent" },
    { .name = "min_records",
      .type = FT_PARAM_INT,
      .default_text = "20",
      .min = 1,
      .max = 1e9,
      .doc = "fewer predictions in the window are not judged" },
    { .name = "column",
      .type = FT_PARAM_STRING,
      .default_text = "prediction",
      .doc = "column of the stream that holds the class" },
    { .name = "threshold",
      .type = FT_PARAM_FLOAT,
      .default_text = "0.5",
      .min = 0,
      .max = 1,
      .doc = "of scores between 0 and 1: those above it are class 1" },
    { 0 },
};

typedef struct tally {
    double *classes; /* ascending */
    uint64_t *counts;
    size_t count;
    uint64_t total;
    bool too_many;
    bool scores; /* found to be such: what comes is judged by the threshold */
} tally;

static void tally_add(tally *t, double class) {
    size_t low = 0;
    for (size_t high = t->count; low < high;) {
        size_t mid = low + (high - low) / 2;
        if (t->classes[mid] < class)
            low = mid + 1;
        else
            high = mid;
    }
    t->total++;
    if (low < t->count && t->classes[low] == class) {
        t->counts[low]++;
        return;
    }
    if (t->count == CLASSES_MAX) {
        t->too_many = true;
        return;
    }
    memmove(t->classes + low + 1, t->classes + low, (t->count - low) * sizeof *t->classes);
    memmove(t->counts + low + 1, t->counts + low, (t->count - low) * sizeof *t->counts);
    t->classes[low] = class;
    t->counts[low] = 1;
    t->count++;
}

/* Scores of two classes: between 0 and 1, not all of them whole. They become classes 0 and 1. */
static void scores_to_classes(tally *t, double threshold) {
    double classes[2] = { 0, 1 };
    uint64_t counts[2] = { 0, 0 };
    bool broken = false;
    for (size_t i = 0; i < t->count; i++) {
        if (t->classes[i] < 0 || t->classes[i] > 1) return;
        broken |= t->classes[i] != rint(t->classes[i]);
        counts[t->classes[i] > threshold] += t->counts[i];
    }
    if (!broken) return;
    t->scores = true;
    t->count = 2;
    memcpy(t->classes, classes, sizeof classes);
    memcpy(t->counts, counts, sizeof counts);
}

static ft_err count_window(tally *t, const ft_rule_input *in, int column, double threshold) {
    ft_cursor *c;
    ft_record r;
    ft_cursor_opts opts = {
        .key = in->key, .from = in->from, .until = in->at, .wanted = 1ull << column
    };
    FT_TRY(ft_cursor_open(&c, in->store, in->kind, &opts));
    ft_err err;
    while (!(err = ft_cursor_next(c, &r))) {
        double class = ft_value_number(&r.values[column]);
        if (isnan(class)) continue;
        if (t->count == CLASSES_MAX) scores_to_classes(t, threshold);
        tally_add(t, t->scores ? class > threshold : class);
    }
    ft_cursor_close(c);
    scores_to_classes(t, threshold);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    tally t = { 0 };
    int column;
    double most = ft_params_float(p, "threshold_percent");
    int64_t least = ft_params_int(p, "min_records");
    FT_TRY(ft_rule_column(&column, in->kind, ft_params_str(p, "column")));
    FT_TRY(ft_arena_items(&t.classes, in->arena, CLASSES_MAX));
    FT_TRY(ft_arena_items(&t.counts, in->arena, CLASSES_MAX));
    FT_TRY(count_window(&t, in, column, ft_params_float(p, "threshold")));
    if (t.total < (uint64_t)least)
        return ft_rule_wait(out, in, "%llu predictions in the window; %lld are needed",
                            (unsigned long long)t.total, (long long)least);
    if (t.too_many)
        return ft_rule_wait(out, in, "more than %d different predictions: these are no classes",
                            CLASSES_MAX);
    size_t top = 0;
    for (size_t i = 1; i < t.count; i++)
        if (t.counts[i] > t.counts[top]) top = i;
    double percent = 100.0 * (double)t.counts[top] / (double)t.total;
    if (percent <= most) return ft_rule_no_issue(out, in);
    ft_rule_evidence e;
    ft_rule_issue_begin(&e);
    ft_rule_note_f64(&e, "class", t.classes[top]);
    ft_rule_note_i64(&e, "count", (int64_t)t.counts[top]);
    ft_rule_note_i64(&e, "records", (int64_t)t.total);
    ft_rule_note_i64(&e, "classes", (int64_t)t.count);
    ft_rule_note_f64(&e, "percent", percent);
    ft_rule_note_f64(&e, "threshold_percent", most);
    return ft_rule_issue_end(out, in, &e,
                             "class %g was predicted %llu times of %llu (%.2f %%); at most %g %% "
                             "was expected",
                             t.classes[top], (unsigned long long)t.counts[top],
                             (unsigned long long)t.total, percent, most);
}

const ft_rule ft_rule_class_share = {
    .name = "ClassShare",
    .doc = "One class makes up more than threshold_percent of the captured predictions.",
    .params = params,
    .reads = FT_READS_STREAM,
    .stream = "capture",
    .evaluate = evaluate,
};
