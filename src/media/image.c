/* image.c -- see image.h: pictures as views, and the table of formats. */
#include "media/image.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "media/image_in.h"
#include "media/jpeg_own_in.h"

typedef struct format {
    const char *name;
    ft_err (*probe)(ft_image_info *out, ft_str bytes);
    ft_err (*decode)(ft_image *out, ft_decoder *d, ft_str bytes, const ft_decode_opts *opts);
    ft_err (*encode)(ft_buf *out, const ft_image *image, const ft_encode_opts *opts);
} format;

/* By ft_image_kind. */
static const format formats[] = {
    [FT_IMAGE_UNKNOWN] = { "unknown", NULL, NULL, NULL },
    [FT_IMAGE_JPEG] = { "JPEG", ft_jpeg_probe, ft_jpeg_decode, ft_jpeg_encode },
    [FT_IMAGE_PNG] = { "PNG", ft_png_probe, ft_png_decode, ft_png_encode },
    [FT_IMAGE_PNM] = { "PNM", ft_pnm_probe, ft_pnm_decode, ft_pnm_encode },
};

/* ---- memory */

/* Pages for large pictures come zeroed from the system anyway; small ones must not be cleared each
 * time: that was 4 % of a decode. Growing costs fresh pages, so it is done by leaps; pages that are
 * not used cost nothing. */
ft_err ft_ground_take(ft_ground *ground, size_t bytes) {
    if (ground->bytes >= bytes) return FT_OK;
    free(ground->at);
    size_t want = bytes > 2 * ground->bytes ? bytes + bytes / 4 : 2 * ground->bytes;
    *ground = (ft_ground){ ft_fault_here() ? NULL : malloc(want), want };
    if (ground->at) return FT_OK;
    ground->bytes = 0;
    return FT_FAIL(FT_ENOMEM, "no memory for a picture of %zu bytes", bytes);
}

ft_err ft_decoder_take(ft_image *out, ft_decoder *d, int width, int height, int channels) {
    size_t stride = (size_t)width * (size_t)channels;
    *out = (ft_image){ NULL, width, height, channels, stride };
    if (d->arena) return ft_arena_take(&out->data, d->arena, stride * (size_t)height);
    FT_TRY(ft_ground_take(&d->pixels, stride * (size_t)height));
    out->data = d->pixels.at;
    return FT_OK;
}

static void decoder_fini(ft_decoder *d) {
    free(d->pixels.at);
    free(d->scratch.at);
    ft_jpeg_own_free(d->own);
}

/* ---- what every reader does first */

ft_err ft_decode_check_size(const ft_decode_opts *opts, int64_t width, int64_t height) {
    uint64_t most = opts->pixels_max ? opts->pixels_max : FT_IMAGE_PIXELS_MAX;
    if (width < 1 || height < 1)
        return FT_FAIL(FT_ECORRUPT, "the header says %lld x %lld pixels", (long long)width,
                       (long long)height);
    if (width > FT_IMAGE_SIDE_MAX || height > FT_IMAGE_SIDE_MAX ||
        (uint64_t)width * (uint64_t)height > most)
        return FT_FAIL(
            FT_ETOOBIG, "a picture of %lld x %lld pixels; the limit is %llu, and %d a side",
            (long long)width, (long long)height, (unsigned long long)most, FT_IMAGE_SIDE_MAX);
    return FT_OK;
}

static bool box_inside(ft_box b, int width, int height) {
    return b.x >= 0 && b.y >= 0 && b.width >= 1 && b.height >= 1 && b.width <= width &&
           b.height <= height && b.x <= width - b.width && b.y <= height - b.height;
}

static ft_err fail_outside(ft_box b, int width, int height) {
    return FT_FAIL(FT_EINVAL, "region %d,%d of %d x %d is not inside a picture of %d x %d", b.x,
                   b.y, b.width, b.height, width, height);
}

ft_err ft_decode_plan_make(ft_decode_plan *out, const ft_decode_opts *opts, int width, int height,
                           int stored_channels) {
    ft_box whole = { 0, 0, width, height };
    *out = (ft_decode_plan){ opts->channels, opts->region };
    if (!out->channels) out->channels = stored_channels <= 2 ? 1 : 3;
    if (!opts->region.width && !opts->region.height) out->region = whole;
    if (!box_inside(out->region, width, height)) return fail_outside(opts->region, width, height);
    return FT_OK;
}

static ft_err check_opts(const ft_decode_opts *opts, ft_image_kind kind) {
    if (kind == FT_IMAGE_UNKNOWN)
        return FT_FAIL(FT_EMEDIA, "not a picture: the bytes begin as none of JPEG, PNG, PGM, PPM");
    if (opts->channels != 0 && opts->channels != 1 && opts->channels != 3)
        return FT_FAIL(FT_EINVAL, "%d channels wanted; 1 (grey) and 3 (colour) can be had",
                       opts->channels);
    if (opts->shrink != 0 && opts->shrink != 1 && opts->shrink != 2 && opts->shrink != 4 &&
        opts->shrink != 8)
        return FT_FAIL(FT_EINVAL, "shrinking by %d; by 1, 2, 4 and 8 is possible", opts->shrink);
    if (opts->shrink > 1 && kind != FT_IMAGE_JPEG)
        return FT_FAIL(FT_EUNSUPPORTED, "%s cannot be decoded smaller; only JPEG can",
                       formats[kind].name);
    return FT_OK;
}

/* ---- rows */

void ft_luma_row(uint8_t *to, const uint8_t *rgb, int width) {
    for (int x = 0; x < width; x++) to[x] = ft_luma(rgb + 3 * x);
}

