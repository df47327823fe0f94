/* number.c -- the class "number": cardinals, ordinals, decimals, years, decades, and numbers that
 * name something (a room, a road, a code), told apart by the words beside them. */
#include "speech/say/say_in.h"

/* ---- what the word before says of a number */

static const char *const year_before[FT_TONGUES][24] = {
    { "in",     "since",  "by",   "of",     "until",  "till",   "from",      "during",
      "circa",  "early",  "late", "mid",    "year",   "before", "after",     "between",
      "spring", "summer", "fall", "autumn", "winter", "class",  "copyright", NULL },
    { NULL },
};
static const char *const digits_before[FT_TONGUES][32] = {
    { "code", "pin", "zip", "account", "password", "passcode", "id", "extension", "ext", "dial",
      "serial", "ticket", "confirmation", "case", "policy", "ending", "badge", "digits", NULL },
    { "código", "verificación", "confirmación", "seguridad", "rastreo", "clave", "cuenta",
      "contraseña", "postal", "extensión", "ext", "marque", "póliza", "serie", "terminada", "pin",
      "id", NULL },
};
static const char *const pairs_before[FT_TONGUES][40] = {
    { "room",   "rm",       "highway",  "hwy",       "route",   "rte",   "interstate", "flight",
      "boeing", "boeing's", "airbus",   "apartment", "apt",     "suite", "ste",        "unit",
      "bus",    "train",    "gate",     "exit",      "channel", "hwy",   "freeway",    "locker",
      "box",    "cabin",    "building", "bldg",      "studio",  NULL },
    { NULL },
};
/* These are called, not counted, whatever stands before. */
static const char *const called[] = { "911", "411", "311", "211", "988", "007", "101", NULL };
static const char *const calls[] = { "call",   "called", "calls", "calling", "dial",
                                     "dialed", "a",      "the",   "agent",   NULL };

static ft_str before_of(const ft_saying *s) {
    const ft_token *t = ft_saying_token(s, -1);
    bool near = t && s->tokens[s->at].before.len == 0 && ft_str_find(t->after, ',') == t->after.len;
    return near ? t->text : (ft_str){ 0 };
}

/* A plural behind a number is counted: "2000 calories". */
static bool counts_next(const ft_saying *s) {
    static const char *const plurals[] = { "people", "men",   "women", "children", "percent",
                                           "feet",   "miles", "sheep", "fish",     NULL };
    ft_str next = ft_text_at(s, 1);
    if (!ft_joined(s, 0) || next.len < 3 || !ft_is_lower(next.at[0])) return false;
    if (ft_word_in(next, plurals)) return true;
    return ft_str_ends(next, FT_STR("s")) && !ft_str_ends(next, FT_STR("ss")) &&
           !ft_is_function_word(s, next);
}

static bool is_house_number(const ft_saying *s) {
    static const char *const roads[] = {
        "street", "st",        "avenue", "ave",     "road",    "rd",  "drive",    "dr", "lane",
        "ln",     "boulevard", "blvd",   "court",   "ct",      "way", "place",    "pl", "parkway",
        "pkwy",   "circle",    "cir",    "terrace", "highway", "hwy", "broadway", NULL
    };
    for (int i = 1; i <= 4; i++) {
        ft_str word = ft_text_at(s, i);
        const ft_token *t = ft_saying_token(s, i - 1);
        bool compass = t->text.len == 1 && ft_str_is(t->after, "."); /* N. Main St. */
        if (!(ft_joined(s, i - 1) || compass) ||
            (!ft_begins_upper(word) && !ft_is_digit(word.len ? word.at[0] : ' ')))
            return false;
        if (i > 1 && ft_word_in(word, roads)) return true;
        if (ft_str_is(word, "Broadway")) return true;
    }
    return false;
}

static bool is_state(ft_str word) { return word.len == 2 && ft_all_upper(word); }

