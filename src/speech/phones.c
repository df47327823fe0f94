/* phones.c -- see phones.h. */
#include "speech/phones.h"

#include <stdio.h>
#include <string.h>

static const ft_phone_row rows[] = {
    { "aa", "ɑ", "A", "a", true },
    { "ae", "æ", "{", "a", true },
    { "ah", "ʌ", "V", "E", true },
    { "ao", "ɔ", "O", "O", true },
    { "aw", "aʊ", "aU", "a", true },
    { "ax", "ə", "@", "@", true },
    { "axr", "ɚ", "@`", "@", true },
    { "ay", "aɪ", "aI", "a", true },
    { "b", "b", "b", "p", false },
    { "ch", "tʃ", "tS", "S", false },
    { "d", "d", "d", "t", false },
    { "dh", "ð", "D", "T", false },
    { "dx", "ɾ", "4", "t", false },
    { "eh", "ɛ", "E", "E", true },
    { "el", "əl", "@l", "t", true },
    { "em", "əm", "@m", "p", true },
    { "en", "ən", "@n", "t", true },
    { "er", "ɝ", "3`", "E", true },
    { "ey", "eɪ", "eI", "e", true },
    { "f", "f", "f", "f", false },
    { "g", "ɡ", "g", "k", false },
    { "hh", "h", "h", "k", false },
    { "hv", "ɦ", "h\\", "k", false },
    { "ih", "ɪ", "I", "i", true },
    { "iy", "i", "i", "i", true },
    { "jh", "dʒ", "dZ", "S", false },
    { "k", "k", "k", "k", false },
    { "l", "l", "l", "t", false },
    { "m", "m", "m", "p", false },
    { "n", "n", "n", "t", false },
    { "nx", "ɾ̃", "4~", "t", false },
    { "ng", "ŋ", "N", "k", false },
    { "ow", "oʊ", "oU", "o", true },
    { "oy", "ɔɪ", "OI", "O", true },
    { "p", "p", "p", "p", false },
    { "r", "ɹ", "r\\", "r", false },
    { "s", "s", "s", "s", false },
    { "sh", "ʃ", "S", "S", false },
    { "t", "t", "t", "t", false },
    { "th", "θ", "T", "T", false },
    { "uh", "ʊ", "U", "u", true },
    { "uw", "u", "u", "u", true },
    { "v", "v", "v", "f", false },
    { "w", "w", "w", "u", false },
    { "y", "j", "j", "i", false },
    { "z", "z", "z", "s", false },
    { "zh", "ʒ", "Z", "S", false },
    { "pau", "", "", "sil", false },
    { "h#", "", "", "sil", false },
    { "brth", "", "", "sil", false },
    { 0 },
};

/* Sounds of other languages and other spellings, as the nearest that there is. Longer ones first.
 */
