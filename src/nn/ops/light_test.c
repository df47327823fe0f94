/* light_test.c -- the light operations on random numbers: the fast code equal to the reference, the
 * gradient equal to central differences, refusals. What they mean is the conformance models' to
 * say (import/onnx_data_test.c) and torch's (tests/nn_torch_test.py). */
#include "nn/op_rig_test.h"

#include "nn/ops/vector.h"

typedef struct op_case {
    const char *op;
    int inputs, ndim[4];
    int64_t shape[4][5];
    ft_nn_attr attrs[4];
    int attr_count;
    int64_t ints[4][4]; /* content of whole-number inputs, by input; type I64 */
    int int_count[4];   /* > 0: input is whole numbers */
    bool no_gradient;
    double spread; /* 0: 1; what normal numbers are multiplied with */
    double shift;
} op_case;

static void fill_case(rig *r, const op_case *c) {
    for (int i = 0; i < c->inputs; i++) {
        if (c->int_count[i]) {
            ft_array *a = rig_input(r, FT_I64, c->ndim[i], c->shape[i]);
            for (int k = 0; k < c->int_count[i]; k++) ft_nn_put_int(a, k, c->ints[i][k]);
            continue;
        }
        ft_array *a = rig_input(r, FT_F32, c->ndim[i], c->shape[i]);
        for (int64_t k = 0; k < ft_array_count(a); k++)
            ft_nn_put_f64(a, k, ft_array_f64(a, k) * (c->spread > 0 ? c->spread : 1) + c->shift);
    }
}

static void run_case(const op_case *c, int threads) {
    rig r = rig_of(c->op, c->attrs, (size_t)c->attr_count);
    r.threads = threads;
    fill_case(&r, c);
    rig_same(&r, 2e-6);
    if (!c->no_gradient) rig_gradient(&r, 2e-3);
    rig_end(&r);
}

/* One number in, one out. */
static void test_unary(void **state) {
    (void)state;
    static const char *const anywhere[] = { "Abs",    "Neg",         "Exp",      "Erf",
                                            "Sin",    "Cos",         "Atan",     "Sinh",
                                            "Cosh",   "Asinh",       "Relu",     "Sigmoid",
                                            "Tanh",   "Softplus",    "Softsign", "HardSwish",
                                            "Mish",   "LeakyRelu",   "Elu",      "Celu",
                                            "Selu",   "HardSigmoid", "Gelu",     "ThresholdedRelu",
                                            "Shrink", "Tan" };
    static const char *const above_one[] = { "Log", "Sqrt", "Reciprocal", "Acosh" };
    static const char *const near_zero[] = { "Asin", "Acos", "Atanh" };
    static const char *const stepped[] = { "Sign", "Ceil", "Floor", "Round" };
    op_case c = { .inputs = 1, .ndim = { 2 }, .shape = { { 7, 13 } } };
    for (size_t i = 0; i < FT_COUNT(anywhere); i++) {
        c.op = anywhere[i];
        c.spread = strcmp(c.op, "Tan") == 0 ? 0.3 : 1.5;
        run_case(&c, 1);
    }
    c.spread = 0.2;
    for (size_t i = 0; i < FT_COUNT(near_zero); i++) {
        c.op = near_zero[i];
        run_case(&c, 1);
    }
    c.shift = 2.5;
    for (size_t i = 0; i < FT_COUNT(above_one); i++) {
        c.op = above_one[i];
        run_case(&c, 1);
    }
    c.shift = 0.3;
    for (size_t i = 0; i < FT_COUNT(stepped); i++) {
        c.op = stepped[i];
        c.spread = 0.02;
        run_case(&c, 1);
    }
}

