/* tfjs.c -- see tfjs.h: the file, its weights, the order of nodes. What an operation becomes stands
 * in tfjs_ops.c. */
#include "nn/import/tfjs.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/files.h"
#include "base/hash.h"
#include "nn/import/tfjs_in.h"
#include "nn/onnx_type.h"

#define WEIGHTS_MAX ((size_t)4 << 30)
#define NODES_MAX   ((size_t)1 << 20)

/* ---- reading attributes */

static bool attr(tf_model *m, const char *name, const char *form, ft_str *raw) {
    char path[96];
    if (m->node->attrs.len == 0) return false;
    snprintf(path, sizeof path, "%s.%s", name, form);
    return ft_json_find(raw, m->node->attrs, path) == FT_OK;
}

/* Numbers may be written as texts: "1". */
static ft_str unquoted(ft_str raw) {
    bool quoted = raw.len >= 2 && raw.at[0] == '"';
    return quoted ? ft_str_slice(raw, 1, raw.len - 2) : raw;
}

int64_t tf_attr_int(tf_model *m, const char *name, int64_t otherwise) {
    ft_str raw;
    int64_t v;
    return attr(m, name, "i", &raw) && ft_str_i64(&v, unquoted(raw)) ? v : otherwise;
}

double tf_attr_float(tf_model *m, const char *name, double otherwise) {
    ft_str raw;
    double v;
    return attr(m, name, "f", &raw) && ft_str_f64(&v, unquoted(raw)) ? v : otherwise;
}

bool tf_attr_bool(tf_model *m, const char *name) {
    ft_str raw;
    return attr(m, name, "b", &raw) && ft_str_is(raw, "true");
}

static ft_str decoded(tf_model *m, ft_str base64) {
    ft_buf text = { 0 };
    ft_str out = { 0 };
    if (m->err == FT_OK) m->err = ft_base64_decode(&text, base64);
    if (m->err == FT_OK) m->err = ft_arena_str(&out, &m->scratch, ft_buf_str(&text));
    ft_buf_fini(&text);
    return out;
}

ft_str tf_attr_str(tf_model *m, const char *name) {
    ft_str raw;
    return attr(m, name, "s", &raw) ? decoded(m, unquoted(raw)) : (ft_str){ 0 };
}

static size_t attr_list(tf_model *m, const char *name, const char *form, ft_str *out, size_t room) {
    ft_str raw;
    ft_json j;
    size_t count = 0;
    if (m->err != FT_OK || !attr(m, name, form, &raw)) return 0;
    ft_json_init(&j, raw, &m->scratch, NULL);
    if ((m->err = ft_json_enter_array(&j)) != FT_OK) return 0;
    while (ft_json_next_item(&j)) {
        if (count == room) {
            tf_refuse(m, "a list that is too long");
            return 0;
        }
        if ((m->err = ft_json_skip(&j, &out[count++])) != FT_OK) return 0;
    }
    return count;
}

size_t tf_attr_ints(tf_model *m, const char *name, int64_t *out, size_t room) {
    ft_str items[FT_ARRAY_DIMS_MAX * 4];
    size_t count =
        attr_list(m, name, "list.i", items, room < FT_COUNT(items) ? room : FT_COUNT(items));
    for (size_t i = 0; i < count; i++)
        if (!ft_str_i64(&out[i], unquoted(items[i]))) tf_refuse(m, "a list of no integers");
    return count;
}

size_t tf_attr_strs(tf_model *m, const char *name, ft_str *out, size_t room) {
    size_t count = attr_list(m, name, "list.s", out, room);
    for (size_t i = 0; i < count; i++) out[i] = decoded(m, unquoted(out[i]));
    return count;
}

/* "DT_FLOAT", or its number. */
static ft_dtype type_of(ft_str name) {
    static const struct {
        const char *name, *number;
        ft_dtype type;
    } rows[] = { { "DT_FLOAT", "1", FT_F32 }, { "DT_DOUBLE", "2", FT_F64 },
                 { "DT_INT32", "3", FT_I32 }, { "DT_UINT8", "4", FT_U8 },
                 { "DT_INT64", "9", FT_I64 }, { "DT_BOOL", "10", FT_BOOL },
                 { "DT_HALF", "19", FT_F16 } };
    for (size_t i = 0; i < FT_COUNT(rows); i++)
        if (ft_str_is(name, rows[i].name) || ft_str_is(name, rows[i].number)) return rows[i].type;
    return FT_DTYPE_COUNT;
}

