/* trainer_test.c -- steps of whole networks beside torch's optimisers; evaluation as it serves; the
 * same bits again; bfloat16 near float32; schedules; what is no number any more; nothing leaks. */
#include "nn/learn/trainer.h"

#include <math.h>

#include "base/random.h"
#include "nn/op.h"
#include "nn/sanitizer_test.h"
#include "nn/zoo/zoo.h"
#include "tests/oracle.h"

#define STEPS   10
#define CLASSES 7

typedef struct lesson {
    ft_nn_graph *g;
    ft_arena arena;
    ft_array x; /* all steps' pictures */
    int64_t labels[256];
    int64_t batch;
} lesson;

static const char *file_of(const char *name) {
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    return path;
}

static lesson lesson_new(const char *arch, int side, int batch, const char *weights) {
    lesson l = { .arena = FT_ARENA_INIT((size_t)1 << 30), .batch = batch };
    const ft_nn_arch *a;
    ft_random r;
    EXPECT_OK(ft_nn_arch_find(&a, ft_str_of(arch)));
    EXPECT_OK(ft_nn_arch_build(&l.g, a,
                               &(ft_nn_arch_opts){ .classes = CLASSES, .size = side, .seed = 3 }));
    for (int i = 0; i < l.g->node_count; i++) /* the judge drops nothing */
        if (strcmp(l.g->nodes[i].op->name, "Dropout") == 0)
            *(float *)l.g->values[l.g->nodes[i].inputs[1]].data = 0;
    if (weights) {
        ft_nn_weights *w = NULL;
        ft_nn_match match;
        EXPECT_OK(ft_nn_weights_read(&w, file_of(weights)));
        EXPECT_OK(ft_nn_weights_load(&match, l.g, w, &l.arena));
        EXPECT(match.missing_count == 0 && match.shaped_count == 0);
        ft_nn_weights_free(w);
    }
    ft_random_seed(&r, 9);
    l.x = (ft_array){ .dtype = FT_F32,
                      .ndim = 4,
                      .shape = { STEPS * batch, a->channels, side, side } };
    EXPECT_OK(ft_arena_take(&l.x.data, &l.arena, ft_array_bytes(&l.x)));
    for (int64_t i = 0; i < ft_array_count(&l.x); i++)
        ((float *)l.x.data)[i] = (float)ft_random_normal(&r);
    for (int i = 0; i < STEPS * batch; i++) l.labels[i] = (int64_t)ft_random_below(&r, CLASSES);
    return l;
}

static void lesson_end(lesson *l) {
    ft_nn_graph_free(l->g);
    ft_arena_fini(&l->arena);
}

static ft_array part_of(const lesson *l, int step) {
    ft_array a = l->x;
    a.shape[0] = l->batch;
    a.data = (char *)a.data + (size_t)step * ft_array_bytes(&a);
    return a;
}

static void lesson_learn(lesson *l, const ft_nn_trainer_opts *opts, double rate, double *losses,
                         int steps) {
    ft_nn_trainer *t;
    ft_nn_told_step told;
    EXPECT_OK(ft_nn_trainer_new(&t, l->g, opts));
    for (int i = 0; i < steps; i++) {
        ft_array x = part_of(l, i);
        EXPECT_OK(ft_nn_trainer_step(t, &x, l->labels + i * l->batch, rate, &told));
        losses[i] = told.loss;
    }
    ft_nn_trainer_free(t);
}

/* ---- beside torch */

