/* transform_steps.c -- the steps that there are, a row each. */
#include <math.h>

#include "base/check.h"
#include "data/transform_in.h"

static ft_err size_of(int *width, int *height, const ft_step *s, int at) {
    float w = s->v[at], h = s->count > at + 1 ? s->v[at + 1] : w;
    if (w != floorf(w) || h != floorf(h) || w < 1 || h < 1 || w > FT_IMAGE_SIDE_MAX ||
        h > FT_IMAGE_SIDE_MAX)
        return FT_FAIL(FT_EINVAL, "%s=%g:%g: expected sides of 1 to %d pixels", s->op->name, w, h,
                       FT_IMAGE_SIDE_MAX);
    *width = (int)w;
    *height = (int)h;
    return FT_OK;
}

static ft_err share_of(const ft_step *s, float v, float most) {
    if (v >= 0 && v <= most) return FT_OK;
    return FT_FAIL(FT_EINVAL, "%s: %g is not between 0 and %g", s->op->name, v, most);
}

/* ---- crops */
static ft_err plan_size(ft_transform *t, ft_step *s, ft_transform_plan *p) {
    FT_UNUSED(t);
    int width, height;
    FT_TRY(size_of(&width, &height, s, 0));
    if (p->width && (p->width < width || p->height < height))
        return FT_FAIL(FT_EINVAL, "%s=%d:%d: the picture is only %d x %d there", s->op->name, width,
                       height, p->width, p->height);
    p->width = width;
    p->height = height;
    return FT_OK;
}

static ft_err plan_random_resized(ft_transform *t, ft_step *s, ft_transform_plan *p) {
    FT_UNUSED(t);
    if (s->count < 2) s->v[1] = s->v[0];
    if (s->count < 2) s->count = 2;
    FT_TRY(size_of(&p->width, &p->height, s, 0));
    if (!(s->v[2] > 0 && s->v[2] <= s->v[3] && s->v[3] <= 1))
        return FT_FAIL(FT_EINVAL, "%s: areas %g to %g: expected 0 < least <= most <= 1",
                       s->op->name, s->v[2], s->v[3]);
    if (!(s->v[4] > 0 && s->v[4] <= s->v[5]))
        return FT_FAIL(FT_EINVAL, "%s: ratios %g to %g: expected 0 < least <= most", s->op->name,
                       s->v[4], s->v[5]);
    return FT_OK;
}

static ft_err run_random_resized(ft_transforming *r, const ft_step *s) {
    ft_box box = ft_crop_random(&r->random, r->width, r->height, s->v + 2, s->v + 4);
    int width = (int)s->v[0], height = (int)s->v[1];
    FT_TRY(ft_transform_crop(r, box, width, height));
    return ft_transform_resize(r, width, height);
}

/* A picture that is smaller than the crop cannot be cut: it is told, not padded. */
static ft_err fits(const ft_transforming *r, const ft_step *s, int width, int height) {
    if (r->width >= width && r->height >= height) return FT_OK;
    return FT_FAIL(FT_EINVAL, "the picture is %d x %d, smaller than %s=%d:%d", r->width, r->height,
                   s->op->name, width, height);
}

static ft_err run_centre(ft_transforming *r, const ft_step *s) {
    int width, height;
    FT_TRY(size_of(&width, &height, s, 0));
    FT_TRY(fits(r, s, width, height));
    return ft_transform_crop(r, ft_crop_centre(r->width, r->height, width, height), width, height);
}

static ft_err run_random_crop(ft_transforming *r, const ft_step *s) {
    int width, height;
    FT_TRY(size_of(&width, &height, s, 0));
    FT_TRY(fits(r, s, width, height));
    ft_box box = { .width = width, .height = height };
    box.x = (int)ft_random_below(&r->random, (uint64_t)(r->width - width) + 1);
    box.y = (int)ft_random_below(&r->random, (uint64_t)(r->height - height) + 1);
    return ft_transform_crop(r, box, width, height);
}

/* ---- resize */
static ft_err plan_resize(ft_transform *t, ft_step *s, ft_transform_plan *p) {
    FT_UNUSED(t);
    int width, height;
    FT_TRY(size_of(&width, &height, s, 0));
    if (s->count > 1) {
        p->width = width;
        p->height = height;
    } else if (p->width) { /* the other side in proportion, cut as torchvision does */
        int shorter = p->width < p->height ? p->width : p->height;
        p->width = (int)((int64_t)p->width * width / shorter);
        p->height = (int)((int64_t)p->height * width / shorter);
    }
    return FT_OK;
}

