/* resize.h -- pictures of another size.
 *
 * ft_resize is Pillow's Image.resize(size, filter, box), the antialiased one that torchvision uses
 * on PIL images: weights in double, rounded to 22 bits, horizontal pass, rounded to bytes, vertical
 * pass. Equal to the byte. Source: Pillow 9.4, src/libImaging/Resample.c (the algorithm).
 *
 * ft_resize_grid is the plain kind without antialias that networks were trained with: two taps at
 * every place, whatever the scale.
 *
 * Fast paths (AVX2; AVX-512 with VBMI and VNNI) are chosen at run time and give the bytes of the
 * plain C that stands beside them.
 *
 * Threads: any; one resizer, one thread at a time. Memory: pictures are the caller's. */
#ifndef FT_RESIZE_H
#define FT_RESIZE_H

#include "media/image.h"

typedef enum ft_filter {
    FT_FILTER_BILINEAR = 0, /* triangle, support 1 */
    FT_FILTER_BICUBIC,      /* a = -0.5, support 2 */
    FT_FILTER_BOX,
    FT_FILTER_HAMMING,
    FT_FILTER_LANCZOS, /* support 3 */
    FT_FILTER_NEAREST
} ft_filter;

typedef enum ft_media_path {
    FT_MEDIA_AUTO = 0, /* the fastest that this CPU has */
    FT_MEDIA_PLAIN,    /* the reference */
    FT_MEDIA_AVX2,
    FT_MEDIA_AVX512 /* with BW, VL, VBMI and VNNI */
} ft_media_path;
/* May this path be forced here? */
bool ft_media_path_has(ft_media_path path);

/* A part of a picture at fractions of pixels; x1 0: everything. */
typedef struct ft_span {
    double x0, y0, x1, y1;
} ft_span;

/* Keeps weights and scratch between calls: a resize of the same sizes as before computes none. */
typedef struct ft_resizer ft_resizer;
ft_err ft_resizer_new(ft_resizer **out, ft_media_path path); /* FT_EUNSUPPORTED: CPU lacks it */
void ft_resizer_free(ft_resizer *r);
/* `from` (or the part `span` of it, NULL: all) to the size of `to`; both have the same channels and
 * do not overlap. FT_EINVAL for a span that is empty or not inside, FT_ENOMEM. */
ft_err ft_resize(ft_resizer *r, const ft_image *to, const ft_image *from, const ft_span *span,
                 ft_filter filter);

typedef enum ft_grid {
    FT_GRID_HALF_PIXEL = 0, /* (x + 0.5) * scale - 0.5: OpenCV, torch align_corners=False,
                               TensorFlow half_pixel_centers */
    FT_GRID_CORNERS,        /* x * (from - 1) / (to - 1): align_corners=True */
    FT_GRID_ORIGIN          /* x * scale: TensorFlow 1, "asymmetric" */
} ft_grid;
/* Two-tap bilinear; computed in f32 and rounded to the nearest byte, half up. */
ft_err ft_resize_grid(const ft_image *to, const ft_image *from, ft_grid grid);

/* The largest place of `from`'s shape inside `to` (of width by height pixels), in the middle: where
 * to resize to, with bars at both sides of the longer axis. Sides are rounded to nearest, at
 * least 1. FT_EINVAL for empty sizes. */
ft_err ft_letterbox(ft_box *out, int width, int height, const ft_image *from);
/* Fill with one value a channel. */
void ft_image_fill(const ft_image *to, const uint8_t value[3]);

#endif
