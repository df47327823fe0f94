/* shap_tile_in.h -- the kernel of shap.c: one tree over 16 rows at once, in GCC's vector types.
 * Included once for each instruction set, with TILE_NAME and TILE_TARGET: the compiler lowers
 * vector types before it inlines, so a function must know its instruction set from the start.
 * Vectors are never passed or returned by value: callers of another level would look for them
 * elsewhere. */

#define SPLAT(v) \
    ((lanes){ (v), (v), (v), (v), (v), (v), (v), (v), (v), (v), (v), (v), (v), (v), (v), (v) })
#define PICK(m, yes, no) ((lanes)(((mask)(yes) & (m)) | ((mask)(no) & ~(m))))
#define INLINE           static inline __attribute__((always_inline)) TILE_TARGET

INLINE void TILE_NAME(test_left)(mask *out, const ft_tree *t, const ft_shap_edge *e,
                                 const lanes *x) {
    if (e->is_category) {
        category_left(out, t, e, x);
        return;
    }
    lanes v = *x;
    mask left = v < SPLAT(e->cut), missing = v != v;
    *out = e->default_left ? left | missing : left;
}

/* The constant of each row's state. An edge that is the first of its feature has no edge before. */
INLINE void TILE_NAME(of_state)(lanes *out, const bench *b, const ft_shap_edge *e, const float *at,
                                uint32_t n) {
    mask met = b->met[e->depth], before = b->before[e->depth];
    const float *yes = at + FT_SHAP_MET * n, *lost = at + FT_SHAP_LOST * n;
    const float *lost_before = at + FT_SHAP_LOST_BEFORE * n;
    if (e->before < 0)
        for (uint32_t q = 0; q < n; q++) out[q] = PICK(met, SPLAT(yes[q]), SPLAT(lost[q]));
    else
        for (uint32_t q = 0; q < n; q++)
            out[q] = PICK(met, SPLAT(yes[q]), PICK(before, SPLAT(lost[q]), SPLAT(lost_before[q])));
}

/* Weigh the sum over the leaves below the edge, and pass it on to the edge above. */
INLINE void TILE_NAME(close_edge)(bench *b, uint32_t depth, uint32_t n, lanes *phi) {
    const ft_shap_edge *e = b->open[depth];
    const lanes *sum = b->sum + (size_t)depth * n;
    lanes weights[FT_SHAP_POINTS_MAX], total = { 0 };
    TILE_NAME(of_state)(weights, b, e, b->constants[depth] + FT_SHAP_STATES * n, n);
    for (uint32_t q = 0; q < n; q++) total += weights[q] * sum[q];
    phi[e->feature] += total;
    if (depth == 0) return;
    lanes *above = b->sum + (size_t)(depth - 1) * n;
    for (uint32_t q = 0; q < n; q++) above[q] += sum[q];
}

INLINE void TILE_NAME(open_edge)(bench *b, const ft_tree *t, const ft_shap_edge *e,
                                 const float *constants, uint32_t n, const lanes *x) {
    uint32_t depth = e->depth;
    const lanes *above = depth ? b->product + (size_t)(depth - 1) * n : NULL;
    lanes *product = b->product + (size_t)depth * n, *sum = b->sum + (size_t)depth * n;
    lanes factors[FT_SHAP_POINTS_MAX];
    if (!e->is_right) TILE_NAME(test_left)(&b->left[depth], t, e, &x[e->feature]);
    mask goes = e->is_right ? ~b->left[depth] : b->left[depth];
    b->before[depth] = e->before < 0 ? ~(mask){ 0 } : b->met[e->before];
    b->met[depth] = b->before[depth] & goes;
    b->open[depth] = e;
    b->constants[depth] = constants;
    TILE_NAME(of_state)(factors, b, e, constants, n);
    lanes leaf = SPLAT(e->leaf); /* 0 above a subtree: its leaves add to the sum */
    for (uint32_t q = 0; q < n; q++) {
        product[q] = depth ? factors[q] * above[q] : factors[q];
        sum[q] = product[q] * leaf;
    }
}

INLINE void TILE_NAME(explain_points)(bench *b, const ft_shap_tree *t, uint32_t n, const lanes *x,
                                      lanes *phi) {
    const float *constants = t->constants;
    for (size_t i = 0; i < t->edge_count; i++, constants += 2 * FT_SHAP_STATES * n) {
        const ft_shap_edge *e = &t->edges[i];
        TILE_NAME(open_edge)(b, t->tree, e, constants, n, x);
        if (!e->is_leaf) continue;
        for (uint32_t k = 0; k < e->closes; k++) TILE_NAME(close_edge)(b, e->depth - k, n, phi);
    }
}

/* The usual numbers of points as constants, so that their loops unroll. */
INLINE void TILE_NAME(explain_tree)(bench *b, const ft_shap_tree *t, const lanes *x, lanes *phi) {
    switch (t->points) {
    case 1:
        TILE_NAME(explain_points)(b, t, 1, x, phi);
        return;
    case 2:
        TILE_NAME(explain_points)(b, t, 2, x, phi);
        return;
    case 3:
        TILE_NAME(explain_points)(b, t, 3, x, phi);
        return;
    case 4:
        TILE_NAME(explain_points)(b, t, 4, x, phi);
        return;
    default:
        TILE_NAME(explain_points)(b, t, t->points, x, phi);
    }
}

/* All trees over `groups` groups of 16 rows. */
static TILE_TARGET void TILE_NAME(tile)(const ft_explainer *e, bench *b, size_t groups) {
    size_t cols = e->forest->feature_count, width = cols + 1;
    for (size_t t = 0; t < e->tree_count; t++) {
        const ft_shap_tree *tree = &e->trees[t];
        for (size_t g = 0; g < groups; g++)
            TILE_NAME(explain_tree)
            (b, tree, b->x + g * cols,
             b->phi + (g * e->forest->group_count + tree->tree->group) * width);
    }
}

#undef SPLAT
#undef PICK
#undef INLINE
