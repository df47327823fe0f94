/* reply_in.h -- what front.c needs of reply.c. */
#ifndef FT_AWS_REPLY_IN_H
#define FT_AWS_REPLY_IN_H

#include "aws/aws.h"

void ft_aws_reply_begin(ft_aws_call *c); /* opens the document of the protocol */
ft_err ft_aws_reply_end(ft_aws_call *c); /* closes it and makes it the response */
/* Keep what a failure is called while its sentence is at hand; the first one stays. */
void ft_aws_error_name(ft_aws_call *c, ft_err err);
/* The failure of an operation (or before one was found) as the protocol's error document. */
ft_err ft_aws_reply_error(ft_aws_call *c, ft_err err);

#endif
