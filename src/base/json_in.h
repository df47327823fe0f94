/* json_in.h -- what JSON's reader (json.c), its tokens (json_scan.c) and its writer (json_out.c)
 * share.
 *
 * Every scan takes the offset where a token begins and gives the offset after it; failures are
 * sticky in the reader. The short paths are inline: most strings are short and plain, most tokens
 * follow each other without blanks. */
#ifndef FT_JSON_IN_H
#define FT_JSON_IN_H

#include <stdarg.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/json.h"

/* FT_EPARSE with name, line, column and byte of `at`, unless a failure stands already. */
ft_err ft_json_fail_at(ft_json *j, size_t at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), cold));
ft_err ft_json_vfail_at(ft_json *j, size_t at, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0), cold));
/* "expected ',' or ']', found 'x'" */
ft_err ft_json_fail_expected(ft_json *j, size_t at, const char *expected) __attribute__((cold));

/* Number of bytes before the first one that means something inside a string: a quote, a backslash
 * or a control character; `len` when there is none. `*high` becomes true when one of the bytes
 * before it is not ASCII (it is left alone otherwise). */
size_t ft_json_scan(const char *at, size_t len, bool *high);
/* The same in plain C: the reference, and the way on machines without SSE2. */
size_t ft_json_scan_plain(const char *at, size_t len, bool *high);

/* A whole string, validated. `at` is the opening quote; `body` gets the bytes between the quotes,
 * still escaped. */
ft_err ft_json_scan_any_string(ft_json *j, size_t at, size_t *after, ft_str *body, bool *escaped);
/* The text of such a body, in the reader's arena; never longer than the body. */
ft_err ft_json_unescape(ft_json *j, ft_str *out, ft_str body);
/* `is_integer`: no fraction, no exponent. */
ft_err ft_json_scan_number(ft_json *j, size_t at, size_t *after, bool *is_integer);
/* NaN, Infinity, -Infinity, where allowed. */
bool ft_json_scan_nan(const ft_json *j, size_t at, size_t *after);
/* true, false, null */
ft_err ft_json_scan_word(ft_json *j, size_t at, size_t *after);

static inline bool ft_json_is_digit(char c) { return (unsigned char)(c - '0') <= 9; }

static inline void ft_json_skip_blanks(ft_json *j) {
    size_t at = j->at;
    while (at < j->text.len) {
        char c = j->text.at[at];
        if ((unsigned char)c > ' ' || (c != ' ' && c != '\n' && c != '\r' && c != '\t')) break;
        at++;
    }
    j->at = at;
}

/* Offset of the closing quote of a plain ASCII string of less than 32 bytes, which most are; 0 when
 * it is not one, or too near to the end of the text. `at` is the opening quote. */
static inline size_t ft_json_quick_string(ft_str text, size_t at) {
#if defined(__SSE2__)
    if (text.len - at < 33) return 0;
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
    const __m128i blank = _mm_set1_epi8(' ');
    unsigned stops = 0;
    for (int half = 0; half < 2; half++) {
        __m128i v = _mm_loadu_si128((const __m128i *)(text.at + at + 1 + 16 * half));
        __m128i stop = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
        stop =
            _mm_or_si128(stop, _mm_cmplt_epi8(v, blank)); /* signed: bytes from 0x80 on as well */
        stops |= (unsigned)_mm_movemask_epi8(stop) << 16 * half;
    }
    if (!stops) return 0;
    size_t end = at + 1 + (size_t)__builtin_ctz(stops);
    return text.at[end] == '"' ? end : 0;
#else
    (void)text;
    (void)at;
    return 0;
#endif
}

static inline ft_err ft_json_scan_string(ft_json *j, size_t at, size_t *after, ft_str *body,
                                         bool *escaped) {
    size_t end = ft_json_quick_string(j->text, at);
    if (!end) return ft_json_scan_any_string(j, at, after, body, escaped);
    *escaped = false;
    body->at = j->text.at + at + 1;
    body->len = end - at - 1;
    *after = end + 1;
    return FT_OK;
}

#endif
