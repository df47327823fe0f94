/* doc.c -- see doc_in.h. UBJSON: every length is compared with the bytes that are left before
 * anything is taken, so a declared length of 2^62 costs nothing. */
#include "trees/doc_in.h"

#include <math.h>
#include <string.h>

#include "base/check.h"

/* ---- UBJSON: bytes */

static ft_err ubj_fail(ft_doc *d, size_t at, const char *what) {
    if (!d->err) d->err = FT_FAIL(FT_EPARSE, "%s: byte %zu: %s", d->name, at, what);
    return d->err;
}

static size_t left_bytes(const ft_doc *d) { return d->bytes.len - d->at; }

static ft_err take_marker(ft_doc *d, char *out) {
    do {
        if (left_bytes(d) == 0) return ubj_fail(d, d->at, "the file ends in the middle of a value");
        *out = d->bytes.at[d->at++];
    } while (*out == 'N'); /* no-op */
    return FT_OK;
}

static ft_err take_big_endian(ft_doc *d, size_t width, uint64_t *out) {
    if (left_bytes(d) < width) return ubj_fail(d, d->at, "the file ends in the middle of a number");
    uint64_t v = 0;
    for (size_t i = 0; i < width; i++) v = v << 8 | (unsigned char)d->bytes.at[d->at + i];
    d->at += width;
    *out = v;
    return FT_OK;
}

/* Bytes of a fixed-size type, 0 for the others. */
static size_t type_width(char type) {
    switch (type) {
    case 'i':
    case 'U':
    case 'C':
        return 1;
    case 'I':
        return 2;
    case 'l':
    case 'd':
        return 4;
    case 'L':
    case 'D':
        return 8;
    default:
        return 0;
    }
}

static bool type_is_integer(char type) {
    return type == 'i' || type == 'U' || type == 'I' || type == 'l' || type == 'L';
}

static ft_err take_integer(ft_doc *d, char type, int64_t *out) {
    uint64_t v = 0;
    FT_TRY(take_big_endian(d, type_width(type), &v));
    switch (type) {
    case 'i':
        *out = (int8_t)v;
        break;
    case 'I':
        *out = (int16_t)v;
        break;
    case 'l':
        *out = (int32_t)v;
        break;
    default:
        *out = (int64_t)v;
        break;
    }
    return FT_OK;
}

static ft_err take_length(ft_doc *d, uint64_t *out) {
    size_t at = d->at;
    char type = 0;
    int64_t v = 0;
    FT_TRY(take_marker(d, &type));
    if (!type_is_integer(type)) return ubj_fail(d, at, "expected a length");
    FT_TRY(take_integer(d, type, &v));
    if (v < 0) return ubj_fail(d, at, "a length below 0");
    *out = (uint64_t)v;
    return FT_OK;
}

static ft_err take_text(ft_doc *d, ft_str *out) {
    size_t at = d->at;
    uint64_t len = 0;
    FT_TRY(take_length(d, &len));
    if (len > left_bytes(d)) return ubj_fail(d, at, "a text that is longer than the file");
    *out = ft_str_n(d->bytes.at + d->at, (size_t)len);
    d->at += (size_t)len;
    return ft_str_utf8(*out) ? FT_OK : ubj_fail(d, at, "a text that is not UTF-8");
}

/* ---- UBJSON: values */

static ft_ubj_level *top(ft_doc *d) {
    FT_CHECK(d->depth > 0);
    return &d->stack[d->depth - 1];
}

/* The marker of the value that stands here: an item of a typed array has none. */
static ft_err value_marker(ft_doc *d, char *out) {
    if (d->err) return d->err;
    if (d->depth > 0 && top(d)->type) {
        *out = top(d)->type;
        return FT_OK;
    }
    return take_marker(d, out);
}

static ft_err push(ft_doc *d, bool is_object) {
    if (d->depth == FT_UBJ_DEPTH_MAX) return ubj_fail(d, d->at, "values nested too deeply");
    ft_ubj_level level = { .is_object = is_object };
    char next = left_bytes(d) ? d->bytes.at[d->at] : 0;
    if (next == '$') {
        d->at++;
        FT_TRY(take_marker(d, &level.type));
        if (is_object || !type_width(level.type))
            return ubj_fail(d, d->at - 1, "a typed container of a type that models do not have");
        next = left_bytes(d) ? d->bytes.at[d->at] : 0;
        if (next != '#') return ubj_fail(d, d->at, "expected '#' after the type of an array");
    }
    if (next == '#') {
        size_t at = d->at++;
        FT_TRY(take_length(d, &level.left));
        level.counted = true;
        size_t width = level.type ? type_width(level.type) : 1;
        if (level.left > left_bytes(d) / width)
            return ubj_fail(d, at, "an array that is longer than the file");
    }
    d->stack[d->depth++] = level;
    return FT_OK;
}

