/* sns.c -- SNS: topics, their attributes and tags, publish. Subscriptions are in
 * sns_subscription.c. Messages leave by the alert outbox: stored before the answer, sent at least
 * once, tried again while a subscriber is down. */
#include <stdio.h>

#include "aws/services_in.h"
#include "aws/sns_in.h"
#include "aws/tags.h"
#include "base/check.h"
#include "serve/serve.h"

#define ATTRIBUTE     "sns-attribute" /* name: "<topic>/<attribute>", note: value */
#define MESSAGE_BYTES ((size_t)256 << 10)

ft_err ft_sns_invalid(ft_aws_call *c, const char *what) {
    return ft_aws_fail(c, 400, "InvalidParameter", "Invalid parameter: %s", what);
}

/* ---- topics */

ft_err ft_sns_topic_arn(ft_str *out, ft_aws_call *c, ft_str name) {
    return ft_arena_printf(out, c->arena, "arn:aws:sns:%.*s:%s:%.*s", FT_STR_ARG(c->region),
                           FT_AWS_ACCOUNT, FT_STR_ARG(name));
}

/* The `i`-th part of an ARN and all after it: 5 is a topic's name, 6 a subscription's id. */
ft_str ft_sns_arn_from(ft_str arn, int i) {
    for (; i > 0 && arn.at; i--) ft_str_cut(&arn, ':');
    return arn;
}

ft_err ft_sns_topic_of(ft_aws_resource *topic, ft_aws_call *c, const char *member) {
    ft_str name = ft_sns_arn_from(ft_aws_str(c, member), 5);
    if (!ft_str_starts(ft_aws_str(c, member), FT_STR("arn:aws:sns:")) || !name.len)
        return ft_sns_invalid(c, member);
    ft_err err = ft_aws_resource_get(topic, c->store, c->arena, FT_SNS_TOPIC, name);
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
    if (!good) return ft_sns_invalid(c, "Topic Name");
    FT_TRY(ft_sns_topic_arn(&arn, c, name));
    FT_TRY(ft_aws_tags_check(c));
    ft_err err = ft_aws_resource_add(c->store, FT_SNS_TOPIC, name, FT_STR("{}"), arn);
    if (err && err != FT_EEXIST) return err; /* the same topic again is fine */
    FT_TRY(ft_aws_tags_add(c, arn));
    ft_xml_text(&c->xml, "TopicArn", arn);
    return FT_OK;
}

