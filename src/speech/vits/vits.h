/* vits.h -- the engine "vits": neural voices of the user's own (VITS networks, as Piper makes
 * them), run by nn. See docs/add-a-voice.md.
 *
 * Threads: a voice's network is shared by its open engines; an engine belongs to one thread at a
 * time. Memory: weights once a voice while an engine of it is open. */
#ifndef FT_SPEECH_VITS_H
#define FT_SPEECH_VITS_H

#include <pthread.h>

#include "speech/voice.h"

extern const ft_engine ft_engine_vits;

/* A row that this engine speaks: made by added.c, or by a test. */
typedef struct ft_vits_voice {
    ft_voice voice;             /* first: an engine gets its address */
    const char *model, *config; /* files */
    const char *speaker;        /* of several: name or number; "" the first */
    pthread_mutex_t lock;       /* of what follows */
    struct ft_vits_shared *shared;
} ft_vits_voice;

#endif
