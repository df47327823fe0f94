/* tfjs_arrays.c -- what TensorFlow's operations on shapes, places and indexes become. See
 * tfjs_in.h. */
#include "base/check.h"
#include "nn/import/tfjs_in.h"

/* ---- sizes and places */

static void resize(tf_model *m, bool nearest) {
    tf_attrs a = { 0 };
    int64_t axes[] = { 2, 3 };
    bool corners = tf_attr_bool(m, "align_corners"), half = tf_attr_bool(m, "half_pixel_centers");
    tf_text(&a, "mode", nearest ? "nearest" : "linear");
    tf_text(&a, "coordinate_transformation_mode",
            corners ? "align_corners"
            : half  ? "half_pixel"
                    : "asymmetric");
    if (nearest) tf_text(&a, "nearest_mode", corners || half ? "round_prefer_ceil" : "floor");
    tf_ints(&a, "axes", axes, 2);
    int in[] = { tf_to_nchw(m, tf_in(m, 0)), FT_NN_NONE, FT_NN_NONE, tf_as_i64(m, tf_in(m, 1)) };
    tf_out(m, 0, tf_to_nhwc(m, tf_write(m, "Resize", in, 4, &a)));
}
static void turn_resize_linear(tf_model *m) { resize(m, false); }
static void turn_resize_nearest(tf_model *m) { resize(m, true); }

static void turn_pad(tf_model *m) {
    tf_attrs a = { 0 };
    ft_array pairs;
    int64_t pads[2 * FT_ARRAY_DIMS_MAX];
    ft_str mode = tf_attr_str(m, "mode");
    if (!tf_known(m, tf_in(m, 1), &pairs) || pairs.ndim != 2 || pairs.shape[1] != 2 ||
        pairs.shape[0] > FT_ARRAY_DIMS_MAX) {
        tf_refuse(m, "paddings that are computed, or no pairs");
        return;
    }
    int64_t dims = pairs.shape[0];
    for (int64_t i = 0; i < dims; i++) {
        pads[i] = (int64_t)ft_array_f64(&pairs, 2 * i);
        pads[dims + i] = (int64_t)ft_array_f64(&pairs, 2 * i + 1);
    }
    if (ft_str_is(mode, "REFLECT")) tf_text(&a, "mode", "reflect");
    if (ft_str_is(mode, "SYMMETRIC")) tf_refuse(m, "symmetric padding");
    int in[3] = { tf_in(m, 0), tf_i64(m, pads, (size_t)(2 * dims)), FT_NN_NONE };
    size_t count = 2;
    if (ft_str_is(m->node->op, "PadV2")) in[count++] = tf_in(m, 2);
    tf_out(m, 0, tf_write(m, "Pad", in, count, &a));
}

static void turn_reduce(tf_model *m) {
    tf_attrs a = { 0 };
    ft_array axes;
    bool keep = tf_attr_bool(m, "keep_dims");
    int list = tf_as_i64(m, tf_in(m, 1));
    if (tf_known(m, list, &axes) && axes.ndim == 0)
        list = tf_i64_one(m, (int64_t)ft_array_f64(&axes, 0));
    tf_int(&a, "keepdims", keep);
    int in[] = { tf_in(m, 0), list };
    tf_out(m, 0, tf_write(m, m->op->ours, in, 2, &a));
}

static void turn_reshape(tf_model *m) {
    tf_out(m, 0, tf_write2(m, "Reshape", tf_in(m, 0), tf_as_i64(m, tf_in(m, 1))));
}
static void turn_squeeze(tf_model *m) {
    int64_t axes[FT_ARRAY_DIMS_MAX];
    size_t count = tf_attr_ints(m, "squeeze_dims", axes, FT_ARRAY_DIMS_MAX);
    if (!count) count = tf_attr_ints(m, "axis", axes, FT_ARRAY_DIMS_MAX);
    int x = tf_in(m, 0);
    tf_out(m, 0,
           count ? tf_write2(m, "Squeeze", x, tf_i64(m, axes, count)) : tf_write1(m, "Squeeze", x));
}

