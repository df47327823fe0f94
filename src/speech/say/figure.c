/* figure.c -- figures as they are written ("1,234.50", "-5", ".5"), and the ways to say digits. */
#include "speech/say/cardinal_in.h"

unsigned ft_digits_group(ft_str digits, size_t g, size_t width) {
    size_t end = digits.len > g * width ? digits.len - g * width : 0;
    size_t begin = end > width ? end - width : 0;
    unsigned value = 0;
    for (size_t i = begin; i < end; i++) value = 10 * value + (unsigned)(digits.at[i] - '0');
    return value;
}

bool ft_digits_are_zero(ft_str digits, size_t last) {
    size_t begin = digits.len > last ? digits.len - last : 0;
    for (size_t i = begin; i < digits.len; i++)
        if (digits.at[i] != '0') return false;
    return true;
}

/* ---- reading */

static size_t digits_len(ft_str s) {
    size_t n = 0;
    while (n < s.len && ft_is_digit(s.at[n])) n++;
    return n;
}

/* Bytes of "1,234,567": groups of three behind one to three digits; 0: not so. */
static size_t grouped_len(ft_str s, char mark, int *groups) {
    size_t n = digits_len(s);
    *groups = 0;
    if (n == 0 || n > 3 || (s.at[0] == '0')) return 0;
    for (;;) {
        ft_str rest = ft_str_from(s, n);
        if (rest.len < 4 || rest.at[0] != mark || digits_len(ft_str_from(rest, 1)) != 3) break;
        n += 4;
        ++*groups;
    }
    return *groups ? n : 0;
}

static size_t whole_len(ft_figure *f, ft_str s, int tongue, char *mark) {
    int groups;
    size_t n = grouped_len(s, ',', &groups);
    *mark = ',';
    if (!n && tongue == FT_ES) {
        /* "1.500" is fifteen hundred, too: exactly three digits behind a point are a group. */
        n = grouped_len(s, '.', &groups);
        *mark = '.';
    }
    f->grouped = n > 0;
    if (n) return n;
    *mark = 0;
    return digits_len(s);
}

static void read_fraction(ft_figure *f, ft_str rest, int tongue, char group) {
    if (rest.len < 2 || !ft_is_digit(rest.at[1])) return;
    bool comma = rest.at[0] == ',' && tongue == FT_ES && group != ',';
    /* "100,00" is no list and has no groups. */
    comma |= rest.at[0] == ',' && !group && f->digits.len >= 3 && rest.len == 3 &&
             ft_is_digit(rest.at[2]);
    bool point = rest.at[0] == '.' && group != '.';
    if (!comma && !point) return;
    size_t n = digits_len(ft_str_from(rest, 1));
    f->point = rest.at[0];
    f->fraction = ft_str_slice(rest, 1, n);
    f->len += 1 + n;
}

static size_t read_sign(ft_figure *f, ft_str s) {
    size_t n = 0;
    if (ft_str_starts(s, FT_STR("−"))) n = strlen("−");
    if (!n && s.len && (s.at[0] == '-' || s.at[0] == '+')) n = 1;
    if (n) f->sign = s.at[0] == '+' ? '+' : '-';
    return n;
}

bool ft_figure_read(ft_figure *f, ft_str text, const ft_language *language) {
    char group = 0;
    *f = (ft_figure){ 0 };
    f->len = read_sign(f, text);
    ft_str s = ft_str_from(text, f->len);
    size_t n = whole_len(f, s, language->tongue, &group), count = 0;
    ft_str whole = ft_str_slice(s, 0, n);
    for (size_t i = 0; i < n && count <= FT_FIGURE_DIGITS_MAX; i++) {
        if (!ft_is_digit(whole.at[i])) continue;
        if (count < FT_FIGURE_DIGITS_MAX) f->whole[count] = whole.at[i];
        count++;
    }
    f->digits = count > FT_FIGURE_DIGITS_MAX ? whole : ft_str_n(f->whole, count);
    f->len += n;
    read_fraction(f, ft_str_from(s, n), language->tongue, group);
    return n > 0 || f->fraction.len > 0;
}

bool ft_figure_is(ft_figure *f, ft_str text, const ft_language *language) {
    return ft_figure_read(f, text, language) && f->len == text.len;
}

bool ft_figure_is_one(const ft_figure *f) {
    return f->fraction.len == 0 && ft_str_is(f->digits, "1");
}

/* ---- saying */

void ft_say_digits(ft_saying *s, ft_str digits) {
    for (size_t i = 0; i < digits.len; i++)
        if (ft_is_digit(digits.at[i]))
            s->language->cardinal(s, ft_str_slice(digits, i, 1), FT_FORM_ALONE);
}

/* Longer ones are numbers of accounts, nobody's count, unless they are grouped. */
#define UNGROUPED_DIGITS_MAX 15

void ft_say_cardinal(ft_saying *s, ft_str digits) {
    if (digits.len > UNGROUPED_DIGITS_MAX)
        ft_say_digits(s, digits);
    else
        s->language->cardinal(s, digits, FT_FORM_ALONE);
}

void ft_say_long(ft_saying *s, long value, ft_form form) {
    char text[24];
    int len = snprintf(text, sizeof text, "%ld", value);
    s->language->cardinal(s, ft_str_n(text, (size_t)len), form);
}

