/* measure.h -- a picture in a few numbers, by which one can tell whether pictures look as usual.
 *
 * `noise` is the deviation of what a twice differenced picture leaves (J. Immerkaer, "Fast Noise
 * Variance Estimation", 1996): smooth areas and straight edges give nothing, changes from pixel to
 * pixel do. Texture stands at some places; what is added to a picture against a network stands at
 * all of them, and shows where the picture is smooth: in the `grain`. Cameras and JPEG leave
 * colours smoother than brightness; a change that a gradient asks for knows nothing of that and
 * shows in the `colour_grain`, far below what the eye sees. Threads: any. */
#ifndef FT_MEASURE_H
#define FT_MEASURE_H

#include "media/image.h"

typedef struct ft_measure { /* of values 0 … 1 */
    double brightness;      /* mean of the luma */
    double contrast;        /* its deviation */
    double colour;          /* mean distance of red and blue from green */
    double edges;           /* mean absolute difference of neighbours */
    double noise;
    double grain;        /* the noise of the smoothest quarter of the places */
    double colour_grain; /* the colours' median difference, less what a camera's noise of one grey
                            step leaves, beside the luma's; grey pictures: 0 */
} ft_measure;

#define FT_MEASURES 7
extern const char *const ft_measure_names[FT_MEASURES]; /* in the order of the struct */

void ft_image_measure(ft_measure *out, const ft_image *image);
/* Decode and measure. */
ft_err ft_picture_measure(ft_measure *out, ft_str bytes);

#endif
