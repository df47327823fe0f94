/* describe_test.c -- a file described by itself: names, types, numbers, and files that are none. */
#include "base/json.h"
#include "monitor/monitor.h"
#include "tests/test.h"

static ft_buf statistics, constraints;

static ft_err describe(const char *text, bool header) {
    ft_buf_reset(&statistics);
    ft_buf_reset(&constraints);
    return ft_monitor_describe(&statistics, &constraints, FT_STR("text/csv"), ft_str_of(text),
                               header);
}

static void is(const ft_buf *json, const char *path, const char *want) {
    ft_str raw;
    EXPECT_OK(ft_json_find(&raw, ft_buf_str(json), path));
    EXPECT_STR(want, raw);
}

static void test_files(void **state) {
    (void)state;
    EXPECT_OK(describe("label,job,pay\n1,cook,2.5\n0,clerk,\n1,cook,3.5\n", true));
    is(&statistics, "dataset.item_count", "3");
    is(&statistics, "features.0.name", "\"label\"");
    is(&statistics, "features.0.inferred_type", "\"Integral\"");
    is(&statistics, "features.1.inferred_type", "\"String\"");
    is(&statistics, "features.2.inferred_type", "\"Fractional\"");
    is(&statistics, "features.2.numerical_statistics.common.num_missing", "1");
    is(&constraints, "features.1.name", "\"job\"");
    EXPECT_OK(describe("1,2\n3,4\n", false));
    is(&statistics, "features.1.name", "\"_c1\"");
    is(&statistics, "dataset.item_count", "2");
    EXPECT_ERR(FT_EPARSE, describe("1,2\n3\n", false));
    EXPECT_WHY("row 2 has 1 columns");
    EXPECT_ERR(FT_EINVAL, describe("a,b\n", true));
    EACH_FAULT {
        ft_err err = describe("a,b\n1,x\n2,y\n", true);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
    }
    ft_buf_fini(&statistics);
    ft_buf_fini(&constraints);
}

TEST_MAIN(cmocka_unit_test(test_files))
