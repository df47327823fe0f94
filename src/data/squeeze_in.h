/* squeeze_in.h -- gzip and zstd the other way: bytes into a packed stream. Private to the room.
 * unpack_in.h reads it. */
#ifndef FT_SQUEEZE_IN_H
#define FT_SQUEEZE_IN_H

#include <stdbool.h>

#include "base/buf.h"

typedef struct ft_squeeze ft_squeeze;

/* By the ending of a path, ".gz" or ".zst"; NULL in `*out` when it has neither. FT_EABSENT without
 * libzstd. */
ft_err ft_squeeze_new(ft_squeeze **out, ft_str path);
bool ft_squeeze_name(ft_str path); /* does it end so? */
/* Append what `bytes` become; `last`: and the end of the stream. The result depends on the bytes
 * alone. */
ft_err ft_squeeze_add(ft_buf *out, ft_squeeze *s, ft_str bytes, bool last);
void ft_squeeze_free(ft_squeeze *s);

#endif
