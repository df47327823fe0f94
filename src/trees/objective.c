/* objective.c -- see objective.h. The arithmetic is XGBoost's, float by float, so that answers are
 * equal, not merely near. */
#include "trees/objective.h"

#include <math.h>

#include "base/check.h"

const ft_objective ft_objectives[] = {
#define X(name, metric, task, labels, link, transform, since, doc)                                \
    { name,  metric, FT_TASK_##task, FT_LABEL_##labels, FT_LINK_##link, FT_TRANSFORM_##transform, \
      since, doc },
    FT_OBJECTIVE_TABLE(X)
#undef X
        { 0 }
};

/* XGBoost's common::Sigmoid: the clamp keeps expf finite. */
static float sigmoid(float x) {
    float exponent = -x < 88.7f ? -x : 88.7f;
    return 1.0f / (expf(exponent) + 1.0f + 1e-16f);
}

static void softmax(float *at, size_t count) {
    float top = at[0];
    for (size_t i = 1; i < count; i++) top = fmaxf(at[i], top);
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        at[i] = expf(at[i] - top);
        sum += (double)at[i];
    }
    for (size_t i = 0; i < count; i++) at[i] /= (float)sum;
}

static float argmax(const float *at, size_t count) {
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (at[i] > at[best]) best = i;
    return (float)best;
}

const ft_objective *ft_objective_find(ft_str name) {
    for (const ft_objective *o = ft_objectives; o->name; o++)
        if (ft_str_is(name, o->name)) return o;
    return NULL;
}

ft_err ft_objective_margin(float *out, const ft_objective *o, float base_score) {
    *out = base_score;
    if (!isfinite(base_score))
        return FT_FAIL(FT_EINVAL, "base_score: expected a finite number, found %g", base_score);
    if (o->link == FT_LINK_LOGIT) {
        if (!(base_score > 0 && base_score < 1))
            return FT_FAIL(FT_EINVAL, "base_score: %s takes a number between 0 and 1, found %g",
                           o->name, base_score);
        *out = -logf(1.0f / base_score - 1.0f);
    } else if (o->link == FT_LINK_LOG) {
        if (!(base_score > 0))
            return FT_FAIL(FT_EINVAL, "base_score: %s takes a number above 0, found %g", o->name,
                           base_score);
        *out = logf(base_score);
    }
    return FT_OK;
}

size_t ft_objective_columns(const ft_objective *o, size_t groups) {
    return o->transform == FT_TRANSFORM_ARGMAX ? 1 : groups;
}

void ft_objective_transform(const ft_objective *o, float *margins, size_t rows, size_t groups) {
    FT_CHECK(groups > 0);
    size_t count = rows * groups;
    switch (o->transform) {
    case FT_TRANSFORM_NONE:
        return;
    case FT_TRANSFORM_SIGMOID:
        for (size_t i = 0; i < count; i++) margins[i] = sigmoid(margins[i]);
        return;
    case FT_TRANSFORM_EXP:
        for (size_t i = 0; i < count; i++) margins[i] = expf(margins[i]);
        return;
    case FT_TRANSFORM_STEP:
        for (size_t i = 0; i < count; i++) margins[i] = margins[i] > 0 ? 1.0f : 0.0f;
        return;
    case FT_TRANSFORM_SOFTMAX:
        for (size_t r = 0; r < rows; r++) softmax(margins + r * groups, groups);
        return;
    case FT_TRANSFORM_ARGMAX:
        for (size_t r = 0; r < rows; r++) margins[r] = argmax(margins + r * groups, groups);
        return;
    }
    FT_CHECK(false); /* a transform without a case */
}

bool ft_objective_label_fits(const ft_objective *o, float label, size_t classes) {
    if (!isfinite(label)) return false;
    switch (o->labels) {
    case FT_LABEL_FINITE:
        return true;
    case FT_LABEL_BINARY:
        return label == 0 || label == 1;
    case FT_LABEL_UNIT:
        return label >= 0 && label <= 1;
    case FT_LABEL_CLASS:
        return label >= 0 && label < (float)classes && label == truncf(label);
    case FT_LABEL_NOT_BELOW:
        return label >= 0;
    case FT_LABEL_POSITIVE:
        return label > 0;
    case FT_LABEL_ABOVE_MINUS_ONE:
        return label > -1;
    }
    FT_CHECK(false); /* a label rule without a case */
    return false;
}

const char *ft_objective_label_text(const ft_objective *o) {
    switch (o->labels) {
    case FT_LABEL_FINITE:
        return "a finite number";
    case FT_LABEL_BINARY:
        return "0 or 1";
    case FT_LABEL_UNIT:
        return "a number in [0, 1]";
    case FT_LABEL_CLASS:
        return "a whole number in [0, num_class)";
    case FT_LABEL_NOT_BELOW:
        return "a number of at least 0";
    case FT_LABEL_POSITIVE:
        return "a number above 0";
    case FT_LABEL_ABOVE_MINUS_ONE:
        return "a number above -1";
    }
    FT_CHECK(false); /* a label rule without a case */
    return "";
}
