/* loss.c -- what training makes small: SoftmaxCrossEntropyLoss, CrossEntropyLoss (with label
 * smoothing: Szegedy et al. 2016, section 7), NegativeLogLikelihoodLoss, MeanSquaredError,
 * FocalLoss (Lin et al. 2017, of sigmoids). Sums are in double. */
#include <inttypes.h>

#include "base/check.h"
#include "nn/ops/kernel.h"

typedef enum reduction { NONE, SUM, MEAN } reduction;

static ft_err reduction_of(reduction *out, const ft_nn_node *node) {
    ft_str name = ft_nn_attr_str(node, "reduction");
    *out = ft_str_is(name, "none") ? NONE : ft_str_is(name, "sum") ? SUM : MEAN;
    if (*out == MEAN && !ft_str_is(name, "mean"))
        return ft_nn_refuse_(node, FT_EINVAL, "reduction '%.*s'", FT_STR_ARG(name));
    return FT_OK;
}

/* ---- of classes: scores [n, classes, …], labels [n, …], a weight for each class */

typedef struct classes {
    const ft_nn_call *c;
    int64_t count, classes, inner; /* places, classes, places of one of the batch */
    bool logarithms;               /* the scores are logarithms of probabilities already */
    double smooth;
    const ft_nn_attr *ignore;
    reduction reduce;
    double weight_sum; /* all classes' */
} classes;

static ft_err classes_infer(ft_nn_infer *i) {
    const ft_array *x = &i->in[0], *labels = &i->in[1];
    reduction reduce;
    char one[FT_NN_SHAPE_TEXT], two[FT_NN_SHAPE_TEXT];
    FT_TRY(ft_nn_take(i, 0, FT_NN_FLOATS));
    FT_TRY(ft_nn_take(i, 1, FT_NN_INDEXES));
    if (ft_nn_given(i->in, i->in_count, 2)) FT_TRY(ft_nn_take_same(i, 0, 2));
    FT_TRY(reduction_of(&reduce, i->node));
    i->out[0] = (ft_array){ .dtype = x->dtype };
    if (i->out_count > 1) i->out[1] = ft_nn_like(x);
    if (reduce == NONE) {
        i->out[0] = ft_nn_like(labels);
        i->out[0].dtype = x->dtype;
    }
    if (x->ndim < 0 || labels->ndim < 0) return FT_OK;
    bool fits = x->ndim >= 2 && labels->ndim == x->ndim - 1;
    for (int d = 0; fits && d < labels->ndim; d++) {
        int64_t size = x->shape[d ? d + 1 : 0];
        fits = size < 0 || labels->shape[d] < 0 || size == labels->shape[d];
    }
    if (fits && ft_nn_given(i->in, i->in_count, 2) && ft_nn_sized(&i->in[2]))
        fits = i->in[2].ndim == 1 && (x->shape[1] < 0 || i->in[2].shape[0] == x->shape[1]);
    if (fits) return FT_OK;
    return ft_nn_refuse_(i->node, FT_EINVAL, "scores %s, labels %s and weights do not fit",
                         ft_nn_shape_text(one, x), ft_nn_shape_text(two, labels));
}

