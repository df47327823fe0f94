/* predictor_nn.c -- networks behind an endpoint: pictures, arrays or JSON in, scores or arrays out.
 *
 * One output of two dimensions is answered as rows of scores, in the forms of every tabular
 * predictor (so that capture and monitor read them); other outputs as JSON by name, or as .npy when
 * asked. */
#include "nn/predictor_nn.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "data/npy.h"
#include "models/rows.h"
#include "nn/explain_request.h"
#include "nn/network.h"
#include "nn/observe.h"
#include "nn/session.h"

#define SESSIONS_MAX 16 /* that wait for the next request */
#define ROWS_MAX     4096

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

/* ---- requests */

static bool is_picture(const ft_payload *in) {
    if (ft_str_starts(in->content_type, FT_STR("image/")) ||
        ft_media_is(in->content_type, "application/x-image"))
        return true;
    bool unknown =
        in->content_type.len == 0 || ft_media_is(in->content_type, "application/octet-stream");
    return unknown && ft_image_sniff(in->bytes) != FT_IMAGE_UNKNOWN;
}

/* Items of one request, and so of one row of a matrix: the input's shape without its first. */
static int64_t item_count(const ft_nn_value *v) {
    int64_t count = 1;
    for (int i = 1; i < v->ndim; i++) {
        if (v->shape[i] == FT_NN_DIM_ANY) return 0;
        count *= v->shape[i];
    }
    return v->ndim > 0 ? count : 0;
}

static ft_err convert(ft_array *out, const ft_array *in, ft_dtype to, ft_arena *arena) {
    int64_t count = ft_array_count(in);
    *out = *in;
    if (in->dtype == to || to == FT_DTYPE_COUNT) return FT_OK;
    out->dtype = to;
    FT_TRY(ft_arena_take(&out->data, arena, (size_t)count * ft_dtype_bytes(to) + 1));
    for (int64_t i = 0; i < count; i++) {
        double v = ft_array_f64(in, i);
        switch (to) {
        case FT_F32:
            ((float *)out->data)[i] = (float)v;
            break;
        case FT_F64:
            ((double *)out->data)[i] = v;
            break;
        case FT_I64:
            ((int64_t *)out->data)[i] = (int64_t)v;
            break;
        case FT_I32:
            ((int32_t *)out->data)[i] = (int32_t)v;
            break;
        case FT_U8:
            ((uint8_t *)out->data)[i] = (uint8_t)v;
            break;
        case FT_BOOL:
            ((uint8_t *)out->data)[i] = v != 0;
            break;
        default:
            return FT_FAIL(FT_EINVAL, "the network's input is %s, the array %s", ft_dtype_name(to),
                           ft_dtype_name(in->dtype));
        }
    }
    return FT_OK;
}

/* One instance, or some: the missing first dimension is put in front. */
static ft_err array_as_input(ft_array *out, const ft_nn_value *v, const ft_array *in,
                             ft_arena *arena) {
    FT_TRY(convert(out, in, v->dtype, arena));
    if (v->ndim >= 0 && in->ndim == v->ndim - 1) {
        for (int i = in->ndim; i > 0; i--) out->shape[i] = in->shape[i - 1];
        out->shape[0] = 1;
        out->ndim = in->ndim + 1;
    }
    return FT_OK;
}

/* {"instances": [[…], …]} and the like, rows of numbers: each row is one flattened instance. */
static ft_err rows_as_input(ft_array *out, const ft_nn_value *v, const ft_payload *in,
                            ft_arena *arena) {
    int64_t items = item_count(v);
    ft_matrix rows;
    if (items <= 0 || items > INT32_MAX)
        return FT_FAIL(FT_EMEDIA,
                       "this network's input has no fixed shape: send application/x-npy");
    FT_TRY(ft_rows_parse(&rows, in, NULL, (size_t)items, arena));
    if (rows.rows > ROWS_MAX)
        return FT_FAIL(FT_ETOOBIG, "%zu instances; %d are the most", rows.rows, ROWS_MAX);
    ft_array flat = { .dtype = FT_F32, .ndim = v->ndim, .data = rows.at };
    memcpy(flat.shape, v->shape, sizeof flat.shape);
    flat.shape[0] = (int64_t)rows.rows;
    return convert(out, &flat, v->dtype, arena);
}

/* Nested lists of numbers as an array; every list of a depth is as long as the first. */
typedef struct nest {
    ft_array *a;
    ft_buf values; /* doubles */
    bool known;    /* the shape, after the first innermost list */
} nest;

static ft_err read_nest(ft_json *j, nest *n, int depth) {
    ft_json_kind kind;
    int64_t count = 0;
    FT_TRY(ft_json_peek(j, &kind));
    if (kind != FT_JSON_ARRAY) {
        double v;
        FT_TRY(ft_json_f64(j, &v));
        if (n->known && depth != n->a->ndim) return ft_json_fail(j, "lists of unequal depth");
        if (!n->known) n->a->ndim = depth;
        n->known = true;
        return ft_buf_add_n(&n->values, &v, sizeof v);
    }
    if (depth == FT_ARRAY_DIMS_MAX || (n->known && depth >= n->a->ndim))
        return ft_json_fail(j, "lists of unequal or too great depth");
    bool first = !n->known;
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        FT_TRY(read_nest(j, n, depth + 1));
        count++;
    }
    if (first || (n->known && n->a->shape[depth] == 0)) n->a->shape[depth] = count;
    if (n->a->shape[depth] != count) return ft_json_fail(j, "lists of unequal length");
    return FT_OK;
}

