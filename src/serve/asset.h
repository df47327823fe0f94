/* asset.h -- files that are compiled into the program by embed.c: web/'s, and inference.py. */
#ifndef FT_ASSET_H
#define FT_ASSET_H

#include <stddef.h>

typedef struct ft_asset {
    const char *name;         /* "app.css" */
    const char *content_type; /* "text/css; charset=utf-8" */
    const char *etag;         /* with its quotes; changes with the bytes */
    const unsigned char *bytes;
    size_t len;
} ft_asset;
extern const ft_asset ft_assets[]; /* the dashboard's; ends with a NULL name */
extern const ft_asset ft_server_assets[];

#endif