static ft_err delete_topic(ft_aws_call *c) {
    static const char *const kinds[] = { ATTRIBUTE, FT_SNS_SUBSCRIPTION };
    ft_str name = ft_sns_arn_from(ft_aws_str(c, "TopicArn"), 5);
    if (!name.len) return ft_sns_invalid(c, "TopicArn");
    for (size_t k = 0; k < FT_COUNT(kinds); k++) {
        ft_aws_resource *all;
        size_t count;
        ft_str head;
        FT_TRY(ft_arena_printf(&head, c->arena, "%.*s%c", FT_STR_ARG(name), k ? ':' : '/'));
        FT_TRY(ft_aws_resource_list(&all, &count, c->store, c->arena, kinds[k], head, FT_STR(""),
                                    FT_SNS_MEMBERS_MAX));
        for (size_t i = 0; i < count; i++)
            FT_TRY(ft_aws_resource_remove(c->store, kinds[k], all[i].name));
    }
    FT_TRY(ft_aws_tags_remove(c, ft_aws_str(c, "TopicArn")));
    ft_err err = ft_aws_resource_remove(c->store, FT_SNS_TOPIC, name);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

static ft_err list_topics(ft_aws_call *c) {
    ft_aws_resource *all;
    size_t count;
    ft_str after = ft_aws_str(c, "NextToken");
    FT_TRY(ft_aws_resource_list(&all, &count, c->store, c->arena, FT_SNS_TOPIC, FT_STR(""), after,
                                FT_SNS_PAGE + 1));
    ft_xml_open(&c->xml, "Topics");
    for (size_t i = 0; i < count && i < FT_SNS_PAGE; i++) {
        ft_xml_open(&c->xml, "member");
        ft_xml_text(&c->xml, "TopicArn", all[i].note);
        ft_xml_close(&c->xml);
    }
    ft_xml_close(&c->xml);
    if (count > FT_SNS_PAGE) ft_xml_text(&c->xml, "NextToken", all[FT_SNS_PAGE - 1].name);
    return FT_OK;
}

/* An attribute that was set; at == NULL when it was not. */
static ft_err attribute(ft_str *out, ft_aws_call *c, ft_str topic, const char *name) {
    ft_aws_resource value;
    ft_str id;
    *out = (ft_str){ 0 };
    FT_TRY(ft_arena_printf(&id, c->arena, "%.*s/%s", FT_STR_ARG(topic), name));
    ft_err err = ft_aws_resource_get(&value, c->store, c->arena, ATTRIBUTE, id);
    if (err == FT_OK) *out = value.note;
    return err == FT_ENOTFOUND ? FT_OK : err;
}

/* ---- messages */

void ft_sns_put(ft_sns_message *m, const char *name, ft_str value) {
    if (!value.at) return;
    ft_json_out_name(&m->w, name);
    ft_json_out_str(&m->w, value);
}

ft_err ft_sns_server(ft_str *out, ft_aws_call *c) {
    ft_err err = ft_serve_address(out, c->store, c->arena);
    if (err) ft_err_clear(), *out = FT_STR("http://localhost");
    while (ft_str_ends(*out, FT_STR("/"))) out->len--;
    return FT_OK;
}

ft_err ft_sns_message_begin(ft_sns_message *m, ft_aws_call *c, const char *type, ft_str topic) {
    ft_str version, cert;
    FT_TRY(attribute(&version, c, ft_sns_arn_from(topic, 5), "SignatureVersion"));
    FT_TRY(ft_sns_server(&cert, c));
    FT_TRY(ft_arena_printf(&cert, c->arena, "%.*s" FT_SNS_CERT_PATH, FT_STR_ARG(cert)));
    *m = (ft_sns_message){ 0 };
    ft_json_out_init(&m->w, &m->buf, false);
    ft_json_out_object(&m->w);
    ft_sns_put(m, "Type", ft_str_of(type));
    ft_sns_put(m, "TopicArn", topic);
    ft_sns_put(m, "SignatureVersion", version);
    ft_sns_put(m, "SigningCertURL", cert);
    return FT_OK;
}

ft_err ft_sns_message_send(ft_str *id, ft_sns_message *m, ft_aws_call *c, ft_str topic, ft_str text,
                           const ft_receiver *to, size_t count) {
    ft_alert alert = { .rule = FT_STR("SNS"), .text = text }, stored;
    ft_err err;
    ft_json_out_close(&m->w);
    FT_GOTO(err, m->buf.err);
    alert.evidence_json = ft_buf_str(&m->buf);
    FT_GOTO(err, ft_arena_printf(&alert.subject, c->arena, "topic/%.*s",
                                 FT_STR_ARG(ft_sns_arn_from(topic, 5))));
    FT_GOTO(err, ft_alert_send(&stored, c->store, c->arena, &alert, to, count));
    *id = stored.uuid;
done:
    ft_buf_fini(&m->buf);
    return err;
}

/* ---- publish */

/* MessageStructure json: {"default": …, "http": …}. */
static ft_err put_message(ft_sns_message *m, ft_aws_call *c, ft_str text) {
    static const char *const kinds[] = { "http", "https", "email" };
    ft_str one;
    if (!ft_str_is(ft_aws_str(c, "MessageStructure"), "json")) {
        ft_sns_put(m, "Message", text);
        return FT_OK;
    }
    one = ft_json_find_text(c->arena, text, "default");
    if (!one.at)
        return ft_sns_invalid(c, "Message Structure - No default entry in JSON message body");
    ft_sns_put(m, "Message", one);
    for (size_t i = 0; i < FT_COUNT(kinds); i++)
        ft_sns_put(m, kinds[i], ft_json_find_text(c->arena, text, kinds[i]));
    return FT_OK;
}

static ft_err put_attributes(ft_sns_message *m, ft_aws_call *c) {
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
        ft_sns_put(m, "Type", value[1]);
        ft_sns_put(m, "Value", value[2].at ? value[2] : value[3]);
        ft_json_out_close(&m->w);
    }
    ft_json_out_close(&m->w);
    return FT_OK;
}

static ft_err receivers(ft_receiver **to, size_t *count, ft_aws_call *c,
                        const ft_aws_resource *topic) {
    ft_aws_resource *all;
    size_t n;
    FT_TRY(ft_sns_subscriptions(&all, &n, c, topic->name));
    FT_TRY(ft_arena_items(to, c->arena, n + 1));
    *count = 0;
    for (size_t i = 0; i < n; i++)
        if (ft_sns_confirmed(&all[i]))
            FT_TRY(ft_sns_receiver(&(*to)[(*count)++], c, topic->note, &all[i]));
    return FT_OK;
}

static ft_err publish(ft_aws_call *c) {
    ft_aws_resource topic;
    ft_receiver *to = NULL;
    size_t count = 0;
    ft_sns_message m;
    ft_str text = ft_aws_str(c, "Message"), id;
    if (ft_aws_str(c, "PhoneNumber").at)
        return ft_sns_invalid(
            c, "PhoneNumber: text messages do not leave this machine; publish to a topic");
    FT_TRY(ft_sns_topic_of(&topic, c, ft_aws_str(c, "TopicArn").at ? "TopicArn" : "TargetArn"));
    if (!text.len) return ft_sns_invalid(c, "Empty message");
    if (text.len > MESSAGE_BYTES) return ft_sns_invalid(c, "Message too long");
    if (!ft_str_utf8(text)) return ft_sns_invalid(c, "Message must be UTF-8");
    if (ft_aws_str(c, "Subject").len > 100) return ft_sns_invalid(c, "Subject");
    FT_TRY(receivers(&to, &count, c, &topic));
    FT_TRY(ft_sns_message_begin(&m, c, "Notification", topic.note));
    ft_sns_put(&m, "Subject", ft_aws_str(c, "Subject"));
    ft_err err = put_message(&m, c, text);
    if (err == FT_OK) err = put_attributes(&m, c);
    if (err) {
        ft_buf_fini(&m.buf);
        return err;
    }
    FT_TRY(ft_sns_message_send(&id, &m, c, topic.note, text, to, count));
    ft_xml_text(&c->xml, "MessageId", id);
    return FT_OK;
}

