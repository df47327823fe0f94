/* arg.c -- places of the largest and smallest along an axis: ArgMax, ArgMin, TopK, Hardmax. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "nn/ops/shared.h"

typedef struct lines { /* the array as lines along one axis */
    int axis;
    int64_t outer, size, inner;
} lines;

static ft_err lines_of(lines *l, const ft_nn_node *node, const ft_array *a) {
    FT_TRY(ft_nn_axis(&l->axis, node, ft_nn_attr_int(node, "axis"), a->ndim));
    l->outer = ft_nn_product(a, 0, l->axis);
    l->size = a->shape[l->axis];
    l->inner = ft_nn_product(a, l->axis + 1, a->ndim);
    return FT_OK;
}
static int64_t line_at(const lines *l, int64_t line) { /* its first item */
    return line / l->inner * l->size * l->inner + line % l->inner;
}

/* Is item x before item y: larger (or smaller)? NaN is larger than all. */
static bool ahead(const ft_array *a, int64_t x, int64_t y, bool larger) {
    if (a->dtype == FT_F32) {
        float p = ((const float *)a->data)[x], q = ((const float *)a->data)[y];
        if (p != p || q != q) return larger ? p != p && q == q : p == p && q != q;
        return larger ? p > q : p < q;
    }
    if (ft_nn_is_float(a->dtype)) {
        double p = ft_array_f64(a, x), q = ft_array_f64(a, y);
        if (p != p || q != q) return larger ? p != p && q == q : p == p && q != q;
        return larger ? p > q : p < q;
    }
    uint64_t p = (uint64_t)ft_nn_get_int(a, x), q = (uint64_t)ft_nn_get_int(a, y);
    if (a->dtype != FT_U64) p ^= (uint64_t)INT64_MIN, q ^= (uint64_t)INT64_MIN;
    return larger ? p > q : p < q;
}

/* ---- ArgMax, ArgMin */

static ft_err arg_infer(ft_nn_infer *i) {
    const ft_array *in = &i->in[0];
    ft_array *out = &i->out[0];
    bool keep = ft_nn_attr_int(i->node, "keepdims") != 0;
    int axis;
    FT_TRY(ft_nn_take(i, 0, FT_NN_NUMBERS));
    *out = ft_nn_unknown(FT_I64);
    if (in->ndim < 0) return FT_OK;
    FT_TRY(ft_nn_axis(&axis, i->node, ft_nn_attr_int(i->node, "axis"), in->ndim));
    if (in->shape[axis] == 0)
        return ft_nn_refuse_(i->node, FT_EINVAL, "nothing to choose from along axis %d", axis);
    out->ndim = 0;
    for (int d = 0; d < in->ndim; d++) {
        if (d != axis)
            out->shape[out->ndim++] = in->shape[d];
        else if (keep)
            out->shape[out->ndim++] = 1;
    }
    return FT_OK;
}
static ft_err arg_run(const ft_nn_call *c, bool larger) {
    const ft_array *in = &c->in[0];
    bool last = ft_nn_attr_int(c->node, "select_last_index") != 0;
    lines l;
    FT_TRY(lines_of(&l, c->node, in));
    for (int64_t line = 0; line < l.outer * l.inner; line++) {
        int64_t at = line_at(&l, line), best = 0;
        for (int64_t k = 1; k < l.size; k++) {
            int64_t x = at + k * l.inner, y = at + best * l.inner;
            if (ahead(in, x, y, larger) || (last && !ahead(in, y, x, larger))) best = k;
        }
        ((int64_t *)c->out[0].data)[line] = best;
    }
    return FT_OK;
}
static ft_err arg_max_run(const ft_nn_call *c) { return arg_run(c, true); }
static ft_err arg_min_run(const ft_nn_call *c) { return arg_run(c, false); }

static const ft_nn_attr_row arg_attrs[] = { { "axis", FT_NN_INT, 0, NULL, false },
                                            { "keepdims", FT_NN_INT, 1, NULL, false },
                                            { "select_last_index", FT_NN_INT, 0, NULL, false },
                                            { 0 } };
