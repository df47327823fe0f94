/* layout.c -- channels-last inside, as it was given at the edge.
 *
 * oneDNN's convolutions run as fast on (n, spatial …, c) as on its blocked layouts (measured: 118
 * of 118 GFLOP/s peak on a Zen 4 core for ResNet's shapes, the same kernels), and plain C order
 * keeps every other operation simple. So the pass walks the nodes once and keeps, for each value,
 * up to two forms: as given, and channels-last. An operation takes the form that suits it; a
 * Transpose is made only where a form is missing, and a Transpose of the model that only changes
 * between the two forms disappears. */
#include "base/check.h"
#include "nn/passes/pass.h"

typedef struct layout {
    ft_nn_graph *g;
    ft_arena scratch;
    int *given, *last; /* by value: the value that holds this form, or NONE */
    int capacity;      /* of the two */
    ft_nn_node *nodes; /* the new list */
    int count, room;
} layout;

#define NODES_EXTRA 4 /* transposes that one node may ask for, beside one an input */

static ft_err emit(layout *l, const ft_nn_node *n) {
    if (l->count == l->room) {
        ft_nn_node *more;
        FT_TRY(ft_arena_items(&more, &l->scratch, (size_t)l->room * 2));
        memcpy(more, l->nodes, (size_t)l->count * sizeof *more);
        l->nodes = more;
        l->room *= 2;
    }
    l->nodes[l->count++] = *n;
    return FT_OK;
}

/* ---- forms */

/* Where axis `a` of the given form lies in the other. */
static int to_last(int a, int ndim) { return a == 0 ? 0 : a == 1 ? ndim - 1 : a - 1; }
static int to_given(int a, int ndim) { return a == 0 ? 0 : a == ndim - 1 ? 1 : a + 1; }

/* Lines (sound: one spatial axis) stay as they are: see ops/conv_kernel.c. */
static bool can_turn(const layout *l, int v) {
    return v != FT_NN_NONE && l->g->values[v].ndim >= 4;
}
static int *form(layout *l, int v, bool last) { return last ? &l->last[v] : &l->given[v]; }

/* New values come after the old ones: they have one form, themselves. */
static ft_err value_new(int *out, layout *l, int like, bool last) {
    ft_str name = { 0 };
    const ft_nn_value *old = &l->g->values[like];
    if (last) FT_TRY(ft_arena_printf(&name, &l->scratch, "%.*s:last", FT_STR_ARG(old->name)));
    if (ft_nn_value_find(l->g, name) != FT_NN_NONE) name = (ft_str){ 0 };
    FT_TRY(ft_nn_value_add(out, l->g, name, FT_NN_VALUE));
    return FT_OK;
}

static void shape_turned(ft_nn_value *to, const ft_nn_value *from, bool last) {
    to->dtype = from->dtype;
    to->ndim = from->ndim;
    for (int i = 0; i < from->ndim; i++)
        to->shape[last ? to_last(i, from->ndim) : to_given(i, from->ndim)] = from->shape[i];
}

/* All spatial sizes are 1: turning moves no byte. */
static bool is_flat(const ft_nn_value *v) {
    for (int i = 2; i < v->ndim; i++)
        if (v->shape[i] != 1) return false;
    return v->shape[1] != FT_NN_DIM_ANY;
}

static ft_err turn_node(ft_nn_node *n, layout *l, int v, int from, bool last) {
    const ft_nn_value *value = &l->g->values[v];
    int64_t list[FT_ARRAY_DIMS_MAX];
    int inputs[2] = { from, 0 };
    for (int i = 0; i < value->ndim; i++)
        list[i] = last ? to_given(i, value->ndim) : to_last(i, value->ndim);
    ft_nn_attr perm = {
        .name = "perm", .type = FT_NN_INTS, .ints = list, .count = (size_t)value->ndim
    };
    if (!is_flat(value))
        return ft_nn_node_make(n, l->g,
                               &(ft_nn_node_spec){ .op = "Transpose",
                                                   .attrs = &perm,
                                                   .attr_count = 1,
                                                   .inputs = inputs,
                                                   .input_count = 1 });
    for (int i = 0; i < value->ndim; i++) list[i] = i ? 1 : 0; /* 0: as the input's */
    list[last ? value->ndim - 1 : 1] = value->shape[1];
    FT_TRY(ft_nn_const_ints(&inputs[1], l->g, list, (size_t)value->ndim));
    return ft_nn_node_make(
        n, l->g, &(ft_nn_node_spec){ .op = "Reshape", .inputs = inputs, .input_count = 2 });
}

