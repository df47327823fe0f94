/* ssml_elements.c -- what each element of SSML means. One element, one row; which engines take it
 * is the row's second column, as Polly's guide has it ("Supported SSML tags"). */
#include <math.h>
#include <stdio.h>

#include "base/number.h"
#include "speech/phones.h"
#include "speech/ssml_in.h"
#include "speech/voice.h"

#define BREAK_MS_MAX       10000 /* Polly's */
#define PHONEMES_BYTES_MAX 500

enum { ALL = FT_BY_OWN | FT_BY_STANDARD | FT_BY_NEURAL, OWN = FT_BY_OWN };
enum { STANDARD = FT_BY_OWN | FT_BY_STANDARD, NEURAL = FT_BY_OWN | FT_BY_NEURAL };

typedef struct level {
    const char *name;
    double value;
} level;

static bool find_level(double *out, const level *levels, ft_str name) {
    for (; levels->name; levels++)
        if (ft_str_is(name, levels->name)) {
            *out = levels->value;
            return true;
        }
    return false;
}

/* "+10%", "-6dB", "2st": the number before the unit, and whether it had a sign. */
static bool with_unit(double *out, bool *is_signed, ft_str value, const char *unit) {
    if (!ft_str_ends(value, ft_str_of(unit))) return false;
    ft_str digits = ft_str_slice(value, 0, value.len - strlen(unit));
    *is_signed = digits.len > 0 && (digits.at[0] == '+' || digits.at[0] == '-');
    if (digits.len > 1 && digits.at[0] == '+') digits = ft_str_from(digits, 1);
    return ft_str_f64(out, digits) && isfinite(*out);
}

static ft_err wrong(const char *element, const char *name, ft_str value, const char *want) {
    return FT_FAIL(FT_EPARSE, "%s=\"%.*s\" in <%s>: expected %s", name, FT_STR_ARG(value), element,
                   want);
}

static ft_err one_of(ft_str *to, const char *element, const char *name, ft_str value,
                     const char *const *words, const char *want) {
    for (; *words; words++)
        if (ft_str_is(value, *words)) {
            *to = ft_str_of(*words);
            return FT_OK;
        }
    return wrong(element, name, value, want);
}

static ft_err milliseconds(int *out, const char *element, const char *name, ft_str value,
                           int most) {
    double v;
    bool is_signed;
    double unit = 1;
    bool good = with_unit(&v, &is_signed, value, "ms");
    if (!good) {
        unit = 1000;
        good = with_unit(&v, &is_signed, value, "s");
    }
    if (!good || v < 0 || v * unit > most)
        return wrong(element, name, value, "a time up to 10 s, as \"3s\" or \"250ms\"");
    *out = (int)lrint(v * unit);
    return FT_OK;
}

static const char *attribute(const char *const *attributes, const char *name) {
    for (size_t i = 0; attributes[i]; i += 2)
        if (strcmp(attributes[i], name) == 0) return attributes[i + 1];
    return NULL;
}

/* ---- speak, p, s, lang, voice */

static ft_err ends_before(ft_drafting *d, ft_manner *m, const char *const *attributes) {
    (void)m, (void)attributes;
    return ft_drafting_end(d, FT_PIECE_SENTENCE);
}
static ft_err ends_sentence(ft_drafting *d) { return ft_drafting_end(d, FT_PIECE_SENTENCE); }
static ft_err ends_paragraph(ft_drafting *d) { return ft_drafting_end(d, FT_PIECE_PARAGRAPH); }

static ft_err set_lang(ft_drafting *d, ft_manner *m, ft_str value) {
    if (value.len < 2 || value.len > 35) return wrong("lang", "xml:lang", value, "\"en-US\"");
    return ft_arena_str(&m->lang, d->arena, value);
}
static ft_err set_voice(ft_drafting *d, ft_manner *m, ft_str value) {
    const ft_voice *voice;
    if (value.len == 0) return wrong("voice", "name", value, "a voice's name");
    ft_err err = ft_voice_find(&voice, value);
    if (err == FT_OK) return ft_arena_str(&m->voice, d->arena, value);
    if (err != FT_ENOTFOUND) return err;
    char why[200];
    snprintf(why, sizeof why, "%s", ft_err_why());
    return FT_FAIL(FT_EPARSE, "<voice>: %s", why);
}

