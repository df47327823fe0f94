/* number.c -- text to numbers, correctly rounded. Numbers to text: number_text.c.
 *
 * The first 19 digits are gathered in a 64-bit integer w with a decimal exponent e.
 *   1. w <= 2^53 and |e| <= 22: both are exact doubles, one operation rounds once (Clinger, How to
 *      read floating point numbers accurately, 1990).
 *   2. w times the top 128 bits of 10^e brackets the value; unless a rounding boundary lies inside
 *      the bracket, it decides (after Lemire, Number parsing at a gigabyte per second, 2021). With
 *      more than 19 digits, w and w + 1 must agree.
 *   3. The C library, in the C locale: ties, subnormal numbers, brackets that do not decide. */
#include "base/number.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/number_in.h"
#include "base/str.h"

#define DIGITS_MAX   19  /* always fit in 64 bits */
#define EXPONENT_MAX 400 /* beyond the range of a double, whatever the digits before it are */
#define COPY_MAX     800 /* 767 digits decide any double; more are cut after a sticky digit */

typedef struct decimal { /* value = digits * 10^exponent */
    uint64_t digits;
    int64_t exponent;
    bool negative, truncated; /* truncated: digits beyond the 19th that are not zero */
} decimal;

static const double power10[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

static bool is_digit(char c) { return (unsigned char)(c - '0') <= 9; }

/* ---- scanning */

/* nan, inf, infinity after the sign. */
static bool word_f64(double *out, ft_str s, bool negative) {
    double v;
    if (ft_str_ieq(s, FT_STR("nan")))
        v = (double)NAN;
    else if (ft_str_ieq(s, FT_STR("inf")) || ft_str_ieq(s, FT_STR("infinity")))
        v = (double)INFINITY;
    else
        return false;
    *out = negative ? -v : v;
    return true;
}

static bool scan_exponent(const char *p, const char *end, int64_t *exponent) {
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    if (p == end) return false;
    int64_t e = 0;
    for (; p < end; p++) {
        if (!is_digit(*p)) return false;
        if (e < 1000000000) e = e * 10 + (*p - '0');
    }
    *exponent += negative ? -e : e;
    return true;
}

/* Digits and one point in [p, end), more than 19 of them: keep the first 19 that count. */
static void scan_long(decimal *d, const char *p, const char *end) {
    int significant = 0;
    bool point = false;
    *d = (decimal){ .negative = d->negative };
    for (; p < end; p++) {
        if (*p == '.') {
            point = true;
        } else if (significant < DIGITS_MAX) {
            d->digits = d->digits * 10 + (uint64_t)(*p - '0');
            significant += d->digits != 0;
            d->exponent -= point;
        } else {
            d->truncated |= *p != '0';
            d->exponent += !point;
        }
    }
}

/* [digits][.digits][e[+-]digits] with at least one digit before the exponent. */
static bool scan_decimal(decimal *d, const char *begin, const char *end) {
    const char *p = begin;
    uint64_t digits = 0;
    for (; p < end && is_digit(*p); p++) digits = digits * 10 + (uint64_t)(*p - '0');
    int64_t count = p - begin;
    if (p < end && *p == '.') {
        const char *fraction = ++p;
        for (; p < end && is_digit(*p); p++) digits = digits * 10 + (uint64_t)(*p - '0');
        d->exponent = fraction - p;
        count += p - fraction;
    }
    if (count == 0) return false;
    d->digits = digits;
    if (count > DIGITS_MAX) scan_long(d, begin, p);
    if (p == end) return true;
    return (*p == 'e' || *p == 'E') && scan_exponent(p + 1, end, &d->exponent);
}

/* Sign and digits of a number; `s` becomes the text after the sign. */
static bool scan_number(decimal *d, ft_str *s, double *word, bool *is_word) {
    *is_word = false;
    if (s->len && (s->at[0] == '-' || s->at[0] == '+')) {
        d->negative = s->at[0] == '-';
        *s = ft_str_from(*s, 1);
    }
    if (s->len == 0) return false;
    if (is_digit(s->at[0]) || s->at[0] == '.') return scan_decimal(d, s->at, s->at + s->len);
    return *is_word = word_f64(word, *s, d->negative);
}

/* ---- the slow way */

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;
static void c_locale_make(void) { c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); }

/* NUL-terminated text of the number for the C library. Digits past the 767th cannot move a result
 * except by being there at all, so a long number is cut to its first digits and a final 1. */
static void decimal_copy(char copy[COPY_MAX + 32], const decimal *d, ft_str s) {
    size_t n = 0, digits = 0;
    bool rest = false;
    for (size_t i = 0; i < s.len && (is_digit(s.at[i]) || s.at[i] == '.'); i++) {
        if (s.at[i] == '.' || (digits == 0 && s.at[i] == '0')) continue;
        if (digits++ < COPY_MAX)
            copy[n++] = s.at[i];
        else
            rest |= s.at[i] != '0';
    }
    /* d->exponent belongs to the first 19 digits when there are more; the copy has n. */
    int64_t exponent = d->exponent;
    if (n > DIGITS_MAX) exponent -= (int64_t)(n - DIGITS_MAX);
    if (rest) {
        copy[n++] = '1';
        exponent--;
    }
    snprintf(copy + n, 32, "e%lld", (long long)exponent);
    pthread_once(&c_locale_once, c_locale_make);
}

