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
} packing;

static ft_err pack(void *ctx, void *to) {
    const packing *p = ctx;
    return ft_dnn_pack(p->dnn, to, p->weights);
}

ft_err ft_nn_kernel_pack(ft_nn_kernel *k, ft_nn_prepare *p, size_t input) {
    const void *weights = p->in[input].data, *key, *packed;
    size_t bytes = ft_dnn_pack_bytes(k->dnn);
    if (!weights || p->training || bytes == 0) return FT_OK;
    packing with = { k->dnn, weights };
    if (p->store) {
        size_t key_bytes = ft_dnn_pack_key(k->dnn, &key);
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
    return FT_OK;
}
