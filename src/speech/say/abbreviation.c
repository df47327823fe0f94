/* abbreviation.c -- the class "abbreviation": short forms with their dots ("Dr.", "e.g.", "Ave.",
 * "approx."), told apart by the words beside them, and states behind a city.
 *
 * Sources: The Chicago Manual of Style, 17th ed., ch. 10; USPS Publication 28 for streets and
 * states; RAE, Ortografía de la lengua española, 2010, app. 2, for Spanish. */
#include "speech/say/abbreviation_in.h"

/* A row's conditions; a row without any is taken wherever it stands. */
enum {
    DOT = 1,         /* a dot behind */
    CAPITAL = 2,     /* written with a capital */
    NUMBER = 4,      /* a number behind */
    NAME = 8,        /* a word with a capital behind */
    AFTER_NAME = 16, /* the name of a street before */
    EXACT = 32,      /* small letters only */
    KEEPS = 64,      /* its dot never ends a sentence */
    AFTER_NUMBER = 128
};

typedef struct abbreviation {
    const char *written, *said;
    int flags;
} abbreviation;

/* The first row whose conditions hold is taken. */
static const abbreviation english[] = {
    { "mr", "mister", KEEPS },
    { "mrs", "missus", KEEPS },
    { "ms", "miz", CAPITAL | NAME | KEEPS },
    { "dr", "drive", CAPITAL | AFTER_NAME },
    { "dr", "doctor", CAPITAL | KEEPS },
    { "drs", "doctors", CAPITAL | NAME | KEEPS },
    { "prof", "professor", CAPITAL | DOT | KEEPS },
    { "rev", "reverend", CAPITAL | DOT | KEEPS },
    { "hon", "honorable", CAPITAL | DOT | KEEPS },
    { "gen", "general", CAPITAL | DOT | KEEPS },
    { "col", "colonel", CAPITAL | DOT | KEEPS },
    { "maj", "major", CAPITAL | DOT | KEEPS },
    { "lt", "lieutenant", CAPITAL | KEEPS },
    { "cmdr", "commander", CAPITAL | KEEPS },
    { "adm", "admiral", CAPITAL | DOT | KEEPS },
    { "sgt", "sergeant", CAPITAL | KEEPS },
    { "cpl", "corporal", CAPITAL | KEEPS },
    { "capt", "captain", CAPITAL | KEEPS },
    { "gov", "governor", CAPITAL | DOT | KEEPS },
    { "sen", "senator", CAPITAL | DOT | KEEPS },
    { "sens", "senators", CAPITAL | DOT | KEEPS },
    { "rep", "representative", CAPITAL | DOT | NAME | KEEPS },
    { "reps", "representatives", CAPITAL | DOT | NAME | KEEPS },
    { "pres", "president", CAPITAL | DOT | KEEPS },
    { "supt", "superintendent", CAPITAL | DOT | KEEPS },
    { "fr", "father", CAPITAL | DOT | NAME | KEEPS },
    { "st", "street", CAPITAL | AFTER_NAME },
    { "st", "saint", CAPITAL | KEEPS },
    { "ste", "suite", CAPITAL | NUMBER | KEEPS },
    { "mt", "mount", CAPITAL | KEEPS },
    { "ft", "fort", CAPITAL | NAME | KEEPS },
    { "pt", "point", CAPITAL | NAME | DOT | KEEPS },
    { "jr", "junior", 0 },
    { "sr", "senior", CAPITAL },
    { "ave", "avenue", CAPITAL | AFTER_NAME },
    { "av", "avenue", CAPITAL | DOT },
    { "blvd", "boulevard", 0 },
    { "rd", "road", CAPITAL | AFTER_NAME },
    { "ln", "lane", CAPITAL | AFTER_NAME },
    { "ct", "court", CAPITAL | AFTER_NAME },
    { "pl", "place", CAPITAL | AFTER_NAME },
    { "sq", "square", CAPITAL | AFTER_NAME },
    { "sq", "square", KEEPS },
    { "cir", "circle", CAPITAL | AFTER_NAME },
    { "ter", "terrace", CAPITAL | AFTER_NAME },
    { "pkwy", "parkway", 0 },
    { "hwy", "highway", 0 },
    { "fwy", "freeway", 0 },
    { "rte", "route", 0 },
    { "apt", "apartment", NUMBER | KEEPS },
    { "apt", "apartment", CAPITAL | DOT },
    { "bldg", "building", 0 },
    { "rm", "room", NUMBER },
    { "fl", "floor", AFTER_NUMBER },
    { "no", "number", NUMBER | DOT | KEEPS },
    { "nos", "numbers", NUMBER | DOT | KEEPS },
    { "vol", "volume", NUMBER | KEEPS },
    { "fig", "figure", NUMBER | KEEPS },
    { "figs", "figures", NUMBER | KEEPS },
    { "ch", "chapter", NUMBER | DOT | KEEPS },
    { "sec", "section", NUMBER | DOT | KEEPS },
    { "art", "article", NUMBER | DOT | KEEPS },
    { "eq", "equation", NUMBER | DOT | KEEPS },
    { "p", "page", NUMBER | DOT | EXACT | KEEPS },
    { "pp", "pages", NUMBER | KEEPS },
    { "ext", "extension", NUMBER | KEEPS },
    { "tel", "telephone", DOT | KEEPS },
    { "ver", "version", NUMBER | DOT | KEEPS },
    { "ed", "edition", DOT | AFTER_NUMBER },
    { "vs", "versus", KEEPS },
    { "v", "versus", EXACT | DOT | NAME | KEEPS },
    { "etc", "et cetera", 0 },
    { "e.g", "for example", KEEPS },
    { "eg", "for example", DOT | KEEPS },
    { "i.e", "that is", KEEPS },
    { "ie", "that is", DOT | KEEPS },
    { "et", "et", EXACT },
    { "cf", "compare", DOT | KEEPS },
    { "ca", "circa", EXACT | DOT | NUMBER | KEEPS },
    { "c", "circa", EXACT | DOT | NUMBER | KEEPS },
    { "approx", "approximately", KEEPS },
    { "est", "established", CAPITAL | DOT | NUMBER | KEEPS },
    { "est", "estimated", DOT | EXACT | KEEPS },
    { "a.k.a", "also known as", KEEPS },
    { "aka", "also known as", 0 },
    { "w/o", "without", KEEPS },
    { "w/", "with", KEEPS },
    { "b/c", "because", KEEPS },
    { "misc", "miscellaneous", 0 },
    { "dept", "department", 0 },
    { "govt", "government", 0 },
    { "gov't", "government", 0 },
    { "assn", "association", 0 },
    { "assoc", "association", DOT },
    { "univ", "university", DOT },
    { "inst", "institute", CAPITAL | DOT },
    { "intl", "international", 0 },
    { "natl", "national", 0 },
    { "inc", "incorporated", CAPITAL },
    { "ltd", "limited", CAPITAL },
    { "corp", "corporation", CAPITAL },
    { "co", "company", CAPITAL | DOT },
    { "bros", "brothers", CAPITAL },
    { "mfg", "manufacturing", 0 },
    { "mgmt", "management", 0 },
    { "mgr", "manager", 0 },
    { "asst", "assistant", 0 },
    { "dir", "director", CAPITAL | DOT },
    { "secy", "secretary", 0 },
    { "attn", "attention", 0 },
    { "encl", "enclosed", DOT },
    { "max", "maximum", DOT | EXACT },
    { "min", "minimum", DOT | EXACT },
    { "avg", "average", 0 },
    { "qty", "quantity", 0 },
    { "amt", "amount", DOT },
    { "temp", "temperature", DOT },
    { "hr", "hour", DOT },
    { "hrs", "hours", 0 },
    { "mins", "minutes", 0 },
    { "yrs", "years", 0 },
    { "doz", "dozen", DOT },
    { "plc", "p l c", 0 },
    { "wwi", "world war one", 0 },
    { "wwii", "world war two", 0 },
    { "conf", "conference", CAPITAL | DOT | KEEPS },
    { "401(k)", "four oh one k", 0 },
    { "403(b)", "four oh three b", 0 },
    { "c#", "c sharp", 0 },
    { "f#", "f sharp", 0 },
    { "tues", "tuesday", CAPITAL | DOT },
    { "thurs", "thursday", CAPITAL | DOT },
    { "sept", "september", CAPITAL },
    { "ok", "okay", 0 },
    { "o.k", "okay", 0 },
    { "ph.d", "p h d", 0 },
    { "phd", "p h d", 0 },
    { "esq", "esquire", CAPITAL },
    { "d.c", "d c", 0 },
    { "n", "north", CAPITAL | AFTER_NUMBER },
    { "s", "south", CAPITAL | AFTER_NUMBER },
    { "e", "east", CAPITAL | AFTER_NUMBER },
    { "w", "west", CAPITAL | AFTER_NUMBER },
    { NULL, NULL, 0 },
};

