#!/usr/bin/python3
"""aws_model_test.py -- models that bring a program, by boto3: inference code in model.tar.gz, a program named serve, programs
that are bad in every way; two variants; updates and kills under load."""
import io
import json
import os
import re
import signal
import tarfile
import threading
import time

import botocore.exceptions

from tap import case, main, until
from aws_home import failure_of
from aws_hosting import IMAGE, ROLE, Hosting, archive, booster, captured

PYTORCH = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:1.8.1-cpu-py36-ubuntu18.04"
SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:0.23-1-cpu-py3"
OWN = "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-model:latest"

SUM = """
import json, os
def model_fn(folder):
    print("model_fn in", os.getcwd(), flush=True)
    return float(open(os.path.join(folder, "bias.txt")).read())
def predict_fn(data, model):
    return [[float(sum(row)) + model] for row in data]
"""

TRANSFORM = """
import io, json, os
import helper
def model_fn(folder):
    return {"folder": folder, "env": os.environ.get("MY_SETTING")}
def transform_fn(model, data, content_type, accept):
    if content_type == "application/json":
        return json.dumps({"told": json.loads(data), "word": helper.WORD, **model}), "application/json"
    if data[:1] == b"!":
        raise ValueError("the body begins with an exclamation mark")
    return [[len(data)]]
"""

# What people's own containers do: an HTTP server on 8080, or where $SAGEMAKER_BIND_TO_PORT says.
SERVE = """#!/usr/bin/python3
import http.server, os, sys, time
PORT = %s
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def reply(self, status, body, **more):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for k, v in more.items(): self.send_header(k.replace("_", "-"), v)
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.reply(200, b"")
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if body == b"teapot": return self.reply(418, b"I am a teapot", Content_Type="text/plain")
        if body == b"500": return self.reply(500, b"it broke")
        if body == b"hang": time.sleep(60)
        self.close_connection = body in (b"cut", b"rubbish")
        if body == b"cut": return self.wfile.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 100\\r\\n\\r\\nhalf")
        if body == b"rubbish": return self.wfile.write(b"what?\\r\\n\\r\\n")
        if body == b"die": os._exit(3)
        told = "%%s|%%s|%%s|%%s" %% (NAME, body.decode(), self.headers.get("Content-Type"), sys.argv[1])
        attributes = self.headers.get("X-Amzn-SageMaker-Custom-Attributes")
        self.reply(200, told.encode(), Content_Type="text/csv", **({"X_Amzn_SageMaker_Custom_Attributes": attributes + "!"} if attributes else {}))
NAME = open((os.environ["SM_MODEL_DIR"]) + "/name.txt").read().strip()
print("serving", NAME, flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), H).serve_forever()
"""
TOLD_PORT = "int(os.environ['SAGEMAKER_BIND_TO_PORT'])"


def packed(**files):
    """name__with__folders -> text, as model.tar.gz; a name's last _ is its dot."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            data = text if isinstance(text, bytes) else text.encode()
            folder, _, base = name.replace("__", "/").rpartition("/")
            info = tarfile.TarInfo((folder + "/" if folder else "") + re.sub(r"_(?=[^_]*$)", ".", base))
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def body(answer):
    return answer["Body"].read().decode()


def refused(call, *args, **kw):
    """The ModelError's members."""
    try:
        got = call(*args, **kw)
    except botocore.exceptions.ClientError as e:
        assert e.response["Error"]["Code"] == "ModelError", e.response
        return e.response["OriginalStatusCode"], e.response["OriginalMessage"], e.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError(f"an answer: {got}")


def answers(h, endpoint):
    try:
        return h.runtime.invoke_endpoint(EndpointName=endpoint, Body="up?")
    except botocore.exceptions.ClientError:
        return None


def lines(h, endpoint):
    logs = h.aws.client("logs")
    group = "/aws/sagemaker/Endpoints/" + endpoint
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert len(streams) == 1, streams
    return [e["message"] for e in logs.get_log_events(logGroupName=group, logStreamName=streams[0]["logStreamName"],
                                                      startFromHead=True)["events"]]


def processes(word):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f, open(f"/proc/{pid}/cmdline", "rb") as g:
                if word.encode() in f.read() and b"run-model" not in g.read():
                    found.append(int(pid))
        except OSError:
            pass
    return found


def marked(t):
    """A variable by which a model's process is found: this home's path."""
    return {"HOME_OF": t.path}


