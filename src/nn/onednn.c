/* onednn.c -- see onednn.h. */
#include "nn/onednn.h"

#include <oneapi/dnnl/dnnl.h>
#include <omp.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/lib.h"

/* ---- the libraries */

#define DNNL_FUNCTIONS(X)                                    \
    X(dnnl_engine_create)                                    \
    X(dnnl_stream_create)                                    \
    X(dnnl_get_effective_cpu_isa)                            \
    X(dnnl_sgemm)                                            \
    X(dnnl_memory_desc_init_by_strides)                      \
    X(dnnl_memory_desc_init_by_tag)                          \
    X(dnnl_memory_desc_equal)                                \
    X(dnnl_memory_desc_get_size)                             \
    X(dnnl_memory_create)                                    \
    X(dnnl_memory_set_data_handle)                           \
    X(dnnl_memory_destroy)                                   \
    X(dnnl_post_ops_create)                                  \
    X(dnnl_post_ops_append_sum)                              \
    X(dnnl_post_ops_append_eltwise)                          \
    X(dnnl_post_ops_destroy)                                 \
    X(dnnl_primitive_attr_create)                            \
    X(dnnl_primitive_attr_set_post_ops)                      \
    X(dnnl_primitive_attr_set_scratchpad_mode)               \
    X(dnnl_primitive_attr_destroy)                           \
    X(dnnl_primitive_desc_create)                            \
    X(dnnl_primitive_desc_iterator_create)                   \
    X(dnnl_primitive_desc_iterator_fetch)                    \
    X(dnnl_primitive_desc_iterator_next)                     \
    X(dnnl_primitive_desc_iterator_destroy)                  \
    X(dnnl_primitive_desc_query)                             \
    X(dnnl_primitive_desc_query_md)                          \
    X(dnnl_primitive_desc_destroy)                           \
    X(dnnl_primitive_create)                                 \
    X(dnnl_primitive_execute)                                \
    X(dnnl_primitive_destroy)                                \
    X(dnnl_reorder_primitive_desc_create)                    \
    X(dnnl_dilated_convolution_forward_desc_init)            \
    X(dnnl_dilated_convolution_backward_data_desc_init)      \
    X(dnnl_dilated_convolution_backward_weights_desc_init)   \
    X(dnnl_dilated_deconvolution_forward_desc_init)          \
    X(dnnl_dilated_deconvolution_backward_data_desc_init)    \
    X(dnnl_dilated_deconvolution_backward_weights_desc_init) \
    X(dnnl_pooling_v2_forward_desc_init)                     \
    X(dnnl_pooling_v2_backward_desc_init)                    \
    X(dnnl_matmul_desc_init)

static struct api {
#define X(name) __typeof__(&name) name;
    DNNL_FUNCTIONS(X)
#undef X
} dnn;
static void *dnn_handle;
static const ft_lib_symbol dnn_symbols[] = {
#define X(name) { #name, offsetof(struct api, name) },
    DNNL_FUNCTIONS(X)
#undef X
};

static pthread_mutex_t engine_lock = PTHREAD_MUTEX_INITIALIZER;
static dnnl_engine_t engine; /* of the processor: has no state; lives as long as the process */
static dnnl_stream_t stream;

static ft_err dnn_ok(dnnl_status_t status, const char *what) {
    if (status == dnnl_success) return FT_OK;
    if (status == dnnl_out_of_memory) return FT_FAIL(FT_ENOMEM, "oneDNN: no memory (%s)", what);
    if (status == dnnl_unimplemented)
        return FT_FAIL(FT_EUNSUPPORTED, "oneDNN has no kernel for this (%s)", what);
    return FT_FAIL(FT_EINVAL, "oneDNN refused (%s, status %d)", what, (int)status);
}
/* Every call that may run out of memory is a fallible call of ours. */
#define DNN(name, ...) dnn_ok(ft_fault_here() ? dnnl_out_of_memory : dnn.name(__VA_ARGS__), #name)