#define ARG(sym, NAME, DOC)                               \
    extern const ft_nn_op ft_nn_op_##sym;                 \
    const ft_nn_op ft_nn_op_##sym = { .name = NAME,       \
                                      .doc = DOC,         \
                                      .attrs = arg_attrs, \
                                      .inputs_min = 1,    \
                                      .inputs_max = 1,    \
                                      .outputs_min = 1,   \
                                      .outputs_max = 1,   \
                                      .infer = arg_infer, \
                                      .reference = sym##_run };
ARG(arg_max, "ArgMax", "place of the largest along an axis")
ARG(arg_min, "ArgMin", "place of the smallest along an axis")

/* ---- Hardmax */

static ft_err hardmax_infer(ft_nn_infer *i) {
    int axis;
    FT_TRY(ft_nn_take(i, 0, FT_NN_FLOATS));
    if (i->in[0].ndim >= 0)
        FT_TRY(ft_nn_axis(&axis, i->node, ft_nn_attr_int(i->node, "axis"), i->in[0].ndim));
    return ft_nn_infer_same(i);
}
static ft_err hardmax_run(const ft_nn_call *c) {
    lines l;
    FT_TRY(lines_of(&l, c->node, &c->in[0]));
    memset(c->out[0].data, 0, ft_array_bytes(&c->out[0]));
    for (int64_t line = 0; line < l.outer * l.inner && l.size; line++) {
        int64_t at = line_at(&l, line), best = 0;
        for (int64_t k = 1; k < l.size; k++) {
            if (ahead(&c->in[0], at + k * l.inner, at + best * l.inner, true)) best = k;
        }
        ft_nn_put_f64(&c->out[0], at + best * l.inner, 1);
    }
    return FT_OK;
}
static const ft_nn_attr_row hardmax_attrs[] = { { "axis", FT_NN_INT, -1, NULL, false }, { 0 } };
extern const ft_nn_op ft_nn_op_hardmax;
const ft_nn_op ft_nn_op_hardmax = { .name = "Hardmax",
                                    .doc = "1 at the first largest along an axis, else 0",
                                    .attrs = hardmax_attrs,
                                    .inputs_min = 1,
                                    .inputs_max = 1,
                                    .outputs_min = 1,
                                    .outputs_max = 1,
                                    .infer = hardmax_infer,
                                    .reference = hardmax_run };

/* ---- TopK: by a heap of k places, the worst on top; equal numbers in the order of their places */

static ft_err top_k_infer(ft_nn_infer *i) {
    const ft_array *in = &i->in[0];
    int axis;
    FT_TRY(ft_nn_take(i, 0, FT_NN_NUMBERS));
    FT_TRY(ft_nn_take(i, 1, FT_NN_INDEXES));
    i->content_needed = !ft_nn_content(&i->in[1]);
    ft_array out = ft_nn_like(in);
    if (in->ndim >= 0) {
        FT_TRY(ft_nn_axis(&axis, i->node, ft_nn_attr_int(i->node, "axis"), in->ndim));
        int64_t k = FT_NN_DIM_ANY;
        if (!i->content_needed) {
            if (ft_array_count(&i->in[1]) != 1)
                return ft_nn_refuse_(i->node, FT_EINVAL, "k must be one number");
            k = ft_nn_get_int(&i->in[1], 0);
            if (k < 0 || (in->shape[axis] >= 0 && k > in->shape[axis]))
                return ft_nn_refuse_(i->node, FT_EINVAL, "k = %" PRId64 " of %" PRId64 " items", k,
                                     in->shape[axis]);
        }
        out.shape[axis] = k;
    }
    i->out[0] = out;
    if (i->out_count > 1) {
        i->out[1] = out;
        i->out[1].dtype = FT_I64;
    }
    return FT_OK;
}

typedef struct heap {
    const ft_array *a;
    int64_t at, step; /* the line */
    bool larger;
    int64_t *place;
    int64_t count;
} heap;

