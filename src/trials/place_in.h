/* place_in.h -- where a trial lives: a prefix in the object store or a plain folder, one interface.
 *
 * Keys are relative to the trial ("index/000000000/000000000010_worker_0.json"). */
#ifndef FT_PLACE_IN_H
#define FT_PLACE_IN_H

#include "base/arena.h"
#include "base/buf.h"
#include "store/store.h"

/* Keys a call. Mostly one new step is looked for, and room for more has to be cleared. */
#define FT_PLACE_LIST_MAX 64

typedef struct ft_place {
    ft_store *store; /* object store: bucket and prefix; the prefix is empty or ends with '/' */
    ft_str bucket, prefix;
    const char *folder; /* plain folder; NULL for the object store */
    ft_str uri;
} ft_place;

/* Texts go into the arena. FT_EINVAL for an empty address or s3:// without a store. */
ft_err ft_place_init(ft_place *out, ft_arena *arena, ft_store *s, ft_str uri);
/* Atomic, lazily synced: tensors can be made again. */
ft_err ft_place_put(const ft_place *p, ft_str key, ft_str bytes);
/* Two files of which the second tells of the first: it appears later, or both at once. */
ft_err ft_place_put_pair(const ft_place *p, ft_str first, ft_str first_bytes, ft_str second,
                         ft_str second_bytes);
/* Gone, or was not there; a folder that it leaves empty goes, too. */
ft_err ft_place_remove(const ft_place *p, ft_str key);
/* Keys that start with `prefix` (a folder, "index/") strictly after `after`, in byte order; a
 * missing folder is empty. */
ft_err ft_place_list(ft_str **out, size_t *count, bool *more, const ft_place *p, ft_arena *arena,
                     ft_str prefix, ft_str after);
ft_err ft_place_exists(bool *out, const ft_place *p, ft_str key);
/* The whole file into the arena. FT_ENOTFOUND. */
ft_err ft_place_read(ft_str *out, const ft_place *p, ft_arena *arena, ft_str key,
                     size_t limit_bytes);
/* A mapping, for ft_file_unmap. FT_ENOTFOUND. */
ft_err ft_place_map(ft_str *out, const ft_place *p, ft_str key);

#endif
