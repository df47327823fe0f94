/* services.c -- the services' rows. A service whose room does not exist yet answers every operation
 * with a sentence. */
#include "aws/aws.h"
#include "aws/services_in.h"

#define ABSENT(service, name_, title_, target_, protocol_, room)                                   \
    static const ft_aws_service service = { .name = name_,                                         \
                                            .title = title_,                                       \
                                            .target = target_,                                     \
                                            .protocol = protocol_,                                 \
                                            .xmlns = "",                                           \
                                            .version = "",                                         \
                                            .absent = title_ " is not served yet: its room (" room \
                                                             ") is not built" }

/* clang-format off */
ABSENT(polly, "polly", "Polly", NULL, FT_AWS_REST_JSON, "speech");
ABSENT(comprehend, "comprehend", "Comprehend", "Comprehend_20171127", FT_AWS_JSON_1_1, "text");
ABSENT(lambda, "lambda", "Lambda", NULL, FT_AWS_REST_JSON, "jobs");
ABSENT(dynamodb, "dynamodb", "DynamoDB", "DynamoDB_20120810", FT_AWS_JSON_1_0, "store");
ABSENT(robomaker, "robomaker", "RoboMaker", NULL, FT_AWS_REST_JSON, "sim");

const ft_aws_service *const ft_aws_services[] = {
    &ft_aws_s3,
    &ft_aws_sts,
    &ft_aws_sagemaker, &ft_aws_sagemaker_runtime, &ft_aws_logs, &ft_aws_cloudwatch, &ft_aws_cloudwatch_json, &ft_aws_sns, &ft_aws_iot_data,
    &polly, &comprehend, &lambda, &dynamodb, &robomaker,
    NULL,
};
/* clang-format on */