/* Is it a year? By its place in a date, the word before, or its looks. */
static bool is_year(const ft_saying *s, ft_str digits) {
    static const char *const eras[] = { "ad", "bc", "bce", "ce", "a.d", "b.c", NULL };
    if (digits.len != 4 || digits.at[0] == '0') return false;
    if (ft_word_in(ft_text_at(s, 1), eras)) return true;
    ft_str before = before_of(s);
    bool year_like = ft_is_year_like(digits);
    static const char *const sure[] = { "year", "in", "since", "until", "circa", NULL };
    year_like |= ft_str_starts(digits, FT_STR("10")) && ft_is_english(s) &&
                 ft_word_in(before, sure); /* in 1066 */
    bool pair = ft_str_is(before, "and") && ft_is_year_like(ft_text_at(s, -2));
    bool named = ft_word_in(before, (const char *const[]){ "was", "is", NULL }) &&
                 ft_str_ieq(ft_text_at(s, -2), FT_STR("year"));
    bool near = pair || ft_word_in(before, year_before[s->language->tongue]);
    if ((year_like && near && !counts_next(s)) || named) return true;
    long n = ft_small_number(digits);
    if (n < 1900 || n > 2099) return false;
    return !counts_next(s) || ft_word_in(before, (const char *const[]){ "the", "in", NULL });
}

/* ---- dates: a day behind a month, a year behind both */

static bool month_before(const ft_saying *s, int ahead) {
    bool is_short;
    return ft_month_of(s, ft_text_at(s, ahead), &is_short) > 0;
}

static bool is_day_text(ft_str text) {
    ft_str digits = text;
    while (digits.len && !ft_is_digit(digits.at[digits.len - 1])) digits.len--;
    long day = ft_small_number(digits);
    return day >= 1 && day <= 31;
}

/* "November 22", "Nov. 22nd,": in English an ordinal. */
static bool say_day(ft_saying *s, ft_str digits) {
    long day = digits.len <= 2 ? ft_small_number(digits) : -1;
    bool is_short;
    if (day < 1 || day > 31) return false;
    const ft_token *before = ft_saying_token(s, -1);
    if (!ft_is_english(s)) {
        if (ft_joined(s, 0) && ft_month_of(s, ft_text_at(s, 1), &is_short)) { /* 21 nov. */
            day == 1 ? ft_say(s, "primero") : ft_say_cardinal(s, digits);
            ft_say(s, "de");
            return true;
        }
        bool of_month = ft_str_is(ft_text_at(s, 1), "de") && ft_joined(s, 0) &&
                        ft_month_of(s, ft_text_at(s, 2), &is_short);
        if (day != 1 || !of_month) return false;
        ft_say(s, "primero");
        return true;
    }
    if (before && before->after.len <= 1 && month_before(s, -1)) {
        ft_say_ordinal(s, digits, FT_FORM_ALONE);
        return true;
    }
    int month = ft_joined(s, 0) ? ft_month_of(s, ft_text_at(s, 1), &is_short) : 0;
    if (!month || !ft_begins_upper(ft_text_at(s, 1))) return false;
    if (!ft_str_ieq(before_of(s), FT_STR("the"))) ft_say(s, "the");
    ft_say_ordinal(s, digits, FT_FORM_ALONE);
    ft_say(s, "of");
    return true;
}

static bool is_year_of_date(const ft_saying *s, ft_str digits) {
    if (digits.len != 4) return false;
    return month_before(s, -1) || (is_day_text(ft_text_at(s, -1)) && month_before(s, -2));
}

/* ---- named by digits or pairs */

