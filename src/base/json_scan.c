/* json_scan.c -- JSON's tokens and the sentences about what is wrong with them; see json_in.h. */
#include "base/json_in.h"

#include <stdio.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/check.h"
#include "base/number.h"

#define FOUND_TEXT 32

/* ---- errors */

/* What stands at `at`, for a sentence. */
static const char *found_text(char out[FOUND_TEXT], ft_str text, size_t at) {
    if (at >= text.len) return "the end of the text";
    unsigned char c = (unsigned char)text.at[at];
    if (c == '\n') return "the end of the line";
    if (c < 0x20 || c >= 0x7f)
        snprintf(out, FOUND_TEXT, "byte 0x%02x", c);
    else
        snprintf(out, FOUND_TEXT, "'%c'", c);
    return out;
}

ft_err ft_json_vfail_at(ft_json *j, size_t at, const char *fmt, va_list ap) {
    char why[512];
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at && i < j->text.len; i++) {
        if (j->text.at[i] == '\n') {
            line++;
            column = 1;
        } else if ((j->text.at[i] & 0xc0) != 0x80) { /* characters, not bytes */
            column++;
        }
    }
    vsnprintf(why, sizeof why, fmt, ap);
    if (j->err) return j->err;
    return j->err = FT_FAIL(FT_EPARSE, "%s: line %zu, column %zu (byte %zu): %s",
                            j->opts.name ? j->opts.name : "JSON", line, column, at, why);
}

ft_err ft_json_fail_at(ft_json *j, size_t at, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    ft_err err = ft_json_vfail_at(j, at, fmt, ap);
    va_end(ap);
    return err;
}

ft_err ft_json_fail_expected(ft_json *j, size_t at, const char *expected) {
    char found[FOUND_TEXT];
    return ft_json_fail_at(j, at, "expected %s, found %s", expected,
                           found_text(found, j->text, at));
}

/* ---- tokens: each takes the offset where it begins and gives the offset after it */

size_t ft_json_scan_plain(const char *at, size_t len, bool *high) {
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)at[i];
        if (c == '"' || c == '\\' || c < 0x20) return i;
        if (c >= 0x80) *high = true;
    }
    return len;
}

#if defined(__SSE2__)
size_t ft_json_scan(const char *at, size_t len, bool *high) {
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
    const __m128i control = _mm_set1_epi8(0x1f);
    size_t i = 0;
    for (; len - i >= 16; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(at + i));
        __m128i stop = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
        stop = _mm_or_si128(stop, _mm_cmpeq_epi8(_mm_min_epu8(v, control), v)); /* v <= 0x1f */
        unsigned stops = (unsigned)_mm_movemask_epi8(stop);
        unsigned highs = (unsigned)_mm_movemask_epi8(v);
        if (stops) {
            unsigned first = (unsigned)__builtin_ctz(stops);
            if (highs & ((1u << first) - 1)) *high = true;
            return i + first;
        }
        if (highs) *high = true;
    }
    return i + ft_json_scan_plain(at + i, len - i, high);
}
#else
size_t ft_json_scan(const char *at, size_t len, bool *high) {
    return ft_json_scan_plain(at, len, high);
}
#endif

