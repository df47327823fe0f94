/* keep.h -- sound that is to become an object: gathered in a file without a name, and put into the
 * store when it is whole. A disk that fills, or a kill, leaves nothing behind.
 *
 * Threads: one at a time. Memory: 64 KiB. */
#ifndef FT_SPEECH_KEEP_H
#define FT_SPEECH_KEEP_H

#include "store/objects.h"

typedef struct ft_keep {
    int fd; /* 0: none */
    uint64_t bytes;
} ft_keep;

ft_err ft_keep_begin(ft_keep *out, const char *home);
ft_err ft_keep_add(ft_keep *k, ft_str bytes);
/* `head`: bytes that replace the first ones (a WAV's lengths); may be empty. `out` borrows. */
ft_err ft_keep_commit(ft_object *out, ft_keep *k, ft_str head, ft_store *s, ft_str bucket,
                      ft_str key, ft_str media_type);
void ft_keep_end(ft_keep *k); /* fine on a zeroed one */

#endif
