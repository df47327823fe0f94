/* rnn.c -- recurrent layers: RNN, GRU, LSTM (ONNX 14; Hochreiter, Schmidhuber 1997; Cho et al.
 * 2014): one or two directions, lengths, peepholes, clipping, both layouts. The cell stands in
 * rnn_cell.h, a direction in rnn_direction.h, once for float by oneDNN's products and once for
 * double in plain loops, the reference. */
#include <inttypes.h>

#include "base/check.h"
#include "nn/ops/kernel.h"
#include "nn/ops/vector.h"

typedef enum rnn_kind {
    RNN,
    GRU,
    LSTM,
    /* activations */
    SIGMOID,
    TANH,
    RELU,
    LEAKY,
    THRESHOLDED,
    SCALED_TANH,
    HARD_SIGMOID,
    ELU,
    SOFTSIGN,
    SOFTPLUS,
    AFFINE
} rnn_kind;

typedef struct activation {
    rnn_kind kind;
    double alpha, beta;
} activation;

typedef struct rnn_shape {
    rnn_kind kind;
    int64_t steps, batch, input, hidden, gates, directions;
    bool batch_first, first_reverse, linear_before_reset, input_forget;
    double clip;
    activation activations[6]; /* three a direction */
    const int64_t *lengths;    /* of the batch; NULL: all steps */
} rnn_shape;

static double activation_of(const activation *a, double x) {
    switch (a->kind) {
    case SIGMOID:
        return 1 / (1 + exp(-x));
    case TANH:
        return tanh(x);
    case RELU:
        return x > 0 ? x : 0;
    case LEAKY:
        return x < 0 ? a->alpha * x : x;
    case THRESHOLDED:
        return x > a->alpha ? x : 0;
    case SCALED_TANH:
        return a->alpha * tanh(a->beta * x);
    case HARD_SIGMOID:
        return fmin(fmax(a->alpha * x + a->beta, 0), 1);
    case ELU:
        return x < 0 ? a->alpha * expm1(x) : x;
    case SOFTSIGN:
        return x / (1 + fabs(x));
    case SOFTPLUS:
        return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
    default: /* AFFINE */
        return a->alpha * x + a->beta;
    }
}

/* ---- what the cell needs of a type */

#define SPAN(name, of_x)                                                                          \
    FT_NN_KERNEL(name##_span_float, (float *v, int64_t n), (v, n)) {                              \
        int64_t i = 0;                                                                            \
        for (; i + FT_NN_LANES <= n; i += FT_NN_LANES) ft_v_store(v + i, of_x(ft_v_load(v + i))); \
        if (i < n) ft_v_store_part(v + i, of_x(ft_v_load_part(v + i, n - i)), n - i);             \
    }                                                                                             \
    static void name##_span_double(double *v, int64_t n) {                                        \
        activation a = { .kind = #name[0] == 's' ? SIGMOID : TANH };                              \
        for (int64_t i = 0; i < n; i++) v[i] = activation_of(&a, v[i]);                           \
    }
SPAN(sigmoid, ft_v_sigmoid)
SPAN(tanh, ft_v_tanh)

static ft_err product_float(bool at, bool bt, int64_t m, int64_t n, int64_t k, const float *a,
                            int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                            int64_t ldc) {
    ft_nn_gemm g = { .a_transposed = at,
                     .b_transposed = bt,
                     .m = m,
                     .n = n,
                     .k = k,
                     .alpha = 1,
                     .beta = beta,
                     .a = a,
                     .b = b,
                     .lda = lda,
                     .ldb = ldb,
                     .ldc = ldc,
                     .c = c };
    return m && n ? ft_nn_gemm_run(&g, k > 0) : FT_OK;
}
static ft_err product_double(bool at, bool bt, int64_t m, int64_t n, int64_t k, const double *a,
                             int64_t lda, const double *b, int64_t ldb, double beta, double *c,
                             int64_t ldc) {
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            double sum = beta == 0 ? 0 : beta * c[i * ldc + j];
            for (int64_t l = 0; l < k; l++)
                sum += a[at ? l * lda + i : i * lda + l] * b[bt ? j * ldb + l : l * ldb + j];
            c[i * ldc + j] = sum;
        }
    }
    return FT_OK;
}

