/* service.c -- see service.h; and SynthesizeSpeech. */
#include "serve/speech/service.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "serve/serve_in.h"
#include "serve/speech/articles.h"
#include "serve/speech/lexicons.h"

ft_err ft_speech_service_new(ft_speech_service **out, ft_store *store, const char *home) {
    ft_err err;
    ft_speech_service *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    *out = NULL;
    if (!s) return FT_FAIL(FT_ENOMEM, "no memory for a server");
    FT_GOTO(err, ft_articles_prepare(store));
    FT_GOTO(err, ft_speech_recorder_new(&s->recorder, home));
    FT_GOTO(err, ft_speakers_new(&s->speakers, home, s->recorder));
    FT_GOTO(err, ft_speech_tasks_new(&s->tasks, store, home, s->recorder));
done:
    if (err)
        ft_speech_service_free(s);
    else
        *out = s;
    return err;
}

void ft_speech_service_free(ft_speech_service *s) {
    if (!s) return;
    ft_speech_tasks_free(s->tasks);
    ft_speakers_free(s->speakers);
    ft_speech_recorder_free(s->recorder);
    free(s);
}

ft_speech_service *ft_speech_service_of(const ft_request *req) {
    const ft_worker *w = req->thread;
    return w->serve->speech;
}

ft_err ft_polly_lexicons(ft_str pls[FT_POLLY_LEXICONS_MAX], ft_polly *p, const ft_polly_ask *ask) {
    const ft_worker *w = p->req->thread;
    for (size_t i = 0; i < ask->lexicons.count; i++) {
        ft_lexicon_row row;
        ft_err err = ft_lexicon_get(&row, w->store, p->req->arena, ask->lexicons.items[i]);
        if (err == FT_ENOTFOUND)
            return ft_polly_refuse(p, 404, "LexiconNotFoundException",
                                   "Lexicon not found: there is none of the name '%.*s'",
                                   FT_STR_ARG(ft_str_slice(ask->lexicons.items[i], 0, 100)));
        FT_TRY(err);
        pls[i] = row.content;
    }
    return FT_OK;
}

/* A permanent failure is never a 500: clients repeat those. */
ft_err ft_polly_failed(ft_polly *p, ft_err err) {
    static const struct {
        ft_err err;
        int status;
        const char *code;
    } names[] = {
        { FT_EPARSE, 400, "InvalidSsmlException" },
        { FT_EINVAL, 400, "ValidationException" },
        { FT_EUNSUPPORTED, 400, "ValidationException" },
        { FT_ETOOBIG, 400, "TextLengthExceededException" },
        { FT_EFULL, 429, "ThrottlingException" },
        { FT_EABSENT, 501, "ServiceFailureException" },
    };
    for (size_t i = 0; i < FT_COUNT(names); i++)
        if (names[i].err == err)
            return ft_polly_refuse(p, names[i].status, names[i].code, "%s", ft_err_why());
    return ft_polly_refuse(p, 500, "ServiceFailureException", "%s", ft_err_why());
}

static ft_err begin(ft_polly *p) {
    ft_polly_ask ask;
    ft_str pls[FT_POLLY_LEXICONS_MAX];
    FT_TRY(ft_polly_read(&ask, p));
    FT_TRY(ft_polly_check(&ask, p, FT_POLLY_SPEECH_BILLED, FT_POLLY_SPEECH_TOTAL));
    FT_TRY(ft_polly_lexicons(pls, p, &ask));
    ask.speak.seconds_max = FT_POLLY_SPEECH_S;
    ft_speaking_opts opts = { .door = p->aws ? "aws" : "api",
                              .whole = ft_str_starts(ask.format, FT_STR("wav")),
                              .pls = pls,
                              .lexicon_count = ask.lexicons.count };
    ft_err err =
        ft_speaking_begin(p->req, p->resp, ft_speech_service_of(p->req)->speakers, &ask, &opts);
    return err ? ft_polly_failed(p, err) : FT_OK;
}

ft_err ft_polly_speak(ft_polly *p) {
    if (!p->req->waiting) return begin(p);
    ft_err err = ft_speaking_answer(p->req, p->resp);
    if (err) return ft_polly_failed(p, err);
    if (!p->resp->later) ft_response_header(p->resp, "Cache-Control", FT_STR("no-store"));
    return FT_OK;
}
