#!/usr/bin/python3
"""aws_monitor_program_test.py -- monitoring schedules with a monitor of the user's: what it finds at /opt/ml, how what it
leaves decides the execution's status, the execution as a processing job."""
import os

from tap import case, main, until
from aws_home import error_of, failure_of
from aws_monitored import Monitored, definition

# As Model Monitor's documentation shows it: counts how often class 1 is predicted.
MONITOR = """#!/usr/bin/python3
import datetime, glob, json, os, sys
e = os.environ
place = os.path.dirname(os.path.dirname(os.path.dirname(e["dataset_source"])))
config = json.load(open(place + "/config/processingjobconfig.json"))
assert config["Environment"]["THRESHOLD"] == e["THRESHOLD"] == "0.5", config
assert json.loads(e["dataset_format"])["sagemakerCaptureJson"]["captureIndexNames"] == ["endpointInput", "endpointOutput"]
files = glob.glob(e["dataset_source"] + "/**/*.jsonl", recursive=True)
records = [json.loads(line) for f in files for line in open(f)]
print("records", len(records), "from", e["start_time"], "to", e["end_time"], flush=True)
parts = os.path.relpath(files[0], e["dataset_source"]).split("/")
assert parts[0] == e["sagemaker_endpoint_name"] and parts[1] == "AllTraffic" and len(parts) == 7, parts
scores = [float(r["captureData"]["endpointOutput"]["data"]) for r in records]
share = sum(s > float(e["THRESHOLD"]) for s in scores) / len(scores)
mode = sys.argv[1] if len(sys.argv) > 1 else "message"
if mode == "fail":
    print("the model cannot be judged")
    sys.exit(5)
if mode == "baseline":
    assert json.load(open(e["baseline_constraints"]))["version"] == 0
bad = [{"feature_name": "share", "constraint_check_type": "baseline_drift_check", "description": str(share)}] if share > 0.8 else []
assert os.listdir(e["output_path"]) == [], "the output's folder is there before"
with open(e["output_path"] + "/constraint_violations.json", "w") as f:
    json.dump({"violations": bad}, f)
if mode != "silent":
    with open(place + "/output/message", "w") as f:
        f.write(("CompletedWithViolations" if bad else "Completed") + ": share of class 1 is %g" % share)
with open(place + "/output/metrics/cloudwatch/cloudwatch_metrics.jsonl", "a") as f:
    json.dump({"MetricName": "share", "Timestamp": datetime.datetime.utcnow().strftime("%Y-%m-%dT%H:%M:%SZ"), "Value": share,
               "Dimensions": [{"Name": "Endpoint", "Value": e["sagemaker_endpoint_name"]},
                              {"Name": "MonitoringSchedule", "Value": e["sagemaker_monitoring_schedule_name"]}]}, f)
    f.write("\\n")
"""


class Own(Monitored):
    def __init__(self, t, *endpoints):
        super().__init__(t, *endpoints)
        self.program = os.path.join(t.path, "monitor.py")
        with open(self.program, "w") as f:
            f.write(MONITOR)
        os.chmod(self.program, 0o755)

    def own(self, endpoint, mode=None, image=None, **more):
        d = definition(endpoint, image=image or self.program, Environment={"THRESHOLD": "0.5"}, **more)
        if mode:
            d["MonitoringJobDefinition"]["MonitoringAppSpecification"].update(
                ContainerEntrypoint=[self.program], ContainerArguments=[mode])
        return d

    def done(self, name):
        def last():
            all_ = self.executions(name)
            return all_[0] if all_ and all_[0]["MonitoringExecutionStatus"] != "InProgress" else None
        return until(last, 60, "an execution of " + name)


@case
def what_the_monitor_says_is_the_executions_status(t):
    h = Own(t, "clean", "drifted")
    h.traffic("clean")
    h.traffic("drifted", lambda row: [0.99, 0.99] + row[2:])
    for name in ("clean", "drifted"):
        h.sm.create_monitoring_schedule(MonitoringScheduleName=name, MonitoringScheduleConfig=h.own(name))
    x = h.done("clean")
    assert x["MonitoringExecutionStatus"] == "Completed" and x["EndpointName"] == "clean", x
    y = h.done("drifted")
    assert y["MonitoringExecutionStatus"] == "CompletedWithViolations", y
    job = y["ProcessingJobArn"].split("/")[-1]
    d = h.sm.describe_processing_job(ProcessingJobName=job)
    assert d["ProcessingJobStatus"] == "Completed", d
    assert d["ExitMessage"].startswith("CompletedWithViolations: share of class 1 is "), d
    assert d["MonitoringScheduleArn"].endswith(":monitoring-schedule/drifted"), d
    assert d["AppSpecification"]["ImageUri"] == h.program and d["Environment"] == {"THRESHOLD": "0.5"}, d
    place = d["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"].replace("s3://reports/", "")
    keys = [o["Key"] for o in h.s3.list_objects_v2(Bucket="reports", Prefix=place)["Contents"]]
    assert sorted(k.split("/")[-1] for k in keys) == ["constraint_violations.json", "constraints_violations.json"], keys
    listed = h.sm.list_processing_jobs(NameContains="model-monitoring-")["ProcessingJobSummaries"]
    assert {s["ProcessingJobName"] for s in listed} >= {job} and len(listed) == 2, listed
    assert all(s["ProcessingJobStatus"] == "Completed" for s in listed), listed
    assert h.sm.describe_monitoring_schedule(MonitoringScheduleName="drifted")["LastMonitoringExecutionSummary"][
        "MonitoringExecutionStatus"] == "CompletedWithViolations"
    cw = h.aws.client("cloudwatch")
    metrics = cw.list_metrics(Namespace="/aws/sagemaker/Endpoints/data-metrics", MetricName="share")["Metrics"]
    assert len(metrics) == 2 and {m["Value"] for one in metrics for m in one["Dimensions"]} == {"clean", "drifted"}, metrics
    logs = h.aws.client("logs")
    group = "/aws/sagemaker/ProcessingJobs"
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=job + "/")["logStreams"]
    said = [e["message"] for s in streams for e in logs.get_log_events(
        logGroupName=group, logStreamName=s["logStreamName"], startFromHead=True)["events"]]
    assert any(line.startswith(f"records {len(h.x)} from 20") for line in said), said
    assert not os.path.exists(os.path.join(t.path, "jobs", job, "ml"))
    until(lambda: not os.path.exists(os.path.join(t.path, "inputs", job)), what="the inputs gone")


