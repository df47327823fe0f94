/* predictor_nn.c -- networks behind an endpoint: pictures, arrays or JSON in, scores or arrays out.
 *
 * One output of two dimensions is answered as rows of scores, in the forms of every tabular
 * predictor (so that capture and monitor read them); other outputs as JSON by name, or as .npy when
 * asked. */
#include "nn/predictor_nn.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "nn/explain_request.h"
#include "nn/observe.h"
#include "nn/predictor_in.h"
#include "nn/session.h"

#define SESSIONS_MAX 16 /* that wait for the next request */

typedef struct model {
    ft_model base;
    ft_nn_network *network;
    ft_nn_model *shared;
    pthread_mutex_t lock;
    ft_nn_session *idle[SESSIONS_MAX];
    int idle_count;
    pthread_mutex_t why_lock; /* of what follows: one is explained or observed at a time */
    ft_nn_explainer *explainer;
    ft_nn_observer *observer;
    uint64_t observed_by; /* the tap's serial number */
} model;

/* ---- life */

static void model_free(ft_model *base) {
    model *m = (model *)base;
    if (!m) return;
    for (int i = 0; i < m->idle_count; i++) ft_nn_session_free(m->idle[i]);
    ft_nn_explainer_free(m->explainer);
    ft_nn_observer_free(m->observer);
    if (m->shared) m->network->graph = NULL; /* the shared model's */
    ft_nn_model_free(m->shared);
    ft_nn_network_free(m->network);
    pthread_mutex_destroy(&m->lock);
    pthread_mutex_destroy(&m->why_lock);
    free(m);
}

static ft_err session_take(ft_nn_session **out, model *m) {
    *out = NULL;
    pthread_mutex_lock(&m->lock);
    if (m->idle_count) *out = m->idle[--m->idle_count];
    pthread_mutex_unlock(&m->lock);
    return *out ? FT_OK : ft_nn_session_new(out, m->shared, &(ft_nn_session_opts){ .threads = 1 });
}

static void session_give(model *m, ft_nn_session *s) {
    pthread_mutex_lock(&m->lock);
    if (m->idle_count < SESSIONS_MAX) {
        m->idle[m->idle_count++] = s;
        s = NULL;
    }
    pthread_mutex_unlock(&m->lock);
    ft_nn_session_free(s);
}

static ft_err load_into(model *m, const char *path) {
    ft_nn_session *s;
    FT_TRY(ft_nn_network_read(&m->network, path));
    ft_nn_graph *graph = m->network->graph;
    ft_err err = ft_nn_model_new(&m->shared, graph);
    if (err != FT_OK) m->network->graph = NULL; /* it is gone either way */
    FT_TRY(err);
    FT_TRY(session_take(&s, m)); /* what cannot run is told now */
    session_give(m, s);
    return FT_OK;
}

static ft_err model_load(ft_model **out, const char *path) {
    *out = NULL;
    model *m = ft_fault_here() ? NULL : calloc(1, sizeof *m);
    if (!m) return FT_FAIL(FT_ENOMEM, "no memory for a network");
    m->base.predictor = &ft_predictor_nn;
    pthread_mutex_init(&m->lock, NULL);
    pthread_mutex_init(&m->why_lock, NULL);
    ft_err err = load_into(m, path);
    if (err != FT_OK) {
        model_free(&m->base);
        return err;
    }
    *out = &m->base;
    return FT_OK;
}

/* ---- what it is */

static void write_value(ft_json_out *w, const ft_nn_value *v) {
    ft_json_out_object(w);
    ft_json_out_name(w, "name"), ft_json_out_str(w, v->name);
    ft_json_out_name(w, "dtype");
    ft_json_out_text(w, v->dtype < FT_DTYPE_COUNT ? ft_dtype_name(v->dtype) : NULL);
    ft_json_out_name(w, "shape");
    ft_json_out_array(w);
    for (int i = 0; i < v->ndim; i++) {
        if (v->shape[i] == FT_NN_DIM_ANY)
            ft_json_out_text(w, "any");
        else
            ft_json_out_i64(w, v->shape[i]);
    }
    ft_json_out_close(w);
    ft_json_out_close(w);
}

static void write_values(ft_json_out *w, const char *name, const ft_nn_graph *g, const int *values,
                         int count) {
    ft_json_out_name(w, name);
    ft_json_out_array(w);
    for (int i = 0; i < count; i++) write_value(w, &g->values[values[i]]);
    ft_json_out_close(w);
}

static void describe(const ft_model *base, ft_json_out *w) {
    const model *m = (const model *)base;
    const ft_nn_network *n = m->network;
    const ft_nn_graph *g = n->graph;
    ft_nn_sizes sizes;
    ft_nn_network_sizes(&sizes, n);
    ft_json_out_name(w, "format"), ft_json_out_text(w, n->format);
    if (n->arch) ft_json_out_name(w, "architecture"), ft_json_out_text(w, n->arch->name);
    write_values(w, "inputs", g, g->inputs, g->input_count);
    write_values(w, "outputs", g, g->outputs, g->output_count);
    ft_json_out_name(w, "nodes"), ft_json_out_i64(w, g->node_count);
    ft_json_out_name(w, "parameters"), ft_json_out_i64(w, sizes.parameters);
    ft_json_out_name(w, "labels"), ft_json_out_i64(w, (int64_t)n->label_count);
}

/* ---- predictions */

/* With everything that the tap wants: another way through the same graph, so the answer may differ
 * in the last bits. */