/* The value in the form asked for; turned if it is not there. */
static ft_err take(int *out, layout *l, int v, bool last) {
    ft_nn_node n;
    if (*form(l, v, last) == FT_NN_NONE) {
        int to = v, *outputs;
        FT_TRY(turn_node(&n, l, v, *form(l, v, !last), last));
        if (last) FT_TRY(value_new(&to, l, v, true));
        FT_TRY(ft_arena_items(&outputs, &l->g->arena, 1));
        outputs[0] = to;
        n.outputs = outputs;
        n.output_count = 1;
        FT_TRY(emit(l, &n));
        if (last) shape_turned(&l->g->values[to], &l->g->values[v], true);
        *form(l, v, last) = to;
    }
    *out = *form(l, v, last);
    return FT_OK;
}

/* ---- nodes */

/* As it stands, on given forms. */
static ft_err keep(layout *l, const ft_nn_node *n) {
    ft_nn_node copy = *n;
    int inputs[2 * FT_NN_IO_MAX];
    for (size_t i = 0; i < n->input_count; i++) {
        inputs[i] = FT_NN_NONE;
        if (n->inputs[i] != FT_NN_NONE) FT_TRY(take(&inputs[i], l, n->inputs[i], false));
    }
    FT_TRY(ft_nn_node_inputs_set(l->g, &copy, inputs, n->input_count));
    for (size_t i = 0; i < n->output_count; i++)
        if (n->outputs[i] != FT_NN_NONE) l->given[n->outputs[i]] = n->outputs[i];
    return emit(l, &copy);
}

/* With `inputs`, its outputs channels-last. */
static ft_err turned(layout *l, ft_nn_node *n, const int *inputs) {
    int *outputs;
    FT_TRY(ft_nn_node_inputs_set(l->g, n, inputs, n->input_count));
    FT_TRY(ft_arena_items(&outputs, &l->g->arena, n->output_count));
    for (size_t i = 0; i < n->output_count; i++) {
        int v = outputs[i] = n->outputs[i];
        if (v == FT_NN_NONE) continue;
        FT_TRY(value_new(&outputs[i], l, v, true));
        shape_turned(&l->g->values[outputs[i]], &l->g->values[v], true);
        l->last[v] = outputs[i];
        l->given[v] = FT_NN_NONE;
    }
    n->outputs = outputs;
    return emit(l, n);
}

/* Convolutions, pools, batch norm: `ft_last`. */
static bool has_last(const ft_nn_node *n) {
    for (const ft_nn_attr_row *r = n->op->attrs; r && r->name; r++)
        if (strcmp(r->name, "ft_last") == 0) return n->output_count == 1;
    return false;
}

static ft_err kernel_node(layout *l, const ft_nn_node *n) {
    ft_nn_node copy = *n;
    int inputs[FT_NN_IO_MAX];
    memcpy(inputs, n->inputs, n->input_count * sizeof *inputs);
    FT_TRY(take(&inputs[0], l, n->inputs[0], true));
    for (size_t i = 1; i < n->input_count; i++)
        if (inputs[i] != FT_NN_NONE) FT_TRY(take(&inputs[i], l, inputs[i], false));
    ft_nn_attr last = { .name = "ft_last", .type = FT_NN_INT, .i = 1 };
    FT_TRY(ft_nn_node_attr_set(l->g, &copy, &last));
    return turned(l, &copy, inputs);
}

/* Does an input have only the channels-last form? Then what follows takes it as well. */
static bool leans_last(const layout *l, const ft_nn_node *n, size_t inputs) {
    for (size_t i = 0; i < inputs && i < n->input_count; i++)
        if (can_turn(l, n->inputs[i]) && l->given[n->inputs[i]] == FT_NN_NONE) return true;
    return false;
}

/* A constant of fewer dimensions, as one of `ndim`: ones in front. */
static ft_err widened(int *out, layout *l, int v, int ndim) {
    ft_array a = ft_nn_value_array(&l->g->values[v]);
    int64_t shape[FT_ARRAY_DIMS_MAX];
    for (int i = 0; i < ndim; i++) shape[i] = i < ndim - a.ndim ? 1 : a.shape[i - (ndim - a.ndim)];
    memcpy(a.shape, shape, sizeof shape);
    a.ndim = ndim;
    FT_TRY(ft_nn_data(out, l->g, (ft_str){ 0 }, l->g->values[v].role, &a, false));
    return FT_OK;
}

