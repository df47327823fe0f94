/* vector.h -- sixteen floats at once, for the kernels of elementwise operations: GCC's vector types
 * in plain C, which become AVX-512, AVX2 or SSE2 code by the function that they are inlined into.
 *
 * FT_NN_KERNEL makes the three functions of a body and one that chooses among them by the processor
 * that runs. The polynomials are Chebyshev fits made in double precision for the intervals that the
 * comments name; their largest errors, against the C library in double: exp 1.2e-7 relative, log
 * 1.3e-7, tanh 1.5e-7, erf 1.5e-7 (light_test.c holds them to it). */
#ifndef FT_NN_VECTOR_H
#define FT_NN_VECTOR_H

#include <stdint.h>
#include <string.h>

#pragma GCC diagnostic ignored "-Wpsabi" /* nothing here is called: all is inlined */

#define FT_NN_LANES 16
typedef float ft_v16 __attribute__((vector_size(64), aligned(64)));
typedef int32_t ft_v16i __attribute__((vector_size(64), aligned(64)));
typedef uint32_t ft_v16u __attribute__((vector_size(64), aligned(64))); /* where sums may wrap */

#define FT_NN_INLINE static inline __attribute__((always_inline))

/* 2: AVX-512, 1: AVX2 and FMA, 0: neither. */
static inline int ft_nn_cpu_level(void) {
    static int level = -1; /* every thread finds the same */
    int known = __atomic_load_n(&level, __ATOMIC_RELAXED);
    if (known >= 0) return known;
    __builtin_cpu_init();
    known = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") ? 2
            : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")       ? 1
                                                                                    : 0;
    __atomic_store_n(&level, known, __ATOMIC_RELAXED);
    return known;
}