/* A number that the graph must know while it is built. */
static int64_t known_int(tf_model *m, int value, const char *why) {
    ft_array a;
    if (tf_known(m, value, &a) && ft_array_count(&a) >= 1) return (int64_t)ft_array_f64(&a, 0);
    tf_refuse(m, why);
    return 0;
}

static int unsqueezed(tf_model *m, int x, int64_t axis) {
    return tf_write2(m, "Unsqueeze", x, tf_i64_one(m, axis));
}
static void turn_expand_dims(tf_model *m) {
    int64_t axis = known_int(m, tf_in(m, 1), "an axis that is computed");
    tf_out(m, 0, unsqueezed(m, tf_in(m, 0), axis));
}

static int concat(tf_model *m, const int *in, size_t count, int64_t axis) {
    tf_attrs a = { 0 };
    tf_int(&a, "axis", axis);
    return tf_write(m, "Concat", in, count, &a);
}
static void turn_pack(tf_model *m) {
    int in[TF_INPUTS_MAX];
    int64_t axis = tf_attr_int(m, "axis", 0);
    for (size_t i = 0; i < m->node->input_count; i++) in[i] = unsqueezed(m, tf_in(m, i), axis);
    tf_out(m, 0, concat(m, in, m->node->input_count, axis));
}
static void turn_concat(tf_model *m) {
    int in[TF_INPUTS_MAX];
    size_t count = m->node->input_count ? m->node->input_count - 1 : 0;
    int64_t axis = known_int(m, tf_in(m, count), "an axis that is computed");
    for (size_t i = 0; i < count; i++) in[i] = tf_in(m, i);
    tf_out(m, 0, concat(m, in, count, axis));
}

static int gather(tf_model *m, int x, int index, int64_t axis) {
    tf_attrs a = { 0 };
    tf_int(&a, "axis", axis);
    return tf_write(m, "Gather", (int[]){ x, index }, 2, &a);
}
static void turn_unpack(tf_model *m) {
    int64_t count = tf_attr_int(m, "num", 0), axis = tf_attr_int(m, "axis", 0);
    int x = tf_in(m, 0);
    if (count > TF_INPUTS_MAX) tf_refuse(m, "too many parts");
    for (int64_t i = 0; i < count && m->err == FT_OK; i++) {
        int one = gather(m, x, tf_i64_one(m, i), axis);
        tf_out(m, (size_t)i, tf_write2(m, "Squeeze", one, tf_i64_one(m, axis)));
    }
}

static void split(tf_model *m, int x, int sizes, int64_t axis, int64_t count) {
    tf_attrs a = { 0 };
    int in[] = { x, sizes }, out[TF_INPUTS_MAX];
    tf_int(&a, "axis", axis);
    if (sizes == FT_NN_NONE) tf_int(&a, "num_outputs", count);
    if (count < 1 || count > TF_INPUTS_MAX) tf_refuse(m, "too many parts");
    if (m->err != FT_OK) return;
    ft_nn_node_spec spec = { .op = "Split",
                             .inputs = in,
                             .input_count = sizes == FT_NN_NONE ? 1 : 2,
                             .attrs = a.at,
                             .attr_count = a.count,
                             .output_count = (size_t)count };
    m->err = ft_nn_node_add(m->g, &spec, out);
    for (int64_t i = 0; i < count; i++) tf_out(m, (size_t)i, out[i]);
}
static void turn_split(tf_model *m) {
    int64_t axis = known_int(m, tf_in(m, 0), "an axis that is computed");
    split(m, tf_in(m, 1), FT_NN_NONE, axis, tf_attr_int(m, "num_split", 0));
}
static void turn_split_v(tf_model *m) {
    int64_t axis = known_int(m, tf_in(m, 2), "an axis that is computed");
    split(m, tf_in(m, 0), tf_as_i64(m, tf_in(m, 1)), axis, tf_attr_int(m, "num_split", 0));
}

