#!/usr/bin/python3
"""aws_monitoring_test.py -- monitoring schedules by boto3: clean traffic completes, altered traffic has violations, both
names of the violations file are in the bucket; the statuses and texts that clients branch on."""
import datetime
import shutil

from tap import case, main, until
from aws_home import error_of, failure_of
from aws_monitored import Monitored, definition
import aws_hosting as hosting


@case
def clean_traffic_completes_and_altered_traffic_has_violations(t):
    h = Monitored(t, "clean", "altered")
    for name in ("clean", "altered"):
        h.baseline(name)
    h.traffic("clean")
    h.traffic("altered", lambda row: [row[0] + 3, *row[1:]])
    made = h.schedule("s-clean", "clean")
    assert made["MonitoringScheduleArn"].endswith(":monitoring-schedule/s-clean"), made
    h.schedule("s-altered", "altered")
    good, bad = h.ended("s-clean"), h.ended("s-altered")
    assert good["MonitoringExecutionStatus"] == "Completed", good
    assert bad["MonitoringExecutionStatus"] == "CompletedWithViolations", bad
    job = h.job(good)
    assert job["ProcessingJobStatus"] == "Completed" and job["ExitMessage"].startswith("Completed: "), job
    assert job["ProcessingJobName"].startswith("model-monitoring-20"), job
    assert job["MonitoringScheduleArn"] == made["MonitoringScheduleArn"], job
    assert h.report(job, "constraint_violations.json")["violations"] == []
    assert h.report(job, "statistics.json")["dataset"]["item_count"] == len(h.x)
    job = h.job(bad)
    assert job["ExitMessage"].startswith("CompletedWithViolations: "), job
    uri = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    assert uri.startswith("s3://reports/monitor/altered/s-altered/20"), uri
    found = h.report(job, "constraint_violations.json")
    assert found == h.report(job, "constraints_violations.json")
    assert any(v["feature_name"] == "a" and v["constraint_check_type"] == "baseline_drift_check"
               for v in found["violations"]), found
    told = h.sm.describe_monitoring_schedule(MonitoringScheduleName="s-altered")
    assert told["MonitoringScheduleStatus"] == "Scheduled" and told["EndpointName"] == "altered", told
    assert told["LastMonitoringExecutionSummary"]["MonitoringExecutionStatus"] == "CompletedWithViolations", told
    assert told["MonitoringScheduleConfig"]["MonitoringJobDefinition"]["RoleArn"] == hosting.ROLE, told
    rows = {r["name"]: r for r in t.json("monitor", "schedules")}
    assert rows["s-clean"]["found"] == "Completed" and rows["s-altered"]["when"] == "NOW", rows
    assert len(h.executions("s-altered")) == 1  # NOW is once
    # the same in CloudWatch
    watch, space = h.aws.client("cloudwatch"), "/aws/sagemaker/Endpoints/data-metrics"
    now = datetime.datetime.now(datetime.timezone.utc)
    def points(schedule, endpoint, metric, statistic):
        got = watch.get_metric_statistics(
            Namespace=space, MetricName=metric, Period=3600, Statistics=[statistic], StartTime=now - datetime.timedelta(hours=1),
            EndTime=now + datetime.timedelta(hours=1), Dimensions=[
                {"Name": "Endpoint", "Value": endpoint}, {"Name": "MonitoringSchedule", "Value": schedule}])["Datapoints"]
        return [p[statistic] for p in got]
    until(lambda: points("s-altered", "altered", "feature_baseline_drift_a", "Maximum"), what="metrics of the monitor")
    assert max(points("s-altered", "altered", "feature_baseline_drift_a", "Maximum")) > 0.2
    assert sum(points("s-altered", "altered", "feature_non_null_a", "Sum")) == len(h.x)
    assert min(points("s-altered", "altered", "feature_data_a", "Minimum")) > 2.9