static double weight_at(const classes *s, int64_t class) {
    bool given = ft_nn_given(s->c->in, s->c->in_count, 2);
    return given ? ft_nn_item(&s->c->in[2], class) : 1;
}
static ft_err classes_of(classes *s, const ft_nn_call *c) {
    const ft_array *x = &c->in[0];
    const char *name = c->node->op->name;
    *s = (classes){ .c = c,
                    .count = ft_array_count(&c->in[1]),
                    .classes = x->shape[1],
                    .inner = ft_nn_product(x, 2, x->ndim),
                    .logarithms = name[0] == 'N',
                    .ignore = ft_nn_attr_find(c->node, "ignore_index") };
    if (name[0] == 'C') s->smooth = ft_nn_attr_float(c->node, "label_smoothing");
    for (int64_t k = 0; k < s->classes; k++) s->weight_sum += weight_at(s, k);
    return reduction_of(&s->reduce, c->node);
}
/* First item of place `i`; its classes are `inner` apart. */
static int64_t place_at(const classes *s, int64_t i) {
    return i / s->inner * s->classes * s->inner + i % s->inner;
}
/* The label of place `i`, -1 where it is to be ignored. */
static ft_err label_at(int64_t *out, const classes *s, int64_t i) {
    int64_t label = ft_nn_get_int(&s->c->in[1], i);
    *out = -1;
    if (s->ignore && label == s->ignore->i) return FT_OK;
    if (label < 0 || label >= s->classes)
        return ft_nn_refuse_(s->c->node, FT_EINVAL,
                             "label %" PRId64 " is none of %" PRId64 " classes", label, s->classes);
    *out = label;
    return FT_OK;
}
/* What has to be taken from a score to make it the logarithm of a probability. */
static double offset_of(const classes *s, int64_t at) {
    const ft_array *x = &s->c->in[0];
    double most = -(double)INFINITY, sum = 0;
    if (s->logarithms) return 0;
    for (int64_t k = 0; k < s->classes; k++) most = fmax(most, ft_nn_item(x, at + k * s->inner));
    if (isinf(most)) most = 0;
    for (int64_t k = 0; k < s->classes; k++) sum += exp(ft_nn_item(x, at + k * s->inner) - most);
    return most + log(sum);
}
static double place_loss(const classes *s, int64_t at, int64_t label, double offset) {
    const ft_array *x = &s->c->in[0];
    double loss = weight_at(s, label) * (offset - ft_nn_item(x, at + label * s->inner)), all = 0;
    if (s->smooth == 0) return loss;
    for (int64_t k = 0; k < s->classes; k++)
        all += weight_at(s, k) * (offset - ft_nn_item(x, at + k * s->inner));
    return (1 - s->smooth) * loss + s->smooth / (double)s->classes * all;
}

static ft_err classes_run(const ft_nn_call *c) {
    classes s;
    double sum = 0, weights = 0;
    FT_TRY(classes_of(&s, c));
    for (int64_t i = 0; i < s.count; i++) {
        int64_t at = place_at(&s, i), label;
        double offset = offset_of(&s, at), loss = 0;
        FT_TRY(label_at(&label, &s, i));
        if (label >= 0) {
            loss = place_loss(&s, at, label, offset);
            weights += weight_at(&s, label);
        }
        sum += loss;
        if (s.reduce == NONE && c->out[0].data) ft_nn_put_f64(&c->out[0], i, loss);
        for (int64_t k = 0; c->out_count > 1 && c->out[1].data && k < s.classes; k++)
            ft_nn_put_f64(&c->out[1], at + k * s.inner,
                          ft_nn_item(&c->in[0], at + k * s.inner) - offset);
    }
    if (s.reduce != NONE && c->out[0].data)
        ft_nn_put_f64(&c->out[0], 0, s.reduce == MEAN ? sum / weights : sum);
    return FT_OK;
}

/* d loss / d score: (p - smoothed label), weighted. */
static void place_back(const classes *s, int64_t at, int64_t label, double offset, double scale) {
    const ft_array *x = &s->c->in[0];
    float *dx = s->c->in_grad[0].data;
    double w = weight_at(s, label) * (1 - s->smooth), each = s->smooth / (double)s->classes;
    for (int64_t k = 0; k < s->classes; k++) {
        double p = s->logarithms ? 0 : exp(ft_nn_item(x, at + k * s->inner) - offset);
        double d = w * (p - (k == label)) + each * (p * s->weight_sum - weight_at(s, k));
        dx[at + k * s->inner] = (float)(d * scale);
    }
}
static ft_err classes_backward(const ft_nn_call *c) {
    classes s;
    double weights = 0;
    FT_TRY(classes_of(&s, c));
    for (size_t k = 0; k < c->in_count; k++) {
        if (c->in_grad[k].data) memset(c->in_grad[k].data, 0, ft_array_bytes(&c->in_grad[k]));
    }
    const float *dy = c->out_grad[0].data;
    if (!c->in_grad[0].data || !dy) return FT_OK;
    for (int64_t i = 0; i < s.count; i++) {
        int64_t label;
        FT_TRY(label_at(&label, &s, i));
        if (label >= 0) weights += weight_at(&s, label);
    }
    for (int64_t i = 0; i < s.count; i++) {
        int64_t at = place_at(&s, i), label;
        double scale = (double)dy[s.reduce == NONE ? i : 0];
        FT_TRY(label_at(&label, &s, i));
        if (s.reduce == MEAN) scale /= weights;
        if (label >= 0) place_back(&s, at, label, offset_of(&s, at), scale);
    }
    return FT_OK;
}

