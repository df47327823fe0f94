/* sns_in.h -- what the files of SNS share, and the links of its messages, which a subscriber
 * follows without a key. */
#ifndef FT_AWS_SNS_IN_H
#define FT_AWS_SNS_IN_H

#include "aws/aws.h"
#include "aws/resource.h"
#include "watch/outbox.h"

#define FT_SNS_TOPIC "sns-topic" /* name: the topic's, note: its ARN */
#define FT_SNS_SUBSCRIPTION \
    "sns-subscription" /* name: "<topic>:<uuid>", note: pending or confirmed */
#define FT_SNS_PAGE        100
#define FT_SNS_MEMBERS_MAX 10000 /* subscriptions of a topic */
#define FT_SNS_CERT_PATH   "/SimpleNotificationService.pem"

/* ---- sns.c */
ft_err ft_sns_invalid(ft_aws_call *c, const char *what); /* InvalidParameter */
ft_err ft_sns_topic_arn(ft_str *out, ft_aws_call *c, ft_str name);
/* The `i`-th part of an ARN and all after it: 5 is a topic's name, 6 a subscription's id. */
ft_str ft_sns_arn_from(ft_str arn, int i);
/* The topic whose ARN the member holds; NotFound. */
ft_err ft_sns_topic_of(ft_aws_resource *topic, ft_aws_call *c, const char *member);
/* This server's address without a last slash. */
ft_err ft_sns_server(ft_str *out, ft_aws_call *c);
/* <entry><key/><value/></entry> */
void ft_sns_entry(ft_aws_call *c, const char *key, ft_str value);

/* A message on its way into the outbox: a JSON object that is open. */
typedef struct ft_sns_message {
    ft_buf buf;
    ft_json_out w;
} ft_sns_message;
ft_err ft_sns_message_begin(ft_sns_message *m, ft_aws_call *c, const char *type, ft_str topic);
void ft_sns_put(ft_sns_message *m, const char *name, ft_str value); /* nothing when at == NULL */
/* Closes, stores, frees; `id` is the message's. */
ft_err ft_sns_message_send(ft_str *id, ft_sns_message *m, ft_aws_call *c, ft_str topic, ft_str text,
                           const ft_receiver *to, size_t count);

/* ---- sns_subscription.c */
ft_err ft_sns_subscriptions(ft_aws_resource **all, size_t *count, ft_aws_call *c, ft_str topic);

bool ft_sns_confirmed(const ft_aws_resource *sub);
ft_err ft_sns_receiver(ft_receiver *out, ft_aws_call *c, ft_str topic, const ft_aws_resource *sub);
ft_err ft_sns_subscribe(ft_aws_call *c);
ft_err ft_sns_confirm(ft_aws_call *c);
ft_err ft_sns_unsubscribe(ft_aws_call *c);
ft_err ft_sns_list_subscriptions(ft_aws_call *c);
ft_err ft_sns_list_by_topic(ft_aws_call *c);
ft_err ft_sns_get_subscription(ft_aws_call *c);
ft_err ft_sns_set_subscription(ft_aws_call *c);

/* GET /?Action=ConfirmSubscription|Unsubscribe&TopicArn=…&Token=…, or the certificate that messages
 * are signed with: the route that answers; NULL for other requests. */
const ft_route *ft_sns_link(const ft_request *req);

#endif
