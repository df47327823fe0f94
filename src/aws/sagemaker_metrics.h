/* sagemaker_metrics.h -- what CloudWatch and the profiler know about training jobs: the machine's
 * use while they run, and numbers picked out of their log lines by MetricDefinitions. Everything is
 * done by a chore of the server. */
#ifndef FT_AWS_SAGEMAKER_METRICS_H
#define FT_AWS_SAGEMAKER_METRICS_H

#include "aws/aws.h"

#define FT_METRIC_DEFINITIONS_MAX 40 /* as SageMaker's */
#define FT_METRIC_NAME_BYTES      256

ft_err ft_sagemaker_metrics_prepare(ft_store *s);
/* Does the request ask for what can be done? ValidationException otherwise. */
ft_err ft_sagemaker_metrics_check(ft_aws_call *c);
/* Within the transaction that stores the job. */
ft_err ft_sagemaker_metrics_store(ft_aws_call *c, ft_str job);
/* UpdateTrainingJob: the profiler's part. */
ft_err ft_sagemaker_update_training(ft_aws_call *c);
/* FinalMetricDataList and ProfilingStatus into the answer of DescribeTrainingJob. */
ft_err ft_sagemaker_metrics_put(ft_aws_call *c, ft_str job);

/* ---- sagemaker_follow.c */
ft_err ft_sagemaker_metrics_chore(ft_store *s);
/* Before the store of the chores' thread is closed. */
void ft_sagemaker_metrics_end(void);

#endif
