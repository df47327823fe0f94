/* crop.c -- which part of a picture to take. Source: torchvision 0.14, transforms.py
 * (RandomResizedCrop.get_params), functional.py (center_crop). */
#include <math.h>

#include "media/pixels.h"

#define TRIES 10

ft_box ft_crop_random(ft_random *r, int width, int height, const float scale[2],
                      const float ratio[2]) {
    static const float scale_usual[2] = { 0.08f, 1 }, ratio_usual[2] = { 3.0f / 4, 4.0f / 3 };
    if (!scale || scale[1] == 0) scale = scale_usual;
    if (!ratio || ratio[1] == 0) ratio = ratio_usual;
    double area = (double)width * height, low = log(ratio[0]), high = log(ratio[1]);
    for (int i = 0; i < TRIES; i++) {
        double want = area * (scale[0] + (scale[1] - scale[0]) * ft_random_unit(r));
        double shape = exp(low + (high - low) * ft_random_unit(r));
        /* Halves to even, as Python rounds. */
        double w = rint(sqrt(want * shape)), h = rint(sqrt(want / shape));
        if (!(w >= 1 && w <= width && h >= 1 && h <= height)) continue;
        ft_box b = { 0, 0, (int)w, (int)h };
        b.y = (int)ft_random_below(r, (uint64_t)(height - b.height) + 1);
        b.x = (int)ft_random_below(r, (uint64_t)(width - b.width) + 1);
        return b;
    }
    double shape = (double)width / height, w = width, h = height;
    if (shape < ratio[0])
        h = rint(w / ratio[0]);
    else if (shape > ratio[1])
        w = rint(h * ratio[1]);
    ft_box b = { .width = w < 1 ? 1 : (int)w, .height = h < 1 ? 1 : (int)h };
    b.x = (width - b.width) / 2;
    b.y = (height - b.height) / 2;
    return b;
}

ft_box ft_crop_centre(int width, int height, int want_width, int want_height) {
    ft_box b = { 0, 0, want_width < width ? want_width : width,
                 want_height < height ? want_height : height };
    b.x = (int)rint((width - b.width) / 2.0);
    b.y = (int)rint((height - b.height) / 2.0);
    return b;
}
