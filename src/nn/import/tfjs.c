/* tfjs.c -- see tfjs.h: the file, its nodes, their order. What an operation becomes stands in
 * tfjs_math.c, tfjs_conv.c and tfjs_arrays.c. */
#include "nn/import/tfjs.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/files.h"
#include "nn/import/tfjs_in.h"

#define NODES_MAX ((size_t)1 << 20)

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
    static const tf_op *const lists[] = { tf_ops_math, tf_ops_conv, tf_ops_arrays };
    for (size_t i = 0; i < FT_COUNT(lists); i++)
        for (const tf_op *o = lists[i]; o->name; o++)
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
    if (tf_attr(m, "shape", "shape.dim", &raw))
        for (; ndim < FT_ARRAY_DIMS_MAX; ndim++) {
            snprintf(path, sizeof path, "%d.size", ndim);
            if (ft_json_find(&size, raw, path) != FT_OK) break;
            if (!ft_str_i64(&shape[ndim], tf_unquoted(size)) || shape[ndim] < 0)
                shape[ndim] = FT_NN_DIM_ANY;
        }
    return ft_nn_input(&v, m->g, n->name, tf_attr_type(m, "dtype", FT_F32), ndim ? ndim : -1,
                       shape);
}

static bool is_ready(const tf_model *m, const tf_node *n) {
    for (size_t i = 0; i < n->input_count; i++)
        if (ft_nn_value_find(m->g, tf_plain_name(n->inputs[i])) == FT_NN_NONE) return false;
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
            m->op = find_op(n->op);
            m->op->turn(m);
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
            if (ft_str_eq(tf_plain_name(m->nodes[i].inputs[k]), name)) return true;
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
            if (ft_json_find(&name, one, "name") == FT_OK) key = tf_unquoted(name);
            int v = ft_nn_value_find(m->g, tf_plain_name(key));
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
    FT_TRY(tf_weights_read(m, text, path));
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