ft_dtype tf_attr_type(tf_model *m, const char *name, ft_dtype otherwise) {
    ft_str raw;
    ft_dtype t = attr(m, name, "type", &raw) ? type_of(unquoted(raw)) : FT_DTYPE_COUNT;
    return t == FT_DTYPE_COUNT ? otherwise : t;
}

void tf_refuse(tf_model *m, const char *why) {
    if (m->err != FT_OK) return;
    m->err = FT_FAIL(FT_EUNSUPPORTED, "node '%.*s' (%.*s): %s", FT_STR_ARG(m->node->name),
                     FT_STR_ARG(m->node->op), why);
}

/* ---- values by TensorFlow's names */

static ft_str plain_name(ft_str name) { /* "x:0" is "x" */
    return ft_str_ends(name, FT_STR(":0")) ? ft_str_slice(name, 0, name.len - 2) : name;
}

int tf_in(tf_model *m, size_t i) {
    if (m->err != FT_OK) return FT_NN_NONE;
    if (i >= m->node->input_count) {
        tf_refuse(m, "an input is missing");
        return FT_NN_NONE;
    }
    int v = ft_nn_value_find(m->g, plain_name(m->node->inputs[i]));
    if (v == FT_NN_NONE)
        m->err = FT_FAIL(FT_ECORRUPT, "node '%.*s' takes '%.*s', which is not there",
                         FT_STR_ARG(m->node->name), FT_STR_ARG(m->node->inputs[i]));
    return v;
}

bool tf_known(tf_model *m, int value, ft_array *out) {
    if (m->err != FT_OK || value == FT_NN_NONE || !m->g->values[value].data) return false;
    const ft_nn_value *v = &m->g->values[value];
    *out = (ft_array){ .dtype = v->dtype, .ndim = v->ndim, .data = (void *)v->data };
    memcpy(out->shape, v->shape, sizeof out->shape);
    return true;
}

/* ---- writing */

static void add_attr(tf_attrs *a, ft_nn_attr attr_row) {
    FT_CHECK(a->count < FT_COUNT(a->at));
    a->at[a->count++] = attr_row;
}
void tf_int(tf_attrs *a, const char *name, int64_t v) {
    add_attr(a, (ft_nn_attr){ .name = name, .type = FT_NN_INT, .i = v });
}
void tf_float(tf_attrs *a, const char *name, double v) {
    add_attr(a, (ft_nn_attr){ .name = name, .type = FT_NN_FLOAT, .f = v });
}
void tf_text(tf_attrs *a, const char *name, const char *v) {
    add_attr(a, (ft_nn_attr){ .name = name, .type = FT_NN_STRING, .s = ft_str_of(v) });
}
void tf_ints(tf_attrs *a, const char *name, const int64_t *v, size_t count) {
    add_attr(a, (ft_nn_attr){ .name = name, .type = FT_NN_INTS, .ints = v, .count = count });
}

int tf_write(tf_model *m, const char *op, const int *in, size_t count, const tf_attrs *attrs) {
    int out = FT_NN_NONE;
    ft_nn_node_spec spec = { .op = op, .inputs = in, .input_count = count, .output_count = 1 };
    if (attrs) {
        spec.attrs = attrs->at;
        spec.attr_count = attrs->count;
    }
    if (m->err == FT_OK) m->err = ft_nn_node_add(m->g, &spec, &out);
    return out;
}

int tf_write1(tf_model *m, const char *op, int a) { return tf_write(m, op, &a, 1, NULL); }
int tf_write2(tf_model *m, const char *op, int a, int b) {
    return tf_write(m, op, (int[]){ a, b }, 2, NULL);
}

static int constant(tf_model *m, const ft_array *a, ft_nn_role role) {
    int v = FT_NN_NONE;
    if (m->err == FT_OK) m->err = ft_nn_data(&v, m->g, (ft_str){ 0 }, role, a, true);
    return v;
}

