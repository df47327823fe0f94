"""aws_training.py -- what the tests of training share: data in a bucket, requests, waiting for jobs and rules."""
import random

from aws_home import Aws
from tap import until

ROLE = "arn:aws:iam::123456789012:role/service-role/AmazonSageMaker"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.2-1"
RULES = "503895931360.dkr.ecr.us-east-1.amazonaws.com/sagemaker-debugger-rules:latest"
BUCKET = "sagemaker-us-east-1-123456789012"


def rows(count, seed):
    """Label first, no header: two features that tell the label, two that do not."""
    r = random.Random(seed)
    lines = []
    for _ in range(count):
        f = [r.gauss(0, 1) for _ in range(4)]
        lines.append(",".join([str(int(f[0] + 0.5 * f[1] + r.gauss(0, 0.3) > 0))] + [f"{x:.5f}" for x in f]))
    return "\n".join(lines) + "\n"


def sagemaker(t):
    aws = Aws(t)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="higgs/train.csv", Body=rows(400, 1).encode())
    s3.put_object(Bucket=BUCKET, Key="higgs/validation.csv", Body=rows(200, 2).encode())
    return aws, s3, aws.client("sagemaker")


def channel(name, uri, content_type="text/csv"):
    return {"ChannelName": name, "ContentType": content_type,
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri,
                                            "S3DataDistributionType": "FullyReplicated"}}}


def request(name, **more):
    asked = {
        "TrainingJobName": name, "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.2xlarge", "VolumeSizeInGB": 30},
        "InputDataConfig": [channel("train", f"s3://{BUCKET}/higgs/train.csv"),
                            channel("validation", f"s3://{BUCKET}/higgs/validation.csv")],
        "HyperParameters": {"max_depth": "4", "eta": "0.1", "objective": "binary:logistic", "num_round": "20"},
    }
    asked.update(more)
    return asked


def collection(name, **parameters):
    return {"CollectionName": name, "CollectionParameters": parameters}


def rule(name, **parameters):
    return {"RuleConfigurationName": name, "RuleEvaluatorImage": RULES,
            "RuleParameters": {"rule_to_invoke": parameters.pop("invoke", name), **parameters}}


def ended(sm, name, seconds=60):
    def look():
        d = sm.describe_training_job(TrainingJobName=name)
        return d if d["TrainingJobStatus"] not in ("InProgress", "Stopping") else None
    return until(look, seconds, name + " ends")


def rules_ended(sm, name, member="DebugRuleEvaluationStatuses"):
    def look():
        statuses = sm.describe_training_job(TrainingJobName=name)[member]
        return None if any(s["RuleEvaluationStatus"] == "InProgress" for s in statuses) else statuses
    return until(look, 30, "rules end")
