/* network_picture.c -- a picture as a network's input. See network.h. */
#include <math.h>

#include "media/pixels.h"
#include "nn/network.h"

#define SIDE_OPEN 224 /* where the model takes any */

bool ft_nn_takes_picture(const ft_nn_network *n, int *channels, int *width, int *height,
                         bool *last) {
    const ft_nn_graph *g = n->graph;
    if (g->input_count != 1) return false;
    const ft_nn_value *v = &g->values[g->inputs[0]];
    if (v->ndim != 4 || (v->shape[0] != 1 && v->shape[0] != FT_NN_DIM_ANY)) return false;
    bool first = v->shape[1] == 1 || v->shape[1] == 3;
    *last = !first && (v->shape[3] == 1 || v->shape[3] == 3);
    if (!first && !*last) return false;
    const int64_t *sides = v->shape + (*last ? 1 : 2);
    *channels = (int)v->shape[*last ? 3 : 1];
    *height = sides[0] > 0 && sides[0] <= 16384 ? (int)sides[0] : SIDE_OPEN;
    *width = sides[1] > 0 && sides[1] <= 16384 ? (int)sides[1] : SIDE_OPEN;
    return v->dtype == FT_F32 || v->dtype == FT_I32 || v->dtype == FT_U8 || v->dtype == FT_I64;
}

/* The part of the picture that fills the input: the middle, a little within. */
static ft_span crop_span(const ft_image *image, int width, int height) {
    double scale = fmin((double)image->width / width, (double)image->height / height) * 7 / 8;
    double w = width * scale, h = height * scale;
    double x = (image->width - w) / 2, y = (image->height - h) / 2;
    return (ft_span){ x, y, x + w, y + h };
}

static ft_err fit(ft_image *out, const ft_nn_network *n, const ft_image *image, int width,
                  int height, ft_arena *arena) {
    ft_resizer *r = NULL;
    ft_image to;
    ft_box box = { 0, 0, width, height };
    ft_err err;
    FT_TRY(ft_image_new(out, arena, width, height, image->channels));
    FT_GOTO(err, ft_resizer_new(&r, FT_MEDIA_AUTO));
    if (n->looks.fit == FT_NN_FIT_BOX) FT_GOTO(err, ft_letterbox(&box, width, height, image));
    FT_GOTO(err, ft_image_crop(&to, out, box));
    if (n->looks.fit == FT_NN_FIT_CROP) {
        ft_span span = crop_span(image, width, height);
        FT_GOTO(err, ft_resize(r, &to, image, &span, FT_FILTER_BILINEAR));
    } else {
        FT_GOTO(err, ft_resize(r, &to, image, NULL, FT_FILTER_BILINEAR));
    }
done:
    ft_resizer_free(r);
    return err;
}

static void swap_red_and_blue(const ft_image *image) {
    for (int y = 0; image->channels == 3 && y < image->height; y++) {
        uint8_t *row = image->data + (size_t)y * image->stride_bytes;
        for (int x = 0; x < image->width; x++) {
            uint8_t red = row[3 * x];
            row[3 * x] = row[3 * x + 2];
            row[3 * x + 2] = red;
        }
    }
}

/* Bytes as the integers that some models take. */
static ft_err pack_integers(ft_array *out, const uint8_t *bytes, ft_arena *arena) {
    int64_t count = 1;
    for (int i = 0; i < out->ndim; i++) count *= out->shape[i];
    FT_TRY(ft_arena_take(&out->data, arena, (size_t)count * ft_dtype_bytes(out->dtype)));
    for (int64_t i = 0; i < count; i++) {
        if (out->dtype == FT_U8)
            ((uint8_t *)out->data)[i] = bytes[i];
        else if (out->dtype == FT_I32)
            ((int32_t *)out->data)[i] = bytes[i];
        else
            ((int64_t *)out->data)[i] = bytes[i];
    }
    return FT_OK;
}

static ft_err pack(ft_array *out, const ft_nn_network *n, const ft_image *image, bool last,
                   ft_arena *arena) {
    const ft_nn_looks *l = &n->looks;
    ft_packing how = { .dtype = out->dtype == FT_F32 ? FT_F32 : FT_U8, .channels_last = last };
    for (int c = 0; c < 3; c++) { /* range 255: mean and std are in those units */
        how.mean[c] = l->mean[c] / l->range;
        how.std[c] = l->std[c] / l->range;
    }
    void *to;
    FT_TRY(ft_arena_take(&to, arena, ft_pack_bytes(&how, image)));
    FT_TRY(ft_pack_image(to, image, &how, FT_MEDIA_AUTO));
    out->data = to;
    return out->dtype == FT_F32 ? FT_OK : pack_integers(out, to, arena);
}

ft_err ft_nn_picture(ft_array *out, const ft_nn_network *n, ft_str bytes, ft_arena *arena) {
    int channels, width, height;
    bool last;
    ft_image image, fitted;
    ft_image_info info;
    if (!ft_nn_takes_picture(n, &channels, &width, &height, &last))
        return FT_FAIL(FT_EUNSUPPORTED, "this network does not take a picture; send a tensor");
    FT_TRY(ft_image_probe(&info, bytes));
    FT_TRY(ft_image_decode(&image, arena, bytes, &(ft_decode_opts){ .channels = channels }));
    FT_TRY(ft_image_orient(&image, arena, &image, info.orientation ? info.orientation : 1));
    FT_TRY(fit(&fitted, n, &image, width, height, arena));
    if (n->looks.bgr) swap_red_and_blue(&fitted);
    const ft_nn_value *v = &n->graph->values[n->graph->inputs[0]];
    *out = (ft_array){ .dtype = v->dtype, .ndim = 4, .shape = { 1 } };
    out->shape[last ? 3 : 1] = channels;
    out->shape[last ? 1 : 2] = height;
    out->shape[last ? 2 : 3] = width;
    return pack(out, n, &fitted, last, arena);
}
