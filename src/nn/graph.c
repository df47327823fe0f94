/* graph.c -- see graph.h: building a graph and looking into it. */
#include "nn/graph.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "nn/graph_in.h"

#define GRAPH_BYTES_MAX ((size_t)16 << 30) /* weights that were copied, and the graph itself */
#define VALUES_MAX      (1 << 24)
#define TABLE_MIN       64

typedef struct kept {
    struct kept *next;
    void *thing;
    void (*free)(void *thing);
} kept;

struct ft_nn_graph_own {
    int value_capacity, node_capacity, input_capacity, output_capacity;
    int *table; /* by name, open addressing: value + 1, 0 free */
    uint32_t table_size;
    int unnamed;
    kept *kept;
};

/* ---- life */

ft_err ft_nn_graph_new(ft_nn_graph **out, ft_str name) {
    *out = NULL;
    ft_nn_graph *g = ft_fault_here() ? NULL : calloc(1, sizeof *g);
    if (!g) return FT_FAIL(FT_ENOMEM, "no memory for a graph");
    g->arena = (ft_arena)FT_ARENA_INIT(GRAPH_BYTES_MAX);
    ft_err err;
    FT_GOTO(err, ft_arena_take(&g->own, &g->arena, sizeof *g->own));
    FT_GOTO(err, ft_arena_str(&g->name, &g->arena, name));
    FT_GOTO(err, ft_arena_items(&g->own->table, &g->arena, TABLE_MIN));
    g->own->table_size = TABLE_MIN;
    *out = g;
    return FT_OK;
done:
    ft_nn_graph_free(g);
    return err;
}

void ft_nn_graph_free(ft_nn_graph *g) {
    if (!g) return;
    for (kept *k = g->own ? g->own->kept : NULL; k; k = k->next) k->free(k->thing);
    ft_arena_fini(&g->arena);
    free(g);
}

ft_err ft_nn_graph_keep(ft_nn_graph *g, void *thing, void (*free_thing)(void *thing)) {
    kept *k;
    ft_err err = ft_arena_take(&k, &g->arena, sizeof *k);
    if (err != FT_OK) {
        free_thing(thing);
        return ft_err_frame(err, __FILE__, __LINE__, "keep");
    }
    *k = (kept){ .next = g->own->kept, .thing = thing, .free = free_thing };
    g->own->kept = k;
    return FT_OK;
}

/* ---- names */

static uint32_t hash_of(ft_str s) { /* FNV-1a: names come from files that the user chose */
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < s.len; i++) h = (h ^ (unsigned char)s.at[i]) * 16777619u;
    return h;
}

static uint32_t slot_of(const ft_nn_graph *g, ft_str name) {
    uint32_t mask = g->own->table_size - 1, at = hash_of(name) & mask;
    for (; g->own->table[at]; at = (at + 1) & mask)
        if (ft_str_eq(g->values[g->own->table[at] - 1].name, name)) break;
    return at;
}

int ft_nn_value_find(const ft_nn_graph *g, ft_str name) {
    return g->own->table[slot_of(g, name)] - 1;
}

static ft_err table_grow(ft_nn_graph *g) {
    if ((uint32_t)g->value_count * 2 < g->own->table_size) return FT_OK;
    int *table;
    FT_TRY(ft_arena_items(&table, &g->arena, (size_t)g->own->table_size * 2));
    g->own->table = table;
    g->own->table_size *= 2;
    for (int i = 0; i < g->value_count; i++) table[slot_of(g, g->values[i].name)] = i + 1;
    return FT_OK;
}

/* Room for one more of `count` items of `size` in the array at `items`; what was there is copied.
 * The arena keeps the old one: half of the new at most. */
