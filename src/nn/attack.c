/* attack.c -- see attack.h. */
#include "nn/attack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "media/pixels.h"

#define EPSILON_DEFAULT    8.0
#define STEPS_DEFAULT      40
#define STEP_LEAST         0.5
#define CONFIDENCE_DEFAULT 0.9
#define LOOK_EVERY         5 /* steps of pgd between two looks at the rounded picture */
#define GRADIENT_LEAST     1e-6F

ft_err ft_nn_attack_parse(ft_nn_attack_method *out, ft_str name) {
    if (ft_str_is(name, "pgd"))
        *out = FT_NN_PGD;
    else if (ft_str_is(name, "fgsm"))
        *out = FT_NN_FGSM;
    else if (ft_str_is(name, "noise"))
        *out = FT_NN_NOISE;
    else
        return FT_FAIL(FT_EINVAL, "method '%.*s': expected pgd, fgsm or noise", FT_STR_ARG(name));
    return FT_OK;
}

typedef struct attack {
    ft_nn_explainer *e;
    const ft_nn_network *n;
    ft_nn_attack_opts o; /* complete */
    ft_nn_sight sight;
    size_t count; /* pixels x channels */
    float *from, *at, *slope, *input, *scratch;
    ft_array image; /* over `input` */
    int avoid;      /* untargeted: the class that was answered */
    bool sloped;    /* some gradient was not zero */
    ft_random random;
    ft_arena round; /* of one step */
} attack;

/* ---- answers */

static void probabilities(float *scores, int classes) {
    float most = -INFINITY, sum = 0;
    for (int i = 0; i < classes; i++) most = fmaxf(most, scores[i]);
    for (int i = 0; i < classes; i++) sum += scores[i] = expf(scores[i] - most);
    for (int i = 0; i < classes; i++) scores[i] /= sum;
}

/* The answer to a picture file; `p` (may be NULL) one a class. */
static ft_err answer(int *class, double *probability, float **p, int *classes, const attack *a,
                     ft_str bytes, ft_arena *arena) {
    ft_array image;
    FT_TRY(ft_nn_picture(&image, a->n, bytes, arena));
    FT_TRY(ft_nn_scores(p, classes, a->e, &image, arena));
    probabilities(*p, *classes);
    *class = 0;
    for (int i = 1; i < *classes; i++)
        if ((*p)[i] > (*p)[*class]) *class = i;
    *probability = (*p)[*class];
    return FT_OK;
}

/* ---- the step */

/* Which way is up: the target's log-probability, or minus that of the class to be left. */
static void choose(void *ctx, const float *scores, int classes, float *weights) {
    const attack *a = ctx;
    int which = a->o.targeted ? a->o.target : a->avoid, best = which ? 0 : 1;
    float sum = 0;
    memcpy(weights, scores, (size_t)classes * sizeof *weights);
    probabilities(weights, classes);
    for (int i = 0; i < classes; i++) {
        float own = i == which;
        weights[i] = a->o.targeted ? own - weights[i] : weights[i] - own;
        sum += fabsf(weights[i]);
        if (i != which && scores[i] > scores[best]) best = i;
    }
    if (sum > GRADIENT_LEAST) return;
    /* So sure that nothing is left of the probabilities: the distance to the next class. */
    memset(weights, 0, (size_t)classes * sizeof *weights);
    weights[which] = a->o.targeted ? 1 : -1;
    if (best < classes) weights[best] = -weights[which];
}

static ft_err slope_find(attack *a) {
    ft_array g;
    ft_arena_reset(&a->round);
    ft_nn_sight_apply(&a->sight, a->input, a->at, a->scratch);
    FT_TRY(ft_nn_input_gradient(&g, a->e, &a->image, choose, a, &a->round));
    ft_nn_sight_adjoint(&a->sight, a->slope, g.data, a->scratch);
    for (size_t i = 0; i < a->count && !a->sloped; i++) a->sloped = a->slope[i] != 0;
    return FT_OK;
}

