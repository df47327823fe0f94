/* jpeg_restarts.c -- a JPEG written anew from its own coefficients, with restart markers and the
 * shortest Huffman codes for it. */
#include <string.h>

#include "media/jpeg_in.h"

#define MCUS_DEFAULT 4
#define MCUS_MAX     65535
#define MARKER_MOST  0xffff /* bytes of a marker that are kept: all */

typedef struct job {
    ft_buf *out;
    unsigned mcus;
    ft_jpeg *from;
    jvirt_barray_ptr *coefficients;
} job;

/* JFIF's and Adobe's markers are written by libjpeg itself. */
static bool written_already(const struct jpeg_compress_struct *c, jpeg_saved_marker_ptr m) {
    if (c->write_JFIF_header && m->marker == JPEG_APP0 && m->data_length >= 5 &&
        memcmp(m->data, "JFIF", 5) == 0)
        return true;
    return c->write_Adobe_marker && m->marker == JPEG_APP0 + 14 && m->data_length >= 5 &&
           memcmp(m->data, "Adobe", 5) == 0;
}

static ft_err write_anew(ft_jpeg *j) {
    const job *w = j->caller;
    struct jpeg_compress_struct *c = &j->c.out;
    j->api->copy_critical_parameters(&w->from->c.in, c);
    c->restart_interval = w->mcus;
    c->optimize_coding = TRUE;
    j->api->write_coefficients(c, w->coefficients);
    for (jpeg_saved_marker_ptr m = w->from->c.in.marker_list; m; m = m->next)
        if (!written_already(c, m)) j->api->write_marker(c, m->marker, m->data, m->data_length);
    j->api->finish_compress(c);
    return FT_OK;
}

/* The writing session lies within the reading one, whose memory holds the coefficients; it calls
 * nothing that could jump out of the reader. */
static ft_err read_all(ft_jpeg *j) {
    job *w = j->caller;
    struct jpeg_decompress_struct *c = &j->c.in;
    for (int i = 0; i < 16; i++) j->api->save_markers(c, JPEG_APP0 + i, MARKER_MOST);
    j->api->read_header(c, TRUE);
    ft_decode_opts all = { 0 };
    FT_TRY(ft_decode_check_size(&all, c->image_width, c->image_height));
    w->from = j;
    w->coefficients = j->api->read_coefficients(c);
    if (!ft_jpeg_complete(c)) /* libjpeg smooths those; written anew they would not be */
        return FT_FAIL(FT_ECORRUPT, "JPEG: a progressive picture without its last scans");
    return ft_jpeg_write(w->out, write_anew, w);
}

ft_err ft_image_restarts(ft_buf *out, ft_str bytes, int mcus) {
    if (ft_image_sniff(bytes) != FT_IMAGE_JPEG)
        return FT_FAIL(FT_EMEDIA, "not a JPEG: only JPEG has restart markers");
    if (mcus < 0 || mcus > MCUS_MAX)
        return FT_FAIL(FT_EINVAL, "a restart every %d; 1 to %d is possible", mcus, MCUS_MAX);
    job w = { .out = out, .mcus = mcus ? (unsigned)mcus : MCUS_DEFAULT };
    return ft_jpeg_read(bytes, false, read_all, &w);
}