void ft_spread_row(uint8_t *rgb, const uint8_t *grey, int width) {
    for (int x = 0; x < width; x++) rgb[3 * x] = rgb[3 * x + 1] = rgb[3 * x + 2] = grey[x];
}

/* ---- exported: formats */

const char *ft_image_kind_name(ft_image_kind kind) {
    return (unsigned)kind < FT_COUNT(formats) ? formats[kind].name : formats[0].name;
}

ft_image_kind ft_image_sniff(ft_str bytes) {
    if (ft_str_starts(bytes, FT_STR("\xff\xd8\xff"))) return FT_IMAGE_JPEG;
    if (ft_str_starts(bytes, FT_STR("\x89PNG\r\n\x1a\n"))) return FT_IMAGE_PNG;
    if (bytes.len > 2 && bytes.at[0] == 'P' && memchr("2356", bytes.at[1], 4) &&
        memchr(" \t\r\n#", bytes.at[2], 5))
        return FT_IMAGE_PNM;
    return FT_IMAGE_UNKNOWN;
}

ft_err ft_image_probe(ft_image_info *out, ft_str bytes) {
    ft_image_kind kind = ft_image_sniff(bytes);
    *out = (ft_image_info){ .kind = kind, .orientation = 1 };
    FT_TRY(check_opts(&(ft_decode_opts){ 0 }, kind));
    return formats[kind].probe(out, bytes);
}

ft_err ft_decoder_decode(ft_image *out, ft_decoder *d, ft_str bytes, const ft_decode_opts *opts) {
    ft_decode_opts all = { 0 };
    ft_image_kind kind = ft_image_sniff(bytes);
    *out = (ft_image){ 0 };
    if (!opts) opts = &all;
    FT_TRY(check_opts(opts, kind));
    ft_err err = formats[kind].decode(out, d, bytes, opts);
    if (err) *out = (ft_image){ 0 };
    return err;
}

ft_err ft_image_decode(ft_image *out, ft_arena *arena, ft_str bytes, const ft_decode_opts *opts) {
    ft_decoder d = { .arena = arena };
    ft_err err = ft_decoder_decode(out, &d, bytes, opts);
    decoder_fini(&d);
    return err;
}

ft_err ft_decoder_new(ft_decoder **out) {
    *out = ft_fault_here() ? NULL : calloc(1, sizeof **out);
    return *out ? FT_OK : FT_FAIL(FT_ENOMEM, "no memory for a decoder");
}

void ft_decoder_free(ft_decoder *d) {
    if (!d) return;
    decoder_fini(d);
    free(d);
}

ft_err ft_image_encode(ft_buf *out, const ft_image *image, const ft_encode_opts *opts) {
    FT_CHECK(ft_image_valid(image));
    if (opts->kind == FT_IMAGE_UNKNOWN || (unsigned)opts->kind >= FT_COUNT(formats))
        return FT_FAIL(FT_EINVAL, "no format named to write the picture in");
    if (opts->quality < 0 || opts->quality > 100)
        return FT_FAIL(FT_EINVAL, "JPEG quality %d; 1 to 100 is possible", opts->quality);
    if (opts->level < 0 || opts->level > 9)
        return FT_FAIL(FT_EINVAL, "PNG level %d; 1 to 9 is possible", opts->level);
    if (opts->sampling && opts->sampling != 420 && opts->sampling != 422 && opts->sampling != 444)
        return FT_FAIL(FT_EINVAL, "JPEG sampling %d; 420, 422 and 444 are possible",
                       opts->sampling);
    return formats[opts->kind].encode(out, image, opts);
}

/* ---- exported: views */

bool ft_image_valid(const ft_image *image) {
    return image->data && image->width >= 1 && image->width <= FT_IMAGE_SIDE_MAX &&
           image->height >= 1 && image->height <= FT_IMAGE_SIDE_MAX &&
           (image->channels == 1 || image->channels == 3) &&
           image->stride_bytes >= ft_image_row_bytes(image);
}

ft_err ft_image_new(ft_image *out, ft_arena *arena, int width, int height, int channels) {
    *out = (ft_image){ 0 };
    if (width < 1 || height < 1 || width > FT_IMAGE_SIDE_MAX || height > FT_IMAGE_SIDE_MAX)
        return FT_FAIL(FT_EINVAL, "a picture of %d x %d; sides are 1 to %d", width, height,
                       FT_IMAGE_SIDE_MAX);
    if (channels != 1 && channels != 3)
        return FT_FAIL(FT_EINVAL, "a picture of %d channels; 1 or 3 are possible", channels);
    return ft_decoder_take(out, &(ft_decoder){ .arena = arena }, width, height, channels);
}

ft_err ft_image_crop(ft_image *out, const ft_image *image, ft_box box) {
    if (!box_inside(box, image->width, image->height))
        return fail_outside(box, image->width, image->height);
    *out = (ft_image){ image->data + (size_t)box.y * image->stride_bytes +
                           (size_t)box.x * (size_t)image->channels,
                       box.width, box.height, image->channels, image->stride_bytes };
    return FT_OK;
}

void ft_image_copy(const ft_image *to, const ft_image *from) {
    FT_CHECK(to->width == from->width && to->height == from->height &&
             to->channels == from->channels);
    size_t row = ft_image_row_bytes(to);
    for (int y = 0; y < to->height; y++)
        memcpy(to->data + (size_t)y * to->stride_bytes, from->data + (size_t)y * from->stride_bytes,
               row);
}
