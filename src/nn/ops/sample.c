/* sample.c -- pictures at places: GridSample (Jaderberg et al., Spatial Transformer Networks,
 * 2015), MaxUnpool (items back to where pooling took them), MeanVarianceNormalization. */
#include <inttypes.h>

#include "base/check.h"
#include "nn/ops/shared.h"

/* ---- GridSample: x [n, c, h, w], grid [n, out h, out w, 2] of (x, y) in [-1, 1] */

static ft_err grid_sample_infer(ft_nn_infer *i) {
    static const char *const modes[] = { "bilinear", "nearest", "bicubic", "linear", "cubic" };
    const ft_array *x = &i->in[0], *grid = &i->in[1];
    ft_str mode = ft_nn_attr_str(i->node, "mode");
    bool known = false;
    FT_TRY(ft_nn_take(i, 0, FT_NN_FLOATS));
    FT_TRY(ft_nn_take(i, 1, FT_NN_FLOATS));
    for (size_t k = 0; k < FT_COUNT(modes); k++) known |= ft_str_is(mode, modes[k]);
    if (!known) return ft_nn_refuse_(i->node, FT_EUNSUPPORTED, "mode '%.*s'", FT_STR_ARG(mode));
    i->out[0] = ft_nn_unknown(x->dtype);
    if (x->ndim < 0 || grid->ndim < 0) return FT_OK;
    if (x->ndim != 4 || grid->ndim != 4 || (grid->shape[3] >= 0 && grid->shape[3] != 2))
        return ft_nn_refuse_(i->node, FT_EUNSUPPORTED,
                             "takes pictures and places in two dimensions");
    if (x->shape[0] >= 0 && grid->shape[0] >= 0 && x->shape[0] != grid->shape[0])
        return ft_nn_refuse_(i->node, FT_EINVAL, "one grid a picture is expected");
    i->out[0] = (ft_array){ .dtype = x->dtype,
                            .ndim = 4,
                            .shape = { x->shape[0], x->shape[1], grid->shape[1], grid->shape[2] } };
    return ft_nn_sane(i->node, &i->out[0]);
}

typedef struct sampler {
    const ft_array *x;
    int64_t h, w, plane; /* plane: first item of the channel */
    char padding;        /* z, b, r */
    bool corners;
} sampler;

