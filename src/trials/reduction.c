/* reduction.c -- see reduction.h. */
#include "trials/reduction.h"

#include <math.h>

#include "base/check.h"
#include "trials/reduction_in.h"

static const char *const op_names[FT_REDUCE_COUNT] = { "min", "max",  "mean", "std", "variance",
                                                       "sum", "prod", "l1",   "l2" };

static ft_err parse_one(ft_reduction *out, ft_str item) {
    ft_str name = item;
    out->of_abs = ft_str_starts(name, FT_STR("abs_"));
    if (out->of_abs) name = ft_str_from(name, 4);
    if (ft_str_ends(name, FT_STR("_norm"))) name.len -= 5;
    for (int op = 0; op < FT_REDUCE_COUNT; op++)
        if (ft_str_is(name, op_names[op])) {
            out->op = (ft_reduction_op)op;
            return FT_OK;
        }
    return FT_FAIL(FT_EINVAL,
                   "'%.*s' is not a reduction: min, max, mean, std, variance, sum, prod, l1_norm "
                   "or l2_norm was expected, with or without abs_",
                   FT_STR_ARG(item));
}

ft_err ft_reductions_parse(ft_reduction *out, size_t *count, ft_str text) {
    *count = 0;
    for (ft_str rest = text; rest.at;) {
        ft_str item = ft_str_trim(ft_str_cut(&rest, ','));
        ft_reduction r;
        bool seen = false;
        if (!item.len) continue;
        FT_TRY(parse_one(&r, item));
        for (size_t i = 0; i < *count; i++) seen |= out[i].op == r.op && out[i].of_abs == r.of_abs;
        if (!seen) out[(*count)++] = r; /* at most 2 * FT_REDUCE_COUNT different ones */
    }
    return FT_OK;
}
_Static_assert(2 * FT_REDUCE_COUNT <= FT_REDUCTIONS_MAX, "room for every reduction");

ft_err ft_reduction_name(ft_str *out, ft_arena *arena, ft_reduction r, ft_str tensor) {
    FT_TRY(ft_arena_printf(out, arena, "smdebug/reductions/%s%s/%.*s", r.of_abs ? "abs_" : "",
                           op_names[r.op], FT_STR_ARG(tensor)));
    /* ":0" of TensorFlow's names goes, as the reference's name has it. */
    char *to = (char *)(uintptr_t)out->at;
    size_t n = 0;
    for (size_t i = 0; i < out->len;) {
        size_t digits = 0;
        if (out->at[i] == ':')
            while (i + 1 + digits < out->len && out->at[i + 1 + digits] >= '0' &&
                   out->at[i + 1 + digits] <= '9')
                digits++;
        if (digits)
            i += 1 + digits;
        else
            to[n++] = out->at[i++];
    }
    to[n] = '\0';
    out->len = n;
    return FT_OK;
}

/* ---- any type, one by one */

static ft_sums first_pass(const ft_array *a, bool of_abs) {
    ft_sums s = { .least = INFINITY, .most = -INFINITY, .product = 1 };
    s.count = ft_array_count(a);
    for (int64_t i = 0; i < s.count; i++) {
        double x = ft_array_f64(a, i);
        if (of_abs) x = fabs(x);
        if (x < s.least || isnan(x)) s.least = x;
        if (x > s.most || isnan(x)) s.most = x;
        if (isnan(s.least)) s.most = s.least = NAN; /* a NaN once is a NaN for ever */
        s.sum += x;
        s.product *= x;
        s.l1 += fabs(x);
        s.l2 += x * x;
    }
    if (!s.count) s.least = s.most = NAN;
    return s;
}

static void second_pass(ft_sums *s, const ft_array *a, bool of_abs) {
    double mean = s->sum / (double)s->count;
    for (int64_t i = 0; i < s->count; i++) {
        double x = ft_array_f64(a, i);
        if (of_abs) x = fabs(x);
        s->squares += (x - mean) * (x - mean);
    }
}

static double pick(const ft_sums *s, ft_reduction_op op) {
    double n = (double)s->count;
    switch (op) {
    case FT_REDUCE_MIN:
        return s->least;
    case FT_REDUCE_MAX:
        return s->most;
    case FT_REDUCE_MEAN:
        return s->sum / n;
    case FT_REDUCE_STD:
        return sqrt(s->squares / n);
    case FT_REDUCE_VARIANCE:
        return s->squares / n;
    case FT_REDUCE_SUM:
        return s->sum;
    case FT_REDUCE_PROD:
        return s->product;
    case FT_REDUCE_L1:
        return s->l1;
    case FT_REDUCE_L2:
        return sqrt(s->l2);
    default:
        FT_CHECK(!"a known reduction");
        return NAN;
    }
}

static double product_of(const ft_array *a, bool of_abs) {
    double product = 1;
    for (int64_t i = 0, count = ft_array_count(a); i < count; i++) product *= ft_array_f64(a, i);
    return of_abs ? fabs(product) : product;
}

/* ---- a set of reductions */

typedef struct wants {
    bool any, spread, product;
} wants;

static wants wants_of(const ft_reduction *set, size_t count, bool of_abs) {
    wants w = { 0 };
    for (size_t i = 0; i < count; i++) {
        if (set[i].of_abs != of_abs) continue;
        w.any = true;
        w.spread |= set[i].op == FT_REDUCE_STD || set[i].op == FT_REDUCE_VARIANCE;
        w.product |= set[i].op == FT_REDUCE_PROD;
    }
    return w;
}

void ft_reduce(double *out, const ft_reduction *set, size_t count, const ft_array *a) {
    ft_sums both[2];
    bool fast = a->dtype == FT_F32 && ft_array_count(a) > 0;
    if (fast) ft_sums_f32(&both[0], &both[1], a->data, ft_array_count(a));
    for (int of_abs = 0; of_abs < 2; of_abs++) {
        wants w = wants_of(set, count, of_abs != 0);
        ft_sums *s = &both[of_abs];
        if (!w.any) continue;
        if (!fast) *s = first_pass(a, of_abs != 0);
        if (fast && w.product) s->product = product_of(a, of_abs != 0);
        if (fast && w.spread)
            s->squares = ft_squares_f32(a->data, s->count, s->sum / (double)s->count, of_abs != 0);
        if (!fast && w.spread) second_pass(s, a, of_abs != 0);
        for (size_t i = 0; i < count; i++)
            if (set[i].of_abs == (of_abs != 0)) out[i] = pick(s, set[i].op);
    }
}
