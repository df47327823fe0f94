/* onnx_order.c -- the nodes of a graph in the order of their values, what bodies read of the graph
 * around them, and which operations are missing. See onnx_in.h. */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/check.h"
#include "nn/import/onnx_in.h"

#define NONE SIZE_MAX

bool onnx_default_domain(ft_str domain) { return domain.len == 0 || ft_str_is(domain, "ai.onnx"); }

const onnx_attr *onnx_attr_find(const onnx_node *n, const char *name) {
    for (size_t i = 0; i < n->attr_count; i++) {
        if (ft_str_is(n->attrs[i].name, name)) return &n->attrs[i];
    }
    return NULL;
}

const onnx_function *onnx_function_find(const onnx_model *m, ft_str domain, ft_str name) {
    for (size_t i = 0; i < m->function_count; i++) {
        const onnx_function *f = &m->functions[i];
        bool both = onnx_default_domain(domain) && onnx_default_domain(f->domain);
        if (ft_str_eq(f->name, name) && (both || ft_str_eq(f->domain, domain))) return f;
    }
    return NULL;
}

/* ---- sets of names: sorted arrays */

typedef struct name_at {
    ft_str name;
    size_t node; /* that computes it; NONE: an input or a tensor */
} name_at;

static int by_name(const void *a, const void *b) {
    return ft_str_cmp(((const name_at *)a)->name, ((const name_at *)b)->name);
}

static const name_at *name_find(const name_at *names, size_t count, ft_str name) {
    name_at key = { .name = name };
    return count ? bsearch(&key, names, count, sizeof *names, by_name) : NULL;
}

/* Names that the graph itself defines. */
static ft_err names_defined(name_at **out, size_t *count, ft_arena *arena, const onnx_graph *g) {
    size_t room = g->input_count + g->tensor_count, at = 0;
    onnx_tensor t;
    for (size_t i = 0; i < g->node_count; i++) room += g->nodes[i].out_count;
    FT_TRY(ft_arena_items(out, arena, room));
    for (size_t i = 0; i < g->input_count; i++) (*out)[at++] = (name_at){ g->inputs[i].name, NONE };
    for (size_t i = 0; i < g->tensor_count; i++) {
        FT_TRY(onnx_tensor_read(&t, g->tensors[i]));
        (*out)[at++] = (name_at){ t.name, NONE };
    }
    for (size_t i = 0; i < g->node_count; i++) {
        for (size_t k = 0; k < g->nodes[i].out_count; k++)
            (*out)[at++] = (name_at){ g->nodes[i].out[k], i };
    }
    if (at) qsort(*out, at, sizeof **out, by_name);
    *count = at;
    return FT_OK;
}

/* ---- what bodies read */

typedef struct name_list {
    ft_str *at;
    size_t count, room;
} name_list;

static ft_err list_add(name_list *l, ft_arena *arena, ft_str name) {
    if (l->count == l->room) {
        ft_str *more;
        size_t room = l->room ? l->room * 2 : 16;
        FT_TRY(ft_arena_items(&more, arena, room));
        if (l->count) memcpy(more, l->at, l->count * sizeof *more);
        l->at = more;
        l->room = room;
    }
    l->at[l->count++] = name;
    return FT_OK;
}

/* Everything that a node reads: its inputs and what its bodies read. */
static ft_err node_reads(name_list *l, ft_arena *arena, const onnx_node *n, int depth) {
    for (size_t i = 0; i < n->in_count; i++) {
        if (n->in[i].len) FT_TRY(list_add(l, arena, n->in[i]));
    }
    for (size_t i = 0; i < n->attr_count; i++) {
        onnx_graph body;
        ft_str *names;
        size_t count;
        if (n->attrs[i].type != ONNX_GRAPH || n->attrs[i].ref.len) continue;
        if (depth >= FT_NN_ONNX_DEPTH_MAX)
            return FT_FAIL(FT_ETOOBIG, "node '%.*s': bodies nest deeper than %d",
                           FT_STR_ARG(n->name), FT_NN_ONNX_DEPTH_MAX);
        FT_TRY(onnx_graph_read(&body, arena, n->attrs[i].bytes));
        FT_TRY(onnx_free_names(&names, &count, arena, &body, depth + 1));
        for (size_t k = 0; k < count; k++) FT_TRY(list_add(l, arena, names[k]));
    }
    return FT_OK;
}

static int by_text(const void *a, const void *b) {
    return ft_str_cmp(*(const ft_str *)a, *(const ft_str *)b);
}

ft_err onnx_free_names(ft_str **names, size_t *count, ft_arena *arena, const onnx_graph *g,
                       int depth) {
    name_at *own;
    size_t own_count, kept = 0;
    name_list l = { 0 };
    FT_TRY(names_defined(&own, &own_count, arena, g));
    for (size_t i = 0; i < g->node_count; i++) FT_TRY(node_reads(&l, arena, &g->nodes[i], depth));
    for (size_t i = 0; i < g->output_count; i++) FT_TRY(list_add(&l, arena, g->outputs[i].name));
    if (l.count) qsort(l.at, l.count, sizeof *l.at, by_text);
    for (size_t i = 0; i < l.count; i++) {
        if (kept && ft_str_eq(l.at[kept - 1], l.at[i])) continue;
        if (!name_find(own, own_count, l.at[i])) l.at[kept++] = l.at[i];
    }
    *names = l.at;
    *count = kept;
    return FT_OK;
}

/* ---- order */

typedef struct sorter {
    const onnx_graph *g;
    ft_arena *arena;
    const name_at *names;
    size_t name_count;
    name_list *reads;    /* of each node */
    size_t *next;        /* which of its reads is looked at */
    unsigned char *mark; /* 1: on the stack, 2: placed */
    size_t *stack, *order;
} sorter;