static const abbreviation spanish[] = {
    { "sr", "señor", KEEPS },
    { "sra", "señora", KEEPS },
    { "sres", "señores", KEEPS },
    { "sras", "señoras", KEEPS },
    { "srta", "señorita", KEEPS },
    { "dr", "doctor", KEEPS },
    { "dra", "doctora", KEEPS },
    { "dres", "doctores", KEEPS },
    { "d", "don", DOT | NAME | KEEPS },
    { "dña", "doña", KEEPS },
    { "prof", "profesor", KEEPS },
    { "profa", "profesora", KEEPS },
    { "lic", "licenciado", KEEPS },
    { "licda", "licenciada", KEEPS },
    { "ing", "ingeniero", DOT | KEEPS },
    { "arq", "arquitecto", KEEPS },
    { "gral", "general", KEEPS },
    { "cnel", "coronel", KEEPS },
    { "tte", "teniente", KEEPS },
    { "cap", "capítulo", NUMBER | KEEPS },
    { "cap", "capitán", DOT | KEEPS },
    { "pdte", "presidente", KEEPS },
    { "gob", "gobernador", DOT | NAME | KEEPS },
    { "sto", "santo", KEEPS },
    { "sta", "santa", KEEPS },
    { "s", "san", DOT | NAME | KEEPS },
    { "ud", "usted", 0 },
    { "uds", "ustedes", 0 },
    { "vd", "usted", 0 },
    { "vds", "ustedes", 0 },
    { "av", "avenida", KEEPS },
    { "avda", "avenida", KEEPS },
    { "c", "calle", DOT | NAME | KEEPS },
    { "c/", "calle", KEEPS },
    { "blvr", "bulevar", KEEPS },
    { "blvd", "bulevar", KEEPS },
    { "ctra", "carretera", KEEPS },
    { "pza", "plaza", KEEPS },
    { "pl", "plaza", DOT | NAME | KEEPS },
    { "col", "colonia", DOT | NAME | KEEPS },
    { "depto", "departamento", KEEPS },
    { "dpto", "departamento", KEEPS },
    { "dto", "departamento", KEEPS },
    { "apdo", "apartado", KEEPS },
    { "cd", "ciudad", KEEPS },
    { "edo", "estado", DOT | KEEPS },
    { "fracc", "fraccionamiento", DOT | KEEPS },
    { "c.p", "código postal", KEEPS },
    { "izq", "izquierda", 0 },
    { "izqda", "izquierda", 0 },
    { "dcha", "derecha", 0 },
    { "núm", "número", KEEPS },
    { "num", "número", DOT | KEEPS },
    { "nro", "número", KEEPS },
    { "no", "número", DOT | NUMBER | KEEPS },
    { "n.º", "número", KEEPS },
    { "nº", "número", KEEPS },
    { "n°", "número", KEEPS },
    { "tel", "teléfono", KEEPS },
    { "tfno", "teléfono", KEEPS },
    { "ext", "extensión", KEEPS },
    { "pág", "página", KEEPS },
    { "págs", "páginas", KEEPS },
    { "p", "página", DOT | NUMBER | KEEPS },
    { "pp", "páginas", NUMBER | KEEPS },
    { "vol", "volumen", NUMBER | KEEPS },
    { "fig", "figura", NUMBER | KEEPS },
    { "art", "artículo", DOT | KEEPS },
    { "etc", "etcétera", 0 },
    { "p.ej", "por ejemplo", KEEPS },
    { "aprox", "aproximadamente", KEEPS },
    { "máx", "máximo", 0 },
    { "mín", "mínimo", 0 },
    { "vs", "versus", KEEPS },
    { "ej", "ejemplo", KEEPS },
    { "ee", "estados", DOT | KEEPS },
    { "uu", "unidos", DOT },
    { "ee.uu", "estados unidos", 0 },
    { "eeuu", "estados unidos", 0 },
    { "ee.uu.", "estados unidos", 0 },
    { "jj.oo", "juegos olímpicos", 0 },
    { "ff.aa", "fuerzas armadas", 0 },
    { "rr.hh", "recursos humanos", 0 },
    { "cía", "compañía", 0 },
    { "s.a", "ese a", 0 },
    { "hnos", "hermanos", 0 },
    { "dept", "departamento", 0 },
    { "admón", "administración", 0 },
    { "a.c", "antes de cristo", 0 },
    { "d.c", "después de cristo", 0 },
    { "min", "minutos", DOT },
    { "hrs", "horas", 0 },
    { NULL, NULL, 0 },
};

