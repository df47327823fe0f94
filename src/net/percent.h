/* percent.h -- %XX of URLs, forms and signatures, there and back (RFC 3986, section 2).
 *
 * Memory: results are in the arena; a decoded text without an escape is a view of the input. */
#ifndef FT_PERCENT_H
#define FT_PERCENT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Unreserved bytes and those of `keep` stay, the rest is %XX in upper case. */
ft_err ft_percent_encode(ft_str *out, ft_arena *arena, ft_str text, const char *keep);
void ft_percent_encode_to(ft_buf *to, ft_str text, const char *keep);

enum {                         /* how a text is decoded */
       FT_PERCENT_FORM = 1,    /* '+' is a blank, as in a form or a query */
       FT_PERCENT_LENIENT = 2, /* a broken escape stays as it is; else it is FT_EPARSE */
       FT_PERCENT_NUL = 4      /* %00 is a byte like others; else it is a broken escape */
};
ft_err ft_percent_decode(ft_str *out, ft_arena *arena, ft_str raw, int how);
/* For who decodes while cutting: the byte that "%xx" at `at` stands for, -1 when it is no escape;
 * and the failure in words. */
int ft_percent_value(ft_str text, size_t at);
ft_err ft_percent_fail(ft_str text, size_t at);

#endif
