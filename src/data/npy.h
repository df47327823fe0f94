/* npy.h -- NumPy's .npy files: one array. As records: one row (item of the first axis) each.
 * Source: numpy.lib.format, versions 1.0 to 3.0. Threads: any. */
#ifndef FT_NPY_H
#define FT_NPY_H

#include "base/arena.h"
#include "base/array.h"
#include "base/buf.h"

#define FT_NPY_HEADER_MAX ((size_t)64 << 10)

typedef struct ft_npy_header {
    ft_array array; /* type and shape; data NULL */
    bool fortran;   /* column-major */
    bool swapped;   /* big-endian items of more than a byte */
    size_t bytes;   /* of the header, magic included: where the data begins */
} ft_npy_header;

bool ft_npy_is(ft_str bytes); /* do they begin as a .npy file? */
/* The header at the start of `head`. FT_EPARSE; FT_ECORRUPT when it is cut; FT_EUNSUPPORTED for
 * types that have no ft_dtype (objects, texts, structs, complex). */
ft_err ft_npy_header_read(ft_npy_header *out, ft_str head);
/* A whole file in memory: C order and little-endian, in the arena. FT_ECORRUPT when the bytes are
 * fewer or more than the header says. */
ft_err ft_npy_read(ft_array *out, ft_arena *arena, ft_str bytes);
/* Appends a version 1.0 header padded to a multiple of 64, `at least` so many bytes. */
ft_err ft_npy_header_write(ft_buf *out, const ft_array *array, size_t at_least);
/* Appends the whole file. bfloat16 is written as uint16, its bits: NumPy has no such type. */
ft_err ft_npy_write(ft_buf *out, const ft_array *array);

#endif
