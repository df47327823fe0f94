/* telephone.h -- sound as a telephone carries it: 300 to 3,400 Hz, at an even level.
 *
 * Two Butterworth filters of the fourth order, and a level that follows the voice slowly: towards
 * -20 dB of full scale where there is speech, never more than 12 dB up or down.
 *
 * Source: ITU-T G.712 (the band); G.711's usual speech level. Threads: one at a time. */
#ifndef FT_TELEPHONE_H
#define FT_TELEPHONE_H

#include <stddef.h>
#include <stdint.h>

typedef struct ft_biquad {
    double b0, b1, b2, a1, a2;
    double x1, x2, y1, y2;
} ft_biquad;

typedef struct ft_telephone {
    ft_biquad stages[4];
    int stage_count;
    double power, gain, slow;
} ft_telephone;

void ft_telephone_init(ft_telephone *t, int rate_hz);
/* In place. */
void ft_telephone_pass(ft_telephone *t, int16_t *samples, size_t count);

#endif
