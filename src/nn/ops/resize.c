/* resize.c -- Resize (ONNX 19 without antialias of cubic beyond its definition): nearest, linear
 * and cubic along any axes, in every coordinate mode. All three are separable: each axis is a list
 * of taps (input index, weight) for each output index, and the axes are done one after the other.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "nn/ops/kernel.h"
#include "nn/ops/vector.h"

static const ft_nn_attr_row attrs[] = {
    { "antialias", FT_NN_INT, 0, NULL, false },
    { "axes", FT_NN_INTS, NAN, NULL, false },
    { "coordinate_transformation_mode", FT_NN_STRING, NAN, "half_pixel", false },
    { "cubic_coeff_a", FT_NN_FLOAT, -0.75, NULL, false },
    { "exclude_outside", FT_NN_INT, 0, NULL, false },
    { "extrapolation_value", FT_NN_FLOAT, 0, NULL, false },
    { "keep_aspect_ratio_policy", FT_NN_STRING, NAN, "stretch", false },
    { "mode", FT_NN_STRING, NAN, "nearest", false },
    { "nearest_mode", FT_NN_STRING, NAN, "round_prefer_floor", false },
    { 0 }
};

typedef enum mode { RESIZE_NEAREST, RESIZE_LINEAR, RESIZE_CUBIC } mode;
typedef enum coordinates {
    HALF_PIXEL,
    HALF_PIXEL_SYMMETRIC,
    PYTORCH_HALF_PIXEL,
    ALIGN_CORNERS,
    ASYMMETRIC,
    TF_CROP_AND_RESIZE,
    TF_HALF_PIXEL_FOR_NN
} coordinates;

static const char *const mode_names[] = { "nearest", "linear", "cubic" };
static const char *const coordinate_names[] = { "half_pixel",          "half_pixel_symmetric",
                                                "pytorch_half_pixel",  "align_corners",
                                                "asymmetric",          "tf_crop_and_resize",
                                                "tf_half_pixel_for_nn" };
static const char *const nearest_names[] = { "round_prefer_floor", "round_prefer_ceil", "floor",
                                             "ceil" };

static ft_err choice(int *out, const ft_nn_node *n, const char *attr, const char *const *names,
                     size_t count) {
    ft_str given = ft_nn_attr_str(n, attr);
    for (size_t i = 0; i < count; i++)
        if (ft_str_is(given, names[i])) {
            *out = (int)i;
            return FT_OK;
        }
    return ft_nn_refuse_(n, FT_EUNSUPPORTED, "%s '%.*s'", attr, FT_STR_ARG(given));
}

/* ---- what is asked for */

typedef struct plan {
    mode mode;
    coordinates coordinates;
    int nearest;
    int ndim;
    int64_t in[FT_ARRAY_DIMS_MAX], out[FT_ARRAY_DIMS_MAX];
    double scale[FT_ARRAY_DIMS_MAX], roi[2][FT_ARRAY_DIMS_MAX];
    bool resized[FT_ARRAY_DIMS_MAX];
    bool exclude_outside, antialias;
    double cubic, outside;
} plan;

/* The axes that scales or sizes stand for. */
static ft_err axes_of(int axes[FT_ARRAY_DIMS_MAX], int *count, const ft_nn_node *n, int ndim) {
    const int64_t *list;
    size_t given;
    *count = ndim;
    for (int i = 0; i < ndim; i++) axes[i] = i;
    if (!ft_nn_attr_ints(n, "axes", &list, &given)) return FT_OK;
    if (given > (size_t)ndim) return ft_nn_refuse_(n, FT_EINVAL, "%zu axes", given);
    *count = (int)given;
    for (int i = 0; i < *count; i++) FT_TRY(ft_nn_axis(&axes[i], n, list[i], ndim));
    return FT_OK;
}

static bool holds(const ft_array *in, size_t count, size_t i) {
    return ft_nn_given(in, count, i) && ft_nn_sized(&in[i]) && ft_array_count(&in[i]) > 0;
}

