/* decimal.c -- see decimal.h.
 *
 * Up to 19 digits are gathered in a 64-bit integer w. As a double, w is off by at most half a unit
 * in the last place, the power of ten by another half, and so is their product: less than 2 units
 * together. A float has 29 bits less than a double, so rounding that double to float
 * gives the correctly rounded float unless the point halfway between two floats lies within those
 * 2 units. Only then (once in 60 million), outside float's normal range, and for more than 19
 * digits is the text read again by ft_str_f32. */
#include "base/number.h"
#include "data/decimal.h"

#include <math.h>

#define DIGITS_MAX   19 /* always fit in 64 bits */
#define EXPONENT_MAX 40 /* of the table; floats of few digits stay within it */
#define HALFWAY      ((uint64_t)0x10000000)
#define MARGIN_UNITS 4

static const double power10[2 * EXPONENT_MAX + 1] = {
    1e-40, 1e-39, 1e-38, 1e-37, 1e-36, 1e-35, 1e-34, 1e-33, 1e-32, 1e-31, 1e-30, 1e-29,
    1e-28, 1e-27, 1e-26, 1e-25, 1e-24, 1e-23, 1e-22, 1e-21, 1e-20, 1e-19, 1e-18, 1e-17,
    1e-16, 1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9,  1e-8,  1e-7,  1e-6,  1e-5,
    1e-4,  1e-3,  1e-2,  1e-1,  1e0,   1e1,   1e2,   1e3,   1e4,   1e5,   1e6,   1e7,
    1e8,   1e9,   1e10,  1e11,  1e12,  1e13,  1e14,  1e15,  1e16,  1e17,  1e18,  1e19,
    1e20,  1e21,  1e22,  1e23,  1e24,  1e25,  1e26,  1e27,  1e28,  1e29,  1e30,  1e31,
    1e32,  1e33,  1e34,  1e35,  1e36,  1e37,  1e38,  1e39,  1e40
};

static bool is_digit(char c) { return (unsigned char)(c - '0') <= 9; }

/* The whole text again, by the exact reader. */
static float read_slowly(const char *at, const char *end) {
    float v;
    if (!ft_str_f32(&v, (ft_str){ at, (size_t)(end - at) })) v = *at == '-' ? -INFINITY : INFINITY;
    return v;
}

/* The exponent after 'e'; returns `at` itself when no digits follow. */
static const char *read_exponent(int *exponent, const char *at, const char *end) {
    const char *p = at + 1;
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    if (p == end || !is_digit(*p)) return at;
    int e = 0;
    for (; p < end && is_digit(*p); p++)
        if (e < 100000) e = e * 10 + (*p - '0');
    *exponent += negative ? -e : e;
    return p;
}

const char *ft_decimal_f32(float *out, const char *at, const char *end) {
    const char *p = at;
    uint64_t w = 0, bits;
    int exponent = 0;
    if (p < end && (*p == '-' || *p == '+')) p++;
    const char *first = p;
    for (; p < end && is_digit(*p); p++) w = w * 10 + (uint64_t)(*p - '0');
    ptrdiff_t digits = p - first;
    if (p < end && *p == '.') {
        const char *fraction = ++p;
        for (; p < end && is_digit(*p); p++) w = w * 10 + (uint64_t)(*p - '0');
        digits += p - fraction;
        exponent = digits > DIGITS_MAX ? 0 : (int)(fraction - p);
    }
    if (digits == 0) return NULL;
    if (p < end && (*p | 0x20) == 'e') p = read_exponent(&exponent, p, end);
    if (digits > DIGITS_MAX || exponent < -EXPONENT_MAX || exponent > EXPONENT_MAX) {
        *out = read_slowly(at, p);
        return p;
    }
    double v = (double)w;
    if (exponent != 0) v *= power10[EXPONENT_MAX + exponent];
    if (w != 0) {
        memcpy(&bits, &v, sizeof bits);
        uint64_t from_halfway = (bits & 0x1fffffff) - (HALFWAY - MARGIN_UNITS);
        if (from_halfway <= 2 * MARGIN_UNITS || v < 0x1p-125 || v > 0x1p127) {
            *out = read_slowly(at, p);
            return p;
        }
    }
    *out = *at == '-' ? -(float)v : (float)v;
    return p;
}
