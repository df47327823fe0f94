/* boxes.c -- NonMaxSuppression: of boxes that overlap, the one with the best score; RoiAlign:
 * regions of a picture at one size (He et al., Mask R-CNN, 2017, section 3). */
#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "nn/ops/shared.h"
#include "nn/ops/vector.h"

/* ---- NonMaxSuppression: boxes [batch, n, 4], scores [batch, classes, n], then three limits */

typedef struct box {
    float y0, x0, y1, x1, area;
} box;
typedef struct candidate {
    float score;
    int64_t at;
} candidate;

static ft_err nms_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_BIT(FT_F32)));
    FT_TRY(ft_nn_take(i, 1, FT_NN_BIT(FT_F32)));
    const ft_array *boxes = &i->in[0], *scores = &i->in[1];
    i->out[0] = (ft_array){ .dtype = FT_I64, .ndim = 2, .shape = { FT_NN_DIM_ANY, 3 } };
    if (boxes->ndim < 0 || scores->ndim < 0) return FT_OK;
    if (boxes->ndim != 3 || scores->ndim != 3 || (boxes->shape[2] >= 0 && boxes->shape[2] != 4))
        return ft_nn_refuse_(i->node, FT_EINVAL,
                             "takes boxes of batch x n x 4 and scores of batch x classes x n");
    if (ft_nn_sized(boxes) && ft_nn_sized(scores) &&
        (boxes->shape[0] != scores->shape[0] || boxes->shape[1] != scores->shape[2]))
        return ft_nn_refuse_(i->node, FT_EINVAL, "one score of a class for each box is expected");
    return FT_OK;
}

static box box_of(const float *at, bool center) {
    box b;
    if (center) { /* x, y, width, height */
        b.x0 = at[0] - at[2] / 2, b.x1 = at[0] + at[2] / 2;
        b.y0 = at[1] - at[3] / 2, b.y1 = at[1] + at[3] / 2;
    } else { /* two corners, in any order */
        b.y0 = fminf(at[0], at[2]), b.y1 = fmaxf(at[0], at[2]);
        b.x0 = fminf(at[1], at[3]), b.x1 = fmaxf(at[1], at[3]);
    }
    b.area = (b.y1 - b.y0) * (b.x1 - b.x0);
    return b;
}
/* The reference: more than `limit` of what both cover is covered by each. */
static bool overlap(const box *a, const box *b, float limit) {
    float h = fminf(a->y1, b->y1) - fmaxf(a->y0, b->y0);
    float w = fminf(a->x1, b->x1) - fmaxf(a->x0, b->x0);
    if (!(h > 0) || !(w > 0) || a->area <= 0 || b->area <= 0) return false;
    return h * w / (a->area + b->area - h * w) > limit;
}
/* Kept boxes, a side an array, in whole blocks of lanes; what is not there yet covers nothing. */
typedef struct kept_boxes {
    float *y0, *x0, *y1, *x1, *area;
    int64_t count;
} kept_boxes;

/* Blocks of kept boxes in which one may overlap `b`: a hair's breadth too many, never too few. The
 * first at or after `from`, or `blocks`. */
FT_NN_KERNEL(find_block,
             (int64_t * found, const kept_boxes *k, const box *b, float limit, int64_t from,
              int64_t blocks),
             (found, k, b, limit, from, blocks)) {
    ft_v16 zero = ft_v_set(0), y0 = ft_v_set(b->y0), x0 = ft_v_set(b->x0);
    ft_v16 y1 = ft_v_set(b->y1), x1 = ft_v_set(b->x1);
    float nearly = limit * (1 - 1e-5f);
    for (*found = from; *found < blocks; ++*found) {
        int64_t at = *found * FT_NN_LANES;
        ft_v16 h = ft_v_min(y1, ft_v_load(k->y1 + at)) - ft_v_max(y0, ft_v_load(k->y0 + at));
        ft_v16 w = ft_v_min(x1, ft_v_load(k->x1 + at)) - ft_v_max(x0, ft_v_load(k->x0 + at));
        ft_v16 both = ft_v_max(h, zero) * ft_v_max(w, zero);
        ft_v16 all = ft_v_load(k->area + at) + b->area - both;
        ft_v16i over = ft_v_signs(all * nearly - both);
        int32_t any = 0;
        for (int i = 0; i < FT_NN_LANES; i++) any |= over[i];
        if (any) return;
    }
}