/* Two shapes that broadcast, in every way that the loops tell apart. */
static void test_binary(void **state) {
    (void)state;
    static const char *const ops[] = { "Add", "Sub", "Mul", "Div", "Pow", "PRelu", "Max", "Min" };
    static const struct {
        int an, bn;
        int64_t a[4], b[4];
    } shapes[] = { { 3, 3, { 2, 3, 21 }, { 2, 3, 21 } }, { 3, 1, { 2, 3, 21 }, { 21 } },
                   { 3, 0, { 2, 3, 5 }, { 0 } },         { 4, 3, { 2, 3, 4, 5 }, { 3, 1, 1 } },
                   { 3, 3, { 2, 3, 1 }, { 2, 1, 17 } },  { 2, 3, { 1, 33 }, { 2, 3, 33 } } };
    for (size_t o = 0; o < FT_COUNT(ops); o++) {
        for (size_t s = 0; s < FT_COUNT(shapes); s++) {
            op_case c = { .op = ops[o],
                          .inputs = 2,
                          .ndim = { shapes[s].an, shapes[s].bn },
                          .spread = 0.3,
                          .shift = strcmp(ops[o], "PRelu") == 0 ? 0.1 : 2 };
            memcpy(c.shape[0], shapes[s].a, sizeof shapes[s].a);
            memcpy(c.shape[1], shapes[s].b, sizeof shapes[s].b);
            run_case(&c, 1 + (int)(s % 2));
        }
    }
}

static void test_reductions(void **state) {
    (void)state;
    static const char *const ops[] = { "ReduceSum",      "ReduceMean",      "ReduceProd",
                                       "ReduceMax",      "ReduceMin",       "ReduceL1",
                                       "ReduceL2",       "ReduceSumSquare", "ReduceLogSum",
                                       "ReduceLogSumExp" };
    static const struct {
        int count;
        int64_t axes[4];
    } axes[] = { { 1, { 0 } }, { 1, { -1 } }, { 2, { 0, 2 } }, { 1, { 1 } }, { 3, { 0, 1, 2 } } };
    for (size_t o = 0; o < FT_COUNT(ops); o++) {
        for (size_t a = 0; a < FT_COUNT(axes); a++) {
            op_case c = { .op = ops[o],
                          .inputs = 2,
                          .ndim = { 3, 1 },
                          .shape = { { 3, 4, 19 }, { axes[a].count } },
                          .attrs = { ATTR_INT("keepdims", (int64_t)a % 2) },
                          .attr_count = 1,
                          .int_count = { 0, axes[a].count },
                          .spread = 0.1,
                          .shift = 1 };
            memcpy(c.ints[1], axes[a].axes, sizeof axes[a].axes);
            run_case(&c, 1 + (int)(a % 2));
        }
    }
}

