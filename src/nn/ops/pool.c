/* pool.c -- MaxPool, AveragePool, LpPool (ONNX 18) and their global forms: windows over 1 to 6
 * spatial dimensions. Fast through oneDNN; the global ones are reductions of our own. */
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "nn/ops/kernel.h"
#include "nn/ops/vector.h"

#define POOL_ROWS                                                                                  \
    { "auto_pad", FT_NN_STRING, NAN, "NOTSET", false },                                            \
        { "ceil_mode", FT_NN_INT, 0, NULL, false }, { "dilations", FT_NN_INTS, NAN, NULL, false }, \
        { "kernel_shape", FT_NN_INTS, NAN, NULL, true }, { "pads", FT_NN_INTS, NAN, NULL, false }, \
        { "strides", FT_NN_INTS, NAN, NULL, false }, FT_NN_LAST_ATTR

static const ft_nn_attr_row max_attrs[] = { POOL_ROWS,
                                            { "storage_order", FT_NN_INT, 0, NULL, false },
                                            { 0 } };
static const ft_nn_attr_row average_attrs[] = { POOL_ROWS,
                                                { "count_include_pad", FT_NN_INT, 0, NULL, false },
                                                { 0 } };
static const ft_nn_attr_row lp_attrs[] = { POOL_ROWS, { "p", FT_NN_INT, 2, NULL, false }, { 0 } };
static const ft_nn_attr_row global_attrs[] = { FT_NN_LAST_ATTR, { 0 } };
static const ft_nn_attr_row global_lp_attrs[] = { FT_NN_LAST_ATTR,
                                                  { "p", FT_NN_INT, 2, NULL, false },
                                                  { 0 } };

typedef enum kind { POOL_MAX, POOL_AVERAGE, POOL_LP } kind;

static kind kind_of(const ft_nn_node *n) {
    return strstr(n->op->name, "Max")  ? POOL_MAX
           : strstr(n->op->name, "Lp") ? POOL_LP
                                       : POOL_AVERAGE;
}
static bool is_global(const ft_nn_node *n) { return strncmp(n->op->name, "Global", 6) == 0; }

typedef struct pool {
    kind kind;
    bool include_pad, last;
    int dims;
    double p;
    ft_nn_window window;
    ft_dnn_desc x, y;
} pool;

static ft_err window_of(pool *p, const ft_nn_node *n, const ft_array *x, int64_t *spatial) {
    const int64_t *kernel;
    size_t count;
    p->dims = x->ndim - 2;
    if (is_global(n)) {
        p->window = (ft_nn_window){ .dims = p->dims };
        for (int i = 0; i < p->dims; i++) {
            p->window.kernel[i] = x->shape[i + 2];
            p->window.stride[i] = p->window.dilation[i] = spatial[i] = 1;
        }
        return FT_OK;
    }
    ft_nn_attr_ints(n, "kernel_shape", &kernel, &count);
    if ((int)count != p->dims)
        return ft_nn_refuse_(n, FT_EINVAL, "kernel_shape has %zu sizes, the input %d", count,
                             p->dims);
    return ft_nn_window_of(&p->window, n, x, kernel, spatial);
}

static ft_err pool_of(pool *p, const ft_nn_node *n, const ft_array *in, const ft_array *out) {
    int64_t spatial[FT_ARRAY_DIMS_MAX];
    memset(p, 0, sizeof *p);
    p->kind = kind_of(n);
    p->last = ft_nn_last(n);
    ft_array x = ft_nn_first(in, p->last);
    FT_TRY(window_of(p, n, &x, spatial));
    p->include_pad =
        p->kind == POOL_AVERAGE && !is_global(n) && ft_nn_attr_int(n, "count_include_pad") != 0;
    p->p = p->kind == POOL_LP ? (double)ft_nn_attr_int(n, "p") : 0;
    p->x = ft_dnn_desc_of(in, p->last);
    p->y = ft_dnn_desc_of(out, p->last);
    return FT_OK;
}

