/* npy_fuzz.c -- any bytes as an array file: refused, or an array that is written and read equal. */
#include "base/check.h"
#include "data/npy.h"
#include "fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ft_arena arena = FT_ARENA_INIT(64 << 20);
    ft_array a, b;
    ft_buf out = { 0 };
    if (ft_npy_read(&a, &arena, ft_str_n(data, size))) {
        FT_CHECK(ft_str_utf8(ft_str_of(ft_err_why())));
    } else {
        FT_CHECK(ft_npy_write(&out, &a) == FT_OK);
        FT_CHECK(ft_npy_read(&b, &arena, ft_buf_str(&out)) == FT_OK);
        FT_CHECK(a.dtype == b.dtype && a.ndim == b.ndim &&
                 ft_array_bytes(&a) == ft_array_bytes(&b));
        FT_CHECK(memcmp(a.data, b.data, ft_array_bytes(&a)) == 0);
    }
    ft_buf_fini(&out);
    ft_arena_fini(&arena);
    return 0;
}
