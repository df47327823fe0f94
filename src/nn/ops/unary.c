/* unary.c -- operations of one number: arithmetic, rounding, exponentials, trigonometry and the
 * activations. One line an operation; they share one loop.
 *
 * A line gives y of x (and of the parameters a and b) in double, which is the reference, and dy/dx.
 * Those that networks use much have sixteen-lane code beside it (FAST). */
#include "base/check.h"
#include "nn/ops/shared.h"
#include "nn/ops/vector.h"

typedef struct unary_rule {
    double (*f64)(double x, double a, double b);
    int64_t (*whole)(int64_t x); /* of integers; NULL: only floats */
    void (*fast)(float *y, const float *x, int64_t n, float a, float b); /* NULL: none */
    void (*slope)(float *dx, const float *dy, const float *x, int64_t n, double a, double b);
    const char *a, *b; /* attributes that hold them, or NULL */
} unary_rule;

/* ---- the loops */

static ft_err infer_floats(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_FLOATS));
    return ft_nn_infer_same(i);
}

static ft_err infer_numbers(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_NUMBERS));
    return ft_nn_infer_same(i);
}

static double parameter(const ft_nn_call *c, const char *name) {
    return name ? ft_nn_attr_float(c->node, name) : 0;
}

static ft_err unary_reference(const ft_nn_call *c, const unary_rule *rule) {
    ft_array *y = &c->out[0];
    int64_t count = ft_array_count(y);
    double a = parameter(c, rule->a), b = parameter(c, rule->b);
    if (ft_nn_is_float(y->dtype)) {
        for (int64_t i = 0; i < count; i++)
            ft_nn_put_f64(y, i, rule->f64(ft_array_f64(&c->in[0], i), a, b));
    } else {
        FT_CHECK(rule->whole);
        for (int64_t i = 0; i < count; i++)
            ft_nn_put_int(y, i, rule->whole(ft_nn_get_int(&c->in[0], i)));
    }
    return FT_OK;
}

#define CHUNK ((int64_t)4096) /* floats a thread takes at once: 16 KiB in and out */

static ft_err unary_forward(const ft_nn_call *c, const unary_rule *rule) {
    if (c->in[0].dtype != FT_F32) return unary_reference(c, rule);
    int64_t count = ft_array_count(&c->out[0]);
    float a = (float)parameter(c, rule->a), b = (float)parameter(c, rule->b);
    const float *x = c->in[0].data;
    float *y = c->out[0].data;
    int threads = ft_nn_threads(c->threads, count);
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (int64_t at = 0; at < count; at += CHUNK)
        rule->fast(y + at, x + at, at + CHUNK < count ? CHUNK : count - at, a, b);
    return FT_OK;
}

static ft_err unary_backward(const ft_nn_call *c, const unary_rule *rule) {
    if (!c->in_grad[0].data) return FT_OK;
    int64_t count = ft_array_count(&c->in[0]);
    if (!c->out_grad[0].data) {
        memset(c->in_grad[0].data, 0, (size_t)count * sizeof(float));
        return FT_OK;
    }
    double a = parameter(c, rule->a), b = parameter(c, rule->b);
    float *dx = c->in_grad[0].data;
    const float *dy = c->out_grad[0].data, *x = c->in[0].data;
    int threads = ft_nn_threads(c->threads, count);
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (int64_t at = 0; at < count; at += CHUNK)
        rule->slope(dx + at, dy + at, x + at, at + CHUNK < count ? CHUNK : count - at, a, b);
    return FT_OK;
}

/* ---- the makers of a line */

/* x -> y in double, and dy/dx as a loop that the compiler unrolls. */
#define RULE_BODY(sym, y_of_x, slope_of_x)                                                    \
    static double sym##_f64(double x, double a, double b) {                                   \
        (void)a, (void)b;                                                                     \
        return (y_of_x);                                                                      \
    }                                                                                         \
    static void sym##_slope(float *dx, const float *dy, const float *xs, int64_t n, double a, \
                            double b) {                                                       \
        (void)a, (void)b;                                                                     \
        for (int64_t i = 0; i < n; i++) {                                                     \
            double x = (double)xs[i];                                                         \
            (void)x;                                                                          \
            dx[i] = (float)((double)dy[i] * (slope_of_x));                                    \
        }                                                                                     \
    }

