/* tfjs_node.c -- a node of a TensorFlow.js model is read, and what it becomes is written. See
 * tfjs_in.h. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "nn/import/tfjs_in.h"
#include "nn/onnx_type.h"

/* ---- reading attributes */

bool tf_attr(tf_model *m, const char *name, const char *form, ft_str *raw) {
    char path[96];
    if (m->node->attrs.len == 0) return false;
    snprintf(path, sizeof path, "%s.%s", name, form);
    return ft_json_find(raw, m->node->attrs, path) == FT_OK;
}

/* Numbers may be written as texts: "1". */
ft_str tf_unquoted(ft_str raw) {
    bool quoted = raw.len >= 2 && raw.at[0] == '"';
    return quoted ? ft_str_slice(raw, 1, raw.len - 2) : raw;
}

int64_t tf_attr_int(tf_model *m, const char *name, int64_t otherwise) {
    ft_str raw;
    int64_t v;
    return tf_attr(m, name, "i", &raw) && ft_str_i64(&v, tf_unquoted(raw)) ? v : otherwise;
}

double tf_attr_float(tf_model *m, const char *name, double otherwise) {
    ft_str raw;
    double v;
    return tf_attr(m, name, "f", &raw) && ft_str_f64(&v, tf_unquoted(raw)) ? v : otherwise;
}

bool tf_attr_bool(tf_model *m, const char *name) {
    ft_str raw;
    return tf_attr(m, name, "b", &raw) && ft_str_is(raw, "true");
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
    return tf_attr(m, name, "s", &raw) ? decoded(m, tf_unquoted(raw)) : (ft_str){ 0 };
}

static size_t attr_list(tf_model *m, const char *name, const char *form, ft_str *out, size_t room) {
    ft_str raw;
    ft_json j;
    size_t count = 0;
    if (m->err != FT_OK || !tf_attr(m, name, form, &raw)) return 0;
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
        if (!ft_str_i64(&out[i], tf_unquoted(items[i]))) tf_refuse(m, "a list of no integers");
    return count;
}

size_t tf_attr_strs(tf_model *m, const char *name, ft_str *out, size_t room) {
    size_t count = attr_list(m, name, "list.s", out, room);
    for (size_t i = 0; i < count; i++) out[i] = decoded(m, tf_unquoted(out[i]));
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
    ft_dtype t = tf_attr(m, name, "type", &raw) ? type_of(tf_unquoted(raw)) : FT_DTYPE_COUNT;
    return t == FT_DTYPE_COUNT ? otherwise : t;
}

void tf_refuse(tf_model *m, const char *why) {
    if (m->err != FT_OK) return;
    m->err = FT_FAIL(FT_EUNSUPPORTED, "node '%.*s' (%.*s): %s", FT_STR_ARG(m->node->name),
                     FT_STR_ARG(m->node->op), why);
}

/* ---- values by TensorFlow's names */

ft_str tf_plain_name(ft_str name) { /* "x:0" is "x" */
    return ft_str_ends(name, FT_STR(":0")) ? ft_str_slice(name, 0, name.len - 2) : name;
}

int tf_in(tf_model *m, size_t i) {
    if (m->err != FT_OK) return FT_NN_NONE;
    if (i >= m->node->input_count) {
        tf_refuse(m, "an input is missing");
        return FT_NN_NONE;
    }
    int v = ft_nn_value_find(m->g, tf_plain_name(m->node->inputs[i]));
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
