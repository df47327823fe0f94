/* kernel.h -- what the heavy operations share: shapes in (n, c, spatial …) order whatever the
 * memory order, and oneDNN kernels with their packed weights.
 *
 * `ft_last` (private attribute): the data inputs and outputs are channels-last, (n, spatial …, c).
 * The layout pass sets it (passes/layout.c); weights keep ONNX's order. */
#ifndef FT_NN_OPS_KERNEL_H
#define FT_NN_OPS_KERNEL_H

#include "nn/onednn.h"
#include "nn/ops/shared.h"
#include "nn/store.h"

#define FT_NN_LAST_ATTR \
    { "ft_last", FT_NN_INT, 0, NULL, false }
static inline bool ft_nn_last(const ft_nn_node *n) { return ft_nn_attr_int(n, "ft_last") != 0; }

/* The array's shape as (n, c, spatial …). */
ft_array ft_nn_first(const ft_array *a, bool last);
/* And back: a shape in that order as it lies in memory. */
void ft_nn_to_last(ft_array *a, bool last);

/* Weights may be views of a file that is not aligned (graph.h). */
typedef float ft_nn_weight __attribute__((aligned(1)));

/* Weights are mostly views of a mapped file: its pages at once instead of by 1,600 faults
 * (ResNet-50: 3.5 of 150 ms of a session's start). Where that is not to be had nothing is lost. */
void ft_nn_pages_expect(const void *at, size_t bytes);

/* Item `i` of any float type, quick for f32. */
static inline double ft_nn_item(const ft_array *a, int64_t i) {
    return a->dtype == FT_F32 ? (double)((const ft_nn_weight *)a->data)[i] : ft_array_f64(a, i);
}
static inline float *ft_nn_f32(const ft_array *a) { return a->data; }

/* A window slides over up to six spatial sizes: `at` steps through them, last first. */
static inline bool ft_nn_odometer(int64_t *at, const int64_t *size, int dims) {
    for (int i = dims - 1; i >= 0; i--) {
        if (++at[i] < size[i]) return true;
        at[i] = 0;
    }
    return false;
}

/* C = alpha op(A) op(B) + beta C, row-major f32: by oneDNN when `fast`, else plain C with sums in
 * double. With beta 0 what C holds is not read. */
typedef struct ft_nn_gemm {
    bool a_transposed, b_transposed;
    int64_t m, n, k;
    float alpha, beta;
    const ft_nn_weight *a, *b;
    int64_t lda, ldb, ldc;
    float *c;
} ft_nn_gemm;
ft_err ft_nn_gemm_run(const ft_nn_gemm *g, bool fast);

/* A oneDNN kernel and its packed weights. */
typedef struct ft_nn_kernel {
    ft_dnn *dnn;
    void *packed; /* where no store is */
} ft_nn_kernel;
void ft_nn_kernel_free(ft_nn_kernel *k);
/* Input `input` is the kernel's weights: pack them when they never change. `change` (may be NULL):
 * other numbers than the input's, written by `fill`, told apart by `tag`. */
typedef struct ft_nn_change {
    const void *tag;
    void (*fill)(void *ctx, void *to); /* as many bytes as the input has */
    void *ctx;
} ft_nn_change;
ft_err ft_nn_kernel_pack(ft_nn_kernel *k, ft_nn_prepare *p, size_t input,
                         const ft_nn_change *change);
/* The same for a change that multiplies each row of the input's first dimension by its item of
 * `by`: done on the way where it can be. */
ft_err ft_nn_kernel_pack_rows(ft_nn_kernel *k, ft_nn_prepare *p, size_t input,
                              const ft_nn_change *change, const float *by);
/* The kernel may be absent: FT_EUNSUPPORTED becomes FT_OK with no kernel (plain C runs). */
ft_err ft_nn_kernel_try(ft_nn_kernel *k, ft_nn_prepare *p, ft_err made);

#endif