/* ---- of numbers: x and targets of one shape */

static ft_err numbers_infer(ft_nn_infer *i) {
    reduction reduce;
    char one[FT_NN_SHAPE_TEXT], two[FT_NN_SHAPE_TEXT];
    const ft_array *x = &i->in[0], *t = &i->in[1];
    FT_TRY(ft_nn_take(i, 0, FT_NN_FLOATS));
    FT_TRY(ft_nn_take_same(i, 0, 1));
    FT_TRY(reduction_of(&reduce, i->node));
    bool fits = x->ndim < 0 || t->ndim < 0 || x->ndim == t->ndim;
    for (int d = 0; fits && d < x->ndim && d < t->ndim; d++)
        fits = x->shape[d] < 0 || t->shape[d] < 0 || x->shape[d] == t->shape[d];
    if (!fits)
        return ft_nn_refuse_(i->node, FT_EINVAL, "shapes %s and %s differ",
                             ft_nn_shape_text(one, x), ft_nn_shape_text(two, t));
    i->out[0] = reduce == NONE ? ft_nn_like(x) : (ft_array){ .dtype = x->dtype };
    return FT_OK;
}
typedef double of_pair(const ft_nn_node *node, double x, double t);

static ft_err numbers_run(const ft_nn_call *c, of_pair *loss) {
    reduction reduce;
    int64_t count = ft_array_count(&c->in[0]);
    double sum = 0;
    FT_TRY(reduction_of(&reduce, c->node));
    for (int64_t i = 0; i < count; i++) {
        double v = loss(c->node, ft_nn_item(&c->in[0], i), ft_nn_item(&c->in[1], i));
        if (reduce == NONE) ft_nn_put_f64(&c->out[0], i, v);
        sum += v;
    }
    if (reduce != NONE)
        ft_nn_put_f64(&c->out[0], 0, reduce == MEAN && count ? sum / (double)count : sum);
    return FT_OK;
}
static ft_err numbers_backward(const ft_nn_call *c, of_pair *slope_x, of_pair *slope_t) {
    reduction reduce;
    int64_t count = ft_array_count(&c->in[0]);
    const float *dy = c->out_grad[0].data;
    FT_TRY(reduction_of(&reduce, c->node));
    for (int k = 0; k < 2; k++) {
        float *to = c->in_grad[k].data;
        of_pair *slope = k ? slope_t : slope_x;
        for (int64_t i = 0; to && i < count; i++) {
            double d = dy ? (double)dy[reduce == NONE ? i : 0] : 0;
            if (reduce == MEAN) d /= (double)count;
            to[i] = (float)(d * slope(c->node, ft_nn_item(&c->in[0], i), ft_nn_item(&c->in[1], i)));
        }
    }
    return FT_OK;
}

static double square(const ft_nn_node *node, double x, double t) {
    (void)node;
    return (x - t) * (x - t);
}
static double square_x(const ft_nn_node *node, double x, double t) {
    (void)node;
    return 2 * (x - t);
}
static double square_t(const ft_nn_node *node, double x, double t) {
    (void)node;
    return -2 * (x - t);
}

