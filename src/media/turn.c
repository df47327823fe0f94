/* turn.c -- pixels in another place: flips and Exif orientations; and grey from colour. */
#include <string.h>

#include "base/check.h"
#include "media/image_in.h"
#include "media/pixels.h"

static uint8_t *row_of(const ft_image *image, int y) {
    return image->data + (size_t)y * image->stride_bytes;
}

static void swap_bytes(uint8_t *a, uint8_t *b, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint8_t was = a[i];
        a[i] = b[i];
        b[i] = was;
    }
}

void ft_image_flip_x(const ft_image *image) {
    size_t channels = (size_t)image->channels;
    for (int y = 0; y < image->height; y++) {
        uint8_t *left = row_of(image, y), *right = left + ft_image_row_bytes(image) - channels;
        for (; left < right; left += channels, right -= channels) swap_bytes(left, right, channels);
    }
}

void ft_image_flip_y(const ft_image *image) {
    for (int top = 0, bottom = image->height - 1; top < bottom; top++, bottom--)
        swap_bytes(row_of(image, top), row_of(image, bottom), ft_image_row_bytes(image));
}

/* Where the pixel at x, y of the upright picture stands in the stored one (Exif 2.3, table 6). */
static void stored_at(int *sx, int *sy, int x, int y, const ft_image *stored, int orientation) {
    int right = stored->width - 1, bottom = stored->height - 1;
    switch (orientation) {
    case 2:
        *sx = right - x, *sy = y;
        break;
    case 3:
        *sx = right - x, *sy = bottom - y;
        break;
    case 4:
        *sx = x, *sy = bottom - y;
        break;
    case 5:
        *sx = y, *sy = x;
        break;
    case 6:
        *sx = y, *sy = bottom - x;
        break;
    case 7:
        *sx = right - y, *sy = bottom - x;
        break;
    default:
        *sx = right - y, *sy = x;
        break;
    }
}

ft_err ft_image_orient(ft_image *out, ft_arena *arena, const ft_image *image, int orientation) {
    ft_image upright;
    if (orientation < 1 || orientation > 8)
        return FT_FAIL(FT_EINVAL, "orientation %d; Exif has 1 to 8", orientation);
    if (orientation == 1) {
        *out = *image;
        return FT_OK;
    }
    bool swapped = orientation > 4;
    FT_TRY(ft_image_new(&upright, arena, swapped ? image->height : image->width,
                        swapped ? image->width : image->height, image->channels));
    for (int y = 0; y < upright.height; y++) {
        uint8_t *to = row_of(&upright, y);
        for (int x = 0; x < upright.width; x++, to += upright.channels) {
            int sx, sy;
            stored_at(&sx, &sy, x, y, image, orientation);
            const uint8_t *from = row_of(image, sy) + (size_t)sx * (size_t)image->channels;
            for (int c = 0; c < upright.channels; c++) to[c] = from[c];
        }
    }
    *out = upright;
    return FT_OK;
}

ft_err ft_image_grey(const ft_image *to, const ft_image *from) {
    FT_CHECK(ft_image_valid(to) && ft_image_valid(from));
    if (to->channels != 1 || to->width != from->width || to->height != from->height)
        return FT_FAIL(FT_EINVAL, "grey of %d x %d pixels into %d x %d of %d channels", from->width,
                       from->height, to->width, to->height, to->channels);
    for (int y = 0; y < to->height; y++) {
        if (from->channels == 1)
            memmove(row_of(to, y), row_of(from, y), ft_image_row_bytes(to));
        else
            ft_luma_row(row_of(to, y), row_of(from, y), to->width);
    }
    return FT_OK;
}
