/* image_test.h -- pictures for the tests of this room: made from a seed, JPEGs of every sampling.
 */
#ifndef FT_IMAGE_TEST_H
#define FT_IMAGE_TEST_H

#include "base/check.h"
#include "base/random.h"
#include "media/jpeg_in.h"
#include "tests/test.h"

/* Gradients, a few discs with sharp edges, and noise: smooth and rough places, every byte value. */
static inline void test_paint(const ft_image *image, uint64_t seed) {
    ft_random r;
    double disc[6][4], slope[3][2];
    ft_random_seed(&r, seed);
    for (int i = 0; i < 6; i++) {
        disc[i][0] = ft_random_unit(&r) * image->width;
        disc[i][1] = ft_random_unit(&r) * image->height;
        disc[i][2] = ft_random_unit(&r) * (image->width + image->height) / 6;
        disc[i][3] = ft_random_unit(&r) * 255;
    }
    for (int i = 0; i < 6; i++) slope[i / 2][i % 2] = ft_random_unit(&r) * 2 - 1;
    for (int y = 0; y < image->height; y++) {
        uint8_t *to = image->data + (size_t)y * image->stride_bytes;
        for (int x = 0; x < image->width; x++) {
            double tint = 0;
            for (int i = 0; i < 6; i++) {
                double dx = x - disc[i][0], dy = y - disc[i][1];
                if (dx * dx + dy * dy < disc[i][2] * disc[i][2]) tint = disc[i][3];
            }
            for (int k = 0; k < image->channels; k++) {
                double v = 128 + slope[k][0] * x + slope[k][1] * y + tint * (k - 1) +
                           ft_random_unit(&r) * 24;
                *to++ = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
            }
        }
    }
}

/* What test_jpeg writes: components, sampling of the first, scans, restarts. */
typedef struct test_jpeg_kind {
    const char *name;
    int components; /* 1; 3; 4: CMYK from three channels and their mean */
    int h, v;
    bool progressive;
    int restart; /* MCUs between restart markers */
} test_jpeg_kind;

static const test_jpeg_kind test_jpeg_kinds[] = {
    { "444", 3, 1, 1, false, 0 },
    { "422", 3, 2, 1, false, 0 },
    { "420", 3, 2, 2, false, 0 },
    { "440", 3, 1, 2, false, 0 },
    { "411", 3, 4, 1, false, 0 },
    { "410", 3, 4, 2, false, 0 },
    { "grey", 1, 1, 1, false, 0 },
    { "grey 2x2", 1, 2, 2, false, 0 },
    { "cmyk", 4, 1, 1, false, 0 },
    { "cmyk 2x2", 4, 2, 2, false, 0 },
    { "420 restarts", 3, 2, 2, false, 3 },
    { "420 progressive", 3, 2, 2, true, 0 },
    { "444 progressive", 3, 1, 1, true, 0 },
    { "grey progressive", 1, 1, 1, true, 0 },
    { "422 progressive restarts", 3, 2, 1, true, 5 },
};

typedef struct test_jpeg_job {
    const ft_image *image;
    const test_jpeg_kind *kind;
    int quality;
} test_jpeg_job;

static inline void test_scans(struct jpeg_compress_struct *c, jpeg_scan_info *scans, int n) {
    int count = 0;
    scans[count] = (jpeg_scan_info){ .comps_in_scan = n, .Ah = 0, .Al = 1 };
    for (int i = 0; i < n; i++) scans[count].component_index[i] = i;
    count++;
    for (int i = 0; i < n; i++) {
        scans[count++] = (jpeg_scan_info){ 1, { i }, 1, 5, 0, 2 };
        scans[count++] = (jpeg_scan_info){ 1, { i }, 6, 63, 0, 2 };
        scans[count++] = (jpeg_scan_info){ 1, { i }, 1, 63, 2, 1 };
    }
    scans[count] = (jpeg_scan_info){ .comps_in_scan = n, .Ah = 1, .Al = 0 };
    for (int i = 0; i < n; i++) scans[count].component_index[i] = i;
    count++;
    for (int i = 0; i < n; i++) scans[count++] = (jpeg_scan_info){ 1, { i }, 1, 63, 1, 0 };
    c->scan_info = scans;
    c->num_scans = count;
}