static ft_err ubj_enter(ft_doc *d, char want, const char *what) {
    size_t at = d->at;
    char marker = 0;
    FT_TRY(value_marker(d, &marker));
    if (marker != want) return ubj_fail(d, at, what);
    return push(d, want == '{');
}

/* Is there one more in the innermost container? Leaves it when there is none. */
static bool ubj_more(ft_doc *d, char close) {
    if (d->err) return false;
    ft_ubj_level *level = top(d);
    FT_CHECK(level->is_object == (close == '}'));
    if (level->counted) {
        if (level->left > 0) {
            level->left--;
            return true;
        }
        d->depth--;
        return false;
    }
    while (left_bytes(d) && d->bytes.at[d->at] == 'N') d->at++;
    if (left_bytes(d) == 0) {
        ubj_fail(d, d->at, "the file ends inside a container");
        return false;
    }
    if (d->bytes.at[d->at] != close) return true;
    d->at++;
    d->depth--;
    return false;
}

static ft_err ubj_f32(ft_doc *d, float *out) {
    size_t at = d->at;
    char marker = 0;
    uint64_t bits = 0;
    FT_TRY(value_marker(d, &marker));
    if (marker == 'd') {
        FT_TRY(take_big_endian(d, 4, &bits));
        uint32_t bits32 = (uint32_t)bits;
        memcpy(out, &bits32, sizeof *out);
        return FT_OK;
    }
    if (marker == 'D') {
        double wide;
        FT_TRY(take_big_endian(d, 8, &bits));
        memcpy(&wide, &bits, sizeof wide);
        *out = (float)wide;
        return FT_OK;
    }
    if (!type_is_integer(marker)) return ubj_fail(d, at, "expected a number");
    int64_t v = 0;
    FT_TRY(take_integer(d, marker, &v));
    *out = (float)v;
    return FT_OK;
}

static ft_err ubj_i64(ft_doc *d, int64_t *out) {
    size_t at = d->at;
    char marker = 0;
    FT_TRY(value_marker(d, &marker));
    if (marker == 'T' || marker == 'F') {
        *out = marker == 'T';
        return FT_OK;
    }
    if (!type_is_integer(marker)) return ubj_fail(d, at, "expected a whole number");
    return take_integer(d, marker, out);
}

static ft_err ubj_string(ft_doc *d, ft_str *out) {
    size_t at = d->at;
    char marker = 0;
    FT_TRY(value_marker(d, &marker));
    if (marker != 'S') return ubj_fail(d, at, "expected a text");
    return take_text(d, out);
}

static ft_err ubj_skip_scalar(ft_doc *d, char marker, size_t at) {
    ft_str text;
    uint64_t bits;
    if (marker == 'Z' || marker == 'T' || marker == 'F') return FT_OK;
    if (marker == 'S' || marker == 'H') return take_text(d, &text);
    if (!type_width(marker)) return ubj_fail(d, at, "expected a value");
    return take_big_endian(d, type_width(marker), &bits);
}

static ft_err ubj_skip(ft_doc *d) {
    int base = d->depth;
    do { /* a value; then on until the containers that it opened are left */
        size_t at = d->at;
        char marker;
        FT_TRY(value_marker(d, &marker));
        if (marker == '{' || marker == '[')
            FT_TRY(push(d, marker == '{'));
        else
            FT_TRY(ubj_skip_scalar(d, marker, at));
        while (d->depth > base && !ubj_more(d, top(d)->is_object ? '}' : ']'))
            if (d->err) return d->err;
        ft_str name;
        if (d->depth > base && top(d)->is_object) FT_TRY(take_text(d, &name));
    } while (d->depth > base);
    return d->err;
}

/* ---- either */

