/* constraints.c -- see constraints.h. */
#include "monitor/constraints.h"

#include <math.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/json.h"

#define COMPARISON_THRESHOLD 0.1 /* Model Monitor's default */
#define UNSEEN_SLACK         3   /* values seen once that are added to those counted */

static ft_err constraints_new(ft_constraints **out) {
    ft_constraints *c = ft_fault_here() ? NULL : calloc(1, sizeof *c);
    *out = c;
    if (!c) return FT_FAIL(FT_ENOMEM, "no memory for constraints");
    c->enabled = c->compare = c->robust = true;
    c->datatype_threshold = c->domain_threshold = 1;
    c->threshold = c->text_threshold = COMPARISON_THRESHOLD;
    return FT_OK;
}

void ft_constraints_free(ft_constraints *c) {
    if (!c) return;
    ft_arena_fini(&c->arena);
    free(c);
}

const ft_constraint *ft_constraints_find(const ft_constraints *c, ft_str name, size_t near) {
    if (near < c->count && ft_str_eq(c->features[near].name, name)) return &c->features[near];
    for (size_t i = 0; i < c->count; i++)
        if (ft_str_eq(c->features[i].name, name)) return &c->features[i];
    return NULL;
}

/* ---- suggesting */

static double suggest_completeness(const ft_stat *f) {
    double all = (double)(f->present + f->missing);
    if (all == 0) return 0;
    double p = (double)f->present / all;
    if (f->missing == 0) return 1;
    p -= 1.96 * sqrt(p * (1 - p) / all);
    return p > 0 ? floor(p * 100) / 100 : 0;
}

static ft_err suggest_domain(ft_constraint *to, ft_arena *arena, const ft_stat *f) {
    size_t once = 0;
    if (f->unlisted || f->unkept || f->value_count > FT_STAT_VALUES_TOLD || !f->value_count)
        return FT_OK;
    FT_TRY(ft_arena_items(&to->domain, arena, f->value_count));
    for (size_t i = 0; i < f->value_count; i++) {
        once += f->values[i].count == 1;
        FT_TRY(ft_arena_str(&to->domain[to->domain_count++], arena, f->values[i].value));
    }
    if (once) {
        double unseen = (double)(once + UNSEEN_SLACK) / (double)f->present;
        to->domain_threshold = unseen < 1 ? 1 - unseen : 0;
    }
    return FT_OK;
}

ft_err ft_constraints_suggest(ft_constraints **out, const ft_statistics *baseline) {
    ft_constraints *c = NULL;
    ft_err err;
    *out = NULL;
    FT_GOTO(err, constraints_new(&c));
    FT_GOTO(err, ft_arena_items(&c->features, &c->arena, baseline->count + 1));
    for (size_t i = 0; i < baseline->count; i++) {
        const ft_stat *f = &baseline->features[i];
        ft_constraint *to = &c->features[c->count++];
        *to = (ft_constraint){ .type = ft_stat_type_of(f),
                               .completeness = suggest_completeness(f),
                               .non_negative = !f->is_text && f->present && f->moments.min >= 0,
                               .domain_threshold = NAN };
        FT_GOTO(err, ft_arena_str(&to->name, &c->arena, f->name));
        if (f->is_text) FT_GOTO(err, suggest_domain(to, &c->arena, f));
    }
    *out = c;
    c = NULL;
done:
    ft_constraints_free(c);
    return err;
}

/* ---- writing */

static void write_number(ft_json_out *w, const char *name, double v) {
    ft_json_out_name(w, name);
    ft_json_out_f64(w, v);
}

static void write_text(ft_json_out *w, const char *name, const char *v) {
    ft_json_out_name(w, name);
    ft_json_out_text(w, v);
}

static const char *enabled(bool yes) { return yes ? "Enabled" : "Disabled"; }