/* A name for the type REAL: row_float. */
#define CELL_(name, suffix)  name##_##suffix
#define CELL__(name, suffix) CELL_(name, suffix)
#define CELL(name)           CELL__(name, REAL)

#define REAL float
#include "nn/ops/rnn_cell.h"
#undef REAL
#define REAL double
#include "nn/ops/rnn_cell.h"
#undef REAL

/* ---- attributes and shapes */

static const struct {
    const char *name;
    rnn_kind kind;
    double alpha, beta;
} kinds[] = { { "Sigmoid", SIGMOID, 0, 0 },
              { "Tanh", TANH, 0, 0 },
              { "Relu", RELU, 0, 0 },
              { "LeakyRelu", LEAKY, 0.01, 0 },
              { "ThresholdedRelu", THRESHOLDED, 1, 0 },
              { "ScaledTanh", SCALED_TANH, 1, 1 },
              { "HardSigmoid", HARD_SIGMOID, 0.2, 0.5 },
              { "Elu", ELU, 1, 0 },
              { "Softsign", SOFTSIGN, 0, 0 },
              { "Softplus", SOFTPLUS, 0, 0 },
              { "Affine", AFFINE, 1, 0 } };

static ft_err activation_find(activation *out, const ft_nn_node *node, ft_str name) {
    for (size_t k = 0; k < FT_COUNT(kinds); k++) {
        if (!ft_str_ieq(name, ft_str_of(kinds[k].name))) continue;
        *out = (activation){ kinds[k].kind, kinds[k].alpha, kinds[k].beta };
        return FT_OK;
    }
    return ft_nn_refuse_(node, FT_EUNSUPPORTED, "activation '%.*s'", FT_STR_ARG(name));
}

static ft_err activations_of(rnn_shape *s, const ft_nn_node *node) {
    static const char *const otherwise[3][3] = { { "Tanh", "Tanh", "Tanh" },
                                                 { "Sigmoid", "Tanh", "Tanh" },
                                                 { "Sigmoid", "Tanh", "Tanh" } };
    const ft_nn_attr *names = ft_nn_attr_find(node, "activations");
    const ft_nn_attr *alpha = ft_nn_attr_find(node, "activation_alpha");
    const ft_nn_attr *beta = ft_nn_attr_find(node, "activation_beta");
    size_t each = s->kind == LSTM ? 3 : s->kind == GRU ? 2 : 1;
    if (names && names->count != each * (size_t)s->directions)
        return ft_nn_refuse_(node, FT_EINVAL, "%zu activations, expected %zu", names->count,
                             each * (size_t)s->directions);
    for (size_t d = 0; d < (size_t)s->directions; d++) {
        for (size_t k = 0; k < each; k++) {
            activation *a = &s->activations[3 * d + k];
            size_t at = d * each + k;
            FT_TRY(activation_find(a, node,
                                   names ? names->strings[at] : ft_str_of(otherwise[s->kind][k])));
            if (alpha && at < alpha->count) a->alpha = (double)alpha->floats[at];
            if (beta && at < beta->count) a->beta = (double)beta->floats[at];
        }
    }
    return FT_OK;
}

