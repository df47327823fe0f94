/* abbreviation.c -- the class "abbreviation": short forms with their dots ("Dr.", "e.g.", "Ave.",
 * "approx."), told apart by the words beside them, and states behind a city.
 *
 * Sources: The Chicago Manual of Style, 17th ed., ch. 10; USPS Publication 28 for streets and
 * states; RAE, Ortografía de la lengua española, 2010, app. 2, for Spanish. */
#include "speech/say/abbreviation_in.h"

static const ft_abbreviation *const tables[FT_TONGUES] = { ft_abbreviations_english,
                                                           ft_abbreviations_spanish };

/* ---- what stands around */

/* A look around a token: the neighbours may be absent. */
typedef struct view {
    const ft_token *first; /* of the text */
    const ft_token *before, *t, *next;
} view;

static bool is_name(const ft_token *t) { return t && ft_begins_upper(t->text); }
static bool is_number(const ft_token *t) {
    return t && t->text.len && (ft_is_digit(t->text.at[0]) || strchr("#$", t->text.at[0]));
}
static bool is_ordinal(const ft_token *t) {
    return t && t->text.len > 2 && ft_is_digit(t->text.at[0]) &&
           !ft_is_digit(t->text.at[t->text.len - 1]);
}
static bool is_counted(const ft_token *t) { /* also "Vol. III" */
    return is_number(t) || (t && t->text.len && !ft_str_is(t->text, "I") &&
                            (ft_roman_value(t->text) > 0 || ft_small_roman_value(t->text) > 0));
}
static bool has_dot(const ft_token *t) { return t->after.len && t->after.at[0] == '.'; }

/* "Fifth", "5th", "Main", but not "Then": a name that a street has. */
static bool is_street_name(const ft_token *t) {
    static const char *const others[] = { "the",  "and",  "of",   "in",  "at",   "from",
                                          "to",   "with", "by",   "but", "said", "on",
                                          "when", "dear", "then", NULL };
    if (!t || t->after.len > 1 || (t->after.len == 1 && t->after.at[0] != '.')) return false;
    return is_ordinal(t) || (is_name(t) && !ft_word_in(t->text, others));
}

/* "Elm Dr." and "123 Elm Dr. Springfield", but not "However Dr. Smith" and "East St. Louis": before
 * a name the street has its number. */
static bool ends_street(const view *v) {
    static const char *const known[] = { "wall", "main", "broad", NULL };
    if (!is_street_name(v->before)) return false;
    bool open = !is_name(v->next) || v->t->after.len > 1 || ft_str_is(v->t->after, ",");
    if (open || ft_word_in(v->before->text, known) || ft_is_digit(v->before->text.at[0]))
        return true;
    for (const ft_token *k = v->before; k > v->first && k + 3 > v->before;)
        if (is_number(--k)) return true;
    return false;
}

/* "confirmation no. is", "phone no.": what has a number. */
static bool is_thing(const ft_token *t) {
    static const char *const things[] = {
        "confirmation", "account", "order",  "phone",  "telephone", "serial",  "model",
        "part",         "item",    "flight", "room",   "card",      "policy",  "invoice",
        "case",         "claim",   "id",     "member", "reference", "ticket",  "tracking",
        "routing",      "license", "permit", "docket", "passport",  "catalog", NULL
    };
    return t && ft_word_in(t->text, things);
}

/* "Ave. NW", "15205 N.E. 40th St." */
static bool is_at_road(const view *v) {
    static const char *const roads[] = { "st",     "street", "ave", "avenue",    "av",   "rd",
                                         "road",   "blvd",   "dr",  "drive",     "ln",   "ct",
                                         "pl",     "hwy",    "rte", "boulevard", "lane", "place",
                                         "square", "sq",     NULL };
    if (v->before && ft_word_in(v->before->text, roads)) return true;
    return is_number(v->before) && (is_ordinal(v->next) || is_name(v->next));
}

