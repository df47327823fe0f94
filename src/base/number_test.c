/* number_test.c -- reading against the C library, writing against the shortest that reads back and
 * against Python's repr. */
#include "base/number.h"

#include <float.h>
#include <math.h>

#include "base/number_in.h"
#include "base/random.h"
#include "tests/test.h"

static double f64_of(uint64_t bits) {
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static float f32_of(uint32_t bits) {
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void test_layout(void **state) {
    (void)state;
    static const struct {
        double v;
        const char *text;
    } row[] = { { 0, "0" },
                { -0.0, "-0" },
                { 1, "1" },
                { -1.5, "-1.5" },
                { 0.1, "0.1" },
                { 100, "100" },
                { 123456789, "123456789" },
                { 1e15, "1000000000000000" },
                { 1e16, "1e+16" },
                { 9007199254740993.0, "9007199254740992" },
                { 1e22, "1e+22" },
                { 1e300, "1e+300" },
                { 1.5e300, "1.5e+300" },
                { 0.0001, "0.0001" },
                { 0.00012, "0.00012" },
                { 0.00001, "1e-05" },
                { 5e-324, "5e-324" },
                { DBL_MIN, "2.2250738585072014e-308" },
                { DBL_MAX, "1.7976931348623157e+308" },
                { 0.1 + 0.2, "0.30000000000000004" },
                { 2.0 / 3, "0.6666666666666666" },
                { INFINITY, "inf" },
                { -INFINITY, "-inf" },
                { NAN, "nan" },
                { -NAN, "nan" } };
    char text[FT_NUMBER_TEXT];
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        EXPECT(ft_f64_text(text, row[i].v) == strlen(row[i].text));
        EXPECT_STR(row[i].text, ft_str_of(text));
    }
    ft_f32_text(text, 0.1f);
    EXPECT_STR("0.1", ft_str_of(text));
    ft_f32_text(text, FLT_MAX);
    EXPECT_STR("3.4028235e+38", ft_str_of(text));
    ft_f32_text(text, f32_of(1));
    EXPECT_STR("1e-45", ft_str_of(text));
    ft_f32_text(text, 16777216.0f);
    EXPECT_STR("16777216", ft_str_of(text));
    ft_i64_text(text, INT64_MIN);
    EXPECT_STR("-9223372036854775808", ft_str_of(text));
    ft_u64_text(text, UINT64_MAX);
    EXPECT_STR("18446744073709551615", ft_str_of(text));
}

static void test_refuses(void **state) {
    (void)state;
    static const char *const bad[] = { "",       "-",     "+",       ".",    "e5",  "1e",
                                       "1e+",    "1x",    "0x1",     "1 ",   " 1",  "1.2.3",
                                       "--1",    "1e5.0", "nanx",    "in",   "1,5", "1e999",
                                       "-1e400", "1_0",   "infinit", "1e5e5" };
    double v;
    float f;
    int64_t i;
    uint64_t u;
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        EXPECT(!ft_str_f64(&v, ft_str_of(bad[k])));
        EXPECT(!ft_str_f32(&f, ft_str_of(bad[k])));
        EXPECT(!ft_str_i64(&i, ft_str_of(bad[k])));
        EXPECT(!ft_str_u64(&u, ft_str_of(bad[k])));
    }
    EXPECT(!ft_str_f32(&f, FT_STR("3.4028236e38")) && ft_str_f32(&f, FT_STR("3.4028235e38")));
    EXPECT(!ft_str_i64(&i, FT_STR("9223372036854775808")) && !ft_str_i64(&i, FT_STR("-+1")));
    EXPECT(ft_str_i64(&i, FT_STR("-9223372036854775808")) && i == INT64_MIN);
    EXPECT(!ft_str_u64(&u, FT_STR("-1")) && !ft_str_u64(&u, FT_STR("18446744073709551616")));
    EXPECT(ft_str_u64(&u, FT_STR("18446744073709551615")) && u == UINT64_MAX);
    EXPECT(ft_str_f64(&v, FT_STR(".5")) && v == 0.5 && ft_str_f64(&v, FT_STR("5.")) && v == 5);
    EXPECT(ft_str_f64(&v, FT_STR("+1e-999")) && v == 0);
    EXPECT(ft_str_f64(&v, FT_STR("-0")) && v == 0 && signbit(v));
    EXPECT(ft_str_f64(&v, FT_STR("NaN")) && isnan(v));
    EXPECT(ft_str_f64(&v, FT_STR("-Infinity")) && v == -INFINITY);
    EXPECT(ft_str_f32(&f, FT_STR("-inf")) && f == -INFINITY);
    EXPECT(ft_str_f64(&v, FT_STR("0e999999999999999")) && v == 0);
}

