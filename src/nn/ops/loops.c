/* loops.c -- loops over arrays that broadcast, and copies between strided places. See shared.h. */
#include "base/check.h"
#include "nn/ops/shared.h"
#include "nn/team.h"
#include "nn/ops/vector.h"

/* ---- broadcasting loops */

/* Does axis `k` continue axis `d` (the one before it that is kept) in every array? */
static bool continues(const ft_nn_loop *l, int d, const int64_t *step, int64_t size) {
    for (int a = 0; a < l->arrays; a++) {
        if (l->step[a][d] != step[a] * size) return false;
    }
    return true;
}

static void loop_axis(ft_nn_loop *l, int64_t size, const int64_t *step) {
    if (size == 1) return;
    if (l->dims && continues(l, l->dims - 1, step, size)) {
        l->size[l->dims - 1] *= size;
        for (int a = 0; a < l->arrays; a++) l->step[a][l->dims - 1] = step[a];
        return;
    }
    l->size[l->dims] = size;
    for (int a = 0; a < l->arrays; a++) l->step[a][l->dims] = step[a];
    l->dims++;
}

void ft_nn_loop_of(ft_nn_loop *l, const ft_array *shape, const ft_array *const *arrays, int count) {
    int64_t step[FT_NN_LOOP_ARRAYS][FT_ARRAY_DIMS_MAX];
    FT_CHECK(count <= FT_NN_LOOP_ARRAYS);
    *l = (ft_nn_loop){ .arrays = count };
    for (int a = 0; a < count; a++) {
        int64_t next = 1;
        int lead = shape->ndim - arrays[a]->ndim;
        FT_CHECK(lead >= 0);
        for (int d = shape->ndim - 1; d >= 0; d--) {
            int64_t size = d < lead ? 1 : arrays[a]->shape[d - lead];
            FT_CHECK(size == shape->shape[d] || size == 1);
            step[a][d] = size == 1 ? 0 : next;
            next *= size;
        }
    }
    for (int d = 0; d < shape->ndim; d++) {
        int64_t one[FT_NN_LOOP_ARRAYS];
        for (int a = 0; a < count; a++) one[a] = step[a][d];
        loop_axis(l, shape->shape[d], one);
    }
    if (l->dims == 0) { /* one item: every step is 0, the loop is of one */
        l->size[0] = 1;
        l->dims = 1;
    }
    l->inner = l->size[l->dims - 1];
    l->rows = 1;
    for (int d = 0; d < l->dims - 1; d++) l->rows *= l->size[d];
    if (l->inner == 0) l->rows = 0;
}

void ft_nn_loop_at(ft_nn_cursor *c, const ft_nn_loop *l, int64_t row) {
    *c = (ft_nn_cursor){ 0 };
    for (int d = l->dims - 2; d >= 0; d--) {
        c->index[d] = row % l->size[d];
        row /= l->size[d];
        for (int a = 0; a < l->arrays; a++) c->offset[a] += c->index[d] * l->step[a][d];
    }
}

void ft_nn_loop_next(ft_nn_cursor *c, const ft_nn_loop *l) {
    for (int d = l->dims - 2; d >= 0; d--) {
        for (int a = 0; a < l->arrays; a++) c->offset[a] += l->step[a][d];
        if (++c->index[d] < l->size[d]) return;
        c->index[d] = 0;
        for (int a = 0; a < l->arrays; a++) c->offset[a] -= l->size[d] * l->step[a][d];
    }
}

FT_NN_KERNEL(add_span, (float *out, const float *in, int64_t n), (out, in, n)) {
    for (int64_t i = 0; i < n; i++) out[i] += in[i];
}

void ft_nn_sum_to(ft_array *out, const ft_array *from) {
    ft_nn_loop l;
    ft_nn_cursor c;
    float *to = out->data;
    const float *at = from->data;
    ft_nn_loop_of(&l, from, (const ft_array *const[]){ out, from }, 2);
    ft_nn_loop_at(&c, &l, 0);
    for (int64_t row = 0; row < l.rows; row++, ft_nn_loop_next(&c, &l)) {
        const float *in = at + c.offset[1];
        if (ft_nn_inner_step(&l, 0) == 0) {
            double sum = 0;
            for (int64_t i = 0; i < l.inner; i++) sum += (double)in[i];
            to[c.offset[0]] += (float)sum;
        } else {
            add_span(to + c.offset[0], in, l.inner);
        }
    }
}

/* ---- strided copies */

