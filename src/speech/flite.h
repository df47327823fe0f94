/* flite.h -- the engine "flite"; see flite.c. */
#ifndef FT_SPEECH_FLITE_H
#define FT_SPEECH_FLITE_H

#include "speech/voice.h"

extern const ft_engine ft_engine_flite;

#endif
