/* transform.h -- from a sample's picture to its place in a batch: a list of steps, compiled once,
 * run for every sample without allocating.
 *
 *     random_resized_crop=224            224x224, area 0.08..1, ratio 3/4..4/3 of a random part
 *     random_resized_crop=224:160:0.5:1  width:height:least area:most area
 *     resize=256 | resize=320:240        the shorter side (Pillow's antialiased bilinear) | both
 *     center_crop=224 | random_crop=224  a part of that size (width:height)
 *     flip | flip=0.5, vflip             mirrored with that probability
 *     jitter=0.4:0.4:0.4:0.1             brightness, contrast, saturation, hue (torchvision's)
 *     affine=15:0.1:0.1:5                turned by up to 15 degrees, shifted by up to a tenth of
 *                                        the sides, scaled by up to e^0.1, sheared by up to 5
 *                                        degrees; its edge goes on beyond it
 *     grey                               one channel
 *     orient                             upright, as the camera's Exif note says
 *     normalise=imagenet                 (v / 255 - mean) / deviation; also half (to -1..1), unit
 *                                        (to 0..1), none (0..255), or m:m:m:s:s:s
 *
 * Steps run in the order given; normalise is always last. Random choices are a pure function of
 * (seed, epoch, sample). Pixels are those of Pillow and torchvision on the same boxes (media/).
 * Only the part of a JPEG that the first crop keeps is decoded; with `draft` it may be decoded at a
 * half, a quarter or an eighth of its size when that is still larger than what is wanted (faster;
 * other pixels).
 *
 * Threads: a transform does not change; its scratch (ft_transform_work) belongs to one thread. */
#ifndef FT_TRANSFORM_H
#define FT_TRANSFORM_H

#include "base/random.h"
#include "data/dataset.h"
#include "media/pixels.h"

#define FT_TRANSFORM_STEPS_MAX 16

/* Of ImageNet's pixels in 0 … 1: red, green, blue; what networks trained on it expect. */
extern const float ft_imagenet_mean[3], ft_imagenet_deviation[3];

typedef struct ft_transform ft_transform;
typedef struct ft_transform_work ft_transform_work;

typedef struct ft_transform_opts {
    ft_dtype dtype;     /* FT_F32, FT_BF16, FT_U8 */
    bool channels_last; /* NHWC; default NCHW */
    bool draft;
    int channels; /* 1 or 3; 0: 3, or 1 after grey */
} ft_transform_opts;

/* `steps` are separated by commas. FT_EINVAL names the step, with the nearest right name. The list
 * must end in one size (a crop or a resize of both sides) unless `field` has one of its own. */
ft_err ft_transform_new(ft_transform **out, ft_str steps, const ft_field *field,
                        const ft_transform_opts *opts);
void ft_transform_free(ft_transform *t);
/* Shape of one result, CHW or HWC. */
const ft_array *ft_transform_shape(const ft_transform *t);
/* Results are gathered to so many bytes before anyone reads them: large ones are written around the
 * caches (a tenth less CPU for batches of 19 MB). Before anything runs. */
void ft_transform_gather(ft_transform *t, size_t bytes);
#define FT_TRANSFORM_STREAM_BYTES ((size_t)8 << 20)
/* Step `i` of those there are, for help: "flip[=0.5]: left to right …"; NULL past the last. */
const char *ft_transform_help(size_t i);

/* What was cut out of the stored picture, and whether it was mirrored: for boxes and key points of
 * the labels, and for comparing pixels. */
typedef struct ft_transform_cut {
    int32_t x, y, width, height; /* of the stored (upright) picture */
    int32_t flip;                /* bit 0: left to right, bit 1: top to bottom */
} ft_transform_cut;

/* Where time goes, in ns of this thread, added up. */
typedef struct ft_transform_time {
    uint64_t decode, transform, copy;
    uint64_t colour; /* of transform: what cannot be done once for all, when packing */
} ft_transform_time;

/* What looking at a thread's CPU clock costs here, in ns: taken off what was measured with it. */
uint64_t ft_transform_look_ns(void);

ft_err ft_transform_work_new(ft_transform_work **out, const ft_transform *t);
void ft_transform_work_free(ft_transform_work *w);
/* One picture into `to` (ft_array_bytes of the shape). `time` (may be NULL) is added to, `clock`
 * tells it. FT_ECORRUPT, FT_EMEDIA … for what the value holds; the sentence has no file in it. */
ft_err ft_transform_run(void *to, ft_transform_cut *cut, const ft_array *value, uint64_t key,
                        ft_transform_work *w, ft_transform_time *time);

#endif
