/* gradient_plan.c -- a gradient session's plan for one set of input shapes: kernels, and places in
 * one block for values, gradients and scratch. See gradient_in.h. */
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/fault.h"
#include "nn/gradient_in.h"
#include "nn/passes/pass.h"

#define FOLD_ITEMS_MAX ((int64_t)1 << 24)
#define HUGE_BYTES     ((size_t)2 << 20)

typedef struct planning {
    ft_nn_back_plan *p;
    const ft_nn_gradient *s;
    const ft_nn_graph *g;
    int n;          /* nodes: going back begins at time n */
    int *last;      /* by value (of a root: of its memory): the last time it is needed */
    int *grad_root; /* by value: whose gradient's memory its own lies in */
    int *grad_from, *grad_to;
    ft_nn_span *spans;
    int span_count;
} planning;

/* Kinds of spans, in `step`. */
enum { OF_VALUE = -1, OF_GRAD = -2 }; /* else the step's scratch; value k + 1: a part's room */

static size_t bytes_max(const ft_nn_gradient *s) {
    return s->opts.bytes_max ? s->opts.bytes_max : FT_NN_GRADIENT_BYTES_MAX;
}

/* ---- steps */

static bool value_is(const ft_nn_graph *g, const ft_nn_node *n, size_t input, float want) {
    if (input >= n->input_count || !ft_nn_is_data(g, n->inputs[input])) return false;
    ft_array a = ft_nn_value_array(&g->values[n->inputs[input]]);
    return ft_array_count(&a) == 1 && (float)ft_array_f64(&a, 0) == want;
}

bool ft_nn_back_by_output(const ft_nn_graph *g, const ft_nn_node *n, float *high) {
    *high = INFINITY;
    if (ft_nn_is_op(n, "Relu")) return true;
    *high = 6;
    return ft_nn_is_op(n, "Clip") && value_is(g, n, 1, 0) && value_is(g, n, 2, 6);
}

/* What the way back reads, in bits. */
static unsigned reads_of(const ft_nn_graph *g, const ft_nn_node *n) {
    float high;
    if (ft_nn_back_by_output(g, n, &high)) return FT_NN_READS_OUTPUTS;
    if (n->op->reads != FT_NN_READS_ALL) return n->op->reads;
    if (n->op->elementwise && n->op->inputs_max == 1) return FT_NN_READS_INPUTS;
    return FT_NN_READS_INPUTS | FT_NN_READS_OUTPUTS;
}

static ft_err step_known(planning *c, ft_nn_back_step *step) {
    const ft_nn_node *n = step->node;
    bool known = true;
    for (size_t k = 0; k < n->output_count; k++)
        known &= n->outputs[k] == FT_NN_NONE || ft_nn_array_known(&step->out[k]);
    if (!known || n->op->dynamic || ft_nn_is_op(n, "If"))
        return FT_FAIL(FT_EUNSUPPORTED,
                       "node '%.*s' (%s): its shape is known only when it runs: no gradient",
                       FT_STR_ARG(n->name), n->op->name);
    for (size_t k = 0; k < n->output_count; k++)
        if (n->outputs[k] != FT_NN_NONE && ft_array_bytes(&step->out[k]) > bytes_max(c->s))
            return FT_FAIL(FT_ETOOBIG, "node '%.*s' (%s): its output has more than %zu bytes",
                           FT_STR_ARG(n->name), n->op->name, bytes_max(c->s));
    return FT_OK;
}

static ft_err step_infer(planning *c, ft_nn_back_step *step, const ft_nn_node *n) {
    ft_nn_back_plan *p = c->p;
    bool content_needed;
    *step = (ft_nn_back_step){ .node = n };
    FT_TRY(ft_arena_items(&step->in, &p->arena, n->input_count));
    FT_TRY(ft_arena_items(&step->out, &p->arena, n->output_count));
    FT_TRY(ft_arena_items(&step->sum_at, &p->arena, n->input_count));
    for (size_t i = 0; i < n->input_count; i++)
        step->in[i] = n->inputs[i] == FT_NN_NONE ? ft_nn_no_array() : p->values[n->inputs[i]];
    FT_TRY(ft_nn_node_infer(n, step->in, step->out, &content_needed));
    FT_TRY(step_known(c, step));
    if (ft_nn_computable(n, step->in, step->out, FOLD_ITEMS_MAX)) {
        FT_TRY(ft_nn_node_compute(n, step->in, step->out, &p->arena));
        step->skip = true;
    }
    for (size_t k = 0; k < n->output_count; k++)
        if (n->outputs[k] != FT_NN_NONE) p->values[n->outputs[k]] = step->out[k];
    return FT_OK;
}