/* Elementwise: every input that has the output's dimensions turns; a scalar stays; smaller
 * constants are widened first. False in `out` when an input cannot. */
static ft_err elementwise_inputs(bool *can, layout *l, const ft_nn_node *n, int *inputs) {
    int ndim = l->g->values[n->outputs[0]].ndim;
    *can = ndim >= 4;
    for (size_t i = 0; i < n->input_count && *can; i++) {
        int v = inputs[i] = n->inputs[i];
        if (v == FT_NN_NONE || l->g->values[v].ndim == 0) continue;
        if (l->g->values[v].ndim == ndim) continue;
        *can = ft_nn_is_data(l->g, v) && l->g->values[v].ndim < ndim;
    }
    for (size_t i = 0; i < n->input_count && *can; i++) {
        int v = n->inputs[i];
        if (v == FT_NN_NONE || l->g->values[v].ndim == 0) continue;
        if (l->g->values[v].ndim == ndim) {
            FT_TRY(take(&inputs[i], l, v, true));
            continue;
        }
        int wide, turned_to, *outputs;
        ft_nn_node turn;
        FT_TRY(widened(&wide, l, v, ndim));
        FT_TRY(turn_node(&turn, l, wide, wide, true));
        FT_TRY(value_new(&turned_to, l, wide, true));
        FT_TRY(ft_arena_items(&outputs, &l->g->arena, 1));
        outputs[0] = inputs[i] = turned_to;
        turn.outputs = outputs;
        turn.output_count = 1;
        FT_TRY(emit(l, &turn));
    }
    return FT_OK;
}

static ft_err elementwise_node(layout *l, const ft_nn_node *n) {
    ft_nn_node copy = *n;
    int inputs[FT_NN_IO_MAX];
    bool can;
    FT_TRY(elementwise_inputs(&can, l, n, inputs));
    return can ? turned(l, &copy, inputs) : keep(l, n);
}

/* ---- operations along axes */

typedef struct axis_row {
    const char *op;
    int data_inputs;   /* that turn; -1: all */
    bool attr;         /* `axis` as an attribute */
    int axes_input;    /* axes as a constant input, after which the node's numbers count; 0: none */
    int numbers_input; /* how many axes there are when that input is absent: items of this input */
} axis_row;

static const axis_row axis_rows[] = {
    { "Concat", -1, true, 0, 0 },    { "Split", 1, true, 0, 0 },  { "Softmax", 1, true, 0, 0 },
    { "LogSoftmax", 1, true, 0, 0 }, { "Slice", 1, false, 3, 1 }, { "Pad", 1, false, 3, 0 },
};

static const axis_row *axis_row_of(const ft_nn_node *n) {
    for (size_t i = 0; i < FT_COUNT(axis_rows); i++)
        if (ft_nn_is_op(n, axis_rows[i].op)) return &axis_rows[i];
    return NULL;
}

/* Axes of an input, turned; all of `ndim` (or as many as another input has items) when absent. */
static ft_err axes_turned(int *out, layout *l, const ft_nn_node *n, int input, int numbers,
                          int ndim) {
    int64_t axes[FT_ARRAY_DIMS_MAX];
    int count = ndim, v = (size_t)input < n->input_count ? n->inputs[input] : FT_NN_NONE;
    *out = FT_NN_NONE;
    if (v == FT_NN_NONE && numbers) count = (int)l->g->values[n->inputs[numbers]].shape[0];
    if (v != FT_NN_NONE) count = (int)l->g->values[v].shape[0];
    if (count < 0 || count > ndim || (v != FT_NN_NONE && !ft_nn_is_data(l->g, v))) return FT_OK;
    ft_array a = v == FT_NN_NONE ? ft_nn_no_array() : ft_nn_value_array(&l->g->values[v]);
    for (int i = 0; i < count; i++) {
        int64_t axis = v == FT_NN_NONE ? i : (int64_t)ft_array_f64(&a, i);
        if (axis < -ndim || axis >= ndim) return FT_OK;
        axes[i] = to_last((int)(axis < 0 ? axis + ndim : axis), ndim);
    }
    return ft_nn_const_ints(out, l->g, axes, (size_t)count);
}

