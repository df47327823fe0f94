/* lexicon.c -- see lexicon.h: a PLS document as a list of graphemes, looked up by hash. */
#include "speech/lexicon.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/xml.h"
#include "speech/phones.h"

typedef struct entry {
    ft_str grapheme;
    const ft_lexeme *lexeme;
} entry;

struct ft_lexicon {
    ft_str lang, alphabet;
    entry *slots; /* a power of two of them, half empty at least */
    size_t slot_count, lexemes, graphemes;
};

typedef enum part { IN_NONE = 0, IN_GRAPHEME, IN_PHONEME, IN_ALIAS } part;

typedef struct pls {
    ft_lexicon *lexicon;
    ft_arena *arena;
    ft_buf text;
    part in;
    int depth;
    entry *entries; /* in the order of the document */
    size_t count, capacity;
    size_t first;      /* entry of the lexeme that is open */
    ft_lexeme *lexeme; /* NULL: none is open */
} pls;

static const char *attribute(const char *const *attributes, const char *name) {
    for (size_t i = 0; attributes[i]; i += 2)
        if (strcmp(attributes[i], name) == 0) return attributes[i + 1];
    return NULL;
}

static size_t characters(ft_str s) {
    size_t count = 0;
    for (size_t i = 0; i < s.len; i++) count += ((unsigned char)s.at[i] & 0xc0) != 0x80;
    return count;
}