static void write_feature(ft_json_out *w, const ft_constraint *f) {
    ft_json_out_object(w);
    ft_json_out_name(w, "name");
    ft_json_out_str(w, f->name);
    write_text(w, "inferred_type", ft_stat_type_name(f->type));
    write_number(w, "completeness", f->completeness);
    if (f->type == FT_STAT_INTEGRAL || f->type == FT_STAT_FRACTIONAL) {
        ft_json_out_name(w, "num_constraints");
        ft_json_out_object(w);
        ft_json_out_name(w, "is_non_negative");
        ft_json_out_bool(w, f->non_negative);
        ft_json_out_close(w);
    }
    if (f->domain) {
        ft_json_out_name(w, "string_constraints");
        ft_json_out_object(w);
        ft_json_out_name(w, "domains");
        ft_json_out_array(w);
        for (size_t i = 0; i < f->domain_count; i++) ft_json_out_str(w, f->domain[i]);
        ft_json_out_close(w);
        ft_json_out_close(w);
    }
    ft_json_out_name(w, "monitoringConfigOverrides");
    ft_json_out_object(w);
    if (!isnan(f->domain_threshold))
        write_number(w, "domain_content_threshold", f->domain_threshold);
    ft_json_out_close(w);
    ft_json_out_close(w);
}

static void write_config(ft_json_out *w, const ft_constraints *c) {
    ft_json_out_name(w, "monitoring_config");
    ft_json_out_object(w);
    write_text(w, "evaluate_constraints", enabled(c->enabled));
    write_text(w, "emit_metrics", "Enabled");
    write_number(w, "datatype_check_threshold", c->datatype_threshold);
    write_number(w, "domain_content_threshold", c->domain_threshold);
    ft_json_out_name(w, "distribution_constraints");
    ft_json_out_object(w);
    write_text(w, "perform_comparison", enabled(c->compare));
    write_number(w, "comparison_threshold", c->threshold);
    write_text(w, "comparison_method", c->robust ? "Robust" : "Simple");
    write_number(w, "categorical_comparison_threshold", c->text_threshold);
    write_text(w, "categorical_drift_method", "LInfinity");
    ft_json_out_close(w);
    ft_json_out_close(w);
}

ft_err ft_constraints_write(ft_buf *out, const ft_constraints *c) {
    ft_json_out w;
    ft_json_out_init(&w, out, true);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "version");
    ft_json_out_i64(&w, 0);
    ft_json_out_name(&w, "features");
    ft_json_out_array(&w);
    for (size_t i = 0; i < c->count; i++) write_feature(&w, &c->features[i]);
    ft_json_out_close(&w);
    write_config(&w, c);
    ft_json_out_close(&w);
    return out->err;
}

/* ---- reading */

static ft_err read_share(ft_json *j, double *out) {
    FT_TRY(ft_json_f64(j, out));
    return *out >= 0 && *out <= 1 ? FT_OK : ft_json_fail(j, "expected a share from 0 to 1");
}

static ft_err read_enabled(ft_json *j, bool *out) {
    ft_str text;
    FT_TRY(ft_json_string(j, &text));
    *out = ft_str_ieq(text, FT_STR("Enabled"));
    return *out || ft_str_ieq(text, FT_STR("Disabled"))
               ? FT_OK
               : ft_json_fail(j, "expected \"Enabled\" or \"Disabled\"");
}

static ft_err read_overrides(ft_json *j, ft_constraint *f) {
    ft_str name;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name))
        if (ft_str_is(name, "domain_content_threshold"))
            FT_TRY(read_share(j, &f->domain_threshold));
    return j->err;
}

static ft_err read_domains(ft_json *j, ft_arena *arena, ft_constraint *f) {
    size_t room = 0;
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        ft_str text;
        FT_TRY(ft_arena_grow(&f->domain, &room, arena, f->domain_count));
        FT_TRY(ft_json_string(j, &text));
        FT_TRY(ft_arena_str(&f->domain[f->domain_count++], arena, text));
    }
    return j->err;
}