/* ---- break, mark */

/* Weak and medium are a comma's pause, strong a sentence's, x-strong a paragraph's. */
static const level strengths[] = { { "none", 0 },     { "x-weak", 0 },   { "weak", 200 },
                                   { "medium", 200 }, { "strong", 450 }, { "x-strong", 900 },
                                   { NULL, 0 } };

static ft_err open_break(ft_drafting *d, ft_manner *m, const char *const *attributes) {
    const char *time = attribute(attributes, "time");
    const char *strength = attribute(attributes, "strength");
    double ms = 200;
    int exact = 0;
    if (strength && !find_level(&ms, strengths, ft_str_of(strength)))
        return wrong("break", "strength", ft_str_of(strength),
                     "none, x-weak, weak, medium, strong or x-strong");
    if (time) FT_TRY(milliseconds(&exact, "break", "time", ft_str_of(time), BREAK_MS_MAX));
    return ft_drafting_add(
        d, (ft_piece){ .kind = FT_PIECE_BREAK, .ms = time ? exact : (int)ms, .manner = m });
}

static ft_err open_mark(ft_drafting *d, ft_manner *m, const char *const *attributes) {
    ft_str rest = ft_str_from(d->out->input, d->tag);
    ft_piece piece = { .kind = FT_PIECE_MARK, .manner = m, .start = (uint32_t)d->tag };
    piece.end = (uint32_t)(d->tag + ft_str_find(rest, '>') + 1);
    FT_TRY(ft_arena_str(&piece.text, d->arena, ft_str_of(attribute(attributes, "name"))));
    return ft_drafting_add(d, piece);
}

/* ---- emphasis, prosody */

static ft_err set_emphasis(ft_drafting *d, ft_manner *m, ft_str value) {
    static const level levels[] = {
        { "strong", 2 }, { "moderate", 1 }, { "none", 0 }, { "reduced", -1 }, { NULL, 0 }
    };
    double v;
    (void)d;
    if (!find_level(&v, levels, value))
        return wrong("emphasis", "level", value, "strong, moderate, none or reduced");
    m->emphasis = (int)v;
    return FT_OK;
}
static ft_err open_emphasis(ft_drafting *d, ft_manner *m, const char *const *attributes) {
    (void)d;
    if (!attribute(attributes, "level")) m->emphasis = 1;
    return FT_OK;
}

static ft_err set_volume(ft_drafting *d, ft_manner *m, ft_str value) {
    static const level levels[] = { { "silent", -INFINITY }, { "x-soft", -12 }, { "soft", -6 },
                                    { "medium", 0 },         { "loud", 6 },     { "x-loud", 12 },
                                    { "default", 0 },        { NULL, 0 } };
    double v;
    bool is_signed = true;
    (void)d;
    if (find_level(&v, levels, value)) {
        m->volume_db = v;
        return FT_OK;
    }
    if (!with_unit(&v, &is_signed, value, "dB") || !is_signed || fabs(v) > 60)
        return wrong("prosody", "volume", value,
                     "silent, x-soft, soft, medium, loud, x-loud, default or decibels as \"-6dB\"");
    m->volume_db += v;
    return FT_OK;
}

static ft_err set_rate(ft_drafting *d, ft_manner *m, ft_str value) {
    static const level levels[] = { { "x-slow", 0.5 }, { "slow", 0.75 },  { "medium", 1 },
                                    { "fast", 1.25 },  { "x-fast", 1.5 }, { "default", 1 },
                                    { NULL, 0 } };
    double v;
    bool is_signed;
    (void)d;
    if (find_level(&v, levels, value)) {
        m->rate = v;
        return FT_OK;
    }
    bool good = with_unit(&v, &is_signed, value, "%");
    if (good)
        v = is_signed ? 1 + v / 100 : v / 100;
    else
        good = with_unit(&v, &is_signed, value, "") && !is_signed; /* SSML 1.0: times */
    if (!good || v < 0.2 - 1e-9 || v > 2 + 1e-9)
        return wrong("prosody", "rate", value,
                     "x-slow, slow, medium, fast, x-fast, default or 20% to 200%");
    m->rate = v;
    return FT_OK;
}