static ft_err run_resize(ft_transforming *r, const ft_step *s) {
    int width, height, shorter = r->width < r->height ? r->width : r->height;
    FT_TRY(size_of(&width, &height, s, 0));
    if (s->count < 2) {
        int side = width;
        width = (int)((int64_t)r->width * side / shorter);
        height = (int)((int64_t)r->height * side / shorter);
    }
    if (!r->image.data) /* draft may decode it smaller */
        FT_TRY(ft_transform_crop(r, (ft_box){ 0, 0, r->width, r->height }, width, height));
    return ft_transform_resize(r, width, height);
}

/* ---- mirrors */
static ft_err plan_flip(ft_transform *t, ft_step *s, ft_transform_plan *p) {
    FT_UNUSED(t), FT_UNUSED(p);
    return share_of(s, s->v[0], 1);
}
static ft_err run_flip(ft_transforming *r, const ft_step *s) {
    if (ft_random_unit(&r->random) < (double)s->v[0]) r->flip_x = !r->flip_x, r->flips ^= 1;
    return FT_OK;
}
static ft_err run_vflip(ft_transforming *r, const ft_step *s) {
    if (ft_random_unit(&r->random) < (double)s->v[0]) r->flip_y = !r->flip_y, r->flips ^= 2;
    return FT_OK;
}

/* ---- colours */
static ft_err plan_jitter(ft_transform *t, ft_step *s, ft_transform_plan *p) {
    FT_UNUSED(t), FT_UNUSED(p);
    for (int i = 0; i < 3; i++) FT_TRY(share_of(s, s->v[i], 100));
    return share_of(s, s->v[3], 0.5f);
}
static ft_err run_jitter(ft_transforming *r, const ft_step *s) {
    ft_jitter jitter = { s->v[0], s->v[1], s->v[2], s->v[3] };
    ft_jitter_draw draw;
    ft_jitter_choose(&draw, &r->random, &jitter);
    FT_TRY(ft_transform_own(r));
    if (r->time) ft_transform_tick(r, &r->time->transform);
    FT_TRY(ft_jitter_apply(&r->image, &jitter, &draw));
    if (r->time) {
        uint64_t before = r->time->transform;
        ft_transform_tick(r, &r->time->transform);
        r->time->colour += r->time->transform - before;
    }
    return FT_OK;
}

static ft_err plan_grey(ft_transform *t, ft_step *s, ft_transform_plan *p) {
    FT_UNUSED(t), FT_UNUSED(s);
    p->channels = 1;
    return FT_OK;
}
static ft_err run_grey(ft_transforming *r, const ft_step *s) {
    FT_UNUSED(s);
    ft_image grey;
    FT_TRY(ft_transform_decode(r));
    if (r->image.channels == 1) return FT_OK;
    FT_TRY(ft_transform_scratch(&grey, r, r->width, r->height, 1));
    FT_TRY(ft_image_grey(&grey, &r->image));
    r->image = grey;
    r->writable = true;
    return FT_OK;
}

/* ---- turned upright: before everything else, since the other steps count in upright pixels */
static ft_err plan_orient(ft_transform *t, ft_step *s, ft_transform_plan *p) {
    FT_UNUSED(p);
    if (s == t->steps) return FT_OK;
    return FT_FAIL(FT_EINVAL, "orient: it must be the first step");
}
static ft_err run_orient(ft_transforming *r, const ft_step *s) {
    FT_UNUSED(s);
    ft_image_info info;
    ft_image upright;
    if (!r->bytes.at) return FT_OK;
    FT_TRY(ft_image_probe(&info, r->bytes));
    if (info.orientation <= 1) return FT_OK;
    FT_TRY(ft_transform_decode(r));
    ft_arena_reset(&r->w->arena);
    FT_TRY(ft_image_orient(&upright, &r->w->arena, &r->image, info.orientation));
    r->image = upright;
    r->writable = true;
    r->width = upright.width;
    r->height = upright.height;
    r->cut_width = upright.width;
    r->cut_height = upright.height;
    return FT_OK;
}

