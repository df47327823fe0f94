/* iam.c -- IAM, as far as the SageMaker SDK asks it (get_execution_role): a role of any name is one
 * of the account. There are no rights to keep here: who has an access key may do everything. */
#include "aws/services_in.h"

#define ROLE_NAME_MAX 64

static bool is_role_name(ft_str s) {
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i], lower = (char)(c | 32);
        if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') &&
            (!c || !strchr("_+=,.@-", c)))
            return false;
    }
    return s.len > 0 && s.len <= ROLE_NAME_MAX;
}

static ft_err get_role(ft_aws_call *c) {
    ft_str name = ft_aws_str(c, "RoleName"), arn;
    if (!is_role_name(name))
        return ft_aws_fail(c, 400, "ValidationError",
                           "1 validation error detected: Value at 'roleName' failed to satisfy "
                           "constraint: Member must have 1 to %d characters of [\\w+=,.@-]",
                           ROLE_NAME_MAX);
    FT_TRY(ft_arena_printf(&arn, c->arena, "arn:aws:iam::%s:role/%.*s", FT_AWS_ACCOUNT,
                           FT_STR_ARG(name)));
    ft_xml_open(&c->xml, "Role");
    ft_xml_text(&c->xml, "Path", FT_STR("/"));
    ft_xml_text(&c->xml, "RoleName", name);
    ft_xml_text(&c->xml, "RoleId", FT_STR("AROA" FT_AWS_ACCOUNT "FETTLE"));
    ft_xml_text(&c->xml, "Arn", arn);
    ft_xml_text(&c->xml, "CreateDate", FT_STR("2022-01-01T00:00:00Z"));
    ft_xml_close(&c->xml);
    return FT_OK;
}

static const ft_aws_op ops[] = {
    { .name = "GetRole", .required = "RoleName", .run = get_role },
    { 0 },
};

const ft_aws_service ft_aws_iam = { .name = "iam",
                                    .title = "IAM",
                                    .protocol = FT_AWS_QUERY,
                                    .version = "2010-05-08",
                                    .xmlns = "https://iam.amazonaws.com/doc/2010-05-08/",
                                    .ops = ops };
