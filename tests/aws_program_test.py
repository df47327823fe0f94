#!/usr/bin/python3
"""aws_program_test.py -- programs of users as SageMaker runs them: script mode training, processing jobs with an entry point."""
import io
import json
import os
import tarfile

from aws_home import Aws, failure_of
from tap import case, main, until

ROLE = "arn:aws:iam::123456789012:role/service-role/AmazonSageMaker"
PYTORCH = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:1.8.1-cpu-py36-ubuntu18.04"
SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:0.23-1-cpu-py3"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.3-1"
BUCKET = "sagemaker-us-east-1-123456789012"

TRAIN = """
import argparse, json, os
import helper
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float)
p.add_argument("--kind")
p.add_argument("--shuffle", type=lambda text: {"True": True, "False": False}[text])
p.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
a = p.parse_args()
train = os.environ["SM_CHANNEL_TRAIN"]
lines = [l for name in sorted(os.listdir(train)) for l in open(os.path.join(train, name))]
place = os.path.dirname(os.environ["SM_INPUT_DIR"])
config = {n: json.load(open(f"{place}/input/config/{n}.json"))
          for n in ("hyperparameters", "inputdataconfig", "resourceconfig")}
told = {"mean": sum(map(float, lines)) / len(lines), "lr": a.lr, "kind": a.kind, "shuffle": a.shuffle,
        "files": sorted(os.listdir(train)), "place": place, "config": config, "hps": json.loads(os.environ["SM_HPS"]),
        "channels": json.loads(os.environ["SM_CHANNELS"]), "env": os.environ.get("MY_VARIABLE"),
        "hp": os.environ["SM_HP_LR"], "opt": sorted(os.listdir("/opt"))}
with open(os.path.join(a.model_dir, "model.json"), "w") as f:
    json.dump(told, f)
with open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "curve.csv"), "w") as f:
    f.write("step,loss\\n0,1.5\\n")
print("epoch 0: loss=1.5")
print(helper.WORD)
"""

FAIL = """
import os, sys
print("about to fail")
with open(os.path.join(os.path.dirname(os.environ["SM_MODEL_DIR"]), "output", "failure"), "w") as f:
    f.write("the data has no rows " + "x" * 100)
sys.exit(7)
"""

RAISE = "raise ValueError('bad learning rate')\n"

WAIT = """
import os, signal, sys, time
def stop(number, frame):
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "saved"), "w") as f:
        f.write("half a model")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("waiting", flush=True)
while True:
    time.sleep(0.05)
"""

DEAF = WAIT.replace("signal.signal(signal.SIGTERM, stop)", "signal.signal(signal.SIGTERM, signal.SIG_IGN)")

COPY = """
import json, os, shutil, sys
print("copying", sys.argv[1])
place = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
config = json.load(open(place + "/input/config/processingjobconfig.json"))
print("job", config["ProcessingJobName"], os.environ["FACTOR"])
out = place + "/processing/output"
os.makedirs(out + "/deep", exist_ok=True)
if sys.argv[1] == "fail":
    os.makedirs(place + "/output", exist_ok=True)
    open(place + "/output/failure", "w").write("nothing to copy")
    sys.exit(3)
for name in os.listdir(place + "/processing/input/data"):
    shutil.copy(place + "/processing/input/data/" + name, out + "/deep/" + name)
os.mkfifo(out + "/pipe")  # neither waited for, nor followed
os.symlink("/", out + "/root")
os.symlink(".", out + "/round")
"""

HOSTS = """
import json, os, sys
place = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
host = json.load(open(place + "/input/config/resourceconfig.json"))["current_host"]
for name in (host, "last"):
    with open(f"{sys.argv[1]}/{name}.txt", "w") as f:
        f.write(host)
"""


def sagemaker(t, **env):
    t.env.update(env)
    aws = Aws(t)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="data/train/a.csv", Body=b"1\n2\n")
    s3.put_object(Bucket=BUCKET, Key="data/train/b.csv", Body=b"3\n6\n")
    return aws, s3, aws.client("sagemaker")


