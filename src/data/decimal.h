/* decimal.h -- the number at the start of a text, to f32: the inner loop of every text format.
 *
 * The same value as ft_str_f32 gives (correctly rounded), without looking for the end first.
 * Source of the rounding argument: decimal.c. Threads: any. */
#ifndef FT_DECIMAL_H
#define FT_DECIMAL_H

#include "base/str.h"

/* [+-]digits[.digits][e[+-]digits], the longest that stands at `at`. Returns the byte after it, or
 * NULL when no number begins there. No blanks, no "nan" or "inf"; a number beyond float's range
 * gives an infinity, which the caller refuses. */
const char *ft_decimal_f32(float *out, const char *at, const char *end);

#endif
