/* buf_test.c -- growth, limits, sticky errors, every failed allocation. */
#include "base/buf.h"
#include "tests/test.h"

static void test_appends(void **state) {
    (void)state;
    ft_buf b = { 0 };
    EXPECT_STR("", ft_buf_str(&b));
    EXPECT_OK(ft_buf_add(&b, FT_STR("ab")));
    EXPECT_OK(ft_buf_byte(&b, 'c'));
    EXPECT_OK(ft_buf_printf(&b, "%d-%s", 7, "x"));
    EXPECT_OK(ft_buf_i64(&b, INT64_MIN));
    EXPECT_OK(ft_buf_byte(&b, ' '));
    EXPECT_OK(ft_buf_f64(&b, 0.1));
    EXPECT_OK(ft_buf_byte(&b, ' '));
    EXPECT_OK(ft_buf_f32(&b, 0.1f));
    EXPECT_STR("abc7-x-9223372036854775808 0.1 0.1", ft_buf_str(&b));
    EXPECT(b.at[b.len] == '\0');
    ft_buf_reset(&b);
    EXPECT(b.len == 0 && b.capacity > 0);
    for (int i = 0; i < 10000; i++) EXPECT_OK(ft_buf_printf(&b, "%05d,", i));
    EXPECT(b.len == 60000 && memcmp(b.at + 59994, "09999,", 6) == 0);
    ft_buf_fini(&b);
    ft_buf_fini(&b);
    ft_buf_fini(NULL);
}

static void test_limit_is_sticky(void **state) {
    (void)state;
    ft_buf b = { .limit_bytes = 10 };
    EXPECT_OK(ft_buf_add(&b, FT_STR("12345678")));
    EXPECT_ERR(FT_ETOOBIG, ft_buf_printf(&b, "%s", "abc"));
    EXPECT_WHY("limit of 10 bytes");
    EXPECT_ERR(FT_ETOOBIG, ft_buf_byte(&b, 'x'));
    EXPECT_STR("12345678", ft_buf_str(&b));
    EXPECT(b.at[8] == '\0');
    ft_buf_reset(&b);
    EXPECT_OK(ft_buf_printf(&b, "%s", "0123456789"));
    EXPECT_ERR(FT_ETOOBIG, ft_buf_byte(&b, 'x'));
    ft_buf_fini(&b);
}

static void test_every_fault(void **state) {
    (void)state;
    int rounds = 0;
    EACH_FAULT {
        ft_buf b = { 0 };
        for (int i = 0; i < 100; i++) ft_buf_printf(&b, "%0100d", i);
        EXPECT(b.err == FT_OK || b.err == FT_ENOMEM);
        EXPECT(b.err || b.len == 10000);
        ft_buf_fini(&b);
        rounds++;
    }
    EXPECT(rounds > 3);
}

TEST_MAIN(cmocka_unit_test(test_appends), cmocka_unit_test(test_limit_is_sticky),
          cmocka_unit_test(test_every_fault))