static ft_err infer(ft_nn_infer *i) {
    pool p;
    bool max = kind_of(i->node) == POOL_MAX;
    FT_TRY(ft_nn_take(i, 0, max ? FT_NN_NUMBERS : FT_NN_FLOATS));
    ft_array x = ft_nn_first(&i->in[0], ft_nn_last(i->node));
    for (size_t k = 0; k < i->out_count; k++) i->out[k] = ft_nn_unknown(k ? FT_I64 : x.dtype);
    if (x.ndim < 0) return FT_OK;
    if (x.ndim < 3)
        return ft_nn_refuse_(i->node, FT_EINVAL, "an input of %d dimensions, expected 3 or more",
                             x.ndim);
    ft_array y = { .dtype = x.dtype, .ndim = x.ndim, .shape = { x.shape[0], x.shape[1] } };
    FT_TRY(window_of(&p, i->node, &x, y.shape + 2));
    ft_nn_to_last(&y, ft_nn_last(i->node));
    for (size_t k = 0; k < i->out_count; k++) {
        y.dtype = k ? FT_I64 : x.dtype;
        i->out[k] = y;
    }
    return FT_OK;
}

/* ---- plain C. One window at a time. */

typedef struct place {
    int64_t at[FT_ARRAY_DIMS_MAX]; /* n, c, spatial of the output */
    int64_t k[FT_ARRAY_DIMS_MAX];
} place;

/* Item of x under the window's place, or -1 in the padding; `padded`: still in what the pads cover.
 */
static int64_t x_at(const pool *p, const place *w, bool *padded) {
    int64_t at = w->at[0] * p->x.strides[0] + w->at[1] * p->x.strides[1];
    bool in = true;
    *padded = true;
    for (int i = 0; i < p->dims; i++) {
        int64_t x = w->at[i + 2] * p->window.stride[i] - p->window.pad_begin[i] +
                    w->k[i] * p->window.dilation[i];
        if (x < 0 || x >= p->x.dims[i + 2]) in = false;
        if (x >= p->x.dims[i + 2] + p->window.pad_end[i]) *padded = false;
        at += x * p->x.strides[i + 2];
    }
    return in ? at : -1;
}

static int64_t y_at(const pool *p, const place *w) {
    int64_t at = 0;
    for (int i = 0; i < p->dims + 2; i++) at += w->at[i] * p->y.strides[i];
    return at;
}

typedef struct window_sum {
    double value;  /* largest, sum, or sum of powers */
    int64_t count; /* of items that count */
    int64_t best;  /* item of x with the largest; -1: none */
} window_sum;

static window_sum window_look(const pool *p, place *w, const ft_array *x) {
    window_sum s = { .best = -1 };
    memset(w->k, 0, sizeof w->k);
    do {
        bool padded;
        int64_t at = x_at(p, w, &padded);
        if (at < 0) {
            s.count += p->include_pad && padded;
            continue;
        }
        double v = ft_nn_item(x, at);
        s.count++;
        if (p->kind == POOL_MAX) {
            if (s.best < 0 || v > s.value || (isnan(v) && !isnan(s.value)))
                s.best = at, s.value = v;
        } else {
            s.value += p->kind == POOL_LP ? pow(fabs(v), p->p) : v;
        }
    } while (ft_nn_odometer(w->k, p->window.kernel, p->dims));
    return s;
}

/* ONNX counts MaxPool's indices in (n, c, spatial …) order, or spatial sizes reversed. */
static int64_t index_of(const pool *p, int64_t item, bool reversed) {
    int64_t at[FT_ARRAY_DIMS_MAX] = { 0 }, index;
    for (int i = 0; i < p->dims + 2; i++) at[i] = item / p->x.strides[i] % p->x.dims[i];
    index = at[0] * p->x.dims[1] + at[1];
    int64_t plane = 1, inner = 0, step = 1;
    for (int i = 0; i < p->dims; i++) plane *= p->x.dims[i + 2];
    for (int k = 0; k < p->dims; k++) {
        int i = reversed ? k : p->dims - 1 - k;
        inner += at[i + 2] * step;
        step *= p->x.dims[i + 2];
    }
    return index * plane + inner;
}

static ft_err reference(const ft_nn_call *c) {
    pool p;
    place w = { 0 };
    FT_TRY(pool_of(&p, c->node, &c->in[0], &c->out[0]));
    bool indices = c->out_count > 1 && c->out[1].data;
    bool reversed = indices && ft_nn_attr_int(c->node, "storage_order") == 1;
    if (ft_array_count(&c->out[0]) == 0) return FT_OK;
    do {
        window_sum s = window_look(&p, &w, &c->in[0]);
        double v = s.value;
        if (p.kind == POOL_MAX && s.best < 0) v = -INFINITY;
        if (p.kind == POOL_AVERAGE) v = s.count ? v / (double)s.count : 0;
        if (p.kind == POOL_LP) v = pow(v, 1 / p.p);
        int64_t to = y_at(&p, &w);
        if (p.kind == POOL_MAX && s.best >= 0)
            ft_nn_put_item(&c->out[0], to, &c->in[0], s.best);
        else
            ft_nn_put_f64(&c->out[0], to, v);
        if (indices) ft_nn_put_int(&c->out[1], to, index_of(&p, s.best, reversed));
    } while (ft_nn_odometer(w.at, p.y.dims, p.dims + 2));
    return FT_OK;
}