/* Ours and the C library agree to the bit, as double and as float. */
static void check_read(const char *text) {
    double v = -1, want = strtod(text, NULL);
    float f = -1, wantf = strtof(text, NULL);
    bool ok = ft_str_f64(&v, ft_str_of(text)), okf = ft_str_f32(&f, ft_str_of(text));
    if (ok != !isinf(want) || (ok && v != want))
        print_error("%s: %.17g, not %.17g\n", text, v, want);
    EXPECT(ok == !isinf(want) && (!ok || v == want));
    if (okf != !isinf(wantf) || (okf && f != wantf)) print_error("%s as float\n", text);
    EXPECT(okf == !isinf(wantf) && (!okf || f == wantf));
}

static void test_reads_as_the_c_library(void **state) {
    (void)state;
    ft_random r;
    char text[1400];
    ft_random_seed(&r, 1);
    for (int round = 0; round < 200000; round++) { /* digits and exponents of every size */
        int digits = 1 + (int)ft_random_below(&r, round % 50 == 0 ? 1000 : 25), n = 0;
        int point = (int)ft_random_below(&r, (uint64_t)digits + 1);
        for (int i = 0; i < digits; i++) {
            if (i == point) text[n++] = '.';
            text[n++] =
                (char)('0' + ft_random_below(&r, round % 3 ? 10 : 2) * (round % 7 ? 1 : 9) % 10);
        }
        if (n == 1 && text[0] == '.') continue;
        int exponent = (int)ft_random_below(&r, 700) - 350;
        snprintf(text + n, sizeof text - (size_t)n, "e%d", round % 5 ? exponent / 10 : exponent);
        check_read(text);
    }
}

/* Exactly between two doubles, and a digit above or below: the whole expansion of the middle. */
static void test_ties(void **state) {
    (void)state;
    static const char *const known[] = {
        "9007199254740993",
        "9007199254740993.0000000000000000000000000001",
        "4503599627370496.5",
        "4503599627370497.5",
        "2.2250738585072011e-308",
        "2.2250738585072012e-308",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "179769313486231580793728971405303415079934132710037826936173778980"
        "44445e203",
        "7.0064923216240853e-46",
        "7.0064923216240854e-46",
        "16777217",
        "16777219",
        "1.00000005960464477539062",
        "1.00000005960464477539063",
        "3.4028235677973366e38",
        "1.1754943508222874e-38",
        "6929495644600919.5",
        "3.7455744005952583e15",
        "0.500000000000000166",
        "1090544144181609348835077142190",
        "8.589934592000000000000000000000000000000000000000001e9"
    };
    ft_random r;
    char text[1400];
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) check_read(known[i]);
    ft_random_seed(&r, 2);
    for (int round = 0; round < 3000; round++) {
        double v = f64_of(ft_random_u64(&r) >> 1);
        if (round % 2)
            v = f64_of((uint64_t)(0x3ff + (int)ft_random_below(&r, 120) - 60) << 52 |
                       ft_random_u64(&r) >> 12);
        if (!isfinite(v) || nextafter(v, INFINITY) > DBL_MAX || v < 1e-300) continue;
        long double middle = ((long double)v + (long double)nextafter(v, INFINITY)) / 2;
        snprintf(text, sizeof text, "%.780Le", middle);
        char *e = strchr(text, 'e'), tail[32];
        snprintf(tail, sizeof tail, "%s", e);
        check_read(text);
        snprintf(e, 64, "0000000000000000000001%s", tail);
        check_read(text);
        float f = (float)v;
        if (!(f < FLT_MAX)) continue;
        double half = ((double)f + (double)nextafterf(f, INFINITY)) / 2;
        snprintf(text, sizeof text, "%.120e", half);
        check_read(text);
        e = strchr(text, 'e');
        snprintf(tail, sizeof tail, "%s", e);
        snprintf(e, 64, "0000001%s", tail);
        check_read(text);
    }
}

static int digits_of(const char *text) { /* significant */
    int count = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (count == 0 && *text == '0')) continue;
        zeros = *text == '0' ? zeros + 1 : 0;
        count++;
    }
    return count - zeros;
}

