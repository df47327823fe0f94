/* idx_fuzz.c -- any bytes as an IDX file, and as whatever format they look like. */
#include "fuzz/table_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_table(data, size, fuzz_opts("idx", "none"));
    fuzz_table(data, size, fuzz_opts("", "none"));
    return 0;
}
