/* say_plain.c -- the class "plain", last in every language: a word of letters is said as it is
 * written. */
#include "speech/words_in.h"

/* Letters (also those beyond ASCII) and apostrophes, in lower case; anything else parts two words.
 */
static bool say_plain(ft_saying *s) {
    ft_str text = s->tokens[s->at].text;
    ft_buf word = { 0 };
    for (size_t i = 0; i <= text.len; i++) {
        unsigned char c = i < text.len ? (unsigned char)text.at[i] : ' ';
        bool upper = c >= 'A' && c <= 'Z', letter = upper || (c >= 'a' && c <= 'z') || c >= 0x80;
        bool apostrophe = c == '\'' && word.len > 0;
        if (letter || apostrophe) {
            ft_buf_byte(&word, (char)(upper ? c - 'A' + 'a' : c));
            continue;
        }
        ft_say_str(s, ft_buf_str(&word));
        ft_buf_reset(&word);
    }
    ft_buf_fini(&word);
    return true;
}

const ft_word_class ft_class_plain = { "plain", say_plain };
