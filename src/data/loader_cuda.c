/* loader_cuda.c -- see loader_cuda.h. Source: CUDA Runtime API, "Memory Management": the
 * functions and their codes have been the same since CUDA 4. */
#include "data/loader_cuda.h"

#include "base/check.h"
#include "base/lib.h"

#define PORTABLE 1 /* cudaHostRegisterPortable: pinned for every device */

typedef struct cuda_api {
    int (*device_count)(int *count);
    int (*host_register)(void *at, size_t bytes, unsigned flags);
    int (*host_unregister)(void *at);
    const char *(*error_string)(int code);
} cuda_api;

static cuda_api cuda;
static void *handle;

static const ft_lib_symbol symbols[] = {
    { "cudaGetDeviceCount", offsetof(cuda_api, device_count) },
    { "cudaHostRegister", offsetof(cuda_api, host_register) },
    { "cudaHostUnregister", offsetof(cuda_api, host_unregister) },
    { "cudaGetErrorString", offsetof(cuda_api, error_string) },
};

static ft_err check(int code, const char *what) {
    if (code == 0) return FT_OK;
    return FT_FAIL(FT_EPEER, "CUDA could not %s: %s", what, cuda.error_string(code));
}

ft_err ft_cuda_load(void) {
    int devices = 0;
    FT_TRY(ft_lib_load(&handle,
                       "libcudart.so|libcudart.so.13|libcudart.so.12|libcudart.so.11.0|"
                       "libcudart.so.10.2",
                       "nvidia-cuda-toolkit", &cuda, symbols, FT_COUNT(symbols)));
    FT_TRY(check(cuda.device_count(&devices), "count its devices"));
    if (!devices) return FT_FAIL(FT_EABSENT, "CUDA is installed, but there is no device");
    return FT_OK;
}

ft_err ft_cuda_pin(void *at, size_t bytes) {
    FT_TRY(ft_cuda_load());
    return check(cuda.host_register(at, bytes, PORTABLE), "lock memory");
}

void ft_cuda_unpin(void *at) { cuda.host_unregister(at); }