/* What one output's gradient does to the items under its window. */
static void window_back(const pool *p, place *w, const ft_array *x, double y, double grad,
                        float *to) {
    window_sum s = window_look(p, w, x);
    if (p->kind == POOL_MAX) {
        if (s.best >= 0) to[s.best] += (float)grad;
        return;
    }
    memset(w->k, 0, sizeof w->k);
    do {
        bool padded;
        int64_t at = x_at(p, w, &padded);
        if (at < 0) continue;
        double v = ft_nn_item(x, at), part = 1 / (double)s.count;
        if (p->kind == POOL_LP) /* d (sum |x|^p)^(1/p) = sign(x) (|x| / y)^(p-1) */
            part = y > 0 ? (v < 0 ? -1 : 1) * pow(fabs(v) / y, p->p - 1) : 0;
        to[at] += (float)(grad * part);
    } while (ft_nn_odometer(w->k, p->window.kernel, p->dims));
}

static ft_err backward_plain(const ft_nn_call *c) {
    pool p;
    place w = { 0 };
    FT_TRY(pool_of(&p, c->node, &c->in[0], &c->out[0]));
    memset(c->in_grad[0].data, 0, ft_array_bytes(&c->in_grad[0]));
    if (ft_array_count(&c->out[0]) == 0) return FT_OK;
    do {
        int64_t at = y_at(&p, &w);
        window_back(&p, &w, &c->in[0], ft_nn_item(&c->out[0], at), ft_nn_item(&c->out_grad[0], at),
                    ft_nn_f32(&c->in_grad[0]));
    } while (ft_nn_odometer(w.at, p.y.dims, p.dims + 2));
    return FT_OK;
}

/* ---- oneDNN */

typedef struct state {
    ft_nn_kernel forward, back;
} state;

/* The library's averages count whole windows: where the last one hangs over, plain C runs. */
static bool dnn_takes(const ft_nn_prepare *p, const pool *s, int64_t *pad_end) {
    ft_dtype t = p->in[0].dtype;
    if (p->reference || (p->careful && s->kind == POOL_MAX) || (t != FT_F32 && t != FT_BF16) ||
        s->dims > 3 || s->kind == POOL_LP)
        return false;
    if ((p->out_count > 1 && p->node->outputs[1] != FT_NN_NONE) || ft_array_count(&p->in[0]) == 0 ||
        ft_array_count(&p->out[0]) == 0)
        return false;
    for (int i = 0; i < s->dims; i++) {
        const ft_nn_window *w = &s->window;
        int64_t span = (w->kernel[i] - 1) * w->dilation[i] + 1;
        int64_t need =
            (s->y.dims[i + 2] - 1) * w->stride[i] + span - s->x.dims[i + 2] - w->pad_begin[i];
        pad_end[i] = need > w->pad_end[i] ? need : w->pad_end[i];
        if (s->include_pad && need > w->pad_end[i]) return false;
        if (w->pad_begin[i] >= span || pad_end[i] >= span) return false;
    }
    return true;
}

static ft_err prepare(ft_nn_prepare *p) {
    pool s;
    int64_t pad_end[FT_ARRAY_DIMS_MAX];
    FT_TRY(pool_of(&s, p->node, &p->in[0], &p->out[0]));
    if (!dnn_takes(p, &s, pad_end)) return FT_OK;
    ft_dnn_pool_opts o = { .max = s.kind == POOL_MAX,
                           .include_pad = s.include_pad,
                           .src = s.x,
                           .dst = s.y,
                           .kernel = s.window.kernel,
                           .stride = s.window.stride,
                           .dilation = s.window.dilation,
                           .pad_begin = s.window.pad_begin,
                           .pad_end = pad_end };
    state *made = ft_fault_here() ? NULL : calloc(1, sizeof *made);
    if (!made) return FT_FAIL(FT_ENOMEM, "no memory for a pool");
    ft_err err = ft_nn_kernel_try(&made->forward, p, ft_dnn_pool(&made->forward.dnn, &o));
    o.dir = FT_DNN_BACK_DATA;
    if (err == FT_OK && p->training && !o.max && p->in[0].dtype == FT_F32)
        err = ft_nn_kernel_try(&made->back, p, ft_dnn_pool(&made->back.dnn, &o));
    p->state = made;
    if (err == FT_OK) return FT_OK;
    ft_nn_kernel_free(&made->forward);
    free(made);
    p->state = NULL;
    return err;
}