static ft_err nested_as_array(ft_array *out, ft_str json, ft_arena *arena) {
    nest n = { .a = out };
    ft_json j;
    *out = (ft_array){ .dtype = FT_F64 };
    ft_json_init(&j, json, arena, NULL);
    ft_err err = read_nest(&j, &n, 0);
    if (err == FT_OK) err = ft_json_end(&j);
    out->data = out; /* an array without data is not valid */
    if (err == FT_OK && (!ft_array_valid(out) || ft_array_bytes(out) != n.values.len))
        err = ft_json_fail(&j, "lists of unequal length, or without a number");
    if (err == FT_OK) err = ft_arena_take(&out->data, arena, n.values.len + 1);
    if (err == FT_OK && n.values.len) memcpy(out->data, n.values.at, n.values.len);
    ft_buf_fini(&n.values);
    return err;
}

/* The member of that very name, which may hold dots ("input.1") and be of any length. */
static ft_err input_find(ft_str *out, ft_str object, ft_str name, ft_arena *arena) {
    ft_json j;
    ft_str key;
    *out = (ft_str){ 0 };
    ft_json_init(&j, object, arena, NULL);
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &key)) {
        ft_str raw;
        FT_TRY(ft_json_skip(&j, &raw));
        if (ft_str_eq(key, name)) *out = raw;
    }
    FT_TRY(ft_json_end(&j));
    return out->at ? FT_OK : FT_FAIL(FT_EPARSE, "the body has no input \"%.*s\"", FT_STR_ARG(name));
}

/* {"instances": […]}, {"inputs": […]}, {"data": …}, a bare list, or {"inputs": {"name": …, …}}. */
static ft_err json_as_inputs(ft_array *out, const ft_nn_graph *g, ft_str body, ft_arena *arena) {
    static const char *const names[] = { "instances", "inputs", "data" };
    ft_str raw = body;
    for (int i = 0; i < 3; i++)
        if (ft_json_find(&raw, body, names[i]) == FT_OK) break;
    for (int i = 0; i < g->input_count; i++) {
        const ft_nn_value *v = &g->values[g->inputs[i]];
        ft_str one = raw;
        ft_array a;
        bool named = ft_str_trim(raw).len && ft_str_trim(raw).at[0] == '{';
        if (named) FT_TRY(input_find(&one, raw, v->name, arena));
        if (!named && g->input_count > 1)
            return FT_FAIL(FT_EPARSE,
                           "this network has %d inputs: send {\"inputs\": {\"%.*s\": …}}",
                           g->input_count, FT_STR_ARG(v->name));
        FT_TRY(nested_as_array(&a, one, arena));
        FT_TRY(array_as_input(&out[i], v, &a, arena));
    }
    return FT_OK;
}

static ft_err read_inputs(ft_array *out, const model *m, const ft_payload *in, ft_arena *arena) {
    const ft_nn_graph *g = m->network->graph;
    if (in->bytes.len == 0) return FT_FAIL(FT_EPARSE, "an empty body; send a picture or an array");
    if (g->input_count < 1) return FT_FAIL(FT_EUNSUPPORTED, "this network has no input");
    const ft_nn_value *first = &g->values[g->inputs[0]];
    if (is_picture(in)) return ft_nn_picture(out, m->network, in->bytes, arena);
    bool json = ft_media_is(in->content_type, "application/json") ||
                (in->content_type.len == 0 && in->bytes.len && strchr("[{", in->bytes.at[0]));
    if (json) return json_as_inputs(out, g, in->bytes, arena);
    if (g->input_count > 1)
        return FT_FAIL(FT_EMEDIA, "this network has %d inputs: send them as JSON by name",
                       g->input_count);
    if (ft_media_is(in->content_type, "application/x-npy") || ft_npy_is(in->bytes)) {
        ft_array a;
        FT_TRY(ft_npy_read(&a, arena, in->bytes));
        return array_as_input(out, first, &a, arena);
    }
    ft_err err = rows_as_input(out, first, in, arena);
    if (err != FT_EMEDIA || item_count(first) <= 0) return err;
    return FT_FAIL(
        FT_EMEDIA,
        "content type '%.*s' is not read here: image/jpeg, image/png, application/x-npy, "
        "application/json and text/csv are",
        FT_STR_ARG(in->content_type));
}

/* ---- answers */

/* Of a row of scores the largest's label, behind its list: {"score":[…],"label":"cat"}. Numbers
 * have no ']'. */
