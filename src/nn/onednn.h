/* onednn.h -- oneDNN 2.6's kernels (libdnnl.so.2, loaded on first use): the one door to its C API,
 * whose descriptors change from 2.x to 3.x. onednn.c is the only file that includes its header.
 *
 * A kernel is made once for its shapes and layouts, and run with pointers. Where the library wants
 * another layout than the caller's (its own choice, or what a backward pass prefers), the kernel
 * reorders in its scratch. Weights that never change are packed once (ft_dnn_pack_bytes) and given
 * packed.
 *
 * Threads: a kernel belongs to one thread at a time and runs on as many OpenMP threads as
 * ft_dnn_threads said before it was made and says when it runs; that setting is the calling
 * thread's own. Memory: the caller gives scratch at each run.
 * Source: oneDNN developer guide 2.6, https://oneapi-src.github.io/oneDNN/v2.6/ */
#ifndef FT_NN_ONEDNN_H
#define FT_NN_ONEDNN_H

#include "nn/blocks.h"
#include "nn/post.h"

/* FT_EABSENT names the Debian package. Idempotent. */
ft_err ft_dnn_load(void);
void ft_dnn_threads(int threads); /* OpenMP threads that the calling thread's kernels may use */
/* Has this processor bf16 arithmetic that the library uses? `amx`: by tiles. */
bool ft_dnn_bf16(bool *amx);

/* C = alpha * op(A) * op(B) + beta * C, row-major f32; op transposes. */
ft_err ft_dnn_sgemm(bool a_transposed, bool b_transposed, int64_t m, int64_t n, int64_t k,
                    float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,
                    float beta, float *c, int64_t ldc);

#define FT_DNN_DIMS_MAX 12   /* the library reads as many */
typedef struct ft_dnn_desc { /* sizes in oneDNN's order (n, c, spatial …), steps in items */
    ft_dtype dtype;
    int ndim; /* 0: absent */
    int64_t dims[FT_DNN_DIMS_MAX], strides[FT_DNN_DIMS_MAX];
    bool any;  /* the kernel chooses the layout; strides say what the caller has */
    bool bf16; /* with `any`: the kernel works in bfloat16, the caller has f32 */
} ft_dnn_desc;
/* Dense. `last`: the array is (n, spatial …, c), described as (n, c, spatial …). */
ft_dnn_desc ft_dnn_desc_of(const ft_array *a, bool last);

typedef enum ft_dnn_dir {
    FT_DNN_FORWARD = 0, /* SRC, WEIGHTS, BIAS -> DST */
    FT_DNN_BACK_DATA,   /* DST, WEIGHTS -> SRC: gradients in the same slots */
    FT_DNN_BACK_WEIGHTS /* SRC, DST -> WEIGHTS, BIAS */
} ft_dnn_dir;
typedef enum ft_dnn_slot {
    FT_DNN_SRC = 0,
    FT_DNN_WEIGHTS,
    FT_DNN_BIAS,
    FT_DNN_DST,
    FT_DNN_SLOTS
} ft_dnn_slot;

typedef struct ft_dnn ft_dnn;

typedef struct ft_dnn_conv_opts {
    ft_dnn_dir dir;
    bool transposed;    /* ConvTranspose; weights described as (o, i, …) */
    bool training;      /* forward: Winograd allowed where it is faster */
    bool winograd;      /* no other algorithm; src and dst of any layout */
    size_t scratch_max; /* kernels that want more are passed over (0: none is); not reorders */
    ft_dnn_desc src, weights, bias, dst; /* weights with a first dimension of groups, or not */
    const int64_t *stride, *dilation, *pad_begin, *pad_end; /* dilation 1: dense */
    const ft_nn_post *posts;
    int post_count;
} ft_dnn_conv_opts;
ft_err ft_dnn_conv(ft_dnn **out, const ft_dnn_conv_opts *o);

typedef struct ft_dnn_pool_opts {
    ft_dnn_dir dir; /* FORWARD or BACK_DATA */
    bool max, include_pad;
    ft_dnn_desc src, dst;
    const int64_t *kernel, *stride, *dilation, *pad_begin, *pad_end;
} ft_dnn_pool_opts;
ft_err ft_dnn_pool(ft_dnn **out, const ft_dnn_pool_opts *o);

/* dst = posts(src x weights + bias), batched: all of one ndim, sizes of 1 broadcast. */
typedef struct ft_dnn_matmul_opts {
    ft_dnn_desc src, weights, bias, dst;
    const ft_nn_post *posts;
    int post_count;
} ft_dnn_matmul_opts;
ft_err ft_dnn_matmul(ft_dnn **out, const ft_dnn_matmul_opts *o);

void ft_dnn_free(ft_dnn *k);              /* fine on NULL */
const char *ft_dnn_name(const ft_dnn *k); /* "brgconv:avx512_core" */
size_t ft_dnn_scratch_bytes(const ft_dnn *k);
/* `data` by slot; NULL where the kernel has none. */
ft_err ft_dnn_run(ft_dnn *k, void *const data[FT_DNN_SLOTS], void *scratch);

/* Weights in the kernel's own layout: zero bytes when the caller's layout is it. After
 * ft_dnn_packed the kernel reads them from there and ignores what a run gives. */
size_t ft_dnn_pack_bytes(const ft_dnn *k);
ft_err ft_dnn_pack(const ft_dnn *k, void *to, const void *weights);
ft_err ft_dnn_packed(ft_dnn *k, const void *packed);
/* The layout as blocks.h has it; false: it is another kind. `outer` is then the caller's first
 * dimension, and the caller has f32, dense. */
bool ft_dnn_pack_blocks(const ft_dnn *k, ft_nn_blocks *out);
/* Describes the layout: two kernels of one key take each other's packed weights. */
size_t ft_dnn_pack_key(const ft_dnn *k, const void **key);

#endif
