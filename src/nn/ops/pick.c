/* pick.c -- as many items as the content tells: NonZero, Compress, Unique. Their outputs' sizes are
 * known when they have run; they are made in the run's arena. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "nn/ops/shared.h"

#define PICK(sym, NAME, DOC, ATTRS, IN, OUT)                  \
    extern const ft_nn_op ft_nn_op_##sym;                     \
    const ft_nn_op ft_nn_op_##sym = { .name = NAME,           \
                                      .doc = DOC,             \
                                      .attrs = ATTRS,         \
                                      .inputs_min = IN,       \
                                      .inputs_max = IN,       \
                                      .outputs_min = 1,       \
                                      .outputs_max = OUT,     \
                                      .infer = sym##_infer,   \
                                      .reference = sym##_run, \
                                      .dynamic = true };

static ft_err output(const ft_nn_call *c, size_t k, ft_array shape) {
    shape.data = NULL;
    if (k >= c->out_count) return FT_OK;
    FT_TRY(
        ft_arena_take(&shape.data, c->arena,
                      (size_t)ft_nn_product(&shape, 0, shape.ndim) * ft_dtype_bytes(shape.dtype)));
    c->out[k] = shape;
    return FT_OK;
}

/* ---- NonZero */

static ft_err non_zero_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    int ndim = i->in[0].ndim;
    i->out[0] = (ft_array){ .dtype = FT_I64, .ndim = 2, .shape = { ndim, FT_NN_DIM_ANY } };
    if (ndim < 0) i->out[0].shape[0] = FT_NN_DIM_ANY;
    return FT_OK;
}
static ft_err non_zero_run(const ft_nn_call *c) {
    const ft_array *in = &c->in[0];
    int64_t count = ft_array_count(in), found = 0, at = 0;
    for (int64_t i = 0; i < count; i++) found += ft_array_f64(in, i) != 0;
    FT_TRY(output(c, 0, (ft_array){ .dtype = FT_I64, .ndim = 2, .shape = { in->ndim, found } }));
    int64_t *out = c->out[0].data;
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = i;
        if (ft_array_f64(in, i) == 0) continue;
        for (int d = in->ndim - 1; d >= 0; d--) {
            out[d * found + at] = rest % in->shape[d];
            rest /= in->shape[d];
        }
        at++;
    }
    return FT_OK;
}
PICK(non_zero, "NonZero", "places of the items that are not 0", NULL, 1, 1)

/* ---- slices along an axis; without one, of the flat array */

typedef struct slices {
    bool flat;
    int axis;
    int64_t outer, size, inner;
} slices;

static ft_err slices_of(slices *s, const ft_nn_node *node, const ft_array *in) {
    const ft_nn_attr *axis = ft_nn_attr_find(node, "axis");
    *s = (slices){ .flat = !axis, .outer = 1, .inner = 1 };
    if (!axis) {
        s->size = ft_nn_product(in, 0, in->ndim);
        return FT_OK;
    }
    FT_TRY(ft_nn_axis(&s->axis, node, axis->i, in->ndim));
    s->outer = ft_nn_product(in, 0, s->axis);
    s->size = in->shape[s->axis];
    s->inner = ft_nn_product(in, s->axis + 1, in->ndim);
    return FT_OK;
}
static ft_array slices_shape(const slices *s, const ft_array *in, int64_t count) {
    ft_array out = ft_nn_like(in);
    if (s->flat) return (ft_array){ .dtype = in->dtype, .ndim = 1, .shape = { count } };
    out.shape[s->axis] = count;
    return out;
}
static ft_err slices_infer(ft_nn_infer *i) {
    const ft_nn_attr *axis = ft_nn_attr_find(i->node, "axis");
    const ft_array *in = &i->in[0];
    int at;
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    i->out[0] = (ft_array){ .dtype = in->dtype, .ndim = 1, .shape = { FT_NN_DIM_ANY } };
    if (!axis) return FT_OK;
    i->out[0] = ft_nn_like(in);
    if (in->ndim < 0) return FT_OK;
    FT_TRY(ft_nn_axis(&at, i->node, axis->i, in->ndim));
    i->out[0].shape[at] = FT_NN_DIM_ANY;
    return FT_OK;
}
/* Slice `from` of the input to slice `to` (of `count`) of output 0. */
static void slice_put(const ft_nn_call *c, const slices *s, int64_t to, int64_t from,
                      int64_t count) {
    size_t bytes = ft_dtype_bytes(c->in[0].dtype) * (size_t)s->inner;
    for (int64_t o = 0; o < s->outer; o++)
        memcpy((char *)c->out[0].data + (size_t)(o * count + to) * bytes,
               (const char *)c->in[0].data + (size_t)(o * s->size + from) * bytes, bytes);
}

/* ---- Compress */

