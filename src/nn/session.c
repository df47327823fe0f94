/* session.c -- see session.h: a session's life, one run. */
#include "nn/session.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "nn/onednn.h"
#include "nn/post.h"
#include "nn/session_in.h"

/* ---- life */

/* The graph that runs: as it was given for references, else after the passes. */
static ft_err graph_choose(ft_nn_session *s) {
    ft_nn_model *m = s->model;
    s->graph = m->graph;
    if (s->opts.reference) return FT_OK;
    pthread_mutex_lock(&m->lock);
    ft_err err = FT_OK;
    if (!m->lowered[s->opts.math])
        err = ft_nn_lower(&m->lowered[s->opts.math], m->graph, s->opts.math);
    s->graph = m->lowered[s->opts.math];
    pthread_mutex_unlock(&m->lock);
    return err;
}

static size_t bodies_of(const ft_nn_node *n) {
    size_t count = 0;
    for (size_t i = 0; i < n->attr_count; i++) count += n->attrs[i].type == FT_NN_GRAPH;
    return count;
}

static ft_err session_make(ft_nn_session **out, ft_nn_model *m, const ft_nn_session_opts *opts,
                           ft_nn_team *team);

static ft_err bodies_new(ft_nn_session *s) {
    int count = 0;
    for (int i = 0; i < s->graph->node_count; i++) count += bodies_of(&s->graph->nodes[i]) > 0;
    if (!count) return FT_OK;
    s->body_count = s->graph->node_count * FT_NN_BODIES_MAX;
    FT_TRY(ft_arena_items(&s->bodies, &s->own, (size_t)s->body_count));
    FT_TRY(ft_arena_items(&s->body_models, &s->own, (size_t)s->body_count));
    for (int i = 0; i < s->graph->node_count; i++) {
        const ft_nn_node *n = &s->graph->nodes[i];
        int at = i * FT_NN_BODIES_MAX;
        for (size_t a = 0; a < n->attr_count; a++) {
            if (n->attrs[a].type != FT_NN_GRAPH) continue;
            FT_CHECK(at < (i + 1) * FT_NN_BODIES_MAX);
            FT_TRY(ft_nn_model_of_body(&s->body_models[at], n->attrs[a].graph));
            FT_TRY(session_make(&s->bodies[at], s->body_models[at], &s->opts, s->team));
            at++;
        }
    }
    return FT_OK;
}

static ft_err math_check(const ft_nn_session *s) {
    bool amx;
    if (s->opts.math == FT_NN_MATH_F32 || s->opts.reference) return FT_OK;
    if (ft_dnn_bf16(&amx)) return FT_OK;
    return FT_FAIL(FT_EUNSUPPORTED, "this processor has no bfloat16 arithmetic");
}

/* All shapes of the inputs are known: the plan can be made before the first run. */
static ft_err plan_early(ft_nn_session *s) {
    ft_array in[FT_NN_IO_MAX];
    if (s->graph->input_count > FT_NN_IO_MAX) return FT_OK;
    for (int i = 0; i < s->graph->input_count; i++) {
        in[i] = ft_nn_value_array(&s->graph->values[s->graph->inputs[i]]);
        if (!ft_nn_array_known(&in[i])) return FT_OK;
    }
    return ft_nn_plan_new(&s->plans[0], s, in, false);
}

/* References run on one thread. */
static ft_err team_take(ft_nn_session *s, ft_nn_team *lent) {
    s->team_lent = lent != NULL;
    s->team = lent;
    if (lent || s->opts.threads < 2 || s->opts.reference) return FT_OK;
    if (s->opts.threads > FT_NN_TEAM_MAX) s->opts.threads = FT_NN_TEAM_MAX;
    return ft_nn_team_new(&s->team, s->opts.threads);
}

static ft_err session_make(ft_nn_session **out, ft_nn_model *m, const ft_nn_session_opts *opts,
                           ft_nn_team *team) {
    ft_err err;
    *out = NULL;
    ft_nn_session *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    if (!s) return FT_FAIL(FT_ENOMEM, "no memory for a session");
    s->model = m;
    if (opts) s->opts = *opts;
    if (s->opts.threads <= 0) s->opts.threads = 1;
    s->late = (ft_arena)FT_ARENA_INIT(s->opts.bytes_max ? s->opts.bytes_max : FT_NN_BYTES_MAX);
    FT_GOTO(err, s->opts.reference ? FT_OK : ft_dnn_load());
    FT_GOTO(err, math_check(s));
    FT_GOTO(err, team_take(s, team));
    ft_dnn_threads(ft_nn_session_kernel_threads(s));
    FT_GOTO(err, graph_choose(s));
    FT_GOTO(err, bodies_new(s));
    FT_GOTO(err, plan_early(s));
    *out = s;
    return FT_OK;
done:
    ft_nn_session_free(s);
    return err;
}