/* num_constraints and string_constraints */
static ft_err read_kind(ft_json *j, ft_arena *arena, ft_constraint *f) {
    ft_str name;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "is_non_negative"))
            FT_TRY(ft_json_bool(j, &f->non_negative));
        else if (ft_str_is(name, "domains"))
            FT_TRY(read_domains(j, arena, f));
        else if (ft_str_is(name, "monitoring_config_overrides"))
            FT_TRY(read_overrides(j, f));
    }
    return j->err;
}

static ft_err read_feature(ft_json *j, ft_arena *arena, ft_constraint *f) {
    ft_str name, text;
    *f = (ft_constraint){ .domain_threshold = NAN };
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "name")) {
            FT_TRY(ft_json_string(j, &text));
            FT_TRY(ft_arena_str(&f->name, arena, text));
        } else if (ft_str_is(name, "inferred_type")) {
            FT_TRY(ft_json_string(j, &text));
            for (ft_stat_type t = FT_STAT_INTEGRAL; t <= FT_STAT_STRING; t++)
                if (ft_str_is(text, ft_stat_type_name(t))) f->type = t;
        } else if (ft_str_is(name, "completeness"))
            FT_TRY(read_share(j, &f->completeness));
        else if (ft_str_is(name, "num_constraints") || ft_str_is(name, "string_constraints"))
            FT_TRY(read_kind(j, arena, f));
        else if (ft_str_is(name, "monitoringConfigOverrides") ||
                 ft_str_is(name, "monitoring_config_overrides"))
            FT_TRY(read_overrides(j, f));
    }
    return j->err;
}

static ft_err read_features(ft_json *j, ft_constraints *c) {
    size_t room = 0;
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        FT_TRY(ft_arena_grow(&c->features, &room, &c->arena, c->count));
        FT_TRY(read_feature(j, &c->arena, &c->features[c->count]));
        c->count++;
    }
    return j->err;
}

static ft_err read_distribution(ft_json *j, ft_constraints *c) {
    ft_str name, text;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "perform_comparison"))
            FT_TRY(read_enabled(j, &c->compare));
        else if (ft_str_is(name, "enable_comparisons"))
            FT_TRY(ft_json_bool(j, &c->compare));
        else if (ft_str_is(name, "comparison_threshold"))
            FT_TRY(read_share(j, &c->threshold));
        else if (ft_str_is(name, "categorical_comparison_threshold"))
            FT_TRY(read_share(j, &c->text_threshold));
        else if (ft_str_is(name, "comparison_method")) {
            FT_TRY(ft_json_string(j, &text));
            c->robust = ft_str_is(text, "Robust");
        }
    }
    return j->err;
}

static ft_err read_config(ft_json *j, ft_constraints *c) {
    ft_str name;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "evaluate_constraints"))
            FT_TRY(read_enabled(j, &c->enabled));
        else if (ft_str_is(name, "datatype_check_threshold"))
            FT_TRY(read_share(j, &c->datatype_threshold));
        else if (ft_str_is(name, "domain_content_threshold"))
            FT_TRY(read_share(j, &c->domain_threshold));
        else if (ft_str_is(name, "distribution_constraints"))
            FT_TRY(read_distribution(j, c));
    }
    return j->err;
}

static ft_err read_all(ft_json *j, ft_constraints *c) {
    ft_str name;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "features"))
            FT_TRY(read_features(j, c));
        else if (ft_str_is(name, "monitoring_config"))
            FT_TRY(read_config(j, c));
    }
    return ft_json_end(j);
}

ft_err ft_constraints_read(ft_constraints **out, ft_str json, const char *name) {
    ft_constraints *c;
    ft_json j;
    *out = NULL;
    FT_TRY(constraints_new(&c));
    ft_json_init(&j, json, &c->arena, &(ft_json_opts){ .name = name });
    ft_err err = read_all(&j, c);
    if (err)
        ft_constraints_free(c);
    else
        *out = c;
    return err;
}
