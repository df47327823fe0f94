/* number_text.c -- numbers to the shortest text that reads back as the same value.
 *
 * Source: Giulietti, The Schubfach way to render doubles, 2021. A double v = c * 2^q owns the
 * interval of reals that round to it. With 10^k just below the width of that interval, at most one
 * multiple of 10^(k+1), and at least one of 10^k, lies inside. The three products that place v and
 * the ends of its interval on the grid of 10^k need 128 bits of the power, rounded to odd. */
#include "base/number.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/number_in.h"

typedef struct decimal { /* digits * 10^exponent */
    uint64_t digits;
    int exponent;
} decimal;

/* One binary number and its interval, in quarters of its last bit. */
typedef struct binary {
    uint64_t c; /* mantissa */
    int q;      /* exponent of its last bit */
    bool power; /* a power of two: the neighbour below is only half as far */
} binary;

/* The places of the interval's lower end, of v and of the upper end on the grid of 10^k, in
 * quarters, each rounded to odd. */
typedef struct placed {
    uint64_t low, v, high;
} placed;

/* floor(log10(2^q)), and floor(log10(3/4 * 2^q)) for a power of two. */
static int grid_exponent(const binary *b) {
    return (int)((int64_t)b->q * 1262611 - (b->power ? 524031 : 0)) >> 22;
}

static decimal choose(placed at, bool even, int k) {
    uint64_t s = at.v / 4, low = at.low + !even, high = at.high - !even;
    if (s >= 10) {
        uint64_t tens = s / 10;
        bool down = low <= 40 * tens, up = 40 * tens + 40 <= high;
        if (down != up) return (decimal){ tens + up, k + 1 };
    }
    bool down = low <= 4 * s, up = 4 * s + 4 <= high;
    if (down != up) return (decimal){ s + up, k };
    uint64_t middle = 4 * s + 2;
    return (decimal){ s + (at.v > middle || (at.v == middle && (s & 1))), k };
}

/* The top 64 bits of g * c, the bits below folded into the last one. */
static uint64_t product_odd(ft_power10 g, uint64_t c) {
    unsigned __int128 low = (unsigned __int128)g.lo * c;
    unsigned __int128 all = (unsigned __int128)g.hi * c + (uint64_t)(low >> 64);
    return (uint64_t)(all >> 64) | ((uint64_t)all > 1);
}

static decimal shortest_f64(const binary *b) {
    int k = grid_exponent(b), h = b->q + ft_power10_log2(-k) + 1;
    ft_power10 g = ft_power10_of(-k);
    if (-k < 0 || -k > FT_POWER10_EXACT_MAX)
        g.hi += ++g.lo == 0; /* rounded up, as the proof wants */
    uint64_t c = 4 * b->c;
    placed at = { product_odd(g, (c - 2 + b->power) << h), product_odd(g, c << h),
                  product_odd(g, (c + 2) << h) };
    return choose(at, (b->c & 1) == 0, k);
}

static uint64_t product_odd32(uint64_t g, uint64_t c) {
    unsigned __int128 all = (unsigned __int128)g * c;
    return (uint64_t)(all >> 64) | ((uint32_t)((uint64_t)all >> 32) > 1);
}

static decimal shortest_f32(const binary *b) {
    int k = grid_exponent(b), h = b->q + ft_power10_log2(-k) + 1;
    ft_power10 g = ft_power10_of(-k);
    uint64_t top = g.hi + (g.lo != 0 || -k < 0), c = 4 * b->c;
    placed at = { product_odd32(top, (c - 2 + b->power) << h), product_odd32(top, c << h),
                  product_odd32(top, (c + 2) << h) };
    return choose(at, (b->c & 1) == 0, k);
}

/* ---- text */

static const char pairs[201] = "0001020304050607080910111213141516171819"
                               "2021222324252627282930313233343536373839"
                               "4041424344454647484950515253545556575859"
                               "6061626364656667686970717273747576777879"
                               "8081828384858687888990919293949596979899";