/* ln(1 + e^x), without overflow */
static double soft(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }
/* weight * (1 - p_t)^gamma * cross entropy; p_t: how likely what is true is held. */
static double focal(const ft_nn_node *node, double x, double t) {
    double gamma = ft_nn_attr_float(node, "gamma"), alpha = ft_nn_attr_float(node, "alpha");
    double p = 1 / (1 + exp(-x)), miss = p * (1 - t) + (1 - p) * t;
    double entropy = t * soft(-x) + (1 - t) * soft(x);
    double weight = alpha >= 0 ? alpha * t + (1 - alpha) * (1 - t) : 1;
    return weight * pow(miss, gamma) * entropy;
}
static double focal_x(const ft_nn_node *node, double x, double t) {
    double gamma = ft_nn_attr_float(node, "gamma"), alpha = ft_nn_attr_float(node, "alpha");
    double p = 1 / (1 + exp(-x)), miss = p * (1 - t) + (1 - p) * t;
    double entropy = t * soft(-x) + (1 - t) * soft(x);
    double weight = alpha >= 0 ? alpha * t + (1 - alpha) * (1 - t) : 1;
    double by_miss = gamma == 0 ? 0 : gamma * pow(miss, gamma - 1) * (1 - 2 * t) * p * (1 - p);
    return weight * (by_miss * entropy + pow(miss, gamma) * (p - t));
}
/* Targets are given, not learnt. */
static double no_slope(const ft_nn_node *node, double x, double t) {
    (void)node, (void)x, (void)t;
    return 0;
}

/* ---- rows */

#define MEAN_ATTR \
    { "reduction", FT_NN_STRING, 0, "mean", false }
#define IGNORE_ATTR \
    { "ignore_index", FT_NN_INT, 0, NULL, false }
static const ft_nn_attr_row label_attrs[] = { IGNORE_ATTR, MEAN_ATTR, { 0 } };
static const ft_nn_attr_row smooth_attrs[] = {
    IGNORE_ATTR, MEAN_ATTR, { "label_smoothing", FT_NN_FLOAT, 0, NULL, false }, { 0 }
};
static const ft_nn_attr_row square_attrs[] = { MEAN_ATTR, { 0 } };
static const ft_nn_attr_row focal_attrs[] = { MEAN_ATTR,
                                              { "alpha", FT_NN_FLOAT, 0.25, NULL, false },
                                              { "gamma", FT_NN_FLOAT, 2, NULL, false },
                                              { 0 } };

#define LOSS(sym, NAME, DOC, ATTRS, IN, OUT, INFER, RUN, BACKWARD, ...) \
    extern const ft_nn_op ft_nn_op_##sym;                               \
    const ft_nn_op ft_nn_op_##sym = { .name = NAME,                     \
                                      .doc = DOC,                       \
                                      .attrs = ATTRS,                   \
                                      .inputs_min = 2,                  \
                                      .inputs_max = IN,                 \
                                      .outputs_min = 1,                 \
                                      .outputs_max = OUT,               \
                                      .infer = INFER,                   \
                                      .reference = RUN,                 \
                                      .backward = BACKWARD,             \
                                      __VA_ARGS__ };
static ft_err square_run(const ft_nn_call *c) { return numbers_run(c, square); }
static ft_err square_backward(const ft_nn_call *c) {
    return numbers_backward(c, square_x, square_t);
}
static ft_err focal_run(const ft_nn_call *c) { return numbers_run(c, focal); }
static ft_err focal_backward(const ft_nn_call *c) { return numbers_backward(c, focal_x, no_slope); }

LOSS(softmax_cross_entropy_loss, "SoftmaxCrossEntropyLoss", "how unlikely the labels are by scores",
     label_attrs, 3, 2, classes_infer, classes_run, classes_backward)
LOSS(cross_entropy_loss, "CrossEntropyLoss", "the same with labels smoothed", smooth_attrs, 3, 2,
     classes_infer, classes_run, classes_backward, .not_onnx = true)
LOSS(negative_log_likelihood_loss, "NegativeLogLikelihoodLoss",
     "how unlikely the labels are by logarithms of probabilities", label_attrs, 3, 1, classes_infer,
     classes_run, classes_backward)
LOSS(mean_squared_error, "MeanSquaredError", "squares of differences", square_attrs, 2, 1,
     numbers_infer, square_run, square_backward, .not_onnx = true)
LOSS(focal_loss, "FocalLoss", "cross entropy of sigmoids, less for what is easy", focal_attrs, 2, 1,
     numbers_infer, focal_run, focal_backward, .not_onnx = true)