/* One scale for all axes, so that nothing is larger, or smaller, than asked. */
static ft_err aspect_keep(plan *p, const ft_nn_node *n, const int *axes, int count) {
    ft_str policy = ft_nn_attr_str(n, "keep_aspect_ratio_policy");
    if (ft_str_is(policy, "stretch") || !count) return FT_OK;
    bool larger = ft_str_is(policy, "not_larger");
    if (!larger && !ft_str_is(policy, "not_smaller"))
        return ft_nn_refuse_(n, FT_EINVAL, "keep_aspect_ratio_policy '%.*s'", FT_STR_ARG(policy));
    double scale = p->scale[axes[0]];
    for (int i = 1; i < count; i++)
        scale = larger ? fmin(scale, p->scale[axes[i]]) : fmax(scale, p->scale[axes[i]]);
    for (int i = 0; i < count; i++) {
        p->scale[axes[i]] = scale;
        p->out[axes[i]] = (int64_t)floor(scale * (double)p->in[axes[i]] + 0.5);
    }
    return FT_OK;
}

static ft_err sizes_of(plan *p, const ft_nn_node *n, const ft_array *in, size_t count) {
    int axes[FT_ARRAY_DIMS_MAX], given;
    bool sizes = holds(in, count, 3);
    const ft_array *numbers = &in[sizes ? 3 : 2];
    FT_TRY(axes_of(axes, &given, n, p->ndim));
    if (ft_array_count(numbers) != given)
        return ft_nn_refuse_(n, FT_EINVAL, "%lld scales or sizes for %d axes",
                             (long long)ft_array_count(numbers), given);
    for (int i = 0; i < given; i++) {
        int a = axes[i];
        double v = ft_array_f64(numbers, i);
        if (!(v > 0) && !(sizes && v == 0))
            return ft_nn_refuse_(n, FT_EINVAL, "a scale or size of %g", v);
        if (v * (sizes ? 1 : (double)p->in[a]) > 1e12)
            return ft_nn_refuse_(n, FT_ETOOBIG, "a scale or size of %g", v);
        p->out[a] = sizes ? (int64_t)v : (int64_t)floor((double)p->in[a] * v);
        p->scale[a] = sizes ? (p->in[a] ? v / (double)p->in[a] : 1) : v;
    }
    if (sizes) FT_TRY(aspect_keep(p, n, axes, given));
    for (int i = 0; i < p->ndim; i++)
        if (p->in[i] == 0 && p->out[i] != 0)
            return ft_nn_refuse_(n, FT_EINVAL, "axis %d is empty: nothing to make %lld of", i,
                                 (long long)p->out[i]);
    for (int i = 0; i < given && holds(in, count, 1) && p->coordinates == TF_CROP_AND_RESIZE; i++) {
        if (ft_array_count(&in[1]) != 2 * given)
            return ft_nn_refuse_(n, FT_EINVAL, "roi must have %d items", 2 * given);
        p->roi[0][axes[i]] = ft_array_f64(&in[1], i);
        p->roi[1][axes[i]] = ft_array_f64(&in[1], given + i);
    }
    return FT_OK;
}

static ft_err plan_of(plan *p, const ft_nn_node *n, const ft_array *in, size_t count) {
    int chosen = 0;
    memset(p, 0, sizeof *p);
    FT_TRY(choice(&chosen, n, "mode", mode_names, FT_COUNT(mode_names)));
    p->mode = (mode)chosen;
    FT_TRY(choice(&chosen, n, "coordinate_transformation_mode", coordinate_names,
                  FT_COUNT(coordinate_names)));
    p->coordinates = (coordinates)chosen;
    FT_TRY(choice(&p->nearest, n, "nearest_mode", nearest_names, FT_COUNT(nearest_names)));
    p->exclude_outside = ft_nn_attr_int(n, "exclude_outside") != 0;
    p->antialias = ft_nn_attr_int(n, "antialias") != 0 && p->mode != RESIZE_NEAREST;
    p->cubic = ft_nn_attr_float(n, "cubic_coeff_a");
    p->outside = ft_nn_attr_float(n, "extrapolation_value");
    p->ndim = in[0].ndim;
    for (int i = 0; i < p->ndim; i++) {
        p->in[i] = p->out[i] = in[0].shape[i];
        p->scale[i] = p->roi[1][i] = 1;
    }
    FT_TRY(sizes_of(p, n, in, count));
    for (int i = 0; i < p->ndim; i++)
        p->resized[i] =
            p->out[i] != p->in[i] || p->scale[i] != 1 ||
            (p->coordinates == TF_CROP_AND_RESIZE && (p->roi[0][i] != 0 || p->roi[1][i] != 1));
    return FT_OK;
}