int tf_i64(tf_model *m, const int64_t *values, size_t count) {
    ft_array a = { FT_I64, 1, { (int64_t)count }, (void *)values };
    return constant(m, &a, FT_NN_CONST);
}
int tf_i64_one(tf_model *m, int64_t value) { return tf_i64(m, &value, 1); }

int tf_f32(tf_model *m, float value) {
    ft_array a = { .dtype = FT_F32, .data = &value };
    return constant(m, &a, FT_NN_CONST);
}

int tf_cast(tf_model *m, int value, ft_dtype to) {
    tf_attrs a = { 0 };
    tf_int(&a, "to", ft_nn_onnx_type(to));
    return tf_write(m, "Cast", &value, 1, &a);
}

int tf_as_i64(tf_model *m, int value) {
    ft_array a;
    if (!tf_known(m, value, &a)) return tf_cast(m, value, FT_I64);
    int64_t count = ft_array_count(&a), *to;
    if ((m->err = ft_arena_items(&to, &m->scratch, (size_t)count + 1)) != FT_OK) return FT_NN_NONE;
    for (int64_t i = 0; i < count; i++) to[i] = (int64_t)ft_array_f64(&a, i);
    a.dtype = FT_I64;
    a.data = to;
    return constant(m, &a, FT_NN_CONST);
}

int tf_transpose(tf_model *m, int value, const int64_t *perm, size_t count) {
    tf_attrs a = { 0 };
    tf_ints(&a, "perm", perm, count);
    return tf_write(m, "Transpose", &value, 1, &a);
}
int tf_to_nchw(tf_model *m, int value) {
    return tf_transpose(m, value, (int64_t[]){ 0, 3, 1, 2 }, 4);
}
int tf_to_nhwc(tf_model *m, int value) {
    return tf_transpose(m, value, (int64_t[]){ 0, 2, 3, 1 }, 4);
}

static int reshaped(tf_model *m, int value, const int64_t *shape) {
    return shape ? tf_write2(m, "Reshape", value, tf_i64(m, shape, 4)) : value;
}

int tf_kernel(tf_model *m, int value, const int64_t perm[4], const int64_t *shape) {
    ft_array a, to = { .dtype = FT_F32, .ndim = 4 };
    if (!tf_known(m, value, &a) || a.ndim != 4 || a.dtype != FT_F32)
        return reshaped(m, tf_transpose(m, value, perm, 4), shape);
    int64_t stride[4], step = 1, at[4];
    for (int i = 3; i >= 0; i--) {
        stride[i] = step;
        step *= a.shape[i];
    }
    for (int i = 0; i < 4; i++) to.shape[i] = a.shape[perm[i]];
    float *out, *next;
    if ((m->err = ft_arena_items(&out, &m->scratch, (size_t)step + 1)) != FT_OK) return FT_NN_NONE;
    next = out;
    for (at[0] = 0; at[0] < to.shape[0]; at[0]++)
        for (at[1] = 0; at[1] < to.shape[1]; at[1]++)
            for (at[2] = 0; at[2] < to.shape[2]; at[2]++)
                for (at[3] = 0; at[3] < to.shape[3]; at[3]++) {
                    int64_t from = 0;
                    for (int i = 0; i < 4; i++) from += at[i] * stride[perm[i]];
                    *next++ = ((const float *)a.data)[from];
                }
    to.data = out;
    if (shape) memcpy(to.shape, shape, 4 * sizeof *shape);
    return constant(m, &to, FT_NN_WEIGHT);
}

/* An Identity under TensorFlow's name; the session takes it out. */
void tf_out(tf_model *m, size_t i, int value) {
    char text[24];
    ft_str name = m->node->name;
    if (m->err != FT_OK) return;
    if (i > 0) {
        snprintf(text, sizeof text, ":%zu", i);
        m->err = ft_arena_printf(&name, &m->scratch, "%.*s%s", FT_STR_ARG(m->node->name), text);
    }
    ft_nn_node_spec spec = { .op = "Identity",
                             .inputs = &value,
                             .input_count = 1,
                             .output_count = 1,
                             .output_names = &name };
    if (m->err == FT_OK) m->err = ft_nn_node_add(m->g, &spec, NULL);
}

