/* png_in.h -- what PNG's reader is made of: the header, chunks, rows to pixels. Private to media.
 */
#ifndef FT_PNG_IN_H
#define FT_PNG_IN_H

#include "media/image_in.h"

#define FT_PNG_SIGNATURE "\x89PNG\r\n\x1a\n"
#define FT_PNG_HEAD      8 /* bytes of the signature */

typedef enum ft_png_colour {
    FT_PNG_GREY = 0,
    FT_PNG_RGB = 2,
    FT_PNG_PALETTE = 3,
    FT_PNG_GREY_ALPHA = 4,
    FT_PNG_RGB_ALPHA = 6
} ft_png_colour;

typedef struct ft_png {
    ft_str bytes;
    int width, height;
    int bits;    /* of a sample: 1, 2, 4, 8, 16 */
    int colour;  /* ft_png_colour */
    int samples; /* of a pixel */
    bool adam7;
    uint8_t palette[256][3];
    int colours; /* of the palette; 0: none seen */
} ft_png;

typedef struct ft_png_chunk {
    uint32_t name; /* "IDAT" as a big-endian number */
    ft_str body;
    size_t at; /* of its length field */
} ft_png_chunk;

#define FT_PNG_NAME(a, b, c, d) \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

/* The chunk at *at, its checksum proved; *at moves behind it. FT_ECORRUPT. */
ft_err ft_png_next(ft_png_chunk *out, ft_str bytes, size_t *at);
/* Signature and IHDR; *at moves behind them. */
ft_err ft_png_begin(ft_png *out, ft_str bytes, size_t *at);

/* Bytes of a filtered row without its filter byte, for `width` pixels. */
static inline size_t ft_png_row_bytes(const ft_png *p, int width) {
    return ((size_t)width * (size_t)(p->samples * p->bits) + 7) / 8;
}
/* Undo the filter of `row` given the row above (zeros for the first). FT_ECORRUPT: no such filter.
 */
ft_err ft_png_unfilter(const ft_png *p, int filter, uint8_t *row, const uint8_t *above,
                       size_t bytes);
/* Pixels first .. first + count - 1 of an unfiltered row as bytes of `channels` a pixel, written
 * `step` pixels apart. FT_ECORRUPT: an index past the palette. */
ft_err ft_png_pixels(const ft_png *p, uint8_t *to, int channels, int step, const uint8_t *row,
                     int first, int count);

#endif