static ft_err infer(ft_nn_infer *i) {
    plan p;
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    const ft_array *x = &i->in[0];
    i->out[0] = ft_nn_unknown(x->dtype);
    i->out[0].ndim = x->ndim;
    for (int k = 0; k < x->ndim; k++) i->out[0].shape[k] = FT_NN_DIM_ANY;
    bool scales = ft_nn_given(i->in, i->in_count, 2), sizes = ft_nn_given(i->in, i->in_count, 3);
    if (!scales && !sizes) return ft_nn_refuse_(i->node, FT_EINVAL, "neither scales nor sizes");
    size_t from = holds(i->in, i->in_count, 3) ? 3 : 2;
    if (!ft_nn_sized(x) || !ft_nn_given(i->in, i->in_count, from) || !ft_nn_content(&i->in[from]) ||
        (sizes && from == 2 && !ft_nn_sized(&i->in[3]))) {
        i->content_needed = ft_nn_sized(x);
        return FT_OK;
    }
    FT_TRY(plan_of(&p, i->node, i->in, i->in_count));
    memcpy(i->out[0].shape, p.out, sizeof p.out);
    return FT_OK;
}

/* ---- taps */

typedef struct taps {
    int64_t count; /* an output index */
    int64_t *at;   /* input index, count a place */
    double *weight;
    bool *outside; /* by output index: the extrapolation value stands there */
} taps;

static double place_of(const plan *p, int axis, int64_t out) {
    double in_size = (double)p->in[axis], out_size = (double)p->out[axis], x = (double)out;
    double scale = p->scale[axis];
    switch (p->coordinates) {
    case HALF_PIXEL_SYMMETRIC: {
        double whole = scale * in_size, adjust = out_size / whole, centre = in_size / 2;
        return centre * (1 - adjust) + (x + 0.5) / scale - 0.5;
    }
    case PYTORCH_HALF_PIXEL:
        return out_size > 1 ? (x + 0.5) / scale - 0.5 : 0;
    case ALIGN_CORNERS:
        /* The size resized to before it is cut to a whole number, as the standard's data has it. */
        return out_size > 1 ? x * (in_size - 1) / (in_size * scale - 1) : 0;
    case ASYMMETRIC:
        return x / scale;
    case TF_HALF_PIXEL_FOR_NN:
        return (x + 0.5) / scale;
    case TF_CROP_AND_RESIZE: {
        double a = p->roi[0][axis], b = p->roi[1][axis];
        return out_size > 1 ? a * (in_size - 1) + x * (b - a) * (in_size - 1) / (out_size - 1)
                            : 0.5 * (a + b) * (in_size - 1);
    }
    case HALF_PIXEL:
        break;
    }
    return (x + 0.5) / scale - 0.5;
}

static int64_t nearest_of(const plan *p, double x) {
    switch (p->nearest) {
    case 0:
        return (int64_t)ceil(x - 0.5);
    case 1:
        return (int64_t)floor(x + 0.5);
    case 2:
        return (int64_t)floor(x);
    default:
        return (int64_t)ceil(x);
    }
}

