#!/usr/bin/python3
"""aws_training_test.py -- SageMaker training as clients drive it: jobs, rules as processing jobs, logs, artefacts on S3."""
import io
import json
import re
import tarfile
import time

from aws_home import Aws, error_of, failure_of
from aws_training import BUCKET, ROLE, channel, collection, ended, request, rows, rule, rules_ended, sagemaker
from tap import case, main, until

@case
def the_calls_of_the_xgboost_report_post(t):
    aws, s3, sm = sagemaker(t)
    name = "higgs-boson-model-2021-02-18-21-47-29-836"
    five = {"save_interval": "5"}
    asked = request(
        name,
        DebugRuleConfigurations=[rule("CreateXgboostReport")],
        DebugHookConfig={"S3OutputPath": f"s3://{BUCKET}/", "CollectionConfigurations": [
            collection("metrics", **five), collection("feature_importance", **five),
            collection("hyperparameters", save_steps="0"), collection("predictions", **five),
            collection("labels", **five)]},
        ProfilerRuleConfigurations=[rule("ProfilerReport-1613684849", invoke="ProfilerReport")],
        ProfilerConfig={"S3OutputPath": f"s3://{BUCKET}/"})
    arn = sm.create_training_job(**asked)["TrainingJobArn"]
    assert arn == f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}", arn
    done = ended(sm, name)
    assert done["TrainingJobStatus"] == "Completed" and done["SecondaryStatus"] == "Completed", done
    for member in ("HyperParameters", "AlgorithmSpecification", "InputDataConfig", "OutputDataConfig", "ResourceConfig",
                   "StoppingCondition", "DebugHookConfig", "DebugRuleConfigurations", "ProfilerRuleConfigurations", "RoleArn"):
        assert done[member] == asked[member], (member, done[member])
    steps = [x["Status"] for x in done["SecondaryStatusTransitions"]]
    assert steps == ["Starting", "Downloading", "Training", "Uploading", "Completed"], steps
    assert all("StatusMessage" in x and "EndTime" in x for x in done["SecondaryStatusTransitions"])
    assert done["TrainingEndTime"] >= done["TrainingStartTime"] and done["BillableTimeInSeconds"] >= 1

    # the rule job, by the last part of its ARN; ARNs are lower case on AWS
    job = rules_ended(sm, name)[0]["RuleEvaluationJobArn"].split("/")[-1]
    assert re.fullmatch(r"higgs-boson-model-2021-02--CreateXgboostReport-[0-9a-f]{8}", job), job
    for known in (job, job.lower()):
        got = sm.describe_processing_job(ProcessingJobName=known)
        assert got["ProcessingJobStatus"] == "Completed" and got["TrainingJobArn"] == arn, got
    assert rules_ended(sm, name)[0]["RuleEvaluationStatus"] == "NoIssuesFound"
    profiler = rules_ended(sm, name, "ProfilerRuleEvaluationStatuses")[0]
    assert profiler["RuleConfigurationName"] == "ProfilerReport-1613684849", profiler

    # artefacts where the post reads them
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET, Prefix=name + "/rule-output")["Contents"]]
    reports = [k for k in keys if "/profiler-reports/" not in k]
    assert reports == [name + "/rule-output/" + k + end for k in (
        "CreateXgboostReport/xgboost_report", "ProfilerReport-1613684849/profiler-output/profiler-report")
        for end in (".html", ".ipynb")], keys
    page = s3.get_object(Bucket=BUCKET, Key=reports[0])["Body"].read().decode()
    for words in ("istribution", "logloss", "mportance", "onfusion", "Receiver"):
        assert words in page, words
    page = s3.get_object(Bucket=BUCKET, Key=reports[2])["Body"].read().decode()
    assert "Training Job Summary" in page and "training_loop_start" in page

    uri = done["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri == f"s3://{BUCKET}/{name}/output/model.tar.gz", uri
    body = s3.get_object(Bucket=BUCKET, Key=f"{name}/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as tar:
        assert sorted(tar.getnames()) == ["schema.json", "xgboost-model"], tar.getnames()
        model = json.load(tar.extractfile("xgboost-model"))
    assert len(model["learner"]["gradient_booster"]["model"]["trees"]) == 20
    try:
        import xgboost
    except ImportError:
        pass
    else:
        xgboost.Booster().load_model(bytearray(json.dumps(model).encode()))
    assert s3.head_object(Bucket=BUCKET, Key=name + "/debug-output/training_job_end.ts")
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=name + "/debug-output/index")["Contents"]
    assert [int(o["Key"].split("/")[-1].split("_")[0]) for o in listed] == [0, 5, 10, 15], listed


def kfp(name, eta):
    """The debugger post: constant loss with eta 0, metrics every 3 and losses every 10 of 50 rounds, no validation."""
    return request(
        name, EnableNetworkIsolation=True,
        OutputDataConfig={"KmsKeyId": "", "S3OutputPath": f"s3://{BUCKET}/kfp"},
        ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.2xlarge", "VolumeSizeInGB": 5, "VolumeKmsKeyId": ""},
        InputDataConfig=[channel("train", f"s3://{BUCKET}/higgs/train.csv")],
        HyperParameters={"max_depth": "5", "eta": eta, "gamma": "0", "min_child_weight": "1", "subsample": "0.7",
                         "objective": "reg:squarederror", "num_round": "50", "verbosity": "2"},
        DebugHookConfig={"S3OutputPath": f"s3://{BUCKET}/kfp/tensors", "CollectionConfigurations": [
            collection("metrics", save_interval="3"), collection("losses", save_interval="10"),
            collection("feature_importance", save_interval="5"), collection("average_shap", save_interval="5")]},
        DebugRuleConfigurations=[
            rule("LossNotDecreasing", tensor_regex=".*"),
            rule("Overtraining", patience_train="10", patience_validation="20")])


@case
def the_calls_of_the_debugger_post(t):
    aws, s3, sm = sagemaker(t)
    bad, good = "simple-fraud-eta-0", "simple-fraud-eta-02"
    sm.create_training_job(**kfp(bad, "0"))
    sm.create_training_job(**kfp(good, "0.2"))
    assert ended(sm, bad)["TrainingJobStatus"] == "Completed"
    assert ended(sm, good)["TrainingJobStatus"] == "Completed"
    found = {s["RuleConfigurationName"]: s for s in rules_ended(sm, bad)}
    assert [s["RuleConfigurationName"] for s in rules_ended(sm, bad)] == ["LossNotDecreasing", "Overtraining"]
    assert found["LossNotDecreasing"]["RuleEvaluationStatus"] == "IssuesFound", found
    assert found["LossNotDecreasing"]["StatusDetails"] == (
        "RuleEvaluationConditionMet: Evaluation of the rule LossNotDecreasing at step 10 resulted in the condition being met")
    assert found["Overtraining"]["RuleEvaluationStatus"] == "NoIssuesFound", found
    assert [s["RuleEvaluationStatus"] for s in rules_ended(sm, good)] == ["NoIssuesFound"] * 2, rules_ended(sm, good)
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix=f"kfp/tensors/{bad}/debug-output/collections/")["KeyCount"] == 1
    job = found["LossNotDecreasing"]["RuleEvaluationJobArn"].split("/")[-1]
    got = sm.describe_processing_job(ProcessingJobName=job)
    assert got["ProcessingJobStatus"] == "Completed" and "step 10" in got["ExitMessage"], got
    names = [p["ProcessingJobName"] for p in sm.list_processing_jobs()["ProcessingJobSummaries"]]
    assert len(names) == 4 and job in names, names
    assert failure_of(sm.stop_processing_job, ProcessingJobName=job)[0] == "ValidationException"
    names = [j["TrainingJobName"] for j in sm.list_training_jobs(SortBy="Name", SortOrder="Ascending")["TrainingJobSummaries"]]
    assert names == [bad, good], names
    page = sm.list_training_jobs(MaxResults=1, NameContains="FRAUD", StatusEquals="Completed")
    rest = sm.list_training_jobs(MaxResults=1, NameContains="FRAUD", NextToken=page["NextToken"])
    both = [p["TrainingJobSummaries"][0]["TrainingJobName"] for p in (page, rest)]
    assert sorted(both) == [bad, good] and "NextToken" not in rest, both


