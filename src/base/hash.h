/* hash.h -- content hashes and checksums: SHA-256 (by the processor's SHA instructions when it has
 * them), MD5 for S3's ETag, SHA-1 only where an old signature demands it, CRC-32C (by SSE4.2).
 *
 * Our own, tested against published vectors and Python's hashlib: a linked libcrypto costs every
 * process 0.8 ms at its start. Threads: any; one hasher, one thread. */
#ifndef FT_HASH_H
#define FT_HASH_H

#include <stdbool.h>

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define FT_SHA256_HEX 65 /* 64 digits and NUL */
#define FT_MD5_HEX    33
/* Of no bytes. */
#define FT_SHA256_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

typedef struct ft_hasher ft_hasher; /* SHA-256, and MD5 beside it when asked (S3's ETag) */

ft_err ft_hasher_new(ft_hasher **out, bool also_md5);
ft_err ft_hasher_add(ft_hasher *h, const void *at, size_t len);
/* Ends the hash; md5 may be NULL. */
ft_err ft_hasher_end(ft_hasher *h, char sha256[FT_SHA256_HEX], char md5[FT_MD5_HEX]);
void ft_hasher_free(ft_hasher *h);

ft_err ft_sha256_hex(char out[FT_SHA256_HEX], ft_str bytes);
ft_err ft_sha256_file(char out[FT_SHA256_HEX], const char *path);
ft_err ft_sha256(unsigned char out[32], ft_str bytes);
ft_err ft_hmac_sha256(unsigned char out[32], ft_str key, ft_str bytes);
/* SHA-1 piece by piece, where a protocol asks for it; nothing to free. */
typedef struct ft_sha1 {
    uint64_t private[14];
} ft_sha1;
void ft_sha1_begin(ft_sha1 *h);
void ft_sha1_add(ft_sha1 *h, ft_str bytes);
void ft_sha1_end(ft_sha1 *h, unsigned char out[20]);
void ft_hmac_sha1(unsigned char out[20], ft_str key, ft_str bytes);
/* CRC-32C (Castagnoli; RFC 3720, appendix B.4). Seed 0 to begin; feed the result on. */
uint32_t ft_crc32c(uint32_t seed, const void *at, size_t len);
/* As TFRecord files keep it: turned and moved (TensorFlow, core/lib/hash/crc32c.h, "Mask"). */
uint32_t ft_crc32c_masked(const void *at, size_t len);
/* The same by table: the reference, and the way without SSE4.2. */
uint32_t ft_crc32c_plain(uint32_t seed, const void *at, size_t len);
/* Fast, for tables; not cryptographic; the same on every little-endian machine. */
uint64_t ft_hash64(ft_str s, uint64_t seed);

/* Lower-case hex of `len` bytes; `out` holds 2*len+1. */
void ft_hex(char *out, const void *at, size_t len);
/* Back: false unless `hex` is the lower-case hex of exactly `len` bytes. `out` may be NULL, and is
 * then only asked about. */
bool ft_unhex(void *out, size_t len, ft_str hex);
/* Are the two equal? Takes the same time wherever they differ. */
bool ft_equal_const_time(ft_str a, ft_str b);
/* Base64 (RFC 4648, section 4). Decoding wants the padding, and refuses blanks and other bytes. */
struct ft_buf;
ft_err ft_base64_add(struct ft_buf *out, ft_str bytes);
ft_err ft_base64_decode(struct ft_buf *out, ft_str text); /* FT_EPARSE with the place */

#endif