static double weight_of(const plan *p, double d) {
    double a = p->cubic;
    d = fabs(d);
    if (p->mode == RESIZE_LINEAR) return d < 1 ? 1 - d : 0;
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

static int64_t clamp(int64_t i, int64_t size) { return i < 0 ? 0 : i >= size ? size - 1 : i; }

static int64_t taps_count(const plan *p, int axis) {
    if (p->mode == RESIZE_NEAREST) return 1;
    double reach = p->mode == RESIZE_LINEAR ? 1 : 2;
    if (p->antialias && p->scale[axis] < 1) reach /= p->scale[axis];
    return 2 * (int64_t)ceil(reach);
}

static void taps_fill(const taps *t, const plan *p, int axis, int64_t out) {
    double x = place_of(p, axis, out), sum = 0;
    int64_t size = p->in[axis], *at = t->at + out * t->count;
    double *weight = t->weight + out * t->count;
    t->outside[out] = p->coordinates == TF_CROP_AND_RESIZE && (x < 0 || x > (double)size - 1);
    if (p->mode == RESIZE_NEAREST) {
        at[0] = clamp(nearest_of(p, x), size);
        weight[0] = 1;
        return;
    }
    double shrink = p->antialias && p->scale[axis] < 1 ? p->scale[axis] : 1;
    int64_t first = (int64_t)floor(x) - t->count / 2 + 1;
    for (int64_t k = 0; k < t->count; k++) {
        bool in = first + k >= 0 && first + k < size;
        weight[k] = weight_of(p, ((double)(first + k) - x) * shrink);
        if (p->exclude_outside && !in) weight[k] = 0;
        at[k] = clamp(first + k, size);
        sum += weight[k];
    }
    bool normal = p->exclude_outside || shrink < 1;
    for (int64_t k = 0; k < t->count && normal && sum != 0; k++) weight[k] /= sum;
}

static void taps_free(taps *t) { free(t->at); }

static ft_err taps_make(taps *t, const plan *p, int axis) {
    size_t places = (size_t)p->out[axis];
    t->count = taps_count(p, axis);
    size_t items = places * (size_t)t->count;
    *t = (taps){ .count = t->count };
    t->at =
        ft_fault_here() ? NULL : malloc(items * (sizeof *t->at + sizeof *t->weight) + places + 1);
    if (!t->at) return FT_FAIL(FT_ENOMEM, "no memory for a resize");
    t->weight = (double *)(t->at + items);
    t->outside = (bool *)(t->weight + items);
    for (int64_t i = 0; i < p->out[axis]; i++) taps_fill(t, p, axis, i);
    return FT_OK;
}

/* ---- one axis: `outer` blocks of in x inner items become out x inner */

typedef struct axis_walk {
    int64_t outer, in, out, inner;
} axis_walk;

static axis_walk walk_of(const plan *p, const int64_t *shape, int axis) {
    axis_walk w = { .outer = 1, .in = p->in[axis], .out = p->out[axis], .inner = 1 };
    for (int i = 0; i < axis; i++) w.outer *= shape[i];
    for (int i = axis + 1; i < p->ndim; i++) w.inner *= shape[i];
    return w;
}

static void axis_plain(const axis_walk *w, const taps *t, double *to, const double *from,
                       double outside) {
    for (int64_t o = 0; o < w->outer; o++)
        for (int64_t y = 0; y < w->out; y++)
            for (int64_t i = 0; i < w->inner; i++) {
                double sum = 0;
                for (int64_t k = 0; k < t->count; k++)
                    sum += t->weight[y * t->count + k] *
                           from[(o * w->in + t->at[y * t->count + k]) * w->inner + i];
                to[(o * w->out + y) * w->inner + i] = t->outside[y] ? outside : sum;
            }
}

/* Items of the largest state between two axes. */
static size_t items_most(const plan *p) {
    int64_t shape[FT_ARRAY_DIMS_MAX], most = 1, count = 1;
    memcpy(shape, p->in, sizeof shape);
    for (int i = 0; i < p->ndim; i++) most *= shape[i];
    for (int a = 0; a < p->ndim; a++) {
        shape[a] = p->out[a];
        count = 1;
        for (int i = 0; i < p->ndim; i++) count *= shape[i];
        if (count > most) most = count;
    }
    return (size_t)most;
}

/* Any type, in double; nearest moves items as they are, so that wide integers stay whole. */
static ft_err resize_nearest(const ft_nn_call *c, const plan *p) {
    taps t[FT_ARRAY_DIMS_MAX] = { 0 };
    int64_t at[FT_ARRAY_DIMS_MAX] = { 0 };
    ft_err err = FT_OK;
    for (int a = 0; a < p->ndim && err == FT_OK; a++) err = taps_make(&t[a], p, a);
    for (int64_t i = 0; err == FT_OK && i < ft_array_count(&c->out[0]); i++) {
        int64_t from = 0;
        bool outside = false;
        for (int a = 0; a < p->ndim; a++) {
            from = from * p->in[a] + (p->resized[a] ? t[a].at[at[a]] : at[a]);
            outside |= p->resized[a] && t[a].outside[at[a]];
        }
        if (outside)
            ft_nn_put_f64(&c->out[0], i, p->outside);
        else
            ft_nn_put_item(&c->out[0], i, &c->in[0], from);
        ft_nn_odometer(at, p->out, p->ndim);
    }
    for (int a = 0; a < p->ndim; a++) taps_free(&t[a]);
    return err;
}

static ft_err resize_plain(const ft_nn_call *c, const plan *p, double *a, double *b) {
    int64_t shape[FT_ARRAY_DIMS_MAX];
    memcpy(shape, p->in, sizeof shape);
    for (int64_t i = 0; i < ft_array_count(&c->in[0]); i++) a[i] = ft_array_f64(&c->in[0], i);
    for (int axis = 0; axis < p->ndim; axis++) {
        taps t;
        if (!p->resized[axis]) continue;
        axis_walk w = walk_of(p, shape, axis);
        FT_TRY(taps_make(&t, p, axis));
        axis_plain(&w, &t, b, a, p->outside);
        taps_free(&t);
        shape[axis] = p->out[axis];
        double *swap = a;
        a = b, b = swap;
    }
    for (int64_t i = 0; i < ft_array_count(&c->out[0]); i++) ft_nn_put_f64(&c->out[0], i, a[i]);
    return FT_OK;
}

static ft_err reference(const ft_nn_call *c) {
    plan p;
    FT_TRY(plan_of(&p, c->node, c->in, c->in_count));
    if (ft_array_count(&c->out[0]) == 0) return FT_OK;
    if (p.mode == RESIZE_NEAREST) return resize_nearest(c, &p);
    size_t bytes = items_most(&p) * sizeof(double);
    double *work = ft_fault_here() ? NULL : malloc(2 * bytes);
    if (!work) return FT_FAIL(FT_ENOMEM, "no memory for a resize");
    ft_err err = resize_plain(c, &p, work, work + bytes / sizeof(double));
    free(work);
    return err;
}

/* ---- quick, f32. Taps are made once. */

typedef struct state {
    plan plan;
    taps taps[FT_ARRAY_DIMS_MAX];
    size_t items; /* of the largest state between two axes */
} state;

static void unprepare(void *at) {
    state *s = at;
    for (int i = 0; i < FT_ARRAY_DIMS_MAX; i++) taps_free(&s->taps[i]);
    free(s);
}

static ft_err prepare(ft_nn_prepare *p) {
    if (p->reference || p->in[0].dtype != FT_F32 || ft_array_count(&p->out[0]) == 0) return FT_OK;
    for (size_t i = 1; i < p->in_count; i++) /* scales that are computed by the run */
        if (!ft_nn_absent(&p->in[i]) && ft_array_count(&p->in[i]) && !p->in[i].data) return FT_OK;
    state *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    if (!s) return FT_FAIL(FT_ENOMEM, "no memory for a resize");
    ft_err err = plan_of(&s->plan, p->node, p->in, p->in_count);
    for (int a = 0; a < s->plan.ndim && err == FT_OK; a++)
        if (s->plan.resized[a]) err = taps_make(&s->taps[a], &s->plan, a);
    if (err != FT_OK) {
        unprepare(s);
        return err;
    }
    s->items = items_most(&s->plan);
    p->scratch_bytes = 2 * s->items * sizeof(float);
    p->state = s;
    return FT_OK;
}

FT_NN_KERNEL(line_add, (float *to, const float *from, float by, int64_t n), (to, from, by, n)) {
    for (int64_t i = 0; i < n; i++) to[i] += from[i] * by;
}
FT_NN_KERNEL(line_set, (float *to, const float *from, float by, int64_t n), (to, from, by, n)) {
    for (int64_t i = 0; i < n; i++) to[i] = from[i] * by;
}

static void row_fast(const axis_walk *w, const taps *t, float *to, const float *from, int64_t row,
                     float outside) {
    int64_t o = row / w->out, y = row % w->out, n = w->inner;
    const double *weight = t->weight + y * t->count;
    float *line = to + row * n;
    for (int64_t k = 0; k < t->count; k++) {
        const float *source = from + (o * w->in + t->at[y * t->count + k]) * n;
        if (n == 1)
            line[0] = (k ? line[0] : 0) + source[0] * (float)weight[k];
        else if (k == 0 && weight[0] == 1)
            memcpy(line, source, (size_t)n * sizeof *line);
        else if (k == 0)
            line_set(line, source, (float)weight[k], n);
        else if (weight[k] != 0)
            line_add(line, source, (float)weight[k], n);
    }
    for (int64_t i = 0; i < n && t->outside[y]; i++) line[i] = outside;
}

typedef struct rows_work {
    const axis_walk *w;
    const taps *t;
    float *to;
    const float *from;
    float outside;
} rows_work;

static void rows_resize(void *ctx, int64_t from, int64_t to) {
    const rows_work *v = ctx;
    for (int64_t r = from; r < to; r++) row_fast(v->w, v->t, v->to, v->from, r, v->outside);
}

static ft_err forward(const ft_nn_call *c) {
    const state *s = c->state;
    if (!s) return reference(c);
    int64_t shape[FT_ARRAY_DIMS_MAX];
    const plan *p = &s->plan;
    const float *from = ft_nn_f32(&c->in[0]);
    float *work[2] = { c->scratch, (float *)c->scratch + s->items };
    int last = -1, turn = 0;
    memcpy(shape, p->in, sizeof shape);
    for (int a = 0; a < p->ndim; a++)
        if (p->resized[a]) last = a;
    for (int a = 0; a <= last; a++) {
        if (!p->resized[a]) continue;
        axis_walk w = walk_of(p, shape, a);
        float *to = a == last ? ft_nn_f32(&c->out[0]) : work[turn++ & 1];
        int64_t rows = w.outer * w.out;
        rows_work rows_of = { &w, &s->taps[a], to, from, (float)p->outside };
        ft_nn_spread(c, rows, 1, rows * w.inner, rows_resize, &rows_of);
        shape[a] = p->out[a];
        from = to;
    }
    if (last < 0) memcpy(c->out[0].data, c->in[0].data, ft_array_bytes(&c->out[0]));
    return FT_OK;
}

/* ---- gradient: the axes backwards, each output item's gradient spread over its taps */

static void axis_back(const axis_walk *w, const taps *t, double *to, const double *from) {
    memset(to, 0, (size_t)(w->outer * w->in * w->inner) * sizeof *to);
    for (int64_t o = 0; o < w->outer; o++)
        for (int64_t y = 0; y < w->out; y++)
            for (int64_t k = 0; k < t->count && !t->outside[y]; k++) {
                double by = t->weight[y * t->count + k];
                double *line = to + (o * w->in + t->at[y * t->count + k]) * w->inner;
                const double *grad = from + (o * w->out + y) * w->inner;
                for (int64_t i = 0; i < w->inner; i++) line[i] += grad[i] * by;
            }
}

static ft_err back_plain(const ft_nn_call *c, const plan *p, double *a, double *b) {
    int64_t shape[FT_ARRAY_DIMS_MAX];
    memcpy(shape, p->out, sizeof shape);
    for (int64_t i = 0; i < ft_array_count(&c->out_grad[0]); i++)
        a[i] = ft_array_f64(&c->out_grad[0], i);
    for (int axis = p->ndim - 1; axis >= 0; axis--) {
        taps t;
        if (!p->resized[axis]) continue;
        axis_walk w = walk_of(p, shape, axis);
        FT_TRY(taps_make(&t, p, axis));
        axis_back(&w, &t, b, a);
        taps_free(&t);
        shape[axis] = p->in[axis];
        double *swap = a;
        a = b, b = swap;
    }
    for (int64_t i = 0; i < ft_array_count(&c->in_grad[0]); i++)
        ft_nn_f32(&c->in_grad[0])[i] = (float)a[i];
    return FT_OK;
}

static ft_err backward(const ft_nn_call *c) {
    plan p;
    if (!c->in_grad[0].data) return FT_OK;
    FT_TRY(plan_of(&p, c->node, c->in, c->in_count));
    size_t items = items_most(&p);
    double *work = ft_fault_here() ? NULL : malloc(2 * items * sizeof *work);
    if (!work) return FT_FAIL(FT_ENOMEM, "no memory for a resize");
    ft_err err = back_plain(c, &p, work, work + items);
    free(work);
    return err;
}

extern const ft_nn_op ft_nn_op_resize;
const ft_nn_op ft_nn_op_resize = { .name = "Resize",
                                   .doc = "another size by nearest, linear or cubic samples",
                                   .attrs = attrs,
                                   .inputs_min = 1,
                                   .inputs_max = 4,
                                   .outputs_min = 1,
                                   .outputs_max = 1,
                                   .infer = infer,
                                   .reference = reference,
                                   .forward = forward,
                                   .backward = backward,
                                   .prepare = prepare,
                                   .unprepare = unprepare };
