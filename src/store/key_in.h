/* key_in.h -- names: which buckets and keys there may be, and where a key's file stands in the
 * folder tree. */
#ifndef FT_KEY_IN_H
#define FT_KEY_IN_H

#include <stdbool.h>

#include "store/objects.h"

#define FT_BUCKET_BYTES_MAX 63
#define FT_PLACE_BYTES      3500 /* bucket, "/%/" and a key of which every byte is escaped */

/* FT_EINVAL names the rule that is broken. */
ft_err ft_bucket_check(ft_str bucket);
ft_err ft_key_check(ft_str key);
/* Can a folder tree hold the key under its own name? */
bool ft_key_is_plain(ft_str key);

/* How much of the key is the common prefix that a listing by `delimiter` shows for it; 0: none. */
size_t ft_key_common(ft_str key, ft_str prefix, ft_str delimiter);

/* "<bucket>/<key>", or "<bucket>/%/<escaped key>". Bucket and key are checked before. */
void ft_key_place(char out[FT_PLACE_BYTES], ft_str bucket, ft_str key, bool escaped);
/* The key of an escaped name (what stands after "%/"); FT_EPARSE when it is none of ours. `out` has
 * room for the name's length. */
ft_err ft_key_unescape(char *out, size_t *len, ft_str name);

#endif
