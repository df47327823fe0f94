/* number.c -- text to numbers and back, correctly rounded.
 *
 * Reading: up to 19 digits are gathered in a 64-bit integer w with a decimal exponent. When w <
 * 2^53 and |exponent| <= 22, w and the power of ten are exact doubles and one multiplication or
 * division rounds once, hence correctly (Clinger, How to read floating point numbers accurately,
 * 1990). Everything else goes to the C library in the C locale. */
#include "base/number.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

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

/* ---- reading */

static bool is_digit(char c) { return (unsigned char)(c - '0') <= 9; }

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;
static void c_locale_make(void) { c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); }

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

/* [digits][.digits][e[+-]digits] with at least one digit before the exponent. */
static bool scan_decimal(decimal *d, const char *p, const char *end) {
    int significant = 0, seen = 0;
    bool point = false;
    for (; p < end; p++) {
        if (is_digit(*p)) {
            seen = 1;
            if (significant < DIGITS_MAX) {
                d->digits = d->digits * 10 + (uint64_t)(*p - '0');
                significant += d->digits != 0;
                d->exponent -= point;
            } else {
                d->truncated |= *p != '0';
                d->exponent += !point;
            }
        } else if (*p == '.' && !point) {
            point = true;
        } else {
            break;
        }
    }
    if (!seen) return false;
    if (p == end) return true;
    return (*p == 'e' || *p == 'E') && scan_exponent(p + 1, end, &d->exponent);
}

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
    /* d->exponent belongs to the first 19 digits; the copy has n. */
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

/* The magnitude; infinity when it is too large. */
static double decimal_f64(const decimal *d, ft_str s) {
    if (d->digits == 0 || d->exponent < -2 * EXPONENT_MAX) return 0;
    if (d->exponent > EXPONENT_MAX) return (double)INFINITY;
    if (d->truncated || d->digits > (uint64_t)1 << 53 || d->exponent < -22 || d->exponent > 22)
        return slow_f64(d, s);
    double v = (double)d->digits;
    return d->exponent < 0 ? v / power10[-d->exponent] : v * power10[d->exponent];
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

/* ---- writing */

size_t ft_u64_text(char *out, uint64_t v) {
    char digits[24];
    size_t n = 0, len;
    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    for (len = 0; n; len++) out[len] = digits[--n];
    out[len] = '\0';
    return len;
}

size_t ft_i64_text(char *out, int64_t v) {
    if (v >= 0) return ft_u64_text(out, (uint64_t)v);
    out[0] = '-';
    return 1 + ft_u64_text(out + 1, 0 - (uint64_t)v);
}

/* Text of digits * 10^exponent as Python's repr lays it out. */
static size_t decimal_text(char *out, uint64_t digits, int exponent, bool negative) {
    char text[24];
    while (digits && digits % 10 == 0) {
        digits /= 10;
        exponent++;
    }
    int n = (int)ft_u64_text(text, digits);
    int point = n + exponent; /* digits before the decimal point */
    char *p = out;
    if (negative) *p++ = '-';
    if (point > 16 || point < -3) {
        *p++ = text[0];
        if (n > 1) {
            *p++ = '.';
            memcpy(p, text + 1, (size_t)n - 1);
            p += n - 1;
        }
        int e = point - 1;
        *p++ = 'e';
        *p++ = e < 0 ? '-' : '+';
        if (e < 0) e = -e;
        if (e < 10) *p++ = '0';
        p += ft_u64_text(p, (uint64_t)e);
    } else if (point <= 0) {
        *p++ = '0';
        *p++ = '.';
        for (; point < 0; point++) *p++ = '0';
        memcpy(p, text, (size_t)n);
        p += n;
    } else if (point >= n) {
        memcpy(p, text, (size_t)n);
        p += n;
        for (; n < point; n++) *p++ = '0';
    } else {
        memcpy(p, text, (size_t)point);
        p += point;
        *p++ = '.';
        memcpy(p, text + point, (size_t)(n - point));
        p += n - point;
    }
    *p = '\0';
    return (size_t)(p - out);
}

/* nan, inf, -inf and zeros; 0 when v is none of them. */
static size_t special_text(char *out, double v) {
    const char *word = isnan(v) ? "nan" : isinf(v) ? "inf" : v == 0 ? "0" : NULL;
    if (!word) return 0;
    size_t sign = signbit(v) && !isnan(v) ? 1 : 0;
    if (sign) out[0] = '-';
    strcpy(out + sign, word);
    return sign + strlen(word);
}

/* "d.ddde+xx" of snprintf back to digits and exponent. */
static size_t printed_text(char *out, const char *printed) {
    uint64_t digits = 0;
    int exponent = 0;
    const char *p = printed;
    bool negative = *p == '-', point = false;
    for (p += negative; *p != 'e'; p++) {
        if (!is_digit(*p)) {
            point = true;
            continue;
        }
        digits = digits * 10 + (uint64_t)(*p - '0');
        exponent -= point;
    }
    return decimal_text(out, digits, exponent + atoi(p + 1), negative);
}

size_t ft_f64_text(char *out, double v) {
    char printed[40];
    size_t len = special_text(out, v);
    if (len) return len;
    for (int precision = 14; precision < 17; precision++) {
        snprintf(printed, sizeof printed, "%.*e", precision, v);
        if (strtod(printed, NULL) == v) break;
    }
    return printed_text(out, printed);
}

size_t ft_f32_text(char *out, float v) {
    char printed[40];
    size_t len = special_text(out, (double)v);
    if (len) return len;
    for (int precision = 5; precision < 9; precision++) {
        snprintf(printed, sizeof printed, "%.*e", precision, (double)v);
        if (strtof(printed, NULL) == v) break;
    }
    return printed_text(out, printed);
}
