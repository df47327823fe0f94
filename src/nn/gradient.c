/* gradient.c -- see gradient.h: a session's life, forward, back, and reading what came out. */
#include "nn/gradient.h"

#include <math.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "nn/gradient_in.h"
#include "nn/onednn.h"
#include "nn/ops/shared.h"
#include "nn/ops/vector.h"
#include "nn/passes/pass.h"

#define CHUNK ((int64_t)16384) /* floats a thread takes at once */

/* ---- life */

ft_err ft_nn_gradient_own(ft_nn_graph *g) {
    for (int v = 0; v < g->value_count; v++) {
        ft_nn_value *value = &g->values[v];
        if ((value->role != FT_NN_WEIGHT && value->role != FT_NN_STATE) || !value->data) continue;
        ft_array a = ft_nn_value_array(value);
        void *own;
        FT_TRY(ft_arena_take(&own, &g->arena, ft_array_bytes(&a)));
        memcpy(own, a.data, ft_array_bytes(&a));
        value->data = own;
    }
    return FT_OK;
}

static ft_err math_check(const ft_nn_gradient *s) {
    bool amx;
    if (s->opts.math == FT_NN_MATH_F32 || s->opts.reference || ft_dnn_bf16(&amx)) return FT_OK;
    return FT_FAIL(FT_EUNSUPPORTED, "this processor has no bfloat16 arithmetic");
}

ft_err ft_nn_gradient_new(ft_nn_gradient **out, ft_nn_graph *g, const ft_nn_gradient_opts *opts) {
    ft_err err;
    *out = NULL;
    ft_nn_gradient *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    if (!s) return FT_FAIL(FT_ENOMEM, "no memory for a gradient session");
    s->given = g;
    if (opts) s->opts = *opts;
    if (s->opts.threads <= 0) s->opts.threads = 1;
    s->own = (ft_arena)FT_ARENA_INIT(FT_NN_GRADIENT_BYTES_MAX);
    FT_GOTO(err, s->opts.reference ? FT_OK : ft_dnn_load());
    FT_GOTO(err, math_check(s));
    FT_GOTO(err, ft_nn_gradient_graph(s));
    *out = s;
    return FT_OK;
done:
    ft_nn_gradient_free(s);
    return err;
}

void ft_nn_gradient_free(ft_nn_gradient *s) {
    if (!s) return;
    for (int i = 0; i < FT_NN_GRADIENT_PLANS; i++) ft_nn_back_plan_free(s->plans[i]);
    ft_nn_graph_free(s->graph);
    ft_arena_fini(&s->own);
    free(s);
}

/* ---- the plan for these inputs */

static bool plan_fits(const ft_nn_back_plan *p, const ft_array *inputs, int count) {
    for (int i = 0; i < count; i++) {
        const ft_array *a = &p->inputs[i], *b = &inputs[i];
        if (a->dtype != b->dtype || a->ndim != b->ndim ||
            memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape) != 0)
            return false;
    }
    return true;
}

static ft_err plan_find(ft_nn_gradient *s, const ft_array *inputs) {
    int oldest = 0;
    for (int i = 0; i < FT_NN_GRADIENT_PLANS; i++) {
        if (s->plans[i] && plan_fits(s->plans[i], inputs, s->graph->input_count)) {
            s->last = s->plans[i];
            return FT_OK;
        }
        if (!s->plans[i] || (s->plans[oldest] && s->plans[i]->used < s->plans[oldest]->used))
            oldest = i;
    }
    ft_nn_back_plan_free(s->plans[oldest]); /* first: the new one may need its memory */
    s->plans[oldest] = s->last = NULL;
    FT_TRY(ft_nn_back_plan_new(&s->plans[oldest], s, inputs));
    s->last = s->plans[oldest];
    return FT_OK;
}

/* ---- forward */

static bool is_norm(const ft_nn_node *n) {
    return n->output_count == 3 && ft_nn_is_op(n, "BatchNormalization");
}

