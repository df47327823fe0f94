/* speaking.h -- synthesis beside the requests: threads that speak, and the answers that stream what
 * they have spoken so far. A serving thread never waits for sound.
 *
 * A handler begins one (ft_speaking_begin) and is called again when the first bytes are there; the
 * answer then pulls the rest. A client that goes away ends its synthesis, unless it is kept for
 * others (an article). A client that reads slowly holds it up when FT_SPEAKING_AHEAD_BYTES wait.
 *
 * Threads: begin and answer on any serving thread; new and free from one. */
#ifndef FT_SPEAKING_H
#define FT_SPEAKING_H

#include "net/server.h"
#include "serve/speech/polly.h"
#include "serve/speech/record.h"

#define FT_SPEAKING_THREADS     16
#define FT_SPEAKING_ALIVE       256 /* begun, and not yet sent to their ends */
#define FT_SPEAKING_AHEAD_BYTES ((size_t)2 << 20)
#define FT_SPEAKING_WHOLE_BYTES                                      \
    ((size_t)64 << 20) /* of an answer that is sent when it is whole \
                        */

typedef struct ft_speakers ft_speakers;
ft_err ft_speakers_new(ft_speakers **out, const char *home, ft_speech_recorder *recorder);
/* After the server has stopped: what still speaks is ended. Fine on NULL. */
void ft_speakers_free(ft_speakers *s);

typedef struct ft_speaking_opts {
    const char *door;  /* for the record */
    bool whole;        /* answer when all is spoken: a WAV's header says how long it is */
    ft_str article;    /* kept as this article when it is whole; empty: not kept */
    const ft_str *pls; /* lexicons' documents, in the order of their use */
    size_t lexicon_count;
} ft_speaking_opts;

/* Make the request wait until sound comes: the handler returns FT_OK and is called again. Copies
 * what it needs. FT_EFULL when too many speak. */
ft_err ft_speaking_begin(ft_request *req, ft_response *resp, ft_speakers *s,
                         const ft_polly_ask *ask, const ft_speaking_opts *opts);
/* In that second call (req->waiting is set): the answer, or the failure that came before any of it
 * was sent. */
ft_err ft_speaking_answer(ft_request *req, ft_response *resp);

/* How many speak or wait for their turn: for tests and the page of health. */
int ft_speakers_busy(ft_speakers *s);

#endif
