/* jpeg_own.c -- see jpeg_own_in.h: which blocks are read, which are transformed, and rows to
 * colours. Work goes in chunks of four MCUs: their blocks stay in the first cache. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "media/jpeg_own_in.h"

#define CHUNK      FT_JPEG_GROUP /* MCUs */
#define GROUPS_MAX 6             /* of a chunk of 4:2:0: four of luma, two of chroma */
#define PLANE_PAD  64            /* bytes before a plane's rows, and more than that behind */
#define SIDE_MIN   8             /* libjpeg samples the smallest pictures in another way */

#ifdef FT_MEDIA_X86

typedef struct reading {
    struct ft_jpeg_own *j;
    int h, v;             /* sampling of luma */
    int mcus_x, mcus_y;   /* of the picture */
    int chunk[2], row[2]; /* chunks and rows of MCUs that are transformed: from, past */
    ft_box region;        /* with an even left side */
    ft_jpeg_plane plane[3];
    ft_jpeg_group quant[3];
    ft_jpeg_group blocks[GROUPS_MAX];
    ft_jpeg_bits bits;
    int dc[3];
    size_t interval; /* that `bits` reads */
    int mcu;         /* the next one in `bits` */
} reading;

/* ---- plan */

static int divided_up(int a, int b) { return (a + b - 1) / b; }

/* MCUs from, past that hold samples lo..hi of a picture's side of `size`, `each` an MCU, with one
 * chroma sample more at both ends where chroma is halved. */
static void span_of(int out[2], int lo, int hi, int size, int sampling) {
    int each = 8 * sampling, margin = sampling == 2 ? 2 : 0;
    lo = lo > margin ? lo - margin : 0;
    hi = hi + margin < size - 1 ? hi + margin : size - 1;
    out[0] = lo / each;
    out[1] = hi / each + 1;
}

static void plan(reading *r, ft_box region) {
    struct ft_jpeg_own *j = r->j;
    int columns[2];
    r->h = j->part[0].h;
    r->v = j->part[0].v;
    r->mcus_x = divided_up(j->width, 8 * r->h);
    r->mcus_y = divided_up(j->height, 8 * r->v);
    r->region = region;
    r->region.x = region.x & ~1;
    r->region.width += region.x & 1;
    span_of(columns, r->region.x, r->region.x + r->region.width - 1, j->width, r->h);
    span_of(r->row, region.y, region.y + region.height - 1, j->height, r->v);
    r->chunk[0] = columns[0] / CHUNK;
    r->chunk[1] = divided_up(columns[1], CHUNK);
}

static ft_err take_planes(reading *r) {
    size_t width = (size_t)(r->chunk[1] - r->chunk[0]) * CHUNK * 8;
    size_t rows = (size_t)(r->row[1] - r->row[0]) * 8, total = 0, at[3] = { 0 };
    for (int i = 0; i < r->j->parts; i++) {
        size_t h = i ? 1 : (size_t)r->h, v = i ? 1 : (size_t)r->v;
        r->plane[i].stride = PLANE_PAD + width * h + 2 * PLANE_PAD;
        at[i] = total + PLANE_PAD;
        total += r->plane[i].stride * rows * v;
    }
    FT_TRY(ft_ground_take(&r->j->planes, total + 2 * PLANE_PAD));
    for (int i = 0; i < r->j->parts; i++) r->plane[i].at = r->j->planes.at + at[i];
    return FT_OK;
}

static const uint8_t zigzag[64] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63
};

static void lay_out_quant(reading *r) {
    for (int i = 0; i < r->j->parts; i++)
        for (int k = 0; k < 64; k++)
            for (int b = 0; b < FT_JPEG_GROUP; b++)
                r->quant[i].at[zigzag[k] / 8][b][zigzag[k] % 8] =
                    (int16_t)r->j->quant[r->j->part[i].quant][k];
}

/* ---- bits to blocks */

static size_t *starts(const reading *r) { return (size_t *)(void *)r->j->starts.at; }

static bool start_interval(reading *r, size_t interval) {
    if (interval >= r->j->intervals) return false;
    r->interval = interval;
    r->mcu = (int)interval * r->j->restart;
    r->dc[0] = r->dc[1] = r->dc[2] = 0;
    ft_jpeg_bits_start(&r->bits, r->j->scan.at + starts(r)[interval]);
    return true;
}

