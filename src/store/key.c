/* key.c -- names of buckets and keys; see key_in.h and objects.h.
 *
 * Escaped names: bytes other than letters, digits, "_", "-" and "." are "%XX"; the text is cut into
 * parts of at most 200 bytes; a part that is a folder ends in "+", the file ends in "=". So no
 * escaped name can stand in the way of another, whatever the keys. */
#include <stdio.h>

#include "base/buf.h"
#include "base/check.h"
#include "store/key_in.h"

#define PART_BYTES_MAX   255 /* of a name on every usual file system */
#define ESCAPED_PART_MAX 200

ft_err ft_uri_parse(ft_uri *out, ft_str text) {
    *out = (ft_uri){ 0 };
    if (!ft_str_starts(text, FT_STR("s3://")))
        return FT_FAIL(FT_EPARSE, "'%.*s' is no object URI: expected s3://bucket/key",
                       FT_STR_ARG(text));
    ft_str rest = ft_str_from(text, 5);
    size_t slash = ft_str_find(rest, '/');
    ft_uri uri = { ft_str_slice(rest, 0, slash), ft_str_from(rest, slash + 1) };
    if (!uri.key.len) uri.key = FT_STR("");
    if (ft_bucket_check(uri.bucket) != FT_OK)
        return ft_err_prefix(FT_FAIL(FT_EPARSE, "%s", ft_err_why()), "'%.*s'", FT_STR_ARG(text));
    if (uri.key.len > FT_KEY_BYTES_MAX || !ft_str_utf8(uri.key))
        return FT_FAIL(FT_EPARSE, "'%.*s': the key must be at most %d bytes of UTF-8",
                       FT_STR_ARG(text), FT_KEY_BYTES_MAX);
    *out = uri;
    return FT_OK;
}

/* ---- buckets ---- */

static bool is_low_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

static bool is_address(ft_str s) {
    int dots = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '.')
            dots++;
        else if (s.at[i] < '0' || s.at[i] > '9')
            return false;
    }
    return dots == 3;
}

static const char *bucket_fault(ft_str b) {
    static const char *const heads[] = { "xn--", "sthree-", "amzn-s3-demo-" };
    static const char *const tails[] = { "-s3alias", "--ol-s3", ".mrap", "--x-s3" };
    if (b.len < 3 || b.len > FT_BUCKET_BYTES_MAX) return "expected 3 to 63 characters";
    if (!is_low_or_digit(b.at[0]) || !is_low_or_digit(b.at[b.len - 1]))
        return "expected a lower-case letter or digit at both ends";
    for (size_t i = 0; i < b.len; i++) {
        char c = b.at[i];
        if (!is_low_or_digit(c) && c != '.' && c != '-')
            return "expected only lower-case letters, digits, '.' and '-'";
        if (c == '.' && b.at[i + 1] == '.') return "two dots stand together";
    }
    if (is_address(b)) return "it looks like an IP address";
    for (size_t i = 0; i < FT_COUNT(heads); i++)
        if (ft_str_starts(b, ft_str_of(heads[i]))) return "its beginning is reserved by S3";
    for (size_t i = 0; i < FT_COUNT(tails); i++)
        if (ft_str_ends(b, ft_str_of(tails[i]))) return "its end is reserved by S3";
    return NULL;
}

ft_err ft_bucket_check(ft_str bucket) {
    const char *fault = bucket_fault(bucket);
    if (!fault) return FT_OK;
    return FT_FAIL(FT_EINVAL, "'%.*s' is no bucket name: %s", FT_STR_ARG(bucket), fault);
}

/* ---- keys ---- */

ft_err ft_key_check(ft_str key) {
    if (key.len < 1 || key.len > FT_KEY_BYTES_MAX)
        return FT_FAIL(FT_EINVAL, "an object key has %zu bytes, expected 1 to %d", key.len,
                       FT_KEY_BYTES_MAX);
    if (!ft_str_utf8(key))
        return FT_FAIL(FT_EINVAL, "the object key '%.*s' is not UTF-8", FT_STR_ARG(key));
    return FT_OK;
}

static bool part_is_plain(ft_str part) {
    return part.len > 0 && part.len <= PART_BYTES_MAX && !ft_str_is(part, ".") &&
           !ft_str_is(part, "..");
}

