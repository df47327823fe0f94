/* png.c -- PNG to pixels on zlib alone: every colour type and depth, Adam7, checksums proved,
 * regions without the rows below them. Source: PNG 2nd edition (ISO/IEC 15948). */
#include <string.h>
#include <zlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "media/png_in.h"

#define CHUNK_FRAME 12 /* length, name, checksum */

/* ---- chunks */

ft_err ft_png_next(ft_png_chunk *out, ft_str bytes, size_t *at) {
    size_t left = bytes.len - *at;
    *out = (ft_png_chunk){ .at = *at };
    uint32_t len = left >= CHUNK_FRAME ? ft_be32(bytes.at + *at) : 0;
    if (left < CHUNK_FRAME || len > left - CHUNK_FRAME)
        return FT_FAIL(FT_ECORRUPT, "PNG: cut off at byte %zu, within the chunk at %zu", bytes.len,
                       *at);
    out->name = ft_be32(bytes.at + *at + 4);
    out->body = ft_str_slice(bytes, *at + 8, len);
    uint32_t sum = (uint32_t)crc32(0, (const Bytef *)bytes.at + *at + 4, len + 4);
    if (sum != ft_be32(bytes.at + *at + 8 + len))
        return FT_FAIL(FT_ECORRUPT, "PNG, byte %zu: the chunk's checksum is wrong", *at);
    *at += CHUNK_FRAME + len;
    return FT_OK;
}

static int samples_of(int colour) {
    static const int samples[] = { 1, 0, 3, 1, 2, 0, 4 };
    return colour <= FT_PNG_RGB_ALPHA ? samples[colour] : 0;
}

static bool depth_fits(int colour, int bits) {
    if (bits == 8) return true;
    if (bits == 16) return colour != FT_PNG_PALETTE;
    return (bits == 1 || bits == 2 || bits == 4) &&
           (colour == FT_PNG_GREY || colour == FT_PNG_PALETTE);
}

ft_err ft_png_begin(ft_png *out, ft_str bytes, size_t *at) {
    ft_png_chunk c;
    *at = FT_PNG_HEAD;
    FT_TRY(ft_png_next(&c, bytes, at));
    if (c.name != FT_PNG_NAME('I', 'H', 'D', 'R') || c.body.len != 13)
        return FT_FAIL(FT_ECORRUPT, "PNG, byte %zu: no header chunk", c.at);
    const char *b = c.body.at;
    uint32_t width = ft_be32(b), height = ft_be32(b + 4);
    out->bytes = bytes;
    out->bits = (uint8_t)b[8];
    out->colour = (uint8_t)b[9];
    out->samples = samples_of(out->colour);
    out->adam7 = b[12] == 1;
    if (!out->samples || !depth_fits(out->colour, out->bits))
        return FT_FAIL(FT_ECORRUPT, "PNG, byte %zu: colour type %d with %d bits", c.at, out->colour,
                       out->bits);
    if (b[10] || b[11] || (uint8_t)b[12] > 1)
        return FT_FAIL(FT_EUNSUPPORTED, "PNG, byte %zu: compression %d, filter %d, interlace %d",
                       c.at, b[10], b[11], (uint8_t)b[12]);
    if (!width || !height || width > INT32_MAX || height > INT32_MAX)
        return FT_FAIL(FT_ECORRUPT, "PNG, byte %zu: the header says %u x %u pixels", c.at,
                       (unsigned)width, (unsigned)height);
    out->width = (int)width;
    out->height = (int)height;
    return FT_OK;
}

static ft_err palette(ft_png *p, const ft_png_chunk *c) {
    if (c->body.len % 3 || c->body.len > sizeof p->palette || !c->body.len)
        return FT_FAIL(FT_ECORRUPT, "PNG, byte %zu: a palette of %zu bytes", c->at, c->body.len);
    memcpy(p->palette, c->body.at, c->body.len);
    p->colours = (int)(c->body.len / 3);
    return FT_OK;
}

/* ---- the stream of rows */

typedef struct rows {
    ft_png *png;
    size_t at; /* behind the chunk that `z` reads */
    z_stream z;
    uint8_t *row, *above; /* each one byte of filter and the row */
} rows;

/* Fill the row with `want` bytes from as many IDAT chunks as it takes. */
static ft_err inflate_row(rows *r, uint8_t *to, size_t want) {
    r->z.next_out = to;
    r->z.avail_out = (uInt)want;
    while (r->z.avail_out) {
        if (!r->z.avail_in) {
            ft_png_chunk c;
            FT_TRY(ft_png_next(&c, r->png->bytes, &r->at));
            if (c.name != FT_PNG_NAME('I', 'D', 'A', 'T'))
                return FT_FAIL(FT_ECORRUPT, "PNG, byte %zu: the pixel data ends too early", c.at);
            r->z.next_in = (Bytef *)(uintptr_t)c.body.at;
            r->z.avail_in = (uInt)c.body.len;
            continue;
        }
        int code = inflate(&r->z, Z_NO_FLUSH);
        size_t near = (size_t)((const char *)r->z.next_in - r->png->bytes.at);
        if (code == Z_STREAM_END && r->z.avail_out)
            return FT_FAIL(FT_ECORRUPT, "PNG, byte %zu: the pixel data ends too early", near);
        if (code == Z_MEM_ERROR) return FT_FAIL(FT_ENOMEM, "no memory to unpack a PNG");
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
            return FT_FAIL(FT_ECORRUPT, "PNG, byte %zu: %s", near,
                           r->z.msg ? r->z.msg : "damaged pixel data");
    }
    return FT_OK;
}