static const op_case movement[] = {
    { .op = "Transpose",
      .inputs = 1,
      .ndim = { 3 },
      .shape = { { 3, 40, 35 } },
      .attrs = { ATTR_INTS("perm", 2, 0, 1) },
      .attr_count = 1 },
    { .op = "Transpose", .inputs = 1, .ndim = { 4 }, .shape = { { 2, 3, 4, 5 } } },
    { .op = "DepthToSpace",
      .inputs = 1,
      .ndim = { 4 },
      .shape = { { 2, 12, 3, 2 } },
      .attrs = { ATTR_INT("blocksize", 2), ATTR_STR("mode", "CRD") },
      .attr_count = 2 },
    { .op = "DepthToSpace",
      .inputs = 1,
      .ndim = { 4 },
      .shape = { { 1, 8, 3, 2 } },
      .attrs = { ATTR_INT("blocksize", 2) },
      .attr_count = 1 },
    { .op = "SpaceToDepth",
      .inputs = 1,
      .ndim = { 4 },
      .shape = { { 1, 3, 4, 6 } },
      .attrs = { ATTR_INT("blocksize", 2) },
      .attr_count = 1 },
    { .op = "Expand",
      .inputs = 2,
      .ndim = { 2, 1 },
      .shape = { { 3, 1 }, { 3 } },
      .int_count = { 0, 3 },
      .ints = { { 0 }, { 2, 1, 5 } } },
    { .op = "Tile",
      .inputs = 2,
      .ndim = { 2, 1 },
      .shape = { { 3, 4 }, { 2 } },
      .int_count = { 0, 2 },
      .ints = { { 0 }, { 2, 3 } } },
    { .op = "Slice",
      .inputs = 3,
      .ndim = { 2, 1, 1 },
      .shape = { { 5, 9 }, { 2 }, { 2 } },
      .int_count = { 0, 2, 2 },
      .ints = { { 0 }, { 1, -7 }, { 4, 8 } } },
    { .op = "Concat",
      .inputs = 3,
      .ndim = { 3, 3, 3 },
      .shape = { { 2, 3, 5 }, { 2, 1, 5 }, { 2, 4, 5 } },
      .attrs = { ATTR_INT("axis", 1) },
      .attr_count = 1 },
    { .op = "Pad",
      .inputs = 2,
      .ndim = { 2, 1 },
      .shape = { { 4, 5 }, { 4 } },
      .int_count = { 0, 4 },
      .ints = { { 0 }, { 1, -1, 2, 3 } } },
    { .op = "Pad",
      .inputs = 2,
      .ndim = { 2, 1 },
      .shape = { { 4, 5 }, { 4 } },
      .int_count = { 0, 4 },
      .ints = { { 0 }, { 1, 2, 2, 3 } },
      .attrs = { ATTR_STR("mode", "reflect") },
      .attr_count = 1 },
    { .op = "Pad",
      .inputs = 2,
      .ndim = { 2, 1 },
      .shape = { { 4, 5 }, { 4 } },
      .int_count = { 0, 4 },
      .ints = { { 0 }, { 1, 2, 2, 3 } },
      .attrs = { ATTR_STR("mode", "edge") },
      .attr_count = 1 },
    { .op = "Pad",
      .inputs = 2,
      .ndim = { 2, 1 },
      .shape = { { 4, 5 }, { 4 } },
      .int_count = { 0, 4 },
      .ints = { { 0 }, { 1, 2, 2, 3 } },
      .attrs = { ATTR_STR("mode", "wrap") },
      .attr_count = 1 },
    { .op = "Gather",
      .inputs = 2,
      .ndim = { 3, 1 },
      .shape = { { 3, 4, 5 }, { 3 } },
      .int_count = { 0, 3 },
      .ints = { { 0 }, { 1, -1, 1 } },
      .attrs = { ATTR_INT("axis", 1) },
      .attr_count = 1 },
    { .op = "GatherElements",
      .inputs = 2,
      .ndim = { 2, 2 },
      .shape = { { 3, 4 }, { 2, 2 } },
      .int_count = { 0, 4 },
      .ints = { { 0 }, { 1, -1, 1, 3 } },
      .attrs = { ATTR_INT("axis", 1) },
      .attr_count = 1 },
    { .op = "GatherND",
      .inputs = 2,
      .ndim = { 3, 2 },
      .shape = { { 3, 4, 5 }, { 2, 2 } },
      .int_count = { 0, 4 },
      .ints = { { 0 }, { 1, -1, 2, 0 } } },
    { .op = "ScatterElements",
      .inputs = 3,
      .ndim = { 2, 2, 2 },
      .shape = { { 3, 4 }, { 2, 2 }, { 2, 2 } },
      .int_count = { 0, 4 },
      .ints = { { 0 }, { 1, 0, 2, -1 } },
      .attrs = { ATTR_INT("axis", 1) },
      .attr_count = 1 },
    { .op = "ScatterElements",
      .inputs = 3,
      .ndim = { 2, 2, 2 },
      .shape = { { 3, 4 }, { 2, 2 }, { 2, 2 } },
      .int_count = { 0, 4 },
      .ints = { { 0 }, { 1, 1, 2, -2 } },
      .attrs = { ATTR_INT("axis", 1), ATTR_STR("reduction", "add") },
      .attr_count = 2 },
    { .op = "ScatterND",
      .inputs = 3,
      .ndim = { 2, 2, 2 },
      .shape = { { 4, 3 }, { 2, 1 }, { 2, 3 } },
      .int_count = { 0, 2 },
      .ints = { { 0 }, { 3, 1 } } },
    { .op = "TopK",
      .inputs = 2,
      .ndim = { 2, 1 },
      .shape = { { 3, 17 }, { 1 } },
      .int_count = { 0, 1 },
      .ints = { { 0 }, { 4 } } },
    { .op = "CumSum",
      .inputs = 2,
      .ndim = { 2, 0 },
      .shape = { { 3, 5 } },
      .int_count = { 0, 1 },
      .ints = { { 0 }, { 1 } },
      .attrs = { ATTR_INT("exclusive", 1), ATTR_INT("reverse", 1) },
      .attr_count = 2 },
    { .op = "Trilu",
      .inputs = 1,
      .ndim = { 3 },
      .shape = { { 2, 4, 5 } },
      .attrs = { ATTR_INT("upper", 0) },
      .attr_count = 1 },
    { .op = "Reshape",
      .inputs = 2,
      .ndim = { 2, 1 },
      .shape = { { 4, 6 }, { 2 } },
      .int_count = { 0, 2 },
      .ints = { { 0 }, { 3, -1 } } },
    { .op = "Flatten", .inputs = 1, .ndim = { 3 }, .shape = { { 2, 3, 4 } } },
    { .op = "Clip",
      .inputs = 3,
      .ndim = { 2, 0, 0 },
      .shape = { { 5, 21 } },
      .spread = 0.5,
      .no_gradient = true },
    { .op = "Sum", .inputs = 3, .ndim = { 2, 1, 2 }, .shape = { { 3, 4 }, { 4 }, { 3, 1 } } },
    { .op = "Mean", .inputs = 3, .ndim = { 2, 1, 2 }, .shape = { { 3, 4 }, { 4 }, { 3, 1 } } },
    { .op = "Einsum",
      .inputs = 2,
      .ndim = { 3, 3 },
      .shape = { { 2, 3, 4 }, { 2, 5, 4 } },
      .attrs = { ATTR_STR("equation", "bij,bkj->bik") },
      .attr_count = 1 },
    { .op = "Einsum",
      .inputs = 2,
      .ndim = { 3, 2 },
      .shape = { { 2, 3, 4 }, { 4, 5 } },
      .attrs = { ATTR_STR("equation", "ijk,kl->ilj") },
      .attr_count = 1 },
    { .op = "Einsum",
      .inputs = 2,
      .ndim = { 3, 3 },
      .shape = { { 2, 3, 4 }, { 2, 4, 5 } },
      .attrs = { ATTR_STR("equation", "bij,bjk->kbi") },
      .attr_count = 1 },
    { .op = "Einsum",
      .inputs = 2,
      .ndim = { 4, 4 },
      .shape = { { 2, 3, 4, 5 }, { 3, 5, 2, 2 } },
      .attrs = { ATTR_STR("equation", "abcd,bdea->ceb") },
      .attr_count = 1 },
    { .op = "Einsum",
      .inputs = 2,
      .ndim = { 1, 1 },
      .shape = { { 6 }, { 7 } },
      .attrs = { ATTR_STR("equation", "i,j->ij") },
      .attr_count = 1 },
    { .op = "Einsum",
      .inputs = 2,
      .ndim = { 2, 2 },
      .shape = { { 3, 4 }, { 3, 4 } },
      .attrs = { ATTR_STR("equation", "ij,ij->") },
      .attr_count = 1 },
    { .op = "Einsum",
      .inputs = 2,
      .ndim = { 2, 1 },
      .shape = { { 3, 4 }, { 4 } },
      .attrs = { ATTR_STR("equation", "ij,j->i") },
      .attr_count = 1 },
    { .op = "Einsum",
      .inputs = 2,
      .ndim = { 4, 4 },
      .shape = { { 2, 3, 4, 5 }, { 2, 3, 5, 6 } },
      .attrs = { ATTR_STR("equation", "...ij,...jk->...ik") },
      .attr_count = 1 },
    { .op = "Einsum",
      .inputs = 1,
      .ndim = { 3 },
      .shape = { { 2, 3, 3 } },
      .attrs = { ATTR_STR("equation", "...ii->...i") },
      .attr_count = 1 },
    { .op = "LRN",
      .inputs = 1,
      .ndim = { 4 },
      .shape = { { 2, 7, 3, 3 } },
      .attrs = { ATTR_INT("size", 5), ATTR_FLOAT("alpha", 0.3), ATTR_FLOAT("bias", 1.5) },
      .attr_count = 3 },
    { .op = "MeanSquaredError", .inputs = 2, .ndim = { 2, 2 }, .shape = { { 4, 5 }, { 4, 5 } } },
    { .op = "SoftmaxCrossEntropyLoss",
      .inputs = 2,
      .ndim = { 3, 2 },
      .shape = { { 2, 5, 2 }, { 2, 2 } },
      .int_count = { 0, 4 },
      .ints = { { 0 }, { 1, 4, 3, 0 } },
      .attrs = { ATTR_INT("ignore_index", 3) },
      .attr_count = 1 },
    { .op = "CrossEntropyLoss",
      .inputs = 2,
      .ndim = { 2, 1 },
      .shape = { { 4, 5 }, { 4 } },
      .int_count = { 0, 4 },
      .ints = { { 0 }, { 1, 4, 3, 0 } },
      .attrs = { ATTR_FLOAT("label_smoothing", 0.1), ATTR_STR("reduction", "sum") },
      .attr_count = 2 },
    { .op = "NegativeLogLikelihoodLoss",
      .inputs = 2,
      .ndim = { 2, 1 },
      .shape = { { 4, 5 }, { 4 } },
      .int_count = { 0, 4 },
      .ints = { { 0 }, { 1, 4, 3, 0 } },
      .attrs = { ATTR_STR("reduction", "none") },
      .attr_count = 1 },
};