static ft_err engine_make(void) {
    dnnl_engine_t made;
    if (engine) return FT_OK;
    FT_TRY(DNN(dnnl_engine_create, &made, dnnl_cpu, 0));
    FT_TRY(DNN(dnnl_stream_create, &stream, made, dnnl_stream_default_flags));
    __atomic_store_n(&engine, made, __ATOMIC_RELEASE);
    return FT_OK;
}

ft_err ft_dnn_load(void) {
    if (__atomic_load_n(&engine, __ATOMIC_ACQUIRE)) return FT_OK;
    FT_TRY(ft_lib_load(&dnn_handle, "libdnnl.so.2", "libdnnl2", &dnn, dnn_symbols,
                       FT_COUNT(dnn_symbols)));
    pthread_mutex_lock(&engine_lock);
    ft_err err = engine_make();
    pthread_mutex_unlock(&engine_lock);
    return err;
}

static bool loaded(void) { return __atomic_load_n(&engine, __ATOMIC_ACQUIRE) != NULL; }

void ft_dnn_threads(int threads) { omp_set_num_threads(threads); }

bool ft_dnn_bf16(bool *amx) {
    *amx = false;
    if (!loaded()) return false;
    dnnl_cpu_isa_t isa = dnn.dnnl_get_effective_cpu_isa();
    *amx = (isa & dnnl_cpu_isa_avx512_core_amx) == dnnl_cpu_isa_avx512_core_amx;
    return (isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
}

ft_err ft_dnn_sgemm(bool a_transposed, bool b_transposed, int64_t m, int64_t n, int64_t k,
                    float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,
                    float beta, float *c, int64_t ldc) {
    return DNN(dnnl_sgemm, a_transposed ? 'T' : 'N', b_transposed ? 'T' : 'N', m, n, k, alpha, a,
               lda, b, ldb, beta, c, ldc);
}

/* ---- descriptions */

ft_dnn_desc ft_dnn_desc_of(const ft_array *a, bool last) {
    ft_dnn_desc d = { .dtype = a->dtype, .ndim = a->ndim };
    int64_t step = 1;
    FT_CHECK(a->ndim <= FT_DNN_DIMS_MAX);
    for (int i = a->ndim - 1; i >= 0; i--) {
        int to = !last || i == 0 ? i : i == a->ndim - 1 ? 1 : i + 1;
        d.dims[to] = a->shape[i];
        d.strides[to] = step;
        step *= a->shape[i];
    }
    return d;
}

static dnnl_data_type_t type_of(ft_dtype t) {
    switch (t) {
    case FT_F32:
        return dnnl_f32;
    case FT_BF16:
        return dnnl_bf16;
    case FT_F16:
        return dnnl_f16;
    case FT_I32:
        return dnnl_s32;
    case FT_I8:
        return dnnl_s8;
    case FT_U8:
        return dnnl_u8;
    default:
        return dnnl_data_type_undef;
    }
}

/* As the caller has it. */
static ft_err desc_own(dnnl_memory_desc_t *md, const ft_dnn_desc *d) {
    memset(md, 0, sizeof *md);
    if (d->ndim == 0) return FT_OK;
    return DNN(dnnl_memory_desc_init_by_strides, md, d->ndim, d->dims, type_of(d->dtype),
               d->strides);
}
/* As the kernel may have it. */
static ft_err desc_free(dnnl_memory_desc_t *md, const ft_dnn_desc *d) {
    memset(md, 0, sizeof *md);
    if (d->ndim == 0 || !d->any) return desc_own(md, d);
    return DNN(dnnl_memory_desc_init_by_tag, md, d->ndim, d->dims,
               type_of(d->bf16 ? FT_BF16 : d->dtype), dnnl_format_tag_any);
}

/* ---- kernels */

#define ARGS_MAX 5 /* four slots and the scratchpad */

typedef struct arg {
    int id; /* oneDNN's number */
    ft_dnn_slot slot;
    bool output, packed;
    dnnl_memory_desc_t own, kernel; /* the caller's layout, the kernel's */
    dnnl_memory_t memory;           /* in the kernel's layout */
    dnnl_memory_t own_memory;       /* NULL: the layouts are the same */
    dnnl_primitive_t reorder;
    dnnl_primitive_t reorder_in; /* of an output that is added to: what it holds before */
    size_t scratch_at;
} arg;

struct ft_dnn {
    dnnl_primitive_t primitive;
    const char *name;
    arg args[ARGS_MAX];
    int arg_count;
    dnnl_memory_t scratchpad;
    size_t scratchpad_at, scratch_bytes;
};

typedef struct slot_spec {
    int id;
    ft_dnn_slot slot;
    bool output;
    const ft_dnn_desc *desc;
} slot_spec;

void ft_dnn_free(ft_dnn *k) {
    if (!k) return;
    for (int i = 0; i < k->arg_count; i++) {
        arg *a = &k->args[i];
        if (a->reorder) dnn.dnnl_primitive_destroy(a->reorder);
        if (a->reorder_in) dnn.dnnl_primitive_destroy(a->reorder_in);
        if (a->memory) dnn.dnnl_memory_destroy(a->memory);
        if (a->own_memory) dnn.dnnl_memory_destroy(a->own_memory);
    }
    if (k->scratchpad) dnn.dnnl_memory_destroy(k->scratchpad);
    if (k->primitive) dnn.dnnl_primitive_destroy(k->primitive);
    free(k);
}

const char *ft_dnn_name(const ft_dnn *k) { return k->name; }
size_t ft_dnn_scratch_bytes(const ft_dnn *k) { return k->scratch_bytes; }

static size_t scratch_add(ft_dnn *k, size_t bytes) {
    size_t at = k->scratch_bytes;
    k->scratch_bytes += (bytes + 63) & ~(size_t)63;
    return at;
}

static ft_err reorder_make(dnnl_primitive_t *out, const dnnl_memory_desc_t *from,
                           const dnnl_memory_desc_t *to) {
    dnnl_primitive_desc_t pd;
    FT_TRY(DNN(dnnl_reorder_primitive_desc_create, &pd, from, engine, to, engine, NULL));
    ft_err err = DNN(dnnl_primitive_create, out, pd);
    dnn.dnnl_primitive_desc_destroy(pd);
    return err;
}

/* One argument; a reorder through scratch when the layouts differ. */
static ft_err arg_make(ft_dnn *k, dnnl_primitive_desc_t pd, const slot_spec *s) {
    const dnnl_memory_desc_t *md =
        dnn.dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, s->id);
    if (!md || md->ndims == 0 || s->desc->ndim == 0) return FT_OK;
    arg *a = &k->args[k->arg_count++];
    *a = (arg){ .id = s->id, .slot = s->slot, .output = s->output, .kernel = *md };
    FT_TRY(desc_own(&a->own, s->desc));
    FT_TRY(DNN(dnnl_memory_create, &a->memory, &a->kernel, engine, DNNL_MEMORY_NONE));
    if (dnn.dnnl_memory_desc_equal(&a->own, &a->kernel)) return FT_OK;
    FT_TRY(DNN(dnnl_memory_create, &a->own_memory, &a->own, engine, DNNL_MEMORY_NONE));
    FT_TRY(s->output ? reorder_make(&a->reorder, &a->kernel, &a->own)
                     : reorder_make(&a->reorder, &a->own, &a->kernel));
    if (s->slot != FT_DNN_WEIGHTS) /* weights come last: packed ones need none */
        a->scratch_at = scratch_add(k, dnn.dnnl_memory_desc_get_size(&a->kernel));
    return FT_OK;
}