static ft_err set_pitch(ft_drafting *d, ft_manner *m, ft_str value) {
    static const level levels[] = { { "x-low", 1 / 1.5 }, { "low", 1 / 1.2 }, { "medium", 1 },
                                    { "high", 1.2 },      { "x-high", 1.5 },  { "default", 1 },
                                    { NULL, 0 } };
    double v;
    bool is_signed;
    (void)d;
    if (find_level(&v, levels, value)) {
        m->pitch = v;
        return FT_OK;
    }
    if (with_unit(&v, &is_signed, value, "%") && is_signed)
        v = 1 + v / 100;
    else if (with_unit(&v, &is_signed, value, "st") && is_signed)
        v = exp2(v / 12);
    else
        v = -1;
    if (v < 0.25 || v > 4)
        return wrong("prosody", "pitch", value,
                     "x-low, low, medium, high, x-high, default, per cent as \"+10%\" or "
                     "semitones as \"-2st\"");
    m->pitch *= v;
    return FT_OK;
}

static ft_err set_range(ft_drafting *d, ft_manner *m, ft_str value) {
    static const level levels[] = { { "x-low", 0.25 }, { "low", 0.5 },  { "medium", 1 },
                                    { "high", 1.5 },   { "x-high", 2 }, { "default", 1 },
                                    { NULL, 0 } };
    double v;
    bool is_signed;
    (void)d;
    if (find_level(&v, levels, value)) {
        m->range = v;
        return FT_OK;
    }
    if (!with_unit(&v, &is_signed, value, "%") || !is_signed || v < -100 || v > 200)
        return wrong("prosody", "range", value,
                     "x-low, low, medium, high, x-high, default or per cent as \"+10%\"");
    m->range *= 1 + v / 100;
    return FT_OK;
}

static ft_err set_max_duration(ft_drafting *d, ft_manner *m, ft_str value) {
    FT_TRY(milliseconds(&m->stretch_ms, "prosody", "amazon:max-duration", value, 3600 * 1000));
    if (m->stretch_ms == 0)
        return wrong("prosody", "amazon:max-duration", value, "a time that is not 0");
    m->stretch = ++d->stretches;
    return FT_OK;
}

/* ---- say-as, sub, phoneme, w */

