/* trees_predict.c -- boosted-tree inference: ours beside XGBoost's C API, alternately, in one
 * process, on one thread.
 *
 *     trees-predict OUT.json
 *
 * 200,000 rows of 28 columns (1 % missing in one of them), a model of 100 trees of depth 6 trained
 * here by XGBoost's `hist`. Case "row": random single rows of that matrix; case "batch": all rows.
 * XGBoost's time is that of its faster path, XGBoosterPredictFromDense or a DMatrix with
 * XGBoosterPredictFromDMatrix, making the DMatrix included. Times are medians of RUNS runs. Both
 * must give the same margins (1e-5), or nothing is written. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/files.h"
#include "base/json.h"
#include "base/random.h"
#include "trees/engine.h"
#include "trees/predict.h"

#define ROWS       200000
#define COLS       28
#define ROUNDS     100
#define RUNS       9
#define ROWS_A_RUN 20000 /* single rows a run */
#define TOLERANCE  1e-5f
#define PREDICT_JSON                                                                             \
    "{\"type\":1,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,\"strict_shape\":" \
    "false"

typedef struct bench {
    const ft_xgb *x;
    BoosterHandle booster;
    ft_forest *forest;
    ft_scorer *scorer;
    float *rows, *ours, *peer;
    uint32_t *order; /* ROWS_A_RUN random row numbers */
    ft_arena arena;
} bench;

typedef struct timing {
    double ours[RUNS], dense[RUNS], dmatrix[RUNS]; /* seconds */
} timing;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *times) {
    double sorted[RUNS];
    memcpy(sorted, times, sizeof sorted);
    qsort(sorted, RUNS, sizeof *sorted, by_value);
    return sorted[RUNS / 2];
}

/* ---- the data and the model */

/* Columns of different kinds, a label that several of them decide together, as in HIGGS. */
static void fill_data(float *rows, float *labels) {
    ft_random r;
    ft_random_seed(&r, 28);
    for (size_t i = 0; i < ROWS; i++) {
        float *row = rows + i * COLS;
        for (size_t c = 0; c < COLS; c++) {
            double v = ft_random_normal(&r);
            row[c] = (float)(c % 4 == 3 ? fabs(v) : c % 7 == 6 ? floor(v * 2) : v);
        }
        double z = row[0] * row[1] + 0.7 * row[2] * (row[3] > 1) - row[4] + 0.5 * sin(3 * row[5]) +
                   0.3 * row[8] * row[9] + ft_random_normal(&r);
        labels[i] = z > 0 ? 1 : 0;
        if (ft_random_below(&r, 100) == 0) row[2] = NAN;
    }
}

static ft_err train(bench *b, const float *labels) {
    static const char *const params[][2] = {
        { "objective", "binary:logistic" },
        { "tree_method", "hist" },
        { "max_depth", "6" },
        { "max_bin", "256" },
        { "nthread", "2" },
        { "verbosity", "0" },
    };
    const ft_xgb *x = b->x;
    DMatrixHandle d = NULL;
    ft_err err;
    FT_GOTO(err, FT_XGB(x, DMatrixCreateFromMat_omp(b->rows, ROWS, COLS, NAN, &d, 2)));
    FT_GOTO(err, FT_XGB(x, DMatrixSetFloatInfo(d, "label", labels, ROWS)));
    FT_GOTO(err, FT_XGB(x, BoosterCreate(&d, 1, &b->booster)));
    for (size_t i = 0; i < FT_COUNT(params); i++)
        FT_GOTO(err, FT_XGB(x, BoosterSetParam(b->booster, params[i][0], params[i][1])));
    for (int i = 0; i < ROUNDS; i++)
        FT_GOTO(err, FT_XGB(x, BoosterUpdateOneIter(b->booster, i, d)));
done:
    if (d) x->DMatrixFree(d);
    return err;
}

