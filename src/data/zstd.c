/* zstd.c -- see zstd_in.h. */
#include "data/zstd_in.h"

#include "base/lib.h"

ft_err ft_zstd_load(const ft_zstd **out) {
    static const ft_lib_symbol symbols[] = {
        { "ZSTD_createCCtx", offsetof(ft_zstd, pack_new) },
        { "ZSTD_freeCCtx", offsetof(ft_zstd, pack_free) },
        { "ZSTD_CCtx_setParameter", offsetof(ft_zstd, set) },
        { "ZSTD_compressStream2", offsetof(ft_zstd, pack) },
        { "ZSTD_createDStream", offsetof(ft_zstd, unpack_new) },
        { "ZSTD_freeDStream", offsetof(ft_zstd, unpack_free) },
        { "ZSTD_decompressStream", offsetof(ft_zstd, unpack) },
        { "ZSTD_isError", offsetof(ft_zstd, is_error) },
        { "ZSTD_getErrorName", offsetof(ft_zstd, error_name) },
    };
    static ft_zstd api;
    static void *handle;
    *out = &api;
    return ft_lib_load(&handle, "libzstd.so.1", "libzstd1", &api, symbols,
                       sizeof symbols / sizeof symbols[0]);
}