#define FAST(sym, y_of_v)                                                               \
    FT_NN_KERNEL(sym##_fast, (float *ys, const float *xs, int64_t n, float a, float b), \
                 (ys, xs, n, a, b)) {                                                   \
        int64_t i = 0;                                                                  \
        (void)a, (void)b;                                                               \
        for (; i + FT_NN_LANES <= n; i += FT_NN_LANES) {                                \
            ft_v16 x = ft_v_load(xs + i);                                               \
            ft_v_store(ys + i, (y_of_v));                                               \
        }                                                                               \
        if (i < n) {                                                                    \
            ft_v16 x = ft_v_load_part(xs + i, n - i);                                   \
            ft_v_store_part(ys + i, (y_of_v), n - i);                                   \
        }                                                                               \
    }

#define ROW(sym, NAME, DOC, ATTRS, INFER, WHOLE, FASTER, A, B, ...)                                \
    static const unary_rule sym##_rule = {                                                         \
        .f64 = sym##_f64, .whole = WHOLE, .fast = FASTER, .slope = sym##_slope, .a = A, .b = B     \
    };                                                                                             \
    static ft_err sym##_reference(const ft_nn_call *c) { return unary_reference(c, &sym##_rule); } \
    static ft_err sym##_backward(const ft_nn_call *c) { return unary_backward(c, &sym##_rule); }   \
    extern const ft_nn_op ft_nn_op_##sym;                                                          \
    const ft_nn_op ft_nn_op_##sym = { .name = NAME,                                                \
                                      .doc = DOC,                                                  \
                                      .attrs = ATTRS,                                              \
                                      .inputs_min = 1,                                             \
                                      .inputs_max = 1,                                             \
                                      .outputs_min = 1,                                            \
                                      .outputs_max = 1,                                            \
                                      .infer = INFER,                                              \
                                      .reference = sym##_reference,                                \
                                      .backward = sym##_backward,                                  \
                                      .in_place = true,                                            \
                                      .elementwise = true,                                         \
                                      __VA_ARGS__ };
#define FORWARD(sym) static ft_err sym##_forward(const ft_nn_call *c);
#define FORWARD_BODY(sym) \
    static ft_err sym##_forward(const ft_nn_call *c) { return unary_forward(c, &sym##_rule); }

/* Floats by the reference alone. */
#define PLAIN(sym, NAME, DOC, y, slope) \
    RULE_BODY(sym, y, slope)            \
    ROW(sym, NAME, DOC, NULL, infer_floats, NULL, NULL, NULL, NULL)
/* Integers too. */
#define WHOLE(sym, NAME, DOC, y, slope, of_int)              \
    RULE_BODY(sym, y, slope)                                 \
    static int64_t sym##_whole(int64_t x) { return of_int; } \
    ROW(sym, NAME, DOC, NULL, infer_numbers, sym##_whole, NULL, NULL, NULL)
/* With sixteen-lane code. */
#define QUICK(sym, NAME, DOC, ATTRS, A, B, y, slope, y_of_v, ...)                              \
    RULE_BODY(sym, y, slope)                                                                   \
    FAST(sym, y_of_v)                                                                          \
    FORWARD(sym)                                                                               \
    ROW(sym, NAME, DOC, ATTRS, infer_floats, NULL, sym##_fast, A, B, .forward = sym##_forward, \
        __VA_ARGS__)                                                                           \
    FORWARD_BODY(sym)
#define QUICK_WHOLE(sym, NAME, DOC, y, slope, of_int, y_of_v)                     \
    RULE_BODY(sym, y, slope)                                                      \
    static int64_t sym##_whole(int64_t x) { return of_int; }                      \
    FAST(sym, y_of_v)                                                             \
    FORWARD(sym)                                                                  \
    ROW(sym, NAME, DOC, NULL, infer_numbers, sym##_whole, sym##_fast, NULL, NULL, \
        .forward = sym##_forward)                                                 \
    FORWARD_BODY(sym)

/* ---- functions that have no name in C */

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }
static double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; /* NaN stays */ }
static double clamp01(double x) { return x < 0 ? 0 : x > 1 ? 1 : x; }
#define SQRT_HALF     0.70710678118654752440
#define TWO_BY_SQRTPI 1.12837916709551257390
static double normal_share(double x) { return 0.5 * (1 + erf(x * SQRT_HALF)); }
static double normal_density(double x) {
    return 0.5 * TWO_BY_SQRTPI * SQRT_HALF * exp(-0.5 * x * x);
}

