/* reduce.c -- many numbers to one along axes: sums, means, products, extremes, norms, logarithms of
 * sums. One line an operation; they share one walk.
 *
 * A line says what becomes of each item before it is joined, how two are joined, and what becomes
 * of the result. The reference joins in double (integers in int64); the fast one in sixteen lanes
 * where the last axis is reduced, and row upon row where it stays. */
#include "base/check.h"
#include "nn/ops/shared.h"
#include "nn/ops/vector.h"

typedef enum reduce_before { PLAIN, SIZE, SQUARE } reduce_before; /* x, |x|, x^2 */
typedef enum reduce_join { ADD, MULTIPLY, LARGER, SMALLER } reduce_join;
typedef enum reduce_after { NOTHING, DIVIDE, ROOT, LOGARITHM } reduce_after;
typedef struct reduce_rule {
    reduce_before before;
    reduce_join join;
    reduce_after after;
    bool exponentials; /* LogSumExp: of e^(x - largest) */
} reduce_rule;

/* ---- which axes */

/* Bits of the axes; *known is false when the input that names them is not known. */
static ft_err axes_of(uint32_t *set, bool *known, const ft_nn_node *node, const ft_array *in,
                      size_t count) {
    int64_t axes[FT_ARRAY_DIMS_MAX];
    int n = 0;
    bool given = ft_nn_given(in, count, 1);
    *known = !given || ft_nn_content(&in[1]);
    *set = 0;
    if (!*known) return FT_OK;
    if (given) FT_TRY(ft_nn_ints_of(node, "axes", &in[1], axes, &n));
    if (n == 0) {
        *set = ft_nn_attr_int(node, "noop_with_empty_axes") ? 0 : (1u << in[0].ndim) - 1;
        return FT_OK;
    }
    return ft_nn_axes_of(set, node, axes, n, in[0].ndim);
}

static ft_err reduce_infer(ft_nn_infer *i) {
    const ft_array *in = &i->in[0];
    ft_array *out = &i->out[0];
    uint32_t set;
    bool known, keep = ft_nn_attr_int(i->node, "keepdims") != 0;
    FT_TRY(ft_nn_take(i, 0, FT_NN_NUMBERS));
    *out = ft_nn_unknown(in->dtype);
    if (in->ndim < 0) {
        i->content_needed = ft_nn_given(i->in, i->in_count, 1) && !ft_nn_content(&i->in[1]);
        return FT_OK;
    }
    FT_TRY(axes_of(&set, &known, i->node, i->in, i->in_count));
    if (!known) {
        i->content_needed = true;
        if (!keep) return FT_OK;
        out->ndim = in->ndim;
        for (int d = 0; d < in->ndim; d++) out->shape[d] = FT_NN_DIM_ANY;
        return FT_OK;
    }
    out->ndim = 0;
    for (int d = 0; d < in->ndim; d++) {
        if (!(set >> d & 1))
            out->shape[out->ndim++] = in->shape[d];
        else if (keep)
            out->shape[out->ndim++] = 1;
    }
    return FT_OK;
}

/* The output's shape with ones where axes were reduced: broadcasts to the input. */
static ft_array kept_shape(const ft_nn_call *c, const ft_array *out) {
    uint32_t set;
    bool known;
    ft_array kept = *out;
    FT_CHECK(axes_of(&set, &known, c->node, c->in, c->in_count) == FT_OK && known);
    kept.ndim = c->in[0].ndim;
    for (int d = 0; d < kept.ndim; d++) kept.shape[d] = set >> d & 1 ? 1 : c->in[0].shape[d];
    return kept;
}

/* ---- the reference */

static double before(const reduce_rule *r, double v) {
    return r->before == SIZE ? fabs(v) : r->before == SQUARE ? v * v : v;
}
static double join(const reduce_rule *r, double a, double b) {
    switch (r->join) {
    case ADD:
        return a + b;
    case MULTIPLY:
        return a * b;
    case LARGER:
        return isnan(a) || a > b ? a : b;
    case SMALLER:
        return isnan(a) || a < b ? a : b;
    }
    return 0;
}
static double neutral(const reduce_rule *r) {
    return r->join == ADD        ? 0
           : r->join == MULTIPLY ? 1
           : r->join == LARGER   ? -(double)INFINITY
                                 : (double)INFINITY;
}
static double after(const reduce_rule *r, double v, int64_t count) {
    switch (r->after) {
    case DIVIDE:
        return v / (double)count;
    case ROOT:
        return sqrt(v);
    case LOGARITHM:
        return log(v);
    default:
        return v;
    }
}

