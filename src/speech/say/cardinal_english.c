/* cardinal_english.c -- numbers as English words, cardinal and ordinal, short scale, without "and"
 * as in US English.
 *
 * Source: The Chicago Manual of Style, 17th ed., ch. 9; Conway and Guy, The Book of Numbers, 1996,
 * for the names of powers. */
#include "speech/say/cardinal_in.h"

static const char *const ones[] = { "zero",    "one",     "two",       "three",    "four",
                                    "five",    "six",     "seven",     "eight",    "nine",
                                    "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                    "fifteen", "sixteen", "seventeen", "eighteen", "nineteen" };
static const char *const tens[] = { "",      "",      "twenty",  "thirty", "forty",
                                    "fifty", "sixty", "seventy", "eighty", "ninety" };
static const char *const powers[] = { "",           "thousand",    "million",     "billion",
                                      "trillion",   "quadrillion", "quintillion", "sextillion",
                                      "septillion", "octillion",   "nonillion",   "decillion" };

static const char *const ordinal_ones[] = {
    "zeroth",     "first",     "second",    "third",       "fourth",     "fifth",     "sixth",
    "seventh",    "eighth",    "ninth",     "tenth",       "eleventh",   "twelfth",   "thirteenth",
    "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth"
};
static const char *const ordinal_tens[] = { "",          "",         "twentieth", "thirtieth",
                                            "fortieth",  "fiftieth", "sixtieth",  "seventieth",
                                            "eightieth", "ninetieth" };

static void say_below_100(ft_saying *s, unsigned n, bool ordinal) {
    if (n < 20) {
        ft_say(s, ordinal ? ordinal_ones[n] : ones[n]);
        return;
    }
    ft_say(s, ordinal && n % 10 == 0 ? ordinal_tens[n / 10] : tens[n / 10]);
    if (n % 10) ft_say(s, ordinal ? ordinal_ones[n % 10] : ones[n % 10]);
}

static void say_below_1000(ft_saying *s, unsigned n, bool ordinal) {
    if (n >= 100) {
        ft_say(s, ones[n / 100]);
        ft_say(s, ordinal && n % 100 == 0 ? "hundredth" : "hundred");
    }
    if (n % 100 || n == 0) say_below_100(s, n % 100, ordinal);
}

static void say_number(ft_saying *s, ft_str digits, bool ordinal) {
    while (digits.len > 1 && digits.at[0] == '0') digits = ft_str_from(digits, 1);
    if (digits.len > FT_FIGURE_DIGITS_MAX) {
        ft_say_digits(s, digits);
        return;
    }
    size_t groups = (digits.len + 2) / 3;
    for (size_t g = groups; g-- > 0;) {
        unsigned n = ft_digits_group(digits, g, 3);
        if (n == 0 && groups > 1) continue;
        bool last = g == 0 || ft_digits_are_zero(digits, 3 * g);
        say_below_1000(s, n, ordinal && last && g == 0);
        if (g == 0) continue;
        ft_say(s, powers[g]);
        if (ordinal && last) ft_buf_add(&s->words, FT_STR("th"));
    }
}

void ft_cardinal_english(ft_saying *s, ft_str digits, ft_form form) {
    (void)form;
    say_number(s, digits, false);
}

void ft_ordinal_english(ft_saying *s, ft_str digits, ft_form form) {
    (void)form;
    say_number(s, digits, true);
}

const char *const ft_letters_english[26] = { "a", "b", "c", "d", "e", "f", "g", "h", "i",
                                             "j", "k", "l", "m", "n", "o", "p", "q", "r",
                                             "s", "t", "u", "v", "w", "x", "y", "z" };
