/* scores.c -- see scores_in.h. */
#include "rules/scores_in.h"

#include <math.h>

#define SUM_OFF 0.01 /* of printed probabilities */

/* The first row's text: up to the line's end, or what stands in the innermost first brackets. */
static ft_str first_row(ft_str text) {
    text = ft_str_trim(text);
    size_t open = text.len, i;
    if (!text.len || (text.at[0] != '[' && text.at[0] != '{')) return ft_str_cut(&text, '\n');
    for (i = 0; i < text.len && text.at[i] != ']'; i++)
        if (text.at[i] == '[') open = i + 1;
    return open < i ? ft_str_slice(text, open, i - open) : (ft_str){ 0 };
}

size_t ft_rule_scores(double out[FT_RULE_SCORES_MAX], ft_str output) {
    size_t count = 0;
    double sum = 0;
    ft_str row = first_row(output);
    while (row.at && row.len && count < FT_RULE_SCORES_MAX) {
        double v;
        if (!ft_str_f64(&v, ft_str_trim(ft_str_cut(&row, ','))) || !(v >= 0 && v <= 1)) return 0;
        sum += v;
        out[count++] = v;
    }
    return count >= 2 && fabs(sum - 1) <= SUM_OFF ? count : 0;
}

ft_err ft_rule_column(int *out, const ft_stream_kind *kind, ft_str name) {
    for (*out = 0; kind->columns[*out].name; ++*out)
        if (ft_str_is(name, kind->columns[*out].name)) return FT_OK;
    return FT_FAIL(FT_EINVAL, "column: stream %s has no column '%.*s'", kind->name,
                   FT_STR_ARG(name));
}

ft_err ft_rule_outputs(const ft_rule_input *in, void (*each)(void *ctx, ft_str output), void *ctx) {
    ft_cursor *c;
    ft_record r;
    int column;
    FT_TRY(ft_rule_column(&column, in->kind, FT_STR("output")));
    ft_cursor_opts opts = {
        .key = in->key, .from = in->from, .until = in->at, .wanted = 1ull << column
    };
    FT_TRY(ft_cursor_open(&c, in->store, in->kind, &opts));
    ft_err err;
    while (!(err = ft_cursor_next(c, &r)))
        if (r.values[column].type == FT_VALUE_TEXT) each(ctx, r.values[column].s);
    ft_cursor_close(c);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

ft_err ft_rule_share_judge(bool *fired, ft_rule_share *s, const ft_params *p,
                           const ft_rule_input *in, ft_verdict *out, const char *what) {
    int64_t least = ft_params_int(p, "min_records");
    *fired = false;
    s->most = ft_params_float(p, "threshold_percent");
    if (s->total < (uint64_t)least)
        return ft_rule_wait(out, in, "%llu %s in the window; %lld are needed",
                            (unsigned long long)s->total, what, (long long)least);
    s->percent = 100.0 * (double)s->found / (double)s->total;
    *fired = s->percent > s->most;
    return *fired ? FT_OK : ft_rule_no_issue(out, in);
}

void ft_rule_share_note(ft_rule_evidence *e, const ft_rule_share *s, const char *name) {
    ft_rule_note_i64(e, name, (int64_t)s->found);
    ft_rule_note_i64(e, "records", (int64_t)s->total);
    ft_rule_note_f64(e, "percent", s->percent);
    ft_rule_note_f64(e, "threshold_percent", s->most);
}
