/* align.h -- which sound of a clause belongs to which of its words. Threads: any. */
#ifndef FT_VITS_ALIGN_H
#define FT_VITS_ALIGN_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/* `whole`: the clause's signs; `parts`: its words' signs one behind the other, `owner` the word of
 * each, in order. `out` gets the owner of every sign of `whole`, by the alignment of least edits
 * (R. A. Wagner, M. J. Fischer, "The string-to-string correction problem", 1974); what has no
 * counterpart belongs to its left neighbour. Never falls back in the order of words. */
ft_err ft_vits_align(int *out, const uint32_t *whole, size_t count, const uint32_t *parts,
                     const int *owner, size_t part_count, ft_arena *arena);

#endif
