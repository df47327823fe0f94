/* confusion.c -- fires when the confusion matrix of labels and predictions is bad (appendix A).
 *
 * On the diagonal: of the rows of a class at least min_diag must be predicted as it. The guide's
 * formula divides by the whole diagonal, which ten equal classes could never satisfy; read by rows
 * it keeps its tests. Off the diagonal: of what is predicted as a class at most max_off_diag may
 * belong to any one other class. */
#include <math.h>

#include "base/check.h"
#include "rules/class_tensors_in.h"

#define CATEGORIES_MAX 1000

static const ft_param params[] = {
    { .name = "category_no",
      .type = FT_PARAM_INT,
      .min = 2,
      .max = CATEGORIES_MAX,
      .doc = "number of classes; unset: from labels and predictions" },
    { .name = "labels",
      .type = FT_PARAM_STRING,
      .default_text = "labels",
      .doc = "tensor of the true classes" },
    { .name = "predictions",
      .type = FT_PARAM_STRING,
      .default_text = "predictions",
      .doc = "tensor of the predicted ones" },
    { .name = "labels_collection",
      .type = FT_PARAM_STRING,
      .default_text = "labels",
      .doc = "collection that holds the labels when there is no such tensor" },
    { .name = "predictions_collection",
      .type = FT_PARAM_STRING,
      .default_text = "predictions",
      .doc = "collection that holds the predictions when there is no such tensor" },
    { .name = "min_diag",
      .type = FT_PARAM_FLOAT,
      .default_text = "0.9",
      .min = 0,
      .max = 1,
      .doc = "smallest share of a class that is predicted rightly" },
    { .name = "max_off_diag",
      .type = FT_PARAM_FLOAT,
      .default_text = "0.1",
      .min = 0,
      .max = 1,
      .doc = "largest share of another class among what is predicted as a class" },
    { 0 },
};

typedef struct matrix {
    int64_t *at, *rows, *columns; /* at[label * n + prediction], sums */
    int64_t n;
} matrix;

static ft_err read_tensor(bool *there, ft_array *out, const ft_rule_input *in, ft_str tensor,
                          ft_str collection) {
    ft_str *names;
    size_t count;
    FT_TRY(ft_trial_try(there, out, in->trial, in->arena, tensor, in->at));
    if (*there) return FT_OK;
    FT_TRY(ft_trial_names(&names, &count, in->trial, in->arena, collection, FT_STR("")));
    return count ? ft_trial_try(there, out, in->trial, in->arena, names[0], in->at) : FT_OK;
}

static ft_err fill(matrix *m, const ft_rule_input *in, const int64_t *labels, const int64_t *said,
                   int64_t rows, int64_t category_no) {
    m->n = category_no;
    for (int64_t i = 0; !category_no && i < rows; i++) {
        int64_t larger = labels[i] > said[i] ? labels[i] : said[i];
        if (larger >= m->n) m->n = larger + 1;
    }
    if (m->n > CATEGORIES_MAX) m->n = 0;
    if (!m->n) return FT_OK;
    FT_TRY(ft_arena_items(&m->at, in->arena, (size_t)(m->n * m->n)));
    FT_TRY(ft_arena_items(&m->rows, in->arena, (size_t)m->n));
    FT_TRY(ft_arena_items(&m->columns, in->arena, (size_t)m->n));
    for (int64_t i = 0; i < rows; i++) {
        if (labels[i] < 0 || said[i] < 0 || labels[i] >= m->n || said[i] >= m->n) continue;
        m->at[labels[i] * m->n + said[i]]++;
        m->rows[labels[i]]++;
        m->columns[said[i]]++;
    }
    return FT_OK;
}

