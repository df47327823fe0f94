/* binary.c -- operations of two numbers that broadcast: arithmetic, powers, comparisons, logic,
 * shifts. One line an operation; they share one loop, and Max, Min, Sum and Mean use it again and
 * again over any number of inputs.
 *
 * A line gives z of x and y in double, in int64 and (where signs matter) in uint64: the reference.
 * Add, Sub, Mul, Div, Max, Min and PRelu have sixteen-lane code. */
#include "base/check.h"
#include "nn/ops/shared.h"
#include "nn/ops/vector.h"

typedef void binary_span(float *z, const float *x, const float *y, int64_t n, int x_step,
                         int y_step);
typedef struct binary_rule {
    double (*f64)(double x, double y);
    int64_t (*whole)(int64_t x, int64_t y);      /* NULL: no integers */
    uint64_t (*natural)(uint64_t x, uint64_t y); /* of uint64; NULL: `whole` does */
    binary_span *fast;                           /* f32 to f32; NULL: none */
    double (*slope_x)(double x, double y);       /* NULL: no gradient */
    double (*slope_y)(double x, double y);
    /* f32 to bool; NULL: none */
    void (*told)(uint8_t *z, const float *x, const float *y, int64_t n, int64_t xs, int64_t ys);
} binary_rule;

/* ---- the loop */

static void row_f64(const binary_rule *r, ft_array *z, int64_t at, const ft_array *x, int64_t xi,
                    int64_t xs, const ft_array *y, int64_t yi, int64_t ys, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        ft_nn_put_f64(z, at + i,
                      r->f64(ft_array_f64(x, xi + i * xs), ft_array_f64(y, yi + i * ys)));
}

static void row_whole(const binary_rule *r, ft_array *z, int64_t at, const ft_array *x, int64_t xi,
                      int64_t xs, const ft_array *y, int64_t yi, int64_t ys, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        int64_t a = ft_nn_get_int(x, xi + i * xs), b = ft_nn_get_int(y, yi + i * ys);
        int64_t v = x->dtype == FT_U64 && r->natural ? (int64_t)r->natural((uint64_t)a, (uint64_t)b)
                                                     : r->whole(a, b);
        ft_nn_put_int(z, at + i, v);
    }
}

#define PATTERN_ITEMS 1024

/* y is a few numbers that repeat along x (a mean of each colour): written out many times, so that
 * rows of three items become rows of a thousand. */
static bool pattern_run(const binary_rule *r, ft_array *z, const ft_array *x, const ft_array *y,
                        int threads) {
    int64_t few = ft_array_count(y), count = ft_array_count(z);
    float pattern[PATTERN_ITEMS];
    if (few < 2 || few > PATTERN_ITEMS / 8 || count < PATTERN_ITEMS || ft_array_count(x) != count ||
        z->ndim == 0 || y->ndim == 0 || y->shape[y->ndim - 1] != few ||
        z->shape[z->ndim - 1] != few)
        return false;
    int64_t items = PATTERN_ITEMS / few * few, rows = (count + items - 1) / items;
    for (int64_t i = 0; i < items; i++) pattern[i] = ((const float *)y->data)[i % few];
#pragma omp parallel for num_threads(ft_nn_threads(threads, count)) if (threads > 1)
    for (int64_t row = 0; row < rows; row++) {
        int64_t at = row * items, n = count - at < items ? count - at : items;
        r->fast((float *)z->data + at, (const float *)x->data + at, pattern, n, 1, 1);
    }
    return true;
}