def source(s3, name, **files):
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        for file, text in files.items():
            member = tarfile.TarInfo(file + ".py")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    key = f"{name}/source/sourcedir.tar.gz"
    s3.put_object(Bucket=BUCKET, Key=key, Body=body.getvalue())
    return f"s3://{BUCKET}/{key}"


def request(name, archive, program="train.py", image=PYTORCH, **hyper):
    """As the SDK asks: every hyperparameter is JSON in a text."""
    own = {"sagemaker_program": program, "sagemaker_submit_directory": archive, "sagemaker_region": "us-east-1",
           "sagemaker_job_name": name, "sagemaker_container_log_level": 20}
    return {
        "TrainingJobName": name, "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30},
        "InputDataConfig": [{"ChannelName": "train", "ContentType": "text/plain", "DataSource": {"S3DataSource": {
            "S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/data/train",
            "S3DataDistributionType": "FullyReplicated"}}}],
        "HyperParameters": {k: json.dumps(v) for k, v in {**own, **hyper}.items()},
        "Environment": {"MY_VARIABLE": "a value"},
    }


def ended(sm, name, seconds=60):
    def look():
        d = sm.describe_training_job(TrainingJobName=name)
        return d if d["TrainingJobStatus"] not in ("InProgress", "Stopping") else None
    return until(look, seconds, name + " ends")


def unpacked(s3, key):
    body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}


def lines(logs, name):
    group = "/aws/sagemaker/TrainingJobs"
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=name + "/")["logStreams"]
    return [e["message"] for s in streams for e in logs.get_log_events(
        logGroupName=group, logStreamName=s["logStreamName"], startFromHead=True)["events"]]


def printed(t, name):
    with open(os.path.join(t.path, "jobs", name, "log.txt"), encoding="utf-8", errors="replace") as f:
        return f.read()


