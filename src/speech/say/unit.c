/* unit.c -- the class "unit": an amount with a unit glued to it, behind it or joined by a hyphen
 * ("5kg", "72 °F", "5'10\"", "a 10-km run", "60 km/h", "5%"), and units that stand alone behind a
 * number's word ("five km"). The units stand in unit_table.c. */
#include "speech/say/unit_in.h"

/* ---- a unit, maybe per another: "km/h", "g/dL" */

typedef struct measure {
    const ft_unit *unit, *per;
    bool squared; /* m/s² */
} measure;

static bool read_measure(measure *m, ft_str text) {
    size_t slash = ft_str_find(text, '/');
    *m = (measure){ .unit = ft_unit_find(ft_str_slice(text, 0, slash)) };
    if (slash == text.len) return m->unit != NULL;
    ft_str per = ft_str_from(text, slash + 1);
    m->per = ft_unit_find(per);
    m->squared = !m->per && ft_str_ends(per, FT_STR("²"));
    if (m->squared) m->per = ft_unit_find(ft_str_slice(per, 0, per.len - 2));
    return m->unit && m->per && m->unit != m->per; /* m/m is month on month */
}

static void say_unit(ft_saying *s, const measure *m, bool one) {
    int tongue = s->language->tongue;
    const ft_unit_names *n = &m->unit->names[tongue];
    ft_say(s, one ? n->one : n->many);
    if (!m->per) return;
    ft_say(s, tongue == FT_EN ? "per" : "por");
    ft_say(s, m->per->names[tongue].one);
    if (m->squared) ft_say(s, tongue == FT_EN ? "squared" : "al cuadrado");
}

/* "bd./3", "bd/3" of "4 bd./3 ba.": where the next amount begins, or the end. */
static size_t before_listed(ft_str word) {
    size_t slash = ft_str_find(word, '/');
    bool digits = slash > 0 && slash < word.len && ft_all_digits(ft_str_from(word, slash + 1));
    return !digits ? word.len : slash - (word.at[slash - 1] == '.');
}

/* "5 km", "5 sq ft": the unit that the tokens behind name; how many they are. */
static int unit_behind(const ft_saying *s, measure *m) {
    ft_str word = ft_text_at(s, 1), next = ft_text_at(s, 2);
    const ft_token *t = ft_saying_token(s, 1);
    if (!ft_joined(s, 0)) return 0;
    word = ft_str_slice(word, 0, before_listed(word));
    bool squared = ft_str_ieq(word, FT_STR("sq")) || ft_str_ieq(word, FT_STR("cu"));
    if (squared && next.len && next.len < 4) {
        char text[8];
        int len = snprintf(text, sizeof text, "%.*s%c", (int)next.len, next.at,
                           (word.at[0] | 32) == 's' ? '2' : '3');
        return read_measure(m, ft_str_n(text, (size_t)len)) ? 2 : 0;
    }
    if (!read_measure(m, word)) return 0;
    static const char *const feet[] = { "ft", "feet", "foot", NULL }; /* 5 ft 11 in tall */
    bool behind_feet = ft_str_is(word, "in") && ft_word_in(ft_text_at(s, -1), feet);
    bool inch = behind_feet || ((ft_str_is(word, "in") || ft_str_is(word, "c")) && t->after.len &&
                                t->after.at[0] == '.');
    ft_str amount = s->tokens[s->at].text; /* 10.8 s */
    bool decimal = ft_str_is(word, "s") &&
                   (memchr(amount.at, '.', amount.len) || memchr(amount.at, ',', amount.len));
    bool ton = !ft_is_english(s) && ft_str_is(word, "t");
    if ((m->unit->flags & FT_UNIT_GLUED) && !inch && !decimal && !ton) return 0;
    /* "12 W. 57th St." */
    return word.len == 1 && ft_is_upper(word.at[0]) && t->after.len && t->after.at[0] == '.' &&
                   next.len
               ? 0
               : 1;
}

/* ---- saying */

/* How many: a figure or a fraction; `one`: the unit stands in the singular. */
static bool say_amount(ft_saying *s, ft_str text, ft_form form, bool *one) {
    ft_figure f;
    if (ft_figure_is(&f, text, s->language)) {
        ft_say_figure(s, &f, form);
        *one = ft_figure_is_one(&f);
        return true;
    }
    *one = true;
    bool half = ft_str_is(text, "1/2") || ft_str_is(text, "½");
    if (half && !ft_is_english(s)) { /* media libra */
        ft_say(s, form == FT_FORM_FEMININE ? "media" : "medio");
        return true;
    }
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] >= 0x80 && ft_is_digit(text.at[0])) *one = false; /* 2½ */
    bool said = ft_say_fraction(s, text);
    bool part = !ft_is_english(s) && memchr(text.at, '/', text.len); /* un cuarto de kilogramo */
    if (said && part) ft_say(s, "de");
    return said;
}