#define V_ZERO ft_v_set(0)
#define V_ONE  ft_v_set(1)

/* ---- arithmetic and rounding */

QUICK_WHOLE(abs, "Abs", "absolute value", fabs(x), sign(x), x < 0 ? (int64_t)(0 - (uint64_t)x) : x,
            ft_v_abs(x))
QUICK_WHOLE(neg, "Neg", "the number with its other sign", -x, -1.0, (int64_t)(0 - (uint64_t)x), -x)
WHOLE(sign, "Sign", "-1, 0 or 1", sign(x), 0.0, (x > 0) - (x < 0))
PLAIN(ceil, "Ceil", "the next whole number above", ceil(x), 0.0)
PLAIN(floor, "Floor", "the next whole number below", floor(x), 0.0)
PLAIN(round, "Round", "the nearest whole number, halves to the even one", rint(x), 0.0)
QUICK(reciprocal, "Reciprocal", "1 / x", NULL, NULL, NULL, 1 / x, -1 / (x * x), 1.0f / x)
PLAIN(sqrt, "Sqrt", "square root", sqrt(x), 0.5 / sqrt(x))

/* ---- exponentials and trigonometry */

QUICK(exp, "Exp", "e to the x", NULL, NULL, NULL, exp(x), exp(x), ft_v_exp(x))
QUICK(log, "Log", "natural logarithm", NULL, NULL, NULL, log(x), 1 / x, ft_v_log(x))
QUICK(erf, "Erf", "error function", NULL, NULL, NULL, erf(x), TWO_BY_SQRTPI *exp(-x *x),
      ft_v_erf(x))
PLAIN(sin, "Sin", "sine", sin(x), cos(x))
PLAIN(cos, "Cos", "cosine", cos(x), -sin(x))
PLAIN(tan, "Tan", "tangent", tan(x), 1 + tan(x) * tan(x))
PLAIN(asin, "Asin", "arc sine", asin(x), 1 / sqrt(1 - x * x))
PLAIN(acos, "Acos", "arc cosine", acos(x), -1 / sqrt(1 - x * x))
PLAIN(atan, "Atan", "arc tangent", atan(x), 1 / (1 + x * x))
PLAIN(sinh, "Sinh", "hyperbolic sine", sinh(x), cosh(x))
PLAIN(cosh, "Cosh", "hyperbolic cosine", cosh(x), sinh(x))
PLAIN(asinh, "Asinh", "inverse of Sinh", asinh(x), 1 / sqrt(x * x + 1))
PLAIN(acosh, "Acosh", "inverse of Cosh", acosh(x), 1 / sqrt(x * x - 1))
PLAIN(atanh, "Atanh", "inverse of Tanh", atanh(x), 1 / (1 - x * x))

/* ---- activations */

QUICK_WHOLE(relu, "Relu", "max(0, x)", x<0 ? 0 : x, x> 0 ? 1.0 : 0.0, x < 0 ? 0 : x,
            ft_v_max(x, V_ZERO))
QUICK(sigmoid, "Sigmoid", "1 / (1 + e^-x)", NULL, NULL, NULL, sigmoid(x),
      sigmoid(x) * (1 - sigmoid(x)), ft_v_sigmoid(x))
QUICK(tanh, "Tanh", "hyperbolic tangent", NULL, NULL, NULL, tanh(x), 1 - tanh(x) * tanh(x),
      ft_v_tanh(x))
QUICK(softplus, "Softplus", "ln(1 + e^x)", NULL, NULL, NULL, softplus(x), sigmoid(x),
      ft_v_max(x, V_ZERO) + ft_v_log1p_unit(ft_v_exp(-ft_v_abs(x))))
QUICK(softsign, "Softsign", "x / (1 + |x|)", NULL, NULL, NULL, x / (1 + fabs(x)),
      1 / ((1 + fabs(x)) * (1 + fabs(x))), x / (1.0f + ft_v_abs(x)))
