/* rows_answer.c -- scores to bytes, in the form that the client asked for. See rows.h. */
#include "base/check.h"
#include "base/number.h"
#include "data/shown.h"
#include "models/rows_in.h"

#include <math.h>
#include <strings.h>

#define NUMBER_BYTES 20 /* the longest f32, ".0", a separator */
#define ROW_BYTES    16 /* {"score":[]}, and a newline or comma */

/* ---- media types */

static ft_str media_bare(ft_str type) {
    return ft_str_trim(ft_str_slice(type, 0, ft_str_find(type, ';')));
}

bool ft_media_is(ft_str content_type, const char *type) {
    return ft_str_ieq(media_bare(content_type), ft_str_of(type));
}

/* How well a range fits a type: 0 not, 1 by any, 2 by its first half, 3 wholly. */
static int range_fit(ft_str range, ft_str type) {
    if (ft_str_is(range, "*/*") || ft_str_is(range, "*")) return 1;
    if (ft_str_ieq(range, type)) return 3;
    size_t slash = ft_str_find(type, '/');
    return range.len == slash + 2 && ft_str_ends(range, FT_STR("/*")) &&
                   ft_str_ieq(ft_str_slice(range, 0, slash), ft_str_slice(type, 0, slash))
               ? 2
               : 0;
}

/* The q of a range's parameters; 1 when there is none. */
static double range_q(ft_str range) {
    double q = 1;
    ft_str_cut(&range, ';');
    while (range.at) {
        ft_str p = ft_str_trim(ft_str_cut(&range, ';'));
        if (p.len > 2 && (p.at[0] == 'q' || p.at[0] == 'Q') && p.at[1] == '=' &&
            !ft_str_f64(&q, ft_str_from(p, 2)))
            q = 0;
    }
    return q >= 0 && q <= 1 ? q : 0;
}

/* What the closest range says of a type: its q (0: not welcome) and its place in the list. */
static double accept_q(ft_str accept, ft_str type, size_t *place) {
    double q = 0;
    int best = 0;
    for (size_t at = 0; accept.at; at++) {
        ft_str range = ft_str_cut(&accept, ',');
        int fit = range_fit(media_bare(range), type);
        if (fit <= best) continue;
        best = fit;
        q = range_q(range);
        *place = at;
    }
    return q;
}

void ft_media_choose(ft_str *out, const char *types, ft_str accept) {
    ft_str list = ft_str_of(types);
    double best = 0;
    size_t best_place = SIZE_MAX, place = 0;
    *out = (ft_str){ 0 };
    if (ft_str_trim(accept).len == 0) accept = FT_STR("*/*");
    while (list.at) {
        ft_str type = ft_str_cut(&list, '|');
        double q = accept_q(accept, type, &place);
        if (q <= 0 || q < best || (q == best && place >= best_place)) continue;
        best = q;
        best_place = place;
        *out = type;
    }
}

/* ---- numbers */

/* As Python prints a float: 3.0, 0.5, 1e-05; JSON has no nan. */
static char *number(char *at, float v, bool json) {
    if (json && !isfinite(v)) {
        memcpy(at, "null", 4);
        return at + 4;
    }
    size_t len = ft_f32_text(at, v);
    if (isfinite(v) && !memchr(at, '.', len) && !memchr(at, 'e', len)) {
        memcpy(at + len, ".0", 2);
        len += 2;
    }
    return at + len;
}

static char *numbers(char *at, const float *scores, size_t cols, bool json) {
    for (size_t i = 0; i < cols; i++) {
        if (i) *at++ = ',';
        at = number(at, scores[i], json);
    }
    return at;
}

static char *text(char *at, const char *s) {
    size_t len = strlen(s);
    memcpy(at, s, len);
    return at + len;
}

static char *score_object(char *at, const float *scores, size_t cols) {
    at = text(at, cols == 1 ? "{\"score\":" : "{\"score\":[");
    at = numbers(at, scores, cols, true);
    return text(at, cols == 1 ? "}" : "]}");
}

/* ---- forms */

static char *answer_csv(char *at, const float *scores, size_t rows, size_t cols) {
    for (size_t i = 0; i < rows; i++) {
        if (i) *at++ = '\n';
        at = numbers(at, scores + i * cols, cols, false);
    }
    return at;
}

static char *answer_json(char *at, const float *scores, size_t rows, size_t cols) {
    at = text(at, "{\"predictions\":[");
    for (size_t i = 0; i < rows; i++) {
        if (i) *at++ = ',';
        at = score_object(at, scores + i * cols, cols);
    }
    return text(at, "]}");
}

static char *answer_jsonlines(char *at, const float *scores, size_t rows, size_t cols) {
    for (size_t i = 0; i < rows; i++) {
        at = score_object(at, scores + i * cols, cols);
        *at++ = '\n';
    }
    return at;
}

static const struct {
    const char *type, *sent_as;
    char *(*write)(char *at, const float *scores, size_t rows, size_t cols);
} forms[] = {
    { "text/csv", "text/csv; charset=utf-8", answer_csv },
    { "application/json", "application/json", answer_json },
    { "application/jsonlines", "application/jsonlines", answer_jsonlines },
};

ft_err ft_rows_answer(ft_payload *out, const float *scores, size_t rows, size_t cols, ft_str accept,
                      ft_arena *arena) {
    ft_str type;
    char *at;
    size_t bytes = 64 + FT_NUMBER_TEXT, numbers_count;
    *out = (ft_payload){ 0 };
    ft_media_choose(&type, "text/csv|application/json|application/jsonlines", accept);
    if (!type.at)
        return FT_FAIL(FT_EACCEPT,
                       "no answer as '%s': text/csv, application/json and application/jsonlines "
                       "are given",
                       ft_shown(accept));
    if (__builtin_mul_overflow(rows, cols, &numbers_count) || numbers_count > SIZE_MAX / 64 ||
        rows > SIZE_MAX / 64)
        return FT_FAIL(FT_ETOOBIG, "%zu rows of %zu values are too many", rows, cols);
    bytes += numbers_count * NUMBER_BYTES + rows * ROW_BYTES;
    FT_TRY(ft_arena_take(&at, arena, bytes));
    size_t form = 0;
    while (!ft_str_is(type, forms[form].type)) form++;
    FT_CHECK(form < FT_COUNT(forms));
    char *end = forms[form].write(at, scores, rows, cols);
    FT_CHECK((size_t)(end - at) <= bytes);
    *out = (ft_payload){ ft_str_of(forms[form].sent_as), ft_str_n(at, (size_t)(end - at)) };
    return FT_OK;
}
