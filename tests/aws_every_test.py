#!/usr/bin/python3
"""aws_every_test.py -- every operation that stands in the tables of src/aws, and not one less: by Debian's awscli as a person types
it (SageMaker's are in aws_cli_test.py, Polly's in aws_polly_test.py), and by boto3 with keys that are wrong."""
import datetime
import json
import os
import re
import shlex
import subprocess
import time

from aws_home import AWS_CLI, Aws, boto3, botocore
from aws_hosting import Hosting, archive, booster
from tap import ROOT, Skip, case, main

# Files of the tables, and the service as clients call it.
TABLES = {"s3": ["s3.c", "s3_upload.c"], "sts": ["sts.c"], "iam": ["iam.c"], "logs": ["logs.c"], "sns": ["sns.c"],
          "cloudwatch": ["cloudwatch.c"], "iot-data": ["iot_data.c"], "sagemaker-runtime": ["runtime.c"],
          "sagemaker": ["sagemaker.c", "sagemaker_model.c"], "polly": ["polly.c"]}
WRONG = {"rest-xml": "SignatureDoesNotMatch", "json": "InvalidSignatureException", "rest-json": "InvalidSignatureException",
         "query": "InvalidSignatureException"}
UNKNOWN = {"rest-xml": "InvalidAccessKeyId", "json": "UnrecognizedClientException", "rest-json": "UnrecognizedClientException",
           "query": "UnrecognizedClientException"}


def operations(service):
    found = set()
    for name in TABLES[service]:
        with open(f"{ROOT}/src/aws/{name}", encoding="utf-8") as f:
            text = f.read()
        found |= set(re.findall(r'\{ \.name = "([A-Z]\w+)",\s+\.(?:method|run|required|raw|path)', text))
    assert found, service
    return found


def filled(shape, deep=0):
    """The least that a member may be by botocore's model."""
    kind = shape.type_name
    if kind == "structure":
        return {name: filled(shape.members[name], deep + 1) for name in shape.required_members} if deep < 8 else {}
    if kind == "list":
        return [filled(shape.member, deep + 1)]
    if kind == "map":
        return {}
    if kind == "string":
        return shape.enum[0] if shape.enum else "x" * max(3, shape.metadata.get("min", 1))
    if kind == "blob":
        return b"x"
    if kind == "boolean":
        return True
    if kind == "timestamp":
        return 1600000000
    return max(1, shape.metadata.get("min", 1))


def snake(name):
    return botocore.xform_name(name)


@case
def every_operation_with_wrong_keys(t):
    """Nobody whose key is wrong or unknown gets further than that, whatever is asked, and in the service's own words."""
    aws = Aws(t)
    tried = 0
    for service in TABLES:
        clients = [(aws.client(service, secret="wrong"), WRONG), (aws.client(service, key="AKIANOBODY0000000000"), UNKNOWN)]
        model = clients[0][0].meta.service_model
        for name in sorted(operations(service)):
            shape = model.operation_model(name).input_shape
            members = filled(shape) if shape else {}
            for client, codes in clients:
                try:
                    answer = getattr(client, snake(name))(**members)
                except botocore.exceptions.ClientError as e:
                    answer = e.response
                code = answer.get("Error", {}).get("Code")
                if name.startswith("Head"):
                    assert code == "403", (service, name, answer)
                else:
                    assert code == codes[model.metadata["protocol"]], (service, name, answer)
                assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403, (service, name, answer)
                tried += 1
    assert tried > 180, tried


DRIVER = """
import contextlib, io, json, sys
import awscli.clidriver
driver, real = awscli.clidriver.create_clidriver(), sys.stdout
for line in sys.stdin:
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = driver.main(json.loads(line))
    print(json.dumps([code, out.buffer.getvalue().decode(), err.getvalue()]), file=real, flush=True)
"""