static inline ft_err test_jpeg_body(ft_jpeg *j) {
    const test_jpeg_job *w = j->caller;
    struct jpeg_compress_struct *c = &j->c.out;
    jpeg_scan_info scans[32];
    uint8_t *row = malloc((size_t)w->image->width * 4);
    c->image_width = (JDIMENSION)w->image->width;
    c->image_height = (JDIMENSION)w->image->height;
    c->input_components = w->kind->components;
    c->in_color_space = w->kind->components == 1   ? JCS_GRAYSCALE
                        : w->kind->components == 3 ? JCS_RGB
                                                   : JCS_CMYK;
    j->api->set_defaults(c);
    j->api->set_quality(c, w->quality, TRUE);
    c->comp_info[0].h_samp_factor = w->kind->h;
    c->comp_info[0].v_samp_factor = w->kind->v;
    if (w->kind->components == 4) {
        c->comp_info[3].h_samp_factor = w->kind->h;
        c->comp_info[3].v_samp_factor = w->kind->v;
    }
    c->restart_interval = (unsigned)w->kind->restart;
    if (w->kind->progressive) test_scans(c, scans, w->kind->components);
    j->api->start_compress(c, TRUE);
    for (int y = 0; y < w->image->height; y++) {
        const uint8_t *from = w->image->data + (size_t)y * w->image->stride_bytes;
        for (int x = 0; x < w->image->width; x++)
            for (int k = 0; k < w->kind->components; k++)
                row[x * w->kind->components + k] = from[x * w->image->channels + (k < 3 ? k : 1)];
        JSAMPROW rows[1] = { row };
        j->api->write_scanlines(c, rows, 1);
    }
    j->api->finish_compress(c);
    free(row);
    return FT_OK;
}

/* A picture as a JPEG of that kind, appended. The picture has as many channels as the kind (three
 * for CMYK). */
static inline void test_jpeg(ft_buf *out, const ft_image *image, const test_jpeg_kind *kind,
                             int quality) {
    test_jpeg_job w = { image, kind, quality };
    EXPECT_OK(ft_jpeg_write(out, test_jpeg_body, &w));
}

static inline bool test_equal(const ft_image *a, const ft_image *b) {
    if (a->width != b->width || a->height != b->height || a->channels != b->channels) return false;
    for (int y = 0; y < a->height; y++)
        if (memcmp(a->data + (size_t)y * a->stride_bytes, b->data + (size_t)y * b->stride_bytes,
                   ft_image_row_bytes(a)))
            return false;
    return true;
}

/* The largest difference of two pictures of one shape. */
static inline int test_distance(const ft_image *a, const ft_image *b) {
    int most = 0;
    EXPECT(a->width == b->width && a->height == b->height && a->channels == b->channels);
    for (int y = 0; y < a->height; y++)
        for (size_t i = 0; i < ft_image_row_bytes(a); i++) {
            int d =
                a->data[(size_t)y * a->stride_bytes + i] - b->data[(size_t)y * b->stride_bytes + i];
            if (abs(d) > most) most = abs(d);
        }
    return most;
}

static inline ft_image test_picture(ft_arena *arena, int width, int height, int channels,
                                    uint64_t seed) {
    ft_image image;
    EXPECT_OK(ft_image_new(&image, arena, width, height, channels));
    test_paint(&image, seed);
    return image;
}

static inline ft_box test_box(ft_random *r, int width, int height) {
    ft_box b = { .width = 1 + (int)ft_random_below(r, (uint64_t)width),
                 .height = 1 + (int)ft_random_below(r, (uint64_t)height) };
    b.x = (int)ft_random_below(r, (uint64_t)(width - b.width + 1));
    b.y = (int)ft_random_below(r, (uint64_t)(height - b.height + 1));
    return b;
}

#endif