bool ft_key_is_plain(ft_str key) {
    if (memchr(key.at, '\0', key.len)) return false;
    for (size_t at = 0; at <= key.len;) {
        ft_str rest = ft_str_from(key, at);
        ft_str part = ft_str_slice(rest, 0, ft_str_find(rest, '/'));
        if (!part_is_plain(part)) return false;
        if (at == 0 && ft_str_is(part, "%")) return false; /* the folder of escaped names */
        at += part.len + 1;
    }
    return true;
}

static bool is_kept(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

static size_t escape(char *out, ft_str key) {
    static const char digits[] = "0123456789ABCDEF";
    size_t n = 0, part = 0;
    for (size_t i = 0; i < key.len; i++) {
        unsigned char c = (unsigned char)key.at[i];
        if (part + 3 > ESCAPED_PART_MAX) {
            out[n++] = '+';
            out[n++] = '/';
            part = 0;
        }
        size_t before = n;
        if (is_kept(c)) {
            out[n++] = (char)c;
        } else {
            out[n++] = '%';
            out[n++] = digits[c >> 4];
            out[n++] = digits[c & 15];
        }
        part += n - before;
    }
    out[n++] = '=';
    return n;
}

void ft_key_place(char out[FT_PLACE_BYTES], ft_str bucket, ft_str key, bool escaped) {
    FT_CHECK(bucket.len <= FT_BUCKET_BYTES_MAX && key.len <= FT_KEY_BYTES_MAX);
    memcpy(out, bucket.at, bucket.len);
    size_t n = bucket.len;
    out[n++] = '/';
    if (escaped) {
        out[n++] = '%';
        out[n++] = '/';
        n += escape(out + n, key);
    } else {
        memcpy(out + n, key.at, key.len);
        n += key.len;
    }
    out[n] = '\0';
}

static int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

ft_err ft_key_unescape(char *out, size_t *len, ft_str name) {
    size_t n = 0;
    *len = 0;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool end = i + 1 == name.len;
        if (c == '=' && end) {
            *len = n;
            return FT_OK;
        }
        if (c == '+' && !end && name.at[i + 1] == '/') {
            i++;
        } else if (c == '%' && i + 2 < name.len && digit_of(name.at[i + 1]) >= 0 &&
                   digit_of(name.at[i + 2]) >= 0) {
            out[n++] = (char)(digit_of(name.at[i + 1]) * 16 + digit_of(name.at[i + 2]));
            i += 2;
        } else if (is_kept((unsigned char)c)) {
            out[n++] = c;
        } else {
            break;
        }
    }
    return FT_FAIL(FT_EPARSE, "'%.*s' is no escaped object key", FT_STR_ARG(name));
}

size_t ft_key_common(ft_str key, ft_str prefix, ft_str delimiter) {
    if (delimiter.len == 0) return 0;
    for (size_t i = prefix.len; i + delimiter.len <= key.len; i++)
        if (memcmp(key.at + i, delimiter.at, delimiter.len) == 0) return i + delimiter.len;
    return 0;
}

/* ---- folders */

ft_err ft_key_folder(ft_str *out, ft_arena *arena, ft_str name) {
    enum { HASH_BYTES = 32, ESCAPE_BYTES = 3 };
    static const size_t most = FT_FOLDER_BYTES_MAX - 1 - HASH_BYTES - ESCAPE_BYTES;
    ft_buf buf = { 0 };
    char sha256[FT_SHA256_HEX];
    bool plain = name.len && name.len <= FT_FOLDER_BYTES_MAX &&
                 ft_str_find(name, '=') == name.len && ft_key_is_plain(name);
    if (plain) return ft_arena_str(out, arena, name);
    for (size_t i = 0; i < name.len && buf.len <= most; i++) {
        unsigned char c = (unsigned char)name.at[i];
        if (is_kept(c))
            ft_buf_byte(&buf, (char)c);
        else
            ft_buf_printf(&buf, "=%02x", c);
    }
    ft_err err = FT_OK;
    if (buf.len > most || !name.len) {
        err = ft_sha256_hex(sha256, name);
        if (err == FT_OK) ft_buf_printf(&buf, "=%.*s", HASH_BYTES, sha256);
    }
    if (err == FT_OK) err = buf.err ? buf.err : ft_arena_str(out, arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}