class Cli:
    """Debian's awscli by its own entry, in one process: without the second that each start of it takes."""

    def __init__(self, aws):
        if not os.path.exists(AWS_CLI):
            raise Skip("awscli is not installed")
        self.aws, self.done = aws, set()
        self.process = subprocess.Popen(["/usr/bin/python3", "-c", DRIVER], env={**aws.env, "COLUMNS": "200"}, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, line, ok=True, **values):
        """`s3api put-object --bucket b …`, {name}s filled in -> the answer."""
        words = [w.format(**values) for w in shlex.split(line)]
        print(json.dumps(["--endpoint-url", self.aws.url, "--output", "json", *words]), file=self.process.stdin, flush=True)
        code, out, err = json.loads(self.process.stdout.readline())
        assert (code == 0) == ok, (words, code, out, err)
        self.done.add(({"s3api": "s3"}.get(words[0], words[0]), words[1]))
        return json.loads(out) if out.strip().startswith(("{", "[")) else out

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)


@case
def every_operation_by_the_command_line(t):
    h = Hosting(t)
    cli = Cli(h.aws)
    try:
        everything(t, h, cli)
    finally:
        cli.close()
    elsewhere = ("sagemaker", "polly")
    wanted = {(s, botocore.xform_name(o, "-")) for s in TABLES if s not in elsewhere for o in operations(s)}
    assert not wanted - cli.done, sorted(wanted - cli.done)