static bool say_named(ft_saying *s, const ft_figure *f) {
    int tongue = s->language->tongue;
    ft_str before = before_of(s), digits = f->digits;
    if (f->grouped || f->sign || f->fraction.len) return false;
    static const char *const copulas[] = { "is", "are", "was",    "number", "no",
                                           "es", "is:", "número", NULL };
    if (ft_word_in(before, copulas) && ft_word_in(ft_text_at(s, -2), digits_before[tongue]))
        before = ft_text_at(s, -2);
    static const char *const endings[] = { "ending",  "ends",      "terminada",
                                           "termina", "terminado", NULL };
    for (int i = -2; i >= -4 && tongue == FT_EN && digits.len >= 5 && digits.len <= 6;
         i--) /* text STOP to 22828 */
        if (ft_str_is(before, "to") && ft_str_ieq(ft_text_at(s, i), FT_STR("text")))
            before = FT_STR("pin");
    bool ended = ft_word_in(before, (const char *const[]){ "in", "with", "en", NULL }) &&
                 ft_word_in(ft_text_at(s, -2), endings);
    if (ended) before = FT_STR("pin");
    static const char *const hours[] = { "hours", "hrs", NULL };
    if (tongue == FT_EN && digits.len == 4 && ft_word_in(ft_text_at(s, 1), hours) &&
        ft_joined(s, 0)) { /* 0500 hours */
        if (digits.at[0] == '0') ft_say(s, "zero");
        ft_say_pairs(s, ft_str_from(digits, digits.at[0] == '0'));
        return true;
    }
    bool zero_first = digits.len > 1 && digits.at[0] == '0';
    bool by_digits = digits.len >= 3 && ft_word_in(before, digits_before[tongue]);
    by_digits |=
        digits.len >= 5 &&
        ft_word_in(before, (const char *const[]){ "number", "#", "no", "text", "número", NULL });
    by_digits |= digits.len == 5 && is_state(before); /* CA 90210 */
    by_digits |= tongue == FT_EN && ft_word_in(digits, called) && ft_word_in(before, calls) &&
                 !counts_next(s);
    static const char *const served[] = { "911", "411", "311", "211", "988", "112", "066", NULL };
    static const char *const served_by[] = { "al", "marque", "llame", "marcar", "marcó", NULL };
    by_digits |= tongue == FT_ES && ft_word_in(digits, served) && ft_word_in(before, served_by) &&
                 ft_form_before(s, 1) == FT_FORM_ALONE; /* llame al 911 */
    if (zero_first || by_digits) {
        ft_say_digits(s, digits);
        return true;
    }
    if (!s->address && !ft_word_in(before, pairs_before[tongue]) &&
        !(tongue == FT_EN && digits.len >= 3 && digits.len <= 5 && is_house_number(s)))
        return false;
    ft_say_pairs(s, digits);
    return true;
}

/* ---- a plain number */

/* In Spanish "una y media tazas" looks past the part; "número 21" counts nothing. */
static ft_form form_of(const ft_saying *s) {
    static const char *const names[] = { "número", "núm",   "num",  "n.º", "nº",       "n°",
                                         "nro",    "no",    "pág",  "pp",  "página",   "páginas",
                                         "págs",   "vuelo", "casa", "art", "artículo", NULL };
    if (!ft_is_english(s) && ft_word_in(ft_text_at(s, -1), names)) return FT_FORM_ALONE;
    ft_str next = ft_text_at(s, 1);
    size_t slash = ft_str_find(next, '/');
    bool part = slash > 0 && slash < next.len && ft_all_digits(ft_str_slice(next, 0, slash)) &&
                ft_all_digits(ft_str_from(next, slash + 1));
    return ft_form_before(s, part && ft_joined(s, 0) ? 2 : 1);
}

static bool say_whole(ft_saying *s, const ft_figure *f) {
    bool plain = !f->grouped && !f->sign && f->fraction.len == 0;
    if (plain && f->digits.len == 4 &&
        (is_year_of_date(s, f->digits) || (!s->address && is_year(s, f->digits)))) {
        if (!ft_is_english(s) && month_before(s, -1)) ft_say(s, "de"); /* nov. 2026 */
        ft_say_year(s, f->digits);
        return true;
    }
    if (plain && say_day(s, f->digits)) return true;
    if (say_named(s, f)) return true;
    bool round_hundreds = plain && ft_is_english(s) && f->digits.len == 4 &&
                          f->digits.at[0] == '1' && f->digits.at[1] != '0' &&
                          ft_str_is(ft_str_from(f->digits, 2), "00");
    if (round_hundreds)
        ft_say_year(s, f->digits); /* fifteen hundred people */
    else
        ft_say_figure(s, f, form_of(s));
    return true;
}

/* ---- with an ending: 1st, 1990s, 10x, 3.º */

/* The last word in plural: six, sixes; twenty, twenties. */
void ft_say_plural(ft_saying *s) {
    ft_buf *w = &s->words;
    if (w->len == 0) return;
    char last = w->at[w->len - 1];
    if (last == 'y') {
        w->len--;
        ft_buf_add(w, FT_STR("ies"));
    } else {
        ft_buf_add(w, last == 'x' ? FT_STR("es") : FT_STR("s"));
    }
}