static ft_err set_up(bench *b) {
    float *labels;
    const char *text;
    bst_ulong len;
    FT_TRY(ft_xgb_load(&b->x));
    FT_TRY(ft_arena_items(&b->rows, &b->arena, (size_t)ROWS * COLS));
    FT_TRY(ft_arena_items(&b->ours, &b->arena, ROWS));
    FT_TRY(ft_arena_items(&b->peer, &b->arena, ROWS));
    FT_TRY(ft_arena_items(&b->order, &b->arena, ROWS_A_RUN));
    FT_TRY(ft_arena_items(&labels, &b->arena, ROWS));
    fill_data(b->rows, labels);
    ft_random r;
    ft_random_seed(&r, 1);
    for (size_t i = 0; i < ROWS_A_RUN; i++) b->order[i] = (uint32_t)ft_random_below(&r, ROWS);
    FT_TRY(train(b, labels));
    FT_TRY(FT_XGB(b->x, BoosterSetParam(b->booster, "nthread", "1")));
    FT_TRY(FT_XGB(b->x, BoosterSaveModelToBuffer(b->booster, "{\"format\":\"ubj\"}", &len, &text)));
    FT_TRY(ft_forest_read(&b->forest, ft_str_n(text, len), "model"));
    FT_TRY(ft_scorer_new(&b->scorer, b->forest, NULL));
    return FT_OK;
}

/* ---- the peer */

static ft_err peer_dense(bench *b, float *out, const float *rows, size_t count) {
    char at[160];
    const bst_ulong *shape;
    bst_ulong dims;
    const float *result;
    snprintf(at, sizeof at,
             "{\"data\":[%zu,true],\"shape\":[%zu,%d],\"typestr\":\"<f4\",\"version\":3}",
             (size_t)(uintptr_t)rows, count, COLS);
    FT_TRY(FT_XGB(b->x, BoosterPredictFromDense(b->booster, at, PREDICT_JSON ",\"missing\":NaN,\"cache_id\":0}",
                                                NULL, &shape, &dims, &result)));
    memcpy(out, result, count * sizeof *out);
    return FT_OK;
}

static ft_err peer_dmatrix(bench *b, float *out, const float *rows, size_t count) {
    const bst_ulong *shape;
    bst_ulong dims;
    const float *result;
    DMatrixHandle d = NULL;
    ft_err err;
    FT_GOTO(err, FT_XGB(b->x, DMatrixCreateFromMat_omp(rows, count, COLS, NAN, &d, 1)));
    FT_GOTO(err, FT_XGB(b->x, BoosterPredictFromDMatrix(b->booster, d, PREDICT_JSON "}", &shape,
                                                        &dims, &result)));
    memcpy(out, result, count * sizeof *out);
done:
    if (d) b->x->DMatrixFree(d);
    return err;
}

static ft_err ours(bench *b, float *out, const float *rows, size_t count) {
    return ft_scorer_margins(b->scorer, out, rows, count);
}

/* ---- the runs */

typedef ft_err predict_fn(bench *b, float *out, const float *rows, size_t count);

static ft_err time_rows(bench *b, predict_fn *predict, float *out, double *seconds) {
    double begin = now();
    for (size_t i = 0; i < ROWS_A_RUN; i++)
        FT_TRY(predict(b, out + i, b->rows + (size_t)b->order[i] * COLS, 1));
    *seconds = (now() - begin) / ROWS_A_RUN;
    return FT_OK;
}

static ft_err time_batch(bench *b, predict_fn *predict, float *out, double *seconds) {
    double begin = now();
    FT_TRY(predict(b, out, b->rows, ROWS));
    *seconds = (now() - begin) / ROWS;
    return FT_OK;
}

static ft_err check_equal(const bench *b, size_t count, const char *what) {
    float worst = 0;
    for (size_t i = 0; i < count; i++) {
        float off = fabsf(b->ours[i] - b->peer[i]);
        if (!(off <= TOLERANCE))
            return FT_FAIL(FT_ECORRUPT, "%s: row %zu: ours %.9g, XGBoost %.9g", what, i, b->ours[i],
                           b->peer[i]);
        if (off > worst) worst = off;
    }
    printf("%-6s %zu margins compared, largest difference %g\n", what, count, worst);
    return FT_OK;
}

