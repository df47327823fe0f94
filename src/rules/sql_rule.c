/* sql_rule.c -- rules that are an SQL query in a text file: every row it returns is an issue.
 *
 *     -- rule: loss-plateau
 *     -- doc: The smallest loss so far is older than patience steps.
 *     -- reads: metric
 *     -- param: patience int 50 steps without a better loss
 *     select …, 'a sentence' as reason from metric where …
 *
 * The query sees what its session's horizon shows; :at, :from and :key say where it stands, the
 * parameters are bound by name. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "base/files.h"
#include "rules/rule_in.h"

#define PARAMS_MAX    32
#define TEXT_MAX      ((size_t)1 << 20)
#define EVIDENCE_ROWS 20 /* kept; all are counted */

/* The parameter table lies inside the rule, so that evaluate finds the query by it. */
typedef struct sql_rule {
    ft_rule rule;
    ft_str query;
    ft_param params[PARAMS_MAX + 1];
} sql_rule;

static const sql_rule *rule_of(const ft_params *p) {
    return (const sql_rule *)(const void *)((const char *)ft_params_table(p) -
                                            offsetof(sql_rule, params));
}

/* ---- the query's rows */
typedef struct rows {
    ft_arena *arena;
    int64_t count;
    ft_str reason, first; /* of the first row: its sentence, its JSON */
    ft_buf json;          /* an array of the first rows */
    ft_json_out w;
} rows;

static void add_value(ft_json_out *w, const ft_value *v) {
    switch (v->type) {
    case FT_VALUE_INT:
        ft_json_out_i64(w, v->i);
        break;
    case FT_VALUE_F64:
        ft_json_out_f64(w, v->f);
        break;
    case FT_VALUE_TEXT:
        ft_json_out_str(w, v->s);
        break;
    case FT_VALUE_BLOB:
    case FT_VALUE_NULL:
        ft_json_out_null(w);
        break;
    }
}

static ft_err add_row(void *ctx, int columns, const char *const *names, const ft_value *values) {
    rows *r = ctx;
    if (r->count++ >= EVIDENCE_ROWS) return FT_OK;
    size_t from = r->json.len;
    ft_json_out_object(&r->w);
    for (int i = 0; i < columns; i++) {
        if (strcmp(names[i], "reason") == 0) {
            if (r->count == 1 && values[i].type == FT_VALUE_TEXT)
                FT_TRY(ft_arena_str(&r->reason, r->arena, values[i].s));
            continue;
        }
        ft_json_out_name(&r->w, names[i]);
        add_value(&r->w, &values[i]);
    }
    ft_json_out_close(&r->w);
    FT_TRY(r->json.err);
    if (r->count > 1) return FT_OK;
    return ft_arena_str(&r->first, r->arena, ft_str_from(ft_buf_str(&r->json), from));
}

/* One row is its own evidence; of several the first ones stand in a list. */
static ft_err report(const ft_rule_input *in, const ft_params *p, rows *r, ft_verdict *out) {
    *out = (ft_verdict){ .outcome = FT_ISSUE, .at = in->at };
    ft_json_out_close(&r->w);
    FT_TRY(r->json.err);
    if (r->count == 1)
        out->evidence_json = r->first;
    else
        FT_TRY(ft_arena_printf(&out->evidence_json, in->arena, "{\"count\":%lld,\"rows\":%s}",
                               (long long)r->count, r->json.at));
    if (!r->reason.len)
        return ft_arena_printf(&out->reason, in->arena, "the query of %s returned %lld row%s",
                               rule_of(p)->rule.name, (long long)r->count,
                               r->count == 1 ? "" : "s");
    if (r->count == 1)
        out->reason = r->reason;
    else
        FT_TRY(ft_arena_printf(&out->reason, in->arena, "%.*s (and %lld more)",
                               FT_STR_ARG(r->reason), (long long)r->count - 1));
    return FT_OK;
}