static ft_err room(ft_nn_graph *g, void *items, int *capacity, int count, size_t size) {
    if (count < *capacity) return FT_OK;
    if (count >= VALUES_MAX)
        return FT_FAIL(FT_ETOOBIG, "the graph has more than %d values or nodes", VALUES_MAX);
    int more = *capacity ? *capacity * 2 : 16;
    void *old, *grown;
    memcpy(&old, items, sizeof old);
    FT_TRY(ft_arena_items_(&grown, &g->arena, (size_t)more, size));
    if (count) memcpy(grown, old, (size_t)count * size);
    memcpy(items, &grown, sizeof grown);
    *capacity = more;
    return FT_OK;
}

static ft_err name_free(ft_str *out, ft_nn_graph *g) {
    do {
        FT_TRY(ft_arena_printf(out, &g->arena, "value_%d", g->own->unnamed++));
    } while (ft_nn_value_find(g, *out) != FT_NN_NONE);
    return FT_OK;
}

ft_err ft_nn_value_add(int *out, ft_nn_graph *g, ft_str name, ft_nn_role role) {
    *out = FT_NN_NONE;
    if (name.len && ft_nn_value_find(g, name) != FT_NN_NONE)
        return FT_FAIL(FT_EEXIST, "the graph has two values named '%.*s'", FT_STR_ARG(name));
    FT_TRY(room(g, &g->values, &g->own->value_capacity, g->value_count, sizeof *g->values));
    FT_TRY(table_grow(g));
    ft_nn_value v = { .role = role, .dtype = FT_DTYPE_COUNT, .ndim = -1, .producer = FT_NN_NONE };
    if (name.len)
        FT_TRY(ft_arena_str(&v.name, &g->arena, name));
    else
        FT_TRY(name_free(&v.name, g));
    g->own->table[slot_of(g, v.name)] = g->value_count + 1;
    g->values[g->value_count] = v;
    *out = g->value_count++;
    return FT_OK;
}

/* ---- inputs, data, outputs */

static ft_err shape_valid(ft_str name, ft_dtype dtype, int ndim, const int64_t *shape) {
    ft_array a = { .dtype = dtype == FT_DTYPE_COUNT ? FT_F64 : dtype, .ndim = ndim };
    if (dtype > FT_DTYPE_COUNT || ndim < -1 || ndim > FT_ARRAY_DIMS_MAX)
        return FT_FAIL(FT_EINVAL, "'%.*s': a shape of %d dimensions (0 to %d are supported)",
                       FT_STR_ARG(name), ndim, FT_ARRAY_DIMS_MAX);
    for (int i = 0; i < ndim; i++) a.shape[i] = shape[i] == FT_NN_DIM_ANY ? 1 : shape[i];
    a.data = &a; /* only the sizes are asked about */
    if (ndim >= 0 && !ft_array_valid(&a))
        return FT_FAIL(FT_EINVAL, "'%.*s': negative or too large sizes in its shape",
                       FT_STR_ARG(name));
    return FT_OK;
}

static ft_err number_list_add(ft_nn_graph *g, int **list, int *count, int *capacity, int value) {
    FT_TRY(room(g, list, capacity, *count, sizeof **list));
    (*list)[(*count)++] = value;
    return FT_OK;
}

ft_err ft_nn_input(int *out, ft_nn_graph *g, ft_str name, ft_dtype dtype, int ndim,
                   const int64_t *shape) {
    *out = FT_NN_NONE;
    FT_TRY(shape_valid(name, dtype, ndim, shape));
    int v;
    FT_TRY(ft_nn_value_add(&v, g, name, FT_NN_INPUT));
    g->values[v].dtype = dtype;
    g->values[v].ndim = ndim;
    for (int i = 0; i < ndim; i++) g->values[v].shape[i] = shape[i];
    FT_TRY(number_list_add(g, &g->inputs, &g->input_count, &g->own->input_capacity, v));
    *out = v;
    return FT_OK;
}

