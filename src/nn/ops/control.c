/* control.c -- If, Loop and Scan (ONNX 18): rows only. Their bodies are graphs, which the session
 * runs (nn/control.c); shapes of their outputs are known when they have run. */
#include "nn/op.h"

static ft_err infer_later(ft_nn_infer *i) {
    i->content_needed = true;
    return FT_OK;
}

static const ft_nn_attr_row if_attrs[] = { { "then_branch", FT_NN_GRAPH, NAN, NULL, true },
                                           { "else_branch", FT_NN_GRAPH, NAN, NULL, true },
                                           { 0 } };
static const ft_nn_attr_row loop_attrs[] = { { "body", FT_NN_GRAPH, NAN, NULL, true }, { 0 } };
static const ft_nn_attr_row scan_attrs[] = {
    { "body", FT_NN_GRAPH, NAN, NULL, true },
    { "num_scan_inputs", FT_NN_INT, NAN, NULL, true },
    { "scan_input_axes", FT_NN_INTS, NAN, NULL, false },
    { "scan_output_axes", FT_NN_INTS, NAN, NULL, false },
    { "scan_input_directions", FT_NN_INTS, NAN, NULL, false },
    { "scan_output_directions", FT_NN_INTS, NAN, NULL, false },
    { 0 }
};

extern const ft_nn_op ft_nn_op_if, ft_nn_op_loop, ft_nn_op_scan;
const ft_nn_op ft_nn_op_if = { .name = "If",
                               .doc = "one of two graphs, by a condition",
                               .attrs = if_attrs,
                               .inputs_min = 1,
                               .inputs_max = 1,
                               .outputs_min = 1,
                               .outputs_max = FT_NN_IO_MAX,
                               .infer = infer_later };
const ft_nn_op ft_nn_op_loop = { .name = "Loop",
                                 .doc = "a graph run again and again, values carried along",
                                 .attrs = loop_attrs,
                                 .inputs_min = 0,
                                 .inputs_max = FT_NN_IO_MAX,
                                 .outputs_min = 1,
                                 .outputs_max = FT_NN_IO_MAX,
                                 .infer = infer_later };
const ft_nn_op ft_nn_op_scan = { .name = "Scan",
                                 .doc = "a graph run for each item along an axis",
                                 .attrs = scan_attrs,
                                 .inputs_min = 1,
                                 .inputs_max = FT_NN_IO_MAX,
                                 .outputs_min = 1,
                                 .outputs_max = FT_NN_IO_MAX,
                                 .infer = infer_later };