/* z = x op y, where both broadcast to z. */
static void binary_run(const binary_rule *r, ft_array *z, const ft_array *x, const ft_array *y,
                       int threads, bool reference) {
    ft_nn_loop l;
    bool floats = ft_nn_is_float(x->dtype) || ft_nn_is_float(y->dtype);
    bool fast = !reference && r->fast && x->dtype == FT_F32 && y->dtype == FT_F32;
    bool told = !reference && r->told && x->dtype == FT_F32;
    if (fast && pattern_run(r, z, x, y, threads)) return;
    ft_nn_loop_of(&l, z, (const ft_array *const[]){ x, y }, 2);
    int64_t xs = ft_nn_inner_step(&l, 0), ys = ft_nn_inner_step(&l, 1);
    threads = fast ? ft_nn_threads(threads, l.rows * l.inner) : 1;
    /* A thread takes a run of rows; a single long row is cut. */
    int64_t cut = l.rows < threads ? (l.inner + threads - 1) / threads : l.inner;
    int64_t cuts = cut ? (l.inner + cut - 1) / cut : 0, pieces = l.rows * cuts;
    int64_t share = (pieces + threads - 1) / (threads ? threads : 1);
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (int64_t t = 0; t < threads; t++) {
        ft_nn_cursor c;
        int64_t from = t * share, to = from + share < pieces ? from + share : pieces;
        if (from < to) ft_nn_loop_at(&c, &l, from / cuts);
        for (int64_t piece = from; piece < to; piece++) {
            int64_t begin = piece % cuts * cut, at = piece / cuts * l.inner + begin;
            int64_t n = begin + cut < l.inner ? cut : l.inner - begin;
            int64_t xi = c.offset[0] + begin * xs, yi = c.offset[1] + begin * ys;
            if (fast)
                r->fast((float *)z->data + at, (const float *)x->data + xi,
                        (const float *)y->data + yi, n, (int)xs, (int)ys);
            else if (told)
                r->told((uint8_t *)z->data + at, (const float *)x->data + xi,
                        (const float *)y->data + yi, n, xs, ys);
            else if (floats)
                row_f64(r, z, at, x, xi, xs, y, yi, ys, n);
            else
                row_whole(r, z, at, x, xi, xs, y, yi, ys, n);
            if (begin + n == l.inner) ft_nn_loop_next(&c, &l);
        }
    }
}

/* The gradient of input `which`: what comes from z times the slope, summed where it broadcast. */
static ft_err slope_to(const ft_nn_call *c, int which, double (*slope)(double, double)) {
    ft_array *to = &c->in_grad[which];
    const ft_array *x = &c->in[0], *y = &c->in[1], *dz = &c->out_grad[0];
    ft_nn_loop l;
    ft_nn_cursor at;
    if (!to->data) return FT_OK;
    memset(to->data, 0, ft_array_bytes(to));
    if (!dz->data) return FT_OK;
    ft_nn_loop_of(&l, &c->out[0], (const ft_array *const[]){ x, y, to }, 3);
    ft_nn_loop_at(&at, &l, 0);
    int64_t xs = ft_nn_inner_step(&l, 0), ys = ft_nn_inner_step(&l, 1),
            ts = ft_nn_inner_step(&l, 2);
    for (int64_t row = 0; row < l.rows; row++, ft_nn_loop_next(&at, &l)) {
        const float *xi = (const float *)x->data + at.offset[0];
        const float *yi = (const float *)y->data + at.offset[1];
        const float *dzi = (const float *)dz->data + row * l.inner;
        float *out = (float *)to->data + at.offset[2];
        double sum = 0;
        for (int64_t i = 0; i < l.inner; i++) {
            double d = (double)dzi[i] * slope((double)xi[i * xs], (double)yi[i * ys]);
            if (ts)
                out[i] += (float)d;
            else
                sum += d;
        }
        if (!ts) out[0] += (float)sum;
    }
    return FT_OK;
}

static ft_err binary_backward(const ft_nn_call *c, const binary_rule *r) {
    FT_TRY(slope_to(c, 0, r->slope_x));
    return slope_to(c, 1, r->slope_y);
}

/* ---- shape rules */

static ft_err infer_of(ft_nn_infer *i, uint32_t set, bool to_bool) {
    FT_TRY(ft_nn_take(i, 0, set));
    FT_TRY(ft_nn_infer_broadcast(i));
    if (to_bool) i->out[0].dtype = FT_BOOL;
    return FT_OK;
}
static ft_err infer_numbers(ft_nn_infer *i) { return infer_of(i, FT_NN_NUMBERS, false); }
static ft_err infer_compare(ft_nn_infer *i) { return infer_of(i, FT_NN_ANY_TYPE, true); }
static ft_err infer_logic(ft_nn_infer *i) { return infer_of(i, FT_NN_BIT(FT_BOOL), false); }
static ft_err infer_shift(ft_nn_infer *i) {
    ft_str way = ft_nn_attr_str(i->node, "direction");
    if (!ft_str_is(way, "LEFT") && !ft_str_is(way, "RIGHT"))
        return ft_nn_refuse_(i->node, FT_EINVAL, "direction must be LEFT or RIGHT");
    return infer_of(i, FT_NN_UNSIGNED, false);
}
static ft_err infer_mod(ft_nn_infer *i) {
    FT_TRY(infer_numbers(i));
    if (ft_nn_is_float(i->out[0].dtype) && !ft_nn_attr_int(i->node, "fmod"))
        return ft_nn_refuse_(i->node, FT_EINVAL, "fmod must be 1 for floats");
    return FT_OK;
}
/* The exponent may be of another type. */
static ft_err infer_pow(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_NUMBERS));
    FT_TRY(ft_nn_take(i, 1, FT_NN_NUMBERS));
    i->out[0] = ft_nn_like(&i->in[0]);
    FT_TRY(ft_nn_broadcast(&i->out[0], i->node, &i->in[0], &i->in[1]));
    return ft_nn_sane(i->node, &i->out[0]);
}