static void step_take(attack *a, double step) {
    for (size_t i = 0; i < a->count; i++) {
        float sign = (float)((a->slope[i] > 0) - (a->slope[i] < 0));
        float v = a->at[i] + (float)step * sign;
        v = fminf(fmaxf(v, a->from[i] - (float)a->o.epsilon), a->from[i] + (float)a->o.epsilon);
        a->at[i] = fminf(fmaxf(v, 0), 255);
    }
}

/* ---- the result */

static void rounded(const ft_image *to, const attack *a) {
    for (size_t i = 0; i < a->count; i++) {
        float low = ceilf(a->from[i] - (float)a->o.epsilon),
              high = floorf(a->from[i] + (float)a->o.epsilon);
        to->data[i] = (uint8_t)fminf(fmaxf(fminf(fmaxf(roundf(a->at[i]), low), high), 0), 255);
    }
}

static ft_err png_of(ft_str *out, const ft_image *image, ft_arena *arena) {
    ft_buf b = { 0 };
    ft_err err = ft_image_encode(&b, image, &(ft_encode_opts){ .kind = FT_IMAGE_PNG });
    if (err == FT_OK) err = ft_arena_str(out, arena, ft_buf_str(&b));
    ft_buf_fini(&b);
    return err;
}

/* Round, write, read again, ask. */
static ft_err judge(ft_nn_attacked *out, attack *a, ft_arena *arena) {
    float *p;
    int classes;
    rounded(&out->after, a);
    FT_TRY(png_of(&out->png, &out->after, arena));
    FT_TRY(answer(&out->class_after, &out->probability_after, &p, &classes, a, out->png, arena));
    out->success = a->o.targeted ? out->class_after == a->o.target : out->class_after != a->avoid;
    if (a->o.targeted) out->target_probability = p[a->o.target];
    out->change_most = 0;
    for (size_t i = 0; i < a->count; i++) {
        int d = abs(out->after.data[i] - out->before.data[i]);
        if (d > out->change_most) out->change_most = d;
    }
    return FT_OK;
}

/* ---- methods */

static ft_err noise(attack *a) {
    for (size_t i = 0; i < a->count; i++)
        a->slope[i] = ft_random_below(&a->random, 2) ? 1.0F : -1.0F;
    step_take(a, a->o.epsilon);
    return FT_OK;
}

static ft_err fgsm(attack *a) {
    FT_TRY(slope_find(a));
    step_take(a, a->o.epsilon);
    return FT_OK;
}

/* Looked at as it would be written, now and then: done when it holds with confidence. */
static ft_err pgd(ft_nn_attacked *out, attack *a) {
    double step = a->o.step;
    for (size_t i = 0; i < a->count; i++) {
        double v = a->from[i] + a->o.epsilon * (2 * ft_random_unit(&a->random) - 1);
        a->at[i] = (float)fmin(fmax(v, 0), 255);
    }
    for (out->steps = 0; out->steps < a->o.steps;) {
        FT_TRY(slope_find(a));
        step_take(a, step);
        if (++out->steps % LOOK_EVERY != 0) continue;
        ft_arena_reset(&a->round);
        FT_TRY(judge(out, a, &a->round));
        if (out->success && out->probability_after >= a->o.confidence) break;
    }
    return FT_OK;
}

/* ---- */

static ft_err opts_complete(attack *a, const ft_nn_attack_opts *opts, int classes) {
    a->o = *opts;
    if (a->o.epsilon <= 0) a->o.epsilon = EPSILON_DEFAULT;
    if (a->o.steps <= 0) a->o.steps = STEPS_DEFAULT;
    if (a->o.step <= 0) a->o.step = fmax(STEP_LEAST, 2.5 * a->o.epsilon / a->o.steps);
    if (a->o.confidence <= 0) a->o.confidence = CONFIDENCE_DEFAULT;
    ft_random_seed(&a->random, a->o.seed);
    if (!a->o.targeted || (a->o.target >= 0 && a->o.target < classes)) return FT_OK;
    return FT_FAIL(FT_EINVAL, "target %d: this network has the classes 0 to %d", a->o.target,
                   classes - 1);
}