/* The figure or fraction that `text` begins with. */
static size_t amount_len(const ft_saying *s, ft_str text) {
    ft_figure f;
    size_t at = 0;
    if (ft_figure_read(&f, text, s->language)) at = f.len;
    static const char *const vulgar[] = { "½", "⅓", "⅔", "¼", "¾", "⅛", "⅜", "⅝", "⅞", "⅕", NULL };
    size_t len = ft_head_of(ft_str_from(text, at), vulgar);
    if (len) return at + len;
    if (at < text.len && text.at[at] == '/' && at > 0) {
        size_t end = at + 1;
        while (end < text.len && ft_is_digit(text.at[end])) end++;
        if (end > at + 1) return end;
    }
    return at;
}

/* "5'10", "1h30m", "6ft2in": pairs; behind feet the inches may go without their mark, behind hours
 * m is minutes. */
static bool say_pairs(ft_saying *s, ft_str text, int count) {
    const ft_unit *before = NULL;
    ft_figure f;
    for (ft_str rest = text; rest.len; count++) {
        if (count == 4 || !ft_figure_read(&f, rest, s->language) || (count && f.sign)) return false;
        rest = ft_str_from(rest, f.len);
        size_t len = 0;
        while (len < rest.len && !ft_is_digit(rest.at[len])) len++;
        measure m = { .unit = ft_unit_find(ft_str_slice(rest, 0, len)) };
        bool hours = before && ft_unit_written(before, FT_STR("h"));
        if (hours && m.unit && ft_unit_written(m.unit, FT_STR("m")))
            m.unit = ft_unit_find(FT_STR("min"));
        if (!m.unit && len == 0 && before && ft_unit_written(before, FT_STR("'")))
            m.unit = ft_unit_find(FT_STR("in"));
        if (!m.unit) return false;
        ft_say_figure(s, &f, m.unit->form);
        say_unit(s, &m, ft_figure_is_one(&f));
        before = m.unit;
        rest = ft_str_from(rest, len);
    }
    return count > 1;
}

/* "several 747s", "5s and 6s": things that the number names, no seconds. */
static bool is_plural(const ft_saying *s, ft_str digits) {
    static const char *const counts[] = { "several", "many",  "some",   "few",   "these",
                                          "those",   "all",   "most",   "both",  "two",
                                          "three",   "four",  "five",   "older", "new",
                                          "old",     "newer", "boeing", "with",  "my",
                                          "her",     "his",   "their",  "our",   NULL };
    static const char *const joins[] = { "and", "or", "&", "y", "o", NULL };
    ft_str before = ft_text_at(s, -1), two = ft_text_at(s, -2), behind = ft_text_at(s, 2);
    if (!ft_all_digits(digits)) return false;
    bool jet = digits.len == 3 && digits.at[0] == '7' && digits.at[2] == '7';
    bool join = ft_word_in(before, joins);
    bool pair = (join && ft_str_ends(two, FT_STR("s")) && ft_is_digit(two.at[0])) ||
                (ft_word_in(ft_text_at(s, 1), joins) && ft_str_ends(behind, FT_STR("s")) &&
                 ft_is_digit(behind.at[0]));
    return jet || pair || (!join && ft_word_in(before, counts));
}

/* "104F": a temperature, unless a word before says that it names a place. */
static bool say_temperature(ft_saying *s, ft_str text, size_t at) {
    static const char *const places[] = { "seat",     "row",     "gate",     "section",   "unit",
                                          "apt",      "room",    "suite",    "bus",       "route",
                                          "form",     "line",    "model",    "number",    "flight",
                                          "building", "no",      "size",     "apartment", "seats",
                                          "rooms",    "asiento", "puerta",   "sala",      "gates",
                                          "locker",   "exhibit", "platform", NULL };
    ft_figure f;
    char c = text.at[text.len - 1];
    if (text.len != at + 1 || (c != 'F' && c != 'C') || s->address || s->depth) return false;
    if (!ft_figure_is(&f, ft_str_slice(text, 0, at), s->language) || f.grouped) return false;
    ft_str before = ft_text_at(s, -1);
    if (f.digits.len < 2 || f.digits.len > 3 || ft_word_in(before, places)) return false;
    if (s->at > 0 && ft_begins_upper(before) && s->at > 1) return false; /* Block 14C */
    ft_say_figure(s, &f, FT_FORM_MASCULINE);
    ft_say(s, ft_is_english(s) ? "degrees" : "grados");
    ft_say(s, c == 'F' ? "fahrenheit" : "celsius");
    return true;
}