static ft_err step_prepare(const planning *c, ft_nn_back_step *step) {
    const ft_nn_op *op = step->node->op;
    ft_nn_prepare prepare = { .node = step->node,
                              .in = step->in,
                              .out = step->out,
                              .in_count = step->node->input_count,
                              .out_count = step->node->output_count,
                              .threads = c->s->opts.threads,
                              .training = true,
                              .bf16 = c->s->opts.math == FT_NN_MATH_BF16,
                              .reference = c->s->opts.reference };
    if (step->skip || !op->prepare) return FT_OK;
    FT_TRY(op->prepare(&prepare));
    step->state = prepare.state;
    step->scratch_bytes = prepare.scratch_bytes;
    step->kernel = prepare.kernel;
    return FT_OK;
}

/* Nodes that nothing needs do not run; which of the others go back. */
static ft_err steps_mark(planning *c) {
    const ft_nn_graph *g = c->g;
    bool *needed;
    FT_TRY(ft_arena_items(&needed, &c->p->arena, (size_t)g->value_count));
    for (int i = 0; i < g->output_count; i++) needed[g->outputs[i]] = true;
    for (int v = 0; v < g->value_count; v++) needed[v] |= c->s->keeps[v];
    for (int i = c->n - 1; i >= 0; i--) {
        ft_nn_back_step *step = &c->p->steps[i];
        const ft_nn_node *n = step->node;
        bool read = false, in = false, out = false;
        for (size_t k = 0; k < n->output_count; k++) {
            if (n->outputs[k] == FT_NN_NONE) continue;
            read |= needed[n->outputs[k]];
            out |= c->s->reaches[n->outputs[k]];
        }
        step->skip |= !read;
        if (step->skip) continue;
        for (size_t k = 0; k < n->input_count; k++) {
            if (n->inputs[k] == FT_NN_NONE) continue;
            needed[n->inputs[k]] = true;
            in |= c->s->reaches[n->inputs[k]];
        }
        step->back = in && out && n->op->backward;
        step->reads = reads_of(g, n);
    }
    return FT_OK;
}

/* ---- when values live */

static void later(int *at, int time) {
    if (*at < time) *at = time;
}

static void values_live(planning *c) {
    const ft_nn_graph *g = c->g;
    for (int v = 0; v < g->value_count; v++) c->last[v] = -1, c->p->v[v].root = v;
    for (int i = 0; i < c->n; i++) {
        const ft_nn_back_step *step = &c->p->steps[i];
        const ft_nn_node *n = step->node;
        int back = 2 * c->n - i;
        if (step->skip) continue;
        for (size_t k = 0; k < n->output_count; k++) {
            int v = n->outputs[k];
            if (v == FT_NN_NONE) continue;
            later(&c->last[v], step->back && (step->reads & FT_NN_READS_OUTPUTS) ? back : i);
            c->p->v[v].mine = true;
        }
        for (size_t k = 0; k < n->input_count; k++)
            if (n->inputs[k] != FT_NN_NONE)
                later(&c->last[n->inputs[k]],
                      step->back && (step->reads & FT_NN_READS_INPUTS) ? back : i);
    }
    for (int i = 0; i < g->output_count; i++) later(&c->last[g->outputs[i]], 2 * c->n + 1);
    for (int v = 0; v < g->value_count; v++)
        if (c->s->keeps[v]) later(&c->last[v], 2 * c->n + 1);
}

static int root_of(const planning *c, int v) {
    while (c->p->v[v].root != v) v = c->p->v[v].root;
    return v;
}

static void join(planning *c, int v, int root) {
    c->p->v[v].root = root;
    c->p->v[v].mine = false;
    later(&c->last[root], c->last[v]);
}