static bool fits(const ft_abbreviation *a, const view *v) {
    int f = a->flags;
    const ft_token *t = v->t;
    if ((f & FT_ABBREVIATION_EXACT) && !ft_str_is(t->text, a->written)) return false;
    if ((f & FT_ABBREVIATION_CAPITAL) && !ft_begins_upper(t->text)) return false;
    if ((f & FT_ABBREVIATION_DOT) && !has_dot(t)) return false;
    if ((f & FT_ABBREVIATION_NUMBER) && !is_counted(v->next)) return false;
    if ((f & FT_ABBREVIATION_NAME) && !is_name(v->next)) return false;
    if ((f & FT_ABBREVIATION_AFTER_NUMBER) && !is_number(v->before)) return false;
    if ((f & FT_ABBREVIATION_AFTER_ORDINAL) && !is_ordinal(v->before)) return false;
    if ((f & FT_ABBREVIATION_BEFORE_ORDINAL) && !is_ordinal(v->next)) return false;
    if ((f & FT_ABBREVIATION_AFTER_THING) && !is_thing(v->before)) return false;
    if ((f & FT_ABBREVIATION_AFTER_ROAD) && !is_at_road(v)) return false;
    return !(f & FT_ABBREVIATION_AFTER_NAME) || ends_street(v);
}

static const ft_abbreviation *find_row(const view *v, int tongue) {
    for (const ft_abbreviation *a = tables[tongue]; a->written; a++) {
        if (v->t->text.len == 0 || (v->t->text.at[0] | 32) != (a->written[0] | 32)) continue;
        if (ft_str_ieq(v->t->text, ft_str_of(a->written)) && fits(a, v)) return a;
    }
    return NULL;
}

/* "U.S", "e.g", "J.R.R": single letters with points between. */
static bool is_dotted(ft_str text) {
    if (text.len < 3 || text.len > 15) return false;
    for (size_t i = 0; i < text.len; i++)
        if (i % 2 ? text.at[i] != '.' : !(ft_is_upper(text.at[i]) || ft_is_lower(text.at[i])))
            return false;
    return text.len % 2 == 1;
}

static const char *state_of(ft_str text, int tongue) {
    for (const ft_state *k = ft_states; k->code; k++)
        if (ft_str_is(text, k->code)) return tongue == FT_ES && k->spanish ? k->spanish : k->name;
    return NULL;
}

static bool is_zip(ft_str text) {
    return (text.len == 5 && ft_all_digits(text)) || (text.len == 10 && text.at[5] == '-');
}

static const char *state_behind_city(const view *v, int tongue) {
    if (tongue == FT_ES && !(v->t->text.len == 2 && ft_all_upper(v->t->text) && !has_dot(v->t)))
        return NULL;
    bool after_city = is_name(v->before) && ft_str_ends(v->before->after, FT_STR(","));
    bool before_zip = v->next && is_zip(v->next->text);
    static const char *const dotted[] = { "Ala",  "Ariz", "Calif", "Colo", "Conn", "Fla",
                                          "Ga",   "Kan",  "Ky",    "Md",   "Mich", "Minn",
                                          "Mont", "Neb",  "Nev",   "Okla", "Pa",   "Tenn",
                                          "Tex",  "Va",   "Vt",    "Wis",  "Wyo",  NULL };
    static const char *const within[] = { "in",       "of",      "from",    "near",     "and",
                                          "&",        "through", "across",  "northern", "eastern",
                                          "southern", "western", "central", NULL };
    bool in_state = v->before && has_dot(v->t) && ft_word_in(v->before->text, within) &&
                    ft_word_in_exact(v->t->text, dotted); /* "rain in Fla. & Ga." */
    if (!after_city && !in_state && !(before_zip && v->t->text.len == 2)) return NULL;
    return state_of(v->t->text, tongue);
}

/* ---- does the dot belong to it alone? */

static bool is_starter(const ft_token *next, bool (*is_function_word)(ft_str)) {
    bool quoted = next && next->before.len && next->before.at[0] != '(';
    return next && (quoted || (is_name(next) && is_function_word(next->text)));
}

/* "D-Mass" */
static bool is_party(ft_str text) {
    return text.len > 3 && text.at[1] == '-' && strchr("DRI", text.at[0]) &&
           state_of(ft_str_from(text, 2), FT_EN);
}

