/* scene_in.h -- for the tests of rules over trials: a trial made of numbers, and a rule run over
 * all its steps the way a host does it. */
#ifndef FT_SCENE_IN_H
#define FT_SCENE_IN_H

#include <math.h>

#include "base/check.h"
#include "rules/rule.h"
#include "tests/test.h"

typedef struct scene {
    ft_arena arena;
    ft_str uri;
    ft_trial_writer *w;
    ft_trial *t;
    int64_t step;
    bool open;
    ft_verdict verdict; /* of the step that fired, or of the last one */
    int issues, quiet, waits;
} scene;

static inline void scene_begin(scene *s) {
    static int n;
    ft_collection *list;
    size_t count;
    memset(s, 0, sizeof *s);
    EXPECT_OK(ft_arena_printf(&s->uri, &s->arena, "%s/scene-%d", test_dir(), n++));
    EXPECT_OK(ft_collections_xgboost(&list, &count, &s->arena, 1));
    EXPECT_OK(ft_trial_write(&s->w, NULL, s->uri, list, count, NULL));
}

static inline void scene_flush(scene *s) {
    if (s->open) EXPECT_OK(ft_trial_end(s->w));
    s->open = false;
}

/* Tensors of one step must follow each other. */
static inline void scene_at(scene *s, int64_t step, ft_mode mode, int64_t mode_step) {
    if (s->open && s->step == step) return;
    scene_flush(s);
    EXPECT_OK(ft_trial_begin(s->w, step, mode, mode_step, 0));
    s->step = step;
    s->open = true;
}

static inline void scene_scalar(scene *s, int64_t step, const char *name, double v) {
    ft_array a = { .dtype = FT_F64, .data = &v };
    scene_at(s, step, FT_MODE_GLOBAL, step);
    EXPECT_OK(ft_trial_add(s->w, ft_str_of(name), &a));
}

static inline void scene_f32(scene *s, int64_t step, const char *name, const float *v, int64_t rows,
                             int64_t cols) {
    ft_array a = {
        .dtype = FT_F32, .ndim = cols ? 2 : 1, .shape = { rows, cols }, .data = (void *)(uintptr_t)v
    };
    scene_at(s, step, FT_MODE_GLOBAL, step);
    EXPECT_OK(ft_trial_add(s->w, ft_str_of(name), &a));
}

/* "num_steps=3;diff_percent=1" */
static inline ft_err scene_params(ft_params **out, ft_arena *arena, const ft_rule *rule,
                                  const char *text) {
    FT_TRY(ft_params_new(out, arena, rule->params));
    for (ft_str rest = ft_str_of(text); rest.at && rest.len;) {
        ft_str value = ft_str_cut(&rest, ';'), name = ft_str_cut(&value, '=');
        FT_TRY(ft_params_set(*out, name, value));
    }
    FT_TRY(ft_params_finish(*out));
    return rule->init ? rule->init(NULL, *out) : FT_OK;
}

/* Evaluate at every saved step from `from` on; the first step that fires, or -1. */
static inline int64_t scene_run_from(scene *s, const ft_rule *rule, const char *params,
                                     int64_t from) {
    ft_params *p;
    size_t count;
    int64_t fired = -1;
    scene_flush(s);
    EXPECT_OK(scene_params(&p, &s->arena, rule, params));
    if (!s->t) EXPECT_OK(ft_trial_open(&s->t, NULL, s->uri));
    EXPECT_OK(ft_trial_refresh(s->t, NULL));
    ft_trial_horizon(s->t, INT64_MAX);
    const int64_t *steps = ft_trial_steps(s->t, &count);
    s->issues = s->quiet = s->waits = 0;
    for (size_t i = 0; i < count; i++) {
        ft_verdict v;
        ft_rule_input in = { .at = steps[i], .trial = s->t, .arena = &s->arena };
        if (steps[i] < from) continue;
        ft_trial_horizon(s->t, steps[i]);
        EXPECT_OK(rule->evaluate(NULL, p, &in, &v));
        EXPECT(v.at == steps[i]);
        EXPECT((v.outcome == FT_ISSUE) == (v.evidence_json.len > 0));
        EXPECT((v.outcome == FT_NO_ISSUE) == (v.reason.len == 0));
        s->issues += v.outcome == FT_ISSUE;
        s->quiet += v.outcome == FT_NO_ISSUE;
        s->waits += v.outcome == FT_NOT_ENOUGH_DATA;
        if (fired < 0) s->verdict = v;
        if (v.outcome == FT_ISSUE && fired < 0) fired = steps[i];
    }
    return fired;
}

static inline int64_t scene_run(scene *s, const ft_rule *rule, const char *params) {
    return scene_run_from(s, rule, params, 0);
}

static inline void scene_end(scene *s) {
    ft_trial_close(s->t);
    ft_trial_writer_free(s->w);
    ft_arena_fini(&s->arena);
}

#endif