/* ---- the last pass */
const float ft_imagenet_mean[3] = { 0.485F, 0.456F, 0.406F };
const float ft_imagenet_deviation[3] = { 0.229F, 0.224F, 0.225F };

static ft_err plan_normalise(ft_transform *t, ft_step *s, ft_transform_plan *p) {
    FT_UNUSED(p);
    if (t->opts.dtype == FT_U8)
        return FT_FAIL(FT_EINVAL, "normalise: batches of bytes are not normalised; ask for f32 or "
                                  "bf16, or leave it out");
    for (int c = 0; c < 3; c++) {
        float mean = 0, deviation = 1;
        if (ft_str_is(s->word, "imagenet"))
            mean = ft_imagenet_mean[c], deviation = ft_imagenet_deviation[c];
        else if (ft_str_is(s->word, "half"))
            mean = deviation = 0.5f;
        else if (ft_str_is(s->word, "none"))
            deviation = 1.0f / 255;
        else if (!s->word.len && s->count == 6)
            mean = s->v[c], deviation = s->v[3 + c];
        else if (!s->word.len && s->count == 2)
            mean = s->v[0], deviation = s->v[1];
        else if (!s->word.len)
            return FT_FAIL(FT_EINVAL, "normalise: expected mean:deviation, three means and three "
                                      "deviations, or imagenet, half, unit, none");
        if (!(deviation > 0)) return FT_FAIL(FT_EINVAL, "normalise: a deviation of %g", deviation);
        t->pack.mean[c] = mean;
        t->pack.std[c] = deviation;
    }
    t->normalised = true;
    return FT_OK;
}

const ft_step_op ft_step_ops[] = {
    { .name = "random_resized_crop",
      .doc = "random_resized_crop=SIZE[:HEIGHT[:LEAST:MOST[:NARROW:WIDE]]]: a random part, resized",
      .defaults = { 0, 0, 0.08f, 1, 3.0f / 4, 4.0f / 3 },
      .least = 1,
      .most = 6,
      .plan = plan_random_resized,
      .run = run_random_resized },
    { .name = "resize",
      .doc = "resize=SHORTER or resize=WIDTH:HEIGHT: antialiased bilinear, as Pillow's",
      .least = 1,
      .most = 2,
      .plan = plan_resize,
      .run = run_resize },
    { .name = "center_crop",
      .doc = "center_crop=SIZE or WIDTH:HEIGHT: the middle",
      .least = 1,
      .most = 2,
      .plan = plan_size,
      .run = run_centre },
    { .name = "random_crop",
      .doc = "random_crop=SIZE or WIDTH:HEIGHT: anywhere",
      .least = 1,
      .most = 2,
      .plan = plan_size,
      .run = run_random_crop },
    { .name = "flip",
      .doc = "flip[=0.5]: left to right, with that probability",
      .defaults = { 0.5f },
      .most = 1,
      .plan = plan_flip,
      .run = run_flip },
    { .name = "vflip",
      .doc = "vflip[=0.5]: top to bottom, with that probability",
      .defaults = { 0.5f },
      .most = 1,
      .plan = plan_flip,
      .run = run_vflip },
    { .name = "jitter",
      .doc = "jitter=BRIGHTNESS[:CONTRAST[:SATURATION[:HUE]]]: colours, as torchvision's",
      .least = 1,
      .most = 4,
      .plan = plan_jitter,
      .run = run_jitter },
    { .name = "affine",
      .doc = "affine=DEGREES[:SHIFT[:SCALE[:SHEAR]]]: turned up to so many degrees, shifted by up "
             "to that share of its sides, scaled by up to e^SCALE, sheared by degrees",
      .least = 1,
      .most = 4,
      .plan = ft_affine_plan,
      .run = ft_affine_run },
    { .name = "grey", .doc = "grey: one channel", .plan = plan_grey, .run = run_grey },
    { .name = "orient",
      .doc = "orient: upright, as the camera's Exif note says; the first step",
      .plan = plan_orient,
      .run = run_orient },
    { .name = "normalise",
      .doc = "normalise=imagenet|half|unit|none|MEAN:DEVIATION|M:M:M:D:D:D: always last",
      .least = 1,
      .most = 6,
      .words = "imagenet|half|unit|none",
      .plan = plan_normalise },
    { 0 },
};