static const abbreviation *const tables[FT_TONGUES] = { english, spanish };

/* Behind a city and a comma, or before a ZIP code. */
static const struct {
    const char *code, *name;
} states[] = {
    { "AL", "alabama" },
    { "AK", "alaska" },
    { "AZ", "arizona" },
    { "AR", "arkansas" },
    { "CA", "california" },
    { "CO", "colorado" },
    { "CT", "connecticut" },
    { "DE", "delaware" },
    { "FL", "florida" },
    { "GA", "georgia" },
    { "HI", "hawaii" },
    { "ID", "idaho" },
    { "IL", "illinois" },
    { "IN", "indiana" },
    { "IA", "iowa" },
    { "KS", "kansas" },
    { "KY", "kentucky" },
    { "LA", "louisiana" },
    { "ME", "maine" },
    { "MD", "maryland" },
    { "MA", "massachusetts" },
    { "MI", "michigan" },
    { "MN", "minnesota" },
    { "MS", "mississippi" },
    { "MO", "missouri" },
    { "MT", "montana" },
    { "NE", "nebraska" },
    { "NV", "nevada" },
    { "NH", "new hampshire" },
    { "NJ", "new jersey" },
    { "NM", "new mexico" },
    { "NY", "new york" },
    { "NC", "north carolina" },
    { "ND", "north dakota" },
    { "OH", "ohio" },
    { "OK", "oklahoma" },
    { "OR", "oregon" },
    { "PA", "pennsylvania" },
    { "RI", "rhode island" },
    { "SC", "south carolina" },
    { "SD", "south dakota" },
    { "TN", "tennessee" },
    { "TX", "texas" },
    { "UT", "utah" },
    { "VT", "vermont" },
    { "VA", "virginia" },
    { "WA", "washington" },
    { "WV", "west virginia" },
    { "WI", "wisconsin" },
    { "WY", "wyoming" },
    { "DC", "d c" },
    { "Ala", "alabama" },
    { "Ariz", "arizona" },
    { "Ark", "arkansas" },
    { "Calif", "california" },
    { "Colo", "colorado" },
    { "Conn", "connecticut" },
    { "Del", "delaware" },
    { "Fla", "florida" },
    { "Ga", "georgia" },
    { "Ill", "illinois" },
    { "Ind", "indiana" },
    { "Kan", "kansas" },
    { "Ky", "kentucky" },
    { "La", "louisiana" },
    { "Md", "maryland" },
    { "Mass", "massachusetts" },
    { "Mich", "michigan" },
    { "Minn", "minnesota" },
    { "Miss", "mississippi" },
    { "Mo", "missouri" },
    { "Mont", "montana" },
    { "Neb", "nebraska" },
    { "Nev", "nevada" },
    { "N.H", "new hampshire" },
    { "N.J", "new jersey" },
    { "N.M", "new mexico" },
    { "N.Y", "new york" },
    { "N.C", "north carolina" },
    { "N.D", "north dakota" },
    { "Okla", "oklahoma" },
    { "Ore", "oregon" },
    { "Pa", "pennsylvania" },
    { "R.I", "rhode island" },
    { "S.C", "south carolina" },
    { "S.D", "south dakota" },
    { "Tenn", "tennessee" },
    { "Tex", "texas" },
    { "Vt", "vermont" },
    { "Va", "virginia" },
    { "Wash", "washington" },
    { "W.Va", "west virginia" },
    { "Wis", "wisconsin" },
    { "Wyo", "wyoming" },
};

