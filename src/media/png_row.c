/* png_row.c -- rows of PNG: filters undone, samples of 1 to 16 bits to bytes.
 * Source: PNG 2nd edition, sections 9.2 (filters), 7.2 (scanlines), 13.12 (sample depths). */
#include "media/png_in.h"

#include <stdlib.h>

#include "base/check.h"

/* ---- filters: p.bpp bytes back is the pixel to the left */

static inline uint8_t paeth(int left, int up, int corner) {
    int to_left = abs(up - corner), to_up = abs(left - corner),
        to_corner = abs(left + up - 2 * corner);
    if (to_left <= to_up && to_left <= to_corner) return (uint8_t)left;
    return (uint8_t)(to_up <= to_corner ? up : corner);
}

/* Constant `back` at each call lets the compiler keep the pixel to the left in registers. */
static inline __attribute__((always_inline)) void
undo(int filter, uint8_t *row, const uint8_t *above, size_t bytes, size_t back) {
    size_t first = back < bytes ? back : bytes;
    switch (filter) {
    case 1:
        for (size_t i = back; i < bytes; i++) row[i] = (uint8_t)(row[i] + row[i - back]);
        break;
    case 2:
        for (size_t i = 0; i < bytes; i++) row[i] = (uint8_t)(row[i] + above[i]);
        break;
    case 3:
        for (size_t i = 0; i < first; i++) row[i] = (uint8_t)(row[i] + above[i] / 2);
        for (size_t i = back; i < bytes; i++)
            row[i] = (uint8_t)(row[i] + (row[i - back] + above[i]) / 2);
        break;
    default:
        for (size_t i = 0; i < first; i++) row[i] = (uint8_t)(row[i] + above[i]);
        for (size_t i = back; i < bytes; i++)
            row[i] = (uint8_t)(row[i] + paeth(row[i - back], above[i], above[i - back]));
    }
}

ft_err ft_png_unfilter(const ft_png *p, int filter, uint8_t *row, const uint8_t *above,
                       size_t bytes) {
    size_t back = (size_t)(p->samples * p->bits + 7) / 8;
    if (filter == 0) return FT_OK;
    if (filter > 4) return FT_FAIL(FT_ECORRUPT, "PNG: filter %d of a row; 0 to 4 exist", filter);
    switch (back) {
    case 1:
        undo(filter, row, above, bytes, 1);
        break;
    case 3:
        undo(filter, row, above, bytes, 3);
        break;
    case 4:
        undo(filter, row, above, bytes, 4);
        break;
    default:
        undo(filter, row, above, bytes, back);
    }
    return FT_OK;
}

/* ---- samples */

/* Sample `i` of a row, before it is spread over 0..255. */
static inline int sample(const ft_png *p, const uint8_t *row, size_t i) {
    if (p->bits == 8) return row[i];
    if (p->bits == 16) return row[2 * i]; /* the high byte */
    size_t bit = i * (size_t)p->bits;
    return row[bit / 8] >> (8 - p->bits - (int)(bit % 8)) & ((1 << p->bits) - 1);
}

static inline void put(uint8_t *to, int channels, const uint8_t rgb[3]) {
    if (channels == 1) {
        to[0] = ft_luma(rgb);
    } else {
        to[0] = rgb[0];
        to[1] = rgb[1];
        to[2] = rgb[2];
    }
}

static ft_err palette_pixels(const ft_png *p, uint8_t *to, int channels, int step,
                             const uint8_t *row, int first, int count) {
    for (int x = 0; x < count; x++, to += step * channels) {
        int i = sample(p, row, (size_t)(first + x));
        if (i >= p->colours)
            return FT_FAIL(FT_ECORRUPT, "PNG: colour %d in column %d; the palette has %d", i,
                           first + x, p->colours);
        put(to, channels, p->palette[i]);
    }
    return FT_OK;
}

static void grey_pixels(const ft_png *p, uint8_t *to, int channels, int step, const uint8_t *row,
                        int first, int count) {
    int spread = p->bits < 8 ? 255 / ((1 << p->bits) - 1) : 1;
    for (int x = 0; x < count; x++, to += step * channels) {
        uint8_t v = (uint8_t)(sample(p, row, (size_t)(first + x) * (size_t)p->samples) * spread);
        for (int i = 0; i < channels; i++) to[i] = v;
    }
}

ft_err ft_png_pixels(const ft_png *p, uint8_t *to, int channels, int step, const uint8_t *row,
                     int first, int count) {
    if (p->colour == FT_PNG_PALETTE)
        return palette_pixels(p, to, channels, step, row, first, count);
    if (p->colour == FT_PNG_GREY || p->colour == FT_PNG_GREY_ALPHA) {
        grey_pixels(p, to, channels, step, row, first, count);
        return FT_OK;
    }
    int bytes = p->bits / 8;
    const uint8_t *at = row + (size_t)first * (size_t)(p->samples * bytes);
    for (int x = 0; x < count; x++, to += step * channels, at += p->samples * bytes)
        put(to, channels, (uint8_t[3]){ at[0], at[bytes], at[2 * bytes] });
    return FT_OK;
}
