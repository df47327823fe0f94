/* conv_kernel.c -- convolution, its two gradients, and their oneDNN kernels, for conv.c and
 * conv_transpose.c. */
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "nn/ops/conv_in.h"

void ft_nn_conv_shape_of(ft_nn_conv_shape *s, const ft_nn_node *n, const ft_array *x,
                         const ft_array *y, const ft_array *w) {
    int64_t step = 1;
    *s = (ft_nn_conv_shape){ .last = ft_nn_last(n),
                             .dims = x->ndim - 2,
                             .n = x->shape[0],
                             .groups = ft_nn_attr_int(n, "group"),
                             .ci = w->shape[1],
                             .scale = ft_nn_conv_scale(n) };
    s->co = w->shape[0] / s->groups;
    s->x = ft_dnn_desc_of(x, s->last);
    s->y = ft_dnn_desc_of(y, s->last);
    s->w = (ft_dnn_desc){ .dtype = w->dtype, .ndim = s->dims + 3 };
    s->w.dims[0] = s->groups;
    for (int i = s->dims + 2; i >= 1; i--) {
        s->w.dims[i] = i == 1 ? s->co : w->shape[i - 1];
        s->w.strides[i] = step;
        step *= s->w.dims[i];
    }
    s->w.strides[0] = step;
}

/* ---- plain C. One walk over all places (n, group, output place, window place) that lie inside. */

typedef struct walk {
    const ft_nn_conv_shape *s;
    int64_t n, g;
    int64_t out[FT_ARRAY_DIMS_MAX], k[FT_ARRAY_DIMS_MAX];
    int64_t x_at, y_at, w_at; /* items, at channel 0 of the group */
} walk;

static bool inside(walk *v) {
    const ft_nn_conv_shape *s = v->s;
    v->x_at = v->n * s->x.strides[0] + v->g * s->ci * s->x.strides[1];
    v->w_at = v->g * s->w.strides[0];
    for (int i = 0; i < s->dims; i++) {
        int64_t at = v->out[i] * s->window.stride[i] - s->window.pad_begin[i] +
                     v->k[i] * s->window.dilation[i];
        if (at < 0 || at >= s->x.dims[i + 2]) return false;
        v->x_at += at * s->x.strides[i + 2];
        v->w_at += v->k[i] * s->w.strides[i + 3];
    }
    return true;
}

static void y_place(walk *v) {
    const ft_nn_conv_shape *s = v->s;
    v->y_at = v->n * s->y.strides[0] + v->g * s->co * s->y.strides[1];
    for (int i = 0; i < s->dims; i++) v->y_at += v->out[i] * s->y.strides[i + 2];
}

/* The next output place; false when all were visited. */
static bool walk_next(walk *v) {
    const ft_nn_conv_shape *s = v->s;
    if (ft_nn_odometer(v->out, s->y.dims + 2, s->dims)) return true;
    if (++v->g < s->groups) return true;
    v->g = 0;
    return ++v->n < s->n;
}

static bool walk_begin(walk *v, const ft_nn_conv_shape *s) {
    *v = (walk){ .s = s };
    for (int i = 0; i < s->y.ndim; i++)
        if (s->y.dims[i] == 0) return false;
    return s->groups > 0 && s->n > 0;
}

static double y_sum(walk *v, int64_t o, const ft_array *x, const ft_array *w) {
    const ft_nn_conv_shape *s = v->s;
    double sum = 0;
    memset(v->k, 0, sizeof v->k);
    do {
        if (!inside(v)) continue;
        int64_t x_at = v->x_at, w_at = v->w_at + o * s->w.strides[1];
        for (int64_t i = 0; i < s->ci; i++)
            sum += ft_nn_item(x, x_at + i * s->x.strides[1]) *
                   ft_nn_item(w, w_at + i * s->w.strides[2]);
    } while (ft_nn_odometer(v->k, s->window.kernel, s->dims));
    return sum;
}

void ft_nn_conv_plain(const ft_nn_conv_shape *s, const ft_array *x, const ft_array *w,
                      const ft_array *bias, ft_array *y) {
    walk v;
    if (!walk_begin(&v, s)) return;
    do {
        y_place(&v);
        for (int64_t o = 0; o < s->co; o++) {
            double sum = bias ? ft_nn_item(bias, v.g * s->co + o) : 0;
            double by = s->scale ? (double)s->scale[v.g * s->co + o] : 1;
            ft_nn_put_f64(y, v.y_at + o * s->y.strides[1], sum + by * y_sum(&v, o, x, w));
        }
    } while (walk_next(&v));
}