static const struct {
    const char *spelling;
    const char *phones; /* a '1' stands where the stress of the vowel goes */
} ipa_also[] = {
    { "ɚ", "er1" },  { "ɾ̃", "n" },    { "ɾ", "d" },    { "ɦ", "hh" },   { "t͡ʃ", "ch" }, { "d͡ʒ", "jh" }, { "ʧ", "ch" },  { "ʤ", "jh" },  { "eə", "eh1 r" }, { "ɪə", "ih1 r" },
    { "ʊə", "uh1 r" }, { "əʊ", "ow1" }, { "ɜr", "er1" }, { "əɹ", "er1" }, { "ər", "er1" },
    { "ɜ", "er1" },  { "ɒ", "aa1" },  { "ɐ", "ah1" },  { "a", "aa1" },  { "e", "eh1" },
    { "o", "ow1" },  { "ɨ", "ih1" },  { "y", "uw1" },  { "ø", "er1" },  { "œ", "er1" },
    { "r", "r" },    { "ʁ", "r" },    { "ʀ", "r" },    { "g", "g" },    { "x", "k" },
    { "χ", "k" },    { "ç", "hh" },   { "ɲ", "n y" },  { "ʎ", "l y" },  { "β", "b" },
    { "ɣ", "g" },    { "ɫ", "l" },    { "ʔ", "t" },    { "ʍ", "w" },    { "ɕ", "sh" },
    { "ʂ", "sh" },   { "ʑ", "zh" },   { "ʐ", "zh" },   { "ɑ̃", "aa1 n" }, { "ɐ̃", "aa1 n" },
    { "ɛ̃", "ae1 n" }, { "ɔ̃", "ao1 n" }, { "œ̃", "ah1 n" }, { "ʏ", "ih1" },   { "ʝ", "y" },
    { "ɥ", "w" },    { "pf", "p f" }, { "t͡s", "t s" }, { "ʦ", "t s" }, { "c", "k" },
    { "ɟ", "g" },    { "q", "k" },    { "ɢ", "g" },    { "ɸ", "f" },   { "ɱ", "m" },
    { "ʋ", "v" },    { "ɰ", "w" },    { "ħ", "hh" },   { "ʕ", "hh" },  { "ɬ", "s" },
    { "ɮ", "z" },    { "ʈ", "t" },    { "ɖ", "d" },    { "ɳ", "n" },   { "ɭ", "l" },
    { "ɻ", "r" },    { "ɽ", "d" },    { "ɴ", "ng" },   { "ɯ", "uw1" }, { "ʉ", "uw1" },
    { "ɤ", "ah1" },  { "ɘ", "ah1" },  { "ɵ", "er1" },  { "ɞ", "er1" }, { "ɶ", "aa1" },
    { NULL, NULL },
}, sampa_also[] = {
    { "@`", "er1" }, { "4~", "n" },   { "4", "d" },    { "h\\", "hh" }, { "@U", "ow1" }, { "r=", "er1" }, { "3:", "er1" }, { "3", "er1" },  { "Q", "aa1" },
    { "6", "ah1" },  { "a", "aa1" },  { "e", "eh1" },  { "o", "ow1" },  { "1", "ih1" },
    { "y", "uw1" },  { "2", "er1" },  { "9", "er1" },  { "r", "r" },    { "R", "r" },
    { "x", "k" },    { "C", "hh" },   { "J", "n y" },  { "L", "l y" },  { "B", "b" },
    { "G", "g" },    { "5", "l" },    { "?", "t" },    { "W", "w" },    { "A~", "aa1 n" }, { "6~", "aa1 n" },
    { "E~", "ae1 n" }, { "O~", "ao1 n" }, { "9~", "ah1 n" }, { "I@", "ih1 r" }, { "e@", "eh1 r" },
    { "U@", "uh1 r" }, { "Y", "ih1" },  { "j\\", "y" },  { "H", "w" },    { "X", "k" },
    { "R\\", "r" },  { "t_S", "ch" }, { "d_Z", "jh" }, { "t_s", "t s" }, { "c", "k" },
    { "J\\", "g" },  { "q", "k" },    { "G\\", "g" },  { "p\\", "f" },  { "F", "m" },
    { "P", "v" },    { "M\\", "w" },  { "X\\", "hh" }, { "?\\", "hh" }, { "K", "s" },
    { "K\\", "z" },  { "s\\", "sh" }, { "z\\", "zh" }, { "s`", "sh" },  { "z`", "zh" },
    { "t`", "t" },   { "d`", "d" },   { "n`", "n" },   { "l`", "l" },   { "r\\`", "r" },
    { "r`", "d" },   { "N\\", "ng" }, { "M", "uw1" },  { "}", "uw1" },  { "7", "ah1" },
    { "@\\", "ah1" }, { "8", "er1" }, { "3\\", "er1" }, { "&", "aa1" },  { NULL, NULL },
};

/* Marks that say nothing here: length, syllable, linking, blanks. */
static const char *const ipa_silent[] = { "ː", "ˑ", ".", " ", "‿", "͡",  "ʰ", "ʲ", "ʷ",
                                          "̩",  "̯",  "̃",  "̪",  "̥",  "˞", "ˌ", "|", NULL };
static const char *const sampa_silent[] = { ":\\", ":", ".", " ", "_h", "_j", "_w", "_d", "_0",
                                            "_^",  "=", "~", "`", "%",  "-",  "'",  "|",  NULL };

const ft_phone_row *ft_phone_find(const char *name) {
    for (const ft_phone_row *r = rows; r->name; r++)
        if (strcmp(r->name, name) == 0) return r;
    return NULL;
}