static void views_join(planning *c) {
    for (int i = c->n - 1; i >= 0; i--) { /* so that uses travel up along chains */
        const ft_nn_back_step *step = &c->p->steps[i];
        if (step->node->op->view && !step->skip)
            join(c, step->node->outputs[0], step->node->inputs[0]);
    }
}

/* May the step write its output over input 0: nobody needs that memory afterwards? */
static bool over_input(const planning *c, int i) {
    const ft_nn_back_step *step = &c->p->steps[i];
    const ft_nn_node *n = step->node;
    if (step->skip || !n->op->in_place || n->op->view || !n->input_count) return false;
    if (n->inputs[0] == FT_NN_NONE || n->outputs[0] == FT_NN_NONE) return false;
    int root = root_of(c, n->inputs[0]);
    if (!c->p->v[root].mine || c->last[root] != i) return false;
    if (ft_array_bytes(&step->in[0]) != ft_array_bytes(&step->out[0])) return false;
    for (size_t k = 1; k < n->input_count; k++)
        if (n->inputs[k] != FT_NN_NONE && root_of(c, n->inputs[k]) == root) return false;
    return true;
}

static void overs_join(planning *c) {
    for (int i = 0; i < c->n; i++) {
        if (!over_input(c, i)) continue;
        c->p->steps[i].over = true;
        join(c, c->p->steps[i].node->outputs[0], root_of(c, c->p->steps[i].node->inputs[0]));
    }
}

/* ---- when gradients live */

static bool same_shape(const ft_array *a, const ft_array *b) {
    return a->ndim == b->ndim &&
           memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape) == 0;
}

/* May input 0's gradient be written over the output's? Elementwise from one to the other. */
static bool grad_over(const planning *c, const ft_nn_back_step *step) {
    const ft_nn_node *n = step->node;
    float high;
    int in = n->inputs[0], out = n->outputs[0];
    bool kind = ft_nn_back_by_output(c->g, n, &high) || n->op->view ||
                ft_nn_is_op(n, "BatchNormalization") ||
                (ft_nn_is_op(n, "Add") && same_shape(&step->in[0], &step->out[0]) &&
                 same_shape(&step->in[1], &step->out[0]));
    if (!kind || c->s->opts.reference || in == FT_NN_NONE || out == FT_NN_NONE) return false;
    if (!c->s->reaches[in] || !c->s->reaches[out] || c->p->v[in].weight_grad) return false;
    if (c->s->keeps[out] || c->p->v[in].parts != 1) return false;
    return ft_array_bytes(&step->in[0]) == ft_array_bytes(&step->out[0]);
}

static void grads_live(planning *c) {
    const ft_nn_graph *g = c->g;
    int end = 2 * c->n + 1;
    for (int v = 0; v < g->value_count; v++) {
        ft_nn_back_value *b = &c->p->v[v];
        b->wants = c->s->reaches[v];
        c->grad_root[v] = v;
        c->grad_from[v] = INT32_MAX;
        int maker = g->values[v].producer;
        c->grad_to[v] = c->s->keeps[v] || maker == FT_NN_NONE ? end : 2 * c->n - maker;
    }
    for (size_t i = 0; i < c->s->learnt_count; i++)
        c->p->v[c->s->learnt[i].value].weight_grad = c->s->learnt[i].grad;
    for (int i = 0; i < g->output_count; i++) {
        int v = g->outputs[i];
        if (c->p->v[v].parts++ == 0) c->grad_from[v] = c->n;
    }
    for (int i = c->n - 1; i >= 0; i--) {
        const ft_nn_back_step *step = &c->p->steps[i];
        for (size_t k = 0; k < step->node->input_count && step->back; k++) {
            int v = step->node->inputs[k];
            if (v == FT_NN_NONE || !c->p->v[v].wants) continue;
            if (c->p->v[v].parts++ == 0) c->grad_from[v] = 2 * c->n - i;
        }
    }
    for (int i = c->n - 1; i >= 0; i--) {
        const ft_nn_back_step *step = &c->p->steps[i];
        if (!step->back || !grad_over(c, step)) continue;
        int in = step->node->inputs[0], root = step->node->outputs[0];
        while (c->grad_root[root] != root) root = c->grad_root[root];
        c->grad_root[in] = root;
        later(&c->grad_to[root], c->grad_to[in]);
    }
}

