/* place.c -- where values live: every value that a plan computes gets its place in one block of
 * memory, shared with values that live at other times.
 *
 * A value is alive from the step that writes it to the last that reads it; a view and an output
 * that is written over an input live in the input's memory. Places are found by spans.c. */
#include <stdlib.h>

#include "base/check.h"
#include "nn/post.h"
#include "nn/session_in.h"
#include "nn/spans.h"

typedef struct placing {
    ft_nn_plan *p;
    const ft_nn_session *s;
    int *last; /* by value: the last step that needs it; of a root: that needs its memory */
    ft_nn_span *spans;
    int span_count;
} placing;

static int root_of(const ft_nn_plan *p, int v) {
    while (p->place[v].root != v) v = p->place[v].root;
    return v;
}

static void join(placing *c, int v, int root) {
    c->p->place[v].root = root;
    c->p->place[v].mine = false;
    if (c->last[v] > c->last[root]) c->last[root] = c->last[v];
}

/* ---- who lives in whose memory */

static void uses_count(placing *c) {
    const ft_nn_graph *g = c->s->graph;
    for (int v = 0; v < g->value_count; v++) c->last[v] = -1, c->p->place[v].root = v;
    for (int i = 0; i < c->p->step_count; i++) {
        const ft_nn_node *n = c->p->steps[i].node;
        for (size_t k = 0; k < n->output_count; k++) {
            if (n->outputs[k] == FT_NN_NONE) continue;
            c->last[n->outputs[k]] = i;
            c->p->place[n->outputs[k]].mine = !c->p->steps[i].skip && !c->p->steps[i].late;
        }
        for (size_t k = 0; k < n->input_count && !c->p->steps[i].skip; k++)
            if (n->inputs[k] != FT_NN_NONE) c->last[n->inputs[k]] = i;
    }
    for (int i = 0; i < g->output_count; i++) c->last[g->outputs[i]] = c->p->step_count;
}

static void views_join(placing *c) {
    for (int i = c->p->step_count - 1; i >= 0; i--) { /* so that uses travel up along chains */
        const ft_nn_step *step = &c->p->steps[i];
        if (!step->node->op->view || step->skip || step->late) continue;
        join(c, step->node->outputs[0], step->node->inputs[0]);
    }
}

/* May the step write its output over input `k`? Only when nobody needs that memory afterwards, and
 * no other input lies in it in another shape. */
static bool over_input(const placing *c, int i, size_t k) {
    const ft_nn_step *step = &c->p->steps[i];
    const ft_nn_node *n = step->node;
    if (k >= n->input_count || n->inputs[k] == FT_NN_NONE || n->outputs[0] == FT_NN_NONE)
        return false;
    int root = root_of(c->p, n->inputs[k]);
    if (!c->p->place[root].mine || c->last[root] != i) return false;
    if (ft_array_bytes(&step->in[k]) != ft_array_bytes(&step->out[0])) return false;
    for (size_t other = 0; other < n->input_count; other++)
        if (other != k && n->inputs[other] != FT_NN_NONE &&
            root_of(c->p, n->inputs[other]) == root &&
            (!n->op->elementwise ||
             ft_array_count(&step->in[other]) != ft_array_count(&step->in[k])))
            return false;
    return true;
}

static void overs_join(placing *c) {
    for (int i = 0; i < c->p->step_count; i++) {
        const ft_nn_step *step = &c->p->steps[i];
        if (step->skip || step->late || step->node->op->view) continue;
        int sum = c->p->careful ? -1 : ft_nn_post_sum_input(step->node); /* added afterwards */
        if (!step->node->op->in_place && sum < 0) continue;
        size_t k = sum < 0 ? 0 : (size_t)sum;
        if (over_input(c, i, k))
            join(c, step->node->outputs[0], root_of(c->p, step->node->inputs[k]));
    }
}

/* ---- places */

/* Each thread that runs parts has its own. */
static size_t scratch_bytes(const ft_nn_session *s, const ft_nn_step *step) {
    return step->scratch_bytes * (step->part_count ? (size_t)s->opts.threads : 1);
}

static void spans_collect(placing *c) {
    const ft_nn_graph *g = c->s->graph;
    for (int v = 0; v < g->value_count; v++) {
        if (!c->p->place[v].mine) continue;
        c->spans[c->span_count++] =
            (ft_nn_span){ .bytes = ft_nn_span_bytes(ft_array_bytes(&c->p->values[v])),
                          .from = g->values[v].producer,
                          .to = c->last[v],
                          .value = v,
                          .step = -1 };
    }
    for (int i = 0; i < c->p->step_count; i++)
        if (c->p->steps[i].scratch_bytes)
            c->spans[c->span_count++] =
                (ft_nn_span){ .bytes = ft_nn_span_bytes(scratch_bytes(c->s, &c->p->steps[i])),
                              .from = i,
                              .to = i,
                              .value = -1,
                              .step = i };
}

static ft_err spans_place(placing *c) {
    FT_TRY(ft_nn_spans_place(c->spans, c->span_count, &c->p->memory_bytes));
    for (int i = 0; i < c->span_count; i++) {
        const ft_nn_span *s = &c->spans[i];
        if (s->value >= 0)
            c->p->place[s->value].at = s->at;
        else
            c->p->steps[s->step].scratch_at = s->at;
    }
    return FT_OK;
}

/* The two largest activations, inputs included: what memory is measured against. */
static size_t largest_two(const ft_nn_plan *p, const ft_nn_graph *g) {
    size_t first = 0, second = 0;
    for (int v = 0; v < g->value_count; v++) {
        if (p->fixed[v] || !ft_nn_array_known(&p->values[v])) continue;
        if (p->place[v].root != v) continue;
        size_t bytes = ft_array_bytes(&p->values[v]);
        if (bytes > first)
            second = first, first = bytes;
        else if (bytes > second)
            second = bytes;
    }
    return first + second;
}

ft_err ft_nn_plan_place(ft_nn_plan *p, const ft_nn_session *s) {
    placing c = { .p = p, .s = s };
    ft_arena scratch = FT_ARENA_INIT(0);
    size_t most = (size_t)s->graph->value_count + (size_t)p->step_count;
    ft_err err;
    FT_GOTO(err, ft_arena_items(&c.last, &scratch, (size_t)s->graph->value_count));
    FT_GOTO(err, ft_arena_items(&c.spans, &scratch, most));
    uses_count(&c);
    views_join(&c);
    overs_join(&c);
    spans_collect(&c);
    FT_GOTO(err, spans_place(&c));
    for (int v = 0; v < s->graph->value_count; v++) p->place[v].root = root_of(p, v);
    p->largest_two_bytes = largest_two(p, s->graph);
done:
    ft_arena_fini(&scratch);
    return err;
}
