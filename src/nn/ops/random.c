/* random.c -- numbers by chance: Dropout, RandomNormal, RandomUniform (and as another array),
 * Bernoulli, Multinomial. A node's own seed wins over the run's; the same seed gives the same
 * numbers on every machine. */
#include <inttypes.h>

#include "base/check.h"
#include "base/random.h"
#include "nn/ops/shared.h"

static ft_random generator(const ft_nn_call *c) {
    const ft_nn_attr *seed = ft_nn_attr_find(c->node, "seed");
    uint64_t bits = c->seed;
    ft_random r;
    if (seed && seed->type == FT_NN_FLOAT) memcpy(&bits, &seed->f, sizeof bits);
    if (seed && seed->type == FT_NN_INT) bits = (uint64_t)seed->i;
    ft_random_seed(&r, bits);
    return r;
}

/* ---- Dropout: data, ratio, training */

static ft_err dropout_infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_FLOATS));
    FT_TRY(ft_nn_infer_same(i));
    if (i->out_count > 1) {
        i->out[1] = ft_nn_like(&i->in[0]);
        i->out[1].dtype = FT_BOOL;
    }
    return FT_OK;
}
/* The share that is left out; 0 when not training. */
static double dropout_ratio(const ft_nn_call *c) {
    bool asked = ft_nn_given(c->in, c->in_count, 2) && ft_nn_get_int(&c->in[2], 0);
    double ratio = ft_nn_given(c->in, c->in_count, 1) ? ft_array_f64(&c->in[1], 0) : 0.5;
    return asked || c->training ? fmin(fmax(ratio, 0), 1) : 0;
}
/* to[i] = from[i] / (1 - ratio), or 0 by chance; `mask` may be NULL. */
static void drop(const ft_nn_call *c, ft_array *to, const ft_array *from, ft_array *mask) {
    ft_random r = generator(c);
    double ratio = dropout_ratio(c), scale = ratio < 1 ? 1 / (1 - ratio) : 0;
    for (int64_t i = 0; i < ft_array_count(from); i++) {
        bool keep = ratio == 0 || ft_random_unit(&r) >= ratio;
        if (to) ft_nn_put_f64(to, i, keep ? ft_array_f64(from, i) * scale : 0);
        if (mask) ft_nn_put_int(mask, i, keep);
    }
}
static ft_err dropout_run(const ft_nn_call *c) {
    ft_array *mask = c->out_count > 1 && c->out[1].data ? &c->out[1] : NULL;
    ft_array *out = c->out[0].data ? &c->out[0] : NULL;
    if (dropout_ratio(c) == 0 && out) {
        if (out->data != c->in[0].data) memcpy(out->data, c->in[0].data, ft_array_bytes(out));
        if (mask) memset(mask->data, 1, ft_array_bytes(mask));
        return FT_OK;
    }
    if (out || mask) drop(c, out, &c->in[0], mask);
    return FT_OK;
}
static ft_err dropout_backward(const ft_nn_call *c) {
    if (!c->in_grad[0].data) return FT_OK;
    if (c->out_grad[0].data)
        drop(c, &c->in_grad[0], &c->out_grad[0], NULL);
    else
        memset(c->in_grad[0].data, 0, ft_array_bytes(&c->in_grad[0]));
    return FT_OK;
}
static const ft_nn_attr_row seed_int[] = { { "seed", FT_NN_INT, 0, NULL, false }, { 0 } };
extern const ft_nn_op ft_nn_op_dropout;
const ft_nn_op ft_nn_op_dropout = { .name = "Dropout",
                                    .doc = "while training, a share of the items is 0",
                                    .attrs = seed_int,
                                    .inputs_min = 1,
                                    .inputs_max = 3,
                                    .outputs_min = 1,
                                    .outputs_max = 2,
                                    .infer = dropout_infer,
                                    .reference = dropout_run,
                                    .backward = dropout_backward,
                                    .in_place = true };

/* ---- RandomNormal, RandomUniform */

static ft_err shape_attr_infer(ft_nn_infer *i) {
    const int64_t *shape;
    size_t count;
    FT_TRY(ft_nn_type_of(&i->out[0].dtype, i->node, ft_nn_attr_int(i->node, "dtype")));
    ft_nn_attr_ints(i->node, "shape", &shape, &count);
    ft_array list = {
        .dtype = FT_I64, .ndim = 1, .shape = { (int64_t)count }, .data = (void *)(uintptr_t)shape
    };
    FT_TRY(ft_nn_ints_of(i->node, "the shape", &list, i->out[0].shape, &i->out[0].ndim));
    for (int d = 0; d < i->out[0].ndim; d++) {
        if (i->out[0].shape[d] < 0)
            return ft_nn_refuse_(i->node, FT_EINVAL, "a size of %" PRId64, i->out[0].shape[d]);
    }
    return ft_nn_sane(i->node, &i->out[0]);
}
static ft_err like_infer(ft_nn_infer *i) {
    const ft_nn_attr *type = ft_nn_attr_find(i->node, "dtype");
    FT_TRY(ft_nn_take(i, 0, FT_NN_ANY_TYPE));
    FT_TRY(ft_nn_infer_same(i));
    if (type) FT_TRY(ft_nn_type_of(&i->out[0].dtype, i->node, type->i));
    return FT_OK;
}
static ft_err normal_run(const ft_nn_call *c) {
    ft_random r = generator(c);
    double mean = ft_nn_attr_float(c->node, "mean"), scale = ft_nn_attr_float(c->node, "scale");
    for (int64_t i = 0; i < ft_array_count(&c->out[0]); i++)
        ft_nn_put_f64(&c->out[0], i, mean + scale * ft_random_normal(&r));
    return FT_OK;
}
static ft_err uniform_run(const ft_nn_call *c) {
    ft_random r = generator(c);
    double low = ft_nn_attr_float(c->node, "low"), high = ft_nn_attr_float(c->node, "high");
    for (int64_t i = 0; i < ft_array_count(&c->out[0]); i++)
        ft_nn_put_f64(&c->out[0], i, low + (high - low) * ft_random_unit(&r));
    return FT_OK;
}
static ft_err bernoulli_run(const ft_nn_call *c) {
    ft_random r = generator(c);
    for (int64_t i = 0; i < ft_array_count(&c->out[0]); i++)
        ft_nn_put_f64(&c->out[0], i, ft_random_unit(&r) < ft_array_f64(&c->in[0], i));
    return FT_OK;
}

