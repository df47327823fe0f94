/* compound.c -- the class "compound": what is made of letters, figures and signs and is none of the
 * classes before ("B2B", "COVID-19", "and/or", "2+2=4", "18+"): cut where the kind changes, each
 * part said as if it stood alone, signs by name where people say them. Also signs that stand alone.
 */
#include "speech/say/say_in.h"

#define DEPTH_MAX 3 /* of parts of parts; deeper ones are said plainly */

typedef enum kind { NONE, LETTER, DIGIT, SIGN } kind;

/* Beyond ASCII: punctuation, arrows, mathematics, pictures and the signs of Latin-1 are signs. */
static kind kind_of(ft_str one) {
    unsigned char a = (unsigned char)one.at[0], b = one.len > 1 ? (unsigned char)one.at[1] : 0;
    if (ft_is_digit(one.at[0])) return DIGIT;
    if (a < 0x80) return ft_is_upper(one.at[0]) || ft_is_lower(one.at[0]) ? LETTER : SIGN;
    if (a == 0xc2) return SIGN;
    if (a == 0xc3) return b == 0x97 || b == 0xb7 ? SIGN : LETTER; /* × ÷ */
    if (a == 0xe2) return SIGN;
    if (a == 0xe3 && b == 0x80) return SIGN; /* 、。 */
    return a >= 0xf0 && b == 0x9f ? SIGN : LETTER;
}

static kind kind_at(ft_str text, size_t at) {
    ft_str rest = ft_str_from(text, at);
    return rest.len ? kind_of(ft_str_slice(rest, 0, ft_utf8_len(rest))) : NONE;
}

static bool is_apostrophe(ft_str one) { return ft_str_is(one, "'") || ft_str_is(one, "’"); }

/* ---- signs between parts */

static bool before_period(const ft_saying *s, ft_str rest) {
    static const char *const periods[] = { "day",    "week",   "month",   "year",  "hour",
                                           "minute", "second", "person",  "night", "capita",
                                           "gallon", "mile",   "game",    "hr",    "yr",
                                           "mo",     "día",    "semana",  "mes",   "año",
                                           "hora",   "minuto", "persona", "noche", NULL };
    (void)s;
    size_t n = 0;
    while (n < rest.len && n < 16 && ft_is_letter(rest.at[n])) n++;
    return ft_word_in(ft_str_slice(rest, 0, n), periods);
}

/* Signs that are said wherever they stand within a token. */
static bool is_named(ft_str sign) {
    static const char *const named[] = { "&", "+", "=", "@", "%", "$", "€",   "£",   "°", "×",
                                         "÷", "±", "≤", "≥", "≠", "≈", "₀",   "₁",   "₂", "₃",
                                         "₄", "₅", "₆", "₇", "₈", "₉", "⁰",   "⁴",   "⁵", "⁶",
                                         "⁷", "⁸", "⁹", "¶", "₹", "₩", "₽", "₿", "√", "∞",
                                         "§", "→", "²", "³", "‰", "¢", "µ",   NULL };
    return ft_word_in_exact(sign, named);
}

static void say_inner_sign(ft_saying *s, ft_str sign, kind before, kind after, ft_str rest) {
    bool english = ft_is_english(s), digits = before == DIGIT && after == DIGIT;
    bool grade = ft_str_is(sign, "-") && before == LETTER &&
                 (after == NONE || (rest.len && rest.at[0] == '/'));
    if (grade) {
        ft_say(s, english ? "minus" : "menos"); /* A-, B-/C+ */
    } else if (ft_str_is(sign, "×") && digits) {
        ft_say(s, english ? "by" : "por");
    } else if (is_named(sign)) {
        ft_say_sign(s, sign);
    } else if (ft_str_is(sign, "/")) {
        if (before_period(s, rest))
            ft_say(s, english ? "per" : "por");
        else if (digits && memchr(s->tokens[s->at].text.at, '.', s->tokens[s->at].text.len) &&
                 ft_all_digits(ft_str_from(rest, 0)))
            ft_say(s, english ? "out of" : "de"); /* 4.7/5 */
        else if (digits && ft_str_find(s->tokens[s->at].text, '=') < s->tokens[s->at].text.len)
            ft_say(s, english ? "divided by" : "entre");
        else if (digits)
            ft_say_sign(s, sign);
    } else if (ft_str_is(sign, "#")) {
        ft_say(s, after == DIGIT    ? english ? "number" : "número"
                  : before == DIGIT ? english ? "pound" : "numeral" /* the key: 1# */
                  : english         ? "hash"
                                    : "numeral");
    } else if (ft_str_is(sign, "*") && after == DIGIT) {
        ft_say(s, digits ? english ? "times" : "por" : english ? "star" : "asterisco");
    } else if (ft_str_is(sign, "^") && after == DIGIT) {
        ft_say(s, english ? "to the power of" : "elevado a");
    } else if ((ft_str_is(sign, "<") || ft_str_is(sign, ">") || ft_str_is(sign, "\\")) &&
               after != NONE) {
        ft_say_sign(s, sign);
    } else if (ft_str_is(sign, "~") && after == DIGIT) {
        ft_say(s, english ? "about" : "unos");
    } else if (ft_str_is(sign, ".") && before == LETTER && rest.len && ft_is_lower(rest.at[0])) {
        ft_say_sign(s, sign); /* foo.bar; "end.Next" lacks a blank */
    }
}

