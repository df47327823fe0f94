/* language_english.c -- US English: the classes that say what is written, in the order in which
 * they are asked. */
#include "speech/words_in.h"

extern const ft_word_class ft_class_plain;

static const ft_word_class *const classes[] = { &ft_class_plain, NULL };

static bool is_one_of(ft_str word, const char *const *words) {
    for (; *words; words++)
        if (ft_str_ieq(word, ft_str_of(*words))) return true;
    return false;
}

/* Short forms whose dot ends no sentence by itself. */
static const char *const short_forms[] = {
    "mr",  "mrs", "ms",  "dr",   "prof", "rev",  "gen",  "col", "lt",     "sgt", "capt",
    "gov", "sen", "rep", "st",   "mt",   "ft",   "jr",   "sr",  "vs",     "etc", "no",
    "vol", "fig", "inc", "ltd",  "co",   "corp", "jan",  "feb", "mar",    "apr", "jun",
    "jul", "aug", "sep", "sept", "oct",  "nov",  "dec",  "mon", "tue",    "wed", "thu",
    "fri", "sat", "sun", "ave",  "blvd", "rd",   "dept", "est", "approx", "min", "max",
    "e.g", "i.e", "a.m", "p.m",  "u.s",  "u.k",  "ph.d", NULL
};

static bool is_abbreviation(const ft_token *t) {
    bool initial =
        t->text.len == 1 && t->text.at[0] >= 'A' && t->text.at[0] <= 'Z' && t->text.at[0] != 'I';
    return initial || is_one_of(t->text, short_forms);
}

static const char *const function_words[] = {
    "a",     "an",     "the",   "and",   "or",     "but",   "if",    "of",    "to",   "in",
    "on",    "at",     "by",    "for",   "from",   "with",  "as",    "than",  "that", "this",
    "these", "those",  "it",    "its",   "he",     "she",   "they",  "we",    "you",  "i",
    "his",   "her",    "their", "our",   "your",   "my",    "me",    "him",   "them", "us",
    "is",    "are",    "was",   "were",  "be",     "been",  "being", "am",    "do",   "does",
    "did",   "have",   "has",   "had",   "will",   "would", "can",   "could", "may",  "might",
    "shall", "should", "must",  "not",   "no",     "so",    "there", "here",  "who",  "which",
    "what",  "when",   "where", "how",   "why",    "all",   "any",   "some",  "each", "into",
    "about", "over",   "under", "after", "before", "then",  "also",  NULL
};

static bool is_function_word(ft_str word) { return is_one_of(word, function_words); }

const ft_language ft_language_english = { "en", classes, is_abbreviation, is_function_word };
