/* hash.c -- content hashes, hex and Base64. The digests are in digest.c and sha256.c, CRC-32C in
 * crc32c.c. */
#include "base/hash.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/digest_in.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/number.h"

#define SHA256_BYTES 32
#define MD5_BYTES    16
#define FILE_CHUNK   ((size_t)1 << 20)

struct ft_hasher {
    ft_digest sha256, md5;
    bool also_md5;
};

ft_err ft_hasher_new(ft_hasher **out, bool also_md5) {
    *out = NULL;
    ft_hasher *h = ft_fault_here() ? NULL : malloc(sizeof *h);
    if (!h) return FT_FAIL(FT_ENOMEM, "no memory for a hash");
    ft_digest_begin(&h->sha256, &ft_digest_sha256);
    ft_digest_begin(&h->md5, &ft_digest_md5);
    h->also_md5 = also_md5;
    *out = h;
    return FT_OK;
}

ft_err ft_hasher_add(ft_hasher *h, const void *at, size_t len) {
    ft_digest_add(&h->sha256, at, len);
    if (h->also_md5) ft_digest_add(&h->md5, at, len);
    return FT_OK;
}

ft_err ft_hasher_end(ft_hasher *h, char sha256[FT_SHA256_HEX], char md5[FT_MD5_HEX]) {
    unsigned char raw[SHA256_BYTES];
    FT_CHECK(!md5 || h->also_md5);
    ft_digest_end(&h->sha256, raw);
    ft_hex(sha256, raw, sizeof raw);
    if (!md5) return FT_OK;
    ft_digest_end(&h->md5, raw);
    ft_hex(md5, raw, MD5_BYTES);
    return FT_OK;
}

void ft_hasher_free(ft_hasher *h) { free(h); }

ft_err ft_sha256(unsigned char out[32], ft_str bytes) {
    ft_digest d;
    ft_digest_begin(&d, &ft_digest_sha256);
    ft_digest_add(&d, bytes.at, bytes.len);
    ft_digest_end(&d, out);
    return FT_OK;
}

ft_err ft_sha256_hex(char out[FT_SHA256_HEX], ft_str bytes) {
    unsigned char raw[SHA256_BYTES];
    FT_TRY(ft_sha256(raw, bytes));
    ft_hex(out, raw, sizeof raw);
    return FT_OK;
}

ft_err ft_sha256_file(char out[FT_SHA256_HEX], const char *path) {
    ft_err err = FT_OK;
    ft_hasher *h = NULL;
    int fd = -1;
    size_t got = 0;
    char *chunk = ft_fault_here() ? NULL : malloc(FILE_CHUNK);
    if (!chunk) return FT_FAIL(FT_ENOMEM, "no memory to hash %s", path);
    FT_GOTO(err, ft_fd_open(&fd, path, O_RDONLY, 0));
    FT_GOTO(err, ft_hasher_new(&h, false));
    do {
        FT_GOTO(err, ft_fd_read(&got, fd, chunk, FILE_CHUNK, path));
        FT_GOTO(err, ft_hasher_add(h, chunk, got));
    } while (got > 0);
    FT_GOTO(err, ft_hasher_end(h, out, NULL));
done:
    ft_hasher_free(h);
    ft_fd_close(&fd);
    free(chunk);
    return err;
}

/* RFC 2104: H(key ^ opad, H(key ^ ipad, bytes)). */
static void hmac(const ft_digest_kind *kind, unsigned char *out, ft_str key, ft_str bytes) {
    unsigned char pad[FT_DIGEST_BLOCK] = { 0 }, inner[FT_DIGEST_BYTES_MAX];
    ft_digest d;
    if (key.len > sizeof pad) {
        ft_digest_begin(&d, kind);
        ft_digest_add(&d, key.at, key.len);
        ft_digest_end(&d, pad);
    } else if (key.len) {
        memcpy(pad, key.at, key.len);
    }
    for (size_t i = 0; i < sizeof pad; i++) pad[i] ^= 0x36;
    ft_digest_begin(&d, kind);
    ft_digest_add(&d, pad, sizeof pad);
    ft_digest_add(&d, bytes.at, bytes.len);
    ft_digest_end(&d, inner);
    for (size_t i = 0; i < sizeof pad; i++) pad[i] ^= 0x36 ^ 0x5c;
    ft_digest_begin(&d, kind);
    ft_digest_add(&d, pad, sizeof pad);
    ft_digest_add(&d, inner, kind->bytes);
    ft_digest_end(&d, out);
}