@case
def inference_code_in_the_archive_is_called(t):
    h = Hosting(t)
    h.s3.create_bucket(Bucket="caught")
    capture = dict(EnableCapture=True, InitialSamplingPercentage=100, DestinationS3Uri="s3://caught/data",
                   CaptureOptions=[dict(CaptureMode="Input"), dict(CaptureMode="Output")],
                   CaptureContentTypeHeader=dict(CsvContentTypes=["text/csv"], JsonContentTypes=["application/json"]))
    h.model("m", packed(bias_txt="0.5", code__inference_py=SUM), image=SKLEARN,
            Environment={"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"})
    h.endpoint("e", "m", DataCaptureConfig=capture)
    answer = h.runtime.invoke_endpoint(EndpointName="e", Body="[[1,2],[3,4]]", ContentType="application/json")
    assert answer["ContentType"] == "application/json" and json.loads(body(answer)) == [[3.5], [7.5]], answer
    answer = h.runtime.invoke_endpoint(EndpointName="e", Body="1,2\n3,4\n", ContentType="text/csv", Accept="text/csv")
    assert body(answer) == "3.5\n7.5\n" and answer["InvokedProductionVariant"] == "AllTraffic", answer
    status, text, http = refused(h.runtime.invoke_endpoint, EndpointName="e", Body="x", ContentType="image/png")
    assert (status, http) == (415, 424) and "image/png" in text, (status, text)
    status, text, _ = refused(h.runtime.invoke_endpoint, EndpointName="e", Body="1", ContentType="text/csv", Accept="image/png")
    assert status == 406, (status, text)
    caught = until(lambda: len(captured(h, "data/e/AllTraffic/")) == 2 and captured(h, "data/e/AllTraffic/"), what="two captures")
    assert caught[0][1]["captureData"]["endpointOutput"]["data"] == "[[3.5], [7.5]]", caught
    assert any("model_fn in" in line for line in until(lambda: lines(h, "e"), what="a log")), lines(h, "e")
    rows = t.json("endpoints", "ls")
    assert rows[0]["predictor"] == "program" and rows[0]["status"] == "InService", rows
    assert t.run("invoke", "e", "--body", "-", stdin="5,5\n", timeout=60).stdout.strip() == "[[10.5]]"
    monitored = t.run("monitor", "run", "e", ok=False)
    assert "Traceback" not in monitored.stderr, monitored.stderr
    assert t.sql("select count(*) as n from capture where endpoint = 'e'")[0]["n"] == 3
    h.sm.delete_endpoint(EndpointName="e")
    until(lambda: not [n for n in os.listdir(os.path.join(t.path, "endpoints", "e")) if n.startswith("program-")], what="a folder gone")


@case
def code_beside_the_archive_and_own_transform(t):
    h = Hosting(t)
    h.s3.put_object(Bucket="models", Key="source/sourcedir.tar.gz", Body=packed(entry_py=TRANSFORM, helper_py="WORD = 'helped'\n"))
    h.model("m", packed(bias_txt="1"), image=PYTORCH, Environment={
        "SAGEMAKER_PROGRAM": "entry.py", "SAGEMAKER_SUBMIT_DIRECTORY": "s3://models/source/sourcedir.tar.gz",
        "SAGEMAKER_REGION": "us-east-1", "MY_SETTING": "seven"})
    h.s3.delete_object(Bucket="models", Key="source/nothing")
    h.endpoint("e", "m")
    answer = h.runtime.invoke_endpoint(EndpointName="e", Body='{"a": 1}', ContentType="application/json")
    told = json.loads(body(answer))
    assert told["told"] == {"a": 1} and told["word"] == "helped" and told["env"] == "seven", told
    assert told["folder"].endswith("/model"), told
    # no content type at all, and a list out: as the posts' code does
    status, headers, got = h.aws.raw("POST", "/endpoints/e/invocations", b"\x93NUMPYxyz", service="sagemaker")
    assert (status, headers["Content-Type"], got) == (200, "application/json", b"[[9]]"), (status, headers, got)
    status, text, _ = refused(h.runtime.invoke_endpoint, EndpointName="e", Body=b"!\xff", ContentType="image/png")
    assert status == 500 and text == "ValueError: the body begins with an exclamation mark", (status, text)
    assert any("Traceback" in line for line in until(lambda: lines(h, "e"), what="a log"))


