/* polly.c -- Polly: the operations are the house's own (serve/speech/polly.h), behind AWS's door.
 * Topics of tasks that ended are told by the chore. */
#include <stdlib.h>

#include "aws/services_in.h"
#include "aws/sns_in.h"
#include "base/check.h"
#include "base/log.h"
#include "serve/speech/tasks.h"

/* ---- operations */

static ft_err run(ft_aws_call *c, ft_err (*operation)(ft_polly *p)) {
    ft_polly p = { .req = c->req,
                   .resp = c->resp,
                   .name = c->path_count ? c->path[0] : FT_STR(""),
                   .aws = true,
                   .region = c->region };
    ft_err err = operation(&p);
    if (err && p.code) return ft_aws_fail(c, p.status, p.code, "%s", ft_err_why());
    return err;
}

static ft_err synthesize(ft_aws_call *c) { return run(c, ft_polly_speak); }
static ft_err voices(ft_aws_call *c) { return run(c, ft_polly_voices); }
static ft_err put_lexicon(ft_aws_call *c) { return run(c, ft_polly_put_lexicon); }
static ft_err get_lexicon(ft_aws_call *c) { return run(c, ft_polly_get_lexicon); }
static ft_err list_lexicons(ft_aws_call *c) { return run(c, ft_polly_list_lexicons); }
static ft_err delete_lexicon(ft_aws_call *c) { return run(c, ft_polly_delete_lexicon); }
static ft_err get_task(ft_aws_call *c) { return run(c, ft_polly_get_task); }
static ft_err list_tasks(ft_aws_call *c) { return run(c, ft_polly_list_tasks); }

/* Topics are known to this room alone. */
static ft_err start_task(ft_aws_call *c) {
    ft_aws_resource topic;
    ft_str arn = ft_aws_str(c, "SnsTopicArn");
    if (arn.len) {
        ft_str name = ft_sns_arn_from(arn, 5);
        ft_err err = ft_aws_resource_get(&topic, c->store, c->arena, FT_SNS_TOPIC,
                                         name.at ? name : FT_STR(""));
        if (err == FT_ENOTFOUND)
            return ft_aws_fail(c, 400, "InvalidSnsTopicArnException", "There is no topic '%.*s'",
                               FT_STR_ARG(ft_str_slice(arn, 0, 200)));
        FT_TRY(err);
    }
    return run(c, ft_polly_start_task);
}

/* ---- topics are told what became of tasks */

static ft_err message_put(ft_json_out *j, const ft_speech_task *t, ft_arena *arena) {
    static const struct {
        const char *name, *member;
    } texts[] = { { "outputFormat", "OutputFormat" },
                  { "sampleRate", "SampleRate" },
                  { "textType", "TextType" },
                  { "voiceId", "VoiceId" } };
    ft_str uri, raw;
    FT_TRY(ft_speech_task_uri(&uri, t, arena));
    ft_json_out_name(j, "taskId");
    ft_json_out_str(j, t->id);
    ft_json_out_name(j, "taskStatus");
    ft_json_out_text(j, ft_str_is(t->status, "completed") ? "COMPLETED" : "FAILED");
    ft_json_out_name(j, "taskStatusReason");
    ft_json_out_str(j, t->reason);
    ft_json_out_name(j, "outputUri");
    ft_json_out_str(j, uri);
    ft_json_out_name(j, "creationTime");
    ft_json_out_i64(j, t->created_us / 1000000);
    ft_json_out_name(j, "requestCharacters");
    ft_json_out_i64(j, t->chars);
    ft_json_out_name(j, "snsTopicArn");
    ft_json_out_str(j, t->topic);
    for (size_t i = 0; i < FT_COUNT(texts); i++) {
        if (ft_json_find(&raw, t->members, texts[i].member) != FT_OK) continue;
        ft_json_out_name(j, texts[i].name);
        ft_json_out_raw(j, raw);
    }
    return FT_OK;
}

static ft_err message_make(ft_str *out, const ft_speech_task *t, ft_arena *arena) {
    ft_buf text = { 0 };
    ft_json_out j;
    ft_json_out_init(&j, &text, false);
    ft_json_out_object(&j);
    ft_err err = message_put(&j, t, arena);
    ft_json_out_close(&j);
    if (err == FT_OK) err = text.err;
    if (err == FT_OK) err = ft_arena_str(out, arena, ft_buf_str(&text));
    ft_buf_fini(&text);
    return err;
}

