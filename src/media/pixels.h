/* pixels.h -- what happens to pixels between decoding and a network: turn, flip, colours, and the
 * one pass that makes a tensor of bytes.
 *
 * Cropping costs nothing (ft_image_crop gives a view); ft_packing reads any view, so crop, flip,
 * normalise and layout are one pass over the pixels.
 *
 * Fast paths (AVX2, AVX-512 with VBMI) are chosen at run time and give the bits of the plain C
 * beside them. Threads: any. Memory: the caller's. */
#ifndef FT_PIXELS_H
#define FT_PIXELS_H

#include "base/array.h"
#include "base/random.h"
#include "media/image.h"
#include "media/resize.h"

typedef struct ft_packing {
    ft_dtype dtype;     /* FT_F32, FT_BF16 (to nearest even) or FT_U8 (bytes as they are) */
    bool channels_last; /* HWC; default CHW */
    bool flip;          /* left to right */
    bool stream;        /* the result is larger than caches and not read soon: write around them */
    float mean[3], std[3]; /* in units where 255 is 1: (v / 255 - mean) / std. Deviation 0 counts as
                              1; mean 0 and deviation 1/255 leave 0..255. Not with FT_U8 */
} ft_packing;

/* Bytes of one packed picture. */
size_t ft_pack_bytes(const ft_packing *pack, const ft_image *image);
/* One picture into `to` (aligned to its type; dense). Values are fma(v, 1/(255 std), -mean/std) in
 * f32: within 2 units in the last place of torchvision's ToTensor and Normalize. FT_EINVAL: another
 * dtype, mean or deviation not finite. */
ft_err ft_pack_image(void *to, const ft_image *image, const ft_packing *pack, ft_media_path path);

/* Flip in place. */
void ft_image_flip_x(const ft_image *image); /* left to right */
void ft_image_flip_y(const ft_image *image); /* top to bottom */
/* Turn a picture upright as its Exif orientation (1..8) says; 5..8 swap the sides. A copy in the
 * arena, or the same view for 1. As Pillow's ImageOps.exif_transpose. */
ft_err ft_image_orient(ft_image *out, ft_arena *arena, const ft_image *image, int orientation);
/* Grey from colour as Pillow's convert("L"): ITU-R 601-2 luma in 16 bits. `to` has one channel. */
ft_err ft_image_grey(const ft_image *to, const ft_image *from);

/* Colours as torchvision.transforms.functional changes those of PIL images, in place; factor 1 (hue
 * 0) changes nothing. Factors are >= 0, hue is -0.5..0.5: FT_EINVAL. Grey pictures have neither
 * saturation nor hue: they stay. */
ft_err ft_colour_brightness(const ft_image *image, float factor);
ft_err ft_colour_contrast(const ft_image *image, float factor);
ft_err ft_colour_saturation(const ft_image *image, float factor);
ft_err ft_colour_hue(const ft_image *image, float turn);

/* torchvision's ColorJitter: each factor uniform in [max(0, 1 - x), 1 + x], the turn in [-hue,
 * hue], in random order. 0 leaves that step out. */
typedef struct ft_jitter {
    float brightness, contrast, saturation, hue;
} ft_jitter;
typedef struct ft_jitter_draw {
    float factor[4]; /* brightness, contrast, saturation, hue */
    int order[4];    /* which comes first … last */
} ft_jitter_draw;
/* Takes the same number of random values whatever is left out. */
void ft_jitter_choose(ft_jitter_draw *out, ft_random *r, const ft_jitter *jitter);
ft_err ft_jitter_apply(const ft_image *image, const ft_jitter *jitter, const ft_jitter_draw *draw);

/* torchvision's RandomResizedCrop.get_params: ten tries of an area of scale[0]..scale[1] of the
 * picture and a ratio (width / height) of ratio[0]..ratio[1], uniform in its logarithm; else the
 * middle at the nearest ratio. NULL or zeros: 0.08..1, 3/4..4/3. */
ft_box ft_crop_random(ft_random *r, int width, int height, const float scale[2],
                      const float ratio[2]);
/* A box of that size in the middle (torchvision's CenterCrop rounding), clipped to the picture. */
ft_box ft_crop_centre(int width, int height, int want_width, int want_height);

#endif
