/* image_data.c -- the pictures of a run: channels, transforms, loaders, and how many of the
 * validation pictures the network tells right, by the engine that serves. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "nn/learn/image_run.h"

#define SCORE_BATCH 128

static const ft_channel *channel_named(const ft_image_run *r, const char *name) {
    for (size_t i = 0; i < r->args->channel_count; i++)
        if (ft_str_is(r->args->channels[i].name, name)) return &r->args->channels[i];
    return NULL;
}

ft_err ft_image_data_open(ft_image_run *r) {
    const ft_channel *train = channel_named(r, "train"), *judge = channel_named(r, "validation");
    ft_nn_images_opts opts = { .classes = ft_params_int(r->params, "num_classes"),
                               .group = ft_params_str(r->params, "group"),
                               .seed = (uint64_t)ft_params_int(r->params, "seed"),
                               .bad_max = (uint64_t)ft_params_int(r->params, "bad_max") };
    if (!train) return FT_FAIL(FT_EINVAL, "there is no channel 'train'");
    if (!judge) opts.share = ft_params_float(r->params, "validation_share");
    FT_TRY(ft_nn_images_open(&r->train, train->path, &opts));
    if (!judge) {
        r->judge_side = r->train->judge.count > 0;
        r->judge = r->judge_side ? r->train : NULL;
        return FT_OK;
    }
    opts.classes = r->train->classes;
    opts.group = (ft_str){ 0 };
    opts.any_class = true; /* a class may be missing there */
    opts.as = r->train;
    return ft_nn_images_open(&r->judge, judge->path, &opts);
}

/* ---- transforms */

static void normalise_text(ft_buf *b, const ft_image_run *r) {
    ft_buf_printf(b, "%snormalise=%.9g:%.9g:%.9g:%.9g:%.9g:%.9g", b->len ? "," : "",
                  (double)r->mean[0], (double)r->mean[1], (double)r->mean[2], (double)r->std[0],
                  (double)r->std[1], (double)r->std[2]);
}

/* As pictures are prepared when the model serves (network_picture.c). */
static void judge_text(ft_buf *b, const ft_image_run *r) {
    if (r->arch->fit == FT_NN_FIT_CROP)
        ft_buf_printf(b, "resize=%d,center_crop=%d", (r->size * 8 + 6) / 7, r->size);
    else
        ft_buf_printf(b, "resize=%d:%d", r->size, r->size);
}

static void learn_text(ft_buf *b, const ft_image_run *r) {
    ft_str given = ft_params_str(r->params, "augment");
    char size[64];
    bool sized =
        given.len && given.at &&
        (memmem(given.at, given.len, "resize", 6) || memmem(given.at, given.len, "crop", 4));
    snprintf(size, sizeof size, "resize=%d:%d,", r->size, r->size);
    if (ft_str_is(given, "none"))
        judge_text(b, r);
    else if (given.len)
        ft_buf_printf(b, "%s%.*s", sized ? "" : size, FT_STR_ARG(given));
    else if (r->arch->fit == FT_NN_FIT_CROP)
        ft_buf_printf(b, "random_resized_crop=%d:%d:0.35:1,flip", r->size, r->size);
    else
        ft_buf_printf(b, "resize=%d:%d,affine=10:0.08:0.12:5%s", r->size, r->size,
                      r->channels == 3 ? ",jitter=0.4:0.4:0.3" : "");
}

