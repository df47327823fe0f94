/* sts.c -- STS: who am I? The one account, a user named after the access key. */
#include "aws/services_in.h"

static ft_err get_caller_identity(ft_aws_call *c) {
    ft_str arn;
    FT_TRY(ft_arena_printf(&arn, c->arena, "arn:aws:iam::%s:user/%.*s", FT_AWS_ACCOUNT,
                           FT_STR_ARG(c->access_key)));
    ft_xml_text(&c->xml, "Arn", arn);
    ft_xml_text(&c->xml, "UserId", c->access_key);
    ft_xml_text(&c->xml, "Account", FT_STR(FT_AWS_ACCOUNT));
    return FT_OK;
}

static const ft_aws_op ops[] = {
    { .name = "GetCallerIdentity", .run = get_caller_identity },
    { 0 },
};

const ft_aws_service ft_aws_sts = { .name = "sts",
                                    .title = "STS",
                                    .protocol = FT_AWS_QUERY,
                                    .version = "2011-06-15",
                                    .xmlns = "https://sts.amazonaws.com/doc/2011-06-15/",
                                    .ops = ops };