ft_err ft_nn_session_new(ft_nn_session **out, ft_nn_model *m, const ft_nn_session_opts *opts) {
    return session_make(out, m, opts, NULL);
}

void ft_nn_session_free(ft_nn_session *s) {
    if (!s) return;
    for (int i = 0; i < FT_NN_PLANS_MAX; i++) ft_nn_plan_free(s->plans[i]);
    for (int i = 0; i < s->body_count && s->bodies && s->body_models; i++) {
        ft_nn_session_free(s->bodies[i]);
        ft_nn_model_free(s->body_models[i]);
    }
    for (int i = 0; s->lanes && i < s->opts.threads; i++) ft_nn_session_free(s->lanes[i]);
    if (!s->team_lent) ft_nn_team_free(s->team);
    ft_arena_fini(&s->late);
    ft_arena_fini(&s->handed);
    ft_arena_fini(&s->own);
    free(s);
}

/* ---- inputs and their plan */

static ft_err input_valid(const ft_nn_value *v, const ft_array *a) {
    if (v->dtype != FT_DTYPE_COUNT && a->dtype != v->dtype)
        return FT_FAIL(FT_EINVAL, "input '%.*s' is %s, expected %s", FT_STR_ARG(v->name),
                       a->dtype < FT_DTYPE_COUNT ? ft_dtype_name(a->dtype) : "of no known type",
                       ft_dtype_name(v->dtype));
    if (!ft_array_valid(a) || (!a->data && ft_array_count(a) > 0))
        return FT_FAIL(FT_EINVAL, "input '%.*s' has no data or no sane shape", FT_STR_ARG(v->name));
    if (v->ndim >= 0 && a->ndim != v->ndim)
        return FT_FAIL(FT_EINVAL, "input '%.*s' has %d dimensions, expected %d",
                       FT_STR_ARG(v->name), a->ndim, v->ndim);
    for (int i = 0; i < v->ndim; i++)
        if (v->shape[i] != FT_NN_DIM_ANY && v->shape[i] != a->shape[i])
            return FT_FAIL(FT_EINVAL, "input '%.*s': dimension %d is %lld, expected %lld",
                           FT_STR_ARG(v->name), i, (long long)a->shape[i], (long long)v->shape[i]);
    return FT_OK;
}

static bool plan_fits(const ft_nn_plan *p, const ft_array *inputs, int count, bool careful) {
    if (p->careful != careful) return false;
    for (int i = 0; i < count; i++) {
        const ft_array *a = &p->inputs[i], *b = &inputs[i];
        if (a->dtype != b->dtype || a->ndim != b->ndim ||
            memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape) != 0)
            return false;
    }
    return true;
}

ft_err ft_nn_plan_find(ft_nn_plan **out, ft_nn_session *s, const ft_array *inputs, bool careful) {
    int oldest = 0;
    for (int i = 0; i < FT_NN_PLANS_MAX; i++) {
        if (s->plans[i] && plan_fits(s->plans[i], inputs, s->graph->input_count, careful)) {
            *out = s->plans[i];
            return FT_OK;
        }
        if (s->plans[oldest] && (!s->plans[i] || s->plans[i]->used < s->plans[oldest]->used))
            oldest = i;
    }
    FT_TRY(ft_nn_plan_new(out, s, inputs, careful));
    ft_nn_plan_free(s->plans[oldest]);
    s->plans[oldest] = *out;
    return FT_OK;
}

/* ---- one run */

static ft_err late_prepare(ft_nn_session *s, ft_nn_prepare *p, ft_nn_call *c) {
    if (c->node->op->prepare) FT_TRY(c->node->op->prepare(p));
    if (p->scratch_bytes) FT_TRY(ft_arena_take(&c->scratch, &s->late, p->scratch_bytes));
    c->state = p->state;
    return FT_OK;
}

static ft_err call_run(const ft_nn_session *s, const ft_nn_call *c) {
    const ft_nn_op *op = c->node->op;
    bool reference = op->reference && (s->opts.reference || !op->forward);
    FT_TRY(reference ? op->reference(c) : op->forward(c));
    return FT_OK;
}