static void unprepare(void *at) {
    state *s = at;
    ft_nn_kernel_free(&s->forward);
    ft_nn_kernel_free(&s->back);
    free(s);
}

static ft_err forward(const ft_nn_call *c) {
    const state *s = c->state;
    if (!s || !s->forward.dnn) return reference(c);
    void *data[FT_DNN_SLOTS] = { [FT_DNN_SRC] = c->in[0].data, [FT_DNN_DST] = c->out[0].data };
    return ft_dnn_run(s->forward.dnn, data, c->scratch);
}

/* ---- gradient of the largest, channels-last: the first item of a window that is its largest takes
 * all of `rest`, which is then 0. */
FT_NN_KERNEL(largest_takes, (float *dx, float *rest, const float *x, const float *y, int64_t n),
             (dx, rest, x, y, n)) {
    for (int64_t i = 0; i < n; i++) {
        float take = x[i] == y[i] ? rest[i] : 0;
        dx[i] += take;
        rest[i] -= take;
    }
}

#define REST_MAX 4096 /* channels at once */

static void image_back_max(const pool *p, const ft_nn_call *c, int64_t n) {
    int64_t channels = p->x.dims[1], width = p->y.dims[3], places = p->y.dims[2] * width;
    int64_t all = p->x.dims[2] * p->x.dims[3] * channels;
    const float *x = ft_nn_f32(&c->in[0]) + n * all;
    const float *y = ft_nn_f32(&c->out[0]) + n * places * channels;
    const float *dy = ft_nn_f32(&c->out_grad[0]) + n * places * channels;
    float *dx = ft_nn_f32(&c->in_grad[0]) + n * all, rest[REST_MAX];
    const ft_nn_window *w = &p->window;
    memset(dx, 0, (size_t)all * sizeof *dx);
    for (int64_t at = 0; at < places; at++) {
        memcpy(rest, dy + at * channels, (size_t)channels * sizeof *rest);
        for (int64_t k = 0; k < w->kernel[0] * w->kernel[1]; k++) {
            int64_t row =
                at / width * w->stride[0] - w->pad_begin[0] + k / w->kernel[1] * w->dilation[0];
            int64_t column =
                at % width * w->stride[1] - w->pad_begin[1] + k % w->kernel[1] * w->dilation[1];
            if (row < 0 || column < 0 || row >= p->x.dims[2] || column >= p->x.dims[3]) continue;
            int64_t from = (row * p->x.dims[3] + column) * channels;
            largest_takes(dx + from, rest, x + from, y + at * channels, channels);
        }
    }
}

static bool quick_back(const pool *p, const ft_nn_call *c) {
    return p->last && p->dims == 2 && c->in[0].dtype == FT_F32 && c->out_grad[0].data &&
           p->x.dims[1] <= REST_MAX && ft_array_count(&c->out[0]) > 0;
}

static void back_max(const pool *p, const ft_nn_call *c) {
    int threads = ft_nn_threads(c->threads, ft_array_count(&c->in[0]));
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (int64_t n = 0; n < p->x.dims[0]; n++) image_back_max(p, c, n);
}

static void back_global_average(const pool *p, const ft_nn_call *c) {
    int64_t channels = p->x.dims[1], places = p->x.dims[2] * p->x.dims[3];
    for (int64_t n = 0; n < p->x.dims[0]; n++) {
        const float *dy = ft_nn_f32(&c->out_grad[0]) + n * channels;
        float *dx = ft_nn_f32(&c->in_grad[0]) + n * channels * places;
        for (int64_t k = 0; k < channels; k++) dx[k] = dy[k] / (float)places;
        for (int64_t i = 1; i < places; i++)
            memcpy(dx + i * channels, dx, (size_t)channels * sizeof *dx);
    }
}

