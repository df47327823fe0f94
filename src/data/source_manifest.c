/* source_manifest.c -- manifests: a JSON list of a prefix and names, or JSON lines whose attributes
 * are bytes or "-ref" addresses (formats.md 3.4). */
#include "base/check.h"
#include "base/json.h"
#include "data/source_in.h"
#include "store/objects.h"

/* ---- ManifestFile */

static ft_err prefix_read(ft_str *out, ft_json *j) {
    ft_str name;
    bool found = false;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name))
        if (ft_str_is(name, "prefix")) {
            FT_TRY(ft_json_string(j, out));
            found = true;
        }
    FT_TRY(j->err);
    return found ? FT_OK : ft_json_fail(j, "the first element has no \"prefix\"");
}

/* Lines count from 1, the prefix is the first. */
ft_err ft_source_manifest(ft_source *s, ft_str text, ft_str where) {
    ft_json j;
    ft_json_kind kind;
    ft_str prefix = { 0 }, name, whole, label;
    FT_TRY(ft_source_text(&label, s, where));
    ft_json_init(&j, text, &s->arena, &(ft_json_opts){ .name = label.at });
    FT_TRY(ft_json_enter_array(&j));
    for (uint64_t line = 1; ft_json_next_item(&j); line++) {
        FT_TRY(ft_json_peek(&j, &kind));
        if (line == 1) {
            if (kind != FT_JSON_OBJECT)
                return ft_json_fail(&j, "the first element must be {\"prefix\": \"s3://…\"}");
            FT_TRY(prefix_read(&prefix, &j));
            continue;
        }
        FT_TRY(ft_json_string(&j, &name));
        FT_TRY(
            ft_arena_printf(&whole, &s->arena, "%.*s%.*s", FT_STR_ARG(prefix), FT_STR_ARG(name)));
        ft_err err = ft_source_list(s, whole, true, line);
        if (err != FT_OK)
            return ft_err_prefix(err, "%.*s: element %llu", FT_STR_ARG(where),
                                 (unsigned long long)line);
    }
    return ft_json_end(&j);
}

/* ---- AugmentedManifestFile */

typedef struct line {
    ft_str text, where;
    uint64_t number;
} line;

static ft_err line_fail(ft_err err, const line *l) {
    return ft_err_prefix(err, "%.*s:%llu", FT_STR_ARG(l->where), (unsigned long long)l->number);
}

/* A string without its quotes; else the JSON as it stands. */
static ft_err value_text(ft_str *out, ft_source *s, ft_str raw) {
    ft_json j;
    if (raw.at[0] != '"') return ft_source_text(out, s, raw);
    ft_json_init(&j, raw, &s->arena, NULL);
    FT_TRY(ft_json_string(&j, out));
    return ft_source_text(out, s, *out);
}

static ft_err attribute_add(ft_source *s, const line *l, ft_str name) {
    ft_json j;
    ft_str member, raw = { 0 }, value;
    ft_json_init(&j, l->text, &s->arena, NULL);
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &member)) {
        ft_str one;
        FT_TRY(ft_json_skip(&j, &one));
        if (ft_str_eq(member, name)) raw = one;
    }
    FT_TRY(ft_json_end(&j));
    if (!raw.at) return FT_FAIL(FT_EPARSE, "the line has no attribute '%.*s'", FT_STR_ARG(name));
    FT_TRY(value_text(&value, s, raw));
    if (ft_str_ends(name, FT_STR("-ref"))) return ft_source_list(s, value, true, l->number);
    ft_part part = { .below = name, .size_bytes = value.len, .inlined = value, .line = l->number };
    FT_TRY(ft_arena_printf(&part.name, &s->arena, "%.*s:%llu:%.*s", FT_STR_ARG(l->where),
                           (unsigned long long)l->number, FT_STR_ARG(name)));
    return ft_source_add(s, &part, &(ft_part_place){ .kind = FT_PART_INLINED });
}

ft_err ft_source_augmented(ft_source *s, ft_str text, ft_str where) {
    ft_str names = s->opts.attributes;
    if (!names.len)
        return FT_FAIL(FT_EINVAL, "%.*s: an augmented manifest needs AttributeNames",
                       FT_STR_ARG(where));
    for (uint64_t number = 1; text.at; number++) {
        line l = { ft_str_trim(ft_str_cut(&text, '\n')), where, number };
        if (!l.text.len) continue;
        for (ft_str rest = names; rest.at;) {
            ft_str name = ft_str_trim(ft_str_cut(&rest, ','));
            ft_err err = name.len ? attribute_add(s, &l, name) : FT_OK;
            if (err != FT_OK) return line_fail(err, &l);
        }
    }
    return FT_OK;
}
