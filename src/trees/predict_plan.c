/* predict_plan.c -- cuts a scorer's trees into chunks: runs of trees that share a table of bins of
 * at most 255 cuts a column, so that any model, however many cuts it has, keeps 8-bit bins. A chunk
 * whose bins would cost more than they save is walked. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "trees/predict_in.h"

/* Costs in cycles of Zen 4 (2.6 GHz), from 100 trees of depth 6 over 28 columns with one path
 * forced: a row takes 1,103 ns by walk and 361 ns by blocks, a row of many 122 ns by masks, 40 of
 * them for its bins. Only their ratios matter. */
#define COST_WALK_STEP  4.8 /* a level of a tree, a row */
#define COST_BIN        3.7 /* a value of a row into its bin */
#define COST_BLOCK_TREE 8.2
#define COST_MASK_TEST  0.033

typedef struct limits {
    uint32_t depth, columns;
    bool for_rows;
} limits;

/* Bins in the making. Sorted cuts of a column stand in room of FT_CUTS_MAX. */
typedef struct making {
    uint32_t *local; /* input column -> bin column + 1; 0: none yet */
    uint32_t *columns;
    uint32_t column_count, column_limit;
    float *cuts;
    uint32_t *cut_counts;
} making;

static size_t tests_of(const ft_tree *t) { return t->node_count - t->leaf_count; }

/* ---- collecting cuts */