static ft_value bound(const ft_params *p, const ft_param *row) {
    switch (row->type) {
    case FT_PARAM_INT:
        return ft_value_int(ft_params_int(p, row->name));
    case FT_PARAM_FLOAT:
        return ft_value_f64(ft_params_float(p, row->name));
    case FT_PARAM_BOOL:
        return ft_value_int(ft_params_bool(p, row->name));
    default:
        return ft_value_text(ft_params_str(p, row->name));
    }
}

static ft_err evaluate(void *state, const ft_params *p, const ft_rule_input *in, ft_verdict *out) {
    FT_UNUSED(state);
    const sql_rule *r = rule_of(p);
    rows found = { .arena = in->arena };
    ft_sql_param params[PARAMS_MAX + 3] = { { "at", ft_value_int(in->at) },
                                            { "from", ft_value_int(in->from) },
                                            { "key", ft_value_text(in->key) } };
    size_t count = 3;
    for (const ft_param *row = r->params; row->name; row++)
        params[count++] = (ft_sql_param){ row->name, bound(p, row) };
    ft_json_out_init(&found.w, &found.json, false);
    ft_json_out_array(&found.w);
    ft_err err = ft_sql_run(in->sql, r->query, params, count, add_row, &found);
    if (!err && !found.count)
        err = ft_rule_no_issue(out, in);
    else if (!err)
        err = report(in, p, &found, out);
    ft_buf_fini(&found.json);
    return err ? ft_err_prefix(err, "rule %s", r->rule.name) : FT_OK;
}

/* ---- the file */
typedef struct reader {
    sql_rule *rule;
    ft_arena *arena;
    ft_str path;
    int line;
    size_t params;
    bool has_reads;
} reader;

static ft_str word(ft_str *rest) {
    *rest = ft_str_trim(*rest);
    size_t n = 0;
    while (n < rest->len && rest->at[n] != ' ' && rest->at[n] != '\t') n++;
    ft_str w = ft_str_n(rest->at, n);
    *rest = ft_str_trim(ft_str_from(*rest, n));
    return w;
}

static ft_err copy(const char **out, ft_arena *arena, ft_str s) {
    ft_str text;
    FT_TRY(ft_arena_str(&text, arena, s));
    *out = text.at;
    return FT_OK;
}

static bool is_name(ft_str s) {
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i && c >= '0' && c <= '9')) return false;
    }
    return s.len > 0 && s.len < 100;
}

static bool param_type(ft_param_type *out, ft_str word_) {
    static const struct {
        const char *name;
        ft_param_type type;
    } types[] = { { "int", FT_PARAM_INT },
                  { "float", FT_PARAM_FLOAT },
                  { "bool", FT_PARAM_BOOL },
                  { "text", FT_PARAM_STRING } };
    for (size_t i = 0; i < FT_COUNT(types); i++)
        if (ft_str_is(word_, types[i].name)) {
            *out = types[i].type;
            return true;
        }
    return false;
}

/* A default must be of its type: found now, not at the first evaluation. */
static ft_err check_default(const reader *r, const ft_param *p, ft_str def) {
    ft_param *bare;
    ft_params *values;
    FT_TRY(ft_arena_items(&bare, r->arena, 2));
    bare[0] = *p;
    FT_TRY(ft_params_new(&values, r->arena, bare));
    if (ft_params_set(values, ft_str_of(p->name), def) == FT_OK) return FT_OK;
    return FT_FAIL(FT_EPARSE, "%.*s:%d: default: %s", FT_STR_ARG(r->path), r->line, ft_err_why());
}

