/* espeak_phones.c -- the sounds of the languages that espeak-ng speaks: IPA, X-SAMPA, Polly's
 * viseme and espeak-ng's own name.
 *
 * Sources: Handbook of the IPA, 1999; J. C. Wells, X-SAMPA, 1995; Amazon Polly, "Phoneme and viseme
 * tables" (US Spanish, British English, French, German, Italian, Portuguese); espeak-ng's
 * documentation, "Phonemes". */
#include "base/check.h"
#include "speech/espeak_in.h"

#define VOWEL(name, ipa, sampa, viseme) \
    { name, ipa, sampa, viseme, true }
#define OTHER(name, ipa, sampa, viseme) \
    { name, ipa, sampa, viseme, false }

/* Longer spellings before those that they begin with are not needed: the longest is taken. */
static const ft_phone_row sounds[] = {
    VOWEL("a", "a", "a", "a"),    VOWEL("a", "æ", "{", "a"),    VOWEL("A", "ɑ", "A", "a"),
    VOWEL("A~", "ɑ̃", "A~", "a"),  VOWEL("a#", "ɐ", "6", "@"),   VOWEL("&~", "ɐ̃", "6~", "a"),
    VOWEL("0", "ɒ", "Q", "O"),    VOWEL("V", "ʌ", "V", "E"),    VOWEL("e", "e", "e", "e"),
    VOWEL("E", "ɛ", "E", "E"),    VOWEL("E~", "ɛ̃", "E~", "E"),  VOWEL("3:", "ɜ", "3", "E"),
    VOWEL("3:", "ɝ", "3`", "E"),  VOWEL("@", "ə", "@", "@"),    VOWEL("@", "ɚ", "@`", "@"),
    VOWEL("i", "i", "i", "i"),    VOWEL("I", "ɪ", "I", "i"),    VOWEL("o", "o", "o", "o"),
    VOWEL("O", "ɔ", "O", "O"),    VOWEL("O~", "ɔ̃", "O~", "O"),  VOWEL("Y", "ø", "2", "o"),
    VOWEL("W", "œ", "9", "O"),    VOWEL("W~", "œ̃", "9~", "O"),  VOWEL("u", "u", "u", "u"),
    VOWEL("U", "ʊ", "U", "u"),    VOWEL("y", "y", "y", "u"),    VOWEL("y", "ʏ", "Y", "u"),
    VOWEL("i", "ɨ", "1", "i"),    VOWEL("aI", "aɪ", "aI", "a"), VOWEL("eI", "eɪ", "eI", "e"),
    VOWEL("OI", "ɔɪ", "OI", "O"), VOWEL("aU", "aʊ", "aU", "a"), VOWEL("oU", "əʊ", "@U", "o"),
    VOWEL("oU", "oʊ", "oU", "o"), VOWEL("i@", "ɪə", "I@", "i"), VOWEL("e@", "eə", "e@", "E"),
    VOWEL("U@", "ʊə", "U@", "u"), OTHER("b", "b", "b", "p"),    OTHER("B", "β", "B", "B"),
    OTHER("d", "d", "d", "t"),    OTHER("D", "ð", "D", "T"),    OTHER("f", "f", "f", "f"),
    OTHER("g", "ɡ", "g", "k"),    OTHER("g", "g", "g", "k"),    OTHER("Q", "ɣ", "G", "k"),
    OTHER("h", "h", "h", "k"),    OTHER("j", "j", "j", "i"),    OTHER("J^", "ʝ", "j\\", "J"),
    OTHER("k", "k", "k", "k"),    OTHER("l", "l", "l", "t"),    OTHER("l", "ɫ", "5", "t"),
    OTHER("l^", "ʎ", "L", "J"),   OTHER("m", "m", "m", "p"),    OTHER("n", "n", "n", "t"),
    OTHER("n^", "ɲ", "J", "J"),   OTHER("N", "ŋ", "N", "k"),    OTHER("p", "p", "p", "p"),
    OTHER("pF", "pf", "pf", "p"), OTHER("R2", "r", "r", "r"),   OTHER("r", "ɹ", "r\\", "r"),
    OTHER("r", "ʁ", "R", "r"),    OTHER("r", "ʀ", "R\\", "r"),  OTHER("**", "ɾ", "4", "t"),
    OTHER("s", "s", "s", "s"),    OTHER("S", "ʃ", "S", "S"),    OTHER("t", "t", "t", "t"),
    OTHER("ts", "ts", "ts", "s"), OTHER("dz", "dz", "dz", "s"), OTHER("tS", "tʃ", "tS", "S"),
    OTHER("dZ", "dʒ", "dZ", "S"), OTHER("T", "θ", "T", "T"),    OTHER("v", "v", "v", "f"),
    OTHER("w", "w", "w", "u"),    OTHER("y", "ɥ", "H", "u"),    OTHER("x", "x", "x", "k"),
    OTHER("x", "χ", "X", "k"),    OTHER("C", "ç", "C", "k"),    OTHER("z", "z", "z", "s"),
    OTHER("Z", "ʒ", "Z", "S"),    OTHER("_!", "ʔ", "?", "sil"),
};

