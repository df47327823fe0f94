/* ssml.c -- SSML as pieces: what is open, what is taken where, and text with its places. What each
 * element does stands in ssml_elements.c. */
#include "speech/ssml_in.h"

#include "base/check.h"

static const ft_element *find_element(ft_str name) {
    for (const ft_element *e = ft_elements; e->name; e++)
        if (ft_str_is(name, e->name)) return e;
    return NULL;
}

static int engine_bit(const ft_drafting *d) {
    static const int bits[] = { FT_BY_OWN, FT_BY_STANDARD, FT_BY_NEURAL };
    return bits[d->opts->engine];
}

static const char *engine_name(const ft_drafting *d) {
    static const char *const names[] = { "", " by the standard engine", " by the neural engine" };
    return names[d->opts->engine];
}

static bool is_known_everywhere(const char *name) {
    return strcmp(name, "version") == 0 || strncmp(name, "xmlns", 5) == 0 ||
           strncmp(name, "xsi:", 4) == 0 || strcmp(name, "xml:lang") == 0 ||
           strcmp(name, "xml:base") == 0;
}

static ft_err set_attribute(ft_drafting *d, const ft_element *e, ft_manner *m, const char *name,
                            ft_str value) {
    for (const ft_attribute *a = e->attributes; a && a->name; a++) {
        if (strcmp(a->name, name) != 0) continue;
        if (a->by && !(a->by & engine_bit(d)))
            return FT_FAIL(FT_EPARSE, "%s in <%s> is not taken%s", name, e->name, engine_name(d));
        return a->set ? a->set(d, m, value) : FT_OK;
    }
    if (strcmp(name, "xml:lang") == 0 && value.len > 0)
        return ft_arena_str(&m->lang, d->arena, value);
    if (is_known_everywhere(name)) return FT_OK;
    return FT_FAIL(FT_EPARSE, "<%s> has no attribute %s", e->name, name);
}

static ft_err check_needed(const ft_element *e, const char *const *attributes) {
    bool any = false;
    for (const ft_attribute *a = e->attributes; a && a->name; a++) {
        bool given = false;
        for (size_t i = 0; attributes[i]; i += 2) given |= strcmp(attributes[i], a->name) == 0;
        any |= given;
        if (a->needed && !given)
            return FT_FAIL(FT_EPARSE, "<%s> needs %s: %s", e->name, a->name, a->needed);
    }
    if (e->any_needed && !any) return FT_FAIL(FT_EPARSE, "<%s> without an attribute", e->name);
    return FT_OK;
}

static ft_err check_place(const ft_drafting *d, const ft_element *e, ft_str name) {
    if (!e) return FT_FAIL(FT_EPARSE, "<%.*s> is not spoken here", FT_STR_ARG(name));
    if (!(e->by & engine_bit(d)))
        return FT_FAIL(FT_EPARSE, "<%s> is not spoken%s", e->name, engine_name(d));
    bool root = strcmp(e->name, "speak") == 0;
    if (root != (d->depth == 0))
        return FT_FAIL(FT_EPARSE, root ? "<speak> within <speak>" : "<%s> outside of <speak>",
                       e->name);
    if (d->depth > 0 && d->open[d->depth - 1]->empty)
        return FT_FAIL(FT_EPARSE, "<%s> must be empty", d->open[d->depth - 1]->name);
    return FT_OK;
}

static ft_err on_open(void *ctx, ft_str name, const char *const *attributes, ft_xml_place place) {
    ft_drafting *d = ctx;
    const ft_element *e = find_element(name);
    d->tag = place.byte;
    FT_TRY(check_place(d, e, name));
    FT_TRY(ft_drafting_flush(d));
    ft_manner *m;
    FT_TRY(ft_arena_items(&m, d->arena, 1));
    *m = *d->manner;
    for (size_t i = 0; attributes[i]; i += 2)
        FT_TRY(set_attribute(d, e, m, attributes[i], ft_str_of(attributes[i + 1])));
    FT_TRY(check_needed(e, attributes));
    FT_CHECK(d->depth < FT_SPEECH_DEPTH_MAX);
    d->open[d->depth] = e;
    d->outer[d->depth++] = d->manner;
    if (e->open) FT_TRY(e->open(d, m, attributes));
    d->manner = m;
    return FT_OK;
}

static ft_err on_close(void *ctx, ft_str name, ft_xml_place place) {
    ft_drafting *d = ctx;
    FT_UNUSED(name), FT_UNUSED(place);
    FT_TRY(ft_drafting_flush(d));
    const ft_element *e = d->open[--d->depth];
    d->manner = d->outer[d->depth];
    return e->close ? e->close(d) : FT_OK;
}

static ft_err on_text(void *ctx, ft_str text, bool literal, ft_xml_place place) {
    ft_drafting *d = ctx;
    const ft_element *e = d->open[d->depth - 1];
    if (e->empty && ft_str_trim(text).len > 0)
        return FT_FAIL(FT_EPARSE, "<%s> must be empty", e->name);
    return ft_drafting_text(d, text, literal, (uint32_t)place.byte);
}

ft_err ft_ssml_read(ft_drafting *d, ft_str input) {
    ft_xml_reader reader = { on_open, on_close, on_text, d, FT_SPEECH_DEPTH_MAX };
    FT_TRY(ft_xml_read(input, &reader));
    return ft_drafting_end(d, FT_PIECE_PARAGRAPH);
}