/* Back and forth between the edges. */
static double reflect(double at, double low, double high) {
    double span = high - low;
    if (span <= 0) return low;
    double t = fmod(fabs(at - low), 2 * span);
    return low + (t > span ? 2 * span - t : t);
}
static double item(const sampler *s, int64_t y, int64_t x) {
    bool out = y < 0 || y >= s->h || x < 0 || x >= s->w;
    if (out && s->padding == 'z') return 0;
    if (out && s->padding == 'b') {
        y = y < 0 ? 0 : y >= s->h ? s->h - 1 : y;
        x = x < 0 ? 0 : x >= s->w ? s->w - 1 : x;
    } else if (out) {
        double edge = s->corners ? 0 : 0.5;
        y = (int64_t)reflect((double)y, -edge, (double)s->h - 1 + edge);
        x = (int64_t)reflect((double)x, -edge, (double)s->w - 1 + edge);
        y = y < 0 ? 0 : y >= s->h ? s->h - 1 : y;
        x = x < 0 ? 0 : x >= s->w ? s->w - 1 : x;
    }
    return ft_array_f64(s->x, s->plane + y * s->w + x);
}
static void cubic(double *weight, double t) { /* Keys 1981, a = -0.75 */
    const double a = -0.75;
    for (int k = 0; k < 4; k++) {
        double d = fabs(t - (k - 1));
        weight[k] = d <= 1  ? ((a + 2) * d - (a + 3)) * d * d + 1
                    : d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
                            : 0;
    }
}
/* A place in [-1, 1] as one in pixels. */
static double pixel(const sampler *s, double at, int64_t size) {
    return s->corners ? (at + 1) / 2 * (double)(size - 1) : ((at + 1) * (double)size - 1) / 2;
}
static double inside(const sampler *s, double at, int64_t size) {
    double edge = s->corners ? 0 : 0.5;
    if (s->padding == 'b') return fmin(fmax(at, 0), (double)size - 1);
    if (s->padding == 'r')
        return fmin(fmax(reflect(at, -edge, (double)size - 1 + edge), 0), (double)size - 1);
    return at;
}
static double sample(const sampler *s, char mode, double x, double y) {
    if (!(fabs(x) < 0x1p31) || !(fabs(y) < 0x1p31)) return 0; /* NaN, and far outside */
    double fx = floor(x), fy = floor(y), sum = 0, wx[4], wy[4];
    int64_t x0 = (int64_t)fx, y0 = (int64_t)fy;
    if (mode == 'n') return item(s, (int64_t)rint(y), (int64_t)rint(x));
    if (mode == 'c') {
        cubic(wx, x - fx);
        cubic(wy, y - fy);
        for (int j = 0; j < 4; j++)
            for (int k = 0; k < 4; k++) sum += wy[j] * wx[k] * item(s, y0 + j - 1, x0 + k - 1);
        return sum;
    }
    for (int j = 0; j < 2; j++)
        for (int k = 0; k < 2; k++)
            sum +=
                (j ? y - fy : 1 - (y - fy)) * (k ? x - fx : 1 - (x - fx)) * item(s, y0 + j, x0 + k);
    return sum;
}
static ft_err grid_sample_run(const ft_nn_call *c) {
    const ft_array *x = &c->in[0], *grid = &c->in[1];
    ft_array *out = &c->out[0];
    ft_str mode = ft_nn_attr_str(c->node, "mode");
    char kind = ft_str_is(mode, "nearest") ? 'n' : ft_str_ends(mode, FT_STR("cubic")) ? 'c' : 'l';
    sampler s = { .x = x,
                  .h = x->shape[2],
                  .w = x->shape[3],
                  .padding = ft_nn_attr_str(c->node, "padding_mode").at[0],
                  .corners = ft_nn_attr_int(c->node, "align_corners") != 0 };
    int64_t places = grid->shape[1] * grid->shape[2], channels = x->shape[1];
    for (int64_t i = 0; i < x->shape[0] * channels * places; i++) {
        int64_t at = i / (channels * places) * places + i % places;
        double px = pixel(&s, ft_array_f64(grid, 2 * at), s.w);
        double py = pixel(&s, ft_array_f64(grid, 2 * at + 1), s.h);
        s.plane = i / places * s.h * s.w;
        if (kind != 'c') px = inside(&s, px, s.w), py = inside(&s, py, s.h);
        ft_nn_put_f64(out, i, s.h && s.w ? sample(&s, kind, px, py) : 0);
    }
    return FT_OK;
}
static const ft_nn_attr_row grid_attrs[] = { { "align_corners", FT_NN_INT, 0, NULL, false },
                                             { "mode", FT_NN_STRING, 0, "bilinear", false },
                                             { "padding_mode", FT_NN_STRING, 0, "zeros", false },
                                             { 0 } };
extern const ft_nn_op ft_nn_op_grid_sample;
const ft_nn_op ft_nn_op_grid_sample = { .name = "GridSample",
                                        .doc = "a picture at the places of a grid",
                                        .attrs = grid_attrs,
                                        .inputs_min = 2,
                                        .inputs_max = 2,
                                        .outputs_min = 1,
                                        .outputs_max = 1,
                                        .infer = grid_sample_infer,
                                        .reference = grid_sample_run };

/* ---- MaxUnpool: x, where each item was in its picture, output shape */

