/* shown.h -- a piece of foreign text for a message: short, valid UTF-8, without control characters.
 * Threads: any; the result is static per thread and lasts for the next seven calls. */
#ifndef FT_SHOWN_H
#define FT_SHOWN_H

#include "base/str.h"

/* At most 40 bytes and "…"; bytes that are not UTF-8 and control characters become '?'. */
const char *ft_shown(ft_str text);
/* Bytes of `text` before the first that is not UTF-8. */
size_t ft_utf8_length(ft_str text);

#endif
