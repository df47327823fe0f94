/* sns_subscription.c -- SNS's subscriptions: over http, https and mail; confirmed by the token that
 * the subscriber was sent. */
#include "aws/reply_in.h"
#include "aws/services_in.h"
#include "aws/sns_in.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/random.h"
#include "base/files.h"
#include "net/mail.h"
#include "net/signer.h"
#include "net/sigv4.h"
#include "serve/worker.h"

/* ---- subscriptions */

ft_err ft_sns_subscriptions(ft_aws_resource **all, size_t *count, ft_aws_call *c, ft_str topic) {
    ft_str head;
    FT_TRY(ft_arena_printf(&head, c->arena, "%.*s:", FT_STR_ARG(topic)));
    return ft_aws_resource_list(all, count, c->store, c->arena, FT_SNS_SUBSCRIPTION, head,
                                FT_STR(""), FT_SNS_MEMBERS_MAX);
}

bool ft_sns_confirmed(const ft_aws_resource *sub) { return ft_str_is(sub->note, "confirmed"); }

/* An address of this server by which a subscriber answers without a key: the token is the proof. */
static ft_err link_of(ft_str *out, ft_aws_call *c, const char *action, ft_str topic,
                      const ft_aws_resource *sub) {
    ft_str url;
    FT_TRY(ft_sns_server(&url, c));
    return ft_arena_printf(out, c->arena, "%.*s/?Action=%s&TopicArn=%.*s&Token=%.*s",
                           FT_STR_ARG(url), action, FT_STR_ARG(topic),
                           FT_STR_ARG(ft_json_find_text(c->arena, sub->json, "Token")));
}

static bool is_mail(ft_str protocol) {
    return ft_str_is(protocol, "email") || ft_str_is(protocol, "email-json");
}

ft_err ft_sns_receiver(ft_receiver *out, ft_aws_call *c, ft_str topic, const ft_aws_resource *sub) {
    ft_str leave = FT_STR("-");
    if (ft_sns_confirmed(sub)) FT_TRY(link_of(&leave, c, "Unsubscribe", topic, sub));
    bool raw =
        ft_sns_confirmed(sub) && ft_str_is(ft_json_find_text(c->arena, sub->json, "Raw"), "true");
    ft_str protocol = ft_json_find_text(c->arena, sub->json, "Protocol");
    if (ft_str_is(protocol, "email-json")) raw = true; /* the document itself */
    out->sender = FT_STR("sns");
    return ft_arena_printf(&out->target, c->arena, "%.*s:%.*s %s %.*s %s%.*s", FT_STR_ARG(topic),
                           FT_STR_ARG(ft_sns_arn_from(sub->name, 1)), raw ? "raw" : "json",
                           FT_STR_ARG(leave), is_mail(protocol) ? "mailto:" : "",
                           FT_STR_ARG(ft_json_find_text(c->arena, sub->json, "Endpoint")));
}

static ft_err ask_to_confirm(ft_aws_call *c, ft_str topic, const ft_aws_resource *sub) {
    static const char text[] = "You have chosen to subscribe to the topic %.*s.\nTo confirm the "
                               "subscription, visit the SubscribeURL included in this message.";
    ft_sns_message m;
    ft_receiver to;
    ft_str link, words, id;
    FT_TRY(link_of(&link, c, "ConfirmSubscription", topic, sub));
    FT_TRY(ft_sns_receiver(&to, c, topic, sub));
    FT_TRY(ft_arena_printf(&words, c->arena, text, FT_STR_ARG(topic)));
    FT_TRY(ft_sns_message_begin(&m, c, "SubscriptionConfirmation", topic));
    ft_sns_put(&m, "Token", ft_json_find_text(c->arena, sub->json, "Token"));
    ft_sns_put(&m, "Message", words);
    ft_sns_put(&m, "SubscribeURL", link);
    return ft_sns_message_send(&id, &m, c, topic, words, &to, 1);
}

