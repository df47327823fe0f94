/* espeak.h -- the engine "espeak"; see espeak.c. */
#ifndef FT_SPEECH_ESPEAK_H
#define FT_SPEECH_ESPEAK_H

#include "speech/voice.h"

extern const ft_engine ft_engine_espeak;

#endif