void ft_nn_conv_plain_bias(const ft_dnn_desc *d, const ft_array *grad, ft_array *bias) {
    for (int64_t c = 0; c < d->dims[1]; c++) {
        int64_t at[FT_ARRAY_DIMS_MAX] = { 0 };
        double sum = 0;
        for (int64_t n = 0; n < d->dims[0] && ft_array_count(grad); n++) do {
                int64_t place = n * d->strides[0] + c * d->strides[1];
                for (int i = 2; i < d->ndim; i++) place += at[i - 2] * d->strides[i];
                sum += ft_nn_item(grad, place);
            } while (ft_nn_odometer(at, d->dims + 2, d->ndim - 2));
        ft_nn_put_f64(bias, c, sum);
    }
}

static void add_item(ft_array *a, int64_t at, double v) {
    ft_nn_put_f64(a, at, ft_nn_item(a, at) + v);
}

void ft_nn_conv_plain_transposed(const ft_nn_conv_shape *s, ft_array *x, const ft_array *w,
                                 const ft_array *bias, const ft_array *y) {
    walk v;
    memset(x->data, 0, ft_array_bytes(x));
    for (bool more = walk_begin(&v, s); more; more = walk_next(&v)) {
        y_place(&v);
        memset(v.k, 0, sizeof v.k);
        do {
            if (!inside(&v)) continue;
            for (int64_t i = 0; i < s->ci; i++) {
                double sum = 0, by = s->scale ? (double)s->scale[v.g * s->ci + i] : 1;
                for (int64_t o = 0; o < s->co; o++)
                    sum += ft_nn_item(y, v.y_at + o * s->y.strides[1]) *
                           ft_nn_item(w, v.w_at + o * s->w.strides[1] + i * s->w.strides[2]);
                add_item(x, v.x_at + i * s->x.strides[1], by * sum);
            }
        } while (ft_nn_odometer(v.k, s->window.kernel, s->dims));
    }
    for (int64_t n = 0; bias && n < s->n && ft_array_count(x); n++)
        for (int64_t c = 0; c < s->x.dims[1]; c++) {
            int64_t at[FT_ARRAY_DIMS_MAX] = { 0 };
            do {
                int64_t place = n * s->x.strides[0] + c * s->x.strides[1];
                for (int i = 0; i < s->dims; i++) place += at[i] * s->x.strides[i + 2];
                add_item(x, place, ft_nn_item(bias, c));
            } while (ft_nn_odometer(at, s->x.dims + 2, s->dims));
        }
}

void ft_nn_conv_plain_weights(const ft_nn_conv_shape *s, const ft_array *x, ft_array *w,
                              const ft_array *y) {
    walk v;
    memset(w->data, 0, ft_array_bytes(w));
    for (bool more = walk_begin(&v, s); more; more = walk_next(&v)) {
        y_place(&v);
        memset(v.k, 0, sizeof v.k);
        do {
            if (!inside(&v)) continue;
            for (int64_t o = 0; o < s->co; o++)
                for (int64_t i = 0; i < s->ci; i++)
                    add_item(w, v.w_at + o * s->w.strides[1] + i * s->w.strides[2],
                             ft_nn_item(y, v.y_at + o * s->y.strides[1]) *
                                 ft_nn_item(x, v.x_at + i * s->x.strides[1]));
        } while (ft_nn_odometer(v.k, s->window.kernel, s->dims));
    }
}

/* ---- oneDNN */