static ft_err attrs_of(rnn_shape *s, const ft_nn_node *node) {
    const char *name = node->op->name;
    ft_str direction = ft_nn_attr_str(node, "direction");
    *s = (rnn_shape){ .kind = strcmp(name, "LSTM") == 0  ? LSTM
                              : strcmp(name, "GRU") == 0 ? GRU
                                                         : RNN,
                      .directions = 1 };
    s->gates = s->kind == LSTM ? 4 : s->kind == GRU ? 3 : 1;
    if (ft_str_is(direction, "bidirectional"))
        s->directions = 2;
    else if (ft_str_is(direction, "reverse"))
        s->first_reverse = true;
    else if (!ft_str_is(direction, "forward"))
        return ft_nn_refuse_(node, FT_EINVAL, "direction '%.*s'", FT_STR_ARG(direction));
    s->batch_first = ft_nn_attr_int(node, "layout") != 0;
    s->clip = ft_nn_attr_find(node, "clip") ? ft_nn_attr_float(node, "clip") : 0;
    s->linear_before_reset = s->kind == GRU && ft_nn_attr_int(node, "linear_before_reset") != 0;
    s->input_forget = s->kind == LSTM && ft_nn_attr_int(node, "input_forget") != 0;
    return activations_of(s, node);
}

static ft_err input_fits(const ft_nn_node *node, const ft_array *in, size_t count, size_t input,
                         int ndim, const int64_t *want) {
    char text[FT_NN_SHAPE_TEXT];
    if (!ft_nn_given(in, count, input) || in[input].ndim < 0) return FT_OK;
    bool fits = in[input].ndim == ndim;
    for (int d = 0; fits && d < ndim; d++)
        fits = in[input].shape[d] < 0 || want[d] < 0 || in[input].shape[d] == want[d];
    if (fits) return FT_OK;
    return ft_nn_refuse_(node, FT_EINVAL, "input %zu of shape %s does not fit", input,
                         ft_nn_shape_text(text, &in[input]));
}

/* Sizes by the inputs; ANY where not known. */
static ft_err shape_of(rnn_shape *s, const ft_nn_node *node, const ft_array *in, size_t count) {
    FT_TRY(attrs_of(s, node));
    const ft_array *x = &in[0], *w = &in[1], *r = &in[2];
    if ((x->ndim >= 0 && x->ndim != 3) || (w->ndim >= 0 && w->ndim != 3) ||
        (r->ndim >= 0 && r->ndim != 3))
        return ft_nn_refuse_(node, FT_EINVAL, "takes three dimensions");
    bool known = x->ndim == 3;
    s->steps = known ? x->shape[s->batch_first ? 1 : 0] : FT_NN_DIM_ANY;
    s->batch = known ? x->shape[s->batch_first ? 0 : 1] : FT_NN_DIM_ANY;
    s->input = known ? x->shape[2] : FT_NN_DIM_ANY;
    s->hidden = r->ndim == 3                           ? r->shape[2]
                : ft_nn_attr_find(node, "hidden_size") ? ft_nn_attr_int(node, "hidden_size")
                                                       : FT_NN_DIM_ANY;
    int64_t h = s->hidden, gh = h < 0 ? FT_NN_DIM_ANY : s->gates * h, d = s->directions;
    int64_t b = s->batch, state[3] = { s->batch_first ? b : d, s->batch_first ? d : b, h };
    FT_TRY(input_fits(node, in, count, 1, 3, (int64_t[]){ d, gh, s->input }));
    FT_TRY(input_fits(node, in, count, 2, 3, (int64_t[]){ d, gh, h }));
    FT_TRY(input_fits(node, in, count, 3, 2, (int64_t[]){ d, gh < 0 ? gh : 2 * gh }));
    FT_TRY(input_fits(node, in, count, 4, 1, &b));
    FT_TRY(input_fits(node, in, count, 5, 3, state));
    FT_TRY(input_fits(node, in, count, 6, 3, state));
    return input_fits(node, in, count, 7, 2, (int64_t[]){ d, h < 0 ? h : 3 * h });
}

