"""aws_monitored.py -- what the tests of monitoring schedules share: an endpoint that captures, its baseline and traffic."""
import json

from tap import until
import aws_hosting as hosting

ANALYZER = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"


def definition(endpoint, image=ANALYZER, when="NOW", uri="s3://reports/monitor/", **more):
    return dict(ScheduleConfig=dict(ScheduleExpression=when), MonitoringJobDefinition=dict(
        MonitoringInputs=[dict(EndpointInput=dict(EndpointName=endpoint, LocalPath="/opt/ml/processing/input/endpoint",
                                                  S3InputMode="File", S3DataDistributionType="FullyReplicated"))],
        MonitoringResources=dict(ClusterConfig=dict(InstanceCount=1, InstanceType="ml.m5.xlarge", VolumeSizeInGB=30)),
        MonitoringAppSpecification=dict(ImageUri=image), RoleArn=hosting.ROLE,
        MonitoringOutputConfig=dict(MonitoringOutputs=[dict(S3Output=dict(
            S3Uri=uri, LocalPath="/opt/ml/processing/outputs", S3UploadMode="Continuous"))]), **more))


class Monitored(hosting.Hosting):
    """An endpoint that captures, with a baseline, and a bucket for reports."""

    def __init__(self, t, *endpoints):
        super().__init__(t)
        self.t = t
        model, self.x = hosting.booster()
        self.s3.create_bucket(Bucket="reports")
        self.s3.create_bucket(Bucket="caught")
        super().model("m", hosting.archive(model))
        for name in endpoints:
            self.endpoint(name, "m", DataCaptureConfig=dict(
                EnableCapture=True, InitialSamplingPercentage=100, DestinationS3Uri="s3://caught/data",
                CaptureOptions=[dict(CaptureMode="Input"), dict(CaptureMode="Output")]))

    def baseline(self, name):
        path = self.t.path + "/baseline.csv"
        with open(path, "w", encoding="ascii") as f:
            f.write("label,a,b,c,d,e\n")
            for row in self.x:
                f.write("0," + ",".join(map(repr, map(float, row))) + "\n")
        self.t.run("monitor", "baseline", name, "--data", path, "--label", "label")

    def traffic(self, name, change=lambda row: row):
        for row in self.x:
            self.ask(name, change(list(row)))
        until(lambda: len(hosting.captured(self, f"data/{name}/")) == len(self.x), what="the captures")

    def schedule(self, name, endpoint, **more):
        return self.sm.create_monitoring_schedule(MonitoringScheduleName=name,
                                                  MonitoringScheduleConfig=definition(endpoint, **more))

    def executions(self, name):
        return self.sm.list_monitoring_executions(MonitoringScheduleName=name, SortBy="ScheduledTime",
                                                  SortOrder="Descending", MaxResults=100)["MonitoringExecutionSummaries"]

    def ended(self, name):
        def last():
            list_ = self.executions(name)
            return list_ and list_[0]["MonitoringExecutionStatus"] not in ("Pending", "InProgress") and list_[0]
        return until(last, what="an execution's end")

    def job(self, execution):
        return self.sm.describe_processing_job(ProcessingJobName=execution["ProcessingJobArn"].split("/")[-1])

    def report(self, job, name):
        uri = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
        bucket, key = uri[len("s3://"):].split("/", 1)
        return json.loads(self.s3.get_object(Bucket=bucket, Key=f"{key}/{name}")["Body"].read())
