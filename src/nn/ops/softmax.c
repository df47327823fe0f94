/* softmax.c -- Softmax and LogSoftmax (ONNX 13) along one axis, shifted by the largest so that
 * nothing overflows. */
#include "nn/ops/kernel.h"
#include "nn/ops/vector.h"

static const ft_nn_attr_row attrs[] = { { "axis", FT_NN_INT, -1, NULL, false }, { 0 } };

typedef struct lines { /* outer * inner lines of `count` items, `inner` apart */
    int64_t outer, count, inner;
    bool log;
} lines;

static ft_err lines_of(lines *l, const ft_nn_node *n, const ft_array *x) {
    int axis;
    FT_TRY(ft_nn_axis(&axis, n, ft_nn_attr_int(n, "axis"), x->ndim));
    *l = (lines){ .outer = ft_nn_product(x, 0, axis),
                  .count = x->shape[axis],
                  .inner = ft_nn_product(x, axis + 1, x->ndim),
                  .log = strcmp(n->op->name, "LogSoftmax") == 0 };
    return FT_OK;
}

static ft_err infer(ft_nn_infer *i) {
    int axis;
    FT_TRY(ft_nn_take(i, 0, FT_NN_FLOATS));
    i->out[0] = ft_nn_like(&i->in[0]);
    if (i->in[0].ndim <= 0) return FT_OK;
    return ft_nn_axis(&axis, i->node, ft_nn_attr_int(i->node, "axis"), i->in[0].ndim);
}

static void line_plain(const lines *l, const ft_array *x, ft_array *y, int64_t at) {
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < l->count; i++) most = fmax(most, ft_nn_item(x, at + i * l->inner));
    for (int64_t i = 0; i < l->count; i++) sum += exp(ft_nn_item(x, at + i * l->inner) - most);
    for (int64_t i = 0; i < l->count; i++) {
        double v = ft_nn_item(x, at + i * l->inner) - most;
        ft_nn_put_f64(y, at + i * l->inner, l->log ? v - log(sum) : exp(v) / sum);
    }
}

static ft_err reference(const ft_nn_call *c) {
    lines l;
    if (c->in[0].ndim == 0) {
        ft_nn_put_f64(&c->out[0], 0, strcmp(c->node->op->name, "Softmax") == 0);
        return FT_OK;
    }
    FT_TRY(lines_of(&l, c->node, &c->in[0]));
    for (int64_t o = 0; o < l.outer; o++)
        for (int64_t i = 0; i < l.inner; i++)
            line_plain(&l, &c->in[0], &c->out[0], o * l.count * l.inner + i);
    return FT_OK;
}

FT_NN_KERNEL(row_softmax, (float *y, const float *x, int64_t n, bool log_form),
             (y, x, n, log_form)) {
    float most = -__builtin_inff(), sum = 0;
    for (int64_t i = 0; i < n; i++) most = x[i] > most ? x[i] : most;
    ft_v16 sums = ft_v_set(0);
    int64_t i = 0;
    for (; i + FT_NN_LANES <= n; i += FT_NN_LANES) {
        ft_v16 e = ft_v_exp(ft_v_load(x + i) - most);
        sums += e;
        if (!log_form) ft_v_store(y + i, e);
    }
    for (int k = 0; k < FT_NN_LANES; k++) sum += sums[k];
    if (i < n) {
        ft_v16 e = ft_v_exp(ft_v_load_part(x + i, n - i) - most);
        for (int64_t k = 0; k < n - i; k++) sum += e[k];
        if (!log_form) ft_v_store_part(y + i, e, n - i);
    }
    float shift = most + __builtin_logf(sum), scale = 1 / sum;
    for (int64_t k = 0; k < n; k++) y[k] = log_form ? x[k] - shift : y[k] * scale;
}

static ft_err forward(const ft_nn_call *c) {
    lines l;
    if (c->in[0].dtype != FT_F32 || c->in[0].ndim == 0) return reference(c);
    FT_TRY(lines_of(&l, c->node, &c->in[0]));
    if (l.inner != 1 || c->in[0].data == c->out[0].data) return reference(c);
    const float *x = ft_nn_f32(&c->in[0]);
    float *y = ft_nn_f32(&c->out[0]);
#pragma omp parallel for num_threads(ft_nn_threads(c->threads, l.outer *l.count)) if (l.outer > 1)
    for (int64_t o = 0; o < l.outer; o++)
        row_softmax(y + o * l.count, x + o * l.count, l.count, l.log);
    return FT_OK;
}

/* Softmax: dx = y (dy - sum(y dy)). Log: dx = dy - exp(y) sum(dy). */
static void line_back(const lines *l, const ft_nn_call *c, int64_t at) {
    const float *y = ft_nn_f32(&c->out[0]), *dy = ft_nn_f32(&c->out_grad[0]);
    float *dx = ft_nn_f32(&c->in_grad[0]);
    double sum = 0;
    for (int64_t i = 0, k = at; i < l->count; i++, k += l->inner)
        sum += (l->log ? 1 : (double)y[k]) * (double)dy[k];
    for (int64_t i = 0, k = at; i < l->count; i++, k += l->inner)
        dx[k] = l->log ? (float)((double)dy[k] - exp((double)y[k]) * sum)
                       : (float)((double)y[k] * ((double)dy[k] - sum));
}

static ft_err backward(const ft_nn_call *c) {
    lines l;
    if (!c->in_grad[0].data) return FT_OK;
    FT_TRY(lines_of(&l, c->node, &c->in[0]));
    for (int64_t o = 0; o < l.outer; o++)
        for (int64_t i = 0; i < l.inner; i++) line_back(&l, c, o * l.count * l.inner + i);
    return FT_OK;
}

#define SOFTMAX_OP(symbol, title, text)                             \
    extern const ft_nn_op ft_nn_op_##symbol;                        \
    const ft_nn_op ft_nn_op_##symbol = { .name = title,             \
                                         .doc = text,               \
                                         .attrs = attrs,            \
                                         .inputs_min = 1,           \
                                         .inputs_max = 1,           \
                                         .outputs_min = 1,          \
                                         .outputs_max = 1,          \
                                         .infer = infer,            \
                                         .reference = reference,    \
                                         .forward = forward,        \
                                         .backward = backward,      \
                                         .apart = ft_nn_apart_axis, \
                                         .rows = FT_NN_ROWS_LINES }

SOFTMAX_OP(softmax, "Softmax", "exp(x) / sum of exp(x) along an axis");
SOFTMAX_OP(log_softmax, "LogSoftmax", "x - log of the sum of exp(x) along an axis");
