/* g711.h -- telephone samples: 8 bits a sample, logarithmic.
 *
 * 16-bit samples are rounded to the 14 (µ-law) or 13 (A-law) bits that the coders take, halves up,
 * as sox does it; plain truncation differs in 508 and 1,020 of the 65,536 inputs.
 *
 * Source: ITU-T G.711 (11/88), tables 1a, 1b, 2a, 2b. Threads: any. Memory: the caller's. */
#ifndef FT_G711_H
#define FT_G711_H

#include <stddef.h>
#include <stdint.h>

void ft_ulaw_encode(uint8_t *out, const int16_t *samples, size_t count);
void ft_ulaw_decode(int16_t *out, const uint8_t *codes, size_t count);
void ft_alaw_encode(uint8_t *out, const int16_t *samples, size_t count);
void ft_alaw_decode(int16_t *out, const uint8_t *codes, size_t count);

#endif
