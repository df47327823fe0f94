/* sns_in.h -- the links of SNS's messages, which a subscriber follows without a key. */
#ifndef FT_AWS_SNS_IN_H
#define FT_AWS_SNS_IN_H

#include "aws/aws.h"

/* GET /?Action=ConfirmSubscription|Unsubscribe&TopicArn=…&Token=… */
bool ft_sns_is_link(const ft_request *req);
/* Confirms or ends the subscription whose token it is; answers as the operation does. */
extern const ft_route ft_sns_link_route;

#endif