typedef struct walk { /* outputs one by one, and for each its inputs */
    int kept_dims, gone_dims;
    int64_t kept_size[FT_ARRAY_DIMS_MAX], kept_step[FT_ARRAY_DIMS_MAX];
    int64_t gone_size[FT_ARRAY_DIMS_MAX], gone_step[FT_ARRAY_DIMS_MAX];
    int64_t outputs, each;
} walk;

static void walk_axis(int *dims, int64_t *sizes, int64_t *steps, int64_t size, int64_t step) {
    if (size == 1) return;
    if (*dims && steps[*dims - 1] == step * size) { /* continues the one before */
        sizes[*dims - 1] *= size;
        steps[*dims - 1] = step;
        return;
    }
    sizes[*dims] = size;
    steps[(*dims)++] = step;
}

static walk walk_of(const ft_nn_call *c) {
    const ft_array *in = &c->in[0];
    int64_t step[FT_ARRAY_DIMS_MAX];
    uint32_t set;
    bool known;
    walk w = { .outputs = 1, .each = 1 };
    FT_CHECK(axes_of(&set, &known, c->node, c->in, c->in_count) == FT_OK && known);
    ft_nn_steps(step, in->shape, in->ndim);
    for (int d = 0; d < in->ndim; d++) {
        if (set >> d & 1) {
            walk_axis(&w.gone_dims, w.gone_size, w.gone_step, in->shape[d], step[d]);
            w.each *= in->shape[d];
        } else {
            walk_axis(&w.kept_dims, w.kept_size, w.kept_step, in->shape[d], step[d]);
            w.outputs *= in->shape[d];
        }
    }
    return w;
}

static int64_t place(int64_t k, int dims, const int64_t *size, const int64_t *step) {
    int64_t at = 0;
    for (int d = dims - 1; d >= 0; d--) {
        at += k % size[d] * step[d];
        k /= size[d];
    }
    return at;
}

static void reference_float(const ft_nn_call *c, const reduce_rule *r, const walk *w, int64_t o,
                            int64_t from) {
    const ft_array *in = &c->in[0];
    double v = neutral(r), most = -(double)INFINITY;
    for (int64_t k = 0; r->exponentials && k < w->each; k++)
        most =
            fmax(most, ft_array_f64(in, from + place(k, w->gone_dims, w->gone_size, w->gone_step)));
    if (isinf(most)) most = 0;
    for (int64_t k = 0; k < w->each; k++) {
        double x = ft_array_f64(in, from + place(k, w->gone_dims, w->gone_size, w->gone_step));
        v = join(r, v, r->exponentials ? exp(x - most) : before(r, x));
    }
    v = after(r, v, w->each);
    ft_nn_put_f64(&c->out[0], o, r->exponentials ? v + most : v);
}

static void reference_whole(const ft_nn_call *c, const reduce_rule *r, const walk *w, int64_t o,
                            int64_t from) {
    const ft_array *in = &c->in[0];
    bool natural = in->dtype == FT_U64;
    uint64_t v = r->join == MULTIPLY;
    double real = 0;
    for (int64_t k = 0; k < w->each; k++) {
        int64_t x = ft_nn_get_int(in, from + place(k, w->gone_dims, w->gone_size, w->gone_step));
        uint64_t u = r->before == SQUARE                      ? (uint64_t)x * (uint64_t)x
                     : r->before == SIZE && !natural && x < 0 ? 0 - (uint64_t)x
                                                              : (uint64_t)x;
        bool more = natural ? u > v : (int64_t)u > (int64_t)v;
        if (r->exponentials) real += exp((double)x);
        if (r->join == ADD)
            v += u;
        else if (r->join == MULTIPLY)
            v *= u;
        else if (k == 0 || more == (r->join == LARGER))
            v = u;
    }
    if (!r->exponentials) real = natural ? (double)v : (double)(int64_t)v;
    if (r->after == DIVIDE && w->each)
        v = natural ? v / (uint64_t)w->each : (uint64_t)((int64_t)v / w->each);
    else if (r->after != NOTHING)
        v = (uint64_t)(int64_t)after(r, real, w->each);
    ft_nn_put_int(&c->out[0], o, (int64_t)v);
}

static ft_err reduce_reference(const ft_nn_call *c, const reduce_rule *r) {
    walk w = walk_of(c);
    for (int64_t o = 0; o < w.outputs; o++) {
        int64_t from = place(o, w.kept_dims, w.kept_size, w.kept_step);
        if (ft_nn_is_float(c->in[0].dtype))
            reference_float(c, r, &w, o, from);
        else
            reference_whole(c, r, &w, o, from);
    }
    return FT_OK;
}