static void test_movement(void **state) {
    (void)state;
    for (size_t i = 0; i < FT_COUNT(movement); i++) run_case(&movement[i], 1 + (int)(i % 2));
}

/* A loss of places between 0 and 1; only the first input learns. */
static void test_focal(void **state) {
    (void)state;
    static const ft_nn_attr attrs[] = { ATTR_FLOAT("gamma", 2), ATTR_FLOAT("alpha", 0.25) };
    rig r = rig_of("FocalLoss", attrs, 2);
    rig_input(&r, FT_F32, 2, (int64_t[]){ 3, 4 });
    ft_array *t = rig_input(&r, FT_F64, 2, (int64_t[]){ 3, 4 });
    t->dtype = FT_F32;
    for (int64_t i = 0; i < 12; i++) ((float *)t->data)[i] = (float)(i % 2);
    ft_array grad[RIG_IO], weight = { .dtype = FT_F32, .data = (float[]){ 1 } };
    EXPECT_OK(rig_infer(&r));
    rig_backward(&r, &weight, grad, true);
    grad[1].data = NULL;
    rig_differences(&r, &weight, grad, 2e-3, __FILE__, __LINE__);
    rig_end(&r);
}

/* ---- recurrent layers */

static void recurrent(const char *op, int64_t gates, const ft_nn_attr *attrs, size_t attr_count,
                      int64_t directions, bool lengths, bool peep, bool batch_first) {
    const int64_t t = 4, b = 3, in = 5, h = 6;
    rig r = rig_of(op, attrs, attr_count);
    rig_input(&r, FT_F32, 3, batch_first ? (int64_t[]){ b, t, in } : (int64_t[]){ t, b, in });
    rig_input(&r, FT_F32, 3, (int64_t[]){ directions, gates * h, in });
    rig_input(&r, FT_F32, 3, (int64_t[]){ directions, gates * h, h });
    rig_input(&r, FT_F32, 2, (int64_t[]){ directions, 2 * gates * h });
    if (lengths) {
        ft_array *a = rig_input(&r, FT_I64, 1, &b);
        for (int64_t i = 0; i < b; i++) ft_nn_put_int(a, i, t - i);
    } else {
        rig_absent(&r);
    }
    const int64_t *state =
        batch_first ? (int64_t[]){ b, directions, h } : (int64_t[]){ directions, b, h };
    rig_input(&r, FT_F32, 3, state);
    if (gates == 4) rig_input(&r, FT_F32, 3, state);
    if (peep) rig_input(&r, FT_F32, 2, (int64_t[]){ directions, 3 * h });
    for (size_t i = 0; i < r.in_count; i++)
        for (int64_t k = 0; !ft_nn_absent(&r.in[i]) && i != 4 && k < ft_array_count(&r.in[i]); k++)
            ft_nn_put_f64(&r.in[i], k, ft_array_f64(&r.in[i], k) * 0.4);
    r.out_count = gates == 4 ? 3 : 2;
    rig_same(&r, 5e-6);
    rig_gradient(&r, 2e-3);
    rig_end(&r);
}
static void test_recurrent(void **state) {
    (void)state;
    const ft_nn_attr plain[] = { ATTR_INT("hidden_size", 6) };
    const ft_nn_attr both[] = { ATTR_INT("hidden_size", 6),
                                ATTR_STR("direction", "bidirectional") };
    const ft_nn_attr back[] = { ATTR_INT("hidden_size", 6), ATTR_STR("direction", "reverse"),
                                ATTR_INT("layout", 1) };
    const ft_nn_attr reset[] = { ATTR_INT("hidden_size", 6), ATTR_INT("linear_before_reset", 1) };
    recurrent("RNN", 1, plain, 1, 1, false, false, false);
    recurrent("RNN", 1, both, 2, 2, true, false, false);
    recurrent("GRU", 3, plain, 1, 1, true, false, false);
    recurrent("GRU", 3, reset, 2, 1, true, false, false);
    recurrent("GRU", 3, both, 2, 2, false, false, false);
    recurrent("LSTM", 4, plain, 1, 1, false, false, false);
    recurrent("LSTM", 4, both, 2, 2, true, true, false);
    recurrent("LSTM", 4, back, 3, 1, true, false, true);
}

