/* sns.c -- SNS: topics, subscriptions over http and https, publish. Messages leave by the alert
 * outbox: stored before the answer, sent at least once, tried again while a subscriber is down. */
#include <stdio.h>

#include "aws/reply_in.h"
#include "aws/resource.h"
#include "aws/services_in.h"
#include "aws/sns_in.h"
#include "base/check.h"
#include "base/random.h"
#include "serve/serve.h"
#include "serve/worker.h"
#include "watch/outbox.h"

#define TOPIC         "sns-topic"        /* name: the topic's */
#define ATTRIBUTE     "sns-attribute"    /* name: "<topic>/<attribute>", note: value */
#define SUBSCRIPTION  "sns-subscription" /* name: "<topic>:<uuid>", note: pending or confirmed */
#define PAGE          100
#define MEMBERS_MAX   10000 /* subscriptions of a topic */
#define MESSAGE_BYTES ((size_t)256 << 10)

static ft_err invalid(ft_aws_call *c, const char *what) {
    return ft_aws_fail(c, 400, "InvalidParameter", "Invalid parameter: %s", what);
}

/* ---- topics */

static ft_err topic_arn(ft_str *out, ft_aws_call *c, ft_str name) {
    return ft_arena_printf(out, c->arena, "arn:aws:sns:%.*s:%s:%.*s", FT_STR_ARG(c->region),
                           FT_AWS_ACCOUNT, FT_STR_ARG(name));
}

/* The `i`-th part of an ARN and all after it: 5 is a topic's name, 6 a subscription's id. */
static ft_str arn_from(ft_str arn, int i) {
    for (; i > 0 && arn.at; i--) ft_str_cut(&arn, ':');
    return arn;
}

static ft_err topic_of(ft_aws_resource *topic, ft_aws_call *c, const char *member) {
    ft_str name = arn_from(ft_aws_str(c, member), 5);
    if (!ft_str_starts(ft_aws_str(c, member), FT_STR("arn:aws:sns:")) || !name.len)
        return invalid(c, member);
    ft_err err = ft_aws_resource_get(topic, c->store, c->arena, TOPIC, name);
    if (err == FT_ENOTFOUND) return ft_aws_fail(c, 404, "NotFound", "Topic does not exist");
    return err;
}

static ft_err create_topic(ft_aws_call *c) {
    ft_str name = ft_aws_str(c, "Name"), arn;
    bool good = name.len > 0 && name.len <= 256;
    for (size_t i = 0; good && i < name.len; i++)
        good = strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
                      name.at[i]) &&
               name.at[i];
    if (!good) return invalid(c, "Topic Name");
    FT_TRY(topic_arn(&arn, c, name));
    ft_err err = ft_aws_resource_add(c->store, TOPIC, name, FT_STR("{}"), arn);
    if (err && err != FT_EEXIST) return err; /* the same topic again is fine */
    ft_xml_text(&c->xml, "TopicArn", arn);
    return FT_OK;
}