/* ---- parts */

/* Letters with the apostrophes between them. */
static size_t letters_len(ft_str text) {
    size_t n = 0;
    while (n < text.len) {
        ft_str one = ft_str_slice(text, n, ft_utf8_len(ft_str_from(text, n)));
        bool inner = n && is_apostrophe(one) && kind_at(text, n + one.len) == LETTER;
        if (kind_of(one) != LETTER && !inner) break;
        n += one.len;
    }
    return n;
}

static size_t digits_len(ft_str text) {
    size_t n = 0;
    while (n < text.len && ft_is_digit(text.at[n])) n++;
    return n;
}

/* "A380" is a three eighty; long runs and zeros before are digits. */
static void say_model(ft_saying *s, ft_str digits) {
    bool zero = digits.len > 1 && digits.at[0] == '0';
    if (zero || digits.len > 4)
        ft_say_digits(s, digits);
    else if (ft_is_year_like(digits))
        ft_say_year(s, digits);
    else
        ft_say_pairs(s, digits);
}

static bool say_version(ft_saying *s, ft_str text);

/* "F-16s", "A380s": the bytes of a model's number and its plural; 0: none. */
static size_t say_models(ft_saying *s, ft_str rest) {
    size_t n = digits_len(rest);
    if (n == 0 || n >= rest.len || rest.at[n] != 's' || letters_len(ft_str_from(rest, n)) != 1)
        return 0;
    say_model(s, ft_str_slice(rest, 0, n));
    if (ft_is_english(s)) ft_say_plural(s);
    return n + 1;
}

static size_t say_digits(ft_saying *s, ft_str rest, kind before) {
    ft_figure f;
    size_t points = 0;
    while (points < rest.len && points < 40 &&
           (ft_is_digit(rest.at[points]) || rest.at[points] == '.'))
        points++;
    if (say_version(s, ft_str_slice(rest, 0, points))) return points;
    size_t n = digits_len(rest);
    /* "22nd-ranked", "1990s-era": an ending belongs to its figure */
    size_t end = n + letters_len(ft_str_from(rest, n));
    static const char *const endings[] = { "st", "nd", "rd", "th", "s", NULL };
    if (ft_is_english(s) && before != LETTER && end > n &&
        ft_word_in_exact(ft_str_slice(rest, n, end - n), endings)) {
        ft_say_part(s, ft_str_slice(rest, 0, end));
        return end;
    }
    bool size = n == 4 && rest.len > 5 && (rest.at[4] | 32) == 'x' &&
                ft_is_digit(rest.at[5]); /* 1920x1080 */
    bool decimal = n + 1 < rest.len && rest.at[n] == '.' && ft_is_digit(rest.at[n + 1]); /* PM2.5 */
    bool house =
        s->address && before == NONE && n < rest.len && ft_is_letter(rest.at[n]); /* 221B */
    if ((before == LETTER && !decimal) || size || house) {
        say_model(s, ft_str_slice(rest, 0, n));
        return n;
    }
    if (!ft_figure_read(&f, rest, s->language) || f.len == 0) return 0;
    bool zero = n > 1 && rest.at[0] == '0' && !f.fraction.len;
    zero ? ft_say_digits(s, f.digits) : ft_say_figure(s, &f, FT_FORM_ALONE);
    return f.len;
}

/* Letters behind digits: "x" between two is by. */
static size_t say_letters(ft_saying *s, ft_str text, size_t at, kind before) {
    ft_str rest = ft_str_from(text, at);
    size_t n = letters_len(rest);
    ft_str part = ft_str_slice(rest, 0, n);
    bool by = (ft_str_is(part, "x") || ft_str_is(part, "X")) && before == DIGIT &&
              kind_at(text, at + n) == DIGIT;
    bool short_name =
        part.len <= 2 && ft_all_upper(part) &&
        ((at && text.at[at - 1] == '&') || (at + n < text.len && text.at[at + n] == '&'));
    bool more =
        part.len == 1 && before == DIGIT && at + n < text.len && text.at[at + n] == '+'; /* 7M+ */
    bool times = (ft_str_is(part, "x") || ft_str_is(part, "X")) && before == DIGIT &&
                 at + n < text.len && text.at[at + n] == '/'; /* 2x/day */
    if (times)
        ft_say(s, ft_is_english(s) ? "times" : "veces");
    else if (more && part.at[0] == 'M')
        ft_say(s, ft_is_english(s) ? "million" : "millones");
    else if (more && part.at[0] == 'k')
        ft_say(s, ft_is_english(s) ? "thousand" : "mil");
    else if (by)
        ft_say(s, ft_is_english(s) ? "by" : "por");
    else if (short_name)
        ft_say_letters(s, part); /* AT&T */
    else if (part.len == 1 && (before == DIGIT || kind_at(text, at + n) == DIGIT) &&
             part.at[0] != '\'')
        ft_say_letter(s, part.at[0]); /* B2B, 4a */
    else
        ft_say_part(s, part);
    return n;
}