static const char *const script_head =
    "import torch, torchvision, numpy as np\n"
    "from torch import nn\n"
    "torch.manual_seed(1); torch.set_num_threads(1)\n"
    "def cnn28(num_classes, **k):\n"
    "  class C(nn.Module):\n"
    "    def __init__(s):\n"
    "      super().__init__(); i = 1\n"
    "      for k, o in enumerate([32, 32, 64, 64]):\n"
    "        setattr(s, f'conv{k+1}', nn.Conv2d(i, o, 3, padding=1, bias=False))\n"
    "        setattr(s, f'bn{k+1}', nn.BatchNorm2d(o)); i = o\n"
    "      s.fc1 = nn.Linear(64 * (side // 4) ** 2, 128); s.fc2 = nn.Linear(128, num_classes)\n"
    "    def forward(s, x):\n"
    "      for k in range(4):\n"
    "        x = torch.relu(getattr(s, f'bn{k+1}')(getattr(s, f'conv{k+1}')(x)))\n"
    "        if k % 2: x = torch.max_pool2d(x, 2)\n"
    "      return s.fc2(torch.relu(s.fc1(x.flatten(1))))\n"
    "  return C()\n"
    "make = cnn28 if arch == 'cnn28' else getattr(torchvision.models, arch)\n"
    "m = make(num_classes=7, **({'dropout': 0.0} if 'mobile' in arch else {}))\n";

static void torch_steps(const char *arch, int side, int batch, const char *optimiser,
                        const ft_nn_trainer_opts *opts, double rate, int threads) {
    char script[4000];
    double losses[STEPS], want[STEPS], one;
    snprintf(script, sizeof script,
             "arch, side = '%s', %d\n%storch.save(m.state_dict(), d + 'm.pt')\nprint(1)\n", arch,
             side, script_head);
    EXPECT(oracle_ask(&one, 1, script));
    lesson l = lesson_new(arch, side, batch, "m.pt");
    oracle_put("x.bin", l.x.data, ft_array_bytes(&l.x));
    oracle_put("labels.bin", l.labels, sizeof(int64_t) * STEPS * (size_t)batch);
    ft_nn_trainer_opts own = *opts;
    own.threads = threads;
    lesson_learn(&l, &own, rate, losses, STEPS);
    snprintf(script, sizeof script,
             "arch, side, batch = '%s', %d, %d\n%s"
             "m.load_state_dict(torch.load(d + 'm.pt')); m.train()\n"
             "x = torch.from_numpy(np.fromfile(d + 'x.bin', np.float32).reshape(10, batch, -1, "
             "side, side))\n"
             "y = torch.from_numpy(np.fromfile(d + 'labels.bin', np.int64).reshape(10, batch))\n"
             "p = list(m.parameters()); lr, smooth, clip = %g, %g, %g\n"
             "o = torch.optim.%s\n"
             "for i in range(10):\n"
             "  o.zero_grad(); loss = nn.functional.cross_entropy(m(x[i]), y[i], "
             "label_smoothing=smooth)\n"
             "  loss.backward()\n"
             "  if clip: nn.utils.clip_grad_norm_(p, clip)\n"
             "  o.step(); print(float(loss))\n",
             arch, side, batch, script_head, rate, opts->label_smoothing, opts->optimiser.clip_norm,
             optimiser);
    EXPECT(oracle_ask(want, STEPS, script));
    double worst = 0;
    for (int i = 0; i < STEPS; i++)
        worst = fmax(worst, fabs(losses[i] - want[i]) / fmax(1, fabs(want[i])));
    print_message("# %s, %s: losses %.4f … %.4f, %.1e from torch's\n", arch, optimiser, losses[0],
                  losses[STEPS - 1], worst);
    EXPECT(worst < 1e-4);
    lesson_end(&l);
}

static void test_steps_beside_torch(void **state) {
    (void)state;
    if (!oracle_has("torch,torchvision")) SKIP("no python3-torch, python3-torchvision");
    /* At a rate at which torch's float32 and float64 tell the same: at 1e-3 they are 1e-2 apart. */
    torch_steps("resnet18", 96, 16, "SGD(p, lr, 0.9, weight_decay=1e-4)",
                &(ft_nn_trainer_opts){ .optimiser = { .momentum = 0.9, .weight_decay = 1e-4 } },
                1e-4, 2);
    torch_steps("cnn28", 28, 16, "SGD(p, lr, 0.9, weight_decay=5e-4, nesterov=True)",
                &(ft_nn_trainer_opts){
                    .label_smoothing = 0.1,
                    .optimiser = { .momentum = 0.9, .nesterov = true, .weight_decay = 5e-4 } },
                0.02, 1);
    torch_steps("cnn28", 28, 16, "SGD(p, lr)", &(ft_nn_trainer_opts){ .optimiser.clip_norm = 0.5 },
                0.05, 1);
    torch_steps("cnn28", 28, 16, "Adam(p, lr, weight_decay=1e-3)",
                &(ft_nn_trainer_opts){ .optimiser = { .kind = FT_NN_ADAM, .weight_decay = 1e-3 } },
                1e-4, 1);
    torch_steps("cnn28", 28, 16, "AdamW(p, lr, weight_decay=0.1)",
                &(ft_nn_trainer_opts){ .optimiser = { .kind = FT_NN_ADAMW, .weight_decay = 0.1 } },
                1e-4, 2);
}