@case
def script_mode_trains_and_leaves_a_model(t):
    aws, s3, sm = sagemaker(t)
    name = "pytorch-training-2021-07-01-10-11-12-345"
    archive = source(s3, name, train=TRAIN, helper="WORD = 'helped'\n")
    sm.create_training_job(**request(name, archive, lr=0.1, kind="wide & deep", shuffle=True))
    d = ended(sm, name)
    assert d["TrainingJobStatus"] == "Completed", (d, printed(t, name))
    assert d["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/{name}/output/model.tar.gz"
    told = json.loads(unpacked(s3, f"{name}/output/model.tar.gz")["model.json"])
    assert told["mean"] == 3 and told["lr"] == 0.1 and told["kind"] == "wide & deep" and told["shuffle"] is True, told
    assert told["files"] == ["a.csv", "b.csv"] and told["channels"] == ["train"] and told["hp"] == "0.1", told
    assert told["hps"] == {"lr": 0.1, "kind": "wide & deep", "shuffle": True} and told["env"] == "a value", told
    assert told["config"]["hyperparameters"]["kind"] == '"wide & deep"', told
    assert told["config"]["inputdataconfig"]["train"]["ContentType"] == "text/plain", told
    assert told["config"]["resourceconfig"]["hosts"] == ["algo-1"], told
    if told["place"] == "/opt/ml":
        assert told["opt"] == sorted(set(os.listdir("/opt")) | {"ml"}), told
    assert unpacked(s3, f"{name}/output/output.tar.gz") == {"curve.csv": b"step,loss\n0,1.5\n"}
    said = lines(aws.client("logs"), name)
    assert "epoch 0: loss=1.5" in said and "helped" in said, said
    assert not os.path.exists(os.path.join(t.path, "jobs", name, "ml"))
    assert not os.path.exists("/opt/ml/model/model.json")


@case
def a_script_runs_whatever_image_is_named(t):
    _, s3, sm = sagemaker(t)
    archive = source(s3, "any", train="import os\nopen(os.environ['SM_MODEL_DIR'] + '/ran', 'w').close()\n")
    for name, image in (("unknown", "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1"), ("none", None),
                        ("path", "/no/such/program"), ("boost", XGBOOST)):
        asked = request(name, archive)
        asked["AlgorithmSpecification"]["TrainingImage"] = image
        if image is None:
            del asked["AlgorithmSpecification"]["TrainingImage"]
        sm.create_training_job(**asked)
        assert ended(sm, name)["TrainingJobStatus"] == "Completed", printed(t, name)
        assert unpacked(s3, f"{name}/output/model.tar.gz") == {"ran": b""}


@case
def a_program_that_fails_says_why(t):
    _, s3, sm = sagemaker(t)
    archive = source(s3, "bad", train=FAIL, other=RAISE)
    sm.create_training_job(**request("bad-1", archive, image=SKLEARN))
    sm.create_training_job(**request("bad-2", archive, "other.py"))
    sm.create_training_job(**request("bad-3", archive, "absent.py"))
    d = ended(sm, "bad-1")
    assert d["TrainingJobStatus"] == "Failed", d
    assert d["FailureReason"] == "AlgorithmError: the data has no rows " + "x" * 100 + ", exit code: 7", d
    d = ended(sm, "bad-2")
    assert d["FailureReason"] == ("AlgorithmError: ExecuteUserScriptError: ValueError: bad learning rate, "
                                  "exit code: 1"), d
    d = ended(sm, "bad-3")
    assert d["TrainingJobStatus"] == "Failed" and "absent.py" in d["FailureReason"], d


@case
def a_stopped_program_may_save(t):
    aws, s3, sm = sagemaker(t, FETTLE_PROGRAM_GRACE="1s")
    logs = aws.client("logs")
    archive = source(s3, "wait", train=WAIT, deaf=DEAF)
    for name, program in (("wait-1", "train.py"), ("deaf-1", "deaf.py")):
        sm.create_training_job(**request(name, archive, program))
        until(lambda: sm.describe_training_job(TrainingJobName=name)["SecondaryStatus"] == "Training", 30, "it runs")
        until(lambda n=name: "waiting" in lines(logs, n), 30, "it prints")
        sm.stop_training_job(TrainingJobName=name)
        d = ended(sm, name)
        assert d["TrainingJobStatus"] == "Stopped", d
    assert unpacked(s3, "wait-1/output/model.tar.gz") == {"saved": b"half a model"}


@case
def requests_that_cannot_run_are_refused(t):
    _, s3, sm = sagemaker(t)
    archive = source(s3, "x", train=TRAIN)
    code, message, _ = failure_of(sm.create_training_job, **request("x-1", f"s3://{BUCKET}/none.tar.gz"))
    assert code == "ValidationException" and "none.tar.gz" in message, message
    code, message, _ = failure_of(sm.create_training_job, **request("x-2", "/local/folder"))
    assert code == "ValidationException" and "/local/folder" in message, message
    asked = request("x-3", archive)
    asked["ResourceConfig"]["InstanceCount"] = 17
    code, message, _ = failure_of(sm.create_training_job, **asked)
    assert code == "ValidationException" and "one instance" in message, message
    asked = request("x-4", archive)
    asked["CheckpointConfig"] = {"S3Uri": f"s3://{BUCKET}/kept", "LocalPath": "/home/me"}
    code, message, _ = failure_of(sm.create_training_job, **asked)
    assert code == "ValidationException" and "/home/me" in message, message
    asked["CheckpointConfig"] = {"S3Uri": "s3://no-such-bucket-here/kept"}
    code, message, _ = failure_of(sm.create_training_job, **asked)
    assert code == "ValidationException" and "no-such-bucket-here" in message, message
    asked = request("x-5", archive)
    del asked["HyperParameters"]
    code, message, _ = failure_of(sm.create_training_job, **asked)
    assert code == "ValidationException" and "sagemaker_program" in message, message
    asked["AlgorithmSpecification"]["TrainingImage"] = "/no/such/program"
    code, message, _ = failure_of(sm.create_training_job, **asked)
    assert code == "ValidationException" and "/no/such/program" in message, message


MANY = """
import json, os
here, hosts = os.environ["SM_CURRENT_HOST"], json.loads(os.environ["SM_HOSTS"])
config = json.load(open(os.path.join(os.environ["SM_INPUT_CONFIG_DIR"], "resourceconfig.json")))
assert config["current_host"] == here and config["hosts"] == hosts, config
kept = os.path.join(os.path.dirname(os.environ["SM_MODEL_DIR"]), "checkpoints")
begun = open(kept + "/epoch").read() if os.path.exists(kept + "/epoch") else "none"
if here == "algo-1":
    open(kept + "/epoch", "w").write("7")
open(os.path.join(os.environ["SM_MODEL_DIR"], here), "w").write(begun)
print("I am", here, "of", len(hosts))
"""

@case
def hosts_and_checkpoints(t):
    aws, s3, sm = sagemaker(t)
    archive = source(s3, "many", train=MANY)
    for name in ("many-1", "many-2"):
        asked = request(name, archive)
        asked["ResourceConfig"]["InstanceCount"] = 3
        asked["CheckpointConfig"] = {"S3Uri": f"s3://{BUCKET}/kept/here"}
        sm.create_training_job(**asked)
        d = ended(sm, name)
        assert d["TrainingJobStatus"] == "Completed", (d, printed(t, name))
        found = unpacked(s3, f"{name}/output/model.tar.gz")
        assert set(found) == {"algo-1", "algo-2", "algo-3"}, found
        assert found["algo-1"] == (b"none" if name == "many-1" else b"7"), found
        assert s3.get_object(Bucket=BUCKET, Key="kept/here/epoch")["Body"].read() == b"7"
    said = lines(aws.client("logs"), "many-1")
    assert "[algo-2] I am algo-2 of 3" in said, said


READ = """
import json, os
config = json.load(open(os.path.join(os.environ["SM_INPUT_CONFIG_DIR"], "inputdataconfig.json")))["train"]
place = os.environ["SM_CHANNEL_TRAIN"]
if config["TrainingInputMode"] == "Pipe":
    found = {str(epoch): open(f"{place}_{epoch}", "rb").read().decode("latin-1") for epoch in range(2)}
else:
    found = {n: open(os.path.join(place, n)).read() for n in sorted(os.listdir(place))}
with open(os.path.join(os.environ["SM_MODEL_DIR"], os.environ["SM_CURRENT_HOST"]), "w") as f:
    json.dump({"config": config, "found": found}, f)
"""


@case
def channels_come_in_every_mode(t):
    _, s3, sm = sagemaker(t)
    archive = source(s3, "read", train=READ)
    s3.put_object(Bucket=BUCKET, Key="list.manifest", Body=json.dumps([{"prefix": f"s3://{BUCKET}/data/train/"}, "b.csv"]).encode())
    s3.put_object(Bucket=BUCKET, Key="list.jsonl", Body="".join(
        json.dumps({"source-ref": f"s3://{BUCKET}/data/train/{n}.csv", "label": i}) + "\n" for i, n in enumerate("ab")).encode())
    plain = {"a.csv": "1\n2\n", "b.csv": "3\n6\n"}

    def read(name, hosts=1, uri=f"s3://{BUCKET}/data/train/", kind="S3Prefix", **channel):
        asked = request(name, archive)
        asked["ResourceConfig"]["InstanceCount"] = hosts
        first = asked["InputDataConfig"][0]
        first.update({k: v for k, v in channel.items() if k not in ("AttributeNames", "S3DataDistributionType")})
        first["DataSource"]["S3DataSource"].update(S3DataType=kind, S3Uri=uri, **{
            k: v for k, v in channel.items() if k in ("AttributeNames", "S3DataDistributionType")})
        sm.create_training_job(**asked)
        d = ended(sm, name)
        assert d["TrainingJobStatus"] == "Completed", (d, printed(t, name))
        return {k: json.loads(v) for k, v in unpacked(s3, f"{name}/output/model.tar.gz").items()}
    told = read("pipe", InputMode="Pipe")["algo-1"]
    assert told["config"]["TrainingInputMode"] == "Pipe" and told["found"] == {"0": "1\n2\n3\n6\n", "1": "1\n2\n3\n6\n"}, told
    assert read("fast", InputMode="FastFile")["algo-1"]["found"] == plain
    assert read("listed", uri=f"s3://{BUCKET}/list.manifest", kind="ManifestFile")["algo-1"]["found"] == {"b.csv": "3\n6\n"}
    told = read("shared", hosts=2, S3DataDistributionType="ShardedByS3Key")
    assert [told[h]["found"] for h in ("algo-1", "algo-2")] == [{"a.csv": "1\n2\n"}, {"b.csv": "3\n6\n"}], told
    assert told["algo-1"]["config"]["S3DistributionType"] == "ShardedByS3Key", told
    told = read("augmented", uri=f"s3://{BUCKET}/list.jsonl", kind="AugmentedManifestFile", InputMode="Pipe",
                RecordWrapperType="RecordIO", AttributeNames=["source-ref", "label"])
    assert len(told["algo-1"]["found"]["0"]) > 20 and told["algo-1"]["config"]["RecordWrapperType"] == "RecordIO", told
    for name, word, more in (("bad-1", "Pipe", dict(kind="AugmentedManifestFile")), ("bad-2", "No S3 objects", dict(uri=f"s3://{BUCKET}/nothing/", InputMode="Pipe")),
                             ("bad-3", "No S3 objects", dict(uri="s3://no-such-bucket-at-all/x", InputMode="Pipe"))):
        try:
            read(name, **more)
            raise AssertionError(name)
        except Exception as e:
            assert "ValidationException" in str(e) and word in str(e), e


TENSORS = """
import os, shutil, sys, time
config = os.path.join(os.environ["SM_INPUT_CONFIG_DIR"], "debughookconfig.json")
assert '"LocalPath":"/opt/ml/output/tensors"' in open(config).read().replace(" ", "")
tensors = os.path.join(os.path.dirname(os.environ["SM_MODEL_DIR"]), "output", "tensors")
found = os.environ["SM_CHANNEL_TRAIN"]
for part in ("collections", "events", "index"):
    for folder, _, names in os.walk(os.path.join(found, part)):
        to = os.path.join(tensors, os.path.relpath(folder, found))
        os.makedirs(to, exist_ok=True)
        for name in sorted(names):
            shutil.copyfile(os.path.join(folder, name), os.path.join(to, name + ".tmp"))
            os.rename(os.path.join(to, name + ".tmp"), os.path.join(to, name))
print("tensors written", flush=True)
while True:
    time.sleep(0.05)
"""


@case
def rules_see_the_tensors_that_a_program_writes(t):
    t.env["FETTLE_PROGRAM_GRACE"] = "500ms"
    aws, s3, sm = sagemaker(t)
    data = os.path.join(t.path, "train.csv")
    with open(data, "w") as f:
        f.writelines(f"{i % 2},{i % 2 + i / 100},{i}\n" for i in range(60))
    t.run("train", "xgboost", "--job", "flat", "--train", data, "--set", "objective=binary:logistic", "--set", "num_round=30",
          "--set", "eta=0", "--save", "losses:1", "--save", "metrics:1")
    root = os.path.join(t.path, "objects", "fettle", "jobs", "flat", "debug-output")
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                s3.put_object(Bucket=BUCKET, Key="trial/" + os.path.relpath(path, root), Body=f.read())
    asked = request("watched", source(s3, "watched", train=TENSORS))
    asked["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = f"s3://{BUCKET}/trial/"
    asked["DebugHookConfig"] = {"S3OutputPath": f"s3://{BUCKET}/tensors"}
    asked["DebugRuleConfigurations"] = [{
        "RuleConfigurationName": "LossNotDecreasing", "RuleEvaluatorImage": "x/sagemaker-debugger-rules:latest",
        "RuleParameters": {"rule_to_invoke": "LossNotDecreasing", "num_steps": "10"}}]
    sm.create_training_job(**asked)

    def status():
        d = sm.describe_training_job(TrainingJobName="watched")
        assert d["TrainingJobStatus"] == "InProgress", (d, printed(t, "watched"))
        return d["DebugRuleEvaluationStatuses"][0]["RuleEvaluationStatus"]
    until(lambda: status() == "IssuesFound", 30, "the rule's issue, while the program runs")
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET, Prefix="tensors/watched/debug-output/events/")["Contents"]]
    assert len(keys) >= 10, keys
    sm.stop_training_job(TrainingJobName="watched")
    assert ended(sm, "watched")["TrainingJobStatus"] == "Stopped"


