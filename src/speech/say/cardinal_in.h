/* cardinal_in.h -- numbers as words, one pair of functions a language. Private to speech. */
#ifndef FT_SPEECH_CARDINAL_IN_H
#define FT_SPEECH_CARDINAL_IN_H

#include "speech/say/say_in.h"

/* The value of group `g`, counted from the right, of `width` digits. */
unsigned ft_digits_group(ft_str digits, size_t g, size_t width);
bool ft_digits_are_zero(ft_str digits, size_t last); /* the last so many digits */

void ft_cardinal_english(ft_saying *s, ft_str digits, ft_form form);
void ft_ordinal_english(ft_saying *s, ft_str digits, ft_form form);
void ft_cardinal_spanish(ft_saying *s, ft_str digits, ft_form form);
void ft_ordinal_spanish(ft_saying *s, ft_str digits, ft_form form);
extern const char *const ft_letters_english[26], *const ft_letters_spanish[26];

#endif