/* ---- weights */

typedef struct weight {
    ft_str name;
    ft_array array;
    ft_str stored; /* "float16" …; empty: as it is */
    double scale, min;
} weight;

static ft_err read_shape(ft_json *j, ft_array *a) {
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        if (a->ndim == FT_ARRAY_DIMS_MAX) return ft_json_fail(j, "more than 8 dimensions");
        FT_TRY(ft_json_i64(j, &a->shape[a->ndim++]));
    }
    return FT_OK;
}

static ft_err read_quantization(ft_json *j, weight *w) {
    ft_str name;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "dtype"))
            FT_TRY(ft_json_string(j, &w->stored));
        else if (ft_str_is(name, "scale"))
            FT_TRY(ft_json_f64(j, &w->scale));
        else if (ft_str_is(name, "min"))
            FT_TRY(ft_json_f64(j, &w->min));
        else
            FT_TRY(ft_json_skip(j, NULL));
    }
    return FT_OK;
}

static ft_err read_weight(ft_json *j, weight *w) {
    ft_str name, type = { 0 };
    *w = (weight){ .scale = 1 };
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "name"))
            FT_TRY(ft_json_string(j, &w->name));
        else if (ft_str_is(name, "shape"))
            FT_TRY(read_shape(j, &w->array));
        else if (ft_str_is(name, "dtype"))
            FT_TRY(ft_json_string(j, &type));
        else if (ft_str_is(name, "quantization"))
            FT_TRY(read_quantization(j, w));
        else
            FT_TRY(ft_json_skip(j, NULL));
    }
    if (ft_str_is(type, "float32"))
        w->array.dtype = FT_F32;
    else if (ft_str_is(type, "int32"))
        w->array.dtype = FT_I32;
    else if (ft_str_is(type, "bool"))
        w->array.dtype = FT_BOOL;
    else
        return FT_FAIL(FT_EUNSUPPORTED, "weight '%.*s' is %.*s", FT_STR_ARG(w->name),
                       FT_STR_ARG(type));
    static const char *const stored[] = { "uint8", "uint16", "float16" };
    bool known = w->stored.len == 0;
    for (size_t i = 0; i < FT_COUNT(stored); i++) known |= ft_str_is(w->stored, stored[i]);
    if (!known || (w->stored.len && w->array.dtype == FT_BOOL))
        return FT_FAIL(FT_EUNSUPPORTED, "weight '%.*s' of %.*s is stored as %.*s",
                       FT_STR_ARG(w->name), FT_STR_ARG(type), FT_STR_ARG(w->stored));
    w->array.data = w; /* an array without data is not valid */
    return ft_array_valid(&w->array)
               ? FT_OK
               : FT_FAIL(FT_ECORRUPT, "weight '%.*s' has no sane shape", FT_STR_ARG(w->name));
}

static size_t stored_bytes(const weight *w) {
    if (w->stored.len == 0) return ft_dtype_bytes(w->array.dtype);
    return ft_str_is(w->stored, "uint8") ? 1 : 2;
}

static double widened(const weight *w, const char *at) {
    uint16_t half;
    if (ft_str_is(w->stored, "uint8")) return (uint8_t)*at * w->scale + w->min;
    memcpy(&half, at, 2);
    return ft_str_is(w->stored, "float16") ? (double)ft_f16_f32(half) : half * w->scale + w->min;
}

/* The weight's value becomes a value of the graph under its name. */
static ft_err take_weight(tf_model *m, weight *w, ft_str shards, size_t *at) {
    int64_t count = ft_array_count(&w->array);
    size_t item = stored_bytes(w), bytes = (size_t)count * item;
    void *to;
    int v;
    if (*at > shards.len || (size_t)count > (shards.len - *at) / item)
        return FT_FAIL(FT_ECORRUPT, "the weight files end before '%.*s'", FT_STR_ARG(w->name));
    FT_TRY(ft_arena_take(&to, &m->scratch, ft_array_bytes(&w->array) + 1));
    w->array.data = to;
    if (w->stored.len == 0) memcpy(to, shards.at + *at, bytes);
    for (int64_t i = 0; w->stored.len && i < count; i++) {
        double value = widened(w, shards.at + *at + (size_t)i * item);
        if (w->array.dtype == FT_F32)
            ((float *)to)[i] = (float)value;
        else
            ((int32_t *)to)[i] = (int32_t)value;
    }
    *at += bytes;
    ft_nn_role role = w->array.dtype == FT_F32 && w->array.ndim > 0 ? FT_NN_WEIGHT : FT_NN_CONST;
    return ft_nn_data(&v, m->g, w->name, role, &w->array, true);
}