bool ft_phone_silent(const ft_phone_row *phone) { return strcmp(phone->viseme, "sil") == 0; }

static bool takes(ft_str *rest, const char *text) {
    ft_str head = ft_str_of(text);
    if (head.len == 0 || !ft_str_starts(*rest, head)) return false;
    *rest = ft_str_from(*rest, head.len);
    return true;
}

static bool takes_any(ft_str *rest, const char *const *texts) {
    for (; *texts; texts++)
        if (takes(rest, *texts)) return true;
    return false;
}

/* Sounds that voices may tell of, but slt and rms do not have: what they say for them stands among
 * the other spellings, and a schwa and a consonant are as good as "el". */
static bool is_absent(const char *name) {
    static const char *const absent[] = { "axr", "dx", "el", "em", "en", "hv", "nx", NULL };
    for (size_t i = 0; absent[i]; i++)
        if (strcmp(absent[i], name) == 0) return true;
    return false;
}

/* The row with the longest spelling that `rest` begins with. */
static const ft_phone_row *longest(ft_str rest, bool sampa) {
    const ft_phone_row *best = NULL;
    size_t len = 0;
    for (const ft_phone_row *r = rows; r->name; r++) {
        ft_str spelling = ft_str_of(sampa ? r->sampa : r->ipa);
        if (spelling.len <= len || !ft_str_starts(rest, spelling)) continue;
        if (is_absent(r->name)) continue;
        best = r;
        len = spelling.len;
    }
    return best;
}

static void add_phones(ft_buf *out, const char *phones, char stress) {
    if (out->len) ft_buf_byte(out, ' ');
    for (; *phones; phones++) ft_buf_byte(out, *phones == '1' ? stress : *phones);
}

static bool takes_one(ft_buf *out, ft_str *rest, bool sampa, char *stress) {
    const ft_phone_row *row = longest(*rest, sampa);
    size_t also_len = 0;
    const char *also = NULL;
    for (size_t i = 0; (sampa ? sampa_also : ipa_also)[i].spelling; i++) {
        ft_str spelling = ft_str_of((sampa ? sampa_also : ipa_also)[i].spelling);
        if (spelling.len <= also_len || !ft_str_starts(*rest, spelling)) continue;
        also = (sampa ? sampa_also : ipa_also)[i].phones;
        also_len = spelling.len;
    }
    size_t row_len = row ? strlen(sampa ? row->sampa : row->ipa) : 0;
    if (!row_len && !also_len) return false;
    char vowel[8];
    if (row_len >= also_len) {
        snprintf(vowel, sizeof vowel, "%s%s", row->name, row->vowel ? "1" : "");
        also = vowel;
    }
    bool voiced = strchr(also, '1') != NULL;
    add_phones(out, also, *stress);
    if (voiced) *stress = '0'; /* the next vowel has none of its own */
    *rest = ft_str_from(*rest, row_len > also_len ? row_len : also_len);
    return true;
}

ft_err ft_phones_from(ft_buf *out, ft_str phonemes, ft_str alphabet) {
    bool sampa = ft_str_is(alphabet, "x-sampa");
    ft_str rest = phonemes;
    ft_buf phones = { 0 };
    char stress = '0';
    while (rest.len > 0) {
        if (takes(&rest, sampa ? "\"" : "ˈ"))
            stress = '1';
        else if (takes_any(&rest, sampa ? sampa_silent : ipa_silent))
            continue;
        else if (!takes_one(&phones, &rest, sampa, &stress)) {
            ft_buf_fini(&phones);
            return FT_FAIL(FT_EPARSE, "'%.*s' is no sound in %s", FT_STR_ARG(rest),
                           sampa ? "X-SAMPA" : "IPA");
        }
    }
    ft_buf_add(out, ft_buf_str(&phones));
    ft_err err = phones.err;
    bool none = phones.len == 0;
    ft_buf_fini(&phones);
    if (err != FT_OK) return err;
    if (none) return FT_FAIL(FT_EPARSE, "'%.*s' has no sounds", FT_STR_ARG(phonemes));
    return out->err;
}