/* "9mm pistol", "the 50mm lens", "a 12 oz. bottle": said of the noun behind, in the singular. The
 * noun is `ahead` tokens on. */
static bool is_of_noun(const ft_saying *s, const measure *m, int ahead) {
    static const char *const before_noun[] = { "a",     "an",  "the",     "his",  "her",  "their",
                                               "its",   "my",  "our",     "this", "that", "each",
                                               "every", "one", "another", NULL };
    static const char *const no_nouns[] = {
        "away",  "long",   "wide",  "tall", "deep",  "high",    "thick",     "apart",
        "north", "south",  "east",  "west", "more",  "less",    "ahead",     "below",
        "above", "across", "off",   "per",  "total", "today",   "yesterday", "old",
        "later", "fast",   "every", "each", "where", "between", "around",    "behind",
        "made",  "fell",   "last",  "next", NULL
    };
    ft_str next = ft_text_at(s, ahead);
    const ft_token *unit = ft_saying_token(s, ahead - 1);
    bool joined = unit && (ft_joined(s, ahead - 1) || (ahead > 1 && ft_str_is(unit->after, ".")));
    if (!ft_is_english(s) || m->per || !joined) return false;
    if (ahead > 1 && strncmp(m->unit->names[FT_EN].one, "degree", 6) == 0)
        return false; /* the 1.5 °C target */
    bool inch = ft_unit_written(m->unit, FT_STR("\"")) && next.len && !ft_is_lower(next.at[0]);
    if (inch && ft_is_letter(next.at[next.len - 1]) && ft_word_in(ft_text_at(s, -1), before_noun))
        return true; /* a 55" TV, a 55" 4K TV */
    if (next.len < 3) return false;
    if (!ft_is_lower(next.at[0]) || ft_is_function_word(s, next) || ft_word_in(next, no_nouns))
        return false;
    static const char *const ends[] = { "ed", "ly", "ing", "er", NULL };
    for (const char *const *e = ends; *e; e++)
        if (ft_str_ends(next, ft_str_of(*e))) return false;
    return ft_unit_written(m->unit, FT_STR("mm")) || ft_word_in(ft_text_at(s, -1), before_noun);
}

/* "7° grado" is an ordinal, "30° norte" is not. */
static bool is_degree_of_noun(const ft_saying *s) {
    static const char *const places[] = { "norte",   "sur",      "este",        "oeste",
                                          "latitud", "bajo",     "centígrados", "celsius",
                                          "sobre",   "longitud", "fahrenheit",  NULL };
    if (ft_is_english(s) || ft_word_in(ft_text_at(s, 1), places)) return false;
    return ft_form_before(s, 1) != FT_FORM_ALONE;
}

static bool say_glued(ft_saying *s, ft_str text, size_t at) {
    measure m;
    bool one, hyphen = text.at[at] == '-';
    ft_str rest = ft_str_from(text, at + hyphen);
    if (say_temperature(s, text, at)) return true;
    if (!read_measure(&m, rest)) return false;
    if (ft_str_is(rest, "s") && at > 1 && text.at[at - 1] == '0') return false; /* 1990s, 80s */
    if (ft_str_is(rest, "s") && !hyphen && is_plural(s, ft_str_slice(text, 0, at))) return false;
    if (hyphen && ft_str_is(rest, "pt")) m.unit = ft_unit_find(FT_STR("pts")); /* a 3-pt lead */
    if (!ft_is_english(s) && ft_str_is(rest, "mo")) return false;              /* 7mo: séptimo */
    if (ft_str_is(rest, "°") && !hyphen && is_degree_of_noun(s)) return false; /* 7° grado */
    if (!say_amount(s, ft_str_slice(text, 0, at), m.unit->form, &one)) return false;
    say_unit(s, &m, one || hyphen || is_of_noun(s, &m, 1));
    return true;
}

/* "72° F" */
static void take_scale(ft_saying *s, ft_str text) {
    ft_str next = ft_text_at(s, 1);
    if (!ft_str_ends(text, FT_STR("°")) || !ft_joined(s, 0)) return;
    bool celsius = ft_str_is(next, "C");
    if (!celsius && !ft_str_is(next, "F")) return;
    ft_say(s, celsius ? "celsius" : "fahrenheit");
    s->taken = 2;
}

