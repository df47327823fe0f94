/* stand_in_test.h -- for this room's tests: a predictor whose models are small text files, "constant 3"
 * or "slow 3": they answer "3" to everything but a body of "bad", and count how many are loaded. */
#ifndef FT_SERVE_STAND_IN_TEST_H
#define FT_SERVE_STAND_IN_TEST_H

#include <stdatomic.h>

#include "base/clock.h"
#include "base/files.h"
#include "models/predictor.h"
#include "monitor/capture.h"
#include "monitor/monitor.h"
#include "rules/rule.h"
#include "serve/endpoint.h"
#include "tests/test.h"

typedef struct stand_in {
    ft_model base;
    int answer;
    char text[16];
    atomic_int freed; /* a model that is used after it was freed is caught by its mark */
} stand_in;

static atomic_int stand_ins; /* loaded now */

static int stand_in_sniff(const char *path) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str text;
    bool ok = ft_file_read(&text, &arena, path, 4096) == FT_OK &&
              (ft_str_starts(text, FT_STR("constant ")) || ft_str_starts(text, FT_STR("broken ")));
    ft_err_clear();
    ft_arena_fini(&arena);
    return ok ? 100 : 0;
}

static ft_err stand_in_load(ft_model **out, const char *path) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str text;
    ft_err err;
    FT_GOTO(err, ft_file_read(&text, &arena, path, 4096));
    if (!ft_str_starts(text, FT_STR("constant "))) {
        err = FT_FAIL(FT_EPARSE, "%s: not a model", path);
        goto done;
    }
    stand_in *m = calloc(1, sizeof *m);
    if (!m) abort();
    m->answer = atoi(text.at + 9);
    snprintf(m->text, sizeof m->text, "%d", m->answer);
    extern const ft_predictor stand_in_predictor;
    m->base.predictor = &stand_in_predictor;
    atomic_fetch_add(&stand_ins, 1);
    *out = &m->base;
done:
    ft_arena_fini(&arena);
    return err;
}

static void stand_in_describe(const ft_model *m, ft_json_out *w) {
    ft_json_out_name(w, "objective");
    ft_json_out_text(w, "multi:softmax");
    ft_json_out_name(w, "answer");
    ft_json_out_i64(w, ((const stand_in *)m)->answer);
}

static ft_err stand_in_predict(const ft_model *m, ft_payload *out, const ft_payload *in,
                               ft_str accept, ft_tap *tap, ft_arena *arena) {
    const stand_in *s = (const stand_in *)m;
    (void)accept, (void)tap;
    if (atomic_load(&s->freed)) abort();
    if (ft_str_is(in->bytes, "bad"))
        return FT_FAIL(FT_EPARSE, "row 1, column 1: expected a number, found 'bad'");
    if (in->content_type.len && !ft_str_starts(in->content_type, FT_STR("text/csv")))
        return FT_FAIL(FT_EMEDIA, "content type '%.*s'; expected text/csv",
                       FT_STR_ARG(in->content_type));
    out->content_type = FT_STR("text/csv; charset=utf-8");
    return ft_arena_str(&out->bytes, arena, ft_str_of(s->text));
}

static void stand_in_free(ft_model *m) {
    if (!m) return;
    stand_in *s = (stand_in *)m;
    if (atomic_exchange(&s->freed, 1)) abort();
    atomic_fetch_sub(&stand_ins, 1);
    free(s);
}

extern const ft_predictor stand_in_predictor;
const ft_predictor stand_in_predictor = { .name = "constant",
                                          .doc = "the same answer to everything",
                                          .content_types = "text/csv",
                                          .empty_is_fine = true,
                                          .sniff = stand_in_sniff,
                                          .load = stand_in_load,
                                          .describe = stand_in_describe,
                                          .predict = stand_in_predict,
                                          .free = stand_in_free };

static const ft_predictor *const stand_in_predictors[] = { &stand_in_predictor, NULL };
static const ft_stream_kind *const stand_in_kinds[] = { &ft_kind_capture, &ft_kind_drift, NULL };
static const ft_rule *const stand_in_rules[] = { &ft_rule_class_share,
                                                 &ft_rule_population_stability, NULL };

/* A new home, and the registries filled. */
static ft_store *stand_in_store(const char **home) {
    static int count;
    static char path[8][300];
    ft_store *s;
    char *at = path[count % 8];
    snprintf(at, sizeof path[0], "%s/home-%d", test_dir(), count++);
    EXPECT_OK(ft_store_open(&s, at));
    ft_predictors_use(stand_in_predictors);
    ft_streams_use(stand_in_kinds);
    ft_rules_use(stand_in_rules);
    if (home) *home = at;
    return s;
}

/* A model file that says `text`; its path, kept for eight calls. */
static inline ft_str stand_in_model(const char *text) {
    static int count;
    static char path[8][300];
    char *at = path[count % 8];
    snprintf(at, sizeof path[0], "%s/model-%d", test_dir(), count++);
    EXPECT_OK(ft_file_write_atomic(at, ft_str_of(text), false));
    return ft_str_of(at);
}

static inline ft_err stand_in_deploy(ft_endpoint *out, ft_store *s, ft_arena *arena, ft_str name,
                                     ft_str model_uri, ft_str job, int capture_percent) {
    return ft_endpoint_put(
        out, s, arena,
        &(ft_endpoint){
            .name = name, .model_uri = model_uri, .job = job, .capture_percent = capture_percent });
}

#endif
