/* cache_in.h -- versions of remote objects on disk, in blocks, shared by processes; see remote.h.
 *
 * An entry is a folder CACHE/<hash of its identity>/:
 *     about    the identity as text, for people
 *     data     the object's bytes, sparse until they are there
 *     blocks   eight bytes a block: CRC-32C and a mark; written after the block's data, so that a
 *              killed process leaves a block unmarked, and a power cut one that fails its check
 *     lock     never written: byte i is held (an open file description lock) by who fetches block
 * i, a far byte is shared by all who have the entry open
 *
 * Threads: any may use one entry. */
#ifndef FT_CACHE_IN_H
#define FT_CACHE_IN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

typedef struct ft_cache_entry ft_cache_entry;

/* Open or begin the entry of `about` (which names endpoint, bucket, key, ETag). */
ft_err ft_cache_open(ft_cache_entry **out, const char *dir, ft_str about, uint64_t size_bytes,
                     size_t block_bytes);
void ft_cache_close(ft_cache_entry *e); /* fine on NULL */
/* Is the block marked? Asks the file: another process may have put it. */
ft_err ft_cache_has(bool *out, ft_cache_entry *e, size_t block);
/* Waits for who fetches that block in another process or by another handle. */
ft_err ft_cache_lock(ft_cache_entry *e, size_t block);
void ft_cache_unlock(ft_cache_entry *e, size_t block);
/* FT_ENOSPC and others: the entry is as before. */
ft_err ft_cache_put(ft_cache_entry *e, size_t block, const void *at, size_t len);
/* Part of a marked block; its checksum is checked once a handle. FT_ECORRUPT: it was damaged and is
 * unmarked now. */
ft_err ft_cache_read(ft_cache_entry *e, void *at, size_t len, uint64_t offset);
const char *ft_cache_data_path(const ft_cache_entry *e);

typedef struct ft_cache_sum {
    uint64_t entries, bytes;
} ft_cache_sum;
/* Remove entries, least recently opened first, until at most `limit_bytes` stay; open ones stay. */
ft_err ft_cache_trim(ft_cache_sum *out, const char *dir, uint64_t limit_bytes);

#endif
