/* idx.h -- the IDX format of MNIST: 00 00 type dimensions, sizes as big-endian u32, then the items.
 * Source: Y. LeCun, "THE IDX FILE FORMAT". Threads: any. */
#ifndef FT_IDX_H
#define FT_IDX_H

#include "base/arena.h"
#include "base/array.h"
#include "data/input.h"

/* Header of a stream, skipped: type and sizes, `data` NULL. FT_EPARSE names the byte. */
ft_err ft_idx_header(ft_array *out, ft_input *in);
/* What the file of the labels is called: "train-images-idx3-ubyte.gz" ->
 * "train-labels-idx1-ubyte.gz"; at == NULL when there is no "images" in the name. */
ft_err ft_idx_labels_name(ft_str *out, ft_arena *arena, ft_str path);
/* The one that is there, packed or not; at == NULL: none. */
ft_err ft_idx_labels_path(ft_str *out, ft_arena *arena, ft_str path);
/* The code of a type in a header; 0: IDX has none. */
unsigned char ft_idx_type(ft_dtype dtype);
/* `count` items at `at` (big-endian, any IDX type) as floats. */
void ft_idx_floats(float *out, ft_dtype dtype, const char *at, size_t count);

#endif
