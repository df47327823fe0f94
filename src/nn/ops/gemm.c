/* gemm.c -- Gemm (ONNX 13): Y = alpha * A' * B' + beta * C, A' and B' transposed or not, C
 * broadcast to Y's shape. The linear layer of every network. */
#include <stdlib.h>

#include "base/fault.h"
#include "nn/ops/kernel.h"

static const ft_nn_attr_row attrs[] = { { "alpha", FT_NN_FLOAT, 1, NULL, false },
                                        { "beta", FT_NN_FLOAT, 1, NULL, false },
                                        { "transA", FT_NN_INT, 0, NULL, false },
                                        { "transB", FT_NN_INT, 0, NULL, false },
                                        FT_NN_POST_ATTRS,
                                        { 0 } };

typedef struct sizes {
    bool a_transposed, b_transposed;
    int64_t m, n, k;
    float alpha, beta;
} sizes;

static sizes sizes_of(const ft_nn_node *node, const ft_array *in) {
    sizes s = { .a_transposed = ft_nn_attr_int(node, "transA") != 0,
                .b_transposed = ft_nn_attr_int(node, "transB") != 0,
                .alpha = (float)ft_nn_attr_float(node, "alpha"),
                .beta = (float)ft_nn_attr_float(node, "beta") };
    s.m = in[0].shape[s.a_transposed];
    s.k = in[0].shape[!s.a_transposed];
    s.n = in[1].shape[!s.b_transposed];
    return s;
}

static bool has_c(const ft_nn_node *node, const ft_array *in, size_t count) {
    return ft_nn_given(in, count, 2) && ft_nn_post_sum_input(node) != 2;
}

static ft_err infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_NUMBERS));
    FT_TRY(ft_nn_take(i, 1, FT_NN_NUMBERS));
    FT_TRY(ft_nn_take_same(i, 0, 1));
    i->out[0] = ft_nn_unknown(i->in[0].dtype);
    if (i->in[0].ndim < 0 || i->in[1].ndim < 0) return FT_OK;
    if (i->in[0].ndim != 2 || i->in[1].ndim != 2)
        return ft_nn_refuse_(i->node, FT_EINVAL, "inputs of %d and %d dimensions, expected 2",
                             i->in[0].ndim, i->in[1].ndim);
    sizes s = sizes_of(i->node, i->in);
    int64_t rows = i->in[1].shape[s.b_transposed];
    if (s.k >= 0 && rows >= 0 && s.k != rows)
        return ft_nn_refuse_(i->node, FT_EINVAL, "%lld columns meet %lld rows", (long long)s.k,
                             (long long)rows);
    ft_array y = { .dtype = i->in[0].dtype, .ndim = 2, .shape = { s.m, s.n } }, both;
    i->out[0] = y;
    if (!has_c(i->node, i->in, i->in_count) || !ft_nn_sized(&i->in[2]) || !ft_nn_sized(&y))
        return FT_OK;
    FT_TRY(ft_nn_broadcast(&both, i->node, &y, &i->in[2]));
    if (both.ndim != 2 || both.shape[0] != s.m || both.shape[1] != s.n)
        return ft_nn_refuse_(i->node, FT_EINVAL, "C does not broadcast to %lldx%lld",
                             (long long)s.m, (long long)s.n);
    return FT_OK;
}

/* Item of C that Y's (row, column) gets. */
static int64_t c_at(const ft_array *c, int64_t row, int64_t column) {
    int64_t rows = c->ndim == 2 ? c->shape[0] : 1;
    int64_t columns = c->ndim ? c->shape[c->ndim - 1] : 1;
    return (rows == 1 ? 0 : row) * columns + (columns == 1 ? 0 : column);
}

static ft_err reference(const ft_nn_call *c) {
    sizes s = sizes_of(c->node, c->in);
    bool add = has_c(c->node, c->in, c->in_count), whole = !ft_nn_is_float(c->in[0].dtype);
    int64_t a_row = s.a_transposed ? 1 : s.k, a_step = s.a_transposed ? s.m : 1;
    int64_t b_row = s.b_transposed ? s.k : 1, b_step = s.b_transposed ? 1 : s.n;
    for (int64_t row = 0; row < s.m; row++)
        for (int64_t column = 0; column < s.n; column++) {
            double sum = 0;
            for (int64_t k = 0; k < s.k; k++)
                sum += ft_nn_item(&c->in[0], row * a_row + k * a_step) *
                       ft_nn_item(&c->in[1], column * b_row + k * b_step);
            sum *= (double)s.alpha;
            if (add) sum += (double)s.beta * ft_nn_item(&c->in[2], c_at(&c->in[2], row, column));
            if (whole)
                ft_nn_put_int(&c->out[0], row * s.n + column, (int64_t)sum);
            else
                ft_nn_put_f64(&c->out[0], row * s.n + column, sum);
        }
    ft_nn_posts_apply(c);
    return FT_OK;
}