/* A node whose shapes are known only now: memory from the run's own arena. */
static ft_err step_late(ft_nn_session *s, int i, ft_nn_call *c) {
    const ft_nn_node *n = c->node;
    bool content_needed;
    if (ft_nn_is_control(n)) return ft_nn_control_run(s, i, c->in, c->out);
    FT_TRY(ft_nn_node_infer(n, c->in, c->out, &content_needed));
    c->arena = &s->late;
    for (size_t k = 0; k < n->output_count && !n->op->dynamic; k++) {
        if (!ft_nn_array_known(&c->out[k]))
            return FT_FAIL(FT_EUNSUPPORTED, "node '%.*s' (%s): its output's shape is not known",
                           FT_STR_ARG(n->name), n->op->name);
        if (n->outputs[k] != FT_NN_NONE)
            FT_TRY(ft_arena_take(&c->out[k].data, &s->late, ft_array_bytes(&c->out[k])));
    }
    ft_nn_prepare p = { .node = n,
                        .in = c->in,
                        .out = c->out,
                        .in_count = c->in_count,
                        .out_count = c->out_count,
                        .threads = ft_nn_session_kernel_threads(s),
                        .reference = s->opts.reference,
                        .careful = s->last->careful };
    ft_err err = late_prepare(s, &p, c);
    if (err == FT_OK) err = call_run(s, c);
    if (p.state && n->op->unprepare) n->op->unprepare(p.state);
    return err;
}

/* ---- a step in parts */

typedef struct parted {
    const ft_nn_session *s;
    const ft_nn_step *step;
    const ft_nn_call *whole;
} parted;

/* A part's columns of the rows of `whole` (whole->data begins at its first), from or to `dense`. */
static void columns_copy(const ft_array *whole, const ft_array *part, char *dense, bool from) {
    size_t item = ft_dtype_bytes(part->dtype);
    size_t row = (size_t)whole->shape[whole->ndim - 1] * item;
    size_t width = (size_t)part->shape[part->ndim - 1] * item;
    char *at = whole->data;
    for (int64_t rows = ft_array_count(part) / part->shape[part->ndim - 1]; rows > 0; rows--) {
        if (from)
            memcpy(dense, at, width);
        else
            memcpy(at, dense, width);
        at += row;
        dense += width;
    }
}

/* Results go to memory of the thread first; what is added is fetched there. */
static ft_err columns_run(const parted *w, const ft_nn_step_part *part, ft_nn_call *c,
                          ft_array *in) {
    int sum = ft_nn_post_sum_input(c->node);
    ft_array whole = w->whole->out[0];
    char *dense = (char *)c->scratch + w->step->columns_at;
    if (sum >= 0) {
        ft_array added = w->whole->in[sum];
        added.data = (char *)added.data + part->out_at;
        columns_copy(&added, &part->out, dense, true);
        in[sum].data = dense;
    }
    c->out[0].data = dense;
    FT_TRY(call_run(w->s, c));
    whole.data = (char *)whole.data + part->out_at;
    columns_copy(&whole, &part->out, dense, false);
    return FT_OK;
}

static ft_err part_run(void *ctx, int i, int thread) {
    const parted *w = ctx;
    const ft_nn_step_part *part = &w->step->parts[i];
    ft_array in[FT_NN_PART_INPUTS_MAX], out = part->out;
    ft_nn_call c = *w->whole;
    for (size_t k = 0; k < c.in_count; k++) {
        in[k] = part->in[k];
        in[k].data = w->whole->in[k].data ? (char *)w->whole->in[k].data + part->in_at[k] : NULL;
    }
    out.data = (char *)w->whole->out[0].data + part->out_at;
    c.node = &part->node;
    c.team = NULL;
    c.in = in;
    c.out = &out;
    c.state = part->state;
    if (c.scratch) c.scratch = (char *)c.scratch + (size_t)thread * w->step->scratch_bytes;
    return part->columns ? columns_run(w, part, &c, in) : call_run(w->s, &c);
}

static ft_err parts_run(const ft_nn_session *s, const ft_nn_step *step, const ft_nn_call *c) {
    parted w = { s, step, c };
    return ft_nn_team_run(s->team, step->part_count, part_run, &w);
}

