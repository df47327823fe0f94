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

/* Longer spellings before those that they begin with are not needed: the longest is taken. Sounds
 * that espeak-ng has in no language stand as the nearest one. */
static const ft_phone_row sounds[] = {
    VOWEL("a", "a", "a", "a"),     VOWEL("a", "æ", "{", "a"),     VOWEL("A", "ɑ", "A", "a"),
    VOWEL("A~", "ɑ̃", "A~", "a"),   VOWEL("a#", "ɐ", "6", "@"),    VOWEL("&~", "ɐ̃", "6~", "a"),
    VOWEL("0", "ɒ", "Q", "O"),     VOWEL("V", "ʌ", "V", "E"),     VOWEL("e", "e", "e", "e"),
    VOWEL("E", "ɛ", "E", "E"),     VOWEL("E~", "ɛ̃", "E~", "E"),   VOWEL("3:", "ɜ", "3", "E"),
    VOWEL("3:", "ɝ", "3`", "E"),   VOWEL("@", "ə", "@", "@"),     VOWEL("@", "ɚ", "@`", "@"),
    VOWEL("i", "i", "i", "i"),     VOWEL("I", "ɪ", "I", "i"),     VOWEL("o", "o", "o", "o"),
    VOWEL("O", "ɔ", "O", "O"),     VOWEL("O~", "ɔ̃", "O~", "O"),   VOWEL("Y", "ø", "2", "o"),
    VOWEL("W", "œ", "9", "O"),     VOWEL("W~", "œ̃", "9~", "O"),   VOWEL("u", "u", "u", "u"),
    VOWEL("U", "ʊ", "U", "u"),     VOWEL("y", "y", "y", "u"),     VOWEL("y", "ʏ", "Y", "u"),
    VOWEL("i", "ɨ", "1", "i"),     VOWEL("aI", "aɪ", "aI", "a"),  VOWEL("eI", "eɪ", "eI", "e"),
    VOWEL("OI", "ɔɪ", "OI", "O"),  VOWEL("aU", "aʊ", "aU", "a"),  VOWEL("oU", "əʊ", "@U", "o"),
    VOWEL("oU", "oʊ", "oU", "o"),  VOWEL("i@", "ɪə", "I@", "i"),  VOWEL("e@", "eə", "e@", "E"),
    VOWEL("U@", "ʊə", "U@", "u"),  OTHER("b", "b", "b", "p"),     OTHER("B", "β", "B", "B"),
    OTHER("d", "d", "d", "t"),     OTHER("D", "ð", "D", "T"),     OTHER("f", "f", "f", "f"),
    OTHER("g", "ɡ", "g", "k"),     OTHER("g", "g", "g", "k"),     OTHER("Q", "ɣ", "G", "k"),
    OTHER("h", "h", "h", "k"),     OTHER("j", "j", "j", "i"),     OTHER("J^", "ʝ", "j\\", "J"),
    OTHER("k", "k", "k", "k"),     OTHER("l", "l", "l", "t"),     OTHER("l", "ɫ", "5", "t"),
    OTHER("l^", "ʎ", "L", "J"),    OTHER("m", "m", "m", "p"),     OTHER("n", "n", "n", "t"),
    OTHER("n^", "ɲ", "J", "J"),    OTHER("N", "ŋ", "N", "k"),     OTHER("p", "p", "p", "p"),
    OTHER("pF", "pf", "pf", "p"),  OTHER("R2", "r", "r", "r"),    OTHER("r", "ɹ", "r\\", "r"),
    OTHER("r", "ʁ", "R", "r"),     OTHER("r", "ʀ", "R\\", "r"),   OTHER("**", "ɾ", "4", "t"),
    OTHER("s", "s", "s", "s"),     OTHER("S", "ʃ", "S", "S"),     OTHER("t", "t", "t", "t"),
    OTHER("ts", "ts", "ts", "s"),  OTHER("dz", "dz", "dz", "s"),  OTHER("tS", "tʃ", "tS", "S"),
    OTHER("dZ", "dʒ", "dZ", "S"),  OTHER("T", "θ", "T", "T"),     OTHER("v", "v", "v", "f"),
    OTHER("w", "w", "w", "u"),     OTHER("y", "ɥ", "H", "u"),     OTHER("x", "x", "x", "k"),
    OTHER("x", "χ", "X", "k"),     OTHER("C", "ç", "C", "k"),     OTHER("z", "z", "z", "s"),
    OTHER("Z", "ʒ", "Z", "S"),     OTHER("_!", "ʔ", "?", "sil"),  OTHER("S;", "ɕ", "s\\", "S"),
    OTHER("Z;", "ʑ", "z\\", "S"),  OTHER("S", "ʂ", "s`", "S"),    OTHER("Z", "ʐ", "z`", "S"),
    OTHER("c", "c", "c", "k"),     OTHER("J", "ɟ", "J\\", "k"),   OTHER("q", "q", "q", "k"),
    OTHER("g", "ɢ", "G\\", "k"),   OTHER("f", "ɸ", "p\\", "f"),   OTHER("m", "ɱ", "F", "p"),
    OTHER("v", "ʋ", "P", "f"),     OTHER("w", "ʍ", "W", "u"),     OTHER("w", "ɰ", "M\\", "u"),
    OTHER("h", "ɦ", "h\\", "k"),   OTHER("h", "ħ", "X\\", "k"),   OTHER("h", "ʕ", "?\\", "k"),
    OTHER("s", "ɬ", "K", "s"),     OTHER("z", "ɮ", "K\\", "s"),   OTHER("t", "ʈ", "t`", "t"),
    OTHER("d", "ɖ", "d`", "t"),    OTHER("n", "ɳ", "n`", "t"),    OTHER("l", "ɭ", "l`", "t"),
    OTHER("r", "ɻ", "r\\`", "r"),  OTHER("**", "ɽ", "r`", "t"),   OTHER("N", "ɴ", "N\\", "k"),
    OTHER("tS", "ʧ", "tS", "S"),   OTHER("dZ", "ʤ", "dZ", "S"),   OTHER("tS", "t͡ʃ", "t_S", "S"),
    OTHER("dZ", "d͡ʒ", "d_Z", "S"), OTHER("ts", "t͡s", "t_s", "s"), OTHER("ts", "ʦ", "ts", "s"),
    VOWEL("u", "ɯ", "M", "u"),     VOWEL("u", "ʉ", "}", "u"),     VOWEL("o", "ɤ", "7", "o"),
    VOWEL("@", "ɘ", "@\\", "@"),   VOWEL("Y", "ɵ", "8", "o"),     VOWEL("3:", "ɞ", "3\\", "E"),
    VOWEL("W", "ɶ", "&", "a"),
};