/* Digits without NUL; how many. */
static size_t put_digits(char *out, uint64_t v) {
    char digits[24], *p = digits + sizeof digits;
    while (v >= 100) {
        p -= 2;
        memcpy(p, pairs + 2 * (v % 100), 2);
        v /= 100;
    }
    if (v >= 10) {
        p -= 2;
        memcpy(p, pairs + 2 * v, 2);
    } else {
        *--p = (char)('0' + v);
    }
    size_t len = (size_t)(digits + sizeof digits - p);
    memcpy(out, p, len);
    return len;
}

size_t ft_u64_text(char *out, uint64_t v) {
    size_t len = put_digits(out, v);
    out[len] = '\0';
    return len;
}

size_t ft_i64_text(char *out, int64_t v) {
    if (v >= 0) return ft_u64_text(out, (uint64_t)v);
    out[0] = '-';
    return 1 + ft_u64_text(out + 1, 0 - (uint64_t)v);
}

static decimal without_zeros(decimal d) {
    while (d.digits % 10000 == 0) {
        d.digits /= 10000;
        d.exponent += 4;
    }
    while (d.digits % 10 == 0) {
        d.digits /= 10;
        d.exponent++;
    }
    return d;
}

/* d.ddde+xx; `text` holds n digits, the point stands after the first. */
static char *put_scientific(char *p, const char *text, size_t n, int exponent) {
    *p++ = text[0];
    if (n > 1) {
        *p++ = '.';
        memcpy(p, text + 1, n - 1);
        p += n - 1;
    }
    *p++ = 'e';
    *p++ = exponent < 0 ? '-' : '+';
    if (exponent < 0) exponent = -exponent;
    if (exponent < 10) *p++ = '0';
    return p + put_digits(p, (uint64_t)exponent);
}

/* As Python's repr lays it out: scientific from 1e16 on and below 1e-4. */
static size_t decimal_text(char *out, decimal d, bool negative) {
    char text[24], *p = out;
    d = without_zeros(d);
    int n = (int)put_digits(text, d.digits), point = n + d.exponent; /* digits before the point */
    if (negative) *p++ = '-';
    if (point > 16 || point < -3) {
        p = put_scientific(p, text, (size_t)n, point - 1);
    } else if (point <= 0) {
        memcpy(p, "0.000", 5);
        p += 2 - point;
        memcpy(p, text, (size_t)n);
        p += n;
    } else if (point >= n) {
        memcpy(p, text, (size_t)n);
        memset(p + n, '0', (size_t)(point - n));
        p += point;
    } else {
        memcpy(p, text, (size_t)point);
        p[point] = '.';
        memcpy(p + point + 1, text + point, (size_t)(n - point));
        p += n + 1;
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

/* An integer below 2^53 is its own shortest text (after its zeros are moved to the exponent). */
static bool small_integer(const binary *b, decimal *out) {
    if (b->q > 0 || b->q < -52 || b->c & (((uint64_t)1 << -b->q) - 1)) return false;
    *out = (decimal){ b->c >> -b->q, 0 };
    return true;
}

size_t ft_f64_text(char *out, double v) {
    uint64_t bits;
    decimal d;
    size_t len = special_text(out, v);
    if (len) return len;
    memcpy(&bits, &v, sizeof bits);
    uint64_t fraction = bits & (((uint64_t)1 << 52) - 1);
    int exponent = (int)(bits >> 52 & 0x7ff);
    binary b = { fraction, -1074, fraction == 0 && exponent > 1 };
    if (exponent) {
        b.c |= (uint64_t)1 << 52;
        b.q = exponent - 1075;
    }
    if (!small_integer(&b, &d)) d = shortest_f64(&b);
    return decimal_text(out, d, bits >> 63);
}

size_t ft_f32_text(char *out, float v) {
    uint32_t bits;
    decimal d;
    size_t len = special_text(out, (double)v);
    if (len) return len;
    memcpy(&bits, &v, sizeof bits);
    uint32_t fraction = bits & 0x7fffff;
    int exponent = (int)(bits >> 23 & 0xff);
    binary b = { fraction, -149, fraction == 0 && exponent > 1 };
    if (exponent) {
        b.c |= (uint64_t)1 << 23;
        b.q = exponent - 150;
    }
    if (!small_integer(&b, &d)) d = shortest_f32(&b);
    return decimal_text(out, d, bits >> 31);
}
