/* rig_test.h -- for tests only: runs the algorithm "xgboost" as a job does, and keeps what its tap
 * was shown. */
#ifndef FT_RIG_TEST_H
#define FT_RIG_TEST_H

#include "base/check.h"
#include "base/hash.h"
#include "trees/oracle_test.h"
#include "trees/train_xgboost.h"
#include "trees/xgboost_params.h"

#define RIG_SEEN_MAX 20000

typedef struct rig_seen { /* one thing that the tap was shown */
    char name[96];
    int64_t step;
    double value; /* a scalar, or the first of an array */
    double sum;
    size_t count;
    int ndim;
    int64_t shape[2];
} rig_seen;

typedef struct rig {
    const char *settings;                   /* "eta=0.2 objective=reg:squarederror" */
    const char *train, *validation, *model; /* paths; NULL: no such channel */
    const char *wants;                      /* substring of names that the tap wants; NULL: none */
    int64_t cancel_at;                      /* the tap cancels at the end of this step; -1: never */
    int64_t stop_at;                        /* the stop flag rises during this step; -1: never */
    const char *checkpoint_dir;             /* NULL: none */
    ft_table_opts opts;                     /* of every channel */
    /* after the run */
    ft_err err;
    rig_seen *seen;
    size_t seen_count, inputs;
    int64_t steps, progress_calls;
    char out_dir[512];
    ft_arena arena;
    ft_params *params;
    ft_channel channels[3];
    ft_tap tap;
    ft_train_args args;
    atomic_bool stop;
    int64_t at;
} rig;

static inline bool rig_wants(void *self, const char *name, int64_t step) {
    rig *r = self;
    (void)step;
    return r->wants && strstr(name, r->wants);
}
static inline ft_err rig_begin(void *self, int64_t step) {
    rig *r = self;
    EXPECT(step == r->at + 1 || r->at == -1);
    r->at = step;
    if (step == r->stop_at) atomic_store(&r->stop, true);
    return FT_OK;
}
static inline ft_err rig_end(void *self, int64_t step) {
    rig *r = self;
    r->steps++;
    return step == r->cancel_at ? FT_ECANCELED : FT_OK;
}
static inline rig_seen *rig_add(rig *r, const char *name) {
    if (!r->seen) r->seen = calloc(RIG_SEEN_MAX, sizeof *r->seen);
    EXPECT(r->seen_count < RIG_SEEN_MAX);
    rig_seen *s = &r->seen[r->seen_count++];
    snprintf(s->name, sizeof s->name, "%s", name);
    s->step = r->at;
    return s;
}
static inline ft_err rig_array(void *self, const char *name, const ft_array *a) {
    rig_seen *s = rig_add(self, name);
    EXPECT(ft_array_valid(a));
    s->count = (size_t)ft_array_count(a);
    s->ndim = a->ndim;
    for (int i = 0; i < a->ndim && i < 2; i++) s->shape[i] = a->shape[i];
    for (size_t i = 0; i < s->count; i++) s->sum += ft_array_f64(a, (int64_t)i);
    if (s->count) s->value = ft_array_f64(a, 0);
    return FT_OK;
}
static inline ft_err rig_scalar(void *self, const char *name, double value) {
    rig_add(self, name)->value = value;
    return FT_OK;
}
static inline ft_err rig_event(void *self, const char *name, const char *text) {
    FT_UNUSED(text);
    rig_add(self, name);
    return FT_OK;
}
static const ft_tap_ops rig_ops = { .wants = rig_wants,
                                    .begin = rig_begin,
                                    .end = rig_end,
                                    .array = rig_array,
                                    .scalar = rig_scalar,
                                    .event = rig_event };

static inline void rig_progress(void *ctx, int64_t done, int64_t total, const char *text) {
    rig *r = ctx;
    EXPECT(done > 0 && done <= total && text);
    r->progress_calls++;
}
static inline void rig_input(void *ctx, const ft_table *table, ft_str channel) {
    rig *r = ctx;
    EXPECT(table->sha256[0] && channel.len);
    r->inputs++;
}

/* "a=1 b=2" into a value set. */
static inline ft_err rig_set(ft_params *p, const char *settings) {
    ft_str rest = ft_str_of(settings);
    while (rest.at && rest.len) {
        ft_str value = ft_str_cut(&rest, ' '), name = ft_str_cut(&value, '=');
        if (name.len) FT_TRY(ft_params_set(p, name, value));
    }
    FT_TRY(ft_params_finish(p));
    return ft_xgboost_validate(p);
}

