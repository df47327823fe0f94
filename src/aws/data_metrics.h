/* data_metrics.h -- what monitoring executions found, in CloudWatch: namespace
 * FT_DATA_METRICS_SPACE, dimensions Endpoint and MonitoringSchedule. */
#ifndef FT_AWS_DATA_METRICS_H
#define FT_AWS_DATA_METRICS_H

#include "aws/aws.h"

#define FT_DATA_METRICS_SPACE "/aws/sagemaker/Endpoints/data-metrics"

ft_err ft_data_metrics_prepare(ft_store *s);
/* Executions that have ended since are told, each once. */
ft_err ft_data_metrics_chore(ft_store *s);

#endif
