#!/usr/bin/python3
"""tensors_test.py -- an endpoint's tensors, explanations and attacks, as a user meets them: a torch ResNet-18 is deployed
with the post's expression, its trial is read by the real smdebug where that is there, `fettle explain` and `attack` write
pictures."""
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile

from tap import FETTLE, ROOT, Skip, case, main, until

POST = ".*bn|.*bias|.*downsample|.*ResNet_input|.*image"
PEERS = os.environ.get("FETTLE_PEERS") or os.path.expanduser("~/.cache/fettle-peers")

MODEL = """
import sys, os, json; sys.path.insert(0, {bench!r})
import torch, torchvision, numpy as np, explain_torch as E
from PIL import Image
d = sys.argv[1]
os.makedirs(d + '/model'); os.makedirs(d + '/pictures')
net = E.random_model(torchvision.models.resnet18, num_classes=43)
torch.save(net.state_dict(), d + '/model/model.pt')
json.dump(dict(classes=43, size=64, fit='stretch'), open(d + '/model/network.json', 'w'))
open(d + '/model/labels.txt', 'w').write('\\n'.join(f'sign {{i}}' for i in range(43)) + '\\n')
r = np.random.RandomState(1)
for i in range(6):
    a = 128 + 60 * np.sin(np.arange(48 * 56 * 3).reshape(48, 56, 3) * 0.01 * (i + 1)) + r.randint(-20, 20, (48, 56, 3))
    Image.fromarray(a.clip(0, 255).astype(np.uint8)).save(d + f'/pictures/{{i}}.png')
"""

SMDEBUG = """
import sys, json
from smdebug.trials import create_trial
from smdebug.core.modes import ModeKeys
t = create_trial(sys.argv[1])
steps = t.steps(mode=ModeKeys.PREDICT)
names = t.tensor_names(regex=sys.argv[2])
g = t.tensor('gradient/image').value(steps[0], mode=ModeKeys.PREDICT)
b = t.tensor('ResNet_bn1.bias').value(steps[0], mode=ModeKeys.PREDICT)
i = t.tensor('ResNet_input_0').value(steps[0], mode=ModeKeys.PREDICT)
print(json.dumps(dict(steps=[int(s) for s in steps], names=len(names), gradient=list(g.shape), bias=list(b.shape),
                      input=list(i.shape), bn=sorted(t.tensor_names(regex='gradient/.*bn.*_output'))[:3])))
"""


def model(t):
    for module in ("torch", "torchvision", "PIL"):
        if not importlib.util.find_spec(module):
            raise Skip(f"python3-{module} is not installed")
    script = MODEL.format(bench=os.path.join(ROOT, "bench"))
    subprocess.run(["/usr/bin/python3", "-c", script, t.path], check=True, capture_output=True, timeout=100)
    return t.path + "/model"


def picture(t, i):
    with open(f"{t.path}/pictures/{i}.png", "rb") as f:
        return f.read()


def ask(t, name, body, path="invocations", **headers):
    return t.http("POST", f"/endpoints/{name}/{path}", body, {"Content-Type": "image/png", **headers})


def endpoint(t, name):
    return json.loads(t.http("GET", f"/endpoints/{name}")[2])["endpoint"]