/* Block b of a chunk's MCU, of component i: its group is base + row * h + …, its lane the column.
 */
static inline bool one_mcu(reading *r, int m, ft_jpeg_group *to) {
    const struct ft_jpeg_own *j = r->j;
    if (j->restart && r->mcu == (int)(r->interval + 1) * j->restart &&
        !start_interval(r, r->interval + 1))
        return false;
    for (int v = 0; v < r->v; v++)
        for (int h = 0; h < r->h; h++) {
            int column = m * r->h + h;
            ft_jpeg_group *g = to + v * r->h + column / FT_JPEG_GROUP;
            if (!ft_jpeg_block(&r->bits, g->at[0][column % FT_JPEG_GROUP],
                               &j->huff[0][j->part[0].dc], &j->huff[1][j->part[0].ac], &r->dc[0]))
                return false;
        }
    for (int i = 1; i < j->parts; i++) {
        ft_jpeg_group *g = to + r->h * r->v + i - 1;
        if (!ft_jpeg_block(&r->bits, g->at[0][m], &j->huff[0][j->part[i].dc],
                           &j->huff[1][j->part[i].ac], &r->dc[i]))
            return false;
    }
    r->mcu++;
    const uint8_t *begin = j->scan.at + starts(r)[r->interval];
    return ft_jpeg_bits_used(&r->bits, begin) <=
           starts(r)[r->interval + 1] - starts(r)[r->interval];
}

/* Read up to MCU `target`, over as many intervals as can be left out. */
static bool skip_to(reading *r, int target) {
    if (r->j->restart && (size_t)(target / r->j->restart) > r->interval &&
        !start_interval(r, (size_t)(target / r->j->restart)))
        return false;
    while (r->mcu < target)
        if (!one_mcu(r, 0, r->blocks)) return false;
    return true;
}

/* ---- blocks to planes */

static bool transform(reading *r, int chunk, int row) {
    size_t x = (size_t)(chunk - r->chunk[0]) * CHUNK * 8, y = (size_t)(row - r->row[0]) * 8;
    for (int v = 0; v < r->v; v++)
        for (int h = 0; h < r->h; h++) {
            const ft_jpeg_plane *p = &r->plane[0];
            uint8_t *to = p->at + (y * (size_t)r->v + (size_t)v * 8) * p->stride +
                          x * (size_t)r->h + (size_t)h * 8 * FT_JPEG_GROUP;
            if (!ft_jpeg_idct_avx512(to, p->stride, &r->blocks[v * r->h + h], &r->quant[0]))
                return false;
        }
    for (int i = 1; i < r->j->parts; i++) {
        const ft_jpeg_plane *p = &r->plane[i];
        if (!ft_jpeg_idct_avx512(p->at + y * p->stride + x, p->stride,
                                 &r->blocks[r->h * r->v + i - 1], &r->quant[i]))
            return false;
    }
    return true;
}

static bool read_planes(reading *r) {
    size_t groups = (size_t)(r->h * r->v + r->j->parts - 1);
    if (!start_interval(r, 0)) return false;
    for (int row = r->row[0]; row < r->row[1]; row++) {
        int first = row * r->mcus_x, end = first + r->mcus_x;
        if (!skip_to(r, first + r->chunk[0] * CHUNK)) return false;
        for (int chunk = r->chunk[0]; chunk < r->chunk[1]; chunk++) {
            memset(r->blocks, 0, groups * sizeof r->blocks[0]);
            for (int m = 0; m < CHUNK && r->mcu < end; m++)
                if (!one_mcu(r, m, r->blocks)) return false;
            if (!transform(r, chunk, row)) return false;
        }
    }
    return true;
}

/* ---- planes to pixels */

/* Row y of the picture in a plane, as a pointer to column x of it. */
static uint8_t *plane_at(const reading *r, int i, int x, int y) {
    const ft_jpeg_plane *p = &r->plane[i];
    int h = i ? 1 : r->h, v = i ? 1 : r->v;
    return p->at + (size_t)(y - r->row[0] * 8 * v) * p->stride + x - r->chunk[0] * CHUNK * 8 * h;
}