static ft_err receivers(ft_receiver **to, size_t *count, ft_aws_call *c, ft_str topic) {
    ft_aws_resource *all;
    size_t n;
    *count = 0;
    FT_TRY(ft_sns_subscriptions(&all, &n, c, ft_sns_arn_from(topic, 5)));
    FT_TRY(ft_arena_items(to, c->arena, n + 1));
    for (size_t i = 0; i < n; i++)
        if (ft_sns_confirmed(&all[i]))
            FT_TRY(ft_sns_receiver(&(*to)[(*count)++], c, topic, &all[i]));
    return FT_OK;
}

static ft_err tell(ft_store *s, ft_arena *arena, const ft_speech_task *t) {
    ft_aws_call c = { .service = &ft_aws_sns, .arena = arena, .store = s, .region = t->region };
    ft_receiver *to;
    size_t count;
    ft_sns_message m;
    ft_str text, id;
    FT_TRY(message_make(&text, t, arena));
    FT_TRY(receivers(&to, &count, &c, t->topic));
    FT_TRY(ft_sns_message_begin(&m, &c, "Notification", t->topic));
    ft_sns_put(&m, "Message", text);
    FT_TRY(ft_sns_message_send(&id, &m, &c, t->topic, text, to, count));
    return FT_OK;
}

/* Told at least once: the row is marked after the message is stored. */
static ft_err chore(ft_store *s) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_speech_task *all;
    size_t count;
    ft_err err = ft_speech_tasks_untold(&all, &count, s, &arena);
    for (size_t i = 0; err == FT_OK && i < count; i++) {
        if (tell(s, &arena, &all[i]) != FT_OK)
            ft_log_err(FT_LOG_WARN, "aws", FT_EPEER, "telling a topic of a synthesis task");
        ft_err_clear();
        err = ft_speech_task_told(s, all[i].seq);
    }
    ft_arena_fini(&arena);
    return err;
}

/* ---- the service */

static const ft_aws_op ops[] = {
    { .name = "SynthesizeSpeech",
      .method = "POST",
      .path = "/v1/speech",
      .raw = true,
      .run = synthesize },
    /* A link: boto3 signs POST unless it is told GET. */
    { .name = "SynthesizeSpeech",
      .method = "GET",
      .path = "/v1/speech",
      .raw = true,
      .run = synthesize },
    { .name = "DescribeVoices", .method = "GET", .path = "/v1/voices", .raw = true, .run = voices },
    { .name = "PutLexicon",
      .method = "PUT",
      .path = "/v1/lexicons/{LexiconName}",
      .raw = true,
      .run = put_lexicon },
    { .name = "GetLexicon",
      .method = "GET",
      .path = "/v1/lexicons/{LexiconName}",
      .raw = true,
      .run = get_lexicon },
    { .name = "DeleteLexicon",
      .method = "DELETE",
      .path = "/v1/lexicons/{LexiconName}",
      .raw = true,
      .run = delete_lexicon },
    { .name = "ListLexicons",
      .method = "GET",
      .path = "/v1/lexicons",
      .raw = true,
      .run = list_lexicons },
    { .name = "StartSpeechSynthesisTask",
      .method = "POST",
      .path = "/v1/synthesisTasks",
      .raw = true,
      .run = start_task },
    { .name = "GetSpeechSynthesisTask",
      .method = "GET",
      .path = "/v1/synthesisTasks/{TaskId}",
      .raw = true,
      .run = get_task },
    { .name = "ListSpeechSynthesisTasks",
      .method = "GET",
      .path = "/v1/synthesisTasks",
      .raw = true,
      .run = list_tasks },
    { 0 },
};

const ft_aws_service ft_aws_polly = { .name = "polly",
                                      .title = "Polly",
                                      .protocol = FT_AWS_REST_JSON,
                                      .xmlns = "",
                                      .version = "2016-06-10",
                                      .ops = ops,
                                      .prepare = ft_speech_tasks_prepare,
                                      .chore = chore };
