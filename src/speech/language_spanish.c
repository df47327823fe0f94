/* language_spanish.c -- US Spanish: the classes that say what is written, in the order in which
 * they are asked. */
#include "speech/say/abbreviation_in.h"
#include "speech/say/cardinal_in.h"

/* As English has them, but without homographs: Spanish spelling tells how a word is said. */
static const ft_word_class *const classes[] = { &ft_class_say_as,
                                                &ft_class_emoji,
                                                &ft_class_net,
                                                &ft_class_telephone,
                                                &ft_class_date,
                                                &ft_class_time,
                                                &ft_class_money,
                                                &ft_class_unit,
                                                &ft_class_fraction,
                                                &ft_class_range,
                                                &ft_class_number,
                                                &ft_class_roman,
                                                &ft_class_abbreviation,
                                                &ft_class_acronym,
                                                &ft_class_compound,
                                                &ft_class_plain,
                                                NULL };

static const char *const function_words[] = {
    "el",    "la",    "los",    "las",     "un",       "una",     "unos",  "unas",   "y",
    "e",     "o",     "u",      "pero",    "si",       "de",      "del",   "a",      "al",
    "en",    "con",   "por",    "para",    "que",      "se",      "su",    "sus",    "lo",
    "le",    "les",   "me",     "te",      "nos",      "mi",      "tu",    "es",     "son",
    "fue",   "era",   "ha",     "han",     "no",       "como",    "más",   "muy",    "este",
    "esta",  "ese",   "esa",    "hay",     "está",     "están",   "sin",   "sobre",  "entre",
    "hasta", "desde", "cuando", "donde",   "ya",       "también", "él",    "ella",   "ellos",
    "ellas", "yo",    "usted",  "ustedes", "nosotros", "estos",   "estas", "fueron", NULL
};

static bool is_function_word(ft_str word) { return ft_word_in(word, function_words); }

static bool keeps_dot(const ft_token *tokens, const ft_token *t, const ft_token *next) {
    return ft_abbreviation_keeps_dot(tokens, t, next, FT_ES, is_function_word);
}

const ft_language ft_language_spanish = { "es",
                                          FT_ES,
                                          classes,
                                          keeps_dot,
                                          is_function_word,
                                          ft_cardinal_spanish,
                                          ft_ordinal_spanish,
                                          ft_letters_spanish };
