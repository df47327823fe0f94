/* onnx_fuzz.c -- any bytes as an ONNX model: refused with a sentence, or a graph whose shapes are
 * found or refused, and which is written and read again. As a tensor file: the same. */
#include "base/check.h"
#include "fuzz/target.h"
#include "nn/import/onnx.h"

/* What was read must be readable again once written (own operations are refused in words). */
static void written(const ft_nn_graph *g) {
    ft_buf out = { .limit_bytes = (size_t)64 << 20 };
    ft_nn_graph *again;
    if (ft_nn_onnx_write(&out, g) == FT_OK) {
        ft_err err = ft_nn_onnx_parse(&again, ft_buf_str(&out), NULL);
        FT_CHECK(err == FT_OK || ft_err_why()[0]);
        ft_nn_graph_free(again);
    }
    ft_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ft_nn_graph *g;
    ft_arena arena = FT_ARENA_INIT(64 << 20);
    ft_array a;
    if (ft_nn_onnx_parse(&g, ft_str_n(data, size), NULL)) {
        FT_CHECK(g == NULL && ft_str_utf8(ft_str_of(ft_err_why())));
    } else {
        for (int i = 0; i < g->node_count; i++) FT_CHECK(g->nodes[i].op && g->nodes[i].name.len);
        if (ft_nn_graph_infer(g)) FT_CHECK(ft_err_why()[0]);
        written(g);
    }
    ft_nn_graph_free(g);
    if (ft_nn_onnx_tensor(&a, NULL, &arena, ft_str_n(data, size)) == FT_OK)
        FT_CHECK(ft_array_valid(&a));
    ft_arena_fini(&arena);
    return 0;
}
