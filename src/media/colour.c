/* colour.c -- brightness, contrast, saturation and hue as Pillow's ImageEnhance and HSV do them,
 * which is what torchvision calls for PIL images. Sources: Pillow 9.4, Blend.c, Convert.c
 * (rgb2hsv_row, hsv2rgb; the algorithms); torchvision 0.14, _functional_pil.py. */
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "media/image_in.h"
#include "media/pixels.h"

static uint8_t *row_of(const ft_image *image, int y) {
    return image->data + (size_t)y * image->stride_bytes;
}

static ft_err check_factor(const char *what, float factor) {
    if (factor >= 0 && isfinite(factor)) return FT_OK;
    return FT_FAIL(FT_EINVAL, "%s factor %g; 0 and more is possible", what, (double)factor);
}

/* Image.blend of two bytes: towards `v` by `alpha`, beyond it when alpha > 1; truncated. */
static inline uint8_t blended(int base, int v, float alpha) {
    float r = (float)base + alpha * (float)(v - base);
    return (uint8_t)(r <= 0 ? 0 : r >= 255 ? 255 : r);
}

/* The same base for every pixel: one table. */
static void blend_all(const ft_image *image, int base, float factor) {
    uint8_t table[256];
    for (int v = 0; v < 256; v++) table[v] = blended(base, v, factor);
    size_t bytes = ft_image_row_bytes(image);
    for (int y = 0; y < image->height; y++) {
        uint8_t *at = row_of(image, y);
        for (size_t i = 0; i < bytes; i++) at[i] = table[at[i]];
    }
}

ft_err ft_colour_brightness(const ft_image *image, float factor) {
    FT_TRY(check_factor("brightness", factor));
    if (factor != 1) blend_all(image, 0, factor);
    return FT_OK;
}

/* Mean of the luma, rounded half up. */
static int mean_luma(const ft_image *image) {
    uint64_t sum = 0;
    for (int y = 0; y < image->height; y++) {
        const uint8_t *at = row_of(image, y);
        uint32_t row = 0; /* at most 65500 * 255 */
        if (image->channels == 3)
            for (int x = 0; x < image->width; x++) row += ft_luma(at + 3 * x);
        else
            for (int x = 0; x < image->width; x++) row += at[x];
        sum += row;
    }
    double mean = (double)sum / ((double)image->width * image->height);
    return (int)(mean + 0.5);
}

ft_err ft_colour_contrast(const ft_image *image, float factor) {
    FT_TRY(check_factor("contrast", factor));
    if (factor != 1) blend_all(image, mean_luma(image), factor);
    return FT_OK;
}

ft_err ft_colour_saturation(const ft_image *image, float factor) {
    FT_TRY(check_factor("saturation", factor));
    if (factor == 1 || image->channels == 1) return FT_OK;
    for (int y = 0; y < image->height; y++) {
        uint8_t *at = row_of(image, y);
        for (int x = 0; x < image->width; x++, at += 3) {
            int grey = ft_luma(at);
            for (int c = 0; c < 3; c++) at[c] = blended(grey, at[c], factor);
        }
    }
    return FT_OK;
}

/* ---- hue */

static inline int clip(int v) { return v < 0 ? 0 : v > 255 ? 255 : v; }

/* Hue and saturation of a colour in 0..255; its value is its largest channel. */
static void hue_of(uint8_t *hue, uint8_t *saturation, const uint8_t *rgb) {
    int r = rgb[0], g = rgb[1], b = rgb[2];
    int most = r > g ? r : g, least = r < g ? r : g;
    if (b > most) most = b;
    if (b < least) least = b;
    *hue = *saturation = 0;
    if (most == least) return;
    float range = (float)(most - least), s = range / (float)most, h;
    float from_r = (float)(most - r) / range, from_g = (float)(most - g) / range,
          from_b = (float)(most - b) / range;
    if (r == most)
        h = from_b - from_g;
    else if (g == most)
        h = (float)(2.0 + from_r - from_b);
    else
        h = (float)(4.0 + from_g - from_r);
    double turn = h / 6.0 + 1.0; /* 5/6 … 11/6: its fraction is the hue */
    h = (float)(turn >= 1 ? turn - 1 : turn);
    *hue = (uint8_t)clip((int)(h * 255.0));
    *saturation = (uint8_t)clip((int)(s * 255.0));
}

static void colour_of(uint8_t *rgb, uint8_t hue, uint8_t saturation, uint8_t value) {
    if (saturation == 0) {
        rgb[0] = rgb[1] = rgb[2] = value;
        return;
    }
    int sector = (int)(hue * 6.0f / 255.0);
    float part = (float)(hue * 6.0f / 255.0 - (float)sector), s = (float)(saturation / 255.0);
    uint8_t v = value, p = (uint8_t)clip((int)round(value * (1.0 - s))),
            q = (uint8_t)clip((int)round(value * (1.0 - s * part))),
            t = (uint8_t)clip((int)round(value * (1.0 - s * (1.0 - part))));
    const uint8_t sectors[6][3] = { { v, t, p }, { q, v, p }, { p, v, t },
                                    { p, q, v }, { t, p, v }, { v, p, q } };
    memcpy(rgb, sectors[sector % 6], 3);
}

ft_err ft_colour_hue(const ft_image *image, float turn) {
    if (!(turn >= -0.5f && turn <= 0.5f))
        return FT_FAIL(FT_EINVAL, "hue turned by %g; -0.5 to 0.5 is possible", (double)turn);
    if (turn == 0 || image->channels == 1) return FT_OK;
    uint8_t by = (uint8_t)(int)((double)turn * 255);
    for (int y = 0; y < image->height; y++) {
        uint8_t *at = row_of(image, y);
        for (int x = 0; x < image->width; x++, at += 3) {
            uint8_t hue, saturation, value = at[0] > at[1] ? at[0] : at[1];
            if (at[2] > value) value = at[2];
            hue_of(&hue, &saturation, at);
            colour_of(at, (uint8_t)(hue + by), saturation, value);
        }
    }
    return FT_OK;
}

/* ---- jitter */

static float between(ft_random *r, float low, float high) {
    return low + (high - low) * (float)ft_random_unit(r);
}

void ft_jitter_choose(ft_jitter_draw *out, ft_random *r, const ft_jitter *jitter) {
    const float spread[3] = { jitter->brightness, jitter->contrast, jitter->saturation };
    for (int i = 0; i < 3; i++)
        out->factor[i] = between(r, spread[i] < 1 ? 1 - spread[i] : 0, 1 + spread[i]);
    out->factor[3] = between(r, -jitter->hue, jitter->hue);
    for (int i = 0; i < 4; i++) out->order[i] = i;
    for (int i = 3; i > 0; i--) {
        int k = (int)ft_random_below(r, (uint64_t)i + 1), was = out->order[i];
        out->order[i] = out->order[k];
        out->order[k] = was;
    }
}

ft_err ft_jitter_apply(const ft_image *image, const ft_jitter *jitter, const ft_jitter_draw *draw) {
    const float wanted[4] = { jitter->brightness, jitter->contrast, jitter->saturation,
                              jitter->hue };
    static ft_err (*const change[4])(const ft_image *,
                                     float) = { ft_colour_brightness, ft_colour_contrast,
                                                ft_colour_saturation, ft_colour_hue };
    for (int i = 0; i < 4; i++) {
        int what = draw->order[i];
        FT_CHECK(what >= 0 && what < 4);
        if (wanted[what] != 0) FT_TRY(change[what](image, draw->factor[what]));
    }
    return FT_OK;
}
