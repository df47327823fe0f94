/* fraction.c -- the class "fraction": "3/4", "2 1/2", "½", and what only looks like one ("24/7",
 * "120/80"). */
#include "speech/say/say_in.h"

typedef struct fraction {
    long whole; /* -1: none */
    ft_str top, bottom;
} fraction;

static const struct {
    const char *sign, *written;
} vulgar[] = {
    { "½", "1/2" }, { "⅓", "1/3" }, { "⅔", "2/3" }, { "¼", "1/4" }, { "¾", "3/4" }, { "⅕", "1/5" },
    { "⅖", "2/5" }, { "⅗", "3/5" }, { "⅘", "4/5" }, { "⅙", "1/6" }, { "⅚", "5/6" }, { "⅛", "1/8" },
    { "⅜", "3/8" }, { "⅝", "5/8" }, { "⅞", "7/8" }, { "⅐", "1/7" }, { "⅑", "1/9" }, { "⅒", "1/10" },
};

/* ---- reading */

static bool read_plain(fraction *f, ft_str text) {
    static const char *const slashes[] = { "/", "⁄", NULL };
    size_t at = 0;
    while (at < text.len && ft_is_digit(text.at[at])) at++;
    size_t len = ft_head_of(ft_str_from(text, at), slashes);
    f->top = ft_str_slice(text, 0, at);
    f->bottom = ft_str_from(text, at + len);
    return len && at >= 1 && at <= 4 && f->bottom.len <= 4 && ft_all_digits(f->bottom);
}

static bool read_vulgar(fraction *f, ft_str text) {
    for (size_t i = 0; i < sizeof vulgar / sizeof *vulgar; i++)
        if (ft_str_is(text, vulgar[i].sign)) return read_plain(f, ft_str_of(vulgar[i].written));
    return false;
}

/* "3/4", "½", "2½", "2-1/2", "2+1/2", "2 1/2" */
static bool read_fraction(fraction *f, ft_str text) {
    *f = (fraction){ .whole = -1 };
    if (text.len == 0 || text.len > 16) return false;
    if (read_plain(f, text) || read_vulgar(f, text)) return true;
    size_t at = 0;
    while (at < text.len && ft_is_digit(text.at[at])) at++;
    if (at == 0) return false;
    f->whole = ft_small_number(ft_str_slice(text, 0, at));
    ft_str rest = ft_str_from(text, at);
    if (read_vulgar(f, rest)) return f->whole >= 0;
    bool parted = rest.len && strchr("-+ ", rest.at[0]);
    while (rest.len && strchr("-+ ", rest.at[0])) rest = ft_str_from(rest, 1);
    return f->whole >= 0 && parted && (read_plain(f, rest) || read_vulgar(f, rest));
}

/* ---- saying */

static void say_english(ft_saying *s, long top, ft_str bottom) {
    long n = ft_small_number(bottom);
    ft_say_long(s, top, FT_FORM_ALONE);
    if (n == 2)
        ft_say(s, top == 1 ? "half" : "halves");
    else if (n == 4)
        ft_say(s, top == 1 ? "quarter" : "quarters");
    else {
        if (n == 100 || n == 1000) /* five hundredths */
            ft_say(s, n == 100 ? "hundredth" : "thousandth");
        else
            ft_say_ordinal(s, bottom, FT_FORM_ALONE);
        if (top != 1) ft_buf_byte(&s->words, 's');
    }
}

/* "media taza", "medio kilo"; alone "un medio". */
static bool say_half(ft_saying *s, long top, ft_str bottom) {
    ft_form form = ft_form_before(s, 1);
    if (top != 1 || !ft_str_is(bottom, "2") || form == FT_FORM_ALONE) return false;
    ft_say(s, form == FT_FORM_FEMININE ? "media" : "medio");
    return true;
}