static ft_err compress_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 1, FT_NN_BIT(FT_BOOL)));
    return slices_infer(i);
}
static ft_err compress_run(const ft_nn_call *c) {
    slices s;
    int64_t found = 0, at = 0, asked = ft_array_count(&c->in[1]);
    const uint8_t *want = c->in[1].data;
    FT_TRY(slices_of(&s, c->node, &c->in[0]));
    if (asked > s.size) asked = s.size;
    for (int64_t k = 0; k < asked; k++) found += want[k] != 0;
    FT_TRY(output(c, 0, slices_shape(&s, &c->in[0], found)));
    for (int64_t k = 0; k < asked; k++) {
        if (want[k]) slice_put(c, &s, at++, k, found);
    }
    return FT_OK;
}
static const ft_nn_attr_row axis_attrs[] = { { "axis", FT_NN_INT, 0, NULL, false }, { 0 } };
PICK(compress, "Compress", "slices for which a condition holds", axis_attrs, 2, 1)

/* ---- Unique: the different slices, where each stood first, which one each is, how many there are
 */

static ft_err unique_infer(ft_nn_infer *i) {
    FT_TRY(slices_infer(i));
    for (size_t k = 1; k < i->out_count; k++)
        i->out[k] = (ft_array){ .dtype = FT_I64, .ndim = 1, .shape = { FT_NN_DIM_ANY } };
    return FT_OK;
}

typedef struct slice_key {
    const ft_array *in;
    const slices *s;
    int64_t at;
} slice_key;

static int number_order(const ft_array *a, int64_t x, int64_t y) {
    if (ft_nn_is_float(a->dtype)) {
        double p = ft_array_f64(a, x), q = ft_array_f64(a, y);
        if (isnan(p) || isnan(q)) return isnan(p) - isnan(q); /* NaN last */
        return (p > q) - (p < q);
    }
    int64_t p = ft_nn_get_int(a, x), q = ft_nn_get_int(a, y);
    if (a->dtype == FT_U64) p ^= INT64_MIN, q ^= INT64_MIN;
    return (p > q) - (p < q);
}
static int content_order(const slice_key *x, const slice_key *y) {
    const slices *s = x->s;
    for (int64_t o = 0; o < s->outer; o++) {
        for (int64_t k = 0; k < s->inner; k++) {
            int order = number_order(x->in, (o * s->size + x->at) * s->inner + k,
                                     (o * s->size + y->at) * s->inner + k);
            if (order) return order;
        }
    }
    return 0;
}
static int by_content(const void *a, const void *b) {
    const slice_key *x = a, *y = b;
    int order = content_order(x, y);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

typedef struct group { /* equal slices */
    int64_t first, rank, members;
} group;
static int by_first(const void *a, const void *b) {
    const group *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

static ft_err unique_write(const ft_nn_call *c, const slices *s, const group *groups, int64_t count,
                           const int64_t *group_of) {
    const ft_array list = { .dtype = FT_I64, .ndim = 1, .shape = { count } };
    const ft_array all = { .dtype = FT_I64, .ndim = 1, .shape = { s->size } };
    FT_TRY(output(c, 0, slices_shape(s, &c->in[0], count)));
    FT_TRY(output(c, 1, list));
    FT_TRY(output(c, 2, all));
    FT_TRY(output(c, 3, list));
    for (int64_t g = 0; g < count; g++) {
        slice_put(c, s, g, groups[g].first, count);
        if (c->out_count > 1) ((int64_t *)c->out[1].data)[g] = groups[g].first;
        if (c->out_count > 3) ((int64_t *)c->out[3].data)[g] = groups[g].members;
    }
    for (int64_t k = 0; k < s->size && c->out_count > 2; k++)
        ((int64_t *)c->out[2].data)[k] = group_of[k];
    return FT_OK;
}

static ft_err unique_run(const ft_nn_call *c) {
    slices s;
    slice_key *keys;
    group *groups;
    int64_t *group_of, *moved, count = 0;
    FT_TRY(slices_of(&s, c->node, &c->in[0]));
    FT_TRY(ft_arena_items(&keys, c->arena, (size_t)s.size));
    FT_TRY(ft_arena_items(&groups, c->arena, (size_t)s.size));
    FT_TRY(ft_arena_items(&group_of, c->arena, (size_t)s.size));
    FT_TRY(ft_arena_items(&moved, c->arena, (size_t)s.size));
    for (int64_t k = 0; k < s.size; k++) keys[k] = (slice_key){ &c->in[0], &s, k };
    if (s.size) qsort(keys, (size_t)s.size, sizeof *keys, by_content);
    for (int64_t k = 0; k < s.size; k++) {
        if (k == 0 || content_order(&keys[k - 1], &keys[k]) != 0) {
            groups[count] = (group){ .first = keys[k].at, .rank = count };
            count++;
        }
        groups[count - 1].members++;
        group_of[keys[k].at] = count - 1;
    }
    if (!ft_nn_attr_int(c->node, "sorted") && count)
        qsort(groups, (size_t)count, sizeof *groups, by_first);
    for (int64_t g = 0; g < count; g++) moved[groups[g].rank] = g;
    for (int64_t k = 0; k < s.size; k++) group_of[k] = moved[group_of[k]];
    return unique_write(c, &s, groups, count, group_of);
}
static const ft_nn_attr_row unique_attrs[] = { { "axis", FT_NN_INT, 0, NULL, false },
                                               { "sorted", FT_NN_INT, 1, NULL, false },
                                               { 0 } };
PICK(unique, "Unique", "the slices that differ, each once", unique_attrs, 1, 4)