static inline void rig_fini(rig *r) {
    free(r->seen);
    r->seen = NULL;
    r->seen_count = 0;
    ft_arena_fini(&r->arena);
}

/* Everything but the training: parameters, a fresh out_dir, the arguments. */
static inline ft_err rig_prepare(rig *r) {
    static int number;
    size_t count = 0;
    rig_fini(r);
    r->steps = r->progress_calls = 0;
    r->inputs = 0;
    snprintf(r->out_dir, sizeof r->out_dir, "%s/out%d", test_dir(), number++);
    EXPECT_OK(ft_dir_make(r->out_dir));
    if ((r->err = ft_params_new(&r->params, &r->arena, ft_xgboost_params))) return r->err;
    if ((r->err = rig_set(r->params, r->settings))) return r->err;
    const char *const names[] = { "train", "validation", "model" };
    const char *const paths[] = { r->train, r->validation, r->model };
    for (int i = 0; i < 3; i++)
        if (paths[i])
            r->channels[count++] = (ft_channel){ .name = ft_str_of(names[i]),
                                                 .path = ft_str_of(paths[i]),
                                                 .opts = r->opts };
    r->tap = (ft_tap){ .ops = &rig_ops, .self = r };
    r->args = (ft_train_args){ .params = r->params,
                               .channels = r->channels,
                               .channel_count = count,
                               .out_dir = r->out_dir,
                               .checkpoint_dir = r->checkpoint_dir,
                               .tap = &r->tap,
                               .stop = &r->stop,
                               .threads = 1, /* more would spin on a busy machine */
                               .progress = rig_progress,
                               .input = rig_input,
                               .ctx = r };
    return FT_OK;
}

/* Run; a second run on the same rig begins anew. */
static inline ft_err rig_run(rig *r) {
    FT_TRY(rig_prepare(r));
    r->at = -1;
    atomic_store(&r->stop, false);
    return r->err = ft_algorithm_xgboost.train(&r->args);
}

#define RIG(...) \
    { .cancel_at = -1, .stop_at = -1, .arena = FT_ARENA_INIT(0), __VA_ARGS__ }

/* The text of a file that the run left, empty when it left none. */
static inline ft_str rig_left(rig *r, const char *name) {
    char path[600];
    ft_str s = { "", 0 };
    snprintf(path, sizeof path, "%s/%s", r->out_dir, name);
    if (ft_file_exists(path)) EXPECT_OK(ft_file_read(&s, &r->arena, path, 1 << 28));
    return s;
}

/* The scalar or array of this name at this step; NULL: it was not shown. */
static inline const rig_seen *rig_find(const rig *r, const char *name, int64_t step) {
    for (size_t i = 0; i < r->seen_count; i++)
        if (r->seen[i].step == step && !strcmp(r->seen[i].name, name)) return &r->seen[i];
    return NULL;
}

/* 300 rows of 5 columns, label first; a few cells are empty. `kind`: what the label is. */
static __attribute__((noinline, unused)) const char *rig_csv(const char *name, const char *kind,
                                                             uint32_t seed) {
    const char *path = in_test_dir(name);
    FILE *f = fopen(path, "w");
    EXPECT(f != NULL);
    for (int i = 0; i < 300; i++) {
        double x[5], z;
        for (int c = 0; c < 5; c++) {
            seed = seed * 1664525u + 1013904223u;
            x[c] = (double)(seed >> 8) / (1 << 24) * 4 - 2;
        }
        z = x[0] * x[1] + x[2] - (x[3] > 0.5) + 0.3 * x[4];
        double label = !strcmp(kind, "binary") || !strcmp(kind, "weighted") ? z > 0
                       : !strcmp(kind, "multi")                             ? (z > -0.5) + (z > 0.5)
                       : !strcmp(kind, "count") ? (double)(int)(z > 0 ? z * 3 : 0) + 1
                                                : z;
        fprintf(f, "%.6g", label);
        if (!strcmp(kind, "weighted")) fprintf(f, ",%d", 1 + i % 5);
        for (int c = 0; c < 5; c++) {
            if ((i * 5 + c) % 37 == 0)
                fprintf(f, ",");
            else
                fprintf(f, ",%.6g", c == 4 ? (double)(int)(x[c] * 3) : x[c]);
        }
        fprintf(f, "\n");
    }
    EXPECT(fclose(f) == 0);
    return path;
}

#endif
