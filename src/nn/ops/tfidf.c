/* tfidf.c -- TfIdfVectorizer of whole numbers: how often each n-gram of a table comes, skipping up
 * to some items between its parts; as counts, as "is it there", or weighted. */
#include <inttypes.h>

#include "base/check.h"
#include "nn/ops/shared.h"

static ft_err tf_idf_infer(ft_nn_infer *i) {
    const int64_t *indexes, *pool, *counts;
    size_t n, n_pool, n_counts;
    int64_t width = 0;
    FT_TRY(ft_nn_take(i, 0, FT_NN_INDEXES));
    i->out[0] = ft_nn_unknown(FT_F32);
    if (!ft_nn_attr_ints(i->node, "pool_int64s", &pool, &n_pool))
        return ft_nn_refuse_(i->node, FT_EUNSUPPORTED, "texts are not supported");
    ft_nn_attr_ints(i->node, "ngram_indexes", &indexes, &n);
    ft_nn_attr_ints(i->node, "ngram_counts", &counts, &n_counts);
    for (size_t k = 0; k < n; k++) {
        if (indexes[k] < 0 || indexes[k] > INT32_MAX)
            return ft_nn_refuse_(i->node, FT_EINVAL, "an index of %" PRId64, indexes[k]);
        if (indexes[k] >= width) width = indexes[k] + 1;
    }
    size_t grams = 0;
    for (size_t k = 0; k < n_counts; k++) {
        int64_t end = k + 1 < n_counts ? counts[k + 1] : (int64_t)n_pool;
        if (counts[k] < 0 || end < counts[k] || end > (int64_t)n_pool)
            return ft_nn_refuse_(i->node, FT_EINVAL, "the table of n-grams is damaged");
        grams += (size_t)(end - counts[k]) / (k + 1);
    }
    if (grams > n) return ft_nn_refuse_(i->node, FT_EINVAL, "n-grams without an index");
    if (i->in[0].ndim < 0) return FT_OK;
    if (i->in[0].ndim < 1 || i->in[0].ndim > 2)
        return ft_nn_refuse_(i->node, FT_EINVAL, "takes one or two dimensions");
    i->out[0].ndim = i->in[0].ndim;
    if (i->in[0].ndim == 2) i->out[0].shape[0] = i->in[0].shape[0];
    i->out[0].shape[i->in[0].ndim - 1] = width;
    return FT_OK;
}

/* How often the n items at `gram` come in the row, `skip` items between each two. */
static int64_t times(const ft_array *x, int64_t row, int64_t size, const int64_t *gram, int64_t n,
                     int64_t skip) {
    int64_t found = 0, step = skip + 1;
    for (int64_t at = 0; at + (n - 1) * step < size; at++) {
        bool same = true;
        for (int64_t k = 0; same && k < n; k++)
            same = ft_nn_get_int(x, row + at + k * step) == gram[k];
        found += same;
    }
    return found;
}
static ft_err tf_idf_run(const ft_nn_call *c) {
    const ft_array *x = &c->in[0];
    const ft_nn_attr *weights = ft_nn_attr_find(c->node, "weights");
    const int64_t *indexes, *pool, *counts;
    size_t n, n_pool, n_counts;
    ft_str mode = ft_nn_attr_str(c->node, "mode");
    ft_nn_attr_ints(c->node, "ngram_indexes", &indexes, &n);
    ft_nn_attr_ints(c->node, "ngram_counts", &counts, &n_counts);
    ft_nn_attr_ints(c->node, "pool_int64s", &pool, &n_pool);
    int64_t least = ft_nn_attr_int(c->node, "min_gram_length");
    int64_t most = ft_nn_attr_int(c->node, "max_gram_length");
    int64_t skips = ft_nn_attr_int(c->node, "max_skip_count");
    int64_t size = x->shape[x->ndim - 1], width = c->out[0].shape[x->ndim - 1];
    int64_t rows = x->ndim == 2 ? x->shape[0] : 1;
    if (skips > size) skips = size; /* none is found further apart */
    float *out = c->out[0].data;
    memset(out, 0, ft_array_bytes(&c->out[0]));
    for (int64_t row = 0; row < rows; row++) {
        size_t gram = 0;
        for (size_t g = 0; g < n_counts; g++) {
            int64_t length = (int64_t)g + 1;
            int64_t end = g + 1 < n_counts ? counts[g + 1] : (int64_t)n_pool;
            for (int64_t at = counts[g]; at + length <= end; at += length, gram++) {
                int64_t found = 0;
                if (length < least || length > most) continue;
                for (int64_t s = 0; s <= (length == 1 ? 0 : skips); s++)
                    found += times(x, row * size, size, pool + at, length, s);
                float weight = weights && gram < weights->count ? weights->floats[gram] : 1;
                float *to = &out[row * width + indexes[gram]];
                *to = ft_str_is(mode, "TF")    ? (float)found
                      : ft_str_is(mode, "IDF") ? (found ? weight : 0)
                                               : (float)found * weight;
            }
        }
    }
    return FT_OK;
}
static const ft_nn_attr_row tf_idf_attrs[] = {
    { "max_gram_length", FT_NN_INT, 0, NULL, true },
    { "max_skip_count", FT_NN_INT, 0, NULL, true },
    { "min_gram_length", FT_NN_INT, 0, NULL, true },
    { "mode", FT_NN_STRING, 0, NULL, true },
    { "ngram_counts", FT_NN_INTS, 0, NULL, true },
    { "ngram_indexes", FT_NN_INTS, 0, NULL, true },
    { "pool_int64s", FT_NN_INTS, 0, NULL, false },
    { "pool_strings", FT_NN_STRINGS, 0, NULL, false },
    { "weights", FT_NN_FLOATS, 0, NULL, false },
    { 0 },
};
extern const ft_nn_op ft_nn_op_tf_idf_vectorizer;
const ft_nn_op ft_nn_op_tf_idf_vectorizer = { .name = "TfIdfVectorizer",
                                              .doc = "how often n-grams of a table come",
                                              .attrs = tf_idf_attrs,
                                              .inputs_min = 1,
                                              .inputs_max = 1,
                                              .outputs_min = 1,
                                              .outputs_max = 1,
                                              .infer = tf_idf_infer,
                                              .reference = tf_idf_run };