/* ---- sixteen lanes against the C library */

FT_NN_KERNEL(exp_span, (float *v, int64_t n), (v, n)) {
    for (int64_t i = 0; i < n; i += FT_NN_LANES) ft_v_store(v + i, ft_v_exp(ft_v_load(v + i)));
}
FT_NN_KERNEL(log_span, (float *v, int64_t n), (v, n)) {
    for (int64_t i = 0; i < n; i += FT_NN_LANES) ft_v_store(v + i, ft_v_log(ft_v_load(v + i)));
}
FT_NN_KERNEL(tanh_span, (float *v, int64_t n), (v, n)) {
    for (int64_t i = 0; i < n; i += FT_NN_LANES) ft_v_store(v + i, ft_v_tanh(ft_v_load(v + i)));
}
FT_NN_KERNEL(erf_span, (float *v, int64_t n), (v, n)) {
    for (int64_t i = 0; i < n; i += FT_NN_LANES) ft_v_store(v + i, ft_v_erf(ft_v_load(v + i)));
}
typedef void span(float *v, int64_t n);
static double farthest(span *fast, double (*exact)(double), double low, double high) {
    enum { N = 4096 };
    static float v[N], x[N];
    double far = 0;
    for (int i = 0; i < N; i++) x[i] = v[i] = (float)(low + (high - low) * i / (N - 1));
    fast(v, N);
    for (int i = 0; i < N; i++) {
        double want = exact((double)x[i]), d = fabs((double)v[i] - want) / fmax(fabs(want), 1e-30);
        if (want == 0) d = fabs((double)v[i]);
        if (!(d <= far)) far = d;
    }
    return far;
}
static void test_functions(void **state) {
    (void)state;
    span *const exps[] = { exp_span_128, exp_span };
    span *const logs[] = { log_span_128, log_span };
    span *const tanhs[] = { tanh_span_128, tanh_span };
    span *const erfs[] = { erf_span_128, erf_span };
    for (int level = 0; level < 2; level++) {
        assert_true(farthest(exps[level], exp, -87, 88) < 3e-7);
        assert_true(farthest(logs[level], log, 1e-6, 1e6) < 3e-7);
        assert_true(farthest(logs[level], log, 0.5, 2) < 3e-7);
        assert_true(farthest(tanhs[level], tanh, -9, 9) < 3e-7);
        assert_true(farthest(erfs[level], erf, -4, 4) < 3e-7);
    }
    float v[16] = { INFINITY, -INFINITY, NAN, 0, -200, 200, -100, 1e-40f };
    exp_span(v, 16);
    assert_true(isinf(v[0]) && v[1] == 0 && isnan(v[2]) && v[3] == 1 && v[4] == 0 && isinf(v[5]));
    assert_true(v[6] > 0 && v[6] < 1e-43f); /* subnormal */
    float w[16] = { INFINITY, -1, NAN, 0, 1, 1e-40f };
    log_span(w, 16);
    assert_true(isinf(w[0]) && isnan(w[1]) && isnan(w[2]) && w[3] == -INFINITY && w[4] == 0);
    assert_true(fabsf(w[5] - logf(1e-40f)) < 1e-4f);
}