/* ---- sixteen lanes: the joins of rows, and of what is left in the lanes */

FT_NN_INLINE ft_v16 v_before(int kind, ft_v16 x) {
    return kind == SIZE ? ft_v_abs(x) : kind == SQUARE ? x * x : x;
}
FT_NN_INLINE ft_v16 v_join(int kind, ft_v16 a, ft_v16 b) {
    return kind == ADD        ? a + b
           : kind == MULTIPLY ? a * b
           : kind == LARGER   ? ft_v_larger(a, b)
                              : ft_v_smaller(a, b);
}
FT_NN_INLINE float f_join(int kind, float a, float b) {
    return kind == ADD        ? a + b
           : kind == MULTIPLY ? a * b
           : kind == LARGER   ? (a > b || a != a ? a : b)
                              : (a < b || a != a ? a : b);
}

/* *out joined with n numbers in a row. Four sums side by side hide the adder's latency. */
#define ROW_JOIN(name, BEFORE, JOIN)                                                              \
    FT_NN_KERNEL(name##_row, (float *out, const float *x, int64_t n), (out, x, n)) {              \
        float v = *out;                                                                           \
        int64_t i = 0;                                                                            \
        if (n >= 4 * FT_NN_LANES) {                                                               \
            ft_v16 a[4];                                                                          \
            for (int k = 0; k < 4; k++) a[k] = v_before(BEFORE, ft_v_load(x + k * FT_NN_LANES));  \
            for (i = 4 * FT_NN_LANES; i + 4 * FT_NN_LANES <= n; i += 4 * FT_NN_LANES)             \
                for (int k = 0; k < 4; k++)                                                       \
                    a[k] =                                                                        \
                        v_join(JOIN, a[k], v_before(BEFORE, ft_v_load(x + i + k * FT_NN_LANES))); \
            a[0] = v_join(JOIN, v_join(JOIN, a[0], a[1]), v_join(JOIN, a[2], a[3]));              \
            for (int k = 0; k < FT_NN_LANES; k++) v = f_join(JOIN, v, a[0][k]);                   \
        }                                                                                         \
        for (; i < n; i++) {                                                                      \
            float one = x[i];                                                                     \
            v = f_join(JOIN, v,                                                                   \
                       (BEFORE) == SIZE     ? fabsf(one)                                          \
                       : (BEFORE) == SQUARE ? one * one                                           \
                                            : one);                                               \
        }                                                                                         \
        *out = v;                                                                                 \
    }                                                                                             \
    FT_NN_KERNEL(name##_rows, (float *out, const float *x, int64_t n), (out, x, n)) {             \
        int64_t i = 0;                                                                            \
        for (; i + FT_NN_LANES <= n; i += FT_NN_LANES)                                            \
            ft_v_store(out + i,                                                                   \
                       v_join(JOIN, ft_v_load(out + i), v_before(BEFORE, ft_v_load(x + i))));     \
        if (i < n)                                                                                \
            ft_v_store_part(out + i,                                                              \
                            v_join(JOIN, ft_v_load_part(out + i, n - i),                          \
                                   v_before(BEFORE, ft_v_load_part(x + i, n - i))),               \
                            n - i);                                                               \
    }
ROW_JOIN(sum, PLAIN, ADD)
ROW_JOIN(size, SIZE, ADD)
ROW_JOIN(square, SQUARE, ADD)
ROW_JOIN(product, PLAIN, MULTIPLY)
ROW_JOIN(larger, PLAIN, LARGER)
ROW_JOIN(smaller, PLAIN, SMALLER)

typedef void span_join(float *out, const float *x, int64_t n);
static span_join *join_row(const reduce_rule *r, bool rows) {
    if (r->join == MULTIPLY) return rows ? product_rows : product_row;
    if (r->join == LARGER) return rows ? larger_rows : larger_row;
    if (r->join == SMALLER) return rows ? smaller_rows : smaller_row;
    if (r->before == SIZE) return rows ? size_rows : size_row;
    if (r->before == SQUARE) return rows ? square_rows : square_row;
    return rows ? sum_rows : sum_row;
}

