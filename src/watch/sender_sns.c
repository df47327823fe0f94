/* sender_sns.c -- a message of a topic as SNS posts it to its HTTP subscribers (formats.md 3.14).
 *
 * The target is "<subscription ARN> <raw|json> <unsubscribe URL or -> <address>"; the alert's
 * evidence is the message: {"Type":…,"TopicArn":…,"Message":…, and what else belongs to it}. What
 * is common to all receivers stands there, what is one receiver's in the target. An address is
 * http://…, https://…, or mailto:name@host. Messages to http are signed with the home's own key
 * (its folder "sns"), the certificate is where SigningCertURL says: receivers that trust Amazon's
 * alone refuse it. */
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "net/client.h"
#include "net/signer.h"
#include "watch/mail_in.h"
#include "watch/outbox.h"

#define TIMEOUT_US   ((int64_t)15000000) /* as SNS waits */
#define ANSWER_BYTES ((size_t)64 << 10)

typedef struct target {
    ft_str subscription, form, unsubscribe, url;
} target;

#define MAILTO (sizeof "mailto:" - 1)

static bool is_mail(const target *t) { return ft_str_starts(t->url, FT_STR("mailto:")); }

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
    if (is_mail(t)) return ft_mail_address_check(ft_str_from(t->url, MAILTO));
    return ft_sender_webhook.check(t->url);
}

static ft_err check(ft_str text) {
    target t;
    return target_read(&t, text);
}

/* A text member of the message; at == NULL when it is not there. */
static ft_str member(const ft_alert *a, const char *name, ft_arena *arena) {
    return ft_json_find_text(arena, a->evidence_json, name);
}

/* A topic may say different things to http and https subscribers. */
static ft_str message(const ft_alert *a, const target *t, ft_arena *arena) {
    const char *kind = is_mail(t)                                ? "email"
                       : ft_str_starts(t->url, FT_STR("https:")) ? "https"
                                                                 : "http";
    ft_str own = member(a, kind, arena);
    return own.at ? own : member(a, "Message", arena);
}

static void put(ft_json_out *w, const char *name, ft_str value) {
    if (!value.at) return;
    ft_json_out_name(w, name);
    ft_json_out_str(w, value);
}

/* ---- the signature: over the members that a receiver sees, by name, a line each */

typedef struct signature {
    ft_str text, version, cert_url;
} signature;

