/* plain.c -- the class "plain", last in every language: a word of letters is said as it is written,
 * in lower case. English has the letters of ASCII ("café" is said "cafe"), Spanish keeps its own;
 * letters of other alphabets go on to the voice as they are. */
#include "speech/say/say_in.h"

/* U+00C0 … U+017F without their marks; '?' is none. */
static const char *const latin[] = {
    "A", "A", "A", "A", "A", "A", "AE", "C", "E", "E", "E", "E", "I", "I", "I",  "I",
    "D", "N", "O", "O", "O", "O", "O",  "",  "O", "U", "U", "U", "U", "Y", "TH", "ss",
    "a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i",  "i",
    "d", "n", "o", "o", "o", "o", "o",  "",  "o", "u", "u", "u", "u", "y", "th", "y",
};
static const char latin_more[] =
    "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIi"
    "IiJjKkkLlLlLlLlLlNnNnNnnNnOoOoOoOoRrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";

static void add_lower(ft_saying *s, const char *letters) {
    for (; *letters; letters++)
        ft_buf_byte(&s->words, (char)(ft_is_upper(*letters) ? *letters | 32 : *letters));
}

/* A letter beyond ASCII. */
static void add_far(ft_saying *s, ft_str one) {
    unsigned char a = (unsigned char)one.at[0], b = one.len > 1 ? (unsigned char)one.at[1] : 0;
    unsigned code = (a & 0x1fU) << 6 | (b & 0x3fU);
    bool two = one.len == 2 && a >= 0xc3 && a <= 0xc5;
    if (!two) {
        ft_buf_add(&s->words, one);
    } else if (ft_is_english(s)) {
        char letter[2] = { code < 0x100 ? 0 : latin_more[code - 0x100], 0 };
        add_lower(s, code < 0x100 ? latin[code - 0xc0] : letter);
    } else {
        bool upper = a == 0xc3 && b < 0x9f && b != 0x97;
        ft_buf_byte(&s->words, one.at[0]);
        ft_buf_byte(&s->words, (char)(upper ? b + 0x20 : b));
    }
}

static bool is_letter(ft_str one) {
    unsigned char a = (unsigned char)one.at[0], b = one.len > 1 ? (unsigned char)one.at[1] : 0;
    if (a < 0x80) return ft_is_letter(one.at[0]);
    /* Punctuation, signs and pictures part words; a soft hyphen and a joiner do not. */
    if (a == 0xc2 || a == 0xe2 || (a == 0xe3 && b == 0x80) || a >= 0xf0) return false;
    return !(a == 0xc3 && (b == 0x97 || b == 0xb7));
}

static bool say_plain(ft_saying *s) {
    static const char *const apostrophes[] = { "'", "’", NULL };
    static const char *const nothing[] = { "\xc2\xad", "\xe2\x80\x8d", "\xe2\x80\x8c",
                                           "\xe2\x81\xa0", NULL };
    ft_str text = s->tokens[s->at].text;
    bool word = false;
    for (size_t i = 0; i < text.len;) {
        ft_str one = ft_str_slice(text, i, ft_utf8_len(ft_str_from(text, i)));
        i += one.len;
        if (ft_word_in_exact(one, nothing)) continue;
        if (ft_is_digit(one.at[0])) { /* no class knew better: nothing is lost */
            ft_say_digits(s, one);
            word = false;
            continue;
        }
        bool apostrophe = word && ft_word_in_exact(one, apostrophes);
        if (!apostrophe && !is_letter(one)) {
            word = false;
            continue;
        }
        if (!word && s->words.len) ft_buf_byte(&s->words, ' ');
        word = true;
        if (apostrophe)
            ft_buf_byte(&s->words, '\'');
        else if (one.len == 1)
            ft_buf_byte(&s->words, (char)(ft_is_upper(one.at[0]) ? one.at[0] | 32 : one.at[0]));
        else
            add_far(s, one);
    }
    return true;
}

const ft_word_class ft_class_plain = { "plain", say_plain };
