/* draw.c -- see draw.h. */
#include "media/draw.h"

#include <math.h>

#include "base/check.h"

/* Jet: three trapezes over 0..1, each half as wide as the scale, a quarter apart. */
static uint8_t jet(double at, double centre) {
    double v = 1.5 - 4 * fabs(at - centre);
    return (uint8_t)lrint(255 * (v < 0 ? 0 : v > 1 ? 1 : v));
}

static void colour(uint8_t rgb[3], double at, ft_colours colours) {
    if (colours == FT_COLOURS_GREY) {
        rgb[0] = rgb[1] = rgb[2] = (uint8_t)lrint(255 * at);
    } else {
        rgb[0] = jet(at, 0.75);
        rgb[1] = jet(at, 0.5);
        rgb[2] = jet(at, 0.25);
    }
}

ft_err ft_draw_map(const ft_image *to, const float *values, float low, float high,
                   ft_colours colours) {
    FT_CHECK(ft_image_valid(to));
    if (to->channels != 3)
        return FT_FAIL(FT_EINVAL, "a picture of %d channels cannot show colours", to->channels);
    if (!(low < high) || !isfinite(low) || !isfinite(high))
        return FT_FAIL(FT_EINVAL, "a scale from %g to %g", (double)low, (double)high);
    for (int y = 0; y < to->height; y++) {
        uint8_t *at = to->data + (size_t)y * to->stride_bytes;
        for (int x = 0; x < to->width; x++, at += 3) {
            double v = ((double)*values++ - low) / ((double)high - low);
            if (isnan(v))
                at[0] = at[1] = at[2] = 0;
            else
                colour(at, v < 0 ? 0 : v > 1 ? 1 : v, colours);
        }
    }
    return FT_OK;
}

ft_err ft_draw_blend(const ft_image *to, const ft_image *over, float opacity) {
    FT_CHECK(ft_image_valid(to) && ft_image_valid(over));
    if (to->width != over->width || to->height != over->height || to->channels != over->channels)
        return FT_FAIL(FT_EINVAL, "a picture of %d x %d cannot lie over one of %d x %d",
                       over->width, over->height, to->width, to->height);
    if (!(opacity >= 0 && opacity <= 1))
        return FT_FAIL(FT_EINVAL, "opacity %g; 0 to 1 is possible", (double)opacity);
    size_t bytes = ft_image_row_bytes(to);
    for (int y = 0; y < to->height; y++) {
        uint8_t *at = to->data + (size_t)y * to->stride_bytes;
        const uint8_t *top = over->data + (size_t)y * over->stride_bytes;
        for (size_t i = 0; i < bytes; i++)
            at[i] = (uint8_t)((float)at[i] + opacity * (float)(top[i] - at[i]) + 0.5f);
    }
    return FT_OK;
}