static const arg *weights_of(const ft_dnn *k) {
    for (int i = 0; i < k->arg_count; i++)
        if (k->args[i].slot == FT_DNN_WEIGHTS) return &k->args[i];
    return NULL;
}

static ft_err kernel_fill(ft_dnn *k, dnnl_primitive_desc_t pd, const slot_spec *slots, int count) {
    for (int i = 0; i < count; i++) FT_TRY(arg_make(k, pd, &slots[i]));
    const dnnl_memory_desc_t *md =
        dnn.dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    if (md && md->ndims) {
        FT_TRY(DNN(dnnl_memory_create, &k->scratchpad, md, engine, DNNL_MEMORY_NONE));
        k->scratchpad_at = scratch_add(k, dnn.dnnl_memory_desc_get_size(md));
    }
    arg *weights = (arg *)weights_of(k);
    if (weights && weights->own_memory)
        weights->scratch_at = scratch_add(k, dnn.dnnl_memory_desc_get_size(&weights->kernel));
    dnn.dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, (void *)&k->name);
    return DNN(dnnl_primitive_create, &k->primitive, pd);
}

static size_t scratchpad_bytes(const_dnnl_primitive_desc_t pd) {
    const dnnl_memory_desc_t *md =
        dnn.dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    return md && md->ndims ? dnn.dnnl_memory_desc_get_size(md) : 0;
}

