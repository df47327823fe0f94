/* class_tensors_in.h -- labels and predictions as class numbers, for rules on classification. */
#ifndef FT_CLASS_TENSORS_IN_H
#define FT_CLASS_TENSORS_IN_H

#include "rules/rule_in.h"

#define FT_RULE_CLASSES_MAX 10000

/* A class for each of `rows`: with several values a row the place of the largest; with one value a
 * row that is a fraction somewhere, a probability: 0 or 1; else the value. -1 for what is no class.
 * `*out` NULL when the array does not have that many rows. */
ft_err ft_rule_classes(int64_t **out, ft_arena *arena, const ft_array *a, int64_t rows);

#endif
