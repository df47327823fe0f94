/* espeak.h -- the engine "espeak"; see espeak.c. */
#ifndef FT_SPEECH_ESPEAK_H
#define FT_SPEECH_ESPEAK_H

#include "speech/voice.h"

extern const ft_engine ft_engine_espeak;

/* The process of an open engine, for those that watch it; 0 when there is none. */
int ft_espeak_pid(const void *engine);
/* What `fettle run-espeak` does: answer requests that come over `fd` until it is closed. */
ft_err ft_espeak_serve(int fd);

#endif