/* First cut that is not below x. */
static uint32_t lower_bound(const float *cuts, uint32_t count, float x) {
    uint32_t at = 0;
    while (count > 0) {
        uint32_t half = count / 2;
        if (cuts[at + half] < x) {
            at += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return at;
}

/* False when the column is full, or there is no room for another column. */
static bool cut_add(making *m, uint32_t column, float cut) {
    uint32_t *local = &m->local[column];
    if (*local == 0) {
        if (m->column_count == m->column_limit) return false;
        m->columns[m->column_count] = column;
        m->cut_counts[m->column_count] = 0;
        *local = ++m->column_count;
    }
    float *cuts = m->cuts + (size_t)(*local - 1) * FT_CUTS_MAX;
    uint32_t *count = &m->cut_counts[*local - 1], at = lower_bound(cuts, *count, cut);
    if (at < *count && cuts[at] == cut) return true;
    if (*count == FT_CUTS_MAX) return false;
    memmove(cuts + at + 1, cuts + at, (*count - at) * sizeof *cuts);
    cuts[at] = cut;
    ++*count;
    return true;
}

static bool tree_add(making *m, const ft_tree *t) {
    for (uint32_t i = 0; i < t->node_count; i++)
        if (t->nodes[i].left && !cut_add(m, t->nodes[i].feature, t->nodes[i].value)) return false;
    return true;
}

static void making_clear(making *m) {
    for (uint32_t i = 0; i < m->column_count; i++) m->local[m->columns[i]] = 0;
    m->column_count = 0;
}

static bool fits(const ft_tree *t, const limits *l) {
    return !t->has_category && t->depth <= l->depth;
}

/* ---- bins */

static ft_err bins_build(ft_bins *out, const making *m, ft_arena *arena) {
    uint32_t *columns, *block_at, blocks = 0;
    float *pivots, *cuts;
    size_t n = m->column_count;
    for (size_t i = 0; i < n; i++) blocks += m->cut_counts[i] / FT_PIVOTS + 1;
    FT_TRY(ft_arena_items(&columns, arena, n + 1));
    FT_TRY(ft_arena_items(&block_at, arena, n + 1));
    FT_TRY(ft_arena_items(&pivots, arena, (n + 1) * FT_PIVOTS));
    FT_TRY(ft_arena_items(&cuts, arena, ((size_t)blocks + 1) * FT_PIVOTS));
    for (size_t i = 0; i < (n + 1) * FT_PIVOTS; i++) pivots[i] = NAN;
    for (size_t i = 0; i < ((size_t)blocks + 1) * FT_PIVOTS; i++) cuts[i] = NAN;
    uint32_t block = 0;
    for (size_t i = 0; i < n; i++) {
        const float *from = m->cuts + i * FT_CUTS_MAX;
        uint32_t count = m->cut_counts[i];
        columns[i] = m->columns[i];
        block_at[i] = block;
        memcpy(cuts + (size_t)block * FT_PIVOTS, from, count * sizeof *cuts);
        for (uint32_t b = 0; b < count / FT_PIVOTS; b++)
            pivots[i * FT_PIVOTS + b] = from[b * FT_PIVOTS + FT_PIVOTS - 1];
        block += count / FT_PIVOTS + 1;
    }
    block_at[n] = block;
    *out = (ft_bins){ m->column_count, columns, pivots, block_at, cuts };
    return FT_OK;
}

/* ---- trees laid out as complete binary trees */

typedef struct placed_node {
    uint32_t node, place, level;
} placed_node;

/* Visit every node with its place; at most one node a level waits besides the current path. */
static void for_each_place(const ft_tree *t,
                           void (*see)(void *ctx, const ft_node *n, placed_node p), void *ctx) {
    placed_node stack[FT_MASK_DEPTH + 2];
    size_t waiting = 1;
    stack[0] = (placed_node){ 0, 1, 0 };
    while (waiting > 0) {
        placed_node p = stack[--waiting];
        const ft_node *n = &t->nodes[p.node];
        see(ctx, n, p);
        if (!n->left) continue;
        FT_CHECK(waiting + 2 <= FT_COUNT(stack));
        stack[waiting++] = (placed_node){ n->left + 1, 2 * p.place + 1, p.level + 1 };
        stack[waiting++] = (placed_node){ n->left, 2 * p.place, p.level + 1 };
    }
}

/* A leaf above the last level stands for all places below it. */
static void leaf_fill(float *leaves, uint32_t depth, placed_node p, float value) {
    uint32_t span = (uint32_t)1 << (depth - p.level);
    float *first = leaves + (p.place * span - ((uint32_t)1 << depth));
    for (uint32_t i = 0; i < span; i++) first[i] = value;
}

typedef struct tree_ctx {
    const making *m;
    const ft_tree *tree;
    ft_block_tree *block;
    ft_mask_test *tests;
    uint32_t test_count;
    float *leaves;
    uint32_t depth;
} tree_ctx;

static uint8_t cut_number(const making *m, uint32_t column, float cut) {
    const float *cuts = m->cuts + (size_t)column * FT_CUTS_MAX;
    uint32_t at = lower_bound(cuts, m->cut_counts[column], cut);
    FT_CHECK(at < m->cut_counts[column] && cuts[at] == cut);
    return (uint8_t)(at + 1);
}

static void see_block(void *ctx, const ft_node *n, placed_node p) {
    tree_ctx *c = ctx;
    if (!n->left) {
        leaf_fill(c->block->leaves, FT_BLOCK_DEPTH, p, n->value * c->tree->weight);
        return;
    }
    uint32_t column = c->m->local[n->feature] - 1;
    c->block->slot[p.place] = (uint8_t)(column + (n->default_left ? FT_BLOCK_COLUMNS : 0));
    c->block->cut[p.place] = cut_number(c->m, column, n->value);
}

static void see_mask(void *ctx, const ft_node *n, placed_node p) {
    tree_ctx *c = ctx;
    if (!n->left) {
        leaf_fill(c->leaves, c->depth, p, n->value * c->tree->weight);
        return;
    }
    uint32_t column = c->m->local[n->feature] - 1;
    c->tests[c->test_count++] =
        (ft_mask_test){ (uint16_t)(2 * column + !n->default_left),
                        cut_number(c->m, column, n->value), (uint8_t)p.place };
}

static ft_err blocks_build(ft_chunk *c, const ft_scorer *s, const making *m, ft_arena *arena) {
    ft_block_tree *blocks;
    FT_TRY(ft_arena_items(&blocks, arena, c->tree_end - c->tree_begin));
    for (size_t t = c->tree_begin; t < c->tree_end; t++) {
        tree_ctx ctx = { .m = m,
                         .tree = &s->forest->trees[t],
                         .block = &blocks[t - c->tree_begin] };
        for_each_place(ctx.tree, see_block, &ctx);
    }
    c->blocks = blocks;
    return FT_OK;
}

static uint32_t leaf_room(uint32_t depth) { return depth < 5 ? 32 : (uint32_t)1 << depth; }

static ft_err masks_build(ft_chunk *c, const ft_scorer *s, const making *m, ft_arena *arena) {
    size_t test_count = 0, leaf_count = 0, count = c->tree_end - c->tree_begin;
    for (size_t t = c->tree_begin; t < c->tree_end; t++) {
        test_count += tests_of(&s->forest->trees[t]);
        leaf_count += leaf_room(s->forest->trees[t].depth);
    }
    if (test_count > UINT32_MAX || leaf_count > UINT32_MAX)
        return FT_FAIL(FT_ETOOBIG, "a model of %zu splits", test_count);
    ft_mask_tree *trees;
    ft_mask_test *tests;
    float *leaves;
    FT_TRY(ft_arena_items(&trees, arena, count));
    FT_TRY(ft_arena_items(&tests, arena, test_count + 1));
    FT_TRY(ft_arena_items(&leaves, arena, leaf_count));
    uint32_t test_at = 0, leaf_at = 0;
    for (size_t i = 0; i < count; i++) {
        const ft_tree *t = &s->forest->trees[c->tree_begin + i];
        tree_ctx ctx = { .m = m, .tree = t, .depth = t->depth };
        ctx.tests = tests + test_at;
        ctx.leaves = leaves + leaf_at;
        for_each_place(t, see_mask, &ctx);
        trees[i] = (ft_mask_tree){ test_at, ctx.test_count, leaf_at, t->depth };
        test_at += ctx.test_count;
        leaf_at += leaf_room(t->depth);
    }
    c->masks = trees;
    c->tests = tests;
    c->leaves = leaves;
    return FT_OK;
}

/* ---- the plan */

static bool worth_bins(const ft_scorer *s, const ft_chunk *c, const making *m, const limits *l) {
    double walk = 0, bins = COST_BIN * m->column_count;
    for (size_t t = c->tree_begin; t < c->tree_end; t++) {
        walk += COST_WALK_STEP * s->forest->trees[t].depth;
        bins += l->for_rows ? COST_BLOCK_TREE
                            : COST_MASK_TEST * (double)tests_of(&s->forest->trees[t]) + 0.5;
    }
    return bins < walk;
}

/* The longest run of trees from `begin` on that fits, with its bins in `m`; empty: walk this one.
 */
static size_t run_end(const ft_scorer *s, size_t begin, making *m, const limits *l) {
    size_t end = begin;
    making_clear(m);
    while (end < s->tree_count && fits(&s->forest->trees[end], l) &&
           tree_add(m, &s->forest->trees[end]))
        end++;
    return end;
}

static ft_err plan_chunks(ft_tree_plan *plan, ft_scorer *s, making *m, const limits *l) {
    for (size_t at = 0; at < s->tree_count;) {
        ft_chunk chunk = { .tree_begin = at, .tree_end = run_end(s, at, m, l) };
        chunk.walks = chunk.tree_end == at || !worth_bins(s, &chunk, m, l);
        if (chunk.tree_end == at) chunk.tree_end++;
        at = chunk.tree_end;
        ft_chunk *last = plan->count ? &plan->chunks[plan->count - 1] : NULL;
        if (chunk.walks && last && last->walks) {
            last->tree_end = chunk.tree_end;
            continue;
        }
        if (!chunk.walks) {
            FT_TRY(bins_build(&chunk.bins, m, &s->arena));
            FT_TRY(l->for_rows ? blocks_build(&chunk, s, m, &s->arena)
                               : masks_build(&chunk, s, m, &s->arena));
            if (m->column_count > plan->columns_max) plan->columns_max = m->column_count;
        }
        plan->chunks[plan->count++] = chunk;
    }
    return FT_OK;
}

static ft_err plan_build(ft_tree_plan *plan, ft_scorer *s, const limits *l) {
    ft_err err = FT_OK;
    ft_arena scratch = FT_ARENA_INIT((size_t)4 << 30);
    making m = { .column_limit = l->columns };
    if (m.column_limit > s->forest->feature_count)
        m.column_limit = (uint32_t)s->forest->feature_count;
    FT_GOTO(err, ft_arena_items(&plan->chunks, &s->arena, s->tree_count + 1));
    FT_GOTO(err, ft_arena_items(&m.local, &scratch, s->forest->feature_count));
    FT_GOTO(err, ft_arena_items(&m.columns, &scratch, m.column_limit));
    FT_GOTO(err, ft_arena_items(&m.cut_counts, &scratch, m.column_limit));
    FT_GOTO(err, ft_arena_items(&m.cuts, &scratch, (size_t)m.column_limit * FT_CUTS_MAX));
    FT_GOTO(err, plan_chunks(plan, s, &m, l));
done:
    ft_arena_fini(&scratch);
    return err;
}

ft_err ft_tree_plan_rows(ft_scorer *s) {
    limits l = { FT_BLOCK_DEPTH, FT_BLOCK_COLUMNS, true };
    return plan_build(&s->rows, s, &l);
}

ft_err ft_tree_plan_batch(ft_scorer *s) {
    limits l = { FT_MASK_DEPTH, FT_MASK_COLUMNS, false };
    return plan_build(&s->batch, s, &l);
}
