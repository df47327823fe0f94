/* image_model.c -- the network of a run: built, begun from weights of elsewhere, frozen in part,
 * and left as files that serve as they are. */
#include <string.h>

#include "base/check.h"
#include "base/files.h"
#include "base/json.h"
#include "nn/graph_in.h"
#include "nn/learn/image_run.h"
#include "nn/network.h"

/* ---- building */

static ft_err looks_read(ft_image_run *r) {
    for (int c = 0; c < 3; c++) {
        r->mean[c] = r->arch->mean[r->arch->channels == 1 ? 0 : c];
        r->std[c] = r->arch->deviation[r->arch->channels == 1 ? 0 : c];
    }
    return FT_OK;
}

static bool in_layer(ft_str name, const char *layer) {
    size_t len = strlen(layer);
    return name.len > len && memcmp(name.at, layer, len) == 0 && name.at[len] == '.';
}

/* The last layer may be of other classes; everything else must be there. */
static ft_err begin_from(ft_image_run *r, ft_str from) {
    ft_nn_weights *w = NULL;
    ft_nn_match match;
    ft_str path;
    FT_TRY(ft_arena_str(&path, &r->arena, from));
    ft_err read = ft_nn_weights_read(&w, path.at);
    if (read != FT_OK) return ft_err_prefix(read, "from: %s", path.at);
    ft_err err = ft_nn_weights_load(&match, r->graph, w, &r->arena);
    for (size_t i = 0; err == FT_OK && i < match.missing_count + match.shaped_count; i++) {
        bool missing = i < match.missing_count;
        ft_str name = missing ? match.missing[i] : match.shaped[i - match.missing_count];
        if (!in_layer(name, r->arch->classifier))
            err = FT_FAIL(FT_ECONFLICT, "from: %s is not of a %s: %s %.*s", path.at, r->arch->name,
                          missing ? "it has no" : "another shape:", FT_STR_ARG(name));
    }
    ft_nn_weights_free(w);
    return err;
}

static ft_err freeze_read(ft_image_run *r) {
    ft_str text = ft_params_str(r->params, "freeze"), pattern;
    int hits = 0, weights = 0;
    if (!text.len) return FT_OK;
    FT_TRY(ft_arena_str(&pattern, &r->arena, text));
    if (regcomp(&r->freeze, pattern.at, REG_EXTENDED | REG_NOSUB) != 0)
        return FT_FAIL(FT_EINVAL, "freeze: '%s' is no regular expression", pattern.at);
    r->freezes = true;
    ft_str example = { 0 };
    for (int v = 0; v < r->graph->value_count; v++) {
        const ft_nn_value *value = &r->graph->values[v];
        if (value->role != FT_NN_WEIGHT) continue;
        if (!example.len) example = value->name;
        hits += regexec(&r->freeze, value->name.at, 0, NULL, 0) == 0;
        weights++;
    }
    if (hits == weights)
        return FT_FAIL(FT_EINVAL, "freeze: '%s' leaves no weight that learns", pattern.at);
    if (hits) return FT_OK;
    return FT_FAIL(FT_EINVAL, "freeze: no weight matches '%s'; names are such as '%.*s'",
                   pattern.at, FT_STR_ARG(example));
}

bool ft_image_frozen(void *run, ft_str name) {
    const ft_image_run *r = run;
    char text[512];
    if (r->head) return !in_layer(name, r->arch->classifier);
    if (!r->freezes || name.len >= sizeof text) return false;
    memcpy(text, name.at, name.len);
    text[name.len] = 0;
    return regexec(&r->freeze, text, 0, NULL, 0) == 0;
}

/* The share is a constant of each node. */
static ft_err dropout_set(ft_image_run *r) {
    float share = (float)ft_params_float(r->params, "dropout");
    ft_array a = { .dtype = FT_F32, .data = &share };
    if (!ft_params_given(r->params, "dropout")) return FT_OK;
    for (int i = 0; i < r->graph->node_count; i++) {
        ft_nn_node *n = &r->graph->nodes[i];
        int inputs[3];
        if (strcmp(n->op->name, "Dropout") != 0 || n->input_count < 2) continue;
        memcpy(inputs, n->inputs, n->input_count * sizeof *inputs);
        FT_TRY(ft_nn_data(&inputs[1], r->graph, (ft_str){ 0 }, FT_NN_CONST, &a, true));
        FT_TRY(ft_nn_node_inputs_set(r->graph, n, inputs, n->input_count));
    }
    return FT_OK;
}