/* ---- Multinomial: rows of logarithms of weights, some draws each */

static ft_err multinomial_infer(ft_nn_infer *i) {
    int64_t draws = ft_nn_attr_int(i->node, "sample_size");
    FT_TRY(ft_nn_take(i, 0, FT_NN_FLOATS));
    if (draws < 1 || draws > INT32_MAX)
        return ft_nn_refuse_(i->node, FT_EINVAL, "%" PRId64 " draws", draws);
    if (i->in[0].ndim >= 0 && i->in[0].ndim != 2)
        return ft_nn_refuse_(i->node, FT_EINVAL, "takes two dimensions");
    i->out[0] = (ft_array){ .ndim = 2, .shape = { FT_NN_DIM_ANY, draws } };
    if (i->in[0].ndim == 2) i->out[0].shape[0] = i->in[0].shape[0];
    return ft_nn_type_of(&i->out[0].dtype, i->node, ft_nn_attr_int(i->node, "dtype"));
}
static ft_err multinomial_run(const ft_nn_call *c) {
    ft_random r = generator(c);
    int64_t draws = c->out[0].shape[1], classes = c->in[0].shape[1];
    for (int64_t i = 0; i < c->out[0].shape[0] * draws; i++) {
        int64_t row = i / draws * classes, k = 0;
        double sum = 0, most = -(double)INFINITY, left;
        for (int64_t j = 0; j < classes; j++) most = fmax(most, ft_array_f64(&c->in[0], row + j));
        for (int64_t j = 0; j < classes; j++) sum += exp(ft_array_f64(&c->in[0], row + j) - most);
        left = ft_random_unit(&r) * sum;
        for (; k + 1 < classes; k++) {
            left -= exp(ft_array_f64(&c->in[0], row + k) - most);
            if (left < 0) break;
        }
        ft_nn_put_int(&c->out[0], i, k);
    }
    return FT_OK;
}

#define RANDOM(sym, NAME, DOC, ATTRS, IN, INFER, RUN)   \
    extern const ft_nn_op ft_nn_op_##sym;               \
    const ft_nn_op ft_nn_op_##sym = { .name = NAME,     \
                                      .doc = DOC,       \
                                      .attrs = ATTRS,   \
                                      .inputs_min = IN, \
                                      .inputs_max = IN, \
                                      .outputs_min = 1, \
                                      .outputs_max = 1, \
                                      .infer = INFER,   \
                                      .reference = RUN, \
                                      .random = true };
#define SEED \
    { "seed", FT_NN_FLOAT, 0, NULL, false }
#define TYPE \
    { "dtype", FT_NN_INT, 1, NULL, false }
#define NORMAL \
    { "mean", FT_NN_FLOAT, 0, NULL, false }, { "scale", FT_NN_FLOAT, 1, NULL, false }
#define UNIFORM \
    { "low", FT_NN_FLOAT, 0, NULL, false }, { "high", FT_NN_FLOAT, 1, NULL, false }
#define SHAPE \
    { "shape", FT_NN_INTS, 0, NULL, true }
static const ft_nn_attr_row normal_attrs[] = { SEED, TYPE, NORMAL, SHAPE, { 0 } };
static const ft_nn_attr_row normal_like_attrs[] = { SEED, TYPE, NORMAL, { 0 } };
static const ft_nn_attr_row uniform_attrs[] = { SEED, TYPE, UNIFORM, SHAPE, { 0 } };
static const ft_nn_attr_row uniform_like_attrs[] = { SEED, TYPE, UNIFORM, { 0 } };
static const ft_nn_attr_row bernoulli_attrs[] = { SEED, TYPE, { 0 } };
static const ft_nn_attr_row multinomial_attrs[] = {
    SEED,
    { "dtype", FT_NN_INT, 6, NULL, false },
    { "sample_size", FT_NN_INT, 1, NULL, false },
    { 0 },
};
RANDOM(random_normal, "RandomNormal", "normally distributed numbers", normal_attrs, 0,
       shape_attr_infer, normal_run)
RANDOM(random_normal_like, "RandomNormalLike", "normally distributed numbers in the input's shape",
       normal_like_attrs, 1, like_infer, normal_run)
RANDOM(random_uniform, "RandomUniform", "evenly distributed numbers", uniform_attrs, 0,
       shape_attr_infer, uniform_run)
RANDOM(random_uniform_like, "RandomUniformLike", "evenly distributed numbers in the input's shape",
       uniform_like_attrs, 1, like_infer, uniform_run)
RANDOM(bernoulli, "Bernoulli", "1 with the probability that the input tells, else 0",
       bernoulli_attrs, 1, like_infer, bernoulli_run)
RANDOM(multinomial, "Multinomial", "classes drawn by the logarithms of their weights",
       multinomial_attrs, 1, multinomial_infer, multinomial_run)
