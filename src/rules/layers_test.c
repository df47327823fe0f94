/* layers_test.c -- rules on networks: planted faults fire where they must, clean seeds never. */
#include "base/random.h"
#include "rules/scene_in.h"

#define SEEDS   8
#define SAMPLES 32
#define NODES   20

typedef struct layer { /* [SAMPLES, NODES, 2] */
    float at[SAMPLES * NODES * 2];
} layer;

static void fill(layer *l, ft_random *r, double mean, double deviation) {
    for (int i = 0; i < SAMPLES * NODES * 2; i++)
        l->at[i] = (float)(mean + deviation * ft_random_normal(r));
}

static void rectify(layer *l) {
    for (int i = 0; i < SAMPLES * NODES * 2; i++) l->at[i] = fmaxf(l->at[i], 0);
}

/* The first `count` channels get this value everywhere. */
static void plant(layer *l, int count, float value) {
    for (int i = 0; i < SAMPLES * NODES * 2; i++)
        if (i / 2 % NODES < count) l->at[i] = value;
}

static void keep(scene *s, int64_t step, const char *name, layer *l) {
    ft_array a = { .dtype = FT_F32, .ndim = 3, .shape = { SAMPLES, NODES, 2 }, .data = l->at };
    scene_at(s, step, FT_MODE_GLOBAL, step);
    EXPECT_OK(ft_trial_add(s->w, ft_str_of(name), &a));
}

static void test_dead_relu(void **state) {
    (void)state;
    scene s;
    layer l;
    ft_random r;
    ft_random_seed(&r, 1);
    scene_begin(&s);
    for (int step = 0; step < 6; step++) { /* two more channels die at each step */
        fill(&l, &r, 0, 1);
        rectify(&l);
        plant(&l, 4 * step, 0);
        keep(&s, step, "layer1.0.relu_output_0", &l);
    }
    EXPECT(scene_run(&s, &ft_rule_dead_relu, "values=64") == 3);
    EXPECT_STR("12 of the 20 units of layer1.0.relu_output_0 are dead at step 3 (60.00 %): each "
               "was active for less than 1 % of 64 values; at most 50 % dead units were expected",
               s.verdict.reason);
    EXPECT(scene_run(&s, &ft_rule_dead_relu, "values=64;threshold_layer=70") == 4);
    EXPECT(scene_run(&s, &ft_rule_dead_relu, "values=64;threshold_inactivity=100") == 0);
    EXPECT(scene_run(&s, &ft_rule_dead_relu, "tensor_regex=other") == -1);
    EXPECT(s.waits == 6);
    scene_end(&s);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        ft_random_seed(&r, seed);
        scene_begin(&s);
        for (int step = 0; step < 5; step++) {
            fill(&l, &r, -0.5, 1);
            rectify(&l);
            plant(&l, 9, 0); /* some dead ones are usual */
            keep(&s, step, "relu_output_0", &l);
        }
        EXPECT(scene_run(&s, &ft_rule_dead_relu, "values=64") == -1 && s.quiet == 5);
        scene_end(&s);
    }
}

/* Of one sample nothing is said: half of its units are off by chance. */
static void test_dead_relu_needs_samples(void **state) {
    (void)state;
    scene s;
    static const float one[8] = { 0, 0, 0, 0, 0, 1, 0, 0 };
    scene_begin(&s);
    scene_f32(&s, 0, "relu_output_0", one, 1, 8);
    EXPECT(scene_run(&s, &ft_rule_dead_relu, "values=64") == -1 && s.waits == 1);
    scene_end(&s);
}

/* Units that are each active for one picture of forty are silent for most of a batch of sixteen and
 * alive all the same; those that never are, are found as soon as there are values enough. */
static void test_dead_relu_looks_back(void **state) {
    (void)state;
    scene s;
    ft_random r;
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        for (int dead = 0; dead <= 30; dead += 30) {
            float one[16 * 40];
            ft_random_seed(&r, seed);
            scene_begin(&s);
            for (int step = 0; step < 60; step += 2) {
                for (int i = 0; i < 16; i++) {
                    int class = (int)ft_random_below(&r, 40);
                    for (int k = 0; k < 40; k++) one[i * 40 + k] = k >= dead && k == class;
                }
                scene_f32(&s, step, "relu_output_0", one, 16, 40);
            }
            if (!dead)
                EXPECT(scene_run(&s, &ft_rule_dead_relu, "threshold_inactivity=0.1;values=16") ==
                       0);
            EXPECT(scene_run(&s, &ft_rule_dead_relu, "") == (dead ? 30 : -1));
            EXPECT(s.waits == 15); /* 16 times 16 values */
            scene_end(&s);
        }
}