static box kept_at(const kept_boxes *k, int64_t i) {
    return (box){ k->y0[i], k->x0[i], k->y1[i], k->x1[i], k->area[i] };
}
static bool overlaps_any(const kept_boxes *k, const box *b, float limit) {
    int64_t blocks = (k->count + FT_NN_LANES - 1) / FT_NN_LANES, block = 0;
    for (;; block++) {
        find_block(&block, k, b, limit, block, blocks);
        if (block >= blocks) return false;
        for (int64_t i = block * FT_NN_LANES; i < (block + 1) * FT_NN_LANES && i < k->count; i++) {
            box other = kept_at(k, i);
            if (overlap(b, &other, limit)) return true;
        }
    }
}
static void keep(kept_boxes *k, const box *b) {
    int64_t i = k->count++;
    k->y0[i] = b->y0, k->x0[i] = b->x0, k->y1[i] = b->y1, k->x1[i] = b->x1, k->area[i] = b->area;
}
static ft_err kept_take(kept_boxes *k, ft_arena *arena, int64_t most) {
    float **const sides[] = { &k->y0, &k->x0, &k->y1, &k->x1, &k->area };
    for (size_t i = 0; i < FT_COUNT(sides); i++)
        FT_TRY(ft_arena_items(sides[i], arena, (size_t)most + FT_NN_LANES));
    return FT_OK;
}

static int by_score(const void *a, const void *b) {
    const candidate *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return (x->at > y->at) - (x->at < y->at);
}

static float limit_of(const ft_nn_call *c, size_t input, float otherwise) {
    bool given = ft_nn_given(c->in, c->in_count, input) && ft_array_count(&c->in[input]) > 0;
    return given ? (float)ft_array_f64(&c->in[input], 0) : otherwise;
}

typedef struct nms {
    int64_t n, classes, most;
    float overlap, least;
    bool scored; /* a least score is given */
    candidate *order;
    kept_boxes kept;
    int64_t *out, count;
} nms;

/* One class of one picture: appends (batch, class, box) for each that stays. */
static void nms_class(nms *s, const float *boxes, const float *scores, int64_t batch, int64_t class,
                      bool center) {
    int64_t count = 0;
    s->kept.count = 0;
    for (int64_t k = 0; k < s->n; k++) {
        if (scores[k] != scores[k] || (s->scored && !(scores[k] > s->least))) continue;
        s->order[count++] = (candidate){ scores[k], k };
    }
    if (count) qsort(s->order, (size_t)count, sizeof *s->order, by_score);
    for (int64_t k = 0; k < count && s->kept.count < s->most; k++) {
        box b = box_of(boxes + 4 * s->order[k].at, center);
        if (overlaps_any(&s->kept, &b, s->overlap)) continue;
        keep(&s->kept, &b);
        int64_t *to = s->out + 3 * s->count++;
        to[0] = batch, to[1] = class, to[2] = s->order[k].at;
    }
}

static ft_err nms_run(const ft_nn_call *c) {
    const ft_array *boxes = &c->in[0], *scores = &c->in[1];
    bool center = ft_nn_attr_int(c->node, "center_point_box") != 0;
    nms s = { .n = boxes->shape[1],
              .classes = scores->shape[1],
              .overlap = limit_of(c, 3, 0),
              .least = limit_of(c, 4, 0),
              .scored = ft_nn_given(c->in, c->in_count, 4) };
    if (ft_nn_given(c->in, c->in_count, 2) && ft_array_count(&c->in[2]))
        s.most = ft_nn_get_int(&c->in[2], 0);
    if (s.most > s.n) s.most = s.n;
    if (s.most < 0) s.most = 0;
    FT_TRY(ft_arena_items(&s.order, c->arena, (size_t)s.n));
    FT_TRY(kept_take(&s.kept, c->arena, s.most));
    FT_TRY(ft_arena_items(&s.out, c->arena,
                          3 * (size_t)(boxes->shape[0] * s.classes) * (size_t)s.most));
    for (int64_t batch = 0; batch < boxes->shape[0]; batch++) {
        for (int64_t class = 0; class < s.classes; class ++)
            nms_class(&s, (const float *)boxes->data + batch * s.n * 4,
                      (const float *)scores->data + (batch * s.classes + class) * s.n, batch, class,
                      center);
    }
    c->out[0] = (ft_array){ .dtype = FT_I64, .ndim = 2, .shape = { s.count, 3 }, .data = s.out };
    return FT_OK;
}
static const ft_nn_attr_row nms_attrs[] = { { "center_point_box", FT_NN_INT, 0, NULL, false },
                                            { 0 } };
