"""aws_hosting.py -- what the tests of hosting and monitoring share: a small model of XGBoost, its archive, an endpoint.
"""
import io
import json
import tarfile

from tap import Skip, until
from aws_home import Aws

try:
    import numpy
    import xgboost
except ImportError:
    xgboost = None

ROLE = "arn:aws:iam::123456789012:role/test"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.5-1"


def booster(seed=0, eta=0.5):
    """A small model of five features, made by XGBoost itself."""
    if xgboost is None:
        raise Skip("python3-xgboost is not installed")
    r = numpy.random.RandomState(seed)
    x = r.rand(200, 5)
    y = (x[:, 0] + x[:, 1] > 1).astype(int)
    return xgboost.train({"objective": "binary:logistic", "eta": eta, "max_depth": 3},
                         xgboost.DMatrix(x, y), 5), x


def packed(files):
    """model.tar.gz of these files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def archive(model, name="xgboost-model"):
    """model.tar.gz as a training job leaves it."""
    return packed({name: bytes(model.save_raw("json"))})


class Hosting:
    def __init__(self, t):
        self.aws = Aws(t)
        self.sm, self.s3 = self.aws.client("sagemaker"), self.aws.client("s3")
        self.runtime = self.aws.client("sagemaker-runtime")
        self.s3.create_bucket(Bucket="models")

    def model(self, name, data, image=IMAGE, **container):
        key = f"{name}/output/model.tar.gz"
        self.s3.put_object(Bucket="models", Key=key, Body=data)
        return self.sm.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=dict(
            Image=image, ModelDataUrl=f"s3://models/{key}", **container))

    def config(self, name, model, variant="AllTraffic", **more):
        return self.sm.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[dict(
            VariantName=variant, ModelName=model, InitialInstanceCount=1, InstanceType="ml.m4.xlarge",
            InitialVariantWeight=1)], **more)

    def status(self, name):
        return self.sm.describe_endpoint(EndpointName=name)["EndpointStatus"]

    def settled(self, name):
        return until(lambda: self.status(name) in ("InService", "Failed") and self.status(name), what="a settled endpoint")

    def endpoint(self, name, model, **more):
        self.config(name, model, **more)
        self.sm.create_endpoint(EndpointName=name, EndpointConfigName=name)
        assert self.settled(name) == "InService", self.sm.describe_endpoint(EndpointName=name)

    def ask(self, name, row, **more):
        more.setdefault("ContentType", "text/csv")
        return self.runtime.invoke_endpoint(EndpointName=name, Body=",".join(map(str, row)), **more)


def captured(h, prefix):
    lines = []
    for item in h.s3.list_objects_v2(Bucket="caught", Prefix=prefix).get("Contents", []):
        body = h.s3.get_object(Bucket="caught", Key=item["Key"])["Body"].read().decode()
        lines += [(item["Key"], json.loads(line)) for line in body.splitlines()]
    # Each serving thread has its own file; an event's id tells its time.
    return sorted(lines, key=lambda line: line[1]["eventMetadata"]["eventId"])
