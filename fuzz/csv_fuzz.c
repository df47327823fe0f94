/* csv_fuzz.c -- any bytes as CSV: refused with a sentence in UTF-8, or a table that fits itself. */
#include "fuzz/table_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_table(data, size, fuzz_opts("csv", "none"));
    fuzz_table(data, size, fuzz_opts("csv", "last"));
    return 0;
}
