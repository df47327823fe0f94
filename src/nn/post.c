/* post.c -- see post.h. */
#include "nn/post.h"

#include "base/check.h"
#include "nn/ops/shared.h"

static const char *const names[FT_NN_POST_COUNT] = {
    [FT_NN_POST_ADD] = "Add",           [FT_NN_POST_RELU] = "Relu",
    [FT_NN_POST_LEAKY] = "LeakyRelu",   [FT_NN_POST_CLIP] = "Clip",
    [FT_NN_POST_SIGMOID] = "Sigmoid",   [FT_NN_POST_TANH] = "Tanh",
    [FT_NN_POST_ELU] = "Elu",           [FT_NN_POST_SILU] = "Silu",
    [FT_NN_POST_GELU] = "Gelu",         [FT_NN_POST_HARD_SWISH] = "HardSwish",
    [FT_NN_POST_SOFTPLUS] = "Softplus", [FT_NN_POST_HARD_SIGMOID] = "HardSigmoid",
};

const char *ft_nn_post_name(ft_nn_post_kind kind) { return names[kind]; }

bool ft_nn_post_kind_of(ft_nn_post_kind *out, ft_str op) {
    for (int i = 0; i < FT_NN_POST_COUNT; i++)
        if (ft_str_is(op, names[i])) {
            *out = (ft_nn_post_kind)i;
            return true;
        }
    return false;
}

int ft_nn_posts_of(ft_nn_post posts[FT_NN_POSTS_MAX], const ft_nn_node *n) {
    const ft_nn_attr *kinds = ft_nn_attr_find(n, "ft_post");
    const ft_nn_attr *args = ft_nn_attr_find(n, "ft_post_args");
    if (!kinds) return 0;
    FT_CHECK(args && args->count == 2 * kinds->count && kinds->count <= FT_NN_POSTS_MAX);
    for (size_t i = 0; i < kinds->count; i++) {
        FT_CHECK(ft_nn_post_kind_of(&posts[i].kind, kinds->strings[i]));
        posts[i].alpha = args->floats[2 * i];
        posts[i].beta = args->floats[2 * i + 1];
    }
    return (int)kinds->count;
}

int ft_nn_post_sum_input(const ft_nn_node *n) {
    const ft_nn_attr *kinds = ft_nn_attr_find(n, "ft_post");
    for (size_t i = 0; kinds && i < kinds->count; i++)
        if (ft_str_is(kinds->strings[i], "Add")) return (int)n->input_count - 1;
    return -1;
}

int ft_nn_posts_fused(ft_nn_post posts[FT_NN_POSTS_MAX], const ft_nn_prepare *p, bool *after) {
    int count = ft_nn_posts_of(posts, p->node);
    *after = p->careful && count > 0;
    return *after ? 0 : count;
}

ft_err ft_nn_post_infer(const ft_nn_infer *i) {
    int sum = ft_nn_post_sum_input(i->node);
    if (sum < 0 || !ft_nn_sized(&i->in[sum]) || !ft_nn_sized(&i->out[0])) return FT_OK;
    if (i->in[sum].ndim == i->out[0].ndim &&
        memcmp(i->in[sum].shape, i->out[0].shape,
               (size_t)i->out[0].ndim * sizeof *i->out[0].shape) == 0)
        return FT_OK;
    return ft_nn_refuse_(i->node, FT_EUNSUPPORTED, "what is added has another shape");
}

static double post_one(const ft_nn_post *p, double x) {
    double a = (double)p->alpha, b = (double)p->beta;
    switch (p->kind) {
    case FT_NN_POST_RELU:
        return x < 0 ? 0 : x;
    case FT_NN_POST_LEAKY:
        return x < 0 ? a * x : x;
    case FT_NN_POST_CLIP:
        return x < a ? a : x > b ? b : x;
    case FT_NN_POST_SIGMOID:
        return 1 / (1 + exp(-x));
    case FT_NN_POST_TANH:
        return tanh(x);
    case FT_NN_POST_ELU:
        return x < 0 ? a * expm1(x) : x;
    case FT_NN_POST_SILU:
        return x / (1 + exp(-x));
    case FT_NN_POST_HARD_SWISH:
        return x * fmax(0, fmin(1, x / 6 + 0.5)); /* NaN through the factor */
    case FT_NN_POST_HARD_SIGMOID:
        return x != x ? x : fmax(0, fmin(1, a * x + b));
    case FT_NN_POST_GELU:
        return 0.5 * x * (1 + erf(x * M_SQRT1_2));
    case FT_NN_POST_SOFTPLUS:
        return x > 30 ? x : log1p(exp(x));
    case FT_NN_POST_ADD:
    case FT_NN_POST_COUNT:
        break;
    }
    return x;
}

void ft_nn_posts_apply(const ft_nn_call *c) {
    ft_nn_post posts[FT_NN_POSTS_MAX];
    int count = ft_nn_posts_of(posts, c->node), sum = ft_nn_post_sum_input(c->node);
    int64_t items = count ? ft_array_count(&c->out[0]) : 0;
    for (int64_t i = 0; i < items; i++) {
        double x = ft_array_f64(&c->out[0], i);
        for (int k = 0; k < count; k++)
            x = posts[k].kind == FT_NN_POST_ADD ? x + ft_array_f64(&c->in[sum], i)
                                                : post_one(&posts[k], x);
        ft_nn_put_f64(&c->out[0], i, x);
    }
}
