/* conv_back.c -- a convolution's way back to its data, where something is quicker than oneDNN's
 * backward kernels:
 *
 *     to few channels (a picture's three): the library fills them up to sixteen; a product with the
 *     weight, and its columns added where they belong, is four times as quick (Zen 4, conv1 of
 *     ResNet-18 at 128 x 128: 0.9 against 3.6 ms);
 *     3 x 3 without steps, the weight known: the convolution with the turned weight, by Winograd.
 */
#include "base/check.h"
#include "nn/ops/conv_in.h"
#include "nn/ops/vector.h"

#define FEW_CHANNELS 4
#define COLUMN_BYTES ((size_t)512 << 10) /* of columns at a time: they stay in the cache */

/* ---- to few channels */

static bool few_takes(const ft_nn_prepare *p, const ft_nn_conv_shape *s) {
    return s->dims == 2 && s->last && s->groups == 1 && s->ci <= FEW_CHANNELS && !p->bf16 &&
           p->in[0].dtype == FT_F32 && p->in[1].dtype == FT_F32;
}

static int64_t column_items(const ft_nn_conv_shape *s) {
    return s->window.kernel[0] * s->window.kernel[1] * s->ci;
}

/* Rows of output that are gone back at a time. */
static int64_t rows_at_once(const ft_nn_conv_shape *s) {
    size_t row = (size_t)(s->y.dims[3] * column_items(s)) * sizeof(float);
    int64_t rows = (int64_t)(COLUMN_BYTES / (row ? row : 1));
    return rows < 1 ? 1 : rows > s->y.dims[2] ? s->y.dims[2] : rows;
}

static size_t few_scratch(const ft_nn_conv_shape *s) {
    int64_t columns = rows_at_once(s) * s->y.dims[3] * column_items(s);
    return (size_t)(s->co * column_items(s) + columns) * sizeof(float);
}

/* (co, ci, y, x) as (co, y, x, ci): a window's row is then one run of a picture's floats. */
static void weight_order(float *to, const ft_nn_conv_shape *s, const ft_nn_weight *w) {
    int64_t places = s->window.kernel[0] * s->window.kernel[1];
    for (int64_t o = 0; o < s->co; o++)
        for (int64_t i = 0; i < s->ci; i++)
            for (int64_t k = 0; k < places; k++)
                to[(o * places + k) * s->ci + i] = w[(o * s->ci + i) * places + k];
}

typedef struct columns {
    const float *at;
    float *dx; /* of one image */
    int64_t first_row, rows;
} columns;