ft_err ft_nn_data(int *out, ft_nn_graph *g, ft_str name, ft_nn_role role, const ft_array *value,
                  bool copy) {
    FT_CHECK(role == FT_NN_CONST || role == FT_NN_WEIGHT || role == FT_NN_STATE);
    *out = FT_NN_NONE;
    if (!ft_array_valid(value))
        return FT_FAIL(FT_EINVAL, "'%.*s': a type, or sizes, that no data has", FT_STR_ARG(name));
    void *data = value->data;
    size_t bytes = ft_array_bytes(value);
    if (copy || !data) FT_TRY(ft_arena_take(&data, &g->arena, bytes));
    if (copy && bytes) memcpy(data, value->data, bytes);
    int v;
    FT_TRY(ft_nn_value_add(&v, g, name, role));
    g->values[v].dtype = value->dtype;
    g->values[v].ndim = value->ndim;
    memcpy(g->values[v].shape, value->shape, sizeof value->shape);
    g->values[v].data = data;
    *out = v;
    return FT_OK;
}

ft_err ft_nn_output(ft_nn_graph *g, int value) {
    FT_CHECK(value >= 0 && value < g->value_count);
    return number_list_add(g, &g->outputs, &g->output_count, &g->own->output_capacity, value);
}

/* ---- attributes */

static const ft_nn_attr_row *row_find(const ft_nn_op *op, const char *name) {
    for (const ft_nn_attr_row *r = op->attrs; r && r->name; r++)
        if (strcmp(r->name, name) == 0) return r;
    return NULL;
}

static ft_err attrs_valid(const ft_nn_op *op, ft_str node, const ft_nn_attr *attrs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const ft_nn_attr_row *row = row_find(op, attrs[i].name);
        if (!row)
            return FT_FAIL(FT_EINVAL, "node '%.*s' (%s): no attribute '%s'", FT_STR_ARG(node),
                           op->name, attrs[i].name);
        if (row->type != attrs[i].type)
            return FT_FAIL(FT_EINVAL, "node '%.*s' (%s): attribute '%s' has another type",
                           FT_STR_ARG(node), op->name, attrs[i].name);
        for (size_t k = 0; k < i; k++)
            if (strcmp(attrs[k].name, attrs[i].name) == 0)
                return FT_FAIL(FT_EINVAL, "node '%.*s' (%s): attribute '%s' stands twice",
                               FT_STR_ARG(node), op->name, attrs[i].name);
    }
    for (const ft_nn_attr_row *r = op->attrs; r && r->name; r++) {
        bool there = !r->required;
        for (size_t i = 0; i < count; i++) there |= strcmp(attrs[i].name, r->name) == 0;
        if (!there)
            return FT_FAIL(FT_EINVAL, "node '%.*s' (%s): attribute '%s' is missing",
                           FT_STR_ARG(node), op->name, r->name);
    }
    return FT_OK;
}

static ft_err bytes_copy(void *out, ft_nn_graph *g, const void *from, size_t bytes) {
    void *copy;
    FT_TRY(ft_arena_take(&copy, &g->arena, bytes));
    if (bytes) memcpy(copy, from, bytes);
    memcpy(out, &copy, sizeof copy);
    return FT_OK;
}

static ft_err attr_copy(ft_nn_attr *to, ft_nn_graph *g, const ft_nn_attr *from) {
    ft_str name;
    *to = *from;
    FT_TRY(ft_arena_str(&name, &g->arena, ft_str_of(from->name)));
    to->name = name.at;
    FT_TRY(ft_arena_str(&to->s, &g->arena, from->s));
    if (from->type == FT_NN_INTS)
        FT_TRY(bytes_copy(&to->ints, g, from->ints, from->count * sizeof *from->ints));
    if (from->type == FT_NN_FLOATS)
        FT_TRY(bytes_copy(&to->floats, g, from->floats, from->count * sizeof *from->floats));
    if (from->type == FT_NN_TENSOR)
        FT_TRY(bytes_copy(&to->tensor.data, g, from->tensor.data, ft_array_bytes(&from->tensor)));
    if (from->type == FT_NN_STRINGS) {
        ft_str *list;
        FT_TRY(ft_arena_items(&list, &g->arena, from->count));
        for (size_t i = 0; i < from->count; i++)
            FT_TRY(ft_arena_str(&list[i], &g->arena, from->strings[i]));
        to->strings = list;
    }
    return FT_OK;
}