/* Outputs [o, o + n): one, when the last axis goes; a run of the last kept axis, when it stays. */
static void fast_span(const ft_nn_call *c, const reduce_rule *r, const walk *w, int64_t o,
                      int64_t n, bool rows) {
    float *out = (float *)c->out[0].data + o;
    const float *in =
        (const float *)c->in[0].data + place(o, w->kept_dims, w->kept_size, w->kept_step);
    span_join *joined = join_row(r, rows);
    int64_t span = rows ? n : w->gone_dims ? w->gone_size[w->gone_dims - 1] : 1;
    int dims = rows || !w->gone_dims ? w->gone_dims : w->gone_dims - 1;
    int64_t spans = 1;
    for (int d = 0; d < dims; d++) spans *= w->gone_size[d];
    for (int64_t i = 0; i < n; i++) out[i] = (float)neutral(r);
    for (int64_t k = 0; k < spans; k++)
        joined(out, in + place(k, dims, w->gone_size, w->gone_step), span);
    for (int64_t i = 0; i < n && r->after != NOTHING; i++)
        out[i] = r->after == DIVIDE ? out[i] / (float)w->each
                 : r->after == ROOT ? sqrtf(out[i])
                                    : logf(out[i]);
}

static ft_err reduce_forward(const ft_nn_call *c, const reduce_rule *r) {
    if (c->in[0].dtype != FT_F32 || r->exponentials) return reduce_reference(c, r);
    walk w = walk_of(c);
    if (w.each == 0 || w.outputs == 0) return reduce_reference(c, r);
    bool rows = w.kept_dims && w.kept_step[w.kept_dims - 1] == 1;
    int64_t n = rows ? w.kept_size[w.kept_dims - 1] : 1, spans = w.outputs / n;
    int threads = ft_nn_threads(c->threads, w.outputs * w.each);
    if (spans < threads && rows) { /* one wide row: cut it, a share a thread */
        int64_t share = (n + threads - 1) / threads;
        share = (share + FT_NN_LANES - 1) / FT_NN_LANES * FT_NN_LANES;
        int64_t cuts = (n + share - 1) / share;
#pragma omp parallel for num_threads(threads) if (threads > 1)
        for (int64_t k = 0; k < spans * cuts; k++) {
            int64_t from = k % cuts * share, left = n - from;
            fast_span(c, r, &w, k / cuts * n + from, left < share ? left : share, true);
        }
        return FT_OK;
    }
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (int64_t k = 0; k < spans; k++) fast_span(c, r, &w, k * n, n, rows);
    return FT_OK;
}

/* ---- the gradient: of one input, from what its output's is and what it was */

static double slope(const reduce_rule *r, double x, double y, int64_t each, double ties) {
    if (r->exponentials) return exp(x - y);
    if (r->join == LARGER || r->join == SMALLER) return x == y ? 1 / ties : 0;
    if (r->join == MULTIPLY) return x != 0 ? y / x : 0;
    double inner = r->before == SIZE ? (x > 0) - (x < 0) : r->before == SQUARE ? 2 * x : 1;
    switch (r->after) {
    case DIVIDE:
        return inner / (double)each;
    case ROOT:
        return y > 0 ? inner / (2 * y) : 0;
    case LOGARITHM:
        return inner * exp(-y);
    default:
        return inner;
    }
}

/* Product of all but the k-th: for products with a zero among them. */
static double others(const walk *w, const float *x, int64_t skip) {
    double v = 1;
    for (int64_t k = 0; k < w->each; k++) {
        if (k != skip) v *= (double)x[place(k, w->gone_dims, w->gone_size, w->gone_step)];
    }
    return v;
}

static ft_err reduce_backward(const ft_nn_call *c, const reduce_rule *r) {
    ft_array *to = &c->in_grad[0];
    if (!to->data) return FT_OK;
    memset(to->data, 0, ft_array_bytes(to));
    if (!c->out_grad[0].data) return FT_OK;
    walk w = walk_of(c);
    for (int64_t o = 0; o < w.outputs; o++) {
        int64_t from = place(o, w.kept_dims, w.kept_size, w.kept_step);
        const float *x = (const float *)c->in[0].data + from;
        float *dx = (float *)to->data + from;
        double dy = (double)((const float *)c->out_grad[0].data)[o], y = 0, ties = 0, most = 0;
        bool extreme = r->join == LARGER || r->join == SMALLER;
        for (int64_t k = 0; r->exponentials && k < w.each; k++) {
            double v = (double)x[place(k, w.gone_dims, w.gone_size, w.gone_step)];
            most = k == 0 || v > most ? v : most;
        }
        y = neutral(r); /* once more, in double: the output may be gone by now */
        for (int64_t k = 0; k < w.each; k++) {
            double v = (double)x[place(k, w.gone_dims, w.gone_size, w.gone_step)];
            y = join(r, y, r->exponentials ? exp(v - most) : before(r, v));
        }
        for (int64_t k = 0; extreme && k < w.each; k++)
            ties += (double)x[place(k, w.gone_dims, w.gone_size, w.gone_step)] == y;
        y = after(r, y, w.each) + most;
        for (int64_t k = 0; k < w.each; k++) {
            int64_t at = place(k, w.gone_dims, w.gone_size, w.gone_step);
            double v = (double)x[at];
            double s =
                r->join == MULTIPLY && v == 0 ? others(&w, x, k) : slope(r, v, y, w.each, ties);
            dx[at] = (float)(dy * s);
        }
    }
    return FT_OK;
}