/* ---- the functions of numbers */

#define RULE(sym, of_f64, of_whole)                                \
    static double sym##_f64(double x, double y) { return of_f64; } \
    static int64_t sym##_whole(int64_t x, int64_t y) { return of_whole; }
#define NATURAL(sym, of_u64) \
    static uint64_t sym##_natural(uint64_t x, uint64_t y) { return of_u64; }
#define SLOPES(sym, of_x, of_y)                       \
    static double sym##_slope_x(double x, double y) { \
        (void)x, (void)y;                             \
        return of_x;                                  \
    }                                                 \
    static double sym##_slope_y(double x, double y) { \
        (void)x, (void)y;                             \
        return of_y;                                  \
    }
#define U(v) ((uint64_t)(v))

static int64_t divide(int64_t x,
                      int64_t y) { /* x / 0 is 0: no trap, as other engines' vector code */
    return y == 0 ? 0 : y == -1 ? (int64_t)(0 - U(x)) : x / y;
}
static int64_t floor_mod(int64_t x, int64_t y) { /* the sign of y, as in Python */
    int64_t r = y == 0 || y == -1 ? 0 : x % y;
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}
static int64_t power(int64_t x, int64_t n) {
    uint64_t y = 1, base = U(x);
    if (n < 0) return x == 1 ? 1 : x == -1 ? (n & 1 ? -1 : 1) : 0;
    for (uint64_t k = U(n); k; k >>= 1, base *= base) {
        if (k & 1) y *= base;
    }
    return (int64_t)y;
}
static double larger(double x, double y) { return x != x || x > y ? x : y; } /* NaN wins */
static double smaller(double x, double y) { return x != x || x < y ? x : y; }

RULE(add, x + y, (int64_t)(U(x) + U(y)))
SLOPES(add, 1, 1)
RULE(sub, x - y, (int64_t)(U(x) - U(y)))
SLOPES(sub, 1, -1)
RULE(mul, x *y, (int64_t)(U(x) * U(y)))
SLOPES(mul, y, x)
RULE(div, x / y, divide(x, y))
NATURAL(div, y ? x / y : 0)
SLOPES(div, 1 / y, -x / (y * y))
RULE(max, larger(x, y), x > y ? x : y)
NATURAL(max, x > y ? x : y)
SLOPES(max, x > y ? 1 : x == y ? 0.5 : 0, y > x ? 1 : x == y ? 0.5 : 0)
RULE(min, smaller(x, y), x < y ? x : y)
NATURAL(min, x < y ? x : y)
SLOPES(min, x < y ? 1 : x == y ? 0.5 : 0, y < x ? 1 : x == y ? 0.5 : 0)
RULE(pow, pow(x, y), power(x, y))
SLOPES(pow, y == 0 ? 0 : y * pow(x, y - 1), x > 0 ? pow(x, y) * log(x) : 0)
RULE(p_relu, x < 0 ? x * y : x, x < 0 ? x * y : x)
SLOPES(p_relu, x < 0 ? y : 1, x < 0 ? x : 0)
RULE(mod, fmod(x, y), floor_mod(x, y))
NATURAL(mod, y ? x % y : 0)
RULE(fmod, fmod(x, y), y == 0 || y == -1 ? 0 : x % y)
RULE(equal, x == y, x == y)
RULE(less, x < y, x < y)
NATURAL(less, x < y)
RULE(greater, x > y, x > y)
NATURAL(greater, x > y)
RULE(less_or_equal, x <= y, x <= y)
NATURAL(less_or_equal, x <= y)
RULE(greater_or_equal, x >= y, x >= y)
NATURAL(greater_or_equal, x >= y)
RULE(and, x != 0 && y != 0, x &&y)
RULE(or, x != 0 || y != 0, x || y)
RULE(xor, (x != 0) != (y != 0), !x != !y)
RULE(shift_left, x + 0 * y, U(y) > 63 ? 0 : (int64_t)(U(x) << y))
RULE(shift_right, x + 0 * y, U(y) > 63 ? 0 : (int64_t)(U(x) >> y))