/* ---- evaluation is what serves */

static void evaluation_serves(const char *arch, int side) {
    lesson l = lesson_new(arch, side, 4, NULL);
    double losses[STEPS];
    ft_nn_gradient *e;
    ft_nn_model *m;
    ft_nn_session *s;
    ft_nn_graph *copy;
    ft_array x = part_of(&l, 0), own, served;
    lesson_learn(&l, &(ft_nn_trainer_opts){ .threads = 2, .optimiser.momentum = 0.9 }, 0.01, losses,
                 5);
    EXPECT_OK(ft_nn_gradient_new(&e, l.g, &(ft_nn_gradient_opts){ .threads = 1 }));
    EXPECT_OK(ft_nn_gradient_run(e, &x, &own));
    EXPECT_OK(ft_nn_graph_copy(&copy, l.g));
    EXPECT_OK(ft_nn_model_new(&m, copy));
    EXPECT_OK(ft_nn_session_new(&s, m, NULL));
    EXPECT_OK(ft_nn_run(s, &x, &served, &l.arena, NULL));
    for (int64_t i = 0; i < ft_array_count(&own); i++)
        EXPECT(oracle_near(ft_array_f64(&own, i), ft_array_f64(&served, i), 2e-5));
    ft_nn_session_free(s);
    ft_nn_model_free(m);
    ft_nn_gradient_free(e);
    lesson_end(&l);
}

static void test_evaluation_is_what_serves(void **state) {
    (void)state;
    evaluation_serves("cnn28", 28);
    evaluation_serves("resnet18", 64);
    evaluation_serves("mobilenet_v2", 64);
}

/* ---- bits, bfloat16 */

static void test_same_bits(void **state) {
    (void)state;
    for (int threads = 1; threads < 3; threads++) {
        double one[STEPS], two[STEPS];
        lesson a = lesson_new("cnn28", 28, 16, NULL), b = lesson_new("cnn28", 28, 16, NULL);
        ft_nn_trainer_opts opts = { .threads = threads,
                                    .seed = 5,
                                    .optimiser = { .momentum = 0.9, .weight_decay = 1e-3 } };
        lesson_learn(&a, &opts, 0.02, one, STEPS);
        lesson_learn(&b, &opts, 0.02, two, STEPS);
        assert_memory_equal(one, two, sizeof one);
        for (int v = 0; v < a.g->value_count; v++) {
            const ft_nn_value *x = &a.g->values[v], *y = &b.g->values[v];
            if (x->role != FT_NN_WEIGHT && x->role != FT_NN_STATE) continue;
            size_t bytes = 4;
            for (int i = 0; i < x->ndim; i++) bytes *= (size_t)x->shape[i];
            assert_memory_equal(x->data, y->data, bytes);
        }
        lesson_end(&a);
        lesson_end(&b);
    }
}

