/* exploding_tensor.c -- fires when a tensor holds NaN or infinity (appendix A). */
#include <math.h>

#include "base/check.h"
#include "rules/rule_in.h"

static const ft_param params[] = {
    FT_RULE_TENSOR_PARAMS,
    { .name = "only_nan",
      .type = FT_PARAM_BOOL,
      .default_text = "false",
      .doc = "infinities are fine" },
    { 0 },
};

typedef struct blown {
    ft_str name;
    int64_t items, nans, infs, first;
    uint64_t offset; /* in the step's event file: tensors stand in the order they were computed */
} blown;

static blown look_at(const ft_array *a, bool only_nan) {
    blown b = { .items = ft_array_count(a), .first = -1 };
    for (int64_t k = 0; k < b.items; k++) {
        double x = ft_array_f64(a, k);
        b.nans += isnan(x);
        b.infs += isinf(x) != 0;
        if (b.first < 0 && (isnan(x) || (!only_nan && isinf(x)))) b.first = k;
    }
    return b;
}

static uint64_t offset_of(ft_trial *t, ft_str name, int64_t step) {
    size_t count;
    const ft_tensor_ref *refs = ft_trial_refs(t, name, &count);
    for (size_t i = count; i-- > 0;)
        if (refs[i].global_step == step) return refs[i].offset;
    return UINT64_MAX;
}

static ft_err report(const ft_rule_input *in, const blown *b, size_t tensors, ft_verdict *out) {
    ft_rule_evidence e;
    ft_rule_issue_begin(&e);
    ft_rule_note_str(&e, "tensor", b->name);
    ft_rule_note_i64(&e, "items", b->items);
    ft_rule_note_i64(&e, "nan", b->nans);
    ft_rule_note_i64(&e, "infinite", b->infs);
    ft_rule_note_i64(&e, "first_at", b->first);
    ft_rule_note_i64(&e, "tensors", (int64_t)tensors);
    return ft_rule_issue_end(out, in, &e,
                             "%.*s holds %lld NaN and %lld infinite values of %lld at step %lld, "
                             "the first at item %lld",
                             FT_STR_ARG(b->name), (long long)b->nans, (long long)b->infs,
                             (long long)b->items, (long long)in->at, (long long)b->first);
}

/* Of all tensors of the step that blew up, the one that was computed first is named: the others
 * mostly follow from it. */
static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    ft_str *names;
    size_t count, checked = 0, bad = 0;
    blown earliest = { .offset = UINT64_MAX };
    FT_TRY(ft_rule_tensors(&names, &count, in, p));
    for (size_t i = 0; i < count; i++) {
        ft_array a;
        bool there;
        FT_TRY(ft_trial_try(&there, &a, in->trial, in->arena, names[i], in->at));
        if (!there) continue;
        checked++;
        blown b = look_at(&a, ft_params_bool(p, "only_nan"));
        if (b.first < 0) continue;
        b.name = names[i];
        b.offset = offset_of(in->trial, names[i], in->at);
        if (!bad++ || b.offset < earliest.offset) earliest = b;
    }
    if (bad) return report(in, &earliest, bad, out);
    if (checked) return ft_rule_no_issue(out, in);
    return ft_rule_wait(out, in, "no tensor to look at was saved at step %lld", (long long)in->at);
}

const ft_rule ft_rule_exploding_tensor = {
    .name = "ExplodingTensor",
    .doc = "A tensor holds values that are not numbers or are infinite.",
    .params = params,
    .reads = FT_READS_TRIAL,
    .evaluate = evaluate,
};
