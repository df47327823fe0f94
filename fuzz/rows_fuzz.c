/* rows_fuzz.c -- any bytes as a request body of every content type, with and without a schema; the
 * rows that are read can be answered. The first byte chooses the type. */
#include <math.h>

#include "base/check.h"
#include "fuzz/target.h"
#include "models/rows.h"

static const char *const types[] = { "text/csv",
                                     "application/json",
                                     "",
                                     "text/libsvm",
                                     "application/jsonlines",
                                     "image/png",
                                     "text/plain",
                                     "application/x-recordio-protobuf",
                                     "application/x-npy" };
static const char *const accepts[] = { "", "application/json",
                                       "application/jsonlines;q=0.5, */*;q=0" };

static void check(const ft_payload *in, const ft_schema *schema, size_t cols, ft_str accept) {
    ft_arena arena = FT_ARENA_INIT(64 << 20);
    ft_matrix m;
    ft_payload out;
    ft_err err = ft_rows_parse(&m, in, schema, cols, &arena);
    FT_CHECK(!err == (m.rows > 0));
    FT_CHECK(!err || ft_str_utf8(ft_str_of(ft_err_why())));
    if (!err) {
        FT_CHECK(m.cols > 0 && (cols == 0 || m.cols == cols));
        for (size_t i = 0; i < m.rows * m.cols; i++) FT_CHECK(!isinf(m.at[i]));
        err = ft_rows_answer(&out, m.at, m.rows, m.cols, accept, &arena);
        FT_CHECK(err || ft_str_utf8(out.bytes));
    }
    ft_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static ft_schema *schema;
    static ft_arena keep;
    if (!schema)
        FT_CHECK(
            ft_schema_read(&schema, &keep,
                           FT_STR("{\"label\":\"y\",\"named\":true,\"features\":[{\"name\":\"a\"},"
                                  "{\"name\":\"b\",\"categories\":[\"u\",\"v\"]},{}]}")) == FT_OK);
    if (size == 0) return 0;
    ft_payload in = { ft_str_of(types[data[0] % FT_COUNT(types)]), ft_str_n(data + 1, size - 1) };
    ft_str accept = ft_str_of(accepts[data[0] / 16 % FT_COUNT(accepts)]);
    check(&in, NULL, 0, accept);
    check(&in, NULL, 3, accept);
    check(&in, schema, 3, accept);
    return 0;
}
