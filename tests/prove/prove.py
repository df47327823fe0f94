#!/usr/bin/python3
"""prove.py -- the long truth: ./run prove [NAME …]. Prints every bar with our figure and the peer's.

A check is a row: a name, what it proves, a command, the seconds it may take. Its exit code says PASS or FAIL (77: NOT RUN); an
output line that begins with "NOT RUN" says why it could not be run, and is counted as such, never as passed. What takes longer
than it may is ended and FAIL. The exit code of all is 1 when one failed.
"""
import json
import os
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PYTHON = "/usr/bin/python3"
BARS = os.path.join(ROOT, "tests", "prove", "bars.json")

PEERS = os.environ.get("FETTLE_PEERS", os.path.expanduser("~/.cache/fettle-peers"))


def peer(name):
    """The Python of a peer's folder (peers.sh makes it)."""
    return os.path.join(PEERS, name, "bin", "python")


# A row: name, what it proves, the command, the most seconds it may take. A command whose program is not there is NOT RUN.
CHECKS = [
    ("kills", "kill -9 at 50 random moments", ["env", "POINTS=50", PYTHON, "tests/kill_test.py"], 900),
    ("smdebug-reader", "the real smdebug opens our trials", [PYTHON, "tests/prove/smdebug_reader.py"], 300),
    ("podman", "an image of one's own trains and processes", [PYTHON, "tests/prove/podman.py"], 300),
    ("boto3-newest", "S3 and Polly by the newest boto3", [PYTHON, "tests/prove/boto3_newest.py"], 300),
    ("s3-large", "5 GB up and down in bounded memory, pages of a million keys", [PYTHON, "tests/prove/s3_large.py"], 2400),
    ("remote-peer", "our S3 client beside Swift and moto, under faults", [PYTHON, "tests/prove/remote_peer.py"], 900),
    ("sagemaker-posts", "the training posts by SageMaker's SDK 2.24.5",
     [peer("sagemaker2"), "tests/prove/sagemaker_posts.py"], 600),
    ("monitor-post", "the Model Monitor post by SageMaker's SDK 1.72.1",
     [peer("sagemaker1"), "tests/prove/monitor_post.py"], 600),
    ("speech-ear", "a recogniser understands our voices as well as flite's", [PYTHON, "tests/prove/speech_ear.py"], 3600),
    ("neural-voice", "a Piper voice as ONNX Runtime speaks it, and as well understood",
     [PYTHON, "tests/prove/neural_voice.py"], 900),
    ("onnx-models", "other people's networks as ONNX Runtime runs them", [PYTHON, "tests/prove/onnx_models.py"], 900),
    ("onnx-packages", "ONNX files out of packages of PyPI as ONNX Runtime runs them",
     [PYTHON, "tests/prove/onnx_packages.py"], 1800),
    ("tfjs-models", "pose and person networks as TensorFlow.js runs them",
     [PYTHON, "tests/prove/tfjs_models.py"], 900),
    ("dataset-readers", "MXNet, tfrecord and WebDataset from PyPI read what we write, and we what they write",
     [peer("datasets"), "tests/prove/dataset_readers.py"], 300),
    ("sagemaker-records", "SageMaker's own RecordIO writer, the same bytes",
     [peer("sagemaker2"), "tests/prove/dataset_readers.py", "sagemaker"], 300),
    ("verdict", "gains predicted for twelve made and four real sets, within 20 %",
     ["env", "FETTLE_EXACT=1", "sh", "-c", "build/data_verdict_test && build/data_verdict_files_test"], 300),
    ("webdataset-loader", "a tar of JPEGs beside WebDataset", [PYTHON, "tests/prove/webdataset_loader.py"], 600),
    ("number-words", "100,000 numbers in words as num2words and inflect say them",
     ["env", "FETTLE_NUMBERS=100000", "build/speech_words_test"], 600),
    ("train-fashion", "a network learns Fashion-MNIST: accuracy and time",
     [PYTHON, "tests/prove/train_networks.py", "fashion"], 3600),
    ("train-signs", "a network learns traffic signs: accuracy and time",
     [PYTHON, "tests/prove/train_networks.py", "signs"], 3600),
    ("traffic-signs", "the Model Monitor and Debugger post in full: 24 clean runs, 400 attacks",
     [PYTHON, "tests/prove/traffic_signs.py"], 5400),
    ("perturbed", "the detector of perturbed pictures on other attacks than it was made with",
     [PYTHON, "tests/prove/perturbed.py"], 3600),
    ("fuzz", "every fuzz target for 20 s", ["./run", "fuzz"], 3600),
    ("sanitizers", "every unit test under ASAN and UBSAN", ["./run", "san"], 3600),
]
BENCH_SECONDS = 1800


