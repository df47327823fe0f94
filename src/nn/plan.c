/* plan.c -- a session's plan for one set of input shapes: every value's type and shape, every
 * node's kernel, one block of memory. See session_in.h. */
#include <stdlib.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/fault.h"
#include "nn/session_in.h"

#define FOLD_ITEMS_MAX ((int64_t)1 << 24) /* what may be computed when the plan is made */
#define HUGE_BYTES     ((size_t)2 << 20)  /* a huge page: from here on asked for */

/* ---- shapes */

static bool step_late(const ft_nn_node *n, const ft_array *in, const ft_array *out) {
    if (ft_nn_is_control(n) || n->op->dynamic) return true;
    for (size_t i = 0; i < n->input_count; i++)
        if (n->inputs[i] != FT_NN_NONE && !ft_nn_array_known(&in[i])) return true;
    for (size_t i = 0; i < n->output_count; i++)
        if (!ft_nn_array_known(&out[i])) return true;
    return false;
}

static size_t bytes_max(const ft_nn_session *s) {
    return s->opts.bytes_max ? s->opts.bytes_max : FT_NN_BYTES_MAX;
}

/* Before any kernel sees sizes that no memory holds. */
static ft_err step_size(const ft_nn_step *step, const ft_nn_session *s) {
    for (size_t i = 0; i < step->node->output_count && !step->late; i++)
        if (step->out[i].dtype != FT_DTYPE_COUNT && ft_array_bytes(&step->out[i]) > bytes_max(s))
            return FT_FAIL(FT_ETOOBIG, "node '%.*s' (%s): its output has more than %zu bytes",
                           FT_STR_ARG(step->node->name), step->node->op->name, bytes_max(s));
    return FT_OK;
}

static ft_err step_infer(ft_nn_plan *p, ft_nn_step *step, const ft_nn_node *n) {
    ft_array *in, *out;
    bool content_needed;
    FT_TRY(ft_arena_items(&in, &p->arena, n->input_count));
    FT_TRY(ft_arena_items(&out, &p->arena, n->output_count));
    for (size_t i = 0; i < n->input_count; i++)
        in[i] = n->inputs[i] == FT_NN_NONE ? ft_nn_no_array() : p->values[n->inputs[i]];
    FT_TRY(ft_nn_node_infer(n, in, out, &content_needed));
    *step = (ft_nn_step){ .node = n, .in = in, .out = out };
    step->late = content_needed || step_late(n, in, out);
    if (!step->late && ft_nn_computable(n, in, out, FOLD_ITEMS_MAX)) {
        FT_TRY(ft_nn_node_compute(n, in, out, &p->arena));
        step->skip = true;
    }
    for (size_t i = 0; i < n->output_count; i++) {
        if (n->outputs[i] == FT_NN_NONE) continue;
        p->values[n->outputs[i]] = out[i];
        p->fixed[n->outputs[i]] = step->skip;
        if (step->late) p->values[n->outputs[i]].ndim = -1; /* who reads it is late as well */
    }
    return FT_OK;
}

static ft_err values_begin(ft_nn_plan *p, const ft_nn_graph *g, const ft_array *inputs) {
    size_t values = (size_t)g->value_count;
    FT_TRY(ft_arena_items(&p->values, &p->arena, values));
    FT_TRY(ft_arena_items(&p->fixed, &p->arena, values));
    FT_TRY(ft_arena_items(&p->place, &p->arena, values));
    FT_TRY(ft_arena_items(&p->steps, &p->arena, (size_t)g->node_count));
    FT_TRY(ft_arena_items(&p->inputs, &p->arena, (size_t)g->input_count));
    for (int i = 0; i < g->value_count; i++) {
        p->values[i] = ft_nn_value_array(&g->values[i]);
        p->fixed[i] = g->values[i].data != NULL;
    }
    for (int i = 0; i < g->input_count; i++) {
        p->inputs[i] = inputs[i];
        p->inputs[i].data = NULL;
        p->values[g->inputs[i]] = p->inputs[i];
    }
    return FT_OK;
}

/* ---- kernels */

static ft_err node_prepare(const ft_nn_plan *p, ft_nn_step *step, const ft_nn_session *s,
                           const ft_nn_node *node, const ft_array *in, const ft_array *out,
                           void **state) {
    ft_nn_prepare prepare = { .node = node,
                              .in = in,
                              .out = out,
                              .in_count = node->input_count,
                              .out_count = node->output_count,
                              .threads = ft_nn_session_kernel_threads(s),
                              .store = s->model->store,
                              .reference = s->opts.reference,
                              .careful = p->careful };
    if (node->op->prepare) FT_TRY(node->op->prepare(&prepare));
    *state = prepare.state;
    if (prepare.scratch_bytes > step->scratch_bytes) step->scratch_bytes = prepare.scratch_bytes;
    step->kernel = prepare.kernel;
    return FT_OK;
}

