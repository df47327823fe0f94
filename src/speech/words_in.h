/* words_in.h -- tokens as they are written, and the classes that say them. Private to speech.
 *
 * A language is an ordered list of classes; the first that takes a token (and, if it likes, some of
 * those behind it) says it. What nobody takes is said as it is written. */
#ifndef FT_SPEECH_WORDS_IN_H
#define FT_SPEECH_WORDS_IN_H

#include "base/buf.h"
#include "speech/words.h"

typedef struct ft_token { /* what stands between blanks, without the marks around it */
    ft_str text;          /* "3.50", "Dr", "don't" */
    ft_str before, after; /* marks: "(", ".\"" */
    uint32_t start, end;  /* of text, in the input */
    uint32_t first, stop; /* the same with its marks */
    const ft_manner *manner;
    bool whole; /* the content of say-as, sub, phoneme or w: never cut */
} ft_token;

typedef struct ft_saying { /* a token being said */
    const ft_token *tokens;
    size_t count, at;
    size_t taken; /* tokens that the word covers; 1 unless a class says more */
    ft_arena *arena;
    const struct ft_language *language;
    ft_buf words;                    /* what is said: lower case, one blank between words */
    ft_str phonemes, alphabet, part; /* of a word that needs them */
} ft_saying;

typedef struct ft_word_class {
    const char *name; /* "money" */
    /* Did it say the token at `at`? Words go to s->words; `taken` and the rest as needed. */
    bool (*say)(ft_saying *s);
} ft_word_class;

typedef struct ft_language {
    const char *code;                    /* "en" */
    const ft_word_class *const *classes; /* end with NULL */
    /* Does the dot behind this token belong to it ("Dr.", "U.S.")? */
    bool (*is_abbreviation)(const ft_token *t);
    /* Is it a word that carries no news of its own ("the", "of")? */
    bool (*is_function_word)(ft_str word);
} ft_language;

extern const ft_language ft_language_english, ft_language_spanish;
/* NULL: no row. */
const ft_language *ft_language_find(ft_str lang);

/* The token `ahead` places on; NULL past the ends. */
const ft_token *ft_saying_token(const ft_saying *s, int ahead);
/* Append a word (or several) to what is said. */
void ft_say(ft_saying *s, const char *words);
void ft_say_str(ft_saying *s, ft_str words);

/* Cut a text into tokens: words_cut.c. */
ft_err ft_tokens_cut(ft_token **out, size_t *count, ft_arena *arena, const ft_piece *piece);

#endif
