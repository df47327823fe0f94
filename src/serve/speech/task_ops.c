/* task_ops.c -- StartSpeechSynthesisTask, GetSpeechSynthesisTask, ListSpeechSynthesisTasks. */
#include "base/check.h"
#include "base/random.h"
#include "net/range.h"
#include "serve/speech/service.h"
#include "store/objects.h"

#define LIST_DEFAULT   100
#define LIST_MAX       100
#define PREFIX_MAX     800
#define TASK_ID_MAX    100
#define OWN_PREFIX     "speech/tasks/"
#define LETTERS_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static bool all_of(ft_str text, const char *bytes) {
    for (size_t i = 0; i < text.len; i++)
        if (!text.at[i] || !strchr(bytes, text.at[i])) return false;
    return true;
}

/* ---- where the sound goes */

static ft_err check_bucket(ft_polly *p, ft_polly_ask *ask) {
    const ft_worker *w = p->req->thread;
    if (!ask->bucket.len && !p->aws) {
        ask->bucket = FT_STR(FT_BUCKET_DEFAULT);
        if (!ask->prefix.len) ask->prefix = FT_STR(OWN_PREFIX);
        return FT_OK;
    }
    if (!ask->bucket.len)
        return ft_polly_refuse(p, 400, "ValidationException",
                               "1 validation error detected: Value null at 'outputS3BucketName' "
                               "failed to satisfy constraint: Member must not be null");
    if (ft_str_is(ask->bucket, FT_BUCKET_DEFAULT) || ft_bucket_exists(w->store, ask->bucket))
        return FT_OK;
    return ft_polly_refuse(p, 400, "InvalidS3BucketException", "The bucket '%.*s' does not exist",
                           FT_STR_ARG(ft_str_slice(ask->bucket, 0, 100)));
}

static ft_err check_place(ft_polly *p, ft_polly_ask *ask) {
    FT_TRY(check_bucket(p, ask));
    if (ask->prefix.len > PREFIX_MAX || !all_of(ask->prefix, LETTERS_DIGITS "/!-_.*'():;$@=+,?&"))
        return ft_polly_refuse(
            p, 400, "InvalidS3KeyException",
            "OutputS3KeyPrefix: at most %d letters, digits and /!-_.*'():;$@=+,?&", PREFIX_MAX);
    if (ask->topic.len && (!ft_str_starts(ask->topic, FT_STR("arn:aws:sns:")) ||
                           !all_of(ask->topic, LETTERS_DIGITS ":_-")))
        return ft_polly_refuse(p, 400, "InvalidSnsTopicArnException", "'%.*s' is no topic's ARN",
                               FT_STR_ARG(ft_str_slice(ask->topic, 0, 200)));
    return FT_OK;
}

static ft_err key_make(ft_speech_task *t, ft_polly *p, const ft_polly_ask *ask) {
    const char *ending = ask->speak.format ? ask->speak.format->ending : "marks";
    bool folder = ft_str_ends(ask->prefix, FT_STR("/"));
    char id[FT_UUID_TEXT];
    ft_uuid(id);
    FT_TRY(ft_arena_str(&t->id, p->req->arena, ft_str_of(id)));
    t->bucket = ask->bucket;
    return ft_arena_printf(&t->key, p->req->arena, "%.*s%s%s.%s", FT_STR_ARG(ask->prefix),
                           ask->prefix.len && (!folder || p->aws) ? "." : "", id, ending);
}

/* ---- a task as Polly tells it */

static ft_err put_task(ft_polly_reply *r, ft_polly *p, const ft_speech_task *t) {
    ft_polly_ask ask;
    ft_str uri;
    FT_TRY(ft_polly_read_json(&ask, &(ft_polly){ .req = p->req }, t->members));
    FT_TRY(ft_speech_task_uri(&uri, t, p->req->arena));
    ft_polly_text(r, "Engine", ask.engine);
    ft_polly_text(r, "TaskId", t->id);
    ft_polly_text(r, "TaskStatus", t->status);
    ft_polly_text(r, "TaskStatusReason", t->reason);
    ft_polly_text(r, "OutputUri", uri);
    ft_polly_time(r, "CreationTime", t->created_us);
    ft_json_out_name(&r->json, "RequestCharacters");
    ft_json_out_i64(&r->json, t->chars);
    ft_polly_text(r, "SnsTopicArn", t->topic);
    ft_polly_list_write(&r->json, "LexiconNames", &ask.lexicons);
    ft_polly_text(r, "OutputFormat", ask.format);
    ft_polly_text(r, "SampleRate", ask.rate);
    ft_polly_list_write(&r->json, "SpeechMarkTypes", &ask.marks);
    ft_polly_text(r, "TextType", ask.text_type.len ? ask.text_type : FT_STR("text"));
    ft_polly_text(r, "VoiceId", ask.voice);
    ft_polly_text(r, "LanguageCode", ask.lang);
    return FT_OK;
}

static ft_err reply_task(ft_polly *p, const ft_speech_task *t) {
    ft_polly_reply r;
    ft_polly_begin(&r);
    ft_json_out_name(&r.json, "SynthesisTask");
    ft_json_out_object(&r.json);
    ft_err err = put_task(&r, p, t);
    ft_json_out_close(&r.json);
    ft_err end = ft_polly_end(&r, p);
    return err ? err : end;
}

/* ---- the operations */