/* Bytes and back, for both kinds of bytes, by one scale. */
static void test_quantized(void **state) {
    (void)state;
    static const ft_dtype types[] = { FT_U8, FT_I8 };
    for (size_t t = 0; t < FT_COUNT(types); t++) {
        rig r = rig_of("QuantizeLinear", NULL, 0);
        ft_array *x = rig_input(&r, FT_F32, 1, (int64_t[]){ 77 });
        for (int64_t i = 0; i < 77; i++) ft_nn_put_f64(x, i, ft_array_f64(x, i) * 40);
        ((float *)x->data)[3] = 0.625f; /* a tie */
        ((float *)x->data)[4] = NAN;
        ft_nn_put_f64(rig_input(&r, FT_F32, 0, NULL), 0, 0.25);
        ft_nn_put_int(rig_input(&r, types[t], 0, NULL), 0, 7);
        rig_same(&r, 0);
        rig_end(&r);
        r = rig_of("DequantizeLinear", NULL, 0);
        x = rig_input(&r, types[t], 1, (int64_t[]){ 256 });
        for (int64_t i = 0; i < 256; i++) ft_nn_put_int(x, i, i);
        ft_nn_put_f64(rig_input(&r, FT_F32, 0, NULL), 0, 0.3);
        ft_nn_put_int(rig_input(&r, types[t], 0, NULL), 0, 7);
        rig_same(&r, 1e-7);
        rig_end(&r);
    }
}