static ft_err max_unpool_infer(ft_nn_infer *i) {
    const ft_array *x = &i->in[0];
    const int64_t *kernel, *strides, *pads;
    size_t count, n_strides, n_pads;
    ft_array *out = &i->out[0];
    FT_TRY(ft_nn_take(i, 0, FT_NN_FLOATS));
    FT_TRY(ft_nn_take(i, 1, FT_NN_BIT(FT_I64)));
    *out = ft_nn_unknown(x->dtype);
    if (ft_nn_sized(x) && ft_nn_sized(&i->in[1]) && ft_array_count(x) != ft_array_count(&i->in[1]))
        return ft_nn_refuse_(i->node, FT_EINVAL, "one place for each item is expected");
    if (ft_nn_given(i->in, i->in_count, 2)) {
        i->content_needed = !ft_nn_content(&i->in[2]);
        if (i->content_needed) return FT_OK;
        FT_TRY(ft_nn_ints_of(i->node, "the output's shape", &i->in[2], out->shape, &out->ndim));
        for (int d = 0; d < out->ndim; d++)
            if (out->shape[d] < 0)
                return ft_nn_refuse_(i->node, FT_EINVAL, "a size of %" PRId64, out->shape[d]);
        if (x->ndim >= 0 && out->ndim != x->ndim)
            return ft_nn_refuse_(i->node, FT_EINVAL, "the output's shape has %d axes", out->ndim);
        return ft_nn_sane(i->node, out);
    }
    if (x->ndim < 0) return FT_OK;
    ft_nn_attr_ints(i->node, "kernel_shape", &kernel, &count);
    ft_nn_attr_ints(i->node, "strides", &strides, &n_strides);
    ft_nn_attr_ints(i->node, "pads", &pads, &n_pads);
    if ((int)count != x->ndim - 2 || (n_strides && n_strides != count) ||
        (n_pads && n_pads != 2 * count))
        return ft_nn_refuse_(i->node, FT_EINVAL, "kernel, strides and pads do not fit");
    *out = ft_nn_like(x);
    for (size_t d = 0; d < count; d++) {
        if (x->shape[d + 2] < 0) continue;
        int64_t cut = n_pads ? pads[d] + pads[d + count] : 0;
        out->shape[d + 2] = (x->shape[d + 2] - 1) * (n_strides ? strides[d] : 1) + kernel[d] - cut;
        if (out->shape[d + 2] < 0)
            return ft_nn_refuse_(i->node, FT_EINVAL, "pads cut more than there is");
    }
    return ft_nn_sane(i->node, out);
}
/* Places count in the picture that the kernel tells; a larger output shape has them elsewhere. */
static ft_err max_unpool_run(const ft_nn_call *c) {
    const ft_array *x = &c->in[0];
    ft_array *out = &c->out[0];
    ft_array told = ft_nn_unknown(x->dtype);
    ft_nn_infer i = { .node = c->node, .in = c->in, .in_count = 2, .out = &told, .out_count = 1 };
    FT_TRY(max_unpool_infer(&i));
    int64_t all = ft_nn_product(&told, 0, told.ndim), step[FT_ARRAY_DIMS_MAX];
    ft_nn_steps(step, out->shape, out->ndim);
    memset(out->data, 0, ft_array_bytes(out));
    for (int64_t k = 0; k < ft_array_count(x); k++) {
        int64_t rest = ((const int64_t *)c->in[1].data)[k], to = 0;
        bool outside = rest < 0 || rest >= all;
        for (int d = told.ndim - 1; d >= 0 && !outside; d--) {
            outside = rest % told.shape[d] >= out->shape[d];
            to += rest % told.shape[d] * step[d];
            rest /= told.shape[d];
        }
        if (outside) return ft_nn_refuse_(c->node, FT_EINVAL, "a place outside of the picture");
        ft_nn_put_item(out, to, x, k);
    }
    return FT_OK;
}
static const ft_nn_attr_row unpool_attrs[] = { { "kernel_shape", FT_NN_INTS, 0, NULL, true },
                                               { "pads", FT_NN_INTS, 0, NULL, false },
                                               { "strides", FT_NN_INTS, 0, NULL, false },
                                               { 0 } };
