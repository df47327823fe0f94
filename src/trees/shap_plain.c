/* shap_plain.c -- Algorithm 2 of Lundberg, Erion and Lee (2018), word for word and in doubles: the
 * reference for shap.c. Recursive, so only as deep as a stack allows. */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "trees/shap_in.h"

#define DEPTH_MAX 64

typedef struct item { /* d, z, o, w of the paper */
    int64_t feature;
    double zero, one, weight;
} item;

typedef struct plain {
    const ft_tree *tree;
    const float *row;
    double *phi;
} plain;

static void extend(item *path, uint32_t length, double zero, double one, int64_t feature) {
    path[length] = (item){ feature, zero, one, length == 0 ? 1.0 : 0.0 };
    for (uint32_t i = length; i-- > 0;) {
        path[i + 1].weight += one * path[i].weight * (i + 1) / (length + 1);
        path[i].weight = zero * path[i].weight * (length - i) / (length + 1);
    }
}

/* `last` is the index of the path's last item. */
static void unwind(item *path, uint32_t last, uint32_t index) {
    double one = path[index].one, zero = path[index].zero, next = path[last].weight;
    for (uint32_t j = last; j-- > 0;) {
        if (one != 0) {
            double kept = path[j].weight;
            path[j].weight = next * (last + 1) / ((j + 1) * one);
            next = kept - path[j].weight * zero * (last - j) / (last + 1);
        } else if (zero != 0) {
            path[j].weight = path[j].weight * (last + 1) / (zero * (last - j));
        } else { /* neither a row nor the training data comes here */
            path[j].weight = 0;
        }
    }
    for (uint32_t j = index; j < last; j++) {
        path[j].feature = path[j + 1].feature;
        path[j].zero = path[j + 1].zero;
        path[j].one = path[j + 1].one;
    }
}

static double unwound_sum(const item *path, uint32_t last, uint32_t index) {
    item copy[DEPTH_MAX + 2];
    double sum = 0;
    memcpy(copy, path, (last + 1) * sizeof *copy);
    unwind(copy, last, index);
    for (uint32_t j = 0; j < last; j++) sum += copy[j].weight;
    return sum;
}

static bool goes_left(const ft_tree *t, const ft_node *n, float x) {
    if (x != x) return n->default_left;
    return n->is_category ? ft_node_category_left(t, n, x) : x < n->value;
}

static void recurse(const plain *p, uint32_t node, const item *above, uint32_t length, double zero,
                    double one, int64_t feature) {
    item path[DEPTH_MAX + 2];
    if (length) memcpy(path, above, length * sizeof *path);
    extend(path, length, zero, one, feature);
    const ft_node *n = &p->tree->nodes[node];
    if (!n->left) {
        for (uint32_t i = 1; i <= length; i++)
            p->phi[path[i].feature] += unwound_sum(path, length, i) * (path[i].one - path[i].zero) *
                                       (double)n->value * (double)p->tree->weight;
        return;
    }
    uint32_t hot = n->left + !goes_left(p->tree, n, p->row[n->feature]);
    uint32_t cold = hot == n->left ? n->left + 1 : n->left;
    double in_zero = 1, in_one = 1;
    for (uint32_t k = 1; k <= length; k++) {
        if (path[k].feature != (int64_t)n->feature) continue;
        in_zero = path[k].zero;
        in_one = path[k].one;
        unwind(path, length, k);
        length--;
        break;
    }
    double hot_share = ft_shap_share(p->tree, node, hot),
           cold_share = ft_shap_share(p->tree, node, cold);
    recurse(p, hot, path, length + 1, in_zero * hot_share, in_one, n->feature);
    recurse(p, cold, path, length + 1, in_zero * cold_share, 0, n->feature);
}

ft_err ft_explainer_plain(const ft_explainer *e, float *out, const float *rows, size_t count) {
    const ft_forest *f = e->forest;
    size_t width = ft_explainer_width(e), of_group = f->feature_count + 1;
    if (f->linear) return ft_explainer_explain(e, out, rows, count);
    if (e->depth_max > DEPTH_MAX)
        return FT_FAIL(FT_EUNSUPPORTED, "the reference explains trees of at most %d levels",
                       DEPTH_MAX);
    double *phi = ft_fault_here() ? NULL : malloc(width * sizeof *phi);
    if (!phi) return FT_FAIL(FT_ENOMEM, "no memory for %zu contributions", width);
    for (size_t r = 0; r < count; r++) {
        memset(phi, 0, width * sizeof *phi);
        for (size_t t = 0; t < e->tree_count; t++) {
            plain p = { &f->trees[t], rows + r * f->feature_count, NULL };
            p.phi = phi + f->trees[t].group * of_group;
            recurse(&p, 0, NULL, 0, 1, 1, -1);
        }
        for (size_t g = 0; g < f->group_count; g++) phi[(g + 1) * of_group - 1] = e->bias[g];
        for (size_t i = 0; i < width; i++) out[r * width + i] = (float)phi[i];
    }
    free(phi);
    return FT_OK;
}
