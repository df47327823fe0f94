/* draw.h -- the little drawing that explanations need: numbers as colours, one picture over
 * another. Threads: any. Memory: the caller's. */
#ifndef FT_DRAW_H
#define FT_DRAW_H

#include "media/image.h"

typedef enum ft_colours {
    FT_COLOURS_JET = 0, /* blue, cyan, yellow, red, as the papers on saliency show */
    FT_COLOURS_GREY
} ft_colours;

/* `values` (width * height of `to`, row-major) as colours: low and below is the first colour, high
 * and above the last; NaN is black. low < high, else FT_EINVAL. `to` has three channels. */
ft_err ft_draw_map(const ft_image *to, const float *values, float low, float high,
                   ft_colours colours);
/* to = to * (1 - opacity) + over * opacity, rounded; same shape, opacity in [0, 1]. */
ft_err ft_draw_blend(const ft_image *to, const ft_image *over, float opacity);

#endif
