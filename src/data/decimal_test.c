/* The fast reader against the C library's strtof, which rounds correctly. */
#include "data/decimal.h"

#include <math.h>

#include "base/random.h"
#include "tests/test.h"

static void same(const char *text) {
    float got = 0, want;
    char *stop;
    const char *end = ft_decimal_f32(&got, text, text + strlen(text));
    want = strtof(text, &stop);
    if (end != stop || memcmp(&got, &want, sizeof got) != 0)
        fail_msg("'%s': %.9g, read %d bytes; expected %.9g, %d bytes", text, (double)got,
                 end ? (int)(end - text) : -1, (double)want, (int)(stop - text));
}

static void test_forms(void **state) {
    static const char *const texts[] = {
        "0",
        "-0",
        "+1",
        "1.",
        ".5",
        "1e3",
        "1E-3",
        "1e",
        "1e+",
        "12e5x",
        "1.5.2",
        "16777217",
        "16777219",
        "1e38",
        "3.4e38",
        "3.5e38",
        "1e-38",
        "1e-45",
        "7e-46",
        "1e-400",
        "1e400",
        "-1e400",
        "340282346638528859811704183484516925440",
        "0.000000000000000000000000000001",
        "9007199791611905",
        "2147483647.5",
        "123456789012345678901234567890",
        "0.30000000000000004",
        "1.00000017881393432617187499",
        "1.00000017881393432617187500",
        "1.00000017881393432617187501",
        "1.401298464324817e-45",
        "1e99999999999",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) same(texts[i]);
}

static void test_none(void **state) {
    static const char *const texts[] = { "", "-", "+", ".", "e5", "-.", "x1", " 1", "nan", "--1" };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        float v;
        EXPECT(ft_decimal_f32(&v, texts[i], texts[i] + strlen(texts[i])) == NULL);
    }
}

/* The texts of random floats, of neighbours' midpoints, and random digits. */
static void test_random(void **state) {
    ft_random r;
    char text[80];
    (void)state;
    ft_random_seed(&r, 7);
    for (int i = 0; i < 300000; i++) {
        uint32_t bits = (uint32_t)ft_random_u64(&r);
        float v;
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v)) continue;
        snprintf(text, sizeof text, "%.*g", (int)ft_random_below(&r, 20) + 1, (double)v);
        same(text);
        double middle = ((double)v + (double)nextafterf(v, INFINITY)) / 2;
        snprintf(text, sizeof text, "%.*g", (int)ft_random_below(&r, 15) + 9, middle);
        same(text);
        snprintf(text, sizeof text, "%s%llu.%lluE%d", i & 1 ? "-" : "",
                 (unsigned long long)(ft_random_u64(&r) >> ft_random_below(&r, 64)),
                 (unsigned long long)(ft_random_u64(&r) >> ft_random_below(&r, 64)),
                 (int)ft_random_below(&r, 90) - 45);
        same(text);
    }
}

TEST_MAIN(cmocka_unit_test(test_forms), cmocka_unit_test(test_none), cmocka_unit_test(test_random))
