/* pack_image.c -- pictures on their way from one dataset to another: decoded, resized, encoded. See
 * pack.h. */
#include <string.h>

#include "base/check.h"
#include "data/pack_in.h"
#include "data/shown.h"

#define QUALITY 90

/* An array of pixels: rows and columns, and perhaps channels last. */
static bool is_pixels(const ft_field *f) {
    return f->kind == FT_FIELD_ARRAY && f->dtype == FT_U8 &&
           (f->ndim == 2 || (f->ndim == 3 && (f->shape[2] == 1 || f->shape[2] == 3)));
}

/* Formats that hold arrays as they are: pixels need no decoder there. */
static bool holds_arrays(const ft_dataset_format *f) {
    return f == &ft_set_fts || f == &ft_set_npy || f == &ft_set_idx;
}

ft_err ft_pack_plan(int *field, ft_pack_form *form, const ft_dataset *from,
                    const ft_dataset_format *format, const ft_pack_opts *opts) {
    size_t count;
    const ft_field *f = ft_dataset_fields(from, &count);
    bool encoded = opts->form == FT_PACK_JPEG || opts->form == FT_PACK_PNG;
    *field = ft_dataset_find(from, FT_STR("image"));
    *form = opts->form;
    if (*field < 0)
        for (size_t i = 0; i < count && *field < 0; i++)
            if (is_pixels(&f[i])) *field = (int)i;
    if (opts->form == FT_PACK_DEFAULT && opts->width)
        *form = opts->quality || !holds_arrays(format) ? FT_PACK_JPEG : FT_PACK_RAW;
    if (opts->form == FT_PACK_DEFAULT && !opts->width && opts->quality) *form = FT_PACK_JPEG;
    if (*form == FT_PACK_DEFAULT) {
        *field = -1;
        return FT_OK;
    }
    if (*field < 0 || (f[*field].kind != FT_FIELD_IMAGE && !is_pixels(&f[*field])))
        return FT_FAIL(FT_EINVAL, "there are no pictures to %s in '%s'",
                       opts->width ? "resize" : "decode or encode", from->shards[0].path);
    if (f[*field].kind == FT_FIELD_ARRAY && !encoded && !opts->width) *field = -1; /* stays */
    return FT_OK;
}

void ft_pack_field(ft_field *f, ft_pack_form form, const ft_pack_opts *opts) {
    bool grey = f->kind == FT_FIELD_ARRAY && f->ndim == 2;
    int64_t channels = f->kind == FT_FIELD_ARRAY && f->ndim == 3 ? f->shape[2] : 3;
    bool one_size = opts->width && opts->fit != FT_PACK_SHORT;
    f->dtype = FT_U8;
    if (form != FT_PACK_RAW) {
        f->kind = FT_FIELD_IMAGE;
        f->ndim = 1;
        f->shape[0] = -1;
        return;
    }
    f->kind = FT_FIELD_ARRAY;
    f->ndim = grey ? 2 : 3;
    f->shape[0] = one_size ? opts->height : -1;
    f->shape[1] = one_size ? opts->width : -1;
    f->shape[2] = channels;
}

/* The pixels of a value: its own, or decoded. */
static ft_err pixels_of(ft_image *out, ft_pack_picture *p, const ft_array *v, bool encoded) {
    if (!encoded) {
        int channels = v->ndim == 3 ? (int)v->shape[2] : 1;
        if (v->shape[0] < 1 || v->shape[1] < 1 || v->shape[0] > FT_IMAGE_SIDE_MAX ||
            v->shape[1] > FT_IMAGE_SIDE_MAX)
            return FT_FAIL(FT_EINVAL, "a picture of no size");
        *out = (ft_image){ .data = v->data,
                           .width = (int)v->shape[1],
                           .height = (int)v->shape[0],
                           .channels = channels,
                           .stride_bytes = (size_t)v->shape[1] * (size_t)channels };
        return FT_OK;
    }
    if (!p->decoder) FT_TRY(ft_decoder_new(&p->decoder));
    ft_decode_opts opts = { .channels = 3 };
    return ft_decoder_decode(out, p->decoder, ft_str_n(v->data, (size_t)v->shape[0]), &opts);
}