@case
def a_program_named_serve(t):
    h = Hosting(t)
    for name, port in (("told", TOLD_PORT), ("fixed", "18080")):
        h.model(name, packed(name_txt=name, serve=SERVE % port), image=OWN)
        h.endpoint(name, name)
        answer = h.runtime.invoke_endpoint(EndpointName=name, Body="hello", ContentType="text/plain", CustomAttributes="trace=1")
        assert body(answer) == f"{name}|hello|text/plain|serve", answer
        assert answer["CustomAttributes"] == "trace=1!" and answer["ContentType"] == "text/csv", answer
    flow = PYTORCH.replace("pytorch", "tensorflow")
    for name, image, place in (("torch", PYTORCH, "serve"), ("train", PYTORCH.replace("inference", "training"), "code__serve"),
                               ("learn", SKLEARN, "code__serve"), ("flow", flow, "serve")):
        h.model(name, packed(name_txt=name, **{place: SERVE % TOLD_PORT}), image=image)
        h.endpoint(name, name)
        assert body(h.ask(name, [1])).startswith(name + "|1|")
    own = os.path.join(t.path, "image")
    os.mkdir(own)
    with open(os.path.join(own, "serve"), "w") as f:
        f.write(SERVE % TOLD_PORT)
    h.model("path", packed(name_txt="path"), image=own)
    h.config("path", "path")
    h.sm.create_endpoint(EndpointName="path", EndpointConfigName="path")
    told = h.sm.describe_endpoint(EndpointName="path")
    assert told["EndpointStatus"] == "Failed" and "may not be run" in told["FailureReason"], told
    os.chmod(os.path.join(own, "serve"), 0o755)
    h.sm.update_endpoint(EndpointName="path", EndpointConfigName="path")
    assert h.settled("path") == "InService", h.sm.describe_endpoint(EndpointName="path")
    assert body(h.ask("path", [1])).startswith("path|1|")
    for asked, want in (("teapot", (418, "I am a teapot")), ("500", (500, "it broke"))):
        assert refused(h.runtime.invoke_endpoint, EndpointName="told", Body=asked)[:2] == want
    for asked in ("cut", "rubbish", "die"):
        status, text, _ = refused(h.runtime.invoke_endpoint, EndpointName="told", Body=asked)
        assert status == 502 and "no whole answer" in text, (status, text)
    until(lambda: answers(h, "told"), what="a new program")  # the dying one may still take a connection
    assert body(h.runtime.invoke_endpoint(EndpointName="told", Body="again", ContentType="a/b")) == "told|again|a/b|serve"


@case
def a_program_that_hangs_holds_up_nobody(t):
    t.env["FETTLE_MODEL_ASK"] = "3s"
    h = Hosting(t)
    h.model("m", packed(name_txt="m", serve=SERVE % TOLD_PORT), image=OWN)
    h.endpoint("e", "m")
    results = []

    def hang():
        results.append(refused(h.runtime.invoke_endpoint, EndpointName="e", Body="hang"))
    threads = [threading.Thread(target=hang) for _ in range(8)]
    begun = time.monotonic()
    for x in threads:
        x.start()
    for i in range(20):
        assert body(h.runtime.invoke_endpoint(EndpointName="e", Body=str(i))).startswith(f"m|{i}|")
        h.sm.list_endpoints()
    assert time.monotonic() - begun < 2.9, "others waited"
    for x in threads:
        x.join()
    assert all(r[0] == 0 and "timed out" in r[1] for r in results), results


