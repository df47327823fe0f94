/* batch.c -- a batch in parts. Where every item of a batch goes through the graph by itself, the
 * batch may be cut: into parts that stay in the processor's cache (MobileNetV2 at batch 16 on one
 * thread of a Zen 4: 7.8 ms an image in parts of one, 11.5 ms at once; ResNets, whose weights
 * outweigh what they compute on, are as fast at once), and into a share for each thread, which then
 * need not wait for the others after every layer. */
#include "base/check.h"
#include "nn/onednn.h"
#include "nn/session_in.h"

#define CACHE_BYTES ((size_t)8 << 20) /* a core's share of a usual last-level cache */

/* ---- may it be cut? */

/* Constants of an elementwise node must not tell the items of a batch apart. */
static bool data_is_common(const ft_nn_graph *g, const ft_nn_node *n, const ft_array *in,
                           int ndim) {
    for (size_t i = 0; i < n->input_count; i++)
        if (n->inputs[i] != FT_NN_NONE && g->values[n->inputs[i]].data && in[i].ndim == ndim &&
            ndim > 0 && in[i].shape[0] != 1)
            return false;
    return true;
}

/* Does the node treat each item of the first axis by itself? Its values are known to keep that
 * axis. */
static bool node_apart(const ft_nn_graph *g, const ft_nn_step *step) {
    const ft_nn_op *op = step->node->op;
    if (step->late || op->random) return false;
    if (op->apart) return op->apart(step->node, step->in);
    return op->elementwise && data_is_common(g, step->node, step->in, step->out[0].ndim);
}

/* What both plans know beforehand, say from the shape of an input, and is the same for a part as
 * for the whole. */
static bool folded_same(const ft_nn_plan *all, const ft_nn_plan *one, int v) {
    const ft_array *a = &all->values[v], *b = &one->values[v];
    if (!all->fixed[v] || !one->fixed[v] || !a->data || !b->data) return false;
    if (a->dtype != b->dtype || a->ndim != b->ndim) return false;
    for (int d = 0; d < a->ndim; d++)
        if (a->shape[d] != b->shape[d]) return false;
    size_t bytes = ft_array_bytes(a);
    return bytes == 0 || memcmp(a->data, b->data, bytes) == 0;
}

/* Every value that a run computes begins with the batch, in both plans. */
static bool values_apart(const ft_nn_plan *all, const ft_nn_plan *one, const ft_nn_graph *g,
                         int64_t batch) {
    for (int i = 0; i < all->step_count; i++) {
        const ft_nn_step *a = &all->steps[i], *b = &one->steps[i];
        if (a->skip != b->skip) return false;
        if (a->skip) continue;
        if (!node_apart(g, a)) return false;
        for (size_t k = 0; k < a->node->output_count; k++) {
            if (a->node->outputs[k] == FT_NN_NONE) continue;
            if (a->out[k].ndim < 1 || a->out[k].ndim != b->out[k].ndim) return false;
            if (a->out[k].shape[0] != batch || b->out[k].shape[0] != 1) return false;
            if (memcmp(a->out[k].shape + 1, b->out[k].shape + 1,
                       (size_t)(a->out[k].ndim - 1) * sizeof *a->out[k].shape) != 0)
                return false;
        }
        for (size_t k = 0; k < a->node->input_count;
             k++) { /* nor anything that is not of the batch */
            int v = a->node->inputs[k];
            if (v == FT_NN_NONE || g->values[v].data) continue;
            if (all->fixed[v] || one->fixed[v]) {
                if (!folded_same(all, one, v)) return false;
            } else if (a->in[k].ndim < 1 || a->in[k].shape[0] != batch)
                return false;
        }
    }
    for (int i = 0; i < g->output_count; i++) /* constants have no part of the batch */
        if (all->fixed[g->outputs[i]] || g->values[g->outputs[i]].data) return false;
    return true;
}