static bool is_language(const char *lang) {
    size_t letters = strcspn(lang, "-");
    if (letters < 2 || letters > 3 || strlen(lang) > 16) return false;
    return strspn(lang, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") ==
           strlen(lang);
}

static ft_err open_root(pls *p, ft_str name, const char *const *attributes) {
    const char *alphabet = attribute(attributes, "alphabet");
    const char *lang = attribute(attributes, "xml:lang");
    if (!ft_str_is(name, "lexicon"))
        return FT_FAIL(FT_EPARSE, "a lexicon begins with <lexicon>, not <%.*s>", FT_STR_ARG(name));
    if (!alphabet) return FT_FAIL(FT_EPARSE, "<lexicon> needs alphabet: ipa or x-sampa");
    if (strcmp(alphabet, "ipa") != 0 && strcmp(alphabet, "x-sampa") != 0)
        return FT_FAIL(FT_EUNSUPPORTED, "alphabet \"%.40s\": ipa and x-sampa are read", alphabet);
    if (!lang) return FT_FAIL(FT_EPARSE, "<lexicon> needs xml:lang, as \"en-US\"");
    if (!is_language(lang)) return FT_FAIL(FT_EPARSE, "xml:lang \"%.40s\" is no language", lang);
    FT_TRY(ft_arena_str(&p->lexicon->alphabet, p->arena, ft_str_of(alphabet)));
    return ft_arena_str(&p->lexicon->lang, p->arena, ft_str_of(lang));
}

static ft_err open_lexeme(pls *p, ft_str name) {
    if (ft_str_is(name, "meta") || ft_str_is(name, "metadata")) return FT_OK;
    if (!ft_str_is(name, "lexeme"))
        return FT_FAIL(FT_EPARSE, "<%.*s> where <lexeme> should stand", FT_STR_ARG(name));
    FT_TRY(ft_arena_items(&p->lexeme, p->arena, 1));
    p->first = p->count;
    return FT_OK;
}

static ft_err open_part(pls *p, ft_str name) {
    if (!p->lexeme) return FT_OK; /* within <metadata> */
    p->in = ft_str_is(name, "grapheme")  ? IN_GRAPHEME
            : ft_str_is(name, "phoneme") ? IN_PHONEME
            : ft_str_is(name, "alias")   ? IN_ALIAS
                                         : IN_NONE;
    if (p->in == IN_NONE && !ft_str_is(name, "example"))
        return FT_FAIL(FT_EPARSE, "<%.*s> in <lexeme>", FT_STR_ARG(name));
    ft_buf_reset(&p->text);
    return FT_OK;
}

static ft_err on_open(void *ctx, ft_str name, const char *const *attributes, ft_xml_place place) {
    pls *p = ctx;
    FT_UNUSED(place);
    switch (p->depth++) {
    case 0:
        return open_root(p, name, attributes);
    case 1:
        return open_lexeme(p, name);
    case 2:
        return open_part(p, name);
    default:
        return FT_FAIL(FT_EPARSE, "<%.*s> stands too deep", FT_STR_ARG(name));
    }
}

static ft_err on_text(void *ctx, ft_str text, bool literal, ft_xml_place place) {
    pls *p = ctx;
    FT_UNUSED(literal), FT_UNUSED(place);
    return p->in ? ft_buf_add(&p->text, text) : FT_OK;
}

static ft_err add_grapheme(pls *p, ft_str grapheme) {
    if (grapheme.len == 0) return FT_FAIL(FT_EPARSE, "an empty <grapheme>");
    if (p->count == p->capacity) {
        entry *wider;
        size_t capacity = p->capacity ? 2 * p->capacity : 16;
        FT_TRY(ft_arena_items(&wider, p->arena, capacity));
        if (p->count) memcpy(wider, p->entries, p->count * sizeof *wider);
        p->entries = wider;
        p->capacity = capacity;
    }
    p->entries[p->count++] = (entry){ grapheme, p->lexeme };
    return FT_OK;
}

/* Sounds that are none are refused when the lexicon comes, not when somebody speaks by it. */
static ft_err check_sounds(const pls *p, ft_str phonemes) {
    ft_buf sounds = { 0 };
    if (phonemes.len == 0) return FT_OK;
    ft_err err = ft_phones_from(&sounds, phonemes, p->lexicon->alphabet);
    ft_buf_fini(&sounds);
    return err;
}

static ft_err close_part(pls *p) {
    ft_str text = { 0 };
    part in = p->in;
    p->in = IN_NONE;
    if (in == IN_NONE) return FT_OK;
    FT_TRY(ft_arena_str(&text, p->arena, ft_str_trim(ft_buf_str(&p->text))));
    if (characters(text) > FT_LEXICON_LEXEME_MAX)
        return FT_FAIL(FT_ETOOBIG, "more than %d characters in one lexeme", FT_LEXICON_LEXEME_MAX);
    if (in == IN_GRAPHEME) return add_grapheme(p, text);
    if (in == IN_PHONEME) FT_TRY(check_sounds(p, text));
    if (p->lexeme->alias.len || p->lexeme->phonemes.len) return FT_OK; /* the first one counts */
    *(in == IN_PHONEME ? &p->lexeme->phonemes : &p->lexeme->alias) = text;
    return FT_OK;
}

static ft_err close_lexeme(pls *p) {
    const ft_lexeme *done = p->lexeme;
    p->lexeme = NULL;
    if (!done) return FT_OK;
    if (p->first == p->count) return FT_FAIL(FT_EPARSE, "a <lexeme> without a <grapheme>");
    if (!done->alias.len && !done->phonemes.len)
        return FT_FAIL(FT_EPARSE, "a <lexeme> without <phoneme> or <alias>");
    p->lexicon->lexemes++;
    return FT_OK;
}

static ft_err on_close(void *ctx, ft_str name, ft_xml_place place) {
    pls *p = ctx;
    FT_UNUSED(name), FT_UNUSED(place);
    switch (--p->depth) {
    case 2:
        return close_part(p);
    case 1:
        return close_lexeme(p);
    default:
        return FT_OK;
    }
}

static entry *slot_of(const ft_lexicon *lexicon, ft_str grapheme) {
    size_t at = (size_t)ft_hash64(grapheme, 0) & (lexicon->slot_count - 1);
    while (lexicon->slots[at].lexeme && !ft_str_eq(lexicon->slots[at].grapheme, grapheme))
        at = (at + 1) & (lexicon->slot_count - 1);
    return &lexicon->slots[at];
}

static ft_err index_entries(pls *p) {
    ft_lexicon *lexicon = p->lexicon;
    lexicon->slot_count = 16;
    while (lexicon->slot_count < 2 * p->count) lexicon->slot_count *= 2;
    FT_TRY(ft_arena_items(&lexicon->slots, p->arena, lexicon->slot_count));
    for (size_t i = 0; i < p->count; i++) {
        entry *slot = slot_of(lexicon, p->entries[i].grapheme);
        if (!slot->lexeme) *slot = p->entries[i];
    }
    return FT_OK;
}

ft_err ft_lexicon_read(ft_lexicon **out, ft_arena *arena, ft_str text) {
    pls p = { .arena = arena };
    ft_xml_reader reader = { on_open, on_close, on_text, &p, 0 };
    ft_err err;
    *out = NULL;
    if (text.len > FT_LEXICON_BYTES_MAX)
        return FT_FAIL(FT_ETOOBIG, "a lexicon of %zu bytes; %zu are the most", text.len,
                       FT_LEXICON_BYTES_MAX);
    FT_GOTO(err, ft_arena_items(&p.lexicon, arena, 1));
    FT_GOTO(err, ft_xml_read(text, &reader));
    FT_GOTO(err, index_entries(&p));
    *out = p.lexicon;
done:
    ft_buf_fini(&p.text);
    return err;
}

const ft_lexeme *ft_lexicon_find(const ft_lexicon *lexicon, ft_str word) {
    return slot_of(lexicon, word)->lexeme;
}

ft_str ft_lexicon_lang(const ft_lexicon *lexicon) { return lexicon->lang; }
ft_str ft_lexicon_alphabet(const ft_lexicon *lexicon) { return lexicon->alphabet; }
size_t ft_lexicon_count(const ft_lexicon *lexicon) { return lexicon->lexemes; }