@case
def programs_and_images_train(t):
    tools = os.path.join(t.path, "tools")
    os.mkdir(tools)
    aws, s3, sm = sagemaker(t, FETTLE_PODMAN=os.path.join(tools, "podman"), FAKE_LOG=os.path.join(t.path, "podman.log"))
    own = os.path.join(tools, "train")
    with open(own, "w") as f:
        f.write('#!/bin/sh\n[ "$1" = train ] || exit 9\nsort -r $SM_CHANNEL_TRAIN/a.csv > $SM_MODEL_DIR/sorted\n')
    os.chmod(own, 0o755)
    asked = request("own-1", "")
    del asked["HyperParameters"]
    asked["AlgorithmSpecification"]["TrainingImage"] = own
    sm.create_training_job(**asked)
    assert ended(sm, "own-1")["TrainingJobStatus"] == "Completed", printed(t, "own-1")
    assert unpacked(s3, "own-1/output/model.tar.gz") == {"sorted": b"2\n1\n"}
    asked["TrainingJobName"] = "image-1"
    asked["AlgorithmSpecification"]["TrainingImage"] = "me/mine:1"
    code, message, status = failure_of(sm.create_training_job, **asked)
    assert code == "ValidationException" and status == 400 and "podman" in message and "me/mine:1" in message, message
    with open(os.path.join(tools, "podman"), "w") as f:
        f.write('#!/bin/sh\necho "$@" >> $FAKE_LOG\n[ $1 = run ] || exit 0\n'
                'for w; do case $w in --volume=*) v=${w#--volume=}; v=${v%%:*};; esac; done\n'
                'cat $v/input/data/train/*.csv > $v/model/all\nmkdir -p $v/processing/output\ncp -r $v/config $v/processing/output\n')
    os.chmod(os.path.join(tools, "podman"), 0o755)
    sm.create_training_job(**asked)
    assert ended(sm, "image-1")["TrainingJobStatus"] == "Completed", printed(t, "image-1")
    assert unpacked(s3, "image-1/output/model.tar.gz") == {"all": b"1\n2\n3\n6\n"}
    s3.put_object(Bucket=BUCKET, Key="code/x.py", Body=COPY.encode())
    asked = processing("image-2")
    asked["AppSpecification"] = {"ImageUri": "me/mine:1", "ContainerEntrypoint": ["/bin/work", "a b"], "ContainerArguments": ["c"]}
    asked["ProcessingInputs"][0]["S3Input"]["LocalPath"] = "/opt/ml/input/data/train"
    sm.create_processing_job(**asked)
    assert processed(sm, "image-2")["ProcessingJobStatus"] == "Completed", printed(t, "image-2")
    config = json.loads(s3.get_object(Bucket=BUCKET, Key="done/image-2/config/processingjobconfig.json")["Body"].read())
    assert config["ProcessingJobName"] == "image-2", config
    with open(t.env["FAKE_LOG"]) as f:
        asked = f.read()
    assert " me/mine:1 train\n" in asked and "--entrypoint=/bin/work me/mine:1 a b c\n" in asked, asked