static void test_saturated(void **state) {
    (void)state;
    scene s;
    layer l;
    ft_random r;
    ft_random_seed(&r, 2);
    scene_begin(&s);
    for (int step = 0; step < 4; step++) {
        fill(&l, &r, 0, 2);
        plant(&l, 4 * step, step % 2 ? 30 : -30);
        keep(&s, step, "rnn.tanh_input_0", &l);
    }
    EXPECT(scene_run(&s, &ft_rule_saturated_activation, "") == 3);
    EXPECT_STR("12 of the 20 nodes of rnn.tanh_input_0 are saturated at step 3 (60.00 %): less "
               "than 1 % of their inputs lie between -9.4999 and 9.4999; at most 50 % saturated "
               "nodes were expected",
               s.verdict.reason);
    EXPECT(scene_run(&s, &ft_rule_saturated_activation, "threshold_layer=30") == 2);
    EXPECT(scene_run(&s, &ft_rule_saturated_activation, "threshold_tanh_max=31") == -1);
    scene_end(&s);
    scene_begin(&s);
    fill(&l, &r, 0, 2);
    plant(&l, NODES, 16.5F); /* within a sigmoid's bounds */
    keep(&s, 0, "gate.sigmoid_input_0", &l);
    plant(&l, NODES, 17);
    keep(&s, 1, "gate.sigmoid_input_0", &l);
    EXPECT(scene_run(&s, &ft_rule_saturated_activation, "") == 1);
    scene_end(&s);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        ft_random_seed(&r, seed);
        scene_begin(&s);
        fill(&l, &r, 0, 4);
        keep(&s, 0, "tanh_input_0", &l);
        EXPECT(scene_run(&s, &ft_rule_saturated_activation, "") == -1 && s.quiet == 1);
        scene_end(&s);
    }
}

static void test_vanishing(void **state) {
    (void)state;
    scene s;
    layer l;
    ft_random r;
    ft_random_seed(&r, 3);
    scene_begin(&s);
    for (int step = 0; step < 8; step++) { /* ten times smaller at each step */
        fill(&l, &r, 0, pow(10, -step));
        keep(&s, step, "weight", &l);
        keep(&s, step, "gradient/weight", &l);
    }
    /* mean |x| is 0.8 deviations: below 1e-7 first at 1e-7 */
    EXPECT(scene_run(&s, &ft_rule_vanishing_gradient, "") == 7);
    EXPECT(strstr(s.verdict.reason.at, "the mean absolute value of gradient/weight is ") != NULL);
    EXPECT(scene_run(&s, &ft_rule_vanishing_gradient, "threshold=0.001") == 3);
    scene_end(&s);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        ft_random_seed(&r, seed);
        scene_begin(&s);
        fill(&l, &r, 0, 1e-4);
        keep(&s, 0, "gradient/weight", &l);
        EXPECT(scene_run(&s, &ft_rule_vanishing_gradient, "") == -1 && s.quiet == 1);
        scene_end(&s);
    }
}

static void test_update_ratio(void **state) {
    (void)state;
    scene s;
    layer l;
    ft_random r;
    ft_params *p;
    ft_random_seed(&r, 4);
    scene_begin(&s);
    fill(&l, &r, 0, 1);
    for (int step = 0; step < 6; step++) {
        for (int i = 0; i < SAMPLES * NODES * 2; i++)
            l.at[i] *= step == 3 ? 100.0F : 1.01F; /* the planted leap */
        keep(&s, step, "fc.weight", &l);
    }
    EXPECT(scene_run(&s, &ft_rule_weight_update_ratio, "") == 3);
    EXPECT_STR("fc.weight changed by 99 of its size from step 2 to 3; no more was expected than 10",
               s.verdict.reason);
    EXPECT(s.issues == 1 && s.waits == 1);
    EXPECT(scene_run(&s, &ft_rule_weight_update_ratio, "large_threshold=200") == -1);
    EXPECT(scene_run(&s, &ft_rule_weight_update_ratio, "small_threshold=0.011") == 1);
    EXPECT(scene_run_from(&s, &ft_rule_weight_update_ratio, "num_steps=2", 4) == 4);
    EXPECT_ERR(FT_EINVAL,
               scene_params(&p, &s.arena, &ft_rule_weight_update_ratio, "small_threshold=11"));
    scene_end(&s);
    scene_begin(&s);
    for (int step = 0; step < 3; step++) keep(&s, step, "conv1.weight", &l); /* stands still */
    EXPECT(scene_run(&s, &ft_rule_weight_update_ratio, "") == 1);
    scene_end(&s);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        ft_random_seed(&r, seed);
        scene_begin(&s);
        fill(&l, &r, 0, 0.05);
        for (int step = 0; step < 5; step++) {
            for (int i = 0; i < SAMPLES * NODES * 2; i++)
                l.at[i] += (float)(1e-4 * ft_random_normal(&r));
            keep(&s, step, "fc.weight", &l);
        }
        EXPECT(scene_run(&s, &ft_rule_weight_update_ratio, "") == -1 && s.quiet == 4);
        scene_end(&s);
    }
}