static ft_err attrs_copy(ft_nn_node *n, ft_nn_graph *g, const ft_nn_attr *attrs, size_t count) {
    ft_nn_attr *list;
    FT_TRY(ft_arena_items(&list, &g->arena, count));
    for (size_t i = 0; i < count; i++) FT_TRY(attr_copy(&list[i], g, &attrs[i]));
    n->attrs = list;
    n->attr_count = count;
    return FT_OK;
}

ft_err ft_nn_node_attr_set(ft_nn_graph *g, ft_nn_node *n, const ft_nn_attr *attr) {
    FT_CHECK(row_find(n->op, attr->name));
    ft_nn_attr *list;
    size_t count = n->attr_count, at = 0;
    FT_TRY(ft_arena_items(&list, &g->arena, count + 1));
    if (count) memcpy(list, n->attrs, count * sizeof *list);
    while (at < count && strcmp(list[at].name, attr->name) != 0) at++;
    FT_TRY(attr_copy(&list[at], g, attr));
    n->attrs = list;
    n->attr_count = count + (at == count);
    return FT_OK;
}

const ft_nn_attr *ft_nn_attr_find(const ft_nn_node *n, const char *name) {
    for (size_t i = 0; i < n->attr_count; i++)
        if (strcmp(n->attrs[i].name, name) == 0) return &n->attrs[i];
    return NULL;
}

static const ft_nn_attr_row *row_of(const ft_nn_node *n, const char *name, ft_nn_attr_type type) {
    const ft_nn_attr_row *row = row_find(n->op, name);
    FT_CHECK(row && row->type == type);
    return row;
}

int64_t ft_nn_attr_int(const ft_nn_node *n, const char *name) {
    const ft_nn_attr *a = ft_nn_attr_find(n, name);
    if (a) return a->i;
    double number = row_of(n, name, FT_NN_INT)->number_default;
    return isnan(number) ? 0 : (int64_t)number;
}

double ft_nn_attr_float(const ft_nn_node *n, const char *name) {
    const ft_nn_attr *a = ft_nn_attr_find(n, name);
    return a ? a->f : row_of(n, name, FT_NN_FLOAT)->number_default;
}

ft_str ft_nn_attr_str(const ft_nn_node *n, const char *name) {
    const ft_nn_attr *a = ft_nn_attr_find(n, name);
    return a ? a->s : ft_str_of(row_of(n, name, FT_NN_STRING)->text_default);
}

bool ft_nn_attr_ints(const ft_nn_node *n, const char *name, const int64_t **ints, size_t *count) {
    const ft_nn_attr *a = ft_nn_attr_find(n, name);
    if (!a) row_of(n, name, FT_NN_INTS);
    *ints = a ? a->ints : NULL;
    *count = a ? a->count : 0;
    return a != NULL;
}

/* ---- nodes */

ft_err ft_nn_node_inputs_set(ft_nn_graph *g, ft_nn_node *n, const int *inputs, size_t count) {
    FT_TRY(bytes_copy(&n->inputs, g, inputs, count * sizeof *inputs));
    n->input_count = count;
    return FT_OK;
}

static ft_err node_outputs(ft_nn_node *n, ft_nn_graph *g, const ft_nn_node_spec *spec) {
    int *list;
    FT_TRY(ft_arena_items(&list, &g->arena, spec->output_count));
    for (size_t i = 0; i < spec->output_count; i++) {
        ft_str name = spec->output_names ? spec->output_names[i] : (ft_str){ 0 };
        FT_TRY(ft_nn_value_add(&list[i], g, name, FT_NN_VALUE));
    }
    n->outputs = list;
    n->output_count = spec->output_count;
    return FT_OK;
}

