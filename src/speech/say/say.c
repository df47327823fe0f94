/* say.c -- see say_in.h: characters, lists of words, and what stands around a token. */
#include "speech/say/say_in.h"

bool ft_all_digits(ft_str s) {
    for (size_t i = 0; i < s.len; i++)
        if (!ft_is_digit(s.at[i])) return false;
    return s.len > 0;
}

bool ft_all_upper(ft_str s) {
    for (size_t i = 0; i < s.len; i++)
        if (!ft_is_upper(s.at[i])) return false;
    return s.len > 0;
}

bool ft_all_letters(ft_str s) {
    for (size_t i = 0; i < s.len; i++)
        if (!ft_is_letter(s.at[i])) return false;
    return s.len > 0;
}

bool ft_word_in(ft_str word, const char *const *list) {
    for (; word.len && *list; list++)
        if ((word.at[0] | 32) == ((*list)[0] | 32) && ft_str_ieq(word, ft_str_of(*list)))
            return true;
    return false;
}

bool ft_word_in_exact(ft_str word, const char *const *list) {
    for (; *list; list++) /* most differ in the first byte: no length is asked for */
        if ((word.len ? word.at[0] : 0) == (*list)[0] && ft_str_is(word, *list)) return true;
    return false;
}

long ft_small_number(ft_str digits) {
    long value = 0;
    if (digits.len > 9 || !ft_all_digits(digits)) return -1;
    for (size_t i = 0; i < digits.len; i++) value = 10 * value + (digits.at[i] - '0');
    return value;
}

size_t ft_head_of(ft_str s, const char *const *heads) {
    for (; s.len && *heads; heads++)
        if (s.at[0] == (*heads)[0] && ft_str_starts(s, ft_str_of(*heads))) return strlen(*heads);
    return 0;
}

size_t ft_utf8_len(ft_str s) {
    if (s.len == 0) return 0;
    unsigned char c = (unsigned char)s.at[0];
    size_t len = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return len < s.len ? len : s.len;
}

bool ft_begins_upper(ft_str s) {
    if (s.len == 0) return false;
    /* À … Þ of UTF-8, but not × */
    bool latin = s.len > 1 && (unsigned char)s.at[0] == 0xc3 && (unsigned char)s.at[1] < 0x9f &&
                 (unsigned char)s.at[1] != 0x97;
    return ft_is_upper(s.at[0]) || latin;
}

ft_str ft_text_at(const ft_saying *s, int ahead) {
    const ft_token *t = ft_saying_token(s, ahead);
    return t ? t->text : (ft_str){ 0 };
}

bool ft_joined(const ft_saying *s, int ahead) {
    const ft_token *a = ft_saying_token(s, ahead), *b = ft_saying_token(s, ahead + 1);
    return a && b && a->after.len == 0 && b->before.len == 0 && !b->whole;
}

bool ft_is_english(const ft_saying *s) { return s->language->tongue == FT_EN; }

bool ft_is_function_word(const ft_saying *s, ft_str word) {
    return s->language->is_function_word(word);
}

/* ---- what Spanish numbers look at: the noun behind them */

static const char *const masculine_in_a[] = {
    "día",        "días",     "problema", "problemas", "programa", "programas", "sistema",
    "sistemas",   "mapa",     "mapas",    "tema",      "temas",    "idioma",    "idiomas",
    "planeta",    "planetas", "clima",    "climas",    "poema",    "poemas",    "kilograma",
    "kilogramas", "atleta",   "atletas",  "drama",     "dramas",   "gramas",    "artista",
    "artistas",   "turista",  "turistas", "mañana",    NULL
};
static const char *const feminine[] = { "razones", "razón",  "veces",  "vez",      "noches",
                                        "noche",   "clases", "clase",  "llaves",   "calles",
                                        "calle",   "partes", "parte",  "tardes",   "tarde",
                                        "mujeres", "mujer",  "flores", "naves",    "leyes",
                                        "fotos",   "manos",  "mano",   "imágenes", NULL };
static const char *const feminine_ends[] = { "a",      "as",    "ción",  "ciones", "sión",
                                             "siones", "dad",   "dades", "tad",    "tades",
                                             "tud",    "tudes", "umbre", "umbres", NULL };

static bool ends_in(ft_str word, const char *const *ends) {
    for (; *ends; ends++)
        if (ft_str_ends(word, ft_str_of(*ends))) return true;
    return false;
}

ft_form ft_form_before(const ft_saying *s, int ahead) {
    ft_str next = ft_text_at(s, ahead);
    if (!ft_is_english(s) && ft_str_is(next, "mil") && ft_joined(s, ahead - 1)) {
        ft_form form = ft_form_before(s, ahead + 1); /* trescientas mil libras */
        return form == FT_FORM_FEMININE ? form : FT_FORM_MASCULINE;
    }
    if (ft_is_english(s) || !ft_joined(s, ahead - 1) || next.len < 2) return FT_FORM_ALONE;
    if (!ft_is_letter(next.at[0]) || ft_is_upper(next.at[0])) return FT_FORM_ALONE;
    if (ft_is_function_word(s, next)) return FT_FORM_ALONE;
    if (ft_word_in_exact(next, masculine_in_a)) return FT_FORM_MASCULINE;
    bool female = ft_word_in_exact(next, feminine) || ends_in(next, feminine_ends);
    return female ? FT_FORM_FEMININE : FT_FORM_MASCULINE;
}

bool ft_is_magnitude(const ft_saying *s, ft_str word) {
    static const char *const english[] = { "hundred",  "thousand",    "million", "billion",
                                           "trillion", "quadrillion", "bn",      "mn",
                                           "mln",      "bln",         NULL };
    static const char *const spanish[] = { "mil",      "millón",  "millones",  "billón",
                                           "billones", "trillón", "trillones", NULL };
    return ft_word_in(word, ft_is_english(s) ? english : spanish);
}
