/* predict_plain.c -- inference as the definition reads, node by node: what every other path is
 * compared with. Also the only path for gblinear. */
#include "trees/predict_in.h"

static void trees_row(const ft_scorer *s, float *out, const float *row) {
    for (size_t t = 0; t < s->tree_count; t++) {
        const ft_tree *tree = &s->forest->trees[t];
        out[tree->group] += tree->nodes[ft_tree_leaf(tree, row)].value * tree->weight;
    }
}

/* XGBoost's order: bias and base first, then the columns. A missing value adds nothing. */
static void linear_row(const ft_forest *f, float *out, const float *row) {
    const float *bias = f->linear + f->feature_count * f->group_count;
    for (size_t g = 0; g < f->group_count; g++) {
        float sum = bias[g] + f->base_margin;
        for (size_t i = 0; i < f->feature_count; i++)
            if (row[i] == row[i]) sum += row[i] * f->linear[i * f->group_count + g];
        out[g] = sum;
    }
}

void ft_plain_margins(const ft_scorer *s, float *out, const float *rows, size_t count) {
    const ft_forest *f = s->forest;
    for (size_t r = 0; r < count; r++) {
        float *margins = out + r * f->group_count;
        const float *row = rows + r * f->feature_count;
        for (size_t g = 0; g < f->group_count; g++) margins[g] = f->base_margin;
        if (f->linear)
            linear_row(f, margins, row);
        else
            trees_row(s, margins, row);
    }
}
