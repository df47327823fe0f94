/* logs_in.h -- CloudWatch Logs: groups and streams over the stream kind "log". A group is a row, or
 * one of the service's own: the output of training jobs is there without being asked for. */
#ifndef FT_AWS_LOGS_IN_H
#define FT_AWS_LOGS_IN_H

#include "aws/aws.h"

#define FT_LOGS_TRAINING   "/aws/sagemaker/TrainingJobs"
#define FT_LOGS_PROCESSING "/aws/sagemaker/ProcessingJobs"
#define FT_LOGS_ENDPOINT   "/aws/sagemaker/Endpoints/" /* and its name */

typedef struct ft_logs_stream {
    ft_str name;
    ft_str key; /* of kind "log" */
    int64_t created_us;
    bool is_own; /* of a job or an endpoint, which alone writes it */
    bool is_job; /* a training job's: tabs are shown as its container writes them, #011 */
} ft_logs_stream;

/* The group that the call names; ResourceNotFoundException. */
ft_err ft_logs_group(ft_str *out, ft_aws_call *c);
/* The group's streams whose names begin with `head`, in no order. */
ft_err ft_logs_streams(ft_logs_stream **out, size_t *count, ft_aws_call *c, ft_str group,
                       ft_str head);
/* One stream by its whole name; ResourceNotFoundException. */
ft_err ft_logs_stream_of(ft_logs_stream *out, ft_aws_call *c, ft_str group, ft_str name);
/* `member` as µs; a JSON number of ms on the wire. */
ft_err ft_logs_time(int64_t *out_us, ft_aws_call *c, const char *member, int64_t fallback_us);

/* ---- logs_events.c */
ft_err ft_logs_get(ft_aws_call *c);
ft_err ft_logs_filter(ft_aws_call *c);
ft_err ft_logs_put(ft_aws_call *c);

#endif