@case
def a_baseline_of_another_place_is_compared_with(t):
    h = Monitored(t, "e", "f")
    h.baseline("e")
    h.traffic("f")
    at = "s3://fettle/monitor/e/baseline/"
    h.schedule("both", "f", BaselineConfig=dict(StatisticsResource=dict(S3Uri=at + "statistics.json"),
                                                ConstraintsResource=dict(S3Uri=at + "constraints.json")))
    h.schedule("one", "f", BaselineConfig=dict(StatisticsResource=dict(S3Uri=at + "statistics.json")))
    h.schedule("none", "f")
    h.schedule("gone", "f", BaselineConfig=dict(StatisticsResource=dict(S3Uri=at + "nothing.json")))
    for name in ("both", "one"):
        last = h.ended(name)
        assert last["MonitoringExecutionStatus"] == "Completed", (last, h.job(last))
    last = h.ended("none")
    assert last["MonitoringExecutionStatus"] == "Failed" and "no baseline" in last["FailureReason"], last
    assert h.ended("gone")["MonitoringExecutionStatus"] == "Failed"


@case
def a_window_without_captures_fails_in_aws_words(t):
    h = Monitored(t, "e")
    h.baseline("e")
    h.schedule("s", "e")
    last = h.ended("s")
    assert last["MonitoringExecutionStatus"] == "Failed", last
    assert 'No S3 objects found under S3 URL "s3://caught/data/e"' in last["FailureReason"], last
    assert h.job(last)["ProcessingJobStatus"] == "Failed" and "FailureReason" in h.job(last)


@case
def schedules_are_kept_changed_stopped_and_deleted(t):
    h = Monitored(t, "e")
    hourly = "cron(0 * ? * * *)"
    arn = h.schedule("s", "e", when=hourly)["MonitoringScheduleArn"]
    assert error_of(h.schedule, "s", "e", when=hourly) == "ResourceInUse"
    told = h.sm.describe_monitoring_schedule(MonitoringScheduleName="s")
    assert told["MonitoringScheduleArn"] == arn and "LastMonitoringExecutionSummary" not in told, told
    assert told["MonitoringScheduleConfig"] == definition("e", when=hourly), told
    h.sm.update_monitoring_schedule(MonitoringScheduleName="s",
                                    MonitoringScheduleConfig=definition("e", when="cron(0 3 ? * * *)"))
    told = h.sm.describe_monitoring_schedule(MonitoringScheduleName="s")
    assert told["MonitoringScheduleConfig"]["ScheduleConfig"]["ScheduleExpression"] == "cron(0 3 ? * * *)", told
    h.sm.stop_monitoring_schedule(MonitoringScheduleName="s")
    assert h.sm.describe_monitoring_schedule(MonitoringScheduleName="s")["MonitoringScheduleStatus"] == "Stopped"
    h.sm.start_monitoring_schedule(MonitoringScheduleName="s")
    assert h.sm.describe_monitoring_schedule(MonitoringScheduleName="s")["MonitoringScheduleStatus"] == "Scheduled"
    h.schedule("t", "e", when="cron(0 0/6 ? * * *)")
    names = [s["MonitoringScheduleName"] for s in h.sm.list_monitoring_schedules(
        EndpointName="e", SortBy="Name", SortOrder="Ascending")["MonitoringScheduleSummaries"]]
    assert names == ["s", "t"], names
    assert not h.sm.list_monitoring_schedules(EndpointName="x")["MonitoringScheduleSummaries"]
    assert h.executions("s") == []
    h.sm.delete_monitoring_schedule(MonitoringScheduleName="s")
    for call in (h.sm.describe_monitoring_schedule, h.sm.stop_monitoring_schedule, h.sm.start_monitoring_schedule,
                 h.sm.delete_monitoring_schedule):
        code, text, status = failure_of(call, MonitoringScheduleName="s")
        assert (code, status) == ("ResourceNotFound", 400) and "Could not find" in text, (code, text)
    code, text, _ = failure_of(h.schedule, "u", "nobody")
    assert code == "ValidationException" and "Could not find endpoint" in text, text
    wrong = [(dict(when="every day"), "cron(0 * ? * * *)"), (dict(uri="/tmp/x"), "s3://")]
    if not shutil.which("podman"):
        wrong.append((dict(image="1.dkr.ecr.us-east-1.amazonaws.com/my-monitor:latest"), "my-monitor"))
    for more, word in wrong:
        code, text, _ = failure_of(h.schedule, "u", "e", **more)
        assert code == "ValidationException" and word in text, (code, text)
    assert error_of(h.sm.describe_processing_job, ProcessingJobName="model-monitoring-202201010000-abc") \
        == "ValidationException"


main()
