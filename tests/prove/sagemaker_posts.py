#!/usr/bin/env python3
"""sagemaker_posts.py -- the training posts' own code with the SageMaker SDK 2.24.5; only the endpoint differs.

Run by a Python that has the SDK (tests/prove/peers.sh sagemaker2). Starts a server, trains as "ML Explainability with Amazon
SageMaker Debugger / XGBoost report" and the debugger part of the pipelines post do, reads what they read. PASS, FAIL or NOT RUN a
line each; exit 0, 1 or 77."""
import io
import sys
import tempfile

from posts import ROLE, main, session, tap  # first: it says when there is no SDK

import sagemaker
from sagemaker import image_uris
from sagemaker.debugger import CollectionConfig, DebuggerHookConfig, Rule, rule_configs
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput


def rows(count, seed):
    import random
    r = random.Random(seed)
    out = []
    for _ in range(count):
        f = [r.gauss(0, 1) for _ in range(4)]
        out.append(",".join([str(int(f[0] + 0.5 * f[1] + r.gauss(0, 0.3) > 0))] + [f"{x:.5f}" for x in f]))
    return "\n".join(out) + "\n"


def upload(s):
    bucket = s.default_bucket()
    for name, seed in (("train", 1), ("validation", 2)):
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as f:
            f.write(rows(400, seed))
            f.flush()
            s.upload_data(f.name, bucket=bucket, key_prefix=f"higgs/{name}")
    return bucket


def report_post(t):
    s = session(t)
    bucket = upload(s)
    container = image_uris.retrieve("xgboost", "us-east-1", "1.2-1")
    estimator = Estimator(
        role=ROLE, image_uri=container, base_job_name="higgs-boson-model", instance_count=1, instance_type="ml.m5.2xlarge",
        hyperparameters={"max_depth": "6", "eta": "0.1", "objective": "binary:logistic", "num_round": "20"},
        rules=[Rule.sagemaker(rule_configs.create_xgboost_report())], sagemaker_session=s)
    log = io.StringIO()
    before, sys.stdout = sys.stdout, log
    try:
        estimator.fit({"train": TrainingInput(f"s3://{bucket}/higgs/train/", content_type="csv"),
                       "validation": TrainingInput(f"s3://{bucket}/higgs/validation/", content_type="csv")}, wait=True)
    finally:
        sys.stdout = before
    text = log.getvalue()
    assert "[19]#011train-" in text and "Billable seconds" in text, text[-2000:]
    tap.until(lambda: all(r["RuleEvaluationStatus"] != "InProgress" for r in estimator.latest_training_job.rule_job_summary()),
              60, "rules end")
    rules = {r["RuleConfigurationName"].split("-")[0]: r for r in estimator.latest_training_job.rule_job_summary()}
    assert rules["CreateXgboostReport"]["RuleEvaluationStatus"] == "NoIssuesFound", rules
    job = rules["CreateXgboostReport"]["RuleEvaluationJobArn"].split("/")[-1]
    assert s.sagemaker_client.describe_processing_job(ProcessingJobName=job)["ProcessingJobStatus"] == "Completed"
    prefix = estimator.output_path + estimator.latest_training_job.name + "/rule-output"
    files = sagemaker.s3.S3Downloader.list(prefix, sagemaker_session=s)
    for name in ("CreateXgboostReport/xgboost_report.html", "CreateXgboostReport/xgboost_report.ipynb",
                 "profiler-output/profiler-report.html", "profiler-output/profiler-report.ipynb",
                 "profiler-output/profiler-reports/OverallSystemUsage.json"):
        assert any(f.endswith(name) for f in files), (name, files)
    assert estimator.model_data.endswith("/output/model.tar.gz"), estimator.model_data


def debugger_post(t):
    s = session(t)
    bucket = upload(s)
    found = {}
    for name, eta in (("bad", "0"), ("good", "0.2")):
        estimator = Estimator(
            role=ROLE, image_uri=image_uris.retrieve("xgboost", "us-east-1", "0.90-2"), base_job_name="debug-" + name,
            instance_count=1, instance_type="ml.m5.2xlarge", sagemaker_session=s,
            hyperparameters={"max_depth": "5", "eta": eta, "subsample": "0.7", "silent": "0",
                             "objective": "reg:squarederror", "num_round": "50"},
            debugger_hook_config=DebuggerHookConfig(s3_output_path=f"s3://{bucket}/tensors", collection_configs=[
                CollectionConfig("metrics", {"save_interval": "3"}), CollectionConfig("losses", {"save_interval": "10"})]),
            rules=[Rule.sagemaker(rule_configs.loss_not_decreasing(),
                                  rule_parameters={"collection_names": "metrics", "num_steps": "10"})])
        estimator.fit({"train": TrainingInput(f"s3://{bucket}/higgs/train/", content_type="text/csv")}, wait=True, logs=False)
        tap.until(lambda: all(r["RuleEvaluationStatus"] != "InProgress"
                              for r in estimator.latest_training_job.rule_job_summary()), 30, "rules end")
        found[name] = estimator.latest_training_job.rule_job_summary()[0]["RuleEvaluationStatus"]
    assert found == {"bad": "IssuesFound", "good": "NoIssuesFound"}, found


if __name__ == "__main__":
    main(report_post, debugger_post)
