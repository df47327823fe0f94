/* net_rig_test.h -- small graphs for tests, built line by line, and their quick sessions (one
 * thread, two) compared with plain references. */
#ifndef FT_NN_NET_RIG_TEST_H
#define FT_NN_NET_RIG_TEST_H

#include "base/random.h"
#include "nn/op_rig_test.h"
#include "nn/session_in.h"

typedef struct net { /* a graph in the making */
    ft_nn_graph *g;
    ft_random random;
} net;

static inline net net_new(void) {
    net n = { 0 };
    ft_random_seed(&n.random, 3);
    EXPECT_OK(ft_nn_graph_new(&n.g, FT_STR("net")));
    return n;
}

static inline int weight(net *n, int ndim, const int64_t *shape, double scale) {
    ft_array a = { .dtype = FT_F32, .ndim = ndim };
    int64_t count = 1;
    int v;
    for (int i = 0; i < ndim; i++) count *= a.shape[i] = shape[i];
    float *data = malloc((size_t)count * sizeof *data);
    for (int64_t i = 0; i < count; i++) data[i] = (float)(ft_random_normal(&n->random) * scale);
    a.data = data;
    EXPECT_OK(ft_nn_data(&v, n->g, (ft_str){ 0 }, FT_NN_WEIGHT, &a, true));
    free(data);
    return v;
}

static inline int ints(net *n, const int64_t *list, size_t count) {
    ft_array a = { .dtype = FT_I64, .ndim = 1, .shape = { (int64_t)count }, .data = (void *)list };
    int v;
    EXPECT_OK(ft_nn_data(&v, n->g, (ft_str){ 0 }, FT_NN_CONST, &a, true));
    return v;
}

static inline int number(net *n, float value) {
    ft_array a = { .dtype = FT_F32, .data = &value };
    int v;
    EXPECT_OK(ft_nn_data(&v, n->g, (ft_str){ 0 }, FT_NN_CONST, &a, true));
    return v;
}

#define NODE(n, op, attrs, ...)                                                           \
    node((n), (op), (attrs), (attrs) ? FT_COUNT(attrs) : 0, (const int[]){ __VA_ARGS__ }, \
         sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int))
static inline int node(net *n, const char *op, const ft_nn_attr *attrs, size_t attr_count,
                       const int *inputs, size_t input_count) {
    int out;
    EXPECT_OK(ft_nn_node_add(n->g,
                             &(ft_nn_node_spec){ .op = op,
                                                 .attrs = attrs,
                                                 .attr_count = attr_count,
                                                 .inputs = inputs,
                                                 .input_count = input_count,
                                                 .output_count = 1 },
                             &out));
    return out;
}
static const ft_nn_attr none[1];
#define PLAIN(n, op, ...)                                  \
    node((n), (op), none, 0, (const int[]){ __VA_ARGS__ }, \
         sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int))

static inline int conv(net *n, int x, int64_t in, int64_t out, int64_t k, int64_t stride,
                       int64_t group) {
    int64_t pad = k / 2, list[] = { stride, stride, pad, pad, pad, pad };
    ft_nn_attr attrs[] = {
        { .name = "strides", .type = FT_NN_INTS, .count = 2, .ints = list },
        { .name = "pads", .type = FT_NN_INTS, .count = 4, .ints = list + 2 },
        ATTR_INT("group", group),
    };
    int w =
        weight(n, 4, (int64_t[]){ out, in / group, k, k }, 1 / sqrt((double)(in / group * k * k)));
    return node(n, "Conv", attrs, 3, (const int[]){ x, w }, 2);
}

static inline int batch_norm(net *n, int x, int64_t channels) {
    int64_t shape[] = { channels };
    int v[4];
    for (int i = 0; i < 4; i++) v[i] = weight(n, 1, shape, 0.5);
    float *var = (float *)n->g->values[v[3]].data;
    for (int64_t i = 0; i < channels; i++) var[i] = 1 + var[i] * var[i];
    return PLAIN(n, "BatchNormalization", x, v[0], v[1], v[2], v[3]);
}

static inline ft_array random_input(ft_arena *arena, int ndim, const int64_t *shape) {
    ft_array a = { .dtype = FT_F32, .ndim = ndim };
    ft_random r;
    ft_random_seed(&r, 11);
    for (int i = 0; i < ndim; i++) a.shape[i] = shape[i];
    a.data = &a;
    size_t bytes = ft_array_bytes(&a);
    EXPECT_OK(ft_arena_take(&a.data, arena, bytes));
    for (size_t i = 0; i < bytes / 4; i++) ((float *)a.data)[i] = (float)ft_random_normal(&r);
    return a;
}

static inline void expect_same(ft_nn_model *m, const ft_array *in, double tolerance) {
    for (int threads = 1; threads < 3; threads++) {
        ft_nn_session *fast, *plain;
        ft_arena arena = FT_ARENA_INIT(0);
        ft_array got[4], want[4];
        EXPECT_OK(ft_nn_session_new(&fast, m, &(ft_nn_session_opts){ .threads = threads }));
        EXPECT_OK(ft_nn_session_new(&plain, m, &(ft_nn_session_opts){ .reference = true }));
        for (int again = 0; again < 2; again++) EXPECT_OK(ft_nn_run(fast, in, got, &arena, NULL));
        EXPECT_OK(ft_nn_run(plain, in, want, &arena, NULL));
        for (int i = 0; i < ft_nn_model_graph(m)->output_count; i++) {
            EXPECT(got[i].ndim == want[i].ndim &&
                   memcmp(got[i].shape, want[i].shape, (size_t)got[i].ndim * 8) == 0);
            double far = rig_far(&got[i], &want[i]);
            if (!(far <= tolerance)) print_error("output %d is %g off\n", i, far);
            EXPECT(far <= tolerance);
        }
        ft_nn_session_free(fast);
        ft_nn_session_free(plain);
        ft_arena_fini(&arena);
    }
}

#endif
