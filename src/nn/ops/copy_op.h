/* copy_op.h -- operations that put the same items elsewhere by one strided copy (shared.h), forth
 * and, for gradients, back. A file gives `ft_nn_copy NAME_copy(const ft_nn_call *)` and NAME_infer.
 */
#ifndef FT_NN_OPS_COPY_OP_H
#define FT_NN_OPS_COPY_OP_H

#include "nn/ops/shared.h"

static inline ft_err ft_nn_zero_grad(const ft_nn_call *c, size_t input) {
    ft_array *to = &c->in_grad[input];
    if (to->data) memset(to->data, 0, ft_array_bytes(to));
    return FT_OK;
}

/* out = one strided copy of input 0, forth and (f32) back. */
static inline ft_err ft_nn_copy_forth(const ft_nn_call *c, const ft_nn_copy *copy) {
    ft_nn_copy_run(c, copy, c->out[0].data, c->in[0].data, ft_dtype_bytes(c->in[0].dtype));
    return FT_OK;
}
static inline ft_err ft_nn_copy_grad(const ft_nn_call *c, const ft_nn_copy *copy) {
    FT_TRY(ft_nn_zero_grad(c, 0));
    if (!c->in_grad[0].data || !c->out_grad[0].data) return FT_OK;
    ft_nn_copy back = ft_nn_copy_back(copy);
    ft_nn_copy_add(&back, c->in_grad[0].data, c->out_grad[0].data);
    return FT_OK;
}
#define COPY_CALLS(sym)                                 \
    static ft_err sym##_run(const ft_nn_call *c) {      \
        ft_nn_copy copy = sym##_copy(c);                \
        return ft_nn_copy_forth(c, &copy);              \
    }                                                   \
    static ft_err sym##_backward(const ft_nn_call *c) { \
        ft_nn_copy copy = sym##_copy(c);                \
        return ft_nn_copy_grad(c, &copy);               \
    }
/* A copy is its own reference: bytes that move, whatever their type. */
#define COPY_OP(sym, NAME, DOC, ATTRS, MIN, MAX, ...)             \
    extern const ft_nn_op ft_nn_op_##sym;                         \
    const ft_nn_op ft_nn_op_##sym = { .name = NAME,               \
                                      .doc = DOC,                 \
                                      .attrs = ATTRS,             \
                                      .inputs_min = MIN,          \
                                      .inputs_max = MAX,          \
                                      .outputs_min = 1,           \
                                      .outputs_max = 1,           \
                                      .infer = sym##_infer,       \
                                      .reference = sym##_run,     \
                                      .backward = sym##_backward, \
                                      __VA_ARGS__ };

#endif
