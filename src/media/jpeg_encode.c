/* jpeg_encode.c -- pixels to JPEG through libjpeg-turbo: baseline, accurate DCT, as Pillow saves.
 */
#include "media/jpeg_in.h"

#define QUALITY_DEFAULT 90

typedef struct job {
    const ft_image *image;
    const ft_encode_opts *opts;
} job;

static ft_err encode(ft_jpeg *j) {
    const job *w = j->caller;
    struct jpeg_compress_struct *c = &j->c.out;
    const ft_image *m = w->image;
    c->image_width = (JDIMENSION)m->width;
    c->image_height = (JDIMENSION)m->height;
    c->input_components = m->channels;
    c->in_color_space = m->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    j->api->set_defaults(c);
    j->api->set_quality(c, w->opts->quality ? w->opts->quality : QUALITY_DEFAULT, TRUE);
    if (m->channels == 3) {
        c->comp_info[0].h_samp_factor = w->opts->sampling == 444 ? 1 : 2;
        c->comp_info[0].v_samp_factor =
            w->opts->sampling == 444 || w->opts->sampling == 422 ? 1 : 2;
    }
    j->api->start_compress(c, TRUE);
    for (int y = 0; y < m->height; y++) {
        JSAMPROW rows[1] = { m->data + (size_t)y * m->stride_bytes };
        j->api->write_scanlines(c, rows, 1);
    }
    j->api->finish_compress(c);
    return FT_OK;
}

ft_err ft_jpeg_encode(ft_buf *out, const ft_image *image, const ft_encode_opts *opts) {
    job w = { image, opts };
    return ft_jpeg_write(out, encode, &w);
}
