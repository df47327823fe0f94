/* stats.c -- our side of the benchmark `stats`: run one case over a file, print its CPU seconds and
 * then the answers. bench/stats.py makes the file, runs the peer in turn and compares the answers.
 *
 *     stats CASE FILE        values are doubles; scores are floats, then as many int32 truths */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/files.h"
#include "base/json.h"
#include "stats/classification.h"
#include "stats/drift.h"
#include "stats/histogram.h"
#include "stats/moments.h"
#include "stats/sort.h"

#define BUCKETS 10

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double answers[64];
static size_t answer_count;
static void answer(double v) { answers[answer_count++] = v; }

/* Mean, deviation, ends, ten buckets, nine deciles of one column. */
static ft_err run_column(ft_str file, ft_arena *arena) {
    const double *values = (const double *)(const void *)file.at;
    size_t n = file.len / sizeof *values;
    double q[9], deciles[9];
    ft_moments m = { 0 };
    ft_histogram h;
    for (int i = 0; i < 9; i++) q[i] = (i + 1) / 10.0;
    ft_moments_add(&m, values, n);
    FT_TRY(ft_histogram_equal(&h, arena, m.min, m.max, BUCKETS));
    ft_histogram_add(&h, values, n);
    FT_TRY(ft_quantiles(deciles, q, 9, values, n));
    answer(m.mean);
    answer(ft_moments_deviation(&m));
    answer(m.min);
    answer(m.max);
    for (int i = 0; i < BUCKETS; i++) answer(h.counts[i]);
    for (int i = 0; i < 9; i++) answer(deciles[i]);
    return FT_OK;
}

/* Two columns, one after the other. */
static ft_err run_ks(ft_str file, ft_arena *arena) {
    size_t n = file.len / sizeof(double) / 2;
    double *values, p;
    FT_TRY(ft_arena_items(&values, arena, 2 * n));
    memcpy(values, file.at, 2 * n * sizeof *values);
    FT_TRY(ft_sort_f64(values, n));
    FT_TRY(ft_sort_f64(values + n, n));
    double d = ft_ks(values, n, values + n, n);
    FT_TRY(ft_ks_pvalue(&p, d, n, n));
    answer(d);
    return FT_OK;
}

/* Area, average precision, confusion at one half, log loss. */
static ft_err run_scores(ft_str file, ft_arena *arena) {
    size_t n = file.len / (sizeof(float) + sizeof(int32_t));
    const float *score = (const float *)(const void *)file.at;
    const int32_t *truth = (const int32_t *)(const void *)(score + n);
    int32_t *predicted;
    ft_curve roc, pr;
    ft_confusion c;
    FT_TRY(ft_roc_curve(&roc, arena, score, truth, n, 500));
    FT_TRY(ft_pr_curve(&pr, arena, score, truth, n, 500));
    FT_TRY(ft_arena_items(&predicted, arena, n));
    for (size_t i = 0; i < n; i++) predicted[i] = score[i] >= 0.5f;
    FT_TRY(ft_confusion_new(&c, arena, 2));
    ft_confusion_add(&c, truth, predicted, n);
    answer(roc.area);
    answer(pr.area);
    for (int i = 0; i < 4; i++) answer((double)c.cells[i]);
    answer(ft_confusion_average(&c, FT_AVERAGE_MACRO).f1);
    answer(ft_log_loss(score, truth, n));
    return FT_OK;
}

/* Captured requests: every line validated, both data fields taken. */
static ft_err run_capture(ft_str file, ft_arena *arena) {
    ft_str rest = file, name, data;
    uint64_t records = 0, bytes = 0;
    while (rest.at && rest.len) {
        ft_json j;
        ft_json_init(&j, ft_str_cut(&rest, '\n'), arena, NULL);
        FT_TRY(ft_json_enter_object(&j));
        while (ft_json_next_member(&j, &name)) {
            if (!ft_str_is(name, "captureData")) continue;
            FT_TRY(ft_json_enter_object(&j));
            while (ft_json_next_member(&j, &name)) {
                FT_TRY(ft_json_enter_object(&j));
                while (ft_json_next_member(&j, &name)) {
                    if (!ft_str_is(name, "data")) continue;
                    FT_TRY(ft_json_string(&j, &data));
                    bytes += data.len;
                }
            }
        }
        FT_TRY(ft_json_end(&j));
        ft_arena_reset(arena);
        records++;
    }
    answer((double)records);
    answer((double)bytes);
    return FT_OK;
}

static const struct {
    const char *name;
    ft_err (*run)(ft_str file, ft_arena *arena);
} cases[] = {
    { "column", run_column }, { "ks", run_ks }, { "scores", run_scores }, { "capture", run_capture }
};

static int run(const char *name, const char *path) {
    ft_arena arena = FT_ARENA_INIT((size_t)4 << 30);
    ft_str file;
    if (ft_file_read(&file, &arena, path, (size_t)1 << 31)) {
        fprintf(stderr, "%s\n", ft_err_why());
        return 1;
    }
    ft_arena work = FT_ARENA_INIT((size_t)1 << 30);
    for (size_t i = 0; i < FT_COUNT(cases); i++) {
        if (strcmp(cases[i].name, name) != 0) continue;
        double begin = cpu_s();
        if (cases[i].run(file, &work)) {
            fprintf(stderr, "%s\n", ft_err_why());
            return 1;
        }
        printf("%.9f", cpu_s() - begin);
        for (size_t k = 0; k < answer_count; k++) printf(" %.17g", answers[k]);
        printf("\n");
    }
    ft_arena_fini(&work);
    ft_arena_fini(&arena);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 3) return run(argv[1], argv[2]);
    fprintf(stderr, "usage: stats CASE FILE\n");
    return 2;
}