/* FT_NN_KERNEL(relu, (float *out, const float *in, int64_t n), (out, in, n)) { body } */
#define FT_NN_KERNEL(name, args, call)                                                    \
    FT_NN_INLINE void name##_body args;                                                   \
    __attribute__((target("avx512f,avx512dq,avx2,fma"))) static void name##_512 args {    \
        name##_body call;                                                                 \
    }                                                                                     \
    __attribute__((target("avx2,fma"))) static void name##_256 args { name##_body call; } \
    static void name##_128 args { name##_body call; }                                     \
    static void name args {                                                               \
        int level_ = ft_nn_cpu_level();                                                   \
        (level_ == 2 ? name##_512 : level_ == 1 ? name##_256 : name##_128) call;          \
    }                                                                                     \
    FT_NN_INLINE void name##_body args

FT_NN_INLINE ft_v16 ft_v_set(float v) { return v - (ft_v16){ 0 }; }
FT_NN_INLINE ft_v16 ft_v_load(const float *at) {
    ft_v16 v;
    memcpy(&v, at, sizeof v);
    return v;
}
FT_NN_INLINE void ft_v_store(float *at, ft_v16 v) { memcpy(at, &v, sizeof v); }
/* The first `n` lanes only; the rest is 1, which every function takes. */
FT_NN_INLINE ft_v16 ft_v_load_part(const float *at, int64_t n) {
    ft_v16 v = ft_v_set(1);
    memcpy(&v, at, (size_t)n * sizeof *at);
    return v;
}
FT_NN_INLINE void ft_v_store_part(float *at, ft_v16 v, int64_t n) {
    memcpy(at, &v, (size_t)n * sizeof *at);
}
FT_NN_INLINE ft_v16 ft_v_pick(ft_v16i mask, ft_v16 yes, ft_v16 no) {
    return (ft_v16)(((ft_v16i)yes & mask) | ((ft_v16i)no & ~mask));
}
/* NaN in `a` stays. */
FT_NN_INLINE ft_v16 ft_v_min(ft_v16 a, ft_v16 b) { return ft_v_pick(b < a, b, a); }
FT_NN_INLINE ft_v16 ft_v_max(ft_v16 a, ft_v16 b) { return ft_v_pick(b > a, b, a); }
FT_NN_INLINE ft_v16 ft_v_abs(ft_v16 a) { return (ft_v16)((ft_v16i)a & 0x7fffffff); }
/* Masks from sign bits. GCC 12 lowers the comparison of a vector that is wider than the plain
 * target's registers lane by lane before it inlines: 20 times slower, measured for Max and Log. */
FT_NN_INLINE ft_v16i ft_v_signs(ft_v16 v) { return (ft_v16i)v >> 31; }
/* `x` where that is NaN, else `v`. */
FT_NN_INLINE ft_v16 ft_v_keep_nan(ft_v16 x, ft_v16 v) {
    return ft_v_pick((0x7f800000 - ((ft_v16i)x & 0x7fffffff)) >> 31, x, v);
}
/* The larger; NaN in any stays. */
FT_NN_INLINE ft_v16 ft_v_larger(ft_v16 a, ft_v16 b) {
    return ft_v_keep_nan(b, ft_v_keep_nan(a, ft_v_pick(ft_v_signs(b - a), a, b)));
}
FT_NN_INLINE ft_v16 ft_v_smaller(ft_v16 a, ft_v16 b) {
    return ft_v_keep_nan(b, ft_v_keep_nan(a, ft_v_pick(ft_v_signs(a - b), a, b)));
}
FT_NN_INLINE ft_v16 ft_v_sign_of(ft_v16 a, ft_v16 sign) { /* |a| with the sign of `sign` */
    return (ft_v16)(((ft_v16i)a & 0x7fffffff) | ((ft_v16i)sign & (int32_t)0x80000000));
}

FT_NN_INLINE ft_v16 ft_v_exp(ft_v16 x) {
    const float round = 12582912.0f; /* 1.5 * 2^23: adding it rounds to a whole number */
    x = ft_v_min(ft_v_max(x, ft_v_set(-105.0f)), ft_v_set(89.0f));
    ft_v16 n = x * 1.44269504f + round;
    ft_v16i whole = (ft_v16i)((ft_v16u)n - 0x4b400000); /* the bits of `round` */
    n -= round;
    ft_v16 r = x - n * 0.693359375f; /* ln 2 in two parts, the first exact times n */
    r -= n * -2.12194440e-4f;
    ft_v16 p = r * 1.989927622e-04f + 1.393364353e-03f; /* |r| <= ln(2)/2 */
    p = p * r + 8.333298480e-03f;
    p = p * r + 4.166646498e-02f;
    p = p * r + 1.666666672e-01f;
    p = p * r + 5.000000013e-01f;
    p = p * (r * r) + r + 1.0f;
    ft_v16i half = whole >> 1; /* 2^whole in two factors, so that it may be subnormal or infinite */
    ft_v16u one = (ft_v16u)half + 127, two = (ft_v16u)whole - (ft_v16u)half + 127;
    return p * (ft_v16)(one << 23) * (ft_v16)(two << 23);
}

/* ln(1 + r), |r| within [sqrt(1/2) - 1, sqrt(2) - 1] */
FT_NN_INLINE ft_v16 ft_v_log_near(ft_v16 r) {
    ft_v16 p = r * 7.149753000e-02f - 1.157120099e-01f;
    p = p * r + 1.166151156e-01f;
    p = p * r - 1.241105066e-01f;
    p = p * r + 1.424993647e-01f;
    p = p * r - 1.666848024e-01f;
    p = p * r + 2.000070748e-01f;
    p = p * r - 2.499998905e-01f;
    p = p * r + 3.333333119e-01f;
    ft_v16 z = r * r;
    return p * z * r - z * 0.5f + r;
}

FT_NN_INLINE ft_v16 ft_v_log(ft_v16 x) {
    ft_v16i whole = (ft_v16i)x;
    ft_v16i tiny = (ft_v16i)((ft_v16u)whole - 0x00800000) >> 31; /* subnormal, zero, some below */
    ft_v16 scaled = ft_v_pick(tiny, x * 0x1p23f, x);
    ft_v16u bits = (ft_v16u)scaled;
    /* So that the rest is in [sqrt(1/2), sqrt(2)). */
    ft_v16i e = (ft_v16i)(bits - 0x3f3504f3) >> 23;
    ft_v16 m = (ft_v16)(bits - ((ft_v16u)e << 23));
    ft_v16 n = __builtin_convertvector(e, ft_v16) - ft_v_pick(tiny, ft_v_set(23), ft_v_set(0));
    ft_v16 y = ft_v_log_near(m - 1.0f) + n * -2.12194440e-4f;
    y += n * 0.693359375f;
    y = ft_v_pick(whole >> 31, ft_v_set(__builtin_nanf("")), y); /* below zero */
    y = ft_v_pick(((whole & 0x7fffffff) - 1) >> 31, ft_v_set(-__builtin_inff()), y); /* zero */
    ft_v16i beyond = (ft_v16i)(0x7f7fffff - (ft_v16u)whole) >> 31; /* infinite, NaN */
    return ft_v_pick(beyond & ~(whole >> 31), x, y);
}

/* ln(1 + t) for t in [0, 1], where 1 + t loses digits */
FT_NN_INLINE ft_v16 ft_v_log1p_unit(ft_v16 t) {
    ft_v16i near = ft_v_signs(t - 0.414213562f);
    ft_v16 far = ft_v_log(1.0f + t);
    return ft_v_pick(near, ft_v_log_near(ft_v_pick(near, t, ft_v_set(0))), far);
}

FT_NN_INLINE ft_v16 ft_v_sigmoid(ft_v16 x) { return 1.0f / (1.0f + ft_v_exp(-x)); }

FT_NN_INLINE ft_v16 ft_v_tanh(ft_v16 x) {
    ft_v16 a = ft_v_abs(x), z = x * x;
    ft_v16 p = z * -6.098948069e-03f + 2.099836259e-02f; /* |x| < 0.625 */
    p = p * z - 5.385094858e-02f;
    p = p * z + 1.333276541e-01f;
    p = p * z - 3.333332860e-01f;
    ft_v16 near = p * z * x + x;
    ft_v16 far = 1.0f - 2.0f / (ft_v_exp(a + a) + 1.0f);
    return ft_v_pick(a < 0.625f, near, ft_v_sign_of(far, x));
}

FT_NN_INLINE ft_v16 ft_v_erf(ft_v16 x) {
    ft_v16 a = ft_v_abs(x), z = x * x;
    ft_v16 near = z * -5.881636910e-04f + 4.971958008e-03f; /* |x| < 0.93 */
    near = near * z - 2.675241967e-02f;
    near = near * z + 1.128143706e-01f;
    near = near * z - 3.761245935e-01f;
    near = near * z + 1.283791448e-01f;
    near = near * x + x;
    ft_v16 t = ft_v_min(a, ft_v_set(4)); /* 1 - erf(4) = 1.5e-8 */
    ft_v16 q = t * -1.610240438e-06f + 4.551277336e-05f;
    q = q * t - 5.920927616e-04f;
    q = q * t + 4.736950638e-03f;
    q = q * t - 2.635512082e-02f;
    q = q * t + 1.099607995e-01f;
    q = q * t + 6.319562413e-01f;
    q = q * t + 1.130155102e+00f;
    q = q * t - 3.002688348e-04f;
    return ft_v_pick(a < 0.93f, near, ft_v_sign_of(1.0f - ft_v_exp(-q), x));
}

#endif
