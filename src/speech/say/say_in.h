/* say_in.h -- what the classes of say/ share: characters, lists of words, figures. Private to
 * speech. Threads: any. Memory: nothing is taken but what is said. */
#ifndef FT_SPEECH_SAY_IN_H
#define FT_SPEECH_SAY_IN_H

#include <stdio.h>

#include "speech/words_in.h"

/* ---- characters and lists */

static inline bool ft_is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool ft_is_upper(char c) { return c >= 'A' && c <= 'Z'; }
static inline bool ft_is_lower(char c) { return c >= 'a' && c <= 'z'; }
/* Of ASCII, or a byte of a character beyond it. */
static inline bool ft_is_letter(char c) {
    return ft_is_upper(c) || ft_is_lower(c) || (unsigned char)c >= 0x80;
}

bool ft_all_digits(ft_str s); /* and at least one */
bool ft_all_upper(ft_str s);  /* letters of ASCII, at least one */
bool ft_all_letters(ft_str s);
bool ft_word_in(ft_str word, const char *const *list); /* ends with NULL; case does not count */
bool ft_word_in_exact(ft_str word, const char *const *list);
/* The value of up to nine digits; -1: no digits, or more of them. */
long ft_small_number(ft_str digits);
/* Bytes of the first of `heads` that `s` begins with; 0: none. */
size_t ft_head_of(ft_str s, const char *const *heads);
size_t ft_utf8_len(ft_str s); /* of the first character, at most s.len */
bool ft_begins_upper(ft_str s);
/* The token's text, or an empty view past the ends. */
ft_str ft_text_at(const ft_saying *s, int ahead);
/* Does nothing but a blank stand between the token `ahead` places on and the one behind it? */
bool ft_joined(const ft_saying *s, int ahead);
bool ft_is_english(const ft_saying *s);
bool ft_is_function_word(const ft_saying *s, ft_str word);

/* ---- figures: "1,234.50" */

#define FT_FIGURE_DIGITS_MAX 36

typedef struct ft_figure {
    char whole[FT_FIGURE_DIGITS_MAX + 1]; /* without separators */
    ft_str digits;                        /* whole, too, but when there are too many for a name */
    ft_str fraction;                      /* behind the point */
    char sign;                            /* '-', '+' or 0 */
    char point;                           /* '.', ',' or 0 */
    bool grouped;
    size_t len; /* bytes of the text */
} ft_figure;

/* The figure that `text` begins with; false: none. English has comma groups and a point, Spanish
 * also the other way round. Views in `out` are of `text` or of `out` itself: do not copy it. */
bool ft_figure_read(ft_figure *out, ft_str text, const ft_language *language);
/* The same, and nothing behind it. */
bool ft_figure_is(ft_figure *out, ft_str text, const ft_language *language);
void ft_say_figure(ft_saying *s, const ft_figure *f, ft_form form);
bool ft_figure_is_one(const ft_figure *f);

void ft_say_digits(ft_saying *s, ft_str digits); /* one by one; other characters are left out */
void ft_say_cardinal(ft_saying *s, ft_str digits);
void ft_say_long(ft_saying *s, long value, ft_form form);
void ft_say_ordinal(ft_saying *s, ft_str digits, ft_form form);
/* "1984" as nineteen eighty four; in Spanish a number like others. */
void ft_say_year(ft_saying *s, ft_str digits);
/* "305" as three oh five, "1204" as twelve oh four: rooms, roads, flights. */
void ft_say_pairs(ft_saying *s, ft_str digits);
void ft_say_letter(ft_saying *s, char letter);      /* its name */
void ft_say_letters(ft_saying *s, ft_str text);     /* letters and digits by name */
void ft_say_letters_end(ft_saying *s, char letter); /* with an s behind it: "CEOs", "FBI's" */
void ft_say_plural(ft_saying *s);                   /* of the last word: six, sixes */
/* The name of a sign ("&", "@", "-"); false: it has none. */
bool ft_say_sign(ft_saying *s, ft_str sign);

/* ---- what several classes know */

/* 1 … 12 of "Nov", "november", "noviembre"; 0: no month. `is_short`: its dot may be there. */
int ft_month_of(const ft_saying *s, ft_str word, bool *is_short);
void ft_say_month(ft_saying *s, int month);
/* "3 million", "3 millones": is it such a word? */
bool ft_is_magnitude(const ft_saying *s, ft_str word);
/* The form that a number takes before the token `ahead` places on. */
ft_form ft_form_before(const ft_saying *s, int ahead);
bool ft_is_year_like(ft_str digits); /* 1100 … 2099 */
/* Units: the row of "km", or NULL. */
typedef struct ft_unit ft_unit;
const ft_unit *ft_unit_find(ft_str text);
bool ft_say_unit(ft_saying *s, ft_str text, bool one); /* its name; false: it is no unit */
/* Classes' own readings that say-as asks for; false: the text is none. */
bool ft_say_date(ft_saying *s, ft_str text, ft_str format);
bool ft_say_duration(ft_saying *s, ft_str text); /* 1'21" */
bool ft_say_telephone(ft_saying *s, ft_str text);
bool ft_say_fraction(ft_saying *s, ft_str text);
bool ft_say_measure(ft_saying *s, ft_str text); /* "1/2inch", "1meter" */
/* A homograph by its part ("VB") or sense ("SENSE_1"). */
bool ft_say_by_role(ft_saying *s, ft_str word, ft_str role);
/* Word `i` of their table; NULL past its end. */
const char *ft_homograph_word(size_t i);
/* The value of a Roman numeral, 0: none. */
long ft_roman_value(ft_str text);
long ft_small_roman_value(ft_str text); /* of "iii": small letters, i, v, x and l alone */

extern const ft_word_class ft_class_say_as, ft_class_net, ft_class_telephone, ft_class_time,
    ft_class_date, ft_class_money, ft_class_fraction, ft_class_range, ft_class_unit,
    ft_class_number, ft_class_roman, ft_class_abbreviation, ft_class_acronym, ft_class_homograph,
    ft_class_emoji, ft_class_compound, ft_class_plain;

#endif