/* A node that must stand before `node` and is not placed yet, or NONE. */
static size_t waits_for(sorter *s, size_t node) {
    const name_list *reads = &s->reads[node];
    for (; s->next[node] < reads->count; s->next[node]++) {
        const name_at *at = name_find(s->names, s->name_count, reads->at[s->next[node]]);
        if (at && at->node != NONE && s->mark[at->node] != 2) return at->node;
    }
    return NONE;
}

/* Depth first: a node stands where it stood, after all that it reads. */
static ft_err place_all(sorter *s) {
    size_t placed = 0;
    for (size_t root = 0; root < s->g->node_count; root++) {
        size_t depth = 0;
        if (s->mark[root]) continue;
        s->stack[depth++] = root;
        s->mark[root] = 1;
        while (depth) {
            size_t node = s->stack[depth - 1], before = waits_for(s, node);
            if (before == NONE) {
                s->mark[node] = 2;
                s->order[placed++] = node;
                depth--;
            } else if (s->mark[before] == 1) {
                return FT_FAIL(FT_ECORRUPT, "node '%.*s' (%.*s) is part of a cycle",
                               FT_STR_ARG(s->g->nodes[before].name),
                               FT_STR_ARG(s->g->nodes[before].op));
            } else {
                s->mark[before] = 1;
                s->stack[depth++] = before;
            }
        }
    }
    return FT_OK;
}

ft_err onnx_order(onnx_graph *g, ft_arena *arena) {
    sorter s = { .g = g, .arena = arena };
    name_at *names;
    onnx_node *sorted;
    size_t n = g->node_count;
    FT_TRY(names_defined(&names, &s.name_count, arena, g));
    s.names = names;
    FT_TRY(ft_arena_items(&s.reads, arena, n));
    FT_TRY(ft_arena_items(&s.next, arena, n));
    FT_TRY(ft_arena_items(&s.mark, arena, n));
    FT_TRY(ft_arena_items(&s.stack, arena, n));
    FT_TRY(ft_arena_items(&s.order, arena, n));
    FT_TRY(ft_arena_items(&sorted, arena, n));
    for (size_t i = 0; i < n; i++) FT_TRY(node_reads(&s.reads[i], arena, &g->nodes[i], 0));
    FT_TRY(place_all(&s));
    for (size_t i = 0; i < n; i++) sorted[i] = g->nodes[s.order[i]];
    g->nodes = sorted;
    return FT_OK;
}

/* ---- what is missing */

#define MISSING_MAX 32
typedef struct missing {
    const onnx_model *m;
    ft_arena *arena;
    const onnx_node *nodes[MISSING_MAX];
    size_t count, uses;
    bool *seen; /* functions that are, or are being, looked into */
} missing;

static ft_err nodes_look(missing *l, const onnx_node *nodes, size_t count, int depth);

static void missing_add(missing *l, const onnx_node *n) {
    l->uses++;
    for (size_t i = 0; i < l->count; i++) {
        if (ft_str_eq(l->nodes[i]->op, n->op) && ft_str_eq(l->nodes[i]->domain, n->domain)) return;
    }
    if (l->count < MISSING_MAX) l->nodes[l->count++] = n;
}

static ft_err node_look(missing *l, const onnx_node *n, int depth) {
    const onnx_function *f = onnx_function_find(l->m, n->domain, n->op);
    if (depth > FT_NN_ONNX_DEPTH_MAX)
        return FT_FAIL(FT_ETOOBIG, "node '%.*s': functions and bodies nest deeper than %d",
                       FT_STR_ARG(n->name), FT_NN_ONNX_DEPTH_MAX);
    for (size_t i = 0; i < n->attr_count; i++) {
        onnx_graph body;
        if (n->attrs[i].type != ONNX_GRAPH || n->attrs[i].ref.len) continue;
        FT_TRY(onnx_graph_read(&body, l->arena, n->attrs[i].bytes));
        FT_TRY(nodes_look(l, body.nodes, body.node_count, depth + 1));
    }
    if (f) {
        if (l->seen[f - l->m->functions]) return FT_OK;
        l->seen[f - l->m->functions] = true;
        return nodes_look(l, f->nodes, f->node_count, depth + 1);
    }
    if (!onnx_default_domain(n->domain) || (!ft_nn_op_find(n->op) && !onnx_upgrade_knows(n->op)))
        missing_add(l, n);
    return FT_OK;
}

static ft_err nodes_look(missing *l, const onnx_node *nodes, size_t count, int depth) {
    for (size_t i = 0; i < count; i++) FT_TRY(node_look(l, &nodes[i], depth));
    return FT_OK;
}

ft_err onnx_ops_known(const onnx_model *m, const onnx_graph *g, ft_arena *arena) {
    missing l = { .m = m, .arena = arena };
    ft_buf text = { 0 };
    FT_TRY(ft_arena_items(&l.seen, arena, m->function_count));
    FT_TRY(nodes_look(&l, g->nodes, g->node_count, 0));
    if (l.count == 0) return FT_OK;
    for (size_t i = 0; i < l.count; i++) {
        const onnx_node *n = l.nodes[i];
        ft_buf_printf(&text, "%s'%.*s%s%.*s' (node '%.*s')", i ? ", " : "", FT_STR_ARG(n->domain),
                      n->domain.len ? "." : "", FT_STR_ARG(n->op), FT_STR_ARG(n->name));
    }
    ft_err err = FT_FAIL(FT_EUNSUPPORTED, "%zu node%s of operations that are not supported: %.*s",
                         l.uses, l.uses == 1 ? "" : "s", FT_STR_ARG(ft_buf_str(&text)));
    ft_buf_fini(&text);
    return err;
}
