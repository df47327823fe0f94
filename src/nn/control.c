/* control.c -- If, Loop and Scan: nodes whose work is another graph. Their bodies run in sessions
 * of their own; what crosses the border is copied into the outer run's arena.
 *
 * Body inputs: what the node hands over by place, then what the body sees of the graph around it
 * (the node's captures, in order; graph.h). */
#include "base/buf.h"
#include "base/check.h"
#include "nn/session_in.h"

#define LOOP_RUNS_MAX ((int64_t)1 << 31)

bool ft_nn_is_control(const ft_nn_node *n) {
    const char *name = n->op->name;
    return strcmp(name, "If") == 0 || strcmp(name, "Loop") == 0 || strcmp(name, "Scan") == 0;
}

/* What a body run needs besides its formal inputs. */
typedef struct body {
    ft_nn_session *session;
    const ft_nn_graph *graph;
    size_t formals, captures;
    const ft_array *captured;
    ft_array in[2 * FT_NN_IO_MAX], out[FT_NN_IO_MAX];
} body;

static ft_err body_of(body *b, ft_nn_session *s, int node, int which, const ft_array *in) {
    const ft_nn_node *n = &s->graph->nodes[node];
    size_t skip = 0;
    int at = 0;
    for (size_t a = 0; a < n->attr_count; a++) {
        if (n->attrs[a].type != FT_NN_GRAPH) continue;
        const ft_nn_graph *g = n->attrs[a].graph;
        size_t formals = ft_nn_body_formals(n, g), captures = (size_t)g->input_count - formals;
        if (at++ == which) {
            b->session = s->bodies[node * FT_NN_BODIES_MAX + which];
            b->graph = g;
            b->formals = formals;
            b->captures = captures;
            b->captured = in + n->input_count - n->capture_count + skip;
            if (g->input_count > (int)FT_COUNT(b->in) || g->output_count > (int)FT_COUNT(b->out))
                return FT_FAIL(FT_ETOOBIG, "node '%.*s' (%s): its body has too many values",
                               FT_STR_ARG(n->name), n->op->name);
            return FT_OK;
        }
        skip += captures;
    }
    return FT_FAIL(FT_ECORRUPT, "node '%.*s' (%s): a body is missing", FT_STR_ARG(n->name),
                   n->op->name);
}

static ft_err body_run(body *b, ft_arena *arena) {
    memcpy(b->in + b->formals, b->captured, b->captures * sizeof *b->in);
    return ft_nn_run(b->session, b->in, b->out, arena, NULL);
}

static ft_err refuse(const ft_nn_node *n, const char *what) {
    return FT_FAIL(FT_EINVAL, "node '%.*s' (%s): %s", FT_STR_ARG(n->name), n->op->name, what);
}

static bool truth(const ft_array *a) {
    return ft_array_count(a) > 0 && ft_array_f64(a, 0) != 0; /* a bool, of any shape of one item */
}

/* ---- If */

static ft_err run_if(ft_nn_session *s, int node, const ft_array *in, ft_array *out) {
    const ft_nn_node *n = &s->graph->nodes[node];
    body b;
    int then_at = strcmp(n->attrs[0].name, "then_branch") == 0 ? 0 : 1;
    FT_TRY(body_of(&b, s, node, truth(&in[0]) ? then_at : 1 - then_at, in));
    FT_TRY(body_run(&b, &s->late));
    if ((size_t)b.graph->output_count < n->output_count)
        return refuse(n, "a branch has too few outputs");
    memcpy(out, b.out, n->output_count * sizeof *out);
    return FT_OK;
}

/* ---- outputs that are collected run by run along a new first axis */

typedef struct scan {
    ft_buf bytes;
    ft_array item; /* the first run's */
    int64_t runs;
} scan;

static ft_err scan_add(scan *c, const ft_nn_node *n, const ft_array *item) {
    if (c->runs == 0) c->item = *item;
    if (c->item.dtype != item->dtype || c->item.ndim != item->ndim ||
        memcmp(c->item.shape, item->shape, (size_t)item->ndim * sizeof *item->shape) != 0)
        return refuse(n, "an output of its body changes its shape from run to run");
    c->runs++;
    return ft_buf_add_n(&c->bytes, item->data, ft_array_bytes(item));
}

