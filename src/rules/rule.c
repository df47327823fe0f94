/* rule.c -- the registry of rules, and verdicts in words. */
#include "rules/rule.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "rules/rule_in.h"

#define REASON_BYTES_MAX 2000
#define NAMES_MAX        256

static const ft_rule *const none[] = { NULL };
static const ft_rule *const *rows = none;

/* ---- registry */
void ft_rules_use(const ft_rule *const *list) { rows = list ? list : none; }
const ft_rule *const *ft_rules(void) { return rows; }

ft_err ft_rule_find(const ft_rule **out, ft_str name) {
    const char *names[NAMES_MAX];
    size_t count = 0;
    *out = NULL;
    for (const ft_rule *const *r = rows; *r; r++) {
        if (ft_str_is(name, (*r)->name)) {
            *out = *r;
            return FT_OK;
        }
        if (count < NAMES_MAX) names[count++] = (*r)->name;
    }
    const char *near = ft_str_nearest(name, names, count);
    return FT_FAIL(FT_ENOTFOUND, "there is no rule '%.*s'%s%s%s", FT_STR_ARG(name),
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

const char *ft_outcome_name(ft_outcome o) {
    static const char *const names[] = { "NoIssue", "Issue", "NotEnoughData" };
    return (unsigned)o < FT_COUNT(names) ? names[o] : "?";
}

/* ---- verdicts */
ft_err ft_rule_no_issue(ft_verdict *out, const ft_rule_input *in) {
    *out = (ft_verdict){ .outcome = FT_NO_ISSUE, .at = in->at };
    return FT_OK;
}

static ft_err reason_of(ft_str *out, ft_arena *arena, const char *fmt, va_list ap) {
    char text[REASON_BYTES_MAX];
    vsnprintf(text, sizeof text, fmt, ap);
    return ft_arena_str(out, arena, ft_str_of(text));
}

ft_err ft_rule_wait(ft_verdict *out, const ft_rule_input *in, const char *why, ...) {
    va_list ap;
    *out = (ft_verdict){ .outcome = FT_NOT_ENOUGH_DATA, .at = in->at };
    va_start(ap, why);
    ft_err err = reason_of(&out->reason, in->arena, why, ap);
    va_end(ap);
    return err;
}

void ft_rule_issue_begin(ft_rule_evidence *e) {
    memset(e, 0, sizeof *e);
    ft_json_out_init(&e->w, &e->buf, false);
    ft_json_out_object(&e->w);
}

void ft_rule_note_f64(ft_rule_evidence *e, const char *name, double v) {
    ft_json_out_name(&e->w, name);
    if (isfinite(v))
        ft_json_out_f64(&e->w, v);
    else
        ft_json_out_text(&e->w, isnan(v) ? "nan" : v > 0 ? "inf" : "-inf");
}

void ft_rule_note_i64(ft_rule_evidence *e, const char *name, int64_t v) {
    ft_json_out_name(&e->w, name);
    ft_json_out_i64(&e->w, v);
}

void ft_rule_note_str(ft_rule_evidence *e, const char *name, ft_str v) {
    ft_json_out_name(&e->w, name);
    ft_json_out_str(&e->w, v);
}

ft_err ft_rule_issue_end(ft_verdict *out, const ft_rule_input *in, ft_rule_evidence *e,
                         const char *reason, ...) {
    ft_err err;
    va_list ap;
    *out = (ft_verdict){ .outcome = FT_ISSUE, .at = in->at };
    ft_json_out_close(&e->w);
    FT_GOTO(err, e->buf.err);
    FT_GOTO(err, ft_arena_str(&out->evidence_json, in->arena, ft_buf_str(&e->buf)));
    va_start(ap, reason);
    err = reason_of(&out->reason, in->arena, reason, ap);
    va_end(ap);
done:
    ft_buf_fini(&e->buf);
    return err;
}
