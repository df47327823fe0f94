/* s3_checksum.h -- the checksums that clients send with a body, in a header or in a trailer of
 * aws-chunked: CRC-32, CRC-32C and CRC-64/NVME as base64 of their big-endian bytes (formats.md
 * 2.4), SHA-1, SHA-256, MD5. Only what a request announces is computed. */
#ifndef FT_S3_CHECKSUM_H
#define FT_S3_CHECKSUM_H

#include "aws/aws.h"
#include "net/aws_chunked.h"

typedef struct ft_s3_sums {
    bool crc32, crc32c, crc64, sha1, sha256; /* announced */
    uint32_t crc32_value, crc32c_value;
    uint64_t crc64_value;
    ft_sha1 sha1_state;
} ft_s3_sums;

/* What the request's headers announce; an algorithm that is not known is NotImplemented. */
ft_err ft_s3_sums_begin(ft_s3_sums *out, ft_aws_call *c);
void ft_s3_sums_add(ft_s3_sums *s, ft_str bytes);
/* Compare with what was sent; `trailers` may be NULL. MD5 and SHA-256 come from the caller, who has
 * them anyway; empty: not known. Failures are BadDigest, or InvalidDigest for what is no checksum.
 */
ft_err ft_s3_sums_check(ft_s3_sums *s, ft_aws_call *c, const ft_chunked *trailers,
                        const char *md5_hex, const char *sha256_hex);

/* What was checked, as headers of the answer: "x-amz-checksum-crc32" and its kin. */
void ft_s3_sums_echo(const ft_s3_sums *s, ft_aws_call *c, const ft_chunked *trailers);

/* CRC-64/NVME (reflected 0x9a6c9329ac4bc9b5): by eight tables, and the reference bit by bit. Seed 0
 * to begin; feed the result on. */
uint64_t ft_crc64_nvme(uint64_t seed, const void *at, size_t len);
uint64_t ft_crc64_nvme_plain(uint64_t seed, const void *at, size_t len);

#endif