static ft_err loader_new(ft_loader **out, ft_image_run *r, bool judge) {
    ft_buf text = { 0 };
    ft_nn_images *m = judge ? r->judge : r->train;
    if (judge)
        judge_text(&text, r);
    else
        learn_text(&text, r);
    normalise_text(&text, r);
    ft_loader_spec spec = { .batch = judge ? SCORE_BATCH : (size_t)r->batch,
                            .drop_last = !judge,
                            .shuffle = judge ? FT_SHUFFLE_NONE : FT_SHUFFLE_FULL,
                            .seed = (uint64_t)ft_params_int(r->params, "seed"),
                            .epoch = (uint64_t)r->epoch,
                            .rank = judge ? 0 : (uint32_t)r->ranks.rank,
                            .world = judge ? 1 : (uint32_t)r->ranks.world,
                            .workers = r->size > 64 ? 2 : 1,
                            .prefetch = 4,
                            .bad_max = (uint64_t)ft_params_int(r->params, "bad_max"),
                            .transforms = ft_buf_str(&text),
                            .pixels = { .dtype = FT_F32, .channels = r->channels } };
    ft_err err = text.err;
    if (err == FT_OK) err = ft_nn_images_loader(out, m, judge && r->judge_side, &spec);
    ft_buf_fini(&text);
    return err;
}

ft_err ft_image_loader_open(ft_image_run *r) {
    if (r->loader) return ft_loader_epoch(r->loader, (uint64_t)r->epoch);
    FT_TRY(loader_new(&r->loader, r, false));
    uint64_t steps = ft_loader_steps(r->loader);
    if (steps == 0)
        return FT_FAIL(FT_EINVAL,
                       "the %llu pictures to learn from are less than one batch of %lld on %d "
                       "rank%s: a smaller batch_size is possible",
                       (unsigned long long)r->train->learn.count, (long long)r->batch,
                       r->ranks.world, r->ranks.world == 1 ? "" : "s");
    r->epoch_steps = (int64_t)steps;
    return FT_OK;
}

/* ---- validation, by the engine that serves */

static void rows_score(ft_image_score *s, const ft_array *scores, const int64_t *labels) {
    int64_t classes = scores->shape[1];
    const float *row = scores->data;
    for (int64_t i = 0; i < scores->shape[0]; i++, row += classes) {
        double most = -INFINITY, sum = 0;
        int64_t best = 0;
        for (int64_t k = 0; k < classes; k++)
            if ((double)row[k] > most) most = (double)row[k], best = k;
        for (int64_t k = 0; k < classes; k++) sum += exp((double)row[k] - most);
        s->loss += most + log(sum) - (double)row[labels[i]];
        s->accuracy += best == labels[i];
        s->count++;
    }
}

static ft_err score_with(ft_image_score *out, ft_image_run *r, ft_loader *l, ft_nn_session *s) {
    ft_batch *b;
    ft_err err;
    while (!(err = ft_loader_next(&b, l))) {
        ft_array images, scores;
        int64_t *labels;
        ft_arena_reset(&r->step_arena);
        err = ft_nn_images_batch(&images, &labels, b, r->judge, &r->step_arena);
        if (err == FT_OK) err = ft_nn_run(s, &images, &scores, &r->step_arena, NULL);
        if (err == FT_OK) rows_score(out, &scores, labels);
        ft_batch_release(b);
        if (err != FT_OK) return err;
    }
    return err == FT_ENOTFOUND ? FT_OK : err;
}

ft_err ft_image_score_all(ft_image_score *out, ft_image_run *r) {
    ft_nn_graph *g = NULL;
    ft_nn_model *m = NULL;
    ft_nn_session *s = NULL;
    ft_loader *l = NULL;
    ft_err err;
    *out = (ft_image_score){ 0 };
    FT_TRY(ft_nn_graph_copy(&g, r->graph));
    FT_TRY(ft_nn_model_new(&m, g));
    FT_GOTO(err, ft_nn_session_new(
                     &s, m, &(ft_nn_session_opts){ .threads = r->threads, .math = r->math }));
    FT_GOTO(err, loader_new(&l, r, true));
    FT_GOTO(err, score_with(out, r, l, s));
    if (out->count) {
        out->loss /= (double)out->count;
        out->accuracy /= (double)out->count;
    }
done:
    ft_loader_free(l);
    ft_nn_session_free(s);
    ft_nn_model_free(m);
    return err;
}
