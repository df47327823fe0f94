/* model_tree.c -- one tree of a model file: its arrays, their checks, and the layout that
 * everything else walks. A tree is laid out breadth first with siblings side by side, so a walk
 * needs one link a node and stays within a few cache lines near the root. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "trees/model_in.h"

#define WHOLE_MAX ((double)((int64_t)1 << 53))

typedef struct column_spec {
    const char *name;
    bool is_float;
    bool per_node; /* must have one value a node */
    bool optional;
} column_spec;

static const column_spec specs[FT_COL_COUNT] = {
    [FT_COL_LEFT] = { "left_children", false, true, false },
    [FT_COL_RIGHT] = { "right_children", false, true, false },
    [FT_COL_PARENT] = { "parents", false, true, false },
    [FT_COL_FEATURE] = { "split_indices", false, true, false },
    [FT_COL_VALUE] = { "split_conditions", true, true, false },
    [FT_COL_DEFAULT] = { "default_left", false, true, false },
    [FT_COL_GAIN] = { "loss_changes", true, true, false },
    [FT_COL_COVER] = { "sum_hessian", true, true, false },
    [FT_COL_SPLIT_TYPE] = { "split_type", false, true, true },
    [FT_COL_CATEGORIES] = { "categories", false, false, true },
    [FT_COL_CAT_NODES] = { "categories_nodes", false, false, true },
    [FT_COL_CAT_BEGINS] = { "categories_segments", false, false, true },
    [FT_COL_CAT_SIZES] = { "categories_sizes", false, false, true },
};

#define RAW_FAIL(raw, code, fmt, ...) \
    FT_FAIL((code), "%s: tree %zu: " fmt, (raw)->name, (raw)->number, __VA_ARGS__)

/* ---- reading */

ft_err ft_column_add(ft_model_column *c, double v) {
    if (c->count == c->capacity) {
        size_t capacity = c->capacity ? c->capacity * 2 : 256;
        double *at = ft_fault_here() ? NULL : realloc(c->at, capacity * sizeof *at);
        if (!at) return FT_FAIL(FT_ENOMEM, "no memory for an array of %zu numbers", capacity);
        c->at = at;
        c->capacity = capacity;
    }
    c->at[c->count++] = v;
    return FT_OK;
}

ft_err ft_column_read(ft_model_column *c, ft_doc *d, bool is_float, size_t limit) {
    c->count = 0;
    c->seen = true;
    FT_TRY(ft_doc_enter_array(d));
    while (ft_doc_next_item(d)) {
        float real = 0;
        int64_t whole = 0;
        if (is_float)
            FT_TRY(ft_doc_f32(d, &real));
        else
            FT_TRY(ft_doc_i64(d, &whole));
        if (c->count == limit)
            return FT_FAIL(FT_ETOOBIG, "%s: an array of more than %zu numbers", d->name, limit);
        FT_TRY(ft_column_add(c, is_float ? (double)real : (double)whole));
    }
    return ft_doc_ok(d);
}

ft_err ft_doc_text_i64(ft_doc *d, int64_t *out) {
    ft_str text;
    ft_json_kind kind;
    if (!d->is_ubj) {
        FT_TRY(ft_json_peek(&d->json, &kind));
        if (kind == FT_JSON_NUMBER) return ft_doc_i64(d, out);
    }
    FT_TRY(ft_doc_string(d, &text));
    if (!ft_str_i64(out, text))
        return FT_FAIL(FT_EPARSE, "%s: expected a whole number, found \"%.*s\"", d->name,
                       FT_STR_ARG(text));
    return FT_OK;
}

static ft_err read_tree_param(ft_raw_tree *raw, ft_doc *d) {
    ft_str name;
    int64_t deleted;
    FT_TRY(ft_doc_enter_object(d));
    while (ft_doc_next_member(d, &name)) {
        int64_t *out = ft_str_is(name, "num_nodes")          ? &raw->node_count
                       : ft_str_is(name, "size_leaf_vector") ? &raw->leaf_size
                       : ft_str_is(name, "num_deleted")      ? &deleted
                                                             : NULL;
        if (out)
            FT_TRY(ft_doc_text_i64(d, out));
        else
            FT_TRY(ft_doc_skip(d));
    }
    return ft_doc_ok(d);
}

