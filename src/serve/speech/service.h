/* service.h -- the speech service of a server: what speaks for requests, tasks and articles, and
 * the record of it all. One a server (ft_serve.speech).
 *
 * Threads: as the parts say. */
#ifndef FT_SPEECH_SERVICE_H
#define FT_SPEECH_SERVICE_H

#include "serve/speech/speaking.h"
#include "serve/speech/tasks.h"

typedef struct ft_speech_service {
    ft_speech_recorder *recorder;
    ft_speakers *speakers;
    ft_speech_tasks *tasks;
} ft_speech_service;

/* `store` is used by this call alone; `home` is borrowed. */
ft_err ft_speech_service_new(ft_speech_service **out, ft_store *store, const char *home);
void ft_speech_service_free(ft_speech_service *s); /* after the server has stopped; fine on NULL */

/* The service of the server that got the request. */
ft_speech_service *ft_speech_service_of(const ft_request *req);

/* The documents of the lexicons that a request names, in the request's arena. A refusal when one is
 * not there. */
ft_err ft_polly_lexicons(ft_str pls[FT_POLLY_LEXICONS_MAX], ft_polly *p, const ft_polly_ask *ask);
/* What kept a text from being spoken, in Polly's words. */
ft_err ft_polly_failed(ft_polly *p, ft_err err);

#endif
