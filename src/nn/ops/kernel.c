/* kernel.c -- see kernel.h. */
#include "nn/ops/kernel.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"

ft_array ft_nn_first(const ft_array *a, bool last) {
    ft_array out = *a;
    if (!last || a->ndim < 3) return out;
    out.shape[1] = a->shape[a->ndim - 1];
    for (int i = 2; i < a->ndim; i++) out.shape[i] = a->shape[i - 1];
    return out;
}

void ft_nn_to_last(ft_array *a, bool last) {
    if (!last || a->ndim < 3) return;
    int64_t channels = a->shape[1];
    for (int i = 2; i < a->ndim; i++) a->shape[i - 1] = a->shape[i];
    a->shape[a->ndim - 1] = channels;
}

void ft_nn_kernel_free(ft_nn_kernel *k) {
    ft_dnn_free(k->dnn);
    free(k->packed);
    *k = (ft_nn_kernel){ 0 };
}

typedef struct packing {
    const ft_dnn *dnn;
    const void *weights;
    size_t bytes; /* copied as they are when the layout is the kernel's */
} packing;

static ft_err pack(void *ctx, void *to) {
    const packing *p = ctx;
    if (!p->weights) return FT_FAIL(FT_ENOTFOUND, "not packed yet");
    if (ft_dnn_pack_bytes(p->dnn)) return ft_dnn_pack(p->dnn, to, p->weights);
    memcpy(to, p->weights, p->bytes);
    return FT_OK;
}

#define KEY_BYTES_MAX 1024

/* The kernel's layout, and what else tells its numbers apart. */
static size_t key_of(unsigned char key[KEY_BYTES_MAX], const ft_nn_kernel *k, const void *tag) {
    const void *layout;
    size_t bytes = ft_dnn_pack_key(k->dnn, &layout);
    FT_CHECK(bytes + sizeof tag <= KEY_BYTES_MAX);
    memcpy(key, layout, bytes);
    memcpy(key + bytes, &tag, sizeof tag);
    return bytes + sizeof tag;
}

bool ft_nn_kernel_is_packed(ft_nn_kernel *k, ft_nn_prepare *p, size_t input, const void *tag) {
    unsigned char key[KEY_BYTES_MAX];
    size_t bytes = key_of(key, k, tag);
    return p->store && ft_nn_store_has(p->store, p->in[input].data, key, bytes);
}

ft_err ft_nn_kernel_pack(ft_nn_kernel *k, ft_nn_prepare *p, size_t input, const void *changed,
                         const void *tag) {
    unsigned char key[KEY_BYTES_MAX];
    const void *weights = p->in[input].data, *packed;
    size_t bytes = ft_dnn_pack_bytes(k->dnn);
    if (!weights || p->training || (bytes == 0 && !tag)) return FT_OK;
    packing with = { k->dnn, tag ? changed : weights, ft_array_bytes(&p->in[input]) };
    if (bytes == 0) bytes = with.bytes;
    if (p->store) {
        size_t key_bytes = key_of(key, k, tag);
        FT_TRY(ft_nn_store_packed(&packed, p->store, weights, key, key_bytes, bytes, pack, &with));
        return ft_dnn_packed(k->dnn, packed);
    }
    k->packed = ft_fault_here() ? NULL : aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    if (!k->packed) return FT_FAIL(FT_ENOMEM, "no memory for packed weights");
    FT_TRY(pack(&with, k->packed));
    return ft_dnn_packed(k->dnn, k->packed);
}

ft_err ft_nn_kernel_try(ft_nn_kernel *k, ft_nn_prepare *p, ft_err made) {
    if (made == FT_EUNSUPPORTED) {
        ft_err_clear();
        return FT_OK;
    }
    if (made != FT_OK) return made;
    if (ft_dnn_scratch_bytes(k->dnn) > p->scratch_bytes)
        p->scratch_bytes = ft_dnn_scratch_bytes(k->dnn);
    if (!p->kernel) p->kernel = ft_dnn_name(k->dnn);
    return FT_OK;
}

static double gemm_dot(const ft_nn_gemm *g, int64_t row, int64_t column) {
    int64_t a_step = g->a_transposed ? g->lda : 1, b_step = g->b_transposed ? 1 : g->ldb;
    const float *a = g->a + (g->a_transposed ? row : row * g->lda);
    const float *b = g->b + (g->b_transposed ? column * g->ldb : column);
    double sum = 0;
    for (int64_t i = 0; i < g->k; i++) sum += (double)a[i * a_step] * (double)b[i * b_step];
    return sum;
}

ft_err ft_nn_gemm_run(const ft_nn_gemm *g, bool fast) {
    if (fast && g->m > 0 && g->n > 0 && g->k > 0)
        return ft_dnn_sgemm(g->a_transposed, g->b_transposed, g->m, g->n, g->k, g->alpha, g->a,
                            g->lda, g->b, g->ldb, g->beta, g->c, g->ldc);
    for (int64_t i = 0; i < g->m; i++)
        for (int64_t k = 0; k < g->n; k++) {
            float *to = &g->c[i * g->ldc + k];
            double before = g->beta == 0 ? 0 : (double)g->beta * (double)*to;
            *to = (float)(before + (double)g->alpha * gemm_dot(g, i, k));
        }
    return FT_OK;
}