FT_NN_INLINE void run_add(float *to, const float *from, int64_t n) {
    for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

/* Columns of some rows of output, added where they came from. */
FT_NN_KERNEL(columns_add, (const ft_nn_conv_shape *s, const columns *c), (s, c)) {
    const ft_nn_window *w = &s->window;
    int64_t height = s->x.dims[2], width = s->x.dims[3], ci = s->ci, each = w->kernel[1] * ci;
    const float *at = c->at;
    for (int64_t r = 0; r < c->rows; r++)
        for (int64_t x = 0; x < s->y.dims[3]; x++)
            for (int64_t ky = 0; ky < w->kernel[0]; ky++, at += each) {
                int64_t iy =
                    (c->first_row + r) * w->stride[0] - w->pad_begin[0] + ky * w->dilation[0];
                int64_t ix = x * w->stride[1] - w->pad_begin[1];
                if (iy < 0 || iy >= height) continue;
                float *row = c->dx + iy * width * ci;
                if (w->dilation[1] == 1) {
                    int64_t from = ix < 0 ? -ix : 0;
                    int64_t to = ix + w->kernel[1] > width ? width - ix : w->kernel[1];
                    run_add(row + (ix + from) * ci, at + from * ci, (to - from) * ci);
                    continue;
                }
                for (int64_t k = 0; k < w->kernel[1]; k++) {
                    int64_t place = ix + k * w->dilation[1];
                    if (place >= 0 && place < width) run_add(row + place * ci, at + k * ci, ci);
                }
            }
}

static ft_err few_back(const ft_nn_call *c, const ft_nn_conv_shape *s) {
    int64_t items = column_items(s), at_once = rows_at_once(s), row = s->y.dims[3];
    float *weight = c->scratch, *columns_at = weight + s->co * items;
    weight_order(weight, s, c->in[1].data);
    memset(c->in_grad[0].data, 0, ft_array_bytes(&c->in_grad[0]));
    for (int64_t n = 0; n < s->n; n++)
        for (int64_t y = 0; y < s->y.dims[2]; y += at_once) {
            int64_t rows = s->y.dims[2] - y < at_once ? s->y.dims[2] - y : at_once;
            const float *dy = c->out_grad[0].data;
            ft_nn_gemm g = { .m = rows * row,
                             .n = items,
                             .k = s->co,
                             .alpha = 1,
                             .a = dy + (n * s->y.dims[2] + y) * row * s->co,
                             .lda = s->co,
                             .b = weight,
                             .ldb = items,
                             .c = columns_at,
                             .ldc = items };
            columns from = { columns_at, c->in_grad[0].data, y, rows };
            from.dx += n * s->x.dims[2] * s->x.dims[3] * s->ci;
            FT_TRY(ft_nn_gemm_run(&g, true));
            columns_add(s, &from);
        }
    return FT_OK;
}

/* ---- by the turned weight */

typedef struct turning {
    const ft_nn_conv_shape *s;
    const ft_nn_weight *w;
} turning;

/* (co, ci, y, x) as (ci, co, -y, -x). */
static void weight_turn(void *ctx, void *at) {
    const turning *t = ctx;
    const ft_nn_conv_shape *s = t->s;
    float *to = at;
    int64_t places = s->window.kernel[0] * s->window.kernel[1];
    for (int64_t i = 0; i < s->ci; i++)
        for (int64_t o = 0; o < s->co; o++)
            for (int64_t k = 0; k < places; k++)
                *to++ = t->w[(o * s->ci + i) * places + places - 1 - k];
}

static ft_err turned_make(ft_nn_conv_state *state, ft_nn_prepare *p, const ft_nn_conv_shape *s) {
    static const char tag; /* of the turned numbers, in a store */
    static const int64_t one[2] = { 1, 1 };
    turning turn = { s, p->in[1].data };
    ft_nn_change change = { &tag, weight_turn, &turn };
    for (int i = 0; i < 2; i++)
        if (s->window.pad_begin[i] != 1 || s->window.pad_end[i] != 1) return FT_OK;
    ft_dnn_conv_opts o = { .dir = FT_DNN_FORWARD,
                           .winograd = true,
                           .src = s->y,
                           .dst = s->x,
                           .stride = one,
                           .dilation = one,
                           .pad_begin = one,
                           .pad_end = one,
                           .scratch_max = ft_nn_conv_winograd_room(p) };
    o.src.any = o.dst.any = true;
    o.src.dims[0] = o.dst.dims[0] = 1;
    o.weights = (ft_dnn_desc){ .dtype = FT_F32, .ndim = 4, .dims = { s->ci, s->co, 3, 3 } };
    o.weights.any = true;
    for (int64_t i = 3, step = 1; i >= 0; step *= o.weights.dims[i--]) o.weights.strides[i] = step;
    FT_TRY(ft_nn_kernel_try(&state->back_turned, p, ft_dnn_conv(&state->back_turned.dnn, &o)));
    return state->back_turned.dnn ? ft_nn_kernel_pack(&state->back_turned, p, 1, &change) : FT_OK;
}

ft_err ft_nn_conv_back_prepare(ft_nn_conv_state *state, ft_nn_prepare *p,
                               const ft_nn_conv_shape *s) {
    state->few = few_takes(p, s);
    if (state->few) {
        size_t bytes = few_scratch(s);
        if (p->scratch_bytes < bytes) p->scratch_bytes = bytes;
        return FT_OK;
    }
    return ft_nn_conv_winograd_pays(p, s) ? turned_make(state, p, s) : FT_OK;
}

ft_err ft_nn_conv_back_data(const ft_nn_call *c, const ft_nn_conv_shape *s, bool *done) {
    const ft_nn_conv_state *state = c->state;
    *done = state->few || state->back_turned.dnn || state->back_data.dnn;
    if (state->few) return few_back(c, s);
    bool turned = state->back_turned.dnn != NULL;
    int64_t images = turned ? s->n : 1;
    int from = turned ? FT_DNN_SRC : FT_DNN_DST, to = turned ? FT_DNN_DST : FT_DNN_SRC;
    ft_dnn *kernel = turned ? state->back_turned.dnn : state->back_data.dnn;
    void *data[FT_DNN_SLOTS] = { [FT_DNN_WEIGHTS] = c->in[1].data };
    for (int64_t n = 0; n < images && *done; n++) {
        data[from] = (char *)c->out_grad[0].data +
                     n * (int64_t)(ft_array_bytes(&c->out_grad[0]) / (size_t)images);
        data[to] = (char *)c->in_grad[0].data +
                   n * (int64_t)(ft_array_bytes(&c->in_grad[0]) / (size_t)images);
        FT_TRY(ft_dnn_run(kernel, data, c->scratch));
    }
    return FT_OK;
}
