/* xgboost_model_fuzz.c -- bytes that the model reader takes are a model that may be walked without
 * checks: links go down, every leaf is finite, and all inference paths give the same bits. */
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "fuzz/target.h"
#include "trees/predict.h"

#define ROWS         70 /* past the size where rows go through the batch path */
#define FEATURES_MAX 512
#define GROUPS_MAX   16
#define NODES_MAX    100000

static void check_tree(const ft_forest *f, const ft_tree *t) {
    uint32_t leaves = 0;
    FT_CHECK(t->node_count > 0 && t->group < f->group_count && isfinite(t->weight));
    for (uint32_t i = 0; i < t->node_count; i++) {
        const ft_node *n = &t->nodes[i];
        if (n->left) {
            FT_CHECK(n->left > i && n->left + 1 < t->node_count && n->feature < f->feature_count);
        } else {
            FT_CHECK(isfinite(n->value));
            leaves++;
        }
    }
    FT_CHECK(leaves == t->leaf_count);
}

static void check_paths(const ft_forest *f) {
    static float rows[ROWS * FEATURES_MAX], want[ROWS * GROUPS_MAX], got[ROWS * GROUPS_MAX];
    const ft_scorer_path paths[] = { FT_SCORER_PLAIN, FT_SCORER_WALK, FT_SCORER_AVX2,
                                     FT_SCORER_AVX512 };
    for (size_t i = 0; i < ROWS * f->feature_count; i++)
        rows[i] = i % 11 == 0 ? NAN : (float)((int)(i * 2654435761u >> 20) % 64 - 32) / 8;
    for (size_t p = 0; p < FT_COUNT(paths); p++) {
        ft_scorer *s;
        if (ft_scorer_new(&s, f, &(ft_scorer_opts){ .path = paths[p] }) != FT_OK) continue;
        size_t bytes = ROWS * f->group_count * sizeof *got;
        if (ft_scorer_margins(s, p == 0 ? want : got, rows, ROWS) == FT_OK && p > 0)
            FT_CHECK(memcmp(want, got, bytes) == 0);
        ft_scorer_free(s);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ft_forest *f;
    size_t nodes = 0;
    if (ft_forest_read(&f, ft_str_n(data, size), "fuzz") != FT_OK) {
        FT_CHECK(f == NULL && ft_err_why()[0]);
        return 0;
    }
    for (size_t t = 0; t < f->tree_count; t++) {
        check_tree(f, &f->trees[t]);
        nodes += f->trees[t].node_count;
    }
    if (f->feature_count <= FEATURES_MAX && f->group_count <= GROUPS_MAX && nodes <= NODES_MAX)
        check_paths(f);
    ft_forest_free(f);
    return 0;
}