/* "1990s", "90s", "747s", and what belongs to one: "2026's". */
static bool say_english_plural(ft_saying *s, const ft_figure *f, ft_str ending) {
    bool owned = ft_str_is(ending, "'s") || ft_str_is(ending, "’s");
    if (!owned && !ft_str_is(ending, "s")) return false;
    bool decade = f->digits.len <= 4 && f->digits.len > 1 && f->digits.at[f->digits.len - 1] == '0';
    if (f->digits.len == 4 && ft_is_year_like(f->digits))
        ft_say_year(s, f->digits);
    else if (f->digits.len == 3 && !decade)
        ft_say_pairs(s, f->digits);
    else
        ft_say_figure(s, f, FT_FORM_ALONE);
    if (f->grouped &&
        ft_str_starts(ft_buf_str(&s->words), FT_STR("one "))) { /* 1,000s: thousands */
        s->words.len -= 4;
        memmove(s->words.at, s->words.at + 4, s->words.len);
    }
    if (owned && !decade)
        ft_buf_add(&s->words, FT_STR("'s"));
    else
        ft_say_plural(s);
    return true;
}

/* "10k followers", "1.2M", "1T parameters"; "5k run", "4K" and "3B" stay letters. */
static bool say_magnitude(ft_saying *s, const ft_figure *f, ft_str ending) {
    static const char *const races[] = { "run", "race", "walk", "time", "runs", "races", NULL };
    static const struct {
        const char *sign, *name[FT_TONGUES];
    } rows[] = { { "k", { "thousand", "mil" } },
                 { "K", { "thousand", "mil" } },
                 { "M", { "million", "millones" } },
                 { "B", { "billion", "mil millones" } },
                 { "T", { "trillion", "billones" } } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!ft_str_is(ending, rows[i].sign)) continue;
        bool large = i == 0   ? !ft_word_in(ft_text_at(s, 1), races)
                     : i == 1 ? f->digits.len > 2 || counts_next(s) /* 200K, 10K people; 4K, 10K */
                              : f->fraction.len || counts_next(s);
        if (!large) return false;
        ft_say_figure(s, f, FT_FORM_MASCULINE);
        ft_say(s, rows[i].name[s->language->tongue]);
        return true;
    }
    return false;
}

static bool say_english_ending(ft_saying *s, const ft_figure *f, ft_str ending) {
    static const char *const teams[] = { "er", "ers", "er's", "ers'", NULL };
    if (ft_word_in_exact(ending, teams) && !f->fraction.len && !f->grouped) { /* the 49ers */
        ft_say_figure(s, f, FT_FORM_ALONE);
        bool silent = s->words.len && s->words.at[s->words.len - 1] == 'e';
        ft_buf_add(&s->words, ft_str_from(ending, silent));
        return true;
    }
    static const char *const ordinals[] = { "st", "nd", "rd", "th", NULL };
    if (ft_word_in(ending, ordinals) && f->fraction.len == 0) {
        bool is_short, the = false;
        int month = ft_joined(s, 0) ? ft_month_of(s, ft_text_at(s, 1), &is_short) : 0;
        if (month && ft_begins_upper(ft_text_at(s, 1)) && is_day_text(f->digits))
            the = true; /* 22nd November */
        if (the && !ft_str_ieq(before_of(s), FT_STR("the"))) ft_say(s, "the");
        ft_say_ordinal(s, f->digits, FT_FORM_ALONE);
        if (the) ft_say(s, "of");
        return true;
    }
    bool lines = (ft_str_is(ending, "p") || ft_str_is(ending, "i")) && f->digits.len >= 3 &&
                 f->digits.len <= 4;
    if (lines && !f->grouped && f->fraction.len == 0) { /* 1080p */
        ft_say_pairs(s, f->digits);
        ft_say_letter(s, ending.at[0]);
        return true;
    }
    if (ft_str_is(ending, "x") || ft_str_is(ending, "×")) {
        ft_str next = ft_text_at(s, 1);
        bool times = next.len && ft_is_letter(next.at[0]); /* "10x faster", but "2x + 3" */
        ft_say_figure(s, f, FT_FORM_ALONE);
        ft_say(s, times || !next.len ? "times" : "x");
        return true;
    }
    return say_magnitude(s, f, ending) || say_english_plural(s, f, ending);
}