@case
def the_posts_tensors_are_kept_while_requests_do_not_wait(t):
    folder, trial = model(t), t.path + "/tensors"
    archive = t.path + "/model.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in os.listdir(folder):
            tar.add(os.path.join(folder, name), name)
    t.serve()
    t.run("deploy", archive, "--endpoint", "signs", "--capture", 100, "--tap", POST, "--tap-to", trial, "--tap-every", 2)
    for i in range(6):
        status, headers, body = ask(t, "signs", picture(t, i))
        assert status == 200, body
    told = until(lambda: (e := endpoint(t, "signs")["taps"])["recorded"] + e["failed"] + e["lost"] == 3 and e,
                 what="three of six requests recorded")
    assert told["recorded"] == 3 and told["regex"] == POST and told["interval"] == 2, told
    steps = sorted(os.listdir(trial + "/events"))
    assert steps == ["%012d" % i for i in range(3)], steps
    index = json.load(open(f"{trial}/index/000000000/000000000001_worker_0.json"))
    names = [x["tensorname"] for x in index["tensor_payload"]]
    assert index["meta"]["mode"] == "PREDICT" and index["meta"]["mode_step"] == 1, index["meta"]
    for name in ("ResNet_bn1.bias", "bn1_output_0", "bn1.running_mean_output_0", "gradient/bn1_output", "gradient/image",
                 "ResNet_input_0", "layer2.0.downsample.1_output_0", "gradient/ResNet_layer4.0.downsample.1.bias"):
        assert name in names, name
    assert "fc_input_0" not in names and len(names) == 209, len(names)  # with the event's id
    # a server that begins again goes on with the next step
    server = t.servers.pop()
    server.terminate()
    server.wait(20)
    t.serve()
    until(lambda: ask(t, "signs", picture(t, 0))[0] == 200, what="the new server answers")
    until(lambda: os.path.exists(f"{trial}/index/000000000/000000000003_worker_0.json"), what="step 3")


@case
def the_real_smdebug_opens_what_an_endpoint_wrote(t):
    python = os.path.join(PEERS, "smdebug", "bin", "python")
    if not os.path.exists(python):
        raise Skip("smdebug is not there (tests/prove/peers.sh smdebug makes it)")
    folder, trial = model(t), t.path + "/tensors"
    t.serve()
    t.run("deploy", folder, "--endpoint", "signs", "--tap", POST, "--tap-to", trial)
    for i in range(2):
        assert ask(t, "signs", picture(t, i))[0] == 200
    until(lambda: endpoint(t, "signs")["taps"]["recorded"] == 2, what="two requests recorded")
    p = subprocess.run([python, "-c", SMDEBUG, trial, POST], capture_output=True, text=True, timeout=100)
    assert p.returncode == 0, p.stderr[-2000:]
    got = json.loads(p.stdout.strip().splitlines()[-1])
    assert got["steps"] == [0, 1] and got["names"] == 208, got
    assert got["gradient"] == [1, 3, 64, 64] and got["bias"] == [64] and got["input"] == [1, 3, 64, 64], got
    assert got["bn"] == ["gradient/bn1_output", "gradient/layer1.0.bn1_output", "gradient/layer1.0.bn2_output"], got
    # the post's map from the stored tensors is FullGrad's
    out = t.json("trial", "explain", trial, "--step", 1, "--out", t.path + "/why.png")
    assert out[0]["layers"] == 21 and out[0]["step"] == 1, out
    assert open(t.path + "/why.png", "rb").read(4) == b"\x89PNG"


def packed(folder, **more):
    """model.tar.gz of a folder; `more`: further files, "code/inference.py" by name."""
    with tarfile.open(folder + ".tar.gz", "w:gz") as tar:
        for name in os.listdir(folder):
            tar.add(os.path.join(folder, name), name)
    with open(folder + ".tar.gz", "rb") as f:
        return f.read()