static ft_err step_run(ft_nn_session *s, ft_nn_plan *p, int i) {
    ft_nn_step *step = &p->steps[i];
    const ft_nn_node *n = step->node;
    ft_array in[2 * FT_NN_IO_MAX], out[FT_NN_IO_MAX];
    for (size_t k = 0; k < n->input_count; k++)
        in[k] = n->inputs[k] == FT_NN_NONE ? ft_nn_no_array() : p->values[n->inputs[k]];
    for (size_t k = 0; k < n->output_count; k++)
        out[k] = n->outputs[k] == FT_NN_NONE ? ft_nn_no_array() : p->values[n->outputs[k]];
    ft_nn_call c = { .node = n,
                     .in = in,
                     .in_count = n->input_count,
                     .out = out,
                     .out_count = n->output_count,
                     .state = step->state,
                     .scratch = step->scratch_bytes ? (char *)p->memory + step->scratch_at : NULL,
                     .threads = ft_nn_session_kernel_threads(s),
                     .team = s->team,
                     .seed = (s->opts.seed + s->runs) * 0x9e3779b97f4a7c15u + (uint64_t)i };
    if (step->late)
        FT_TRY(step_late(s, i, &c));
    else if (n->op->view)
        out[0].data = in[0].data;
    else if (step->part_count)
        FT_TRY(parts_run(s, step, &c));
    else
        FT_TRY(call_run(s, &c));
    for (size_t k = 0; k < n->output_count; k++)
        if (n->outputs[k] != FT_NN_NONE) p->values[n->outputs[k]] = out[k];
    return FT_OK;
}

static ft_err step_show(ft_nn_session *s, const ft_nn_plan *p, const ft_nn_node *n, ft_tap *tap) {
    for (size_t k = 0; k < n->output_count; k++) {
        if (n->outputs[k] == FT_NN_NONE) continue;
        const char *name = s->graph->values[n->outputs[k]].name.at;
        if (ft_tap_wants(tap, name, (int64_t)s->runs))
            FT_TRY(ft_tap_array(tap, name, &p->values[n->outputs[k]]));
    }
    return FT_OK;
}

static ft_err outputs_hand(const ft_nn_session *s, const ft_nn_plan *p, ft_array *outputs,
                           ft_arena *arena) {
    for (int i = 0; i < s->graph->output_count; i++) {
        outputs[i] = p->values[s->graph->outputs[i]];
        size_t bytes = ft_array_bytes(&outputs[i]);
        FT_TRY(ft_arena_take(&outputs[i].data, arena, bytes));
        if (bytes) memcpy(outputs[i].data, p->values[s->graph->outputs[i]].data, bytes);
    }
    return FT_OK;
}

/* Any NaN or infinity: an exponent of ones. About 10 us for a picture of 224 x 224. */
static bool array_odd(const ft_array *a) {
    const uint32_t *bits = a->data;
    int64_t count = a->dtype == FT_F32 ? ft_array_count(a) : 0;
    uint32_t odd = 0;
    for (int64_t i = 0; i < count; i++) odd |= (bits[i] & 0x7f800000u) == 0x7f800000u;
    return odd != 0;
}

static bool inputs_odd(const ft_nn_session *s, const ft_array *inputs) {
    for (int i = 0; i < s->graph->input_count && !s->opts.reference; i++)
        if (array_odd(&inputs[i])) return true;
    return false;
}

ft_err ft_nn_run(ft_nn_session *s, const ft_array *inputs, ft_array *outputs, ft_arena *arena,
                 ft_tap *tap) {
    const ft_nn_graph *g = s->graph;
    ft_nn_plan *p;
    for (int i = 0; i < g->input_count; i++)
        FT_TRY(input_valid(&g->values[g->inputs[i]], &inputs[i]));
    int64_t part = 0;
    if (!tap) FT_TRY(ft_nn_batch_part(&part, s, inputs));
    if (part) return ft_nn_batch_run(s, part, inputs, outputs, arena);
    ft_dnn_threads(ft_nn_session_kernel_threads(s));
    FT_TRY(ft_nn_plan_find(&p, s, inputs, inputs_odd(s, inputs)));
    s->last = p;
    p->used = ++s->runs;
    ft_arena_reset(&s->late);
    for (int i = 0; i < g->input_count; i++) p->values[g->inputs[i]].data = inputs[i].data;
    for (int i = 0; i < p->step_count; i++) {
        if (p->steps[i].skip) continue;
        int64_t from = s->timed ? ft_clock_monotonic_us() : 0;
        FT_TRY(step_run(s, p, i));
        if (s->timed) p->steps[i].spent_us = ft_clock_monotonic_us() - from;
        if (tap) FT_TRY(step_show(s, p, p->steps[i].node, tap));
    }
    return outputs_hand(s, p, outputs, arena);
}

const char *ft_nn_math_words(void) {
    bool amx;
    if (ft_dnn_load() != FT_OK) {
        ft_err_clear();
        return "none: libdnnl2 is not installed";
    }
    if (!ft_dnn_bf16(&amx)) return "f32";
    return amx ? "f32, bfloat16 by AMX" : "f32, bfloat16 by AVX-512 (no AMX)";
}

void ft_nn_session_seed(ft_nn_session *s, uint64_t seed) { s->opts.seed = seed - s->runs; }

void ft_nn_session_time(ft_nn_session *s, bool timed) { s->timed = timed; }