static ft_nn_call call_of(ft_nn_gradient *s, int i, ft_array *in, ft_array *out) {
    ft_nn_back_plan *p = s->last;
    const ft_nn_back_step *step = &p->steps[i];
    const ft_nn_node *n = step->node;
    for (size_t k = 0; k < n->input_count; k++)
        in[k] = n->inputs[k] == FT_NN_NONE ? ft_nn_no_array() : p->values[n->inputs[k]];
    for (size_t k = 0; k < n->output_count; k++)
        out[k] = n->outputs[k] == FT_NN_NONE ? ft_nn_no_array() : p->values[n->outputs[k]];
    return (ft_nn_call){ .node = n,
                         .in = in,
                         .in_count = n->input_count,
                         .out = out,
                         .out_count = n->output_count,
                         .state = step->state,
                         .threads = s->opts.threads,
                         .training = s->opts.training,
                         .sum = s->opts.sum,
                         .sum_ctx = s->opts.sum_ctx,
                         .seed = (s->opts.seed + s->runs) * 0x9e3779b97f4a7c15u + (uint64_t)i };
}

static ft_err step_run(ft_nn_gradient *s, int i) {
    ft_nn_back_plan *p = s->last;
    const ft_nn_back_step *step = &p->steps[i];
    const ft_nn_node *n = step->node;
    const ft_nn_op *op = n->op;
    ft_array in[FT_NN_IO_MAX], out[FT_NN_IO_MAX];
    ft_nn_call c = call_of(s, i, in, out);
    c.scratch = step->scratch_bytes ? (char *)p->memory + step->scratch_at : NULL;
    if (op->view) {
        p->values[n->outputs[0]].data = in[0].data;
        return FT_OK;
    }
    for (size_t k = 1; is_norm(n) && k < 3; k++) out[k].data = in[k + 2].data; /* in place */
    FT_TRY(op->reference && (s->opts.reference || !op->forward) ? op->reference(&c)
                                                                : op->forward(&c));
    return FT_OK;
}

static ft_err input_valid(const ft_nn_value *v, const ft_array *a) {
    bool same = a->dtype == v->dtype && a->ndim == v->ndim && ft_array_valid(a);
    for (int i = 0; i < v->ndim && same; i++)
        same = v->shape[i] == FT_NN_DIM_ANY || v->shape[i] == a->shape[i];
    if (same && (a->data || ft_array_count(a) == 0)) return FT_OK;
    return FT_FAIL(FT_EINVAL, "input '%.*s' has another type or shape than the network takes",
                   FT_STR_ARG(v->name));
}

static void weights_bind(ft_nn_gradient *s) {
    for (int v = 0; v < s->given->value_count; v++) {
        const ft_nn_value *value = &s->given->values[v];
        if (value->role == FT_NN_WEIGHT || value->role == FT_NN_STATE)
            s->last->values[v].data = (void *)value->data;
    }
}

ft_err ft_nn_gradient_run(ft_nn_gradient *s, const ft_array *inputs, ft_array *outputs) {
    const ft_nn_graph *g = s->graph;
    for (int i = 0; i < g->input_count; i++)
        FT_TRY(input_valid(&s->given->values[s->given->inputs[i]], &inputs[i]));
    ft_dnn_threads(s->opts.threads);
    s->gone_back = false;
    FT_TRY(plan_find(s, inputs));
    s->last->used = ++s->runs;
    for (int i = 0; i < g->input_count; i++) s->last->values[g->inputs[i]].data = inputs[i].data;
    weights_bind(s);
    for (int i = 0; i < s->last->step_count; i++) {
        if (s->last->steps[i].skip) continue;
        int64_t from = s->timed ? ft_clock_monotonic_us() : 0;
        FT_TRY(step_run(s, i));
        if (s->timed) s->last->steps[i].run_us = ft_clock_monotonic_us() - from;
    }
    for (int i = 0; i < g->output_count && outputs; i++)
        outputs[i] = s->last->values[g->outputs[i]];
    return FT_OK;
}

static bool is_finite(const ft_array *a) {
    for (int64_t i = 0; a->data && a->dtype == FT_F32 && i < ft_array_count(a); i++)
        if (!isfinite(((const float *)a->data)[i])) return false;
    return true;
}

