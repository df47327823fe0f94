/* mxnet_image.h -- the payload of an MXNet image record: header, labels, encoded image. Source:
 * MXNet, recordio.py (struct "IfQQ"); formats.md 3.2. Threads: any. Memory: views and the arena. */
#ifndef FT_MXNET_IMAGE_H
#define FT_MXNET_IMAGE_H

#include "base/arena.h"
#include "base/buf.h"

typedef struct ft_mxnet_image {
    uint64_t id, id2;
    const float *labels; /* one, or as many as the header says */
    size_t label_count;
    ft_str image; /* JPEG, PNG or raw bytes */
} ft_mxnet_image;

/* FT_ECORRUPT when it ends within header or labels. */
ft_err ft_mxnet_image_read(ft_mxnet_image *out, ft_arena *arena, ft_str bytes);
/* One label stands in the header, several (or none: then 0 stands there) after it, as MXNet packs
 * them. */
ft_err ft_mxnet_image_write(ft_buf *out, const ft_mxnet_image *image);

#endif