/* NaN wins, whatever stands beside it; infinities are numbers. */
static void test_extremes(void **state) {
    (void)state;
    static const float x[] = { NAN, 1, INFINITY, -INFINITY, 2, -3e38f, NAN, 0 };
    static const float y[] = { 1, NAN, INFINITY, INFINITY, -2, 3e38f, NAN, 0 };
    static const char *const ops[] = { "Max", "Min" };
    for (int o = 0; o < 2; o++) {
        rig r = rig_of(ops[o], NULL, 0);
        ft_array out[RIG_IO];
        for (int k = 0; k < 2; k++) {
            ft_array *a = rig_input(&r, FT_F32, 1, (int64_t[]){ 19 });
            for (int i = 0; i < 19; i++) ((float *)a->data)[i] = k ? y[i % 8] : x[i % 8];
        }
        rig_same(&r, 0);
        rig_outputs(&r, out);
        EXPECT_OK(rig_call(&r, out, NULL, NULL, false));
        const float *z = out[0].data;
        assert_true(isnan(z[0]) && isnan(z[1]) && isnan(z[6]) && isnan(z[16]) && isnan(z[17]));
        assert_true(z[3] == (o ? -INFINITY : INFINITY) && z[2] == INFINITY);
        assert_true(z[4] == (o ? -2 : 2) && z[5] == (o ? -3e38f : 3e38f));
        rig_end(&r);
    }
}

/* Every half and bfloat16 goes to float and back. */
static void test_halves(void **state) {
    (void)state;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        double h = (double)ft_f16_f32((uint16_t)bits), b = (double)ft_bf16_f32((uint16_t)bits);
        if (!isnan(h)) assert_int_equal(ft_nn_f16_of(h), bits);
        if (!isnan(b)) assert_int_equal(ft_nn_bf16_of(b), bits);
    }
    assert_int_equal(ft_nn_f16_of(65520), 0x7c00); /* ties to even: infinite */
    assert_int_equal(ft_nn_f16_of(65519.99), 0x7bff);
    assert_int_equal(ft_nn_f16_of(1 + 0x1p-11), 0x3c00);
    assert_int_equal(ft_nn_f16_of(1 + 0x1p-11 + 0x1p-40), 0x3c01); /* just above the middle */
    assert_true(isnan((double)ft_f16_f32(ft_nn_f16_of(NAN))));
}

/* ---- refusals name the node and the shapes */