static double slow_f64(const decimal *d, ft_str s) {
    char copy[COPY_MAX + 32];
    decimal_copy(copy, d, s);
    return c_locale ? strtod_l(copy, NULL, c_locale) : strtod(copy, NULL);
}

static float slow_f32(const decimal *d, ft_str s) {
    char copy[COPY_MAX + 32];
    decimal_copy(copy, d, s);
    return c_locale ? strtof_l(copy, NULL, c_locale) : strtof(copy, NULL);
}

/* ---- the fast way */

/* digits * 10^exponent by the bracket; false when it does not decide. */
static bool bracket_f64(double *out, uint64_t digits, int exponent) {
    ft_power10 power = ft_power10_of(exponent);
    bool exact = exponent >= 0 && exponent <= FT_POWER10_EXACT_MAX;
    int zeros = __builtin_clzll(digits);
    uint64_t w = digits << zeros;
    unsigned __int128 low = (unsigned __int128)w * power.lo;
    unsigned __int128 v = (unsigned __int128)w * power.hi + (low >> 64);
    /* The value lies in (v, v + 2) * 2^scale; when exact, it is v * 2^scale plus `sticky`. */
    bool sticky = (uint64_t)low != 0;
    int scale = ft_power10_log2(exponent) + 1 - zeros - 64;
    int top = (uint64_t)(v >> 127) ? 127 : 126;
    int drop = top - 53; /* 54 bits stay: the mantissa and the bit that rounds it */
    unsigned __int128 mask = ((unsigned __int128)1 << drop) - 1, rest = v & mask;
    uint64_t mantissa = (uint64_t)(v >> drop);
    if (exact)
        mantissa += (mantissa & 1) && (rest || sticky || (mantissa & 2)); /* ties to even */
    else if (rest == mask)
        return false;
    else
        mantissa += mantissa & 1; /* never a tie: the value is above v */
    mantissa >>= 1;
    int binary = scale + drop + 1; /* value = mantissa * 2^binary */
    if (mantissa == (uint64_t)1 << 53) {
        mantissa >>= 1;
        binary++;
    }
    if (binary < -1074 || binary > 971) return false; /* subnormal, or too large */
    uint64_t bits = (uint64_t)(binary + 1075) << 52 | (mantissa & (((uint64_t)1 << 52) - 1));
    memcpy(out, &bits, sizeof bits);
    return true;
}

/* The magnitude; infinity when it is too large. */
static double decimal_f64(const decimal *d, ft_str s) {
    double v, above;
    if (d->digits == 0 || d->exponent < -2 * EXPONENT_MAX) return 0;
    if (d->exponent > EXPONENT_MAX) return (double)INFINITY;
    if (!d->truncated && d->digits <= (uint64_t)1 << 53 && d->exponent >= -22 &&
        d->exponent <= 22) {
        v = (double)d->digits;
        return d->exponent < 0 ? v / power10[-d->exponent] : v * power10[d->exponent];
    }
    if (d->exponent < FT_POWER10_MIN || d->exponent > FT_POWER10_MAX ||
        !bracket_f64(&v, d->digits, (int)d->exponent))
        return slow_f64(d, s);
    if (d->truncated && (!bracket_f64(&above, d->digits + 1, (int)d->exponent) || above != v))
        return slow_f64(d, s);
    return v;
}

/* ---- exported */

bool ft_str_f64(double *out, ft_str s) {
    decimal d = { 0 };
    bool is_word;
    double v;
    if (!scan_number(&d, &s, out, &is_word)) return false;
    if (is_word) return true;
    v = decimal_f64(&d, s);
    if (isinf(v)) return false;
    *out = d.negative ? -v : v;
    return true;
}

/* Rounding to double and then to float goes wrong only where the double lies exactly between two
 * floats, and below float's normal range: there the text is read again. */
bool ft_str_f32(float *out, ft_str s) {
    decimal d = { 0 };
    bool is_word;
    double v;
    uint64_t bits;
    if (!scan_number(&d, &s, &v, &is_word)) return false;
    if (is_word) {
        *out = (float)v;
        return true;
    }
    v = decimal_f64(&d, s);
    memcpy(&bits, &v, sizeof bits);
    bool halfway = (bits & 0x1fffffff) == 0x10000000 || v < 0x1p-126;
    float f = v != 0 && halfway && isfinite(v) ? slow_f32(&d, s) : (float)v;
    if (isinf(f)) return false;
    *out = d.negative ? -f : f;
    return true;
}

bool ft_str_u64(uint64_t *out, ft_str s) {
    uint64_t v = 0;
    if (s.len && s.at[0] == '+') s = ft_str_from(s, 1);
    if (s.len == 0) return false;
    for (size_t i = 0; i < s.len; i++) {
        if (!is_digit(s.at[i]) || __builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(s.at[i] - '0'), &v))
            return false;
    }
    *out = v;
    return true;
}

bool ft_str_i64(int64_t *out, ft_str s) {
    uint64_t v;
    bool negative = s.len && s.at[0] == '-';
    if (negative) {
        s = ft_str_from(s, 1);
        if (s.len && s.at[0] == '+') return false;
    }
    if (!ft_str_u64(&v, s) || v > (uint64_t)INT64_MAX + negative) return false;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

int ft_hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}
