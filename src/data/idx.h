/* idx.h -- the IDX format of MNIST: 00 00 type dimensions, sizes as big-endian u32, then the items.
 * Source: Y. LeCun, "THE IDX FILE FORMAT". Threads: any. */
#ifndef FT_IDX_H
#define FT_IDX_H

#include "base/array.h"
#include "data/input.h"

/* Header of a stream, skipped: type and sizes, `data` NULL. FT_EPARSE names the byte. */
ft_err ft_idx_header(ft_array *out, ft_input *in);
/* `count` items at `at` (big-endian, any IDX type) as floats. */
void ft_idx_floats(float *out, ft_dtype dtype, const char *at, size_t count);

#endif