static ft_dnn_conv_opts opts_of(const ft_nn_conv_shape *s, bool transposed, ft_dnn_dir dir,
                                bool bias, bool training) {
    ft_dnn_conv_opts o = { .dir = dir,
                           .transposed = transposed,
                           .training = training,
                           .src = transposed ? s->y : s->x,
                           .dst = transposed ? s->x : s->y,
                           .weights = s->w,
                           .stride = s->window.stride,
                           .dilation = s->window.dilation,
                           .pad_begin = s->window.pad_begin,
                           .pad_end = s->window.pad_end };
    /* Of one dimension (sound), the library's first choice makes code for every few places: 650 ms
     * and 10 MiB for a line of 51,456, again for every length. By products of matrices it is ready
     * at once and the voice of 2.3 s takes 0.27 s for 2.6. */
    bool line = s->dims == 1 && dir == FT_DNN_FORWARD && !training;
    bool choose = !line && (!s->last || dir != FT_DNN_FORWARD || training);
    o.src.any = o.dst.any = choose;
    o.weights.any = true;
    if (s->groups == 1) { /* one group is no group: the first dimension goes */
        o.weights.ndim--;
        memmove(o.weights.dims, o.weights.dims + 1, sizeof o.weights.dims - sizeof *o.weights.dims);
        memmove(o.weights.strides, o.weights.strides + 1,
                sizeof o.weights.strides - sizeof *o.weights.strides);
    }
    if (transposed) { /* (…, co, ci, k): as the library names them, output first */
        int at = s->groups == 1 ? 0 : 1;
        int64_t d = o.weights.dims[at], t = o.weights.strides[at];
        o.weights.dims[at] = o.weights.dims[at + 1];
        o.weights.strides[at] = o.weights.strides[at + 1];
        o.weights.dims[at + 1] = d;
        o.weights.strides[at + 1] = t;
    }
    if (bias)
        o.bias = (ft_dnn_desc){
            .dtype = FT_F32, .ndim = 1, .dims = { o.dst.dims[1] }, .strides = { 1 }
        };
    return o;
}

static bool dnn_takes(const ft_nn_prepare *p, const ft_nn_conv_shape *s) {
    ft_dtype t = p->in[0].dtype;
    if ((t != FT_F32 && t != FT_BF16) || s->dims < 1 || s->dims > 3 || p->reference) return false;
    for (int i = 0; i < s->dims; i++) {
        if (s->window.pad_begin[i] < 0 || s->window.pad_end[i] < -s->window.stride[i]) return false;
        if (s->window.pad_end[i] < 0 && strcmp(p->node->op->name, "Conv") == 0) return false;
    }
    return ft_array_count(&p->in[0]) > 0 && ft_array_count(&p->out[0]) > 0;
}

/* The weight times its scale, for packing. */
typedef struct scaling {
    const ft_nn_conv_shape *s;
    const ft_nn_weight *w;
    bool transposed;
} scaling;

static void weights_scale(void *ctx, void *at) {
    const scaling *v = ctx;
    const ft_nn_conv_shape *s = v->s;
    float *to = at;
    int64_t outer = v->transposed ? s->ci : s->co, others = v->transposed ? s->co : 1;
    int64_t inner = v->transposed ? s->w.strides[2] : s->w.strides[1];
    for (int64_t g = 0; g < s->groups; g++)
        for (int64_t a = 0; a < others; a++)
            for (int64_t o = 0; o < outer; o++) {
                int64_t from = g * s->w.strides[0] + a * s->w.strides[1] + o * inner;
                float by = s->scale[g * outer + o];
                for (int64_t i = 0; i < inner; i++) to[from + i] = v->w[from + i] * by;
            }
}

static ft_err forward_pack(ft_nn_kernel *k, ft_nn_prepare *p, const ft_nn_conv_shape *s,
                           bool transposed) {
    scaling v = { s, p->in[1].data, transposed };
    ft_nn_change change = { s->scale, weights_scale, &v };
    FT_CHECK(!s->scale || (v.w && p->in[1].dtype == FT_F32));
    return ft_nn_kernel_pack_rows(k, p, 1, s->scale ? &change : NULL,
                                  s->groups == 1 && !transposed ? s->scale : NULL);
}

/* Winograd's algorithm (Lavin, Gray: Fast Algorithms for Convolutional Neural Networks, 2015) makes
 * 3 x 3 convolutions in less than half the multiplications, and here in half the time, reorders to
 * the library's blocked layout included (Zen 4, 64 channels of 56 x 56: 1.08 against 2.07 ms). An
 * image at a time, so that what is reordered stays in the cache. Its weights are up to four times
 * as large and it works in memory of its own: only where both are little beside what the layer
 * reads and writes. Beside the direct algorithm ResNet-18's answers move by less than 1e-6 of the
 * largest. */
