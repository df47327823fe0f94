/* cloudwatch_in.h -- what the two halves of CloudWatch share: members and answers in the query
 * protocol and in JSON alike. */
#ifndef FT_AWS_CLOUDWATCH_IN_H
#define FT_AWS_CLOUDWATCH_IN_H

#include "aws/cloudwatch.h"

#define FT_CW_DIMENSIONS_MAX 30

typedef struct ft_cw_dimension {
    ft_str name, value;
} ft_cw_dimension;

/* ---- cloudwatch.c: members below a path ("MetricData.3"; empty: of the request itself) */
bool ft_cw_is_query(const ft_aws_call *c);
ft_err ft_cw_bad_value(ft_aws_call *c, const char *member, const char *why);
ft_err ft_cw_missing(ft_aws_call *c, const char *member);
ft_str ft_cw_text_at(ft_aws_call *c, ft_str path, const char *member);
ft_err ft_cw_number_at(double *out, bool *there, ft_aws_call *c, ft_str path, const char *member);
ft_err ft_cw_time_at(int64_t *out_us, ft_aws_call *c, ft_str path, const char *member);
ft_err ft_cw_dimensions_read(ft_cw_dimension list[FT_CW_DIMENSIONS_MAX], size_t *count,
                             ft_aws_call *c, ft_str path);
ft_err ft_cw_dimensions_at(ft_str *out, ft_aws_call *c, ft_str path);
ft_err ft_cw_unit_at(ft_str *out, ft_aws_call *c, ft_str path, const char *otherwise);
void ft_cw_open_list(ft_aws_call *c, const char *name);
void ft_cw_open_item(ft_aws_call *c);
void ft_cw_close_one(ft_aws_call *c);
void ft_cw_put_text(ft_aws_call *c, const char *name, ft_str value);
void ft_cw_put_number(ft_aws_call *c, const char *name, double value);
void ft_cw_put_time(ft_aws_call *c, const char *name, int64_t us);

/* ---- cloudwatch_read.c */
ft_err ft_cw_get_statistics(ft_aws_call *c);
ft_err ft_cw_get_data(ft_aws_call *c);

#endif