/* ---- sixteen lanes */

#define SPAN(sym, z_of)                                                                            \
    FT_NN_KERNEL(sym##_fast,                                                                       \
                 (float *zs, const float *xs, const float *ys, int64_t n, int x_step, int y_step), \
                 (zs, xs, ys, n, x_step, y_step)) {                                                \
        int64_t i = 0;                                                                             \
        ft_v16 x0 = ft_v_set(n ? xs[0] : 0), y0 = ft_v_set(n ? ys[0] : 0);                         \
        for (; i + FT_NN_LANES <= n; i += FT_NN_LANES) {                                           \
            ft_v16 x = x_step ? ft_v_load(xs + i) : x0, y = y_step ? ft_v_load(ys + i) : y0;       \
            ft_v_store(zs + i, (z_of));                                                            \
        }                                                                                          \
        if (i < n) {                                                                               \
            ft_v16 x = x_step ? ft_v_load_part(xs + i, n - i) : x0;                                \
            ft_v16 y = y_step ? ft_v_load_part(ys + i, n - i) : y0;                                \
            ft_v_store_part(zs + i, (z_of), n - i);                                                \
        }                                                                                          \
    }
SPAN(add, x + y)
SPAN(sub, x - y)
SPAN(mul, x *y)
SPAN(div, x / y)
SPAN(max, ft_v_larger(x, y))
SPAN(min, ft_v_smaller(x, y))
SPAN(p_relu, ft_v_pick(x < 0.0f, x *y, x))

/* x to the y with few distinct y in practice: a square, a cube, a root, else the C library. */
static void pow_fast(float *z, const float *x, const float *y, int64_t n, int x_step, int y_step) {
    if (n && !y_step && y[0] == 2.0f) {
        mul_fast(z, x, x, n, x_step, x_step);
        return;
    }
    if (n && !y_step && y[0] == 0.5f) {
        for (int64_t i = 0; i < n; i++) z[i] = sqrtf(x[i * x_step]);
        return;
    }
    if (n && !y_step && y[0] == 3.0f) {
        for (int64_t i = 0; i < n; i++) z[i] = x[i * x_step] * x[i * x_step] * x[i * x_step];
        return;
    }
    for (int64_t i = 0; i < n; i++) z[i] = powf(x[i * x_step], y[i * y_step]);
}

/* ---- the rows */

#define OP(sym, NAME, DOC, INFER, ...)                              \
    extern const ft_nn_op ft_nn_op_##sym;                           \
    const ft_nn_op ft_nn_op_##sym = { .name = NAME,                 \
                                      .doc = DOC,                   \
                                      .inputs_min = 2,              \
                                      .inputs_max = 2,              \
                                      .outputs_min = 1,             \
                                      .outputs_max = 1,             \
                                      .infer = INFER,               \
                                      .reference = sym##_reference, \
                                      .elementwise = true,          \
                                      __VA_ARGS__ };
#define REFERENCE(sym)                                                      \
    static ft_err sym##_reference(const ft_nn_call *c) {                    \
        binary_run(&sym##_rule, &c->out[0], &c->in[0], &c->in[1], 1, true); \
        return FT_OK;                                                       \
    }
#define SMOOTH_RULE(sym, NATURAL_OF)                                  \
    static const binary_rule sym##_rule = { .f64 = sym##_f64,         \
                                            .whole = sym##_whole,     \
                                            .natural = NATURAL_OF,    \
                                            .fast = sym##_fast,       \
                                            .slope_x = sym##_slope_x, \
                                            .slope_y = sym##_slope_y };
/* With a gradient and fast code. */
#define SMOOTH(sym, NAME, DOC, INFER, NATURAL_OF, ...)                                            \
    SMOOTH_RULE(sym, NATURAL_OF)                                                                  \
    REFERENCE(sym)                                                                                \
    static ft_err sym##_forward(const ft_nn_call *c) {                                            \
        binary_run(&sym##_rule, &c->out[0], &c->in[0], &c->in[1], c->threads, false);             \
        return FT_OK;                                                                             \
    }                                                                                             \
    static ft_err sym##_backward(const ft_nn_call *c) { return binary_backward(c, &sym##_rule); } \
    OP(sym, NAME, DOC, INFER, .forward = sym##_forward, .backward = sym##_backward,               \
       .in_place = true, __VA_ARGS__)