#define WINOGRAD_CHANNELS_MIN 64
#define WINOGRAD_MORE         3   /* times the weight, beside the weight itself */
#define WINOGRAD_SHARE        0.3 /* of the bytes of input and output */
/* Where the weight is known and there is a way back, it is a matter of time alone: from 4 x 4 on
 * (512 channels of 4 x 4: 0.62 against 0.85 ms). */
#define WINOGRAD_PLACES_MIN 16

size_t ft_nn_conv_winograd_room(const ft_nn_prepare *p) {
    return p->training ? SIZE_MAX : ft_array_bytes(&p->in[0]) + ft_array_bytes(&p->out[0]);
}

bool ft_nn_conv_winograd_pays(const ft_nn_prepare *p, const ft_nn_conv_shape *s) {
    const ft_nn_window *w = &s->window;
    if (s->dims != 2 || !s->last || s->groups != 1 || p->careful || p->in[0].dtype != FT_F32 ||
        p->bf16 || !p->in[1].data || s->ci < WINOGRAD_CHANNELS_MIN || s->co < WINOGRAD_CHANNELS_MIN)
        return false; /* careful: it smears NaN over its tiles */
    for (int i = 0; i < 2; i++)
        if (w->kernel[i] != 3 || w->stride[i] != 1 || w->dilation[i] != 1) return false;
    if (p->training) return s->y.dims[2] * s->y.dims[3] >= WINOGRAD_PLACES_MIN;
    double more = WINOGRAD_MORE * (double)ft_array_bytes(&p->in[1]);
    return more <=
           WINOGRAD_SHARE * (double)(ft_array_bytes(&p->in[0]) + ft_array_bytes(&p->out[0]));
}

/* No kernel in the state: the library has none, or it does not pay. */
static ft_err winograd_make(ft_nn_conv_state *state, ft_nn_prepare *p, const ft_nn_conv_shape *s,
                            const ft_dnn_conv_opts *direct) {
    ft_dnn_conv_opts o = *direct;
    if (!ft_nn_conv_winograd_pays(p, s)) return FT_OK;
    o.winograd = o.src.any = o.dst.any = true;
    o.src.dims[0] = o.dst.dims[0] = 1;
    o.scratch_max = ft_nn_conv_winograd_room(p);
    FT_TRY(ft_nn_kernel_try(&state->forward, p, ft_dnn_conv(&state->forward.dnn, &o)));
    if (state->forward.dnn) state->images = s->n;
    return FT_OK;
}

static ft_err kernels_make(ft_nn_conv_state *state, ft_nn_prepare *p, const ft_nn_conv_shape *s,
                           bool transposed) {
    bool bias = ft_nn_given(p->in, p->in_count, 2);
    ft_nn_post posts[FT_NN_POSTS_MAX];
    bool learns = p->training && !p->in[1].data; /* what is known never changes */
    ft_dnn_conv_opts o = opts_of(s, transposed, FT_DNN_FORWARD, bias, learns);
    o.src.bf16 = o.weights.bf16 = p->bf16;
    o.posts = posts;
    o.post_count = ft_nn_posts_fused(posts, p, &state->posts_after);
    state->images = 1;
    if (!transposed && ft_nn_conv_line_takes(p, s)) {
        state->by_columns = true;
        state->line = *s;
        p->scratch_bytes = ft_nn_conv_line_scratch(s);
        p->kernel = "columns";
        return FT_OK;
    }
    if (!transposed) FT_TRY(winograd_make(state, p, s, &o));
    if (!state->forward.dnn)
        FT_TRY(ft_nn_kernel_try(&state->forward, p, ft_dnn_conv(&state->forward.dnn, &o)));
    if (state->forward.dnn) FT_TRY(forward_pack(&state->forward, p, s, transposed));
    if (!p->training || p->in[0].dtype != FT_F32) return FT_OK;
    if (!transposed) FT_TRY(ft_nn_conv_back_prepare(state, p, s));
    if (!state->few && !state->back_turned.dnn) {
        o = opts_of(s, transposed, FT_DNN_BACK_DATA, false, true);
        o.weights.bf16 = o.dst.bf16 = p->bf16;
        FT_TRY(ft_nn_kernel_try(&state->back_data, p, ft_dnn_conv(&state->back_data.dnn, &o)));
        if (state->back_data.dnn) FT_TRY(ft_nn_kernel_pack(&state->back_data, p, 1, NULL));
    }
    o = opts_of(s, transposed, FT_DNN_BACK_WEIGHTS, bias, true);
    o.src.bf16 = o.dst.bf16 = p->bf16;
    return ft_nn_kernel_try(&state->back_weights, p, ft_dnn_conv(&state->back_weights.dnn, &o));
}