def processing(name, word="all", place="/opt/ml/processing/input/data", entry=True):
    app = {"ImageUri": SKLEARN}
    if entry:
        app.update(ContainerEntrypoint=["python3", "/opt/ml/processing/input/code/x.py"], ContainerArguments=[word])

    def taken(called, uri, local):
        return {"InputName": called, "S3Input": {"S3Uri": uri, "LocalPath": local, "S3DataType": "S3Prefix",
                                                 "S3InputMode": "File"}}
    return {
        "ProcessingJobName": name, "RoleArn": ROLE, "AppSpecification": app,
        "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge",
                                                  "VolumeSizeInGB": 30}},
        "ProcessingInputs": [taken("data", f"s3://{BUCKET}/data/train/", place),
                             taken("code", f"s3://{BUCKET}/code/x.py", "/opt/ml/processing/input/code")],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": {
            "S3Uri": f"s3://{BUCKET}/done/{name}", "LocalPath": "/opt/ml/processing/output",
            "S3UploadMode": "EndOfJob"}}]},
        "Environment": {"FACTOR": "4"},
    }


def processed(sm, name):
    def look():
        d = sm.describe_processing_job(ProcessingJobName=name)
        return d if d["ProcessingJobStatus"] not in ("InProgress", "Stopping") else None
    return until(look, 60, name + " ends")