static ft_err read_member(ft_raw_tree *raw, ft_doc *d, ft_str name) {
    if (ft_str_is(name, "tree_param")) return read_tree_param(raw, d);
    if (ft_str_is(name, "id")) return ft_doc_i64(d, &raw->id);
    for (size_t i = 0; i < FT_COL_COUNT; i++) {
        if (!ft_str_is(name, specs[i].name)) continue;
        ft_err err = ft_column_read(&raw->columns[i], d, specs[i].is_float, FT_FOREST_NODES_MAX);
        return err ? ft_err_prefix(err, "tree %zu: %s", raw->number, specs[i].name) : FT_OK;
    }
    return ft_doc_skip(d);
}

ft_err ft_raw_tree_read(ft_raw_tree *raw, ft_doc *d) {
    ft_str name;
    raw->id = -1;
    raw->node_count = raw->leaf_size = 0;
    for (size_t i = 0; i < FT_COL_COUNT; i++) {
        raw->columns[i].count = 0;
        raw->columns[i].seen = false;
    }
    FT_TRY(ft_doc_enter_object(d));
    while (ft_doc_next_member(d, &name)) FT_TRY(read_member(raw, d, name));
    return ft_doc_ok(d);
}

/* ---- checking */

static double at(const ft_raw_tree *raw, ft_tree_column column, size_t i) {
    return raw->columns[column].at[i];
}

static ft_err check_sizes(const ft_raw_tree *raw) {
    if (raw->node_count < 1 || (uint64_t)raw->node_count > FT_FOREST_NODES_MAX)
        return RAW_FAIL(raw, FT_EPARSE, "num_nodes: expected 1 to %zu, found %lld",
                        FT_FOREST_NODES_MAX, (long long)raw->node_count);
    if (raw->leaf_size > 1)
        return RAW_FAIL(raw, FT_EUNSUPPORTED,
                        "size_leaf_vector is %lld: trees with vectors in their leaves are not read",
                        (long long)raw->leaf_size);
    for (size_t i = 0; i < FT_COL_COUNT; i++) {
        const ft_model_column *c = &raw->columns[i];
        if (!c->seen && !specs[i].optional)
            return RAW_FAIL(raw, FT_EPARSE, "%s is missing", specs[i].name);
        if (c->seen && specs[i].per_node && c->count != (size_t)raw->node_count)
            return RAW_FAIL(raw, FT_EPARSE, "%s has %zu values, num_nodes says %lld", specs[i].name,
                            c->count, (long long)raw->node_count);
    }
    return FT_OK;
}

static bool is_leaf(const ft_raw_tree *raw, size_t node) { return at(raw, FT_COL_LEFT, node) < 0; }

static bool is_category(const ft_raw_tree *raw, size_t node) {
    return raw->columns[FT_COL_SPLIT_TYPE].seen && at(raw, FT_COL_SPLIT_TYPE, node) != 0;
}

static ft_err check_split(const ft_raw_tree *raw, size_t node, size_t feature_count) {
    double feature = at(raw, FT_COL_FEATURE, node), side = at(raw, FT_COL_DEFAULT, node);
    if (feature < 0 || feature >= (double)feature_count)
        return RAW_FAIL(raw, FT_EPARSE,
                        "split_indices[%zu]: %.0f is outside the model's %zu features", node,
                        feature, feature_count);
    if (side != 0 && side != 1)
        return RAW_FAIL(raw, FT_EPARSE, "default_left[%zu]: expected 0 or 1, found %.0f", node,
                        side);
    if (!is_category(raw, node) && isnan(at(raw, FT_COL_VALUE, node)))
        return RAW_FAIL(raw, FT_EPARSE, "split_conditions[%zu]: a threshold that is not a number",
                        node);
    return FT_OK;
}

static ft_err check_child(const ft_raw_tree *raw, ft_tree_column column, size_t node) {
    double child = at(raw, column, node);
    if (child < 1 || child >= (double)raw->node_count)
        return RAW_FAIL(raw, FT_EPARSE, "%s[%zu]: %.0f is outside the tree's %lld nodes",
                        specs[column].name, node, child, (long long)raw->node_count);
    if (raw->place[(size_t)child] != 0)
        return RAW_FAIL(raw, FT_EPARSE, "%s[%zu]: node %.0f has two parents or is its own ancestor",
                        specs[column].name, node, child);
    return FT_OK;
}