QUICK(hard_swish, "HardSwish", "x * max(0, min(1, x/6 + 1/2))", NULL, NULL, NULL,
      x *clamp01(x / 6 + 0.5),
      x <= -3  ? 0
      : x >= 3 ? 1
               : x / 3 + 0.5,
      x *ft_v_min(ft_v_max(x *(1.0f / 6.0f) + 0.5f, V_ZERO), V_ONE))
QUICK(mish, "Mish", "x * tanh(softplus(x))", NULL, NULL, NULL, x *tanh(softplus(x)),
      tanh(softplus(x)) + x * sigmoid(x) * (1 - tanh(softplus(x)) * tanh(softplus(x))),
      x *ft_v_tanh(ft_v_max(x, V_ZERO) + ft_v_log1p_unit(ft_v_exp(-ft_v_abs(x)))))

#define ONE_PARAMETER(attrs, name, otherwise) \
    static const ft_nn_attr_row attrs[] = { { name, FT_NN_FLOAT, otherwise, NULL, false }, { 0 } };
#define TWO_PARAMETERS(attrs, name, otherwise, name_b, otherwise_b)                            \
    static const ft_nn_attr_row attrs[] = { { name, FT_NN_FLOAT, otherwise, NULL, false },     \
                                            { name_b, FT_NN_FLOAT, otherwise_b, NULL, false }, \
                                            { 0 } };

ONE_PARAMETER(leaky_attrs, "alpha", 0.01)
QUICK(leaky_relu, "LeakyRelu", "x where positive, else alpha * x", leaky_attrs, "alpha", NULL,
      x < 0 ? a * x : x, x < 0 ? a : 1, ft_v_pick(x < 0.0f, x *a, x))
ONE_PARAMETER(one_attrs, "alpha", 1)
QUICK(elu, "Elu", "x where positive, else alpha * (e^x - 1)", one_attrs, "alpha", NULL,
      x < 0 ? a * expm1(x) : x, x < 0 ? a * exp(x) : 1,
      ft_v_pick(x < 0.0f, (ft_v_exp(x) - 1.0f) * a, x))
QUICK(celu, "Celu", "max(0, x) + min(0, alpha * (e^(x/alpha) - 1))", one_attrs, "alpha", NULL,
      x < 0 ? a * expm1(x / a) : x, x < 0 ? exp(x / a) : 1,
      ft_v_pick(x < 0.0f, (ft_v_exp(x / a) - 1.0f) * a, x))
RULE_BODY(thresholded_relu, x > a ? x : 0, x > a ? 1.0 : 0.0)
ROW(thresholded_relu, "ThresholdedRelu", "x where above alpha, else 0", one_attrs, infer_floats,
    NULL, NULL, "alpha", NULL)
TWO_PARAMETERS(selu_attrs, "alpha", 1.67326319217681884765625, "gamma", 1.05070102214813232421875)
QUICK(selu, "Selu", "gamma * (x where positive, else alpha * (e^x - 1))", selu_attrs, "alpha",
      "gamma", b *(x < 0 ? a * expm1(x) : x), b *(x < 0 ? a * exp(x) : 1),
      ft_v_pick(x < 0.0f, (ft_v_exp(x) - 1.0f) * a, x) * b)
TWO_PARAMETERS(hard_sigmoid_attrs, "alpha", 0.2, "beta", 0.5)
QUICK(hard_sigmoid, "HardSigmoid", "max(0, min(1, alpha * x + beta))", hard_sigmoid_attrs, "alpha",
      "beta", clamp01(a *x + b), a *x + b <= 0 || a * x + b >= 1 ? 0 : a,
      ft_v_min(ft_v_max(x *a + b, V_ZERO), V_ONE))
TWO_PARAMETERS(shrink_attrs, "lambd", 0.5, "bias", 0)
RULE_BODY(shrink, x<-a ? x + b : x> a ? x - b : 0, fabs(x) > a ? 1.0 : 0.0)
ROW(shrink, "Shrink", "x moved by bias toward 0, 0 within lambd of it", shrink_attrs, infer_floats,
    NULL, NULL, "lambd", "bias")
QUICK(gelu, "Gelu", "x * P(N(0, 1) <= x)", NULL, NULL, NULL, x *normal_share(x),
      normal_share(x) + x * normal_density(x), x * 0.5f * (1.0f + ft_v_erf(x * 0.70710678f)),
      .not_onnx = true)