/* As one array; `backwards`: the last run first. */
static ft_err scan_end(ft_array *out, scan *c, const ft_nn_node *n, ft_arena *arena,
                       bool backwards) {
    if (c->item.ndim == FT_ARRAY_DIMS_MAX) return refuse(n, "an output has too many dimensions");
    size_t each = c->runs ? ft_array_bytes(&c->item) : 0;
    *out = (ft_array){ .dtype = c->item.dtype, .ndim = c->item.ndim + 1 };
    out->shape[0] = c->runs;
    memcpy(out->shape + 1, c->item.shape, (size_t)c->item.ndim * sizeof *out->shape);
    FT_TRY(ft_arena_take(&out->data, arena, each * (size_t)c->runs));
    for (int64_t i = 0; i < c->runs && each; i++)
        memcpy((char *)out->data + (size_t)i * each,
               c->bytes.at + (size_t)(backwards ? c->runs - 1 - i : i) * each, each);
    return FT_OK;
}

static ft_err array_copy(ft_array *to, const ft_array *from, ft_arena *arena) {
    size_t bytes = ft_array_bytes(from);
    *to = *from;
    FT_TRY(ft_arena_take(&to->data, arena, bytes));
    if (bytes) memcpy(to->data, from->data, bytes);
    return FT_OK;
}

/* What Loop and Scan share: carried values in two arenas by turns, and collected outputs. */
typedef struct looping {
    body b;
    ft_arena turn[2];
    ft_array carried[FT_NN_IO_MAX];
    scan scans[FT_NN_IO_MAX];
    size_t carried_count, scan_count;
} looping;

static void looping_fini(looping *l) {
    for (size_t i = 0; i < l->scan_count; i++) ft_buf_fini(&l->scans[i].bytes);
    ft_arena_fini(&l->turn[0]);
    ft_arena_fini(&l->turn[1]);
}

/* One run of the body; its outputs from `skip` on are carried values, then collected ones. */
static ft_err looping_run(looping *l, const ft_nn_node *n, int64_t turn, size_t skip) {
    ft_arena *arena = &l->turn[turn & 1];
    ft_arena_reset(arena);
    FT_TRY(body_run(&l->b, arena));
    memcpy(l->carried, l->b.out + skip, l->carried_count * sizeof *l->carried);
    for (size_t i = 0; i < l->scan_count; i++)
        FT_TRY(scan_add(&l->scans[i], n, &l->b.out[skip + l->carried_count + i]));
    return FT_OK;
}

/* A collected output of no run at all: its type and shape as far as the body's graph tells. */
static void scan_none(looping *l, size_t skip) {
    for (size_t i = 0; i < l->scan_count; i++) {
        const ft_nn_graph *g = l->b.session->graph;
        ft_array a = ft_nn_value_array(&g->values[g->outputs[skip + l->carried_count + i]]);
        if (l->scans[i].runs) continue;
        if (a.dtype == FT_DTYPE_COUNT) a.dtype = FT_F32;
        if (a.ndim < 0) a.ndim = 0;
        for (int k = 0; k < a.ndim; k++)
            if (a.shape[k] == FT_NN_DIM_ANY) a.shape[k] = 0;
        l->scans[i].item = a;
    }
}

static ft_err looping_begin(looping *l, ft_nn_session *s, int node, const ft_array *in,
                            size_t carried, size_t outputs) {
    const ft_nn_node *n = &s->graph->nodes[node];
    memset(l, 0, sizeof *l);
    FT_TRY(body_of(&l->b, s, node, 0, in));
    if (outputs < carried || outputs > FT_NN_IO_MAX) return refuse(n, "too few outputs");
    l->carried_count = carried;
    l->scan_count = outputs - carried;
    l->turn[0].limit_bytes = l->turn[1].limit_bytes = s->late.limit_bytes;
    return FT_OK;
}

/* ---- Loop */

static ft_err loop_runs(looping *l, ft_nn_session *s, int node, const ft_array *in) {
    const ft_nn_node *n = &s->graph->nodes[node];
    int64_t most = ft_nn_absent(&in[0]) ? INT64_MAX : (int64_t)ft_array_f64(&in[0], 0);
    bool again = ft_nn_absent(&in[1]) || truth(&in[1]);
    for (int64_t i = 0; again && i < most; i++) {
        if (i == LOOP_RUNS_MAX) return refuse(n, "it does not end");
        bool condition = true;
        l->b.in[0] = (ft_array){ .dtype = FT_I64, .data = &i };
        l->b.in[1] = (ft_array){ .dtype = FT_BOOL, .data = &condition };
        for (size_t k = 0; k < 2; k++) { /* some exporters declare them as one item */
            const ft_nn_value *v = &l->b.graph->values[l->b.graph->inputs[k]];
            l->b.in[k].ndim = v->ndim == 1;
            l->b.in[k].shape[0] = 1;
        }
        memcpy(l->b.in + 2, l->carried, l->carried_count * sizeof *l->carried);
        FT_TRY(looping_run(l, n, i, 1));
        again = truth(&l->b.out[0]);
    }
    return FT_OK;
}