def everything(t, h, cli):
    folder = t.path + "/files"
    os.mkdir(folder)
    for name, data in (("part", b"p" * (5 << 20)), ("small", b"hello")):
        with open(f"{folder}/{name}", "wb") as f:
            f.write(data)
    at = dict(f=folder)
    # s3
    cli("s3api create-bucket --bucket data")
    cli("s3api head-bucket --bucket data")
    assert {"Name": "data"}.items() <= cli("s3api list-buckets")["Buckets"][0].items()
    cli("s3api get-bucket-location --bucket data")
    cli("s3api get-bucket-versioning --bucket data")
    cli("s3api put-object --bucket data --key a/k --body {f}/small --metadata x=y", **at)
    assert cli("s3api head-object --bucket data --key a/k")["Metadata"] == {"x": "y"}
    assert cli("s3api get-object --bucket data --key a/k --range bytes=1-2 {f}/got", **at)["ContentLength"] == 2
    assert cli("s3api get-object-tagging --bucket data --key a/k")["TagSet"] == []
    cli("s3api copy-object --bucket data --key a/copy --copy-source data/a/k")
    assert len(cli("s3api list-objects --bucket data --prefix a/")["Contents"]) == 2
    assert cli("s3api list-objects-v2 --bucket data --delimiter /")["CommonPrefixes"] == [{"Prefix": "a/"}]
    upload = cli("s3api create-multipart-upload --bucket data --key big")["UploadId"]
    one = cli("s3api upload-part --bucket data --key big --part-number 1 --upload-id {u} --body {f}/part", u=upload, **at)["ETag"]
    two = cli("s3api upload-part-copy --bucket data --key big --part-number 2 --upload-id {u} --copy-source data/a/k", u=upload)
    two = two["CopyPartResult"]["ETag"]
    assert len(cli("s3api list-parts --bucket data --key big --upload-id {u}", u=upload)["Parts"]) == 2
    assert len(cli("s3api list-multipart-uploads --bucket data")["Uploads"]) == 1
    parts = json.dumps({"Parts": [{"PartNumber": 1, "ETag": one}, {"PartNumber": 2, "ETag": two}]})
    cli("s3api complete-multipart-upload --bucket data --key big --upload-id {u} --multipart-upload {p}",
        u=upload, p=parts)
    assert cli("s3api get-object-attributes --bucket data --key big --object-attributes ObjectParts")["ObjectParts"] == {"TotalPartsCount": 2}
    upload = cli("s3api create-multipart-upload --bucket data --key other")["UploadId"]
    cli("s3api abort-multipart-upload --bucket data --key other --upload-id {u}", u=upload)
    cli("s3api delete-object --bucket data --key big")
    cli("s3api delete-objects --bucket data --delete Objects=[{{Key=a/k}},{{Key=a/copy}}]")
    cli("s3api delete-bucket --bucket data")
    # who
    assert cli("sts get-caller-identity")["Account"] == "123456789012"
    cli("iam get-role --role-name r")
    # logs
    cli("logs create-log-group --log-group-name g")
    cli("logs create-log-stream --log-group-name g --log-stream-name s")
    cli("logs put-log-events --log-group-name g --log-stream-name s --log-events timestamp={now},message=hi",
        now=int(time.time() * 1000))
    assert cli("logs get-log-events --log-group-name g --log-stream-name s")["events"][0]["message"] == "hi"
    assert len(cli("logs filter-log-events --log-group-name g")["events"]) == 1
    assert cli("logs describe-log-groups --log-group-name-prefix g")["logGroups"][0]["logGroupName"] == "g"
    assert cli("logs describe-log-streams --log-group-name g")["logStreams"][0]["logStreamName"] == "s"
    # sns
    arn = dict(a=cli("sns create-topic --name topic")["TopicArn"])
    cli("sns set-topic-attributes --topic-arn {a} --attribute-name DisplayName --attribute-value News", **arn)
    assert cli("sns get-topic-attributes --topic-arn {a}", **arn)["Attributes"]["DisplayName"] == "News"
    assert cli("sns list-topics")["Topics"] == [{"TopicArn": arn["a"]}]
    sub = dict(s=cli("sns subscribe --topic-arn {a} --protocol email --notification-endpoint me@example.org --return-subscription-arn",
                     **arn)["SubscriptionArn"])
    cli("sns get-subscription-attributes --subscription-arn {s}", **sub)
    cli("sns set-subscription-attributes --subscription-arn {s} --attribute-name RawMessageDelivery --attribute-value false", **sub)
    assert len(cli("sns list-subscriptions")["Subscriptions"]) == 1
    assert len(cli("sns list-subscriptions-by-topic --topic-arn {a}", **arn)["Subscriptions"]) == 1
    cli("sns confirm-subscription --topic-arn {a} --token nothing", ok=False, **arn)
    cli("sns publish --topic-arn {a} --message hello", **arn)
    cli("sns tag-resource --resource-arn {a} --tags Key=k,Value=v", **arn)
    assert cli("sns list-tags-for-resource --resource-arn {a}", **arn)["Tags"] == [{"Key": "k", "Value": "v"}]
    cli("sns untag-resource --resource-arn {a} --tag-keys k", **arn)
    cli("sns unsubscribe --subscription-arn {s}", **sub)
    cli("sns delete-topic --topic-arn {a}", **arn)
    # cloudwatch
    cli("cloudwatch put-metric-data --namespace n --metric-name m --value 3 --dimensions d=1")
    assert cli("cloudwatch list-metrics --namespace n")["Metrics"][0]["MetricName"] == "m"
    day = datetime.datetime.utcnow().date().isoformat()
    cli("cloudwatch get-metric-statistics --namespace n --metric-name m --dimensions Name=d,Value=1 --period 86400 --statistics Sum "
        "--start-time {b} --end-time {e}", b=day + "T00:00:00Z", e=day + "T23:59:59Z")
    queries = json.dumps([{"Id": "q", "MetricStat": {"Metric": {"Namespace": "n", "MetricName": "m"}, "Period": 86400, "Stat": "Sum"}}])
    cli("cloudwatch get-metric-data --metric-data-queries {q} --start-time 2026-01-01T00:00:00Z --end-time 2026-02-01T00:00:00Z", q=queries)
    # iot, without a broker; the runtime
    cli("iot-data publish --topic t --payload aGk=", ok=False)
    h.model("m", archive(booster()[0]))
    h.endpoint("e", "m")
    cli("sagemaker-runtime invoke-endpoint --endpoint-name e --content-type text/csv --body MCwwLDAsMCww {f}/answer", **at)
    with open(folder + "/answer", encoding="ascii") as f:
        assert 0 < float(f.read()) < 1


if boto3 is None:
    raise SystemExit("1..0 # SKIP python3-boto3 is not installed")
main()