/* The next row of `width` pixels, unfiltered, in r->row + 1. */
static ft_err next_row(rows *r, int width) {
    uint8_t *swap = r->above;
    size_t bytes = ft_png_row_bytes(r->png, width);
    r->above = r->row;
    r->row = swap;
    FT_TRY(inflate_row(r, r->row, bytes + 1));
    return ft_png_unfilter(r->png, r->row[0], r->row + 1, r->above + 1, bytes);
}

/* ---- orders of pixels */

static ft_err plain(rows *r, const ft_image *out, ft_box box) {
    for (int y = 0; y < box.y + box.height; y++) {
        FT_TRY(next_row(r, r->png->width));
        if (y < box.y) continue;
        FT_TRY(ft_png_pixels(r->png, out->data + (size_t)(y - box.y) * out->stride_bytes,
                             out->channels, 1, r->row + 1, box.x, box.width));
    }
    return FT_OK;
}

/* One of Adam7's seven pictures: pixels x0, x0 + dx … of rows y0, y0 + dy … */
typedef struct pass {
    int x0, y0, dx, dy;
} pass;

static ft_err one_pass(rows *r, const ft_image *out, ft_box box, pass p) {
    int width = (r->png->width - p.x0 + p.dx - 1) / p.dx;
    if (width <= 0) return FT_OK;
    memset(r->row, 0, 1 + ft_png_row_bytes(r->png, width)); /* the row above the first */
    int first = box.x > p.x0 ? (box.x - p.x0 + p.dx - 1) / p.dx : 0;
    int past = (box.x + box.width - p.x0 + p.dx - 1) / p.dx;
    if (past > width) past = width;
    for (int y = p.y0; y < r->png->height; y += p.dy) {
        FT_TRY(next_row(r, width));
        if (y < box.y || y >= box.y + box.height || first >= past) continue;
        uint8_t *to = out->data + (size_t)(y - box.y) * out->stride_bytes +
                      (size_t)(p.x0 + first * p.dx - box.x) * (size_t)out->channels;
        FT_TRY(ft_png_pixels(r->png, to, out->channels, p.dx, r->row + 1, first, past - first));
    }
    return FT_OK;
}

static ft_err adam7(rows *r, const ft_image *out, ft_box box) {
    static const pass passes[] = { { 0, 0, 8, 8 }, { 4, 0, 8, 8 }, { 0, 4, 4, 8 }, { 2, 0, 4, 4 },
                                   { 0, 2, 2, 4 }, { 1, 0, 2, 2 }, { 0, 1, 1, 2 } };
    for (size_t i = 0; i < FT_COUNT(passes); i++) FT_TRY(one_pass(r, out, box, passes[i]));
    return FT_OK;
}

/* ---- exported */

/* Chunks up to the first IDAT, or the end when there is none. */
static ft_err head(ft_png *p, int *orientation, size_t *data_at) {
    ft_png_chunk c = { 0 };
    size_t at;
    FT_TRY(ft_png_begin(p, p->bytes, &at));
    for (;;) {
        *data_at = at;
        FT_TRY(ft_png_next(&c, p->bytes, &at));
        if (c.name == FT_PNG_NAME('I', 'D', 'A', 'T')) break;
        if (c.name == FT_PNG_NAME('P', 'L', 'T', 'E')) FT_TRY(palette(p, &c));
        if (c.name == FT_PNG_NAME('e', 'X', 'I', 'f')) *orientation = ft_exif_orientation(c.body);
        if (c.name == FT_PNG_NAME('I', 'E', 'N', 'D'))
            return FT_FAIL(FT_ECORRUPT, "PNG, byte %zu: it ends without pixel data", c.at);
    }
    if (p->colour == FT_PNG_PALETTE && !p->colours)
        return FT_FAIL(FT_ECORRUPT, "PNG, byte %zu: pixel data before the palette", c.at);
    return FT_OK;
}

/* A probe has what it needs in the first chunk; Exif may come later, even cut off. */
ft_err ft_png_probe(ft_image_info *out, ft_str bytes) {
    ft_png p = { .bytes = bytes };
    size_t at;
    FT_TRY(ft_png_begin(&p, bytes, &at));
    out->width = p.width;
    out->height = p.height;
    out->bits = p.bits;
    out->channels = p.samples;
    out->palette = p.colour == FT_PNG_PALETTE;
    out->progressive = p.adam7;
    if (head(&p, &out->orientation, &at)) ft_err_clear();
    return FT_OK;
}

static ft_err decode_rows(rows *r, ft_image *out, ft_decoder *d, const ft_decode_plan *plan) {
    size_t bytes = 1 + ft_png_row_bytes(r->png, r->png->width);
    FT_TRY(ft_ground_take(&d->scratch, 2 * bytes));
    memset(d->scratch.at, 0, 2 * bytes);
    r->row = d->scratch.at;
    r->above = r->row + bytes;
    FT_TRY(ft_decoder_take(out, d, plan->region.width, plan->region.height, plan->channels));
    return r->png->adam7 ? adam7(r, out, plan->region) : plain(r, out, plan->region);
}

ft_err ft_png_decode(ft_image *out, ft_decoder *d, ft_str bytes, const ft_decode_opts *opts) {
    ft_png p = { .bytes = bytes };
    ft_decode_plan plan;
    rows r = { .png = &p };
    int orientation;
    FT_TRY(head(&p, &orientation, &r.at));
    FT_TRY(ft_decode_check_size(opts, p.width, p.height));
    FT_TRY(ft_decode_plan_make(&plan, opts, p.width, p.height,
                               p.colour == FT_PNG_PALETTE ? 3 : p.samples));
    if (ft_fault_here() || inflateInit(&r.z) != Z_OK)
        return FT_FAIL(FT_ENOMEM, "no memory to unpack a PNG");
    ft_err err = decode_rows(&r, out, d, &plan);
    inflateEnd(&r.z);
    return err;
}
