/* polly_check.c -- is a request sane? Each member against Polly's rules, in Polly's words. */
#include "base/check.h"
#include "serve/speech/polly.h"

static ft_err invalid(ft_polly *p, const char *member, ft_str value, const char *constraint) {
    return ft_polly_refuse(p, 400, "ValidationException",
                           "1 validation error detected: Value '%.*s' at '%s' failed to satisfy "
                           "constraint: %s",
                           FT_STR_ARG(ft_str_slice(value, 0, 100)), member, constraint);
}

static ft_err missing(ft_polly *p, const char *member) {
    return ft_polly_refuse(p, 400, "ValidationException",
                           "1 validation error detected: Value null at '%s' failed to satisfy "
                           "constraint: Member must not be null",
                           member);
}

static ft_err check_required(ft_polly *p, ft_polly_ask *ask) {
    if (!ask->text.at) return missing(p, "text");
    if (!ask->voice.len && !p->aws) ask->voice = FT_STR("Joanna");
    if (!ask->voice.len) return missing(p, "voiceId");
    if (!ask->format.len && !p->aws) ask->format = FT_STR("mp3");
    return ask->format.len ? FT_OK : missing(p, "outputFormat");
}

static ft_err check_type(ft_polly *p, ft_polly_ask *ask) {
    ft_speech_request *r = &ask->speak;
    r->type = p->aws ? FT_SPEECH_TEXT : FT_SPEECH_AUTO;
    if (ft_str_is(ask->text_type, "text"))
        r->type = FT_SPEECH_TEXT;
    else if (ft_str_is(ask->text_type, "ssml"))
        r->type = FT_SPEECH_SSML;
    else if (ask->text_type.len && (p->aws || !ft_str_is(ask->text_type, "auto")))
        return invalid(p, "textType", ask->text_type,
                       "Member must satisfy enum value set: [ssml, text]");
    return FT_OK;
}

static ft_err check_voice(ft_polly *p, ft_polly_ask *ask) {
    if (ft_voice_find(&ask->who, ask->voice) == FT_OK) return FT_OK;
    return p->aws ? invalid(p, "voiceId", ask->voice,
                            "Member must satisfy enum value set: see DescribeVoices")
                  : ft_polly_refuse(p, 400, "ValidationException", "%s", ft_err_why());
}

bool ft_polly_engine_of_others(ft_str name) {
    return ft_str_is(name, "long-form") || ft_str_is(name, "generative");
}

static ft_err check_engine(ft_polly *p, ft_polly_ask *ask) {
    ft_speech_request *r = &ask->speak;
    r->engine = p->aws ? FT_ENGINE_STANDARD : FT_ENGINE_OWN;
    if (ft_str_is(ask->engine, "neural"))
        r->engine = FT_ENGINE_NEURAL;
    else if (ft_str_is(ask->engine, "standard"))
        r->engine = FT_ENGINE_STANDARD;
    else if (ft_polly_engine_of_others(ask->engine))
        return ft_polly_refuse(p, 400, "EngineNotSupportedException",
                               "This voice does not support the selected engine: %.*s",
                               FT_STR_ARG(ask->engine));
    else if (ask->engine.len)
        return invalid(p, "engine", ask->engine,
                       "Member must satisfy enum value set: [standard, neural]");
    return FT_OK;
}

static ft_err check_lang(ft_polly *p, const ft_polly_ask *ask) {
    if (!ask->lang.len || ft_str_is(ask->lang, ask->who->lang)) return FT_OK;
    return ft_polly_refuse(p, 400, "LanguageNotSupportedException",
                           "The voice %s speaks %s, not %.*s", ask->who->id, ask->who->lang,
                           FT_STR_ARG(ft_str_slice(ask->lang, 0, 40)));
}

/* What Polly calls a format of ours; a telephone's have one rate there. */
static const struct {
    const char *name, *own, *media_type; /* media_type NULL: the format's */
} formats[] = { { "mp3", "mp3", NULL },
                { "ogg_vorbis", "ogg_vorbis", NULL },
                { "pcm", "pcm", NULL },
                { "mulaw", "ulaw", "audio/mulaw" },
                { "alaw", "alaw", "audio/alaw" } };

/* At our door Polly's names are taken, too. */
static void find_format(const ft_polly *p, ft_polly_ask *ask) {
    const ft_audio_format *f = p->aws ? NULL : ft_audio_format_find(ask->format);
    const char *media_type = NULL;
    for (size_t i = 0; !f && i < FT_COUNT(formats); i++)
        if (ft_str_is(ask->format, formats[i].name)) {
            f = ft_audio_format_find(ft_str_of(formats[i].own));
            media_type = formats[i].media_type;
        }
    ask->speak.format = f;
    if (f) ask->media_type = ft_str_of(media_type ? media_type : f->media_type);
}

static ft_err check_format(ft_polly *p, ft_polly_ask *ask) {
    if (ft_str_is(ask->format, "json")) {
        ask->media_type = FT_STR("application/x-json-stream");
        return FT_OK;
    }
    find_format(p, ask);
    if (ask->speak.format) return FT_OK;
    return invalid(p, "outputFormat", ask->format,
                   p->aws ? "Member must satisfy enum value set: [json, mp3, ogg_vorbis, pcm, "
                            "mulaw, alaw]"
                          : "there are json, mp3, ogg_vorbis, pcm, wav, wav_ulaw, wav_alaw, ulaw "
                            "and alaw");
}