/* ---- what a language lacks
 *
 * A name that a language does not have ends its word: espeak-ng drops the rest. So the languages of
 * the voices stand here with those names of ours that they lack (espeak-ng 1.51, asked for each of
 * them), and what is nearest to each. */

static const struct {
    const char *voice; /* how the voice's name begins */
    const char *lacks;
} languages[] = {
    { "es", "A A: A~ a# &~ 0 V E~ 3: I O~ W W~ OI pF" },
    { "gmw/en", "A &~ E~ Y Y: W W~ y pF" },
    { "roa/fr", "A A: &~ 0 3: U aU U@ pF" },
    { "de", "a# &~ 0 V E~ Y" },
    { "it", "A A: A~ a# &~ 0 V E~ 3: O~ W W~ pF" },
    { "pt", "A~ a# 0 V E~ 3: O~ W W~ pF" },
};

/* The first whose first name is there is taken, else the last; names that lack, too, go on from
 * there. Vowels by height, then place, then rounding; a nasal one is the plain one and a nasal. */
static const struct {
    const char *name, *nearest[3];
} nearest[] = {
    { "A", { "A:", "a" } },    { "A:", { "a" } },      { "A~", { "&~", "A n" } },
    { "&~", { "A~", "A n" } }, { "a#", { "a" } },      { "0", { "O" } },
    { "V", { "a" } },          { "E~", { "E n" } },    { "O~", { "O n" } },
    { "W~", { "W n" } },       { "3:", { "W", "@" } }, { "W", { "Y", "3:" } },
    { "Y", { "Y:", "W" } },    { "Y:", { "W" } },      { "y", { "u" } },
    { "I", { "i" } },          { "U", { "u" } },       { "OI", { "O I" } },
    { "aU", { "a U" } },       { "U@", { "U @" } },    { "pF", { "p f" } },
};

static bool holds(const char *names, ft_str name) {
    for (ft_str rest = ft_str_of(names); rest.at;)
        if (ft_str_eq(ft_str_cut(&rest, ' '), name)) return true;
    return false;
}

static bool has(const char *voice, ft_str name) {
    for (size_t i = 0; i < FT_COUNT(languages); i++)
        if (ft_str_starts(ft_str_of(voice), ft_str_of(languages[i].voice)))
            return !holds(languages[i].lacks, name);
    return true;
}

#define DEPTH_MAX 6 /* of the nearest to the nearest; the table's own is 3 */

/* Names with a '|' between: they would merge. `stress` stands before the first. */
static void write_names(ft_buf *out, const char *voice, ft_str names, bool stress, int depth) {
    for (bool first = true; names.at; first = false) {
        ft_str name = ft_str_cut(&names, ' ');
        size_t i = 0, k = 0;
        while (i < FT_COUNT(nearest) && !ft_str_is(name, nearest[i].name)) i++;
        if (i == FT_COUNT(nearest) || depth == DEPTH_MAX || has(voice, name)) {
            char last = out->len ? out->at[out->len - 1] : '[';
            if (last != '[') ft_buf_byte(out, '|');
            if (stress && first) ft_buf_byte(out, '\'');
            ft_buf_add(out, name);
            continue;
        }
        while (nearest[i].nearest[k + 1]) {
            ft_str rest = ft_str_of(nearest[i].nearest[k]);
            if (has(voice, ft_str_cut(&rest, ' '))) break;
            k++;
        }
        write_names(out, voice, ft_str_of(nearest[i].nearest[k]), stress && first, depth + 1);
    }
}

static const char *const silent[] = { "ː", "ˑ", ".", " ", "‿", "͡",  "ʰ", "ʲ", "ʷ",
                                      "̩",  "̯",  "̃",  "̪",  "̥",  "˞", "ˌ", "|", NULL };
static const char *const sampa_silent[] = { ":\\", ":", ".", " ", "_h", "_j", "_w", "_d", "_0",
                                            "_^",  "=", "~", "`", "%",  "-",  "'",  "|",  NULL };

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

const ft_phone_row *ft_espeak_sound_at(ft_str ipa, size_t *len) { return longest(ipa, false, len); }

const char *ft_espeak_sound(size_t i, bool sampa) {
    if (i >= FT_COUNT(sounds)) return NULL;
    return sampa ? sounds[i].sampa : sounds[i].ipa;
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

ft_err ft_espeak_phones_from(ft_buf *out, const char *voice, ft_str phonemes, ft_str alphabet) {
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
        write_names(out, voice, ft_str_of(row->name), stressed && row->vowel, 0);
        if (row->vowel) stressed = false;
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