/* One place of x[a:b:c, …, d, None]. */
typedef struct place {
    bool ellipsis, fresh, shrunk, open_begin, open_end;
    int64_t begin, end, step;
} place;

static int64_t read_places(tf_model *m, place out[8]) {
    ft_array b, e, s;
    if (!tf_known(m, tf_in(m, 1), &b) || !tf_known(m, tf_in(m, 2), &e) ||
        !tf_known(m, tf_in(m, 3), &s) || ft_array_count(&b) > 8 ||
        ft_array_count(&e) != ft_array_count(&b) || ft_array_count(&s) != ft_array_count(&b)) {
        tf_refuse(m, "bounds that are computed");
        return 0;
    }
    for (int64_t i = 0; i < ft_array_count(&b); i++) {
        int64_t bit = (int64_t)1 << i;
        out[i] = (place){ .ellipsis = tf_attr_int(m, "ellipsis_mask", 0) & bit,
                          .fresh = tf_attr_int(m, "new_axis_mask", 0) & bit,
                          .shrunk = tf_attr_int(m, "shrink_axis_mask", 0) & bit,
                          .open_begin = tf_attr_int(m, "begin_mask", 0) & bit,
                          .open_end = tf_attr_int(m, "end_mask", 0) & bit,
                          .begin = (int64_t)ft_array_f64(&b, i),
                          .end = (int64_t)ft_array_f64(&e, i),
                          .step = (int64_t)ft_array_f64(&s, i) };
    }
    return ft_array_count(&b);
}

typedef struct cutting { /* axes of the input for the slice, then those that vanish and appear */
    int64_t starts[8], ends[8], axes[8], steps[8], gone[8], made[8];
    size_t count, gone_count, made_count;
} cutting;

static void cut_place(cutting *c, const place *p, int64_t axis) {
    bool forward = p->step > 0;
    c->starts[c->count] = !p->open_begin || p->shrunk ? p->begin : forward ? 0 : INT64_MAX;
    c->ends[c->count] = p->shrunk      ? (p->begin == -1 ? INT64_MAX : p->begin + 1)
                        : !p->open_end ? p->end
                        : forward      ? INT64_MAX
                                       : INT64_MIN;
    c->steps[c->count] = p->shrunk ? 1 : p->step;
    c->axes[c->count++] = axis;
    if (p->shrunk) c->gone[c->gone_count++] = axis;
}

/* Behind an ellipsis axes count from the end: of the input, and of the output. */
static void read_cutting(cutting *c, const place *p, int64_t count) {
    int64_t in = 0, out = 0;
    for (int64_t i = 0; i < count; i++) {
        if (p[i].ellipsis) {
            in = out = 0;
            for (int64_t k = i + 1; k < count; k++) {
                in -= !p[k].fresh;
                out -= p[k].fresh || !p[k].shrunk;
            }
            continue;
        }
        if (p[i].fresh) {
            c->made[c->made_count++] = out++;
            continue;
        }
        cut_place(c, &p[i], in++);
        out += !p[i].shrunk;
    }
}

static void turn_strided_slice(tf_model *m) {
    place places[8];
    cutting c = { 0 };
    int x = tf_in(m, 0);
    read_cutting(&c, places, read_places(m, places));
    if (c.count) {
        int in[] = { x, tf_i64(m, c.starts, c.count), tf_i64(m, c.ends, c.count),
                     tf_i64(m, c.axes, c.count), tf_i64(m, c.steps, c.count) };
        x = tf_write(m, "Slice", in, 5, NULL);
    }
    if (c.gone_count) x = tf_write2(m, "Squeeze", x, tf_i64(m, c.gone, c.gone_count));
    if (c.made_count) x = tf_write2(m, "Unsqueeze", x, tf_i64(m, c.made, c.made_count));
    tf_out(m, 0, x);
}