static ft_err report_diagonal(const ft_rule_input *in, const matrix *m, int64_t i, double least,
                              ft_verdict *out) {
    ft_rule_evidence e;
    int64_t right = m->at[i * m->n + i];
    double share = (double)right / (double)m->rows[i];
    ft_rule_issue_begin(&e);
    ft_rule_note_i64(&e, "class", i);
    ft_rule_note_i64(&e, "right", right);
    ft_rule_note_i64(&e, "labels", m->rows[i]);
    ft_rule_note_f64(&e, "share", share);
    ft_rule_note_f64(&e, "min_diag", least);
    return ft_rule_issue_end(out, in, &e,
                             "%lld of %lld rows of class %lld are predicted rightly at step %lld "
                             "(%.2f %%); at least %g %% was expected",
                             (long long)right, (long long)m->rows[i], (long long)i,
                             (long long)in->at, 100 * share, 100 * least);
}

static ft_err report_off(const ft_rule_input *in, const matrix *m, int64_t label, int64_t said,
                         double most, ft_verdict *out) {
    ft_rule_evidence e;
    int64_t wrong = m->at[label * m->n + said];
    double share = (double)wrong / (double)m->columns[said];
    ft_rule_issue_begin(&e);
    ft_rule_note_i64(&e, "label", label);
    ft_rule_note_i64(&e, "prediction", said);
    ft_rule_note_i64(&e, "count", wrong);
    ft_rule_note_i64(&e, "predictions", m->columns[said]);
    ft_rule_note_f64(&e, "share", share);
    ft_rule_note_f64(&e, "max_off_diag", most);
    return ft_rule_issue_end(out, in, &e,
                             "%lld of %lld rows predicted as class %lld are of class %lld at step "
                             "%lld (%.2f %%); at most %g %% was expected",
                             (long long)wrong, (long long)m->columns[said], (long long)said,
                             (long long)label, (long long)in->at, 100 * share, 100 * most);
}

static ft_err judge(const ft_rule_input *in, const ft_params *p, const matrix *m, ft_verdict *out) {
    double least = ft_params_float(p, "min_diag"), most = ft_params_float(p, "max_off_diag");
    for (int64_t i = 0; i < m->n; i++)
        if (m->rows[i] && (double)m->at[i * m->n + i] < least * (double)m->rows[i])
            return report_diagonal(in, m, i, least, out);
    for (int64_t label = 0; label < m->n; label++)
        for (int64_t said = 0; said < m->n; said++)
            if (label != said &&
                (double)m->at[label * m->n + said] > most * (double)m->columns[said])
                return report_off(in, m, label, said, most, out);
    return ft_rule_no_issue(out, in);
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    ft_array labels, predictions;
    bool has_labels, has_predictions;
    int64_t *is, *said;
    matrix m = { 0 };
    FT_TRY(read_tensor(&has_labels, &labels, in, ft_params_str(p, "labels"),
                       ft_params_str(p, "labels_collection")));
    FT_TRY(read_tensor(&has_predictions, &predictions, in, ft_params_str(p, "predictions"),
                       ft_params_str(p, "predictions_collection")));
    if (!has_labels || !has_predictions || !ft_array_count(&labels))
        return ft_rule_wait(out, in, "labels and predictions were not both saved at step %lld",
                            (long long)in->at);
    int64_t rows = ft_array_count(&labels);
    FT_TRY(ft_rule_classes(&is, in->arena, &labels, rows));
    FT_TRY(ft_rule_classes(&said, in->arena, &predictions, rows));
    if (!said)
        return ft_rule_wait(out, in, "%lld labels and %lld predictions do not belong together",
                            (long long)rows, (long long)ft_array_count(&predictions));
    FT_TRY(fill(&m, in, is, said, rows, ft_params_int(p, "category_no")));
    if (!m.n) return ft_rule_wait(out, in, "labels and predictions are no classes");
    return judge(in, p, &m, out);
}

const ft_rule ft_rule_confusion = {
    .name = "Confusion",
    .doc = "The confusion matrix has too little on its diagonal or too much beside it.",
    .params = params,
    .reads = FT_READS_TRIAL,
    .collections = "labels,predictions",
    .evaluate = evaluate,
};
