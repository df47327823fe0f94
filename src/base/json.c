/* json.c -- JSON reading: the walk over objects, arrays and values. Its tokens are in json_scan.c,
 * writing is in json_out.c.
 *
 * Each level of nesting is one byte of flags. Every function first asks for the sticky error, so a
 * caller may read on and look once at the end. */
#include "base/json.h"

#include "base/check.h"
#include "base/json_in.h"

enum {
    LEVEL_OBJECT = 1, /* else an array, or the root */
    LEVEL_LATER = 2,  /* an item was read: a comma comes before the next */
    LEVEL_DUE = 4     /* a value stands at j->at and has not been read */
};

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
    ft_json_skip_blanks(j);
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
        return ft_json_scan_word(j, at, &after);
    case 'n':
        *out = FT_JSON_NULL;
        return ft_json_scan_word(j, at, &after);
    default:
        *out = FT_JSON_NUMBER;
        if (c == '-' || ft_json_is_digit(c) || ft_json_scan_nan(j, at, &after)) return FT_OK;
        return ft_json_fail_expected(j, at, "a value");
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
    return ft_json_fail_at(j, j->at, "expected %s, found %s", kind_words[want], kind_words[kind]);
}

static ft_err level_open(ft_json *j, uint8_t flags) {
    if (j->depth >= j->opts.depth_max)
        return ft_json_fail_at(j, j->at, "more than %d levels of nesting", j->opts.depth_max);
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
    ft_json_skip_blanks(j);
    char c = j->at < j->text.len ? j->text.at[j->at] : '\0';
    if (c == close) {
        j->at++;
        j->depth--;
        return false;
    }
    if (j->stack[j->depth] & LEVEL_LATER) {
        if (c != ',') {
            ft_json_fail_expected(j, j->at, expected_later);
            return false;
        }
        j->at++;
        ft_json_skip_blanks(j);
    }
    return true;
}

bool ft_json_next_item(ft_json *j) {
    FT_CHECK(j->err || (j->depth > 0 && !(j->stack[j->depth] & LEVEL_OBJECT)));
    if (!level_next(j, ']', "',' or ']'")) return false;
    if (j->at < j->text.len && j->text.at[j->at] == ']') {
        ft_json_fail_at(j, j->at, "a comma stands before ']'");
        return false;
    }
    j->stack[j->depth] |= LEVEL_DUE;
    return true;
}

/* A member's name and its colon. */
static inline ft_err scan_name(ft_json *j, ft_str *body, bool *escaped) {
    if (j->at >= j->text.len || j->text.at[j->at] != '"')
        return ft_json_fail_expected(j, j->at, "a member's name in quotes");
    FT_TRY(ft_json_scan_string(j, j->at, &j->at, body, escaped));
    if (j->at < j->text.len && j->text.at[j->at] != ':') ft_json_skip_blanks(j);
    if (j->at >= j->text.len || j->text.at[j->at] != ':')
        return ft_json_fail_expected(j, j->at, "':' after a member's name");
    j->at++;
    return FT_OK;
}

bool ft_json_next_member(ft_json *j, ft_str *name) {
    bool escaped;
    FT_CHECK(j->err || (j->depth > 0 && j->stack[j->depth] & LEVEL_OBJECT));
    if (!level_next(j, '}', "',' or '}'")) return false;
    /* Straight into `name`: a copy would wait for the two halves that were just stored. */
    if (scan_name(j, name, &escaped)) return false;
    if (escaped && ft_json_unescape(j, name, *name)) return false;
    j->stack[j->depth] |= LEVEL_DUE;
    return true;
}

ft_err ft_json_string(ft_json *j, ft_str *out) {
    bool escaped;
    size_t after;
    FT_TRY(value_begin(j));
    if (j->at >= j->text.len || j->text.at[j->at] != '"') return value_of_kind(j, FT_JSON_STRING);
    FT_TRY(ft_json_scan_string(j, j->at, &after, out, &escaped));
    if (escaped) FT_TRY(ft_json_unescape(j, out, *out));
    value_end(j, after);
    return FT_OK;
}

/* The text of the number that stands next; the reader stays before it. */
static ft_err number_text(ft_json *j, ft_str *out, bool *is_integer) {
    size_t after;
    FT_TRY(value_of_kind(j, FT_JSON_NUMBER));
    FT_TRY(ft_json_scan_number(j, j->at, &after, is_integer));
    *out = ft_str_n(j->text.at + j->at, after - j->at);
    return FT_OK;
}

ft_err ft_json_f64(ft_json *j, double *out) {
    ft_str text;
    bool is_integer;
    FT_TRY(number_text(j, &text, &is_integer));
    if (!ft_str_f64(out, text))
        return ft_json_fail_at(j, j->at, "%.*s is too large for a double", FT_STR_ARG(text));
    value_end(j, j->at + text.len);
    return FT_OK;
}

ft_err ft_json_i64(ft_json *j, int64_t *out) {
    ft_str text;
    bool is_integer;
    FT_TRY(number_text(j, &text, &is_integer));
    if (!is_integer || !ft_str_i64(out, text))
        return ft_json_fail_at(j, j->at, "expected an integer of 64 bits, found %.*s",
                               FT_STR_ARG(text));
    value_end(j, j->at + text.len);
    return FT_OK;
}

ft_err ft_json_u64(ft_json *j, uint64_t *out) {
    ft_str text;
    bool is_integer;
    FT_TRY(number_text(j, &text, &is_integer));
    if (!is_integer || !ft_str_u64(out, text))
        return ft_json_fail_at(j, j->at, "expected an unsigned integer of 64 bits, found %.*s",
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
        FT_TRY(ft_json_scan_string(j, j->at, &after, &body, &flag));
    else if (c == '-' || ft_json_is_digit(c))
        FT_TRY(ft_json_scan_number(j, j->at, &after, &flag));
    else if (!ft_json_scan_nan(j, j->at, &after))
        FT_TRY(ft_json_scan_word(j, j->at, &after));
    value_end(j, after);
    return FT_OK;
}

/* An object or array at j->at, with all that is in it. */
static ft_err skip_nested(ft_json *j) {
    int base = j->depth;
    do { /* one round is one value begun, or one item looked for */
        uint8_t *level = &j->stack[j->depth];
        if (*level & LEVEL_DUE) {
            ft_json_skip_blanks(j);
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
    ft_json_skip_blanks(j);
    if (j->at < j->text.len) return ft_json_fail_expected(j, j->at, "nothing after the value");
    return FT_OK;
}

ft_err ft_json_fail(ft_json *j, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    ft_err err = ft_json_vfail_at(j, j->value_at, fmt, ap);
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

static ft_err text_find(ft_str *out, ft_arena *arena, ft_str text, const char *path) {
    ft_str raw;
    ft_json j;
    ft_json_kind kind;
    FT_TRY(ft_json_find(&raw, text, path));
    ft_json_init(&j, raw, arena, NULL);
    FT_TRY(ft_json_peek(&j, &kind));
    if (kind == FT_JSON_STRING) return ft_json_string(&j, out);
    if (kind == FT_JSON_NUMBER || kind == FT_JSON_BOOL) *out = raw;
    return FT_OK;
}

ft_str ft_json_find_text(ft_arena *arena, ft_str text, const char *path) {
    ft_str out = { 0 };
    if (text_find(&out, arena, text, path) == FT_OK) return out;
    ft_err_clear();
    return (ft_str){ 0 };
}