ft_err ft_nn_node_make(ft_nn_node *out, ft_nn_graph *g, const ft_nn_node_spec *spec) {
    ft_nn_node n = { .op = ft_nn_op_find(ft_str_of(spec->op)) };
    if (!n.op)
        return FT_FAIL(FT_EUNSUPPORTED, "node '%.*s': the operation '%s' is not supported",
                       FT_STR_ARG(spec->name), spec->op);
    if (spec->name.len)
        FT_TRY(ft_arena_str(&n.name, &g->arena, spec->name));
    else
        FT_TRY(ft_arena_printf(&n.name, &g->arena, "%s_%d", spec->op, g->own->unnamed++));
    if (spec->input_count > FT_NN_IO_MAX || spec->output_count > FT_NN_IO_MAX)
        return FT_FAIL(FT_ETOOBIG, "node '%.*s' (%s): more than %d inputs or outputs",
                       FT_STR_ARG(n.name), spec->op, FT_NN_IO_MAX);
    FT_TRY(attrs_valid(n.op, n.name, spec->attrs, spec->attr_count));
    FT_TRY(attrs_copy(&n, g, spec->attrs, spec->attr_count));
    FT_TRY(ft_nn_node_inputs_set(g, &n, spec->inputs, spec->input_count));
    FT_TRY(node_outputs(&n, g, spec));
    *out = n;
    return FT_OK;
}

ft_err ft_nn_node_add(ft_nn_graph *g, const ft_nn_node_spec *spec, int *outputs) {
    ft_nn_node n;
    FT_TRY(room(g, &g->nodes, &g->own->node_capacity, g->node_count, sizeof *g->nodes));
    FT_TRY(ft_nn_node_make(&n, g, spec));
    for (size_t i = 0; i < n.output_count; i++) {
        g->values[n.outputs[i]].producer = g->node_count;
        if (outputs) outputs[i] = n.outputs[i];
    }
    g->nodes[g->node_count++] = n;
    return FT_OK;
}

ft_err ft_nn_nodes_set(ft_nn_graph *g, const ft_nn_node *nodes, int count) {
    ft_nn_node *list = NULL;
    FT_TRY(bytes_copy(&list, g, nodes, (size_t)count * sizeof *nodes));
    g->nodes = list;
    g->node_count = g->own->node_capacity = count;
    for (int v = 0; v < g->value_count; v++) g->values[v].producer = FT_NN_NONE;
    for (int i = 0; i < count; i++)
        for (size_t k = 0; k < nodes[i].output_count; k++)
            if (nodes[i].outputs[k] != FT_NN_NONE) g->values[list[i].outputs[k]].producer = i;
    return FT_OK;
}

/* ---- copy */

ft_err ft_nn_graph_copy(ft_nn_graph **out, const ft_nn_graph *from) {
    ft_nn_graph *g;
    ft_err err;
    *out = NULL;
    FT_TRY(ft_nn_graph_new(&g, from->name));
    for (int i = 0; i < from->value_count; i++) {
        int v;
        FT_GOTO(err, ft_nn_value_add(&v, g, from->values[i].name, from->values[i].role));
        ft_str name = g->values[v].name;
        g->values[v] = from->values[i];
        g->values[v].name = name;
    }
    g->own->node_capacity = from->node_count;
    FT_GOTO(err, ft_arena_items(&g->nodes, &g->arena, (size_t)from->node_count));
    for (int i = 0; i < from->node_count; i++) {
        ft_nn_node *n = &g->nodes[i];
        *n = from->nodes[i];
        FT_GOTO(err, ft_nn_node_inputs_set(g, n, n->inputs, n->input_count));
        FT_GOTO(err, bytes_copy(&n->outputs, g, n->outputs, n->output_count * sizeof *n->outputs));
    }
    g->node_count = from->node_count;
    for (int i = 0; i < from->input_count; i++)
        FT_GOTO(err, number_list_add(g, &g->inputs, &g->input_count, &g->own->input_capacity,
                                     from->inputs[i]));
    for (int i = 0; i < from->output_count; i++) FT_GOTO(err, ft_nn_output(g, from->outputs[i]));
    *out = g;
    return FT_OK;
done:
    ft_nn_graph_free(g);
    return err;
}
