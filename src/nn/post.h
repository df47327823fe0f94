/* post.h -- what a Conv, Gemm or MatMul does to its result before it is stored: the activation or
 * addition that was fused into it.
 *
 * In a graph it is two private attributes: `ft_post` (strings: an ONNX op's name each, "Silu"
 * beside them) and `ft_post_args` (floats, two each: alpha and beta). "Add" adds the node's last
 * input, which has the output's shape. */
#ifndef FT_NN_POST_H
#define FT_NN_POST_H

#include "nn/op.h"

#define FT_NN_POSTS_MAX 4

typedef enum ft_nn_post_kind {
    FT_NN_POST_ADD = 0,
    FT_NN_POST_RELU,
    FT_NN_POST_LEAKY, /* alpha */
    FT_NN_POST_CLIP,  /* alpha <= x <= beta */
    FT_NN_POST_SIGMOID,
    FT_NN_POST_TANH,
    FT_NN_POST_ELU, /* alpha */
    FT_NN_POST_SILU,
    FT_NN_POST_HARD_SWISH,
    FT_NN_POST_HARD_SIGMOID, /* max(0, min(1, alpha x + beta)) */
    FT_NN_POST_GELU,         /* by erf */
    FT_NN_POST_SOFTPLUS,
    FT_NN_POST_COUNT
} ft_nn_post_kind;

typedef struct ft_nn_post {
    ft_nn_post_kind kind;
    float alpha, beta;
} ft_nn_post;

/* The rows that an op with posts has in its table of attributes. */
#define FT_NN_POST_ATTRS                               \
    { "ft_post", FT_NN_STRINGS, NAN, NULL, false }, {  \
        "ft_post_args", FT_NN_FLOATS, NAN, NULL, false \
    }

/* The node's posts; their number. */
int ft_nn_posts_of(ft_nn_post posts[FT_NN_POSTS_MAX], const ft_nn_node *n);
/* Those that a kernel is to do. oneDNN's activations swallow NaN (its max(x, 0) is 0 then), so in a
 * careful plan the call applies them after its kernel: none, and *after is set where there are
 * some.
 */
int ft_nn_posts_fused(ft_nn_post posts[FT_NN_POSTS_MAX], const ft_nn_prepare *p, bool *after);
/* The input that is added, or -1. */
int ft_nn_post_sum_input(const ft_nn_node *n);
/* What is added has the output's shape: part of the shape rule. */
ft_err ft_nn_post_infer(const ft_nn_infer *i);
/* The kind for an op of the graph; false when there is none. */
bool ft_nn_post_kind_of(ft_nn_post_kind *out, ft_str op);
const char *ft_nn_post_name(ft_nn_post_kind kind);
/* Plain C: all posts of the node on `out` (f32, or bf16 rounded once at the end). */
void ft_nn_posts_apply(const ft_nn_call *c);

#endif