static ft_err labels_add(ft_payload *out, const ft_nn_network *n, const float *scores, size_t rows,
                         size_t cols, ft_arena *arena) {
    ft_buf text = { 0 };
    ft_str rest = out->bytes;
    for (size_t r = 0; r < rows; r++) {
        ft_json_out w;
        size_t best = 0, end = ft_str_find(rest, ']') + 1;
        for (size_t k = 1; k < cols; k++)
            if (scores[r * cols + k] > scores[r * cols + best]) best = k;
        ft_buf_add(&text, ft_str_slice(rest, 0, end));
        ft_buf_add(&text, FT_STR(",\"label\":"));
        ft_json_out_init(&w, &text, false);
        ft_json_out_str(&w, n->labels[best]);
        rest = ft_str_from(rest, end);
    }
    ft_buf_add(&text, rest);
    ft_err err = text.err;
    if (err == FT_OK) err = ft_arena_str(&out->bytes, arena, ft_buf_str(&text));
    ft_buf_fini(&text);
    return err;
}

static ft_err answer_rows(ft_payload *out, const ft_nn_network *n, const ft_array *a, ft_str accept,
                          ft_arena *arena) {
    size_t rows = (size_t)a->shape[0], cols = a->ndim > 1 ? (size_t)a->shape[1] : 1;
    FT_TRY(ft_rows_answer(out, a->data, rows, cols, accept, arena));
    bool json = ft_str_starts(out->content_type, FT_STR("application/json"));
    if (!json || cols < 2 || n->label_count != cols) return FT_OK;
    return labels_add(out, n, a->data, rows, cols, arena);
}

static void write_nest(ft_json_out *w, const ft_array *a, int depth, int64_t *at) {
    if (depth == a->ndim) {
        ft_json_out_f64(w, ft_array_f64(a, (*at)++));
        return;
    }
    ft_json_out_array(w);
    for (int64_t i = 0; i < a->shape[depth]; i++) write_nest(w, a, depth + 1, at);
    ft_json_out_close(w);
}

static ft_err answer_json(ft_payload *out, const model *m, const ft_array *a, ft_arena *arena) {
    const ft_nn_graph *g = m->network->graph;
    ft_buf text = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &text, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "outputs");
    ft_json_out_object(&w);
    for (int i = 0; i < g->output_count; i++) {
        int64_t at = 0;
        ft_json_out_name_str(&w, g->values[g->outputs[i]].name);
        write_nest(&w, &a[i], 0, &at);
    }
    ft_json_out_close(&w);
    ft_json_out_close(&w);
    ft_err err = text.err;
    if (err == FT_OK) err = ft_arena_str(&out->bytes, arena, ft_buf_str(&text));
    out->content_type = FT_STR("application/json");
    ft_buf_fini(&text);
    return err;
}

static ft_err answer_npy(ft_payload *out, const ft_array *a, ft_arena *arena) {
    ft_buf bytes = { 0 };
    ft_err err = ft_npy_write(&bytes, a);
    if (err == FT_OK) err = ft_arena_str(&out->bytes, arena, ft_buf_str(&bytes));
    out->content_type = FT_STR("application/x-npy");
    ft_buf_fini(&bytes);
    return err;
}

static ft_err answer(ft_payload *out, const model *m, ft_array *a, ft_str accept, ft_arena *arena) {
    const ft_nn_graph *g = m->network->graph;
    ft_str type;
    ft_nn_network_answer(m->network, a);
    bool rows = g->output_count == 1 && a->dtype == FT_F32 && (a->ndim == 1 || a->ndim == 2);
    if (rows) {
        ft_media_choose(&type, "text/csv|application/json|application/jsonlines|application/x-npy",
                        accept);
        if (!ft_str_is(type, "application/x-npy"))
            return answer_rows(out, m->network, a, accept, arena);
        return answer_npy(out, a, arena);
    }
    ft_media_choose(
        &type, g->output_count == 1 ? "application/json|application/x-npy" : "application/json",
        accept);
    if (!type.at) return FT_FAIL(FT_EACCEPT, "this network answers application/json");
    return ft_str_is(type, "application/x-npy") ? answer_npy(out, a, arena)
                                                : answer_json(out, m, a, arena);
}

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
    FT_TRY(read_inputs(inputs, m, in, arena));
    if (tap) {
        FT_TRY(observe(outputs, m, inputs, tap, arena));
        return answer(out, m, outputs, accept, arena);
    }
    FT_TRY(session_take(&s, m));
    ft_err err = ft_nn_run(s, inputs, outputs, arena, NULL);
    session_give(m, s);
    FT_TRY(err);
    return answer(out, m, outputs, accept, arena);
}

static ft_err explain(const ft_model *base, ft_payload *out, const ft_payload *in,
                      const ft_explain_ask *ask, ft_str accept, ft_arena *arena) {
    model *m = (model *)base;
    ft_array inputs[1];
    ft_err err = FT_OK;
    if (m->network->graph->input_count > 1)
        return FT_FAIL(FT_EUNSUPPORTED, "a network of several inputs cannot be explained");
    FT_TRY(read_inputs(inputs, m, in, arena));
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
    return g->input_count == 1 ? (size_t)item_count(&g->values[g->inputs[0]]) : 0;
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
        err = convert(&one, &in, v->dtype, &arena);
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