/* A chroma row with the picture's ends repeated, where the filter looks past them. */
static const uint8_t *chroma_row(const reading *r, int i, int y) {
    int width = divided_up(r->j->width, r->h), last = divided_up(r->j->height, r->v) - 1;
    int x = r->region.x / r->h, past = (r->region.x + r->region.width + r->h - 1) / r->h;
    y = y < 0 ? 0 : y > last ? last : y;
    if (x == 0) *(plane_at(r, i, 0, y) - 1) = *plane_at(r, i, 0, y);
    if (past >= width) *plane_at(r, i, width, y) = *plane_at(r, i, width - 1, y);
    return plane_at(r, i, x, y);
}

static void colour_rows(const reading *r, const ft_image *out) {
    for (int k = 0; k < r->region.height; k++) {
        int y = r->region.y + k, near = y / r->v, far = y % 2 ? near + 1 : near - 1;
        ft_jpeg_row row = { .y = plane_at(r, 0, r->region.x, y) };
        for (int two = 0; two < r->v; two++) {
            row.cb[two] = chroma_row(r, 1, two ? far : near);
            row.cr[two] = chroma_row(r, 2, two ? far : near);
        }
        if (r->v == 1) row.cb[1] = row.cb[0], row.cr[1] = row.cr[0];
        ft_jpeg_colour_avx512(out->data + (size_t)k * out->stride_bytes, &row, r->region.width,
                              r->h, r->v == 2);
    }
}

static void grey_rows(const reading *r, const ft_image *out) {
    for (int k = 0; k < r->region.height; k++) {
        const uint8_t *from = plane_at(r, 0, r->region.x, r->region.y + k);
        uint8_t *to = out->data + (size_t)k * out->stride_bytes;
        if (out->channels == 1)
            memcpy(to, from, (size_t)r->region.width);
        else
            ft_spread_row(to, from, r->region.width);
    }
}

/* ---- exported */

static bool wanted(const struct ft_jpeg_own *j, const ft_decode_opts *opts, ft_decode_plan *plan) {
    if (j->width < SIDE_MIN || j->height < SIDE_MIN || opts->shrink > 1) return false;
    if (ft_decode_check_size(opts, j->width, j->height) ||
        ft_decode_plan_make(plan, opts, j->width, j->height, j->parts)) {
        ft_err_clear(); /* libjpeg's way finds the same and says it */
        return false;
    }
    return j->parts == 1 || plan->channels == 3;
}

static ft_err read_picture(bool *taken, ft_image *out, ft_decoder *d, reading *r,
                           const ft_decode_plan *p) {
    plan(r, p->region);
    lay_out_quant(r);
    FT_TRY(take_planes(r));
    if (!read_planes(r)) return FT_OK;
    FT_TRY(ft_decoder_take(out, d, r->region.width, r->region.height, p->channels));
    if (r->j->parts == 1)
        grey_rows(r, out);
    else
        colour_rows(r, out);
    *taken = true;
    ft_box inside = { p->region.x - r->region.x, 0, p->region.width, p->region.height };
    return ft_image_crop(out, out, inside);
}

ft_err ft_jpeg_own_decode(bool *taken, ft_image *out, ft_decoder *d, ft_str bytes,
                          const ft_decode_opts *opts) {
    ft_decode_plan p;
    size_t at;
    bool sound;
    *taken = false;
    if (!ft_media_path_has(FT_MEDIA_AVX512)) return FT_OK;
    if (!d->own) {
        d->own = ft_fault_here() ? NULL : calloc(1, sizeof *d->own);
        if (!d->own) return FT_FAIL(FT_ENOMEM, "no memory to read a JPEG");
    }
    reading r = { .j = d->own };
    if (!ft_jpeg_own_headers(r.j, bytes, &at) || !wanted(r.j, opts, &p) || !ft_jpeg_own_tables(r.j))
        return FT_OK;
    FT_TRY(ft_jpeg_own_unstuff(&sound, r.j, bytes, at));
    return sound ? read_picture(taken, out, d, &r, &p) : FT_OK;
}

#else

ft_err ft_jpeg_own_decode(bool *taken, ft_image *out, ft_decoder *d, ft_str bytes,
                          const ft_decode_opts *opts) {
    FT_UNUSED(out), FT_UNUSED(d), FT_UNUSED(bytes), FT_UNUSED(opts);
    *taken = false;
    return FT_OK;
}

#endif

void ft_jpeg_own_free(struct ft_jpeg_own *j) {
    if (!j) return;
    free(j->scan.at);
    free(j->planes.at);
    free(j->starts.at);
    free(j);
}