static ft_err delete_topic(ft_aws_call *c) {
    static const char *const kinds[] = { ATTRIBUTE, SUBSCRIPTION };
    ft_str name = arn_from(ft_aws_str(c, "TopicArn"), 5);
    if (!name.len) return invalid(c, "TopicArn");
    for (size_t k = 0; k < FT_COUNT(kinds); k++) {
        ft_aws_resource *all;
        size_t count;
        ft_str head;
        FT_TRY(ft_arena_printf(&head, c->arena, "%.*s%c", FT_STR_ARG(name), k ? ':' : '/'));
        FT_TRY(ft_aws_resource_list(&all, &count, c->store, c->arena, kinds[k], head, FT_STR(""),
                                    MEMBERS_MAX));
        for (size_t i = 0; i < count; i++)
            FT_TRY(ft_aws_resource_remove(c->store, kinds[k], all[i].name));
    }
    ft_err err = ft_aws_resource_remove(c->store, TOPIC, name);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

static ft_err list_topics(ft_aws_call *c) {
    ft_aws_resource *all;
    size_t count;
    ft_str after = ft_aws_str(c, "NextToken");
    FT_TRY(
        ft_aws_resource_list(&all, &count, c->store, c->arena, TOPIC, FT_STR(""), after, PAGE + 1));
    ft_xml_open(&c->xml, "Topics");
    for (size_t i = 0; i < count && i < PAGE; i++) {
        ft_xml_open(&c->xml, "member");
        ft_xml_text(&c->xml, "TopicArn", all[i].note);
        ft_xml_close(&c->xml);
    }
    ft_xml_close(&c->xml);
    if (count > PAGE) ft_xml_text(&c->xml, "NextToken", all[PAGE - 1].name);
    return FT_OK;
}

/* ---- subscriptions */

static ft_err subscriptions(ft_aws_resource **all, size_t *count, ft_aws_call *c, ft_str topic) {
    ft_str head;
    FT_TRY(ft_arena_printf(&head, c->arena, "%.*s:", FT_STR_ARG(topic)));
    return ft_aws_resource_list(all, count, c->store, c->arena, SUBSCRIPTION, head, FT_STR(""),
                                MEMBERS_MAX);
}

static ft_str text_of(ft_arena *arena, ft_str json, const char *member) {
    ft_str raw, text;
    ft_json j;
    if (ft_json_find(&raw, json, member) != FT_OK) return (ft_str){ 0 };
    ft_json_init(&j, raw, arena, NULL);
    return ft_json_string(&j, &text) == FT_OK ? text : (ft_str){ 0 };
}

static bool is_confirmed(const ft_aws_resource *sub) { return ft_str_is(sub->note, "confirmed"); }

/* An address of this server by which a subscriber answers without a key: the token is the proof. */
static ft_err link_of(ft_str *out, ft_aws_call *c, const char *action, ft_str topic,
                      const ft_aws_resource *sub) {
    ft_str url;
    ft_err err = ft_serve_address(&url, c->store, c->arena);
    if (err) ft_err_clear(), url = FT_STR("http://localhost");
    while (ft_str_ends(url, FT_STR("/"))) url.len--;
    return ft_arena_printf(out, c->arena, "%.*s/?Action=%s&TopicArn=%.*s&Token=%.*s",
                           FT_STR_ARG(url), action, FT_STR_ARG(topic),
                           FT_STR_ARG(text_of(c->arena, sub->json, "Token")));
}

static ft_err receiver_of(ft_receiver *out, ft_aws_call *c, ft_str topic,
                          const ft_aws_resource *sub) {
    ft_str leave = FT_STR("-");
    if (is_confirmed(sub)) FT_TRY(link_of(&leave, c, "Unsubscribe", topic, sub));
    bool raw = is_confirmed(sub) && ft_str_is(text_of(c->arena, sub->json, "Raw"), "true");
    out->sender = FT_STR("sns");
    return ft_arena_printf(&out->target, c->arena, "%.*s:%.*s %s %.*s %.*s", FT_STR_ARG(topic),
                           FT_STR_ARG(arn_from(sub->name, 1)), raw ? "raw" : "json",
                           FT_STR_ARG(leave), FT_STR_ARG(text_of(c->arena, sub->json, "Endpoint")));
}

/* A message into the outbox, made of an object's members that `fill` writes. */
typedef struct message {
    ft_buf buf;
    ft_json_out w;
} message;

static void put(message *m, const char *name, ft_str value) {
    if (!value.at) return;
    ft_json_out_name(&m->w, name);
    ft_json_out_str(&m->w, value);
}

static void message_begin(message *m, const char *type, ft_str topic) {
    *m = (message){ 0 };
    ft_json_out_init(&m->w, &m->buf, false);
    ft_json_out_object(&m->w);
    put(m, "Type", ft_str_of(type));
    put(m, "TopicArn", topic);
}

static ft_err message_send(ft_str *id, message *m, ft_aws_call *c, ft_str topic, ft_str text,
                           const ft_receiver *to, size_t count) {
    ft_alert alert = { .rule = FT_STR("SNS"), .text = text }, stored;
    ft_err err;
    ft_json_out_close(&m->w);
    FT_GOTO(err, m->buf.err);
    alert.evidence_json = ft_buf_str(&m->buf);
    FT_GOTO(err, ft_arena_printf(&alert.subject, c->arena, "topic/%.*s",
                                 FT_STR_ARG(arn_from(topic, 5))));
    FT_GOTO(err, ft_alert_send(&stored, c->store, c->arena, &alert, to, count));
    *id = stored.uuid;
done:
    ft_buf_fini(&m->buf);
    return err;
}

static ft_err ask_to_confirm(ft_aws_call *c, ft_str topic, const ft_aws_resource *sub) {
    static const char text[] = "You have chosen to subscribe to the topic %.*s.\nTo confirm the "
                               "subscription, visit the SubscribeURL included in this message.";
    message m;
    ft_receiver to;
    ft_str link, words, id;
    FT_TRY(link_of(&link, c, "ConfirmSubscription", topic, sub));
    FT_TRY(receiver_of(&to, c, topic, sub));
    FT_TRY(ft_arena_printf(&words, c->arena, text, FT_STR_ARG(topic)));
    message_begin(&m, "SubscriptionConfirmation", topic);
    put(&m, "Token", text_of(c->arena, sub->json, "Token"));
    put(&m, "Message", words);
    put(&m, "SubscribeURL", link);
    return message_send(&id, &m, c, topic, words, &to, 1);
}

/* Attributes of the request: RawMessageDelivery alone is understood. */
static ft_err raw_asked(bool *raw, ft_aws_call *c) {
    *raw = false;
    for (size_t i = 0; i < ft_aws_count(c, "Attributes"); i++) {
        ft_str key, value;
        FT_TRY(ft_arena_printf(&key, c->arena, "Attributes.%zu.key", i));
        FT_TRY(ft_arena_printf(&value, c->arena, "Attributes.%zu.value", i));
        if (!ft_str_is(ft_aws_str(c, key.at), "RawMessageDelivery"))
            return ft_aws_fail(c, 400, "InvalidParameter",
                               "Invalid parameter: Attributes: %.*s is not supported here",
                               FT_STR_ARG(ft_aws_str(c, key.at)));
        *raw = ft_str_is(ft_aws_str(c, value.at), "true");
    }
    return FT_OK;
}

static ft_err subscription_new(ft_aws_resource *out, ft_aws_call *c, const ft_aws_resource *topic,
                               bool raw) {
    char id[FT_UUID_TEXT], secret[16], token[2 * sizeof secret + 1];
    message m = { 0 };
    ft_err err;
    ft_uuid(id);
    FT_TRY(ft_random_secret(secret, sizeof secret));
    for (size_t i = 0; i < sizeof secret; i++)
        snprintf(token + 2 * i, 3, "%02x", (unsigned char)secret[i]);
    ft_json_out_init(&m.w, &m.buf, false);
    ft_json_out_object(&m.w);
    put(&m, "Protocol", ft_aws_str(c, "Protocol"));
    put(&m, "Endpoint", ft_aws_str(c, "Endpoint"));
    put(&m, "Token", ft_str_of(token));
    put(&m, "Raw", raw ? FT_STR("true") : FT_STR("false"));
    ft_json_out_close(&m.w);
    *out = (ft_aws_resource){ .note = FT_STR("pending") };
    FT_GOTO(err, m.buf.err);
    FT_GOTO(err, ft_arena_str(&out->json, c->arena, ft_buf_str(&m.buf)));
    FT_GOTO(err, ft_arena_printf(&out->name, c->arena, "%.*s:%s", FT_STR_ARG(topic->name), id));
    err = ft_aws_resource_add(c->store, SUBSCRIPTION, out->name, out->json, out->note);
done:
    ft_buf_fini(&m.buf);
    return err;
}

/* The topic's subscription of the same endpoint; FT_ENOTFOUND without a trail. */
static ft_err subscription_same(ft_aws_resource *out, ft_aws_call *c, ft_str topic) {
    ft_aws_resource *all;
    size_t count;
    FT_TRY(subscriptions(&all, &count, c, topic));
    for (size_t i = 0; i < count; i++)
        if (ft_str_eq(text_of(c->arena, all[i].json, "Endpoint"), ft_aws_str(c, "Endpoint"))) {
            *out = all[i];
            return FT_OK;
        }
    return FT_ENOTFOUND;
}

static ft_err subscribe(ft_aws_call *c) {
    ft_aws_resource topic, sub;
    ft_str protocol = ft_aws_str(c, "Protocol"), url = ft_aws_str(c, "Endpoint"), head, arn;
    bool raw, tell;
    FT_TRY(topic_of(&topic, c, "TopicArn"));
    if (!ft_str_is(protocol, "http") && !ft_str_is(protocol, "https"))
        return ft_aws_fail(c, 400, "InvalidParameter",
                           "Invalid parameter: Protocol %.*s: messages leave this machine by http "
                           "and https only",
                           FT_STR_ARG(protocol));
    FT_TRY(ft_arena_printf(&head, c->arena, "%.*s://", FT_STR_ARG(protocol)));
    if (!ft_str_starts(url, head)) return invalid(c, "Endpoint must match the specified protocol");
    if (ft_sender_webhook.check(url) != FT_OK) return invalid(c, "Endpoint");
    FT_TRY(raw_asked(&raw, c));
    FT_TRY(ft_aws_bool(&tell, c, "ReturnSubscriptionArn", false));
    ft_err err = subscription_same(&sub, c, topic.name);
    if (err == FT_ENOTFOUND) err = subscription_new(&sub, c, &topic, raw);
    FT_TRY(err);
    if (!is_confirmed(&sub)) FT_TRY(ask_to_confirm(c, topic.note, &sub));
    FT_TRY(ft_arena_printf(&arn, c->arena, "%.*s:%.*s", FT_STR_ARG(topic.note),
                           FT_STR_ARG(arn_from(sub.name, 1))));
    ft_xml_text(&c->xml, "SubscriptionArn",
                tell || is_confirmed(&sub) ? arn : FT_STR("pending confirmation"));
    return FT_OK;
}

/* The subscription that a token stands for. */
static ft_err by_token(ft_aws_resource *out, ft_aws_call *c, ft_str topic, ft_str token) {
    ft_aws_resource *all;
    size_t count;
    FT_TRY(subscriptions(&all, &count, c, topic));
    for (size_t i = 0; i < count; i++)
        if (token.len && ft_str_eq(text_of(c->arena, all[i].json, "Token"), token)) {
            *out = all[i];
            return FT_OK;
        }
    return invalid(c, "Token");
}

static ft_err confirm(ft_str *arn, ft_aws_call *c, ft_str topic_name, ft_str topic, ft_str token) {
    ft_aws_resource sub;
    FT_TRY(by_token(&sub, c, topic_name, token));
    FT_TRY(ft_aws_resource_put(c->store, SUBSCRIPTION, sub.name, sub.json, FT_STR("confirmed")));
    return ft_arena_printf(arn, c->arena, "%.*s:%.*s", FT_STR_ARG(topic),
                           FT_STR_ARG(arn_from(sub.name, 1)));
}

static ft_err confirm_subscription(ft_aws_call *c) {
    ft_aws_resource topic;
    ft_str arn;
    FT_TRY(topic_of(&topic, c, "TopicArn"));
    FT_TRY(confirm(&arn, c, topic.name, topic.note, ft_aws_str(c, "Token")));
    ft_xml_text(&c->xml, "SubscriptionArn", arn);
    return FT_OK;
}

static ft_err unsubscribe(ft_aws_call *c) {
    ft_str name = arn_from(ft_aws_str(c, "SubscriptionArn"), 5);
    if (!name.len || ft_str_find(name, ':') == name.len) return invalid(c, "SubscriptionArn");
    ft_err err = ft_aws_resource_remove(c->store, SUBSCRIPTION, name);
    return err == FT_ENOTFOUND ? FT_OK : err; /* as often as one likes */
}

static ft_err list_subscriptions(ft_aws_call *c) {
    ft_aws_resource topic, *all;
    size_t count, begin = 0;
    ft_str after = ft_aws_str(c, "NextToken");
    FT_TRY(topic_of(&topic, c, "TopicArn"));
    FT_TRY(subscriptions(&all, &count, c, topic.name));
    while (after.len && begin < count && ft_str_cmp(all[begin].name, after) <= 0) begin++;
    ft_xml_open(&c->xml, "Subscriptions");
    for (size_t i = begin; i < count && i < begin + PAGE; i++) {
        ft_str arn;
        FT_TRY(ft_arena_printf(&arn, c->arena, "%.*s:%.*s", FT_STR_ARG(topic.note),
                               FT_STR_ARG(arn_from(all[i].name, 1))));
        ft_xml_open(&c->xml, "member");
        ft_xml_text(&c->xml, "SubscriptionArn",
                    is_confirmed(&all[i]) ? arn : FT_STR("PendingConfirmation"));
        ft_xml_text(&c->xml, "Owner", FT_STR(FT_AWS_ACCOUNT));
        ft_xml_text(&c->xml, "Protocol", text_of(c->arena, all[i].json, "Protocol"));
        ft_xml_text(&c->xml, "Endpoint", text_of(c->arena, all[i].json, "Endpoint"));
        ft_xml_text(&c->xml, "TopicArn", topic.note);
        ft_xml_close(&c->xml);
    }
    ft_xml_close(&c->xml);
    if (count > begin + PAGE) ft_xml_text(&c->xml, "NextToken", all[begin + PAGE - 1].name);
    return FT_OK;
}

/* ---- publish */

/* MessageStructure json: {"default": …, "http": …}. */
static ft_err put_message(message *m, ft_aws_call *c, ft_str text) {
    static const char *const kinds[] = { "http", "https" };
    ft_str one;
    if (!ft_str_is(ft_aws_str(c, "MessageStructure"), "json")) {
        put(m, "Message", text);
        return FT_OK;
    }
    one = text_of(c->arena, text, "default");
    if (!one.at) return invalid(c, "Message Structure - No default entry in JSON message body");
    put(m, "Message", one);
    for (size_t i = 0; i < FT_COUNT(kinds); i++)
        put(m, kinds[i], text_of(c->arena, text, kinds[i]));
    return FT_OK;
}

static ft_err put_attributes(message *m, ft_aws_call *c) {
    size_t count = ft_aws_count(c, "MessageAttributes");
    if (!count) return FT_OK;
    ft_json_out_name(&m->w, "MessageAttributes");
    ft_json_out_object(&m->w);
    for (size_t i = 0; i < count; i++) {
        static const char *const parts[] = { "Name", "Value.DataType", "Value.StringValue",
                                             "Value.BinaryValue" };
        ft_str value[FT_COUNT(parts)];
        for (size_t p = 0; p < FT_COUNT(parts); p++) {
            ft_str path;
            FT_TRY(ft_arena_printf(&path, c->arena, "MessageAttributes.%zu.%s", i, parts[p]));
            value[p] = ft_aws_str(c, path.at);
        }
        if (!value[0].len || !value[1].len)
            return ft_aws_fail(c, 400, "ParameterValueInvalid",
                               "MessageAttributes: each needs a Name and a Value.DataType");
        ft_json_out_name_str(&m->w, value[0]);
        ft_json_out_object(&m->w);
        put(m, "Type", value[1]);
        put(m, "Value", value[2].at ? value[2] : value[3]);
        ft_json_out_close(&m->w);
    }
    ft_json_out_close(&m->w);
    return FT_OK;
}

static ft_err receivers(ft_receiver **to, size_t *count, ft_aws_call *c,
                        const ft_aws_resource *topic) {
    ft_aws_resource *all;
    size_t n;
    FT_TRY(subscriptions(&all, &n, c, topic->name));
    FT_TRY(ft_arena_items(to, c->arena, n + 1));
    *count = 0;
    for (size_t i = 0; i < n; i++)
        if (is_confirmed(&all[i])) FT_TRY(receiver_of(&(*to)[(*count)++], c, topic->note, &all[i]));
    return FT_OK;
}

static ft_err publish(ft_aws_call *c) {
    ft_aws_resource topic;
    ft_receiver *to = NULL;
    size_t count = 0;
    message m;
    ft_str text = ft_aws_str(c, "Message"), id;
    if (ft_aws_str(c, "PhoneNumber").at)
        return invalid(c,
                       "PhoneNumber: text messages do not leave this machine; publish to a topic");
    FT_TRY(topic_of(&topic, c, ft_aws_str(c, "TopicArn").at ? "TopicArn" : "TargetArn"));
    if (!text.len) return invalid(c, "Empty message");
    if (text.len > MESSAGE_BYTES) return invalid(c, "Message too long");
    if (!ft_str_utf8(text)) return invalid(c, "Message must be UTF-8");
    if (ft_aws_str(c, "Subject").len > 100) return invalid(c, "Subject");
    FT_TRY(receivers(&to, &count, c, &topic));
    message_begin(&m, "Notification", topic.note);
    put(&m, "Subject", ft_aws_str(c, "Subject"));
    ft_err err = put_message(&m, c, text);
    if (err == FT_OK) err = put_attributes(&m, c);
    if (err) {
        ft_buf_fini(&m.buf);
        return err;
    }
    FT_TRY(message_send(&id, &m, c, topic.note, text, to, count));
    ft_xml_text(&c->xml, "MessageId", id);
    return FT_OK;
}

/* ---- attributes */

static void entry(ft_aws_call *c, const char *key, ft_str value) {
    ft_xml_open(&c->xml, "entry");
    ft_xml_text(&c->xml, "key", ft_str_of(key));
    ft_xml_text(&c->xml, "value", value);
    ft_xml_close(&c->xml);
}

static void entry_count(ft_aws_call *c, const char *key, size_t n) {
    char text[24];
    snprintf(text, sizeof text, "%zu", n);
    entry(c, key, ft_str_of(text));
}

static const char *const settable[] = { "DisplayName", "Policy", "DeliveryPolicy" };

static ft_err get_attributes(ft_aws_call *c) {
    ft_aws_resource topic, *all;
    size_t count, confirmed = 0;
    FT_TRY(topic_of(&topic, c, "TopicArn"));
    FT_TRY(subscriptions(&all, &count, c, topic.name));
    for (size_t i = 0; i < count; i++) confirmed += is_confirmed(&all[i]);
    ft_xml_open(&c->xml, "Attributes");
    entry(c, "TopicArn", topic.note);
    entry(c, "Owner", FT_STR(FT_AWS_ACCOUNT));
    entry_count(c, "SubscriptionsConfirmed", confirmed);
    entry_count(c, "SubscriptionsPending", count - confirmed);
    entry_count(c, "SubscriptionsDeleted", 0);
    for (size_t i = 0; i < FT_COUNT(settable); i++) {
        ft_aws_resource value;
        ft_str name;
        FT_TRY(ft_arena_printf(&name, c->arena, "%.*s/%s", FT_STR_ARG(topic.name), settable[i]));
        ft_err err = ft_aws_resource_get(&value, c->store, c->arena, ATTRIBUTE, name);
        if (err && err != FT_ENOTFOUND) return err;
        if (!err)
            entry(c, settable[i], value.note);
        else if (i == 0)
            entry(c, settable[i], FT_STR(""));
    }
    ft_xml_close(&c->xml);
    return FT_OK;
}

static ft_err set_attributes(ft_aws_call *c) {
    ft_aws_resource topic;
    ft_str name = ft_aws_str(c, "AttributeName"), value = ft_aws_str(c, "AttributeValue"), id;
    bool known = false;
    FT_TRY(topic_of(&topic, c, "TopicArn"));
    for (size_t i = 0; i < FT_COUNT(settable); i++) known |= ft_str_is(name, settable[i]);
    if (!known) return invalid(c, "AttributeName");
    FT_TRY(ft_arena_printf(&id, c->arena, "%.*s/%.*s", FT_STR_ARG(topic.name), FT_STR_ARG(name)));
    return ft_aws_resource_put(c->store, ATTRIBUTE, id, FT_STR("{}"),
                               value.at ? value : FT_STR(""));
}

static const ft_aws_op ops[] = {
    { .name = "CreateTopic", .required = "Name", .run = create_topic },
    { .name = "DeleteTopic", .required = "TopicArn", .run = delete_topic },
    { .name = "ListTopics", .run = list_topics },
    { .name = "Subscribe", .required = "TopicArn|Protocol|Endpoint", .run = subscribe },
    { .name = "ConfirmSubscription", .required = "TopicArn|Token", .run = confirm_subscription },
    { .name = "Unsubscribe", .required = "SubscriptionArn", .run = unsubscribe },
    { .name = "ListSubscriptionsByTopic", .required = "TopicArn", .run = list_subscriptions },
    { .name = "Publish", .required = "Message", .run = publish },
    { .name = "GetTopicAttributes", .required = "TopicArn", .run = get_attributes },
    { .name = "SetTopicAttributes", .required = "TopicArn|AttributeName", .run = set_attributes },
    { 0 },
};

const ft_aws_service ft_aws_sns = { .name = "sns",
                                    .title = "SNS",
                                    .protocol = FT_AWS_QUERY,
                                    .version = "2010-03-31",
                                    .xmlns = "http://sns.amazonaws.com/doc/2010-03-31/",
                                    .ops = ops };

/* ---- the links in messages */

bool ft_sns_is_link(const ft_request *req) {
    ft_str action = ft_request_query(req, "Action");
    return ft_str_is(req->method, "GET") && ft_request_query(req, "TopicArn").at &&
           ft_request_query(req, "Token").at &&
           (ft_str_is(action, "ConfirmSubscription") || ft_str_is(action, "Unsubscribe"));
}

static ft_err follow_link(ft_aws_call *c) {
    ft_aws_resource topic, sub;
    ft_str name = arn_from(ft_request_query(c->req, "TopicArn"), 5), arn,
           token = ft_request_query(c->req, "Token");
    ft_err err =
        ft_aws_resource_get(&topic, c->store, c->arena, TOPIC, name.at ? name : FT_STR(""));
    if (err == FT_ENOTFOUND) return ft_aws_fail(c, 404, "NotFound", "Topic does not exist");
    FT_TRY(err);
    if (ft_str_is(ft_request_query(c->req, "Action"), "Unsubscribe")) {
        FT_TRY(by_token(&sub, c, topic.name, token));
        return ft_aws_resource_remove(c->store, SUBSCRIPTION, sub.name);
    }
    FT_TRY(confirm(&arn, c, topic.name, topic.note, token));
    ft_xml_text(&c->xml, "SubscriptionArn", arn);
    return FT_OK;
}

/* The token is the proof, so there is no signature. */
static ft_err handle_link(ft_request *req, ft_response *resp) {
    ft_aws_call c = { .service = &ft_aws_sns,
                      .req = req,
                      .resp = resp,
                      .arena = req->arena,
                      .store = ((ft_worker *)req->thread)->store,
                      .region = FT_STR("us-east-1") };
    ft_uuid(c.request_id);
    for (const ft_aws_op *op = ops; op->name; op++)
        if (ft_str_is(ft_request_query(req, "Action"), op->name)) c.op = op;
    ft_aws_reply_begin(&c);
    ft_err err = follow_link(&c);
    err = err ? ft_aws_reply_error(&c, err) : ft_aws_reply_end(&c);
    ft_buf_fini(&c.out);
    return err;
}

const ft_route ft_sns_link_route = {
    .method = "GET", .pattern = "/", .doc = "links in messages of topics", .handle = handle_link
};
