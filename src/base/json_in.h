/* json_in.h -- what JSON's reader and writer share: the scan over the plain bytes of a string. */
#ifndef FT_JSON_IN_H
#define FT_JSON_IN_H

#include <stdbool.h>
#include <stddef.h>

/* Number of bytes before the first one that means something inside a string: a quote, a backslash
 * or a control character; `len` when there is none. `*high` becomes true when one of the bytes
 * before it is not ASCII (it is left alone otherwise). */
size_t ft_json_scan(const char *at, size_t len, bool *high);
/* The same in plain C: the reference, and the way on machines without SSE2. */
size_t ft_json_scan_plain(const char *at, size_t len, bool *high);

#endif