/* ---- oneDNN: a matmul where C is a bias, else a general product over C's copy */

typedef struct state {
    ft_nn_kernel kernel;
    bool posts_after;
} state;

static bool is_bias(const ft_array *c, int64_t n) {
    return ft_array_count(c) == n && (c->ndim == 1 || (c->ndim == 2 && c->shape[0] == 1));
}

static ft_err prepare(ft_nn_prepare *p) {
    ft_dtype t = p->in[0].dtype;
    if (p->reference || (t != FT_F32 && t != FT_BF16) || ft_array_count(&p->out[0]) == 0 ||
        ft_array_count(&p->in[0]) == 0)
        return FT_OK;
    sizes s = sizes_of(p->node, p->in);
    bool add = has_c(p->node, p->in, p->in_count);
    bool simple = s.alpha == 1 && (!add || (s.beta == 1 && is_bias(&p->in[2], s.n)));
    ft_nn_post posts[FT_NN_POSTS_MAX];
    bool posts_after;
    ft_dnn_matmul_opts o = { .posts = posts,
                             .post_count = ft_nn_posts_fused(posts, p, &posts_after) };
    if (!simple && (t != FT_F32 || o.post_count || posts_after)) return FT_OK;
    state *made = ft_fault_here() ? NULL : calloc(1, sizeof *made);
    if (!made) return FT_FAIL(FT_ENOMEM, "no memory for a product");
    p->state = made;
    made->posts_after = posts_after;
    if (!simple) return FT_OK;
    o.src = (ft_dnn_desc){ .dtype = t, .ndim = 2, .dims = { s.m, s.k } };
    o.src.strides[0] = s.a_transposed ? 1 : s.k, o.src.strides[1] = s.a_transposed ? s.m : 1;
    o.weights = (ft_dnn_desc){ .dtype = t, .ndim = 2, .dims = { s.k, s.n } };
    o.weights.strides[0] = s.b_transposed ? 1 : s.n;
    o.weights.strides[1] = s.b_transposed ? s.k : 1;
    o.weights.any = p->in[1].data && !p->training;
    o.dst = (ft_dnn_desc){ .dtype = t, .ndim = 2, .dims = { s.m, s.n }, .strides = { s.n, 1 } };
    if (add)
        o.bias =
            (ft_dnn_desc){ .dtype = FT_F32, .ndim = 2, .dims = { 1, s.n }, .strides = { s.n, 1 } };
    ft_err err = ft_nn_kernel_try(&made->kernel, p, ft_dnn_matmul(&made->kernel.dnn, &o));
    if (err == FT_OK && made->kernel.dnn) err = ft_nn_kernel_pack(&made->kernel, p, 1, NULL);
    if (err == FT_OK && (made->kernel.dnn || (t == FT_F32 && !o.post_count && !posts_after)))
        return FT_OK;
    ft_nn_kernel_free(&made->kernel);
    free(made);
    p->state = NULL;
    return err;
}

static void unprepare(void *at) {
    state *s = at;
    ft_nn_kernel_free(&s->kernel);
    free(s);
}

static ft_err forward_general(const ft_nn_call *c) {
    sizes s = sizes_of(c->node, c->in);
    bool add = has_c(c->node, c->in, c->in_count) && s.beta != 0;
    float *y = ft_nn_f32(&c->out[0]);
    for (int64_t row = 0; add && row < s.m; row++)
        for (int64_t column = 0; column < s.n; column++)
            y[row * s.n + column] = ft_nn_f32(&c->in[2])[c_at(&c->in[2], row, column)];
    ft_nn_gemm g = { .a_transposed = s.a_transposed,
                     .b_transposed = s.b_transposed,
                     .m = s.m,
                     .n = s.n,
                     .k = s.k,
                     .alpha = s.alpha,
                     .beta = add ? s.beta : 0,
                     .a = ft_nn_f32(&c->in[0]),
                     .lda = s.a_transposed ? s.m : s.k,
                     .b = c->in[1].data,
                     .ldb = s.b_transposed ? s.k : s.n,
                     .c = y,
                     .ldc = s.n };
    return ft_nn_gemm_run(&g, true);
}