/* "120/80 mmHg": one figure over another, no part. */
static bool is_improper(ft_str text) {
    size_t slash = ft_str_find(text, '/');
    return slash < text.len && ft_small_number(ft_str_slice(text, 0, slash)) >
                                   ft_small_number(ft_str_from(text, slash + 1));
}

static bool say_with_unit(ft_saying *s, ft_str text) {
    measure m;
    bool one;
    size_t at = amount_len(s, text);
    if (at == 0) return false;
    if (at < text.len) {
        bool part = memchr(text.at, '/', at) && ft_all_digits(ft_text_at(s, -1)) && s->at > 0 &&
                    ft_joined(s, -1);
        if (part) ft_say(s, ft_is_english(s) ? "and" : "y"); /* 4 1/8% */
        if (!say_glued(s, text, at)) {
            ft_buf_reset(&s->words);
            return say_pairs(s, text, 0);
        }
        take_scale(s, text);
        return true;
    }
    int behind = unit_behind(s, &m);
    bool clock =
        text.len == 4 && ft_all_digits(text) && ft_str_is(ft_text_at(s, 1), "hrs"); /* 1400 hrs */
    if (!behind || clock) return false;
    ft_str before = ft_text_at(s, -1);
    bool mixed = ft_all_digits(before) && ft_joined(s, -1) && !ft_all_digits(text);
    if (mixed || is_improper(text) || !say_amount(s, text, m.unit->form, &one)) return false;
    say_unit(s, &m, one || is_of_noun(s, &m, behind + 1));
    s->taken = (size_t)behind + 1;
    ft_str listed = ft_text_at(s, behind), last = ft_str_from(listed, before_listed(listed));
    if (last.len) ft_say_part(s, ft_str_from(last, ft_str_find(last, '/') + 1));
    return true;
}

/* A unit behind what another class has said: "5-10 km", "five km", "2 1/2 lb". */
static bool say_alone(ft_saying *s, ft_str text) {
    measure m;
    ft_str before = ft_text_at(s, -1);
    if (!read_measure(&m, text)) return false;
    bool figure = before.len &&
                  (ft_is_digit(before.at[before.len - 1]) || ft_is_magnitude(s, before)) &&
                  s->at > 0 && ft_joined(s, -1);
    bool known = (m.unit->flags & FT_UNIT_ALONE) || m.per;
    const ft_token *t = &s->tokens[s->at];
    bool dotted =
        t->after.len && t->after.at[0] == '.' && strchr("ci", text.at[0]); /* 2-1/2 c., 5-6 in. */
    if (!known && (!figure || ((m.unit->flags & FT_UNIT_GLUED) && !dotted))) return false;
    bool one = ft_word_in(before, (const char *const[]){ "one", "a", "an", "per", "each", "un",
                                                         "una", "por", "el", "la", "cada", NULL });
    ft_str next = ft_text_at(s, 1);
    one |= !figure && next.len && ft_is_digit(next.at[0]); /* km 23 */
    one |= ft_str_is(before, "de") && memchr(ft_text_at(s, -2).at, '/', ft_text_at(s, -2).len);
    say_unit(s, &m, one);
    return true;
}

bool ft_say_unit(ft_saying *s, ft_str text, bool one) {
    measure m;
    if (!read_measure(&m, text)) return false;
    say_unit(s, &m, one);
    return true;
}

bool ft_say_measure(ft_saying *s, ft_str text) {
    size_t at = amount_len(s, text);
    ft_str name = ft_str_trim(ft_str_from(text, at));
    bool one = true;
    measure m = { .unit = ft_unit_by_name(name, s->language->tongue) };
    if (!m.unit) m.unit = ft_unit_by_name(name, FT_EN); /* the names that Polly's guide has */
    if (!m.unit && !read_measure(&m, name)) return false;
    if (at && !say_amount(s, ft_str_slice(text, 0, at), m.unit->form, &one)) return false;
    say_unit(s, &m, one);
    return true;
}

#define MEASURE_BYTES_MAX 48

static bool say_measure(ft_saying *s) {
    ft_str text = s->tokens[s->at].text;
    if (text.len == 0 || text.len > MEASURE_BYTES_MAX) return false;
    return say_with_unit(s, text) || (ft_buf_reset(&s->words), say_alone(s, text));
}

const ft_word_class ft_class_unit = { "unit", say_measure };
