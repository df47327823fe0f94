#!/usr/bin/python3
"""run.py -- the one benchmark harness: ./run bench NAME [options].

A benchmark is a row below: a program that runs ours and the peer alternately in one run, checks that both
give the same answers, and writes build/bench/NAME.json as
    [{"case", "ours", "peer", "unit", "ratio", "runs"}, …]      ratio > 1: ours is better
A peer that is not installed is written as "peer": null with "not_run": "reason".
"""
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT = os.path.join(ROOT, "build", "bench")
PYTHON = "/usr/bin/python3"

BENCHES = {
    "trees-predict": (["build-bench/bench/trees-predict"], "boosted-tree inference beside XGBoost's C API"),
    "stats": ([PYTHON, "bench/stats.py"], "statistics and captured records beside NumPy, SciPy, scikit-learn, json"),
    "serve": ([PYTHON, "bench/serve.py"], "HTTP serving beside FastAPI + python3-xgboost"),
    "loader": ([PYTHON, "bench/loader.py"], "JPEGs and raw shards to batches beside PyTorch's DataLoader"),
    "pack": ([PYTHON, "bench/pack.py"], "packing incompressible records beside the disk's sequential rate"),
    "s3": ([PYTHON, "bench/s3.py"], "the S3 front door beside moto's S3 server"),
    "sigv4": ([PYTHON, "bench/s3.py", "--only=sigv4"], "one check of a request's signature beside botocore making it"),
    "remote": ([PYTHON, "bench/remote.py"], "objects of another S3 server beside awscli and boto3: MB/s, CPU seconds"),
    "media": ([PYTHON, "bench/media.py"], "pictures beside Pillow and torchvision: decode, crop, resize, normalise"),
    "nn-infer": ([PYTHON, "bench/nn_infer.py"], "networks beside python3-torch and ONNX Runtime"),
    "nn-train": ([PYTHON, "bench/nn_train.py"], "training steps of networks beside python3-torch"),
    "explain": ([PYTHON, "bench/explain.py"], "FullGrad beside python3-torch and the post's own loop"),
    "taps": ([PYTHON, "bench/taps.py"], "an endpoint that keeps the post's tensors beside itself without"),
    "speech-server": ([PYTHON, "bench/speech_server.py"], "a warm server that speaks: first byte beside flite, eight at once"),
    "speech": ([PYTHON, "bench/speech.py"], "speech beside flite and espeak-ng: CPU, first sound, eight at once"),
    "wav": ([PYTHON, "bench/wav.py"], "600 s of PCM to WAV and to 8 kHz µ-law beside sox"),
    "start": ([PYTHON, "bench/start.py"], "start-up and idle memory beside Python"),
}


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = next((l.split(":", 1)[1].strip() for l in f if l.startswith("model name")), "unknown")
    return f"{model}, {os.cpu_count()} processors"


def show(rows):
    for r in rows:
        peer = "NOT RUN: " + r.get("not_run", "") if r.get("peer") is None else f"{r['peer']:.6g}"
        ratio = "" if r.get("ratio") is None else f"{r['ratio']:.2f}x"
        print(f"  {r['case']:<24} ours {r['ours']:.6g}  peer {peer}  {r['unit']}  {ratio}  ({r['runs']} runs)")


def run(name, extra):
    command, _ = BENCHES[name]
    path = os.path.join(OUT, name + ".json")
    if os.path.exists(path):
        os.remove(path)
    code = subprocess.call(command + [path] + extra, cwd=ROOT)
    if code or not os.path.exists(path):
        print(f"bench {name}: failed with exit code {code}", file=sys.stderr)
        return 1
    with open(path, encoding="utf-8") as f:
        rows = json.load(f)
    print(f"{name} on {machine()}")
    show(rows)
    return 0


def main():
    os.makedirs(OUT, exist_ok=True)
    names = [a for a in sys.argv[1:] if not a.startswith("-")]
    extra = [a for a in sys.argv[1:] if a.startswith("-")]
    if not names:
        for name, (_, doc) in BENCHES.items():
            print(f"{name:<16} {doc}")
        return 0
    if names == ["all"]:
        names = list(BENCHES)
    for name in names:
        if name not in BENCHES:
            print(f"no benchmark '{name}'; there are: {', '.join(BENCHES)}", file=sys.stderr)
            return 2
    return max(run(name, extra) for name in names)


sys.exit(main())