static ft_err set_say_as(ft_drafting *d, ft_manner *m, ft_str value) {
    static const char *const kinds[] = { "characters", "spell-out", "cardinal", "number",
                                         "ordinal",    "digits",    "fraction", "unit",
                                         "date",       "time",      "address",  "expletive",
                                         "bleep",      "telephone", NULL };
    (void)d;
    return one_of(&m->say_as, "say-as", "interpret-as", value, kinds,
                  "characters, spell-out, cardinal, number, ordinal, digits, fraction, unit, date, "
                  "time, address, expletive, bleep or telephone");
}
static ft_err set_format(ft_drafting *d, ft_manner *m, ft_str value) {
    static const char *const formats[] = {
        "mdy", "dmy", "ymd", "md",       "dm",    "ym",    "my",
        "d",   "m",   "y",   "yyyymmdd", "hms12", "hms24", NULL
    };
    (void)d;
    return one_of(&m->say_format, "say-as", "format", value, formats,
                  "mdy, dmy, ymd, md, dm, ym, my, d, m, y, yyyymmdd, hms12 or hms24");
}
static ft_err set_alias(ft_drafting *d, ft_manner *m, ft_str value) {
    return ft_arena_str(&m->alias, d->arena, value);
}
static ft_err set_ph(ft_drafting *d, ft_manner *m, ft_str value) {
    if (value.len == 0) return wrong("phoneme", "ph", value, "phonemes");
    if (value.len > PHONEMES_BYTES_MAX)
        return wrong("phoneme", "ph", ft_str_slice(value, 0, 20), "phonemes in at most 500 bytes");
    if (m->alphabet.len == 0) m->alphabet = FT_STR("ipa");
    return ft_arena_str(&m->phonemes, d->arena, value);
}
static ft_err set_alphabet(ft_drafting *d, ft_manner *m, ft_str value) {
    static const char *const alphabets[] = { "ipa", "x-sampa", NULL };
    (void)d;
    return one_of(&m->alphabet, "phoneme", "alphabet", value, alphabets, "ipa or x-sampa");
}
/* Whatever the order of its attributes: a sound that is none is refused here, with its place. */
static ft_err open_phoneme(ft_drafting *d, ft_manner *m, const char *const *attributes) {
    ft_buf sounds = { 0 };
    (void)d, (void)attributes;
    ft_err err = ft_phones_from(&sounds, m->phonemes, m->alphabet);
    ft_buf_fini(&sounds);
    return err;
}
static ft_err set_role(ft_drafting *d, ft_manner *m, ft_str value) {
    static const char *const roles[] = { "amazon:VB", "amazon:VBD", "amazon:DT",      "amazon:NN",
                                         "amazon:IN", "amazon:JJ",  "amazon:DEFAULT", NULL };
    (void)d;
    if (ft_str_starts(value, FT_STR("amazon:SENSE_")) && value.len < 20)
        return ft_arena_str(&m->role, d->arena, value);
    return one_of(&m->role, "w", "role", value, roles,
                  "amazon:VB, VBD, DT, IN, JJ, NN, DEFAULT or SENSE_1 …");
}

/* ---- Amazon's own */

static ft_err set_domain(ft_drafting *d, ft_manner *m, ft_str value) {
    static const char *const domains[] = { "news", "conversational", NULL };
    FT_TRY(one_of(&m->domain, "amazon:domain", "name", value, domains, "news or conversational"));
    if (d->opts->engine == FT_ENGINE_NEURAL && !d->opts->news)
        return FT_FAIL(FT_EPARSE, "this voice does not have the style \"%.*s\"", FT_STR_ARG(value));
    return FT_OK;
}
static ft_err set_effect(ft_drafting *d, ft_manner *m, ft_str value) {
    if (ft_str_is(value, "drc")) {
        m->drc = true;
        return FT_OK;
    }
    if (!ft_str_is(value, "whispered"))
        return wrong("amazon:effect", "name", value, "whispered or drc");
    if (d->opts->engine == FT_ENGINE_NEURAL)
        return FT_FAIL(FT_EPARSE, "whispering is not spoken by the neural engine");
    m->whispered = true;
    return FT_OK;
}
static ft_err set_phonation(ft_drafting *d, ft_manner *m, ft_str value) {
    (void)d;
    if (!ft_str_is(value, "soft")) return wrong("amazon:effect", "phonation", value, "soft");
    m->soft = true;
    return FT_OK;
}
static ft_err set_tract(ft_drafting *d, ft_manner *m, ft_str value) {
    double v;
    bool is_signed;
    (void)d;
    if (!with_unit(&v, &is_signed, value, "%"))
        return wrong("amazon:effect", "vocal-tract-length", value, "per cent, as \"+15%\"");
    v = is_signed ? 1 + v / 100 : v / 100;
    if (v < 0.5 - 1e-9 || v > 2 + 1e-9)
        return wrong("amazon:effect", "vocal-tract-length", value, "-50% to +100%");
    m->tract = v;
    return FT_OK;
}

static const level breath_lengths[] = { { "x-short", 150 }, { "short", 250 },  { "medium", 400 },
                                        { "long", 600 },    { "x-long", 900 }, { "default", 400 },
                                        { NULL, 0 } };