/* ---- places */

static void span_add(planning *c, size_t bytes, int from, int to, int value, int step) {
    c->spans[c->span_count++] = (ft_nn_span){
        .bytes = ft_nn_span_bytes(bytes), .from = from, .to = to, .value = value, .step = step
    };
}

/* Every part of a gradient but the first is written beside it, then added. */
static void parts_collect(planning *c, bool *begun) {
    for (int i = 0; i < c->g->output_count; i++) begun[c->g->outputs[i]] = true;
    for (int i = c->n - 1; i >= 0; i--) {
        const ft_nn_back_step *step = &c->p->steps[i];
        for (size_t k = 0; k < step->node->input_count && step->back; k++) {
            int v = step->node->inputs[k];
            if (v == FT_NN_NONE || !c->p->v[v].wants) continue;
            if (begun[v])
                span_add(c, ft_array_bytes(&step->in[k]), 2 * c->n - i, 2 * c->n - i, (int)k + 1,
                         i);
            begun[v] = true;
        }
    }
}

static ft_err spans_collect(planning *c, ft_arena *scratch) {
    bool *begun;
    FT_TRY(ft_arena_items(&begun, scratch, (size_t)c->g->value_count));
    for (int v = 0; v < c->g->value_count; v++) {
        size_t bytes = c->p->v[v].mine || c->p->v[v].wants ? ft_array_bytes(&c->p->values[v]) : 0;
        if (c->p->v[v].mine) span_add(c, bytes, c->g->values[v].producer, c->last[v], v, OF_VALUE);
        if (c->p->v[v].wants && !c->p->v[v].weight_grad && c->grad_root[v] == v && c->p->v[v].parts)
            span_add(c, bytes, c->grad_from[v], c->grad_to[v], v, OF_GRAD);
    }
    for (int i = 0; i < c->n; i++) {
        const ft_nn_back_step *step = &c->p->steps[i];
        if (step->skip || !step->scratch_bytes) continue;
        span_add(c, step->scratch_bytes, i, i, 0, i);
        if (step->back) span_add(c, step->scratch_bytes, 2 * c->n - i, 2 * c->n - i, -1, i);
    }
    parts_collect(c, begun);
    return FT_OK;
}

static void places_tell(planning *c) {
    for (int i = 0; i < c->span_count; i++) {
        const ft_nn_span *s = &c->spans[i];
        if (s->step == OF_VALUE)
            c->p->v[s->value].at = s->at;
        else if (s->step == OF_GRAD)
            c->p->v[s->value].grad_at = s->at;
        else if (s->value > 0)
            c->p->steps[s->step].sum_at[s->value - 1] = s->at;
        else if (s->value == 0)
            c->p->steps[s->step].scratch_at = s->at;
        else
            c->p->steps[s->step].back_scratch_at = s->at;
    }
}

static ft_err memory_take(ft_nn_back_plan *p, const ft_nn_gradient *s) {
    if (p->memory_bytes > bytes_max(s))
        return FT_FAIL(FT_ETOOBIG, "forward and back need %zu bytes, more than the limit of %zu",
                       p->memory_bytes, bytes_max(s));
    size_t align = p->memory_bytes >= HUGE_BYTES ? HUGE_BYTES : 64;
    size_t bytes = (p->memory_bytes + align - 1) / align * align;
    p->memory = ft_fault_here() ? NULL : aligned_alloc(align, bytes ? bytes : align);
    if (!p->memory) return FT_FAIL(FT_ENOMEM, "no memory for going back (%zu bytes)", bytes);
    if (align == HUGE_BYTES) madvise(p->memory, bytes, MADV_HUGEPAGE); /* where it is allowed */
    return FT_OK;
}

