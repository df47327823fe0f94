/* image_in.h -- what the readers and writers of picture formats share. Private to media. */
#ifndef FT_IMAGE_IN_H
#define FT_IMAGE_IN_H

#include "media/image.h"

/* Memory for the pixels being decoded, and a reader's scratch. With an arena, pixels are taken
 * there; without, in memory that grows and is used again for the next picture. */
typedef struct ft_ground {
    uint8_t *at;
    size_t bytes;
} ft_ground;
struct ft_decoder {
    ft_arena *arena;
    ft_ground pixels, scratch;
    struct ft_jpeg_own *own; /* our JPEG reader's tables and memory, on first use */
    bool foreign;            /* leave every JPEG to libjpeg: for tests, which compare */
};
/* At least `bytes` bytes, content undefined; what was there is gone. */
ft_err ft_ground_take(ft_ground *ground, size_t bytes);
/* A picture of undefined pixels. */
ft_err ft_decoder_take(ft_image *out, ft_decoder *d, int width, int height, int channels);

/* What every reader does first: sides against the limits, channels, region (filled in when it says
 * everything; of a picture of width by height after shrinking). */
typedef struct ft_decode_plan {
    int channels;
    ft_box region;
} ft_decode_plan;
ft_err ft_decode_check_size(const ft_decode_opts *opts, int64_t width, int64_t height);
ft_err ft_decode_plan_make(ft_decode_plan *out, const ft_decode_opts *opts, int width, int height,
                           int stored_channels);

/* ITU-R 601-2 luma as Pillow's L24: 16-bit weights, rounded. */
static inline uint8_t ft_luma(const uint8_t *rgb) {
    return (uint8_t)((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
}
void ft_luma_row(uint8_t *to, const uint8_t *rgb, int width);
void ft_spread_row(uint8_t *rgb, const uint8_t *grey, int width);

/* Orientation 1..8 of a TIFF block as Exif holds it; 1 when it has none or is malformed. */
int ft_exif_orientation(ft_str tiff);

/* One reader each. */
ft_err ft_jpeg_probe(ft_image_info *out, ft_str bytes);
ft_err ft_jpeg_decode(ft_image *out, ft_decoder *d, ft_str bytes, const ft_decode_opts *opts);
ft_err ft_jpeg_encode(ft_buf *out, const ft_image *image, const ft_encode_opts *opts);
ft_err ft_png_probe(ft_image_info *out, ft_str bytes);
ft_err ft_png_decode(ft_image *out, ft_decoder *d, ft_str bytes, const ft_decode_opts *opts);
ft_err ft_png_encode(ft_buf *out, const ft_image *image, const ft_encode_opts *opts);
ft_err ft_pnm_probe(ft_image_info *out, ft_str bytes);
ft_err ft_pnm_decode(ft_image *out, ft_decoder *d, ft_str bytes, const ft_decode_opts *opts);
ft_err ft_pnm_encode(ft_buf *out, const ft_image *image, const ft_encode_opts *opts);

/* Numbers as files hold them. */
static inline uint32_t ft_be16(const char *at) {
    const uint8_t *b = (const uint8_t *)at;
    return (uint32_t)b[0] << 8 | b[1];
}
static inline uint32_t ft_be32(const char *at) { return ft_be16(at) << 16 | ft_be16(at + 2); }

#endif
