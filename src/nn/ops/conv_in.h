/* conv_in.h -- Conv and ConvTranspose share their geometry: one is the other's gradient. Private.
 */
#ifndef FT_NN_OPS_CONV_IN_H
#define FT_NN_OPS_CONV_IN_H

#include "nn/ops/kernel.h"

/* Seen as the convolution: x (n, groups * ci, …) and y (n, groups * co, …), weights w. For a
 * ConvTranspose x is its output and y its input. Steps are in items. */
typedef struct ft_nn_conv_shape {
    ft_nn_window window;
    int dims; /* spatial */
    bool last;
    int64_t n, groups, ci, co;
    const float *scale;  /* `ft_scale`: one an output channel of the node, or NULL */
    ft_dnn_desc x, y, w; /* w: (groups, co, ci, k …), with its steps in the caller's array */
} ft_nn_conv_shape;

/* Private attribute: each output channel's weights are multiplied by its item (passes/fuse.c). */
#define FT_NN_SCALE_ATTR \
    { "ft_scale", FT_NN_FLOATS, NAN, NULL, false }
static inline const float *ft_nn_conv_scale(const ft_nn_node *n) {
    const ft_nn_attr *a = ft_nn_attr_find(n, "ft_scale");
    return a ? a->floats : NULL;
}

typedef struct ft_nn_conv_state {
    ft_nn_kernel forward, back_data, back_weights;
    ft_nn_kernel back_turned; /* in back_data's place: conv_back.c */
    bool few;                 /* in both's place */
    bool posts_after;
    int64_t images;  /* `forward` is for one image and runs so often; 1: for all */
    bool by_columns; /* in `forward`'s place: conv_line.c */
    ft_nn_conv_shape line;
} ft_nn_conv_state;

/* Along a line, in steps of one: quicker than the library where this says so. */
bool ft_nn_conv_line_takes(const ft_nn_prepare *p, const ft_nn_conv_shape *s);
size_t ft_nn_conv_line_scratch(const ft_nn_conv_shape *s);
ft_err ft_nn_conv_line(const ft_nn_call *c, const ft_nn_conv_shape *s);

/* Would Winograd's algorithm be quicker, and is its memory to be had? Bytes of scratch it may take.
 */
bool ft_nn_conv_winograd_pays(const ft_nn_prepare *p, const ft_nn_conv_shape *s);
size_t ft_nn_conv_winograd_room(const ft_nn_prepare *p);
/* Back to the data: what is quicker than the library's backward kernel is made, or nothing. */
ft_err ft_nn_conv_back_prepare(ft_nn_conv_state *state, ft_nn_prepare *p,
                               const ft_nn_conv_shape *s);
/* By whatever kernel there is; `*done` false: by none. */
ft_err ft_nn_conv_back_data(const ft_nn_call *c, const ft_nn_conv_shape *s, bool *done);

/* All but the window, which the node's own rule gives: x and y as above, the weight. */
void ft_nn_conv_shape_of(ft_nn_conv_shape *s, const ft_nn_node *n, const ft_array *x,
                         const ft_array *y, const ft_array *w);

/* y = conv(x, w), y written over; x = its transpose of y, added to a zeroed x; w += by both. Plain
 * C, any float type; sums in double. `bias` may be NULL. */
void ft_nn_conv_plain(const ft_nn_conv_shape *s, const ft_array *x, const ft_array *w,
                      const ft_array *bias, ft_array *y);
void ft_nn_conv_plain_transposed(const ft_nn_conv_shape *s, ft_array *x, const ft_array *w,
                                 const ft_array *bias, const ft_array *y);
void ft_nn_conv_plain_weights(const ft_nn_conv_shape *s, const ft_array *x, ft_array *w,
                              const ft_array *y);
/* bias' gradient: sums over all but the channels. */
void ft_nn_conv_plain_bias(const ft_dnn_desc *d, const ft_array *grad, ft_array *bias);

/* Kernels for a node; `transposed`: a ConvTranspose. State NULL when the types are not oneDNN's. */
ft_err ft_nn_conv_prepare(ft_nn_prepare *p, const ft_nn_conv_shape *s, bool transposed);
void ft_nn_conv_unprepare(void *state);
/* Runs the state's kernel; posts are the kernel's. */
ft_err ft_nn_conv_forward(const ft_nn_call *c);
/* What of the gradients the kernels can do is done; the rest is told: bit 0 data, 1 weights. */
ft_err ft_nn_conv_backward(const ft_nn_call *c, const ft_nn_conv_shape *s, uint32_t *left);

#endif
