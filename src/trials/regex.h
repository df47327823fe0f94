/* regex.h -- Python's regular expressions (re.match), as hooks and rules use them. PCRE2 does the
 * work, loaded on first use, with a step limit against patterns that would never end.
 *
 * Differences to Python are translated (\Z, named groups are the same); what PCRE2 cannot read is
 * refused with the place. Threads: one matcher, one thread. Memory: malloc, ft_regex_free. */
#ifndef FT_REGEX_H
#define FT_REGEX_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

#define FT_REGEX_BYTES_MAX 4096

typedef struct ft_regex ft_regex;

/* FT_EINVAL with the column and the reason for an expression that cannot be read; FT_EABSENT when
 * the library is not installed. */
ft_err ft_regex_new(ft_regex **out, ft_str pattern);
/* Does it match at the start of `text` (re.match)? FT_ETOOBIG when the step limit was reached. */
ft_err ft_regex_match(bool *out, ft_regex *re, ft_str text);
/* For ft_regex_find: an expression that may match anywhere (re.search). */
ft_err ft_regex_new_anywhere(ft_regex **out, ft_str pattern);
/* The first match; `group` (a view into `text`) is its first group, or all of it when the
 * expression has none. */
ft_err ft_regex_find(bool *out, ft_str *group, ft_regex *re, ft_str text);
void ft_regex_free(ft_regex *re); /* fine on NULL */

#endif