static void turn_slice(tf_model *m) {
    ft_array b, s;
    int64_t ends[FT_ARRAY_DIMS_MAX], starts[FT_ARRAY_DIMS_MAX];
    if (!tf_known(m, tf_in(m, 1), &b) || !tf_known(m, tf_in(m, 2), &s) ||
        ft_array_count(&b) > FT_ARRAY_DIMS_MAX) {
        tf_refuse(m, "bounds that are computed");
        return;
    }
    int64_t count = ft_array_count(&b);
    for (int64_t i = 0; i < count; i++) {
        int64_t size = (int64_t)ft_array_f64(&s, i);
        starts[i] = (int64_t)ft_array_f64(&b, i);
        ends[i] = size < 0 ? INT64_MAX : starts[i] + size;
    }
    int in[] = { tf_in(m, 0), tf_i64(m, starts, (size_t)count), tf_i64(m, ends, (size_t)count) };
    tf_out(m, 0, tf_write(m, "Slice", in, 3, NULL));
}

static void turn_transpose(tf_model *m) {
    ft_array p;
    int64_t perm[FT_ARRAY_DIMS_MAX];
    if (!tf_known(m, tf_in(m, 1), &p) || ft_array_count(&p) > FT_ARRAY_DIMS_MAX) {
        tf_refuse(m, "an order that is computed");
        return;
    }
    for (int64_t i = 0; i < ft_array_count(&p); i++) perm[i] = (int64_t)ft_array_f64(&p, i);
    tf_out(m, 0, tf_transpose(m, tf_in(m, 0), perm, (size_t)ft_array_count(&p)));
}

static void turn_depth_to_space(tf_model *m) {
    tf_attrs a = { 0 };
    bool last = tf_channels_last(m);
    int x = tf_in(m, 0);
    tf_int(&a, "blocksize", tf_attr_int(m, "block_size", 2));
    if (last) x = tf_to_nchw(m, x);
    x = tf_write(m, "DepthToSpace", &x, 1, &a);
    tf_out(m, 0, last ? tf_to_nhwc(m, x) : x);
}

/* ---- indexes */

static void turn_gather_nd(tf_model *m) {
    tf_out(m, 0, tf_write2(m, "GatherND", tf_in(m, 0), tf_as_i64(m, tf_in(m, 1))));
}
static void turn_gather(tf_model *m) {
    int64_t axis =
        m->node->input_count > 2 ? known_int(m, tf_in(m, 2), "an axis that is computed") : 0;
    tf_out(m, 0, gather(m, tf_in(m, 0), tf_in(m, 1), axis));
}
static void turn_arg(tf_model *m) {
    tf_attrs a = { 0 };
    int x = tf_in(m, 0);
    tf_int(&a, "axis", known_int(m, tf_in(m, 1), "an axis that is computed"));
    tf_int(&a, "keepdims", 0);
    x = tf_write(m, m->op->ours, &x, 1, &a);
    tf_out(m, 0, tf_cast(m, x, tf_attr_type(m, "output_type", FT_I64)));
}
static void turn_top_k(tf_model *m) {
    tf_attrs a = { 0 };
    int out[2], k = tf_as_i64(m, tf_in(m, 1));
    ft_array known;
    if (tf_known(m, k, &known)) k = tf_i64_one(m, known_int(m, k, "no number of items"));
    int in[] = { tf_in(m, 0), k };
    tf_int(&a, "axis", -1);
    if (m->err != FT_OK) return;
    ft_nn_node_spec spec = { .op = "TopK",
                             .inputs = in,
                             .input_count = 2,
                             .attrs = a.at,
                             .attr_count = a.count,
                             .output_count = 2 };
    m->err = ft_nn_node_add(m->g, &spec, out);
    if (m->err != FT_OK) return;
    tf_out(m, 0, out[0]);
    tf_out(m, 1, tf_cast(m, out[1], FT_I32));
}

