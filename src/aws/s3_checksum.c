/* s3_checksum.c -- see s3_checksum.h. */
#include "aws/s3_checksum.h"

#include <endian.h>
#include <pthread.h>
#include <zlib.h>

#include "base/check.h"
#include "base/hash.h"

/* ---- CRC-64/NVME */

#define POLYNOMIAL 0x9a6c9329ac4bc9b5ULL /* bits in reverse, as the register holds them */

static uint64_t table[8][256]; /* table[k][b]: byte b followed by k zero bytes */
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

uint64_t ft_crc64_nvme_plain(uint64_t seed, const void *at, size_t len) {
    const unsigned char *p = at;
    uint64_t crc = ~seed;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    }
    return ~crc;
}

static void table_make(void) {
    for (int b = 0; b < 256; b++) {
        uint64_t crc = (uint64_t)b;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
        table[0][b] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (int b = 0; b < 256; b++)
            table[k][b] = table[0][table[k - 1][b] & 255] ^ (table[k - 1][b] >> 8);
}

uint64_t ft_crc64_nvme(uint64_t seed, const void *at, size_t len) {
    const unsigned char *p = at;
    uint64_t crc = ~seed, word;
    pthread_once(&table_once, table_make);
    for (; len >= 8; p += 8, len -= 8) {
        memcpy(&word, p, sizeof word);
        crc ^= le64toh(word);
        crc = table[7][crc & 255] ^ table[6][crc >> 8 & 255] ^ table[5][crc >> 16 & 255] ^
              table[4][crc >> 24 & 255] ^ table[3][crc >> 32 & 255] ^ table[2][crc >> 40 & 255] ^
              table[1][crc >> 48 & 255] ^ table[0][crc >> 56];
    }
    for (; len; p++, len--) crc = table[0][(crc ^ *p) & 255] ^ (crc >> 8);
    return ~crc;
}

/* ---- of a request */

#define CHECKSUM "x-amz-checksum-"

/* "crc32" of "x-amz-checksum-crc32"; empty for headers about checksums in general. */
static ft_str algorithm(ft_str header) {
    if (header.len <= sizeof CHECKSUM - 1 ||
        !ft_str_ieq(ft_str_slice(header, 0, sizeof CHECKSUM - 1), FT_STR(CHECKSUM)))
        return (ft_str){ 0 };
    ft_str name = ft_str_from(header, sizeof CHECKSUM - 1);
    bool about = ft_str_ieq(name, FT_STR("mode")) || ft_str_ieq(name, FT_STR("type")) ||
                 ft_str_ieq(name, FT_STR("algorithm"));
    return about ? (ft_str){ 0 } : name;
}

static ft_err announce(ft_s3_sums *s, ft_aws_call *c, ft_str header) {
    ft_str name = algorithm(header);
    if (!name.len) return FT_OK;
    if (ft_str_ieq(name, FT_STR("sha256")))
        s->sha256 = true;
    else if (ft_str_ieq(name, FT_STR("crc32")))
        s->crc32 = true;
    else if (ft_str_ieq(name, FT_STR("crc32c")))
        s->crc32c = true;
    else if (ft_str_ieq(name, FT_STR("crc64nvme")))
        s->crc64 = true;
    else if (ft_str_ieq(name, FT_STR("sha1"))) {
        s->sha1 = true;
        ft_sha1_begin(&s->sha1_state);
    } else
        return ft_aws_fail(c, 501, "NotImplemented",
                           "The checksum %.*s is not known here; crc32, crc32c, crc64nvme, sha1 "
                           "and sha256 are",
                           FT_STR_ARG(name));
    return FT_OK;
}

ft_err ft_s3_sums_begin(ft_s3_sums *out, ft_aws_call *c) {
    ft_str name, value, trailers = ft_request_header(c->req, "x-amz-trailer");
    *out = (ft_s3_sums){ 0 };
    for (size_t i = 0; ft_request_each_header(c->req, i, &name, &value); i++)
        FT_TRY(announce(out, c, name));
    while (trailers.at) FT_TRY(announce(out, c, ft_str_trim(ft_str_cut(&trailers, ','))));
    return FT_OK;
}

void ft_s3_sums_add(ft_s3_sums *s, ft_str bytes) {
    if (s->crc32)
        s->crc32_value =
            (uint32_t)crc32_z(s->crc32_value, (const unsigned char *)bytes.at, bytes.len);
    if (s->crc32c) s->crc32c_value = ft_crc32c(s->crc32c_value, bytes.at, bytes.len);
    if (s->sha1) ft_sha1_add(&s->sha1_state, bytes);
    if (s->crc64) s->crc64_value = ft_crc64_nvme(s->crc64_value, bytes.at, bytes.len);
}

static ft_str sent_as(ft_aws_call *c, const ft_chunked *trailers, const char *name) {
    ft_str text = ft_request_header(c->req, name);
    return text.at || !trailers ? text : ft_chunked_trailer(trailers, name);
}

static ft_err compare(ft_aws_call *c, const ft_chunked *trailers, const char *name,
                      const void *want, size_t len) {
    ft_buf sent = { 0 };
    ft_str text = sent_as(c, trailers, name);
    if (!text.at)
        return ft_aws_fail(c, 400, "MalformedTrailerError",
                           "The %s that was announced did not come.", name);
    ft_err err = ft_base64_decode(&sent, text);
    bool is_one = err == FT_OK && sent.len == len, same = is_one && memcmp(sent.at, want, len) == 0;
    ft_buf_fini(&sent);
    if (!is_one)
        return ft_aws_fail(c, 400, "InvalidDigest", "The %s you specified is not valid.", name);
    return same ? FT_OK
                : ft_aws_fail(c, 400, "BadDigest",
                              "The %s you specified did not match what we received.", name);
}

static ft_err compare_hex(ft_aws_call *c, const ft_chunked *trailers, const char *name,
                          const char *hex, bool announced) {
    unsigned char raw[32];
    size_t len = strlen(hex) / 2;
    FT_CHECK(len <= sizeof raw);
    if (!len || (!announced && !sent_as(c, trailers, name).at)) return FT_OK;
    FT_CHECK(ft_unhex(raw, len, ft_str_of(hex)));
    return compare(c, trailers, name, raw, len);
}

ft_err ft_s3_sums_check(ft_s3_sums *s, ft_aws_call *c, const ft_chunked *trailers,
                        const char *md5_hex, const char *sha256_hex) {
    uint32_t crc32 = htobe32(s->crc32_value), crc32c = htobe32(s->crc32c_value);
    uint64_t crc64 = htobe64(s->crc64_value);
    unsigned char sha1[20];
    FT_TRY(compare_hex(c, NULL, "content-md5", md5_hex, false));
    FT_TRY(compare_hex(c, trailers, CHECKSUM "sha256", sha256_hex, s->sha256));
    if (s->sha1) {
        ft_sha1_end(&s->sha1_state, sha1);
        FT_TRY(compare(c, trailers, CHECKSUM "sha1", sha1, sizeof sha1));
    }
    if (s->crc32) FT_TRY(compare(c, trailers, CHECKSUM "crc32", &crc32, sizeof crc32));
    if (s->crc32c) FT_TRY(compare(c, trailers, CHECKSUM "crc32c", &crc32c, sizeof crc32c));
    return s->crc64 ? compare(c, trailers, CHECKSUM "crc64nvme", &crc64, sizeof crc64) : FT_OK;
}

void ft_s3_sums_echo(const ft_s3_sums *s, ft_aws_call *c, const ft_chunked *trailers) {
    const struct {
        bool checked;
        const char *header;
    } all[] = { { s->crc32, CHECKSUM "crc32" },
                { s->crc32c, CHECKSUM "crc32c" },
                { s->crc64, CHECKSUM "crc64nvme" },
                { s->sha1, CHECKSUM "sha1" },
                { true, CHECKSUM "sha256" } };
    for (size_t i = 0; i < FT_COUNT(all); i++) {
        ft_str value = sent_as(c, trailers, all[i].header), kept;
        if (all[i].checked && value.at && ft_arena_str(&kept, c->arena, value) == FT_OK)
            ft_response_header(c->resp, all[i].header, kept);
    }
}