static ft_err arn_of(ft_str *out, ft_aws_call *c, const ft_aws_resource *sub) {
    ft_str topic = sub->name;
    topic.len = ft_str_find(topic, ':');
    FT_TRY(ft_sns_topic_arn(out, c, topic));
    return ft_arena_printf(out, c->arena, "%.*s:%.*s", FT_STR_ARG(*out),
                           FT_STR_ARG(ft_sns_arn_from(sub->name, 1)));
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

static ft_err subscription_json(ft_str *out, ft_aws_call *c, ft_str protocol, ft_str endpoint,
                                ft_str token, bool raw) {
    ft_sns_message m = { 0 };
    ft_json_out_init(&m.w, &m.buf, false);
    ft_json_out_object(&m.w);
    ft_sns_put(&m, "Protocol", protocol);
    ft_sns_put(&m, "Endpoint", endpoint);
    ft_sns_put(&m, "Token", token);
    ft_sns_put(&m, "Raw", raw ? FT_STR("true") : FT_STR("false"));
    ft_json_out_close(&m.w);
    ft_err err = m.buf.err ? m.buf.err : ft_arena_str(out, c->arena, ft_buf_str(&m.buf));
    ft_buf_fini(&m.buf);
    return err;
}

static ft_err subscription_new(ft_aws_resource *out, ft_aws_call *c, const ft_aws_resource *topic,
                               bool raw) {
    char id[FT_UUID_TEXT], secret[16], token[2 * sizeof secret + 1];
    ft_uuid(id);
    FT_TRY(ft_random_secret(secret, sizeof secret));
    ft_hex(token, secret, sizeof secret);
    token[2 * sizeof secret] = '\0';
    *out = (ft_aws_resource){ .note = FT_STR("pending") };
    FT_TRY(subscription_json(&out->json, c, ft_aws_str(c, "Protocol"), ft_aws_str(c, "Endpoint"),
                             ft_str_of(token), raw));
    FT_TRY(ft_arena_printf(&out->name, c->arena, "%.*s:%s", FT_STR_ARG(topic->name), id));
    return ft_aws_resource_add(c->store, FT_SNS_SUBSCRIPTION, out->name, out->json, out->note);
}

/* The topic's subscription of the same endpoint; FT_ENOTFOUND without a trail. */
static ft_err subscription_same(ft_aws_resource *out, ft_aws_call *c, ft_str topic) {
    ft_aws_resource *all;
    size_t count;
    FT_TRY(ft_sns_subscriptions(&all, &count, c, topic));
    for (size_t i = 0; i < count; i++)
        if (ft_str_eq(ft_json_find_text(c->arena, all[i].json, "Endpoint"),
                      ft_aws_str(c, "Endpoint"))) {
            *out = all[i];
            return FT_OK;
        }
    return FT_ENOTFOUND;
}

/* Is the endpoint one that messages can be brought to? */
static ft_err endpoint_check(ft_aws_call *c, ft_str protocol, ft_str endpoint) {
    ft_str head;
    if (is_mail(protocol))
        return ft_mail_address_check(endpoint) == FT_OK ? FT_OK
                                                        : ft_sns_invalid(c, "Email address");
    if (!ft_str_is(protocol, "http") && !ft_str_is(protocol, "https"))
        return ft_aws_fail(c, 400, "InvalidParameter",
                           "Invalid parameter: Protocol %.*s: messages leave this machine by http, "
                           "https and email only",
                           FT_STR_ARG(protocol));
    FT_TRY(ft_arena_printf(&head, c->arena, "%.*s://", FT_STR_ARG(protocol)));
    if (!ft_str_starts(endpoint, head))
        return ft_sns_invalid(c, "Endpoint must match the specified protocol");
    return ft_sender_webhook.check(endpoint) == FT_OK ? FT_OK : ft_sns_invalid(c, "Endpoint");
}

ft_err ft_sns_subscribe(ft_aws_call *c) {
    ft_aws_resource topic, sub;
    ft_str arn;
    bool raw, tell;
    FT_TRY(ft_sns_topic_of(&topic, c, "TopicArn"));
    FT_TRY(endpoint_check(c, ft_aws_str(c, "Protocol"), ft_aws_str(c, "Endpoint")));
    FT_TRY(raw_asked(&raw, c));
    FT_TRY(ft_aws_bool(&tell, c, "ReturnSubscriptionArn", false));
    ft_err err = subscription_same(&sub, c, topic.name);
    if (err == FT_ENOTFOUND) err = subscription_new(&sub, c, &topic, raw);
    FT_TRY(err);
    if (!ft_sns_confirmed(&sub)) FT_TRY(ask_to_confirm(c, topic.note, &sub));
    FT_TRY(arn_of(&arn, c, &sub));
    ft_xml_text(&c->xml, "SubscriptionArn",
                tell || ft_sns_confirmed(&sub) ? arn : FT_STR("pending confirmation"));
    return FT_OK;
}

/* The subscription that a token stands for. */
static ft_err by_token(ft_aws_resource *out, ft_aws_call *c, ft_str topic, ft_str token) {
    ft_aws_resource *all;
    size_t count;
    FT_TRY(ft_sns_subscriptions(&all, &count, c, topic));
    for (size_t i = 0; i < count; i++)
        if (token.len && ft_str_eq(ft_json_find_text(c->arena, all[i].json, "Token"), token)) {
            *out = all[i];
            return FT_OK;
        }
    return ft_sns_invalid(c, "Token");
}

static ft_err confirm(ft_str *arn, ft_aws_call *c, const ft_aws_resource *topic, ft_str token) {
    ft_aws_resource sub;
    FT_TRY(by_token(&sub, c, topic->name, token));
    FT_TRY(ft_aws_resource_put(c->store, FT_SNS_SUBSCRIPTION, sub.name, sub.json,
                               FT_STR("confirmed")));
    return arn_of(arn, c, &sub);
}

ft_err ft_sns_confirm(ft_aws_call *c) {
    ft_aws_resource topic;
    ft_str arn;
    FT_TRY(ft_sns_topic_of(&topic, c, "TopicArn"));
    FT_TRY(confirm(&arn, c, &topic, ft_aws_str(c, "Token")));
    ft_xml_text(&c->xml, "SubscriptionArn", arn);
    return FT_OK;
}

static bool names_one(ft_str name) { return name.len && ft_str_find(name, ':') < name.len; }

ft_err ft_sns_unsubscribe(ft_aws_call *c) {
    ft_str name = ft_sns_arn_from(ft_aws_str(c, "SubscriptionArn"), 5);
    if (!names_one(name)) return ft_sns_invalid(c, "SubscriptionArn");
    ft_err err = ft_aws_resource_remove(c->store, FT_SNS_SUBSCRIPTION, name);
    return err == FT_ENOTFOUND ? FT_OK : err; /* as often as one likes */
}

/* ---- lists */

static ft_err member_put(ft_aws_call *c, const ft_aws_resource *sub) {
    ft_str arn, topic = sub->name, topic_arn;
    topic.len = ft_str_find(topic, ':');
    FT_TRY(arn_of(&arn, c, sub));
    FT_TRY(ft_sns_topic_arn(&topic_arn, c, topic));
    ft_xml_open(&c->xml, "member");
    ft_xml_text(&c->xml, "SubscriptionArn",
                ft_sns_confirmed(sub) ? arn : FT_STR("PendingConfirmation"));
    ft_xml_text(&c->xml, "Owner", FT_STR(FT_AWS_ACCOUNT));
    ft_xml_text(&c->xml, "Protocol", ft_json_find_text(c->arena, sub->json, "Protocol"));
    ft_xml_text(&c->xml, "Endpoint", ft_json_find_text(c->arena, sub->json, "Endpoint"));
    ft_xml_text(&c->xml, "TopicArn", topic_arn);
    ft_xml_close(&c->xml);
    return FT_OK;
}

/* A page of those whose name begins with `head`. */
static ft_err page_put(ft_aws_call *c, ft_str head) {
    ft_aws_resource *all;
    size_t count;
    ft_str after = ft_aws_str(c, "NextToken");
    FT_TRY(ft_aws_resource_list(&all, &count, c->store, c->arena, FT_SNS_SUBSCRIPTION, head,
                                after.at ? after : FT_STR(""), FT_SNS_PAGE + 1));
    ft_xml_open(&c->xml, "Subscriptions");
    for (size_t i = 0; i < count && i < FT_SNS_PAGE; i++) FT_TRY(member_put(c, &all[i]));
    ft_xml_close(&c->xml);
    if (count > FT_SNS_PAGE) ft_xml_text(&c->xml, "NextToken", all[FT_SNS_PAGE - 1].name);
    return FT_OK;
}

ft_err ft_sns_list_subscriptions(ft_aws_call *c) { return page_put(c, FT_STR("")); }

ft_err ft_sns_list_by_topic(ft_aws_call *c) {
    ft_aws_resource topic;
    ft_str head;
    FT_TRY(ft_sns_topic_of(&topic, c, "TopicArn"));
    FT_TRY(ft_arena_printf(&head, c->arena, "%.*s:", FT_STR_ARG(topic.name)));
    return page_put(c, head);
}

/* ---- attributes */

static ft_err named(ft_aws_resource *out, ft_aws_call *c) {
    ft_str name = ft_sns_arn_from(ft_aws_str(c, "SubscriptionArn"), 5);
    if (!names_one(name)) return ft_sns_invalid(c, "SubscriptionArn");
    ft_err err = ft_aws_resource_get(out, c->store, c->arena, FT_SNS_SUBSCRIPTION, name);
    if (err == FT_ENOTFOUND) return ft_aws_fail(c, 404, "NotFound", "Subscription does not exist");
    return err;
}

ft_err ft_sns_get_subscription(ft_aws_call *c) {
    ft_aws_resource sub;
    ft_str arn, topic, topic_arn;
    FT_TRY(named(&sub, c));
    FT_TRY(arn_of(&arn, c, &sub));
    topic = sub.name;
    topic.len = ft_str_find(topic, ':');
    FT_TRY(ft_sns_topic_arn(&topic_arn, c, topic));
    bool confirmed = ft_sns_confirmed(&sub);
    ft_xml_open(&c->xml, "Attributes");
    ft_sns_entry(c, "SubscriptionArn", arn);
    ft_sns_entry(c, "TopicArn", topic_arn);
    ft_sns_entry(c, "Owner", FT_STR(FT_AWS_ACCOUNT));
    ft_sns_entry(c, "Protocol", ft_json_find_text(c->arena, sub.json, "Protocol"));
    ft_sns_entry(c, "Endpoint", ft_json_find_text(c->arena, sub.json, "Endpoint"));
    ft_sns_entry(c, "RawMessageDelivery", ft_json_find_text(c->arena, sub.json, "Raw"));
    ft_sns_entry(c, "PendingConfirmation", confirmed ? FT_STR("false") : FT_STR("true"));
    ft_sns_entry(c, "ConfirmationWasAuthenticated", FT_STR("false"));
    ft_xml_close(&c->xml);
    return FT_OK;
}

ft_err ft_sns_set_subscription(ft_aws_call *c) {
    ft_aws_resource sub;
    ft_str name = ft_aws_str(c, "AttributeName"), value = ft_aws_str(c, "AttributeValue"), json;
    FT_TRY(named(&sub, c));
    if (!ft_str_is(name, "RawMessageDelivery"))
        return ft_aws_fail(c, 400, "InvalidParameter",
                           "Invalid parameter: AttributeName: %.*s is not supported here",
                           FT_STR_ARG(name));
    bool raw = ft_str_is(value, "true");
    if (!raw && !ft_str_is(value, "false")) return ft_sns_invalid(c, "AttributeValue");
    FT_TRY(subscription_json(&json, c, ft_json_find_text(c->arena, sub.json, "Protocol"),
                             ft_json_find_text(c->arena, sub.json, "Endpoint"),
                             ft_json_find_text(c->arena, sub.json, "Token"), raw));
    return ft_aws_resource_put(c->store, FT_SNS_SUBSCRIPTION, sub.name, json, sub.note);
}

/* ---- the links in messages */

static bool is_link(const ft_request *req) {
    ft_str action = ft_request_query(req, "Action");
    return ft_str_is(req->method, "GET") && ft_request_query(req, "TopicArn").at &&
           ft_request_query(req, "Token").at &&
           (ft_str_is(action, "ConfirmSubscription") || ft_str_is(action, "Unsubscribe"));
}

static ft_err follow_link(ft_aws_call *c) {
    ft_aws_resource topic, sub;
    ft_str name = ft_sns_arn_from(ft_request_query(c->req, "TopicArn"), 5), arn,
           token = ft_request_query(c->req, "Token");
    ft_err err =
        ft_aws_resource_get(&topic, c->store, c->arena, FT_SNS_TOPIC, name.at ? name : FT_STR(""));
    if (err == FT_ENOTFOUND) return ft_aws_fail(c, 404, "NotFound", "Topic does not exist");
    FT_TRY(err);
    if (ft_str_is(ft_request_query(c->req, "Action"), "Unsubscribe")) {
        FT_TRY(by_token(&sub, c, topic.name, token));
        return ft_aws_resource_remove(c->store, FT_SNS_SUBSCRIPTION, sub.name);
    }
    FT_TRY(confirm(&arn, c, &topic, token));
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
                      .region = FT_STR(FT_REGION_DEFAULT) };
    ft_uuid(c.request_id);
    for (const ft_aws_op *op = ft_aws_sns.ops; op->name; op++)
        if (ft_str_is(ft_request_query(req, "Action"), op->name)) c.op = op;
    ft_aws_reply_begin(&c);
    ft_err err = follow_link(&c);
    err = err ? ft_aws_reply_error(&c, err) : ft_aws_reply_end(&c);
    ft_buf_fini(&c.out);
    return err;
}

static const ft_route link_route = {
    .method = "GET", .pattern = "/", .doc = "links in messages of topics", .handle = handle_link
};

static ft_err handle_cert(ft_request *req, ft_response *resp) {
    ft_worker *w = req->thread;
    ft_signer signer;
    const char *folder;
    FT_TRY(ft_path_join(&folder, req->arena, ft_store_home(w->store), "sns"));
    FT_TRY(ft_signer_open(&signer, req->arena, folder));
    resp->body = signer.cert_pem;
    resp->content_type = FT_STR("application/x-pem-file");
    return FT_OK;
}

static const ft_route cert_route = { .method = "GET",
                                     .pattern = FT_SNS_CERT_PATH,
                                     .doc =
                                         "the certificate that messages of topics are signed with",
                                     .handle = handle_cert };

const ft_route *ft_sns_link(const ft_request *req) {
    if (ft_str_is(req->path, FT_SNS_CERT_PATH) && ft_str_is(req->method, "GET")) return &cert_route;
    return is_link(req) ? &link_route : NULL;
}
