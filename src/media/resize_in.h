/* resize_in.h -- weights of one axis and the two passes, plain and fast. Private to media. */
#ifndef FT_RESIZE_IN_H
#define FT_RESIZE_IN_H

#include "media/image_in.h"
#include "media/resize.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define FT_MEDIA_X86
#define FT_TARGET_AVX2 __attribute__((target("avx2,fma")))
#define FT_TARGET_AVX512 \
    __attribute__((      \
        target("avx2,fma,bmi2,avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni")))
#endif

/* FT_MEDIA_AUTO resolved to what this CPU has. */
ft_media_path ft_media_path_best(ft_media_path wanted);

#define FT_WEIGHT_BITS  22 /* Pillow's PRECISION_BITS */
#define FT_WEIGHT_ROUND (1 << (FT_WEIGHT_BITS - 1))
#define FT_TAPS_ROUND   16 /* taps of an output are padded to a multiple, with weight 0 */

/* How each of `out` outputs is a weighted sum of `count[i]` inputs from `first[i]` on. The weights
 * stand three times, for three kinds of arithmetic; all give the same integer:
 *   k              as it is, 32 bits
 *   high, low      k = high * 2048 + low, 0 <= low < 2048: for multiplications of 16 bits
 *   digit[0..2]    k = d0 + 256 d1 + 65536 d2, -128 <= d < 128: for multiplications of 8 bits */
typedef struct ft_axis {
    int in, out;
    float from, to; /* part of the input, as Pillow keeps it */
    ft_filter filter;
    int stride;   /* taps between the weights of two outputs */
    bool extreme; /* a weight of 2 or more, which digits cannot hold: plain C then */
    int *first, *count;
    int32_t *k;
    int16_t *high, *low;
    int8_t *digit[3];
    ft_ground memory;
} ft_axis;

/* Weights for an axis; nothing is done when they are there already. FT_ENOMEM. */
ft_err ft_axis_set(ft_axis *a, int in, float from, float to, int out, ft_filter filter,
                   bool *again);
void ft_axis_fini(ft_axis *a);
/* Does the pass change anything? */
bool ft_axis_moves(const ft_axis *a);

/* Rows of `to` are the rows of `from` along the axis. */
void ft_resize_rows_plain(const ft_image *to, const ft_image *from, const ft_axis *a);
/* Row i of `to` is a sum of rows of `from`, which begins at input row `base` of the axis. */
void ft_resize_columns_plain(const ft_image *to, const ft_image *from, const ft_axis *a, int base);

#ifdef FT_MEDIA_X86
void ft_resize_rows_avx2(const ft_image *to, const ft_image *from, const ft_axis *a);
void ft_resize_columns_avx2(const ft_image *to, const ft_image *from, const ft_axis *a, int base);

/* Groups of outputs that fill 16 lanes of 32 bits, in blocks of four taps: which bytes of the row
 * go where, and their weights. */
typedef struct ft_gather {
    _Alignas(64) int8_t index[64];
    int8_t digit[3][64];
    uint64_t low, high; /* bytes that may be loaded from `at` and from `at` + 64 */
    uint32_t at;        /* first byte in the row */
} ft_gather;
typedef struct ft_gathers {
    ft_gather *items; /* group-major */
    int *end;         /* of group g: one past its last item */
    int groups;
    int channels; /* 0: not set for the axis as it is now */
    bool fits;    /* every block of a group lies within 128 bytes */
    ft_ground memory;
} ft_gathers;
ft_err ft_gathers_set(ft_gathers *g, const ft_axis *a, int channels);
void ft_gathers_fini(ft_gathers *g);
void ft_resize_rows_avx512(const ft_image *to, const ft_image *from, const ft_gathers *g);
void ft_resize_columns_avx512(const ft_image *to, const ft_image *from, const ft_axis *a, int base);
#endif

#endif
