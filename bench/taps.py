#!/usr/bin/python3
"""taps.py -- what it costs to keep tensors.

p50, p99: an endpoint with ResNet-18 (64 x 64 pictures) that keeps all tensors of the post's expression at every request, beside
the same endpoint without: percentiles of the time to answer, as many requests a second to both, by turns of 30 requests, so that
what else the machine does falls on both.
train-reductions: a job that trains ResNet-18 and keeps mean and largest size of every weight and gradient every 10 steps, beside
the same job without: CPU seconds of the whole job, by turns.

usage: taps.py OUT.json [--rounds=N] [--requests=N] [--rate=PER_SECOND] [--program=FETTLE] [--only=serve|train]
"""
import http.client
import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
POST = ".*bn|.*bias|.*downsample|.*ResNet_input|.*image"


def ask(connection, name, body):
    begun = time.perf_counter()
    connection.request("POST", f"/endpoints/{name}/invocations", body, {"Content-Type": "image/png"})
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise SystemExit(f"the endpoint answered {answer.status}")
    return 1e3 * (time.perf_counter() - begun)


def turn(address, name, bodies, requests, rate):
    connection, times, due = http.client.HTTPConnection(address), [], time.perf_counter()
    for i in range(requests):
        due += 1 / rate
        time.sleep(max(0, due - time.perf_counter()))
        times.append(ask(connection, name, bodies[i % len(bodies)]))
    connection.close()
    return times


def percentile(times, share):
    times = sorted(times)
    return times[min(len(times) - 1, int(share * len(times)))]


# ---- training

REDUCED = ["--save", "weights:10:mean,abs_max", "--save", "gradients:10:mean,abs_max"]
PICTURES, SIDE, BATCH, EPOCHS = 320, 64, 16, 2


def cpu_of(command, env):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=env, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def training(program, rounds):
    import numpy as np
    d = tempfile.mkdtemp(prefix="fettle-bench-taps-")
    env = dict(os.environ, FETTLE_HOME=d + "/home", FETTLE_LOG="error")
    r = np.random.RandomState(1)
    np.savez(d + "/pictures.npz", image=r.randint(0, 255, (PICTURES, SIDE, SIDE, 3)).astype(np.uint8),
             label=(np.arange(PICTURES) % 10).astype(np.int64))
    base = [program, "train", "image", "--arch", "resnet18", "--train", d + "/pictures.npz", "--epochs", str(EPOCHS), "--set",
            f"batch_size={BATCH}", "--set", "threads=1"]
    took = {"plain": [], "reduced": []}
    try:
        for i in range(rounds):
            for name, more in (("plain", []), ("reduced", REDUCED)):
                took[name].append(cpu_of(base + ["--job", f"{name}-{i}"] + more, env))
    finally:
        shutil.rmtree(d, ignore_errors=True)
    plain, reduced = statistics.median(took["plain"]), statistics.median(took["reduced"])
    return [{"case": "train-reductions", "ours": reduced, "peer": plain, "ratio": plain / reduced, "unit": "CPU s", "runs": rounds}]


def main():
    out = sys.argv[1]
    o = dict(a[2:].split("=", 1) for a in sys.argv[2:])
    requests, rate = int(o.get("requests", 30)), float(o.get("rate", 10))
    program = os.path.abspath(o.get("program", "build-bench/fettle"))
    try:
        sys.path.insert(0, HERE)
        import numpy as np
        import torch
        import torchvision
        from PIL import Image
        import explain_torch as E
    except ImportError as e:
        json.dump([{"case": "p99", "ours": 0, "peer": None, "ratio": None, "unit": "ms", "runs": 0, "not_run": str(e)}],
                  open(out, "w"))
        return
    rows = []
    if o.get("only") != "train":
        rows += serving(program, int(o.get("rounds", 20)), requests, rate, (np, torch, torchvision, Image, E))
    if o.get("only") != "serve":
        rows += training(program, int(o.get("rounds", 4)))
    with open(out, "w") as f:
        json.dump(rows, f, indent=1)


def serving(program, rounds, requests, rate, modules):
    np, torch, torchvision, Image, E = modules
    d = tempfile.mkdtemp(prefix="fettle-bench-taps-")
    env = dict(os.environ, FETTLE_HOME=d + "/home", FETTLE_LOG="error")
    os.makedirs(d + "/model")
    net = E.random_model(torchvision.models.resnet18, num_classes=43)
    torch.save(net.state_dict(), d + "/model/model.pt")
    json.dump(dict(classes=43, size=64, fit="stretch"), open(d + "/model/network.json", "w"))
    bodies = []
    for i in range(16):
        Image.fromarray(np.random.RandomState(i).randint(0, 255, (64, 64, 3)).astype(np.uint8)).save(d + "/p.png")
        bodies.append(open(d + "/p.png", "rb").read())
    server = subprocess.Popen([program, "serve", "--port", "0"], env=env, stdout=subprocess.PIPE, text=True)
    try:
        address = re.search(r"http://(\S+)", server.stdout.readline()).group(1)
        for name, more in (("plain", []), ("tapped", ["--tap", POST, "--tap-to", d + "/tensors"])):
            subprocess.run([program, "deploy", d + "/model", "--endpoint", name, *more], env=env, check=True, capture_output=True)
        times = {"plain": [], "tapped": []}
        for r in range(rounds + 1):
            for name in times:
                got = turn(address, name, bodies, requests if r else 20, rate)
                if r:
                    times[name] += got
                time.sleep(0.2)  # the last request's tensors belong to its own turn
                shutil.rmtree(d + "/tensors/events", ignore_errors=True)  # the disk is not what is measured
        connection = http.client.HTTPConnection(address)
        connection.request("GET", "/endpoints/tapped")
        told = json.loads(connection.getresponse().read())["endpoint"]["taps"]
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        shutil.rmtree(d, ignore_errors=True)
    rows = []
    for case, share in (("p50", 0.5), ("p99", 0.99)):
        plain, tapped = percentile(times["plain"], share), percentile(times["tapped"], share)
        rows.append({"case": case, "ours": tapped, "peer": plain, "ratio": plain / tapped, "unit": "ms",
                     "runs": len(times["tapped"]), "recorded": told["recorded"], "lost": told["lost"] + told["failed"]})
    return rows


main()