static ft_err axis_node(layout *l, const ft_nn_node *n, const axis_row *row) {
    ft_nn_node copy = *n;
    int inputs[FT_NN_IO_MAX + 4], ndim = l->g->values[n->inputs[0]].ndim;
    size_t data = row->data_inputs < 0 ? n->input_count : (size_t)row->data_inputs;
    for (size_t i = 0; i < FT_COUNT(inputs); i++)
        inputs[i] = i < n->input_count ? n->inputs[i] : FT_NN_NONE;
    for (size_t i = 0; i < data; i++)
        if (inputs[i] == FT_NN_NONE || l->g->values[inputs[i]].ndim != ndim) return keep(l, n);
    if (row->axes_input) {
        FT_TRY(
            axes_turned(&inputs[row->axes_input], l, n, row->axes_input, row->numbers_input, ndim));
        if (inputs[row->axes_input] == FT_NN_NONE) return keep(l, n);
        if (copy.input_count < (size_t)row->axes_input + 1)
            copy.input_count = (size_t)row->axes_input + 1;
    }
    if (row->attr) {
        int64_t axis = ft_nn_attr_int(n, "axis");
        if (axis < -ndim || axis >= ndim) return keep(l, n);
        ft_nn_attr at = { .name = "axis",
                          .type = FT_NN_INT,
                          .i = to_last((int)(axis < 0 ? axis + ndim : axis), ndim) };
        FT_TRY(ft_nn_node_attr_set(l->g, &copy, &at));
    }
    for (size_t i = 0; i < data; i++) FT_TRY(take(&inputs[i], l, n->inputs[i], true));
    for (size_t i = data; i < n->input_count; i++)
        if (inputs[i] != FT_NN_NONE && (int)i != row->axes_input)
            FT_TRY(take(&inputs[i], l, inputs[i], false));
    return turned(l, &copy, inputs);
}

/* Resize names its axes in an attribute. */
static ft_err resize_node(layout *l, const ft_nn_node *n) {
    ft_nn_node copy = *n;
    int inputs[FT_NN_IO_MAX], ndim = l->g->values[n->inputs[0]].ndim;
    int64_t axes[FT_ARRAY_DIMS_MAX];
    const int64_t *given;
    size_t count;
    if (!ft_nn_attr_ints(n, "axes", &given, &count)) count = (size_t)ndim, given = NULL;
    for (size_t i = 0; i < count; i++) {
        int64_t axis = given ? given[i] : (int64_t)i;
        if (axis < -ndim || axis >= ndim) return keep(l, n);
        axes[i] = to_last((int)(axis < 0 ? axis + ndim : axis), ndim);
    }
    ft_nn_attr at = { .name = "axes", .type = FT_NN_INTS, .ints = axes, .count = count };
    FT_TRY(ft_nn_node_attr_set(l->g, &copy, &at));
    memcpy(inputs, n->inputs, n->input_count * sizeof *inputs);
    FT_TRY(take(&inputs[0], l, n->inputs[0], true));
    for (size_t i = 1; i < n->input_count; i++)
        if (inputs[i] != FT_NN_NONE) FT_TRY(take(&inputs[i], l, inputs[i], false));
    return turned(l, &copy, inputs);
}

/* Reductions with their axes kept turn; over all spatial axes without keeping, (n, c) is left. */
static ft_err reduce_node(layout *l, const ft_nn_node *n) {
    ft_nn_node copy = *n;
    int inputs[2] = { FT_NN_NONE, FT_NN_NONE }, ndim = l->g->values[n->inputs[0]].ndim;
    bool keeps = ft_nn_attr_int(n, "keepdims") != 0, spatial = false;
    int v = n->input_count > 1 ? n->inputs[1] : FT_NN_NONE;
    if (v == FT_NN_NONE || !ft_nn_is_data(l->g, v)) return keep(l, n);
    ft_array axes = ft_nn_value_array(&l->g->values[v]);
    if (axes.ndim != 1 || axes.shape[0] > ndim || axes.shape[0] == 0) return keep(l, n);
    uint32_t set = 0;
    for (int64_t i = 0; i < axes.shape[0]; i++) {
        int64_t axis = (int64_t)ft_array_f64(&axes, i);
        if (axis < -ndim || axis >= ndim) return keep(l, n);
        set |= 1u << (axis < 0 ? axis + ndim : axis);
    }
    spatial = set == ((1u << ndim) - 1) - 3;
    if (!keeps && !spatial) return keep(l, n);
    FT_TRY(take(&inputs[0], l, n->inputs[0], true));
    FT_TRY(axes_turned(&inputs[1], l, n, 1, 0, ndim));
    if (keeps) return turned(l, &copy, inputs);
    FT_TRY(ft_nn_node_inputs_set(l->g, &copy, inputs, 2));
    l->given[n->outputs[0]] = n->outputs[0];
    return emit(l, &copy);
}

