#!/usr/bin/python3
"""aws_metrics_test.py -- what CloudWatch and the profiler know of training jobs: the machine's use, numbers of log lines."""
import datetime
import json
import time

from aws_home import error_of, failure_of
from aws_training import BUCKET, ended, request, rule, rules_ended, sagemaker
from tap import case, main, until

SPACE = "/aws/sagemaker/TrainingJobs"


def hour():
    now = datetime.datetime.now(datetime.timezone.utc)
    return {"StartTime": now - datetime.timedelta(minutes=30), "EndTime": now + datetime.timedelta(minutes=30)}


def body(s3, key):
    return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()


@case
def a_profiled_job_tells_what_its_machine_did(t):
    aws, s3, sm = sagemaker(t)
    asked = request("profiled", ProfilerConfig={"S3OutputPath": f"s3://{BUCKET}/", "ProfilingIntervalInMilliseconds": 100},
                    ProfilerRuleConfigurations=[rule("ProfilerReport-1", invoke="ProfilerReport"),
                                                rule("late", invoke="MaxInitializationTime", threshold="0"),
                                                rule("cpu", invoke="CPUBottleneck"), rule("none", invoke="NoSuchRule")])
    asked["HyperParameters"]["num_round"] = "400"
    sm.create_training_job(**asked)
    done = ended(sm, "profiled")
    assert done["ProfilingStatus"] == "Enabled" and done["ProfilerConfig"] == asked["ProfilerConfig"], done
    statuses = {s["RuleConfigurationName"]: s for s in rules_ended(sm, "profiled", "ProfilerRuleEvaluationStatuses")}
    assert statuses["ProfilerReport-1"]["RuleEvaluationStatus"] == "NoIssuesFound", statuses
    assert statuses["late"]["RuleEvaluationStatus"] == "IssuesFound" and "condition being met" in statuses["late"]["StatusDetails"]
    assert statuses["cpu"]["RuleEvaluationStatus"] == "NoIssuesFound" and statuses["none"]["RuleEvaluationStatus"] == "Stopped"
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET, Prefix="profiled/")["Contents"]]
    files = [k for k in keys if k.startswith("profiled/profiler-output/system/incremental/")]
    assert files and all(k.endswith(".algo-1.json") for k in files), keys
    lines = [json.loads(line) for k in files for line in body(s3, k).splitlines()]
    assert {"cpu", "memory", "i/o", "network"} <= {x["Type"] for x in lines}, lines[:3]
    assert all(set(x) == {"Type", "Name", "Dimension", "Value", "NodeId", "Timestamp"} for x in lines)
    stamp = int(files[0].split("/")[-1].split(".")[0])
    first = min(x["Timestamp"] for x in lines)
    assert stamp % 60 == 0 and stamp - 60 <= first <= stamp, (files[0], first)
    assert datetime.datetime.fromtimestamp(stamp, datetime.timezone.utc).strftime("%Y%m%d%H") == files[0].split("/")[-2]
    out = "profiled/rule-output/ProfilerReport-1/profiler-output/"
    assert "System Usage Statistics" in body(s3, out + "profiler-report.html")
    book = json.loads(body(s3, out + "profiler-report.ipynb"))
    assert book["nbformat"] == 4 and "System Usage" in book["cells"][1]["outputs"][0]["data"]["text/html"], book["cells"][0]
    usage = json.loads(body(s3, out + "profiler-reports/OverallSystemUsage.json"))
    assert 0 <= usage["Details"]["CPU"]["algo-1"]["p95"] <= 100 and usage["Datapoints"] > 0, usage
    assert t.sql("select count(*) as n from system where job = 'profiled' and dimension = 'CPUUtilization'")[0]["n"] > 0
    watch = aws.client("cloudwatch")
    got = watch.get_metric_statistics(Namespace=SPACE, MetricName="MemoryUtilization", Period=60, Statistics=["Average", "Maximum"],
                                      Dimensions=[{"Name": "Host", "Value": "profiled/algo-1"}], **hour())["Datapoints"]
    assert got and 0 < got[0]["Average"] <= 100 and got[0]["Unit"] == "Percent", got