@case
def processing_jobs_copy_inputs_to_outputs(t):
    _, s3, sm = sagemaker(t)
    s3.put_object(Bucket=BUCKET, Key="code/x.py", Body=COPY.encode())
    arn = sm.create_processing_job(**processing("copy-1"))["ProcessingJobArn"]
    assert arn.endswith(":processing-job/copy-1"), arn
    d = processed(sm, "copy-1")
    assert d["ProcessingJobStatus"] == "Completed" and d["AppSpecification"]["ContainerArguments"] == ["all"], \
        (d, printed(t, "copy-1"))
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET, Prefix="done/")["Contents"]]
    assert keys == ["done/copy-1/deep/a.csv", "done/copy-1/deep/b.csv"], keys
    assert s3.get_object(Bucket=BUCKET, Key=keys[1])["Body"].read() == b"3\n6\n"
    sm.create_processing_job(**processing("copy-2", "fail"))
    d = processed(sm, "copy-2")
    assert d["FailureReason"] == "AlgorithmError: nothing to copy, exit code: 3", d
    names = [s["ProcessingJobName"] for s in sm.list_processing_jobs(SortBy="Name", SortOrder="Ascending")
             ["ProcessingJobSummaries"]]
    assert names == ["copy-1", "copy-2"], names
    assert [s["ProcessingJobName"] for s in
            sm.list_processing_jobs(StatusEquals="Failed")["ProcessingJobSummaries"]] == ["copy-2"]
    for i, place in enumerate(("/opt/ml/processing/out", "/opt/ml/processing/d\u00e9p\u00f4t \"a\"/b")):
        asked = processing(f"made-{i}")
        asked["AppSpecification"]["ContainerEntrypoint"] = ["/bin/sh", "/opt/ml/processing/input/code/x.py"]
        asked["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["LocalPath"] = place
        below = place[len("/opt/ml/"):].replace('"', '\\"')
        s3.put_object(Bucket=BUCKET, Key="code/x.py",
                      Body=f'cd "$(dirname "$0")/../../.."; echo told > "{below}/told.txt"'.encode())
        sm.create_processing_job(**asked)
        d = processed(sm, f"made-{i}")
        assert d["ProcessingJobStatus"] == "Completed", (d, printed(t, f"made-{i}"))
        assert s3.get_object(Bucket=BUCKET, Key=f"done/made-{i}/told.txt")["Body"].read() == b"told\n"
    code, message, _ = failure_of(sm.stop_processing_job, ProcessingJobName="copy-1")
    assert code == "ValidationException" and "Completed" in message, message


@case
def outputs_of_several_hosts_are_joined(t):
    """Wherever below /opt/ml an output lies; of two files of one name the later host's stays."""
    _, s3, sm = sagemaker(t)
    for i, place in enumerate(("/opt/ml/processing/output", "/opt/ml/elsewhere/out")):
        asked = processing(f"hosts-{i}")
        asked["ProcessingResources"]["ClusterConfig"]["InstanceCount"] = 3
        asked["AppSpecification"]["ContainerEntrypoint"] = ["python3", "/opt/ml/processing/input/code/x.py", place]
        asked["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["LocalPath"] = place
        s3.put_object(Bucket=BUCKET, Key="code/x.py", Body=HOSTS.encode())
        sm.create_processing_job(**asked)
        d = processed(sm, f"hosts-{i}")
        assert d["ProcessingJobStatus"] == "Completed", (d, printed(t, f"hosts-{i}"))
        keys = [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET, Prefix=f"done/hosts-{i}/")["Contents"]]
        assert keys == [f"done/hosts-{i}/{n}" for n in ("algo-1.txt", "algo-2.txt", "algo-3.txt", "last.txt")], keys
        assert s3.get_object(Bucket=BUCKET, Key=f"done/hosts-{i}/last.txt")["Body"].read() == b"algo-3"


@case
def jobs_of_the_command_line_are_listed(t):
    _, s3, sm = sagemaker(t)
    data = os.path.join(t.path, "train.csv")
    with open(data, "w") as f:
        f.writelines(f"{i % 2},{i % 2 + i / 100},{i}\n" for i in range(60))
    t.run("train", "xgboost", "--job", "mine", "--train", data, "--set", "objective=binary:logistic", "--set", "num_round=3")
    s3.put_object(Bucket=BUCKET, Key="code/x.py", Body=COPY.encode())
    sm.create_processing_job(**processing("p-1"))
    processed(sm, "p-1")
    names = [j["TrainingJobName"] for j in sm.list_training_jobs()["TrainingJobSummaries"]]
    assert names == ["mine"], names
    d = sm.describe_training_job(TrainingJobName="mine")
    assert d["TrainingJobStatus"] == "Completed" and d["HyperParameters"]["num_round"] == "3", d
    assert d["AlgorithmSpecification"]["TrainingImage"] == "xgboost" and d["SecondaryStatusTransitions"], d
    code, message, _ = failure_of(sm.stop_training_job, TrainingJobName="mine")
    assert code == "ValidationException" and "Completed" in message, message
    assert failure_of(sm.describe_training_job, TrainingJobName="p-1")[1] == "Requested resource not found."


@case
def processing_requests_are_checked(t):
    _, s3, sm = sagemaker(t)
    s3.put_object(Bucket=BUCKET, Key="code/x.py", Body=COPY.encode())
    code, message, _ = failure_of(sm.create_processing_job, **processing("p-1", place="/etc"))
    assert code == "ValidationException" and "/etc" in message, message
    code, message, _ = failure_of(sm.create_processing_job, **processing("p-1", place="/opt/ml/../../etc"))
    assert code == "ValidationException", message
    code, message, _ = failure_of(sm.create_processing_job, **processing("p-1", entry=False))
    assert code == "ValidationException" and "ContainerEntrypoint" in message, message
    for uri in ("s3://nowhere-at-all/x", "somewhere"):
        asked = processing("p-1")
        asked["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] = uri
        code, message, _ = failure_of(sm.create_processing_job, **asked)
        assert code == "ValidationException" and "ProcessingOutputConfig" in message, message
    sm.create_processing_job(**processing("p-1"))
    assert failure_of(sm.create_processing_job, **processing("p-1"))[0] == "ResourceInUse"
    processed(sm, "p-1")


if __name__ == "__main__":
    main()
