/* transform_affine.c -- a picture turned, shifted, scaled and sheared a little by chance, in one
 * bilinear pass over its own size; beyond its edge its edge goes on. */
#include <math.h>

#include "base/check.h"
#include "data/transform_in.h"

static double between(ft_transforming *r, float most) {
    return (2 * ft_random_unit(&r->random) - 1) * (double)most;
}

/* From a place of the result to one of the picture: x' = a x + b y + c, y' = d x + e y + f. */
typedef struct map {
    double a, b, c, d, e, f;
} map;

/* Turned about the middle by the inverse of scale * rotation * shear, then shifted. */
static map map_draw(ft_transforming *r, const ft_step *s) {
    const double degree = acos(-1) / 180;
    double turn = between(r, s->v[0]) * degree;
    double right = between(r, s->v[1]) * r->width, down = between(r, s->v[1]) * r->height;
    double scale = exp(between(r, s->v[2])), shear = tan(between(r, s->v[3]) * degree);
    double middle_x = (r->width - 1) / 2.0, middle_y = (r->height - 1) / 2.0;
    map m = { .a = cos(turn) / scale, .b = sin(turn) / scale };
    m.d = -sin(turn) / scale + shear * m.a;
    m.e = cos(turn) / scale + shear * m.b;
    m.c = middle_x - m.a * (middle_x + right) - m.b * (middle_y + down);
    m.f = middle_y - m.d * (middle_x + right) - m.e * (middle_y + down);
    return m;
}

static int clamped(double v, int size) { return v < 0 ? 0 : v > size - 1 ? size - 1 : (int)v; }

static void row_fill(uint8_t *to, const ft_image *from, const map *m, int y, int width) {
    int channels = from->channels;
    for (int x = 0; x < width; x++, to += channels) {
        double sx = fmin(fmax(m->a * x + m->b * y + m->c, 0), from->width - 1);
        double sy = fmin(fmax(m->d * x + m->e * y + m->f, 0), from->height - 1);
        int x0 = clamped(sx, from->width), y0 = clamped(sy, from->height);
        int x1 = x0 + 1 < from->width ? x0 + 1 : x0, y1 = y0 + 1 < from->height ? y0 + 1 : y0;
        float u = (float)(sx - x0), v = (float)(sy - y0);
        const uint8_t *top = from->data + (size_t)y0 * from->stride_bytes;
        const uint8_t *low = from->data + (size_t)y1 * from->stride_bytes;
        for (int c = 0; c < channels; c++) {
            float p = (float)top[x0 * channels + c] * (1 - u) + (float)top[x1 * channels + c] * u;
            float q = (float)low[x0 * channels + c] * (1 - u) + (float)low[x1 * channels + c] * u;
            to[c] = (uint8_t)(p * (1 - v) + q * v + 0.5f);
        }
    }
}

ft_err ft_affine_plan(ft_transform *t, ft_step *s, ft_transform_plan *p) {
    static const float most[4] = { 180, 1, 2, 60 };
    FT_UNUSED(t), FT_UNUSED(p);
    for (int i = 0; i < 4; i++)
        if (!(s->v[i] >= 0 && s->v[i] <= most[i]))
            return FT_FAIL(FT_EINVAL, "affine: %g is not between 0 and %g", (double)s->v[i],
                           (double)most[i]);
    return FT_OK;
}

ft_err ft_affine_run(ft_transforming *r, const ft_step *s) {
    ft_image to;
    FT_TRY(ft_transform_decode(r));
    map m = map_draw(r, s);
    FT_TRY(ft_transform_scratch(&to, r, r->width, r->height, r->image.channels));
    for (int y = 0; y < r->height; y++)
        row_fill(to.data + (size_t)y * to.stride_bytes, &r->image, &m, y, r->width);
    r->image = to;
    r->writable = true;
    return FT_OK;
}