static ft_err infer_two(const char *op, int an, const int64_t *a, int bn, const int64_t *b) {
    rig r = rig_of(op, NULL, 0);
    rig_input(&r, FT_F32, an, a);
    rig_input(&r, FT_F32, bn, b);
    ft_err err = rig_infer(&r);
    rig_end(&r);
    return err;
}
static void test_refusals(void **state) {
    (void)state;
    EXPECT_ERR(FT_EINVAL, infer_two("Add", 2, (int64_t[]){ 2, 3 }, 1, (int64_t[]){ 4 }));
    EXPECT_WHY("node 'rig' (Add): shapes 2x3 and 4 do not broadcast");
    EXPECT_ERR(FT_EUNSUPPORTED, infer_two("And", 1, (int64_t[]){ 2 }, 1, (int64_t[]){ 2 }));
    EXPECT_WHY("input 0 of type float32 is not supported");
    op_case c = { .op = "Gather",
                  .inputs = 2,
                  .ndim = { 1, 1 },
                  .shape = { { 3 }, { 1 } },
                  .int_count = { 0, 1 },
                  .ints = { { 0 }, { 7 } } };
    rig r = rig_of(c.op, NULL, 0);
    ft_array out[RIG_IO];
    fill_case(&r, &c);
    EXPECT_OK(rig_infer(&r));
    rig_outputs(&r, out);
    EXPECT_ERR(FT_EINVAL, rig_call(&r, out, NULL, NULL, true));
    EXPECT_WHY("index 7 is outside of 3 items");
    rig_end(&r);
}

/* Inputs that go in pairs, one of them shorter; and nothing to take samples of. */
static void test_short_partners(void **state) {
    (void)state;
    rig r = rig_of("RoiAlign", NULL, 0);
    rig_input(&r, FT_F32, 4, (int64_t[]){ 1, 1, 4, 4 });
    rig_input(&r, FT_F32, 2, (int64_t[]){ 300, 4 });
    rig_input(&r, FT_I64, 1, (int64_t[]){ 1 });
    EXPECT_ERR(FT_EINVAL, rig_infer(&r));
    EXPECT_WHY("one picture for each region");
    r.in[0].shape[2] = 0;
    EXPECT_ERR(FT_EINVAL, rig_infer(&r));
    EXPECT_WHY("have pixels");
    rig_end(&r);

    ft_nn_attr kernel[] = { ATTR_INTS("kernel_shape", 2, 2) };
    r = rig_of("MaxUnpool", kernel, 1);
    rig_input(&r, FT_F32, 4, (int64_t[]){ 1, 1, 20, 20 });
    rig_input(&r, FT_I64, 4, (int64_t[]){ 1, 1, 1, 1 });
    EXPECT_ERR(FT_EINVAL, rig_infer(&r));
    EXPECT_WHY("one place for each item");
    rig_end(&r);

    r = rig_of("DequantizeLinear", NULL, 0);
    rig_input(&r, FT_U8, 2, (int64_t[]){ 2, 90 });
    rig_input(&r, FT_F32, 1, (int64_t[]){ 90 });
    rig_input(&r, FT_U8, 1, (int64_t[]){ 1 });
    EXPECT_ERR(FT_EINVAL, rig_infer(&r));
    EXPECT_WHY("one zero point for each scale");
    rig_end(&r);

    r = rig_of("Resize", NULL, 0);
    rig_input(&r, FT_F32, 2, (int64_t[]){ 0, 3 });
    rig_absent(&r);
    rig_absent(&r);
    ft_array *sizes = rig_input(&r, FT_I64, 1, (int64_t[]){ 2 });
    ft_nn_put_int(sizes, 0, 4), ft_nn_put_int(sizes, 1, 3);
    EXPECT_ERR(FT_EINVAL, rig_infer(&r));
    EXPECT_WHY("axis 0 is empty");
    rig_end(&r);
}

TEST_MAIN(cmocka_unit_test(test_unary), cmocka_unit_test(test_binary),
          cmocka_unit_test(test_reductions), cmocka_unit_test(test_movement),
          cmocka_unit_test(test_focal), cmocka_unit_test(test_recurrent),
          cmocka_unit_test(test_functions), cmocka_unit_test(test_extremes),
          cmocka_unit_test(test_quantized), cmocka_unit_test(test_halves),
          cmocka_unit_test(test_refusals), cmocka_unit_test(test_short_partners))
