/* matmul.c -- MatMul (ONNX 13): NumPy's matrix product, batches broadcast. Privately a third input,
 * a bias along the last axis, and posts (post.h), both put there by fusing. */
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "nn/ops/kernel.h"

static const ft_nn_attr_row attrs[] = { FT_NN_POST_ATTRS, { 0 } };

/* Both sides as batches of matrices: 1-dimensional sides get a 1. Steps of a batch are 0 where it
 * broadcasts. */
typedef struct product {
    int64_t m, n, k, batches;
    int dims; /* of the batch */
    int64_t batch[FT_ARRAY_DIMS_MAX];
    int64_t a_step[FT_ARRAY_DIMS_MAX], b_step[FT_ARRAY_DIMS_MAX]; /* in matrices */
} product;

static ft_array matrix_of(const ft_array *a, bool left) {
    ft_array out = *a;
    if (a->ndim != 1) return out;
    out.ndim = 2;
    out.shape[0] = left ? 1 : a->shape[0];
    out.shape[1] = left ? a->shape[0] : 1;
    return out;
}

static ft_array batch_of(const ft_array *a) {
    ft_array out = ft_nn_like(a);
    out.ndim -= 2;
    return out;
}

static ft_err infer(ft_nn_infer *i) {
    FT_TRY(ft_nn_take(i, 0, FT_NN_NUMBERS));
    FT_TRY(ft_nn_take(i, 1, FT_NN_NUMBERS));
    FT_TRY(ft_nn_take_same(i, 0, 1));
    i->out[0] = ft_nn_unknown(i->in[0].dtype);
    if (i->in[0].ndim < 0 || i->in[1].ndim < 0) return FT_OK;
    if (i->in[0].ndim == 0 || i->in[1].ndim == 0)
        return ft_nn_refuse_(i->node, FT_EINVAL, "a scalar is not a matrix");
    ft_array a = matrix_of(&i->in[0], true), b = matrix_of(&i->in[1], false), out;
    int64_t ka = a.shape[a.ndim - 1], kb = b.shape[b.ndim - 2];
    if (ka >= 0 && kb >= 0 && ka != kb)
        return ft_nn_refuse_(i->node, FT_EINVAL, "%lld columns meet %lld rows", (long long)ka,
                             (long long)kb);
    ft_array ab = batch_of(&a), bb = batch_of(&b);
    FT_TRY(ft_nn_broadcast(&out, i->node, &ab, &bb));
    out.dtype = a.dtype;
    if (i->in[0].ndim > 1) out.shape[out.ndim++] = a.shape[a.ndim - 2];
    if (i->in[1].ndim > 1) out.shape[out.ndim++] = b.shape[b.ndim - 1];
    i->out[0] = out;
    return ft_nn_post_infer(i);
}

static void steps_of(int64_t *step, const ft_array *a, int dims) {
    int64_t each = 1;
    for (int i = dims - 1, k = a->ndim - 3; i >= 0; i--, k--) {
        step[i] = k < 0 || a->shape[k] == 1 ? 0 : each;
        if (k >= 0) each *= a->shape[k];
    }
}

static void product_of(product *p, const ft_array *left, const ft_array *right) {
    ft_array a = matrix_of(left, true), b = matrix_of(right, false);
    memset(p, 0, sizeof *p);
    p->m = a.shape[a.ndim - 2];
    p->k = a.shape[a.ndim - 1];
    p->n = b.shape[b.ndim - 1];
    p->dims = (a.ndim > b.ndim ? a.ndim : b.ndim) - 2;
    p->batches = 1;
    steps_of(p->a_step, &a, p->dims);
    steps_of(p->b_step, &b, p->dims);
    for (int i = 0; i < p->dims; i++) {
        int ai = a.ndim - 2 - p->dims + i, bi = b.ndim - 2 - p->dims + i;
        int64_t as = ai < 0 ? 1 : a.shape[ai], bs = bi < 0 ? 1 : b.shape[bi];
        p->batch[i] = as == 1 ? bs : as;
        p->batches *= p->batch[i];
    }
    if (p->dims && ft_array_count(right) == p->k * p->n && p->a_step[0]) { /* one right side */
        p->m *= p->batches;
        p->batches = 1;
        p->dims = 0;
    }
}