ft_err ft_nn_gradient_search(ft_str *node, ft_nn_gradient *s, const ft_array *inputs) {
    *node = (ft_str){ 0 };
    FT_TRY(plan_find(s, inputs));
    for (int i = 0; i < s->graph->input_count; i++) {
        int v = s->graph->inputs[i];
        s->last->values[v].data = inputs[i].data;
        if (!is_finite(&s->last->values[v])) *node = s->graph->values[v].name;
    }
    weights_bind(s);
    for (int i = 0; i < s->last->step_count && !node->len; i++) {
        const ft_nn_node *n = s->last->steps[i].node;
        if (s->last->steps[i].skip) continue;
        FT_TRY(step_run(s, i));
        if (!is_finite(&s->last->values[n->outputs[0]])) *node = n->name;
    }
    return FT_OK;
}

/* ---- back */

FT_NN_KERNEL(slope_by_output, (float *dx, const float *dy, const float *y, int64_t n, float high),
             (dx, dy, y, n, high)) {
    for (int64_t i = 0; i < n; i++) dx[i] = y[i] > 0 && y[i] < high ? dy[i] : 0;
}
FT_NN_KERNEL(part_add, (float *to, const float *part, int64_t n), (to, part, n)) {
    for (int64_t i = 0; i < n; i++) to[i] += part[i];
}

static void add(float *to, const float *part, int64_t count, int threads) {
#pragma omp parallel for num_threads(ft_nn_threads(threads, count)) if (threads > 1)
    for (int64_t at = 0; at < count; at += CHUNK)
        part_add(to + at, part + at, count - at < CHUNK ? count - at : CHUNK);
}

static void slope(const ft_nn_call *c, float high) {
    int64_t count = ft_array_count(&c->out[0]);
    float *dx = c->in_grad[0].data;
    const float *dy = c->out_grad[0].data, *y = c->out[0].data;
#pragma omp parallel for num_threads(ft_nn_threads(c->threads, count)) if (c->threads > 1)
    for (int64_t at = 0; at < count; at += CHUNK)
        slope_by_output(dx + at, dy + at, y + at, count - at < CHUNK ? count - at : CHUNK, high);
}

static bool plain_add(const ft_nn_call *c) {
    if (!ft_nn_is_op(c->node, "Add")) return false;
    for (int k = 0; k < 2; k++)
        if (ft_array_count(&c->in[k]) != ft_array_count(&c->out[0])) return false;
    return true;
}

/* An addition hands its gradient to both: nothing is computed, only added or copied. */
static void add_back(ft_nn_back_plan *p, const ft_nn_call *c) {
    int64_t count = ft_array_count(&c->out[0]);
    const float *dy = c->out_grad[0].data;
    for (int k = 1; k >= 0; k--) { /* input 0 may lie over dy, and be added to */
        int v = c->node->inputs[k];
        float *to = p->grads[v].data;
        if (!p->v[v].wants || !to) continue;
        if (p->begun[v])
            add(to, dy, count, c->threads);
        else if (to != dy)
            memcpy(to, dy, (size_t)count * sizeof *to);
        p->begun[v] = 1;
    }
}

static ft_err node_back(ft_nn_gradient *s, const ft_nn_call *c) {
    float high;
    if (s->opts.reference || !ft_nn_back_by_output(s->graph, c->node, &high))
        return c->node->op->backward(c);
    slope(c, high);
    return FT_OK;
}

