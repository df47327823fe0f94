/* voices.c -- who speaks under which name, and the styles. See voice.h. */
#include <math.h>

#include "base/check.h"
#include "speech/added.h"
#include "speech/espeak.h"
#include "speech/flite.h"

#define SLT                                                                               \
    "flite slt (US English, female, 16 kHz)", &ft_engine_flite, "slt", "Female", "en-US", \
        "US English"
#define RMS \
    "flite rms (US English, male, 16 kHz)", &ft_engine_flite, "rms", "Male", "en-US", "US English"

/* Polly's names so that programs find them; what really speaks stands beside each. */
const ft_voice ft_voices[] = {
    { "Joanna", SLT, true, true, true },
    { "Matthew", RMS, true, true, true },
    { "Salli", SLT, true, true, false },
    { "Kendra", SLT, true, true, false },
    { "Kimberly", SLT, true, true, false },
    { "Ruth", SLT, true, false, false },
    { "Joey", RMS, true, true, false },
    { "Stephen", RMS, true, false, false },
    { "Lupe", "espeak-ng es-419+f2 (US Spanish, female, formant)", &ft_engine_espeak, "es-419+f2",
      "Female", "es-US", "US Spanish", true, true, true },
    { "Penelope", "espeak-ng es-419+f4 (US Spanish, female, formant)", &ft_engine_espeak,
      "es-419+f4", "Female", "es-US", "US Spanish", false, true, false },
    { "Pedro", "espeak-ng es-419 (US Spanish, male, formant)", &ft_engine_espeak, "es-419", "Male",
      "es-US", "US Spanish", true, false, false },
    { "Miguel", "espeak-ng es-419+m3 (US Spanish, male, formant)", &ft_engine_espeak, "es-419+m3",
      "Male", "es-US", "US Spanish", false, true, false },
    { "Amy", "espeak-ng en-gb+f2 (British English, female, formant)", &ft_engine_espeak,
      "gmw/en+f2", "Female", "en-GB", "British English", true, true, true },
    { "Brian", "espeak-ng en-gb (British English, male, formant)", &ft_engine_espeak, "gmw/en",
      "Male", "en-GB", "British English", true, true, false },
    { "Celine", "espeak-ng fr-fr+f2 (French, female, formant)", &ft_engine_espeak, "roa/fr+f2",
      "Female", "fr-FR", "French", false, true, false },
    { "Mathieu", "espeak-ng fr-fr (French, male, formant)", &ft_engine_espeak, "roa/fr", "Male",
      "fr-FR", "French", false, true, false },
    { "Marlene", "espeak-ng de+f2 (German, female, formant)", &ft_engine_espeak, "de+f2", "Female",
      "de-DE", "German", false, true, false },
    { "Hans", "espeak-ng de (German, male, formant)", &ft_engine_espeak, "de", "Male", "de-DE",
      "German", false, true, false },
    { "Carla", "espeak-ng it+f2 (Italian, female, formant)", &ft_engine_espeak, "it+f2", "Female",
      "it-IT", "Italian", false, true, false },
    { "Conchita", "espeak-ng es+f2 (Castilian Spanish, female, formant)", &ft_engine_espeak,
      "es+f2", "Female", "es-ES", "Castilian Spanish", false, true, false },
    { "Camila", "espeak-ng pt-br+f2 (Brazilian Portuguese, female, formant)", &ft_engine_espeak,
      "pt-br+f2", "Female", "pt-BR", "Brazilian Portuguese", true, true, false },
    { 0 },
};

ft_err ft_voice_find(const ft_voice **out, ft_str id) {
    const char *names[FT_COUNT(ft_voices)];
    size_t count = 0;
    for (const ft_voice *v = ft_voices; v->id; v++) {
        if (ft_str_is(id, v->id)) {
            *out = v;
            return FT_OK;
        }
        names[count++] = v->id;
    }
    *out = NULL;
    ft_err err = ft_voice_added(out, id);
    if (err != FT_ENOTFOUND) return err;
    if (ft_str_ends(id, FT_STR(".onnx")))
        return FT_FAIL(FT_ENOTFOUND,
                       "%.*s: a neural voice of your own gets a name first: fettle voices add NAME "
                       "FILE.onnx",
                       FT_STR_ARG(ft_str_slice(id, 0, 200)));
    const char *near = ft_str_nearest(id, names, count);
    if (near) return FT_FAIL(FT_ENOTFOUND, "no voice '%.*s'; is it %s?", FT_STR_ARG(id), near);
    return FT_FAIL(FT_ENOTFOUND, "no voice '%.*s'; see fettle speak --voices", FT_STR_ARG(id));
}

/* Where the numbers come from stands in docs/news-style.md. */
static const ft_style styles[] = {
    { .name = "news",
      .doc = "a news reader's: faster, wider in pitch, clear pauses, new words stressed",
      .rate = 1.18,
      .pitch = 1.04,
      .range = 1.25,
      .declination = 0.02,
      .reset = 0.06,
      .final_lengthening = 1.06,
      .new_rise = 0.06,
      .new_stretch = 1.02,
      .minor_ms = 180,
      .major_ms = 270,
      .full_ms = 420,
      .paragraph_ms = 650 },
    { .name = "conversational",
      .doc = "a talk's: a little slower, softer in pitch, longer pauses",
      .rate = 0.97,
      .pitch = 0.98,
      .range = 1.1,
      .declination = 0.04,
      .reset = 0.04,
      .final_lengthening = 1.18,
      .new_rise = 0.03,
      .new_stretch = 1.03,
      .minor_ms = 220,
      .major_ms = 320,
      .full_ms = 550,
      .paragraph_ms = 900 },
    { 0 },
};

const ft_style *ft_style_find(ft_str name) {
    for (const ft_style *s = styles; s->name; s++)
        if (ft_str_is(name, s->name)) return s;
    return NULL;
}
