/* say_as.c -- the class "say-as": what the elements say-as and w ask for, by Polly's names. A text
 * that is not what the element says ("date" around a word) is said as if it had no element: nothing
 * is lost.
 *
 * Source: Amazon Polly, "Supported SSML tags", say-as and w; SSML 1.1 say-as note. */
#include "speech/say/say_in.h"

static bool as_characters(ft_saying *s, ft_str text, ft_str format) {
    (void)format;
    for (ft_str rest = text; rest.at;) { /* a pause where a blank is */
        ft_say_letters(s, ft_str_cut(&rest, ' '));
        if (rest.at) ft_say_pause(s);
    }
    return s->words.len > 0;
}

static bool as_cardinal(ft_saying *s, ft_str text, ft_str format) {
    ft_figure f;
    (void)format;
    long roman = ft_roman_value(text);
    if (roman) {
        ft_say_long(s, roman, FT_FORM_ALONE);
        return true;
    }
    if (!ft_figure_is(&f, text, s->language)) return false;
    ft_say_figure(s, &f, FT_FORM_ALONE);
    return true;
}

/* "1,234", "21st", "3.ª" */
static bool as_ordinal(ft_saying *s, ft_str text, ft_str format) {
    static const char *const endings[] = { "st", "nd", "rd", "th", "º", ".º", "ª",
                                           ".ª", "o",  "a",  "er", "",  NULL };
    static const char *const she[] = { "ª", ".ª", "a", NULL };
    ft_figure f;
    (void)format;
    long roman = ft_roman_value(text);
    if (roman) {
        char digits[24];
        int len = snprintf(digits, sizeof digits, "%ld", roman);
        ft_say_ordinal(s, ft_str_n(digits, (size_t)len), FT_FORM_ALONE);
        return true;
    }
    if (!ft_figure_read(&f, text, s->language) || f.fraction.len || f.sign) return false;
    ft_str ending = ft_str_from(text, f.len);
    if (!ft_word_in_exact(ending, endings)) return false;
    ft_say_ordinal(s, f.digits, ft_word_in_exact(ending, she) ? FT_FORM_FEMININE : FT_FORM_ALONE);
    return true;
}

/* Digits by name, other characters, too: nothing is lost. */
static bool as_digits(ft_saying *s, ft_str text, ft_str format) {
    (void)format;
    for (size_t i = 0; i < text.len; i++)
        if (!ft_is_digit(text.at[i]) && !strchr(" ,-", text.at[i])) {
            ft_say_letters(s, text);
            return s->words.len > 0;
        }
    ft_say_digits(s, text);
    return s->words.len > 0;
}

static bool as_fraction(ft_saying *s, ft_str text, ft_str format) {
    (void)format;
    return ft_say_fraction(s, text);
}

static bool as_unit(ft_saying *s, ft_str text, ft_str format) {
    (void)format;
    return ft_say_measure(s, text);
}

static bool as_date(ft_saying *s, ft_str text, ft_str format) {
    if (format.len) return ft_say_date(s, text, format);
    static const char *const orders[FT_TONGUES][4] = { { "mdy", "dmy", "ymd", "md" },
                                                       { "dmy", "mdy", "ymd", "dm" } };
    for (size_t i = 0; i < 4; i++)
        if (ft_say_date(s, text, ft_str_of(orders[s->language->tongue][i]))) return true;
    return ft_say_date(s, text, FT_STR("yyyymmdd"));
}

static bool as_time(ft_saying *s, ft_str text, ft_str format) {
    (void)format;
    return ft_say_duration(s, text);
}

static bool as_address(ft_saying *s, ft_str text, ft_str format) {
    (void)format;
    s->address = true;
    ft_say_text(s, text);
    s->address = false;
    return true;
}

/* One word for all of it: what is hidden is not told, not even how long it is. A tone is put over
 * the word (bleep.h). */
static bool as_expletive(ft_saying *s, ft_str text, ft_str format) {
    (void)format;
    if (text.len == 0) return false;
    ft_say(s, ft_is_english(s) ? "beep" : "pip");
    return true;
}

static bool as_telephone(ft_saying *s, ft_str text, ft_str format) {
    (void)format;
    return ft_say_telephone(s, text);
}

static const struct {
    const char *name;
    bool (*say)(ft_saying *s, ft_str text, ft_str format);
} kinds[] = {
    { "characters", as_characters },
    { "spell-out", as_characters },
    { "cardinal", as_cardinal },
    { "number", as_cardinal },
    { "ordinal", as_ordinal },
    { "digits", as_digits },
    { "fraction", as_fraction },
    { "unit", as_unit },
    { "date", as_date },
    { "time", as_time },
    { "address", as_address },
    { "expletive", as_expletive },
    { "bleep", as_expletive },
    { "telephone", as_telephone },
};

static bool say_kind(ft_saying *s, const ft_manner *m, ft_str text) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!ft_str_is(m->say_as, kinds[i].name)) continue;
        if (kinds[i].say(s, text, m->say_format)) return true;
        ft_buf_reset(&s->words);
    }
    return false;
}

static bool say_whole(ft_saying *s) {
    const ft_token *t = &s->tokens[s->at];
    if (!t->whole) return false;
    if (t->manner->say_as.len && say_kind(s, t->manner, t->text)) return true;
    if (t->manner->role.len && ft_say_by_role(s, t->text, t->manner->role)) return true;
    ft_say_text(s, t->text);
    return true;
}

bool ft_say_as_hides(const ft_manner *m) {
    return ft_str_is(m->say_as, "expletive") || ft_str_is(m->say_as, "bleep");
}

const ft_word_class ft_class_say_as = { "say-as", say_whole };
