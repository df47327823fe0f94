/* image_labels.c -- see image_labels.h. */
#include "nn/learn/image_labels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/json.h"

#define NAME_MAX_BYTES 200
#define NAMES_MAX      10000
#define SCRATCH_MAX    ((size_t)64 << 20)

/* ---- the field */

static const char *const label_names[] = { "label",       "cls", "class",
                                           "target",      "y",   "image/class/label",
                                           "label_values" };
static const char *const text_names[] = { "txt", "text" };

static int field_of(const ft_feed *f, const char *const *names, size_t count) {
    for (size_t k = 0; k < count; k++)
        for (size_t i = 0; i < f->field_count; i++)
            if (ft_str_is(f->fields[i].name, names[k])) return (int)i;
    return -1;
}

ft_err ft_nn_labels_init(ft_nn_labels *l, const ft_feed *f, const ft_str *names, size_t count,
                         ft_arena *arena) {
    static const char *const json_name = "json";
    *l = (ft_nn_labels){ .names = { .arena = arena }, .scratch = FT_ARENA_INIT(SCRATCH_MAX) };
    l->field = field_of(f, label_names, FT_COUNT(label_names));
    if (l->field < 0) {
        l->field = field_of(f, &json_name, 1);
        l->json = l->field >= 0;
    }
    if (l->field < 0) l->field = field_of(f, text_names, FT_COUNT(text_names));
    if (l->field < 0)
        return FT_FAIL(FT_EINVAL, "the pictures have no label: expected class folders, or a field "
                                  "such as 'label' or 'cls' (a tar of class folders is unpacked "
                                  "first)");
    l->text = f->fields[l->field].kind != FT_FIELD_ARRAY && !l->json;
    for (size_t i = 0; i < count; i++) {
        uint32_t code;
        FT_TRY(ft_dict_add(&code, &l->names, names[i]));
    }
    l->known = count;
    return FT_OK;
}

void ft_nn_labels_fini(ft_nn_labels *l) { ft_arena_fini(&l->scratch); }

/* ---- a record */

/* What the JSON says: a number's text, or a name. */
static ft_err of_json(ft_str *out, ft_nn_labels *l, ft_str text) {
    static const char *const members[] = { "label",      "class",    "cls",
                                           "class_name", "category", "target" };
    ft_str raw = { 0 };
    ft_json j;
    for (size_t i = 0; i < FT_COUNT(members) && !raw.at; i++)
        if (ft_json_find(&raw, text, members[i]) != FT_OK) {
            ft_err_clear();
            raw = (ft_str){ 0 };
        }
    if (!raw.at)
        return FT_FAIL(FT_EINVAL, "its JSON tells no class: expected a member 'label', 'class' …");
    *out = raw;
    if (raw.at[0] != '"') return FT_OK;
    ft_json_init(&j, raw, &l->scratch, NULL);
    return ft_json_string(&j, out);
}

static ft_err of_name(int64_t *out, ft_nn_labels *l, ft_str name) {
    uint32_t code;
    int64_t at = ft_dict_find(&l->names, name);
    if (!name.len || name.len > NAME_MAX_BYTES || memchr(name.at, '\n', name.len))
        return FT_FAIL(FT_EINVAL,
                       "its label is no name of a class: expected a word of at most %d "
                       "bytes",
                       NAME_MAX_BYTES);
    if (at < 0 && l->known)
        return FT_FAIL(FT_EINVAL, "its class '%.*s' is none of the %zu that the data lists",
                       FT_STR_ARG(name), l->known);
    if (at < 0 && l->names.count == NAMES_MAX)
        return FT_FAIL(FT_ETOOBIG, "more than %d classes", NAMES_MAX);
    if (at < 0) {
        FT_TRY(ft_dict_add(&code, &l->names, name));
        at = code;
    }
    *out = at;
    return FT_OK;
}

static ft_err of_text(int64_t *out, ft_nn_labels *l, ft_str text) {
    bool number = ft_str_i64(out, text);
    if (!l->begun) l->named = !number;
    l->begun = true;
    if (l->named) return of_name(out, l, text);
    return number ? FT_OK
                  : FT_FAIL(FT_EINVAL, "its label '%.*s' is no number",
                            FT_STR_ARG(ft_str_slice(text, 0, NAME_MAX_BYTES)));
}

ft_err ft_nn_labels_read(int64_t *out, ft_nn_labels *l, const ft_array *a) {
    if (!a->data || ft_array_count(a) < 1) return FT_FAIL(FT_EINVAL, "it has no label");
    ft_str text = ft_str_n(a->data, ft_array_bytes(a));
    ft_arena_reset(&l->scratch);
    if (l->json) FT_TRY(of_json(&text, l, text));
    if (l->json || l->text) return of_text(out, l, ft_str_trim(text));
    double v = ft_array_f64(a, 0);
    if (!(v == floor(v)) || fabs(v) > 1e9)
        return FT_FAIL(FT_EINVAL, "its label %g is no whole number", v);
    *out = (int64_t)v;
    return FT_OK;
}

/* ---- in order */

static int by_name(const void *a, const void *b) {
    return ft_str_cmp(*(const ft_str *)a, *(const ft_str *)b);
}

ft_err ft_nn_labels_sorted(ft_str **out, int32_t **place, const ft_nn_labels *l, ft_arena *arena) {
    size_t count = l->names.count;
    FT_TRY(ft_arena_items(out, arena, count + 1));
    FT_TRY(ft_arena_items(place, arena, count + 1));
    memcpy(*out, l->names.at, count * sizeof **out);
    qsort(*out, count, sizeof **out, by_name);
    for (size_t i = 0; i < count; i++) (*place)[ft_dict_find(&l->names, (*out)[i])] = (int32_t)i;
    return FT_OK;
}
