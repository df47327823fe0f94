/* The times of a job as a page. */
#include "debug/system_report.h"

#include "tests/test.h"

#define S 1000000

static bool holds(const ft_buf *page, const char *words) {
    return memmem(page->at, page->len, words, strlen(words)) != NULL;
}

static void test_page(void **state) {
    (void)state;
    ft_buf page = { 0 };
    ft_system_report_opts opts = { .job = FT_STR("a<b"),
                                   .status = FT_STR("Completed"),
                                   .started_us = 100 * (int64_t)S,
                                   .loop_us = 101 * (int64_t)S,
                                   .loop_end_us = 109 * (int64_t)S,
                                   .ended_us = 110 * (int64_t)S,
                                   .steps = 40 };
    EXPECT_OK(ft_system_report(&page, &opts));
    EXPECT(holds(&page, "Training Job Summary") && holds(&page, "a&lt;b") && !holds(&page, "a<b"));
    EXPECT(holds(&page, "1970-01-01T00:01:41.000000Z"));
    EXPECT(holds(&page, "8.000") && holds(&page, "80.0") && holds(&page, "10.000 s in all"));
    ft_buf_fini(&page);
}

static void test_never_trained(void **state) {
    (void)state;
    ft_buf page = { 0 };
    ft_system_report_opts opts = { .job = FT_STR("j"),
                                   .status = FT_STR("Failed"),
                                   .started_us = S };
    EXPECT_OK(ft_system_report(&page, &opts));
    EXPECT(!holds(&page, "nan") && !holds(&page, "training_loop_start"));
    ft_buf_fini(&page);
}

static void test_faults(void **state) {
    (void)state;
    ft_system_report_opts opts = { .job = FT_STR("j"), .status = FT_STR("Failed") };
    EACH_FAULT {
        ft_buf page = { 0 };
        ft_err err = ft_system_report(&page, &opts);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        ft_buf_fini(&page);
    }
}

TEST_MAIN(cmocka_unit_test(test_page), cmocka_unit_test(test_never_trained),
          cmocka_unit_test(test_faults))