@case
def a_models_environment_asks_for_tensors_through_the_aws_door(t):
    from aws_home import failure_of
    from aws_hosting import Hosting
    archive = packed(model(t))
    h = Hosting(t)
    h.s3.create_bucket(Bucket="tensors")
    environment = {"FETTLE_TAP_REGEX": POST, "FETTLE_TAP_TO": "s3://tensors/signs", "FETTLE_TAP_EVERY": "2"}
    h.model("blue", archive, Environment=environment)
    h.model("green", archive)
    h.sm.create_endpoint_config(EndpointConfigName="signs", ProductionVariants=[
        dict(VariantName=v, ModelName=v, InitialInstanceCount=1, InstanceType="ml.m4.xlarge", InitialVariantWeight=1)
        for v in ("blue", "green")])
    h.sm.create_endpoint(EndpointName="signs", EndpointConfigName="signs")
    assert h.settled("signs") == "InService", h.sm.describe_endpoint(EndpointName="signs")
    for variant in ("blue", "green", "green", "green", "blue", "blue"):  # three of the first, of which every second is kept
        got = h.runtime.invoke_endpoint(EndpointName="signs", Body=picture(t, 0), ContentType="image/png", TargetVariant=variant)
        assert got["InvokedProductionVariant"] == variant, got
    def keys(folder):
        return [o["Key"] for o in h.s3.list_objects_v2(Bucket="tensors", Prefix="signs/" + folder).get("Contents", [])]
    until(lambda: len(keys("index/")) == 2, what="two steps")
    index = json.loads(h.s3.get_object(Bucket="tensors", Key=keys("index/")[1])["Body"].read())
    names = [x["tensorname"] for x in index["tensor_payload"]]
    assert "ResNet_input_0" in names and "gradient/image" in names and len(names) == 208, len(names)
    for wrong, words in (({"FETTLE_TAP_EVERY": "0"}, "FETTLE_TAP_EVERY"), ({"FETTLE_TAP_REGEX": "(bn"}, "(bn"),
                         ({"FETTLE_TAP_TO": "here"}, "here")):
        name = "wrong-" + words.strip("(").lower().replace("_", "-")
        h.model(name, archive, Environment={**environment, **wrong})
        h.config(name, name)
        try:
            h.sm.create_endpoint(EndpointName=name, EndpointConfigName=name)
        except h.sm.exceptions.ClientError as e:
            assert words in str(e), e
            continue
        assert h.settled(name) == "Failed", name
        assert words in h.sm.describe_endpoint(EndpointName=name)["FailureReason"], wrong


@case
def old_steps_go_where_tensors_take_too_much_room(t):
    folder, trial = model(t), t.path + "/tensors"
    t.env["FETTLE_TAP_KEEP_MB"] = "10"
    t.serve()
    t.run("deploy", folder, "--endpoint", "signs", "--tap", POST, "--tap-to", trial)
    for i in range(9):
        assert ask(t, "signs", picture(t, i % 6))[0] == 200
        until(lambda: endpoint(t, "signs")["taps"]["recorded"] == i + 1, what="the step")
    steps = sorted(os.listdir(trial + "/events"))
    size = sum(os.path.getsize(f"{trial}/events/{s}/{f}") for s in steps for f in os.listdir(f"{trial}/events/{s}"))
    assert len(steps) == 2 and steps[-1] == "%012d" % 8 and size <= 10 << 20, (steps, size)
    assert len(os.listdir(trial + "/index/000000000")) == len(steps)
    out = t.json("trial", "explain", trial, "--step", 8, "--out", t.path + "/why.png")
    assert out[0]["step"] == 8, out


@case
def the_posts_state_dict_deploys_without_a_word_more(t):
    folder = model(t)
    bare = t.path + "/bare"
    os.makedirs(bare)
    script = ("import sys, torch\n"
              "w = torch.load(sys.argv[1])\n"
              "torch.save({'module.' + k: v for k, v in w.items()}, sys.argv[2])\n")
    subprocess.run(["/usr/bin/python3", "-c", script, folder + "/model.pt", bare + "/model.pth"], check=True, timeout=100)
    packed(bare)
    t.serve()
    t.run("deploy", bare + ".tar.gz", "--endpoint", "signs")
    status, headers, body = ask(t, "signs", picture(t, 1), Accept="application/json")
    assert status == 200, body
    scores = json.loads(body)["predictions"][0]
    assert len(scores["score"]) == 43, scores
    # the same weights under their own names answer the same
    shutil.copy(folder + "/model.pt", t.path + "/model.pth")
    want = t.json("run", t.path + "/model.pth", t.path + "/pictures/1.png")[0]["class"]
    got = t.json("run", bare + "/model.pth", t.path + "/pictures/1.png")[0]["class"]
    assert want == got, (want, got)


