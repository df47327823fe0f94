/* services.c -- the services' rows. A service whose room does not exist yet answers every operation
 * with a sentence. */
#include "aws/aws.h"
#include "aws/services_in.h"
#include "base/check.h"

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
ABSENT(comprehend, "comprehend", "Comprehend", "Comprehend_20171127", FT_AWS_JSON_1_1, "text");
ABSENT(lambda, "lambda", "Lambda", NULL, FT_AWS_REST_JSON, "jobs");
ABSENT(dynamodb, "dynamodb", "DynamoDB", "DynamoDB_20120810", FT_AWS_JSON_1_0, "store");
ABSENT(robomaker, "robomaker", "RoboMaker", NULL, FT_AWS_REST_JSON, "sim");

const ft_aws_service *const ft_aws_services[] = {
    &ft_aws_s3,
    &ft_aws_sts, &ft_aws_iam,
    &ft_aws_sagemaker, &ft_aws_sagemaker_runtime, &ft_aws_logs, &ft_aws_cloudwatch, &ft_aws_cloudwatch_json, &ft_aws_sns, &ft_aws_iot_data, &ft_aws_polly,
    &comprehend, &lambda, &dynamodb, &robomaker,
    NULL,
};
/* clang-format on */

static const ft_aws_service unknown[] = {
    { .name = "", .title = "This service", .protocol = FT_AWS_JSON_1_0 },
    { .name = "", .title = "This service", .protocol = FT_AWS_JSON_1_1 },
    { .name = "", .title = "This service", .protocol = FT_AWS_REST_JSON },
    { .name = "", .title = "This service", .protocol = FT_AWS_REST_XML, .xmlns = "" },
    { .name = "", .title = "This service", .protocol = FT_AWS_QUERY, .xmlns = "", .version = "" },
};

const ft_aws_service *ft_aws_service_unknown(ft_aws_protocol protocol) {
    for (size_t i = 0; i < FT_COUNT(unknown) - 1; i++)
        if (unknown[i].protocol == protocol) return &unknown[i];
    return &unknown[FT_COUNT(unknown) - 1];
}