/* A few first steps: two layers' inputs, a gradient, a loss. */
static void start_of_training(scene *s, ft_random *r, double second, double gradient, double fall) {
    layer l;
    for (int step = 0; step < 12; step++) {
        fill(&l, r, 0, 1);
        keep(s, step, "layer1.relu_input_0", &l);
        fill(&l, r, 0, second);
        keep(s, step, "layer2.relu_input_0", &l);
        fill(&l, r, 0, gradient);
        keep(s, step, "gradient/fc.weight", &l);
        scene_scalar(s, step, "train-loss", 2.3 - fall * step);
        scene_scalar(s, step, "train-accuracy", 0.1 + 0.02 * step); /* no loss: it shall rise */
    }
}

static void test_poor_initialization(void **state) {
    (void)state;
    scene s;
    ft_random r;
    static const struct {
        double second, gradient, fall;
        int64_t fires;
        const char *says;
    } faults[] = {
        { 10, 0.1, 0.1, 0, "the variance of layer2.relu_input_0" },
        { 0.01, 0.1, 0.1, 0, "the variance of layer1.relu_input_0" },
        { 1, 1e-5, 0.1, 0, "percentiles of gradient/fc.weight" },
        { 1, 0.1, 0, 5, "train-loss has not fallen below 2.3 for 5 saved steps" },
    };
    for (size_t i = 0; i < FT_COUNT(faults); i++) {
        ft_random_seed(&r, i);
        scene_begin(&s);
        start_of_training(&s, &r, faults[i].second, faults[i].gradient, faults[i].fall);
        EXPECT(scene_run(&s, &ft_rule_poor_weight_initialization, "") == faults[i].fires);
        EXPECT(strstr(s.verdict.reason.at, faults[i].says) != NULL);
        EXPECT(s.waits == 2); /* after the first ten steps */
        scene_end(&s);
    }
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        ft_random_seed(&r, seed);
        scene_begin(&s);
        start_of_training(&s, &r, 2, 0.01, 0.05);
        EXPECT(scene_run(&s, &ft_rule_poor_weight_initialization, "") == -1 && s.quiet == 10);
        scene_end(&s);
    }
}

/* The tensor that was computed first is named, not the first by name. */
static void test_first_nan(void **state) {
    (void)state;
    scene s;
    static const float good[2] = { 1, 2 }, bad[2] = { 1, NAN };
    scene_begin(&s);
    scene_f32(&s, 0, "b.output", good, 2, 0);
    scene_f32(&s, 0, "a.output", good, 2, 0);
    scene_f32(&s, 3, "c.output", good, 2, 0);
    scene_f32(&s, 3, "b.output", bad, 2, 0);
    scene_f32(&s, 3, "a.output", bad, 2, 0);
    EXPECT(scene_run(&s, &ft_rule_exploding_tensor, "") == 3);
    EXPECT_STR("b.output holds 1 NaN and 0 infinite values of 2 at step 3, the first at item 1",
               s.verdict.reason);
    scene_end(&s);
}

static void evaluate_all(scene *s) {
    static const ft_rule *const all[] = { &ft_rule_dead_relu, &ft_rule_vanishing_gradient,
                                          &ft_rule_weight_update_ratio,
                                          &ft_rule_poor_weight_initialization };
    for (size_t i = 0; i < FT_COUNT(all); i++) {
        ft_params *p;
        ft_verdict v;
        ft_arena arena = { 0 };
        ft_rule_input in = { .at = 1, .trial = s->t, .arena = &arena };
        ft_err err = scene_params(&p, &arena, all[i], "");
        if (err == FT_OK) err = all[i]->evaluate(NULL, p, &in, &v);
        FT_UNUSED(err);
        ft_arena_fini(&arena);
    }
}

static void test_faults(void **state) {
    (void)state;
    scene s;
    ft_random r;
    ft_random_seed(&r, 9);
    scene_begin(&s);
    start_of_training(&s, &r, 1, 0.1, 0.1);
    EXPECT(scene_run(&s, &ft_rule_vanishing_gradient, "") == -1);
    ft_trial_horizon(s.t, 1);
    EACH_FAULT evaluate_all(&s);
    scene_end(&s);
}

TEST_MAIN(cmocka_unit_test(test_dead_relu), cmocka_unit_test(test_dead_relu_needs_samples),
          cmocka_unit_test(test_dead_relu_looks_back), cmocka_unit_test(test_saturated),
          cmocka_unit_test(test_vanishing), cmocka_unit_test(test_update_ratio),
          cmocka_unit_test(test_poor_initialization), cmocka_unit_test(test_first_nan),
          cmocka_unit_test(test_faults))
