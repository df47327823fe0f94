/* shared.h -- what the files of the light operations share: types that an op takes, numbers in and
 * out of arrays of any type, loops over arrays that broadcast, copies between strided places.
 *
 * Threads: any. Memory: none, but where a call is given some. */
#ifndef FT_NN_OPS_SHARED_H
#define FT_NN_OPS_SHARED_H

#include "nn/op.h"

/* ---- types. A set of types as bits. */
#define FT_NN_BIT(type) (1u << (type))
#define FT_NN_FLOATS \
    (FT_NN_BIT(FT_F32) | FT_NN_BIT(FT_F64) | FT_NN_BIT(FT_F16) | FT_NN_BIT(FT_BF16))
#define FT_NN_SIGNED_INTS \
    (FT_NN_BIT(FT_I8) | FT_NN_BIT(FT_I16) | FT_NN_BIT(FT_I32) | FT_NN_BIT(FT_I64))
#define FT_NN_UNSIGNED \
    (FT_NN_BIT(FT_U8) | FT_NN_BIT(FT_U16) | FT_NN_BIT(FT_U32) | FT_NN_BIT(FT_U64))
#define FT_NN_NUMBERS  (FT_NN_FLOATS | FT_NN_SIGNED_INTS | FT_NN_UNSIGNED)
#define FT_NN_ANY_TYPE (FT_NN_NUMBERS | FT_NN_BIT(FT_BOOL))
#define FT_NN_INDEXES  (FT_NN_BIT(FT_I32) | FT_NN_BIT(FT_I64))

static inline bool ft_nn_is(ft_dtype t, uint32_t set) { return (FT_NN_BIT(t) & set) != 0; }

/* Refuse input `i` unless it is there and of a type in `set`. */
ft_err ft_nn_take(const ft_nn_infer *i, size_t input, uint32_t set);
/* Refuse unless the two inputs are of one type. */
ft_err ft_nn_take_same(const ft_nn_infer *i, size_t a, size_t b);

/* TensorProto.DataType, as attributes hold it. FT_EUNSUPPORTED for texts and unknown ones. */
ft_err ft_nn_type_of(ft_dtype *out, const ft_nn_node *node, int64_t type);

/* ---- shapes */
static inline ft_array ft_nn_unknown(ft_dtype t) { return (ft_array){ .dtype = t, .ndim = -1 }; }
/* Type and shape of `a`, without its data. */
static inline ft_array ft_nn_like(const ft_array *a) {
    ft_array out = *a;
    out.data = NULL;
    return out;
}
/* Is every size known? */
bool ft_nn_sized(const ft_array *a);
/* Is the content known? (Then every size is.) */
bool ft_nn_content(const ft_array *a);
/* Input `i` exists and is not absent. */
static inline bool ft_nn_given(const ft_array *in, size_t count, size_t i) {
    return i < count && in[i].dtype != FT_DTYPE_COUNT;
}
/* The whole numbers in a small array of any integer type; at most FT_ARRAY_DIMS_MAX of them. */
ft_err ft_nn_ints_of(const ft_nn_node *node, const char *what, const ft_array *a, int64_t *ints,
                     int *count);
/* Axes as a set of bits; refuses those outside and those that come twice. */
ft_err ft_nn_axes_of(uint32_t *set, const ft_nn_node *node, const int64_t *axes, int count,
                     int ndim);
/* Product of shape[from .. to). */
int64_t ft_nn_product(const ft_array *a, int from, int to);
/* FT_ETOOBIG when the shape in `out` has more items than a memory can hold. */
ft_err ft_nn_sane(const ft_nn_node *node, const ft_array *out);
/* "2x3x224", for messages; ANY is '?'. */
#define FT_NN_SHAPE_TEXT 160
const char *ft_nn_shape_text(char text[FT_NN_SHAPE_TEXT], const ft_array *a);

/* Answers of `apart`: always; unless `axis` is the first; where all inputs but 0 are known. */
bool ft_nn_apart(const ft_nn_node *node, const ft_array *in);
bool ft_nn_apart_axis(const ft_nn_node *node, const ft_array *in);
bool ft_nn_apart_known(const ft_nn_node *node, const ft_array *in);

/* Shape rules of many ops. */
ft_err ft_nn_infer_same(ft_nn_infer *i);      /* output 0 is as input 0 */
ft_err ft_nn_infer_broadcast(ft_nn_infer *i); /* output 0: all inputs, of one type, broadcast */

