/* graph_test.c -- graphs built, ordered, refused; shapes found; nothing kept after a failure. */
#include "nn/graph.h"

#include "nn/graph_in.h"
#include "nn/sanitizer_test.h"
#include "tests/test.h"

static ft_nn_graph *graph(void) {
    ft_nn_graph *g;
    EXPECT_OK(ft_nn_graph_new(&g, FT_STR("g")));
    return g;
}

static ft_err add(ft_nn_graph *g, const char *op, const char *name, const int *in, size_t count,
                  int *out) {
    return ft_nn_node_add(g,
                          &(ft_nn_node_spec){ .op = op,
                                              .name = ft_str_of(name),
                                              .inputs = in,
                                              .input_count = count,
                                              .output_count = 1 },
                          out);
}

static void test_names(void **state) {
    (void)state;
    ft_nn_graph *g = graph();
    int x, y;
    EXPECT_OK(ft_nn_input(&x, g, FT_STR("x"), FT_F32, 2, (int64_t[]){ FT_NN_DIM_ANY, 3 }));
    EXPECT_ERR(FT_EEXIST, ft_nn_input(&y, g, FT_STR("x"), FT_F32, 0, NULL));
    EXPECT_WHY("two values named 'x'");
    EXPECT(ft_nn_value_find(g, FT_STR("x")) == x);
    EXPECT(ft_nn_value_find(g, FT_STR("y")) == FT_NN_NONE);
    for (int i = 0; i < 500; i++) { /* the table of names grows */
        char name[20];
        snprintf(name, sizeof name, "v%d", i);
        EXPECT_OK(ft_nn_input(&y, g, ft_str_of(name), FT_F32, 0, NULL));
        EXPECT(ft_nn_value_find(g, ft_str_of(name)) == y);
    }
    EXPECT(ft_nn_value_find(g, FT_STR("v0")) == x + 1);
    ft_nn_graph_free(g);
}

static void test_refused(void **state) {
    (void)state;
    ft_nn_graph *g = graph();
    int x, y;
    EXPECT_ERR(FT_EINVAL, ft_nn_input(&x, g, FT_STR("x"), FT_F32, 9, (int64_t[9]){ 0 }));
    EXPECT_ERR(FT_EINVAL, ft_nn_input(&x, g, FT_STR("x"), FT_F32, 1, (int64_t[]){ -2 }));
    int64_t huge = (int64_t)1 << 32;
    EXPECT_ERR(FT_EINVAL, ft_nn_input(&x, g, FT_STR("x"), FT_F32, 2, (int64_t[]){ huge, huge }));
    EXPECT_OK(ft_nn_input(&x, g, FT_STR("x"), FT_F32, 2, (int64_t[]){ 4, 3 }));
    EXPECT_ERR(FT_EUNSUPPORTED, add(g, "Teleport", "n", &x, 1, &y));
    EXPECT_WHY("node 'n': the operation 'Teleport' is not supported");
    ft_nn_attr attr = { .name = "axes", .type = FT_NN_INT, .i = 1 };
    ft_nn_node_spec spec = { .op = "Softmax",
                             .name = FT_STR("s"),
                             .attrs = &attr,
                             .attr_count = 1,
                             .inputs = &x,
                             .input_count = 1,
                             .output_count = 1 };
    EXPECT_ERR(FT_EINVAL, ft_nn_node_add(g, &spec, &y));
    EXPECT_WHY("node 's' (Softmax): no attribute 'axes'");
    attr = (ft_nn_attr){ .name = "axis", .type = FT_NN_FLOAT, .f = 1 };
    EXPECT_ERR(FT_EINVAL, ft_nn_node_add(g, &spec, &y));
    EXPECT_WHY("'axis' has another type");
    ft_nn_attr twice[] = { { .name = "axis", .type = FT_NN_INT, .i = 1 },
                           { .name = "axis", .type = FT_NN_INT, .i = 0 } };
    spec.attrs = twice;
    spec.attr_count = 2;
    EXPECT_ERR(FT_EINVAL, ft_nn_node_add(g, &spec, &y));
    EXPECT_WHY("'axis' stands twice");
    spec = (ft_nn_node_spec){ .op = "MaxPool", .inputs = &x, .input_count = 1, .output_count = 1 };
    EXPECT_ERR(FT_EINVAL, ft_nn_node_add(g, &spec, &y));
    EXPECT_WHY("'kernel_shape' is missing");
    ft_nn_graph_free(g);
}

static void test_counts(void **state) {
    (void)state;
    ft_nn_graph *g = graph();
    int x, y;
    EXPECT_OK(ft_nn_input(&x, g, FT_STR("x"), FT_F32, 1, (int64_t[]){ 3 }));
    EXPECT_OK(add(g, "Add", "a", &x, 1, &y));
    EXPECT_OK(ft_nn_output(g, y));
    EXPECT_ERR(FT_ECORRUPT, ft_nn_graph_check(g));
    EXPECT_WHY("node 'a' (Add): wrong number of inputs (1)");
    ft_nn_graph_free(g);

    g = graph();
    EXPECT_OK(ft_nn_value_add(&x, g, FT_STR("lost"), FT_NN_VALUE));
    EXPECT_OK(add(g, "Relu", "r", &x, 1, &y));
    EXPECT_OK(ft_nn_output(g, y));
    EXPECT_ERR(FT_ECORRUPT, ft_nn_graph_check(g));
    EXPECT_WHY("nothing computes its input 'lost'");
    ft_nn_graph_free(g);

    g = graph();
    EXPECT_OK(ft_nn_input(&x, g, FT_STR("x"), FT_F32, 1, (int64_t[]){ 3 }));
    EXPECT_ERR(FT_ECORRUPT, ft_nn_graph_check(g));
    EXPECT_WHY("no output");
    ft_nn_graph_free(g);
}