/* ---- the model's own transposes */

static bool perm_of(int64_t perm[FT_ARRAY_DIMS_MAX], const ft_nn_node *n, int ndim) {
    const int64_t *list;
    size_t count;
    bool given = ft_nn_attr_ints(n, "perm", &list, &count);
    if (given && (int)count != ndim) return false;
    for (int i = 0; i < ndim; i++) {
        perm[i] = given ? list[i] : ndim - 1 - i;
        if (perm[i] < 0 || perm[i] >= ndim) return false;
    }
    return true;
}

static ft_err transpose_node(layout *l, const ft_nn_node *n) {
    int v = n->inputs[0], out = n->outputs[0], ndim = l->g->values[v].ndim;
    int64_t perm[FT_ARRAY_DIMS_MAX];
    if (!perm_of(perm, n, ndim)) return keep(l, n);
    bool takes_last = true, gives_last = true; /* given from last, last from given */
    for (int i = 0; i < ndim; i++) {
        takes_last &= to_last((int)perm[i], ndim) == i;
        gives_last &= perm[to_given(i, ndim)] == i;
    }
    if (takes_last && l->last[v] != FT_NN_NONE) {
        l->given[out] = l->last[v];
        return FT_OK;
    }
    if (gives_last && l->given[v] != FT_NN_NONE) {
        l->last[out] = l->given[v];
        l->given[out] = FT_NN_NONE;
        return FT_OK;
    }
    if (l->given[v] != FT_NN_NONE) return keep(l, n);
    ft_nn_node copy = *n; /* only the other form is there: one transpose from it instead of two */
    for (int i = 0; i < ndim; i++) perm[i] = to_last((int)perm[i], ndim);
    ft_nn_attr at = { .name = "perm", .type = FT_NN_INTS, .ints = perm, .count = (size_t)ndim };
    FT_TRY(ft_nn_node_attr_set(l->g, &copy, &at));
    FT_TRY(ft_nn_node_inputs_set(l->g, &copy, &l->last[v], 1));
    l->given[out] = out;
    return emit(l, &copy);
}

/* ---- the walk */

static ft_err node_lay(layout *l, const ft_nn_node *n) {
    bool turnable = n->input_count > 0 && can_turn(l, n->inputs[0]);
    const axis_row *axes = axis_row_of(n);
    if (has_last(n) && turnable) return kernel_node(l, n);
    if (ft_nn_is_op(n, "Transpose") && turnable) return transpose_node(l, n);
    if (n->capture_count || n->output_count < 1 || n->outputs[0] == FT_NN_NONE) return keep(l, n);
    if (n->op->elementwise && leans_last(l, n, n->input_count)) return elementwise_node(l, n);
    if (!turnable || !leans_last(l, n, axes && axes->data_inputs < 0 ? n->input_count : 1))
        return keep(l, n);
    if (axes) return axis_node(l, n, axes);
    if (ft_nn_is_op(n, "Resize")) return resize_node(l, n);
    if (strncmp(n->op->name, "Reduce", 6) == 0) return reduce_node(l, n);
    return keep(l, n);
}

static ft_err walk(layout *l) {
    ft_nn_graph *g = l->g;
    ft_nn_node *nodes = g->nodes;
    int values = g->value_count, count = g->node_count;
    for (int v = 0; v < values; v++) {
        l->last[v] = FT_NN_NONE;
        l->given[v] = g->values[v].producer == FT_NN_NONE ? v : FT_NN_NONE;
    }
    for (int i = 0; i < count; i++) FT_TRY(node_lay(l, &nodes[i]));
    for (int i = 0; i < g->output_count; i++) FT_TRY(take(&g->outputs[i], l, g->outputs[i], false));
    FT_TRY(ft_nn_nodes_set(g, l->nodes, l->count));
    return FT_OK;
}

ft_err ft_nn_pass_layout(ft_nn_graph *g) {
    layout l = { .g = g, .room = g->node_count * 2 + NODES_EXTRA };
    ft_err err;
    FT_GOTO(err, ft_arena_items(&l.given, &l.scratch, (size_t)g->value_count));
    FT_GOTO(err, ft_arena_items(&l.last, &l.scratch, (size_t)g->value_count));
    FT_GOTO(err, ft_arena_items(&l.nodes, &l.scratch, (size_t)l.room));
    FT_GOTO(err, walk(&l));
    FT_GOTO(err, ft_nn_graph_check(g));
done:
    ft_arena_fini(&l.scratch);
    return err;
}
