/* loader_cuda.h -- page-locked memory where NVIDIA's runtime is installed.
 *
 * libcudart is loaded on first use; where there is none every function says FT_EABSENT, which is
 * normal. Threads: any, once loaded. */
#ifndef FT_LOADER_CUDA_H
#define FT_LOADER_CUDA_H

#include <stddef.h>

#include "base/err.h"

/* Is it there, with a device? FT_EABSENT, or FT_EPEER with its words. */
ft_err ft_cuda_load(void);
/* Page-lock memory of ours, so that copies from it run beside the work. */
ft_err ft_cuda_pin(void *at, size_t bytes);
void ft_cuda_unpin(void *at);

#endif
