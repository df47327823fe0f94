/* kernel.c -- see kernel.h. */
#include "nn/ops/kernel.h"

#include <stdlib.h>
#include <sys/mman.h>

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

void ft_nn_pages_expect(const void *at, size_t bytes) {
    size_t page = 4096, from = (size_t)at & ~(page - 1);
    if (bytes >= 16 * page) madvise((void *)from, (size_t)at + bytes - from, MADV_POPULATE_READ);
}

typedef struct packing {
    const ft_dnn *dnn;
    const void *weights;
    const ft_nn_change *change;
    const float *by; /* what `change` multiplies rows by; NULL: it is another change */
} packing;

/* Read, changed and written in one go. */
static bool pack_at_once(const packing *p, void *to) {
    ft_nn_blocks blocks;
    if ((p->change && !p->by) || !ft_dnn_pack_blocks(p->dnn, &blocks)) return false;
    return ft_nn_blocks_fill(&blocks, to, p->weights, p->by);
}

static ft_err pack(void *ctx, void *to, void *scratch) {
    const packing *p = ctx;
    if (pack_at_once(p, to)) return FT_OK;
    bool same = ft_dnn_pack_bytes(p->dnn) == 0; /* the layout is the kernel's already */
    if (p->change) p->change->fill(p->change->ctx, same ? to : scratch);
    if (same) return FT_OK;
    return ft_dnn_pack(p->dnn, to, p->change ? scratch : p->weights);
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

/* Without a store: memory of the kernel's own. */
static ft_err pack_own(ft_nn_kernel *k, const ft_nn_packer *packer) {
    size_t whole = (packer->bytes + 63) & ~(size_t)63;
    void *scratch = NULL;
    k->packed = ft_fault_here() ? NULL : aligned_alloc(64, whole);
    if (packer->scratch_bytes) scratch = ft_fault_here() ? NULL : malloc(packer->scratch_bytes);
    ft_err err = k->packed && (scratch || !packer->scratch_bytes)
                     ? packer->make(packer->ctx, k->packed, scratch)
                     : FT_FAIL(FT_ENOMEM, "no memory for packed weights");
    free(scratch);
    return err;
}

ft_err ft_nn_kernel_pack_rows(ft_nn_kernel *k, ft_nn_prepare *p, size_t input,
                              const ft_nn_change *change, const float *by) {
    unsigned char key[KEY_BYTES_MAX];
    const void *weights = p->in[input].data, *packed;
    size_t bytes = ft_dnn_pack_bytes(k->dnn), plain = ft_array_bytes(&p->in[input]);
    if (!weights || (bytes == 0 && !change)) return FT_OK;
    packing with = { k->dnn, weights, change, by };
    ft_nn_packer packer = { .bytes = bytes ? bytes : plain,
                            .scratch_bytes = bytes && change ? plain : 0,
                            .make = pack,
                            .ctx = &with };
    if (!p->store) {
        FT_TRY(pack_own(k, &packer));
        packed = k->packed;
    } else {
        size_t key_bytes = key_of(key, k, change ? change->tag : NULL);
        FT_TRY(ft_nn_store_packed(&packed, p->store, weights, key, key_bytes, &packer));
    }
    FT_TRY(ft_dnn_packed(k->dnn, packed));
    /* less: nothing to reorder at each run; going back asks for more by itself */
    if (!p->training) p->scratch_bytes = ft_dnn_scratch_bytes(k->dnn);
    return FT_OK;
}

ft_err ft_nn_kernel_pack(ft_nn_kernel *k, ft_nn_prepare *p, size_t input,
                         const ft_nn_change *change) {
    return ft_nn_kernel_pack_rows(k, p, input, change, NULL);
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
    const ft_nn_weight *a = g->a + (g->a_transposed ? row : row * g->lda);
    const ft_nn_weight *b = g->b + (g->b_transposed ? column * g->ldb : column);
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
