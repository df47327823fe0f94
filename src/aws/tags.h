/* tags.h -- tags of anything that has an ARN, kept as a JSON array of {"Key":…,"Value":…} by it. */
#ifndef FT_AWS_TAGS_H
#define FT_AWS_TAGS_H

#include "aws/aws.h"

/* Are the request's Tags such that they can be kept? Asked before anything is made. */
ft_err ft_aws_tags_check(ft_aws_call *c);
/* Keeps the request's Tags beside, and over, those that the resource has. */
ft_err ft_aws_tags_add(ft_aws_call *c, ft_str arn);
/* Those of the request's TagKeys go. */
ft_err ft_aws_tags_drop(ft_aws_call *c, ft_str arn);
/* All of them as the answer's Tags. */
ft_err ft_aws_tags_put(ft_aws_call *c, ft_str arn);
/* The resource is gone; fine without tags. */
ft_err ft_aws_tags_remove(ft_aws_call *c, ft_str arn);

#endif
