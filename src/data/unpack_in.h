/* unpack_in.h -- gzip and zstd streams, piece by piece. Private to the room: use input.h. */
#ifndef FT_UNPACK_IN_H
#define FT_UNPACK_IN_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

typedef struct ft_unpack ft_unpack;

/* For a stream that begins with `head`; NULL in `*out` when it is not packed. A packing that is not
 * read here (zip, xz, bzip2, Parquet …) is FT_EUNSUPPORTED, by name. `name` is borrowed. */
ft_err ft_unpack_new(ft_unpack **out, ft_str head, const char *name);
/* Take from `raw`, make into [at, at + room). Call with an empty `raw` at its end, until nothing is
 * made. */
ft_err ft_unpack_some(ft_unpack *u, ft_str raw, size_t *used, void *at, size_t room, size_t *made);
/* Did the packed data end where it may? */
bool ft_unpack_whole(const ft_unpack *u);
void ft_unpack_free(ft_unpack *u);

#endif
