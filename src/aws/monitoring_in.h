/* monitoring_in.h -- the monitoring part of SageMaker (sagemaker_monitoring.c); its rows stand in
 * sagemaker.c. */
#ifndef FT_AWS_MONITORING_IN_H
#define FT_AWS_MONITORING_IN_H

#include "aws/sagemaker_in.h"
#include "monitor/schedule.h"

ft_err ft_monitoring_create(ft_aws_call *c);
ft_err ft_monitoring_update(ft_aws_call *c);
ft_err ft_monitoring_describe(ft_aws_call *c);
ft_err ft_monitoring_list(ft_aws_call *c);
ft_err ft_monitoring_start(ft_aws_call *c);
ft_err ft_monitoring_stop(ft_aws_call *c);
ft_err ft_monitoring_delete(ft_aws_call *c);
ft_err ft_monitoring_list_executions(ft_aws_call *c);

/* Processing jobs that are executions, for ListProcessingJobs. */
ft_err ft_monitoring_items(ft_sagemaker_item **out, size_t *count, ft_aws_call *c);
ft_err ft_monitoring_stop_processing(ft_aws_call *c);
/* Is it the name of an execution? */
bool ft_monitoring_is_execution(ft_str job);
/* DescribeProcessingJob of one. */
ft_err ft_monitoring_describe_processing(ft_aws_call *c);

/* ---- monitoring_program.c: executions with a program of the user's, as processing jobs. */
/* Can the schedule's definition be run? In words when not. `definition`: MonitoringJobDefinition.
 */
ft_err ft_monitoring_program_check(ft_arena *arena, ft_str definition);


/* ft_schedule_program.look (monitoring_program_end.c) */
ft_err ft_monitoring_program_look(ft_str *status, ft_str *message, ft_store *s, ft_arena *arena,
                                  const ft_execution *x);

#endif
