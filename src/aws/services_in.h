/* services_in.h -- the services, each defined in the file of its name. */
#ifndef FT_AWS_SERVICES_IN_H
#define FT_AWS_SERVICES_IN_H

#include "aws/aws.h"

extern const ft_aws_service ft_aws_s3;                /* s3.c */
extern const ft_aws_service ft_aws_sts;               /* sts.c */
extern const ft_aws_service ft_aws_iam;               /* iam.c */
extern const ft_aws_service ft_aws_sagemaker_runtime; /* runtime.c */
extern const ft_aws_service ft_aws_sagemaker;
extern const ft_aws_service ft_aws_logs; /* logs.c */

extern const ft_aws_service ft_aws_sns; /* sns.c */

extern const ft_aws_service ft_aws_cloudwatch, ft_aws_cloudwatch_json; /* cloudwatch.c */
extern const ft_aws_service ft_aws_iot_data;                           /* iot_data.c */
extern const ft_aws_service ft_aws_polly;                              /* polly.c */

/* A service that is not in the list, for its answers: in the protocol that its request speaks. */
const ft_aws_service *ft_aws_service_unknown(ft_aws_protocol protocol);

#endif
