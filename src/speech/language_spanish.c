/* language_spanish.c -- US Spanish: the classes that say what is written, in the order in which
 * they are asked. */
#include "speech/words_in.h"

extern const ft_word_class ft_class_plain;

static const ft_word_class *const classes[] = { &ft_class_plain, NULL };

static bool is_one_of(ft_str word, const char *const *words) {
    for (; *words; words++)
        if (ft_str_ieq(word, ft_str_of(*words))) return true;
    return false;
}

static const char *const short_forms[] = { "sr",  "sra",  "srta", "dr",  "dra", "prof",
                                           "lic", "ing",  "ud",   "uds", "vd",  "vds",
                                           "av",  "avda", "tel",  "núm", "pág", "aprox",
                                           "ee",  "uu",   "p.ej", "etc", NULL };

static bool is_abbreviation(const ft_token *t) {
    bool initial = t->text.len == 1 && t->text.at[0] >= 'A' && t->text.at[0] <= 'Z';
    return initial || is_one_of(t->text, short_forms);
}

static const char *const function_words[] = {
    "el",  "la", "los",  "las", "un",  "una",  "unos", "unas", "y",    "e",   "o",   "u",   "pero",
    "si",  "de", "del",  "a",   "al",  "en",   "con",  "por",  "para", "que", "se",  "su",  "sus",
    "lo",  "le", "les",  "me",  "te",  "nos",  "mi",   "tu",   "es",   "son", "fue", "era", "ha",
    "han", "no", "como", "más", "muy", "este", "esta", "ese",  "esa",  NULL
};

static bool is_function_word(ft_str word) { return is_one_of(word, function_words); }

const ft_language ft_language_spanish = { "es", classes, is_abbreviation, is_function_word };