def tail(logs, group, stream):
    """The SDK's loop: go on with the forward token until the same comes back."""
    lines, token = [], None
    while True:
        more = {"nextToken": token} if token else {}
        got = logs.get_log_events(logGroupName=group, logStreamName=stream, startTime=0, startFromHead=True, **more)
        lines += got["events"]
        if got["nextForwardToken"] == token:
            assert got["events"] == []
            return lines
        token = got["nextForwardToken"]


TRAINING = "/aws/sagemaker/TrainingJobs"


@case
def the_log_of_a_job_is_tailed(t):
    aws, s3, sm = sagemaker(t)
    logs = aws.client("logs")
    assert logs.describe_log_streams(logGroupName=TRAINING, logStreamNamePrefix="tailed/", orderBy="LogStreamName",
                                     limit=1)["logStreams"] == []
    sm.create_training_job(**request("tailed"))
    ended(sm, "tailed")
    streams = logs.describe_log_streams(logGroupName=TRAINING, logStreamNamePrefix="tailed/", orderBy="LogStreamName",
                                        limit=1)["logStreams"]
    stream = streams[0]["logStreamName"]
    assert re.fullmatch(r"tailed/algo-1-\d+", stream), stream
    events = tail(logs, TRAINING, stream)
    rounds = [e["message"] for e in events if e["message"].startswith("[")]
    assert len(rounds) == 20 and all(
        re.fullmatch(r"\[%d\]#011train-logloss:[\d.]+#011validation-logloss:[\d.]+" % i, m) for i, m in enumerate(rounds)), rounds
    assert any("train matrix has 400 rows" in e["message"] for e in events), events[:3]
    assert events == sorted(events, key=lambda e: e["timestamp"]) and abs(events[0]["timestamp"] / 1000 - time.time()) < 120
    assert streams[0]["lastEventTimestamp"] == events[-1]["timestamp"]
    # pages, forward and backward, meet
    first = logs.get_log_events(logGroupName=TRAINING, logStreamName=stream, startFromHead=True, limit=5)
    second = logs.get_log_events(logGroupName=TRAINING, logStreamName=stream, nextToken=first["nextForwardToken"], limit=5)
    assert first["events"] + second["events"] == events[:10]
    back = logs.get_log_events(logGroupName=TRAINING, logStreamName=stream, nextToken=second["nextBackwardToken"], limit=5)
    assert back["events"] == first["events"]
    last = logs.get_log_events(logGroupName=TRAINING, logStreamName=stream, limit=3)
    assert last["events"] == events[-3:], last["events"]
    found = logs.filter_log_events(logGroupName=TRAINING, logStreamNamePrefix="tailed/", filterPattern='"[7]" train-logloss')
    assert [e["message"] for e in found["events"]] == [rounds[7]], found["events"]
    cut = logs.filter_log_events(logGroupName=TRAINING, filterPattern="logloss -validation", limit=1)
    assert cut["events"] == []
    pages = list(logs.get_paginator("filter_log_events").paginate(
        logGroupName=TRAINING, filterPattern="train-logloss", PaginationConfig={"PageSize": 7}))
    assert [e["message"] for p in pages for e in p["events"]] == rounds and len(pages) == 3, len(pages)