/* Bytes of an item's values together, and of the two largest. */
static void item_bytes(const ft_nn_plan *one, size_t *sum, size_t *two) {
    size_t first = 0, second = 0;
    *sum = 0;
    for (int i = 0; i < one->step_count; i++)
        for (size_t k = 0; k < one->steps[i].node->output_count && !one->steps[i].skip; k++) {
            size_t bytes = ft_array_bytes(&one->steps[i].out[k]);
            *sum += bytes;
            if (bytes > first)
                second = first, first = bytes;
            else if (bytes > second)
                second = bytes;
        }
    *two = first + second;
}

static size_t weight_bytes(const ft_nn_graph *g) {
    size_t bytes = 0;
    for (int i = 0; i < g->value_count; i++) {
        ft_array a = ft_nn_value_array(&g->values[i]);
        if (g->values[i].role == FT_NN_WEIGHT && a.data) bytes += ft_array_bytes(&a);
    }
    return bytes;
}

static int64_t part_of(const ft_nn_plan *one, const ft_nn_graph *g, int64_t batch, int lanes) {
    size_t sum, two;
    item_bytes(one, &sum, &two);
    int64_t share = (batch + lanes - 1) / lanes;
    if (weight_bytes(g) > sum || two == 0) return share; /* weights come from memory each time */
    int64_t fits = (int64_t)(CACHE_BYTES / two);
    return fits < 1 ? 1 : fits < share ? fits : share;
}

/* `part` becomes the size of the parts, or 0 when the batch is not to be cut. */
static ft_err part_find(int64_t *part, ft_nn_session *s, const ft_array *inputs, int64_t batch) {
    ft_nn_plan *all = NULL, *one = NULL;
    ft_array single[FT_NN_IO_MAX];
    ft_err err;
    *part = 0;
    for (int i = 0; i < s->graph->input_count; i++) {
        single[i] = inputs[i];
        single[i].shape[0] = 1;
    }
    FT_GOTO(err, ft_nn_plan_shapes(&all, s, inputs));
    FT_GOTO(err, ft_nn_plan_shapes(&one, s, single));
    if (values_apart(all, one, s->graph, batch))
        *part = part_of(one, s->graph, batch, s->opts.threads);
    int64_t least = (batch + FT_NN_TEAM_PARTS_MAX - 1) / FT_NN_TEAM_PARTS_MAX;
    if (*part && *part < least) *part = least;
    if (*part == batch) *part = 0;
done:
    ft_nn_plan_free(all);
    ft_nn_plan_free(one);
    return err;
}

/* All inputs are of one batch, whose size the graph leaves open. */
static int64_t batch_of(const ft_nn_session *s, const ft_array *inputs) {
    const ft_nn_graph *g = s->graph;
    if (g->input_count < 1 || g->input_count > FT_NN_IO_MAX || inputs[0].ndim < 1) return 1;
    for (int i = 0; i < g->input_count; i++)
        if (inputs[i].ndim < 1 || inputs[i].shape[0] != inputs[0].shape[0] ||
            (g->values[g->inputs[i]].ndim > 0 && g->values[g->inputs[i]].shape[0] != FT_NN_DIM_ANY))
            return 1;
    return inputs[0].shape[0];
}

ft_err ft_nn_batch_part(int64_t *part, ft_nn_session *s, const ft_array *inputs) {
    int64_t batch = batch_of(s, inputs);
    *part = 0;
    if (batch < 2 || s->opts.reference || s->lane || s->body_count) return FT_OK;
    if (batch != s->part_batch) { /* sizes of one item rarely change: the answer is kept */
        FT_TRY(part_find(&s->part, s, inputs, batch));
        s->part_batch = batch;
    }
    *part = s->part;
    return FT_OK;
}

/* ---- cut */