static ft_err step_prepare(ft_nn_plan *p, ft_nn_step *step, const ft_nn_session *s) {
    const ft_nn_op *op = step->node->op;
    size_t columns = 0;
    if (step->skip || step->late) return FT_OK;
    if (op->flops) step->flops = op->flops(step->node, step->in, step->out);
    if (s->team) FT_TRY(ft_nn_step_cut(p, step, s->opts.threads));
    if (!step->part_count)
        return node_prepare(p, step, s, step->node, step->in, step->out, &step->state);
    for (int i = 0; i < step->part_count; i++) {
        ft_nn_step_part *part = &step->parts[i];
        FT_TRY(node_prepare(p, step, s, &part->node, part->in, &part->out, &part->state));
        if (part->columns && ft_array_bytes(&part->out) > columns)
            columns = ft_array_bytes(&part->out);
    }
    step->columns_at = (step->scratch_bytes + 63) & ~(size_t)63;
    step->scratch_bytes = step->columns_at + ((columns + 63) & ~(size_t)63);
    return FT_OK;
}

static void step_unprepare(ft_nn_step *step) {
    void (*unprepare)(void *) = step->node->op->unprepare;
    if (!unprepare) return;
    if (step->state) unprepare(step->state);
    for (int i = 0; i < step->part_count; i++)
        if (step->parts[i].state) unprepare(step->parts[i].state);
}

/* ---- memory */

static ft_err memory_take(ft_nn_plan *p, const ft_nn_session *s) {
    size_t most = bytes_max(s), largest = 0;
    const ft_nn_node *at = NULL;
    for (int i = 0; i < p->step_count; i++)
        for (size_t k = 0; k < p->steps[i].node->output_count && !p->steps[i].late; k++)
            if (!at || ft_array_bytes(&p->steps[i].out[k]) > largest) {
                at = p->steps[i].node;
                largest = ft_array_bytes(&p->steps[i].out[k]);
            }
    if (p->memory_bytes > most)
        return FT_FAIL(FT_ETOOBIG,
                       "node '%.*s' (%s): a run needs %zu bytes, more than the limit of %zu",
                       FT_STR_ARG(at->name), at->op->name, p->memory_bytes, most);
    size_t align = p->memory_bytes >= HUGE_BYTES ? HUGE_BYTES : 64;
    size_t bytes = (p->memory_bytes + align - 1) / align * align;
    p->memory = ft_fault_here() ? NULL : aligned_alloc(align, bytes ? bytes : align);
    if (!p->memory) return FT_FAIL(FT_ENOMEM, "no memory for a run (%zu bytes)", bytes);
    if (align == HUGE_BYTES) madvise(p->memory, bytes, MADV_HUGEPAGE); /* where it is allowed */
    return FT_OK;
}

static void data_set(ft_nn_plan *p, int value_count) {
    for (int v = 0; v < value_count; v++)
        if (p->place[v].mine || (p->place[v].root != v && p->place[p->place[v].root].mine))
            p->values[v].data = (char *)p->memory + p->place[p->place[v].root].at;
}

/* ---- life */

void ft_nn_plan_free(ft_nn_plan *p) {
    if (!p) return;
    for (int i = 0; i < p->step_count; i++) step_unprepare(&p->steps[i]);
    free(p->memory);
    ft_arena_fini(&p->arena);
    free(p);
}

ft_err ft_nn_plan_shapes(ft_nn_plan **out, ft_nn_session *s, const ft_array *inputs) {
    const ft_nn_graph *g = s->graph;
    ft_err err;
    *out = NULL;
    ft_nn_plan *p = ft_fault_here() ? NULL : calloc(1, sizeof *p);
    if (!p) return FT_FAIL(FT_ENOMEM, "no memory for a plan");
    p->arena = (ft_arena)FT_ARENA_INIT(0);
    FT_GOTO(err, values_begin(p, g, inputs));
    for (int i = 0; i < g->node_count; i++) {
        FT_GOTO(err, step_infer(p, &p->steps[i], &g->nodes[i]));
        FT_GOTO(err, step_size(&p->steps[i], s));
        p->step_count++;
    }
    *out = p;
    return FT_OK;
done:
    ft_nn_plan_free(p);
    return err;
}

ft_err ft_nn_plan_new(ft_nn_plan **out, ft_nn_session *s, const ft_array *inputs, bool careful) {
    ft_nn_plan *p;
    ft_err err;
    *out = NULL;
    FT_TRY(ft_nn_plan_shapes(&p, s, inputs));
    p->careful = careful;
    for (int i = 0; i < p->step_count; i++) FT_GOTO(err, step_prepare(p, &p->steps[i], s));
    ft_nn_store_settle(s->model->store);
    FT_GOTO(err, ft_nn_plan_place(p, s));
    FT_GOTO(err, memory_take(p, s));
    data_set(p, s->graph->value_count);
    *out = p;
    return FT_OK;
done:
    ft_nn_plan_free(p);
    return err;
}