@case
def wrong_expressions_and_places_are_refused(t):
    folder = model(t)
    for args, words in ((["--tap", "(bn"], "(bn"), (["--tap", ".*", "--tap-to", "here"], "here"),
                        (["--tap", "layer9.*"], "ResNet_conv1.weight"),  # some of the names that there are
                        (["--tap", ".*bn", "--tap-to", "s3://nosuchbucket/x"], "no bucket 'nosuchbucket'"),
                        (["--tap", ".*bn", "--tap-to", "/proc/nowhere"], "/proc/nowhere")):
        p = t.run("deploy", folder, "--endpoint", "signs", *args, ok=False)
        assert p.returncode != 0 and words in p.stderr, (args, p.stderr)
    assert t.json("endpoints", "ls") == []
    # two endpoints that count steps at one place would write over each other's
    place = t.path + "/tensors"
    t.run("deploy", folder, "--endpoint", "signs", "--tap", ".*bn", "--tap-to", place)
    p = t.run("deploy", folder, "--endpoint", "others", "--tap", ".*bn", "--tap-to", place + "/", ok=False)
    assert p.returncode != 0 and "endpoint 'signs' writes there" in p.stderr, p.stderr
    t.run("deploy", folder, "--endpoint", "signs", "--tap", ".*bias", "--tap-to", place)


@case
def what_a_map_lacks_is_named(t):
    folder = model(t)
    t.serve()
    t.run("deploy", folder, "--endpoint", "signs", "--tap", ".*bn|.*image")
    assert ask(t, "signs", picture(t, 0))[0] == 200
    until(lambda: endpoint(t, "signs")["taps"]["recorded"] == 1, what="the step")
    p = t.run("trial", "explain", "s3://fettle/tensors/signs", ok=False)
    assert p.returncode and "NAME_input_0" in p.stderr and "--tap '.*bn|.*_input_0|.*image'" in p.stderr, p.stderr


@case
def a_model_is_where_and_what_it_was(t):
    """A path from the folder of who deploys, for a server in another one; another file there is not the model."""
    folder = model(t)
    os.makedirs(t.path + "/here/below")
    one = t.path + "/here/m.pt"
    shutil.copy(folder + "/model.pt", one)
    subprocess.run([FETTLE, "deploy", "../m.pt", "--endpoint", "signs"], env=t.env, cwd=t.path + "/here/below", check=True, timeout=60, capture_output=True)
    assert t.json("endpoints", "ls")[0]["model"] == one
    t.serve()
    assert ask(t, "signs", picture(t, 0))[0] == 200
    again = t.json("run", "endpoint:signs", t.path + "/pictures/1.png")[0]
    assert again["class"] == t.json("run", one, t.path + "/pictures/1.png")[0]["class"]
    for s in t.servers:
        s.terminate(), s.wait(20)
    with open(one, "ab") as f:
        f.write(b"more")
    t.serve()
    until(lambda: t.json("endpoints", "ls")[0]["status"] == "Failed", what="told as failed")
    assert "another file" in t.json("endpoints", "ls")[0]["reason"]


@case
def wrapped_checkpoints_are_read(t):
    folder = model(t)
    script = ("import sys, torch\n"
              "w = torch.load(sys.argv[1])\n"
              "for outer in ('state_dict', 'model_state', 'model_state_dict', 'model', 'net'):\n"
              "    torch.save({'epoch': 3, outer: {'module.' + k: v for k, v in w.items()}}, f'{sys.argv[2]}/{outer}.pth')\n")
    subprocess.run(["/usr/bin/python3", "-c", script, folder + "/model.pt", t.path], check=True, timeout=100)
    shutil.copy(folder + "/model.pt", t.path + "/plain.pt")
    want = t.json("run", t.path + "/plain.pt", t.path + "/pictures/1.png")[0]
    for outer in ("state_dict", "model_state", "model_state_dict", "model", "net"):
        got = t.json("run", f"{t.path}/{outer}.pth", t.path + "/pictures/1.png")[0]
        assert got["class"] == want["class"], (outer, got, want)
    os.makedirs(t.path + "/two")
    for name in ("net", "model"):
        shutil.copy(f"{t.path}/{name}.pth", t.path + "/two")
    packed(t.path + "/two")
    p = t.run("deploy", t.path + "/two.tar.gz", "--endpoint", "signs", ok=False)
    assert p.returncode and "model.pth and net.pth" in p.stderr, p.stderr


