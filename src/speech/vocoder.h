/* vocoder.h -- sound from frames of numbers: pulses and noise, mixed by band, through the filter
 * that a mel-cepstrum describes (MLSA).
 *
 * flite's statistical voices give such frames; speaking them here instead of there makes the same
 * request give the same bytes in every process and thread (flite draws its noise from rand()), lets
 * manners work on the frames, and is an order of magnitude faster: the five sections of the Padé
 * approximation run side by side in one vector. What no manner changes comes out as flite's own
 * program says it, sample for sample (numbers are double as there, the excitation's delay line is
 * its own, samples are cut off and not rounded).
 *
 * Sources: S. Imai, "Cepstral analysis synthesis on the mel frequency scale", ICASSP 1983 (filter,
 * Padé coefficients for order 5 by SPTK's table); T. Yoshimura et al., "Mixed excitation for
 * HMM-based speech synthesis", Eurospeech 2001; K. Koishida et al., "Efficient encoding of
 * mel-generalized cepstrum", 1995 (postfilter). Threads: one at a time. Memory: 40 KiB. */
#ifndef FT_SPEECH_VOCODER_H
#define FT_SPEECH_VOCODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define FT_VOCODER_ORDER_MAX 40
#define FT_VOCODER_BANDS_MAX 8
#define FT_VOCODER_TAPS_MAX  64

typedef struct ft_vocoder_model {
    int rate_hz, frame_samples; /* 80: 5 ms at 16 kHz */
    int order;                  /* of the mel-cepstrum: order + 1 numbers a frame */
    double alpha;               /* of the all-pass that bends the frequencies */
    double postfilter;          /* 0: none */
    double gain;
    int bands, taps;              /* of the excitation's filters; bands 0: pulses or noise alone */
    const double *const *filters; /* [bands][taps] */
} ft_vocoder_model;

typedef struct ft_vocoder_frame {
    float f0_hz;            /* 0: no voice */
    const float *cepstrum;  /* order + 1 */
    const float *strengths; /* of the pulses in each band, 0 to 1; the rest is noise */
    float level;            /* added to cepstrum[0]: natural logarithm of the amplitude */
    float tract;            /* length of the vocal tract; 0 or 1: the voice's own */
} ft_vocoder_frame;

typedef struct ft_vocoder ft_vocoder;

/* FT_EINVAL for a model beyond the limits, FT_ENOMEM. */
ft_err ft_vocoder_new(ft_vocoder **out, const ft_vocoder_model *model, uint32_t seed);
/* Speak from the frame before to this one: frame_samples samples. The first frame gives none.
 * Returns the number written. */
int ft_vocoder_speak(ft_vocoder *v, int16_t *out, const ft_vocoder_frame *frame);
void ft_vocoder_free(ft_vocoder *v); /* fine on NULL */

/* Leave out the noise of so many samples, which are not to be heard. */
void ft_vocoder_skip(ft_vocoder *v, size_t samples);

/* The all-pass constant under which the filter's formants stand at 1 / tract of their frequencies.
 */
double ft_vocoder_alpha(double alpha, double tract);

#endif
