/* lexicon.h -- pronunciations of the user's own: PLS documents.
 *
 * Whole words, case-sensitive; the first lexeme of a grapheme wins. Applied when the languages
 * match.
 *
 * Source: W3C, Pronunciation Lexicon Specification 1.0. Threads: a read lexicon is immutable.
 * Memory: the arena. */
#ifndef FT_SPEECH_LEXICON_H
#define FT_SPEECH_LEXICON_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define FT_LEXICON_BYTES_MAX      ((size_t)64 << 10)
#define FT_LEXICON_CHARS_MAX      4000 /* Polly's */
#define FT_LEXICON_LEXEME_MAX     100
#define FT_LEXICON_NAME_BYTES_MAX 20

typedef struct ft_lexicon ft_lexicon;

typedef struct ft_lexeme {
    ft_str phonemes; /* or */
    ft_str alias;
} ft_lexeme;

/* FT_EPARSE with line and column; FT_ETOOBIG; FT_EUNSUPPORTED for an alphabet or a language. */
ft_err ft_lexicon_read(ft_lexicon **out, ft_arena *arena, ft_str pls);
/* NULL when it does not have the word. */
const ft_lexeme *ft_lexicon_find(const ft_lexicon *lexicon, ft_str word);
ft_str ft_lexicon_lang(const ft_lexicon *lexicon);     /* "en-US" */
ft_str ft_lexicon_alphabet(const ft_lexicon *lexicon); /* "ipa" */
size_t ft_lexicon_count(const ft_lexicon *lexicon);    /* lexemes */

#endif