static const char *const silent[] = { "ː", "ˑ", ".", " ", "‿", "͡", "ʰ", "̩", "̃", "ˌ", NULL };
static const char *const sampa_silent[] = { ":", ".", " ", "_h", "=", "~", "%", "-", NULL };

static const ft_phone_row *longest(ft_str rest, bool sampa, size_t *len) {
    const ft_phone_row *best = NULL;
    *len = 0;
    for (size_t i = 0; i < FT_COUNT(sounds); i++) {
        ft_str spelling = ft_str_of(sampa ? sounds[i].sampa : sounds[i].ipa);
        if (spelling.len <= *len || !ft_str_starts(rest, spelling)) continue;
        best = &sounds[i];
        *len = spelling.len;
    }
    return best;
}

const ft_phone_row *ft_espeak_phone(ft_str ipa) {
    size_t len;
    if (ipa.len == 0) return ft_phone_find("pau");
    const ft_phone_row *row = longest(ipa, false, &len);
    return row ? row : ft_phone_find("ax");
}

static bool takes_any(ft_str *rest, const char *const *texts) {
    for (; *texts; texts++) {
        if (!ft_str_starts(*rest, ft_str_of(*texts))) continue;
        *rest = ft_str_from(*rest, strlen(*texts));
        return true;
    }
    return false;
}

ft_err ft_espeak_phones_from(ft_buf *out, ft_str phonemes, ft_str alphabet) {
    static const char *const stress[] = { "ˈ", NULL }, *const sampa_stress[] = { "\"", NULL };
    bool sampa = ft_str_is(alphabet, "x-sampa"), stressed = false;
    ft_str rest = phonemes;
    size_t begun = out->len;
    while (rest.len > 0) {
        size_t len;
        if (takes_any(&rest, sampa ? sampa_stress : stress)) {
            stressed = true;
            continue;
        }
        const ft_phone_row *row = longest(rest, sampa, &len);
        if (!row) {
            if (takes_any(&rest, sampa ? sampa_silent : silent)) continue;
            return FT_FAIL(FT_EPARSE, "'%.*s' is no sound in %s", FT_STR_ARG(rest),
                           sampa ? "X-SAMPA" : "IPA");
        }
        if (stressed && row->vowel) {
            ft_buf_byte(out, '\'');
            stressed = false;
        }
        ft_buf_add(out, ft_str_of(row->name));
        rest = ft_str_from(rest, len);
    }
    if (out->len == begun) return FT_FAIL(FT_EPARSE, "'%.*s' has no sounds", FT_STR_ARG(phonemes));
    return out->err;
}

/* ---- X-SAMPA as IPA */

ft_err ft_espeak_ipa_from(ft_buf *out, ft_str sampa) {
    static const char *const marks[][2] = {
        { "\"", "ˈ" }, { "%", "ˌ" },  { ":", "ː" }, { ".", "" }, { " ", " " },
        { "-", "" },   { "_h", "ʰ" }, { "=", "̩" },  { "~", "̃" },
    };
    for (ft_str rest = sampa; rest.len > 0;) {
        size_t len = 0, i = 0;
        const ft_phone_row *row = longest(rest, true, &len);
        if (row) {
            ft_buf_add(out, ft_str_of(row->ipa));
            rest = ft_str_from(rest, len);
            continue;
        }
        while (i < FT_COUNT(marks) && !ft_str_starts(rest, ft_str_of(marks[i][0]))) i++;
        if (i == FT_COUNT(marks) && takes_any(&rest, sampa_silent)) continue;
        if (i == FT_COUNT(marks))
            return FT_FAIL(FT_EPARSE, "'%.*s' is no sound in X-SAMPA", FT_STR_ARG(rest));
        ft_buf_add(out, ft_str_of(marks[i][1]));
        rest = ft_str_from(rest, strlen(marks[i][0]));
    }
    return out->err;
}
