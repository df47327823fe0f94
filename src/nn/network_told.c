/* network_told.c -- what stands beside a model: network.json, labels.txt. See network.h. */
#include <math.h>

#include "base/check.h"
#include "base/files.h"
#include "nn/network_in.h"
#include "nn/op.h"

#define TEXT_MAX ((size_t)16 << 20)

static ft_err number_list(ft_json *j, float to[3]) {
    int count = 0;
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        double v;
        FT_TRY(ft_json_f64(j, &v));
        if (count == 3) return ft_json_fail(j, "expected one or three numbers");
        to[count++] = (float)v;
    }
    for (int i = count; count > 0 && i < 3; i++) to[i] = to[0];
    return count == 1 || count == 3 ? FT_OK : ft_json_fail(j, "expected one or three numbers");
}

static const char *const fits[] = {
    [FT_NN_FIT_CROP] = "crop", [FT_NN_FIT_STRETCH] = "stretch", [FT_NN_FIT_BOX] = "box"
};

const char *ft_nn_fit_name(ft_nn_fit fit) { return fits[fit]; }

static ft_err take_fit(ft_json *j, ft_nn_fit *fit) {
    ft_str text;
    FT_TRY(ft_json_string(j, &text));
    for (size_t i = 0; i < FT_COUNT(fits); i++)
        if (ft_str_is(text, fits[i])) {
            *fit = (ft_nn_fit)i;
            return FT_OK;
        }
    return ft_json_fail(j, "fit: expected crop, stretch or box");
}

static ft_err take_member(ft_json *j, ft_nn_network *n, ft_nn_told *t, ft_str name) {
    double range;
    ft_str order;
    if (ft_str_is(name, "arch")) return ft_json_string(j, &t->arch);
    if (ft_str_is(name, "classes")) return ft_json_i64(j, &t->classes);
    if (ft_str_is(name, "size")) return ft_json_i64(j, &t->size);
    if (ft_str_is(name, "channels")) return ft_json_i64(j, &t->channels);
    if (ft_str_is(name, "mean")) return t->has_mean = true, number_list(j, n->looks.mean);
    if (ft_str_is(name, "std")) return t->has_std = true, number_list(j, n->looks.std);
    if (ft_str_is(name, "fit")) return t->has_fit = true, take_fit(j, &n->looks.fit);
    if (ft_str_is(name, "softmax"))
        return t->has_softmax = true, ft_json_bool(j, &n->looks.softmax);
    if (ft_str_is(name, "range")) {
        FT_TRY(ft_json_f64(j, &range));
        n->looks.range = (float)range;
        t->has_range = true;
        return range == 1 || range == 255 ? FT_OK : ft_json_fail(j, "range: expected 1 or 255");
    }
    if (ft_str_is(name, "order")) {
        FT_TRY(ft_json_string(j, &order));
        n->looks.bgr = ft_str_is(order, "bgr");
        return n->looks.bgr || ft_str_is(order, "rgb") ? FT_OK
                                                       : ft_json_fail(j, "order: rgb or bgr");
    }
    static const char *const known[] = { "arch", "classes", "size",  "channels", "mean",
                                         "std",  "range",   "order", "fit",      "softmax" };
    const char *near = ft_str_nearest(name, known, FT_COUNT(known));
    FT_TRY(ft_json_skip(j, NULL));
    return ft_json_fail(j, "no member \"%.*s\" is known%s%s", FT_STR_ARG(name),
                        near ? "; is it " : "", near ? near : "");
}

/* Deviations divide, and everything is a number. */
static ft_err check_looks(ft_json *j, const ft_nn_looks *l, const ft_nn_told *t) {
    for (int i = 0; i < 3; i++) {
        if (t->has_std && !(fabsf(l->std[i]) > 0 && isfinite(l->std[i])))
            return ft_json_fail(j, "std: expected numbers that are not 0");
        if (t->has_mean && !isfinite(l->mean[i])) return ft_json_fail(j, "mean: expected numbers");
    }
    return FT_OK;
}

static ft_err folder_of(const char **out, ft_arena *arena, const char *file, const char *name) {
    ft_str dir = { 0 };
    const char *slash = strrchr(file, '/');
    size_t len = slash ? (size_t)(slash - file) + 1 : 0;
    FT_TRY(ft_arena_printf(&dir, arena, "%.*s%s", (int)len, file, name));
    *out = dir.at;
    return FT_OK;
}