/* The part that is kept and the size that it gets. */
static void fit(ft_span *span, int *width, int *height, const ft_image *from,
                const ft_pack_opts *opts) {
    double w = from->width, h = from->height, sx = opts->width / w, sy = opts->height / h;
    *span = (ft_span){ 0, 0, w, h };
    *width = opts->width;
    *height = opts->height;
    double scale = sx > sy ? sx : sy;
    if (opts->fit == FT_PACK_SHORT) {
        *width = sx >= sy ? opts->width : (int)(w * scale + 0.5);
        *height = sx >= sy ? (int)(h * scale + 0.5) : opts->height;
    } else if (opts->fit == FT_PACK_CROP) {
        double keep_w = opts->width / scale, keep_h = opts->height / scale;
        if (keep_w > w) keep_w = w;
        if (keep_h > h) keep_h = h;
        span->x0 = (w - keep_w) / 2, span->x1 = span->x0 + keep_w;
        span->y0 = (h - keep_h) / 2, span->y1 = span->y0 + keep_h;
    }
}

static ft_err resize(ft_image *to, ft_pack_picture *p, ft_arena *arena, const ft_image *from,
                     const ft_pack_opts *opts) {
    ft_span span;
    int width, height;
    fit(&span, &width, &height, from, opts);
    if (!p->resizer) FT_TRY(ft_resizer_new(&p->resizer, FT_MEDIA_AUTO));
    FT_TRY(ft_image_new(to, arena, width, height, from->channels));
    return ft_resize(p->resizer, to, from, &span, FT_FILTER_BILINEAR);
}

static ft_err raw(ft_array *value, ft_arena *arena, const ft_image *image, bool own, int ndim) {
    uint8_t *pixels = image->data;
    size_t row = ft_image_row_bytes(image);
    if (!own || image->stride_bytes != row) {
        FT_TRY(ft_arena_take(&pixels, arena, row * (size_t)image->height));
        for (int y = 0; y < image->height; y++)
            memcpy(pixels + (size_t)y * row, image->data + (size_t)y * image->stride_bytes, row);
    }
    *value = (ft_array){ .dtype = FT_U8,
                         .ndim = ndim,
                         .shape = { image->height, image->width, image->channels },
                         .data = pixels };
    if (ndim == 2) value->shape[2] = 0;
    return FT_OK;
}

static ft_err file(ft_array *value, ft_arena *arena, const ft_buf *encoded) {
    ft_str bytes;
    FT_TRY(ft_arena_str(&bytes, arena, ft_buf_str(encoded)));
    *value = (ft_array){ .dtype = FT_U8,
                         .ndim = 1,
                         .shape = { (int64_t)bytes.len },
                         .data = (void *)(uintptr_t)bytes.at };
    return FT_OK;
}

/* The picture of a file as a JPEG with restart markers; of another kind, as it is. */
static ft_err restarts(ft_array *value, ft_pack_picture *p, ft_arena *arena, ft_str bytes) {
    if (ft_image_sniff(bytes) != FT_IMAGE_JPEG) return FT_OK;
    ft_buf_reset(&p->restarts);
    FT_TRY(ft_image_restarts(&p->restarts, bytes, 0));
    return file(value, arena, &p->restarts);
}

ft_err ft_pack_picture_make(ft_array *value, ft_pack_picture *p, ft_arena *arena, ft_pack_form form,
                            const ft_pack_opts *opts) {
    ft_image from, to;
    bool encoded = value->ndim == 1;
    int ndim = encoded ? 3 : value->ndim;
    if (form == FT_PACK_REGIONS && encoded && !opts->width && !opts->quality)
        return restarts(value, p, arena, ft_str_n(value->data, (size_t)value->shape[0]));
    FT_TRY(pixels_of(&from, p, value, encoded));
    to = from;
    if (opts->width) FT_TRY(resize(&to, p, arena, &from, opts));
    if (form == FT_PACK_RAW) return raw(value, arena, &to, opts->width != 0, ndim);
    ft_encode_opts how = { .kind = form == FT_PACK_PNG ? FT_IMAGE_PNG : FT_IMAGE_JPEG,
                           .quality = opts->quality ? opts->quality : QUALITY };
    ft_buf_reset(&p->encoded);
    FT_TRY(ft_image_encode(&p->encoded, &to, &how));
    if (form == FT_PACK_REGIONS) return restarts(value, p, arena, ft_buf_str(&p->encoded));
    return file(value, arena, &p->encoded);
}

void ft_pack_picture_fini(ft_pack_picture *p) {
    ft_decoder_free(p->decoder);
    ft_resizer_free(p->resizer);
    ft_buf_fini(&p->encoded);
    ft_buf_fini(&p->restarts);
}