ft_err ft_nn_conv_prepare(ft_nn_prepare *p, const ft_nn_conv_shape *s, bool transposed) {
    if (!dnn_takes(p, s)) return FT_OK;
    ft_nn_conv_state *state = ft_fault_here() ? NULL : calloc(1, sizeof *state);
    if (!state) return FT_FAIL(FT_ENOMEM, "no memory for a convolution");
    ft_err err = kernels_make(state, p, s, transposed);
    if (err != FT_OK) {
        ft_nn_conv_unprepare(state);
        return ft_err_frame(err, __FILE__, __LINE__, "kernels");
    }
    p->state = state;
    return FT_OK;
}

void ft_nn_conv_unprepare(void *at) {
    ft_nn_conv_state *state = at;
    if (!state) return;
    ft_nn_kernel_free(&state->forward);
    ft_nn_kernel_free(&state->back_data);
    ft_nn_kernel_free(&state->back_turned);
    ft_nn_kernel_free(&state->back_weights);
    free(state);
}

ft_err ft_nn_conv_forward(const ft_nn_call *c) {
    const ft_nn_conv_state *state = c->state;
    if (state && state->by_columns) return ft_nn_conv_line(c, &state->line);
    if (!state || !state->forward.dnn) return c->node->op->reference(c);
    int sum = ft_nn_post_sum_input(c->node);
    if (sum >= 0 && !state->posts_after && c->in[sum].data != c->out[0].data)
        memcpy(c->out[0].data, c->in[sum].data, ft_array_bytes(&c->out[0]));
    void *data[FT_DNN_SLOTS] = { [FT_DNN_SRC] = c->in[0].data,
                                 [FT_DNN_WEIGHTS] = c->in[1].data,
                                 [FT_DNN_BIAS] = c->in_count > 2 ? c->in[2].data : NULL,
                                 [FT_DNN_DST] = c->out[0].data };
    for (int64_t i = 0; i < state->images; i++) {
        FT_TRY(ft_dnn_run(state->forward.dnn, data, c->scratch));
        data[FT_DNN_SRC] =
            (char *)data[FT_DNN_SRC] + ft_array_bytes(&c->in[0]) / (size_t)state->images;
        data[FT_DNN_DST] =
            (char *)data[FT_DNN_DST] + ft_array_bytes(&c->out[0]) / (size_t)state->images;
    }
    if (state->posts_after) ft_nn_posts_apply(c);
    return FT_OK;
}

ft_err ft_nn_conv_backward(const ft_nn_call *c, const ft_nn_conv_shape *s, uint32_t *left) {
    const ft_nn_conv_state *state = c->state;
    bool bias = c->in_count > 2 && c->in_grad[2].data;
    bool weights = c->in_grad[1].data || bias;
    *left = (c->in_grad[0].data ? 1u : 0) | (weights ? 2u : 0);
    if (!state) return FT_OK;
    if (c->in_grad[0].data) {
        bool done;
        FT_TRY(ft_nn_conv_back_data(c, s, &done));
        if (done) *left &= ~1u;
    }
    bool both = c->in_grad[1].data && (bias || c->in_count < 3 || ft_nn_absent(&c->in[2]));
    if (both && state->back_weights.dnn) {
        void *data[FT_DNN_SLOTS] = { [FT_DNN_SRC] = c->in[0].data,
                                     [FT_DNN_WEIGHTS] = c->in_grad[1].data,
                                     [FT_DNN_BIAS] = bias ? c->in_grad[2].data : NULL,
                                     [FT_DNN_DST] = c->out_grad[0].data };
        FT_TRY(ft_dnn_run(state->back_weights.dnn, data, c->scratch));
        *left &= ~2u;
    }
    return FT_OK;
}