static ft_err read_json(ft_nn_network *n, ft_nn_told *t, const char *file) {
    const char *path = NULL;
    ft_str text = { 0 }, name;
    ft_json j;
    FT_TRY(folder_of(&path, &n->arena, file, "network.json"));
    if (!ft_file_exists(path)) return FT_OK;
    FT_TRY(ft_file_read(&text, &n->arena, path, TEXT_MAX));
    ft_json_init(&j, text, &n->arena, &(ft_json_opts){ .name = "network.json" });
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) FT_TRY(take_member(&j, n, t, name));
    FT_TRY(check_looks(&j, &n->looks, t));
    return ft_json_end(&j);
}

static ft_err read_labels(ft_nn_network *n, const char *file) {
    const char *path = NULL;
    ft_str text = { 0 };
    size_t room = 1;
    FT_TRY(folder_of(&path, &n->arena, file, "labels.txt"));
    if (!ft_file_exists(path)) return FT_OK;
    FT_TRY(ft_file_read(&text, &n->arena, path, TEXT_MAX));
    for (size_t i = 0; i < text.len; i++) room += text.at[i] == '\n';
    FT_TRY(ft_arena_items(&n->labels, &n->arena, room));
    while (text.at && text.len) n->labels[n->label_count++] = ft_str_trim(ft_str_cut(&text, '\n'));
    while (n->label_count && !n->labels[n->label_count - 1].len) n->label_count--; /* empty lines */
    return FT_OK;
}

ft_err ft_nn_told_read(ft_nn_network *n, ft_nn_told *t, const char *file) {
    FT_TRY(read_json(n, t, file));
    return read_labels(n, file);
}

void ft_nn_looks_complete(ft_nn_network *n, const ft_nn_told *t) {
    const ft_nn_value *in = n->graph->input_count ? &n->graph->values[n->graph->inputs[0]] : NULL;
    if (!t->has_range) n->looks.range = in && in->dtype != FT_F32 ? 255 : 1;
    for (int i = 0; i < 3; i++) {
        int c = n->arch && n->arch->channels == 1 ? 0 : i;
        if (!t->has_mean) n->looks.mean[i] = n->arch ? n->arch->mean[c] : 0;
        if (!t->has_std) n->looks.std[i] = n->arch ? n->arch->deviation[c] : 1;
    }
    if (!t->has_fit) n->looks.fit = n->arch ? n->arch->fit : FT_NN_FIT_STRETCH;
    if (!t->has_softmax) n->looks.softmax = n->arch && n->arch->scores;
}

/* The one output's rows of scores: (n, classes). NULL: it gives something else. */
static const ft_nn_value *classes_of(const ft_nn_network *n) {
    const ft_nn_graph *g = n->graph;
    const ft_nn_value *v = g->output_count == 1 ? &g->values[g->outputs[0]] : NULL;
    return v && v->ndim == 2 && v->shape[1] > 1 ? v : NULL;
}

ft_err ft_nn_labels_check(const ft_nn_network *n, const char *file) {
    const ft_nn_value *v = classes_of(n);
    if (!n->label_count || !v || v->shape[1] == (int64_t)n->label_count) return FT_OK;
    return FT_FAIL(FT_ECONFLICT,
                   "%s: labels.txt beside it has %zu labels, the network %lld classes: one a line, "
                   "in the order of the classes, or no labels.txt",
                   file, n->label_count, (long long)v->shape[1]);
}

/* ---- answers */

static void softmax(float *row, int64_t count) {
    float most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < count; i++) most = fmaxf(most, row[i]);
    for (int64_t i = 0; i < count; i++) sum += row[i] = expf(row[i] - most);
    for (int64_t i = 0; i < count; i++) row[i] /= sum;
}

void ft_nn_network_answer(const ft_nn_network *n, ft_array *outputs) {
    ft_array *a = &outputs[0];
    if (!n->looks.softmax || n->graph->output_count != 1 || a->dtype != FT_F32 || a->ndim != 2 ||
        a->shape[1] < 2)
        return;
    for (int64_t i = 0; i < a->shape[0]; i++)
        softmax((float *)a->data + i * a->shape[1], a->shape[1]);
}

bool ft_nn_network_probable(const ft_nn_network *n) {
    const ft_nn_graph *g = n->graph;
    if (n->looks.softmax) return true;
    int by = g->output_count == 1 ? g->values[g->outputs[0]].producer : FT_NN_NONE;
    while (by != FT_NN_NONE) { /* through what changes no number */
        const ft_nn_node *node = &g->nodes[by];
        if (strcmp(node->op->name, "Softmax") == 0) return true;
        if (!node->op->view && strcmp(node->op->name, "Identity") != 0) return false;
        by = g->values[node->inputs[0]].producer;
    }
    return false;
}
