/* segments_in.h -- the rows of segments in the metadata database. */
#ifndef FT_SEGMENTS_IN_H
#define FT_SEGMENTS_IN_H

#include "streams/stream.h"

/* This room's tables are there. Cheap; called by whatever opens something. */
ft_err ft_streams_ready(ft_store *s);

/* A new growing segment of this process. */
ft_err ft_segment_insert(int64_t *id, ft_store *s, const ft_stream_kind *kind, ft_str key,
                         ft_str uri);
/* Its next record has a smaller order than one before. */
ft_err ft_segment_set_unordered(ft_store *s, int64_t id);
/* It grows no more: row and object, in one transaction that is on the disk afterwards. `sha256` of
 * the file may be NULL. */
ft_err ft_segment_seal(ft_store *s, const ft_segment *segment, const char *sha256);
/* Segments with id > `after`, by id; `key` with at == NULL: of every key. Texts in the arena. */
ft_err ft_segments_after(ft_segment **out, size_t *count, ft_store *s, ft_arena *arena,
                         const ft_stream_kind *kind, ft_str key, int64_t after);
/* Growing segments of every kind. */
ft_err ft_segments_growing(ft_segment **out, size_t *count, ft_store *s, ft_arena *arena);
/* sealed, unordered and bytes of one; FT_ENOTFOUND without a trail when it was retired. */
ft_err ft_segment_state(ft_segment *out, ft_store *s, int64_t id);

#endif