extern const ft_nn_op ft_nn_op_non_max_suppression;
const ft_nn_op ft_nn_op_non_max_suppression = { .name = "NonMaxSuppression",
                                                .doc = "boxes that no better one overlaps",
                                                .attrs = nms_attrs,
                                                .inputs_min = 2,
                                                .inputs_max = 5,
                                                .outputs_min = 1,
                                                .outputs_max = 1,
                                                .infer = nms_infer,
                                                .reference = nms_run,
                                                .dynamic = true };

/* ---- RoiAlign: x [n, channels, h, w], regions [k, 4], which picture [k] */

static ft_err roi_infer(ft_nn_infer *i) {
    const ft_array *x = &i->in[0], *rois = &i->in[1];
    FT_TRY(ft_nn_take(i, 0, FT_NN_FLOATS));
    FT_TRY(ft_nn_take(i, 1, FT_NN_FLOATS));
    FT_TRY(ft_nn_take(i, 2, FT_NN_INDEXES));
    ft_str mode = ft_nn_attr_str(i->node, "mode");
    if (!ft_str_is(mode, "avg") && !ft_str_is(mode, "max"))
        return ft_nn_refuse_(i->node, FT_EINVAL, "mode must be avg or max");
    i->out[0] = ft_nn_unknown(x->dtype);
    if (x->ndim < 0 || rois->ndim < 0) return FT_OK;
    int64_t h = ft_nn_attr_int(i->node, "output_height"),
            w = ft_nn_attr_int(i->node, "output_width");
    if (x->ndim != 4 || rois->ndim != 2 || (rois->shape[1] >= 0 && rois->shape[1] != 4) || h < 1 ||
        w < 1 || h > INT32_MAX || w > INT32_MAX)
        return ft_nn_refuse_(i->node, FT_EINVAL, "takes pictures and regions of four numbers");
    if (x->shape[2] == 0 || x->shape[3] == 0)
        return ft_nn_refuse_(i->node, FT_EINVAL, "takes regions of pictures that have pixels");
    if (ft_nn_sized(&i->in[2]) && rois->shape[0] >= 0 &&
        ft_array_count(&i->in[2]) != rois->shape[0])
        return ft_nn_refuse_(i->node, FT_EINVAL, "one picture for each region is expected");
    i->out[0] =
        (ft_array){ .dtype = x->dtype, .ndim = 4, .shape = { rois->shape[0], x->shape[1], h, w } };
    return ft_nn_sane(i->node, &i->out[0]);
}

/* Bilinear at (y, x); zero further than one outside. `each` gets the four products. */
static int corners(int64_t *at, double *weight, double y, double x, int64_t h, int64_t w) {
    if (!(y >= -1 && y <= (double)h && x >= -1 && x <= (double)w)) return 0;
    y = y < 0 ? 0 : y, x = x < 0 ? 0 : x;
    int64_t y0 = (int64_t)y, x0 = (int64_t)x, y1 = y0 + 1, x1 = x0 + 1;
    if (y0 >= h - 1) y0 = y1 = h - 1, y = (double)y0;
    if (x0 >= w - 1) x0 = x1 = w - 1, x = (double)x0;
    double dy = y - (double)y0, dx = x - (double)x0;
    at[0] = y0 * w + x0, weight[0] = (1 - dy) * (1 - dx);
    at[1] = y0 * w + x1, weight[1] = (1 - dy) * dx;
    at[2] = y1 * w + x0, weight[2] = dy * (1 - dx);
    at[3] = y1 * w + x1, weight[3] = dy * dx;
    return 4;
}