static const char *const dates[] = { "jan",  "feb",  "mar",   "apr", "jun", "jul", "aug",  "sep",
                                     "sept", "oct",  "nov",   "dec", "mon", "tue", "tues", "wed",
                                     "thu",  "thur", "thurs", "fri", "ene", "abr", "ago",  "dic",
                                     "lun",  "mié",  "jue",   "vie", "sáb", "dom", NULL };

/* Behind "p.m" a sentence goes on with a small letter, a zone or a day. */
static bool keeps_clock(const ft_token *next) {
    static const char *const days[] = { "Monday",  "Tuesday",  "Wednesday", "Thursday",
                                        "Friday",  "Saturday", "Sunday",    "Eastern",
                                        "Pacific", "Central",  "Mountain",  NULL };
    return !is_name(next) || ft_all_upper(next->text) || ft_word_in(next->text, days);
}

/* Names of days and months that are words, too, and the second of a span: "Sat. 10-2", "Mon.-Fri.",
 * "a 2-yr. plan". */
static bool keeps_part(const ft_token *t, const ft_token *next) {
    static const char *const words_too[] = { "sat", "sun", "mar", NULL };
    size_t dash = 0;
    for (size_t i = 0; i < t->text.len && i < 24; i++)
        if (t->text.at[i] == '-') dash = i + 1;
    ft_str last = ft_str_from(t->text, dash);
    bool small = next->text.len && ft_is_lower(next->text.at[0]);
    bool figure = t->text.len && ft_is_digit(t->text.at[0]);
    if (dash && figure && ft_unit_find(last)) return true;
    if (figure && small && ft_is_lower(t->text.at[t->text.len - 1])) return true; /* 3er. piso */
    if (!ft_begins_upper(last)) return false;
    bool joins =
        ft_str_is(next->text, "&") || ft_str_is(next->text, "-") || ft_str_is(next->text, "–");
    if (ft_word_in(last, words_too)) return small || joins || is_number(next);
    return dash && is_number(next) && ft_word_in(last, dates);
}

/* Is it a short form at all? */
static bool is_short(const view *v, const ft_abbreviation *a, int tongue) {
    char letter = v->t->text.len == 1 ? v->t->text.at[0] : 0;
    bool initial = ft_is_upper(letter) ? letter != 'I' : tongue == FT_ES && ft_is_lower(letter);
    bool date = ft_word_in(v->t->text, dates) && (ft_begins_upper(v->t->text) || tongue == FT_ES);
    return a || date || initial || is_party(v->t->text) || is_dotted(v->t->text) ||
           state_behind_city(v, tongue);
}

bool ft_abbreviation_keeps_dot(const ft_token *tokens, const ft_token *t, const ft_token *next,
                               int tongue, bool (*is_function_word)(ft_str)) {
    static const char *const clock[] = { "a.m", "p.m", "am", "pm", NULL };
    view v = { tokens, t > tokens ? t - 1 : NULL, t, next };
    const ft_abbreviation *a = find_row(&v, tongue);
    if (a && (a->flags & FT_ABBREVIATION_KEEPS)) return true;
    if (!next) return false;
    if (ft_word_in(t->text, clock)) return keeps_clock(next);
    if (ft_str_ieq(t->text, FT_STR("etc"))) return !is_name(next);
    static const char *const compass[] = { "N",  "S",  "E",   "W",   "NE",  "NW",
                                           "SE", "SW", "NNE", "SSW", "ESE", NULL };
    if (is_number(v.before) && ft_unit_find(t->text)) /* "3.5 in. of rain", "5 mi. NE of it" */
        return !is_name(next) || ft_word_in_exact(next->text, compass);
    static const char *const spans[] = { "yr", "yrs", "mo", "mos", "wk", "wks", "hr", "hrs", NULL };
    if (ft_word_in_exact(t->text, spans) && next->text.len && ft_is_lower(next->text.at[0]))
        return true; /* a yr. ago */
    if (keeps_part(t, next)) return true;
    return is_short(&v, a, tongue) && !is_starter(next, is_function_word);
}

/* ---- the class */

/* "U.S" as letters, unless the table knows it. */
static void say_dotted(ft_saying *s, ft_str text, bool tail) {
    for (size_t i = 0; i < text.len; i += 2)
        tail &&i + 1 == text.len ? ft_say_letters_end(s, text.at[i]) : ft_say_letter(s, text.at[i]);
}