ft_err ft_doc_open(ft_doc *d, ft_str bytes, const char *name, ft_arena *arena) {
    *d = (ft_doc){ .name = name, .arena = arena, .bytes = bytes };
    ft_str head = ft_str_slice(bytes, 0, 16);
    if (ft_str_starts(head, FT_STR("binf")) || ft_str_starts(head, FT_STR("CONFIG-offset:")))
        return FT_FAIL(
            FT_EUNSUPPORTED,
            "%s: a model in XGBoost's old binary format; save it again as JSON or UBJSON "
            "(booster.save_model(\"model.json\"))",
            name);
    if (ft_str_starts(head, FT_STR("\x80")))
        return FT_FAIL(FT_EUNSUPPORTED,
                       "%s: a Python pickle, which may run code when it is read; save the model as "
                       "JSON or UBJSON (booster.save_model(\"model.json\"))",
                       name);
    if (ft_str_starts(head, FT_STR("\x1f\x8b")))
        return FT_FAIL(FT_EUNSUPPORTED, "%s: a gzip archive; unpack it first", name);
    /* "{" then a text's length in UBJSON, a quote or blank in JSON */
    d->is_ubj = bytes.len >= 2 && bytes.at[0] == '{' &&
                (type_is_integer(bytes.at[1]) || bytes.at[1] == '#' || bytes.at[1] == 'N');
    ft_str text = ft_str_trim(head);
    if (!d->is_ubj && !(text.len && text.at[0] == '{'))
        return FT_FAIL(FT_EPARSE, "%s: not an XGBoost model: expected JSON or UBJSON", name);
    if (!d->is_ubj)
        ft_json_init(&d->json, bytes, arena, &(ft_json_opts){ .allow_nan = true, .name = name });
    return FT_OK;
}

ft_err ft_doc_enter_object(ft_doc *d) {
    return d->is_ubj ? ubj_enter(d, '{', "expected an object") : ft_json_enter_object(&d->json);
}

ft_err ft_doc_enter_array(ft_doc *d) {
    return d->is_ubj ? ubj_enter(d, '[', "expected an array") : ft_json_enter_array(&d->json);
}

bool ft_doc_next_member(ft_doc *d, ft_str *name) {
    if (!d->is_ubj) return ft_json_next_member(&d->json, name);
    return ubj_more(d, '}') && take_text(d, name) == FT_OK;
}

bool ft_doc_next_item(ft_doc *d) {
    return d->is_ubj ? ubj_more(d, ']') : ft_json_next_item(&d->json);
}

ft_err ft_doc_string(ft_doc *d, ft_str *out) {
    return d->is_ubj ? ubj_string(d, out) : ft_json_string(&d->json, out);
}

/* From the text itself: by way of a double, a few floats would be rounded twice. */
static ft_err json_f32(ft_json *j, float *out) {
    ft_json_kind kind;
    ft_str raw;
    FT_TRY(ft_json_peek(j, &kind));
    if (kind != FT_JSON_NUMBER) {
        double wide; /* not a number: let the reader say what stands there */
        FT_TRY(ft_json_f64(j, &wide));
        *out = (float)wide;
        return FT_OK;
    }
    FT_TRY(ft_json_skip(j, &raw));
    if (ft_str_f32(out, raw)) return FT_OK;
    *out = raw.len && raw.at[0] == '-' ? -INFINITY : INFINITY; /* "Infinity", or too large */
    return FT_OK;
}

ft_err ft_doc_f32(ft_doc *d, float *out) {
    return d->is_ubj ? ubj_f32(d, out) : json_f32(&d->json, out);
}

ft_err ft_doc_i64(ft_doc *d, int64_t *out) {
    if (d->is_ubj) return ubj_i64(d, out);
    ft_json_kind kind;
    bool flag;
    FT_TRY(ft_json_peek(&d->json, &kind));
    if (kind != FT_JSON_BOOL) return ft_json_i64(&d->json, out);
    FT_TRY(ft_json_bool(&d->json, &flag));
    *out = flag;
    return FT_OK;
}

ft_err ft_doc_skip(ft_doc *d) { return d->is_ubj ? ubj_skip(d) : ft_json_skip(&d->json, NULL); }

ft_err ft_doc_ok(ft_doc *d) { return d->is_ubj ? d->err : d->json.err; }

ft_err ft_doc_end(ft_doc *d) {
    if (!d->is_ubj) return ft_json_end(&d->json);
    if (!d->err && left_bytes(d)) ubj_fail(d, d->at, "bytes after the model");
    return d->err;
}