/* The library's first choice, or the first that is content with `scratch_max` (0: any). */
static ft_err choose(dnnl_primitive_desc_t *out, const_dnnl_op_desc_t desc,
                     dnnl_primitive_attr_t attr, dnnl_primitive_desc_t hint, size_t scratch_max) {
    dnnl_primitive_desc_iterator_t at;
    *out = NULL;
    if (!scratch_max) return DNN(dnnl_primitive_desc_create, out, desc, attr, engine, hint);
    FT_TRY(DNN(dnnl_primitive_desc_iterator_create, &at, desc, attr, engine, hint));
    ft_err err = FT_OK;
    do {
        if (*out) dnn.dnnl_primitive_desc_destroy(*out);
        *out = dnn.dnnl_primitive_desc_iterator_fetch(at);
    } while (*out && scratchpad_bytes(*out) > scratch_max &&
             dnn.dnnl_primitive_desc_iterator_next(at) == dnnl_success);
    if (!*out) err = FT_FAIL(FT_ENOMEM, "oneDNN: no memory for a description");
    if (err == FT_OK && scratchpad_bytes(*out) > scratch_max) {
        dnn.dnnl_primitive_desc_destroy(*out);
        *out = NULL;
        err = FT_FAIL(FT_EUNSUPPORTED, "oneDNN has no kernel that works in %zu bytes", scratch_max);
    }
    dnn.dnnl_primitive_desc_iterator_destroy(at);
    return err;
}

static ft_err kernel_new(ft_dnn **out, const_dnnl_op_desc_t desc, dnnl_primitive_attr_t attr,
                         dnnl_primitive_desc_t hint, const slot_spec *slots, int count,
                         size_t scratch_max) {
    dnnl_primitive_desc_t pd = NULL;
    ft_err err;
    *out = NULL;
    ft_dnn *k = ft_fault_here() ? NULL : calloc(1, sizeof *k);
    if (!k) return FT_FAIL(FT_ENOMEM, "no memory for a kernel");
    FT_GOTO(err, choose(&pd, desc, attr, hint, scratch_max));
    FT_GOTO(err, kernel_fill(k, pd, slots, count));
    *out = k;
    k = NULL;
done:
    if (pd) dnn.dnnl_primitive_desc_destroy(pd);
    ft_dnn_free(k);
    return err;
}

/* ---- what happens before the result is stored */

static ft_err post_append(dnnl_post_ops_t ops, const ft_nn_post *p) {
    static const dnnl_alg_kind_t kinds[FT_NN_POST_COUNT] = {
        [FT_NN_POST_RELU] = dnnl_eltwise_relu,
        [FT_NN_POST_LEAKY] = dnnl_eltwise_relu,
        [FT_NN_POST_CLIP] = dnnl_eltwise_clip,
        [FT_NN_POST_SIGMOID] = dnnl_eltwise_logistic,
        [FT_NN_POST_TANH] = dnnl_eltwise_tanh,
        [FT_NN_POST_ELU] = dnnl_eltwise_elu,
        [FT_NN_POST_SILU] = dnnl_eltwise_swish,
        [FT_NN_POST_GELU] = dnnl_eltwise_gelu_erf,
        [FT_NN_POST_HARD_SWISH] = dnnl_eltwise_hardswish,
        [FT_NN_POST_SOFTPLUS] = dnnl_eltwise_soft_relu,
        [FT_NN_POST_HARD_SIGMOID] = dnnl_eltwise_linear,
    };
    if (p->kind == FT_NN_POST_ADD) return DNN(dnnl_post_ops_append_sum, ops, 1.0f);
    float alpha = p->kind == FT_NN_POST_RELU ? 0 : p->kind == FT_NN_POST_SILU ? 1 : p->alpha;
    FT_TRY(DNN(dnnl_post_ops_append_eltwise, ops, 1.0f, kinds[p->kind], alpha, p->beta));
    if (p->kind == FT_NN_POST_HARD_SIGMOID)
        FT_TRY(DNN(dnnl_post_ops_append_eltwise, ops, 1.0f, dnnl_eltwise_clip, 0.0f, 1.0f));
    return FT_OK;
}