/* Spanish writes a blank between the parts: "EE. UU.", "p. ej.", "a. C." */
static bool say_two_tokens(ft_saying *s) {
    static const struct {
        const char *first, *second, *said;
    } pairs[] = { { "EE", "UU", "estados unidos" },
                  { "JJ", "OO", "juegos olímpicos" },
                  { "FF", "AA", "fuerzas armadas" },
                  { "RR", "HH", "recursos humanos" },
                  { "p", "ej", "por ejemplo" },
                  { "P", "ej", "por ejemplo" },
                  { "a", "C", "antes de cristo" },
                  { "d", "C", "después de cristo" },
                  { "S", "A", "ese a" },
                  { "s", "n", "sin número" } };
    const ft_token *t = &s->tokens[s->at], *next = ft_saying_token(s, 1);
    if (!next || !ft_str_is(t->after, ".") || !has_dot(next)) return false;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (ft_str_is(t->text, pairs[i].first) && ft_str_is(next->text, pairs[i].second)) {
            ft_say(s, pairs[i].said);
            s->taken = 2;
            return true;
        }
    return false;
}

/* "Calif.-based" */
static bool say_with_tail(ft_saying *s, view *v) {
    const ft_token *t = v->t;
    size_t dot = ft_str_find(t->text, '.');
    if (dot + 2 >= t->text.len || t->text.at[dot + 1] != '-') return false;
    ft_token stem = *t;
    stem.text = ft_str_slice(t->text, 0, dot);
    stem.after = FT_STR(".");
    view own = { v->first, v->before, &stem, NULL };
    int tongue = s->language->tongue;
    const char *said = tongue == FT_EN ? state_behind_city(&own, tongue) : NULL;
    const ft_abbreviation *a = said ? NULL : find_row(&own, tongue);
    if (a) said = a->said;
    if (!said) return false;
    ft_say(s, said);
    ft_say_part(s, ft_str_from(t->text, dot + 2));
    return true;
}

static bool say_abbreviation(ft_saying *s) {
    const ft_token *t = &s->tokens[s->at];
    view v = { s->tokens, ft_saying_token(s, -1), t, ft_saying_token(s, 1) };
    int tongue = s->language->tongue;
    if (t->text.len == 0 || t->text.len > 16) return false;
    if (tongue == FT_ES && say_two_tokens(s)) return true;
    const char *state = state_behind_city(&v, tongue);
    if (state) {
        ft_say(s, state);
        return true;
    }
    const ft_abbreviation *a = find_row(&v, tongue);
    if (a) {
        ft_say(s, a->said);
        return true;
    }
    if (tongue == FT_EN && is_party(t->text)) {
        ft_say_letter(s, t->text.at[0]);
        ft_say(s, state_of(ft_str_from(t->text, 2), FT_EN));
        return true;
    }
    if (say_with_tail(s, &v)) return true;
    ft_str letters = t->text, tail = { 0 };
    if (ft_str_ends(letters, FT_STR("'s"))) tail = FT_STR("'s");
    if (ft_str_ends(letters, FT_STR(".s"))) tail = FT_STR("s"); /* Ph.D.s */
    letters.len -= tail.len;
    if (letters.len && letters.at[letters.len - 1] == '.') letters.len--;
    ft_token stem = *t;
    stem.text = letters;
    v.t = &stem;
    a = letters.len < t->text.len ? find_row(&v, tongue) : NULL;
    if (!a && !is_dotted(letters)) return false;
    if (a) {
        const char *last = strrchr(a->said, ' ');
        bool letter = tail.len && last && strlen(last) == 2; /* Ph.D.s */
        ft_say_str(s, letter ? ft_str_n(a->said, (size_t)(last - a->said)) : ft_str_of(a->said));
        letter ? ft_say_letters_end(s, last[1]) : (void)ft_buf_add(&s->words, tail);
    } else {
        say_dotted(s, letters, tail.len > 0);
    }
    return true;
}

const ft_word_class ft_class_abbreviation = { "abbreviation", say_abbreviation };
