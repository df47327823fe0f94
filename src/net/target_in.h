/* target_in.h -- the request target ("/a/b%20c?x=1") taken apart. Pure functions over foreign
 * bytes.
 *
 * Memory: what holds no escape is a view of the input, the rest is in the arena. */
#ifndef FT_TARGET_IN_H
#define FT_TARGET_IN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* Deeper paths are fine: a pattern's {rest*} takes what is beyond. */
#define FT_TARGET_SEGMENTS_MAX 32

typedef struct ft_target {
    ft_str path;  /* decoded once; begins with '/' */
    ft_str query; /* as on the wire, without the '?' */
    /* The path between its slashes, each a part of `path`: "/a/b" has "a", "b"; "/" has "". An
     * encoded slash does not part them. */
    ft_str segments[FT_TARGET_SEGMENTS_MAX];
    int segment_count;
    bool deeper; /* there are more segments than the array holds */
} ft_target;

/* FT_EPARSE: does not begin with '/' (after "http://host"), a bad escape, an encoded NUL, or a byte
 * that no URL holds. */
ft_err ft_target_parse(ft_target *out, ft_arena *arena, ft_str raw);
/* Take the next "name=value" off `*query`; false at the end. Empty pairs are passed over. */
bool ft_query_next(ft_str *query, ft_str *raw_name, ft_str *raw_value);

#endif
