/* image_choose.c -- what a run takes where its settings say nothing: the network that suits the
 * pictures, how many a step, how often over the data, how fast. The first line of the log says what
 * was chosen.
 *
 * Measured on a part of the training data (traffic signs of 32 x 32 by sign, clothes of 28 x 28):
 * about 200,000 pictures with their distortions are what the small networks need from scratch. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "media/image.h"
#include "nn/learn/image_run.h"

#define LOOKS_MAX    64  /* pictures whose sizes are looked at */
#define GREY_SIDE    28  /* up to this cnn28, when all are grey */
#define SMALL_SIDE   40  /* up to this cnn32 as it is */
#define MIDDLE_SIDE  96  /* up to this cnn32 at twice its size */
#define SCRATCH_SIDE 128 /* larger networks without weights to begin from */
#define BATCH        64
#define BATCH_MIN    8
#define STEPS_MIN    16 /* an epoch should have, or a step takes fewer pictures */
#define SEEN         200000.0
#define SEEN_LARGE   50000.0
#define EPOCHS_MIN   10
#define EPOCHS_MAX   100
#define CLIP_NORM    1.0

/* ---- sizes of the pictures */

typedef struct looks {
    int side[LOOKS_MAX]; /* the shorter one */
    int count;
    bool colour;
} looks;

static void look_at(looks *l, const ft_array *a) {
    ft_image_info info;
    int64_t height = 0, width = 0, channels = 1;
    if (!a->data) return;
    if (a->dtype == FT_U8 && a->ndim == 1) { /* a file */
        ft_str bytes = ft_str_n(a->data, (size_t)ft_array_count(a));
        if (ft_image_probe(&info, bytes) != FT_OK) { /* whoever decodes it tells */
            ft_err_clear();
            return;
        }
        height = info.height, width = info.width;
        channels = info.palette || info.channels > 2 ? 3 : 1;
    } else if (a->ndim >= 2) {
        height = a->shape[0], width = a->shape[1];
        if (a->ndim > 2) channels = a->shape[2];
    }
    if (height < 1 || width < 1) return;
    l->side[l->count++] = (int)(height < width ? height : width);
    l->colour |= channels > 1;
}

static ft_err looks_take(looks *l, ft_nn_images *m) {
    void *reader = NULL;
    int wanted = ft_nn_images_field(m);
    ft_err err = FT_OK;
    *l = (looks){ .count = 0 };
    FT_TRY(m->feed.open(&reader, m->feed.self, &wanted, 1));
    uint64_t most = m->learn.count < LOOKS_MAX ? m->learn.count : LOOKS_MAX;
    for (uint64_t i = 0; i < most; i++) {
        ft_sample s = { 0 };
        err = m->feed.read(&s, reader, m->learn.numbers[i * m->learn.count / most]);
        if (err == FT_ENOMEM || err == FT_ECANCELED) break;
        if (err == FT_OK) look_at(l, &s.values[wanted]);
        if (err != FT_OK) ft_err_clear();
        err = FT_OK;
    }
    m->feed.close(reader);
    return err;
}