static ft_err read_shard(ft_buf *out, tf_model *m, const char *model_path, ft_str name) {
    ft_str path = { 0 }, bytes = { 0 };
    const char *slash = strrchr(model_path, '/');
    size_t folder = slash ? (size_t)(slash - model_path) + 1 : 0;
    if (ft_str_find(name, '/') < name.len || ft_str_find(name, '\0') < name.len || name.len == 0 ||
        name.at[0] == '.')
        return FT_FAIL(FT_EDENIED, "weight file '%.*s' is not beside the model", FT_STR_ARG(name));
    FT_TRY(
        ft_arena_printf(&path, &m->scratch, "%.*s%.*s", (int)folder, model_path, FT_STR_ARG(name)));
    FT_TRY(ft_file_map(&bytes, path.at));
    ft_err err = out->len + bytes.len > WEIGHTS_MAX
                     ? FT_FAIL(FT_ETOOBIG, "weights of more than 4 GiB")
                     : ft_buf_add(out, bytes);
    ft_file_unmap(bytes);
    return err;
}

static ft_err read_group(ft_json *j, tf_model *m, const char *path) {
    ft_buf shards = { 0 };
    ft_str name, weights = { 0 }, file;
    ft_json inner;
    size_t at = 0;
    ft_err err = ft_json_enter_object(j);
    while (err == FT_OK && ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "weights"))
            err = ft_json_skip(j, &weights);
        else if (!ft_str_is(name, "paths"))
            err = ft_json_skip(j, NULL);
        else
            err = ft_json_enter_array(j);
        while (err == FT_OK && ft_str_is(name, "paths") && ft_json_next_item(j)) {
            err = ft_json_string(j, &file);
            if (err == FT_OK) err = read_shard(&shards, m, path, file);
        }
    }
    ft_json_init(&inner, weights, &m->scratch, NULL);
    if (err == FT_OK && weights.len) err = ft_json_enter_array(&inner);
    while (err == FT_OK && weights.len && ft_json_next_item(&inner)) {
        weight w;
        err = read_weight(&inner, &w);
        if (err == FT_OK) err = take_weight(m, &w, ft_buf_str(&shards), &at);
    }
    ft_buf_fini(&shards);
    return err;
}

static ft_err read_weights(tf_model *m, ft_str text, const char *path) {
    ft_json j;
    ft_str raw;
    if (ft_json_find(&raw, text, "weightsManifest") != FT_OK)
        return FT_FAIL(FT_ECORRUPT, "no weightsManifest");
    ft_json_init(&j, raw, &m->scratch, NULL);
    FT_TRY(ft_json_enter_array(&j));
    while (ft_json_next_item(&j)) FT_TRY(read_group(&j, m, path));
    return ft_json_end(&j);
}

/* ---- nodes */

static ft_err read_node(ft_json *j, tf_node *n, ft_arena *arena) {
    ft_str name, inputs[TF_INPUTS_MAX];
    *n = (tf_node){ 0 };
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "name"))
            FT_TRY(ft_json_string(j, &n->name));
        else if (ft_str_is(name, "op"))
            FT_TRY(ft_json_string(j, &n->op));
        else if (ft_str_is(name, "attr"))
            FT_TRY(ft_json_skip(j, &n->attrs));
        else if (!ft_str_is(name, "input"))
            FT_TRY(ft_json_skip(j, NULL));
        else {
            FT_TRY(ft_json_enter_array(j));
            while (ft_json_next_item(j)) {
                if (n->input_count == TF_INPUTS_MAX) return ft_json_fail(j, "too many inputs");
                FT_TRY(ft_json_string(j, &inputs[n->input_count]));
                /* "^x": x must have run before; here everything that is needed has. */
                if (inputs[n->input_count].len && inputs[n->input_count].at[0] != '^')
                    n->input_count++;
            }
        }
    }
    FT_TRY(ft_arena_items(&n->inputs, arena, n->input_count + 1));
    if (n->input_count) memcpy(n->inputs, inputs, n->input_count * sizeof *inputs);
    return FT_OK;
}