@case
def bad_programs_are_told_clearly(t):
    t.env["FETTLE_MODEL_START"] = "6s"
    h = Hosting(t)
    silent = "#!/bin/sh\nexec sleep 60\n"
    sick = (SERVE % TOLD_PORT).replace('self.reply(200, b"")', 'self.reply(500, b"sick")')
    garbage = """#!/usr/bin/python3
import os, socket
s = socket.create_server(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])))
while True:
    c = s.accept()[0]
    c.sendall(os.urandom(200))
    c.close()
"""
    bad = {
        "gone": (dict(serve="#!/bin/sh\necho no license found >&2\nexit 3\n"), ("exit code 3", "no license found")),
        "silent": (dict(serve=silent), ("ping", "nothing listens")),
        "sick": (dict(name_txt="x", serve=sick), ("ping", "it answered 500")),
        "garbage": (dict(serve=garbage), ("ping",)),
        "noise": (dict(serve=b"\x00\x01\x02nothing to run"), ("exit code",)),
        "raises": (dict(code__inference_py="raise ImportError('no module named gone')\n"), ("ended before", "no module named gone")),
        "both": (dict(code__inference_py=TRANSFORM.replace("import helper", "") + "\ndef predict_fn(d, m): pass\n"), ("only one way",)),
        "empty": (dict(code__inference_py=""), ("model_fn",)),
    }
    for name, (files, _) in bad.items():
        h.model(name, packed(**files), image=OWN)
        h.config(name, name)
        h.sm.create_endpoint(EndpointName=name, EndpointConfigName=name)
    for name, (_, words) in bad.items():
        assert h.settled(name) == "Failed", name
        reason = h.sm.describe_endpoint(EndpointName=name)["FailureReason"]
        assert all(w in reason for w in words), (name, reason)
        code, text, status = failure_of(h.ask, name, [1])
        assert (code, status) == ("ValidationError", 400), (code, text)
    assert any("no license found" in line for line in lines(h, "gone")), lines(h, "gone")
    # a bad update: the old program goes on
    h.model("good", packed(name_txt="good", serve=SERVE % TOLD_PORT), image=OWN, Environment=marked(t))
    h.endpoint("e", "good")
    h.sm.update_endpoint(EndpointName="e", EndpointConfigName="gone")
    until(lambda: "exit code 3" in h.sm.describe_endpoint(EndpointName="e").get("FailureReason", ""), what="the reason")
    assert h.settled("e") == "InService" and body(h.ask("e", [1])).startswith("good|1|")
    until(lambda: len(processes("HOME_OF=" + t.path)) == 1, what="one process")


@case
def two_variants_share_the_requests(t):
    h = Hosting(t)
    h.s3.create_bucket(Bucket="caught")
    for name in ("one", "two"):
        h.model(name, packed(name_txt=name, serve=SERVE % TOLD_PORT), image=OWN, Environment=marked(t))
    model, x = booster()
    h.model("trees", archive(model))

    def variant(name, model, weight):
        return dict(VariantName=name, ModelName=model, InitialInstanceCount=1, InstanceType="ml.m4.xlarge", InitialVariantWeight=weight)
    capture = dict(EnableCapture=True, InitialSamplingPercentage=100, DestinationS3Uri="s3://caught/data",
                   CaptureOptions=[dict(CaptureMode="Input"), dict(CaptureMode="Output")])
    h.sm.create_endpoint_config(EndpointConfigName="c", DataCaptureConfig=capture, ProductionVariants=[
        variant("blue", "one", 3), variant("green", "two", 1), variant("grey", "trees", 0)])
    h.sm.create_endpoint(EndpointName="e", EndpointConfigName="c")
    assert h.settled("e") == "InService", h.sm.describe_endpoint(EndpointName="e")
    told = h.sm.describe_endpoint(EndpointName="e")["ProductionVariants"]
    assert [(v["VariantName"], v["CurrentWeight"]) for v in told] == [("blue", 3), ("green", 1), ("grey", 0)], told
    count = {"blue": 0, "green": 0, "grey": 0}
    for i in range(200):
        answer = h.ask("e", [i])
        count[answer["InvokedProductionVariant"]] += 1
        assert body(answer).split("|")[0] == {"blue": "one", "green": "two"}[answer["InvokedProductionVariant"]]
    assert 110 < count["blue"] < 185 and count["grey"] == 0, count
    answer = h.ask("e", [1], TargetVariant="green")
    assert body(answer).startswith("two|") and answer["InvokedProductionVariant"] == "green"
    assert float(body(h.ask("e", x[0], TargetVariant="grey"))) > 0
    code, text, _ = failure_of(h.ask, "e", [1], TargetVariant="red")
    assert code == "ValidationError" and "red" in text, text
    count["green"] += 1
    count["grey"] += 1
    for name, asked in count.items():  # each variant's file comes to the store at a time of its own
        until(lambda: len(captured(h, f"data/e/{name}/")) == asked, what=f"{asked} captures of {name}")
    lineage = t.run("lineage", "endpoint:e@1").stdout
    assert lineage.count("model:") >= 3, lineage
    for bad, word in (([variant("a", "one", 1), variant("a", "two", 1)], "twice"), ([variant("a", "none", 1)], "Could not find model"),
                      ([variant("a", "one", -1)], "initialVariantWeight")):
        c = h.aws.client("sagemaker", parameter_validation=False)
        code, text, _ = failure_of(c.create_endpoint_config, EndpointConfigName="bad", ProductionVariants=bad)
        assert code == "ValidationException" and word in text, text