static int by_size(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

static ft_err arch_by_looks(ft_image_run *r) {
    looks l;
    FT_TRY(looks_take(&l, r->train));
    qsort(l.side, (size_t)l.count, sizeof *l.side, by_size);
    int side = l.count ? l.side[l.count / 2] : MIDDLE_SIDE + 1;
    const char *name = side <= GREY_SIDE && !l.colour ? "cnn28"
                       : side <= MIDDLE_SIDE          ? "cnn32"
                                                      : "resnet18";
    FT_TRY(ft_nn_arch_find(&r->arch, ft_str_of(name)));
    if (r->size) return FT_OK;
    r->size = r->arch->size;
    if (side > MIDDLE_SIDE)
        r->size = SCRATCH_SIDE;
    else if (side > SMALL_SIDE)
        r->size = 2 * r->arch->size;
    return FT_OK;
}

static ft_err arch_by_weights(ft_image_run *r, ft_str from) {
    ft_nn_weights *w = NULL;
    ft_nn_arch_opts opts = { 0 };
    ft_str path;
    FT_TRY(ft_arena_str(&path, &r->arena, from));
    ft_err err = ft_nn_weights_read(&w, path.at);
    if (err == FT_OK) err = ft_nn_arch_guess(&r->arch, &opts, w);
    ft_nn_weights_free(w);
    return err == FT_OK ? FT_OK : ft_err_prefix(err, "from: %s", path.at);
}

ft_err ft_image_arch_choose(ft_image_run *r) {
    ft_str from = ft_params_str(r->params, "from");
    r->size = (int)ft_params_int(r->params, "image_size");
    if (ft_params_given(r->params, "arch"))
        FT_TRY(ft_nn_arch_find(&r->arch, ft_params_str(r->params, "arch")));
    else if (from.len)
        FT_TRY(arch_by_weights(r, from));
    else
        FT_TRY(arch_by_looks(r));
    if (!r->size) r->size = r->arch->size;
    return FT_OK;
}

/* ---- how many, how often, how fast */

static int64_t batch_of(const ft_image_run *r) {
    int64_t batch = BATCH, count = (int64_t)r->train->learn.count;
    while (batch > BATCH_MIN && count < STEPS_MIN * batch) batch /= 2;
    return batch / r->ranks.world > 0 ? batch / r->ranks.world : 1;
}

static int64_t epochs_of(const ft_image_run *r) {
    double seen = r->arch->fit == FT_NN_FIT_CROP ? SEEN_LARGE : SEEN,
           count = (double)r->train->learn.count;
    return (int64_t)fmin(fmax(ceil(seen / fmax(count, 1)), EPOCHS_MIN), EPOCHS_MAX);
}

/* In proportion to the pictures of a step (P. Goyal et al., "Accurate, large minibatch SGD", 2017);
 * tenfold smaller where weights have been learnt already. */
static double rate_of(const ft_image_run *r) {
    double all = (double)(r->batch * r->ranks.world) / BATCH;
    double rate = ft_str_is(ft_params_str(r->params, "optimizer"), "sgd") ? 0.05 : 0.001;
    if (ft_params_str(r->params, "from").len) rate /= 10;
    return rate * fmin(fmax(all, 1.0 / 8), 2);
}

/* The first steps of a small network at full speed push most units of the layer behind the
 * flattened pictures below zero for good, since its inputs share one sign. Of 1,500 pictures of
 * clothes, 30 epochs: 78 % of the units are hardly ever active; with gradients of at most 1 49 %
 * (and DeadRelu, of which that is the limit, raises nothing), of at most 0.5 31 %; 85 % and 84 % of
 * 2,000 others are told right, not 82 %. A longer warm-up (73 %), less than half the rate (55 %)
 * and a wider start (75 %, all after 6 epochs) do less. Of traffic signs that were not learnt 99.4
 * % are right at 1, 98.3 % at 0.5. */
static double clip_of(const ft_image_run *r) {
    const ft_params *p = r->params;
    if (ft_params_given(p, "clip_norm")) return ft_params_float(p, "clip_norm");
    bool scratch = r->arch->size <= 64 && !ft_params_str(p, "from").len;
    return scratch && ft_str_is(ft_params_str(p, "optimizer"), "sgd") ? CLIP_NORM : 0;
}

ft_err ft_image_plan_choose(ft_image_run *r) {
    const ft_params *p = r->params;
    char text[240];
    r->batch = ft_params_given(p, "batch_size") ? ft_params_int(p, "batch_size") : batch_of(r);
    r->epochs = ft_params_given(p, "epochs") ? ft_params_int(p, "epochs") : epochs_of(r);
    r->rate =
        ft_params_given(p, "learning_rate") ? ft_params_float(p, "learning_rate") : rate_of(r);
    r->clip_norm = clip_of(r);
    r->epochs += r->head_epochs;
    if (!r->args->line) return FT_OK;
    int n = snprintf(text, sizeof text,
                     "%s of %d x %d, %llu pictures of %lld classes, %lld epoch%s, batch_size %lld, "
                     "learning_rate %g",
                     r->arch->name, r->size, r->size, (unsigned long long)r->train->learn.count,
                     (long long)r->train->classes, (long long)r->epochs, r->epochs == 1 ? "" : "s",
                     (long long)r->batch, r->rate);
    if (r->clip_norm > 0 && n > 0 && (size_t)n < sizeof text)
        snprintf(text + n, sizeof text - (size_t)n, ", clip_norm %g", r->clip_norm);
    r->args->line(r->args->ctx, ft_str_of(text));
    return FT_OK;
}
