/* jpeg_decode.c -- JPEG to pixels through libjpeg-turbo: whole, smaller, or a region.
 *
 * A region skips what need not be decoded: rows above are only entropy-decoded, rows below not
 * read, blocks at the sides not transformed. libjpeg smooths chroma over neighbours, and a cut
 * counts as the picture's edge there, so a region is decoded with a margin of one chroma sample at
 * each side and the margin is left out of the view. */
#include <string.h>

#include "base/check.h"
#include "media/jpeg_in.h"
#include "media/jpeg_own_in.h"

typedef struct job {
    const ft_decode_opts *opts;
    ft_decoder *d;
    ft_image *out;
    ft_decode_plan plan;
    JDIMENSION crop_x; /* first column that libjpeg gives */
} job;

static ft_err set_up(ft_jpeg *j) {
    job *w = j->caller;
    struct jpeg_decompress_struct *c = &j->c.in;
    j->api->read_header(c, TRUE);
    FT_TRY(ft_decode_check_size(w->opts, c->image_width, c->image_height));
    if (c->num_components != 1 && c->num_components != 3 && c->num_components != 4)
        return FT_FAIL(FT_EUNSUPPORTED, "JPEG: %d components; 1, 3 and 4 can be read",
                       c->num_components);
    c->scale_num = 1;
    c->scale_denom = w->opts->shrink > 1 ? (unsigned)w->opts->shrink : 1;
    c->dct_method = JDCT_ISLOW; /* as Pillow and OpenCV */
    j->api->calc_output_dimensions(c);
    FT_TRY(ft_decode_plan_make(&w->plan, w->opts, (int)c->output_width, (int)c->output_height,
                               c->num_components));
    if (c->num_components == 4)
        c->out_color_space = JCS_CMYK;
    else if (c->num_components == 1)
        c->out_color_space = w->plan.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    else /* grey from colour: from the same colours as everybody's, not from the file's luma */
        c->out_color_space = JCS_RGB;
    return FT_OK;
}

/* A progressive file that ends before its last scans is smoothed over its neighbours by libjpeg,
 * further than any margin. coef_bits says how many low bits of a coefficient are yet to come. */
bool ft_jpeg_complete(const struct jpeg_decompress_struct *c) {
    if (!c->coef_bits) return true;
    for (int i = 0; i < c->num_components; i++)
        for (int k = 0; k < DCTSIZE2; k++)
            if (c->coef_bits[i][k] != 0) return false;
    return true;
}

static void read_row(ft_jpeg *j, uint8_t *row) {
    JSAMPROW rows[1] = { row };
    j->api->read_scanlines(&j->c.in, rows, 1);
}

/* Set the columns, where that gives the same pixels. Of 4:1:0 and 4:1:1 shrunk, chroma blocks have
 * another size than libjpeg's cut reckons with (2.1.5: other pixels by up to 30 levels). */
static void narrow(ft_jpeg *j) {
    job *w = j->caller;
    struct jpeg_decompress_struct *c = &j->c.in;
    JDIMENSION margin = (JDIMENSION)c->max_h_samp_factor, full = c->output_width;
    JDIMENSION left = (JDIMENSION)w->plan.region.x, right = left + (JDIMENSION)w->plan.region.width;
    w->crop_x = 0;
    if (!ft_jpeg_complete(c) || (c->scale_denom > 1 && c->max_h_samp_factor > 2)) return;
    left = left > margin ? left - margin : 0;
    right = right + margin < full ? right + margin : full;
    if (left > 0 || right < full) {
        JDIMENSION width = right - left;
        w->crop_x = left;
        j->api->crop_scanline(c, &w->crop_x, &width); /* moves left to a block's edge */
    }
}

/* Go to the region's first row; `row` is scratch. */
static void descend(ft_jpeg *j, uint8_t *row) {
    const job *w = j->caller;
    if (ft_jpeg_complete(&j->c.in)) {
        if (w->plan.region.y) j->api->skip_scanlines(&j->c.in, (JDIMENSION)w->plan.region.y);
    } else {
        for (int y = 0; y < w->plan.region.y; y++) read_row(j, row);
    }
}

/* Straight into the picture; the margins stay outside the view. */
static ft_err read_rgb(ft_jpeg *j) {
    job *w = j->caller;
    struct jpeg_decompress_struct *c = &j->c.in;
    ft_box box = w->plan.region;
    FT_TRY(ft_decoder_take(w->out, w->d, (int)c->output_width, box.height, c->output_components));
    descend(j, w->out->data);
    for (int y = 0; y < box.height; y++)
        read_row(j, w->out->data + (size_t)y * w->out->stride_bytes);
    box = (ft_box){ box.x - (int)w->crop_x, 0, box.width, box.height };
    return ft_image_crop(w->out, w->out, box);
}

/* Adobe writes inks inverted and everybody follows: 255 is no ink. As Pillow's cmyk2rgb. */
static void cmyk_row(uint8_t *rgb, const uint8_t *cmyk, int width) {
    for (int x = 0; x < width; x++, rgb += 3, cmyk += 4) {
        int light = cmyk[3];
        for (int i = 0; i < 3; i++) {
            int product = (255 - cmyk[i]) * light + 128;
            int v = light - ((product + (product >> 8)) >> 8);
            rgb[i] = (uint8_t)(v < 0 ? 0 : v);
        }
    }
}

/* Through a row of scratch: CMYK to colours, colours to grey. */
static ft_err read_converted(ft_jpeg *j) {
    job *w = j->caller;
    struct jpeg_decompress_struct *c = &j->c.in;
    ft_box box = w->plan.region;
    size_t wide = (size_t)c->output_width * 4, offset = (size_t)(box.x - (int)w->crop_x);
    FT_TRY(ft_ground_take(&w->d->scratch, 2 * wide));
    FT_TRY(ft_decoder_take(w->out, w->d, box.width, box.height, w->plan.channels));
    uint8_t *row = w->d->scratch.at, *rgb = row + wide;
    descend(j, row);
    for (int y = 0; y < box.height; y++) {
        uint8_t *to = w->out->data + (size_t)y * w->out->stride_bytes;
        read_row(j, row);
        if (c->output_components == 3) {
            ft_luma_row(to, row + 3 * offset, box.width);
        } else if (w->plan.channels == 3) {
            cmyk_row(to, row + 4 * offset, box.width);
        } else {
            cmyk_row(rgb, row + 4 * offset, box.width);
            ft_luma_row(to, rgb, box.width);
        }
    }
    return FT_OK;
}

static ft_err decode(ft_jpeg *j) {
    job *w = j->caller;
    FT_TRY(set_up(j));
    j->api->start_decompress(&j->c.in);
    narrow(j);
    bool direct = j->c.in.output_components == w->plan.channels;
    return direct ? read_rgb(j) : read_converted(j);
}

ft_err ft_jpeg_decode(ft_image *out, ft_decoder *d, ft_str bytes, const ft_decode_opts *opts) {
    job w = { .opts = opts, .d = d, .out = out };
    bool taken = false;
    if (!d->foreign) FT_TRY(ft_jpeg_own_decode(&taken, out, d, bytes, opts));
    if (taken) return FT_OK;
    FT_TRY(ft_jpeg_read(bytes, opts->damaged, decode, &w));
    return FT_OK;
}