static ft_err attr_make(dnnl_primitive_attr_t *out, const ft_nn_post *posts, int count) {
    dnnl_post_ops_t ops = NULL;
    ft_err err;
    *out = NULL;
    FT_TRY(DNN(dnnl_primitive_attr_create, out));
    FT_GOTO(err, DNN(dnnl_primitive_attr_set_scratchpad_mode, *out, dnnl_scratchpad_mode_user));
    FT_GOTO(err, DNN(dnnl_post_ops_create, &ops));
    for (int i = 0; i < count; i++) FT_GOTO(err, post_append(ops, &posts[i]));
    FT_GOTO(err, DNN(dnnl_primitive_attr_set_post_ops, *out, ops));
done:
    if (ops) dnn.dnnl_post_ops_destroy(ops);
    if (err != FT_OK) {
        dnn.dnnl_primitive_attr_destroy(*out);
        *out = NULL;
    }
    return err;
}

/* ---- convolution */

typedef union conv_desc { /* the library tells them apart by their first member */
    dnnl_convolution_desc_t conv;
    dnnl_deconvolution_desc_t deconv;
} conv_desc;

static ft_err conv_desc_make(conv_desc *c, const ft_dnn_conv_opts *o, bool backward, ft_dnn_dir dir,
                             dnnl_alg_kind_t alg) {
    dnnl_memory_desc_t src, weights, bias, dst;
    dnnl_dims_t dilates = { 0 };
    dnnl_prop_kind_t prop =
        o->training || backward ? dnnl_forward_training : dnnl_forward_inference;
    for (int i = 0; i < o->src.ndim - 2; i++) dilates[i] = o->dilation[i] - 1;
    FT_TRY(desc_free(&src, &o->src));
    FT_TRY(desc_free(&weights, &o->weights));
    FT_TRY(desc_free(&bias, &o->bias));
    FT_TRY(desc_free(&dst, &o->dst));
#define WINDOW o->stride, dilates, o->pad_begin, o->pad_end
#define KIND(direction, ...)                                                                \
    (o->transposed                                                                          \
         ? DNN(dnnl_dilated_deconvolution_##direction##_desc_init, &c->deconv, __VA_ARGS__) \
         : DNN(dnnl_dilated_convolution_##direction##_desc_init, &c->conv, __VA_ARGS__))
    switch (dir) {
    case FT_DNN_BACK_DATA:
        return KIND(backward_data, alg, &src, &weights, &dst, WINDOW);
    case FT_DNN_BACK_WEIGHTS:
        return KIND(backward_weights, alg, &src, &weights, &bias, &dst, WINDOW);
    default:
        return KIND(forward, prop, alg, &src, &weights, &bias, &dst, WINDOW);
    }
#undef KIND
#undef WINDOW
}

static ft_err hint_make(dnnl_primitive_desc_t *out, const ft_dnn_conv_opts *o,
                        dnnl_alg_kind_t alg) {
    conv_desc c;
    *out = NULL;
    if (o->dir == FT_DNN_FORWARD) return FT_OK;
    ft_dnn_conv_opts forward = *o; /* of one type, whatever the gradient's is */
    if (o->src.bf16 || o->weights.bf16 || o->dst.bf16)
        forward.src.bf16 = forward.weights.bf16 = forward.dst.bf16 = true;
    FT_TRY(conv_desc_make(&c, &forward, true, FT_DNN_FORWARD, alg));
    return DNN(dnnl_primitive_desc_create, out, &c, NULL, engine, NULL);
}

static int conv_slots(slot_spec slots[FT_DNN_SLOTS], const ft_dnn_conv_opts *o) {
    bool back = o->dir != FT_DNN_FORWARD, data = o->dir == FT_DNN_BACK_DATA;
    bool weights = o->dir == FT_DNN_BACK_WEIGHTS;
    slots[0] = (slot_spec){ data ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, FT_DNN_SRC, data, &o->src };
    slots[1] = (slot_spec){ weights ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS, FT_DNN_WEIGHTS,
                            weights, &o->weights };
    slots[2] = (slot_spec){ back ? DNNL_ARG_DIFF_DST : DNNL_ARG_DST, FT_DNN_DST, !back, &o->dst };
    slots[3] =
        (slot_spec){ weights ? DNNL_ARG_DIFF_BIAS : DNNL_ARG_BIAS, FT_DNN_BIAS, weights, &o->bias };
    return data ? 3 : 4;
}

/* What the kernel adds to its output is there in its layout. */
static ft_err sum_prepare(ft_dnn *k, const ft_nn_post *posts, int count) {
    bool sum = false;
    for (int i = 0; i < count; i++) sum |= posts[i].kind == FT_NN_POST_ADD;
    for (int i = 0; i < k->arg_count && sum; i++) {
        arg *a = &k->args[i];
        if (a->slot == FT_DNN_DST && a->own_memory)
            FT_TRY(reorder_make(&a->reorder_in, &a->own, &a->kernel));
    }
    return FT_OK;
}

ft_err ft_dnn_conv(ft_dnn **out, const ft_dnn_conv_opts *o) {
    dnnl_alg_kind_t alg = o->transposed                             ? dnnl_deconvolution_direct
                          : o->winograd                             ? dnnl_convolution_winograd
                          : o->training || o->dir != FT_DNN_FORWARD ? dnnl_convolution_auto
                                                                    : dnnl_convolution_direct;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t hint = NULL;
    slot_spec slots[FT_DNN_SLOTS];
    conv_desc c;
    ft_err err;
    *out = NULL;
    FT_TRY(ft_dnn_load());
    FT_GOTO(err, conv_desc_make(&c, o, false, o->dir, alg));
    FT_GOTO(err, hint_make(&hint, o, alg));
    FT_GOTO(err, attr_make(&attr, o->posts, o->post_count));
    FT_GOTO(err, kernel_new(out, &c, attr, hint, slots, conv_slots(slots, o), o->scratch_max));
    FT_GOTO(err, sum_prepare(*out, o->posts, o->post_count));
done:
    if (hint) dnn.dnnl_primitive_desc_destroy(hint);
    if (attr) dnn.dnnl_primitive_attr_destroy(attr);
    if (err != FT_OK) {
        ft_dnn_free(*out);
        *out = NULL;
    }
    return err;
}

/* ---- pooling */

ft_err ft_dnn_pool(ft_dnn **out, const ft_dnn_pool_opts *o) {
    dnnl_alg_kind_t alg = o->max           ? dnnl_pooling_max
                          : o->include_pad ? dnnl_pooling_avg_include_padding
                                           : dnnl_pooling_avg_exclude_padding;
    bool back = o->dir != FT_DNN_FORWARD;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t hint = NULL;
    dnnl_pooling_v2_desc_t forward, backward;
    dnnl_memory_desc_t src, dst;
    dnnl_dims_t dilates = { 0 };
    ft_err err;
    *out = NULL;
    FT_TRY(ft_dnn_load());
    for (int i = 0; i < o->src.ndim - 2; i++) dilates[i] = o->dilation[i] - 1;
    FT_TRY(desc_own(&src, &o->src));
    FT_TRY(desc_own(&dst, &o->dst));
    FT_TRY(DNN(dnnl_pooling_v2_forward_desc_init, &forward,
               back ? dnnl_forward_training : dnnl_forward_inference, alg, &src, &dst, o->stride,
               o->kernel, dilates, o->pad_begin, o->pad_end));
    FT_GOTO(err, attr_make(&attr, NULL, 0));
    if (back) {
        FT_GOTO(err, DNN(dnnl_pooling_v2_backward_desc_init, &backward, alg, &src, &dst, o->stride,
                         o->kernel, dilates, o->pad_begin, o->pad_end));
        FT_GOTO(err, DNN(dnnl_primitive_desc_create, &hint, &forward, NULL, engine, NULL));
    }
    slot_spec slots[] = {
        { back ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, FT_DNN_SRC, back, &o->src },
        { back ? DNNL_ARG_DIFF_DST : DNNL_ARG_DST, FT_DNN_DST, !back, &o->dst },
    };
    FT_GOTO(err, kernel_new(out, back ? (const void *)&backward : &forward, attr, hint, slots,
                            FT_COUNT(slots), 0));
done:
    if (hint) dnn.dnnl_primitive_desc_destroy(hint);
    if (attr) dnn.dnnl_primitive_attr_destroy(attr);
    return err;
}

/* ---- matrices */

ft_err ft_dnn_matmul(ft_dnn **out, const ft_dnn_matmul_opts *o) {
    dnnl_memory_desc_t src, weights, bias, dst;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_matmul_desc_t desc;
    ft_err err;
    *out = NULL;
    FT_TRY(ft_dnn_load());
    FT_TRY(desc_free(&src, &o->src));
    FT_TRY(desc_free(&weights, &o->weights));
    FT_TRY(desc_free(&bias, &o->bias));
    FT_TRY(desc_free(&dst, &o->dst));
    FT_TRY(DNN(dnnl_matmul_desc_init, &desc, &src, &weights, &bias, &dst));
    FT_TRY(attr_make(&attr, o->posts, o->post_count));
    slot_spec slots[] = { { DNNL_ARG_SRC, FT_DNN_SRC, false, &o->src },
                          { DNNL_ARG_WEIGHTS, FT_DNN_WEIGHTS, false, &o->weights },
                          { DNNL_ARG_BIAS, FT_DNN_BIAS, false, &o->bias },
                          { DNNL_ARG_DST, FT_DNN_DST, true, &o->dst } };
    FT_GOTO(err, kernel_new(out, &desc, attr, NULL, slots, FT_COUNT(slots), 0));
done:
    dnn.dnnl_primitive_attr_destroy(attr);
    return err;
}

/* ---- packed weights */

size_t ft_dnn_pack_bytes(const ft_dnn *k) {
    const arg *a = weights_of(k);
    return a && a->own_memory && !a->output ? dnn.dnnl_memory_desc_get_size(&a->kernel) : 0;
}

ft_err ft_dnn_pack(const ft_dnn *k, void *to, const void *weights) {
    const arg *a = weights_of(k);
    FT_CHECK(a && a->own_memory);
    dnnl_exec_arg_t args[] = { { DNNL_ARG_FROM, a->own_memory }, { DNNL_ARG_TO, a->memory } };
    FT_TRY(DNN(dnnl_memory_set_data_handle, a->own_memory, (void *)weights));
    FT_TRY(DNN(dnnl_memory_set_data_handle, a->memory, to));
    return DNN(dnnl_primitive_execute, a->reorder, stream, FT_COUNT(args), args);
}

ft_err ft_dnn_packed(ft_dnn *k, const void *packed) {
    arg *a = (arg *)weights_of(k);
    FT_TRY(DNN(dnnl_memory_set_data_handle, a->memory, (void *)packed));
    if (a->own_memory && !a->packed) k->scratch_bytes = a->scratch_at;
    a->packed = true;
    return FT_OK;
}

/* Are the dimensions after the first two one run of places, `step` apart? */
static bool places_of(int64_t *count, int64_t *step, const dnnl_memory_desc_t *md) {
    const int64_t *strides = md->format_desc.blocking.strides;
    *count = 1;
    *step = md->ndims > 2 ? strides[md->ndims - 1] : 0;
    for (int i = md->ndims - 1; i >= 2; i--) {
        if (md->dims[i] != 1 && strides[i] != *step * *count) return false;
        *count *= md->dims[i];
    }
    return true;
}

/* Dense rows: `o` is the slowest dimension, then `i`, then the others. */
static bool rows_dense(const dnnl_memory_desc_t *md, int o, int i, int64_t places) {
    const int64_t *strides = md->format_desc.blocking.strides;
    int64_t count, step;
    if (md->format_desc.blocking.inner_nblks || !places_of(&count, &step, md)) return false;
    return (places == 1 || step == 1) && strides[i] == places && strides[o] == places * md->dims[i];
}

bool ft_dnn_pack_blocks(const ft_dnn *k, ft_nn_blocks *out) {
    const arg *a = weights_of(k);
    const dnnl_memory_desc_t *md = &a->kernel;
    const dnnl_blocking_desc_t *b = &md->format_desc.blocking;
    int o = md->ndims == 2 ? 1 : 0, i = 1 - o, last = b->inner_nblks - 1;
    if (!a->own_memory || a->output || md->ndims < 2 || md->format_kind != dnnl_blocked ||
        md->data_type != dnnl_f32 || a->own.data_type != dnnl_f32 || md->offset0 ||
        md->extra.flags || last < 0 || last > 1 || b->inner_idxs[last] != o ||
        (last == 1 && b->inner_idxs[0] != i))
        return false;
    for (int d = 0; d < md->ndims; d++)
        if (md->padded_offsets[d] || (d != o && md->padded_dims[d] != md->dims[d])) return false;
    *out = (ft_nn_blocks){ .outer = md->dims[o],
                           .outer_padded = md->padded_dims[o],
                           .inner = md->dims[i],
                           .block = b->inner_blks[last],
                           .inner_block = last ? b->inner_blks[0] : 1,
                           .outer_step = b->strides[o],
                           .inner_step = b->strides[i] };
    return places_of(&out->places, &out->place_step, md) && out->block % FT_NN_BLOCK == 0 &&
           rows_dense(&a->own, o, i, out->places);
}

size_t ft_dnn_pack_key(const ft_dnn *k, const void **key) {
    *key = &weights_of(k)->kernel;
    return sizeof weights_of(k)->kernel;
}

/* ---- run */

static ft_err arg_set(const arg *a, void *data, void *scratch) {
    if (!a->own_memory) return DNN(dnnl_memory_set_data_handle, a->memory, data);
    FT_TRY(DNN(dnnl_memory_set_data_handle, a->own_memory, data));
    return DNN(dnnl_memory_set_data_handle, a->memory, (char *)scratch + a->scratch_at);
}

static ft_err arg_reorder(const arg *a, bool output) {
    if (a->reorder_in && !output) {
        dnnl_exec_arg_t in[] = { { DNNL_ARG_FROM, a->own_memory }, { DNNL_ARG_TO, a->memory } };
        return DNN(dnnl_primitive_execute, a->reorder_in, stream, FT_COUNT(in), in);
    }
    if (a->packed || !a->own_memory || a->output != output) return FT_OK;
    dnnl_exec_arg_t args[] = { { DNNL_ARG_FROM, output ? a->memory : a->own_memory },
                               { DNNL_ARG_TO, output ? a->own_memory : a->memory } };
    return DNN(dnnl_primitive_execute, a->reorder, stream, FT_COUNT(args), args);
}

ft_err ft_dnn_run(ft_dnn *k, void *const data[FT_DNN_SLOTS], void *scratch) {
    dnnl_exec_arg_t args[ARGS_MAX];
    int count = 0;
    for (int i = 0; i < k->arg_count; i++) {
        const arg *a = &k->args[i];
        if (!a->packed) FT_TRY(arg_set(a, data[a->slot], scratch));
        FT_TRY(arg_reorder(a, false));
        args[count++] = (dnnl_exec_arg_t){ a->id, a->memory };
    }
    if (k->scratchpad) {
        FT_TRY(DNN(dnnl_memory_set_data_handle, k->scratchpad, (char *)scratch + k->scratchpad_at));
        args[count++] = (dnnl_exec_arg_t){ DNNL_ARG_SCRATCHPAD, k->scratchpad };
    }
    FT_TRY(DNN(dnnl_primitive_execute, k->primitive, stream, count, args));
    for (int i = 0; i < k->arg_count; i++) FT_TRY(arg_reorder(&k->args[i], true));
    return FT_OK;
}