static ft_err read_nodes(tf_model *m, ft_str text) {
    ft_json j;
    ft_str raw;
    size_t room = 0;
    if (ft_json_find(&raw, text, "modelTopology.node") != FT_OK)
        return FT_FAIL(FT_EUNSUPPORTED, "no graph model (a layers model, perhaps: convert it with "
                                        "--output_format=tfjs_graph_model)");
    ft_json_init(&j, raw, &m->scratch, NULL);
    FT_TRY(ft_json_enter_array(&j));
    while (ft_json_next_item(&j)) {
        if (m->node_count == NODES_MAX) return FT_FAIL(FT_ETOOBIG, "more than 2^20 nodes");
        if (m->node_count == room) {
            tf_node *wider;
            room = room ? 2 * room : 256;
            FT_TRY(ft_arena_items(&wider, &m->scratch, room));
            if (m->node_count) memcpy(wider, m->nodes, m->node_count * sizeof *wider);
            m->nodes = wider;
        }
        FT_TRY(read_node(&j, &m->nodes[m->node_count++], &m->scratch));
    }
    return ft_json_end(&j);
}

static const tf_op *find_op(ft_str name) {
    for (const tf_op *o = tf_ops; o->name; o++)
        if (ft_str_is(name, o->name)) return o;
    return NULL;
}

static bool stands_by_itself(const tf_node *n) {
    return ft_str_is(n->op, "Const") || ft_str_is(n->op, "Placeholder") || ft_str_is(n->op, "NoOp");
}

/* All operations that are not known, in one sentence. */
static ft_err check_ops(const tf_model *m) {
    ft_buf missing = { 0 };
    size_t count = 0;
    for (size_t i = 0; i < m->node_count; i++) {
        const tf_node *n = &m->nodes[i];
        if (stands_by_itself(n) || find_op(n->op)) continue;
        if (count++ < 8)
            ft_buf_printf(&missing, "%s%.*s (node '%.*s')", count > 1 ? ", " : "",
                          FT_STR_ARG(n->op), FT_STR_ARG(n->name));
    }
    ft_err err = count ? FT_FAIL(FT_EUNSUPPORTED, "operations that are not known: %.*s%s",
                                 FT_STR_ARG(ft_buf_str(&missing)), count > 8 ? ", …" : "")
                       : FT_OK;
    ft_buf_fini(&missing);
    return err;
}

static ft_err add_input(tf_model *m, const tf_node *n) {
    int64_t shape[FT_ARRAY_DIMS_MAX];
    int ndim = 0, v;
    ft_str raw, size;
    char path[64];
    m->node = n;
    if (attr(m, "shape", "shape.dim", &raw))
        for (; ndim < FT_ARRAY_DIMS_MAX; ndim++) {
            snprintf(path, sizeof path, "%d.size", ndim);
            if (ft_json_find(&size, raw, path) != FT_OK) break;
            if (!ft_str_i64(&shape[ndim], unquoted(size)) || shape[ndim] < 0)
                shape[ndim] = FT_NN_DIM_ANY;
        }
    return ft_nn_input(&v, m->g, n->name, tf_attr_type(m, "dtype", FT_F32), ndim ? ndim : -1,
                       shape);
}

static bool is_ready(const tf_model *m, const tf_node *n) {
    for (size_t i = 0; i < n->input_count; i++)
        if (ft_nn_value_find(m->g, plain_name(n->inputs[i])) == FT_NN_NONE) return false;
    return true;
}

