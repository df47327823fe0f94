#!/usr/bin/env python3
"""monitor_post.py -- the Model Monitor post's calls with the SageMaker SDK 1.72.1 that it was written for; only the endpoint
differs.

Run by a Python that has the SDK (tests/prove/peers.sh sagemaker1). A model of XGBoost is deployed with data capture, the default
monitor suggests a baseline from a file, a schedule looks at the traffic: clean traffic ends Completed, altered traffic ends
CompletedWithViolations. The post's schedule is hourly; time is not waited for but told: once the hour's requests are captured the
schedule is asked for now (the expression "NOW", as later SDKs have it), through the same operation. PASS, FAIL or NOT RUN a
line each; exit 0, 1 or 77."""
import io
import json
import os
import random
import subprocess
import tarfile
import tempfile

from posts import ROLE, main, session, tap  # first: it says when there is no SDK

import sagemaker
from sagemaker.model import Model
from sagemaker.model_monitor import CronExpressionGenerator, DataCaptureConfig, DefaultModelMonitor
from sagemaker.model_monitor.dataset_format import DatasetFormat
from sagemaker.predictor import RealTimePredictor

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.2-1"
FEATURES = 4


def rows(count, seed, shift=0.0):
    r = random.Random(seed)
    return [[r.gauss(0, 1) + (shift if i == 0 else 0) for i in range(FEATURES)] for _ in range(count)]


def archive():
    """model.tar.gz of a small model, made by Debian's XGBoost in a process of its own: this Python need not have one."""
    code = ("import sys, json, numpy, xgboost\n"
            "x = numpy.array(json.load(sys.stdin)); y = (x[:, 0] + 0.5 * x[:, 1] > 0).astype(int)\n"
            "b = xgboost.train({'objective': 'binary:logistic', 'max_depth': 3}, xgboost.DMatrix(x, y), 10)\n"
            "sys.stdout.buffer.write(bytes(b.save_raw('json')))\n")
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    data = subprocess.run(["/usr/bin/python3", "-c", code], input=json.dumps(rows(400, 1)).encode(), capture_output=True, check=True,
                          env=env).stdout
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        info = tarfile.TarInfo("xgboost-model")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def deploy(s, bucket, name):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.tar.gz")
        with open(path, "wb") as f:
            f.write(archive())
        model_url = s.upload_data(path, bucket=bucket, key_prefix="model")
    capture = DataCaptureConfig(enable_capture=True, sampling_percentage=100, destination_s3_uri=f"s3://{bucket}/{name}/capture")
    model = Model(model_url, XGBOOST, role=ROLE, sagemaker_session=s, predictor_cls=RealTimePredictor)
    return model.deploy(initial_instance_count=1, instance_type="ml.m4.xlarge", endpoint_name=name, data_capture_config=capture)


def baseline(s, bucket, folder):
    path = os.path.join(folder, "training-with-header.csv")
    with open(path, "w") as f:
        f.write("label," + ",".join(f"x{i}" for i in range(FEATURES)) + "\n")
        for row in rows(400, 1):
            f.write(f"{int(row[0] + 0.5 * row[1] > 0)}," + ",".join(f"{v:.6f}" for v in row) + "\n")
    data = s.upload_data(path, bucket=bucket, key_prefix="baselining/data")
    monitor = DefaultModelMonitor(role=ROLE, instance_count=1, instance_type="ml.m5.xlarge", volume_size_in_gb=20,
                                  max_runtime_in_seconds=3600, sagemaker_session=s)
    monitor.suggest_baseline(baseline_dataset=data, dataset_format=DatasetFormat.csv(header=True),
                             output_s3_uri=f"s3://{bucket}/baselining/results", wait=True, logs=False)
    statistics = monitor.baseline_statistics().body_dict
    assert [f["name"] for f in statistics["features"]] == ["label", "x0", "x1", "x2", "x3"], statistics
    assert statistics["dataset"]["item_count"] == 400
    assert monitor.suggested_constraints().body_dict["features"][1]["inferred_type"] == "Fractional"
    return monitor


def traffic(predictor, shift):
    for row in rows(300, 2, shift):
        predictor.predict(",".join(f"{v:.6f}" for v in row))


def now(monitor, s):
    """The hourly schedule, now: what an hour of waiting would bring."""
    told = s.sagemaker_client.describe_monitoring_schedule(MonitoringScheduleName=monitor.monitoring_schedule_name)
    config = told["MonitoringScheduleConfig"]
    assert config["ScheduleConfig"]["ScheduleExpression"] == "cron(0 * ? * * *)", config
    config["ScheduleConfig"]["ScheduleExpression"] = "NOW"
    s.sagemaker_client.update_monitoring_schedule(MonitoringScheduleName=monitor.monitoring_schedule_name,
                                                  MonitoringScheduleConfig=config)


def one(t, name, shift, want):
    s = session(t)
    bucket = s.default_bucket()
    predictor = deploy(s, bucket, name)
    predictor.content_type = "text/csv"
    monitor = baseline(s, bucket, t.path)
    monitor.create_monitoring_schedule(
        monitor_schedule_name=name + "-schedule", endpoint_input=predictor.endpoint, output_s3_uri=f"s3://{bucket}/{name}/reports",
        statistics=monitor.baseline_statistics(), constraints=monitor.suggested_constraints(),
        schedule_cron_expression=CronExpressionGenerator.hourly(), enable_cloudwatch_metrics=True)
    assert monitor.describe_schedule()["MonitoringScheduleStatus"] in ("Pending", "Scheduled")
    assert monitor.list_executions() == []
    traffic(predictor, shift)
    captured = sagemaker.s3.S3Downloader.list(f"s3://{bucket}/{name}/capture/{name}", session=s)
    assert captured and captured[0].endswith(".jsonl"), captured
    now(monitor, s)
    executions = tap.until(lambda: [e for e in monitor.list_executions() if e.describe()["ProcessingJobStatus"] != "InProgress"],
                           60, "an execution")
    told = executions[-1].describe()
    assert told["ProcessingJobStatus"] == "Completed" and told["ExitMessage"].startswith(want + ":"), told
    (summary,) = s.sagemaker_client.list_monitoring_executions(
        MonitoringScheduleName=name + "-schedule", SortBy="ScheduledTime", SortOrder="Descending",
        MaxResults=100)["MonitoringExecutionSummaries"]
    assert summary["MonitoringExecutionStatus"] == want, summary
    found = monitor.latest_monitoring_constraint_violations().body_dict["violations"]
    if want == "Completed":
        assert found == [], found
    else:
        assert any(v["feature_name"] == "x0" for v in found), found
    statistics = monitor.latest_monitoring_statistics().body_dict
    assert statistics["dataset"]["item_count"] == 300, statistics["dataset"]
    monitor.delete_monitoring_schedule()
    predictor.delete_endpoint()


def clean_traffic_completes(t):
    one(t, "clean", 0.0, "Completed")


def altered_traffic_has_violations(t):
    one(t, "altered", 2.0, "CompletedWithViolations")


if __name__ == "__main__":
    main(clean_traffic_completes, altered_traffic_has_violations)
