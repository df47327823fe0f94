/* cardinal_spanish.c -- numbers as Spanish words, cardinal and ordinal, long scale, with gender and
 * the short forms before a noun ("veintiún libros", "doscientas casas").
 *
 * Source: Real Academia Española, Diccionario panhispánico de dudas, "cardinales" and "ordinales".
 */
#include "speech/say/cardinal_in.h"

static const char *const ones[] = {
    "cero",         "uno",         "dos",        "tres",        "cuatro",     "cinco",
    "seis",         "siete",       "ocho",       "nueve",       "diez",       "once",
    "doce",         "trece",       "catorce",    "quince",      "dieciséis",  "diecisiete",
    "dieciocho",    "diecinueve",  "veinte",     "veintiuno",   "veintidós",  "veintitrés",
    "veinticuatro", "veinticinco", "veintiséis", "veintisiete", "veintiocho", "veintinueve"
};
static const char *const tens[] = { "",          "",        "",        "treinta", "cuarenta",
                                    "cincuenta", "sesenta", "setenta", "ochenta", "noventa" };
static const char *const hundreds[] = {
    "",           "ciento",      "doscientos",  "trescientos", "cuatrocientos",
    "quinientos", "seiscientos", "setecientos", "ochocientos", "novecientos"
};
static const char *const hundreds_she[] = {
    "",           "ciento",      "doscientas",  "trescientas", "cuatrocientas",
    "quinientas", "seiscientas", "setecientas", "ochocientas", "novecientas"
};
static const char *const powers[] = { "",          "millones",     "billones",
                                      "trillones", "cuatrillones", "quintillones" };
static const char *const powers_one[] = { "",        "millón",     "billón",
                                          "trillón", "cuatrillón", "quintillón" };

static void say_one(ft_saying *s, unsigned n, ft_form form) {
    static const char *const one[] = { "uno", "un", "una" };
    static const char *const twenty_one[] = { "veintiuno", "veintiún", "veintiuna" };
    ft_say(s, n == 1 ? one[form] : n == 21 ? twenty_one[form] : ones[n]);
}

static void say_below_1000(ft_saying *s, unsigned n, ft_form form) {
    if (n == 100) {
        ft_say(s, "cien");
        return;
    }
    if (n > 100) ft_say(s, (form == FT_FORM_FEMININE ? hundreds_she : hundreds)[n / 100]);
    n %= 100;
    if (n == 0) return;
    if (n < 30) {
        say_one(s, n, form);
        return;
    }
    ft_say(s, tens[n / 10]);
    if (n % 10 == 0) return;
    ft_say(s, "y");
    say_one(s, n % 10, form);
}

/* Up to 999,999; before "mil" the short form stands, and 1 is not said. */
static void say_group(ft_saying *s, unsigned n, ft_form form) {
    unsigned thousands = n / 1000;
    if (thousands > 1) {
        bool hundreds_alone = form == FT_FORM_FEMININE;
        say_below_1000(s, thousands, hundreds_alone ? FT_FORM_FEMININE : FT_FORM_MASCULINE);
    }
    if (thousands) ft_say(s, "mil");
    say_below_1000(s, n % 1000, form);
}

void ft_cardinal_spanish(ft_saying *s, ft_str digits, ft_form form) {
    while (digits.len > 1 && digits.at[0] == '0') digits = ft_str_from(digits, 1);
    if (digits.len > FT_FIGURE_DIGITS_MAX) {
        ft_say_digits(s, digits);
        return;
    }
    if (ft_str_is(digits, "0")) ft_say(s, ones[0]);
    for (size_t g = (digits.len + 5) / 6; g-- > 0;) {
        unsigned n = ft_digits_group(digits, g, 6);
        if (n == 0) continue;
        say_group(s, n, g ? FT_FORM_MASCULINE : form);
        if (g) ft_say(s, n == 1 ? powers_one[g] : powers[g]);
    }
}

/* ---- ordinals: those of 1 to 999; others are said as cardinals, as they are in speech */

static const char *const ordinal_ones[] = { "",      "primer",  "segund",  "tercer", "cuart",
                                            "quint", "sext",    "séptim",  "octav",  "noven",
                                            "décim", "undécim", "duodécim" };
static const char *const ordinal_tens[] = { "",          "décim",       "vigésim",
                                            "trigésim",  "cuadragésim", "quincuagésim",
                                            "sexagésim", "septuagésim", "octogésim",
                                            "nonagésim" };
static const char *const ordinal_teens[] = { "",
                                             "",
                                             "",
                                             "decimotercer",
                                             "decimocuart",
                                             "decimoquint",
                                             "decimosext",
                                             "decimoséptim",
                                             "decimoctav",
                                             "decimonoven" };
static const char *const ordinal_hundreds[] = { "",
                                                "centésim",
                                                "ducentésim",
                                                "tricentésim",
                                                "cuadringentésim",
                                                "quingentésim",
                                                "sexcentésim",
                                                "septingentésim",
                                                "octingentésim",
                                                "noningentésim" };

static void say_stem(ft_saying *s, const char *stem, ft_form form) {
    bool first_or_third = ft_str_ends(ft_str_of(stem), FT_STR("er"));
    ft_say(s, stem);
    if (form == FT_FORM_MASCULINE && first_or_third) return; /* primer, tercer */
    ft_buf_byte(&s->words, form == FT_FORM_FEMININE ? 'a' : 'o');
}

void ft_ordinal_spanish(ft_saying *s, ft_str digits, ft_form form) {
    long n = ft_small_number(digits);
    ft_form long_form = form == FT_FORM_FEMININE ? form : FT_FORM_ALONE;
    if (n < 1 || n > 1999) { /* those above nobody says */
        ft_cardinal_spanish(s, digits, form);
        return;
    }
    if (n >= 1000) say_stem(s, "milésim", long_form);
    n %= 1000;
    if (n >= 100) say_stem(s, ordinal_hundreds[n / 100], long_form);
    n %= 100;
    if (n == 0) return;
    if (n <= 12) {
        say_stem(s, ordinal_ones[n], form);
        return;
    }
    if (n < 20) {
        say_stem(s, ordinal_teens[n % 10], form);
        return;
    }
    say_stem(s, ordinal_tens[n / 10], long_form);
    if (n % 10) say_stem(s, ordinal_ones[n % 10], form);
}

const char *const ft_letters_spanish[26] = { "a",        "be",    "ce", "de",   "e",       "efe",
                                             "ge",       "hache", "i",  "jota", "ka",      "ele",
                                             "eme",      "ene",   "o",  "pe",   "cu",      "erre",
                                             "ese",      "te",    "u",  "ve",   "doble u", "equis",
                                             "i griega", "zeta" };