void ft_say_ordinal(ft_saying *s, ft_str digits, ft_form form) {
    s->language->ordinal(s, digits, form);
}

/* Spanish says a fraction of two digits as a number, "tres punto catorce"; English never does. */
static void say_fraction_digits(ft_saying *s, ft_str fraction) {
    if (!ft_is_english(s) && fraction.len == 2 && fraction.at[0] != '0')
        s->language->cardinal(s, fraction, FT_FORM_ALONE);
    else
        ft_say_digits(s, fraction);
}

void ft_say_figure(ft_saying *s, const ft_figure *f, ft_form form) {
    bool english = ft_is_english(s);
    if (f->sign == '-') ft_say(s, english ? "minus" : "menos");
    if (f->sign == '+') ft_say(s, english ? "plus" : "más");
    bool bare = f->digits.len == 0; /* ".5" */
    if (bare && !english) ft_say(s, "cero");
    if (!bare && f->fraction.len) form = FT_FORM_ALONE;
    bool too_long = f->digits.len > (f->grouped ? FT_FIGURE_DIGITS_MAX : UNGROUPED_DIGITS_MAX);
    if (!bare && too_long)
        ft_say_digits(s, f->digits);
    else if (!bare)
        s->language->cardinal(s, f->digits, form);
    if (f->fraction.len == 0) return;
    ft_say(s, english ? "point" : f->point == ',' ? "coma" : "punto");
    say_fraction_digits(s, f->fraction);
}

bool ft_is_year_like(ft_str digits) {
    long n = digits.len == 4 ? ft_small_number(digits) : -1;
    return n >= 1100 && n <= 2099;
}

/* Two digits behind two others: "hundred", "oh five", "eighty four". */
static void say_second_pair(ft_saying *s, ft_str two) {
    if (ft_str_is(two, "00")) {
        ft_say(s, "hundred");
        return;
    }
    if (two.at[0] == '0') ft_say(s, "oh");
    ft_say_cardinal(s, two);
}

void ft_say_year(ft_saying *s, ft_str digits) {
    long n = ft_small_number(digits);
    bool round = n >= 1000 && n % 1000 < 10; /* 2000 … 2009 */
    if (!ft_is_english(s) || digits.len != 4 || round) {
        ft_say_cardinal(s, digits);
        return;
    }
    ft_say_cardinal(s, ft_str_slice(digits, 0, 2));
    say_second_pair(s, ft_str_from(digits, 2));
}

void ft_say_pairs(ft_saying *s, ft_str digits) {
    bool pairs = ft_is_english(s) && (digits.len == 3 || digits.len == 4) && digits.at[0] != '0';
    if (digits.len > 4 || (digits.len > 1 && digits.at[0] == '0')) {
        ft_say_digits(s, digits);
    } else if (!pairs || (digits.len == 4 && ft_digits_are_zero(digits, 3))) {
        ft_say_cardinal(s, digits);
    } else {
        ft_say_cardinal(s, ft_str_slice(digits, 0, digits.len - 2));
        say_second_pair(s, ft_str_from(digits, digits.len - 2));
    }
}

/* ---- letters */

void ft_say_letter(ft_saying *s, char letter) {
    int i = (letter | 32) - 'a';
    if (i < 0 || i > 25) return;
    if (ft_is_english(s) && i == 0)
        ft_say_sounds(s, FT_STR("a"), "ˈeɪ"); /* not the article */
    else
        ft_say(s, s->language->letters[i]);
}

/* Letters beyond ASCII by name; others are said as they are. */
static void say_far_letter(ft_saying *s, ft_str letter) {
    static const struct {
        const char *letter;
        const char *name[FT_TONGUES];
    } rows[] = {
        { "ñ", { "n", "eñe" } },          { "Ñ", { "n", "eñe" } },
        { "á", { "a", "a con acento" } }, { "é", { "e", "e con acento" } },
        { "í", { "i", "i con acento" } }, { "ó", { "o", "o con acento" } },
        { "ú", { "u", "u con acento" } }, { "ü", { "u", "u con diéresis" } },
        { "Á", { "a", "a con acento" } }, { "É", { "e", "e con acento" } },
        { "Í", { "i", "i con acento" } }, { "Ó", { "o", "o con acento" } },
        { "Ú", { "u", "u con acento" } }, { "Ü", { "u", "u con diéresis" } },
        { "ç", { "c", "ce cedilla" } },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (ft_str_is(letter, rows[i].letter)) {
            ft_say(s, rows[i].name[s->language->tongue]);
            return;
        }
    if (!ft_say_sign(s, letter)) ft_say_str(s, letter);
}

void ft_say_letters(ft_saying *s, ft_str text) {
    while (text.len) {
        ft_str one = ft_str_slice(text, 0, ft_utf8_len(text));
        char c = one.at[0];
        if (ft_is_digit(c))
            ft_say_digits(s, one);
        else if (ft_is_upper(c) || ft_is_lower(c))
            ft_say_letter(s, c);
        else if ((unsigned char)c >= 0x80)
            say_far_letter(s, one);
        else
            ft_say_sign(s, one);
        text = ft_str_from(text, one.len);
    }
}