static ft_err lanes_make(ft_nn_session *s) {
    ft_nn_session_opts opts = s->opts;
    opts.threads = 1; /* a lane is one thread of the team */
    if (!s->lanes) FT_TRY(ft_arena_items(&s->lanes, &s->own, (size_t)s->opts.threads));
    for (int i = 0; i < s->opts.threads; i++)
        if (!s->lanes[i]) {
            FT_TRY(ft_nn_session_new(&s->lanes[i], s->model, &opts));
            s->lanes[i]->lane = true;
        }
    s->lane_count = s->opts.threads;
    return FT_OK;
}

static ft_array slice(const ft_array *a, int64_t from, int64_t count) {
    ft_array out = *a;
    out.shape[0] = 1;
    out.data = (char *)a->data + (size_t)from * ft_array_bytes(&out);
    out.shape[0] = count;
    return out;
}

typedef struct cut {
    ft_nn_session *s;
    const ft_array *inputs;
    ft_array *outputs;
    int64_t batch, part;
} cut;

/* One part on one lane; its outputs are copied to their place. */
static ft_err part_run(void *ctx, int i, int thread) {
    const cut *c = ctx;
    ft_nn_session *lane = c->s->lanes[thread];
    ft_array in[FT_NN_IO_MAX], out[FT_NN_IO_MAX];
    int64_t from = i * c->part;
    int64_t count = c->batch - from < c->part ? c->batch - from : c->part;
    for (int k = 0; k < c->s->graph->input_count; k++) in[k] = slice(&c->inputs[k], from, count);
    ft_arena_reset(&lane->handed);
    FT_TRY(ft_nn_run(lane, in, out, &lane->handed, NULL));
    for (int k = 0; k < c->s->graph->output_count; k++) {
        ft_array to = slice(&c->outputs[k], from, count);
        memcpy(to.data, out[k].data, ft_array_bytes(&to));
    }
    return FT_OK;
}

/* The outputs of the whole batch, from what a part's plan says. */
static ft_err outputs_take(const cut *c, ft_nn_session *lane, ft_arena *arena) {
    ft_array in[FT_NN_IO_MAX];
    ft_nn_plan *p;
    for (int i = 0; i < c->s->graph->input_count; i++) in[i] = slice(&c->inputs[i], 0, c->part);
    FT_TRY(ft_nn_plan_find(&p, lane, in, false));
    for (int i = 0; i < c->s->graph->output_count; i++) {
        c->outputs[i] = p->values[c->s->graph->outputs[i]];
        c->outputs[i].shape[0] = c->batch;
        FT_TRY(ft_arena_take(&c->outputs[i].data, arena, ft_array_bytes(&c->outputs[i])));
    }
    return FT_OK;
}

/* All plans are made by the calling thread: what can fail for want of memory fails here. */
static ft_err lanes_plan(const cut *c) {
    ft_array in[FT_NN_IO_MAX];
    ft_nn_plan *p;
    int64_t rest = c->batch % c->part;
    for (int k = 0; k < c->s->lane_count; k++)
        for (int last = 0; last < (rest ? 2 : 1); last++) {
            for (int i = 0; i < c->s->graph->input_count; i++)
                in[i] = slice(&c->inputs[i], 0, last ? rest : c->part);
            FT_TRY(ft_nn_plan_find(&p, c->s->lanes[k], in, false));
        }
    return FT_OK;
}

ft_err ft_nn_batch_run(ft_nn_session *s, int64_t part, const ft_array *inputs, ft_array *outputs,
                       ft_arena *arena) {
    cut c = { s, inputs, outputs, inputs[0].shape[0], part };
    int64_t parts = (c.batch + part - 1) / part;
    ft_err err = FT_OK;
    ft_dnn_threads(1);
    FT_TRY(lanes_make(s));
    FT_TRY(lanes_plan(&c));
    FT_TRY(outputs_take(&c, s->lanes[0], arena));
    if (s->team) return ft_nn_team_run(s->team, (int)parts, part_run, &c);
    for (int i = 0; i < parts && err == FT_OK; i++) err = part_run(&c, i, 0);
    return err;
}