extern const ft_nn_op ft_nn_op_max_unpool;
const ft_nn_op ft_nn_op_max_unpool = { .name = "MaxUnpool",
                                       .doc = "items back to where pooling took them from",
                                       .attrs = unpool_attrs,
                                       .inputs_min = 2,
                                       .inputs_max = 3,
                                       .outputs_min = 1,
                                       .outputs_max = 1,
                                       .infer = max_unpool_infer,
                                       .reference = max_unpool_run };

/* ---- MeanVarianceNormalization: (x - mean) / deviation over some axes */

static ft_err mvn_axes(uint32_t *set, const ft_nn_node *node, int ndim) {
    static const int64_t otherwise[] = { 0, 2, 3 };
    const int64_t *axes;
    size_t count;
    if (!ft_nn_attr_ints(node, "axes", &axes, &count)) axes = otherwise, count = 3;
    return ft_nn_axes_of(set, node, axes, (int)count, ndim);
}
static ft_err mvn_infer(ft_nn_infer *i) {
    uint32_t set;
    FT_TRY(ft_nn_take(i, 0, FT_NN_FLOATS));
    if (i->in[0].ndim >= 0) FT_TRY(mvn_axes(&set, i->node, i->in[0].ndim));
    return ft_nn_infer_same(i);
}
static ft_err mvn_prepare(ft_nn_prepare *p) {
    if (ft_nn_sized(&p->in[0])) /* at most one group an item: sum, sum of squares */
        p->scratch_bytes = 2 * sizeof(double) * (size_t)(ft_array_count(&p->out[0]) + 1);
    return FT_OK;
}
static int64_t group_of(const ft_array *x, uint32_t set, int64_t i) {
    int64_t group = 0, step = 1;
    for (int d = x->ndim - 1; d >= 0; d--) {
        if (!(set >> d & 1)) {
            group += i % x->shape[d] * step;
            step *= x->shape[d];
        }
        i /= x->shape[d];
    }
    return group;
}
static ft_err mvn_run(const ft_nn_call *c) {
    const ft_array *x = &c->in[0];
    double *sum = c->scratch;
    int64_t count = ft_array_count(x), each = 1;
    uint32_t set;
    FT_TRY(mvn_axes(&set, c->node, x->ndim));
    for (int d = 0; d < x->ndim; d++) each *= set >> d & 1 ? x->shape[d] : 1;
    memset(sum, 0, 2 * sizeof *sum * (size_t)count);
    for (int64_t i = 0; i < count; i++) sum[2 * group_of(x, set, i)] += ft_array_f64(x, i);
    for (int64_t i = 0; i < count; i++) {
        int64_t g = group_of(x, set, i);
        double off = ft_array_f64(x, i) - sum[2 * g] / (double)each;
        sum[2 * g + 1] += off * off;
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t g = group_of(x, set, i);
        double off = ft_array_f64(x, i) - sum[2 * g] / (double)each;
        ft_nn_put_f64(&c->out[0], i, off / (sqrt(sum[2 * g + 1] / (double)each) + 1e-9));
    }
    return FT_OK;
}
static const ft_nn_attr_row mvn_attrs[] = { { "axes", FT_NN_INTS, 0, NULL, false }, { 0 } };
extern const ft_nn_op ft_nn_op_mean_variance_normalization;
const ft_nn_op ft_nn_op_mean_variance_normalization = { .name = "MeanVarianceNormalization",
                                                        .doc = "mean 0 and variance 1 over axes",
                                                        .attrs = mvn_attrs,
                                                        .inputs_min = 1,
                                                        .inputs_max = 1,
                                                        .outputs_min = 1,
                                                        .outputs_max = 1,
                                                        .infer = mvn_infer,
                                                        .reference = mvn_run,
                                                        .prepare = mvn_prepare };
