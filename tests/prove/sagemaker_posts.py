#!/usr/bin/env python3
"""sagemaker_posts.py -- the training posts' own code with the SageMaker SDK 2.24.5; only the endpoint differs.

Run by a Python that has the SDK (pip install sagemaker==2.24.5 "boto3<1.27" "numpy<2" pandas "protobuf<3.21" setuptools). Starts a server, trains as "ML Explainability with Amazon SageMaker
Debugger / XGBoost report" and the debugger part of the pipelines post do, reads what they read. PASS, FAIL or NOT RUN
a line each; exit 0, 1 or 77."""
import io
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
import tap  # noqa: E402

try:
    import boto3
    import sagemaker
    from sagemaker import image_uris
    from sagemaker.debugger import CollectionConfig, DebuggerHookConfig, Rule, rule_configs
    from sagemaker.estimator import Estimator
    from sagemaker.inputs import TrainingInput
except ImportError as e:
    print(f"NOT RUN the SageMaker SDK: {e}")
    sys.exit(77)

ROLE = "arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole"


def rows(count, seed):
    import random
    r = random.Random(seed)
    out = []
    for _ in range(count):
        f = [r.gauss(0, 1) for _ in range(4)]
        out.append(",".join([str(int(f[0] + 0.5 * f[1] + r.gauss(0, 0.3) > 0))] + [f"{x:.5f}" for x in f]))
    return "\n".join(out) + "\n"


def session(t):
    """What `fettle aws env` prints; this boto3 knows no AWS_ENDPOINT_URL, so its clients are made with it."""
    env = t.json("aws", "env")
    os.environ.update({k: v for k, v in env.items() if k.startswith("AWS_")})
    boto = boto3.session.Session(region_name="us-east-1")
    made = {n: boto.client(n, endpoint_url=t.url) for n in ("sagemaker", "sagemaker-runtime", "s3", "sts", "logs")}
    resource = boto.resource("s3", endpoint_url=t.url)
    boto.client = lambda name, *a, **k: made.get(name) or boto3.client(name, region_name="us-east-1", endpoint_url=t.url)
    boto.resource = lambda name, *a, **k: resource
    return sagemaker.session.Session(boto_session=boto, sagemaker_client=made["sagemaker"],
                                     sagemaker_runtime_client=made["sagemaker-runtime"])


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


def main():
    import time
    import traceback
    failed = 0
    real = time.sleep
    time.sleep = lambda seconds: real(min(seconds, 1))  # the SDK looks every 10 to 30 s
    for post in (report_post, debugger_post):
        t = tap.Home()
        try:
            t.serve()
            post(t)
            print(f"PASS {post.__name__} (SageMaker SDK {sagemaker.__version__})")
        except Exception:
            failed = 1
            print(f"FAIL {post.__name__}\n" + "".join("    " + x for x in traceback.format_exc().splitlines(True)))
        finally:
            t.close()
    sys.exit(failed)


if __name__ == "__main__":
    main()