/* ---- attributes */

void ft_sns_entry(ft_aws_call *c, const char *key, ft_str value) {
    ft_xml_open(&c->xml, "entry");
    ft_xml_text(&c->xml, "key", ft_str_of(key));
    ft_xml_text(&c->xml, "value", value);
    ft_xml_close(&c->xml);
}

static void entry_count(ft_aws_call *c, const char *key, size_t n) {
    char text[24];
    snprintf(text, sizeof text, "%zu", n);
    ft_sns_entry(c, key, ft_str_of(text));
}

static const char *const settable[] = { "DisplayName", "Policy", "DeliveryPolicy",
                                        "SignatureVersion" };

static ft_err get_attributes(ft_aws_call *c) {
    ft_aws_resource topic, *all;
    size_t count, confirmed = 0;
    FT_TRY(ft_sns_topic_of(&topic, c, "TopicArn"));
    FT_TRY(ft_sns_subscriptions(&all, &count, c, topic.name));
    for (size_t i = 0; i < count; i++) confirmed += ft_sns_confirmed(&all[i]);
    ft_xml_open(&c->xml, "Attributes");
    ft_sns_entry(c, "TopicArn", topic.note);
    ft_sns_entry(c, "Owner", FT_STR(FT_AWS_ACCOUNT));
    entry_count(c, "SubscriptionsConfirmed", confirmed);
    entry_count(c, "SubscriptionsPending", count - confirmed);
    entry_count(c, "SubscriptionsDeleted", 0);
    for (size_t i = 0; i < FT_COUNT(settable); i++) {
        ft_str value;
        FT_TRY(attribute(&value, c, topic.name, settable[i]));
        if (!value.at && i == 0) value = FT_STR(""); /* DisplayName is always told */
        if (value.at) ft_sns_entry(c, settable[i], value);
    }
    ft_xml_close(&c->xml);
    return FT_OK;
}

static ft_err set_attributes(ft_aws_call *c) {
    ft_aws_resource topic;
    ft_str name = ft_aws_str(c, "AttributeName"), value = ft_aws_str(c, "AttributeValue"), id;
    bool known = false;
    FT_TRY(ft_sns_topic_of(&topic, c, "TopicArn"));
    for (size_t i = 0; i < FT_COUNT(settable); i++) known |= ft_str_is(name, settable[i]);
    if (!known) return ft_sns_invalid(c, "AttributeName");
    if (ft_str_is(name, "SignatureVersion") && !ft_str_is(value, "1") && !ft_str_is(value, "2"))
        return ft_sns_invalid(c, "SignatureVersion: expected 1 or 2");
    FT_TRY(ft_arena_printf(&id, c->arena, "%.*s/%.*s", FT_STR_ARG(topic.name), FT_STR_ARG(name)));
    return ft_aws_resource_put(c->store, ATTRIBUTE, id, FT_STR("{}"),
                               value.at ? value : FT_STR(""));
}

static ft_err tag_resource(ft_aws_call *c) {
    return ft_aws_tags_add(c, ft_aws_str(c, "ResourceArn"));
}

static ft_err untag_resource(ft_aws_call *c) {
    return ft_aws_tags_drop(c, ft_aws_str(c, "ResourceArn"));
}

static ft_err list_tags(ft_aws_call *c) { return ft_aws_tags_put(c, ft_aws_str(c, "ResourceArn")); }

static const ft_aws_op ops[] = {
    { .name = "CreateTopic", .required = "Name", .run = create_topic },
    { .name = "DeleteTopic", .required = "TopicArn", .run = delete_topic },
    { .name = "ListTopics", .run = list_topics },
    { .name = "Subscribe", .required = "TopicArn|Protocol|Endpoint", .run = ft_sns_subscribe },
    { .name = "ConfirmSubscription", .required = "TopicArn|Token", .run = ft_sns_confirm },
    { .name = "Unsubscribe", .required = "SubscriptionArn", .run = ft_sns_unsubscribe },
    { .name = "ListSubscriptions", .run = ft_sns_list_subscriptions },
    { .name = "ListSubscriptionsByTopic", .required = "TopicArn", .run = ft_sns_list_by_topic },
    { .name = "GetSubscriptionAttributes",
      .required = "SubscriptionArn",
      .run = ft_sns_get_subscription },
    { .name = "SetSubscriptionAttributes",
      .required = "SubscriptionArn|AttributeName",
      .run = ft_sns_set_subscription },
    { .name = "TagResource", .required = "ResourceArn|Tags", .run = tag_resource },
    { .name = "UntagResource", .required = "ResourceArn|TagKeys", .run = untag_resource },
    { .name = "ListTagsForResource", .required = "ResourceArn", .run = list_tags },
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