static ft_err rnn_infer(ft_nn_infer *i) {
    rnn_shape s;
    for (size_t k = 0; k < i->in_count; k++) {
        if (k < 3 || ft_nn_given(i->in, i->in_count, k))
            FT_TRY(
                ft_nn_take(i, k, k == 4 ? FT_NN_INDEXES : FT_NN_BIT(FT_F32) | FT_NN_BIT(FT_F64)));
        if (k != 4 && ft_nn_given(i->in, i->in_count, k)) FT_TRY(ft_nn_take_same(i, 0, k));
    }
    FT_TRY(shape_of(&s, i->node, i->in, i->in_count));
    ft_array y = { .dtype = i->in[0].dtype, .ndim = 4 }, last = { .dtype = y.dtype, .ndim = 3 };
    int64_t forms[2][4] = { { s.steps, s.directions, s.batch, s.hidden },
                            { s.batch, s.steps, s.directions, s.hidden } };
    int64_t states[2][3] = { { s.directions, s.batch, s.hidden },
                             { s.batch, s.directions, s.hidden } };
    memcpy(y.shape, forms[s.batch_first], sizeof forms[0]);
    memcpy(last.shape, states[s.batch_first], sizeof states[0]);
    for (size_t k = 0; k < i->out_count; k++) i->out[k] = k ? last : y;
    return ft_nn_sane(i->node, &y);
}

/* ---- one direction in working memory of one type */

static size_t io_items(const rnn_shape *s) { /* x, w, r, biases, peepholes, and gradients of all */
    size_t gh = (size_t)(s->gates * s->hidden);
    size_t x = (size_t)(s->steps * s->batch * s->input);
    return 2 * (x + gh * (size_t)(s->input + s->hidden + 2) + 3 * (size_t)s->hidden) +
           (size_t)(s->steps * s->batch * s->hidden) + 16 * 16;
}
static ft_err rnn_prepare(ft_nn_prepare *p) {
    rnn_shape s;
    static char fast;
    FT_TRY(shape_of(&s, p->node, p->in, p->in_count));
    if (s.steps < 0 || s.batch < 0 || s.input < 0 || s.hidden < 0) return FT_OK;
    bool is_fast = !p->reference && p->in[0].dtype == FT_F32;
    if (is_fast) {
        ft_err err = ft_dnn_load();
        if (err && err != FT_EABSENT) return err;
        if (err) ft_err_clear();
        is_fast = err == FT_OK;
    }
    size_t lengths = (size_t)s.batch * sizeof(int64_t) + 64;
    size_t items = io_items(&s) + cell_items_double(&s);
    p->scratch_bytes = lengths + items * (is_fast ? sizeof(float) : sizeof(double));
    p->state = is_fast ? &fast : NULL; /* a mark; nothing to give back */
    return FT_OK;
}
static void rnn_unprepare(void *state) { (void)state; }

/* Item (t, b) of x or of one of y's directions. */
static int64_t x_at(const rnn_shape *s, int64_t t, int64_t b) {
    return (s->batch_first ? b * s->steps + t : t * s->batch + b) * s->input;
}
static int64_t y_at(const rnn_shape *s, int64_t t, int64_t b, int64_t d) {
    return (s->batch_first ? (b * s->steps + t) * s->directions + d
                           : (t * s->directions + d) * s->batch + b) *
           s->hidden;
}
static int64_t state_at(const rnn_shape *s, int64_t b, int64_t d) {
    return (s->batch_first ? b * s->directions + d : d * s->batch + b) * s->hidden;
}

static ft_err lengths_read(rnn_shape *s, const ft_nn_call *c) {
    int64_t *to = c->scratch;
    s->lengths = NULL;
    if (!ft_nn_given(c->in, c->in_count, 4)) return FT_OK;
    for (int64_t b = 0; b < s->batch; b++) {
        to[b] = ft_nn_get_int(&c->in[4], b);
        if (to[b] < 0 || to[b] > s->steps)
            return ft_nn_refuse_(c->node, FT_EINVAL, "a length of %" PRId64 " of %" PRId64 " steps",
                                 to[b], s->steps);
    }
    s->lengths = to;
    return FT_OK;
}

#define REAL float
#include "nn/ops/rnn_direction.h"
#undef REAL
#define REAL double
#include "nn/ops/rnn_direction.h"
#undef REAL

