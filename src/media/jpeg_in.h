/* jpeg_in.h -- libjpeg-turbo's functions, loaded on first use, and how its failures become ours.
 *
 * libjpeg reports a failure by a function that must not return. Ours jumps back to one guard in
 * jpeg.c, the only place that calls setjmp. What must be released stands in the session, never in a
 * frame that is jumped over: bodies allocate from the decoder, the arena or the buffer alone. */
#ifndef FT_JPEG_IN_H
#define FT_JPEG_IN_H

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include "media/image_in.h"

#define FT_JPEG_TABLE(X)                                                      \
    X(std_error, struct jpeg_error_mgr *, (struct jpeg_error_mgr *))          \
    X(CreateDecompress, void, (j_decompress_ptr, int, size_t))                \
    X(destroy_decompress, void, (j_decompress_ptr))                           \
    X(read_header, int, (j_decompress_ptr, boolean))                          \
    X(start_decompress, boolean, (j_decompress_ptr))                          \
    X(crop_scanline, void, (j_decompress_ptr, JDIMENSION *, JDIMENSION *))    \
    X(skip_scanlines, JDIMENSION, (j_decompress_ptr, JDIMENSION))             \
    X(read_scanlines, JDIMENSION, (j_decompress_ptr, JSAMPARRAY, JDIMENSION)) \
    X(calc_output_dimensions, void, (j_decompress_ptr))                       \
    X(resync_to_restart, boolean, (j_decompress_ptr, int))                    \
    X(CreateCompress, void, (j_compress_ptr, int, size_t))                    \
    X(destroy_compress, void, (j_compress_ptr))                               \
    X(set_defaults, void, (j_compress_ptr))                                   \
    X(set_quality, void, (j_compress_ptr, int, boolean))                      \
    X(start_compress, void, (j_compress_ptr, boolean))                        \
    X(write_scanlines, JDIMENSION, (j_compress_ptr, JSAMPARRAY, JDIMENSION))  \
    X(finish_compress, void, (j_compress_ptr))                                \
    X(save_markers, void, (j_decompress_ptr, int, unsigned))                  \
    X(read_coefficients, jvirt_barray_ptr *, (j_decompress_ptr))              \
    X(copy_critical_parameters, void, (j_decompress_ptr, j_compress_ptr))     \
    X(write_coefficients, void, (j_compress_ptr, jvirt_barray_ptr *))         \
    X(write_marker, void, (j_compress_ptr, int, const JOCTET *, unsigned))

typedef struct ft_jpeg_api {
#define X(name, result, arguments) result(*name) arguments;
    FT_JPEG_TABLE(X)
#undef X
} ft_jpeg_api;

/* One picture being read or written. */
typedef struct ft_jpeg ft_jpeg;
struct ft_jpeg {
    union {
        struct jpeg_common_struct common;
        struct jpeg_decompress_struct in;
        struct jpeg_compress_struct out;
    } c;
    const ft_jpeg_api *api;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_destination_mgr target;
    struct jpeg_progress_mgr progress;
    jmp_buf back;
    ft_err err;        /* why it jumped */
    const char *begin; /* of the bytes read; NULL when writing */
    size_t length;
    bool damaged; /* go on after damage */
    ft_buf *to;
    ft_err (*body)(ft_jpeg *j);
    void *caller; /* body's own */
};

ft_err ft_jpeg_load(const ft_jpeg_api **out);
/* A session that reads `bytes` or appends to `to`; call body(j) with failures caught; release. */
ft_err ft_jpeg_read(ft_str bytes, bool damaged, ft_err (*body)(ft_jpeg *j), void *caller);
ft_err ft_jpeg_write(ft_buf *to, ft_err (*body)(ft_jpeg *j), void *caller);

/* Have all scans of a progressive picture come? Known once its data was read. */
bool ft_jpeg_complete(const struct jpeg_decompress_struct *c);

#endif