/* Four hex digits at `at`, or -1. */
static int hex4(ft_str text, size_t at) {
    int value = 0;
    if (text.len < 4 || at > text.len - 4) return -1;
    for (size_t i = 0; i < 4; i++) {
        int digit = ft_hex_digit(text.at[at + i]);
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* One escape; `at` is its backslash. `code` gets the character. */
static ft_err escape(ft_json *j, size_t at, size_t *after, unsigned *code) {
    static const char simple[128] = { ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                      ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t' };
    unsigned char c = at + 1 < j->text.len ? (unsigned char)j->text.at[at + 1] : '\0';
    *after = at + 2;
    if (c < sizeof simple && simple[c]) {
        *code = (unsigned char)simple[c];
        return FT_OK;
    }
    if (c != 'u')
        return ft_json_fail_at(j, at, "a backslash must be followed by one of \"\\/bfnrtu");
    int first = hex4(j->text, at + 2);
    if (first < 0) return ft_json_fail_at(j, at, "\\u must be followed by four hexadecimal digits");
    *after = at + 6;
    *code = (unsigned)first;
    if (first < 0xd800 || first > 0xdfff) return FT_OK;
    int second = first < 0xdc00 && at + 7 < j->text.len && j->text.at[at + 6] == '\\' &&
                         j->text.at[at + 7] == 'u'
                     ? hex4(j->text, at + 8)
                     : -1;
    if (second < 0xdc00 || second > 0xdfff)
        return ft_json_fail_at(j, at, "\\u%04x is half of a surrogate pair without its other half",
                               first);
    *after = at + 12;
    *code = 0x10000u + (((unsigned)first - 0xd800u) << 10) + ((unsigned)second - 0xdc00u);
    return FT_OK;
}

ft_err ft_json_scan_any_string(ft_json *j, size_t at, size_t *after, ft_str *body, bool *escaped) {
    const char *text = j->text.at;
    size_t len = j->text.len, begin = at + 1, i = begin;
    bool high = false;
    *escaped = false;
    for (;;) {
        i += ft_json_scan(text + i, len - i, &high);
        if (i >= len) return ft_json_fail_at(j, at, "a string has no closing quote");
        if (text[i] == '"') break;
        if (text[i] != '\\')
            return ft_json_fail_at(
                j, i, "control character 0x%02x inside a string: write it as an escape",
                (unsigned char)text[i]);
        unsigned code;
        *escaped = true;
        FT_TRY(escape(j, i, &i, &code));
    }
    *body = ft_str_n(text + begin, i - begin);
    *after = i + 1;
    if (high) {
        size_t valid = ft_str_utf8_valid_len(*body);
        if (valid < body->len)
            return ft_json_fail_at(j, begin + valid, "byte 0x%02x is not part of valid UTF-8",
                                   (unsigned char)text[begin + valid]);
    }
    return FT_OK;
}

static char *put_utf8(char *p, unsigned code) {
    if (code < 0x80) {
        *p++ = (char)code;
    } else if (code < 0x800) {
        *p++ = (char)(0xc0 | code >> 6);
        *p++ = (char)(0x80 | (code & 63));
    } else if (code < 0x10000) {
        *p++ = (char)(0xe0 | code >> 12);
        *p++ = (char)(0x80 | (code >> 6 & 63));
        *p++ = (char)(0x80 | (code & 63));
    } else {
        *p++ = (char)(0xf0 | code >> 18);
        *p++ = (char)(0x80 | (code >> 12 & 63));
        *p++ = (char)(0x80 | (code >> 6 & 63));
        *p++ = (char)(0x80 | (code & 63));
    }
    return p;
}

ft_err ft_json_unescape(ft_json *j, ft_str *out, ft_str body) {
    char *copy;
    if (!j->arena)
        return j->err = FT_FAIL(FT_EUNSUPPORTED, "%s: a string with escapes cannot be read here",
                                j->opts.name ? j->opts.name : "JSON");
    if (ft_arena_take(&copy, j->arena, body.len + 1)) return j->err = FT_ENOMEM;
    char *p = copy;
    size_t at = (size_t)(body.at - j->text.at), end = at + body.len;
    while (at < end) {
        size_t plain = ft_str_find(ft_str_n(j->text.at + at, end - at), '\\');
        memcpy(p, j->text.at + at, plain);
        p += plain;
        at += plain;
        if (at == end) break;
        unsigned code = 0;
        FT_TRY(escape(j, at, &at, &code));
        p = put_utf8(p, code);
    }
    *out = ft_str_n(copy, (size_t)(p - copy));
    return FT_OK;
}

static size_t skip_digits(ft_str text, size_t at) {
    while (at < text.len && ft_json_is_digit(text.at[at])) at++;
    return at;
}

static bool word_at(ft_str text, size_t at, ft_str word) {
    return ft_str_eq(ft_str_slice(text, at, word.len), word);
}

bool ft_json_scan_nan(const ft_json *j, size_t at, size_t *after) {
    static const ft_str words[] = { { "NaN", 3 }, { "Infinity", 8 }, { "-Infinity", 9 } };
    for (size_t i = 0; j->opts.allow_nan && i < FT_COUNT(words); i++) {
        if (word_at(j->text, at, words[i])) {
            *after = at + words[i].len;
            return true;
        }
    }
    return false;
}

/* RFC 8259, section 6. */
ft_err ft_json_scan_number(ft_json *j, size_t at, size_t *after, bool *is_integer) {
    ft_str text = j->text;
    size_t i = at + (at < text.len && text.at[at] == '-'), digits = i;
    *is_integer = true;
    i = skip_digits(text, i);
    if (i == digits) {
        *is_integer = false;
        return ft_json_scan_nan(j, at, after) ? FT_OK : ft_json_fail_expected(j, i, "a digit");
    }
    if (text.at[digits] == '0' && i > digits + 1)
        return ft_json_fail_at(j, at, "a number must not begin with a zero");
    if (i < text.len && text.at[i] == '.') {
        *is_integer = false;
        digits = i + 1;
        i = skip_digits(text, digits);
        if (i == digits) return ft_json_fail_expected(j, i, "a digit after the decimal point");
    }
    if (i < text.len && (text.at[i] | 0x20) == 'e') {
        *is_integer = false;
        digits = i + 1;
        if (digits < text.len && (text.at[digits] == '+' || text.at[digits] == '-')) digits++;
        i = skip_digits(text, digits);
        if (i == digits) return ft_json_fail_expected(j, i, "a digit of the exponent");
    }
    *after = i;
    return FT_OK;
}

ft_err ft_json_scan_word(ft_json *j, size_t at, size_t *after) {
    static const ft_str words[] = { { "true", 4 }, { "false", 5 }, { "null", 4 } };
    for (size_t i = 0; i < FT_COUNT(words); i++) {
        if (word_at(j->text, at, words[i])) {
            *after = at + words[i].len;
            return FT_OK;
        }
    }
    return ft_json_fail_expected(j, at, "a value");
}