static ft_err check_rate(ft_polly *p, ft_polly_ask *ask) {
    int64_t rate = 0;
    bool pcm = ft_str_is(ask->format, "pcm"), law = ft_str_ends(ask->format, FT_STR("law"));
    if (!ask->rate.len) return FT_OK;
    bool good = ft_str_i64(&rate, ask->rate) &&
                (rate == 8000 || rate == 16000 || rate == 22050 || rate == 24000);
    if (good && p->aws && pcm) good = rate <= 16000;
    if (good && p->aws && law) good = rate == 8000;
    if (!good)
        return ft_polly_refuse(p, 400, "InvalidSampleRateException",
                               "A sample rate of '%.*s' is not spoken as %.*s; expected %s",
                               FT_STR_ARG(ft_str_slice(ask->rate, 0, 40)), FT_STR_ARG(ask->format),
                               p->aws && pcm   ? "8000 or 16000"
                               : p->aws && law ? "8000"
                                               : "8000, 16000, 22050 or 24000");
    ask->speak.rate_hz = (int)rate;
    return FT_OK;
}

static ft_err check_marks(ft_polly *p, ft_polly_ask *ask) {
    static const struct {
        const char *name;
        unsigned bit;
    } kinds[] = { { "sentence", FT_MARKS_SENTENCE },
                  { "word", FT_MARKS_WORD },
                  { "ssml", FT_MARKS_SSML },
                  { "viseme", FT_MARKS_VISEME } };
    for (size_t i = 0; i < ask->marks.count && i < FT_POLLY_LIST_MAX; i++) {
        unsigned bit = 0;
        for (size_t k = 0; k < FT_COUNT(kinds); k++)
            if (ft_str_is(ask->marks.items[i], kinds[k].name)) bit = kinds[k].bit;
        if (!bit)
            return invalid(p, "speechMarkTypes", ask->marks.items[i],
                           "Member must satisfy enum value set: [sentence, ssml, viseme, word]");
        ask->speak.marks |= bit;
    }
    if (ask->marks.count > 4)
        return invalid(p, "speechMarkTypes", FT_STR("…"),
                       "Member must have length less than or equal to 4");
    if (ask->speak.marks && ask->speak.format)
        return ft_polly_refuse(p, 400, "MarksNotSupportedForFormatException",
                               "Speech marks are only available as json, not as %.*s",
                               FT_STR_ARG(ask->format));
    if (!ask->speak.marks && !ask->speak.format)
        return ft_polly_refuse(p, 400, "ValidationException",
                               "OutputFormat json needs SpeechMarkTypes: sentence, ssml, viseme, "
                               "word");
    return FT_OK;
}

static ft_err check_own(ft_polly *p, ft_polly_ask *ask) {
    if (ask->style.len && !ft_str_is(ask->style, "neutral")) ask->speak.style = ask->style;
    if (ask->telephone.len && !ft_str_bool(&ask->speak.telephone, ask->telephone))
        return invalid(p, "telephone", ask->telephone, "expected true or false");
    if (ask->lexicons.count > FT_POLLY_LEXICONS_MAX)
        return invalid(p, "lexiconNames", FT_STR("…"),
                       "Member must have length less than or equal to 5");
    return FT_OK;
}

static ft_err too_long(ft_polly *p, size_t chars, size_t most, const char *which) {
    return ft_polly_refuse(p, 400, "TextLengthExceededException",
                           "Maximum text length has been exceeded: %zu %s characters, %zu are the "
                           "most",
                           chars, which, most);
}

/* Read as it will be read: what is malformed is told now, not in the middle of the sound. */
static ft_err check_text(ft_polly *p, ft_polly_ask *ask, size_t billed_max, size_t total_max) {
    const ft_speech_request *r = &ask->speak;
    ft_document doc;
    size_t total = ft_polly_chars(ask->text);
    if (total > total_max) return too_long(p, total, total_max, "total");
    ft_document_opts opts = {
        .type = r->type, .engine = r->engine, .news = ask->who->news, .domain = r->style
    };
    ft_err err = ft_document_read(&doc, p->req->arena, ask->text, &opts);
    if (err == FT_ENOMEM) return err;
    if (err)
        return ft_polly_refuse(p, 400, doc.ssml ? "InvalidSsmlException" : "ValidationException",
                               "%s", ft_err_why());
    ask->billed_chars = doc.billed_chars;
    if (doc.billed_chars > billed_max) return too_long(p, doc.billed_chars, billed_max, "billed");
    return FT_OK;
}

ft_err ft_polly_check(ft_polly_ask *ask, ft_polly *p, size_t billed_max, size_t total_max) {
    const char *refusal = NULL;
    FT_TRY(check_required(p, ask));
    ask->speak = (ft_speech_request){ .text = ask->text, .voice = ask->voice, .lang = ask->lang };
    FT_TRY(check_type(p, ask));
    FT_TRY(check_voice(p, ask));
    FT_TRY(check_engine(p, ask));
    FT_TRY(check_lang(p, ask));
    FT_TRY(check_format(p, ask));
    FT_TRY(check_rate(p, ask));
    FT_TRY(check_own(p, ask));
    FT_TRY(check_marks(p, ask));
    ft_err err = ft_speech_check(&ask->speak, &refusal);
    if (err && refusal) return ft_polly_refuse(p, 400, refusal, "%s", ft_err_why());
    FT_TRY(err);
    return check_text(p, ask, billed_max, total_max);
}
