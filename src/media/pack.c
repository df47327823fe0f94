/* pack.c -- bytes to tensors, one pass: see pixels.h. Plain C, the reference, and the choice of a
 * path. */
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "media/pack_in.h"

/* Rows of a picture in a shard are far apart for the processor's own prefetching: looking six rows
 * ahead saves a sixth of a batch's CPU time when the shard is in no cache. */
#define AHEAD_ROWS   6
#define STREAM_ALIGN 64

static inline void put(uint8_t *to, ft_dtype dtype, size_t i, uint8_t v, float scale, float shift) {
    if (dtype == FT_U8) {
        to[i] = v;
    } else if (dtype == FT_F32) {
        float f = fmaf(v, scale, shift);
        memcpy(to + i * 4, &f, 4);
    } else {
        uint16_t half = ft_bf16_nearest(fmaf(v, scale, shift));
        memcpy(to + i * 2, &half, 2);
    }
}

void ft_pack_row_plain(uint8_t *to, const uint8_t *from, const ft_pack_row *p, int first) {
    size_t channels = (size_t)p->channels;
    for (int x = first; x < p->width; x++) {
        const uint8_t *at = from + (size_t)(p->flip ? p->width - 1 - x : x) * channels;
        for (size_t c = 0; c < channels; c++) {
            uint8_t *plane = p->last ? to : to + c * p->plane_bytes;
            size_t i = p->last ? (size_t)x * channels + c : (size_t)x;
            put(plane, p->dtype, i, at[c], p->scale[c], p->shift[c]);
        }
    }
}

static ft_err prepare(ft_pack_row *out, const void *to, const ft_image *image,
                      const ft_packing *pack) {
    *out = (ft_pack_row){ .dtype = pack->dtype,
                          .width = image->width,
                          .channels = image->channels,
                          .flip = pack->flip,
                          .last = pack->channels_last || image->channels == 1 };
    if (pack->dtype != FT_F32 && pack->dtype != FT_BF16 && pack->dtype != FT_U8)
        return FT_FAIL(FT_EINVAL, "pixels cannot be packed as %s; float32, bfloat16, uint8 can be",
                       ft_dtype_name(pack->dtype));
    size_t item = ft_dtype_bytes(pack->dtype), width = (size_t)image->width;
    out->plane_bytes = width * (size_t)image->height * item;
    size_t row = out->last ? width * (size_t)image->channels * item : width * item;
    out->stream = pack->stream && (uintptr_t)to % STREAM_ALIGN == 0 && row % STREAM_ALIGN == 0;
    for (int c = 0; c < image->channels; c++) {
        double deviation = pack->std[c] == 0 ? 1 : pack->std[c];
        out->scale[c] = (float)(1 / (255 * deviation));
        out->shift[c] = (float)(-(double)pack->mean[c] / deviation);
        if (!isfinite(out->scale[c]) || !isfinite(out->shift[c]) || !isfinite(deviation))
            return FT_FAIL(FT_EINVAL, "channel %d: mean %g and deviation %g give no finite values",
                           c, (double)pack->mean[c], (double)pack->std[c]);
    }
    for (int i = 0; i < 48; i++) {
        out->scales[i] = out->scale[i % image->channels];
        out->shifts[i] = out->shift[i % image->channels];
    }
    return FT_OK;
}

size_t ft_pack_bytes(const ft_packing *pack, const ft_image *image) {
    return ft_image_row_bytes(image) * (size_t)image->height * ft_dtype_bytes(pack->dtype);
}

ft_err ft_pack_image(void *to, const ft_image *image, const ft_packing *pack, ft_media_path path) {
    ft_pack_row p;
    FT_CHECK(ft_image_valid(image));
    FT_TRY(prepare(&p, to, image, pack));
    if (!ft_media_path_has(path))
        return FT_FAIL(FT_EUNSUPPORTED, "this processor lacks the instructions of media path %d",
                       (int)path);
    size_t row = (size_t)p.width * (size_t)(p.last ? p.channels : 1) * ft_dtype_bytes(p.dtype);
    size_t source = ft_image_row_bytes(image);
    path = ft_media_path_best(path);
    for (int y = 0; y < image->height; y++) {
        const uint8_t *from = image->data + (size_t)y * image->stride_bytes;
        uint8_t *at = (uint8_t *)to + (size_t)y * row;
        if (y + AHEAD_ROWS < image->height)
            for (size_t i = 0; i < source; i += 64)
                __builtin_prefetch(from + AHEAD_ROWS * image->stride_bytes + i);
#ifdef FT_MEDIA_X86
        if (path == FT_MEDIA_AVX512) {
            ft_pack_row_avx512(at, from, &p);
            continue;
        }
        if (path == FT_MEDIA_AVX2) {
            ft_pack_row_avx2(at, from, &p);
            continue;
        }
#endif
        ft_pack_row_plain(at, from, &p, 0);
    }
#ifdef FT_MEDIA_X86
    if (p.stream) __builtin_ia32_sfence();
#endif
    return FT_OK;
}