static ft_err step_back(ft_nn_gradient *s, int i) {
    ft_nn_back_plan *p = s->last;
    const ft_nn_back_step *step = &p->steps[i];
    const ft_nn_node *n = step->node;
    ft_array in[FT_NN_IO_MAX], out[FT_NN_IO_MAX], in_grad[FT_NN_IO_MAX], out_grad[FT_NN_IO_MAX];
    ft_nn_call c = call_of(s, i, in, out);
    c.scratch = step->scratch_bytes ? (char *)p->memory + step->back_scratch_at : NULL;
    c.in_grad = in_grad;
    c.out_grad = out_grad;
    for (size_t k = 0; is_norm(n) && k < 2; k++) out[k + 1].data = NULL; /* not once more */
    for (size_t k = 0; k < n->output_count; k++) {
        int v = n->outputs[k];
        out_grad[k] = out[k];
        out_grad[k].data = v == FT_NN_NONE || !p->begun[v] ? NULL : p->grads[v].data;
    }
    if (plain_add(&c) && out_grad[0].data) {
        add_back(p, &c);
        return FT_OK;
    }
    bool more[FT_NN_IO_MAX] = { false };
    for (size_t k = 0; k < n->input_count; k++) {
        int v = n->inputs[k];
        in_grad[k] = in[k];
        in_grad[k].data = v == FT_NN_NONE || !p->v[v].wants ? NULL : p->grads[v].data;
        if (!in_grad[k].data) continue;
        more[k] = p->begun[v];
        if (more[k]) in_grad[k].data = (char *)p->memory + step->sum_at[k];
        p->begun[v] = 1;
    }
    if (n->op->view && in_grad[0].data == out_grad[0].data && in_grad[0].data) return FT_OK;
    FT_TRY(node_back(s, &c));
    for (size_t k = 0; k < n->input_count; k++)
        if (more[k])
            add(p->grads[n->inputs[k]].data, in_grad[k].data, ft_array_count(&in_grad[k]),
                s->opts.threads);
    return FT_OK;
}

static ft_err seeds_set(ft_nn_gradient *s, const ft_array *grads) {
    const ft_nn_graph *g = s->graph;
    ft_nn_back_plan *p = s->last;
    memset(p->begun, 0, (size_t)g->value_count);
    for (int i = 0; i < g->output_count; i++) {
        int v = g->outputs[i];
        float *to = p->grads[v].data;
        int64_t count = ft_array_count(&p->values[v]);
        if (grads[i].data && (grads[i].dtype != FT_F32 || ft_array_count(&grads[i]) != count))
            return FT_FAIL(FT_EINVAL, "the gradient of output '%.*s' is not %lld floats",
                           FT_STR_ARG(s->given->values[s->given->outputs[i]].name),
                           (long long)count);
        if (!to) continue;
        if (grads[i].data && p->begun[v])
            add(to, grads[i].data, count, 1);
        else if (grads[i].data)
            memcpy(to, grads[i].data, (size_t)count * sizeof *to);
        else if (!p->begun[v])
            memset(to, 0, (size_t)count * sizeof *to);
        p->begun[v] = 1;
    }
    return FT_OK;
}

ft_err ft_nn_gradient_back(ft_nn_gradient *s, const ft_array *output_grads) {
    if (!s->last) return FT_FAIL(FT_EINVAL, "there is no run to go back through");
    ft_dnn_threads(s->opts.threads);
    s->gone_back = false;
    FT_TRY(seeds_set(s, output_grads));
    for (int i = s->last->step_count - 1; i >= 0; i--) {
        if (!s->last->steps[i].back) continue;
        int64_t from = s->timed ? ft_clock_monotonic_us() : 0;
        FT_TRY(step_back(s, i));
        if (s->timed) s->last->steps[i].back_us = ft_clock_monotonic_us() - from;
    }
    for (size_t i = 0; i < s->learnt_count; i++) /* an output does not depend on it */
        if (!s->last->begun[s->learnt[i].value])
            memset(s->learnt[i].grad, 0, (size_t)s->learnt[i].count * sizeof(float));
    s->gone_back = true;
    return FT_OK;
}

/* ---- reading */

static ft_err as_given(ft_array *out, const ft_array *a, bool last, ft_arena *arena) {
    *out = *a;
    if (!last || a->ndim < 3) return FT_OK;
    int64_t channels = a->shape[a->ndim - 1], places = 1, each = a->shape[0];
    out->shape[1] = channels;
    for (int i = 1; i < a->ndim - 1; i++) {
        out->shape[i + 1] = a->shape[i];
        places *= a->shape[i];
    }
    FT_TRY(ft_arena_take(&out->data, arena, ft_array_bytes(a)));
    const float *from = a->data;
    float *to = out->data;
    for (int64_t n = 0; n < each; n++)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t i = 0; i < places; i++)
                to[(n * channels + c) * places + i] = from[(n * places + i) * channels + c];
    return FT_OK;
}

static const ft_nn_kept *kept_of(const ft_nn_gradient *s, ft_str name) {
    for (size_t i = 0; i < s->kept_count; i++)
        if (ft_str_eq(s->kept[i].name, name)) return &s->kept[i];
    return NULL;
}