static ft_err backward(const ft_nn_call *c) {
    const state *s = c->state;
    pool p;
    if (!c->in_grad[0].data) return FT_OK;
    FT_TRY(pool_of(&p, c->node, &c->in[0], &c->out[0]));
    bool quick = quick_back(&p, c);
    if (quick && p.kind == POOL_MAX && s) {
        back_max(&p, c);
        return FT_OK;
    }
    if (quick && is_global(c->node) && p.kind == POOL_AVERAGE) {
        back_global_average(&p, c);
        return FT_OK;
    }
    if (!s || !s->back.dnn) return backward_plain(c);
    void *data[FT_DNN_SLOTS] = {
        [FT_DNN_SRC] = c->in_grad[0].data, [FT_DNN_DST] = c->out_grad[0].data
    };
    return ft_dnn_run(s->back.dnn, data, c->scratch);
}

/* ---- global: channels-last adds whole rows, channels-first sums each plane */

static void rows_add(float *to, const float *x, int64_t rows, int64_t channels) {
    memset(to, 0, (size_t)channels * sizeof *to);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < channels; c++) to[c] += x[r * channels + c];
}

static float plane_mean(const float *x, int64_t plane) {
    float sums[16] = { 0 }, sum = 0;
    for (int64_t i = 0; i < plane; i++) sums[i & 15] += x[i];
    for (int i = 0; i < 16; i++) sum += sums[i];
    return sum / (float)plane;
}

static ft_err global_average(const ft_nn_call *c) {
    pool p;
    if (c->in[0].dtype != FT_F32) return reference(c);
    FT_TRY(pool_of(&p, c->node, &c->in[0], &c->out[0]));
    const float *x = ft_nn_f32(&c->in[0]);
    float *y = ft_nn_f32(&c->out[0]);
    int64_t plane = 1, n = p.x.dims[0], channels = p.x.dims[1];
    for (int i = 0; i < p.dims; i++) plane *= p.x.dims[i + 2];
    if (plane == 0) return reference(c);
    for (int64_t i = 0; !p.last && i < n * channels; i++) y[i] = plane_mean(x + i * plane, plane);
    if (!p.last) return FT_OK;
#pragma omp parallel for num_threads(ft_nn_threads(c->threads, n *plane *channels)) if (n > 1)
    for (int64_t i = 0; i < n; i++) {
        rows_add(y + i * channels, x + i * plane * channels, plane, channels);
        for (int64_t k = 0; k < channels; k++) y[i * channels + k] /= (float)plane;
    }
    return FT_OK;
}

#define POOL_OP(symbol, title, text, rows, outputs, fast, make, unmake, ...) \
    extern const ft_nn_op ft_nn_op_##symbol;                                 \
    const ft_nn_op ft_nn_op_##symbol = { .name = title,                      \
                                         .doc = text,                        \
                                         .attrs = rows,                      \
                                         .inputs_min = 1,                    \
                                         .inputs_max = 1,                    \
                                         .outputs_min = 1,                   \
                                         .outputs_max = outputs,             \
                                         .infer = infer,                     \
                                         .reference = reference,             \
                                         .forward = fast,                    \
                                         .backward = backward,               \
                                         .prepare = make,                    \
                                         .unprepare = unmake,                \
                                         .apart = ft_nn_apart,               \
                                         __VA_ARGS__ }

POOL_OP(max_pool, "MaxPool", "largest item of each window", max_attrs, 2, forward, prepare,
        unprepare, .rows = FT_NN_ROWS_WINDOW);
POOL_OP(average_pool, "AveragePool", "mean of each window", average_attrs, 1, forward, prepare,
        unprepare, .rows = FT_NN_ROWS_WINDOW);
POOL_OP(lp_pool, "LpPool", "p-norm of each window", lp_attrs, 1, NULL, NULL, NULL,
        .rows = FT_NN_ROWS_WINDOW);
POOL_OP(global_max_pool, "GlobalMaxPool", "largest item of each channel", global_attrs, 1, NULL,
        NULL, NULL);
POOL_OP(global_average_pool, "GlobalAveragePool", "mean of each channel", global_attrs, 1,
        global_average, NULL, NULL, .reads = FT_NN_READS_NOTHING);
POOL_OP(global_lp_pool, "GlobalLpPool", "p-norm of each channel", global_lp_attrs, 1, NULL, NULL,
        NULL);