static ft_err forward(const ft_nn_call *c) {
    const state *s = c->state;
    if (!s) return reference(c);
    if (!s->kernel.dnn) return forward_general(c);
    int sum = ft_nn_post_sum_input(c->node);
    if (sum >= 0 && !s->posts_after && c->in[sum].data != c->out[0].data)
        memcpy(c->out[0].data, c->in[sum].data, ft_array_bytes(&c->out[0]));
    void *data[FT_DNN_SLOTS] = { [FT_DNN_SRC] = c->in[0].data,
                                 [FT_DNN_WEIGHTS] = c->in[1].data,
                                 [FT_DNN_BIAS] = c->in_count > 2 ? c->in[2].data : NULL,
                                 [FT_DNN_DST] = c->out[0].data };
    FT_TRY(ft_dnn_run(s->kernel.dnn, data, c->scratch));
    if (s->posts_after) ft_nn_posts_apply(c);
    return FT_OK;
}

static void c_gradient(const sizes *s, const float *y, ft_array *c) {
    memset(c->data, 0, ft_array_bytes(c));
    for (int64_t row = 0; row < s->m; row++)
        for (int64_t column = 0; column < s->n; column++)
            ft_nn_f32(c)[c_at(c, row, column)] += s->beta * y[row * s->n + column];
}

static ft_err backward(const ft_nn_call *c) {
    sizes s = sizes_of(c->node, c->in);
    const float *y = ft_nn_f32(&c->out_grad[0]);
    const float *a = ft_nn_f32(&c->in[0]);
    const ft_nn_weight *b = c->in[1].data;
    int64_t lda = s.a_transposed ? s.m : s.k, ldb = s.b_transposed ? s.k : s.n;
    /* A' = Y B't; where A is transposed its gradient is the other way round. */
    ft_nn_gemm da = { .b_transposed = !s.b_transposed,
                      .m = s.m,
                      .n = s.k,
                      .k = s.n,
                      .a = y,
                      .lda = s.n,
                      .b = b,
                      .ldb = ldb };
    if (s.a_transposed)
        da = (ft_nn_gemm){ .a_transposed = s.b_transposed,
                           .b_transposed = true,
                           .m = s.k,
                           .n = s.m,
                           .k = s.n,
                           .a = b,
                           .lda = ldb,
                           .b = y,
                           .ldb = s.n };
    ft_nn_gemm db = { .a_transposed = !s.a_transposed,
                      .m = s.k,
                      .n = s.n,
                      .k = s.m,
                      .a = a,
                      .lda = lda,
                      .b = y,
                      .ldb = s.n };
    if (s.b_transposed)
        db = (ft_nn_gemm){ .a_transposed = true,
                           .b_transposed = s.a_transposed,
                           .m = s.n,
                           .n = s.k,
                           .k = s.m,
                           .a = y,
                           .lda = s.n,
                           .b = a,
                           .ldb = lda };
    da.alpha = db.alpha = s.alpha;
    da.ldc = lda, db.ldc = ldb;
    da.c = c->in_grad[0].data, db.c = c->in_grad[1].data;
    if (da.c) FT_TRY(ft_nn_gemm_run(&da, c->state != NULL));
    if (db.c) FT_TRY(ft_nn_gemm_run(&db, c->state != NULL));
    if (c->in_count > 2 && c->in_grad[2].data) c_gradient(&s, y, &c->in_grad[2]);
    return FT_OK;
}

static int64_t flops(const ft_nn_node *n, const ft_array *in, const ft_array *out) {
    return 2 * ft_array_count(&out[0]) * sizes_of(n, in).k;
}

static bool apart(const ft_nn_node *n, const ft_array *in) {
    return ft_nn_apart_known(n, in) && !ft_nn_attr_int(n, "transA");
}

extern const ft_nn_op ft_nn_op_gemm;
const ft_nn_op ft_nn_op_gemm = { .name = "Gemm",
                                 .doc = "alpha A B + beta C: a linear layer",
                                 .attrs = attrs,
                                 .inputs_min = 2,
                                 .inputs_max = 4,
                                 .outputs_min = 1,
                                 .outputs_max = 1,
                                 .infer = infer,
                                 .reference = reference,
                                 .forward = forward,
                                 .backward = backward,
                                 .prepare = prepare,
                                 .unprepare = unprepare,
                                 .flops = flops,
                                 .packs = true,
                                 .apart = apart,
                                 .rows = FT_NN_ROWS_GEMM,
                                 .reads = FT_NN_READS_INPUTS };