ft_err ft_polly_start_task(ft_polly *p) {
    const ft_worker *w = p->req->thread;
    ft_polly_ask ask;
    ft_str pls[FT_POLLY_LEXICONS_MAX];
    ft_speech_task t = { .region = p->aws ? p->region : FT_STR("") };
    FT_TRY(ft_polly_read(&ask, p));
    FT_TRY(ft_polly_check(&ask, p, FT_POLLY_TASK_BILLED, FT_POLLY_TASK_TOTAL));
    FT_TRY(check_place(p, &ask));
    FT_TRY(ft_polly_lexicons(pls, p, &ask));
    FT_TRY(key_make(&t, p, &ask));
    FT_TRY(ft_polly_members(&t.members, p->req->arena, &ask));
    t.topic = ask.topic.at ? ask.topic : FT_STR("");
    t.reason = FT_STR("");
    t.chars = (int64_t)ask.billed_chars;
    ft_err err = ft_speech_task_add(&t, w->store, p->req->arena, ask.text);
    if (err == FT_EFULL) return ft_polly_refuse(p, 429, "ThrottlingException", "%s", ft_err_why());
    FT_TRY(err);
    ft_speech_tasks_wake(ft_speech_service_of(p->req)->tasks);
    return reply_task(p, &t);
}

static ft_err task_find(ft_speech_task *t, ft_polly *p) {
    const ft_worker *w = p->req->thread;
    if (!p->name.len || p->name.len > TASK_ID_MAX || !all_of(p->name, LETTERS_DIGITS "_-"))
        return ft_polly_refuse(p, 400, "InvalidTaskIdException",
                               "TaskId: 1 to %d letters, digits, - and _", TASK_ID_MAX);
    ft_err err = ft_speech_task_get(t, w->store, p->req->arena, p->name);
    if (err != FT_ENOTFOUND) return err;
    return ft_polly_refuse(p, p->aws ? 400 : 404, "SynthesisTaskNotFoundException",
                           "There is no synthesis task '%.*s'", FT_STR_ARG(p->name));
}

ft_err ft_polly_get_task(ft_polly *p) {
    ft_speech_task t;
    FT_TRY(task_find(&t, p));
    return reply_task(p, &t);
}

ft_err ft_polly_get_task_audio(ft_polly *p) {
    const ft_worker *w = p->req->thread;
    ft_speech_task t;
    ft_object o;
    ft_str etag;
    FT_TRY(task_find(&t, p));
    if (!ft_str_is(t.status, "completed"))
        return ft_polly_refuse(p, 409, "TaskNotCompletedException", "The task is %.*s%s%.*s",
                               FT_STR_ARG(t.status), t.reason.len ? ": " : "",
                               FT_STR_ARG(t.reason));
    FT_TRY(ft_object_head(&o, w->store, p->req->arena, t.bucket, t.key));
    FT_TRY(ft_arena_printf(&etag, p->req->arena, "\"%s\"", o.etag));
    FT_TRY(ft_response_ranged(p->resp, p->req, etag, o.size_bytes));
    if (p->resp->status == 416) return FT_OK;
    FT_TRY(ft_object_open(&p->resp->fd, w->store, t.bucket, t.key));
    p->resp->content_type = o.content_type;
    return FT_OK;
}

static ft_err list_read(ft_polly *p, size_t *limit, int64_t *after, ft_str *status) {
    ft_str most = ft_request_query(p->req, "MaxResults"),
           token = ft_request_query(p->req, "NextToken");
    int64_t wanted = LIST_DEFAULT;
    *status = ft_request_query(p->req, "Status");
    *after = 0;
    *limit = LIST_DEFAULT;
    if (most.len && (!ft_str_i64(&wanted, most) || wanted < 1 || wanted > LIST_MAX))
        return ft_polly_refuse(p, 400, "ValidationException",
                               "1 validation error detected: Value '%.*s' at 'maxResults' failed "
                               "to satisfy constraint: Member must be between 1 and 100",
                               FT_STR_ARG(ft_str_slice(most, 0, 40)));
    if (token.at && (!ft_str_i64(after, token) || *after < 0))
        return ft_polly_refuse(p, 400, "InvalidNextTokenException",
                               "The NextToken is invalid: it was not given out here");
    if (status->len && !ft_str_is(*status, "scheduled") && !ft_str_is(*status, "inProgress") &&
        !ft_str_is(*status, "completed") && !ft_str_is(*status, "failed"))
        return ft_polly_refuse(p, 400, "ValidationException",
                               "1 validation error detected: Value '%.*s' at 'status' failed to "
                               "satisfy constraint: Member must satisfy enum value set: "
                               "[scheduled, inProgress, completed, failed]",
                               FT_STR_ARG(ft_str_slice(*status, 0, 40)));
    *limit = (size_t)wanted;
    return FT_OK;
}

static ft_err put_tasks(ft_polly_reply *r, ft_polly *p, const ft_speech_task *all, size_t count) {
    for (size_t i = 0; i < count; i++) {
        ft_json_out_object(&r->json);
        FT_TRY(put_task(r, p, &all[i]));
        ft_json_out_close(&r->json);
    }
    return FT_OK;
}

ft_err ft_polly_list_tasks(ft_polly *p) {
    const ft_worker *w = p->req->thread;
    ft_speech_task *all;
    size_t count, limit;
    int64_t after;
    ft_str status, token = { 0 };
    ft_polly_reply r;
    FT_TRY(list_read(p, &limit, &after, &status));
    FT_TRY(ft_speech_task_list(&all, &count, w->store, p->req->arena, status, after, limit + 1));
    bool more = count > limit;
    if (more) count = limit;
    if (more) FT_TRY(ft_arena_printf(&token, p->req->arena, "%lld", (long long)all[limit - 1].seq));
    ft_polly_begin(&r);
    ft_polly_text(&r, "NextToken", token);
    ft_json_out_name(&r.json, "SynthesisTasks");
    ft_json_out_array(&r.json);
    ft_err err = put_tasks(&r, p, all, count);
    if (err) {
        ft_buf_fini(&r.buf);
        return err;
    }
    ft_json_out_close(&r.json);
    return ft_polly_end(&r, p);
}
