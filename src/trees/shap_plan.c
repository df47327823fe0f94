/* shap_plan.c -- a tree becomes a list of edges with everything about them that no row changes. */
#include <math.h>

#include "base/check.h"
#include "trees/shap_in.h"

/* Nodes and weights of Gauss-Legendre quadrature on [0, 1], by Newton's method on the Legendre
 * polynomials (Abramowitz and Stegun 25.4.29, 22.7.10). */
static void quadrature(double *nodes, double *weights, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        double x = cos(M_PI * (i + 0.75) / (count + 0.5)), slope = 1, step = 1;
        for (int round = 0; round < 100 && fabs(step) > 1e-15; round++) {
            double p = 1, before = 0;
            for (uint32_t k = 1; k <= count; k++) {
                double next = ((2.0 * k - 1) * x * p - (k - 1.0) * before) / k;
                before = p;
                p = next;
            }
            slope = count * (x * p - before) / (x * x - 1);
            step = p / slope;
            x -= step;
        }
        nodes[i] = (1 + x) / 2;
        weights[i] = 1 / ((1 - x * x) * slope * slope);
    }
}

double ft_shap_share(const ft_tree *t, uint32_t node, uint32_t child) {
    double all = (double)t->cover[node], part = (double)t->cover[child];
    if (!(all > 0)) return 0.5; /* no rows to tell: either way */
    double share = part / all;
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

/* ---- edges in depth-first order */

typedef struct step { /* an edge of the path to where the walk is */
    uint32_t node, child;
    bool is_right;
    double z; /* share of rows that meets all conditions on the feature down to here */
    int32_t before;
    uint32_t distinct; /* features on the path */
} step;

typedef struct making {
    const ft_tree *tree;
    int32_t *last; /* [features]: depth of a feature's last edge on the path, -1: none */
    step *path;    /* [depth of the tree] */
    const double *t, *w;
    uint32_t points, distinct_max;
    ft_shap_edge *edges; /* NULL: only looking */
    float *constants;
    size_t edge_count;
} making;

/* `z` at this edge, `zb` at the last edge of the same feature (1, and `first`, when there is none).
 */
static void fill_constants(const making *m, float *out, double z, double zb, bool first) {
    uint32_t n = m->points;
    float *factor = out, *weight = out + FT_SHAP_STATES * n;
    for (uint32_t q = 0; q < n; q++) {
        double t = m->t[q], w = m->w[q];
        double met = z + t * (1 - z), lost = z * (1 - t), met_before = zb + t * (1 - zb);
        /* (o - z) / factor, here and at the edge before, whose part is taken back */
        double gain = (1 - z) / met, loss = -1 / (1 - t);
        double gain_before = first ? 0 : (1 - zb) / met_before, loss_before = first ? 0 : loss;
        factor[FT_SHAP_MET * n + q] = (float)(met / met_before);
        factor[FT_SHAP_LOST * n + q] = (float)(lost / met_before);
        factor[FT_SHAP_LOST_BEFORE * n + q] = (float)(zb > 0 ? z / zb : 0);
        weight[FT_SHAP_MET * n + q] = (float)(w * (gain - gain_before));
        weight[FT_SHAP_LOST * n + q] = (float)(w * (loss - gain_before));
        weight[FT_SHAP_LOST_BEFORE * n + q] = (float)(w * (loss - loss_before));
    }
}

static void emit_edge(making *m, uint32_t depth) {
    const step *s = &m->path[depth];
    const ft_node *n = &m->tree->nodes[s->node], *child = &m->tree->nodes[s->child];
    m->edges[m->edge_count] =
        (ft_shap_edge){ .cut = n->value,
                        .feature = n->feature,
                        .node = s->node,
                        .depth = depth,
                        .before = s->before,
                        .is_right = s->is_right,
                        .is_leaf = child->left == 0,
                        .default_left = n->default_left,
                        .is_category = n->is_category,
                        .leaf = child->left ? 0 : child->value * m->tree->weight };
    double zb = s->before < 0 ? 1 : m->path[s->before].z;
    fill_constants(m, m->constants + m->edge_count * 2 * FT_SHAP_STATES * m->points, s->z, zb,
                   s->before < 0);
}

static void enter(making *m, uint32_t depth, uint32_t node, bool is_right) {
    const ft_node *n = &m->tree->nodes[node];
    step *s = &m->path[depth];
    int32_t before = m->last[n->feature];
    *s =
        (step){ .node = node, .child = n->left + is_right, .is_right = is_right, .before = before };
    s->z = ft_shap_share(m->tree, node, s->child) * (before < 0 ? 1 : m->path[before].z);
    s->distinct = (depth ? m->path[depth - 1].distinct : 0) + (before < 0);
    if (s->distinct > m->distinct_max) m->distinct_max = s->distinct;
    m->last[n->feature] = (int32_t)depth;
    if (m->edges) emit_edge(m, depth);
    m->edge_count++;
}

static void leave(making *m, uint32_t depth) {
    const step *s = &m->path[depth];
    m->last[m->tree->nodes[s->node].feature] = s->before;
}

/* Visit every edge; a leaf's edge learns how many edges end with it. */
static void walk_edges(making *m) {
    uint32_t depth = 0;
    m->edge_count = 0;
    m->distinct_max = 0;
    if (m->tree->node_count == 1) return;
    enter(m, 0, 0, false);
    for (;;) {
        uint32_t child = m->path[depth].child, closes = 1;
        if (m->tree->nodes[child].left) {
            enter(m, ++depth, child, false);
            continue;
        }
        leave(m, depth);
        while (m->path[depth].is_right && depth > 0) {
            leave(m, --depth);
            closes++;
        }
        if (m->edges) m->edges[m->edge_count - 1].closes = closes;
        if (m->path[depth].is_right) return; /* the root's right edge */
        enter(m, depth, m->path[depth].node, true);
    }
}

/* ---- the forest */

static ft_err build_tree(ft_explainer *e, ft_shap_tree *out, making *m) {
    double t[FT_SHAP_POINTS_MAX], w[FT_SHAP_POINTS_MAX];
    m->edges = NULL;
    walk_edges(m);
    uint32_t points = (m->distinct_max + 1) / 2;
    if (points > FT_SHAP_POINTS_MAX)
        return FT_FAIL(FT_EUNSUPPORTED,
                       "a tree has a path over %u different features; explained are up to %d",
                       m->distinct_max, 2 * FT_SHAP_POINTS_MAX);
    ft_shap_edge *edges;
    float *constants;
    size_t count = m->edge_count;
    quadrature(t, w, points);
    FT_TRY(ft_arena_items(&edges, &e->arena, count + 1));
    FT_TRY(ft_arena_items(&constants, &e->arena, count * 2 * FT_SHAP_STATES * points + 1));
    m->t = t;
    m->w = w;
    m->points = points;
    m->edges = edges;
    m->constants = constants;
    walk_edges(m);
    *out = (ft_shap_tree){ m->tree, edges, count, constants, points };
    if (points > e->points_max) e->points_max = points;
    if (m->tree->depth > e->depth_max) e->depth_max = m->tree->depth;
    return FT_OK;
}

/* The tree's mean over the training rows: bottom up, children stand after their parents. */
static double tree_mean(const ft_tree *t, double *means) {
    for (uint32_t i = t->node_count; i-- > 0;) {
        uint32_t left = t->nodes[i].left;
        means[i] = left ? means[left] * ft_shap_share(t, i, left) +
                              means[left + 1] * ft_shap_share(t, i, left + 1)
                        : (double)t->nodes[i].value;
    }
    return means[0] * (double)t->weight;
}

ft_err ft_shap_build(ft_explainer *e) {
    const ft_forest *f = e->forest;
    making m = { 0 };
    double *means;
    size_t nodes_max = 1, depth_max = 1;
    ft_arena scratch = FT_ARENA_INIT((size_t)4 << 30);
    ft_err err = FT_OK;
    for (size_t i = 0; i < e->tree_count; i++) {
        if (f->trees[i].node_count > nodes_max) nodes_max = f->trees[i].node_count;
        if (f->trees[i].depth > depth_max) depth_max = f->trees[i].depth;
    }
    FT_GOTO(err, ft_arena_items(&e->trees, &e->arena, e->tree_count + 1));
    FT_GOTO(err, ft_arena_items(&m.last, &scratch, f->feature_count));
    FT_GOTO(err, ft_arena_items(&m.path, &scratch, depth_max));
    FT_GOTO(err, ft_arena_items(&means, &scratch, nodes_max));
    for (size_t i = 0; i < f->feature_count; i++) m.last[i] = -1;
    for (size_t i = 0; i < e->tree_count; i++) {
        m.tree = &f->trees[i];
        FT_GOTO(err, build_tree(e, &e->trees[i], &m));
        e->bias[m.tree->group] += tree_mean(m.tree, means);
    }
done:
    ft_arena_fini(&scratch);
    return err;
}