static ft_err check_leaf(const ft_raw_tree *raw, size_t node) {
    double right = at(raw, FT_COL_RIGHT, node);
    if (right >= 0)
        return RAW_FAIL(raw, FT_EPARSE, "right_children[%zu]: %.0f, but there is no left child",
                        node, right);
    if (!isfinite(at(raw, FT_COL_VALUE, node)))
        return RAW_FAIL(raw, FT_EPARSE,
                        "split_conditions[%zu]: the leaf's value is not a finite number", node);
    return FT_OK;
}

/* ---- layout */

static ft_err order_room(ft_raw_tree *raw) {
    size_t count = (size_t)raw->node_count;
    if (count > raw->order_capacity) {
        free(raw->order);
        free(raw->place);
        bool fails = ft_fault_here();
        raw->order = fails ? NULL : malloc(count * sizeof *raw->order);
        raw->place = fails ? NULL : malloc(count * sizeof *raw->place);
        raw->order_capacity = raw->order && raw->place ? count : 0;
        if (!raw->order_capacity)
            return FT_FAIL(FT_ENOMEM, "no memory for a tree of %zu nodes", count);
    }
    memset(raw->place, 0, count * sizeof *raw->place);
    return FT_OK;
}

/* Breadth-first order of what the root reaches. Pruned nodes stay in the file but are not reached.
 */
static ft_err order_nodes(ft_raw_tree *raw, size_t feature_count, ft_tree *out) {
    size_t count = 1, level_end = 1;
    raw->order[0] = 0;
    for (size_t i = 0; i < count; i++) {
        size_t node = raw->order[i];
        if (i == level_end) {
            out->depth++;
            level_end = count;
        }
        if (is_leaf(raw, node)) {
            FT_TRY(check_leaf(raw, node));
            out->leaf_count++;
            continue;
        }
        FT_TRY(check_split(raw, node, feature_count));
        for (ft_tree_column side = FT_COL_LEFT; side <= FT_COL_RIGHT; side++) {
            FT_TRY(check_child(raw, side, node));
            size_t child = (size_t)at(raw, side, node);
            raw->order[count] = (uint32_t)child;
            raw->place[child] = (uint32_t)count++;
        }
    }
    out->node_count = (uint32_t)count;
    if (out->depth > FT_FOREST_DEPTH_MAX)
        return RAW_FAIL(raw, FT_ETOOBIG, "%u levels, the limit is %d", out->depth,
                        FT_FOREST_DEPTH_MAX);
    return FT_OK;
}

static void fill_nodes(ft_node *nodes, float *gain, float *cover, const ft_raw_tree *raw,
                       size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t node = raw->order[i];
        double lost = at(raw, FT_COL_GAIN, node), reached = at(raw, FT_COL_COVER, node);
        nodes[i].value = (float)at(raw, FT_COL_VALUE, node);
        gain[i] = isfinite(lost) ? (float)lost : 0; /* statistics: never worth refusing a model */
        cover[i] = isfinite(reached) ? (float)reached : 0;
        if (is_leaf(raw, node)) continue;
        nodes[i].feature = (uint32_t)at(raw, FT_COL_FEATURE, node);
        nodes[i].left = raw->place[(size_t)at(raw, FT_COL_LEFT, node)];
        nodes[i].default_left = at(raw, FT_COL_DEFAULT, node) != 0;
        nodes[i].is_category = is_category(raw, node);
    }
}

/* ---- category splits */

#define CATEGORY_MAX ((double)((1 << 24) - 1)) /* XGBoost's OutOfRangeCat */

static ft_err check_categories(const ft_raw_tree *raw, size_t k) {
    double node = at(raw, FT_COL_CAT_NODES, k), begin = at(raw, FT_COL_CAT_BEGINS, k),
           size = at(raw, FT_COL_CAT_SIZES, k);
    size_t total = raw->columns[FT_COL_CATEGORIES].count;
    if (node < 0 || node >= (double)raw->node_count || !is_category(raw, (size_t)node))
        return RAW_FAIL(raw, FT_EPARSE, "categories_nodes[%zu]: node %.0f has no category split", k,
                        node);
    if (begin < 0 || size < 1 || begin + size > (double)total)
        return RAW_FAIL(raw, FT_EPARSE,
                        "categories_segments[%zu]: %.0f + %.0f is outside the %zu categories", k,
                        begin, size, total);
    for (size_t i = (size_t)begin; i < (size_t)(begin + size); i++) {
        double c = at(raw, FT_COL_CATEGORIES, i);
        if (c < 0 || c >= CATEGORY_MAX)
            return RAW_FAIL(raw, FT_EPARSE, "categories[%zu]: expected 0 to %.0f, found %.0f", i,
                            CATEGORY_MAX - 1, c);
    }
    return FT_OK;
}

