/* lib.h -- shared libraries loaded on first use, so that `fettle --version` starts in milliseconds.
 *
 * A room lists what it needs in a struct of function pointers and a table of names:
 *     static const ft_lib_symbol symbols[] = { { "XGBoosterCreate", offsetof(struct api, create) },
 * … }; FT_EABSENT names the library and the Debian package when it is not there. */
#ifndef FT_LIB_H
#define FT_LIB_H

#include <stddef.h>

#include "base/err.h"

typedef struct ft_lib_symbol {
    const char *name;
    size_t offset; /* of the function pointer in the api struct */
} ft_lib_symbol;

/* Load `sonames` (separated by '|', first that opens wins) and fill `api`. Idempotent per `handle`;
 * thread-safe. */
ft_err ft_lib_load(void **handle, const char *sonames, const char *package, void *api,
                   const ft_lib_symbol *symbols, size_t count);

#endif