/* ---- numbers */
/* Item `i` as a whole number: floats are cut toward zero, what does not fit saturates, NaN is 0. */
int64_t ft_nn_get_int(const ft_array *a, int64_t i);
/* Rounds to the nearest, ties to even, for floats; cuts toward zero and wraps for integers; bool is
 * "not zero". */
void ft_nn_put_f64(ft_array *a, int64_t i, double v);
void ft_nn_put_int(ft_array *a, int64_t i, int64_t v); /* wraps */
uint16_t ft_nn_f16_of(double v);                       /* nearest, ties to even */
uint16_t ft_nn_bf16_of(double v);
bool ft_nn_is_float(ft_dtype t);
/* Copy item `from` of `in` to item `to` of `out`; the same type. */
static inline void ft_nn_put_item(ft_array *out, int64_t to, const ft_array *in, int64_t from) {
    size_t bytes = ft_dtype_bytes(in->dtype);
    memcpy((char *)out->data + (size_t)to * bytes, (const char *)in->data + (size_t)from * bytes,
           bytes);
}
/* Index `i` of `a`, counted from the end when negative; FT_EINVAL outside [0, size). */
ft_err ft_nn_index(int64_t *out, const ft_nn_node *node, const ft_array *a, int64_t i,
                   int64_t size);

/* ---- loops over arrays that broadcast to one shape. Neighbouring axes that behave alike in every
 * array are one; the last is the inner loop. */
#define FT_NN_LOOP_ARRAYS 4
typedef struct ft_nn_loop {
    int dims, arrays;
    int64_t size[FT_ARRAY_DIMS_MAX];
    int64_t step[FT_NN_LOOP_ARRAYS][FT_ARRAY_DIMS_MAX]; /* items; 0 where it broadcasts */
    int64_t rows, inner;
} ft_nn_loop;
typedef struct ft_nn_cursor { /* a place in the outer part of a loop */
    int64_t index[FT_ARRAY_DIMS_MAX];
    int64_t offset[FT_NN_LOOP_ARRAYS];
} ft_nn_cursor;

/* `arrays` broadcast to `shape` (a check that they do). */
void ft_nn_loop_of(ft_nn_loop *l, const ft_array *shape, const ft_array *const *arrays, int count);
void ft_nn_loop_at(ft_nn_cursor *c, const ft_nn_loop *l, int64_t row);
void ft_nn_loop_next(ft_nn_cursor *c, const ft_nn_loop *l);
static inline int64_t ft_nn_inner_step(const ft_nn_loop *l, int array) {
    return l->step[array][l->dims - 1];
}
/* body(ctx, from, to) for pieces of [0, count), by the call's threads where `items` (of all) are
 * worth it. The pieces end at multiples of `step`. */
typedef void (*ft_nn_spread_fn)(void *ctx, int64_t from, int64_t to);
void ft_nn_spread(const ft_nn_call *c, int64_t count, int64_t step, int64_t items,
                  ft_nn_spread_fn body, void *ctx);
/* Is it worth more than one thread? */
static inline int ft_nn_threads(int threads, int64_t items) {
    return items < 32768 || threads < 2 ? 1 : threads;
}
/* out += the items of `from` (f32, shape of `l`'s array 1) summed where array 0 broadcasts. */
void ft_nn_sum_to(ft_array *out, const ft_array *from);

/* ---- copies between strided places */
#define FT_NN_COPY_DIMS (2 * FT_ARRAY_DIMS_MAX)
typedef struct ft_nn_copy {
    int dims;
    int64_t size[FT_NN_COPY_DIMS];
    int64_t in_step[FT_NN_COPY_DIMS], out_step[FT_NN_COPY_DIMS]; /* items; may be 0 or negative */
    int64_t in_at, out_at;                                       /* where the first item is */
} ft_nn_copy;
/* C-order steps of a shape. */
void ft_nn_steps(int64_t *step, const int64_t *shape, int ndim);
void ft_nn_copy_run(const ft_nn_call *c, const ft_nn_copy *copy, void *out, const void *in,
                    size_t item_bytes);
/* f32: out += in, along the same places. */
void ft_nn_copy_add(const ft_nn_copy *copy, float *out, const float *in);
/* The same copy backwards: from out's places to in's. */
ft_nn_copy ft_nn_copy_back(const ft_nn_copy *copy);
/* `count` items of the value at `item`. */
void ft_nn_fill(void *out, const void *item, size_t item_bytes, int64_t count);

#endif
