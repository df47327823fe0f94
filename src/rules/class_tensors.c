/* class_tensors.c -- labels and predictions as class numbers (class_tensors_in.h). */
#include "rules/class_tensors_in.h"

#include <math.h>

/* The class of row `i` of `rows`: the largest of several scores, the nearer side of a probability,
 * or the number itself. */
static double class_of(const ft_array *a, int64_t i, int64_t width, bool is_probability) {
    if (width == 1) {
        double x = ft_array_f64(a, i);
        return is_probability ? (double)(x >= 0.5) : x;
    }
    int64_t best = 0;
    for (int64_t k = 1; k < width; k++)
        if (ft_array_f64(a, i * width + k) > ft_array_f64(a, i * width + best)) best = k;
    return (double)best;
}

static bool is_fractional(const ft_array *a) {
    for (int64_t i = 0; i < ft_array_count(a); i++) {
        double x = ft_array_f64(a, i);
        if (x != floor(x)) return true;
    }
    return false;
}

ft_err ft_rule_classes(int64_t **out, ft_arena *arena, const ft_array *a, int64_t rows) {
    int64_t width = rows && ft_array_count(a) % rows == 0 ? ft_array_count(a) / rows : 0;
    *out = NULL;
    if (!width) return FT_OK;
    FT_TRY(ft_arena_items(out, arena, (size_t)rows));
    bool is_probability = width == 1 && is_fractional(a);
    for (int64_t i = 0; i < rows; i++) {
        double x = class_of(a, i, width, is_probability);
        (*out)[i] = x >= 0 && x < FT_RULE_CLASSES_MAX && x == floor(x) ? (int64_t)x : -1;
    }
    return FT_OK;
}
