#!/usr/bin/python3
"""aws_cli_test.py -- Debian's awscli does every operation of SageMaker that there is here, as a person types it."""
import json
import re

from aws_hosting import IMAGE, ROLE, archive, booster
from aws_training import BUCKET, request, rule, sagemaker
from tap import ROOT, case, main, until

DONE = set()


def commands(aws):
    def call(operation, *args, ok=True, **members):
        """aws sagemaker OPERATION --member-name VALUE …; -> the answer."""
        words = []
        for name, value in members.items():
            words += ["--" + re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower(),
                      value if isinstance(value, str) else json.dumps(value)]
        p = aws.cli("sagemaker", operation, *words, *args, ok=ok)
        DONE.add("".join(part.capitalize() for part in operation.split("-")))
        if not ok:
            return p.stderr.decode()
        return json.loads(p.stdout) if p.stdout.strip() else {}
    return call


def operations():
    """The names in the tables of the source."""
    found = set()
    for name in ("sagemaker.c", "sagemaker_model.c"):
        with open(f"{ROOT}/src/aws/{name}", encoding="utf-8") as f:
            found |= set(re.findall(r'\{ \.name = "([A-Z]\w+)"', f.read()))
    return found


@case
def every_operation_by_the_command_line(t):
    aws, s3, sm = sagemaker(t)
    do = commands(aws)
    model, _ = booster()
    s3.put_object(Bucket=BUCKET, Key="m/model.tar.gz", Body=archive(model))
    # training
    asked = request("cli-job", Tags=[{"Key": "k", "Value": "v"}])
    arn = do("create-training-job", "--cli-input-json", json.dumps(asked))["TrainingJobArn"]
    until(lambda: do("describe-training-job", TrainingJobName="cli-job")["TrainingJobStatus"] == "Completed", 60, "the job's end")
    assert do("list-training-jobs", NameContains="cli")["TrainingJobSummaries"][0]["TrainingJobName"] == "cli-job"
    assert do("list-tags", ResourceArn=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
    do("add-tags", ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    do("delete-tags", "--tag-keys", "a", ResourceArn=arn)
    long = request("cli-long", ProfilerConfig={"S3OutputPath": f"s3://{BUCKET}/"},
                   ProfilerRuleConfigurations=[rule("ProfilerReport-1", invoke="ProfilerReport")])
    long["HyperParameters"]["num_round"] = "1000000"
    do("create-training-job", "--cli-input-json", json.dumps(long))
    until(lambda: do("describe-training-job", TrainingJobName="cli-long")["SecondaryStatus"] == "Training", 60, "training")
    do("update-training-job", TrainingJobName="cli-long", ProfilerConfig={"ProfilingIntervalInMilliseconds": 1000})
    do("stop-training-job", TrainingJobName="cli-long")
    # processing
    job = dict(ProcessingJobName="cli-work", RoleArn=ROLE, AppSpecification=dict(
        ImageUri="python", ContainerEntrypoint=["/bin/sh", "-c", "sleep 60"]), ProcessingResources=dict(
            ClusterConfig=dict(InstanceCount=1, InstanceType="ml.m5.xlarge", VolumeSizeInGB=1)))
    do("create-processing-job", "--cli-input-json", json.dumps(job))
    assert do("describe-processing-job", ProcessingJobName="cli-work")["ProcessingJobStatus"] == "InProgress"
    assert any(j["ProcessingJobName"] == "cli-work" for j in do("list-processing-jobs")["ProcessingJobSummaries"])
    do("stop-processing-job", ProcessingJobName="cli-work")
    # hosting
    do("create-model", ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer=dict(
        Image=IMAGE, ModelDataUrl=f"s3://{BUCKET}/m/model.tar.gz"))
    assert do("describe-model", ModelName="m")["ModelName"] == "m"
    assert do("list-models")["Models"][0]["ModelName"] == "m"
    variant = dict(VariantName="AllTraffic", ModelName="m", InitialInstanceCount=1, InstanceType="ml.m4.xlarge", InitialVariantWeight=1)
    do("create-endpoint-config", EndpointConfigName="c", ProductionVariants=[variant], DataCaptureConfig=dict(
        EnableCapture=True, InitialSamplingPercentage=100, DestinationS3Uri=f"s3://{BUCKET}/caught",
        CaptureOptions=[dict(CaptureMode="Input"), dict(CaptureMode="Output")]))
    do("create-endpoint-config", EndpointConfigName="d", ProductionVariants=[variant])
    do("describe-endpoint-config", EndpointConfigName="c")
    assert len(do("list-endpoint-configs")["EndpointConfigs"]) == 2
    do("create-endpoint", EndpointName="e", EndpointConfigName="c", Tags=[{"Key": "k", "Value": "v"}])
    until(lambda: do("describe-endpoint", EndpointName="e")["EndpointStatus"] == "InService", 60, "the endpoint")
    do("update-endpoint", EndpointName="e", EndpointConfigName="d")
    until(lambda: do("describe-endpoint", EndpointName="e")["EndpointStatus"] == "InService", 60, "the endpoint")
    assert do("list-endpoints", NameContains="e")["Endpoints"][0]["EndpointName"] == "e"
    # monitoring
    config = dict(ScheduleConfig=dict(ScheduleExpression="cron(0 * ? * * *)"), MonitoringJobDefinition=dict(
        MonitoringInputs=[dict(EndpointInput=dict(EndpointName="e", LocalPath="/opt/ml/processing/input/endpoint"))],
        MonitoringResources=dict(ClusterConfig=dict(InstanceCount=1, InstanceType="ml.m5.xlarge", VolumeSizeInGB=30)),
        MonitoringAppSpecification=dict(ImageUri="156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"),
        RoleArn=ROLE, MonitoringOutputConfig=dict(MonitoringOutputs=[dict(S3Output=dict(
            S3Uri=f"s3://{BUCKET}/reports", LocalPath="/opt/ml/processing/outputs"))])))
    do("create-monitoring-schedule", MonitoringScheduleName="s", MonitoringScheduleConfig=config)
    do("update-monitoring-schedule", MonitoringScheduleName="s", MonitoringScheduleConfig=config)
    do("stop-monitoring-schedule", MonitoringScheduleName="s")
    do("start-monitoring-schedule", MonitoringScheduleName="s")
    assert do("describe-monitoring-schedule", MonitoringScheduleName="s")["MonitoringScheduleStatus"] == "Scheduled"
    assert len(do("list-monitoring-schedules")["MonitoringScheduleSummaries"]) == 1
    assert do("list-monitoring-executions", MonitoringScheduleName="s")["MonitoringExecutionSummaries"] == []
    do("delete-monitoring-schedule", MonitoringScheduleName="s")
    # and away
    do("delete-endpoint", EndpointName="e")
    for name in ("c", "d"):
        do("delete-endpoint-config", EndpointConfigName=name)
    do("delete-model", ModelName="m")
    assert "Could not find" in do("describe-endpoint", EndpointName="e", ok=False)
    assert not operations() - DONE, operations() - DONE


main()