@case
def logs_of_ones_own(t):
    aws = Aws(t)
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="/my/app")
    logs.create_log_stream(logGroupName="/my/app", logStreamName="host/1")
    assert error_of(logs.create_log_group, logGroupName="/my/app") == "ResourceAlreadyExistsException"
    assert error_of(logs.create_log_stream, logGroupName="/my/app", logStreamName="host/1") == "ResourceAlreadyExistsException"
    assert error_of(logs.create_log_stream, logGroupName="/no", logStreamName="x") == "ResourceNotFoundException"
    assert error_of(logs.create_log_group, logGroupName="a:b") == "InvalidParameterException"
    now = int(time.time() * 1000)
    lines = ["plain", "tab\there", "Zeichen \u00e4\u00f6\u00fc \U0001f600", '{"json": "\\n"}']
    logs.put_log_events(logGroupName="/my/app", logStreamName="host/1", sequenceToken="1",
                        logEvents=[{"timestamp": now + i, "message": m} for i, m in enumerate(lines)])
    put = logs.put_log_events(logGroupName="/my/app", logStreamName="host/1",
                              logEvents=[{"timestamp": now + 10, "message": "later"}])
    assert "rejectedLogEventsInfo" not in put
    old = logs.put_log_events(logGroupName="/my/app", logStreamName="host/1",
                              logEvents=[{"timestamp": now - 15 * 86400000, "message": "old"}])
    assert old["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}, old
    events = tail(logs, "/my/app", "host/1")
    assert [e["message"] for e in events] == lines + ["later"], events
    assert [e["timestamp"] for e in events] == [now, now + 1, now + 2, now + 3, now + 10]
    part = logs.get_log_events(logGroupName="/my/app", logStreamName="host/1", startTime=now + 1, endTime=now + 3, startFromHead=True)
    assert [e["message"] for e in part["events"]] == lines[1:3]
    assert error_of(logs.put_log_events, logGroupName="/my/app", logStreamName="host/1", logEvents=[
        {"timestamp": now, "message": "b"}, {"timestamp": now - 1, "message": "a"}]) == "InvalidParameterException"
    assert error_of(logs.put_log_events, logGroupName="/my/app", logStreamName="host/2",
                    logEvents=[{"timestamp": now, "message": "b"}]) == "ResourceNotFoundException"
    assert failure_of(logs.get_log_events, logGroupName="/my/app", logStreamName="host/2")[1] == \
        "The specified log stream does not exist."
    assert failure_of(logs.describe_log_streams, logGroupName="/none")[:2] == (
        "ResourceNotFoundException", "The specified log group does not exist.")
    assert error_of(logs.get_log_events, logGroupName="/my/app", logStreamName="host/1", nextToken="x") == "InvalidParameterException"
    assert error_of(logs.filter_log_events, logGroupName="/my/app", filterPattern="{ $.x = 1 }") == "InvalidParameterException"
    groups = [g["logGroupName"] for g in logs.describe_log_groups()["logGroups"]]
    assert groups == ["/aws/sagemaker/ProcessingJobs", TRAINING, "/my/app"], groups
    first = logs.describe_log_groups(limit=2)
    assert [g["logGroupName"] for g in logs.describe_log_groups(nextToken=first["nextToken"])["logGroups"]] == ["/my/app"]
    for i in range(2, 5):
        logs.create_log_stream(logGroupName="/my/app", logStreamName=f"host/{i}")
    names = [s["logStreamName"] for p in logs.get_paginator("describe_log_streams").paginate(
        logGroupName="/my/app", descending=True, PaginationConfig={"PageSize": 3}) for s in p["logStreams"]]
    assert names == ["host/4", "host/3", "host/2", "host/1"], names


@case
def a_rule_may_stop_the_job(t):
    aws, s3, sm = sagemaker(t)
    asked = kfp("stops-itself", "0")
    asked["HyperParameters"]["num_round"] = "100000"
    asked["DebugRuleConfigurations"] = [rule("LossNotDecreasing", action_json=json.dumps(
        [{"name": "stoptraining", "parameters": {"training_job_prefix": "stops-itself"}}]))]
    sm.create_training_job(**asked)
    done = ended(sm, "stops-itself")
    assert done["TrainingJobStatus"] == "Stopped" and "FailureReason" not in done, done
    assert rules_ended(sm, "stops-itself")[0]["RuleEvaluationStatus"] == "IssuesFound"


@case
def a_job_is_stopped(t):
    aws, s3, sm = sagemaker(t)
    asked = request("long")
    asked["HyperParameters"]["num_round"] = "1000000"
    sm.create_training_job(**asked)
    until(lambda: sm.describe_training_job(TrainingJobName="long")["SecondaryStatus"] == "Training", what="training")
    sm.stop_training_job(TrainingJobName="long")
    done = ended(sm, "long")
    assert done["TrainingJobStatus"] == "Stopped" and done["SecondaryStatusTransitions"][-1]["Status"] == "Stopped", done
    code, message, status = failure_of(sm.stop_training_job, TrainingJobName="long")
    assert code == "ValidationException" and "status Stopped" in message and status == 400, message


@case
def jobs_end_with_their_server(t):
    aws, s3, sm = sagemaker(t)
    asked = request("orphan")
    asked["HyperParameters"]["num_round"] = "1000000"
    sm.create_training_job(**asked)
    until(lambda: sm.describe_training_job(TrainingJobName="orphan")["SecondaryStatus"] == "Training", what="training")
    t.servers[0].terminate()
    assert t.servers[0].wait(20) == 0
    t.serve()
    job = t.sql("select status, reason from job where name = 'orphan'")[0]
    assert job["status"] == "Stopped" and "server" in job["reason"], job


@case
def many_objects_are_one_channel(t):
    aws, s3, sm = sagemaker(t)
    for i, text in enumerate(rows(300, 3).splitlines(True)):
        if i % 100 == 0:
            part = []
        part.append(text)
        if i % 100 == 99:
            s3.put_object(Bucket=BUCKET, Key=f"parts/day={i // 100}/part.csv", Body="".join(part).encode())
            s3.put_object(Bucket=BUCKET, Key=f"flat/part-{i // 100}.csv", Body="".join(part).encode())
    s3.put_object(Bucket=BUCKET, Key="flat/_SUCCESS", Body=b"")
    for name, uri in (("nested", f"s3://{BUCKET}/parts/"), ("flat", f"s3://{BUCKET}/flat"), ("text", f"s3://{BUCKET}/flat/part")):
        sm.create_training_job(**request(name, InputDataConfig=[channel("train", uri)]))
    for name in ("nested", "flat", "text"):
        assert ended(sm, name)["TrainingJobStatus"] == "Completed", ended(sm, name)
        lines = t.sql(f"select message from log where source = 'job/{name}'")
        assert any("300 rows" in x["message"] for x in lines), lines[:3]


@case
def wrong_requests_get_the_documented_errors(t):
    aws, s3, sm = sagemaker(t)

    def refused(words, code="ValidationException", **more):
        got = failure_of(sm.create_training_job, **request("wrong", **more))
        assert got[0] == code and words in got[1] and got[2] == 400, got

    good = request("wrong")["HyperParameters"]
    refused("max_dept", HyperParameters={**good, "max_dept": "3"})
    refused("eta", HyperParameters={**good, "eta": "2"})
    refused("num_round", HyperParameters={"objective": "binary:logistic"})
    refused("train", InputDataConfig=[channel("validation", f"s3://{BUCKET}/higgs/validation.csv")])
    refused("No S3 objects found under S3 URL", InputDataConfig=[channel("train", f"s3://{BUCKET}/nothing/here")])
    refused("No S3 objects found", InputDataConfig=[channel("train", "s3://no-such-bucket/x")])
    refused("text/plain", InputDataConfig=[channel("train", f"s3://{BUCKET}/higgs/train.csv", "text/plain")])
    refused("not built in", AlgorithmSpecification={"TrainingInputMode": "File",
                                                    "TrainingImage": "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:1.5"})
    refused("LossNotDecreasing", DebugRuleConfigurations=[rule("LossNotDecreasin")])
    refused("num_steps", DebugRuleConfigurations=[rule("LossNotDecreasing", num_steps="x")])
    refused("no-such-bucket", OutputDataConfig={"S3OutputPath": "s3://no-such-bucket/x"})
    refused("one instance", ResourceConfig={"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1})
    code, message, status = failure_of(sm.describe_training_job, TrainingJobName="wrong")
    assert (code, message, status) == ("ValidationException", "Requested resource not found.", 400)
    assert failure_of(sm.stop_training_job, TrainingJobName="wrong")[1] == "Requested resource not found."
    assert "Could not find" in failure_of(sm.describe_processing_job, ProcessingJobName="no-such")[1]
    processing = {"ProcessingJobName": "p", "RoleArn": ROLE, "AppSpecification": {"ImageUri": "x"},
                  "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}}}
    code, message, status = failure_of(sm.create_processing_job, **processing)
    assert code == "ValidationException" and status == 400 and "ContainerEntrypoint" in message, (code, message)
    sm.create_training_job(**request("wrong"))
    code, message, status = failure_of(sm.create_training_job, **request("wrong"))
    assert code == "ResourceInUse" and "already exists" in message and status == 400, (code, message)
    ended(sm, "wrong")
    loose = aws.client("sagemaker", parameter_validation=False)
    for name in ("-x", "x_y", "a" * 64, "../x"):
        assert error_of(loose.create_training_job, **request(name)) == "ValidationException"
    assert error_of(loose.create_training_job, TrainingJobName="x") == "ValidationException"
    assert error_of(sm.list_training_jobs, NextToken="nobody") == "ValidationException"
    wrong_key = aws.client("sagemaker", secret="x" * 40)
    assert error_of(wrong_key.list_training_jobs) == "InvalidSignatureException"


@case
def a_job_that_fails_says_why(t):
    aws, s3, sm = sagemaker(t)
    s3.put_object(Bucket=BUCKET, Key="bad.csv", Body=b"1,2,3\n0,1\n" * 50)
    sm.create_training_job(**request("fails", InputDataConfig=[channel("train", f"s3://{BUCKET}/bad.csv")]))
    done = ended(sm, "fails")
    assert done["TrainingJobStatus"] == "Failed" and done["FailureReason"].startswith("AlgorithmError: "), done
    assert "exit code" in done["FailureReason"] and "bad.csv" in done["FailureReason"], done["FailureReason"]


if __name__ == "__main__":
    main()
