/* document.h -- what is to be spoken, read from plain text or SSML: a row of pieces, each with the
 * manner in which it is to be said and the place in the input that it came from.
 *
 * Everything behind this works on pieces; nothing else knows XML. Which element which engine takes
 * is one table (ssml_elements.c); an element that it does not take is refused with line and column,
 * as Polly refuses it.
 *
 * Sources: W3C, Speech Synthesis Markup Language 1.1; Amazon Polly, "Supported SSML tags".
 * Threads: any. Memory: the arena. */
#ifndef FT_SPEECH_DOCUMENT_H
#define FT_SPEECH_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define FT_SPEECH_BYTES_MAX ((size_t)1 << 20)
#define FT_SPEECH_DEPTH_MAX 64

/* How a piece is said; absolute once nested elements are worked in. */
typedef struct ft_manner {
    ft_str lang;               /* "en-US"; empty: the voice's */
    ft_str voice;              /* <voice>; empty: the request's */
    double rate;               /* 1: the voice's own speed; 2: twice as fast */
    double pitch;              /* 1: the voice's own; 1.5: half as high again */
    double range;              /* 1: the voice's own range of pitch */
    double volume_db;          /* 0: the voice's own; -INFINITY: silent */
    int emphasis;              /* -1 reduced, 0 none, 1 moderate, 2 strong */
    ft_str say_as, say_format; /* interpret-as and format; empty: by the normaliser's own eyes */
    ft_str phonemes, alphabet; /* <phoneme>: spoken instead of the text; "ipa", "x-sampa" */
    ft_str alias;              /* <sub>: spoken instead of the text */
    ft_str role;               /* <w role>: "amazon:VB" … */
    bool whispered, soft, drc, breaths;
    double tract;   /* vocal-tract-length; 1: the voice's own */
    ft_str domain;  /* "news", "conversational", or empty: neutral */
    int stretch;    /* number of the amazon:max-duration group, 0: none */
    int stretch_ms; /* and its length */
} ft_manner;

typedef enum ft_piece_kind {
    FT_PIECE_TEXT = 1,
    FT_PIECE_BREAK,    /* silence of `ms` */
    FT_PIECE_MARK,     /* <mark name>: `text` */
    FT_PIECE_BREATH,   /* of `ms` */
    FT_PIECE_SENTENCE, /* a sentence ends here, whatever the text says */
    FT_PIECE_PARAGRAPH /* and a paragraph */
} ft_piece_kind;

typedef struct ft_piece {
    ft_piece_kind kind;
    ft_str text;        /* entities and CDATA resolved; well-formed UTF-8 */
    const uint32_t *at; /* byte in the input of each byte of `text`, and one past the last */
    ft_str input;       /* of the document, for what `text` holds by reference; or empty */
    const ft_manner *manner;
    int ms;
    uint32_t start, end; /* in the input, of a MARK's tag */
    bool word_glued; /* no blank between this text and the piece before: one word in two manners */
} ft_piece;

typedef struct ft_document {
    ft_piece *pieces;
    size_t count;
    ft_str input;
    bool ssml;
    size_t billed_chars; /* characters of text, tags not counted */
} ft_document;

typedef enum ft_speech_type {
    FT_SPEECH_TEXT = 0,
    FT_SPEECH_SSML,
    FT_SPEECH_AUTO /* SSML when it begins with <speak, <?xml or <!DOCTYPE */
} ft_speech_type;

/* Which elements are taken: whatever can be spoken here, or just what Polly's engine of that name
 * takes. */
typedef enum ft_speech_engine {
    FT_ENGINE_OWN = 0,
    FT_ENGINE_STANDARD,
    FT_ENGINE_NEURAL
} ft_speech_engine;

typedef struct ft_document_opts {
    ft_speech_type type;
    ft_speech_engine engine;
    bool news;        /* the voice has the news style */
    ft_str domain;    /* style of the whole, where the text does not say: "news" */
    size_t bytes_max; /* 0: FT_SPEECH_BYTES_MAX */
} ft_document_opts;

/* FT_EPARSE: "line 3, column 7: <audio> is not spoken here"; FT_ETOOBIG. */
ft_err ft_document_read(ft_document *out, ft_arena *arena, ft_str input,
                        const ft_document_opts *opts);

#endif