static void test_bf16_is_near(void **state) {
    (void)state;
    double f32[STEPS], bf16[STEPS];
    lesson a = lesson_new("cnn28", 28, 16, NULL), b = lesson_new("cnn28", 28, 16, NULL);
    ft_nn_trainer_opts opts = { .optimiser.momentum = 0.9 };
    lesson_learn(&a, &opts, 0.01, f32, STEPS);
    opts.math = FT_NN_MATH_BF16;
    ft_nn_trainer *t;
    if (ft_nn_trainer_new(&t, b.g, &opts) == FT_EUNSUPPORTED) {
        lesson_end(&a);
        lesson_end(&b);
        SKIP("no bfloat16 here");
    }
    ft_nn_trainer_free(t);
    lesson_learn(&b, &opts, 0.01, bf16, STEPS);
    bool differs = false;
    for (int i = 0; i < STEPS; i++) {
        EXPECT(fabs(f32[i] - bf16[i]) < 0.05 * fmax(1, f32[i]));
        differs |= f32[i] != bf16[i];
    }
    EXPECT(differs); /* it really was another arithmetic */
    lesson_end(&a);
    lesson_end(&b);
}

/* ---- what goes wrong */

static void test_no_numbers_any_more(void **state) {
    (void)state;
    lesson l = lesson_new("cnn28", 28, 16, NULL);
    ft_nn_trainer *t;
    ft_nn_told_step told;
    ft_err err = FT_OK;
    EXPECT_OK(ft_nn_trainer_new(&t, l.g, &(ft_nn_trainer_opts){ .optimiser.momentum = 0.9 }));
    for (int i = 0; i < STEPS && err == FT_OK; i++) {
        ft_array x = part_of(&l, i);
        err = ft_nn_trainer_step(t, &x, l.labels + i * l.batch, 1e9, &told);
    }
    EXPECT(err == FT_ECORRUPT);
    EXPECT_WHY("step ");
    EXPECT_WHY("is no number any more; first in '");
    ft_nn_trainer_free(t);
    l.labels[3] = CLASSES;
    EXPECT_OK(ft_nn_trainer_new(&t, l.g, &(ft_nn_trainer_opts){ 0 }));
    ft_array x = part_of(&l, 0);
    EXPECT_ERR(FT_EINVAL, ft_nn_trainer_step(t, &x, l.labels, 0.1, &told));
    EXPECT_WHY("label 7 is none of 7 classes");
    ft_nn_trainer_free(t);
    lesson_end(&l);
}

static void test_schedules(void **state) {
    (void)state;
    ft_nn_schedule s = { .rate = 1, .kind = FT_NN_COSINE, .steps = 110, .warmup = 10 };
    EXPECT(oracle_near(ft_nn_schedule_rate(&s, 0), 0.1, 1e-12));
    EXPECT(oracle_near(ft_nn_schedule_rate(&s, 9), 1, 1e-12));
    EXPECT(oracle_near(ft_nn_schedule_rate(&s, 60), 0.5, 1e-12));
    EXPECT(oracle_near(ft_nn_schedule_rate(&s, 110), 0, 1e-12));
    s = (ft_nn_schedule){ .rate = 2, .kind = FT_NN_STEP, .every = 10, .factor = 0.1 };
    EXPECT(oracle_near(ft_nn_schedule_rate(&s, 9), 2, 1e-12));
    EXPECT(oracle_near(ft_nn_schedule_rate(&s, 25), 0.02, 1e-12));
}

static void test_faults(void **state) {
    (void)state;
    lesson l = lesson_new("cnn28", 28, 2, NULL);
    ft_array x = part_of(&l, 0);
    EACH_FAULT {
        ft_nn_trainer *t;
        ft_nn_told_step told;
        ft_err err = ft_nn_trainer_new(
            &t, l.g, &(ft_nn_trainer_opts){ .optimiser = { .momentum = 0.9, .clip_norm = 1 } });
        if (err == FT_OK) err = ft_nn_trainer_step(t, &x, l.labels, 0.01, &told);
        EXPECT(err == FT_OK || err == FT_ENOMEM || err == FT_EABSENT);
        ft_nn_trainer_free(t);
    }
    lesson_end(&l);
}

TEST_MAIN(cmocka_unit_test(test_steps_beside_torch),
          cmocka_unit_test(test_evaluation_is_what_serves), cmocka_unit_test(test_same_bits),
          cmocka_unit_test(test_bf16_is_near), cmocka_unit_test(test_no_numbers_any_more),
          cmocka_unit_test(test_schedules), cmocka_unit_test(test_faults))