void ft_nn_steps(int64_t *step, const int64_t *shape, int ndim) {
    int64_t next = 1;
    for (int d = ndim - 1; d >= 0; d--) {
        step[d] = next;
        next *= shape[d];
    }
}

/* The same copy with as few axes as it takes. */
static ft_nn_copy collapse(const ft_nn_copy *c) {
    ft_nn_copy out = { .in_at = c->in_at, .out_at = c->out_at };
    for (int d = 0; d < c->dims; d++) {
        int last = out.dims - 1;
        if (c->size[d] == 1) continue;
        if (out.dims && out.in_step[last] == c->in_step[d] * c->size[d] &&
            out.out_step[last] == c->out_step[d] * c->size[d]) {
            out.size[last] *= c->size[d];
            out.in_step[last] = c->in_step[d];
            out.out_step[last] = c->out_step[d];
            continue;
        }
        out.size[out.dims] = c->size[d];
        out.in_step[out.dims] = c->in_step[d];
        out.out_step[out.dims++] = c->out_step[d];
    }
    return out;
}

/* ---- work that is shared out */

#define PIECES_EACH 2 /* a thread: one that comes late finds something to do */

typedef struct spreading {
    int64_t count, step;
    int pieces;
    ft_nn_spread_fn body;
    void *ctx;
} spreading;

static ft_err piece_run(void *at, int piece, int thread) {
    const spreading *s = at;
    int64_t steps = (s->count + s->step - 1) / s->step;
    int64_t from = steps * piece / s->pieces * s->step;
    int64_t to = steps * (piece + 1) / s->pieces * s->step;
    (void)thread;
    s->body(s->ctx, from, to < s->count ? to : s->count);
    return FT_OK;
}

void ft_nn_spread(const ft_nn_call *c, int64_t count, int64_t step, int64_t items,
                  ft_nn_spread_fn body, void *ctx) {
    int threads = ft_nn_threads(c->team ? ft_nn_team_threads(c->team) : c->threads, items);
    int64_t steps = (count + step - 1) / step, pieces = (int64_t)threads * PIECES_EACH;
    spreading s = { count, step, (int)(pieces < steps ? pieces : steps), body, ctx };
    if (threads < 2 || s.pieces < 2) {
        body(ctx, 0, count);
    } else if (c->team) {
        if (ft_nn_team_run(c->team, s.pieces, piece_run, &s) != FT_OK) ft_err_clear();
    } else {
#pragma omp parallel for num_threads(threads)
        for (int piece = 0; piece < s.pieces; piece++) piece_run(&s, piece, 0);
    }
}

/* ---- strided copies */

/* Two inner axes: `rows` by `count` items. Tiles keep both sides in the cache when one of them is
 * walked across its lines (a transpose). */
#define TILE 32
#define COPY_TILED(type)                                                                  \
    static void copy_##type(const ft_nn_copy *c, type *out, const type *in, int64_t rows, \
                            int64_t count, int64_t in_row, int64_t out_row) {             \
        int64_t is = c->in_step[c->dims - 1], os = c->out_step[c->dims - 1];              \
        for (int64_t r0 = 0; r0 < rows; r0 += TILE) {                                     \
            int64_t r1 = r0 + TILE < rows ? r0 + TILE : rows;                             \
            for (int64_t k0 = 0; k0 < count; k0 += TILE) {                                \
                int64_t k1 = k0 + TILE < count ? k0 + TILE : count;                       \
                for (int64_t r = r0; r < r1; r++) {                                       \
                    const type *from = in + r * in_row;                                   \
                    type *to = out + r * out_row;                                         \
                    for (int64_t k = k0; k < k1; k++) to[k * os] = from[k * is];          \
                }                                                                         \
            }                                                                             \
        }                                                                                 \
    }
COPY_TILED(uint8_t)
COPY_TILED(uint16_t)
COPY_TILED(uint32_t)
COPY_TILED(uint64_t)

