/* json.c -- JSON reading; writing is in json_out.c.
 *
 * Each level of nesting is one byte of flags. Every function first asks for the sticky error, so a
 * caller may read on and look once at the end. */
#include "base/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/check.h"
#include "base/json_in.h"

enum {
    LEVEL_OBJECT = 1, /* else an array, or the root */
    LEVEL_LATER = 2,  /* an item was read: a comma comes before the next */
    LEVEL_DUE = 4     /* a value stands at j->at and has not been read */
};

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

static ft_err fail_at(ft_json *j, size_t at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), cold));
static ft_err vfail_at(ft_json *j, size_t at, const char *fmt, va_list ap) {
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
static ft_err fail_at(ft_json *j, size_t at, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    ft_err err = vfail_at(j, at, fmt, ap);
    va_end(ap);
    return err;
}

static ft_err fail_expected(ft_json *j, size_t at, const char *expected) {
    char found[FOUND_TEXT];
    return fail_at(j, at, "expected %s, found %s", expected, found_text(found, j->text, at));
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

static inline void skip_blanks(ft_json *j) {
    size_t at = j->at;
    while (at < j->text.len) {
        char c = j->text.at[at];
        if ((unsigned char)c > ' ' || (c != ' ' && c != '\n' && c != '\r' && c != '\t')) break;
        at++;
    }
    j->at = at;
}

static inline bool is_digit(char c) { return (unsigned char)(c - '0') <= 9; }

static int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits at `at`, or -1. */
static int hex4(ft_str text, size_t at) {
    int value = 0;
    if (text.len < 4 || at > text.len - 4) return -1;
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_digit(text.at[at + i]);
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
    if (c != 'u') return fail_at(j, at, "a backslash must be followed by one of \"\\/bfnrtu");
    int first = hex4(j->text, at + 2);
    if (first < 0) return fail_at(j, at, "\\u must be followed by four hexadecimal digits");
    *after = at + 6;
    *code = (unsigned)first;
    if (first < 0xd800 || first > 0xdfff) return FT_OK;
    int second = first < 0xdc00 && at + 7 < j->text.len && j->text.at[at + 6] == '\\' &&
                         j->text.at[at + 7] == 'u'
                     ? hex4(j->text, at + 8)
                     : -1;
    if (second < 0xdc00 || second > 0xdfff)
        return fail_at(j, at, "\\u%04x is half of a surrogate pair without its other half", first);
    *after = at + 12;
    *code = 0x10000u + (((unsigned)first - 0xd800u) << 10) + ((unsigned)second - 0xdc00u);
    return FT_OK;
}

/* Offset of the closing quote of a plain ASCII string of less than 32 bytes, which most are; 0 when
 * it is not one, or too near to the end of the text. `at` is the opening quote. */
static inline size_t quick_string(ft_str text, size_t at) {
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

/* A whole string, validated. `at` is the opening quote; `body` gets the bytes between the quotes,
 * still escaped. */
static ft_err scan_any_string(ft_json *j, size_t at, size_t *after, ft_str *body, bool *escaped) {
    const char *text = j->text.at;
    size_t len = j->text.len, begin = at + 1, i = begin;
    bool high = false;
    *escaped = false;
    for (;;) {
        i += ft_json_scan(text + i, len - i, &high);
        if (i >= len) return fail_at(j, at, "a string has no closing quote");
        if (text[i] == '"') break;
        if (text[i] != '\\')
            return fail_at(j, i, "control character 0x%02x inside a string: write it as an escape",
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
            return fail_at(j, begin + valid, "byte 0x%02x is not part of valid UTF-8",
                           (unsigned char)text[begin + valid]);
    }
    return FT_OK;
}

static inline ft_err scan_string(ft_json *j, size_t at, size_t *after, ft_str *body,
                                 bool *escaped) {
    size_t end = quick_string(j->text, at);
    if (!end) return scan_any_string(j, at, after, body, escaped);
    *escaped = false;
    body->at = j->text.at + at + 1;
    body->len = end - at - 1;
    *after = end + 1;
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

/* The text of a validated string body; never longer than the body. */
static ft_err unescape(ft_json *j, ft_str *out, ft_str body) {
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
    while (at < text.len && is_digit(text.at[at])) at++;
    return at;
}

static bool word_at(ft_str text, size_t at, ft_str word) {
    return ft_str_eq(ft_str_slice(text, at, word.len), word);
}

/* NaN, Infinity, -Infinity, where allowed. */
static bool scan_nan(const ft_json *j, size_t at, size_t *after) {
    static const ft_str words[] = { { "NaN", 3 }, { "Infinity", 8 }, { "-Infinity", 9 } };
    for (size_t i = 0; j->opts.allow_nan && i < FT_COUNT(words); i++) {
        if (word_at(j->text, at, words[i])) {
            *after = at + words[i].len;
            return true;
        }
    }
    return false;
}

/* RFC 8259, section 6. `is_integer`: no fraction, no exponent. */
static ft_err scan_number(ft_json *j, size_t at, size_t *after, bool *is_integer) {
    ft_str text = j->text;
    size_t i = at + (at < text.len && text.at[at] == '-'), digits = i;
    *is_integer = true;
    i = skip_digits(text, i);
    if (i == digits) {
        *is_integer = false;
        return scan_nan(j, at, after) ? FT_OK : fail_expected(j, i, "a digit");
    }
    if (text.at[digits] == '0' && i > digits + 1)
        return fail_at(j, at, "a number must not begin with a zero");
    if (i < text.len && text.at[i] == '.') {
        *is_integer = false;
        digits = i + 1;
        i = skip_digits(text, digits);
        if (i == digits) return fail_expected(j, i, "a digit after the decimal point");
    }
    if (i < text.len && (text.at[i] | 0x20) == 'e') {
        *is_integer = false;
        digits = i + 1;
        if (digits < text.len && (text.at[digits] == '+' || text.at[digits] == '-')) digits++;
        i = skip_digits(text, digits);
        if (i == digits) return fail_expected(j, i, "a digit of the exponent");
    }
    *after = i;
    return FT_OK;
}

static ft_err scan_word(ft_json *j, size_t at, size_t *after) {
    static const ft_str words[] = { { "true", 4 }, { "false", 5 }, { "null", 4 } };
    for (size_t i = 0; i < FT_COUNT(words); i++) {
        if (word_at(j->text, at, words[i])) {
            *after = at + words[i].len;
            return FT_OK;
        }
    }
    return fail_expected(j, at, "a value");
}

/* ---- the walk */

void ft_json_init(ft_json *j, ft_str text, ft_arena *arena, const ft_json_opts *opts) {
    *j = (ft_json){ .text = text, .arena = arena };
    if (opts) j->opts = *opts;
    if (j->opts.depth_max <= 0 || j->opts.depth_max > FT_JSON_DEPTH_MAX)
        j->opts.depth_max = FT_JSON_DEPTH_MAX;
    if (j->opts.size_limit_bytes && text.len > j->opts.size_limit_bytes)
        j->err = FT_FAIL(FT_ETOOBIG, "%s: %zu bytes, the limit is %zu",
                         j->opts.name ? j->opts.name : "JSON", text.len, j->opts.size_limit_bytes);
    if (ft_str_starts(text, FT_STR("\xef\xbb\xbf"))) j->at = 3;
    j->stack[0] = LEVEL_DUE;
}

/* A value is about to be read. */
static inline ft_err value_begin(ft_json *j) {
    if (j->err) return j->err;
    FT_CHECK(j->stack[j->depth] & LEVEL_DUE); /* else next_item or next_member was not called */
    skip_blanks(j);
    j->value_at = j->at;
    return FT_OK;
}

static inline void value_end(ft_json *j, size_t after) {
    j->at = after;
    j->stack[j->depth] = (uint8_t)((j->stack[j->depth] & ~LEVEL_DUE) | LEVEL_LATER);
}

static ft_err kind_at(ft_json *j, size_t at, ft_json_kind *out) {
    char c = at < j->text.len ? j->text.at[at] : '\0';
    size_t after;
    switch (c) {
    case '{':
        *out = FT_JSON_OBJECT;
        return FT_OK;
    case '[':
        *out = FT_JSON_ARRAY;
        return FT_OK;
    case '"':
        *out = FT_JSON_STRING;
        return FT_OK;
    case 't':
    case 'f':
        *out = FT_JSON_BOOL;
        return scan_word(j, at, &after);
    case 'n':
        *out = FT_JSON_NULL;
        return scan_word(j, at, &after);
    default:
        *out = FT_JSON_NUMBER;
        if (c == '-' || is_digit(c) || scan_nan(j, at, &after)) return FT_OK;
        return fail_expected(j, at, "a value");
    }
}

ft_err ft_json_peek(ft_json *j, ft_json_kind *out) {
    FT_TRY(value_begin(j));
    return kind_at(j, j->at, out);
}

static const char *const kind_words[] = {
    [FT_JSON_NULL] = "null",       [FT_JSON_BOOL] = "true or false", [FT_JSON_NUMBER] = "a number",
    [FT_JSON_STRING] = "a string", [FT_JSON_ARRAY] = "an array",     [FT_JSON_OBJECT] = "an object"
};

static ft_err value_of_kind(ft_json *j, ft_json_kind want) {
    ft_json_kind kind;
    FT_TRY(ft_json_peek(j, &kind));
    if (kind == want) return FT_OK;
    return fail_at(j, j->at, "expected %s, found %s", kind_words[want], kind_words[kind]);
}

static ft_err level_open(ft_json *j, uint8_t flags) {
    if (j->depth >= j->opts.depth_max)
        return fail_at(j, j->at, "more than %d levels of nesting", j->opts.depth_max);
    value_end(j, j->at + 1);
    j->stack[++j->depth] = flags;
    return FT_OK;
}

ft_err ft_json_enter_object(ft_json *j) {
    FT_TRY(value_of_kind(j, FT_JSON_OBJECT));
    return level_open(j, LEVEL_OBJECT);
}

ft_err ft_json_enter_array(ft_json *j) {
    FT_TRY(value_of_kind(j, FT_JSON_ARRAY));
    return level_open(j, 0);
}

/* Comma or closing bracket, after the value before was read. True: an item follows. */
static inline bool level_next(ft_json *j, char close, const char *expected_later) {
    if (j->err) return false;
    if ((j->stack[j->depth] & LEVEL_DUE) && ft_json_skip(j, NULL)) return false;
    skip_blanks(j);
    char c = j->at < j->text.len ? j->text.at[j->at] : '\0';
    if (c == close) {
        j->at++;
        j->depth--;
        return false;
    }
    if (j->stack[j->depth] & LEVEL_LATER) {
        if (c != ',') {
            fail_expected(j, j->at, expected_later);
            return false;
        }
        j->at++;
        skip_blanks(j);
    }
    return true;
}

bool ft_json_next_item(ft_json *j) {
    FT_CHECK(j->err || (j->depth > 0 && !(j->stack[j->depth] & LEVEL_OBJECT)));
    if (!level_next(j, ']', "',' or ']'")) return false;
    if (j->at < j->text.len && j->text.at[j->at] == ']') {
        fail_at(j, j->at, "a comma stands before ']'");
        return false;
    }
    j->stack[j->depth] |= LEVEL_DUE;
    return true;
}

/* A member's name and its colon. */
static inline ft_err scan_name(ft_json *j, ft_str *body, bool *escaped) {
    if (j->at >= j->text.len || j->text.at[j->at] != '"')
        return fail_expected(j, j->at, "a member's name in quotes");
    FT_TRY(scan_string(j, j->at, &j->at, body, escaped));
    if (j->at < j->text.len && j->text.at[j->at] != ':') skip_blanks(j);
    if (j->at >= j->text.len || j->text.at[j->at] != ':')
        return fail_expected(j, j->at, "':' after a member's name");
    j->at++;
    return FT_OK;
}

bool ft_json_next_member(ft_json *j, ft_str *name) {
    bool escaped;
    FT_CHECK(j->err || (j->depth > 0 && j->stack[j->depth] & LEVEL_OBJECT));
    if (!level_next(j, '}', "',' or '}'")) return false;
    /* Straight into `name`: a copy would wait for the two halves that were just stored. */
    if (scan_name(j, name, &escaped)) return false;
    if (escaped && unescape(j, name, *name)) return false;
    j->stack[j->depth] |= LEVEL_DUE;
    return true;
}

ft_err ft_json_string(ft_json *j, ft_str *out) {
    bool escaped;
    size_t after;
    FT_TRY(value_begin(j));
    if (j->at >= j->text.len || j->text.at[j->at] != '"') return value_of_kind(j, FT_JSON_STRING);
    FT_TRY(scan_string(j, j->at, &after, out, &escaped));
    if (escaped) FT_TRY(unescape(j, out, *out));
    value_end(j, after);
    return FT_OK;
}

/* The text of the number that stands next; the reader stays before it. */
static ft_err number_text(ft_json *j, ft_str *out, bool *is_integer) {
    size_t after;
    FT_TRY(value_of_kind(j, FT_JSON_NUMBER));
    FT_TRY(scan_number(j, j->at, &after, is_integer));
    *out = ft_str_n(j->text.at + j->at, after - j->at);
    return FT_OK;
}

ft_err ft_json_f64(ft_json *j, double *out) {
    ft_str text;
    bool is_integer;
    FT_TRY(number_text(j, &text, &is_integer));
    if (!ft_str_f64(out, text))
        return fail_at(j, j->at, "%.*s is too large for a double", FT_STR_ARG(text));
    value_end(j, j->at + text.len);
    return FT_OK;
}

ft_err ft_json_i64(ft_json *j, int64_t *out) {
    ft_str text;
    bool is_integer;
    FT_TRY(number_text(j, &text, &is_integer));
    if (!is_integer || !ft_str_i64(out, text))
        return fail_at(j, j->at, "expected an integer of 64 bits, found %.*s", FT_STR_ARG(text));
    value_end(j, j->at + text.len);
    return FT_OK;
}

ft_err ft_json_u64(ft_json *j, uint64_t *out) {
    ft_str text;
    bool is_integer;
    FT_TRY(number_text(j, &text, &is_integer));
    if (!is_integer || !ft_str_u64(out, text))
        return fail_at(j, j->at, "expected an unsigned integer of 64 bits, found %.*s",
                       FT_STR_ARG(text));
    value_end(j, j->at + text.len);
    return FT_OK;
}

ft_err ft_json_bool(ft_json *j, bool *out) {
    FT_TRY(value_of_kind(j, FT_JSON_BOOL));
    *out = j->text.at[j->at] == 't';
    value_end(j, j->at + (*out ? 4 : 5));
    return FT_OK;
}

ft_err ft_json_null(ft_json *j) {
    FT_TRY(value_of_kind(j, FT_JSON_NULL));
    value_end(j, j->at + 4);
    return FT_OK;
}

/* A string, number or word at j->at. */
static ft_err skip_scalar(ft_json *j) {
    size_t after = j->at;
    bool flag;
    ft_str body;
    char c = j->at < j->text.len ? j->text.at[j->at] : '\0';
    if (c == '"')
        FT_TRY(scan_string(j, j->at, &after, &body, &flag));
    else if (c == '-' || is_digit(c))
        FT_TRY(scan_number(j, j->at, &after, &flag));
    else if (!scan_nan(j, j->at, &after))
        FT_TRY(scan_word(j, j->at, &after));
    value_end(j, after);
    return FT_OK;
}

/* An object or array at j->at, with all that is in it. */
static ft_err skip_nested(ft_json *j) {
    int base = j->depth;
    do { /* one round is one value begun, or one item looked for */
        uint8_t *level = &j->stack[j->depth];
        if (*level & LEVEL_DUE) {
            skip_blanks(j);
            char c = j->at < j->text.len ? j->text.at[j->at] : '\0';
            if (c == '{' || c == '[')
                FT_TRY(level_open(j, c == '{' ? LEVEL_OBJECT : 0));
            else
                FT_TRY(skip_scalar(j));
        } else if (*level & LEVEL_OBJECT) {
            ft_str body;
            bool escaped;
            if (level_next(j, '}', "',' or '}'")) {
                FT_TRY(scan_name(j, &body, &escaped));
                *level |= LEVEL_DUE;
            }
        } else {
            ft_json_next_item(j);
        }
    } while (!j->err && j->depth > base);
    return j->err;
}

ft_err ft_json_skip(ft_json *j, ft_str *raw) {
    FT_TRY(value_begin(j));
    size_t begin = j->at;
    char c = begin < j->text.len ? j->text.at[begin] : '\0';
    FT_TRY(c == '{' || c == '[' ? skip_nested(j) : skip_scalar(j));
    j->value_at = begin;
    if (raw) *raw = ft_str_n(j->text.at + begin, j->at - begin);
    return FT_OK;
}

ft_err ft_json_end(ft_json *j) {
    if (j->err) return j->err;
    FT_CHECK(j->depth == 0);
    if (j->stack[0] & LEVEL_DUE) FT_TRY(ft_json_skip(j, NULL));
    skip_blanks(j);
    if (j->at < j->text.len) return fail_expected(j, j->at, "nothing after the value");
    return FT_OK;
}

ft_err ft_json_fail(ft_json *j, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    ft_err err = vfail_at(j, j->value_at, fmt, ap);
    va_end(ap);
    return err;
}

/* Move to the member or item called `step` of the value that stands next. */
static ft_err find_step(ft_json *j, ft_str step) {
    ft_json_kind kind;
    ft_str name;
    uint64_t index;
    FT_TRY(ft_json_peek(j, &kind));
    if (kind == FT_JSON_OBJECT) {
        FT_TRY(ft_json_enter_object(j));
        while (ft_json_next_member(j, &name))
            if (ft_str_eq(name, step)) return FT_OK;
    } else if (kind == FT_JSON_ARRAY && ft_str_u64(&index, step)) {
        FT_TRY(ft_json_enter_array(j));
        while (ft_json_next_item(j))
            if (index-- == 0) return FT_OK;
    }
    return j->err ? j->err : FT_ENOTFOUND;
}

ft_err ft_json_find(ft_str *raw, ft_str text, const char *path) {
    ft_arena arena = FT_ARENA_INIT(0); /* names with escapes */
    ft_str rest = ft_str_of(path);
    ft_err err = FT_OK;
    ft_json j;
    ft_json_init(&j, text, &arena, NULL);
    while (!err && rest.at && rest.len) err = find_step(&j, ft_str_cut(&rest, '.'));
    if (!err) err = ft_json_skip(&j, raw);
    ft_arena_fini(&arena);
    return err;
}