static ft_err to_sign(ft_str *out, const ft_alert *a, const target *t, ft_arena *arena,
                      const char *time) {
    static const char *const notification[] = { "Message",   "MessageId", "Subject",
                                                "Timestamp", "TopicArn",  "Type" };
    static const char *const confirmation[] = { "Message", "MessageId", "SubscribeURL", "Timestamp",
                                                "Token",   "TopicArn",  "Type" };
    bool asks = !ft_str_is(member(a, "Type", arena), "Notification");
    const char *const *names = asks ? confirmation : notification;
    size_t count = asks ? FT_COUNT(confirmation) : FT_COUNT(notification);
    ft_buf buf = { 0 };
    for (size_t i = 0; i < count; i++) {
        ft_str value = strcmp(names[i], "Message") == 0     ? message(a, t, arena)
                       : strcmp(names[i], "MessageId") == 0 ? a->uuid
                       : strcmp(names[i], "Timestamp") == 0 ? ft_str_of(time)
                                                            : member(a, names[i], arena);
        if (value.at) ft_buf_printf(&buf, "%s\n%.*s\n", names[i], FT_STR_ARG(value));
    }
    ft_err err = buf.err ? buf.err : ft_arena_str(out, arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

/* Without the openssl program there is no key: messages go unsigned, as the receiver sees. */
static ft_err sign(signature *sig, ft_store *s, const ft_alert *a, const target *t, ft_arena *arena,
                   const char *time) {
    ft_signer signer;
    ft_str text;
    const char *folder;
    *sig = (signature){ FT_STR(""), member(a, "SignatureVersion", arena),
                        member(a, "SigningCertURL", arena) };
    if (!sig->version.len) sig->version = FT_STR("1");
    FT_TRY(ft_path_join(&folder, arena, ft_store_home(s), "sns"));
    FT_TRY(to_sign(&text, a, t, arena, time));
    ft_err err = ft_signer_open(&signer, arena, folder);
    if (err == FT_OK)
        err = ft_signer_sign(&sig->text, arena, &signer, text, ft_str_is(sig->version, "1"));
    if (err != FT_EABSENT) return err;
    ft_log(FT_LOG_WARN, "watch", "a message of a topic goes unsigned: %s", ft_err_why());
    ft_err_clear();
    sig->text = FT_STR(""), sig->cert_url = FT_STR("");
    return FT_OK;
}

static ft_err document(ft_str *out, ft_store *s, const ft_alert *a, const target *t,
                       ft_arena *arena) {
    static const char *const as_they_are[] = { "Token", "SubscribeURL", "Subject" };
    char seconds[FT_TIME_TEXT], time[FT_TIME_TEXT + 8];
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_str attributes;
    ft_time_iso(seconds, a->raised_us, false);
    snprintf(time, sizeof time, "%.19s.%03dZ", seconds, (int)(a->raised_us / 1000 % 1000));
    signature sig;
    FT_TRY(sign(&sig, s, a, t, arena, time));
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    put(&w, "Type", member(a, "Type", arena));
    put(&w, "MessageId", a->uuid);
    put(&w, "TopicArn", member(a, "TopicArn", arena));
    for (size_t i = 0; i < sizeof as_they_are / sizeof *as_they_are; i++)
        put(&w, as_they_are[i], member(a, as_they_are[i], arena));
    put(&w, "Message", message(a, t, arena));
    put(&w, "Timestamp", ft_str_of(time));
    put(&w, "SignatureVersion", sig.version);
    put(&w, "Signature", sig.text);
    put(&w, "SigningCertURL", sig.cert_url.at ? sig.cert_url : FT_STR(""));
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

/* As a letter: the message, and how to leave. */
static ft_err send_mail(ft_store *s, const target *t, const ft_alert *a, ft_arena *arena) {
    ft_mail mail = { .to = ft_str_from(t->url, MAILTO),
                     .id = a->uuid,
                     .subject = member(a, "Subject", arena) };
    ft_str link = member(a, "SubscribeURL", arena);
    if (!mail.subject.at)
        mail.subject = link.at ? FT_STR("AWS Notification - Subscription Confirmation")
                               : FT_STR("AWS Notification Message");
    if (ft_str_is(t->form, "raw")) /* email-json */
        FT_TRY(document(&mail.text, s, a, t, arena));
    else if (link.at)
        FT_TRY(ft_arena_printf(&mail.text, arena, "%.*s\n\n%.*s\n",
                               FT_STR_ARG(message(a, t, arena)), FT_STR_ARG(link)));
    else
        FT_TRY(ft_arena_printf(&mail.text, arena,
                               "%.*s\n\n--\nTo stop receiving notifications from this topic, "
                               "visit the link below:\n%.*s\n",
                               FT_STR_ARG(message(a, t, arena)), FT_STR_ARG(t->unsubscribe)));
    return ft_watch_mail(s, arena, &mail);
}

static ft_err send_message(ft_store *s, ft_str text, const ft_alert *a, ft_arena *arena) {
    target t;
    ft_str url, body, type, id, topic, subscription;
    ft_fetched answer;
    FT_TRY(target_read(&t, text));
    if (is_mail(&t)) return send_mail(s, &t, a, arena);
    FT_TRY(ft_arena_str(&url, arena, t.url));
    bool raw = ft_str_is(t.form, "raw");
    if (raw)
        body = message(a, &t, arena);
    else
        FT_TRY(document(&body, s, a, &t, arena));
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
