#!/usr/bin/python3
"""stats.py -- statistics and captured records beside NumPy, SciPy, scikit-learn and Python's json.

Each case: the same file for both sides, runs in turn, medians of CPU seconds, equal answers or no figure.
usage: stats.py OUT.json [--runs=N] [--rows=N]
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

OURS = "build-bench/bench/stats"


def peer_column(path):
    import numpy as np
    v = np.fromfile(path)
    begin = time.process_time()
    low, high = v.min(), v.max()
    out = [v.mean(), v.std(), low, high, *np.histogram(v, 10, (low, high))[0],
           *np.quantile(v, np.arange(1, 10) / 10)]
    return time.process_time() - begin, out


def peer_ks(path):
    import numpy as np
    from scipy.stats import ks_2samp
    v = np.fromfile(path)
    begin = time.process_time()
    out = [ks_2samp(v[:len(v) // 2], v[len(v) // 2:], mode="asymp")[0]]
    return time.process_time() - begin, out


def peer_scores(path):
    import numpy as np
    import sklearn.metrics as m
    n = os.path.getsize(path) // 8
    with open(path, "rb") as f:
        score, truth = np.fromfile(f, np.float32, n), np.fromfile(f, np.int32, n)
    begin = time.process_time()
    m.roc_curve(truth, score)
    m.precision_recall_curve(truth, score)
    hard = score >= 0.5
    out = [m.roc_auc_score(truth, score), m.average_precision_score(truth, score),
           *m.confusion_matrix(truth, hard).ravel(), m.f1_score(truth, hard, average="macro"),
           m.log_loss(truth, score.astype(float))]
    return time.process_time() - begin, out


def peer_capture(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    begin = time.process_time()
    records = size = 0
    for line in text.splitlines():
        for part in json.loads(line)["captureData"].values():
            size += len(part["data"])
        records += 1
    return time.process_time() - begin, [records, size]


def make(folder, rows):
    import numpy as np
    r = np.random.default_rng(1)
    files = {name: os.path.join(folder, name) for name in ("column", "ks", "scores", "capture")}
    r.normal(size=rows).tofile(files["column"])
    np.concatenate([r.normal(size=rows), r.normal(0.01, 1, size=rows)]).tofile(files["ks"])
    truth = (r.random(rows) < 0.3).astype(np.int32)
    score = (1 / (1 + np.exp(-(r.normal(size=rows) + truth)))).astype(np.float32)
    with open(files["scores"], "wb") as f:
        score.tofile(f)
        truth.tofile(f)
    with open(files["capture"], "w", encoding="utf-8") as f:
        for i in range(rows // 5):
            data = ",".join(f"{x:.6g}" for x in r.normal(size=12)) + "\n"
            f.write(json.dumps({
                "captureData": {
                    "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": data,
                                      "encoding": "CSV"},
                    "endpointOutput": {"observedContentType": "text/csv; charset=utf-8", "mode": "OUTPUT",
                                       "data": f"{r.random():.8f}\n", "encoding": "CSV"}},
                "eventMetadata": {"eventId": f"0195a0f2-7c7e-7a3e-9c1d-{i:012x}",
                                  "inferenceTime": "2025-03-17T10:22:05Z"},
                "eventVersion": "0"}) + "\n")
    return files


def ours(case, path):
    line = subprocess.run([OURS, case, path], check=True, capture_output=True, text=True).stdout.split()
    return float(line[0]), [float(x) for x in line[1:]]


def equal(a, b):
    return len(a) == len(b) and all(abs(x - float(y)) <= 1e-9 * max(1, abs(float(y))) for x, y in zip(a, b))


def measure(case, peer, path, runs):
    mine, theirs = [], []
    for _ in range(runs):
        seconds, answers = ours(case, path)
        mine.append(seconds)
        seconds, sure = peer(path)
        theirs.append(seconds)
        if not equal(answers, sure):
            sys.exit(f"{case}: the answers differ: {answers} and {[float(x) for x in sure]}")
    a, b = statistics.median(mine) * 1e3, statistics.median(theirs) * 1e3
    return {"ours": a, "peer": b, "unit": "CPU ms", "ratio": b / a, "runs": runs}


def versions():
    import numpy
    import scipy
    import sklearn
    return f"NumPy {numpy.__version__}, SciPy {scipy.__version__}, scikit-learn {sklearn.__version__}, " \
           f"Python {sys.version.split()[0]}"


def main():
    options = dict(a.lstrip("-").split("=", 1) for a in sys.argv[2:] if "=" in a)
    rows, runs = int(options.get("rows", 1000000)), int(options.get("runs", 7))
    peers = {"column": peer_column, "ks": peer_ks, "scores": peer_scores, "capture": peer_capture}
    try:
        print(f"{rows} rows, {rows // 5} captured records; {versions()}")
    except ImportError as missing:
        sys.exit(f"stats: the peers are absent ({missing}); install python3-sklearn python3-scipy python3-numpy")
    with tempfile.TemporaryDirectory() as folder:
        files = make(folder, rows)
        out = [{"case": case, **measure(case, peer, files[case], runs)} for case, peer in peers.items()]
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        json.dump(out, f, indent=1)


main()