/* Nodes in the wrong order are put right; a cycle is named. */
static void test_order(void **state) {
    (void)state;
    ft_nn_graph *g = graph();
    int x, late, y, z;
    EXPECT_OK(ft_nn_input(&x, g, FT_STR("x"), FT_F32, 1, (int64_t[]){ 3 }));
    EXPECT_OK(ft_nn_value_add(&late, g, FT_STR("late"), FT_NN_VALUE));
    EXPECT_OK(add(g, "Relu", "second", &late, 1, &y));
    EXPECT_OK(add(g, "Neg", "first", &x, 1, &z));
    ((int *)g->nodes[1].outputs)[0] = late;
    g->values[late].producer = 1;
    EXPECT_OK(ft_nn_output(g, y));
    EXPECT_OK(ft_nn_graph_check(g));
    EXPECT_STR("first", g->nodes[0].name);
    EXPECT(g->values[late].producer == 0 && g->values[y].producer == 1);
    ((int *)g->nodes[0].inputs)[0] = y;
    EXPECT_ERR(FT_ECORRUPT, ft_nn_graph_check(g));
    EXPECT_WHY("part of a cycle");
    ft_nn_graph_free(g);
}

/* Shape, Gather, Concat and Reshape: the sizes are computed on the way. */
static void test_shapes(void **state) {
    (void)state;
    ft_nn_graph *g = graph();
    int x, shape, rest, both, y;
    int64_t ints[] = { -1 };
    ft_array minus = { .dtype = FT_I64, .ndim = 1, .shape = { 1 }, .data = ints };
    EXPECT_OK(ft_nn_input(&x, g, FT_STR("x"), FT_F32, 3, (int64_t[]){ 4, 3, 5 }));
    ft_nn_attr end = { .name = "end", .type = FT_NN_INT, .i = 1 };
    EXPECT_OK(ft_nn_node_add(g,
                             &(ft_nn_node_spec){ .op = "Shape",
                                                 .attrs = &end,
                                                 .attr_count = 1,
                                                 .inputs = &x,
                                                 .input_count = 1,
                                                 .output_count = 1 },
                             &shape));
    EXPECT_OK(ft_nn_data(&rest, g, FT_STR("rest"), FT_NN_CONST, &minus, true));
    ft_nn_attr axis = { .name = "axis", .type = FT_NN_INT, .i = 0 };
    EXPECT_OK(ft_nn_node_add(g,
                             &(ft_nn_node_spec){ .op = "Concat",
                                                 .attrs = &axis,
                                                 .attr_count = 1,
                                                 .inputs = (int[]){ shape, rest },
                                                 .input_count = 2,
                                                 .output_count = 1 },
                             &both));
    EXPECT_OK(add(g, "Reshape", "r", (int[]){ x, both }, 2, &y));
    EXPECT_OK(ft_nn_output(g, y));
    EXPECT_OK(ft_nn_graph_check(g));
    EXPECT_OK(ft_nn_graph_infer(g));
    EXPECT(g->values[y].ndim == 2 && g->values[y].shape[0] == 4 && g->values[y].shape[1] == 15);
    ft_nn_graph_free(g);
}

static int freed;
static void count_free(void *thing) {
    (void)thing;
    freed++;
}

static ft_err life(void) {
    ft_nn_graph *g, *copy = NULL;
    int x, y;
    ft_err err;
    float numbers[] = { 1, 2, 3 };
    ft_array a = { .dtype = FT_F32, .ndim = 1, .shape = { 3 }, .data = numbers };
    FT_TRY(ft_nn_graph_new(&g, FT_STR("g")));
    FT_GOTO(err, ft_nn_graph_keep(g, numbers, count_free));
    FT_GOTO(err, ft_nn_input(&x, g, FT_STR("x"), FT_F32, 1, (int64_t[]){ 3 }));
    FT_GOTO(err, ft_nn_data(&y, g, FT_STR("w"), FT_NN_WEIGHT, &a, true));
    FT_GOTO(err, add(g, "Add", "a", (int[]){ x, y }, 2, &y));
    FT_GOTO(err, ft_nn_output(g, y));
    FT_GOTO(err, ft_nn_graph_check(g));
    FT_GOTO(err, ft_nn_graph_infer(g));
    FT_GOTO(err, ft_nn_graph_copy(&copy, g));
done:
    ft_nn_graph_free(copy);
    ft_nn_graph_free(g);
    return err;
}

static void test_faults(void **state) {
    (void)state;
    EACH_FAULT {
        ft_err err = life();
        EXPECT(err == FT_OK || err == FT_ENOMEM);
    }
    EXPECT(freed > 0);
}

TEST_MAIN(cmocka_unit_test(test_names), cmocka_unit_test(test_refused),
          cmocka_unit_test(test_counts), cmocka_unit_test(test_order),
          cmocka_unit_test(test_shapes), cmocka_unit_test(test_faults))
