/* all.c -- the registry of operations: one row each, by name. To add one: docs/add-an-op.md. */
#include "nn/op.h"

/* clang-format off */
#define ROWS(X)            \
    X(abs)                 \
    X(acos)                \
    X(acosh)               \
    X(add)                 \
    X(and)                 \
    X(asin)                \
    X(asinh)               \
    X(atan)                \
    X(atanh)               \
    X(average_pool)        \
    X(bit_shift)           \
    X(ceil)                \
    X(celu)                \
    X(concat)              \
    X(conv)                \
    X(conv_transpose)      \
    X(cos)                 \
    X(cosh)                \
    X(depth_to_space)      \
    X(div)                 \
    X(elu)                 \
    X(equal)               \
    X(erf)                 \
    X(exp)                 \
    X(expand)              \
    X(flatten)             \
    X(floor)               \
    X(gelu)                \
    X(gemm)                \
    X(global_average_pool) \
    X(global_lp_pool)      \
    X(global_max_pool)     \
    X(greater)             \
    X(greater_or_equal)    \
    X(hard_sigmoid)        \
    X(hard_swish)          \
    X(identity)            \
    X(if)                  \
    X(leaky_relu)          \
    X(less)                \
    X(less_or_equal)       \
    X(log)                 \
    X(log_softmax)         \
    X(loop)                \
    X(lp_pool)             \
    X(mat_mul)             \
    X(max)                 \
    X(max_pool)            \
    X(mean)                \
    X(min)                 \
    X(mish)                \
    X(mod)                 \
    X(mul)                 \
    X(neg)                 \
    X(or)                  \
    X(p_relu)              \
    X(pow)                 \
    X(reciprocal)          \
    X(relu)                \
    X(reshape)             \
    X(round)               \
    X(scan)                \
    X(selu)                \
    X(shape)               \
    X(shrink)              \
    X(sigmoid)             \
    X(sign)                \
    X(sin)                 \
    X(sinh)                \
    X(size)                \
    X(slice)               \
    X(softmax)             \
    X(softplus)            \
    X(softsign)            \
    X(space_to_depth)      \
    X(split)               \
    X(sqrt)                \
    X(squeeze)             \
    X(sub)                 \
    X(sum)                 \
    X(tan)                 \
    X(tanh)                \
    X(thresholded_relu)    \
    X(tile)                \
    X(transpose)           \
    X(unsqueeze)           \
    X(xor)                
/* clang-format on */

#define X(name) extern const ft_nn_op ft_nn_op_##name;
ROWS(X)
#undef X

const ft_nn_op *const ft_nn_ops[] = {
#define X(name) &ft_nn_op_##name,
    ROWS(X)
#undef X
        NULL
};

#define COUNT ((int)(sizeof ft_nn_ops / sizeof *ft_nn_ops) - 1)

const ft_nn_op *ft_nn_op_find(ft_str name) {
    int low = 0, high = COUNT;
    while (low < high) {
        int middle = (low + high) / 2;
        int order = ft_str_cmp(ft_str_of(ft_nn_ops[middle]->name), name);
        if (order == 0) return ft_nn_ops[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
