/* mxnet_image.c -- see mxnet_image.h. */
#include "data/mxnet_image.h"

#include <string.h>

typedef struct header { /* as it stands in the file, without holes */
    uint32_t flag;      /* labels after the header; 0: the one in it */
    float label;
    uint64_t id, id2;
} header;
_Static_assert(sizeof(header) == 24, "the header has no holes");

ft_err ft_mxnet_image_read(ft_mxnet_image *out, ft_arena *arena, ft_str bytes) {
    header h;
    float *labels;
    *out = (ft_mxnet_image){ 0 };
    if (bytes.len < sizeof h)
        return FT_FAIL(FT_ECORRUPT, "an image record of %zu bytes, its header has %zu", bytes.len,
                       sizeof h);
    memcpy(&h, bytes.at, sizeof h);
    ft_str rest = ft_str_from(bytes, sizeof h);
    if (h.flag > rest.len / sizeof(float))
        return FT_FAIL(FT_ECORRUPT, "an image record with %u labels in %zu bytes", h.flag,
                       rest.len);
    size_t count = h.flag ? h.flag : 1, label_bytes = h.flag * sizeof(float);
    FT_TRY(ft_arena_items(&labels, arena, count)); /* the payload is not aligned */
    labels[0] = h.label;
    if (label_bytes) memcpy(labels, rest.at, label_bytes);
    *out = (ft_mxnet_image){ h.id, h.id2, labels, count, ft_str_from(rest, label_bytes) };
    return FT_OK;
}

ft_err ft_mxnet_image_write(ft_buf *out, const ft_mxnet_image *image) {
    header h = { .id = image->id, .id2 = image->id2 };
    if (image->label_count > UINT32_MAX)
        return FT_FAIL(FT_ETOOBIG, "an image with %zu labels", image->label_count);
    if (image->label_count == 1)
        h.label = image->labels[0];
    else
        h.flag = (uint32_t)image->label_count;
    ft_buf_add_n(out, &h, sizeof h);
    if (h.flag) ft_buf_add_n(out, image->labels, image->label_count * sizeof *image->labels);
    return ft_buf_add(out, image->image);
}