/* Sums and means only spread the gradient. */
static ft_err spread_backward(const ft_nn_call *c, const reduce_rule *r) {
    ft_array *to = &c->in_grad[0];
    ft_nn_loop l;
    ft_nn_cursor at;
    if (!to->data) return FT_OK;
    memset(to->data, 0, ft_array_bytes(to));
    if (!c->out_grad[0].data) return FT_OK;
    ft_array dy = kept_shape(c, &c->out_grad[0]);
    walk w = walk_of(c);
    float scale = r->after == DIVIDE && w.each ? 1 / (float)w.each : 1;
    ft_nn_loop_of(&l, to, (const ft_array *const[]){ &dy }, 1);
    ft_nn_loop_at(&at, &l, 0);
    int64_t step = ft_nn_inner_step(&l, 0);
    for (int64_t row = 0; row < l.rows; row++, ft_nn_loop_next(&at, &l)) {
        float *dx = (float *)to->data + row * l.inner;
        const float *from = (const float *)dy.data + at.offset[0];
        for (int64_t i = 0; i < l.inner; i++) dx[i] = from[i * step] * scale;
    }
    return FT_OK;
}

/* ---- the rows */

static const ft_nn_attr_row reduce_attrs[] = {
    { "keepdims", FT_NN_INT, 1, NULL, false },
    { "noop_with_empty_axes", FT_NN_INT, 0, NULL, false },
    { 0 },
};
#define REDUCE(sym, NAME, DOC, BACK, ...)                                                       \
    static const reduce_rule sym##_rule = { __VA_ARGS__ };                                      \
    static ft_err sym##_reference(const ft_nn_call *c) {                                        \
        return reduce_reference(c, &sym##_rule);                                                \
    }                                                                                           \
    static ft_err sym##_forward(const ft_nn_call *c) { return reduce_forward(c, &sym##_rule); } \
    static ft_err sym##_backward(const ft_nn_call *c) { return BACK(c, &sym##_rule); }          \
    extern const ft_nn_op ft_nn_op_##sym;                                                       \
    const ft_nn_op ft_nn_op_##sym = { .name = NAME,                                             \
                                      .doc = DOC,                                               \
                                      .attrs = reduce_attrs,                                    \
                                      .inputs_min = 1,                                          \
                                      .inputs_max = 2,                                          \
                                      .outputs_min = 1,                                         \
                                      .outputs_max = 1,                                         \
                                      .infer = reduce_infer,                                    \
                                      .reference = sym##_reference,                             \
                                      .forward = sym##_forward,                                 \
                                      .backward = sym##_backward };

REDUCE(reduce_sum, "ReduceSum", "sum along axes", spread_backward, PLAIN, ADD, NOTHING, false)
REDUCE(reduce_mean, "ReduceMean", "mean along axes", spread_backward, PLAIN, ADD, DIVIDE, false)
REDUCE(reduce_prod, "ReduceProd", "product along axes", reduce_backward, PLAIN, MULTIPLY, NOTHING,
       false)
REDUCE(reduce_max, "ReduceMax", "the largest along axes", reduce_backward, PLAIN, LARGER, NOTHING,
       false)
REDUCE(reduce_min, "ReduceMin", "the smallest along axes", reduce_backward, PLAIN, SMALLER, NOTHING,
       false)
REDUCE(reduce_l1, "ReduceL1", "sum of sizes along axes", reduce_backward, SIZE, ADD, NOTHING, false)
REDUCE(reduce_l2, "ReduceL2", "root of the sum of squares along axes", reduce_backward, SQUARE, ADD,
       ROOT, false)
REDUCE(reduce_sum_square, "ReduceSumSquare", "sum of squares along axes", reduce_backward, SQUARE,
       ADD, NOTHING, false)
REDUCE(reduce_log_sum, "ReduceLogSum", "ln of the sum along axes", reduce_backward, PLAIN, ADD,
       LOGARITHM, false)
REDUCE(reduce_log_sum_exp, "ReduceLogSumExp", "ln of the sum of exponentials along axes",
       reduce_backward, PLAIN, ADD, LOGARITHM, true)
