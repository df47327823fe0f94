/* str.h -- text and bytes as pointer + length. A view owns nothing and need not end in NUL. */
#ifndef FT_STR_H
#define FT_STR_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct ft_str {
    const char *at;
    size_t len;
} ft_str;

#define FT_STR(literal) ((ft_str){ "" literal, sizeof(literal) - 1 })
/* For printf: "%.*s", FT_STR_ARG(s). Whole up to what an int can say: who prints into a buffer of
 * fixed size is cut there. */
#define FT_STR_ARG(s) (int)((s).len > INT_MAX ? INT_MAX : (s).len), ((s).at ? (s).at : "")

static inline ft_str ft_str_of(const char *text) {
    return (ft_str){ text, text ? strlen(text) : 0 };
}
static inline ft_str ft_str_n(const void *at, size_t len) {
    return (ft_str){ (const char *)at, len };
}

bool ft_str_eq(ft_str a, ft_str b);
/* Equal to a C string. Inline: with a literal the length is known, and most names end there. */
static inline bool ft_str_is(ft_str a, const char *text) {
    size_t len = strlen(text);
    return a.len == len && (len == 0 || memcmp(a.at, text, len) == 0);
}
bool ft_str_ieq(ft_str a, ft_str b); /* ASCII case folded */
int ft_str_cmp(ft_str a, ft_str b);  /* byte order, as memcmp then length */
bool ft_str_starts(ft_str s, ft_str head);
bool ft_str_ends(ft_str s, ft_str tail);
/* Position of the first `byte`, or s.len. */
size_t ft_str_find(ft_str s, char byte);
ft_str ft_str_from(ft_str s, size_t at); /* the rest from `at` on; empty past the end */
ft_str ft_str_slice(ft_str s, size_t at, size_t len); /* clipped to s */
ft_str ft_str_trim(ft_str s);                         /* without ASCII blanks at both ends */
/* Cut `*rest` at the first `byte`: returns what stands before, leaves what stands after; when there
 * is none, returns all and leaves a view with at == NULL. */
ft_str ft_str_cut(ft_str *rest, char byte);

/* Whole-view number parsing: false on anything but a number, on overflow and on an empty view.
 * f64 accepts "nan", "inf" and their signs in any case; the caller decides whether they are
 * welcome. Exact (correctly rounded), independent of the locale. */
bool ft_str_f64(double *out, ft_str s);
bool ft_str_f32(float *out, ft_str s);
bool ft_str_i64(int64_t *out, ft_str s);
bool ft_str_u64(uint64_t *out, ft_str s);
/* "true", "yes", "on", "1" and their opposites. */
bool ft_str_bool(bool *out, ft_str s);

/* Is it well-formed UTF-8 (no surrogates, no overlong forms)? */
bool ft_str_utf8(ft_str s);
size_t ft_str_utf8_valid_len(ft_str s); /* bytes before the first malformed sequence */
/* The candidate nearest to `word` by edit distance, or NULL when none is near enough to suggest. */
const char *ft_str_nearest(ft_str word, const char *const *candidates, size_t count);

#endif
