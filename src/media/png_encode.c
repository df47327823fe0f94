/* png_encode.c -- pixels to PNG: 8 bits, grey or colour, the row filter of the least sum of
 * absolute differences (PNG 2nd edition, section 12.8). */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "media/png_in.h"

#define LEVEL_DEFAULT 6
#define FILTERS       5

static void put_be32(uint8_t *to, uint32_t v) {
    for (int i = 0; i < 4; i++) to[i] = (uint8_t)(v >> (24 - 8 * i));
}

static ft_err add_chunk(ft_buf *out, uint32_t name, const void *body, size_t len) {
    uint8_t head[8], sum[4];
    put_be32(head, (uint32_t)len);
    put_be32(head + 4, name);
    uLong crc = crc32(0, head + 4, 4);
    if (len) crc = crc32(crc, body, (uInt)len); /* crc32 of NULL starts anew */
    put_be32(sum, (uint32_t)crc);
    FT_TRY(ft_buf_add_n(out, head, sizeof head));
    FT_TRY(ft_buf_add_n(out, body, len));
    return ft_buf_add_n(out, sum, sizeof sum);
}

static int paeth(int left, int up, int corner) {
    int to_left = abs(up - corner), to_up = abs(left - corner),
        to_corner = abs(left + up - 2 * corner);
    if (to_left <= to_up && to_left <= to_corner) return left;
    return to_up <= to_corner ? up : corner;
}

/* The row after `filter`, and how far its bytes are from zero. */
static uint64_t apply(uint8_t *to, int filter, const uint8_t *row, const uint8_t *above,
                      size_t bytes, size_t back) {
    uint64_t sum = 0;
    to[0] = (uint8_t)filter;
    for (size_t i = 0; i < bytes; i++) {
        int left = i >= back ? row[i - back] : 0, up = above[i],
            corner = i >= back ? above[i - back] : 0;
        int guess = filter == 0   ? 0
                    : filter == 1 ? left
                    : filter == 2 ? up
                    : filter == 3 ? (left + up) / 2
                                  : paeth(left, up, corner);
        int8_t v = (int8_t)(row[i] - guess);
        to[1 + i] = (uint8_t)v;
        sum += (uint64_t)abs(v);
    }
    return sum;
}

/* Filtered rows of the whole picture, one after the other, in `to`. `row` has room for two. */
static void filter_all(uint8_t *to, uint8_t *trial, const ft_image *image, const uint8_t *zeros) {
    size_t bytes = ft_image_row_bytes(image), back = (size_t)image->channels;
    for (int y = 0; y < image->height; y++, to += bytes + 1) {
        const uint8_t *row = image->data + (size_t)y * image->stride_bytes;
        const uint8_t *above = y ? row - image->stride_bytes : zeros;
        uint64_t best = UINT64_MAX;
        for (int f = 0; f < FILTERS; f++) {
            uint64_t sum = apply(trial, f, row, above, bytes, back);
            if (sum < best) {
                best = sum;
                memcpy(to, trial, bytes + 1);
            }
        }
    }
}

static ft_err add_data(ft_buf *out, const ft_image *image, int level) {
    size_t row = ft_image_row_bytes(image) + 1, raw = row * (size_t)image->height;
    uLong packed = compressBound((uLong)raw);
    uint8_t *filtered = ft_fault_here() ? NULL : calloc(1, raw + 2 * row + packed);
    if (!filtered) return FT_FAIL(FT_ENOMEM, "no memory to write a PNG");
    uint8_t *trial = filtered + raw, *zeros = trial + row, *to = zeros + row;
    ft_err err = FT_OK;
    filter_all(filtered, trial, image, zeros);
    if (compress2(to, &packed, filtered, (uLong)raw, level) != Z_OK)
        FT_GOTO(err, FT_FAIL(FT_ENOMEM, "no memory to pack a PNG"));
    if (packed > INT32_MAX)
        FT_GOTO(err, FT_FAIL(FT_ETOOBIG, "a PNG of %lu bytes of pixel data", packed));
    FT_GOTO(err, add_chunk(out, FT_PNG_NAME('I', 'D', 'A', 'T'), to, packed));
done:
    free(filtered);
    return err;
}

ft_err ft_png_encode(ft_buf *out, const ft_image *image, const ft_encode_opts *opts) {
    size_t before = out->len;
    uint8_t head[13] = { 0 };
    ft_err err;
    put_be32(head, (uint32_t)image->width);
    put_be32(head + 4, (uint32_t)image->height);
    head[8] = 8;
    head[9] = image->channels == 1 ? FT_PNG_GREY : FT_PNG_RGB;
    FT_GOTO(err, ft_buf_add_n(out, FT_PNG_SIGNATURE, FT_PNG_HEAD));
    FT_GOTO(err, add_chunk(out, FT_PNG_NAME('I', 'H', 'D', 'R'), head, sizeof head));
    FT_GOTO(err, add_data(out, image, opts->level ? opts->level : LEVEL_DEFAULT));
    FT_GOTO(err, add_chunk(out, FT_PNG_NAME('I', 'E', 'N', 'D'), NULL, 0));
done:
    if (err) out->len = before;
    return err;
}
