/* input.h -- the bytes of a file as a stream: unpacked, hashed, bounded, read once from start to
 * end. Works on pipes; nothing is mapped, so a file that shrinks meanwhile is an error and no
 * signal.
 *
 *     ft_input_open(&in, "train.csv.gz", NULL);
 *     while (!(err = ft_input_peek(&view, in, 1)) && view.len) { … ft_input_skip(in, used); }
 *     ft_input_end(in, sha256, &size);
 *     ft_input_free(in);
 *
 * gzip (of several members too) and zstd are known by their first bytes; other packings are refused
 * by name. Threads: one at a time. Memory: a window that grows to the most that was asked for. */
#ifndef FT_INPUT_H
#define FT_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define FT_INPUT_UNPACKED_MAX ((uint64_t)64 << 30)

typedef struct ft_input ft_input;

typedef struct ft_input_opts {
    uint64_t unpacked_bytes_max; /* of a packed file, FT_ETOOBIG beyond; 0: FT_INPUT_UNPACKED_MAX */
    bool no_hash;                /* nobody will ask for the hash */
    bool no_unpack;              /* give the bytes as they are */
} ft_input_opts;

/* FT_ENOTFOUND, FT_EDENIED, FT_EINVAL for a folder. `opts` may be NULL. */
ft_err ft_input_open(ft_input **out, const char *path, const ft_input_opts *opts);
/* The same over bytes in memory, which must outlive it; `name` is copied, for messages. */
ft_err ft_input_memory(ft_input **out, ft_str bytes, ft_str name, const ft_input_opts *opts);
/* The same over bytes that a function gives: an object of a server, a pipe of one's own. `read`
 * puts up to `len` bytes at `at`, 0 in `*got` at the end; its failure is passed on. `free` (may be
 * NULL) is called with `ctx` by ft_input_free, also when this call fails. */
ft_err ft_input_from(ft_input **out, ft_err (*read)(void *ctx, void *at, size_t len, size_t *got),
                     void (*free_ctx)(void *ctx), void *ctx, ft_str name,
                     const ft_input_opts *opts);
/* An input of ft_input_memory begins again, over other bytes that are not packed. */
void ft_input_renew(ft_input *in, ft_str bytes);
/* What comes next: at least `want` bytes, fewer only at the end of the stream, more when they are
 * there. The view stays until the next peek. The caller bounds `want`: it becomes memory.
 * FT_ECORRUPT for damaged packed data, FT_ETOOBIG, FT_EIO. */
ft_err ft_input_peek(ft_str *out, ft_input *in, size_t want);
/* Go on by `len` bytes that were peeked. */
void ft_input_skip(ft_input *in, size_t len);
/* Exactly `len` bytes in `at`; fewer in `*got` only at the end. */
ft_err ft_input_read(size_t *got, ft_input *in, void *at, size_t len);
/* Is it packed? Then the bytes are not where the file has them. */
bool ft_input_packed(const ft_input *in);
/* Go to a byte of the (unpacked) stream. A plain file that nobody hashes is moved in; else only
 * forward, by reading: FT_EUNSUPPORTED backwards. FT_ECORRUPT when the stream ends before. */
ft_err ft_input_seek(ft_input *in, uint64_t offset);
/* Bytes skipped so far, counted after unpacking: where the next peek begins. */
uint64_t ft_input_offset(const ft_input *in);
ft_str ft_input_name(const ft_input *in);
/* Read what is left and give size and hash of the file as it is on disk. */
ft_err ft_input_end(ft_input *in, char sha256[65], uint64_t *size_bytes);
void ft_input_free(ft_input *in);

#endif