typedef struct roi {
    double y, x, bin_h, bin_w; /* corner and size of an output item */
    int64_t grid_h, grid_w;    /* points in it */
} roi;

static roi roi_of(const ft_nn_call *c, int64_t k) {
    double scale = ft_nn_attr_float(c->node, "spatial_scale");
    bool half =
        !ft_str_is(ft_nn_attr_str(c->node, "coordinate_transformation_mode"), "output_half_pixel");
    double at[4], shift = half ? 0.5 : 0;
    for (int j = 0; j < 4; j++) at[j] = ft_array_f64(&c->in[1], 4 * k + j) * scale - shift;
    double w = at[2] - at[0], h = at[3] - at[1];
    if (!half) w = fmax(w, 1), h = fmax(h, 1);
    int64_t out_h = c->out[0].shape[2], out_w = c->out[0].shape[3];
    int64_t ratio = ft_nn_attr_int(c->node, "sampling_ratio");
    roi r = { .y = at[1], .x = at[0], .bin_h = h / (double)out_h, .bin_w = w / (double)out_w };
    r.grid_h = ratio > 0 ? ratio : (int64_t)fmin(fmax(ceil(r.bin_h), 0), 4096);
    r.grid_w = ratio > 0 ? ratio : (int64_t)fmin(fmax(ceil(r.bin_w), 0), 4096);
    return r;
}
static double roi_item(const ft_nn_call *c, const roi *r, int64_t plane, int64_t oy, int64_t ox,
                       bool most) {
    int64_t h = c->in[0].shape[2], w = c->in[0].shape[3], at[4];
    double sum = 0, best = 0, weight[4];
    for (int64_t iy = 0; iy < r->grid_h; iy++) {
        for (int64_t ix = 0; ix < r->grid_w; ix++) {
            double y = r->y + ((double)oy + ((double)iy + 0.5) / (double)r->grid_h) * r->bin_h;
            double x = r->x + ((double)ox + ((double)ix + 0.5) / (double)r->grid_w) * r->bin_w;
            int n = corners(at, weight, y, x, h, w);
            double point = 0;
            for (int j = 0; j < n; j++) {
                double v = weight[j] * ft_array_f64(&c->in[0], plane * h * w + at[j]);
                point = most ? fmax(j ? point : v, v) : point + v;
            }
            best = iy == 0 && ix == 0 ? point : fmax(best, point);
            sum += point;
        }
    }
    double count = (double)(r->grid_h * r->grid_w);
    return most ? best : count > 0 ? sum / count : 0;
}
static ft_err roi_run(const ft_nn_call *c) {
    ft_array *out = &c->out[0];
    bool most = ft_str_is(ft_nn_attr_str(c->node, "mode"), "max");
    int64_t channels = out->shape[1], h = out->shape[2], w = out->shape[3], picture;
    for (int64_t k = 0; k < out->shape[0]; k++) {
        roi r = roi_of(c, k);
        FT_TRY(ft_nn_index(&picture, c->node, &c->in[2], k, c->in[0].shape[0]));
        for (int64_t i = 0; i < channels * h * w; i++)
            ft_nn_put_f64(
                out, k * channels * h * w + i,
                roi_item(c, &r, picture * channels + i / (h * w), i / w % h, i % w, most));
    }
    return FT_OK;
}
static const ft_nn_attr_row roi_attrs[] = {
    { "coordinate_transformation_mode", FT_NN_STRING, 0, "half_pixel", false },
    { "mode", FT_NN_STRING, 0, "avg", false },
    { "output_height", FT_NN_INT, 1, NULL, false },
    { "output_width", FT_NN_INT, 1, NULL, false },
    { "sampling_ratio", FT_NN_INT, 0, NULL, false },
    { "spatial_scale", FT_NN_FLOAT, 1, NULL, false },
    { 0 },
};
extern const ft_nn_op ft_nn_op_roi_align;
const ft_nn_op ft_nn_op_roi_align = { .name = "RoiAlign",
                                      .doc = "regions of a picture at one size",
                                      .attrs = roi_attrs,
                                      .inputs_min = 3,
                                      .inputs_max = 3,
                                      .outputs_min = 1,
                                      .outputs_max = 1,
                                      .infer = roi_infer,
                                      .reference = roi_run };
