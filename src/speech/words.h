/* words.h -- text as it is written, turned into words as they are said: "$3.50" is "three dollars
 * and fifty cents", "Dr." is "doctor" before a name and "drive" after one.
 *
 * A language is a row (language_english.c, language_spanish.c): an ordered list of classes, each a
 * file of say/ with its pattern and its words (number, money, date, time, unit, telephone …).
 * Sentences are cut here, too. Every token is said, once.
 *
 * Threads: any. Memory: the arena. Sources stand at the tables. */
#ifndef FT_SPEECH_WORDS_H
#define FT_SPEECH_WORDS_H

#include "speech/document.h"
#include "speech/lexicon.h"

typedef enum ft_pause { /* what stands behind a word */
                        FT_PAUSE_NONE = 0,
                        FT_PAUSE_MINOR, /* comma, dash, bracket */
                        FT_PAUSE_MAJOR, /* semicolon, colon */
                        FT_PAUSE_FULL   /* end of sentence */
} ft_pause;

typedef struct ft_spoken { /* a word as it is said */
    ft_str text;     /* lower case, letters and apostrophes; empty when an element's or a lexicon's
                        phonemes speak */
    ft_str phonemes; /* in `alphabet`, also of homographs and the letter a; empty: by the voice's
                        own lexicon */
    ft_str alphabet;
    ft_str part; /* "VB", "VBD", "DT", "NN", "IN" where a homograph needs it; else empty */
    ft_pause
        pause; /* behind it, within the written word: between the groups of a telephone number */
} ft_spoken;

typedef struct ft_word { /* a word as it is written, with what is said for it */
    ft_str written;      /* the input's slice [start, end) */
    uint32_t start, end;
    const ft_manner *manner;
    ft_spoken *spoken;
    size_t spoken_count;
    ft_pause pause;
    char ending;          /* '.', '?', '!' at a sentence's end, else 0 */
    bool new_information; /* said for the first time in this text: content words only */
    bool continued;       /* the rest of the word before: at most FT_WORD_SPOKEN_MAX are one's */
} ft_word;

/* What is said for a word, at the most: a breath and an engine's memory end. What is more, is a
 * word of its own that has no mark. */
#define FT_WORD_SPOKEN_MAX 40
/* As so many words it counts: a long one may be read letter by letter. */
size_t ft_spoken_weight(const ft_spoken *spoken);
size_t ft_word_weight(const ft_word *word);

typedef enum ft_item_kind {
    FT_ITEM_WORD = 1,
    FT_ITEM_BREAK,
    FT_ITEM_MARK,
    FT_ITEM_BREATH
} ft_item_kind;

typedef struct ft_item {
    ft_item_kind kind;
    ft_word word;
    ft_str name;         /* of a mark */
    uint32_t start, end; /* in the input, of a mark's tag */
    int ms;
} ft_item;

typedef struct ft_sentence {
    ft_item *items;
    size_t count;
    uint32_t start, end; /* the input's slice */
    ft_str lang;         /* "en-US" */
    ft_str voice;        /* empty: the request's */
    bool opening;        /* the document begins here */
    bool paragraph_end;  /* and another one begins behind it */
} ft_sentence;

typedef struct ft_script {
    ft_sentence *sentences;
    size_t count;
} ft_script;

/* `lang` of the request's voice. `lexicons`: the first that has a word wins. A language without a
 * row of its own passes its words on as they are written (the voice's own front end reads them). */
ft_err ft_script_make(ft_script *out, ft_arena *arena, const ft_document *document, ft_str lang,
                      const ft_lexicon *const *lexicons, size_t lexicon_count);
/* Is what is said so (say-as expletive, bleep) not to be heard? */
bool ft_say_as_hides(const ft_manner *manner);

#endif
