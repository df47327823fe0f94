/* sample.c -- two-tap bilinear sampling without antialias, on the grids that networks were trained
 * with; letterboxes. Sources: OpenCV resize INTER_LINEAR, torch.nn.functional.interpolate,
 * TensorFlow ResizeBilinear (the three grids). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "media/image_in.h"
#include "media/resize.h"

typedef struct tap {
    int near, far; /* inputs */
    float weight;  /* of the far one */
} tap;

static tap tap_of(int i, int from, int to, ft_grid grid) {
    float at;
    if (grid == FT_GRID_CORNERS)
        at = to > 1 ? (float)i * ((float)(from - 1) / (float)(to - 1)) : 0;
    else if (grid == FT_GRID_ORIGIN)
        at = (float)i * ((float)from / (float)to);
    else
        at = ((float)i + 0.5f) * ((float)from / (float)to) - 0.5f;
    if (at < 0) at = 0;
    int near = (int)at;
    if (near > from - 1) near = from - 1;
    return (tap){ near, near + 1 < from ? near + 1 : near, at - (float)near };
}

static void sample_row(uint8_t *out, const uint8_t *above, const uint8_t *below, float down,
                       const tap *taps, const ft_image *to) {
    size_t channels = (size_t)to->channels;
    for (int x = 0; x < to->width; x++) {
        size_t near = (size_t)taps[x].near * channels, far = (size_t)taps[x].far * channels;
        float right = taps[x].weight;
        for (size_t c = 0; c < channels; c++) {
            float a = (float)above[near + c] + right * ((float)above[far + c] - above[near + c]);
            float b = (float)below[near + c] + right * ((float)below[far + c] - below[near + c]);
            *out++ = (uint8_t)(a + down * (b - a) + 0.5f);
        }
    }
}

ft_err ft_resize_grid(const ft_image *to, const ft_image *from, ft_grid grid) {
    FT_CHECK(ft_image_valid(to) && ft_image_valid(from) && to->channels == from->channels);
    if ((unsigned)grid > FT_GRID_ORIGIN)
        return FT_FAIL(FT_EINVAL, "grid %d does not exist", (int)grid);
    tap *taps = ft_fault_here() ? NULL : malloc((size_t)to->width * sizeof *taps);
    if (!taps) return FT_FAIL(FT_ENOMEM, "no memory to sample a picture");
    for (int x = 0; x < to->width; x++) taps[x] = tap_of(x, from->width, to->width, grid);
    for (int y = 0; y < to->height; y++) {
        tap t = tap_of(y, from->height, to->height, grid);
        sample_row(to->data + (size_t)y * to->stride_bytes,
                   from->data + (size_t)t.near * from->stride_bytes,
                   from->data + (size_t)t.far * from->stride_bytes, t.weight, taps, to);
    }
    free(taps);
    return FT_OK;
}

ft_err ft_letterbox(ft_box *out, int width, int height, const ft_image *from) {
    *out = (ft_box){ 0 };
    if (width < 1 || height < 1 || from->width < 1 || from->height < 1)
        return FT_FAIL(FT_EINVAL, "no place for %d x %d pixels in %d x %d", from->width,
                       from->height, width, height);
    double by_width = (double)width / from->width, by_height = (double)height / from->height;
    double scale = by_width < by_height ? by_width : by_height;
    out->width = by_width <= by_height ? width : (int)lrint(from->width * scale);
    out->height = by_height <= by_width ? height : (int)lrint(from->height * scale);
    if (out->width < 1) out->width = 1;
    if (out->height < 1) out->height = 1;
    out->x = (width - out->width) / 2;
    out->y = (height - out->height) / 2;
    return FT_OK;
}

void ft_image_fill(const ft_image *to, const uint8_t value[3]) {
    for (int y = 0; y < to->height; y++) {
        uint8_t *at = to->data + (size_t)y * to->stride_bytes;
        for (int x = 0; x < to->width; x++)
            for (int c = 0; c < to->channels; c++) *at++ = value[c];
    }
}
