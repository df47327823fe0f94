/* table_test.h -- helpers of the room's tests: tables from texts. */
#ifndef FT_TABLE_TEST_H
#define FT_TABLE_TEST_H

#include <math.h>

#include "base/files.h"
#include "data/table.h"
#include "tests/test.h"

/* A file in the test's folder; its path is static per name until the next call. */
static inline ft_str test_file(const char *name, const void *bytes, size_t len) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, len, f) != len || fclose(f) != 0) abort();
    return ft_str_of(path);
}
#define test_text(name, text) test_file((name), (text), strlen(text))

/* The table of a text that must be readable. */
static inline ft_table *test_table(const char *text, const ft_table_opts *opts) {
    ft_table *t;
    EXPECT_OK(ft_table_read(&t, test_text("t.csv", text), opts));
    return t;
}

#define EXPECT_VALUE(want, t, row, col)                                                     \
    do {                                                                                    \
        float value_ = (t)->dense[(row) * (t)->cols + (col)];                               \
        if (value_ != (float)(want)) {                                                      \
            print_error("%s:%d: row %d column %d is %g, expected %g\n", __FILE__, __LINE__, \
                        (int)(row), (int)(col), (double)value_, (double)(want));            \
            _fail(__FILE__, __LINE__);                                                      \
        }                                                                                   \
    } while (0)
#define EXPECT_MISSING(t, row, col) EXPECT(isnan((t)->dense[(row) * (t)->cols + (col)]))

/* Reading the text fails with the code and a sentence that holds `text`. */
#define EXPECT_REFUSED(code, words, text, opts)                                       \
    do {                                                                              \
        ft_table *refused_;                                                           \
        EXPECT_ERR(code, ft_table_read(&refused_, test_text("t.csv", text), (opts))); \
        EXPECT(refused_ == NULL);                                                     \
        EXPECT_WHY(words);                                                            \
    } while (0)

#endif