static ft_err rnn_reference(const ft_nn_call *c) { return run_double(c); }
static ft_err rnn_forward(const ft_nn_call *c) { return c->state ? run_float(c) : run_double(c); }

/* ---- backward: in float, or in double for the reference */

static ft_err back_possible(const rnn_shape *s, const ft_nn_node *node) {
    if (s->clip > 0) return ft_nn_refuse_(node, FT_EUNSUPPORTED, "no gradient with clip");
    for (int k = 0; k < 6; k++) {
        rnn_kind kind = s->activations[k].kind;
        if (kind > RELU)
            return ft_nn_refuse_(node, FT_EUNSUPPORTED, "no gradient for activation %d", k);
    }
    return FT_OK;
}

static ft_err rnn_backward(const ft_nn_call *c) {
    rnn_shape s;
    FT_TRY(shape_of(&s, c->node, c->in, c->in_count));
    for (int64_t k = s.directions * 3; k < 6; k++) s.activations[k].kind = TANH;
    FT_TRY(back_possible(&s, c->node));
    FT_TRY(lengths_read(&s, c));
    for (size_t k = 0; k < c->in_count; k++) {
        if (c->in_grad[k].data) memset(c->in_grad[k].data, 0, ft_array_bytes(&c->in_grad[k]));
    }
    for (int64_t d = 0; d < s.directions; d++)
        FT_TRY(c->state ? back_float(c, &s, d) : back_double(c, &s, d));
    return FT_OK;
}

static int64_t rnn_flops(const ft_nn_node *node, const ft_array *in, const ft_array *out) {
    rnn_shape s;
    (void)out;
    if (shape_of(&s, node, in, node->input_count)) {
        ft_err_clear();
        return 0;
    }
    return 2 * s.directions * s.steps * s.batch * s.gates * s.hidden * (s.input + s.hidden);
}

/* ---- rows */

#define SHARED_ATTRS                                                                               \
    { "activation_alpha", FT_NN_FLOATS, 0, NULL, false },                                          \
        { "activation_beta", FT_NN_FLOATS, 0, NULL, false },                                       \
        { "activations", FT_NN_STRINGS, 0, NULL, false }, { "clip", FT_NN_FLOAT, 0, NULL, false }, \
        { "direction", FT_NN_STRING, 0, "forward", false },                                        \
        { "hidden_size", FT_NN_INT, 0, NULL, false }, {                                            \
        "layout", FT_NN_INT, 0, NULL, false                                                        \
    }
static const ft_nn_attr_row rnn_attrs[] = { SHARED_ATTRS, { 0 } };
static const ft_nn_attr_row gru_attrs[] = { SHARED_ATTRS,
                                            { "linear_before_reset", FT_NN_INT, 0, NULL, false },
                                            { 0 } };
static const ft_nn_attr_row lstm_attrs[] = { SHARED_ATTRS,
                                             { "input_forget", FT_NN_INT, 0, NULL, false },
                                             { 0 } };
#define RECURRENT(sym, NAME, DOC, IN, OUT)                        \
    extern const ft_nn_op ft_nn_op_##sym;                         \
    const ft_nn_op ft_nn_op_##sym = { .name = NAME,               \
                                      .doc = DOC,                 \
                                      .attrs = sym##_attrs,       \
                                      .inputs_min = 3,            \
                                      .inputs_max = IN,           \
                                      .outputs_min = 1,           \
                                      .outputs_max = OUT,         \
                                      .infer = rnn_infer,         \
                                      .reference = rnn_reference, \
                                      .forward = rnn_forward,     \
                                      .backward = rnn_backward,   \
                                      .prepare = rnn_prepare,     \
                                      .unprepare = rnn_unprepare, \
                                      .flops = rnn_flops };
RECURRENT(rnn, "RNN", "a recurrent layer", 6, 2)
RECURRENT(gru, "GRU", "a recurrent layer with gates for update and reset", 6, 2)
RECURRENT(lstm, "LSTM", "a recurrent layer with a memory cell", 8, 3)
