/* zstd_in.h -- libzstd, loaded when the first file asks for it: the part of zstd.h that packing
 * (squeeze.c) and unpacking (unpack.c) use; the layouts and numbers are part of its stable
 * interface. Private to the room. Threads: any. */
#ifndef FT_ZSTD_IN_H
#define FT_ZSTD_IN_H

#include <stddef.h>

#include "base/err.h"

typedef struct ft_zstd_in {
    const void *at;
    size_t size, pos;
} ft_zstd_in;
typedef struct ft_zstd_out {
    void *at;
    size_t size, pos;
} ft_zstd_out;

#define FT_ZSTD_LEVEL    100 /* ZSTD_cParameter */
#define FT_ZSTD_CHECKSUM 201
#define FT_ZSTD_CONTINUE 0 /* ZSTD_EndDirective */
#define FT_ZSTD_END      2

typedef struct ft_zstd {
    void *(*pack_new)(void);
    size_t (*pack_free)(void *);
    size_t (*set)(void *, int, int);
    size_t (*pack)(void *, ft_zstd_out *, ft_zstd_in *, int);
    void *(*unpack_new)(void);
    size_t (*unpack_free)(void *);
    size_t (*unpack)(void *, ft_zstd_out *, ft_zstd_in *);
    unsigned (*is_error)(size_t);
    const char *(*error_name)(size_t);
} ft_zstd;

/* FT_EUNSUPPORTED naming the package when it is not there. */
ft_err ft_zstd_load(const ft_zstd **out);

#endif