static ft_err observe(ft_array *outputs, model *m, const ft_array *inputs, ft_tap *tap,
                      ft_arena *arena) {
    ft_err err = FT_OK;
    pthread_mutex_lock(&m->why_lock);
    if (m->observed_by != tap->serial || !tap->serial) { /* without a number: for once */
        ft_nn_observer_free(m->observer);
        m->observer = NULL;
    }
    m->observed_by = tap->serial;
    if (!m->observer) err = ft_nn_observer_new(&m->observer, m->network, 1, tap);
    if (err == FT_OK) err = ft_nn_observe(m->observer, inputs, outputs, tap, arena);
    pthread_mutex_unlock(&m->why_lock);
    return err;
}

static ft_err shows(const ft_model *base, ft_tap *tap) {
    ft_nn_observer *o = NULL;
    FT_TRY(ft_nn_observer_new(&o, ((const model *)base)->network, 1, tap));
    ft_nn_observer_free(o);
    return FT_OK;
}

static ft_err predict(const ft_model *base, ft_payload *out, const ft_payload *in, ft_str accept,
                      ft_tap *tap, ft_arena *arena) {
    model *m = (model *)base; /* its pool changes, behind its lock */
    const ft_nn_graph *g = m->network->graph;
    ft_array *inputs, *outputs;
    ft_nn_session *s;
    FT_TRY(ft_arena_items(&inputs, arena, (size_t)g->input_count + 1));
    FT_TRY(ft_arena_items(&outputs, arena, (size_t)g->output_count + 1));
    FT_TRY(ft_nn_request_read(inputs, m->network, in, arena));
    if (tap) {
        FT_TRY(observe(outputs, m, inputs, tap, arena));
        return ft_nn_answer(out, m->network, outputs, accept, arena);
    }
    FT_TRY(session_take(&s, m));
    ft_err err = ft_nn_run(s, inputs, outputs, arena, NULL);
    session_give(m, s);
    FT_TRY(err);
    return ft_nn_answer(out, m->network, outputs, accept, arena);
}

static ft_err explain(const ft_model *base, ft_payload *out, const ft_payload *in,
                      const ft_explain_ask *ask, ft_str accept, ft_arena *arena) {
    model *m = (model *)base;
    ft_array inputs[1];
    ft_err err = FT_OK;
    if (m->network->graph->input_count > 1)
        return FT_FAIL(FT_EUNSUPPORTED, "a network of several inputs cannot be explained");
    FT_TRY(ft_nn_request_read(inputs, m->network, in, arena));
    pthread_mutex_lock(&m->why_lock);
    if (!m->explainer) err = ft_nn_explainer_new(&m->explainer, m->network, 1);
    if (err == FT_OK)
        err = ft_nn_explain_request(out, m->explainer, m->network, inputs, in, ask, accept, arena);
    pthread_mutex_unlock(&m->why_lock);
    return err;
}

static ft_str class_name(const ft_model *base, int class) {
    const ft_nn_network *n = ((const model *)base)->network;
    bool named = class >= 0 && (size_t) class < n->label_count;
    return named ? n->labels[class] : FT_STR("");
}

static size_t input_cols(const ft_model *base) {
    const ft_nn_graph *g = ((const model *)base)->network->graph;
    return g->input_count == 1 ? (size_t)ft_nn_request_items(&g->values[g->inputs[0]]) : 0;
}

static size_t output_cols(const ft_model *base) {
    const ft_nn_graph *g = ((const model *)base)->network->graph;
    const ft_nn_value *v = g->output_count == 1 ? &g->values[g->outputs[0]] : NULL;
    bool rows = v && v->dtype == FT_F32 && v->ndim == 2 && v->shape[1] > 0;
    return rows ? (size_t)v->shape[1] : 0;
}

static ft_err predict_rows(const ft_model *base, float *out, const float *rows, size_t count) {
    model *m = (model *)base;
    const ft_nn_value *v = &m->network->graph->values[m->network->graph->inputs[0]];
    size_t in_cols = input_cols(base), out_cols = output_cols(base);
    ft_nn_session *s;
    FT_TRY(session_take(&s, m));
    ft_arena arena = FT_ARENA_INIT((size_t)4 << 30);
    ft_err err = FT_OK;
    for (size_t i = 0; err == FT_OK && i < count; i++) {
        ft_array in = { .dtype = FT_F32,
                        .ndim = v->ndim,
                        .data = (void *)(uintptr_t)(rows + i * in_cols) },
                 one, got;
        memcpy(in.shape, v->shape, sizeof in.shape);
        in.shape[0] = 1;
        ft_arena_reset(&arena);
        err = ft_nn_request_convert(&one, &in, v->dtype, &arena);
        if (err == FT_OK) err = ft_nn_run(s, &one, &got, &arena, NULL);
        if (err != FT_OK) break;
        if (got.dtype != FT_F32 || (size_t)ft_array_count(&got) != out_cols) {
            err =
                FT_FAIL(FT_EUNSUPPORTED, "the network's answer is no row of %zu floats", out_cols);
            break;
        }
        ft_nn_network_answer(m->network, &got);
        memcpy(out + i * out_cols, got.data, out_cols * sizeof *out);
    }
    ft_arena_fini(&arena);
    session_give(m, s);
    return err;
}

const ft_predictor ft_predictor_nn = {
    .name = "network",
    .doc = "neural networks: ONNX, TensorFlow.js, weights of the zoo's architectures",
    .content_types = "image/jpeg|image/png|application/x-image|application/x-npy|application/json|"
                     "text/csv",
    .sniff = ft_nn_network_sniff,
    .load = model_load,
    .describe = describe,
    .predict = predict,
    .shows = shows,
    .class_name = class_name,
    .explain = explain,
    .predict_rows = predict_rows,
    .input_cols = input_cols,
    .output_cols = output_cols,
    .free = model_free,
};