/* Where batch `i` has its matrices. */
static void batch_at(const product *p, int64_t i, int64_t *a, int64_t *b) {
    *a = *b = 0;
    for (int d = p->dims - 1; d >= 0; d--) {
        *a += i % p->batch[d] * p->a_step[d];
        *b += i % p->batch[d] * p->b_step[d];
        i /= p->batch[d];
    }
}

static void plain_batch(const ft_nn_call *c, const product *p, int64_t i) {
    int64_t a, b;
    bool whole = !ft_nn_is_float(c->in[0].dtype);
    bool bias = ft_nn_given(c->in, c->in_count, 2) && ft_nn_post_sum_input(c->node) != 2;
    batch_at(p, i, &a, &b);
    for (int64_t row = 0; row < p->m; row++)
        for (int64_t column = 0; column < p->n; column++) {
            int64_t ia = (a * p->m + row) * p->k, ib = b * p->k * p->n + column;
            int64_t to = (i * p->m + row) * p->n + column;
            double sum = bias ? ft_nn_item(&c->in[2], column) : 0;
            uint64_t ints = 0;
            for (int64_t k = 0; k < p->k; k++, ia++, ib += p->n) {
                if (whole)
                    ints += (uint64_t)ft_nn_get_int(&c->in[0], ia) *
                            (uint64_t)ft_nn_get_int(&c->in[1], ib);
                else
                    sum += ft_nn_item(&c->in[0], ia) * ft_nn_item(&c->in[1], ib);
            }
            if (whole)
                ft_nn_put_int(&c->out[0], to, (int64_t)ints);
            else
                ft_nn_put_f64(&c->out[0], to, sum);
        }
}

static ft_err reference(const ft_nn_call *c) {
    product p;
    product_of(&p, &c->in[0], &c->in[1]);
    for (int64_t i = 0; i < p.batches; i++) plain_batch(c, &p, i);
    ft_nn_posts_apply(c);
    return FT_OK;
}

/* ---- oneDNN */

static ft_dnn_desc side(const product *p, ft_dtype type, int64_t rows, int64_t columns,
                        const int64_t *step) {
    ft_dnn_desc d = { .dtype = type, .ndim = p->dims + 2 };
    int64_t each = rows * columns, dense = 1;
    for (int i = p->dims - 1; i >= 0; i--) {
        bool there = !step || step[i];
        d.dims[i] = there ? p->batch[i] : 1;
        d.strides[i] = step ? (there ? step[i] * each : each) : dense * each;
        dense *= p->batch[i];
    }
    d.dims[p->dims] = rows;
    d.dims[p->dims + 1] = columns;
    d.strides[p->dims] = columns;
    d.strides[p->dims + 1] = 1;
    return d;
}

typedef struct state {
    ft_nn_kernel kernel;
    bool posts_after;
} state;

