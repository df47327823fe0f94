#!/usr/bin/python3
"""prove.py -- the long truth: ./run prove [NAME …]. Prints every bar with our figure and the peer's.

A check is a row: a name, what it proves, a command. Its exit code says PASS or FAIL; a first output line that begins with
"NOT RUN:" says why it could not be run, and is counted as such, never as passed.
"""
import json
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PYTHON = "/usr/bin/python3"
BARS = os.path.join(ROOT, "tests", "prove", "bars.json")

CHECKS = [
    ("kills", "kill -9 at 50 random moments", ["env", "POINTS=50", PYTHON, "tests/kill_test.py"]),
    ("smdebug-reader", "the real smdebug opens our trials", [PYTHON, "tests/prove/smdebug_reader.py"]),
    ("boto3-newest", "S3 by the newest boto3", [PYTHON, "tests/prove/boto3_newest.py"]),
    ("sagemaker-posts", "the training posts by SageMaker's own SDK", [PYTHON, "tests/prove/sagemaker_posts.py"]),
    ("fuzz", "every fuzz target for 20 s", ["./run", "fuzz"]),
    ("sanitizers", "every unit test under ASAN and UBSAN", ["./run", "san"]),
]


def bench_rows():
    """One row a bar: measured now, compared with the figure that the project set itself."""
    with open(BARS, encoding="utf-8") as f:
        bars = json.load(f)
    for name in sorted({b["bench"] for b in bars}):
        subprocess.run(["./run", "bench", name], cwd=ROOT, capture_output=True, text=True, timeout=3600, check=False)
        path = os.path.join(ROOT, "build", "bench", name + ".json")
        rows = {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                rows = {r["case"]: r for r in json.load(f)}
        for bar in (b for b in bars if b["bench"] == name):
            row = rows.get(bar["case"])
            label = f"{name} {bar['case']}"
            if row is None:
                yield label, "FAIL", "the benchmark gave no such case"
            elif "ratio" in bar and row.get("ratio") is None:
                yield label, "NOT RUN", row.get("not_run", "no peer")
            else:
                value = row["ratio"] if "ratio" in bar else row["ours"]
                good = value >= bar["ratio"] if "ratio" in bar else value <= bar["at_most"]
                want = f">= {bar['ratio']}x" if "ratio" in bar else f"<= {bar['at_most']} {row['unit']}"
                peer = "" if row.get("peer") is None else f", peer {row['peer']:.6g}"
                yield label, "PASS" if good else "FAIL", f"ours {row['ours']:.6g} {row['unit']}{peer}, {value:.4g} (bar {want}, {row['runs']} runs)"


def check_row(name, command):
    began = time.monotonic()
    p = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    out = p.stdout.strip().splitlines()
    seconds = f"{time.monotonic() - began:.0f} s"
    absent = next((l for l in out if l.startswith("NOT RUN:")), None)
    if absent:
        return name, "NOT RUN", absent[8:].strip()
    if p.returncode == 0:
        return name, "PASS", seconds
    return name, "FAIL", (out + p.stderr.strip().splitlines())[-1:] and " | ".join((out + p.stderr.strip().splitlines())[-3:])


def main():
    chosen = set(sys.argv[1:])
    counts = {"PASS": 0, "FAIL": 0, "NOT RUN": 0}

    def tell(row):
        counts[row[1]] += 1
        print(f"{row[1]:<8} {row[0]:<32} {row[2]}", flush=True)

    for name, doc, command in CHECKS:
        if not chosen or name in chosen:
            tell(check_row(f"{name}: {doc}", command))
    if not chosen or "bench" in chosen:
        for row in bench_rows():
            tell(row)
    print(f"{counts['PASS']} passed, {counts['FAIL']} failed, {counts['NOT RUN']} not run")
    sys.exit(1 if counts["FAIL"] else 0)


main()