static bool say_spanish_ending(ft_saying *s, const ft_figure *f, ft_str ending) {
    if (say_magnitude(s, f, ending)) return true;
    static const struct {
        const char *ending;
        ft_form form;
    } rows[] = {
        { "º", FT_FORM_ALONE },       { ".º", FT_FORM_ALONE },    { "o", FT_FORM_ALONE },
        { "ª", FT_FORM_FEMININE },    { ".ª", FT_FORM_FEMININE }, { "a", FT_FORM_FEMININE },
        { "era", FT_FORM_FEMININE },  { "ero", FT_FORM_ALONE },   { "er", FT_FORM_MASCULINE },
        { ".er", FT_FORM_MASCULINE }, { "ro", FT_FORM_ALONE },    { "do", FT_FORM_ALONE },
        { "to", FT_FORM_ALONE },      { "mo", FT_FORM_ALONE },    { "vo", FT_FORM_ALONE },
        { "no", FT_FORM_ALONE },      { "ra", FT_FORM_FEMININE }, { "da", FT_FORM_FEMININE },
        { "ta", FT_FORM_FEMININE },   { "ma", FT_FORM_FEMININE }, { "va", FT_FORM_FEMININE },
        { "na", FT_FORM_FEMININE },   { "°", FT_FORM_ALONE },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!ft_str_is(ending, rows[i].ending) || f->fraction.len || f->sign) continue;
        ft_form form = rows[i].form;
        /* "1.º piso" is primer piso */
        bool before_noun = form == FT_FORM_ALONE && ft_form_before(s, 1) != FT_FORM_ALONE;
        if (ft_str_is(ending, "°") && !before_noun) return false; /* degrees */
        ft_say_ordinal(s, f->digits, before_noun ? FT_FORM_MASCULINE : form);
        return true;
    }
    return false;
}

/* "1 000 000": groups with a blank between, certainly when one of them is zeros. */
static bool say_blank_groups(ft_saying *s, ft_str first) {
    char digits[FT_FIGURE_DIGITS_MAX];
    size_t len = first.len, tokens = 1;
    bool zeros = false;
    if (len > 3 || !ft_all_digits(first) || first.at[0] == '0') return false;
    memcpy(digits, first.at, len);
    for (; len + 3 <= sizeof digits && ft_joined(s, (int)tokens - 1); tokens++) {
        ft_str group = ft_text_at(s, (int)tokens);
        if (group.len != 3 || !ft_all_digits(group)) break;
        zeros |= ft_str_is(group, "000");
        memcpy(digits + len, group.at, 3);
        len += 3;
    }
    if (!zeros) return false;
    s->language->cardinal(s, ft_str_n(digits, len), ft_form_before(s, (int)tokens));
    s->taken = tokens;
    return true;
}

/* '90s, of a token that keeps its apostrophe. */
static ft_str without_apostrophe(ft_str text) {
    static const char *const marks[] = { "'", "’", NULL };
    return ft_str_from(text, ft_head_of(text, marks));
}

/* "No. 5" and "#5" are said by abbreviation and compound; here the digits themselves. */
static bool say_number(ft_saying *s) {
    ft_str text = without_apostrophe(s->tokens[s->at].text);
    ft_figure f;
    if (!ft_figure_read(&f, text, s->language)) return false;
    ft_str ending = ft_str_from(text, f.len);
    bool short_year = text.at != s->tokens[s->at].text.at && f.digits.len == 2 && !ending.len;
    if (short_year && f.digits.at[0] == '0' && ft_is_english(s)) { /* '08 */
        ft_say(s, "oh");
        ft_say_digits(s, ft_str_from(f.digits, 1));
        return true;
    }
    if (ending.len == 0) return say_blank_groups(s, text) || say_whole(s, &f);
    return ft_is_english(s) ? say_english_ending(s, &f, ending) : say_spanish_ending(s, &f, ending);
}

const ft_word_class ft_class_number = { "number", say_number };
