/* all.c -- the registry of operations: one row each, by name. To add one: docs/add-an-op.md. */
#include "nn/op.h"

/* clang-format off */
#define ROWS(X)            \
    X(abs)                 \
    X(acos)                \
    X(acosh)               \
    X(add)                 \
    X(and)                 \
    X(arg_max)             \
    X(arg_min)             \
    X(asin)                \
    X(asinh)               \
    X(atan)                \
    X(atanh)               \
    X(average_pool)        \
    X(batch_normalization) \
    X(bernoulli)           \
    X(bit_shift)           \
    X(blackman_window)     \
    X(cast)                \
    X(cast_like)           \
    X(ceil)                \
    X(celu)                \
    X(clip)                \
    X(compress)            \
    X(concat)              \
    X(constant_of_shape)   \
    X(conv)                \
    X(conv_integer)        \
    X(conv_transpose)      \
    X(cos)                 \
    X(cosh)                \
    X(cross_entropy_loss)  \
    X(cum_sum)             \
    X(dft)                 \
    X(depth_to_space)      \
    X(dequantize_linear)   \
    X(det)                 \
    X(div)                 \
    X(dropout)             \
    X(dynamic_quantize_linear) \
    X(einsum)              \
    X(elu)                 \
    X(equal)               \
    X(erf)                 \
    X(exp)                 \
    X(expand)              \
    X(eye_like)            \
    X(flatten)             \
    X(floor)               \
    X(focal_loss)          \
    X(gru)                 \
    X(gather)              \
    X(gather_elements)     \
    X(gather_nd)           \
    X(gelu)                \
    X(gemm)                \
    X(global_average_pool) \
    X(global_lp_pool)      \
    X(global_max_pool)     \
    X(greater)             \
    X(greater_or_equal)    \
    X(grid_sample)         \
    X(group_normalization) \
    X(hamming_window)      \
    X(hann_window)         \
    X(hard_sigmoid)        \
    X(hard_swish)          \
    X(hardmax)             \
    X(identity)            \
    X(if)                  \
    X(instance_normalization) \
    X(is_inf)              \
    X(is_nan)              \
    X(lrn)                 \
    X(lstm)                \
    X(layer_normalization) \
    X(leaky_relu)          \
    X(less)                \
    X(less_or_equal)       \
    X(log)                 \
    X(log_softmax)         \
    X(loop)                \
    X(lp_pool)             \
    X(mat_mul)             \
    X(mat_mul_integer)     \
    X(max)                 \
    X(max_pool)            \
    X(max_unpool)          \
    X(mean)                \
    X(mean_squared_error)  \
    X(mean_variance_normalization) \
    X(mel_weight_matrix)   \
    X(min)                 \
    X(mish)                \
    X(mod)                 \
    X(mul)                 \
    X(multinomial)         \
    X(neg)                 \
    X(negative_log_likelihood_loss) \
    X(non_max_suppression) \
    X(non_zero)            \
    X(not)                 \
    X(one_hot)             \
    X(or)                  \
    X(p_relu)              \
    X(pad)                 \
    X(pow)                 \
    X(q_linear_conv)       \
    X(q_linear_mat_mul)    \
    X(quantize_linear)     \
    X(rnn)                 \
    X(random_normal)       \
    X(random_normal_like)  \
    X(random_uniform)      \
    X(random_uniform_like) \
    X(range)               \
    X(reciprocal)          \
    X(reduce_l1)           \
    X(reduce_l2)           \
    X(reduce_log_sum)      \
    X(reduce_log_sum_exp)  \
    X(reduce_max)          \
    X(reduce_mean)         \
    X(reduce_min)          \
    X(reduce_prod)         \
    X(reduce_sum)          \
    X(reduce_sum_square)   \
    X(relu)                \
    X(reshape)             \
    X(resize)              \
    X(reverse_sequence)    \
    X(roi_align)           \
    X(round)               \
    X(stft)                \
    X(scan)                \
    X(scatter_elements)    \
    X(scatter_nd)          \
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
    X(softmax_cross_entropy_loss) \
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
    X(tf_idf_vectorizer)   \
    X(thresholded_relu)    \
    X(tile)                \
    X(top_k)               \
    X(transpose)           \
    X(trilu)               \
    X(unique)              \
    X(unsqueeze)           \
    X(where)               \
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
