/* polly.h -- Polly's operations, behind two doors: the house's own routes (/v1/…, routes_speech.c)
 * and the AWS front door (aws/polly.c). Members, limits, answers and the names of refusals are
 * Polly's; the house's door takes a little more (styles, WAV and G.711, a telephone's band).
 *
 * Source: Amazon Polly API reference 2016-06-10; limits as in "Quotas in Amazon Polly".
 *
 * Threads: those of the requests. Memory: the request's arena. */
#ifndef FT_SERVE_POLLY_H
#define FT_SERVE_POLLY_H

#include "net/server.h"
#include "serve/worker.h"
#include "speech/speech.h"

#define FT_POLLY_SPEECH_BILLED 3000 /* characters, tags not counted */
#define FT_POLLY_SPEECH_TOTAL  6000
#define FT_POLLY_SPEECH_S      600 /* of sound; what remains is cut off */
#define FT_POLLY_TASK_BILLED   100000
#define FT_POLLY_TASK_TOTAL    200000
#define FT_POLLY_LEXICONS_MAX  5 /* of a request */
#define FT_POLLY_LIST_MAX      8 /* items of a list member that are kept; all are counted */

typedef struct ft_polly { /* a call */
    ft_request *req;
    ft_response *resp;
    ft_str name;   /* in the path: a lexicon's or a task's */
    bool aws;      /* came signed: Polly's own members and rules, nothing of ours */
    ft_str region; /* of ARNs */
    /* Set by a refusal, beside the sentence of ft_err_why(); code NULL: a room below failed. */
    int status;
    const char *code;
} ft_polly;

/* Refuse in Polly's words; returns an ft_err to pass on. */
ft_err ft_polly_refuse(ft_polly *p, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- what is asked for: members of a JSON body, or of the query of a link */

typedef struct ft_polly_list {
    ft_str items[FT_POLLY_LIST_MAX];
    size_t count; /* may be more than are kept */
} ft_polly_list;

typedef struct ft_polly_ask {
    ft_str text, text_type, voice, engine, lang, format, rate;
    ft_polly_list lexicons, marks;
    ft_str bucket, prefix, topic; /* of a task */
    ft_str style, telephone;      /* the house's */
    /* Made of them by ft_polly_check; borrows their texts. */
    ft_speech_request speak;
    const ft_voice *who;
    ft_str media_type;
    size_t billed_chars;
} ft_polly_ask;

/* FT_OK or a refusal. */
ft_err ft_polly_read(ft_polly_ask *out, ft_polly *p);
/* The same from kept JSON, as ft_polly_write made it. */
ft_err ft_polly_read_json(ft_polly_ask *out, ft_polly *p, ft_str json);
/* Is it sane, and within the limits? Reads the whole text; speaks nothing. */
ft_err ft_polly_check(ft_polly_ask *ask, ft_polly *p, size_t billed_max, size_t total_max);
/* The members without the text, for keeping: as JSON in the arena, or into an object that is open.
 */
ft_err ft_polly_members(ft_str *out, ft_arena *arena, const ft_polly_ask *ask);
void ft_polly_write(ft_json_out *j, const ft_polly_ask *ask);
void ft_polly_list_write(ft_json_out *j, const char *name, const ft_polly_list *list);
/* Characters of UTF-8. */
size_t ft_polly_chars(ft_str text);
/* One of Polly's engines that no voice here answers to. */
bool ft_polly_engine_of_others(ft_str name);

/* ---- answers: JSON with Polly's shapes */
typedef struct ft_polly_reply {
    ft_buf buf;
    ft_json_out json; /* an object is open */
} ft_polly_reply;
void ft_polly_begin(ft_polly_reply *r);
ft_err ft_polly_end(ft_polly_reply *r, ft_polly *p);                   /* frees, also on failure */
void ft_polly_text(ft_polly_reply *r, const char *name, ft_str value); /* left out when empty */
void ft_polly_time(ft_polly_reply *r, const char *name, int64_t us);   /* epoch seconds */

/* ---- the operations */
ft_err ft_polly_speak(ft_polly *p);  /* SynthesizeSpeech */
ft_err ft_polly_voices(ft_polly *p); /* DescribeVoices */
ft_err ft_polly_put_lexicon(ft_polly *p);
ft_err ft_polly_get_lexicon(ft_polly *p);
ft_err ft_polly_list_lexicons(ft_polly *p);
ft_err ft_polly_delete_lexicon(ft_polly *p);
ft_err ft_polly_start_task(ft_polly *p);
ft_err ft_polly_get_task(ft_polly *p);
ft_err ft_polly_list_tasks(ft_polly *p);
/* The sound of a task that is completed; the house's own. */
ft_err ft_polly_get_task_audio(ft_polly *p);

#endif