static void data_set(const planning *c) {
    ft_nn_back_plan *p = c->p;
    char *at = p->memory;
    for (int v = 0; v < c->g->value_count; v++) {
        int root = root_of(c, v), grad = v;
        if (p->v[root].mine) p->values[v].data = at + p->v[root].at;
        p->grads[v] = p->values[v];
        p->grads[v].data = NULL;
        if (!p->v[v].wants || !p->v[v].parts) continue;
        while (c->grad_root[grad] != grad) grad = c->grad_root[grad];
        p->grads[v].data =
            p->v[v].weight_grad ? (void *)p->v[v].weight_grad : (void *)(at + p->v[grad].grad_at);
    }
    for (int v = 0; v < c->g->value_count; v++) p->v[v].root = root_of(c, v);
}

static ft_err place(planning *c) {
    ft_arena scratch = FT_ARENA_INIT(0);
    size_t values = (size_t)c->g->value_count, parts = 0;
    ft_err err;
    for (int i = 0; i < c->n; i++) parts += c->p->steps[i].node->input_count;
    FT_GOTO(err, ft_arena_items(&c->last, &scratch, values));
    FT_GOTO(err, ft_arena_items(&c->grad_root, &scratch, values));
    FT_GOTO(err, ft_arena_items(&c->grad_from, &scratch, values));
    FT_GOTO(err, ft_arena_items(&c->grad_to, &scratch, values));
    FT_GOTO(err, ft_arena_items(&c->spans, &scratch, 2 * values + 2 * (size_t)c->n + parts));
    values_live(c);
    views_join(c);
    if (!c->s->opts.reference) overs_join(c);
    grads_live(c);
    FT_GOTO(err, spans_collect(c, &scratch));
    FT_GOTO(err, ft_nn_spans_place(c->spans, c->span_count, &c->p->memory_bytes));
    places_tell(c);
    FT_GOTO(err, memory_take(c->p, c->s));
    data_set(c);
done:
    ft_arena_fini(&scratch);
    return err;
}

/* ---- life */

void ft_nn_back_plan_free(ft_nn_back_plan *p) {
    if (!p) return;
    for (int i = 0; i < p->step_count; i++)
        if (p->steps[i].state && p->steps[i].node->op->unprepare)
            p->steps[i].node->op->unprepare(p->steps[i].state);
    free(p->memory);
    ft_arena_fini(&p->arena);
    free(p);
}

static ft_err values_begin(ft_nn_back_plan *p, const ft_nn_graph *g, const ft_array *inputs) {
    size_t values = (size_t)g->value_count;
    FT_TRY(ft_arena_items(&p->values, &p->arena, values));
    FT_TRY(ft_arena_items(&p->grads, &p->arena, values));
    FT_TRY(ft_arena_items(&p->v, &p->arena, values));
    FT_TRY(ft_arena_items(&p->steps, &p->arena, (size_t)g->node_count));
    FT_TRY(ft_arena_items(&p->inputs, &p->arena, (size_t)g->input_count));
    FT_TRY(ft_arena_items(&p->begun, &p->arena, values));
    for (int i = 0; i < g->value_count; i++) p->values[i] = ft_nn_value_array(&g->values[i]);
    for (int i = 0; i < g->input_count; i++) {
        p->inputs[i] = inputs[i];
        p->inputs[i].data = NULL;
        p->values[g->inputs[i]] = p->inputs[i];
    }
    return FT_OK;
}

ft_err ft_nn_back_plan_new(ft_nn_back_plan **out, ft_nn_gradient *s, const ft_array *inputs) {
    ft_err err;
    *out = NULL;
    ft_nn_back_plan *p = ft_fault_here() ? NULL : calloc(1, sizeof *p);
    if (!p) return FT_FAIL(FT_ENOMEM, "no memory for a plan");
    planning c = { .p = p, .s = s, .g = s->graph, .n = s->graph->node_count };
    p->arena = (ft_arena)FT_ARENA_INIT(0);
    FT_GOTO(err, values_begin(p, s->graph, inputs));
    for (int i = 0; i < c.n; i++) {
        FT_GOTO(err, step_infer(&c, &p->steps[i], &s->graph->nodes[i]));
        p->step_count++;
    }
    FT_GOTO(err, steps_mark(&c));
    for (int i = 0; i < c.n; i++) FT_GOTO(err, step_prepare(&c, &p->steps[i]));
    FT_GOTO(err, place(&c));
    *out = p;
    return FT_OK;
done:
    ft_nn_back_plan_free(p);
    return err;
}