static size_t words_of(const ft_raw_tree *raw, size_t k) {
    size_t begin = (size_t)at(raw, FT_COL_CAT_BEGINS, k);
    double top = 0;
    for (size_t i = 0; i < (size_t)at(raw, FT_COL_CAT_SIZES, k); i++)
        if (at(raw, FT_COL_CATEGORIES, begin + i) > top)
            top = at(raw, FT_COL_CATEGORIES, begin + i);
    return (size_t)top / 32 + 1;
}

static ft_err fill_categories(ft_tree *out, ft_node *nodes, const ft_raw_tree *raw,
                              ft_arena *arena) {
    size_t splits = raw->columns[FT_COL_CAT_NODES].count, words = 0, used = 0;
    if (raw->columns[FT_COL_CAT_BEGINS].count != splits ||
        raw->columns[FT_COL_CAT_SIZES].count != splits)
        return RAW_FAIL(raw, FT_EPARSE,
                        "categories_nodes, categories_segments and categories_sizes have %zu, %zu "
                        "and %zu values",
                        splits, raw->columns[FT_COL_CAT_BEGINS].count,
                        raw->columns[FT_COL_CAT_SIZES].count);
    for (size_t k = 0; k < splits; k++) {
        FT_TRY(check_categories(raw, k));
        words += words_of(raw, k);
    }
    uint32_t *bits;
    FT_TRY(ft_arena_items(&bits, arena, words + 1));
    for (size_t k = 0; k < splits; k++) {
        size_t begin = (size_t)at(raw, FT_COL_CAT_BEGINS, k), of_node = words_of(raw, k);
        size_t node = (size_t)at(raw, FT_COL_CAT_NODES, k), place = raw->place[node];
        for (size_t i = 0; i < (size_t)at(raw, FT_COL_CAT_SIZES, k); i++) {
            uint32_t c = (uint32_t)at(raw, FT_COL_CATEGORIES, begin + i);
            bits[used + c / 32] |= (uint32_t)1 << (c % 32);
        }
        if (place > 0 || node == 0) { /* else pruned away */
            nodes[place].cat_at = (uint32_t)used;
            nodes[place].cat_words = (uint32_t)of_node;
        }
        used += of_node;
    }
    out->cat_bits = bits;
    return FT_OK;
}

ft_err ft_raw_tree_build(ft_tree *out, ft_raw_tree *raw, size_t feature_count, ft_arena *arena) {
    ft_node *nodes;
    float *gain, *cover;
    *out = (ft_tree){ .weight = 1 };
    FT_TRY(check_sizes(raw));
    FT_TRY(order_room(raw));
    FT_TRY(order_nodes(raw, feature_count, out));
    FT_TRY(ft_arena_items(&nodes, arena, out->node_count));
    FT_TRY(ft_arena_items(&gain, arena, out->node_count));
    FT_TRY(ft_arena_items(&cover, arena, out->node_count));
    fill_nodes(nodes, gain, cover, raw, out->node_count);
    FT_TRY(fill_categories(out, nodes, raw, arena));
    for (size_t i = 0; i < out->node_count; i++) {
        out->has_category |= nodes[i].is_category;
        if (nodes[i].is_category && nodes[i].cat_words == 0)
            return RAW_FAIL(raw, FT_EPARSE, "node %u splits by category without categories",
                            raw->order[i]);
    }
    out->nodes = nodes;
    out->gain = gain;
    out->cover = cover;
    return FT_OK;
}

void ft_raw_tree_fini(ft_raw_tree *raw) {
    for (size_t i = 0; i < FT_COL_COUNT; i++) free(raw->columns[i].at);
    free(raw->order);
    free(raw->place);
}