static void turn_tile(tf_model *m) {
    tf_out(m, 0, tf_write2(m, "Tile", tf_in(m, 0), tf_as_i64(m, tf_in(m, 1))));
}
static void turn_fill(tf_model *m) {
    tf_out(m, 0, tf_write2(m, "Expand", tf_in(m, 1), tf_as_i64(m, tf_in(m, 0))));
}
static void turn_range(tf_model *m) {
    int in[] = { tf_in(m, 0), tf_in(m, 1), tf_in(m, 2) };
    tf_out(m, 0, tf_write(m, "Range", in, 3, NULL));
}
static void turn_shape(tf_model *m) {
    tf_out(m, 0,
           tf_cast(m, tf_write1(m, "Shape", tf_in(m, 0)), tf_attr_type(m, "out_type", FT_I32)));
}
static void turn_size(tf_model *m) {
    tf_out(m, 0,
           tf_cast(m, tf_write1(m, "Size", tf_in(m, 0)), tf_attr_type(m, "out_type", FT_I32)));
}
static void turn_zeros_like(tf_model *m) {
    int x = tf_in(m, 0);
    tf_out(m, 0, tf_write2(m, "Sub", x, x));
}

/* A list of places in one dimension becomes a list of lists. */
static void turn_sparse_to_dense(tf_model *m) {
    ft_array places;
    int indexes = tf_as_i64(m, tf_in(m, 0));
    if (tf_known(m, indexes, &places) && places.ndim == 1) indexes = unsqueezed(m, indexes, 1);
    int dense = tf_write2(m, "Expand", tf_in(m, 3), tf_as_i64(m, tf_in(m, 1)));
    tf_out(m, 0, tf_write(m, "ScatterND", (int[]){ dense, indexes, tf_in(m, 2) }, 3, NULL));
}

/* ---- the table */

const tf_op tf_ops_arrays[] = {
    { "ResizeBilinear", turn_resize_linear, NULL },
    { "ResizeNearestNeighbor", turn_resize_nearest, NULL },
    { "Pad", turn_pad, NULL },
    { "PadV2", turn_pad, NULL },
    { "MirrorPad", turn_pad, NULL },
    { "Mean", turn_reduce, "ReduceMean" },
    { "Sum", turn_reduce, "ReduceSum" },
    { "Max", turn_reduce, "ReduceMax" },
    { "Min", turn_reduce, "ReduceMin" },
    { "Prod", turn_reduce, "ReduceProd" },
    { "Reshape", turn_reshape, NULL },
    { "Squeeze", turn_squeeze, NULL },
    { "ExpandDims", turn_expand_dims, NULL },
    { "Pack", turn_pack, NULL },
    { "Unpack", turn_unpack, NULL },
    { "ConcatV2", turn_concat, NULL },
    { "Split", turn_split, NULL },
    { "SplitV", turn_split_v, NULL },
    { "StridedSlice", turn_strided_slice, NULL },
    { "Slice", turn_slice, NULL },
    { "Transpose", turn_transpose, NULL },
    { "DepthToSpace", turn_depth_to_space, NULL },
    { "GatherNd", turn_gather_nd, NULL },
    { "GatherV2", turn_gather, NULL },
    { "Gather", turn_gather, NULL },
    { "ArgMax", turn_arg, "ArgMax" },
    { "ArgMin", turn_arg, "ArgMin" },
    { "TopKV2", turn_top_k, NULL },
    { "Tile", turn_tile, NULL },
    { "Fill", turn_fill, NULL },
    { "Range", turn_range, NULL },
    { "Shape", turn_shape, NULL },
    { "Size", turn_size, NULL },
    { "ZerosLike", turn_zeros_like, NULL },
    { "SparseToDense", turn_sparse_to_dense, NULL },
    { 0 },
};