@case
def a_request_is_explained(t):
    folder = model(t)
    t.serve()
    t.run("deploy", folder, "--endpoint", "signs", "--capture", 100)
    label = json.loads(ask(t, "signs", picture(t, 2), Accept="application/json")[2])["predictions"][0]["label"]
    assert label.startswith("sign ") and label == t.json("run", folder, t.path + "/pictures/2.png")[0]["label"]
    assert all(r["answer"].startswith("sign ") for r in t.json("invoke", "signs", "--data", t.path + "/pictures"))
    shares = endpoint(t, "signs")["classes"]
    assert shares and all(c["label"] == f"sign {c['class']}" for c in shares), shares
    status, headers, body = ask(t, "signs", picture(t, 2), "explain")
    assert status == 200 and headers["Content-Type"] == "image/png" and body[:4] == b"\x89PNG", (status, body[:80])
    status, headers, body = ask(t, "signs", picture(t, 2), "explain?method=gradcam&class=sign%207", Accept="application/json")
    got = json.loads(body)
    assert got["class"] == 7 and got["label"] == "sign 7" and len(got["map"]) == 64 == len(got["map"][0]), got.keys()
    full = json.loads(ask(t, "signs", picture(t, 2), "explain", Accept="application/json")[2])
    assert full["incompleteness"] <= 1e-3, full["incompleteness"]
    assert abs(full["input_part"] + full["bias_part"] - full["score"]) <= 1e-3 * abs(full["score"])
    for query, words in (("method=magic", "magic"), ("class=43", "43"), ("class=stop", "stop"), ("opacity=2", "opacity"),
                         ("samples=0", "samples"), ("samples=7", "smoothgrad"), ("method=smoothgrad&samples=100000000", "at most"),
                         ("colour=red", "colour")):
        status, headers, body = ask(t, "signs", picture(t, 2), "explain?" + query)
        assert status == 400 and words.encode() in body, (query, status, body)
    assert ask(t, "other", picture(t, 2), "explain")[0] == 404


@case
def explain_and_attack_from_the_command_line(t):
    folder = model(t)
    out = t.path + "/why.png"
    got = t.json("explain", folder, t.path + "/pictures/1.png", "--out", out)[0]
    assert got["incompleteness"] <= 1e-3 and got["file"] == out and got["label"].startswith("sign "), got
    assert open(out, "rb").read(4) == b"\x89PNG"
    with open(t.path + "/pictures/broken.png", "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\nnothing")
    p = t.run("attack", folder, t.path + "/pictures", "--target", "sign 14", "--eps", 96, "--out", t.path + "/attacked", "--json")
    rows = json.loads(p.stdout)
    assert len(rows) == 6 and "broken.png" in p.stderr, p.stderr
    assert sum(r["success"] == "yes" for r in rows) >= 5, rows
    assert all(r["change"] <= 96 for r in rows) and os.path.exists(t.path + "/attacked-difference/3.png")
    assert len(os.listdir(t.path + "/attacked")) == 6  # nothing but what may be sent
    p = t.run("attack", folder, t.path + "/attacked", "--method", "noise", "--target", "sign 14", "--out", t.path + "/noise", "--json")
    assert sum(r["success"] == "already" for r in json.loads(p.stdout)) >= 5 and "not counted" in p.stderr, p.stderr
    os.makedirs(t.path + "/b")
    shutil.copy(t.path + "/pictures/0.png", t.path + "/b/0.png")
    p = t.run("attack", folder, t.path + "/pictures/0.png", t.path + "/b/0.png", "--steps", 1, "--out", t.path + "/x", ok=False)
    assert p.returncode and "0.png already" in p.stderr, p.stderr
    p = t.run("explain", folder, t.path + "/pictures/1.png", "--out", t.path + "/e.jpg", ok=False)
    assert p.returncode and "FILE.png" in p.stderr and not os.path.exists(t.path + "/e.jpg"), p.stderr
    # what the table says is what anyone gets from the written file
    for r in rows[:3]:
        again = t.json("run", folder, r["file"])[0]
        assert again["class"] == r["becomes"], (again, r)
    assert t.run("attack", folder, t.path + "/pictures/0.png", "--target", "99", "--out", t.path + "/x", ok=False).returncode
    p = t.run("explain", folder, t.path + "/pictures/0.png", "--class", "sign 444", ok=False)
    assert "sign 4" in p.stderr, p.stderr


if __name__ == "__main__":
    main()