@case
def numbers_of_log_lines_are_metrics(t):
    aws, s3, sm = sagemaker(t)
    asked = request("numbers")
    asked["AlgorithmSpecification"]["MetricDefinitions"] = [
        {"Name": "own:loss", "Regex": r"#011validation-logloss:([0-9.]+)"}, {"Name": "never", "Regex": "xyzzy=(.*)"}]
    sm.create_training_job(**asked)
    done = ended(sm, "numbers")
    until(lambda: "FinalMetricDataList" in sm.describe_training_job(TrainingJobName="numbers"), what="final metrics")
    until(lambda: not t.sql("select count(*) as n from aws_profile where ended = 0")[0]["n"], what="the end of the log")
    done = sm.describe_training_job(TrainingJobName="numbers")
    final = {m["MetricName"]: m for m in done["FinalMetricDataList"]}
    assert set(final) == {"train:logloss", "validation:logloss", "own:loss"}, final
    assert 0 < final["own:loss"]["Value"] < 0.7 and abs(final["own:loss"]["Value"] - final["validation:logloss"]["Value"]) < 1e-6
    assert done["AlgorithmSpecification"] == asked["AlgorithmSpecification"] and done["ProfilingStatus"] == "Disabled"
    watch = aws.client("cloudwatch")
    names = {m["MetricName"] for m in watch.list_metrics(Namespace=SPACE)["Metrics"]}
    assert {"train:logloss", "own:loss"} <= names, names
    dimensions = [{"Name": "TrainingJobName", "Value": "numbers"}]
    got = watch.get_metric_statistics(Namespace=SPACE, MetricName="own:loss", Period=3600, Statistics=["SampleCount", "Minimum"],
                                      Dimensions=dimensions, **hour())["Datapoints"]
    assert sum(p["SampleCount"] for p in got) == 20 and min(p["Minimum"] for p in got) < 0.69, got
    # The same by GetMetricData, by the SDK and by the command line.
    query = [{"Id": "m1", "MetricStat": {"Metric": {"Namespace": SPACE, "MetricName": "own:loss", "Dimensions": dimensions},
                                         "Period": 3600, "Stat": "SampleCount"}},
             {"Id": "m2", "ReturnData": False, "MetricStat": {"Metric": {"Namespace": SPACE, "MetricName": "own:loss"},
                                                              "Period": 60, "Stat": "Average"}}]
    (data,) = watch.get_metric_data(MetricDataQueries=query, **hour())["MetricDataResults"]
    assert data["Id"] == "m1" and data["Label"] == "own:loss" and sum(data["Values"]) == 20, data
    assert len(data["Timestamps"]) == len(data["Values"]) and data["StatusCode"] == "Complete", data
    told = aws.cli("cloudwatch", "get-metric-data", "--metric-data-queries", json.dumps(query[:1]), "--start-time",
                   hour()["StartTime"].isoformat(), "--end-time", hour()["EndTime"].isoformat(), "--scan-by", "TimestampAscending")
    assert sum(json.loads(told.stdout)["MetricDataResults"][0]["Values"]) == 20, told.stdout
    for bad in ({"Id": "e", "Expression": "m1 * 2"}, {"Id": "e", "MetricStat": {**query[0]["MetricStat"], "Stat": "p99"}},
                {"Id": "e", "MetricStat": {**query[0]["MetricStat"], "Period": 7}}):
        assert error_of(watch.get_metric_data, MetricDataQueries=[bad], **hour()) == "InvalidParameterValue", bad
    # With JSON, as newer clients speak.
    now = time.time()
    status, _, text = aws.raw("POST", "/", json.dumps({"MetricDataQueries": query, "StartTime": now - 3600, "EndTime": now + 60}).encode(), {
        "X-Amz-Target": "GraniteServiceVersion20100801.GetMetricData", "Content-Type": "application/x-amz-json-1.0"}, service="monitoring")
    assert status == 200 and sum(json.loads(text)["MetricDataResults"][0]["Values"]) == 20, text


@case
def a_running_job_may_be_profiled_later(t):
    _, s3, sm = sagemaker(t)
    asked = request("later")
    asked["HyperParameters"]["num_round"] = "1000000"
    sm.create_training_job(**asked)
    assert error_of(sm.update_training_job, TrainingJobName="nobody") == "ValidationException"
    config = {"S3OutputPath": f"s3://{BUCKET}/", "ProfilingIntervalInMilliseconds": 100}
    until(lambda: sm.describe_training_job(TrainingJobName="later")["SecondaryStatus"] == "Training", 60, "training")
    arn = sm.update_training_job(TrainingJobName="later", ProfilerConfig=config,
                                 ProfilerRuleConfigurations=[rule("ProfilerReport-2", invoke="ProfilerReport")])["TrainingJobArn"]
    assert arn.endswith("training-job/later"), arn
    told = sm.describe_training_job(TrainingJobName="later")
    assert told["ProfilingStatus"] == "Enabled" and told["ProfilerConfig"] == config, told
    assert told["ProfilerRuleEvaluationStatuses"][0]["RuleEvaluationStatus"] == "InProgress", told
    assert error_of(sm.update_training_job, TrainingJobName="later", ProfilerConfig={"ProfilingIntervalInMilliseconds": 7}) == "ValidationException"
    code, text, _ = failure_of(sm.update_training_job, TrainingJobName="later",
                               ProfilerRuleConfigurations=[rule("ProfilerReport-2", invoke="ProfilerReport")])
    assert code == "ValidationException" and "already" in text, text
    until(lambda: t.sql("select count(*) as n from system where job = 'later'")[0]["n"], what="samples")
    sm.update_training_job(TrainingJobName="later", ProfilerConfig={"DisableProfiler": True})
    assert sm.describe_training_job(TrainingJobName="later")["ProfilingStatus"] == "Disabled"
    sm.stop_training_job(TrainingJobName="later")
    assert ended(sm, "later")["TrainingJobStatus"] == "Stopped"
    rules_ended(sm, "later", "ProfilerRuleEvaluationStatuses")
    assert error_of(sm.update_training_job, TrainingJobName="later", ProfilerConfig=config) == "ValidationException"
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="later/profiler-output/system/")["KeyCount"] > 0


@case
def what_is_refused_and_what_is_tagged(t):
    aws, _, sm = sagemaker(t)
    for regex in ("(", "[", "a{99999999}"):
        asked = request("bad")
        asked["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "m", "Regex": regex}]
        code, text, _ = failure_of(sm.create_training_job, **asked)
        assert code == "ValidationException" and "MetricDefinitions" in text, text
    assert error_of(sm.create_training_job, **request("bad", ProfilerConfig={"S3OutputPath": "https://x/"})) == "ValidationException"
    arn = sm.create_training_job(**request("tagged", Tags=[{"Key": "team", "Value": "a"}]))["TrainingJobArn"]
    assert sm.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "a"}]
    sm.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "b"}, {"Key": "x", "Value": "y"}])
    sm.delete_tags(ResourceArn=arn, TagKeys=["x"])
    assert json.loads(aws.cli("sagemaker", "list-tags", "--resource-arn", arn).stdout)["Tags"] == [{"Key": "team", "Value": "b"}]
    many = [{"Key": f"k{i}", "Value": ""} for i in range(51)]
    assert error_of(sm.create_training_job, **request("many", Tags=many)) in ("ResourceLimitExceeded", "ValidationException")


main()