/* ---- what stands around */

/* A look around a token: the neighbours may be absent. */
typedef struct view {
    const ft_token *first; /* of the text */
    const ft_token *before, *t, *next;
} view;

static bool is_name(const ft_token *t) { return t && ft_begins_upper(t->text); }
static bool is_number(const ft_token *t) {
    return t && t->text.len && (ft_is_digit(t->text.at[0]) || t->text.at[0] == '#');
}
static bool is_counted(const ft_token *t) { /* also "Vol. III" */
    return is_number(t) ||
           (t && t->text.len && !ft_str_is(t->text, "I") && ft_roman_value(t->text) > 0);
}
static bool has_dot(const ft_token *t) { return t->after.len && t->after.at[0] == '.'; }

/* "Fifth", "5th", "Main", but not "Then": a name that a street has. */
static bool is_street_name(const ft_token *t) {
    static const char *const others[] = { "the",  "and",  "of",   "in",  "at",   "from",
                                          "to",   "with", "by",   "but", "said", "on",
                                          "when", "dear", "then", NULL };
    if (!t || t->after.len > 1 || (t->after.len == 1 && t->after.at[0] != '.')) return false;
    bool ordinal =
        t->text.len > 2 && ft_is_digit(t->text.at[0]) && !ft_is_digit(t->text.at[t->text.len - 1]);
    return ordinal || (is_name(t) && !ft_word_in(t->text, others));
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

static bool fits(const abbreviation *a, const view *v) {
    int f = a->flags;
    const ft_token *t = v->t;
    if ((f & EXACT) && !ft_str_is(t->text, a->written)) return false;
    if ((f & CAPITAL) && !ft_begins_upper(t->text)) return false;
    if ((f & DOT) && !has_dot(t)) return false;
    if ((f & NUMBER) && !is_counted(v->next)) return false;
    if ((f & NAME) && !is_name(v->next)) return false;
    if ((f & AFTER_NUMBER) && !is_number(v->before)) return false;
    return !(f & AFTER_NAME) || ends_street(v);
}

static const abbreviation *find_row(const view *v, int tongue) {
    for (const abbreviation *a = tables[tongue]; a->written; a++) {
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

static const char *state_of(ft_str text) {
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (ft_str_is(text, states[i].code)) return states[i].name;
    return NULL;
}

static bool is_zip(ft_str text) {
    return (text.len == 5 && ft_all_digits(text)) || (text.len == 10 && text.at[5] == '-');
}

static const char *state_behind_city(const view *v) {
    bool after_city = is_name(v->before) && ft_str_is(v->before->after, ",");
    bool before_zip = v->next && is_zip(v->next->text);
    if (!after_city && !(before_zip && v->t->text.len == 2)) return NULL;
    return state_of(v->t->text);
}

/* ---- does the dot belong to it alone? */

static bool is_starter(const ft_token *next, bool (*is_function_word)(ft_str)) {
    return next && (next->before.len || (is_name(next) && is_function_word(next->text)));
}

bool ft_abbreviation_keeps_dot(const ft_token *tokens, const ft_token *t, const ft_token *next,
                               int tongue, bool (*is_function_word)(ft_str)) {
    static const char *const clock[] = { "a.m", "p.m", "am", "pm", NULL };
    view v = { tokens, t > tokens ? t - 1 : NULL, t, next };
    const abbreviation *a = find_row(&v, tongue);
    if (a && (a->flags & KEEPS)) return true;
    if (!next) return false;
    char letter = t->text.len == 1 ? t->text.at[0] : 0;
    bool initial = ft_is_upper(letter) ? letter != 'I' : tongue == FT_ES && ft_is_lower(letter);
    bool ends = is_starter(next, is_function_word);
    if (ft_word_in(t->text, clock)) {
        static const char *const days[] = { "Monday",  "Tuesday",  "Wednesday", "Thursday",
                                            "Friday",  "Saturday", "Sunday",    "Eastern",
                                            "Pacific", "Central",  "Mountain",  NULL };
        return !is_name(next) || ft_all_upper(next->text) || ft_word_in(next->text, days);
    }
    static const char *const dates[] = { "jan",  "feb",  "mar", "apr",  "jun",   "jul", "aug",
                                         "sep",  "sept", "oct", "nov",  "dec",   "mon", "tue",
                                         "tues", "wed",  "thu", "thur", "thurs", "fri", "ene",
                                         "abr",  "ago",  "dic", NULL };
    if (ft_str_ieq(t->text, FT_STR("etc"))) return !is_name(next);
    /* "3.5 in. of rain" */
    if (is_number(v.before) && ft_unit_find(t->text)) return !is_name(next);
    static const char *const words_too[] = { "sat", "sun", "mar", NULL };
    size_t dash = 0; /* "Mon.-Fri." */
    for (size_t i = 0; i < t->text.len && i < 24; i++)
        if (t->text.at[i] == '-') dash = i + 1;
    ft_str last = ft_str_from(t->text, dash);
    if (is_number(next) && ft_begins_upper(last) &&
        (ft_word_in(last, words_too) || (dash && ft_word_in(last, dates))))
        return true;
    bool small = next->text.len && ft_is_lower(next->text.at[0]);
    if (dash && small && ft_is_digit(t->text.at[0]) && ft_unit_find(last))
        return true; /* a 2-yr. plan */
    bool known = a ||
                 (ft_word_in(t->text, dates) && (ft_begins_upper(t->text) || tongue == FT_ES)) ||
                 initial || is_dotted(t->text) || state_behind_city(&v);
    return known && !ends;
}

/* ---- the class */

/* "U.S" as letters, unless the table knows it. */
static void say_dotted(ft_saying *s, ft_str text) {
    for (size_t i = 0; i < text.len; i += 2) ft_say_letter(s, text.at[i]);
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

static bool say_abbreviation(ft_saying *s) {
    const ft_token *t = &s->tokens[s->at];
    view v = { s->tokens, ft_saying_token(s, -1), t, ft_saying_token(s, 1) };
    int tongue = s->language->tongue;
    if (t->text.len == 0 || t->text.len > 16) return false;
    if (tongue == FT_ES && say_two_tokens(s)) return true;
    const char *state = tongue == FT_EN ? state_behind_city(&v) : NULL;
    if (state) {
        ft_say(s, state);
        return true;
    }
    const abbreviation *a = find_row(&v, tongue);
    if (a) {
        ft_say(s, a->said);
        return true;
    }
    bool party = t->text.len > 3 && t->text.at[1] == '-' && strchr("DRI", t->text.at[0]);
    state = party && tongue == FT_EN ? state_of(ft_str_from(t->text, 2)) : NULL;
    if (state) { /* D-N.Y. */
        ft_say_letter(s, t->text.at[0]);
        ft_say(s, state);
        return true;
    }
    ft_str letters = t->text;
    bool owned = ft_str_ends(letters, FT_STR("'s"));
    if (owned) letters.len -= 2;
    if (letters.len && letters.at[letters.len - 1] == '.') letters.len--;
    if (!is_dotted(letters)) return false;
    say_dotted(s, letters);
    if (owned) ft_buf_add(&s->words, FT_STR("'s"));
    return true;
}

const ft_word_class ft_class_abbreviation = { "abbreviation", say_abbreviation };
