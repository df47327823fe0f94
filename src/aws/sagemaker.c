/* sagemaker.c -- the SageMaker service: its operations' rows. */
#include "aws/data_metrics.h"
#include "aws/hosting_in.h"
#include "aws/monitoring_in.h"
#include "aws/sagemaker_in.h"
#include "aws/sagemaker_metrics.h"
#include "aws/services_in.h"

/* An execution of a monitoring schedule is a processing job too. */
static ft_err describe_processing(ft_aws_call *c) {
    return ft_monitoring_is_execution(ft_aws_str(c, "ProcessingJobName"))
               ? ft_monitoring_describe_processing(c)
               : ft_sagemaker_describe_processing(c);
}

/* clang-format off */
static const ft_aws_op ops[] = {
    { .name = "CreateTrainingJob", .run = ft_sagemaker_create_training,
      .required = "TrainingJobName|AlgorithmSpecification|RoleArn|OutputDataConfig|ResourceConfig|StoppingCondition" },
    { .name = "DescribeTrainingJob", .required = "TrainingJobName", .run = ft_sagemaker_describe_training },
    { .name = "UpdateTrainingJob", .required = "TrainingJobName", .run = ft_sagemaker_update_training },
    { .name = "StopTrainingJob", .required = "TrainingJobName", .run = ft_sagemaker_stop_training },
    { .name = "ListTrainingJobs", .run = ft_sagemaker_list_training },
    { .name = "CreateProcessingJob", .run = ft_sagemaker_create_processing,
      .required = "ProcessingJobName|ProcessingResources|AppSpecification|RoleArn" },
    { .name = "DescribeProcessingJob", .required = "ProcessingJobName", .run = describe_processing },
    { .name = "StopProcessingJob", .required = "ProcessingJobName", .run = ft_sagemaker_stop_processing },
    { .name = "ListProcessingJobs", .run = ft_sagemaker_list_processing },
    { .name = "CreateMonitoringSchedule", .run = ft_monitoring_create,
      .required = "MonitoringScheduleName|MonitoringScheduleConfig" },
    { .name = "UpdateMonitoringSchedule", .run = ft_monitoring_update,
      .required = "MonitoringScheduleName|MonitoringScheduleConfig" },
    { .name = "DescribeMonitoringSchedule", .required = "MonitoringScheduleName", .run = ft_monitoring_describe },
    { .name = "StartMonitoringSchedule", .required = "MonitoringScheduleName", .run = ft_monitoring_start },
    { .name = "StopMonitoringSchedule", .required = "MonitoringScheduleName", .run = ft_monitoring_stop },
    { .name = "DeleteMonitoringSchedule", .required = "MonitoringScheduleName", .run = ft_monitoring_delete },
    { .name = "ListMonitoringSchedules", .run = ft_monitoring_list },
    { .name = "ListMonitoringExecutions", .run = ft_monitoring_list_executions },
    { 0 },
};
/* clang-format on */

static ft_err prepare(ft_store *s) {
    FT_TRY(ft_sagemaker_metrics_prepare(s));
    FT_TRY(ft_data_metrics_prepare(s));
    return ft_sagemaker_rules_prepare(s);
}

static ft_err chore(ft_store *s) {
    FT_TRY(ft_sagemaker_inputs_chore(s));
    FT_TRY(ft_sagemaker_metrics_chore(s));
    FT_TRY(ft_data_metrics_chore(s));
    return ft_sagemaker_rules_chore(s);
}

const ft_aws_service ft_aws_sagemaker = { .name = "sagemaker",
                                          .title = "SageMaker",
                                          .target = "SageMaker",
                                          .protocol = FT_AWS_JSON_1_1,
                                          .xmlns = "",
                                          .version = "2017-07-24",
                                          .ops = ops,
                                          .also = ft_hosting_ops,
                                          .prepare = prepare,
                                          .chore = chore,
                                          .chore_end = ft_sagemaker_metrics_end };