/* "NAME type default doc"; default "-" is none. */
static ft_err read_param(reader *r, ft_str value) {
    ft_str name = word(&value), type = word(&value), def = word(&value);
    if (r->params == PARAMS_MAX)
        return FT_FAIL(FT_EPARSE, "%.*s:%d: more than %d parameters", FT_STR_ARG(r->path), r->line,
                       PARAMS_MAX);
    ft_param *p = &r->rule->params[r->params];
    if (!is_name(name) || !param_type(&p->type, type) || !def.len)
        return FT_FAIL(FT_EPARSE,
                       "%.*s:%d: \"-- param: NAME int|float|bool|text DEFAULT what it is\" was "
                       "expected",
                       FT_STR_ARG(r->path), r->line);
    if (ft_param_find(r->rule->params, name) || ft_str_is(name, "at") || ft_str_is(name, "from") ||
        ft_str_is(name, "key"))
        return FT_FAIL(FT_EPARSE, "%.*s:%d: parameter '%.*s' is taken", FT_STR_ARG(r->path),
                       r->line, FT_STR_ARG(name));
    FT_TRY(copy(&p->name, r->arena, name));
    FT_TRY(copy(&p->doc, r->arena, value));
    if (!ft_str_is(def, "-")) {
        FT_TRY(check_default(r, p, def));
        FT_TRY(copy(&p->default_text, r->arena, def));
    }
    r->params++;
    return FT_OK;
}

static ft_err read_reads(reader *r, ft_str value) {
    r->has_reads = true;
    if (ft_str_is(value, "trial")) return FT_OK;
    if (*ft_stream_kinds() && !ft_stream_kind_find(value))
        return FT_FAIL(FT_EPARSE, "%.*s:%d: there is no stream '%.*s'", FT_STR_ARG(r->path),
                       r->line, FT_STR_ARG(value));
    return copy(&r->rule->rule.stream, r->arena, value);
}

static ft_err read_header(reader *r, ft_str name, ft_str value) {
    if (ft_str_is(name, "rule")) return copy(&r->rule->rule.name, r->arena, value);
    if (ft_str_is(name, "doc")) return copy(&r->rule->rule.doc, r->arena, value);
    if (ft_str_is(name, "reads")) return read_reads(r, value);
    if (ft_str_is(name, "param")) return read_param(r, value);
    return FT_OK; /* an ordinary comment */
}

/* "dir/loss-plateau.sql" -> "loss-plateau" */
static ft_err name_of(const char **out, ft_arena *arena, ft_str path) {
    ft_str base = ft_path_base(path);
    if (ft_str_ends(base, FT_STR(".sql"))) base.len -= 4;
    return copy(out, arena, base.len ? base : FT_STR("sql"));
}

static ft_err read_text(reader *r, ft_str text) {
    bool in_head = true;
    ft_str rest = text;
    while (rest.at && in_head) {
        ft_str at = rest, line = ft_str_trim(ft_str_cut(&rest, '\n'));
        r->line++;
        if (!line.len) continue;
        if (!ft_str_starts(line, FT_STR("--"))) {
            in_head = false;
            FT_TRY(ft_arena_str(&r->rule->query, r->arena, ft_str_trim(at)));
            break;
        }
        ft_str value = ft_str_from(line, 2), name = ft_str_trim(ft_str_cut(&value, ':'));
        if (value.at) FT_TRY(read_header(r, name, ft_str_trim(value)));
    }
    if (!r->rule->query.len)
        return FT_FAIL(FT_EPARSE, "%.*s: a query was expected after the leading comments",
                       FT_STR_ARG(r->path));
    if (!r->has_reads)
        return FT_FAIL(FT_EPARSE, "%.*s: \"-- reads: trial\" or a stream's name was expected",
                       FT_STR_ARG(r->path));
    return FT_OK;
}

ft_err ft_rule_from_sql(const ft_rule **out, ft_arena *arena, ft_str path, ft_str text) {
    reader r = { .arena = arena, .path = path };
    *out = NULL;
    if (text.len > TEXT_MAX || !ft_str_utf8(text))
        return FT_FAIL(FT_EPARSE, "%.*s: an SQL rule is UTF-8 text of at most %zu bytes",
                       FT_STR_ARG(path), TEXT_MAX);
    FT_TRY(ft_arena_take(&r.rule, arena, sizeof *r.rule));
    r.rule->rule = (ft_rule){
        .doc = "", .params = r.rule->params, .reads = FT_READS_SQL, .evaluate = evaluate
    };
    FT_TRY(name_of(&r.rule->rule.name, arena, path));
    FT_TRY(read_text(&r, text));
    *out = &r.rule->rule;
    return FT_OK;
}