def under_load(h, endpoint, seconds, act, at=0.5):
    """Eight clients ask without end; what they were answered, and what failed."""
    answers, failures, stop = [], [], threading.Event()

    def client(n):
        runtime = h.aws.client("sagemaker-runtime")
        i = 0
        while not stop.is_set():
            i += 1
            try:
                answers.append(body(runtime.invoke_endpoint(EndpointName=endpoint, Body=f"{n}-{i}", ContentType="text/csv")))
            except botocore.exceptions.ClientError as e:
                failures.append((e.response["Error"]["Code"], e.response["ResponseMetadata"]["HTTPStatusCode"], e.response["Error"]["Message"]))
    threads = [threading.Thread(target=client, args=(n,)) for n in range(8)]
    for x in threads:
        x.start()
    end = time.monotonic() + seconds
    time.sleep(at)
    act()
    until(lambda: time.monotonic() > end, seconds + 1)
    stop.set()
    for x in threads:
        x.join()
    return answers, failures


@case
def an_update_loses_no_request(t):
    h = Hosting(t)
    for name, port in (("one", TOLD_PORT), ("two", TOLD_PORT)):
        h.model(name, packed(name_txt=name, serve=SERVE % port), image=OWN, Environment=marked(t))
    h.endpoint("e", "one")
    h.config("two", "two")

    def update():
        h.sm.update_endpoint(EndpointName="e", EndpointConfigName="two")
        assert h.status("e") == "Updating"
        assert h.settled("e") == "InService"
    answers, failures = under_load(h, "e", 3, update)
    assert not failures, failures[:3]
    names = [a.split("|")[0] for a in answers]
    assert "one" in names and names[-1] == "two" and len(answers) > 50, (len(answers), names[-5:])
    until(lambda: len(processes("HOME_OF=" + t.path)) == 1, what="the old program's end")


@case
def a_killed_program_comes_back(t):
    h = Hosting(t)
    h.model("m", packed(name_txt="m", serve=SERVE % TOLD_PORT), image=OWN, Environment=marked(t))
    h.endpoint("e", "m")

    def kill():
        for pid in processes("HOME_OF=" + t.path):
            os.kill(pid, signal.SIGKILL)
    answers, failures = under_load(h, "e", 3, kill)
    assert all(code == "ModelError" and status == 424 for code, status, _ in failures), failures[:3]
    assert len(failures) <= 16 and len(answers) > 50, (len(failures), len(answers))
    assert body(h.ask("e", [1])).startswith("m|1|")
    assert any("killed by signal 9" in line for line in lines(h, "e")), lines(h, "e")
    # the server ends: so does the program
    t.servers[-1].send_signal(signal.SIGTERM)
    t.servers[-1].wait(20)
    assert not processes("HOME_OF=" + t.path)


@case
def a_killed_server_leaves_no_program(t):
    h = Hosting(t)
    h.model("m", packed(name_txt="m", serve=SERVE % TOLD_PORT), image=OWN, Environment=marked(t))
    h.endpoint("e", "m")
    t.servers[-1].kill()
    t.servers[-1].wait(10)
    until(lambda: not processes("HOME_OF=" + t.path), what="the program's end")
    t.serve()
    status, _, got = t.http("POST", "/endpoints/e/invocations", "1", {"Content-Type": "text/csv"})
    assert (status, got.split(b"|")[0]) == (200, b"m"), (status, got)
    assert t.json("endpoints", "ls")[0]["status"] == "InService"
    assert len(os.listdir(os.path.join(t.path, "endpoints", "e"))) == 1


FAKE_PODMAN = """#!/bin/sh
# Runs the program "serve" of the volume that it is given, as an image would.
echo "$@" >> "$FAKE_LOG"
[ "$1" = run ] || exit 0
for word; do
    case "$word" in
        --volume=*) root=${word#--volume=}; root=${root%%:*} ;;
        --publish=*) port=${word#--publish=127.0.0.1:}; port=${port%%:*} ;;
    esac
done
export SM_MODEL_DIR=$root/model SAGEMAKER_BIND_TO_PORT=$port
exec /usr/bin/python3 "$root/model/app.py" serve
"""


