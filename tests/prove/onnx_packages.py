#!/usr/bin/python3
"""onnx_packages.py -- ONNX files as packages of PyPI ship them (readers of text, detectors, voices, file types; made by
torch, TensorFlow and Paddle) against ONNX Runtime: outputs on equal random inputs must agree to 1e-4 of their largest item,
and a model that is not supported must be refused with its node and operation before anything runs. tests/prove/peers.sh
onnx-packages fetches them, `ort` is the peer.

ONNX_MODELS_ONLY=name runs some.
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("FETTLE_BUILD", os.path.join(ROOT, "build"))
TEST = os.path.join(BUILD, "nn_import_onnx_models_test")
PEERS = os.environ.get("FETTLE_PEERS", os.path.expanduser("~/.cache/fettle-peers"))
FOLDER = os.path.join(PEERS, "onnx-packages")
ONLY = os.environ.get("ONNX_MODELS_ONLY", "")

# Sizes that nobody tells, and the number of words of a table, are tried in this order until ONNX Runtime takes them; batches are 1.
RECORD = """
import sys, json, numpy as np, onnxruntime as ort
ort.set_default_logger_severity(4)
path, name, folder = sys.argv[1:4]
o = ort.SessionOptions(); o.intra_op_num_threads = 1; o.log_severity_level = 4
s = ort.InferenceSession(path, o, providers=["CPUExecutionProvider"])
random = np.random.default_rng(3)
def size(at, d, total, free):
    if isinstance(d, int) and d > 0: return d
    if at == 0 and total > 1: return 1
    if total == 4 and at == 1: return 3
    return free
def array(v, free, numbers):
    if v.name in ("state", "h", "c"): free = 1  # of a recurrent layer: its second size is the batch
    shape = [size(i, d, len(v.shape), free) for i, d in enumerate(v.shape)]
    kind = v.type[7:-1]
    if v.name == "sr": return np.full(shape, 16000, np.int64)
    if kind.startswith("float"): return random.random(shape).astype({"float": "f4", "float16": "f2"}[kind])
    if kind == "bool": return np.ones(shape, bool)
    return random.integers(0, 2 if "mask" in v.name else numbers, shape).astype(kind)
sizes = (320, 48, 512, 16, 640, 224, 1280, 576, 1)
for free, numbers in [(f, n) for n in (50, 3) for f in sizes]:
    feed = {v.name: array(v, free, numbers) for v in s.get_inputs()}
    try: out = s.run(None, feed); break
    except Exception as e: why = e
else: raise why
ins, outs = [], []
for i, v in enumerate(s.get_inputs()):
    x = feed[v.name]; x.tofile(f"{folder}/{name}.in.{i}")
    ins.append(dict(name=v.name, type=str(x.dtype), shape=list(x.shape), file=f"{name}.in.{i}"))
for i, (v, y) in enumerate(zip(s.get_outputs(), out)):
    y = np.asarray(y, order='C'); y.tofile(f"{folder}/{name}.out.{i}")
    outs.append(dict(name=v.name, type=str(y.dtype), shape=list(y.shape), file=f"{name}.out.{i}"))
print(json.dumps(dict(model=f"{name}.onnx", inputs=ins, outputs=outs)))
"""


def not_run(why):
    print("NOT RUN:", why)
    sys.exit(77)


def record(python, work):
    """Every model that ONNX Runtime runs, with what it was given and what it answered."""
    models, left = [], []
    for path in sorted(glob.glob(os.path.join(FOLDER, "**", "*.onnx"), recursive=True)):
        name = os.path.relpath(path, FOLDER)[:-5].replace(os.sep, ".")
        if ONLY not in name:
            continue
        os.symlink(path, os.path.join(work, name + ".onnx"))
        p = subprocess.run([python, "-c", RECORD, path, name, work], capture_output=True, text=True, check=False)
        if p.returncode:
            left.append(f"{name}: ONNX Runtime does not run it ({p.stderr.strip().splitlines()[-1][:160]})")
        else:
            models.append(json.loads(p.stdout))
    return models, left


def main():
    python = os.path.join(PEERS, "ort", "bin", "python")
    if not os.path.exists(TEST):
        not_run(f"{TEST} is not built")
    if not os.path.exists(python):
        not_run("ONNX Runtime is not there: tests/prove/peers.sh ort makes it")
    if not os.path.isdir(FOLDER):
        not_run("the packages are not there: tests/prove/peers.sh onnx-packages fetches them")
    with tempfile.TemporaryDirectory() as work:
        models, left = record(python, work)
        with open(os.path.join(work, "reference_onnxruntime.json"), "w", encoding="utf-8") as f:
            json.dump({"models": models}, f)
        p = subprocess.run([TEST], env=dict(os.environ, FETTLE_ONNX_MODELS=work, FETTLE_SHARED_DATA=work), capture_output=True,
                           text=True, check=False, timeout=1500)
    lines = [l for l in (p.stdout + p.stderr).splitlines() if l.startswith(("# ok", "# FAILED"))]
    refused = [l for l in lines if l.startswith("# FAILED") and re.search(r"not supported: '[^']+' \(node '", l)]
    good = [l for l in lines if l.startswith("# ok")]
    print("\n".join([l.replace("# FAILED", "# refused") if l in refused else l for l in lines] + ["# left out: " + s for s in left]))
    passed = good and len(good) + len(refused) == len(models)
    print(f"{'PASS' if passed else 'FAIL'}  {len(good)} of {len(models)} models as ONNX Runtime to 1e-4, {len(refused)} refused "
          "with node and operation")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