static ft_err buffers(attack *a, const ft_image *picture, ft_arena *arena) {
    size_t items =
        (size_t)a->sight.to_width * (size_t)a->sight.to_height * (size_t)a->sight.channels;
    a->count = ft_image_row_bytes(picture) * (size_t)picture->height;
    FT_TRY(ft_arena_items(&a->from, arena, a->count));
    FT_TRY(ft_arena_items(&a->at, arena, a->count));
    FT_TRY(ft_arena_items(&a->slope, arena, a->count));
    FT_TRY(ft_arena_items(&a->input, arena, items));
    FT_TRY(ft_arena_items(&a->scratch, arena, ft_nn_sight_scratch(&a->sight)));
    for (size_t i = 0; i < a->count; i++) a->at[i] = a->from[i] = picture->data[i];
    a->image = (ft_array){ .dtype = FT_F32, .ndim = 4, .shape = { 1 }, .data = a->input };
    a->image.shape[a->sight.last ? 3 : 1] = a->sight.channels;
    a->image.shape[a->sight.last ? 1 : 2] = a->sight.to_height;
    a->image.shape[a->sight.last ? 2 : 3] = a->sight.to_width;
    return FT_OK;
}

/* The picture upright and dense, in the network's channels. */
static ft_err picture_read(ft_image *out, const ft_nn_network *n, ft_str bytes, ft_arena *arena) {
    int channels, width, height;
    bool last;
    ft_image_info info;
    ft_image image;
    if (!ft_nn_takes_picture(n, &channels, &width, &height, &last))
        return FT_FAIL(FT_EUNSUPPORTED, "this network does not take a picture");
    FT_TRY(ft_image_probe(&info, bytes));
    FT_TRY(ft_image_decode(&image, arena, bytes, &(ft_decode_opts){ .channels = channels }));
    FT_TRY(ft_image_orient(&image, arena, &image, info.orientation ? info.orientation : 1));
    FT_TRY(ft_image_new(out, arena, image.width, image.height, image.channels));
    ft_image_copy(out, &image);
    return FT_OK;
}

static ft_err attack_run(ft_nn_attacked *out, attack *a, ft_str picture,
                         const ft_nn_attack_opts *opts, ft_arena *arena) {
    float *p;
    int classes;
    FT_TRY(picture_read(&out->before, a->n, picture, arena));
    FT_TRY(ft_image_new(&out->after, arena, out->before.width, out->before.height,
                        out->before.channels));
    FT_TRY(ft_nn_sight_of(&a->sight, a->n, out->before.width, out->before.height, arena));
    FT_TRY(buffers(a, &out->before, arena));
    FT_TRY(answer(&out->class_before, &out->probability_before, &p, &classes, a, picture, arena));
    FT_TRY(opts_complete(a, opts, classes));
    a->avoid = out->class_before;
    if (a->o.method == FT_NN_PGD)
        FT_TRY(pgd(out, a));
    else
        FT_TRY(a->o.method == FT_NN_FGSM ? fgsm(a) : noise(a));
    out->flat = !a->sloped && a->o.method != FT_NN_NOISE;
    return judge(out, a, arena);
}

ft_err ft_nn_attack(ft_nn_attacked *out, ft_nn_explainer *e, const ft_nn_network *n, ft_str picture,
                    const ft_nn_attack_opts *opts, ft_arena *arena) {
    attack a = { .e = e, .n = n };
    *out = (ft_nn_attacked){ 0 };
    ft_err err = attack_run(out, &a, picture, opts, arena);
    ft_arena_fini(&a.round);
    return err;
}

ft_err ft_nn_attack_difference(ft_image *out, const ft_nn_attacked *a, ft_arena *arena) {
    float most = (float)(a->change_most > 0 ? a->change_most : 1);
    FT_TRY(ft_image_new(out, arena, a->before.width, a->before.height, a->before.channels));
    size_t count = ft_image_row_bytes(out) * (size_t)out->height;
    for (size_t i = 0; i < count; i++) {
        float d = (float)(a->after.data[i] - a->before.data[i]) / most;
        out->data[i] = (uint8_t)roundf(127.5F + 127.5F * d);
    }
    return FT_OK;
}