/* Nodes mostly stand in order; what does not waits for the next round. */
static ft_err turn_nodes(tf_model *m) {
    size_t left = 0, before = SIZE_MAX;
    for (size_t i = 0; i < m->node_count; i++) {
        tf_node *n = &m->nodes[i];
        n->done = stands_by_itself(n);
        left += !n->done;
        if (ft_str_is(n->op, "Placeholder")) FT_TRY(add_input(m, n));
    }
    while (left > 0 && left < before) {
        before = left;
        for (size_t i = 0; i < m->node_count; i++) {
            tf_node *n = &m->nodes[i];
            if (n->done || !is_ready(m, n)) continue;
            m->node = n;
            find_op(n->op)->turn(m);
            FT_TRY(m->err);
            n->done = true;
            left--;
        }
    }
    for (size_t i = 0; left && i < m->node_count; i++)
        if (!m->nodes[i].done)
            return FT_FAIL(FT_ECORRUPT, "node '%.*s' waits for itself or for what is not there",
                           FT_STR_ARG(m->nodes[i].name));
    return FT_OK;
}

static bool is_read(const tf_model *m, ft_str name) {
    for (size_t i = 0; i < m->node_count; i++)
        for (size_t k = 0; k < m->nodes[i].input_count; k++)
            if (ft_str_eq(plain_name(m->nodes[i].inputs[k]), name)) return true;
    return false;
}

/* The signature's outputs; without one, what nobody reads. */
static ft_err add_outputs(tf_model *m, ft_str text) {
    ft_str raw, member, name;
    ft_json j;
    bool any = false;
    if (ft_json_find(&raw, text, "signature.outputs") == FT_OK ||
        ft_json_find(&raw, text, "userDefinedMetadata.signature.outputs") == FT_OK) {
        ft_json_init(&j, raw, &m->scratch, NULL);
        FT_TRY(ft_json_enter_object(&j));
        while (ft_json_next_member(&j, &member)) {
            ft_str one;
            FT_TRY(ft_json_skip(&j, &one));
            ft_str key = member;
            if (ft_json_find(&name, one, "name") == FT_OK) key = unquoted(name);
            int v = ft_nn_value_find(m->g, plain_name(key));
            if (v == FT_NN_NONE)
                return FT_FAIL(FT_ECORRUPT, "output '%.*s' is not there", FT_STR_ARG(key));
            FT_TRY(ft_nn_output(m->g, v));
            any = true;
        }
    }
    for (size_t i = 0; !any && i < m->node_count; i++) {
        int v = ft_nn_value_find(m->g, m->nodes[i].name);
        if (v == FT_NN_NONE || stands_by_itself(&m->nodes[i]) || is_read(m, m->nodes[i].name))
            continue;
        FT_TRY(ft_nn_output(m->g, v));
    }
    return FT_OK;
}

/* Members are looked up one by one below: that the text is whole is known first. */
static ft_err check_text(tf_model *m, ft_str text) {
    ft_json j;
    ft_json_init(&j, text, &m->scratch, NULL);
    FT_TRY(ft_json_skip(&j, NULL));
    return ft_json_end(&j);
}

static ft_err read_model(tf_model *m, const char *path) {
    ft_str text = { 0 };
    FT_TRY(ft_file_read(&text, &m->scratch, path, FT_NN_TFJS_JSON_MAX));
    FT_TRY(check_text(m, text));
    FT_TRY(read_nodes(m, text));
    FT_TRY(check_ops(m));
    FT_TRY(ft_nn_graph_new(&m->g, ft_path_base(ft_str_of(path))));
    FT_TRY(read_weights(m, text, path));
    FT_TRY(turn_nodes(m));
    FT_TRY(add_outputs(m, text));
    FT_TRY(ft_nn_graph_check(m->g));
    return ft_nn_graph_infer(m->g);
}

ft_err ft_nn_tfjs_read(ft_nn_graph **out, const char *path) {
    tf_model m = { .scratch = FT_ARENA_INIT((size_t)8 << 30) };
    *out = NULL;
    ft_err err = read_model(&m, path);
    ft_arena_fini(&m.scratch);
    if (err != FT_OK) {
        ft_nn_graph_free(m.g);
        return ft_err_prefix(err, "%s", path);
    }
    *out = m.g;
    return FT_OK;
}
