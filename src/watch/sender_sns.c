/* sender_sns.c -- a message of a topic as SNS posts it to its HTTP subscribers (formats.md 3.14).
 *
 * The target is "<subscription ARN> <raw|json> <unsubscribe URL or -> <address>"; the alert's
 * evidence is the message: {"Type":…,"TopicArn":…,"Message":…, and what else belongs to it}. What
 * is common to all receivers stands there, what is one receiver's in the target. Messages carry no
 * signature: there is no certificate of Amazon's here. */
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "net/client.h"
#include "watch/outbox.h"

#define TIMEOUT_US   ((int64_t)15000000) /* as SNS waits */
#define ANSWER_BYTES ((size_t)64 << 10)

typedef struct target {
    ft_str subscription, form, unsubscribe, url;
} target;

static ft_err target_read(target *t, ft_str text) {
    ft_str rest = text;
    t->subscription = ft_str_cut(&rest, ' ');
    t->form = ft_str_cut(&rest, ' ');
    t->unsubscribe = ft_str_cut(&rest, ' ');
    t->url = rest;
    if (!t->url.len)
        return FT_FAIL(FT_EINVAL,
                       "sns '%.*s': expected a subscription, raw or json, an address to leave by "
                       "and an address",
                       FT_STR_ARG(text));
    return ft_sender_webhook.check(t->url);
}

static ft_err check(ft_str text) {
    target t;
    return target_read(&t, text);
}

/* A text member of the message; at == NULL when it is not there. */
static ft_str member(const ft_alert *a, const char *name, ft_arena *arena) {
    ft_str raw, text;
    ft_json j;
    if (ft_json_find(&raw, a->evidence_json, name) != FT_OK) return (ft_str){ 0 };
    ft_json_init(&j, raw, arena, NULL);
    return ft_json_string(&j, &text) == FT_OK ? text : (ft_str){ 0 };
}

/* A topic may say different things to http and https subscribers. */
static ft_str message(const ft_alert *a, const target *t, ft_arena *arena) {
    ft_str own = member(a, ft_str_starts(t->url, FT_STR("https:")) ? "https" : "http", arena);
    return own.at ? own : member(a, "Message", arena);
}

static void put(ft_json_out *w, const char *name, ft_str value) {
    if (!value.at) return;
    ft_json_out_name(w, name);
    ft_json_out_str(w, value);
}

static ft_err document(ft_str *out, const ft_alert *a, const target *t, ft_arena *arena) {
    static const char *const as_they_are[] = { "Token", "SubscribeURL", "Subject" };
    char seconds[FT_TIME_TEXT], time[FT_TIME_TEXT + 8];
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_str attributes;
    ft_time_iso(seconds, a->raised_us, false);
    snprintf(time, sizeof time, "%.19s.%03dZ", seconds, (int)(a->raised_us / 1000 % 1000));
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    put(&w, "Type", member(a, "Type", arena));
    put(&w, "MessageId", a->uuid);
    put(&w, "TopicArn", member(a, "TopicArn", arena));
    for (size_t i = 0; i < sizeof as_they_are / sizeof *as_they_are; i++)
        put(&w, as_they_are[i], member(a, as_they_are[i], arena));
    put(&w, "Message", message(a, t, arena));
    put(&w, "Timestamp", ft_str_of(time));
    put(&w, "SignatureVersion", FT_STR("1"));
    put(&w, "Signature", FT_STR(""));
    put(&w, "SigningCertURL", FT_STR(""));
    if (!ft_str_is(t->unsubscribe, "-")) put(&w, "UnsubscribeURL", t->unsubscribe);
    if (ft_json_find(&attributes, a->evidence_json, "MessageAttributes") == FT_OK) {
        ft_json_out_name(&w, "MessageAttributes");
        ft_json_out_raw(&w, attributes);
    }
    ft_json_out_close(&w);
    ft_err err = buf.err;
    if (err == FT_OK) err = ft_arena_str(out, arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

static ft_err send_message(ft_str text, const ft_alert *a, ft_arena *arena) {
    target t;
    ft_str url, body, type, id, topic, subscription;
    ft_fetched answer;
    FT_TRY(target_read(&t, text));
    FT_TRY(ft_arena_str(&url, arena, t.url));
    bool raw = ft_str_is(t.form, "raw");
    if (raw)
        body = message(a, &t, arena);
    else
        FT_TRY(document(&body, a, &t, arena));
    FT_TRY(ft_arena_printf(&type, arena, "x-amz-sns-message-type: %.*s",
                           FT_STR_ARG(member(a, "Type", arena))));
    FT_TRY(ft_arena_printf(&id, arena, "x-amz-sns-message-id: %.*s", FT_STR_ARG(a->uuid)));
    FT_TRY(ft_arena_printf(&topic, arena, "x-amz-sns-topic-arn: %.*s",
                           FT_STR_ARG(member(a, "TopicArn", arena))));
    FT_TRY(ft_arena_printf(&subscription, arena, "x-amz-sns-subscription-arn: %.*s",
                           FT_STR_ARG(t.subscription)));
    const char *headers[] = { "Content-Type: text/plain; charset=UTF-8",
                              "User-Agent: Amazon Simple Notification Service Agent",
                              type.at,
                              id.at,
                              topic.at,
                              subscription.at,
                              raw ? "x-amz-sns-rawdelivery: true" : NULL,
                              NULL };
    FT_TRY(ft_http_fetch(&answer, arena,
                         &(ft_fetch){ .method = "POST",
                                      .url = url.at,
                                      .body = body,
                                      .headers = headers,
                                      .timeout_us = TIMEOUT_US,
                                      .limit_bytes = ANSWER_BYTES }));
    if (answer.status / 100 != 2)
        return FT_FAIL(FT_EPEER, "%s answered with status %d, expected 2xx", url.at, answer.status);
    return FT_OK;
}

const ft_sender ft_sender_sns = { .name = "sns",
                                  .doc = "POST a topic's message as SNS does",
                                  .target = "a subscription, its form and its address",
                                  .check = check,
                                  .send = send_message };
