/* pack_in.h -- one row of ft_pack_image, plain and fast. Private to media. */
#ifndef FT_PACK_IN_H
#define FT_PACK_IN_H

#include "media/pixels.h"
#include "media/resize_in.h"

/* What a row needs. A value v of channel c becomes fma(v, scale[c], shift[c]). */
typedef struct ft_pack_row {
    ft_dtype dtype;
    int width, channels;
    bool flip, last; /* left to right; channels last */
    bool stream;     /* every destination of every row is aligned to 64 bytes */
    float scale[3], shift[3];
    float scales[48], shifts[48]; /* of successive values, channels last */
    size_t plane_bytes;           /* from one channel's plane to the next, channels first */
} ft_pack_row;

static inline uint16_t ft_bf16_nearest(float v) {
    uint32_t bits;
    __builtin_memcpy(&bits, &v, sizeof bits);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

/* Pixels first .. width - 1 of the row at `from` into the row of the result at `to` (of its first
 * plane). */
void ft_pack_row_plain(uint8_t *to, const uint8_t *from, const ft_pack_row *p, int first);
#ifdef FT_MEDIA_X86
void ft_pack_row_avx2(uint8_t *to, const uint8_t *from, const ft_pack_row *p);
void ft_pack_row_avx512(uint8_t *to, const uint8_t *from, const ft_pack_row *p);
#endif

#endif
