/* number.h -- numbers to text: shortest, exact, independent of the locale. Text to numbers is
 * ft_str_f64 and its kin in str.h; both live in number.c.
 *
 * The text of a double or float is the shortest decimal that reads back as the same value, laid out
 * as Python's repr has it, but without ".0": 1, 0.1, 1e-05, 1.5e+300, nan, inf, -inf. */
#ifndef FT_NUMBER_H
#define FT_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#define FT_NUMBER_TEXT 32 /* enough for any of them, with the NUL */

/* Write text and NUL to `out`, which holds FT_NUMBER_TEXT bytes; the length without the NUL. */
size_t ft_f64_text(char *out, double v);
size_t ft_f32_text(char *out, float v);
size_t ft_i64_text(char *out, int64_t v);
size_t ft_u64_text(char *out, uint64_t v);

/* 0 to 15; -1: none. */
int ft_hex_digit(char c);

#endif