def bench_rows():
    """One row a bar: measured now, compared with the figure that the project set itself."""
    with open(BARS, encoding="utf-8") as f:
        bars = json.load(f)
    for name in sorted({b["bench"] for b in bars}):
        _, late = run(["./run", "bench", name], BENCH_SECONDS)
        path = os.path.join(ROOT, "build", "bench", name + ".json")
        rows = {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                rows = {r["case"]: r for r in json.load(f)}
        for bar in (b for b in bars if b["bench"] == name):
            row = rows.get(bar["case"])
            label = f"{name} {bar['case']}"
            if row is None:
                yield label, "FAIL", late or "the benchmark gave no such case"
            elif "ratio" in bar and row.get("ratio") is None:
                yield label, "NOT RUN", row.get("not_run", "no peer")
            else:
                value = row["ratio"] if "ratio" in bar else row["ours"]
                good = value >= bar["ratio"] if "ratio" in bar else value <= bar["at_most"]
                want = f">= {bar['ratio']}x" if "ratio" in bar else f"<= {bar['at_most']} {row['unit']}"
                peer = "" if row.get("peer") is None else f", peer {row['peer']:.6g}"
                yield label, "PASS" if good else "FAIL", f"ours {row['ours']:.6g} {row['unit']}{peer}, {value:.4g} (bar {want}, {row['runs']} runs)"


def run(command, seconds):
    """-> the finished process, "" or why there is none. What it started ends with it."""
    p = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        out, err = p.communicate(timeout=seconds)
        return subprocess.CompletedProcess(command, p.returncode, out, err), ""
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        p.communicate()
        return None, f"not done after {seconds} s"


def check_row(name, command, seconds):
    began = time.monotonic()
    if os.path.isabs(command[0]) and not os.path.exists(command[0]):
        return name, "NOT RUN", f"{command[0]} is not there: tests/prove/peers.sh {os.path.basename(command[0][:-len('/bin/python')])} makes it"
    p, late = run(command, seconds)
    if p is None:
        return name, "FAIL", late
    out = p.stdout.strip().splitlines()
    absent = next((l for l in out if l.startswith("NOT RUN")), None)
    if absent or p.returncode == 77:
        return name, "NOT RUN", (absent or "NOT RUN").removeprefix("NOT RUN").lstrip(": ") or "its peer is not installed"
    if p.returncode == 0:
        return name, "PASS", f"{time.monotonic() - began:.0f} s"
    told = [l for l in out if l.startswith("FAIL")] + [l.strip() for l in out if "Error" in l][-1:]
    return name, "FAIL", " | ".join(told or (out + p.stderr.strip().splitlines())[-3:]) or f"exit code {p.returncode}"


def main():
    names = [name for name, *_ in CHECKS] + ["bench"]
    chosen, rows = set(sys.argv[1:]), []
    if chosen - set(names):
        sys.exit(f"no such proof: {', '.join(sorted(chosen - set(names)))}; there are {', '.join(names)}")

    def tell(row):
        rows.append(row)
        print(f"{row[1]:<8} {row[0]:<56} {row[2]}", flush=True)

    for name, doc, command, seconds in CHECKS:
        if not chosen or name in chosen:
            tell(check_row(f"{name}: {doc}", command, seconds))
    if not chosen or "bench" in chosen:
        for row in bench_rows():
            tell(row)
    print()
    for kind in ("FAIL", "NOT RUN", "PASS"):
        for row in rows:
            if row[1] == kind:
                print(f"{kind:<8} {row[0]}" + ("" if kind == "PASS" else f": {row[2]}"))
    count = {kind: sum(row[1] == kind for row in rows) for kind in ("PASS", "FAIL", "NOT RUN")}
    print(f"{count['PASS']} passed, {count['FAIL']} failed, {count['NOT RUN']} not run")
    sys.exit(1 if count["FAIL"] else 0)


main()