static ft_err run_loop(ft_nn_session *s, int node, const ft_array *in, ft_array *out) {
    const ft_nn_node *n = &s->graph->nodes[node];
    size_t formals = n->input_count - n->capture_count;
    looping l;
    ft_err err;
    FT_TRY(looping_begin(&l, s, node, in, formals - 2, n->output_count));
    if ((size_t)l.b.graph->output_count < n->output_count + 1 || l.b.formals != formals)
        return refuse(n, "its body has another number of inputs or outputs");
    memcpy(l.carried, in + 2, l.carried_count * sizeof *l.carried);
    FT_GOTO(err, loop_runs(&l, s, node, in));
    scan_none(&l, 1);
    for (size_t i = 0; i < l.carried_count; i++)
        FT_GOTO(err, array_copy(&out[i], &l.carried[i], &s->late));
    for (size_t i = 0; i < l.scan_count; i++)
        FT_GOTO(err, scan_end(&out[l.carried_count + i], &l.scans[i], n, &s->late, false));
done:
    looping_fini(&l);
    return err;
}

/* ---- Scan. Axis 0 of what is read and written: other axes are the importer's to transpose. */

static bool backwards(const ft_nn_node *n, const char *attr, size_t i) {
    const int64_t *list;
    size_t count;
    return ft_nn_attr_ints(n, attr, &list, &count) && i < count && list[i] == 1;
}

static bool axes_zero(const ft_nn_node *n, const char *attr) {
    const int64_t *list;
    size_t count;
    if (!ft_nn_attr_ints(n, attr, &list, &count)) return true;
    for (size_t i = 0; i < count; i++)
        if (list[i] != 0) return false;
    return true;
}

static ft_err scan_runs(looping *l, ft_nn_session *s, int node, const ft_array *in, size_t reads) {
    const ft_nn_node *n = &s->graph->nodes[node];
    const ft_array *read = in + l->carried_count;
    int64_t runs = reads && read[0].ndim > 0 ? read[0].shape[0] : 0;
    for (size_t k = 0; k < reads; k++)
        if (read[k].ndim < 1 || read[k].shape[0] != runs)
            return refuse(n, "its inputs have different lengths");
    for (int64_t i = 0; i < runs; i++) {
        memcpy(l->b.in, l->carried, l->carried_count * sizeof *l->carried);
        for (size_t k = 0; k < reads; k++) {
            ft_array *item = &l->b.in[l->carried_count + k];
            *item = read[k];
            item->ndim--;
            memmove(item->shape, item->shape + 1, (size_t)item->ndim * sizeof *item->shape);
            int64_t at = backwards(n, "scan_input_directions", k) ? runs - 1 - i : i;
            item->data = (char *)read[k].data + (size_t)at * ft_array_bytes(item);
        }
        FT_TRY(looping_run(l, n, i, 0));
    }
    return FT_OK;
}

static ft_err run_scan(ft_nn_session *s, int node, const ft_array *in, ft_array *out) {
    const ft_nn_node *n = &s->graph->nodes[node];
    size_t formals = n->input_count - n->capture_count;
    size_t reads = (size_t)ft_nn_attr_int(n, "num_scan_inputs");
    looping l;
    ft_err err;
    if (reads > formals) return refuse(n, "num_scan_inputs is larger than its inputs");
    if (!axes_zero(n, "scan_input_axes") || !axes_zero(n, "scan_output_axes"))
        return FT_FAIL(FT_EUNSUPPORTED, "node '%.*s' (Scan): only axis 0 is supported",
                       FT_STR_ARG(n->name));
    FT_TRY(looping_begin(&l, s, node, in, formals - reads, n->output_count));
    if ((size_t)l.b.graph->output_count < n->output_count || l.b.formals != formals)
        return refuse(n, "its body has another number of inputs or outputs");
    memcpy(l.carried, in, l.carried_count * sizeof *l.carried);
    FT_GOTO(err, scan_runs(&l, s, node, in, reads));
    scan_none(&l, 0);
    for (size_t i = 0; i < l.carried_count; i++)
        FT_GOTO(err, array_copy(&out[i], &l.carried[i], &s->late));
    for (size_t i = 0; i < l.scan_count; i++)
        FT_GOTO(err, scan_end(&out[l.carried_count + i], &l.scans[i], n, &s->late,
                              backwards(n, "scan_output_directions", i)));
done:
    looping_fini(&l);
    return err;
}

ft_err ft_nn_control_run(ft_nn_session *s, int node, const ft_array *in, ft_array *out) {
    const char *name = s->graph->nodes[node].op->name;
    if (strcmp(name, "If") == 0) return run_if(s, node, in, out);
    if (strcmp(name, "Loop") == 0) return run_loop(s, node, in, out);
    return run_scan(s, node, in, out);
}