static ft_err not_there(const ft_nn_gradient *s, ft_str name) {
    if (ft_nn_value_find(s->given, name) == FT_NN_NONE)
        return FT_FAIL(FT_ENOTFOUND, "the network has no value '%.*s'", FT_STR_ARG(name));
    return FT_FAIL(FT_ENOTFOUND, "'%.*s' was not kept", FT_STR_ARG(name));
}

ft_err ft_nn_gradient_value(ft_array *out, ft_nn_gradient *s, ft_str name, ft_arena *arena) {
    int v = ft_nn_value_find(s->given, name);
    const ft_nn_kept *kept = kept_of(s, name);
    if (!s->last) return FT_FAIL(FT_EINVAL, "there was no run yet");
    if (v != FT_NN_NONE && s->given->values[v].data) {
        *out = ft_nn_value_array(&s->given->values[v]);
        return FT_OK;
    }
    if (!kept || !s->last->values[kept->value].data) return not_there(s, name);
    const ft_array *a = &s->last->values[kept->value];
    if (kept->last && a->dtype != FT_F32)
        return FT_FAIL(FT_EUNSUPPORTED, "'%.*s' is not float32", FT_STR_ARG(name));
    return as_given(out, a, kept->last, arena);
}

ft_err ft_nn_gradient_of(ft_array *out, ft_nn_gradient *s, ft_str name, ft_arena *arena) {
    const ft_nn_kept *kept = kept_of(s, name);
    if (!s->last || !s->gone_back) return FT_FAIL(FT_EINVAL, "no way back was gone yet");
    for (size_t i = 0; i < s->learnt_count && !kept; i++) {
        if (!ft_str_eq(s->learnt[i].name, name)) continue;
        *out = ft_nn_value_array(&s->given->values[s->learnt[i].value]);
        out->data = s->learnt[i].grad;
        return FT_OK;
    }
    if (!kept) return not_there(s, name);
    const ft_array *a = &s->last->grads[kept->value];
    if (!a->data || !s->last->begun[kept->value])
        return FT_FAIL(FT_EUNSUPPORTED, "'%.*s' has no gradient: no output depends on it",
                       FT_STR_ARG(name));
    return as_given(out, a, kept->last, arena);
}

void ft_nn_gradient_seek(ft_nn_gradient *s, uint64_t runs) { s->runs = runs; }

const ft_nn_learnt *ft_nn_gradient_learnt(ft_nn_gradient *s, size_t *count, float **grads,
                                          int64_t *total) {
    *count = s->learnt_count;
    if (grads) *grads = s->grads;
    *total = s->grad_total;
    return s->learnt;
}

void ft_nn_gradient_describe(const ft_nn_gradient *s, ft_json_out *w) {
    const ft_nn_back_plan *p = s->last;
    ft_json_out_name(w, "learnt"), ft_json_out_i64(w, s->grad_total);
    ft_json_out_name(w, "threads"), ft_json_out_i64(w, s->opts.threads);
    if (!p) return;
    ft_json_out_name(w, "arena_bytes"), ft_json_out_i64(w, (int64_t)p->memory_bytes);
    ft_json_out_name(w, "steps");
    ft_json_out_array(w);
    for (int i = 0; i < p->step_count; i++) {
        const ft_nn_back_step *step = &p->steps[i];
        if (step->skip) continue;
        ft_json_out_object(w);
        ft_json_out_name(w, "node"), ft_json_out_str(w, step->node->name);
        ft_json_out_name(w, "op"), ft_json_out_text(w, step->node->op->name);
        if (step->kernel) ft_json_out_name(w, "kernel"), ft_json_out_text(w, step->kernel);
        if (s->timed) {
            ft_json_out_name(w, "run_us"), ft_json_out_i64(w, step->run_us);
            ft_json_out_name(w, "back_us"), ft_json_out_i64(w, step->back_us);
        }
        ft_json_out_close(w);
    }
    ft_json_out_close(w);
}

void ft_nn_gradient_time(ft_nn_gradient *s, bool timed) { s->timed = timed; }