/* Reads back, and nothing shorter does; as near to the value as its length allows. */
static void check_shortest(double v, bool as_float) {
    char text[FT_NUMBER_TEXT], shorter[64];
    size_t len = as_float ? ft_f32_text(text, (float)v) : ft_f64_text(text, v);
    EXPECT(len == strlen(text) && len < FT_NUMBER_TEXT);
    EXPECT(as_float ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v);
    int digits = digits_of(text);
    snprintf(shorter, sizeof shorter, "%.*e", digits - 1, v);
    bool reads = as_float ? strtof(shorter, NULL) == (float)v : strtod(shorter, NULL) == v;
    if (reads && strtod(shorter, NULL) != strtod(text, NULL)) {
        print_error("%s, nearer is %s\n", text, shorter);
        EXPECT(!"nearest");
    }
    if (digits < 2) return;
    snprintf(shorter, sizeof shorter, "%.*e", digits - 2, v);
    reads = as_float ? strtof(shorter, NULL) == (float)v : strtod(shorter, NULL) == v;
    if (reads) print_error("%s, shorter is %s\n", text, shorter);
    EXPECT(!reads);
}

static void test_shortest(void **state) {
    (void)state;
    ft_random r;
    ft_random_seed(&r, 3);
    for (int exponent = -1074; exponent <= 1023; exponent++) { /* powers of two and neighbours */
        double v = ldexp(1, exponent);
        check_shortest(v, false);
        check_shortest(nextafter(v, INFINITY), false);
        if (v > 5e-324) check_shortest(nextafter(v, 0), false);
    }
    for (int exponent = -149; exponent <= 127; exponent++) {
        float v = ldexpf(1, exponent);
        check_shortest((double)v, true);
        check_shortest((double)nextafterf(v, INFINITY), true);
        if (exponent > -149) check_shortest((double)nextafterf(v, 0), true);
    }
    for (int exponent = -323; exponent <= 308; exponent++) {
        char text[16], out[FT_NUMBER_TEXT];
        snprintf(text, sizeof text, "1e%d", exponent);
        ft_f64_text(out, strtod(text, NULL));
        EXPECT(strtod(out, NULL) == strtod(text, NULL) && digits_of(out) == 1);
    }
    for (int round = 0; round < 100000; round++) {
        double v = f64_of(ft_random_u64(&r));
        float f = f32_of((uint32_t)ft_random_u64(&r));
        if (isfinite(v) && v != 0) check_shortest(v, false);
        if (isfinite(f) && f != 0) check_shortest((double)f, true);
        check_shortest((double)(1 + ft_random_below(&r, 1000000)) / 1000, false);
        check_shortest(ft_random_unit(&r) + 1e-9, false);
    }
}

static void test_python_repr(void **state) {
    (void)state;
    FILE *python =
        popen("/usr/bin/python3 -c \"\n"
              "import random, struct\n"
              "random.seed(5)\n"
              "for i in range(100000):\n"
              "    b = random.getrandbits(64) if i % 2 else (random.randrange(900, 1150) << 52) + "
              "random.getrandbits(52)\n"
              "    v = struct.unpack('d', struct.pack('Q', b))[0]\n"
              "    if v == v: print(b, repr(v)[:-2] if repr(v).endswith('.0') else repr(v))\n"
              "\" 2>/dev/null",
              "r");
    EXPECT(python != NULL);
    unsigned long bits;
    char want[64], text[FT_NUMBER_TEXT];
    int count = 0;
    while (fscanf(python, "%lu %63s", &bits, want) == 2) {
        ft_f64_text(text, f64_of(bits));
        EXPECT_STR(want, ft_str_of(text));
        count++;
    }
    pclose(python);
    if (count == 0) SKIP("no /usr/bin/python3");
    EXPECT(count > 99000);
}

/* The powers against long double, and at their ends against known bits (5^27 fits in 64). */
static void test_powers(void **state) {
    (void)state;
    for (int k = FT_POWER10_MIN; k <= FT_POWER10_MAX; k++) {
        ft_power10 p = ft_power10_of(k);
        long double v =
            ldexpl((long double)p.hi + (long double)p.lo / 0x1p64L, ft_power10_log2(k) - 63);
        long double want = powl(10, k);
        EXPECT(p.hi >> 63 && fabsl(v - want) <= want * 1e-17L);
    }
    EXPECT(ft_power10_of(0).hi == 1ull << 63 && ft_power10_of(0).lo == 0);
    EXPECT(ft_power10_of(27).hi == 7450580596923828125ull << 1 && ft_power10_of(27).lo == 0);
    EXPECT(ft_power10_of(-1).hi == 0xccccccccccccccccull &&
           ft_power10_of(-1).lo == 0xccccccccccccccccull);
}

TEST_MAIN(cmocka_unit_test(test_layout), cmocka_unit_test(test_refuses),
          cmocka_unit_test(test_reads_as_the_c_library), cmocka_unit_test(test_ties),
          cmocka_unit_test(test_shortest), cmocka_unit_test(test_python_repr),
          cmocka_unit_test(test_powers))
