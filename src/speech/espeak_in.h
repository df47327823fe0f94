/* espeak_in.h -- espeak-ng behind a pipe: what is asked, what is answered, the process. Private to
 * speech.
 *
 * libespeak-ng is GPL-3 and keeps its state in globals, so it lives in a process of its own
 * (`fettle run-espeak`), which speaks one request after the other over its standard input, a
 * socket, and ends when that is closed. */
#ifndef FT_ESPEAK_IN_H
#define FT_ESPEAK_IN_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "speech/phones.h"

#define FT_ESPEAK_TEXT_MAX  ((size_t)1 << 20)
#define FT_ESPEAK_VOICE_MAX 64

/* A request: this head, the voice, the text (UTF-8). */
typedef struct ft_espeak_ask {
    uint32_t voice_len, text_len;
    uint32_t how; /* ft_espeak_how */
} ft_espeak_ask;

typedef enum ft_espeak_how {
    FT_ESPEAK_PLAIN = 0,
    FT_ESPEAK_PHONEMES,   /* "[[…]]" in the text are espeak's phonemes */
    FT_ESPEAK_SPELL,      /* not said: every line of the text in IPA, as a line of the answer */
    FT_ESPEAK_SPELL_APART /* the same, '_' between the sounds */
} ft_espeak_how;

/* An answer is a row of these, each with `len` bytes behind it. */
typedef enum ft_espeak_kind {
    FT_ESPEAK_EVENT = 1, /* ft_espeak_event */
    FT_ESPEAK_SAMPLES,   /* int16_t */
    FT_ESPEAK_DONE,      /* int32_t: the rate */
    FT_ESPEAK_FAILED,    /* int32_t: an ft_err; then its sentence */
    FT_ESPEAK_IPA        /* UTF-8: lines of what was to be spelt */
} ft_espeak_kind;

typedef struct ft_espeak_head {
    uint32_t kind, len;
} ft_espeak_head;

typedef struct ft_espeak_event {
    uint32_t word;    /* 1: a word begins; 0: a sound */
    uint32_t at_char; /* of the text, from 0 */
    uint32_t sample;
    char ipa[12]; /* of a sound; empty: a pause */
} ft_espeak_event;

/* The row of a sound that espeak-ng names in IPA; the nearest for one that has none. Never NULL. */
const ft_phone_row *ft_espeak_phone(ft_str ipa);
/* The row of the longest sound that IPA begins with, and its bytes; NULL: none. */
const ft_phone_row *ft_espeak_sound_at(ft_str ipa, size_t *len);
/* How sound `i` of the table is written; NULL past its end. */
const char *ft_espeak_sound(size_t i, bool sampa);
/* "ˈpe.ro" (ipa or x-sampa) as espeak-ng's `voice` takes it: "p|'e|r|o", appended; a sound that its
 * language lacks becomes the nearest one. FT_EPARSE names what is no sound. */
ft_err ft_espeak_phones_from(ft_buf *out, const char *voice, ft_str phonemes, ft_str alphabet);
/* X-SAMPA as IPA with its marks of stress and length, appended. FT_EPARSE names what is no sound.
 */
ft_err ft_espeak_ipa_from(ft_buf *out, ft_str sampa);

/* What was said: in the caller's buffers. */
typedef struct ft_espeak_answer {
    ft_buf samples; /* int16_t */
    ft_buf events;  /* ft_espeak_event */
    ft_buf ipa;     /* of ft_espeak_spell */
    int rate_hz;
} ft_espeak_answer;

typedef struct ft_espeak_process {
    pid_t pid; /* 0: none */
    int fd;
    int starts; /* so far */
} ft_espeak_process;

/* Say a text; an empty one only readies the voice. A process that dies or falls silent is started
 * again and asked again, twice; then FT_EPEER. FT_EABSENT names the package. */
ft_err ft_espeak_say(ft_espeak_process *p, ft_espeak_answer *out, const char *voice, ft_str text,
                     bool phonemes);
/* How a text is pronounced: `out->ipa` gets a line of IPA (with stress) for each of its lines;
 * `apart`: with '_' between the sounds. Errors as ft_espeak_say. */
ft_err ft_espeak_spell(ft_espeak_process *p, ft_espeak_answer *out, const char *voice, ft_str text,
                       bool apart);
void ft_espeak_answer_fini(ft_espeak_answer *a);
/* Ends the process. Fine on a zeroed one. */
void ft_espeak_process_end(ft_espeak_process *p);

/* All of `len` bytes over a socket; FT_EPEER when the other side is gone, FT_ETIMEOUT after
 * `timeout_ms` (-1: never) without a byte. */
ft_err ft_espeak_send(int fd, const void *at, size_t len);
ft_err ft_espeak_receive(int fd, void *at, size_t len, int timeout_ms);

#endif
