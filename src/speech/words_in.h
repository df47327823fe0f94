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

/* A token being said. Words are gathered in `words`, one blank between them; a word may carry its
 * sounds and a pause, which ft_say_sounds and ft_say_pause write behind it. */
typedef struct ft_saying {
    const ft_token *tokens;
    size_t count, at;
    size_t taken; /* tokens that the word covers; 1 unless a class says more */
    ft_arena *arena;
    const struct ft_language *language;
    ft_buf words;              /* lower case */
    ft_str part;               /* of a word that needs it */
    ft_str phonemes, alphabet; /* of an element or lexicon, for the whole */
    bool address;              /* of a street: numbers in pairs */
    int depth;                 /* of parts of parts */
} ft_saying;

typedef struct ft_word_class {
    const char *name; /* "money" */
    /* Did it say the token at `at`? Words go to s->words; `taken` and the rest as needed. What a
     * class that says no has written is forgotten. */
    bool (*say)(ft_saying *s);
} ft_word_class;

/* How a number stands: alone ("veintiuno"), before a masculine word ("veintiún libros") or a
 * feminine one ("veintiuna casas"). English has one form. */
typedef enum ft_form { FT_FORM_ALONE = 0, FT_FORM_MASCULINE, FT_FORM_FEMININE } ft_form;

enum { FT_EN, FT_ES, FT_TONGUES }; /* columns of the classes' tables */

typedef struct ft_language {
    const char *code;                    /* "en" */
    int tongue;                          /* FT_EN … */
    const ft_word_class *const *classes; /* end with NULL */
    /* Does the dot behind this token belong to it alone ("Dr.", "U.S.") and end no sentence?
     * `tokens`: the first of the text; `next` may be NULL. */
    bool (*keeps_dot)(const ft_token *tokens, const ft_token *t, const ft_token *next);
    /* Is it a word that carries no news of its own ("the", "of")? */
    bool (*is_function_word)(ft_str word);
    /* Numbers as words, appended; `digits`: 0-9, at least one. */
    void (*cardinal)(ft_saying *s, ft_str digits, ft_form form);
    void (*ordinal)(ft_saying *s, ft_str digits, ft_form form);
    const char *const *letters; /* names of a … z */
} ft_language;

extern const ft_language ft_language_english, ft_language_spanish;
/* NULL: no row. */
const ft_language *ft_language_find(ft_str lang);

/* The token `ahead` places on; NULL past the ends. */
const ft_token *ft_saying_token(const ft_saying *s, int ahead);
/* Append a word (or several) to what is said. */
void ft_say(ft_saying *s, const char *words);
void ft_say_str(ft_saying *s, ft_str words);
/* A word with its sounds in IPA; a part of speech goes to s->part. */
void ft_say_sounds(ft_saying *s, ft_str word, const char *ipa);
/* A short pause behind the last word. */
void ft_say_pause(ft_saying *s);
/* A part of the token as if it stood alone; a text of several tokens. */
void ft_say_part(ft_saying *s, ft_str text);
void ft_say_text(ft_saying *s, ft_str text);

/* Cut a text into tokens: words_cut.c. */
ft_err ft_tokens_cut(ft_token **out, size_t *count, ft_arena *arena, const ft_piece *piece);

#endif