/* "4x100": one figure by another. */
static bool is_by(ft_str text) {
    size_t x = ft_str_find(text, 'x');
    return x < text.len && ft_all_digits(ft_str_slice(text, 0, x)) &&
           ft_all_digits(ft_str_from(text, x + 1));
}

static bool is_before_noun(const ft_saying *s) {
    ft_str next = ft_text_at(s, 1);
    return ft_is_english(s) && ft_joined(s, 0) && next.len > 2 && ft_is_lower(next.at[0]) &&
           !ft_is_function_word(s, next);
}

static void say_runs(ft_saying *s, ft_str text) {
    kind before = NONE;
    for (size_t i = 0; i < text.len;) {
        ft_str rest = ft_str_from(text, i);
        kind now = kind_at(text, i);
        size_t n = 0;
        char last = i ? text.at[i - 1] : ' ';
        bool behind_dash = i > 1 && last == '-';
        bool of_square = behind_dash && i > 3 &&
                         (ft_str_ends(ft_str_slice(text, 0, i), FT_STR("sq.-")) ||
                          ft_str_ends(ft_str_slice(text, 0, i), FT_STR("cu.-")));
        bool of_unit = now == LETTER && behind_dash && (of_square || ft_is_digit(text.at[i - 2]));
        size_t letters = now == LETTER ? letters_len(rest) : 0;
        bool among = letters == 2 && ft_str_starts(rest, FT_STR("in-")) &&
                     kind_at(rest, 3) == DIGIT; /* 1-in-10 */
        if (of_unit && !among && ft_say_unit(s, ft_str_slice(rest, 0, letters), true))
            n = letters; /* 5-yr-old */
        if (letters && letters == rest.len && before == DIGIT && is_by(ft_str_slice(text, 0, i)) &&
            ft_say_unit(s, rest, is_before_noun(s)))
            n = letters; /* 4x100m */
        if (now == SIGN && rest.at[0] == '.' && before == NONE && kind_at(text, i + 1) == DIGIT)
            now = DIGIT; /* .45-caliber */
        if (now == LETTER && n == 0) n = say_letters(s, text, i, before);
        /* "I-280" is two eighty as "I280" is */
        bool named = behind_dash && ft_is_upper(text.at[i - 2]) && digits_len(rest) > 2;
        bool of_name = before == LETTER || (behind_dash && ft_is_letter(text.at[i - 2]));
        if (now == DIGIT && of_name) n = say_models(s, rest);
        bool year = now == DIGIT && n == 0 && behind_dash && ft_is_lower(text.at[i - 2]) &&
                    rest.len == 4 && ft_is_year_like(rest);
        if (year) { /* mid-2023 */
            ft_say_year(s, rest);
            n = 4;
        }
        if (now == DIGIT && n == 0) n = say_digits(s, rest, named ? LETTER : before);
        if (n == 0) {
            n = ft_utf8_len(rest);
            kind after = kind_at(text, i + n);
            if (now == SIGN)
                say_inner_sign(s, ft_str_slice(rest, 0, n), before, after, ft_str_from(rest, n));
            now = SIGN;
        }
        before = now;
        i += n;
    }
}

/* "192.168.1.1", "2.0.1": groups of digits between points. */
static bool say_version(ft_saying *s, ft_str text) {
    size_t points = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (ft_is_digit(text.at[i])) continue;
        if (text.at[i] != '.' || i == 0 || text.at[i - 1] == '.') return false;
        points++;
    }
    if (points < 2 || text.len > 40 || text.at[text.len - 1] == '.') return false;
    bool address = points == 3;
    for (ft_str rest = text; rest.at;) {
        ft_str group = ft_str_cut(&rest, '.');
        ft_say_cardinal(s, group);
        if (rest.at) ft_say(s, ft_is_english(s) ? address ? "dot" : "point" : "punto");
    }
    return true;
}

/* ---- signs alone */

static bool is_figure(const ft_saying *s, int ahead) {
    ft_str text = ft_text_at(s, ahead);
    return text.len && (ft_is_digit(text.at[0]) || ft_is_digit(text.at[text.len - 1]));
}