@case
def an_image_is_run_by_podman_or_refused(t):
    tools = os.path.join(t.path, "tools")
    os.mkdir(tools)
    t.env["FETTLE_PODMAN"] = os.path.join(tools, "podman")
    t.env["FAKE_LOG"] = os.path.join(t.path, "podman.log")
    h = Hosting(t)
    h.model("m", packed(name_txt="pod", app_py=SERVE % TOLD_PORT), image=OWN, Environment={"A": "b"})
    h.config("m", "m")
    h.sm.create_endpoint(EndpointName="e", EndpointConfigName="m")
    told = h.sm.describe_endpoint(EndpointName="e")
    assert told["EndpointStatus"] == "Failed" and "podman" in told["FailureReason"] and OWN in told["FailureReason"], told
    h.sm.delete_endpoint(EndpointName="e")
    with open(os.path.join(tools, "podman"), "w") as f:
        f.write(FAKE_PODMAN)
    os.chmod(os.path.join(tools, "podman"), 0o755)
    h.sm.create_endpoint(EndpointName="e", EndpointConfigName="m")
    assert h.settled("e") == "InService", h.sm.describe_endpoint(EndpointName="e")
    assert body(h.ask("e", [1])).startswith("pod|1|")
    h.sm.delete_endpoint(EndpointName="e")
    with open(t.env["FAKE_LOG"]) as f:
        run = f.readline()
    for word in ("run --rm", "--env=A=b", "--env=SAGEMAKER_BIND_TO_PORT=8080", ":8080 ", f"{OWN} serve", ":/opt/ml"):
        assert word in run, (word, run)
    until(lambda: "rm --force --ignore fettle-e-" in open(t.env["FAKE_LOG"]).read(), what="podman rm")


@case
def what_cannot_be_served_says_so(t):
    h = Hosting(t)
    h.model("bare", packed(weights_bin="x"), image=PYTORCH)
    h.model("flow", packed(saved_pb="x", code__inference_py=SUM), image=PYTORCH.replace("pytorch", "tensorflow"))
    h.model("lost", packed(weights_bin="x"), image=SKLEARN, Environment={
        "SAGEMAKER_PROGRAM": "x.py", "SAGEMAKER_SUBMIT_DIRECTORY": "s3://models/no/sourcedir.tar.gz"})
    h.sm.create_model(ModelName="nodata", ExecutionRoleArn=ROLE, PrimaryContainer=dict(Image="/no/such/program"))
    h.sm.create_model(ModelName="xgb", ExecutionRoleArn=ROLE, PrimaryContainer=dict(Image=IMAGE))
    for name, words in (("bare", "no inference code"), ("flow", "TensorFlow Serving"), ("lost", "sourcedir.tar.gz"),
                        ("nodata", "/no/such/program"), ("xgb", "no inference code")):
        h.config(name, name)
        h.sm.create_endpoint(EndpointName=name, EndpointConfigName=name)
        told = h.sm.describe_endpoint(EndpointName=name)
        assert told["EndpointStatus"] == "Failed" and words in told["FailureReason"], told


@case
def a_folder_is_deployed_by_the_command_line(t):
    folder = os.path.join(t.path, "mine")
    os.makedirs(folder + "/code")
    with open(folder + "/bias.txt", "w") as f:
        f.write("2")
    with open(folder + "/code/inference.py", "w") as f:
        f.write(SUM)
    t.serve()
    said = t.run("deploy", folder, "--endpoint", "mine").stdout
    assert "predictor program" in said and "InService" in said, said
    assert t.run("invoke", "mine", "--body", "-", stdin="1,1\n").stdout.strip() == "[[4.0]]"
    with open(folder + "/code/inference.py", "a") as f:
        f.write("\ndef output_fn(p, accept): return str(p[0][0] * 10), 'text/plain'\n")
    t.run("deploy", folder, "--endpoint", "mine")
    assert t.run("invoke", "mine", "--body", "-", stdin="1,1\n").stdout.strip() == "40.0"
    with open(folder + "/code/inference.py", "w") as f:
        f.write("raise RuntimeError('half typed')\n")
    p = t.run("deploy", folder, "--endpoint", "mine", ok=False)
    assert p.returncode != 0 and "goes on with version 2" in p.stderr and "half typed" in p.stderr, p.stderr
    assert t.run("invoke", "mine", "--body", "-", stdin="1,1\n").stdout.strip() == "40.0"


if __name__ == "__main__":
    main()
