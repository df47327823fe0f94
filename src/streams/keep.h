/* keep.h -- how long recorded streams are kept: for ever, unless the home's setting "keep-<kind>"
 * says for how long ("30d"). Kinds that are ordered by time only; what goes is whole sealed
 * segments, their objects with them. Lineage still names them.
 *
 * Threads: as the store. */
#ifndef FT_STREAMS_KEEP_H
#define FT_STREAMS_KEEP_H

#include "streams/stream.h"

#define FT_SETTING_KEEP "keep-"

/* Is it a time that a stream may be kept? FT_EINVAL, FT_EPARSE in words. */
ft_err ft_stream_keep_check(ft_str value);
/* Take away what is older than the settings say; `*removed` segments. Safe from several processes.
 * A setting that is no time is FT_EPARSE, after the other kinds. */
ft_err ft_streams_age(ft_store *s, int64_t now_us, int *removed);

#endif