typedef ft_err time_fn(bench *b, predict_fn *predict, float *out, double *seconds);

static ft_err run_case(bench *b, timing *t, time_fn *time_one, size_t count, const char *what) {
    double warm;
    FT_TRY(time_one(b, ours, b->ours, &warm));
    FT_TRY(time_one(b, peer_dense, b->peer, &warm));
    FT_TRY(check_equal(b, count, what));
    FT_TRY(time_one(b, peer_dmatrix, b->peer, &warm));
    FT_TRY(check_equal(b, count, what));
    for (int i = 0; i < RUNS; i++) {
        FT_TRY(time_one(b, ours, b->ours, &t->ours[i]));
        FT_TRY(time_one(b, peer_dense, b->peer, &t->dense[i]));
        FT_TRY(time_one(b, peer_dmatrix, b->peer, &t->dmatrix[i]));
    }
    return FT_OK;
}

/* ---- the answer */

static void write_case(ft_json_out *w, const timing *t, const char *name, const char *unit,
                       bool rate) {
    double mine = median(t->ours), dense = median(t->dense), dmatrix = median(t->dmatrix);
    double peer = dense < dmatrix ? dense : dmatrix;
    double scale = rate ? 1 : 1e6;
    ft_json_out_object(w);
    ft_json_out_name(w, "case");
    ft_json_out_text(w, name);
    ft_json_out_name(w, "ours");
    ft_json_out_f64(w, rate ? 1 / mine : mine * scale);
    ft_json_out_name(w, "peer");
    ft_json_out_f64(w, rate ? 1 / peer : peer * scale);
    ft_json_out_name(w, "unit");
    ft_json_out_text(w, unit);
    ft_json_out_name(w, "ratio");
    ft_json_out_f64(w, peer / mine);
    ft_json_out_name(w, "runs");
    ft_json_out_i64(w, RUNS);
    ft_json_out_close(w);
    printf("%-6s ours %9.4f us/row (%10.0f rows/s)  XGBoost dense %9.4f, DMatrix %9.4f us/row  "
           "ratio %.1f\n",
           name, mine * 1e6, 1 / mine, dense * 1e6, dmatrix * 1e6, peer / mine);
}

static ft_err write_all(const char *path, const timing *row, const timing *batch) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &buf, true);
    ft_json_out_array(&w);
    write_case(&w, row, "row", "us/row", false);
    write_case(&w, batch, "batch", "rows/s", true);
    ft_json_out_close(&w);
    ft_err err = buf.err ? buf.err : ft_file_write_atomic(path, ft_buf_str(&buf), false);
    ft_buf_fini(&buf);
    return err;
}

static void say_cpu(void) {
    char line[256], *at = NULL;
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, "model name", 10) && (at = strchr(line, ':'))) break;
    if (f) fclose(f);
    printf("CPU%s", at ? at : ": unknown\n");
}

static ft_err run(bench *b, const char *path) {
    timing row, batch;
    ft_str paths;
    FT_TRY(set_up(b));
    FT_TRY(ft_scorer_describe(&paths, b->scorer, &b->arena));
    say_cpu();
    printf("fettle %s (%.*s), XGBoost %s, one thread each, %d rows x %d columns, %zu trees, "
           "medians of %d runs\n",
           FETTLE_VERSION, FT_STR_ARG(paths), ft_xgb_version(b->x), ROWS, COLS,
           b->forest->tree_count, RUNS);
    FT_TRY(run_case(b, &row, time_rows, ROWS_A_RUN, "row"));
    FT_TRY(run_case(b, &batch, time_batch, ROWS, "batch"));
    return write_all(path, &row, &batch);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: trees-predict OUT.json\n");
        return 64;
    }
    bench b = { .arena = FT_ARENA_INIT(0) };
    ft_err err = run(&b, argv[1]);
    if (err) fprintf(stderr, "trees-predict: %s\n", ft_err_why());
    ft_scorer_free(b.scorer);
    ft_forest_free(b.forest);
    if (b.booster) b.x->BoosterFree(b.booster);
    ft_arena_fini(&b.arena);
    return ft_err_exit(err);
}