/* `rows` rows of a plane. */
static void copy_plane(const ft_nn_copy *c, char *out, const char *in, size_t item_bytes,
                       int64_t in_at, int64_t out_at, int64_t rows) {
    int last = c->dims - 1;
    int64_t count = c->size[last];
    int64_t in_row = last ? c->in_step[last - 1] : 0, out_row = last ? c->out_step[last - 1] : 0;
    const char *from = in + in_at * (int64_t)item_bytes;
    char *to = out + out_at * (int64_t)item_bytes;
    if (c->in_step[last] == 1 && c->out_step[last] == 1 && count >= 8) {
        for (int64_t r = 0; r < rows; r++)
            memcpy(to + r * out_row * (int64_t)item_bytes, from + r * in_row * (int64_t)item_bytes,
                   (size_t)count * item_bytes);
        return;
    }
    switch (item_bytes) {
    case 1:
        copy_uint8_t(c, (uint8_t *)to, (const uint8_t *)from, rows, count, in_row, out_row);
        break;
    case 2:
        copy_uint16_t(c, (uint16_t *)(void *)to, (const uint16_t *)(const void *)from, rows, count,
                      in_row, out_row);
        break;
    case 4:
        copy_uint32_t(c, (uint32_t *)(void *)to, (const uint32_t *)(const void *)from, rows, count,
                      in_row, out_row);
        break;
    default:
        FT_CHECK(item_bytes == 8);
        copy_uint64_t(c, (uint64_t *)(void *)to, (const uint64_t *)(const void *)from, rows, count,
                      in_row, out_row);
    }
}

/* Rows of all planes are counted through: a piece may begin and end inside a plane. */
typedef struct copying {
    ft_nn_copy copy;
    char *out;
    const char *in;
    size_t item_bytes;
} copying;

static void copy_rows(void *ctx, int64_t from, int64_t to) {
    const copying *w = ctx;
    const ft_nn_copy *c = &w->copy;
    int64_t rows = c->dims > 1 ? c->size[c->dims - 2] : 1;
    while (from < to) {
        int64_t rest = from / rows, row = from % rows;
        int64_t count = rows - row < to - from ? rows - row : to - from;
        int64_t in_at = c->in_at, out_at = c->out_at;
        if (c->dims > 1) in_at += row * c->in_step[c->dims - 2];
        if (c->dims > 1) out_at += row * c->out_step[c->dims - 2];
        for (int d = c->dims - 3; d >= 0; d--) {
            in_at += rest % c->size[d] * c->in_step[d];
            out_at += rest % c->size[d] * c->out_step[d];
            rest /= c->size[d];
        }
        copy_plane(c, w->out, w->in, w->item_bytes, in_at, out_at, count);
        from += count;
    }
}

void ft_nn_copy_run(const ft_nn_call *call, const ft_nn_copy *copy, void *out, const void *in,
                    size_t item_bytes) {
    int64_t items = 1, rows = 1;
    for (int d = 0; d < copy->dims; d++) items *= copy->size[d];
    if (items == 0) return;
    copying w = { collapse(copy), out, in, item_bytes };
    if (w.copy.dims == 0) {
        w.copy.dims = 1;
        w.copy.size[0] = w.copy.in_step[0] = w.copy.out_step[0] = 1;
    }
    for (int d = 0; d < w.copy.dims - 1; d++) rows *= w.copy.size[d];
    ft_nn_spread(call, rows, TILE, items, copy_rows, &w);
}

void ft_nn_copy_add(const ft_nn_copy *copy, float *out, const float *in) {
    int64_t rows = 1;
    ft_nn_copy c = collapse(copy);
    for (int d = 0; d < copy->dims; d++) {
        if (copy->size[d] == 0) return;
    }
    for (int d = 0; d < c.dims - 1; d++) rows *= c.size[d];
    for (int64_t row = 0; row < rows; row++) {
        int64_t rest = row, in_at = c.in_at, out_at = c.out_at;
        for (int d = c.dims - 2; d >= 0; d--) {
            in_at += rest % c.size[d] * c.in_step[d];
            out_at += rest % c.size[d] * c.out_step[d];
            rest /= c.size[d];
        }
        int64_t count = c.dims ? c.size[c.dims - 1] : 1;
        int64_t is = c.dims ? c.in_step[c.dims - 1] : 0, os = c.dims ? c.out_step[c.dims - 1] : 0;
        for (int64_t k = 0; k < count; k++) out[out_at + k * os] += in[in_at + k * is];
    }
}

ft_nn_copy ft_nn_copy_back(const ft_nn_copy *copy) {
    ft_nn_copy back = *copy;
    memcpy(back.in_step, copy->out_step, sizeof back.in_step);
    memcpy(back.out_step, copy->in_step, sizeof back.out_step);
    back.in_at = copy->out_at;
    back.out_at = copy->in_at;
    return back;
}

void ft_nn_fill(void *out, const void *item, size_t item_bytes, int64_t count) {
    if (count < 1) return;
    size_t bytes = (size_t)count * item_bytes, have = item_bytes;
    memcpy(out, item, item_bytes);
    while (have < bytes) { /* doubles what is there */
        size_t more = have < bytes - have ? have : bytes - have;
        memcpy((char *)out + have, out, more);
        have += more;
    }
}