ft_err ft_image_model_build(ft_image_run *r) {
    ft_str from = ft_params_str(r->params, "from");
    FT_TRY(ft_image_arch_choose(r));
    r->channels = r->train->channels ? r->train->channels : r->arch->channels;
    FT_TRY(looks_read(r));
    FT_TRY(
        ft_nn_arch_build(&r->graph, r->arch,
                         &(ft_nn_arch_opts){ .classes = (int)r->train->classes,
                                             .channels = r->channels,
                                             .size = r->size,
                                             .seed = (uint64_t)ft_params_int(r->params, "seed") }));
    FT_TRY(ft_nn_gradient_own(r->graph));
    FT_TRY(dropout_set(r));
    if (from.len) FT_TRY(begin_from(r, from));
    return freeze_read(r);
}

/* ---- what is left behind */

ft_err ft_image_named(ft_nn_named **out, size_t *count, ft_image_run *r, ft_arena *arena) {
    const ft_nn_graph *g = r->graph;
    *count = 0;
    FT_TRY(ft_arena_items(out, arena, (size_t)g->value_count));
    for (int v = 0; v < g->value_count; v++) {
        const ft_nn_value *value = &g->values[v];
        if ((value->role != FT_NN_WEIGHT && value->role != FT_NN_STATE) || !value->data) continue;
        ft_array a = { .dtype = value->dtype, .ndim = value->ndim, .data = (void *)value->data };
        memcpy(a.shape, value->shape, sizeof a.shape);
        (*out)[(*count)++] = (ft_nn_named){ value->name, a };
    }
    return FT_OK;
}

static void numbers_write(ft_json_out *w, const char *name, const float *list, int count) {
    ft_json_out_name(w, name);
    ft_json_out_array(w);
    for (int i = 0; i < count; i++) ft_json_out_f64(w, (double)list[i]);
    ft_json_out_close(w);
}

/* network.json (nn/network.h): how pictures become its input, so that it serves as it is. */
static ft_err told_write(const ft_image_run *r, const char *path) {
    ft_buf b = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &b, true);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "arch"), ft_json_out_text(&w, r->arch->name);
    ft_json_out_name(&w, "classes"), ft_json_out_i64(&w, r->train->classes);
    ft_json_out_name(&w, "size"), ft_json_out_i64(&w, r->size);
    ft_json_out_name(&w, "channels"), ft_json_out_i64(&w, r->channels);
    numbers_write(&w, "mean", r->mean, r->channels);
    numbers_write(&w, "std", r->std, r->channels);
    ft_json_out_name(&w, "fit"), ft_json_out_text(&w, ft_nn_fit_name(r->arch->fit));
    ft_json_out_name(&w, "softmax"), ft_json_out_bool(&w, true);
    ft_json_out_close(&w);
    ft_err err = b.err;
    if (err == FT_OK) err = ft_file_write_atomic(path, ft_buf_str(&b), true);
    ft_buf_fini(&b);
    return err;
}

static ft_err labels_write(const ft_image_run *r, const char *path) {
    ft_buf b = { 0 };
    for (int64_t i = 0; i < r->train->classes; i++)
        ft_buf_printf(&b, "%.*s\n", FT_STR_ARG(r->train->names[i]));
    ft_err err = b.err;
    if (err == FT_OK) err = ft_file_write_atomic(path, ft_buf_str(&b), true);
    ft_buf_fini(&b);
    return err;
}

ft_err ft_image_model_save(ft_image_run *r) {
    const char *path;
    ft_nn_named *list;
    size_t count;
    FT_TRY(ft_image_named(&list, &count, r, &r->arena));
    if (r->best_weights) list = r->best_weights;
    FT_TRY(ft_path_join(&path, &r->arena, r->args->out_dir, "model.safetensors"));
    FT_TRY(ft_nn_weights_write(path, list, count));
    FT_TRY(ft_path_join(&path, &r->arena, r->args->out_dir, "network.json"));
    FT_TRY(told_write(r, path));
    if (!r->train->names) return FT_OK;
    FT_TRY(ft_path_join(&path, &r->arena, r->args->out_dir, "labels.txt"));
    return labels_write(r, path);
}