#define STEPPED(sym, NAME, DOC, INFER, NATURAL_OF, TOLD)                              \
    static const binary_rule sym##_rule = {                                           \
        .f64 = sym##_f64, .whole = sym##_whole, .natural = NATURAL_OF, .told = TOLD   \
    };                                                                                \
    REFERENCE(sym)                                                                    \
    static ft_err sym##_forward(const ft_nn_call *c) {                                \
        binary_run(&sym##_rule, &c->out[0], &c->in[0], &c->in[1], c->threads, false); \
        return FT_OK;                                                                 \
    }                                                                                 \
    OP(sym, NAME, DOC, INFER, .forward = sym##_forward)
#define TOLD(sym, is)                                                                         \
    static void sym##_told(uint8_t *z, const float *x, const float *y, int64_t n, int64_t xs, \
                           int64_t ys) {                                                      \
        for (int64_t i = 0; i < n; i++) z[i] = x[i * xs] is y[i * ys];                        \
    }
TOLD(equal, ==)
TOLD(less, <)
TOLD(greater, >)
TOLD(less_or_equal, <=)
TOLD(greater_or_equal, >=)

SMOOTH(add, "Add", "x + y", infer_numbers, NULL, .reads = FT_NN_READS_NOTHING)
SMOOTH(sub, "Sub", "x - y", infer_numbers, NULL, .reads = FT_NN_READS_NOTHING)
SMOOTH(mul, "Mul", "x * y", infer_numbers, NULL, .reads = FT_NN_READS_INPUTS)
SMOOTH(div, "Div", "x / y; of integers cut toward zero", infer_numbers, div_natural,
       .reads = FT_NN_READS_INPUTS)
SMOOTH(pow, "Pow", "x to the power of y", infer_pow, NULL)
SMOOTH(p_relu, "PRelu", "x where positive, else slope * x", infer_numbers, NULL)
STEPPED(equal, "Equal", "x == y", infer_compare, NULL, equal_told)
STEPPED(less, "Less", "x < y", infer_compare, less_natural, less_told)
STEPPED(greater, "Greater", "x > y", infer_compare, greater_natural, greater_told)
STEPPED(less_or_equal, "LessOrEqual", "x <= y", infer_compare, less_or_equal_natural,
        less_or_equal_told)
STEPPED(greater_or_equal, "GreaterOrEqual", "x >= y", infer_compare, greater_or_equal_natural,
        greater_or_equal_told)
STEPPED(and, "And", "both are true", infer_logic, NULL, NULL)
STEPPED(or, "Or", "one is true", infer_logic, NULL, NULL)
STEPPED(xor, "Xor", "just one is true", infer_logic, NULL, NULL)

/* ---- those whose rule is chosen by an attribute */

static const binary_rule mod_rule = { .f64 = mod_f64, .whole = mod_whole, .natural = mod_natural };
static const binary_rule fmod_rule = { .f64 = fmod_f64,
                                       .whole = fmod_whole,
                                       .natural = mod_natural };
static ft_err mod_reference(const ft_nn_call *c) {
    const binary_rule *r = ft_nn_attr_int(c->node, "fmod") ? &fmod_rule : &mod_rule;
    binary_run(r, &c->out[0], &c->in[0], &c->in[1], 1, true);
    return FT_OK;
}
static const ft_nn_attr_row mod_attrs[] = { { "fmod", FT_NN_INT, 0, NULL, false }, { 0 } };
OP(mod, "Mod", "what is left of x / y, with the sign of y (fmod: of x)", infer_mod,
   .attrs = mod_attrs)

static const binary_rule left_rule = { .f64 = shift_left_f64, .whole = shift_left_whole };
static const binary_rule right_rule = { .f64 = shift_right_f64, .whole = shift_right_whole };
static ft_err bit_shift_reference(const ft_nn_call *c) {
    bool left = ft_str_is(ft_nn_attr_str(c->node, "direction"), "LEFT");
    binary_run(left ? &left_rule : &right_rule, &c->out[0], &c->in[0], &c->in[1], 1, true);
    return FT_OK;
}
static const ft_nn_attr_row bit_shift_attrs[] = { { "direction", FT_NN_STRING, 0, NULL, true },
                                                  { 0 } };
