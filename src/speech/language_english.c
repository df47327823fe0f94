/* language_english.c -- US English: the classes that say what is written, in the order in which
 * they are asked. */
#include "speech/say/abbreviation_in.h"
#include "speech/say/cardinal_in.h"

/* A class that knows more of a token stands before one that knows less. */
static const ft_word_class *const classes[] = {
    &ft_class_say_as,       &ft_class_emoji,   &ft_class_net,
    &ft_class_telephone,    &ft_class_date,    &ft_class_time,
    &ft_class_money,        &ft_class_unit,    &ft_class_fraction,
    &ft_class_range,        &ft_class_number,  &ft_class_roman,
    &ft_class_abbreviation, &ft_class_acronym, &ft_class_homograph,
    &ft_class_compound,     &ft_class_plain,   NULL
};

static const char *const function_words[] = {
    "a",       "an",    "the",     "and",    "or",   "but",    "if",      "of",       "to",
    "in",      "on",    "at",      "by",     "for",  "from",   "with",    "as",       "than",
    "that",    "this",  "these",   "those",  "it",   "its",    "he",      "she",      "they",
    "we",      "you",   "i",       "his",    "her",  "their",  "our",     "your",     "my",
    "me",      "him",   "them",    "us",     "is",   "are",    "was",     "were",     "be",
    "been",    "being", "am",      "do",     "does", "did",    "have",    "has",      "had",
    "will",    "would", "can",     "could",  "may",  "might",  "shall",   "should",   "must",
    "not",     "no",    "so",      "there",  "here", "who",    "which",   "what",     "when",
    "where",   "how",   "why",     "all",    "any",  "some",   "each",    "into",     "about",
    "over",    "under", "after",   "before", "then", "also",   "while",   "although", "however",
    "because", "since", "until",   "yet",    "both", "many",   "most",    "such",     "it's",
    "he's",    "she's", "they're", "we're",  "i'm",  "that's", "there's", NULL
};

static bool is_function_word(ft_str word) { return ft_word_in(word, function_words); }

static bool keeps_dot(const ft_token *tokens, const ft_token *t, const ft_token *next) {
    return ft_abbreviation_keeps_dot(tokens, t, next, FT_EN, is_function_word);
}

const ft_language ft_language_english = { "en",
                                          FT_EN,
                                          classes,
                                          keeps_dot,
                                          is_function_word,
                                          ft_cardinal_english,
                                          ft_ordinal_english,
                                          ft_letters_english };