static bool equals_near(const ft_saying *s) {
    static const char *const signs[] = { "=", "+", "*", "×", "÷", NULL };
    for (int i = -4; i <= 4; i++)
        if (i && ft_word_in_exact(ft_text_at(s, i), signs)) return true;
    return false;
}

/* "9 a.m. – 5 p.m.", "Oct. 3 – Oct. 7" */
static bool ends_figure(const ft_saying *s) {
    static const char *const halves[] = { "a.m", "p.m", "am", "pm", NULL };
    return is_figure(s, -1) || ft_word_in(ft_text_at(s, -1), halves);
}

static bool begins_date(const ft_saying *s) {
    bool is_short;
    return ft_month_of(s, ft_text_at(s, 1), &is_short) && is_figure(s, 2);
}

/* "5 - 3 = 2" is minus, "5 - 10" is to; other dashes are pauses. */
static bool say_dash(ft_saying *s, ft_str text) {
    static const char *const dashes[] = { "-", "–", "—", "−", NULL };
    if (!ft_word_in_exact(text, dashes)) return false;
    if (!ends_figure(s) || !(is_figure(s, 1) || begins_date(s))) return true;
    bool minus = equals_near(s) || ft_str_is(text, "−");
    ft_say(s, ft_is_english(s) ? minus ? "minus" : "to" : minus ? "menos" : "a");
    return true;
}

/* The keys of a telephone: "press # or *". A star at a line's begin is a bullet. */
static bool say_key(ft_saying *s, ft_str text) {
    static const char *const around[] = { "press",    "or",    "the",    "dial", "hit",    "and",
                                          "enter",    "key",   "to",     "for",  "button", "oprima",
                                          "presione", "pulse", "marque", "o",    "y",      "el",
                                          "tecla",    "la",    "con",    "para", "then",   "luego",
                                          "followed", "by",    "use",    NULL };
    bool english = ft_is_english(s), hash = ft_str_is(text, "#");
    if (!hash && !ft_str_is(text, "*")) return false;
    if (hash && is_figure(s, 1) && ft_joined(s, 0)) {
        ft_say(s, english ? "number" : "número");
        return true;
    }
    if (!hash && is_figure(s, -1) && is_figure(s, 1)) {
        ft_say(s, english ? "times" : "por");
        return true;
    }
    const ft_token *before = ft_saying_token(s, -1);
    bool ruler = ft_str_is(ft_text_at(s, -1), "*") || ft_str_is(ft_text_at(s, 1), "*"); /* * * * */
    bool begins = !before || before->after.len > 0;
    bool bullet = !hash && (ruler || begins) && !ft_word_in(ft_text_at(s, -1), around) &&
                  !ft_word_in(ft_text_at(s, 1), around);
    if (!bullet) ft_say(s, hash ? english ? "pound" : "numeral" : english ? "star" : "asterisco");
    return true;
}

static bool say_lone(ft_saying *s, ft_str text) {
    static const char *const between[] = { "<", ">", "x", "X", "/", NULL };
    static const char *const silent[] = { "|",  "•", "·", "~", "^", "`", "_",
                                          "\\", "™", "®", "†", "‡", NULL };
    bool english = ft_is_english(s);
    if (say_dash(s, text) || say_key(s, text)) return true;
    if (ft_word_in_exact(text, between)) {
        bool figures = (is_figure(s, -1) || ft_unit_find(ft_text_at(s, -1))) && is_figure(s, 1);
        if (ft_is_letter(text.at[0]) && !figures) return false;
        if (ft_is_letter(text.at[0]))
            ft_say(s, !english ? "por" : equals_near(s) ? "times" : "by"); /* 3 x 4 = 12 */
        else if (text.at[0] == '/' && figures && equals_near(s))
            ft_say(s, english ? "divided by" : "entre");
        else if (text.at[0] == '/' || is_figure(s, -1) || is_figure(s, 1))
            ft_say_sign(s, text);
        return true;
    }
    if (ft_str_is(text, "~") && is_figure(s, 1)) ft_say(s, english ? "about" : "unos");
    if (ft_word_in_exact(text, silent)) return true;

    if (text.len == 2 && kind_at(text, 0) == SIGN && ft_say_sign(s, text)) return true; /* != */
    return text.len <= 4 && kind_at(text, 0) == SIGN && ft_utf8_len(text) == text.len &&
           ft_say_sign(s, text);
}

static bool say_compound(ft_saying *s) {
    ft_str text = s->tokens[s->at].text;
    if (text.len == 0) return true;
    if (say_lone(s, text) || say_version(s, text)) return true;
    if (s->depth >= DEPTH_MAX || letters_len(text) == text.len) return false;
    say_runs(s, text);
    return true;
}

const ft_word_class ft_class_compound = { "compound", say_compound };