@case
def without_a_message_the_violations_file_decides(t):
    h = Own(t, "e", "f")
    h.traffic("e", lambda row: [0.99, 0.99] + row[2:])
    h.s3.put_object(Bucket="reports", Key="base/constraints.json", Body=b'{"version": 0, "features": []}')
    h.sm.create_monitoring_schedule(MonitoringScheduleName="silent", MonitoringScheduleConfig=h.own("e", "silent"))
    x = h.done("silent")
    assert x["MonitoringExecutionStatus"] == "CompletedWithViolations", x
    h.sm.create_monitoring_schedule(MonitoringScheduleName="based", MonitoringScheduleConfig=h.own(
        "e", "baseline", BaselineConfig=dict(ConstraintsResource=dict(S3Uri="s3://reports/base/constraints.json"))))
    assert h.done("based")["MonitoringExecutionStatus"] == "CompletedWithViolations", h.executions("based")
    h.sm.create_monitoring_schedule(MonitoringScheduleName="fails", MonitoringScheduleConfig=h.own("e", "fail"))
    x = h.done("fails")
    assert x["MonitoringExecutionStatus"] == "Failed", x
    assert x["FailureReason"] == "AlgorithmError: the model cannot be judged, exit code: 5", x
    job = x["ProcessingJobArn"].split("/")[-1]
    assert h.sm.describe_processing_job(ProcessingJobName=job)["ProcessingJobStatus"] == "Failed"
    code, message, _ = failure_of(h.sm.stop_processing_job, ProcessingJobName=job)
    assert code == "ValidationException" and "Failed" in message, message
    h.sm.create_monitoring_schedule(MonitoringScheduleName="nothing", MonitoringScheduleConfig=h.own("f"))
    x = h.done("nothing")
    assert x["MonitoringExecutionStatus"] == "Failed" and "No S3 objects found under S3 URL" in x["FailureReason"], x


@case
def a_monitor_that_hangs_can_be_stopped(t):
    t.env["FETTLE_PROGRAM_GRACE"] = "500ms"
    h = Own(t, "e")
    h.traffic("e")
    with open(h.program, "w") as f:
        f.write("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.1; done\n")
    h.sm.create_monitoring_schedule(MonitoringScheduleName="s", MonitoringScheduleConfig=h.own("e"))
    job = until(lambda: h.executions("s"), what="an execution")[0]["ProcessingJobArn"].split("/")[-1]
    assert h.sm.describe_processing_job(ProcessingJobName=job)["ProcessingJobStatus"] == "InProgress"
    until(lambda: t.sql(f"select 1 from job where name = '{job}' and secondary = 'Training'"), what="it runs")
    h.sm.stop_processing_job(ProcessingJobName=job)
    assert h.done("s")["MonitoringExecutionStatus"] == "Stopped"
    assert h.sm.describe_processing_job(ProcessingJobName=job)["ProcessingJobStatus"] == "Stopped"


@case
def monitors_that_cannot_run_are_refused(t):
    h = Own(t, "e")
    t.env["PATH"] = "/nowhere"
    for image, word in (("/no/such/monitor", "/no/such/monitor"), ("me/my-monitor:1", "podman")):
        code, message, status = failure_of(h.sm.create_monitoring_schedule, MonitoringScheduleName="s",
                                           MonitoringScheduleConfig=h.own("e", image=image))
        assert code == "ValidationException" and word in message and status == 400, message
    bad = h.own("e")
    bad["MonitoringJobDefinition"]["MonitoringInputs"][0]["EndpointInput"]["LocalPath"] = "/etc"
    assert error_of(h.sm.create_monitoring_schedule, MonitoringScheduleName="s", MonitoringScheduleConfig=bad) == "ValidationException"
    assert h.sm.list_monitoring_schedules()["MonitoringScheduleSummaries"] == []


if __name__ == "__main__":
    main()
