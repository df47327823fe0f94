/* range_test.c -- ranges as RFC 9110 has them in its examples, and what is none. */
#include "net/range.h"

#include "tests/test.h"

static void test_ranges(void **state) {
    (void)state;
    static const struct {
        const char *header;
        uint64_t size;
        ft_range range;
        uint64_t first, length;
    } cases[] = {
        { "bytes=0-499", 10000, FT_RANGE_PART, 0, 500 },
        { "bytes=500-999", 10000, FT_RANGE_PART, 500, 500 },
        { "bytes=-500", 10000, FT_RANGE_PART, 9500, 500 },
        { "bytes=9500-", 10000, FT_RANGE_PART, 9500, 500 },
        { "bytes=9500-20000", 10000, FT_RANGE_PART, 9500, 500 },
        { "bytes=-20000", 10000, FT_RANGE_PART, 0, 10000 },
        { "bytes=9999-9999", 10000, FT_RANGE_PART, 9999, 1 },
        { "bytes=10000-", 10000, FT_RANGE_OUTSIDE, 0, 10000 },
        { "bytes=-0", 10000, FT_RANGE_OUTSIDE, 0, 10000 },
        { "bytes=0-", 0, FT_RANGE_OUTSIDE, 0, 0 },
        { "bytes=-5", 0, FT_RANGE_OUTSIDE, 0, 0 },
        { "bytes=0-0,-1", 10000, FT_RANGE_WHOLE, 0, 10000 },
        { "bytes=5-4", 10000, FT_RANGE_WHOLE, 0, 10000 },
        { "bytes=-", 10000, FT_RANGE_WHOLE, 0, 10000 },
        { "bytes=x-1", 10000, FT_RANGE_WHOLE, 0, 10000 },
        { "bytes=1", 10000, FT_RANGE_WHOLE, 0, 10000 },
        { "bytes=18446744073709551616-", 10000, FT_RANGE_WHOLE, 0, 10000 },
        { "lines=0-1", 10000, FT_RANGE_WHOLE, 0, 10000 },
        { "", 10000, FT_RANGE_WHOLE, 0, 10000 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t first = 7, length = 7;
        EXPECT(ft_range_parse(&first, &length, ft_str_of(cases[i].header), cases[i].size) ==
               cases[i].range);
        EXPECT(first == cases[i].first && length == cases[i].length);
    }
}

TEST_MAIN(cmocka_unit_test(test_ranges))