ft_err ft_hmac_sha256(unsigned char out[32], ft_str key, ft_str bytes) {
    hmac(&ft_digest_sha256, out, key, bytes);
    return FT_OK;
}

void ft_hmac_sha1(unsigned char out[20], ft_str key, ft_str bytes) {
    hmac(&ft_digest_sha1, out, key, bytes);
}

void ft_hex(char *out, const void *at, size_t len) {
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = at;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * len] = '\0';
}

static int small_digit(char c) { return c >= 'A' && c <= 'F' ? -1 : ft_hex_digit(c); }

bool ft_unhex(void *out, size_t len, ft_str hex) {
    unsigned char *to = out;
    if (hex.len % 2 || hex.len / 2 != len) return false;
    for (size_t i = 0; i < len; i++) {
        int high = small_digit(hex.at[2 * i]), low = small_digit(hex.at[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        if (to) to[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

bool ft_equal_const_time(ft_str a, ft_str b) {
    unsigned char differ = 0;
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++) {
        differ |= (unsigned char)(a.at[i] ^ b.at[i]);
        __asm__ volatile("" : "+r"(differ)); /* the compiler must not leave the loop early */
    }
    return differ == 0;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

ft_err ft_base64_add(ft_buf *out, ft_str bytes) {
    const unsigned char *p = (const unsigned char *)bytes.at;
    size_t left = bytes.len;
    if (bytes.len > SIZE_MAX / 2 || ft_buf_reserve(out, (bytes.len + 2) / 3 * 4))
        return out->err ? out->err : FT_FAIL(FT_ETOOBIG, "%zu bytes for Base64", bytes.len);
    char *to = out->at + out->len;
    for (; left; p += 3) {
        unsigned bits = (unsigned)p[0] << 16;
        if (left > 1) bits |= (unsigned)p[1] << 8;
        if (left > 2) bits |= p[2];
        *to++ = base64_digits[bits >> 18];
        *to++ = base64_digits[bits >> 12 & 63];
        *to++ = left > 1 ? base64_digits[bits >> 6 & 63] : '=';
        *to++ = left > 2 ? base64_digits[bits & 63] : '=';
        left -= left < 3 ? left : 3;
    }
    *to = '\0';
    out->len = (size_t)(to - out->at);
    return FT_OK;
}

static int base64_value(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters to bytes; how many bytes, 0 when they are no Base64. */
static size_t base64_group(unsigned char out[3], const char *in, bool last) {
    size_t bytes = 3;
    unsigned bits = 0;
    if (last && in[3] == '=') bytes = in[2] == '=' ? 1 : 2;
    for (size_t i = 0; i < bytes + 1; i++) {
        int value = base64_value(in[i]);
        if (value < 0) return 0;
        bits |= (unsigned)value << (18 - 6 * i);
    }
    out[0] = (unsigned char)(bits >> 16);
    out[1] = (unsigned char)(bits >> 8);
    out[2] = (unsigned char)bits;
    return bytes;
}

ft_err ft_base64_decode(ft_buf *out, ft_str text) {
    unsigned char raw[3];
    size_t begin = out->len;
    if (text.len % 4 != 0)
        return FT_FAIL(FT_EPARSE, "Base64: %zu characters are not a multiple of 4", text.len);
    FT_TRY(ft_buf_reserve(out, text.len / 4 * 3));
    for (size_t at = 0; at < text.len; at += 4) {
        size_t bytes = base64_group(raw, text.at + at, at + 4 == text.len);
        if (!bytes) {
            out->len = begin;
            out->at[begin] = '\0';
            return FT_FAIL(FT_EPARSE, "Base64: byte %zu: expected four of A-Z a-z 0-9 + / or '='",
                           at);
        }
        ft_buf_add_n(out, raw, bytes);
    }
    return out->err;
}

/* ---- SHA-1 piece by piece */

_Static_assert(sizeof(ft_sha1) >= sizeof(ft_digest), "a digest fits");

void ft_sha1_begin(ft_sha1 *h) {
    ft_digest d;
    ft_digest_begin(&d, &ft_digest_sha1);
    memcpy(h, &d, sizeof d);
}

void ft_sha1_add(ft_sha1 *h, ft_str bytes) {
    ft_digest d;
    memcpy(&d, h, sizeof d);
    ft_digest_add(&d, bytes.at, bytes.len);
    memcpy(h, &d, sizeof d);
}

void ft_sha1_end(ft_sha1 *h, unsigned char out[20]) {
    ft_digest d;
    memcpy(&d, h, sizeof d);
    ft_digest_end(&d, out);
}