static void say_spanish(ft_saying *s, long top, ft_str bottom) {
    static const char *const names[] = { "",      "",        "medio",  "tercio", "cuarto", "quinto",
                                         "sexto", "séptimo", "octavo", "noveno", "décimo" };
    long n = ft_small_number(bottom);
    if (say_half(s, top, bottom)) return;
    ft_say_long(s, top, FT_FORM_MASCULINE);
    if (n <= 10)
        ft_say(s, names[n]);
    else if (n == 100)
        ft_say(s, "centésimo");
    else if (n == 1000)
        ft_say(s, "milésimo");
    else {
        ft_say_cardinal(s, bottom); /* treintavo, but onceavo */
        bool in_a = s->words.len && s->words.at[s->words.len - 1] == 'a';
        ft_buf_add(&s->words, in_a ? FT_STR("vo") : FT_STR("avo"));
    }
    bool parts = ft_str_ieq(ft_text_at(s, 1), FT_STR("partes")) && ft_joined(s, 0) && n > 2;
    if (parts && s->words.len) s->words.at[s->words.len - 1] = 'a'; /* tres cuartas partes */
    if (top != 1) ft_buf_byte(&s->words, 's');
}

static void say_mixed(ft_saying *s, long top, ft_str bottom) {
    long n = ft_small_number(bottom);
    bool english = ft_is_english(s);
    ft_say(s, english ? "and" : "y");
    if (top == 1 && n == 2) {
        bool she = ft_form_before(s, 1) == FT_FORM_FEMININE; /* una y media cucharadas */
        ft_say(s, english ? "a half" : she ? "media" : "medio");
        return;
    }
    english ? say_english(s, top, bottom) : say_spanish(s, top, bottom);
}

static void say_parts(ft_saying *s, const fraction *f, bool whole_before) {
    long top = ft_small_number(f->top);
    bool she = ft_form_before(s, 1) == FT_FORM_FEMININE;
    if (f->whole >= 0) ft_say_long(s, f->whole, she ? FT_FORM_FEMININE : FT_FORM_ALONE);
    if (f->whole >= 0 || whole_before)
        say_mixed(s, top, f->bottom);
    else if (ft_is_english(s))
        say_english(s, top, f->bottom);
    else
        say_spanish(s, top, f->bottom);
}

/* Whose bottom is one that people say. */
static bool is_usual(const fraction *f) {
    static const char *const bottoms[] = { "2",  "3",  "4",   "5",    "6",  "7",  "8",
                                           "9",  "10", "12",  "16",   "20", "25", "32",
                                           "50", "64", "100", "1000", NULL };
    long top = ft_small_number(f->top), bottom = ft_small_number(f->bottom);
    bool zero = f->top.at[0] == '0' || bottom < 2;
    if (bottom == 100 && top > 1) return false; /* 98/100: of a test */
    return !zero && (top < bottom || bottom == 2) && ft_word_in_exact(f->bottom, bottoms);
}

bool ft_say_fraction(ft_saying *s, ft_str text) {
    fraction f;
    if (!read_fraction(&f, text) || ft_small_number(f.bottom) < 2) return false;
    say_parts(s, &f, false);
    return true;
}

/* "24/7", "9/11" and "50/50" are said side by side, others over each other. */
static void say_beside(ft_saying *s, const fraction *f) {
    static const char *const pairs[] = { "24/7",  "9/11",  "7/11",  "20/20", "50/50",
                                         "60/40", "80/20", "70/30", NULL };
    ft_str text = s->tokens[s->at].text;
    bool english = ft_is_english(s),
         all = ft_str_eq(f->top, f->bottom) || ft_str_is(f->bottom, "100"); /* 10/10, 98/100 */
    ft_say_cardinal(s, f->top);
    if (!ft_word_in_exact(text, pairs))
        ft_say(s, english ? all ? "out of" : "over" : all ? "de" : "sobre");
    ft_say_cardinal(s, f->bottom);
}

static bool say_fraction(ft_saying *s) {
    ft_str text = s->tokens[s->at].text, before = ft_text_at(s, -1);
    fraction f;
    if (!read_fraction(&f, text)) return false;
    bool whole_before = f.whole < 0 && s->at > 0 && ft_all_digits(before) && ft_joined(s, -1);
    if (is_usual(&f))
        say_parts(s, &f, whole_before);
    else if (f.whole < 0)
        say_beside(s, &f);
    else
        return false;
    return true;
}

const ft_word_class ft_class_fraction = { "fraction", say_fraction };
