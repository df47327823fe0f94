/* digest_in.h -- the three digests that hash.h offers, one frame: blocks of 64 bytes, a state of
 * 32-bit words, and a last block that ends with the length in bits. They stand here rather than in
 * a linked libcrypto because loading that takes 0.8 ms of the 0.6 ms start of every process. */
#ifndef FT_DIGEST_IN_H
#define FT_DIGEST_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FT_DIGEST_BLOCK     64
#define FT_DIGEST_BYTES_MAX 32

typedef struct ft_digest_kind {
    size_t bytes; /* of the result */
    bool big_endian;
    uint32_t start[8];
    void (*blocks)(uint32_t *state, const unsigned char *at, size_t count);
} ft_digest_kind;

typedef struct ft_digest {
    const ft_digest_kind *kind;
    uint32_t state[8];
    uint64_t length_bytes;
    unsigned char block[FT_DIGEST_BLOCK]; /* the last length_bytes % 64 bytes */
} ft_digest;

extern const ft_digest_kind ft_digest_sha256; /* FIPS 180-4 */
extern const ft_digest_kind ft_digest_sha1;   /* FIPS 180-4; for signatures that demand it */
extern const ft_digest_kind ft_digest_md5;    /* RFC 1321; for S3's ETag */

void ft_digest_begin(ft_digest *d, const ft_digest_kind *kind);
void ft_digest_add(ft_digest *d, const void *at, size_t len);
/* Writes kind->bytes bytes. */
void ft_digest_end(ft_digest *d, unsigned char *out);

/* SHA-256 blocks in plain C: the reference, and the way without the processor's instructions. */
void ft_sha256_blocks_plain(uint32_t *state, const unsigned char *at, size_t count);

#endif
