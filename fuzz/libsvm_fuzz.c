/* libsvm_fuzz.c -- any bytes as libsvm text. */
#include "fuzz/table_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_table(data, size, fuzz_opts("libsvm", ""));
    return 0;
}
