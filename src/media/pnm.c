/* pnm.c -- PGM and PPM, binary (P5, P6) and in words (P2, P3). Samples are scaled to 0..255 and
 * rounded to nearest, as Pillow does. Source: pgm(5), ppm(5). */
#include <string.h>

#include "base/check.h"
#include "media/image_in.h"

typedef struct header {
    int channels;
    bool words;
    uint32_t width, height, most; /* most: the sample value of full light */
    size_t data_at;
} header;

static bool blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* The next number; comments run from '#' to the end of the line. */
static ft_err number(uint32_t *out, ft_str bytes, size_t *at, uint32_t most, const char *what) {
    size_t i = *at;
    uint64_t v = 0;
    for (; i < bytes.len && (blank(bytes.at[i]) || bytes.at[i] == '#'); i++)
        if (bytes.at[i] == '#')
            while (i + 1 < bytes.len && bytes.at[i] != '\n') i++;
    size_t begin = i;
    for (; i < bytes.len && bytes.at[i] >= '0' && bytes.at[i] <= '9'; i++) {
        v = v * 10 + (uint64_t)(bytes.at[i] - '0');
        if (v > most)
            return FT_FAIL(FT_ECORRUPT, "PNM, byte %zu: %s is larger than %u", begin, what,
                           (unsigned)most);
    }
    if (i == begin && i >= bytes.len)
        return FT_FAIL(FT_ECORRUPT, "PNM: cut off at byte %zu, expected %s", bytes.len, what);
    if (i == begin)
        return FT_FAIL(FT_ECORRUPT, "PNM, byte %zu: expected %s, a number", begin, what);
    *out = (uint32_t)v;
    *at = i;
    return FT_OK;
}

static ft_err read_header(header *out, ft_str bytes) {
    size_t at = 2;
    *out = (header){ .channels = bytes.at[1] == '3' || bytes.at[1] == '6' ? 3 : 1,
                     .words = bytes.at[1] < '4' };
    FT_TRY(number(&out->width, bytes, &at, INT32_MAX, "the width"));
    FT_TRY(number(&out->height, bytes, &at, INT32_MAX, "the height"));
    FT_TRY(number(&out->most, bytes, &at, 65535, "the largest value"));
    if (!out->width || !out->height || !out->most)
        return FT_FAIL(FT_ECORRUPT, "PNM: the header says %u x %u pixels of 0..%u",
                       (unsigned)out->width, (unsigned)out->height, (unsigned)out->most);
    if (at >= bytes.len || !blank(bytes.at[at]))
        return FT_FAIL(FT_ECORRUPT, "PNM, byte %zu: expected a blank after the header", at);
    out->data_at = at + 1;
    return FT_OK;
}

static uint8_t scaled(uint32_t v, uint32_t most) {
    return (uint8_t)((2 * v * 255 + most) / (2 * most));
}

/* `count` samples of a row to bytes; *at moves behind them. Of binary files the bytes are there. */
static ft_err samples(uint8_t *to, const header *h, ft_str bytes, size_t *at, size_t count) {
    const uint8_t *from = (const uint8_t *)bytes.at + *at;
    if (h->words) {
        for (size_t i = 0; i < count; i++) {
            uint32_t v = 0;
            FT_TRY(number(&v, bytes, at, h->most, "a sample"));
            to[i] = scaled(v, h->most);
        }
        return FT_OK;
    }
    if (h->most == 255) {
        memcpy(to, from, count);
    } else {
        for (size_t i = 0; i < count; i++) {
            uint32_t v = h->most < 256 ? from[i] : (uint32_t)from[2 * i] << 8 | from[2 * i + 1];
            if (v > h->most) v = h->most;
            to[i] = scaled(v, h->most);
        }
    }
    *at += count * (h->most < 256 ? 1 : 2);
    return FT_OK;
}

static void put_row(uint8_t *to, int channels, const uint8_t *row, int stored, ft_box box) {
    row += (size_t)box.x * (size_t)stored;
    if (channels == stored)
        memcpy(to, row, (size_t)box.width * (size_t)channels);
    else if (channels == 3)
        ft_spread_row(to, row, box.width);
    else
        ft_luma_row(to, row, box.width);
}

static ft_err decode_rows(ft_image *out, ft_decoder *d, ft_str bytes, const header *h,
                          const ft_decode_plan *plan) {
    size_t count = (size_t)h->width * (size_t)h->channels, at = h->data_at;
    size_t row_bytes = count * (h->most < 256 ? 1 : 2);
    ft_box box = plan->region;
    if (!h->words && (bytes.len - at) / row_bytes < h->height)
        return FT_FAIL(FT_ECORRUPT, "PNM: cut off at byte %zu; %u rows of %zu bytes from byte %zu",
                       bytes.len, (unsigned)h->height, row_bytes, at);
    FT_TRY(ft_ground_take(&d->scratch, count));
    FT_TRY(ft_decoder_take(out, d, box.width, box.height, plan->channels));
    if (!h->words) at += (size_t)box.y * row_bytes;
    for (int y = h->words ? 0 : box.y; y < box.y + box.height; y++) {
        FT_TRY(samples(d->scratch.at, h, bytes, &at, count));
        if (y >= box.y)
            put_row(out->data + (size_t)(y - box.y) * out->stride_bytes, plan->channels,
                    d->scratch.at, h->channels, box);
    }
    return FT_OK;
}

ft_err ft_pnm_probe(ft_image_info *out, ft_str bytes) {
    header h;
    FT_TRY(read_header(&h, bytes));
    out->width = (int)h.width;
    out->height = (int)h.height;
    out->channels = h.channels;
    out->bits = h.most < 256 ? 8 : 16;
    return FT_OK;
}

ft_err ft_pnm_decode(ft_image *out, ft_decoder *d, ft_str bytes, const ft_decode_opts *opts) {
    header h;
    ft_decode_plan plan;
    FT_TRY(read_header(&h, bytes));
    FT_TRY(ft_decode_check_size(opts, h.width, h.height));
    FT_TRY(ft_decode_plan_make(&plan, opts, (int)h.width, (int)h.height, h.channels));
    return decode_rows(out, d, bytes, &h, &plan);
}

ft_err ft_pnm_encode(ft_buf *out, const ft_image *image, const ft_encode_opts *opts) {
    size_t before = out->len;
    ft_err err;
    FT_UNUSED(opts);
    FT_GOTO(err, ft_buf_printf(out, "P%c\n%d %d\n255\n", image->channels == 1 ? '5' : '6',
                               image->width, image->height));
    for (int y = 0; y < image->height; y++)
        FT_GOTO(err, ft_buf_add_n(out, image->data + (size_t)y * image->stride_bytes,
                                  ft_image_row_bytes(image)));
done:
    if (err) out->len = before;
    return err;
}
