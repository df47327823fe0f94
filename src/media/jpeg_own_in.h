/* jpeg_own_in.h -- our own reader of the common JPEG: baseline, Huffman, 8 bits, one scan, grey or
 * YCbCr as 4:4:4, 4:2:2, 4:2:0, on AVX-512. It gives libjpeg-turbo's pixels (accurate DCT, fancy
 * upsampling) to the bit, 1.3 times as fast (Zen 4, whole pictures): it looks up whole symbols
 * (code and value) at once, transforms four blocks together, leaves out the transform of blocks
 * outside a region and jumps over restart intervals that a region does not need.
 *
 * It takes only what it is sure of. Anything else (other kinds, damage, odd order) it declines
 * without a word, and libjpeg decides. Private to media.
 *
 * Sources: ITU-T T.81 annexes B, C, F; the arithmetic is that of libjpeg's jidctint, jdsample,
 * jdcolor (Independent JPEG Group). */
#ifndef FT_JPEG_OWN_IN_H
#define FT_JPEG_OWN_IN_H

#include "media/image_in.h"
#include "media/resize_in.h"

#define FT_HUFF_BITS 11 /* of the look-up; 9 and 10 were slower on Zen 4, 12 no faster */

/* One Huffman table. An entry of `fast` is for the next FT_HUFF_BITS bits of the stream:
 * value << 16 | step << 8 | bits, where `bits` counts code and value together (0: longer than the
 * look-up, see `slow`), `step` is run + 1, and FT_HUFF_END for the end of a block. */
#define FT_HUFF_END 128
typedef struct ft_huff {
    uint8_t counts[16], symbols[256];
    bool set;           /* by this picture */
    bool built;         /* `fast` and below are of `counts` and `symbols` */
    int32_t most[18];   /* slow: largest code of each length, left-aligned to 16 bits, exclusive */
    int32_t offset[17]; /* slow: from code to symbol */
    int32_t fast[1 << FT_HUFF_BITS];
} ft_huff;

typedef struct ft_jpeg_part { /* a component */
    int id, h, v, quant;      /* sampling; quantisation table */
    int dc, ac;               /* Huffman tables */
} ft_jpeg_part;

#define FT_JPEG_GROUP 4 /* blocks transformed together */
/* Coefficients of a group: [row][block][column]. */
typedef struct ft_jpeg_group {
    _Alignas(64) int16_t at[8][FT_JPEG_GROUP][8];
} ft_jpeg_group;

typedef struct ft_jpeg_plane {
    uint8_t *at; /* sample 0 of the first decoded chunk and row */
    size_t stride;
} ft_jpeg_plane;

/* All that a picture needs, kept between pictures by a decoder. */
struct ft_jpeg_own {
    int width, height;
    int parts; /* 1 or 3 */
    ft_jpeg_part part[3];
    bool framed, jfif, adobe;
    int adobe_transform;
    uint16_t quant[4][64]; /* in zigzag order, as the file has them */
    bool quant_set[4];
    int restart;        /* MCUs between markers; 0: none */
    ft_huff huff[2][4]; /* [0: DC, 1: AC] */
    ft_ground scan;     /* entropy-coded bytes without stuffing */
    ft_ground planes;
    ft_ground starts; /* size_t: where each interval begins in `scan`, and the end */
    size_t intervals;
};

/* Headers up to the scan's data at *at. False: declined. */
bool ft_jpeg_own_headers(struct ft_jpeg_own *j, ft_str bytes, size_t *at);
/* Build the tables that this picture names. False: declined. */
bool ft_jpeg_own_tables(struct ft_jpeg_own *j);
/* Unstuff the scan into intervals. */
ft_err ft_jpeg_own_unstuff(bool *ok, struct ft_jpeg_own *j, ft_str bytes, size_t at);

/* Bits of an interval. */
typedef struct ft_jpeg_bits {
    uint64_t buf; /* the next bits, from the top */
    int count;    /* bits of it that count */
    const uint8_t *at;
} ft_jpeg_bits;
void ft_jpeg_bits_start(ft_jpeg_bits *b, const uint8_t *at);
/* One block into a lane of a group that holds zeros; *dc is the prediction. False: damage. */
bool ft_jpeg_block(ft_jpeg_bits *b, int16_t *out, const ft_huff *dc_table, const ft_huff *ac_table,
                   int *dc);
/* Bytes taken from the stream so far, the last one perhaps in part. */
static inline size_t ft_jpeg_bits_used(const ft_jpeg_bits *b, const uint8_t *begin) {
    return (size_t)(b->at - begin) - (size_t)(b->count >> 3);
}

#ifdef FT_MEDIA_X86
/* Four blocks, dequantised by `quant` (laid out as they are), to samples: 8 rows of 32 bytes.
 * False: a coefficient is out of any picture's range. */
bool ft_jpeg_idct_avx512(uint8_t *to, size_t stride, const ft_jpeg_group *coefficients,
                         const ft_jpeg_group *quant);
/* One row of `width` pixels to RGB. Chroma rows: `near` and, for 4:2:0, `far`, the next row on the
 * other side; `h` is the chroma's horizontal sampling (1 or 2). Samples at -1 and one past the last
 * must be there, and up to 64 bytes more may be read. */
typedef struct ft_jpeg_row {
    const uint8_t *y, *cb[2], *cr[2];
} ft_jpeg_row;
void ft_jpeg_colour_avx512(uint8_t *rgb, const ft_jpeg_row *row, int width, int h, bool two_rows);
#endif

/* Decode what is sure; *taken says whether `out` was made. FT_ENOMEM only. */
ft_err ft_jpeg_own_decode(bool *taken, ft_image *out, ft_decoder *d, ft_str bytes,
                          const ft_decode_opts *opts);
void ft_jpeg_own_free(struct ft_jpeg_own *j);

#endif