/* Does place x come before place y in the answer? */
static bool first(const heap *h, int64_t x, int64_t y) {
    int64_t i = h->at + x * h->step, j = h->at + y * h->step;
    if (ahead(h->a, i, j, h->larger)) return true;
    return x < y && !ahead(h->a, j, i, h->larger);
}
static void sift(heap *h, int64_t at) {
    int64_t place = h->place[at];
    for (int64_t child; (child = 2 * at + 1) < h->count; at = child) {
        if (child + 1 < h->count && first(h, h->place[child], h->place[child + 1])) child++;
        if (!first(h, place, h->place[child])) break;
        h->place[at] = h->place[child];
    }
    h->place[at] = place;
}
/* The k first places of the line, in order. */
static void heap_line(heap *h, int64_t size, int64_t k) {
    h->count = k;
    for (int64_t i = 0; i < k; i++) h->place[i] = i;
    for (int64_t i = k / 2 - 1; i >= 0; i--) sift(h, i);
    for (int64_t i = k; i < size; i++) {
        if (!first(h, i, h->place[0])) continue;
        h->place[0] = i;
        sift(h, 0);
    }
    while (h->count > 1) { /* the worst to the end */
        int64_t worst = h->place[0];
        h->place[0] = h->place[--h->count];
        h->place[h->count] = worst;
        sift(h, 0);
    }
}
static ft_err top_k_prepare(ft_nn_prepare *p) {
    lines l;
    if (!ft_nn_sized(&p->out[0])) return FT_OK;
    FT_TRY(lines_of(&l, p->node, &p->out[0]));
    p->scratch_bytes = (size_t)(l.size ? l.size : 1) * sizeof(int64_t);
    return FT_OK;
}
static ft_err top_k_run(const ft_nn_call *c) {
    const ft_array *in = &c->in[0];
    lines l;
    FT_TRY(lines_of(&l, c->node, in));
    int64_t k = ft_nn_get_int(&c->in[1], 0);
    heap h = { .a = in,
               .step = l.inner,
               .larger = ft_nn_attr_int(c->node, "largest") != 0,
               .place = c->scratch };
    for (int64_t line = 0; line < l.outer * l.inner && k; line++) {
        int64_t to = line / l.inner * k * l.inner + line % l.inner;
        h.at = line_at(&l, line);
        heap_line(&h, l.size, k);
        for (int64_t i = 0; i < k; i++, to += l.inner) {
            if (c->out[0].data) ft_nn_put_item(&c->out[0], to, in, h.at + h.place[i] * l.inner);
            if (c->out_count > 1 && c->out[1].data) ((int64_t *)c->out[1].data)[to] = h.place[i];
        }
    }
    return FT_OK;
}
static ft_err top_k_backward(const ft_nn_call *c) {
    ft_array *to = &c->in_grad[0];
    lines l;
    if (!to->data) return FT_OK;
    memset(to->data, 0, ft_array_bytes(to));
    if (!c->out_grad[0].data) return FT_OK;
    FT_TRY(lines_of(&l, c->node, &c->in[0]));
    int64_t k = ft_nn_get_int(&c->in[1], 0);
    heap h = { .a = &c->in[0],
               .step = l.inner,
               .larger = ft_nn_attr_int(c->node, "largest") != 0,
               .place = c->scratch };
    for (int64_t line = 0; line < l.outer * l.inner && k; line++) {
        int64_t from = line / l.inner * k * l.inner + line % l.inner;
        h.at = line_at(&l, line);
        heap_line(&h, l.size, k);
        for (int64_t i = 0; i < k; i++, from += l.inner)
            ((float *)to->data)[h.at + h.place[i] * l.inner] +=
                ((const float *)c->out_grad[0].data)[from];
    }
    return FT_OK;
}
static const ft_nn_attr_row top_k_attrs[] = { { "axis", FT_NN_INT, -1, NULL, false },
                                              { "largest", FT_NN_INT, 1, NULL, false },
                                              { "sorted", FT_NN_INT, 1, NULL, false },
                                              { 0 } };
extern const ft_nn_op ft_nn_op_top_k;
const ft_nn_op ft_nn_op_top_k = { .name = "TopK",
                                  .doc = "the k largest along an axis, and their places",
                                  .attrs = top_k_attrs,
                                  .inputs_min = 2,
                                  .inputs_max = 2,
                                  .outputs_min = 1,
                                  .outputs_max = 2,
                                  .infer = top_k_infer,
                                  .reference = top_k_run,
                                  .backward = top_k_backward,
                                  .prepare = top_k_prepare };
