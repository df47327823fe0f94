/* segments.h -- the sounds of a neural voice as segments (segments.h of the room): signs that make
 * one sound together are one, each with its samples.
 *
 * Threads: one at a time. Memory: the arena. */
#ifndef FT_VITS_SEGMENTS_H
#define FT_VITS_SEGMENTS_H

#include "speech/segments.h"
#include "speech/vits/network.h"
#include "speech/vits/spell.h"

/* `list` (inited) gets the segments of what was spelt and thought out; times are those of the
 * network's own sound. */
ft_err ft_vits_segments(ft_segment_list *list, const ft_vits_spelling *spelling,
                        const ft_vits_said *said, int rate_hz);

#endif