static ft_err prepare(ft_nn_prepare *p) {
    ft_dtype t = p->in[0].dtype;
    if (p->reference || (t != FT_F32 && t != FT_BF16) || ft_array_count(&p->out[0]) == 0 ||
        ft_array_count(&p->in[0]) == 0)
        return FT_OK;
    product s;
    ft_nn_post posts[FT_NN_POSTS_MAX];
    bool posts_after;
    bool bias = ft_nn_given(p->in, p->in_count, 2) && ft_nn_post_sum_input(p->node) != 2;
    product_of(&s, &p->in[0], &p->in[1]);
    ft_dnn_matmul_opts o = { .src = side(&s, t, s.m, s.k, s.a_step),
                             .weights = side(&s, t, s.k, s.n, s.b_step),
                             .dst = side(&s, t, s.m, s.n, NULL),
                             .posts = posts,
                             .post_count = ft_nn_posts_fused(posts, p, &posts_after) };
    o.weights.any = s.dims == 0 && p->in[1].data && !p->training;
    if (bias) {
        o.bias = (ft_dnn_desc){ .dtype = FT_F32, .ndim = s.dims + 2 };
        for (int i = 0; i < s.dims + 2; i++) o.bias.dims[i] = 1, o.bias.strides[i] = s.n;
        o.bias.dims[s.dims + 1] = s.n;
        o.bias.strides[s.dims + 1] = 1;
    }
    state *made = ft_fault_here() ? NULL : calloc(1, sizeof *made);
    if (!made) return FT_FAIL(FT_ENOMEM, "no memory for a product");
    ft_nn_kernel *k = &made->kernel;
    made->posts_after = posts_after;
    ft_err err = ft_nn_kernel_try(k, p, ft_dnn_matmul(&k->dnn, &o));
    if (err == FT_OK && k->dnn && o.weights.any) err = ft_nn_kernel_pack(k, p, 1, NULL);
    if (err == FT_OK && k->dnn) {
        p->state = made;
        return FT_OK;
    }
    ft_nn_kernel_free(k);
    free(made);
    return err;
}

static void unprepare(void *at) {
    state *s = at;
    ft_nn_kernel_free(&s->kernel);
    free(s);
}

static ft_err forward(const ft_nn_call *c) {
    const state *s = c->state;
    if (!s) return reference(c);
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

/* dA = dY Bt, dB = At dY, batch by batch; added up where a side broadcasts. */
static ft_err backward(const ft_nn_call *c) {
    product p;
    product_of(&p, &c->in[0], &c->in[1]);
    for (int i = 0; i < 2; i++)
        if (c->in_grad[i].data) memset(c->in_grad[i].data, 0, ft_array_bytes(&c->in_grad[i]));
    for (int64_t i = 0; i < p.batches; i++) {
        int64_t ia, ib;
        batch_at(&p, i, &ia, &ib);
        const float *a = ft_nn_f32(&c->in[0]) + ia * p.m * p.k;
        const ft_nn_weight *b = (const ft_nn_weight *)c->in[1].data + ib * p.k * p.n;
        const float *y = ft_nn_f32(&c->out_grad[0]) + i * p.m * p.n;
        ft_nn_gemm da = { .b_transposed = true,
                          .m = p.m,
                          .n = p.k,
                          .k = p.n,
                          .alpha = 1,
                          .beta = 1,
                          .a = y,
                          .lda = p.n,
                          .b = b,
                          .ldb = p.n,
                          .ldc = p.k };
        ft_nn_gemm db = { .a_transposed = true,
                          .m = p.k,
                          .n = p.n,
                          .k = p.m,
                          .alpha = 1,
                          .beta = 1,
                          .a = a,
                          .lda = p.k,
                          .b = y,
                          .ldb = p.n,
                          .ldc = p.n };
        if (c->in_grad[0].data) {
            da.c = ft_nn_f32(&c->in_grad[0]) + ia * p.m * p.k;
            FT_TRY(ft_nn_gemm_run(&da, c->state != NULL));
        }
        if (c->in_grad[1].data) {
            db.c = ft_nn_f32(&c->in_grad[1]) + ib * p.k * p.n;
            FT_TRY(ft_nn_gemm_run(&db, c->state != NULL));
        }
    }
    return FT_OK;
}

static int64_t flops(const ft_nn_node *n, const ft_array *in, const ft_array *out) {
    (void)n;
    return 2 * ft_array_count(&out[0]) * in[0].shape[in[0].ndim - 1];
}

static bool apart(const ft_nn_node *n, const ft_array *in) {
    return ft_nn_apart_known(n, in) && in[0].ndim > 1 && in[1].ndim <= 2;
}

extern const ft_nn_op ft_nn_op_mat_mul;
const ft_nn_op ft_nn_op_mat_mul = { .name = "MatMul",
                                    .doc = "product of matrices, batches broadcast",
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
                                    .rows = FT_NN_ROWS_MATMUL,
                                    .reads = FT_NN_READS_INPUTS };