static ft_err check_breath_level(ft_drafting *d, ft_manner *m, ft_str value) {
    static const level levels[] = { { "default", 0 }, { "x-soft", 0 }, { "soft", 0 },
                                    { "medium", 0 },  { "loud", 0 },   { "x-loud", 0 },
                                    { "x-low", 0 },   { "low", 0 },    { "high", 0 },
                                    { "x-high", 0 },  { NULL, 0 } };
    double v;
    (void)d, (void)m;
    return find_level(&v, levels, value) ? FT_OK
                                         : wrong("amazon:breath", "volume or frequency", value,
                                                 "default, x-soft … x-loud, x-low … x-high");
}
static ft_err check_breath_length(ft_drafting *d, ft_manner *m, ft_str value) {
    double v;
    (void)d, (void)m;
    return find_level(&v, breath_lengths, value)
               ? FT_OK
               : wrong("amazon:breath", "duration", value, "default, x-short … x-long");
}
static ft_err open_breaths(ft_drafting *d, ft_manner *m, const char *const *attributes) {
    (void)d, (void)attributes;
    m->breaths = true;
    return FT_OK;
}
static ft_err open_breath(ft_drafting *d, ft_manner *m, const char *const *attributes) {
    const char *length = attribute(attributes, "duration");
    double ms = 400;
    if (length) find_level(&ms, breath_lengths, ft_str_of(length));
    return ft_drafting_add(d, (ft_piece){ .kind = FT_PIECE_BREATH, .ms = (int)ms, .manner = m });
}

/* ---- the table */

#define ROWS(...) ((const ft_attribute[]){ __VA_ARGS__, { 0 } })

const ft_element ft_elements[] = {
    { "speak", ALL, NULL, false, false, NULL, NULL },
    { "p", ALL, NULL, false, false, ends_before, ends_paragraph },
    { "s", ALL, NULL, false, false, ends_before, ends_sentence },
    { "break", ALL, ROWS({ "strength", 0, NULL, NULL }, { "time", 0, NULL, NULL }), true, false,
      open_break, NULL },
    { "mark", ALL, ROWS({ "name", 0, NULL, "what the mark is called" }), true, false, open_mark,
      NULL },
    { "lang", ALL, ROWS({ "xml:lang", 0, set_lang, "a language" }), false, false, NULL, NULL },
    { "voice", OWN, ROWS({ "name", 0, set_voice, "a voice" }), false, false, NULL, NULL },
    { "emphasis", STANDARD, ROWS({ "level", 0, set_emphasis, NULL }), false, false, open_emphasis,
      NULL },
    { "prosody", ALL,
      ROWS({ "volume", 0, set_volume, NULL }, { "rate", 0, set_rate, NULL },
           { "pitch", STANDARD, set_pitch, NULL }, { "range", OWN, set_range, NULL },
           { "amazon:max-duration", STANDARD, set_max_duration, NULL }),
      false, true, NULL, NULL },
    { "say-as", ALL,
      ROWS({ "interpret-as", 0, set_say_as, "how to say it" }, { "format", 0, set_format, NULL }),
      false, false, NULL, NULL },
    { "sub", ALL, ROWS({ "alias", 0, set_alias, "what to say instead" }), false, false, NULL,
      NULL },
    { "phoneme", ALL,
      ROWS({ "alphabet", 0, set_alphabet, NULL }, { "ph", 0, set_ph, "the phonemes" }), false,
      false, open_phoneme, NULL },
    { "w", ALL, ROWS({ "role", 0, set_role, "the word's part" }), false, false, NULL, NULL },
    { "amazon:domain", NEURAL, ROWS({ "name", 0, set_domain, "the style" }), false, false, NULL,
      NULL },
    { "amazon:effect", ALL,
      ROWS({ "name", 0, set_effect, NULL }, { "phonation", STANDARD, set_phonation, NULL },
           { "vocal-tract-length", STANDARD, set_tract, NULL }),
      false, true, NULL, NULL },
    { "amazon:auto-breaths", STANDARD,
      ROWS({ "volume", 0, check_breath_level, NULL }, { "frequency", 0, check_breath_level, NULL },
           { "duration", 0, check_breath_length, NULL }),
      false, false, open_breaths, NULL },
    { "amazon:breath", STANDARD,
      ROWS({ "volume", 0, check_breath_level, NULL }, { "duration", 0, check_breath_length, NULL }),
      true, false, open_breath, NULL },
    { 0 },
};