OP(bit_shift, "BitShift", "x moved by y bits", infer_shift, .attrs = bit_shift_attrs)

/* ---- any number of inputs */

static void variadic(const ft_nn_call *c, const binary_rule *r, int threads, bool reference) {
    ft_array *z = &c->out[0];
    if (c->in_count == 1) {
        memmove(z->data, c->in[0].data, ft_array_bytes(z));
        return;
    }
    for (size_t k = 1; k < c->in_count; k++)
        binary_run(r, z, k == 1 ? &c->in[0] : z, &c->in[k], threads, reference);
}

/* Only for two inputs the larger is told by a slope; more of them are chained by two. */
static ft_err chosen_backward(const ft_nn_call *c, const binary_rule *r) {
    if (c->in_count > 2)
        return ft_nn_refuse_(c->node, FT_EUNSUPPORTED,
                             "no gradient for %zu inputs: chain it by two", c->in_count);
    if (c->in_count == 2) return binary_backward(c, r);
    if (!c->in_grad[0].data) return FT_OK;
    memset(c->in_grad[0].data, 0, ft_array_bytes(&c->in_grad[0]));
    if (c->out_grad[0].data) ft_nn_sum_to(&c->in_grad[0], &c->out_grad[0]);
    return FT_OK;
}

static ft_err sum_backward(const ft_nn_call *c) {
    bool mean = c->node->op->name[0] == 'M';
    for (size_t k = 0; k < c->in_count; k++) {
        ft_array *to = &c->in_grad[k];
        if (!to->data) continue;
        memset(to->data, 0, ft_array_bytes(to));
        if (!c->out_grad[0].data) continue;
        ft_nn_sum_to(to, &c->out_grad[0]);
        float scale = 1 / (float)c->in_count;
        for (int64_t i = 0; mean && i < ft_array_count(to); i++) ((float *)to->data)[i] *= scale;
    }
    return FT_OK;
}

static void divide_by(ft_array *z, size_t count) {
    for (int64_t i = 0; i < ft_array_count(z); i++)
        ft_nn_put_f64(z, i, ft_array_f64(z, i) / (double)count);
}

#define VARIADIC(sym, NAME, DOC, INFER, RULE_OF, BACKWARD, AFTER, ...) \
    static ft_err sym##_reference(const ft_nn_call *c) {               \
        variadic(c, &RULE_OF, 1, true);                                \
        AFTER;                                                         \
        return FT_OK;                                                  \
    }                                                                  \
    static ft_err sym##_forward(const ft_nn_call *c) {                 \
        variadic(c, &RULE_OF, c->threads, false);                      \
        AFTER;                                                         \
        return FT_OK;                                                  \
    }                                                                  \
    extern const ft_nn_op ft_nn_op_##sym;                              \
    const ft_nn_op ft_nn_op_##sym = { .name = NAME,                    \
                                      .doc = DOC,                      \
                                      .inputs_min = 1,                 \
                                      .inputs_max = FT_NN_IO_MAX,      \
                                      .outputs_min = 1,                \
                                      .outputs_max = 1,                \
                                      .infer = INFER,                  \
                                      .reference = sym##_reference,    \
                                      .forward = sym##_forward,        \
                                      .backward = BACKWARD,            \
                                      .elementwise = true,             \
                                      __VA_ARGS__ };

static ft_err infer_floats(ft_nn_infer *i) { return infer_of(i, FT_NN_FLOATS, false); }
SMOOTH_RULE(max, max_natural)
SMOOTH_RULE(min, min_natural)
static ft_err max_backward(const ft_nn_call *c) { return chosen_backward(c, &max_rule); }
static ft_err min_backward(const ft_nn_call *c) { return chosen_backward(c, &min_rule); }
VARIADIC(max, "Max", "the largest of the inputs", infer_numbers, max_rule, max_backward, )
VARIADIC(min, "Min", "the smallest of the inputs", infer_numbers, min_rule, min_backward, )
VARIADIC(sum, "Sum", "the sum of the inputs", infer_floats, add_rule, sum_backward, ,
         .reads = FT_NN_READS_NOTHING)
VARIADIC(mean, "Mean", "the mean of the inputs", infer_floats, add_rule, sum_backward,
         divide_by(&c->out[0], c->in_count))
