/* abbreviation_in.h -- whose dot ends no sentence. Private to speech. */
#ifndef FT_SPEECH_ABBREVIATION_IN_H
#define FT_SPEECH_ABBREVIATION_IN_H

#include "speech/say/say_in.h"

/* Does the dot behind `t` belong to a short form, and end no sentence? `tokens`: the first of the
 * text that `t` is of; `next`: NULL at its end. */
bool ft_abbreviation_keeps_dot(const ft_token *tokens, const ft_token *t, const ft_token *next,
                               int tongue, bool (*is_function_word)(ft_str));

#endif
